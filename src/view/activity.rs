//! What happened, newest first.

use super::panel::{self, Title};
use super::scene::Scene;
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::activity::{Event, EventKind};
use crate::app::filter;
use crate::app::model::Panel;
use crate::app::spot::Spot;
use crate::theme::{Role, Sign};

/// Draws the activity as a panel.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    scene.spot(sheet.area(), || Spot::Panel(Panel::Activity));
    let title = Title::new(scene.theme, Panel::Activity.title()).right(panel::filter(scene, Panel::Activity));
    let mut inside = panel::frame(sheet, scene.theme, scene.edge, scene.keyboard(Panel::Activity), title);
    rows(scene, &mut inside);
}

/// Draws the newest events without a frame, as many as there are rows.
pub(super) fn rows(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width()).saturating_sub(1);
    let events = filter::events(scene.model);
    if events.is_empty() {
        let nothing = match scene.model.filter(Panel::Activity) {
            "" => "nothing has happened yet".to_owned(),
            filter => format!("nothing that happened fits the filter `{filter}`; esc clears it"),
        };
        return sheet.line(0, &scene.words().gap(1).say(Role::Muted, nothing).within(room));
    }
    let height = usize::from(sheet.height());
    let skip = usize::from(scene.scroll(Panel::Activity)).min(events.len().saturating_sub(height));
    for (y, event) in (0..sheet.height()).zip(events.iter().skip(skip)) {
        sheet.line(y, &row(scene, event).within(room));
    }
}

fn row<'a>(scene: Scene<'a>, event: &Event) -> Words<'a> {
    let (sign, role) = match event.kind {
        EventKind::Good => (Sign::Good, Role::Base),
        EventKind::Bad => (Sign::Bad, Role::Base),
        EventKind::Asks => (Sign::Waiting, Role::Base),
        EventKind::Deed => (Sign::Deed, Role::Base),
        EventKind::Plain => (Sign::Note, Role::Muted),
    };
    let words = scene.words().gap(1).say(Role::Muted, scene.time(event.at.wall, "%H:%M:%S"));
    let words = words.gap(2).sign(sign).gap(1);
    let about = event.service.as_ref().map(|s| s.as_str()).or(event.source.as_ref().map(|s| s.as_str()));
    let words = words.say(Role::Strong, text::fit(&text::name(about.unwrap_or(""), 14), 14)).gap(1);
    words.say(role, event.text.as_str())
}
