//! The axes of a chart in zoom: values and limits on the left, times and the deploy below.

use jiff::Timestamp;

use super::super::chart::{self, Course, Scale};
use super::super::scene::Scene;
use super::super::sheet::Sheet;
use super::super::text;
use crate::theme::Role;

/// The highest and the lowest value, and the limits where they lie.
pub(super) fn value_axis(scene: Scene<'_>, course: Course<'_>, sheet: &mut Sheet<'_>) {
    let scale = Scale::of(course);
    let room = usize::from(sheet.width()).saturating_sub(1);
    let bottom = sheet.height().saturating_sub(1);
    for (y, value, role) in [(0, scale.high, Role::Muted), (bottom, scale.low, Role::Muted)] {
        sheet.put(0, y, &text::fit_right(&text::number(value), room), scene.theme.style(role));
    }
    let limits = course.signal.thresholds;
    for (limit, role) in [(limits.hold, Role::Hold), (limits.no_go, Role::NoGo)] {
        if let Some(y) = limit.and_then(|l| scale.line(l, sheet.height())) {
            let shown = text::fit_right(&text::number(limit.unwrap_or_default()), room);
            sheet.put(0, y, &shown, scene.theme.style(role));
        }
    }
}

/// From when to when, and the moment of the deploy.
pub(super) fn time_axis(scene: Scene<'_>, course: Course<'_>, sheet: &mut Sheet<'_>) {
    let clock = |at: Timestamp| scene.time(at, "%H:%M");
    let muted = scene.theme.style(Role::Muted);
    sheet.put(0, 0, &clock(course.series.start), muted);
    let count = u32::try_from(course.series.values.len()).unwrap_or(0);
    let end = jiff::SignedDuration::try_from(course.series.step.saturating_mul(count))
        .ok()
        .and_then(|whole| course.series.start.checked_add(whole).ok());
    let width = sheet.width();
    if let Some(end) = end {
        sheet.put(width.saturating_sub(5), 0, &clock(end), muted);
    }
    if let (Some(x), Some(deploy)) = (chart::deploy_column(course, width), course.deploy) {
        let label = format!("deploy {}", clock(deploy));
        let most = width.saturating_sub(19);
        sheet.put(
            x.saturating_sub(3).clamp(6.min(most), most.max(6)),
            0,
            &label,
            scene.theme.style(Role::Strong),
        );
    }
}
