//! Everything below `/actions`: runs, attempts, jobs, gates, and what one can do with them.

use super::GitHub;
use super::artifacts;
use super::front::{Answer, Call, repo_at};
use super::lanes;
use super::logs;
use super::run::{self, ReviewRefused, Step};
use super::shape;
use super::state::{self, Approval, ENVIRONMENTS, Environment, Job, Phase, Repo, Run};
use super::workflow::{WORKFLOWS, Workflow};
use hyper::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// With any filter the API counts no further than this.
const FILTERED_LIMIT: usize = 1_000;
/// A run may be run again for this long.
const RERUN_DAYS: i64 = 30;

pub(super) fn route(github: &mut GitHub, index: usize, call: &Call, rest: &[&str]) -> Result<Answer, Answer> {
    let get = call.method == Method::GET;
    match rest {
        ["runs"] if get => Ok(runs(github, repo_at(github, index)?, call, None)),
        ["workflows"] if get => {
            let repo = repo_at(github, index)?;
            let all = WORKFLOWS.iter().map(|flow| shape::workflow(&github.base, repo, flow)).collect();
            Ok(Answer::page(
                call,
                all,
                |total, workflows| json!({"total_count": total, "workflows": workflows}),
            ))
        }
        ["workflows", word, more @ ..] => {
            let flow = state::workflow(repo_at(github, index)?, word).ok_or_else(Answer::not_found)?;
            in_workflow(github, index, call, flow, more)
        }
        ["jobs", id, "logs"] if get => logs::address(github, index, call, id),
        ["artifacts", id, "zip"] if get => artifacts::address(github, index, call, id),
        ["jobs", id] if get => {
            let repo = repo_at(github, index)?;
            let found = repo
                .runs
                .iter()
                .find_map(|run| run.jobs.iter().find(|job| job.id.to_string() == *id).map(|job| (run, job)));
            let (run, job) = found.ok_or_else(Answer::not_found)?;
            Ok(Answer::ok(shape::job(&github.base, repo, run, job, call.now)))
        }
        ["concurrency_groups", name] if get => {
            lanes::group(&github.base, repo_at(github, index)?, call, name)
        }
        ["runs", id, more @ ..] => {
            let repo = repo_at(github, index)?;
            let place =
                repo.runs.iter().position(|run| run.id.to_string() == *id).ok_or_else(Answer::not_found)?;
            if get { look(github, index, place, call, more) } else { act(github, index, place, call, more) }
        }
        _ => Err(Answer::not_found()),
    }
}

fn in_workflow(
    github: &mut GitHub,
    index: usize,
    call: &Call,
    flow: &'static Workflow,
    rest: &[&str],
) -> Result<Answer, Answer> {
    match rest {
        [] if call.method == Method::GET => {
            Ok(Answer::ok(shape::workflow(&github.base, repo_at(github, index)?, flow)))
        }
        ["runs"] if call.method == Method::GET => Ok(runs(github, repo_at(github, index)?, call, Some(flow))),
        ["dispatches"] if call.method == Method::POST => dispatch(github, index, call, flow),
        _ => Err(Answer::not_found()),
    }
}

/// The list of runs, newest first.
fn runs(github: &GitHub, repo: &Repo, call: &Call, flow: Option<&Workflow>) -> Answer {
    let fits = |run: &&Run| {
        let (status, conclusion) = run.status();
        let is = |name: &str, value: &str| call.param(name).is_none_or(|wanted| wanted == value);
        flow.is_none_or(|flow| flow.id == run.workflow.id)
            && call.param("status").is_none_or(|wanted| wanted == status || Some(wanted) == conclusion)
            && is("branch", &run.branch)
            && is("head_sha", &run.sha)
            && is("event", run.event)
            && is("actor", &run.actor)
            && call.param("created").is_none_or(|range| created_fits(range, &shape::time(run.created)))
    };
    let mut found: Vec<&Run> = repo.runs.iter().filter(fits).collect();
    found.sort_by_key(|run| std::cmp::Reverse((run.created, run.id)));
    if ["status", "branch", "head_sha", "event", "actor", "created"]
        .iter()
        .any(|name| call.param(name).is_some())
    {
        found.truncate(FILTERED_LIMIT);
    }
    let all = found.into_iter().map(|run| shape::run(&github.base, repo, run, None)).collect();
    Answer::page(call, all, |total, runs| json!({"total_count": total, "workflow_runs": runs}))
}

