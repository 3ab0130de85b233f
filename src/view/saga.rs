//! A saga on its way to its outcome: its sum in one sentence, then one line for each target with its state and proof.

use ratatui::text::Line;

use super::decision::{outcome_sign, stage_text};
use super::dialog::capital;
use super::overlay::{self, heading, labelled};
use super::scene::Scene;
use super::sheet::{Sheet, Words, write_lines};
use super::text;
use crate::action::Truth;
use crate::app::joint::{Course, SagaRun};
use crate::domain::ActionId;
use crate::domain::time::spoken;
use crate::theme::{Role, Sign};

/// Draws a saga over the screen.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>, id: &ActionId) {
    let screen = sheet.area();
    let width = screen.width.saturating_sub(2).min(118);
    let run = scene.model.saga(id);
    let body = match run {
        Some(run) => body(scene, run, usize::from(width).saturating_sub(4)),
        None => vec![scene.words().say(Role::Muted, "this saga is not known in this session").line()],
    };
    let height = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_add(3).max(10);
    let area = overlay::middle(screen, width, height.min(screen.height));
    let mut window = sheet.part(area.x - screen.x, area.y - screen.y, area.width, area.height);
    let title = run.map_or_else(|| "saga".to_owned(), |run| capital(run.saga.title().as_str()));
    let over = run.is_none_or(SagaRun::is_over);
    let mut keys = vec![("esc", if over { "close" } else { "close; it goes on" }), ("↑ ↓", "scroll")];
    if run.is_some_and(|run| run.is_over() && !all_verified(scene, run)) {
        keys.push(("m", "plan anew for what is not verified"));
    }
    let mut inside = overlay::open(scene, &mut window, scene.words().say(Role::Strong, title), &keys);
    write_lines(&mut inside, &body, scene.model.overlay_scroll);
}

fn all_verified(scene: Scene<'_>, run: &SagaRun) -> bool {
    run.truths(scene.model).iter().all(|truth| *truth == Truth::Verified)
}

fn body(scene: Scene<'_>, run: &SagaRun, room: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    let (sign, role) = state(run);
    for (index, part) in
        text::wrap(run.tally(scene.model).as_str(), room.saturating_sub(2)).into_iter().enumerate()
    {
        let words = if index == 0 { scene.words().sign(sign).gap(1) } else { scene.words().gap(2) };
        lines.push(words.say(role, part).line());
    }
    if let Course::Stopped(why) = &run.course {
        lines.extend(labelled(scene, "stopped", Role::Hold, why.as_str(), room));
    }
    lines.push(Line::default());
    let elapsed = spoken(scene.model.now.since(run.began));
    lines.extend(labelled(scene, "begun", Role::Base, &format!("{elapsed} ago"), room));
    lines.extend(labelled(scene, "number", Role::Muted, run.saga.id.0.as_str(), room));
    if let Some(reason) = run.saga.members.first().and_then(|member| member.intent.reason.as_ref()) {
        lines.extend(labelled(scene, "reason", Role::Base, reason.as_str(), room));
    }
    lines.push(Line::default());
    lines.push(heading(scene, "targets, in their order"));
    lines.extend(targets(scene, run, room));
    if run.is_over() && !all_verified(scene, run) {
        lines.push(Line::default());
        let hint = "What has not begun was not sent, and never is by itself: m marks what is not verified, and plans anew.";
        lines.extend(super::panel::paragraph(scene.theme, Role::Hold, hint, room));
    }
    lines
}

/// The sign of the whole.
fn state(run: &SagaRun) -> (Sign, Role) {
    match &run.course {
        Course::Over(outcome) => (outcome_sign(outcome), outcome_sign(outcome).role()),
        Course::Stopped(_) => (Sign::Warning, Role::Hold),
        Course::Recording | Course::Running => (Sign::Running, Role::Running),
    }
}

/// One line for each target.
pub(super) fn targets(scene: Scene<'_>, run: &SagaRun, room: usize) -> Vec<Line<'static>> {
    let names: Vec<String> = run.saga.members.iter().map(|m| run.saga.name(m).to_string()).collect();
    let widest = names.iter().map(|name| text::width(name)).max().unwrap_or(0).min(room / 3);
    let truths = run.truths(scene.model);
    let told = run.told.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    let members = run.saga.members.iter().zip(names).zip(truths).zip(told).zip(1..);
    members
        .map(|((((member, name), truth), told), number)| {
            let sign = sign(truth);
            let words = number_and_name(scene, number, &name, widest, sign);
            let words = words.say(sign.role(), text::fit(truth.word(), 12));
            let said = match (scene.model.action(&member.action), told) {
                (Some(action), _) => stage_text(action),
                (None, Some(outcome)) => outcome.text().to_string(),
                (None, None) => String::new(),
            };
            let said = said.strip_prefix(&format!("{}: ", truth.word())).map_or(said.clone(), str::to_owned);
            words.say(Role::Base, said).within(room)
        })
        .collect()
}

fn number_and_name<'a>(scene: Scene<'a>, number: usize, name: &str, widest: usize, sign: Sign) -> Words<'a> {
    let words =
        scene.words().say(Role::Muted, text::fit_right(&number.to_string(), 2)).gap(1).sign(sign).gap(1);
    words.say(Role::Strong, text::fit(&text::name(name, widest), widest)).gap(2)
}

const fn sign(truth: Truth) -> Sign {
    match truth {
        Truth::NotStarted => Sign::Ahead,
        Truth::UnderWay | Truth::Sent => Sign::Running,
        Truth::Verified => Sign::Good,
        Truth::NotApplied => Sign::Cancelled,
        Truth::Failed => Sign::Bad,
        Truth::InDoubt => Sign::Unknown,
    }
}
