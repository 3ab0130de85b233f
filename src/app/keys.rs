//! What keys do: in the dialog, in the filter line, in overlays, and as commands.

use tui_input::InputRequest;

use super::board;
use super::command::{Command, available, command_of};
use super::deed;
use super::dialog::{Dialog, Draft, Field};
use super::key::{Key, Pace, Stroke};
use super::model::{Leaving, Model, Overlay, Panel, Toast, Tone, Typing, Zoom};
use super::msg::Effect;
use super::outward;
use crate::domain::SafeText;

/// Takes one key press.
pub fn press(model: &mut Model, stroke: Stroke) -> Vec<Effect> {
    if stroke.key == Key::Ctrl('c') {
        return quit(model);
    }
    if model.toast.as_ref().is_some_and(|t| t.tone == Tone::Problem) {
        model.toast = None;
    }
    match model.overlays.last() {
        Some(Overlay::Dialog(_)) => dialog(model, stroke),
        Some(_) => overlay(model, stroke.key),
        None if model.typing == Typing::Filter => filter(model, stroke.key),
        None => command_of(stroke.key).map(|command| run(model, command)).unwrap_or_default(),
    }
}

/// Takes pasted text: only a reason or the filter may be pasted into, and nothing is ever confirmed by it.
pub fn paste(model: &mut Model, text: &SafeText) {
    if let Some(Overlay::Dialog(dialog)) = model.overlays.last_mut()
        && dialog.field == Field::Reason
    {
        for c in text.as_str().chars().take(500) {
            dialog.reason.0.handle(InputRequest::InsertChar(c));
        }
        return;
    }
    if model.typing == Typing::Filter && model.overlays.is_empty() {
        model.filter.extend(text.as_str().chars().take(100));
        board::filter(model);
        return;
    }
    let text = "pasted text was dropped: it is not taken for keys".into();
    model.toast = Some(Toast { text, tone: Tone::Info, since: model.now });
}

