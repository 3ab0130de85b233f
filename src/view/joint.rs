//! The dialog of several targets: each with what runs and what would run, its hazards or its refusal, in the order in
//! which they would be sent. Fields and buttons are laid out first, as in the dialog of one.

use ratatui::layout::Position;
use ratatui::text::Line;

use super::dialog::{button, capital, input};
use super::overlay::{self, heading};
use super::panel;
use super::scene::Scene;
use super::sheet::{Sheet, Words, write_lines};
use super::text;
use crate::action::saga::phrase;
use crate::app::dialog::{Draft, Field};
use crate::app::joint::{Joint, JointPart, Mark};
use crate::domain::service::ReasonRule;
use crate::domain::time::spoken;
use crate::domain::{Severity, Verb};
use crate::theme::{Role, Sign};

/// Draws the dialog over `sheet` (the whole screen); returns where the cursor is.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>, joint: &Joint) -> Option<Position> {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(if screen.width > 100 { 8 } else { 2 }).min(118);
    let body = body(scene, joint, usize::from(width).saturating_sub(4));
    let fixed = fixed_rows(joint);
    let wanted = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(fixed + 2).max(12);
    let height = wanted.min(screen.height.saturating_sub(if screen.height > 30 { 4 } else { 0 }));
    let area = overlay::middle(screen, width, height);
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = title(scene, joint);
    let mut keys = vec![("tab", "next field"), ("esc", "cancel")];
    if joint.refused().next().is_some() {
        keys.insert(1, ("x", "leave out what is in the way"));
    }
    let mut inside = overlay::open(scene, &mut window, title, &keys);
    lay_out(scene, &mut inside, joint, &body)
}

fn fixed_rows(joint: &Joint) -> u16 {
    let lines = joint.fields().iter().filter(|f| matches!(f, Field::Reason | Field::Name)).count();
    u16::try_from(lines).unwrap_or(2) + 3
}

fn title<'a>(scene: Scene<'a>, joint: &Joint) -> Words<'a> {
    let mut environments: Vec<&str> = joint
        .parts
        .iter()
        .filter_map(|part| Some(part.intent.as_ref()?.place.as_ref()?.environment.as_str()))
        .collect();
    environments.dedup();
    let words = match environments.as_slice() {
        [] => scene.words(),
        [one] => scene.words().say(Role::Badge, super::dialog::badge(one)).gap(1),
        [_, _, ..] => scene.words().say(Role::Badge, " SEVERAL ENVIRONMENTS ").gap(1),
    };
    words.say(Role::Strong, capital(phrase(joint.verb, joint.parts.len()).as_str()))
}

fn body(scene: Scene<'_>, joint: &Joint, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    let hint = "Sent one after another. The next begins when the one before was accepted; anything else stops the rest, \
                which then stays as it is until you plan anew.";
    lines.extend(panel::paragraph(scene.theme, Role::Muted, hint, room));
    lines.push(Line::default());
    lines.push(heading(scene, "targets, in this order"));
    for (part, number) in joint.parts.iter().zip(1..) {
        target(scene, joint, part, number, room, &mut lines);
    }
    let breaches = joint.refused().any(|part| match &part.draft {
        Draft::Refused(refused) => !refused.breaches.is_empty(),
        _ => false,
    });
    if breaches {
        lines.push(Line::default());
        let hint = "The glass is not broken for several at once: leave these out (x), and break it for each by itself.";
        lines.extend(panel::paragraph(scene.theme, Role::Hold, hint, room));
    }
    lines
}

fn target(
    scene: Scene<'_>,
    joint: &Joint,
    part: &JointPart,
    number: usize,
    room: usize,
    lines: &mut Vec<Line<'static>>,
) {
    let (sign, role) = match &part.draft {
        Draft::Asking(_) => (Sign::Asking, Role::Muted),
        Draft::Ready(_) => (Sign::Good, Role::Base),
        Draft::Refused(_) => (Sign::Bad, Role::NoGo),
    };
    let words =
        scene.words().say(Role::Muted, text::fit_right(&number.to_string(), 2)).gap(1).sign(sign).gap(1);
    let names = joint.parts.iter().map(|part| name(&part.mark));
    let widest = names.map(|name| text::width(&name)).max().unwrap_or(0).min(32).min(room / 3);
    let words = words.say(Role::Strong, text::fit(&text::name(&name(&part.mark), widest), widest)).gap(2);
    match &part.draft {
        Draft::Asking(_) => {
            lines.push(words.say(role, "looking at what exactly would be sent…").within(room))
        }
        Draft::Ready(plan) => {
            let label = |artifact: &Option<crate::domain::Artifact>| {
                artifact.as_ref().map(|a| text::name(a.label(), 18))
            };
            let words = match (label(&plan.prepared.from), label(&plan.prepared.to)) {
                (from, Some(to)) => {
                    words.maybe(Role::Base, from).say(Role::Muted, " → ").say(Role::Accent, to)
                }
                (_, None) => words.say(Role::Base, plan.title.as_str()),
            };
            let count = plan.prepared.steps.len();
            lines.push(words.dot().say(Role::Muted, text::counted(count, "request")).within(room));
            for hazard in &plan.hazards {
                let (sign, role) = match hazard.severity {
                    Severity::Note => (Sign::Note, Role::Base),
                    Severity::Warning => (Sign::Warning, Role::Hold),
                    Severity::Blocking => (Sign::Bad, Role::NoGo),
                };
                indented(scene, sign, role, hazard.text.as_str(), room, lines);
            }
        }
        Draft::Refused(refused) => {
            lines.push(words.say(role, "in the way").within(room));
            indented(scene, Sign::Bad, Role::NoGo, refused.refusal.cause.as_str(), room, lines);
            for (label, part) in [("seen at", &refused.refusal.evidence), ("next", &refused.refusal.next)] {
                if let Some(part) = part {
                    indented(scene, Sign::Note, Role::Base, &format!("{label}: {part}"), room, lines);
                }
            }
        }
    }
}

