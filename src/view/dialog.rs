//! The plan dialog: exactly what would be sent, what it would change, what could go wrong, how fresh the evidence is.
//!
//! The environment's name, the fields and the buttons are laid out first; the body takes what is left and scrolls.
//! So no text from outside, however long, moves a button or hides where it would act.

use ratatui::layout::Position;
use ratatui::style::Modifier;
use ratatui::text::Line;

use super::overlay::{self, heading, labelled};
use super::panel;
use super::plan_body;
use super::scene::Scene;
use super::sheet::{Sheet, Words, write_lines};
use super::text;
use crate::action::Refused;
use crate::app::command::Command;
use crate::app::dialog::{Dialog, Draft, Field, InputText, Purpose};
use crate::domain::service::ReasonRule;
use crate::domain::time::spoken;
use crate::domain::{FormKind, Intent, Refusal, Verb};
use crate::theme::{Role, Sign};

/// The most values of a form that are shown at a time: more, and a small screen has no room for the plan.
const FORM_ROWS: usize = 6;

/// Draws the dialog over `sheet` (the whole screen); returns where the cursor is.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>, dialog: &Dialog) -> Option<Position> {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(if screen.width > 100 { 8 } else { 2 }).min(118);
    let fixed = fixed_rows(dialog) + 2;
    let body = body(scene, dialog, usize::from(width).saturating_sub(4));
    let wanted = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(fixed).max(12);
    let height = wanted.min(screen.height.saturating_sub(if screen.height > 30 { 4 } else { 0 }));
    let area = overlay::middle(screen, width, height);
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = title(scene, dialog);
    let hints = hints(scene, dialog);
    let hints: Vec<(&str, &str)> = hints.iter().map(|(key, what)| (key.as_str(), *what)).collect();
    let mut inside = overlay::open(scene, &mut window, title, &hints);
    lay_out(scene, &mut inside, dialog, &body)
}

fn hints(scene: Scene<'_>, dialog: &Dialog) -> Vec<(String, &'static str)> {
    let preview = dialog.purpose == Purpose::Preview;
    let mut hints = Vec::new();
    let mut hint = |key: &str, what| {
        if !key.is_empty() {
            hints.push((key.to_owned(), what));
        }
    };
    if !preview || dialog.choices.len() > 1 {
        hint("tab", "next field");
    }
    let chooses = dialog.form_field().is_some_and(|field| field.kind != FormKind::Text);
    if dialog.choices.len() > 1 || chooses {
        hint("← →", "choose");
    }
    hint("esc", if preview { "close" } else { "cancel" });
    // Where text is typed these are letters.
    if dialog.plan().is_some() && !dialog.takes_text() {
        if !preview {
            hint(&scene.model.setup.keys.shown(Command::WhatIf), "what if");
        }
        hint(&scene.model.setup.keys.shown(Command::Copy), "copy as a command");
    }
    hints
}

/// Rows for fields, notice and buttons, with the rule above them.
fn fixed_rows(dialog: &Dialog) -> u16 {
    let fields = dialog.fields();
    let line = |f: &&Field| matches!(f, Field::Choice | Field::Reason | Field::Name);
    let lines = fields.iter().filter(line).count() + dialog.form.len().min(FORM_ROWS);
    u16::try_from(lines).unwrap_or(3) + 3
}

/// The values of a long form that are shown at a time: those around the one that has the keyboard.
fn shown_values(dialog: &Dialog) -> std::ops::Range<usize> {
    let count = dialog.form.len();
    let rows = count.min(FORM_ROWS);
    let at = match dialog.field {
        Field::Form(index) => index,
        _ => 0,
    };
    let first = at.saturating_sub(FORM_ROWS / 2).min(count - rows);
    first..first + rows
}

fn title<'a>(scene: Scene<'a>, dialog: &Dialog) -> Words<'a> {
    let intent = dialog.intent();
    let environment = intent.as_ref().and_then(|i| i.place.as_ref()).map(|p| p.environment.as_str());
    let words = scene.words();
    let words = match environment {
        Some(name) => words.say(Role::Badge, badge(name)).gap(1),
        None => words,
    };
    let words = match dialog.purpose {
        Purpose::Preview => words.say(Role::Accent, "WHAT WOULD HAPPEN").gap(1),
        Purpose::Act => words,
    };
    let words = match dialog.plan() {
        Some(plan) if plan.breaks_glass() && dialog.purpose == Purpose::Act => {
            words.say(Role::NoGo, "BREAKING THE GLASS").gap(1)
        }
        _ => words,
    };
    match dialog.plan() {
        Some(plan) => words.say(Role::Strong, text::spelled_sentence(plan.title.as_str())),
        None => words.maybe(Role::Strong, intent.as_ref().map(|i| text::spelled_sentence(&wish(i)))),
    }
}