/// `>=T`, `<=T`, `>T`, `<T`, `A..B` or a day; times of one form compare as texts.
fn created_fits(range: &str, created: &str) -> bool {
    if let Some((from, to)) = range.split_once("..") {
        return (from == "*" || created >= from) && (to == "*" || created <= to);
    }
    match () {
        () if range.starts_with(">=") => created >= range.trim_start_matches(">="),
        () if range.starts_with("<=") => created <= range.trim_start_matches("<="),
        () if range.starts_with('>') => created > range.trim_start_matches('>'),
        () if range.starts_with('<') => created < range.trim_start_matches('<'),
        () => created.starts_with(range),
    }
}

fn look(github: &GitHub, index: usize, place: usize, call: &Call, rest: &[&str]) -> Result<Answer, Answer> {
    let repo = repo_at(github, index)?;
    let run = repo.runs.get(place).ok_or_else(Answer::not_found)?;
    let base = &github.base;
    match rest {
        [] => Ok(Answer::ok(shape::run(base, repo, run, None))),
        ["jobs"] => {
            let all = call.param("filter") == Some("all");
            Ok(jobs(base, repo, run, call, |attempt| all || attempt == run.attempt))
        }
        ["attempts", number, more @ ..] => {
            let attempt: u32 = number.parse().map_err(|_| Answer::not_found())?;
            if attempt == 0 || attempt > run.attempt {
                return Err(Answer::not_found());
            }
            let past = run.past.iter().find(|past| past.attempt == attempt);
            match more {
                [] => Ok(Answer::ok(shape::run(base, repo, run, past))),
                ["jobs"] => Ok(jobs(base, repo, run, call, |other| other == attempt)),
                _ => Err(Answer::not_found()),
            }
        }
        ["pending_deployments"] => {
            let gate = |environment: &&Environment| {
                let waits = |job: &&Job| {
                    job.phase == Phase::Waiting && job.plan.environment == Some(environment.name)
                };
                let since = run.current().filter(waits).map(|job| job.created).min();
                json!({
                    "environment": shape::environment_head(base, repo, environment), "wait_timer": run.besides.1,
                    "wait_timer_started_at": (run.besides.1 > 0).then(|| since.map(shape::time)),
                    "current_user_can_approve": run::may_review(run, environment, call.login()).is_ok(),
                    "reviewers": shape::reviewers(base, environment)
                })
            };
            Ok(Answer::ok(run.gates().iter().map(gate).collect()))
        }
        ["approvals"] => Ok(Answer::ok(run.approvals.iter().map(|a| approval(base, repo, a)).collect())),
        ["concurrency_groups"] => Ok(lanes::of_run(base, repo, run)),
        ["artifacts"] => Ok(artifacts::list(base, repo, run, call)),
        _ => Err(Answer::not_found()),
    }
}

fn jobs(base: &str, repo: &Repo, run: &Run, call: &Call, fits: impl Fn(u32) -> bool) -> Answer {
    let found = run.jobs.iter().filter(|job| fits(job.attempt));
    let all = found.map(|job| shape::job(base, repo, run, job, call.now)).collect();
    Answer::page(call, all, |total, jobs| json!({"total_count": total, "jobs": jobs}))
}

fn approval(base: &str, repo: &Repo, of: &Approval) -> Value {
    let environments: Vec<Value> = ENVIRONMENTS
        .iter()
        .filter(|environment| of.environments.contains(&environment.name))
        .map(|environment| {
            let mut head = shape::environment_head(base, repo, environment);
            if let Some(fields) = head.as_object_mut() {
                fields.insert("created_at".into(), shape::time(repo.created).into());
                fields.insert("updated_at".into(), shape::time(repo.created).into());
            }
            head
        })
        .collect();
    json!({"state": of.state, "comment": of.comment, "user": shape::user(base, &of.login), "environments": environments})
}

