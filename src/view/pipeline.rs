//! The selected service's pipeline: the newest run with its jobs by stage, how long each took and how far what runs
//! is against how long it usually takes; then the runs before it.
//!
//! ```text
//!  ● #66 Release 2.15.0   4f2c8b6  main  push by mara   runs 4 min 2 s
//!  BUILD    ✓ compile          1m58
//!  TEST     ● e2e              2m10  ████████░░░░ 62 % of usual 3m30
//!             ▸ seed database
//! ```

use std::time::Duration;

use jiff::Timestamp;
use ratatui::text::Line;

use super::list::write_chosen;
use super::panel::{self, Keyboard, Title};
use super::scene::{Age, Scene, bar, run_sign};
use super::sheet::{Sheet, Words};
use super::{results, text};
use crate::app::model::Panel;
use crate::app::spot::Spot;
use crate::app::views;
use crate::domain::assess::{STALE, stage_of, usual};
use crate::domain::time::{ago, short, spoken};
use crate::domain::{Job, Pipeline, Run, RunState, Service, Stage};
use crate::theme::{Role, Sign};

/// Failed tests that are named below the jobs.
const FAILED: usize = 3;

/// Draws the pipeline panel.
pub(super) fn draw(scene: Scene<'_>, sheet: &mut Sheet<'_>) {
    scene.spot(sheet.area(), || Spot::Panel(Panel::Pipeline));
    let about = scene.service.map_or("", |s| s.name.as_str());
    let age = scene.service.and_then(|s| Some(scene.age(s.pipeline.as_ref()?, &s.name, STALE)));
    let right = age.map_or_else(|| scene.words(), |age| age.label(scene.theme));
    let title = Title::new(scene.theme, Panel::Pipeline.title()).about(about).right(right);
    let keyboard = scene.keyboard(Panel::Pipeline);
    let below = {
        let mut inside = panel::frame(sheet, scene.theme, scene.edge, keyboard, title);
        let room = usize::from(inside.width());
        let (lines, chosen) = lines(scene, age.unwrap_or(Age::Never), room);
        write_chosen(&mut inside, scene, &lines, chosen.filter(|_| keyboard == Keyboard::Here))
    };
    panel::more_below(sheet, scene.theme, below);
}

/// The lines, and which of them is the selected job's.
fn lines(scene: Scene<'_>, age: Age, room: usize) -> (Vec<Line<'static>>, Option<usize>) {
    let Some(service) = scene.service else {
        return (vec![scene.words().gap(1).say(Role::Muted, "no service is selected").line()], None);
    };
    let Some(seen) = scene.model.world.pipeline(service) else {
        let nothing = scene.nothing(service.pipeline.as_ref(), &service.name, "pipeline");
        return (vec![nothing.within(room)], None);
    };
    let Some(run) = seen.value.runs.first() else {
        return (vec![scene.words().gap(1).say(Role::Muted, "no run yet").line()], None);
    };
    let mut lines = vec![headline(scene, run, age).within(room)];
    let chosen = jobs(scene, service, seen.value, run, room, &mut lines);
    lines.extend(results::lines(scene, run, FAILED, room));
    for remark in &seen.value.remarks {
        lines.push(
            scene.words().gap(1).sign(Sign::Note).gap(1).say(Role::Muted, remark.as_str()).within(room),
        );
    }
    let older: Vec<&Run> = seen.value.runs.iter().skip(1).collect();
    if !older.is_empty() {
        lines.push(Line::default());
    }
    lines.extend(older.into_iter().map(|run| earlier(scene, run, room).within(room)));
    (lines, chosen)
}

fn headline<'a>(scene: Scene<'a>, run: &Run, age: Age) -> Words<'a> {
    let (sign, word) = run_sign(&run.state);
    let words =
        scene.words().gap(1).sign(sign).gap(1).say(age.ink(Role::Strong), format!("#{}", run.number)).gap(1);
    let words = words.say(age.ink(Role::Strong), text::cut(run.title.as_str(), 32)).gap(2);
    let words = words.say(Role::Accent, run.revision.short());
    let words =
        words.maybe(Role::Muted, run.branch.as_ref().map(|b| format!(" {}", text::name(b.as_str(), 24))));
    let words = words.dot().say(sign.role(), word);
    let words = words.maybe(Role::Muted, took(scene, run.started, ended(run)).map(|d| lasted(run, d)));
    let words = words.dot().say(Role::Muted, run.workflow.as_str());
    let words = words.maybe(Role::Muted, (run.attempt > 1).then(|| format!(" attempt {}", run.attempt)));
    words.maybe(Role::Muted, run.actor.as_ref().map(|who| format!(" by {}", text::cut(who.as_str(), 20))))
}

fn lasted(run: &Run, duration: Duration) -> String {
    match run.state {
        RunState::Running => format!(" for {}", spoken(duration)),
        _ if run.state.ended() => format!(" in {}", spoken(duration)),
        _ => format!(", began {} ago", spoken(duration)),
    }
}

fn ended(run: &Run) -> Option<Timestamp> {
    run.updated.filter(|_| run.state.ended())
}