fn run(model: &mut Model, command: Command) -> Vec<Effect> {
    if let Some(verb) = deed::verb_of(command) {
        return deed::open(model, verb);
    }
    if let Err(refusal) = available(command, model) {
        deed::refuse(model, &refusal.to_string());
        return Vec::new();
    }
    if command != Command::Quit {
        model.leaving = Leaving::No;
    }
    match command {
        Command::Quit => return quit(model),
        Command::Refresh => {
            let journal = model.journal_fault.as_ref().map(|_| Effect::TryJournal);
            return model.setup.sources.iter().cloned().map(Effect::Look).chain(journal).collect();
        }
        Command::Copy => return copy(model),
        Command::Changes => show(model, Overlay::Changes),
        Command::Reasons => show(model, Overlay::Reasons),
        Command::Help => show(model, Overlay::Help),
        Command::Follow => {
            if let Some(id) = model.actions.last().map(|a| a.id.clone()) {
                show(model, Overlay::Follow(id));
            }
        }
        Command::Filter => model.typing = Typing::Filter,
        Command::Zoom => {
            model.zoom = if model.zoom == Zoom::Full { Zoom::Shared } else { Zoom::Full };
        }
        Command::Back => back(model),
        Command::NextPanel => focus(model, 1),
        Command::PreviousPanel => focus(model, Panel::ALL.len() - 1),
        Command::Down => go(model, Go::By(1)),
        Command::Up => go(model, Go::By(-1)),
        Command::Top => go(model, Go::First),
        Command::Bottom => go(model, Go::Last),
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

fn quit(model: &mut Model) -> Vec<Effect> {
    let flying = model.in_flight().count();
    if flying > 0 && model.leaving == Leaving::No {
        model.leaving = Leaving::AskedOnce;
        let text =
            format!("{flying} action(s) still being proved: press q again to leave; they end as in doubt");
        deed::refuse(model, &text);
        return Vec::new();
    }
    vec![Effect::Quit]
}

/// Closes what is on top, then clears the filter, then zooms out, then goes to the board. Never quits.
fn back(model: &mut Model) {
    if model.overlays.pop().is_some() {
        return;
    }
    if !model.filter.is_empty() {
        model.filter.clear();
        board::filter(model);
    } else if model.zoom == Zoom::Full {
        model.zoom = Zoom::Shared;
    } else {
        model.focus = Panel::Board;
    }
}

fn focus(model: &mut Model, by: usize) {
    let at = Panel::ALL.iter().position(|p| *p == model.focus).unwrap_or(0);
    model.focus = Panel::ALL.get((at + by) % Panel::ALL.len()).copied().unwrap_or_default();
    if model.focus == Panel::Inbox {
        enter_inbox(model);
    }
}

/// With the keyboard the inbox gets a selection of its own, by name: the one that it had, else the oldest gate. From
/// then on no gate that comes or goes moves it.
fn enter_inbox(model: &mut Model) {
    let gates = || model.inbox.iter().map(|g| &g.value.key);
    let had = gates().find(|key| Some(*key) == model.gate.as_ref());
    model.gate = had.or_else(|| gates().next()).cloned();
}

#[derive(Clone, Copy)]
enum Go {
    By(isize),
    First,
    Last,
}

impl Go {
    /// Where a list of `len` is then; from nowhere any step leads to its first line.
    fn from(self, at: Option<usize>, len: usize) -> usize {
        let last = len.saturating_sub(1);
        match (self, at) {
            (Self::By(by), Some(at)) => at.saturating_add_signed(by).min(last),
            (Self::First | Self::By(_), _) => 0,
            (Self::Last, _) => last,
        }
    }
}

fn go(model: &mut Model, step: Go) {
    match model.focus {
        Panel::Board => {
            let row = step.from(model.selected_row(), model.shown.len());
            let service = model.shown.get(row).and_then(|i| model.setup.services.get(*i));
            model.selected = service.map(|s| s.name.clone());
            model.scroll.clear();
        }
        Panel::Inbox => {
            let at = model.inbox.iter().position(|g| Some(&g.value.key) == model.gate.as_ref());
            let gate = model.inbox.get(step.from(at, model.inbox.len()));
            model.gate = gate.map(|g| g.value.key.clone());
            if let Some(service) = gate.map(|g| g.value.key.run.service.clone()) {
                model.selected = Some(service);
                board::refilter(model);
            }
        }
        Panel::Environments => environment(model, step),
        Panel::Pipeline | Panel::Health | Panel::Activity => {
            let line = model.scroll.entry(model.focus).or_default();
            *line = match step {
                Go::By(by) => line.saturating_add_signed(i16::try_from(by).unwrap_or(0)).min(500),
                Go::First => 0,
                Go::Last => 500,
            };
        }
    }
}

fn environment(model: &mut Model, step: Go) {
    let Some((service, _)) = model.selected() else { return };
    let (name, len) = (service.name.clone(), service.environments.len());
    let at = model.environments.get(&name).copied().unwrap_or_else(|| len.saturating_sub(1));
    model.environments.insert(name, step.from(Some(at), len));
}

fn filter(model: &mut Model, key: Key) -> Vec<Effect> {
    match key {
        Key::Esc => {
            model.filter.clear();
            model.typing = Typing::Commands;
        }
        Key::Enter => model.typing = Typing::Commands,
        Key::Backspace => {
            model.filter.pop();
        }
        Key::Char(c) => model.filter.push(c),
        Key::Down => go(model, Go::By(1)),
        Key::Up => go(model, Go::By(-1)),
        _ => {}
    }
    board::filter(model);
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
        key => {
            let on_top = model.overlays.last().cloned();
            let command =
                command_of(key).filter(|c| deed::verb_of(*c).is_some() || toggles(*c, on_top.as_ref()));
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
        (Command::Help, Some(Overlay::Help))
            | (Command::Changes, Some(Overlay::Changes))
            | (Command::Reasons, Some(Overlay::Reasons))
            | (Command::Follow, Some(Overlay::Follow(_)))
    )
}

fn dialog(model: &mut Model, stroke: Stroke) -> Vec<Effect> {
    let now = model.now;
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    dialog.notice = None;
    if stroke.pace == Pace::Burst {
        // What is pasted without brackets looks like this, and its enter may come late: the deaf time begins anew.
        dialog.opened = now;
    }
    if (stroke.key, dialog.field) != (Key::Enter, Field::Confirm) || stroke.pace == Pace::Burst {
        dialog.armed = None;
    }
    match (stroke.key, dialog.field) {
        (Key::Esc, _) => {
            model.overlays.pop();
            Vec::new()
        }
        (Key::Tab, _) => leave(model, 1),
        (Key::BackTab, _) => leave(model, -1),
        (Key::Enter, _) if stroke.pace == Pace::Burst => Vec::new(),
        (Key::Enter, Field::Confirm) => deed::confirm(model),
        (Key::Enter, Field::Glass) => deed::break_glass(model),
        (Key::Enter, Field::Cancel) => {
            model.overlays.pop();
            Vec::new()
        }
        (Key::Enter, Field::Name) if dialog.plan().is_some() => {
            dialog.field = Field::Confirm;
            Vec::new()
        }
        (Key::Enter, _) => leave(model, 1),
        (Key::PageDown, _) => scroll(dialog, 8),
        (Key::PageUp, _) => scroll(dialog, -8),
        (Key::Ctrl('e'), Field::Reason) => {
            // It comes back as a paste, changed or as it was.
            let reason = std::mem::take(&mut dialog.reason);
            vec![Effect::Edit(SafeText::new(reason.0.value()))]
        }
        (key, Field::Reason) => edit(dialog, key),
        (key, Field::Name) => edit(dialog, key),
        (Key::Left | Key::Up, Field::Choice) => choose(model, -1),
        (Key::Right | Key::Down, Field::Choice) => choose(model, 1),
        (Key::Left | Key::Right, field) => {
            let others: &[Field] =
                if field == Field::Cancel { &[Field::Confirm, Field::Glass] } else { &[Field::Cancel] };
            let fields = dialog.fields();
            if let Some(other) = others.iter().find(|other| fields.contains(other)) {
                dialog.field = *other;
            }
            Vec::new()
        }
        (Key::Char('j') | Key::Down, _) => scroll(dialog, 1),
        (Key::Char('k') | Key::Up, _) => scroll(dialog, -1),
        (Key::Char('q'), _) => {
            model.overlays.pop();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn scroll(dialog: &mut Dialog, by: i16) -> Vec<Effect> {
    dialog.scroll = dialog.scroll.saturating_add_signed(by).min(2_000);
    Vec::new()
}

/// Goes to another field. A reason that changed is part of the request, so the plan is made anew.
fn leave(model: &mut Model, by: isize) -> Vec<Effect> {
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    let reason_changed = dialog.field == Field::Reason
        && dialog.plan().is_some_and(|p| Some(&p.intent) != dialog.intent().as_ref());
    let fields = dialog.fields();
    let at = fields.iter().position(|f| *f == dialog.field).unwrap_or(0);
    let len = isize::try_from(fields.len()).unwrap_or(1);
    let next = (isize::try_from(at).unwrap_or(0) + by).rem_euclid(len);
    let next = usize::try_from(next).unwrap_or(0);
    dialog.field = fields.get(next).copied().unwrap_or_default();
    if reason_changed { deed::ask_for_plan(model) } else { Vec::new() }
}

fn choose(model: &mut Model, by: isize) -> Vec<Effect> {
    let Some(dialog) = deed::dialog_mut(model) else { return Vec::new() };
    let next = dialog.chosen.saturating_add_signed(by).min(dialog.choices.len().saturating_sub(1));
    if next == dialog.chosen {
        return Vec::new();
    }
    dialog.chosen = next;
    dialog.scroll = 0;
    deed::ask_for_plan(model)
}

fn edit(dialog: &mut Dialog, key: Key) -> Vec<Effect> {
    let request = match key {
        Key::Char(c) => InputRequest::InsertChar(c),
        Key::Backspace => InputRequest::DeletePrevChar,
        Key::Delete => InputRequest::DeleteNextChar,
        Key::Left => InputRequest::GoToPrevChar,
        Key::Right => InputRequest::GoToNextChar,
        Key::Home => InputRequest::GoToStart,
        Key::End => InputRequest::GoToEnd,
        _ => return Vec::new(),
    };
    let input = if dialog.field == Field::Reason { &mut dialog.reason } else { &mut dialog.name };
    if !matches!(request, InputRequest::InsertChar(_)) || input.0.value().chars().count() < 500 {
        input.0.handle(request);
    }
    Vec::new()
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let text = match model.focus {
        Panel::Inbox => model.gate_at_hand().and_then(|g| g.value.url.clone()),
        _ => model.selected().map(|(service, assessment)| {
            let live = assessment.standings.iter().rev().find_map(|s| s.live.as_ref());
            let version = live.map(crate::domain::Artifact::reference).unwrap_or_default();
            SafeText::new(&format!("{} {version}", service.name))
        }),
    };
    match text {
        Some(text) => {
            let said = SafeText::new(&format!("copied: {text}"));
            model.toast = Some(Toast { text: said, tone: Tone::Info, since: model.now });
            vec![Effect::Copy(text)]
        }
        None => {
            deed::refuse(model, "nothing here to copy");
            Vec::new()
        }
    }
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