/// The environment's name, loud. A name that is not all lower case is left as it is written, in quotes: loud, it would
/// look like another.
pub(super) fn badge(environment: &str) -> String {
    let shown = text::name(environment, 20);
    if shown.chars().any(|c| c.is_uppercase() || c == '"' || c == 'ß') || shown.contains('…') {
        return format!(" \"{shown}\" ");
    }
    format!(" {} ", shown.to_uppercase())
}

fn wish(intent: &Intent) -> String {
    match &intent.place {
        Some(place) => format!("{} {place}", capital(intent.verb.word())),
        None => format!("{} {}", capital(intent.verb.word()), intent.service),
    }
}

pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|c| c.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn body(scene: Scene<'_>, dialog: &Dialog, room: usize) -> Vec<Line<'static>> {
    match &dialog.draft {
        Draft::Asking(_) => {
            let source = dialog.intent().map(|i| i.source.to_string()).unwrap_or_default();
            vec![
                Line::default(),
                scene
                    .words()
                    .sign(Sign::Asking)
                    .say(Role::Base, format!(" looking at {source} to see what exactly would be sent…"))
                    .within(room),
                scene
                    .words()
                    .gap(2)
                    .say(
                        Role::Muted,
                        format!(
                            "nothing is sent while you read this · {}",
                            spoken(scene.model.now.since(dialog.opened))
                        ),
                    )
                    .within(room),
            ]
        }
        Draft::Refused(refused) => refusal(scene, refused, dialog.purpose, room),
        Draft::Ready(plan) if dialog.purpose == Purpose::Preview => plan_body::preview(scene, plan, room),
        Draft::Ready(plan) => plan_body::lines(scene, plan, room),
    }
}

/// Why it would not be done; each rule in the way with its own cause, evidence and next step.
fn refusal(scene: Scene<'_>, refused: &Refused, purpose: Purpose, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default(), heading(scene, "this would not be done")];
    let one = |rule: Option<&str>, refusal: &Refusal, lines: &mut Vec<Line<'static>>| {
        lines.extend(labelled(scene, "why", Role::NoGo, refusal.cause.as_str(), room));
        lines.extend(rule.iter().flat_map(|rule| labelled(scene, "rule", Role::Base, rule, room)));
        for (label, role, part) in
            [("seen at", Role::Base, &refusal.evidence), ("next", Role::Strong, &refusal.next)]
        {
            lines.extend(part.iter().flat_map(|part| labelled(scene, label, role, part.as_str(), room)));
        }
    };
    if refused.breaches.is_empty() {
        one(None, &refused.refusal, &mut lines);
        return lines;
    }
    for (index, breach) in refused.breaches.iter().enumerate() {
        if index > 0 {
            lines.push(Line::default());
        }
        one(Some(breach.rule.word()), &breach.refusal, &mut lines);
    }
    if purpose == Purpose::Preview {
        return lines;
    }
    lines.push(Line::default());
    let hint = "In an emergency the glass can be broken: the plan then names every rule that it overrides, takes a \
                justification and two confirmations, and all of it is recorded first. The fresh look and the server's \
                guard stay.";
    lines.extend(panel::paragraph(scene.theme, Role::Muted, hint, room));
    lines
}