fn act(
    github: &mut GitHub,
    index: usize,
    place: usize,
    call: &Call,
    rest: &[&str],
) -> Result<Answer, Answer> {
    if call.method != Method::POST {
        return Err(Answer::not_found());
    }
    if rest == ["pending_deployments"] {
        call.must_write("deployments=write")?;
        return review(github, index, place, call);
    }
    call.must_write("actions=write")?;
    let run = github
        .repos
        .get_mut(index)
        .and_then(|repo| repo.runs.get_mut(place))
        .ok_or_else(Answer::not_found)?;
    match rest {
        [which @ ("rerun" | "rerun-failed-jobs")] => {
            let keep = *which == "rerun-failed-jobs";
            if !run.is_over() {
                return Err(Answer::error(403, "This workflow is already running"));
            }
            if call.now.duration_since(run.created) > SignedDuration::from_hours(24 * RERUN_DAYS) {
                return Err(Answer::error(
                    403,
                    "Unable to retry this workflow run because it was created over a month ago",
                ));
            }
            if keep && run.status().1 == Some("success") {
                return Err(Answer::error(403, "This workflow run has no failed jobs"));
            }
            if run.held {
                return Err(Answer::error(403, "This workflow run is waiting for a maintainer's approval"));
            }
            run::rerun(run, call.login(), keep, call.now);
            let id = run.id;
            if let Some(repo) = github.repos.get_mut(index) {
                lanes::enter(repo, id, call.now);
            }
            Ok(Answer::json(201, json!({})))
        }
        ["cancel" | "force-cancel"] => {
            if run.is_over() {
                return Err(Answer::error(409, "Cannot cancel a workflow run that is completed."));
            }
            if run.pending {
                lanes::end_pending(run, call.now);
            } else {
                run.cancelling = true;
            }
            Ok(Answer::json(202, json!({})))
        }
        ["approve"] => {
            if !run.held {
                return Err(Answer::error(403, "This run is not from a fork pull request or is not held"));
            }
            run.held = false;
            run.updated = call.now;
            Ok(Answer::json(201, json!({})))
        }
        ["deployment_protection_rule"] => pass(run, call),
        _ => Err(Answer::not_found()),
    }
}

/// Lets production pass, or fails it, as the App whose rule stands before it. Nobody else may.
fn pass(run: &mut Run, call: &Call) -> Result<Answer, Answer> {
    let owner = run.besides.0.as_ref().map(|app| format!("{app}[bot]"));
    if owner.as_deref() != Some(call.login()) {
        return Err(Answer::error(403, "Resource not accessible by personal access token"));
    }
    let environment = call.text("environment_name").ok_or_else(Answer::not_found)?;
    let waiting = run.jobs.iter_mut().filter(|job| job.phase == Phase::Waiting);
    for job in waiting.filter(|job| job.plan.environment == Some(environment)) {
        match call.text("state") {
            Some("approved") => job.passed = true,
            Some("rejected") => job.phase = Phase::Done("failure"),
            _ => return Err(Answer::invalid(json!([{"field": "state", "code": "invalid"}]))),
        }
    }
    run.updated = call.now;
    Ok(Answer::empty(204))
}

