//! Concurrency groups: one run holds a group, one stands behind it, and a newer one takes that place and ends the other.
//!
//! Never kinder than the real thing: a holder whose gate is rejected leaves the group held by nobody, for ever.

use super::front::{Answer, Call};
use super::shape;
use super::state::{Repo, Run};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Whether a run takes part in its repository's group: runs that deploy do.
fn takes_part(repo: &Repo, run: &Run) -> bool {
    repo.rules.lane.is_some() && run.workflow.jobs.iter().any(|job| job.environment.is_some())
}

fn holds(repo: &Repo, run: &Run) -> bool {
    takes_part(repo, run) && !run.pending && !run.is_over()
}

/// A run has begun, or begun anew: it holds the group, or stands behind and ends who stood there.
pub(super) fn enter(repo: &mut Repo, id: u64, now: Timestamp) {
    let Some(own) = repo.runs.iter().find(|run| run.id == id) else { return };
    if !takes_part(repo, own) {
        return;
    }
    let held = repo.lane_lost || repo.runs.iter().any(|run| run.id != id && holds(repo, run));
    if !held {
        return;
    }
    for run in &mut repo.runs {
        if run.id == id {
            run.pending = true;
        } else if run.pending {
            end_pending(run, now);
        }
    }
}

/// Ends a run that never had a job.
pub(super) fn end_pending(run: &mut Run, now: Timestamp) {
    run.pending = false;
    run.ended.push((run.attempt, "cancelled"));
    run.updated = now;
}

/// Lets the run that stands behind begin when nobody holds the group any more.
pub(super) fn tick(repo: &mut Repo, now: Timestamp) {
    if repo.lane_lost || repo.runs.iter().any(|run| holds(repo, run)) {
        return;
    }
    if let Some(next) = repo.runs.iter_mut().find(|run| run.pending) {
        next.pending = false;
        next.updated = now;
    }
}

/// A gate was rejected: the run ends, the group stays held.
pub(super) fn rejected(repo: &mut Repo, place: usize) {
    let lost = repo.runs.get(place).is_some_and(|run| takes_part(repo, run));
    repo.lane_lost |= lost;
}

/// The groups of a run: `concurrency-group-run-list`.
pub(super) fn of_run(base: &str, repo: &Repo, run: &Run) -> Answer {
    let groups: Vec<Value> = repo
        .rules
        .lane
        .iter()
        .filter(|_| takes_part(repo, run) && !run.is_over())
        .map(|group| {
            let mut item = member(base, repo, run);
            if let Some(fields) = item.as_object_mut() {
                fields.insert("position".into(), u32::from(run.pending).into());
                let ahead = format!("{}?ahead_of_run={}", group_url(base, repo, group), run.id);
                fields.insert("position_url".into(), ahead.into());
            }
            json!({"group_name": group, "group_url": group_url(base, repo, group), "group_members": [item]})
        })
        .collect();
    Answer::ok(json!({"total_count": groups.len(), "concurrency_groups": groups}))
}

/// One group, the holder first: `concurrency-group`. One that nobody is in is not found.
pub(super) fn group(base: &str, repo: &Repo, call: &Call, name: &str) -> Result<Answer, Answer> {
    // The names of groups ignore case.
    let known = repo.rules.lane.as_deref().filter(|lane| lane.eq_ignore_ascii_case(name));
    let lane = known.ok_or_else(Answer::not_found)?;
    let mut inside: Vec<&Run> =
        repo.runs.iter().filter(|run| takes_part(repo, run) && !run.is_over()).collect();
    inside.sort_by_key(|run| (run.pending, run.created));
    if let Some(wanted) = call.param("ahead_of_run") {
        let place =
            inside.iter().position(|run| run.id.to_string() == wanted).ok_or_else(Answer::not_found)?;
        inside.truncate(place + 1);
    }
    if inside.is_empty() {
        return Err(Answer::not_found());
    }
    let members: Vec<Value> = inside.iter().map(|run| member(base, repo, run)).collect();
    Ok(Answer::ok(json!({
        "group_name": lane, "group_url": group_url(base, repo, lane), "total_count": members.len(),
        "group_members": members
    })))
}

fn group_url(base: &str, repo: &Repo, group: &str) -> String {
    shape::url(base, repo, &format!("/actions/concurrency_groups/{group}"))
}

fn member(base: &str, repo: &Repo, run: &Run) -> Value {
    json!({
        "run_id": run.id, "run_name": run.title, "status": if run.pending { "pending" } else { "in_progress" },
        "run_url": shape::url(base, repo, &format!("/actions/runs/{}", run.id)),
        "run_html_url": shape::html(repo, &format!("/actions/runs/{}", run.id))
    })
}
