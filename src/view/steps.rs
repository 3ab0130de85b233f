//! A rollout in steps: the share of the traffic, every step with the one under way, and what is measured meanwhile.

use ratatui::text::Line;

use super::scene::{Scene, bar};
use super::sheet::Words;
use super::text;
use crate::domain::Rollout;
use crate::domain::rollout::{Analysis, Course, Measured, Steps, Strategy};
use crate::theme::{Role, Sign};

/// Cells of the bar.
const BAR: usize = 20;

/// Its lines; none for a rollout that goes all at once. Of one that is over, only what it went through.
pub(super) fn lines(scene: Scene<'_>, rollout: &Rollout, room: usize, whole: bool) -> Vec<Line<'static>> {
    let Some(steps) = &rollout.steps else { return Vec::new() };
    if steps.course == Course::Over {
        return if whole && !steps.words.is_empty() { vec![course(scene, steps, room)] } else { Vec::new() };
    }
    let mut lines = vec![traffic(scene, rollout, steps).within(room)];
    if !steps.words.is_empty() {
        lines.push(course(scene, steps, room));
    }
    if steps.course == Course::Aborted && whole {
        let keys = &scene.model.setup.keys;
        let (again, back) = (
            keys.shown(crate::app::command::Command::Retry),
            keys.shown(crate::app::command::Command::RollBack),
        );
        let text = format!("still asked for: {}  {again} retry  {back} roll back", rollout.target.label());
        lines.push(scene.words().gap(3).sign(Sign::Warning).gap(1).say(Role::Hold, text).within(room));
    }
    lines.extend(steps.analyses.iter().flat_map(|analysis| measured(scene, analysis, room)));
    lines
}

/// `v4.2.0 ████░░░░ 25 %  v4.1.1 75 %`.
fn traffic<'a>(scene: Scene<'a>, rollout: &Rollout, steps: &Steps) -> Words<'a> {
    let share = match steps.strategy {
        Strategy::Canary => steps.weight.unwrap_or(0).min(100),
        // Not the traffic, which goes over at once, but whether it is whole.
        Strategy::BlueGreen => u32::from(steps.at > 0) * 100,
    };
    let (full, empty) = bar(BAR, share);
    let role = match steps.course {
        Course::Aborted => Role::NoGo,
        Course::Held => Role::Waiting,
        Course::Going | Course::Ordered | Course::Over => Role::Running,
    };
    let word = match steps.strategy {
        Strategy::Canary => "canary ",
        Strategy::BlueGreen => "preview ",
    };
    let words = scene.words().gap(3).say(Role::Muted, word);
    let words = words.say(Role::Strong, text::name(rollout.target.label(), 20)).gap(1);
    let words = words.say(role, full).say(Role::Faint, empty).gap(1);
    let words = match steps.weight {
        Some(share) if steps.strategy == Strategy::Canary => words.say(role, format!("{share} %")),
        _ => words.say(role, if steps.at == 0 { "getting ready" } else { "ready" }),
    };
    match &steps.stable {
        Some(stable) => {
            let rest = match steps.strategy {
                Strategy::Canary => format!(" {} %", 100 - share),
                Strategy::BlueGreen => " has the traffic".to_owned(),
            };
            let words = words.gap(2).say(Role::Muted, "stable ");
            words.say(Role::Base, text::name(stable.label(), 20)).say(Role::Muted, rest)
        }
        None => words,
    }
}

/// Every step with its sign, as many as there is room for around the one under way.
fn course(scene: Scene<'_>, steps: &Steps, room: usize) -> Line<'static> {
    let widths: Vec<usize> = steps.words.iter().map(|words| text::width(words.as_str()) + 4).collect();
    let mut first = 0;
    let total =
        |first: usize| widths.iter().skip(first).take(steps.at.saturating_sub(first) + 2).sum::<usize>();
    while first < steps.at && total(first) + 8 > room {
        first += 1;
    }
    let words = scene.words().gap(3);
    let mut words = if first > 0 { words.say(Role::Faint, "… ") } else { words };
    for (index, step) in steps.words.iter().enumerate().skip(first) {
        let sign = match index.cmp(&steps.at) {
            std::cmp::Ordering::Less => Sign::Good,
            std::cmp::Ordering::Greater => Sign::Ahead,
            std::cmp::Ordering::Equal => match steps.course {
                Course::Held => Sign::Waiting,
                // Where it was when it was aborted is not told: the controller begins to count anew.
                Course::Aborted if steps.strategy == Strategy::Canary => Sign::Ahead,
                Course::Aborted => Sign::Bad,
                Course::Going | Course::Ordered | Course::Over => Sign::Running,
            },
        };
        let role = if index == steps.at { Role::Strong } else { Role::Muted };
        words = words.sign(sign).gap(1).say(role, step.as_str()).gap(2);
    }
    words.within(room)
}

/// `analysis web-5f6-2-2 Running` and a line for each metric.
fn measured(scene: Scene<'_>, analysis: &Analysis, room: usize) -> Vec<Line<'static>> {
    let sign = sign_of(analysis.phase.as_str());
    let words = scene.words().gap(3).sign(sign).gap(1).say(Role::Muted, "analysis ");
    let words = words.say(Role::Base, analysis.name.as_str()).gap(1);
    let words = words.say(sign.role(), analysis.phase.as_str());
    let words = match analysis.message.is_empty() {
        true => words,
        false => words.dot().say(Role::Muted, analysis.message.as_str()),
    };
    let metric = |metric: &Measured| {
        let [good, bad, unclear] = metric.counts;
        let sign = sign_of(metric.phase.as_str());
        let words = scene.words().gap(5).sign(sign).gap(1).say(Role::Base, metric.name.as_str()).gap(1);
        let words = words.maybe(Role::Strong, metric.value.as_ref().map(crate::domain::SafeText::as_str));
        let words = words.gap(1).say(Role::Muted, metric.condition.as_str());
        words.dot().say(Role::Muted, format!("{good} good, {bad} bad, {unclear} neither")).within(room)
    };
    std::iter::once(words.within(room)).chain(analysis.metrics.iter().map(metric)).collect()
}

fn sign_of(phase: &str) -> Sign {
    match phase {
        "Successful" => Sign::Good,
        "Failed" | "Error" => Sign::Bad,
        "Inconclusive" => Sign::Waiting,
        _ => Sign::Running,
    }
}