/// Approves or rejects: the unit is environment and run, so one call releases every waiting job of it.
fn review(github: &mut GitHub, index: usize, place: usize, call: &Call) -> Result<Answer, Answer> {
    let repo = repo_at(github, index)?;
    let missing = |field: &str| {
        Answer::json(
            422,
            json!({"message": format!("Invalid request.\n\n\"{field}\" wasn't supplied."),
                "documentation_url": "https://docs.github.com/rest/actions/workflow-runs#review-pending-deployments-for-a-workflow-run",
                "status": "422"}),
        )
    };
    let ids = call
        .body
        .get("environment_ids")
        .and_then(Value::as_array)
        .ok_or_else(|| missing("environment_ids"))?;
    let verdict = call.text("state").ok_or_else(|| missing("state"))?;
    let comment = call.text("comment").ok_or_else(|| missing("comment"))?;
    if !["approved", "rejected"].contains(&verdict) {
        return Err(Answer::invalid(
            json!([{"resource": "DeploymentReview", "field": "state", "code": "invalid"}]),
        ));
    }
    let named = |environment: &&Environment| {
        ids.iter().any(|id| id.as_u64() == Some(state::environment_id(repo, environment)))
    };
    let environments: Vec<&'static Environment> = ENVIRONMENTS.iter().filter(named).collect();
    if environments.is_empty() || environments.len() != ids.len() {
        return Err(refused(ReviewRefused::NotPending));
    }
    let given = Approval {
        state: verdict.to_owned(),
        comment: comment.to_owned(),
        login: call.login().to_owned(),
        environments: environments.iter().map(|environment| environment.name).collect(),
    };
    let id = repo.runs.get(place).map(|run| run.id);
    let Some(Repo { runs, deployments, .. }) = github.repos.get_mut(index) else {
        return Err(Answer::not_found());
    };
    let run = runs.get_mut(place).ok_or_else(Answer::not_found)?;
    let mut deploys = Vec::new();
    let mut step = Step {
        now: call.now,
        arrived: &|_, _, _| false,
        next_id: &mut github.next_id,
        deploys: &mut deploys,
    };
    run::review(run, deployments, &environments, &given, &mut step).map_err(refused)?;
    if verdict == "rejected"
        && let Some(repo) = github.repos.get_mut(index)
    {
        lanes::rejected(repo, place);
    }
    let repo = repo_at(github, index)?;
    let released = repo.deployments.iter().filter(|deployment| {
        Some(deployment.run) == id
            && environments.iter().any(|environment| environment.name == deployment.environment)
            && deployment.statuses.last().is_some_and(|(_, _, at)| *at == call.now)
    });
    Ok(Answer::ok(released.map(|deployment| shape::deployment(&github.base, repo, deployment)).collect()))
}

fn refused(why: ReviewRefused) -> Answer {
    let why = match why {
        ReviewRefused::NotPending => {
            "There are no pending deployment requests to approve or reject for these environments."
        }
        ReviewRefused::NotReviewer => "You are not a required reviewer of this environment.",
        ReviewRefused::SelfReview => {
            "The workflow run's initiator may not review its own deployments to this environment."
        }
    };
    Answer::invalid(json!([why]))
}

fn dispatch(
    github: &mut GitHub,
    index: usize,
    call: &Call,
    flow: &'static Workflow,
) -> Result<Answer, Answer> {
    call.must_write("actions=write")?;
    let Some(inputs) = flow.inputs else {
        return Err(Answer::error(422, "Workflow does not have 'workflow_dispatch' trigger"));
    };
    let reference =
        call.text("ref").ok_or_else(|| Answer::error(422, "Invalid request.\n\n\"ref\" wasn't supplied."))?;
    let given = call.body.get("inputs").and_then(Value::as_object).cloned().unwrap_or_default();
    let repo = repo_at(github, index)?;
    let sha = super::commits::named_only(repo, reference)
        .ok_or_else(|| Answer::error(422, &format!("No ref found for: {reference}")))?;
    if let Some(unknown) = given.keys().find(|key| !inputs.iter().any(|(name, _)| name == key)) {
        return Err(Answer::error(422, &format!("Unexpected inputs provided: [\"{unknown}\"]")));
    }
    if let Some((missing, _)) = inputs.iter().find(|(name, required)| *required && !given.contains_key(*name))
    {
        return Err(Answer::error(422, &format!("Required input '{missing}' not provided")));
    }
    let version = given.get("version").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(mut repo) = github.repos.get(index).cloned() else { return Err(Answer::not_found()) };
    let id = github.new_run(&mut repo, flow, &version, &sha, call.login(), call.now, "workflow_dispatch");
    reference.clone_into(&mut repo.runs.last_mut().ok_or_else(Answer::not_found)?.branch);
    let details =
        call.body.get("return_run_details") == Some(&Value::Bool(true)) || call.version == "2026-03-10";
    let answer = if details {
        Answer::ok(json!({
            "workflow_run_id": id, "run_url": shape::url(&github.base, &repo, &format!("/actions/runs/{id}")),
            "html_url": shape::html(&repo, &format!("/actions/runs/{id}"))
        }))
    } else {
        Answer::empty(204)
    };
    if let Some(slot) = github.repos.get_mut(index) {
        *slot = repo;
    }
    Ok(answer)
}