fn took(scene: Scene<'_>, started: Option<Timestamp>, ended: Option<Timestamp>) -> Option<Duration> {
    started.map(|started| ago(ended.unwrap_or(scene.model.now.wall), started))
}

/// The jobs of a run grouped by stage, in the stages' order; returns the line of the selected one.
fn jobs(
    scene: Scene<'_>,
    service: &Service,
    pipeline: &Pipeline,
    run: &Run,
    room: usize,
    lines: &mut Vec<Line<'static>>,
) -> Option<usize> {
    if run.jobs.is_empty() {
        lines.push(scene.words().gap(3).say(Role::Muted, "its jobs are not known").line());
        return None;
    }
    let at_hand = views::job_at_hand(scene.model);
    let mut chosen = None;
    let mut grouped: Vec<(Stage, &Job)> =
        run.jobs.iter().map(|job| (stage_of(service, job.name.as_str()), job)).collect();
    grouped.sort_by_key(|(stage, _)| *stage);
    let name_room = grouped.iter().map(|(_, job)| text::width(job.name.as_str())).max().unwrap_or(0);
    let name_room = name_room.clamp(8, (room * 2 / 5).max(8));
    let mut before = None;
    for (stage, job) in grouped {
        if at_hand.as_ref().is_some_and(|key| key.run == run.key && key.id == job.id) {
            chosen = Some(lines.len());
        }
        let first = before != Some(stage);
        before = Some(stage);
        let label = stage.word();
        let words = scene.words().gap(1).say(Role::Title, text::fit(if first { label } else { "" }, 8));
        lines.push(job_row(scene, words.gap(1), pipeline, job, (name_room, room)).within(room));
        if let Some(step) = job.steps.iter().find(|s| s.state == RunState::Running || is_failed(&s.state)) {
            let (sign, _) = run_sign(&step.state);
            let words = scene.words().gap(12).say(sign.role(), "▸ ").say(Role::Muted, step.name.as_str());
            lines.push(words.within(room));
        }
    }
    chosen
}

const fn is_failed(state: &RunState) -> bool {
    matches!(state, RunState::Failed(_))
}

fn job_row<'a>(
    scene: Scene<'a>,
    words: Words<'a>,
    pipeline: &Pipeline,
    job: &Job,
    (name_room, room): (usize, usize),
) -> Words<'a> {
    let (sign, word) = run_sign(&job.state);
    let name = text::name(job.name.as_str(), name_room);
    let role = if matches!(sign, Sign::Ahead | Sign::Skipped) { Role::Muted } else { Role::Base };
    let words = words.sign(sign).gap(1).say(role, text::fit(&name, name_room));
    let elapsed = took(scene, job.started, job.finished).filter(|_| job.state != RunState::Queued);
    let words =
        words.gap(1).say(Role::Base, text::fit_right(&elapsed.map(short).unwrap_or_default(), 6)).gap(2);
    if job.state != RunState::Running {
        let quiet = matches!(job.state, RunState::Passed);
        return if quiet { words } else { words.say(sign.role(), word) };
    }
    match (usual(pipeline, job.name.as_str()), elapsed) {
        (Some(usual), Some(elapsed)) if !usual.is_zero() => {
            let percent = percent(elapsed, usual);
            let cells = room.saturating_sub(words.width() + 6).clamp(4, 12);
            let (full, empty) = bar(cells, percent);
            let words = words.say(Role::Running, full).say(Role::Faint, empty).gap(1);
            if elapsed > usual {
                let over = elapsed.saturating_sub(usual);
                return words.say(Role::Hold, format!("{} over the usual {}", short(over), short(usual)));
            }
            let left = usual.saturating_sub(elapsed);
            let words = words.say(Role::Base, format!("{percent} %"));
            let left = format!("  about {} left", short(left));
            if words.width() + text::width(&left) <= room { words.say(Role::Muted, left) } else { words }
        }
        _ => words.say(Role::Running, word),
    }
}

fn percent(elapsed: Duration, usual: Duration) -> u32 {
    let share = elapsed.as_secs().saturating_mul(100).checked_div(usual.as_secs().max(1)).unwrap_or(0);
    u32::try_from(share).unwrap_or(99).min(99)
}

fn earlier<'a>(scene: Scene<'a>, run: &Run, room: usize) -> Words<'a> {
    let (sign, word) = run_sign(&run.state);
    let words =
        scene.words().gap(1).sign(sign).gap(1).say(Role::Base, text::fit(&format!("#{}", run.number), 6));
    let words =
        words.say(Role::Base, text::fit(run.title.as_str(), room.saturating_sub(42).clamp(6, 28))).gap(1);
    let words = words.say(Role::Accent, text::fit(run.revision.short(), 8));
    let when = run.started.map(|at| format!("{} ago", spoken(ago(scene.model.now.wall, at))));
    let words = words.say(Role::Muted, text::fit_right(&when.unwrap_or_default(), 15));
    let words =
        words.maybe(Role::Muted, took(scene, run.started, ended(run)).map(|d| text::fit_right(&short(d), 8)));
    if run.state.passed() { words } else { words.gap(2).say(sign.role(), word) }
}
