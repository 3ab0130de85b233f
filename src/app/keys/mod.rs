//! What keys do: in the dialog, in lists, in the filter line, in overlays, and as commands.

mod dialog;
mod form;
mod menu;
mod moves;
mod point;

use std::time::Duration;

pub(super) use dialog::edit_line;

use tui_input::InputRequest;

use super::board;
use super::command::{Command, available};
use super::deed;
use super::dialog::{Dialog, Draft, Field};
use super::filter;
use super::incident;
use super::joint_keys;
use super::key::{Key, Stroke};
use super::leaving::{Leaving, Parting};
use super::log;
use super::menu::MenuKind;
use super::model::{Model, Overlay, Panel, Selection, Toast, Tone, Typing, Zoom};
use super::msg::Effect;
use super::outward;
use super::spot::Mouse;
use super::views::{self, View};
use crate::domain::{SafeText, Verb};
use moves::{Go, Turn, environment, focus, go};
pub use point::point;

/// After the start no key acts for this long: what a terminal answers late, or what was typed for the shell, is none.
pub const UNREADY: Duration = Duration::from_millis(300);

/// Takes one key press.
pub fn press(model: &mut Model, stroke: Stroke) -> Vec<Effect> {
    let gone = std::mem::replace(&mut model.selection, Selection::Settled);
    incident::noticed(model);
    if let Selection::Gone(at) = gone
        && model.now.since(at) < UNREADY
        && model.overlays.is_empty()
        && model.setup.keys.command_of(stroke.key).is_some_and(|command| deed::verb_of(command).is_some())
    {
        // It was meant for what was selected before; a key that only moves does no harm.
        deed::refuse(model, "the selection has just gone to what needs somebody: press it again");
        return Vec::new();
    }
    if stroke.key == Key::Ctrl('c') {
        return quit(model, Parting::Brief);
    }
    if model.toast.as_ref().is_some_and(|t| t.tone == Tone::Problem) {
        model.toast = None;
    }
    match model.overlays.last() {
        Some(Overlay::Dialog(_)) => dialog::press(model, stroke),
        Some(Overlay::Joint(_)) => joint_keys::press(model, stroke),
        Some(Overlay::Menu(_)) => menu::press(model, stroke),
        Some(_) => overlay(model, stroke.key),
        None => match model.typing {
            Typing::Filter(panel) => type_filter(model, panel, stroke.key),
            Typing::Search => search(model, stroke.key),
            Typing::Commands => command(model, stroke.key),
        },
    }
}

/// A key that means a command, or a screen further in a log.
fn command(model: &mut Model, key: Key) -> Vec<Effect> {
    if log::pages(model, key) {
        return Vec::new();
    }
    let command = model.setup.keys.command_of(key);
    command.map(|command| run(model, command)).unwrap_or_default()
}

/// Takes pasted text: only a reason, a filter or the line of a list may be pasted into, and nothing is ever confirmed
/// or run by it.
pub fn paste(model: &mut Model, text: &SafeText) {
    if let Some(Overlay::Dialog(dialog)) = model.overlays.last_mut()
        && dialog.field == Field::Reason
    {
        for c in text.as_str().chars().take(500) {
            dialog.reason.0.handle(InputRequest::InsertChar(c));
        }
        return;
    }
    if joint_keys::paste(model, text) {
        return;
    }
    if let Some(Overlay::Menu(menu)) = model.overlays.last_mut()
        && matches!(menu.kind, MenuKind::Keys | MenuKind::Palette)
    {
        for c in text.as_str().chars().take(100) {
            menu.line.0.handle(InputRequest::InsertChar(c));
        }
        return;
    }
    if let (Typing::Filter(panel), true) = (model.typing, model.overlays.is_empty()) {
        filter::edit(model, panel, |line| line.push_str(text.as_str()));
        return;
    }
    if model.typing == Typing::Search && model.overlays.is_empty() {
        log::search(model, |line| line.extend(text.as_str().chars().take(100)));
        return;
    }
    let text = "pasted text was dropped: it is not taken for keys".into();
    model.toast = Some(Toast { text, tone: Tone::Info, since: model.now });
}

