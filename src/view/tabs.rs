//! The second line: every view with its key, the present one reversed, counts of what waits and what is wrong as
//! badges, and on the right the way here.

use ratatui::style::Modifier;

use super::scene::Scene;
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::command::Command;
use crate::app::spot::Spot;
use crate::app::views::View;
use crate::domain::Verdict;
use crate::theme::{Role, Sign};

/// How much of the other views' names is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Whole,
    Brief,
    None,
}

/// Draws the tabs.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    let crumbs = crumbs(scene);
    let [whole, brief, none] = [Names::Whole, Names::Brief, Names::None].map(|names| tabs(scene, names));
    let fits = |tabs: &(Words<'_>, Vec<(View, u16, u16)>)| tabs.0.width() <= room;
    let (words, places) = [whole, brief].into_iter().find(fits).unwrap_or(none);
    let fits = crumbs.width() > 0 && words.width() + crumbs.width() + 3 <= room;
    sheet.line(0, &words.within(room));
    for (view, from, to) in places {
        scene.spot(sheet.part(from, 0, to.saturating_sub(from), 1).area(), || Spot::Tab(view));
    }
    if fits {
        sheet.line_right(0, &crumbs.line());
    }
}

/// Every view, and where each one stands.
fn tabs(scene: Scene<'_>, names: Names) -> (Words<'_>, Vec<(View, u16, u16)>) {
    let column = |words: &Words<'_>| u16::try_from(words.width()).unwrap_or(u16::MAX);
    let mut places = Vec::new();
    let here = scene.model.trail.view();
    let reversed = scene.theme.style(Role::Focus).add_modifier(Modifier::REVERSED);
    let mut words = scene.words();
    for view in View::ALL {
        let from = column(&words);
        let key = scene.model.setup.keys.shown(Command::View(view));
        words = if view == here {
            words.styled(reversed, format!(" {key} {} ", view.title()))
        } else {
            let name = match names {
                Names::Whole => format!(" {}", view.title()),
                Names::Brief => format!(" {}", view.brief()),
                Names::None => String::new(),
            };
            words.gap(1).say(Role::Key, key).say(Role::Muted, name).gap(1)
        };
        words = words.then(badge(scene, view));
        places.push((view, from, column(&words)));
    }
    (words, places)
}

/// What calls for a look: how many gates wait, how many services are NO-GO, how many sources fail.
fn badge(scene: Scene<'_>, view: View) -> Words<'_> {
    let model = scene.model;
    let (sign, count) = match view {
        View::Inbox => (Sign::Waiting, model.inbox.len()),
        View::Service => (Sign::Bad, model.assessments.iter().filter(|a| a.verdict == Verdict::NoGo).count()),
        View::Sources => (Sign::Bad, model.world.sources().filter(|(_, s)| s.fault.is_some()).count()),
        _ => (Sign::Note, 0),
    };
    if count == 0 {
        return scene.words();
    }
    scene.words().sign(sign).say(sign.role(), count.to_string()).gap(1)
}

/// `cockpit › service search › revisions`, once there is a way.
fn crumbs(scene: Scene<'_>) -> Words<'_> {
    let mut words = scene.words();
    if scene.model.trail.view() == View::Cockpit {
        return words;
    }
    for (index, view) in scene.model.trail.views().enumerate() {
        if index > 0 {
            words = words.say(Role::Faint, " › ");
        }
        words = words.say(Role::Muted, view.title());
        if view == View::Service
            && let Some(service) = scene.service
        {
            words = words.gap(1).say(Role::Strong, text::name(service.name.as_str(), 20));
        }
        if view == View::Revisions
            && let Some(place) = scene.model.selected_place()
        {
            words = words.gap(1).say(Role::Strong, text::name(&place.to_string(), 32));
        }
    }
    words.gap(1)
}