fn lay_out(
    scene: Scene<'_>,
    inside: &mut Sheet<'_>,
    dialog: &Dialog,
    body: &[Line<'static>],
) -> Option<Position> {
    let (width, height) = (inside.width(), inside.height());
    let fixed = fixed_rows(dialog).min(height);
    let body_height = height - fixed;
    let below = {
        let mut part = inside.part(0, 0, width, body_height);
        write_lines(&mut part, body, dialog.scroll)
    };
    let mut y = body_height;
    panel::rule(&mut inside.part(0, y, width, 1), 0, scene.theme.style(Role::Faint), "─");
    if below > 0 {
        let hint = scene.words().say(Role::Hold, format!(" ▼ {below} more lines ↑ ↓ ")).line();
        inside.part(0, y, width.saturating_sub(1), 1).line_right(0, &hint);
    }
    y += 1;
    let mut cursor = None;
    let values = shown_values(dialog);
    for field in dialog.fields() {
        let at = match field {
            Field::Form(index) if !values.contains(&index) => continue,
            Field::Choice => {
                choice(scene, &mut inside.part(0, y, width, 1), dialog);
                None
            }
            Field::Form(index) => {
                form(scene, &mut inside.part(0, y, width, 1), dialog, (index, dialog.field == field))
            }
            Field::Reason => {
                let label = match dialog.plan().map(|p| (p.reason, p.breaks_glass())) {
                    Some((_, true)) => "justification",
                    Some((ReasonRule::Required, _)) => "reason (required)",
                    _ => "reason (optional)",
                };
                input(scene, &mut inside.part(0, y, width, 1), label, &dialog.reason, dialog.field == field)
            }
            Field::Name => {
                let phrase = dialog.plan().and_then(|p| p.phrase.as_ref()).map_or("", |p| p.as_str());
                let label = format!("type {}", text::name(phrase, 24));
                input(scene, &mut inside.part(0, y, width, 1), &label, &dialog.name, dialog.field == field)
            }
            Field::Cancel | Field::Confirm | Field::Glass => continue,
        };
        cursor = cursor.or(at);
        y += 1;
    }
    notice(scene, &mut inside.part(0, y, width, 1), dialog);
    buttons(scene, &mut inside.part(0, height.saturating_sub(1), width, 1), dialog);
    cursor
}

fn choice(scene: Scene<'_>, sheet: &mut Sheet<'_>, dialog: &Dialog) {
    let label = dialog.choices.get(dialog.chosen).map_or("", |c| c.label.as_str());
    let room = usize::from(sheet.width());
    let count = format!("  {} of {}", dialog.chosen + 1, dialog.choices.len());
    let here = dialog.field == Field::Choice;
    let role = if here { Role::ButtonFocus } else { Role::Input };
    let words = gutter(scene, here, "target");
    let left = room.saturating_sub(words.width() + text::width(&count) + 4);
    let words = words.say(role, format!("← {} →", text::cut(label, left)));
    sheet.line(0, &words.say(Role::Muted, count).within(room));
}

/// A value that the gate asks for: a line of text, or a choice.
fn form(
    scene: Scene<'_>,
    sheet: &mut Sheet<'_>,
    dialog: &Dialog,
    (index, here): (usize, bool),
) -> Option<Position> {
    let field = dialog.form.get(index)?;
    let count = dialog.form.len();
    let label = match count > FORM_ROWS {
        true => format!("{:>2}/{count} {}", index + 1, text::name(field.name.as_str(), 14)),
        false => text::name(field.name.as_str(), 20),
    };
    let held = dialog.filled_in(field);
    if field.kind == FormKind::Text {
        let fresh = || InputText(held.into());
        let value = dialog.answers.get(&field.name).cloned().unwrap_or_else(fresh);
        return input(scene, sheet, &label, &value, here);
    }
    let role = if here { Role::ButtonFocus } else { Role::Input };
    let words = gutter(scene, here, &label);
    let about = text::cut(field.about.as_str(), 48);
    let left = usize::from(sheet.width()).saturating_sub(words.width() + text::width(&about) + 6);
    let words = words.say(role, format!("← {} →", text::cut(held, left.max(8))));
    sheet.line(0, &words.gap(2).say(Role::Muted, about).within(usize::from(sheet.width())));
    None
}

fn gutter<'a>(scene: Scene<'a>, here: bool, label: &str) -> Words<'a> {
    let words = scene.words().say(Role::Focus, if here { "▌" } else { " " });
    words.say(if here { Role::Strong } else { Role::Muted }, text::fit(label, 20)).gap(1)
}

