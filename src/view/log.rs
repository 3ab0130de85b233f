//! The log of one job: its steps on the left where there is room, its lines beside them, the line that has the eye
//! marked. Only what is in sight is built, however long the log is.
//!
//! ```text
//!  ✓ Set up job     │  118  09:04:11  ▸ Run make e2e
//!  ✗ End-to-end …   │▌ 131  09:04:40  FAILED cart survives two devices: connection refused
//!                   │      ┄ 478000 lines (48.1 MB) are not kept, 2 errors among them ┄
//! ```

mod page;

use ratatui::text::Line;

use super::panel::{self, Keyboard, Title};
use super::scene::{Scene, run_sign};
use super::sheet::{Sheet, Words};
use super::text;
use crate::app::log::{self, Desk, Eye};
use crate::app::model::Panel;
use crate::domain::log::{LeftOut, LogEnd};
use crate::domain::pipeline::JobStep;
use crate::domain::time::{ago, spoken};
use crate::domain::{Job, JobLog, LogAnswer, Run};
use crate::theme::{Role, Sign};
use page::Page;

/// From this width on the steps stand beside the lines.
const STEPS_FROM: u16 = 112;
/// Columns of the steps.
const STEPS: u16 = 30;

/// Draws the log.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    let desk = &scene.model.log;
    let found = desk.job.as_ref().and_then(|key| log::job_of(scene.model, key));
    let about = found.map(|(run, job)| called(desk, run, job)).unwrap_or_default();
    let title = Title::new(scene.theme, Panel::Log.title()).about(about).right(standing(scene, found));
    let keyboard = scene.keyboard(Panel::Log);
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        let (width, height) = (inside.width(), inside.height());
        let steps = log::steps(scene.model);
        match desk.log() {
            None => nothing(scene, steps, &mut inside),
            Some(log) if width >= STEPS_FROM && !steps.is_empty() => {
                let at = desk.index().and_then(|index| log.step_of(index, steps));
                steps_column(scene, steps, at, &mut inside.part(0, 0, STEPS, height));
                for y in 0..height {
                    inside.dot(STEPS, y, "│", scene.theme.style(Role::Faint));
                }
                lines(scene, log, keyboard, &mut inside.part(STEPS + 1, 0, width - STEPS - 1, height))
            }
            Some(log) => lines(scene, log, keyboard, &mut inside),
        }
    };
    panel::more_below(sheet, scene.theme, below);
}

/// `e2e of checkout, release.yml #61 attempt 2`.
fn called(desk: &Desk, run: &Run, job: &Job) -> String {
    let service = desk.job.as_ref().map(|key| key.run.service.to_string()).unwrap_or_default();
    let attempt = if run.attempt > 1 { format!(" attempt {}", run.attempt) } else { String::new() };
    format!("{} of {service}, {} #{}{attempt}", job.name, run.workflow, run.number)
}

/// How the job stands, how long it took, how long ago; how much of its log there is.
fn standing<'a>(scene: Scene<'a>, found: Option<(&Run, &Job)>) -> Words<'a> {
    let mut words = scene.words();
    let now = scene.model.now.wall;
    if let Some((_, job)) = found {
        let (sign, word) = run_sign(&job.state);
        words = words.sign(sign).gap(1).say(sign.role(), word);
        let took = job.started.map(|began| ago(job.finished.unwrap_or(now), began));
        words = words.maybe(Role::Muted, took.map(|took| format!(" in {}", spoken(took))));
        let ended = job.finished.map(|at| format!("{} ago", spoken(ago(now, at))));
        words = ended.into_iter().fold(words, |words, ended| words.dot().say(Role::Muted, ended));
    }
    let Some(log) = scene.model.log.log() else { return words };
    let count = log.lines.last().map_or(0, |line| line.number);
    let words = words.dot().say(Role::Muted, format!("{count} lines"));
    match (&log.end, scene.model.log.eye) {
        (LogEnd::Growing, Eye::End) => words.dot().say(Role::Running, "following"),
        (LogEnd::Growing, _) => words.dot().say(Role::Running, "growing, G follows"),
        (LogEnd::Stopped(_), _) => words.dot().say(Role::Hold, "in part"),
        (LogEnd::Complete, _) => words,
    }
}

