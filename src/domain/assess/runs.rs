//! BUILD, TEST and RELEASE: what the jobs of the run that matters say.

use std::time::Duration;

use super::super::pipeline::{Job, Run, RunState};
use super::super::service::StagePattern;
use super::super::verdict::Standing;
use super::super::{Mark, Pipeline, Service, Stage, Verdict};
use super::{Case, STALE, tested};

/// Judges the run that matters: the newest on the commit that would ship, else the newest.
pub(super) fn judge(case: &mut Case<'_>, standings: &[Standing]) {
    let Some(source) = &case.service.pipeline else { return };
    let stages = [Stage::Build, Stage::Test, Stage::Release];
    if let Some(why) = case.unusable(source, STALE) {
        for stage in stages {
            case.say(stage, None, Mark::Judged(Verdict::Unknown), &why);
        }
        return;
    }
    let Some(pipeline) = case.world.pipeline(case.service) else {
        let why = format!("{source} knows nothing of this pipeline");
        return case.say(Stage::Build, None, Mark::Judged(Verdict::Unknown), &why);
    };
    let Some(run) = run_that_matters(pipeline.value, standings, case) else {
        return case.say(Stage::Build, None, Mark::Judged(Verdict::Unknown), "no run yet");
    };
    for stage in stages {
        let jobs: Vec<&Job> =
            run.jobs.iter().filter(|j| stage_of(case.service, j.name.as_str()) == stage).collect();
        let mark = stage_mark(&jobs, run);
        let text = stage_text(stage, &jobs, run);
        case.say(stage, None, mark, &text);
    }
    tested::judge(case, pipeline.value, &run.revision);
    if matches!(run.state, RunState::Failed(_)) && !run.jobs.iter().any(failed) {
        case.say(Stage::Build, None, Mark::Judged(Verdict::NoGo), &format!("run {} failed", run.number));
    }
}

fn run_that_matters<'a>(pipeline: &'a Pipeline, standings: &[Standing], case: &Case<'_>) -> Option<&'a Run> {
    let repository = case.world.repository(case.service);
    let coming = standings.iter().rev().find_map(|s| {
        let coming = s.coming.as_ref()?;
        coming
            .revision
            .clone()
            .or_else(|| repository.as_ref()?.value.resolve(coming.version.as_ref()?.as_str()).cloned())
    });
    coming
        .and_then(|sha| pipeline.runs.iter().find(|r| r.revision == sha && !r.jobs.is_empty()))
        .or_else(|| pipeline.runs.iter().find(|r| !held(r)))
        .or_else(|| pipeline.runs.first())
}

/// Whether a run has yet to be let start: it tells nothing of the release.
fn held(run: &Run) -> bool {
    run.state == RunState::WaitingForHuman && run.jobs.is_empty()
}

/// The stage that a job belongs to: the first pattern found in its name, TEST if none is.
#[must_use]
pub fn stage_of(service: &Service, job: &str) -> Stage {
    let name = job.to_lowercase();
    let found = |p: &&StagePattern| name.contains(&p.text);
    service.stages.iter().find(found).map_or(Stage::Test, |p| p.stage)
}

fn failed(job: &Job) -> bool {
    matches!(job.state, RunState::Failed(_))
}

fn stage_mark(jobs: &[&Job], run: &Run) -> Mark {
    if jobs.is_empty() {
        return if run.state.ended() { Mark::NotWatched } else { Mark::Ahead };
    }
    if jobs.iter().any(|j| failed(j)) {
        return Mark::Judged(Verdict::NoGo);
    }
    if jobs.iter().any(|j| matches!(j.state, RunState::Unknown(_))) {
        return Mark::Judged(Verdict::Unknown);
    }
    if jobs.iter().any(|j| j.state == RunState::Running) {
        return Mark::Running(progress(jobs));
    }
    if jobs.iter().all(|j| j.state == RunState::Skipped) {
        return Mark::NotWatched;
    }
    if jobs.iter().any(|j| j.state == RunState::Cancelled) {
        return Mark::Judged(Verdict::Hold);
    }
    if jobs.iter().all(|j| j.state.passed() || j.state == RunState::Skipped) {
        return Mark::Judged(Verdict::Go);
    }
    Mark::Ahead
}

fn stage_text(stage: Stage, jobs: &[&Job], run: &Run) -> String {
    let bad = jobs
        .iter()
        .find(|j| failed(j) || j.state == RunState::Cancelled || matches!(j.state, RunState::Unknown(_)));
    match bad {
        Some(job) => {
            let how = match &job.state {
                RunState::Failed(word) => word.to_string(),
                RunState::Cancelled => "was cancelled".into(),
                RunState::Unknown(word) => format!("is in a state we do not know: {word}"),
                _ => String::new(),
            };
            format!("job {} of run {}: {how}", job.name, run.number)
        }
        None => format!("{} of run {} is under way", stage.word().to_ascii_lowercase(), run.number),
    }
}

/// Share of steps that have ended, per cent; none if no step is known.
fn progress(jobs: &[&Job]) -> Option<u32> {
    let steps = jobs.iter().flat_map(|j| &j.steps);
    let (done, all) = steps.fold((0_u32, 0_u32), |(d, a), s| (d + u32::from(s.state.ended()), a + 1));
    (done * 100).checked_div(all)
}

/// How long a job of this name usually takes: the median of its earlier passes.
#[must_use]
pub fn usual(pipeline: &Pipeline, job: &str) -> Option<Duration> {
    let mut took: Vec<Duration> = pipeline
        .runs
        .iter()
        .flat_map(|r| &r.jobs)
        .filter(|j| j.name == job && j.state.passed())
        .filter_map(|j| Duration::try_from(j.finished?.duration_since(j.started?)).ok())
        .collect();
    took.sort();
    took.get(took.len() / 2).copied()
}
