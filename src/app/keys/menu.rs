//! What keys do in a list: letters find, arrows choose, enter runs what is chosen as its key would.

use tui_input::Input;

use super::{run, show};
use crate::app::board;
use crate::app::command::{COMMANDS, Command};
use crate::app::copy;
use crate::app::deed;
use crate::app::key::{Key, Pace, Stroke};
use crate::app::menu::{Item, Menu, MenuKind, Pick, REMEMBERED, completion, items};
use crate::app::model::{Model, Overlay, Zoom};
use crate::app::msg::Effect;
use crate::app::views::{self, View};

/// Takes one key press while a list is on top.
pub(super) fn press(model: &mut Model, stroke: Stroke) -> Vec<Effect> {
    let Some(menu) = top(model) else { return Vec::new() };
    let (kind, empty, recalled) = (menu.kind, menu.typed().is_empty(), menu.recalled.is_some());
    let older = kind == MenuKind::Palette && (empty || recalled) && !model.history.is_empty();
    match stroke.key {
        Key::Esc => {
            model.overlays.pop();
        }
        // What is typed for a person's eyes is run by a person's enter: never by one that came in a burst.
        Key::Enter if stroke.pace == Pace::Burst => {}
        Key::Enter => return enter(model),
        Key::Up if older => recall(model, 1),
        Key::Down if older && recalled => recall(model, -1),
        Key::Up => step(model, -1),
        Key::Down => step(model, 1),
        Key::PageUp => step(model, -10),
        Key::PageDown => step(model, 10),
        Key::Tab if kind == MenuKind::Palette => complete(model),
        Key::Char(_) if matches!(kind, MenuKind::WhatIf | MenuKind::Copy) => {
            return letter(model, stroke.key);
        }
        Key::Char(_) if kind == MenuKind::Keys && empty && closes(model, stroke.key) => {
            model.overlays.pop();
        }
        key => top(model).into_iter().for_each(|menu| edit(menu, key)),
    }
    Vec::new()
}

fn top(model: &mut Model) -> Option<&mut Menu> {
    match model.overlays.last_mut() {
        Some(Overlay::Menu(menu)) => Some(menu),
        _ => None,
    }
}

/// The list on top with what it shows.
fn shown(model: &Model) -> Option<(&Menu, Vec<Item>)> {
    match model.overlay() {
        Some(Overlay::Menu(menu)) => Some((menu, items(model, menu))),
        _ => None,
    }
}

fn closes(model: &Model, key: Key) -> bool {
    model.setup.keys.command_of(key) == Some(Command::Help)
}

/// Chooses another line.
pub(super) fn step(model: &mut Model, by: isize) {
    let pick = shown(model).and_then(|(menu, items)| {
        let row = menu.row(&items).saturating_add_signed(by).min(items.len().saturating_sub(1));
        items.get(row).map(|item| item.pick.clone())
    });
    if let Some(menu) = top(model) {
        menu.chosen = pick;
    }
}

fn edit(menu: &mut Menu, key: Key) {
    let full = matches!(key, Key::Char(_)) && menu.typed().chars().count() >= 100;
    let Some(request) = key.edits().filter(|_| !full) else { return };
    if menu.line.0.handle(request).is_some_and(|change| change.value) {
        (menu.chosen, menu.recalled) = (None, None);
    }
}

fn write(menu: &mut Menu, text: String) {
    menu.line.0 = Input::new(text);
    menu.chosen = None;
}

fn complete(model: &mut Model) {
    let name = shown(model).and_then(|(menu, _)| completion(model, menu));
    if let (Some(menu), Some(name)) = (top(model), name) {
        write(menu, name.to_string());
        menu.recalled = None;
    }
}

/// Shows an older (1) or a newer (-1) run of the history in the line.
fn recall(model: &mut Model, by: isize) {
    let history = model.history.clone();
    let Some(menu) = top(model) else { return };
    let next = match (menu.recalled, by) {
        (None, 1..) => Some(0),
        (Some(at), 1..) => Some((at + 1).min(history.len().saturating_sub(1))),
        (Some(at), _) => at.checked_sub(1),
        (None, _) => None,
    };
    let text = next.and_then(|at| history.iter().rev().nth(at));
    menu.recalled = next.filter(|_| text.is_some());
    write(menu, text.cloned().unwrap_or_default());
}

/// A letter in a list without a line: the key of an action previews it; `y` copies; `j` and `k` choose.
fn letter(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(kind) = top(model).map(|menu| menu.kind) else { return Vec::new() };
    let command = model.setup.keys.command_of(key);
    match (kind, command) {
        (MenuKind::Copy, Some(Command::Copy)) => return enter(model),
        (MenuKind::WhatIf, Some(Command::WhatIf)) => drop(model.overlays.pop()),
        (MenuKind::WhatIf, Some(command)) if deed::verb_of(command).is_some() => {
            return what_if(model, command);
        }
        (_, Some(Command::Down)) => step(model, 1),
        (_, Some(Command::Up)) => step(model, -1),
        (_, Some(Command::Quit)) => drop(model.overlays.pop()),
        _ => {}
    }
    Vec::new()
}

fn what_if(model: &mut Model, command: Command) -> Vec<Effect> {
    model.overlays.pop();
    deed::verb_of(command).map(|verb| deed::preview(model, verb)).unwrap_or_default()
}

fn enter(model: &mut Model) -> Vec<Effect> {
    let Some((menu, items)) = shown(model) else { return Vec::new() };
    let (kind, pick) = (menu.kind, menu.at_hand(&items));
    let doc = items.get(menu.row(&items)).map(|item| item.doc.clone());
    match pick {
        None => Vec::new(),
        Some(Pick::Command(command)) if kind == MenuKind::WhatIf => what_if(model, command),
        Some(Pick::Command(command)) => {
            model.overlays.pop();
            if kind == MenuKind::Palette {
                let name = COMMANDS.iter().find(|entry| entry.command == command).map(|entry| entry.id());
                remember(model, name);
            }
            run(model, command)
        }
        Some(Pick::Service(name)) => {
            model.overlays.pop();
            remember(model, Some(name.to_string()));
            model.selected = Some(name);
            model.scroll.clear();
            model.zoom = Zoom::Shared;
            board::refilter(model);
            views::jump(model, View::Service);
            Vec::new()
        }
        Some(Pick::Copy(_)) => {
            model.overlays.pop();
            doc.map(|text| copy::copied(model, text)).unwrap_or_default()
        }
    }
}

fn remember(model: &mut Model, name: Option<String>) {
    let Some(name) = name else { return };
    model.history.retain(|run| *run != name);
    model.history.push(name);
    if model.history.len() > REMEMBERED {
        model.history.remove(0);
    }
}

/// Opens a list.
pub(super) fn open(model: &mut Model, kind: MenuKind) {
    show(model, Overlay::Menu(Box::new(Menu::new(kind))));
}
