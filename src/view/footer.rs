//! The last line: the keys, derived from the table of commands; those that cannot act are dimmed. A message lies over
//! them while it shows.

use super::decision::key;
use super::scene::Scene;
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::command::{COMMANDS, Command, Entry, entry_of};
use crate::app::leaving::Leaving;
use crate::app::model::{Panel, Tone, Typing};
use crate::theme::{Role, Sign};

/// Draws the footer; returns the column of the cursor while the filter is being typed.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) -> Option<u16> {
    match scene.model.typing {
        Typing::Filter(panel) => {
            let hint = "! not · ~ like · enter keeps · esc clears ";
            return Some(line(scene, sheet, scene.model.filter(panel), hint));
        }
        Typing::Search => {
            let hint = "enter keeps it · n next · esc clears it ";
            return Some(line(scene, sheet, &scene.model.log.search, hint));
        }
        Typing::Commands => {}
    }
    if let Some(toast) = &scene.model.toast {
        let (role, sign) = match toast.tone {
            Tone::Info => (Role::Toast, Sign::Note),
            Tone::Problem => (Role::Problem, Sign::Warning),
        };
        let style = scene.theme.style(role);
        sheet.tint(0, 0, sheet.width(), 1, style);
        let room = usize::from(sheet.width()).saturating_sub(2);
        let words = format!("{} {}", sign.glyph(), toast.text);
        sheet.put(1, 0, &text::cut(&words, room), style);
        return None;
    }
    let room = usize::from(sheet.width());
    let words = keys(scene, room);
    sheet.line(0, &words.line());
    None
}

/// The keys of a panel that has some of its own: they come before the usual ones.
fn own(panel: Panel) -> Vec<&'static Entry> {
    use Command::{Back, Copy, Filter, NextTrouble, Open, PreviousTrouble, Refresh, RollBack, WhatIf, Wrap};
    let commands: &[Command] = match panel {
        Panel::Log => &[NextTrouble, PreviousTrouble, Filter, Wrap, Copy, Back],
        Panel::Revisions => &[Open, RollBack, WhatIf, Filter, Copy, Back],
        Panel::Journal => &[Back],
        Panel::Sources => &[Refresh, Back],
        _ => &[],
    };
    commands.iter().filter_map(|command| entry_of(*command)).collect()
}

/// As many keys as there is room for, the most important first; help and quit always.
fn keys(scene: Scene<'_>, room: usize) -> Words<'_> {
    let mut words = scene.words().gap(1);
    if scene.model.leaving == Leaving::AskedOnce {
        let count = scene.model.in_flight().count();
        words = words.say(Role::Hold, format!("{count} still being proved: q again to leave")).gap(3);
    }
    let usual: Vec<_> = COMMANDS.iter().take_while(|e| e.name != "previous panel").collect();
    let (usual, last) = usual.split_at(usual.len().saturating_sub(2));
    let own = own(scene.model.focus);
    let first = own.iter().chain(usual.iter().filter(|e| !own.iter().any(|o| o.command == e.command)));
    let mut end = scene.words();
    for entry in last {
        end = key(scene, end, entry.command).gap(2);
    }
    for entry in first {
        let next = key(scene, scene.words(), entry.command);
        if words.width() + next.width() + 2 + end.width() > room {
            break;
        }
        words = words.then(next).gap(3);
    }
    let gap = room.saturating_sub(words.width() + end.width());
    words.gap(gap).then(end)
}

fn line(scene: Scene<'_>, sheet: &mut Sheet<'_>, typed: &str, hint: &str) -> u16 {
    let style = scene.theme.style(Role::Input);
    sheet.tint(0, 0, sheet.width(), 1, style);
    let room = usize::from(sheet.width()).saturating_sub(44);
    let shown = text::cut(typed, room);
    sheet.put(1, 0, &format!("/ {shown}"), style);
    let x = usize::from(sheet.width()).saturating_sub(text::width(hint));
    sheet.put(u16::try_from(x).unwrap_or(u16::MAX), 0, hint, style.patch(scene.theme.style(Role::Muted)));
    u16::try_from(3 + text::width(&shown)).unwrap_or(0)
}