/// There is no log to show: why, and how far the job is.
fn nothing(scene: Scene<'_>, steps: &[JobStep], inside: &mut Sheet<'_>) -> usize {
    let room = usize::from(inside.width()).saturating_sub(2).max(8);
    let desk = &scene.model.log;
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut say = |role, what: &str| {
        rows.extend(
            text::wrap(what, room).into_iter().map(|part| scene.words().gap(1).say(role, part).line()),
        );
    };
    match (&desk.job, &desk.answer) {
        (None, _) => {
            say(Role::Muted, "no job is selected: choose one in the pipeline of a service, then enter")
        }
        (Some(key), None) => say(Role::Muted, &format!("asking {} for the log…", key.run.source)),
        (Some(_), Some(LogAnswer::NotYet(why))) => say(Role::Base, why.as_str()),
        (Some(_), Some(LogAnswer::Failed(fault))) => {
            say(Role::NoGo, &fault.to_string());
            if let Some(hint) = &fault.hint {
                say(Role::Base, &format!("→ {hint}"));
            }
        }
        (Some(_), Some(LogAnswer::Here(_))) => {}
    }
    rows.push(Line::default());
    rows.extend(steps.iter().map(|step| step_row(scene, step).within(room)));
    super::sheet::write_lines(inside, &rows, 0)
}

fn step_row<'a>(scene: Scene<'a>, step: &JobStep) -> Words<'a> {
    let (sign, _) = run_sign(&step.state);
    let role = if sign == Sign::Bad { Role::NoGo } else { Role::Base };
    scene.words().gap(1).sign(sign).gap(1).say(role, step.name.as_str())
}

fn steps_column(scene: Scene<'_>, steps: &[JobStep], at: Option<usize>, sheet: &mut Sheet<'_>) {
    let room = usize::from(sheet.width());
    let rows: Vec<Line<'static>> = steps.iter().map(|step| step_row(scene, step).within(room)).collect();
    super::list::write_chosen(sheet, scene, &rows, at);
}

/// The lines in sight; returns how many lie below.
fn lines(scene: Scene<'_>, log: &JobLog, keyboard: Keyboard, sheet: &mut Sheet<'_>) -> usize {
    let desk = &scene.model.log;
    let Some(eye) = desk.index() else {
        sheet.line(0, &scene.words().gap(1).say(Role::Muted, "the log is empty").line());
        return 0;
    };
    let page = Page::new(scene, log, desk, sheet.width());
    let height = usize::from(sheet.height());
    let mut index = page.top(eye, height);
    let mut y = 0;
    while y < sheet.height() {
        let Some(line) = log.lines.get(index) else { break };
        if let Some(gap) = page.gap_before(index) {
            sheet.line(y, &gap_row(scene, gap).within(usize::from(sheet.width())));
            y += 1;
        }
        let chosen = index == eye && keyboard == Keyboard::Here;
        for row in page.rows(line) {
            if y >= sheet.height() {
                break;
            }
            sheet.line(y, &row);
            if chosen {
                sheet.select(y, scene.theme, scene.theme.style(Role::Focus));
            }
            y += 1;
        }
        index += 1;
    }
    if let (LogEnd::Stopped(why), true) = (&log.end, y < sheet.height()) {
        let words = scene.words().gap(1).sign(Sign::Warning).gap(1);
        let words = words.say(Role::Hold, format!("reading stopped here: {why}"));
        sheet.line(y, &words.within(usize::from(sheet.width())));
    }
    log.lines.len().saturating_sub(index)
}

fn gap_row(scene: Scene<'_>, gap: LeftOut) -> Words<'_> {
    let tenths = gap.bytes / 100_000;
    let mut said = format!("{} lines ({}.{} MB) are not kept", gap.lines, tenths / 10, tenths % 10);
    if gap.errors > 0 {
        said.push_str(&format!(
            ", {} among them",
            text::counted(usize::try_from(gap.errors).unwrap_or(0), "error")
        ));
    }
    scene.words().gap(1).sign(Sign::Warning).gap(1).say(Role::Hold, said)
}
