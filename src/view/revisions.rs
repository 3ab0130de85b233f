//! What the selected environment can go back to: every revision that the target remembers, newest first; beside it the
//! selected one in depth, and what going back to it would take away.
//!
//! ```text
//!   REV  VERSION    FIRST SEEN   RAN FOR   BROUGHT
//!   ● 43  v4.2.0    4 min ago    now       retry the index on timeouts · jonas
//! ▌ ↻ 41  v4.1.1    3 d ago      2 d 23 h  limit the page size · mara
//! ```

use ratatui::text::Line;

use super::changes;
use super::list::{first_seen, write_chosen};
use super::overlay::{heading, labelled};
use super::panel::{self, Keyboard, Title};
use super::scene::Scene;
use super::sheet::{Sheet, Words, write_lines};
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

/// Draws the selected revision in depth.
pub(super) fn depth(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let at_hand = views::revision_at_hand(scene.model);
    let revisions = views::revisions(scene.model);
    let revision = revisions.iter().find(|r| Some(&r.id) == at_hand.as_ref());
    let about = revision.map_or("", |r| r.artifact.label());
    let title = Title::new(scene.theme, "going back to").about(about);
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, Keyboard::Elsewhere, title);
        let room = usize::from(inside.width()).saturating_sub(2);
        let mut inside = inside.part(1, 0, u16::try_from(room).unwrap_or(u16::MAX), u16::MAX);
        let lines = revision.map(|r| details(scene, revisions, r, room)).unwrap_or_default();
        write_lines(&mut inside, &lines, 0)
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
    let chosen = revisions.iter().position(|r| Some(&r.id) == at_hand.as_ref()).map(|at| at + 1);
    let all = views::revisions(scene.model);
    let mut lines = vec![heads(scene).within(room)];
    lines.extend(revisions.iter().map(|r| row(scene, all, r, room).within(room)));
    (lines, chosen)
}

/// Cells of the columns: revision, version, first seen, ran for.
const COLUMNS: [usize; 4] = [5, 15, 17, 10];

fn heads(scene: Scene<'_>) -> Words<'_> {
    let mut words = scene.words().gap(4);
    for (head, width) in ["REV", "VERSION", "FIRST SEEN", "RAN FOR"].into_iter().zip(COLUMNS) {
        words = words.say(Role::Muted, text::fit(head, width));
    }
    words.say(Role::Muted, "WHAT IT BROUGHT")
}

const fn sign(standing: Standing) -> (Sign, &'static str) {
    match standing {
        Standing::Current => (Sign::Alive, "asked for now"),
        Standing::Past => (Sign::Again, "was, and can be again"),
        Standing::Beside => (Sign::Ahead, "runs beside it, and gets the traffic when it is promoted"),
        Standing::Left => (Sign::Warning, "was left by going back: choosing it goes forward again"),
    }
}

fn row<'a>(scene: Scene<'a>, all: &[Revision], revision: &Revision, room: usize) -> Words<'a> {
    let [number, version, seen, ran] = COLUMNS;
    let (sign, _) = sign(revision.standing);
    let words = scene.words().gap(2).sign(sign).gap(1);
    let words =
        words.say(Role::Muted, text::fit(&revision.number.map_or("–".into(), |n| n.to_string()), number));
    let label = text::name(revision.artifact.label(), version - 1);
    let words = words.say(Role::Strong, text::fit(&label, version));
    let first = revision.created.map(|at| format!("{} ago", spoken(ago(scene.model.now.wall, at))));
    let words = words.say(Role::Base, text::fit(&first.unwrap_or_default(), seen));
    let words = match (revision.standing, views::ran(all, revision)) {
        (Standing::Current, _) => words.say(Role::Muted, text::fit("now", ran)),
        (_, Some(for_)) => words.say(Role::Base, text::fit(&spoken(for_), ran)),
        (_, None) => words.say(Role::Muted, text::fit("–", ran)),
    };
    let brought = views::brought(scene.model, revision);
    let left = room.saturating_sub(words.width());
    match (brought, &revision.note) {
        (Some((count, commit)), _) => {
            let count = format!("{:<12}", text::counted(count, "commit"));
            let author = text::cut(commit.author.as_str(), 16);
            let beside = text::width(&count) + text::width(&author) + 3;
            let subject = text::cut(commit.subject.as_str(), left.saturating_sub(beside));
            words.say(Role::Muted, count).say(Role::Base, subject).dot().say(Role::Muted, author)
        }
        (None, Some(note)) => words.say(Role::Muted, note.as_str()),
        (None, None) => words,
    }
}

/// Everything that is known of one revision.
fn details(scene: Scene<'_>, all: &[Revision], revision: &Revision, room: usize) -> Vec<Line<'static>> {
    let (sign, what) = sign(revision.standing);
    let mut lines = vec![scene.words().sign(sign).gap(1).say(Role::Base, what).within(room)];
    if revision.standing != Standing::Current {
        lines.push(Line::default());
        lines.push(heading(scene, "going back takes away"));
        match views::taken_away(scene.model, revision) {
            Some(changes) => lines.extend(changes::body(scene, changes, room).into_iter().skip(1)),
            None => {
                let text = "not known: no source of code told what lies between";
                lines.push(scene.words().say(Role::Muted, text).within(room));
            }
        }
    }
    lines.push(Line::default());
    lines.push(heading(scene, "the revision"));
    identity(scene, all, revision, room, &mut lines);
    lines
}

/// What the revision is, and where it comes from.
fn identity(
    scene: Scene<'_>,
    all: &[Revision],
    revision: &Revision,
    room: usize,
    lines: &mut Vec<Line<'static>>,
) {
    let mut say = |label: &str, role: Role, what: &str| {
        lines.extend(labelled(scene, label, role, what, room));
    };
    let digest = revision.artifact.digest.as_ref();
    say("image", Role::Base, revision.artifact.image.as_str());
    say("digest", Role::Accent, digest.map_or("not known: nobody proved it", |d| d.as_str()));
    say("known as", Role::Base, revision.id.as_str());
    if let Some(at) = revision.created {
        let when = scene.time(at, "%a %d %b %H:%M %Z");
        say("first seen", Role::Base, &format!("{when}, {} ago", spoken(ago(scene.model.now.wall, at))));
    }
    if let Some(for_) = views::ran(all, revision) {
        say("ran for", Role::Base, &format!("{} until the next one came", spoken(for_)));
    }
    if let Some(note) = &revision.note {
        say("note", Role::Base, note.as_str());
    }
    if let Some((count, commit)) = views::brought(scene.model, revision) {
        let text = format!(
            "{}; {} {} by {}",
            text::counted(count, "commit"),
            commit.sha.short(),
            commit.subject,
            commit.author
        );
        say("brought", Role::Base, &text);
    }
}