/// Does what a command means, as its key would: an action opens its plan.
fn run(model: &mut Model, command: Command) -> Vec<Effect> {
    if let Some(verb) = deed::verb_of(command) {
        if model.now.since(model.began) < UNREADY {
            deed::refuse(model, &format!("{}: too soon after the start, press it again", verb.word()));
            return Vec::new();
        }
        return deed::open(model, verb);
    }
    if let Err(refusal) = available(command, model) {
        deed::refuse(model, &refusal.to_string());
        return Vec::new();
    }
    if !matches!(command, Command::Quit | Command::QuitSaying) {
        model.leaving = Leaving::No;
    }
    match command {
        Command::Quit => return quit(model, Parting::Brief),
        Command::QuitSaying => return quit(model, Parting::Summary),
        Command::Refresh => {
            log::refresh(model);
            let journal = model.journal_fault.as_ref().map(|_| Effect::TryJournal);
            return model.setup.sources.iter().cloned().map(Effect::Look).chain(journal).collect();
        }
        Command::Copy => menu::open(model, MenuKind::Copy),
        Command::WhatIf => menu::open(model, MenuKind::WhatIf),
        Command::Palette => menu::open(model, MenuKind::Palette),
        Command::Help => menu::open(model, MenuKind::Keys),
        Command::Mouse => return mouse(model),
        Command::Changes => show(model, Overlay::Changes),
        Command::Reasons => show(model, Overlay::Reasons),
        Command::Tests => show(model, Overlay::Tests),
        Command::Follow => {
            if let Some(newest) = joint_keys::newest(model) {
                show(model, newest);
            }
        }
        Command::Mark => deed::joint::mark(model),
        Command::Filter if model.focus == Panel::Log => model.typing = Typing::Search,
        Command::Filter => {
            if let Some(panel) = filter::target(model) {
                model.typing = Typing::Filter(panel);
            }
        }
        Command::NextTrouble => trouble(model, log::Way::Down),
        Command::PreviousTrouble => trouble(model, log::Way::Up),
        Command::Wrap => log::wrap(model),
        Command::Zoom => {
            model.zoom = if model.zoom == Zoom::Full { Zoom::Shared } else { Zoom::Full };
        }
        Command::Back => back(model),
        Command::Open => return open(model),
        Command::View(view) => {
            model.zoom = Zoom::Shared;
            views::jump(model, view);
        }
        Command::Worst => worst(model),
        Command::NextPanel => focus(model, Turn::Next),
        Command::PreviousPanel => focus(model, Turn::Back),
        Command::Down => go(model, Go::By(1)),
        Command::Up => go(model, Go::By(-1)),
        Command::Top => go(model, Go::First),
        Command::Bottom => go(model, Go::Last),
        Command::Left if model.focus == Panel::Log => log::pan(model, -1),
        Command::Right if model.focus == Panel::Log => log::pan(model, 1),
        Command::Left => environment(model, Go::By(-1)),
        Command::Right => environment(model, Go::By(1)),
        _ => {}
    }
    Vec::new()
}

fn show(model: &mut Model, overlay: Overlay) {
    model.overlay_scroll = 0;
    model.overlays.push(overlay);
}

/// Gives the mouse to the cockpit or back to the terminal.
fn mouse(model: &mut Model) -> Vec<Effect> {
    let (mouse, text) = match model.mouse {
        Mouse::Terminal => (Mouse::Cockpit, "the mouse scrolls and selects here; it never acts"),
        Mouse::Cockpit => (Mouse::Terminal, "the mouse is the terminal's again: it selects text"),
    };
    model.mouse = mouse;
    model.toast = Some(Toast { text: text.into(), tone: Tone::Info, since: model.now });
    vec![Effect::Mouse(mouse)]
}

fn quit(model: &mut Model, parting: Parting) -> Vec<Effect> {
    model.parting = parting;
    let flying = model.unfinished();
    if flying > 0 && model.leaving == Leaving::No {
        model.leaving = Leaving::AskedOnce;
        let text =
            format!("{flying} action(s) still being proved: press it again to leave; they end as in doubt");
        deed::refuse(model, &text);
        return Vec::new();
    }
    vec![Effect::Quit]
}

/// Goes inwards from what has the keyboard.
fn open(model: &mut Model) -> Vec<Effect> {
    let view = match (model.trail.view(), model.focus) {
        (View::Revisions, _) => return roll_back_to_the_chosen(model),
        (_, Panel::Inbox) if model.held.is_some() => View::Service,
        (_, Panel::Inbox) if model.trail.view() == View::Inbox => {
            show(model, Overlay::Changes);
            return Vec::new();
        }
        (_, Panel::Inbox) => View::Inbox,
        (View::Wall, _) => View::Service,
        (View::Cockpit, Panel::Board | Panel::Pipeline) => View::Service,
        (View::Service, Panel::Pipeline) if views::job_at_hand(model).is_some() => View::Log,
        (_, Panel::Environments) => View::Revisions,
        (View::Cockpit, Panel::Activity) => View::Journal,
        _ => {
            model.zoom = if model.zoom == Zoom::Full { Zoom::Shared } else { Zoom::Full };
            return Vec::new();
        }
    };
    model.zoom = Zoom::Shared;
    views::enter(model, view);
    Vec::new()
}

/// Opens the plan for a roll back to the revision that is selected, if it is one that can be gone back to.
fn roll_back_to_the_chosen(model: &mut Model) -> Vec<Effect> {
    let chosen = views::revision_at_hand(model);
    let effects = deed::open(model, Verb::RollBack);
    let Some(dialog) = deed::dialog_mut(model) else { return effects };
    match dialog.choices.iter().position(|c| c.intent.target.revision() == chosen.as_ref()) {
        Some(at) if at == dialog.chosen => effects,
        Some(at) => {
            dialog.chosen = at;
            deed::ask_for_plan(model)
        }
        None => {
            model.overlays.pop();
            deed::refuse(model, "roll back: this revision is the one that is asked for now; choose another");
            Vec::new()
        }
    }
}