fn name(mark: &Mark) -> String {
    mark.to_string()
}

fn indented(
    scene: Scene<'_>,
    sign: Sign,
    role: Role,
    what: &str,
    room: usize,
    lines: &mut Vec<Line<'static>>,
) {
    for (index, part) in text::wrap(what, room.saturating_sub(7).max(1)).into_iter().enumerate() {
        let words = scene.words().gap(5);
        let words = if index == 0 { words.sign(sign).gap(1) } else { words.gap(2) };
        lines.push(words.say(role, part).line());
    }
}

fn lay_out(
    scene: Scene<'_>,
    inside: &mut Sheet<'_>,
    joint: &Joint,
    body: &[Line<'static>],
) -> Option<Position> {
    let (width, height) = (inside.width(), inside.height());
    let body_height = height - fixed_rows(joint).min(height);
    let below = write_lines(&mut inside.part(0, 0, width, body_height), body, joint.scroll);
    let mut y = body_height;
    panel::rule(&mut inside.part(0, y, width, 1), 0, scene.theme.style(Role::Faint), "─");
    if below > 0 {
        let hint = scene.words().say(Role::Hold, format!(" ▼ {below} more lines ↑ ↓ ")).line();
        inside.part(0, y, width.saturating_sub(1), 1).line_right(0, &hint);
    }
    y += 1;
    let mut cursor = None;
    for field in joint.fields() {
        let here = joint.field == field;
        let (label, value) = match field {
            Field::Reason if joint.reason_rule() == ReasonRule::Required => {
                ("reason (required)".to_owned(), &joint.reason)
            }
            Field::Reason => ("reason (optional)".to_owned(), &joint.reason),
            Field::Name => {
                let phrase = joint.phrase().unwrap_or_default();
                (format!("type {}", text::name(phrase.as_str(), 24)), &joint.name)
            }
            _ => continue,
        };
        let at = input(scene, &mut inside.part(0, y, width, 1), &label, value, here);
        cursor = cursor.or(at);
        y += 1;
    }
    let room = usize::from(width);
    let notice = match (&joint.notice, joint.missing(scene.model.now)) {
        (Some(notice), _) => scene.words().sign(Sign::Warning).gap(1).say(Role::Hold, notice.as_str()),
        (None, Some(missing)) => scene.words().gap(1).say(Role::Muted, missing.as_str()),
        (None, None) => scene.words(),
    };
    inside.line(y, &notice.within(room));
    buttons(scene, &mut inside.part(0, height.saturating_sub(1), width, 1), joint);
    cursor
}

fn buttons(scene: Scene<'_>, sheet: &mut Sheet<'_>, joint: &Joint) {
    let close = if joint.verb == Verb::Cancel { "Leave it" } else { "Cancel" };
    let mut words = button(scene, scene.words().gap(1), close, joint.field == Field::Cancel, true).gap(2);
    if let Some(plans) = joint.plans() {
        let ready = joint.missing(scene.model.now).is_none();
        let label = capital(phrase(joint.verb, joint.parts.len()).as_str());
        words = button(scene, words, &label, joint.field == Field::Confirm, ready);
        let oldest = plans.iter().map(|plan| scene.model.now.since(plan.looked)).max().unwrap_or_default();
        let limit = plans.iter().map(|plan| plan.max_age).min().unwrap_or_default();
        let fresh = format!("looked {} ago, good for {}", spoken(oldest), spoken(limit));
        let right = scene.words().say(Role::Muted, fresh);
        if words.width() + right.width() + 2 <= usize::from(sheet.width()) {
            sheet.line_right(0, &right.line());
        }
    }
    sheet.line(0, &words.line());
}