/// A line of text under edit; returns where the cursor is if it has the keyboard.
pub(super) fn input(
    scene: Scene<'_>,
    sheet: &mut Sheet<'_>,
    label: &str,
    value: &InputText,
    here: bool,
) -> Option<Position> {
    let words = gutter(scene, here, label);
    let x = u16::try_from(words.width()).unwrap_or(0);
    sheet.line(0, &words.line());
    let room = usize::from(sheet.width().saturating_sub(x));
    let shown = value.0.value();
    let scroll = if here { value.0.visual_scroll(room.saturating_sub(2)) } else { 0 };
    let visible = text::cut(&skip_cells(shown, scroll), room);
    let mut field = sheet.part(x, 0, u16::MAX, 1);
    if here {
        let style = scene.theme.style(Role::Input);
        field.tint(0, 0, u16::MAX, 1, style);
        field.put(0, 0, &visible, style);
    } else {
        panel::rule(&mut field, 0, scene.theme.style(Role::Faint), "─");
        let mut ink = scene.theme.style(Role::Strong);
        ink.bg = None;
        field.put(0, 0, &visible, ink);
    }
    let column = value.0.visual_cursor().saturating_sub(scroll);
    let area = field.area();
    let column = u16::try_from(column).unwrap_or(0).min(area.width.saturating_sub(1));
    (here && area.width > 0).then_some(Position { x: area.x + column, y: area.y })
}

fn skip_cells(what: &str, cells: usize) -> String {
    let mut left = cells;
    what.chars()
        .skip_while(|c| {
            let wide = unicode_width::UnicodeWidthChar::width(*c).unwrap_or(0);
            let skip = left > 0;
            left = left.saturating_sub(wide);
            skip
        })
        .collect()
}

/// Why the last try did nothing, else what is still missing.
fn notice(scene: Scene<'_>, sheet: &mut Sheet<'_>, dialog: &Dialog) {
    let room = usize::from(sheet.width());
    let words = match (&dialog.notice, dialog.missing(scene.model.now)) {
        (Some(notice), _) => scene.words().sign(Sign::Warning).gap(1).say(Role::Hold, notice.as_str()),
        (None, Some(missing)) if dialog.plan().is_some() => {
            scene.words().gap(1).say(Role::Muted, missing.as_str())
        }
        _ => scene.words(),
    };
    sheet.line(0, &words.within(room));
}

fn buttons(scene: Scene<'_>, sheet: &mut Sheet<'_>, dialog: &Dialog) {
    let verb = dialog.intent().map_or(Verb::Cancel, |i| i.verb);
    let mut words = scene.words().gap(1);
    let close = if verb == Verb::Cancel { "Leave it" } else { "Cancel" };
    let preview = dialog.purpose == Purpose::Preview;
    let close = if dialog.plan().is_some() && !preview { close } else { "Close" };
    words = button(scene, words, close, dialog.field == Field::Cancel, true).gap(2);
    let ready = dialog.missing(scene.model.now).is_none();
    if let Some(plan) = dialog.plan() {
        let label = capital(verb.word());
        let label = if plan.breaks_glass() { format!("Break the glass: {label}") } else { label };
        if !preview {
            words = button(scene, words, &label, dialog.field == Field::Confirm, ready);
        }
        let age = scene.model.now.since(plan.looked);
        let fresh = format!("looked {} ago, good for {}", spoken(age), spoken(plan.max_age));
        let role = if plan.stale(scene.model.now) { Role::NoGo } else { Role::Muted };
        let right = scene.words().say(role, fresh);
        if words.width() + right.width() + 2 <= usize::from(sheet.width()) {
            sheet.line_right(0, &right.line());
        }
    }
    if dialog.fields().contains(&Field::Glass) {
        words = button(scene, words, "Break the glass…", dialog.field == Field::Glass, true);
    }
    sheet.line(0, &words.line());
}

pub(super) fn button<'a>(
    scene: Scene<'a>,
    words: Words<'a>,
    label: &str,
    here: bool,
    able: bool,
) -> Words<'a> {
    let style = match (here, able) {
        (true, _) => scene.theme.style(Role::ButtonFocus),
        (false, true) => scene.theme.style(Role::Button),
        (false, false) => scene.theme.style(Role::Button).patch(scene.theme.style(Role::KeyOff)),
    };
    let style = if here { style.add_modifier(Modifier::BOLD) } else { style };
    words.styled(style, if here { format!("[▸ {label} ]") } else { format!("[ {label} ]") })
}
