//! What the selected environment can go back to: every revision that the target remembers, newest first.

use ratatui::text::Line;

use super::panel::{self, Keyboard, Title};
use super::pipeline::{first_seen, write_chosen};
use super::scene::Scene;
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::filter;
use crate::app::model::Panel;
use crate::app::spot::Spot;
use crate::app::views;
use crate::domain::Revision;
use crate::domain::rollout::Standing;
use crate::domain::time::{ago, spoken};
use crate::theme::{Role, Sign};

/// Draws the revisions of the selected place.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    scene.spot(sheet.area(), || Spot::Panel(Panel::Revisions));
    let keyboard = scene.keyboard(Panel::Revisions);
    let about = scene.model.selected_place().map(|place| place.to_string()).unwrap_or_default();
    let title = Title::new(scene.theme, Panel::Revisions.title()).about(about);
    let title = title.right(panel::filter(scene, Panel::Revisions));
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        let room = usize::from(inside.width());
        let (lines, chosen) = lines(scene, room);
        let chosen = chosen.filter(|_| keyboard == Keyboard::Here);
        let first = first_seen(chosen, lines.len(), usize::from(inside.height()));
        for (y, revision) in (0..inside.height()).zip(filter::revisions(scene.model).into_iter().skip(first))
        {
            scene.spot(inside.part(0, y, u16::MAX, 1).area(), || Spot::Revision(revision.id.clone()));
        }
        write_chosen(&mut inside, scene, &lines, chosen)
    };
    panel::more_below(sheet, scene.theme, below);
}

fn lines(scene: Scene<'_>, room: usize) -> (Vec<Line<'static>>, Option<usize>) {
    let revisions = views::revisions(scene.model);
    if revisions.is_empty() {
        let words = scene.words().gap(1);
        let source = scene.environment.and_then(|e| e.deploy.as_ref());
        let line = match scene.service {
            Some(service) => words.then(scene.nothing(source, &service.name, "revision")),
            None => words.say(Role::Muted, "no service is selected"),
        };
        return (vec![line.within(room)], None);
    }
    let revisions = filter::revisions(scene.model);
    if revisions.is_empty() {
        let filter = scene.model.filter(Panel::Revisions);
        let line = format!("no revision fits the filter `{filter}`; esc clears it");
        return (vec![scene.words().gap(1).say(Role::Muted, line).within(room)], None);
    }
    let at_hand = views::revision_at_hand(scene.model);
    let chosen = revisions.iter().position(|r| Some(&r.id) == at_hand.as_ref());
    (revisions.into_iter().map(|r| row(scene, r, room).within(room)).collect(), chosen)
}

fn row<'a>(scene: Scene<'a>, revision: &Revision, room: usize) -> Words<'a> {
    let (sign, word) = match revision.standing {
        Standing::Current => (Sign::Alive, "asked for now"),
        Standing::Past => (Sign::Again, "can be gone back to"),
        Standing::Left => (Sign::Warning, "was left by going back"),
    };
    let number = revision.number.map(|n| n.to_string()).unwrap_or_default();
    let words = scene.words().gap(2).sign(sign).gap(1).say(Role::Muted, text::fit(&number, 5));
    let words = words.say(Role::Strong, text::fit(&text::name(revision.artifact.label(), 20), 21));
    let age = revision.created.map(|at| format!("{} ago", spoken(ago(scene.model.now.wall, at))));
    let words = words.say(Role::Base, text::fit(&age.unwrap_or_default(), 16)).gap(1);
    let digest = revision.artifact.digest.as_ref().map(|d| text::cut(d.as_str(), 19));
    let words = if room >= 100 {
        words.say(Role::Accent, text::fit(&digest.unwrap_or_else(|| "digest not known".to_owned()), 20))
    } else {
        words
    };
    let words = words.say(sign.role(), word);
    match &revision.note {
        Some(note) => words.dot().say(Role::Muted, note.as_str()),
        None => words,
    }
}