/// Selects the next service in the worst verdict that there is.
fn worst(model: &mut Model) {
    if let Some(service) = views::worst(model) {
        model.selected = Some(service);
        model.scroll.clear();
        board::refilter(model);
        if model.focus == Panel::Wall {
            views::arrived(model);
        }
    }
}

/// Closes what is on top, then clears the filter, then the marks, then goes outwards. Never quits.
fn back(model: &mut Model) {
    if model.overlays.pop().is_some() {
        return;
    }
    if model.focus == Panel::Log && !model.log.search.is_empty() {
        return log::searched(model, false);
    }
    if filter::clear(model) {
        return;
    }
    if !model.marks.is_empty() {
        model.marks.clear();
    } else if model.zoom == Zoom::Full {
        model.zoom = Zoom::Shared;
    } else if !views::leave(model) {
        model.focus = Panel::Board;
    }
}

fn type_filter(model: &mut Model, panel: Panel, key: Key) -> Vec<Effect> {
    match key {
        Key::Esc => {
            model.typing = Typing::Commands;
            filter::edit(model, panel, String::clear);
        }
        Key::Enter => model.typing = Typing::Commands,
        Key::Backspace => filter::edit(model, panel, |line| {
            line.pop();
        }),
        Key::Char(c) => filter::edit(model, panel, |line| line.push(c)),
        Key::Down => go(model, Go::By(1)),
        Key::Up => go(model, Go::By(-1)),
        _ => {}
    }
    if model.focus == Panel::Wall {
        views::arrived(model);
    }
    Vec::new()
}

/// Goes to the next trouble, or says that there is none.
fn trouble(model: &mut Model, way: log::Way) {
    if !log::next(model, way) {
        let what = if model.log.search.is_empty() { "no error" } else { "nothing of that kind" };
        let text = SafeText::new(&format!("{what} is found in what is kept of this log"));
        model.toast = Some(Toast { text, tone: Tone::Info, since: model.now });
    }
}

fn search(model: &mut Model, key: Key) -> Vec<Effect> {
    match key {
        Key::Esc => log::searched(model, false),
        Key::Enter => log::searched(model, true),
        Key::Backspace => log::search(model, |text| {
            text.pop();
        }),
        Key::Char(c) => log::search(model, |text| text.push(c)),
        Key::Down => log::by(model, 1),
        Key::Up => log::by(model, -1),
        _ => {}
    }
    Vec::new()
}

fn overlay(model: &mut Model, key: Key) -> Vec<Effect> {
    match key {
        Key::Char('j') | Key::Down => {
            model.overlay_scroll = model.overlay_scroll.saturating_add(1).min(5_000)
        }
        Key::Char('k') | Key::Up => model.overlay_scroll = model.overlay_scroll.saturating_sub(1),
        Key::PageDown | Key::Char(' ') => {
            model.overlay_scroll = model.overlay_scroll.saturating_add(10).min(5_000)
        }
        Key::PageUp => model.overlay_scroll = model.overlay_scroll.saturating_sub(10),
        Key::Char('v') if model.overlays.last() == Some(&Overlay::Changes) => {
            let changes = model.selected_place().and_then(|place| model.changes.get(&place));
            return changes.map(|changes| Effect::Page(outward::pages(changes))).into_iter().collect();
        }
        Key::Char('g') | Key::Home => model.overlay_scroll = 0,
        Key::Esc | Key::Char('q') | Key::Enter => {
            model.overlays.pop();
        }
        Key::Char('m') if matches!(model.overlays.last(), Some(Overlay::FollowSaga(_))) => {
            return joint_keys::go_on(model);
        }
        key => {
            let on_top = model.overlays.last().cloned();
            let command = model.setup.keys.command_of(key);
            let command = command.filter(|c| deed::verb_of(*c).is_some() || toggles(*c, on_top.as_ref()));
            if let Some(command) = command {
                model.overlays.pop();
                if deed::verb_of(command).is_some() {
                    return run(model, command);
                }
            }
        }
    }
    Vec::new()
}

/// Whether the command's key closes the overlay that it opens.
fn toggles(command: Command, overlay: Option<&Overlay>) -> bool {
    matches!(
        (command, overlay),
        (Command::Changes, Some(Overlay::Changes))
            | (Command::Reasons, Some(Overlay::Reasons))
            | (Command::Tests, Some(Overlay::Tests))
            | (Command::Follow, Some(Overlay::Follow(_) | Overlay::FollowSaga(_)))
    )
}

/// What time does to dialogs: a plan that has become stale is made anew.
pub fn grow_older(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let stale = match deed::dialog_mut(model) {
        Some(Dialog { draft: Draft::Ready(plan), .. }) => plan.stale(now),
        _ => false,
    };
    if stale { deed::ask_for_plan(model) } else { Vec::new() }
}
