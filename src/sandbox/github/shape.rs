//! The shapes of the answers: JSON objects with every key that the published description requires.

use super::state::{self, Deployment, Environment, Job, PastAttempt, Phase, Repo, Run, User};
use super::workflow::Workflow;
use crate::sandbox::images::OWNER;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The addresses that a user's object carries: key, rest of the address.
const USER_URLS: [(&str, &str); 10] = [
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("organizations_url", "/orgs"),
    ("repos_url", "/repos"),
    ("events_url", "/events{/privacy}"),
    ("received_events_url", "/received_events"),
    ("url", ""),
];

/// The addresses that a repository's object carries.
const REPO_URLS: &str = "archive assignees blobs branches collaborators comments commits compare contents contributors \
     deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels \
     languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams trees";

/// A time as the API writes it.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An address below a repository.
pub(super) fn url(base: &str, repo: &Repo, rest: &str) -> String {
    format!("{base}/repos/{OWNER}/{}{rest}", repo.name)
}

/// An address for a browser.
pub(super) fn html(repo: &Repo, rest: &str) -> String {
    format!("https://github.com/{OWNER}/{}{rest}", repo.name)
}

/// `simple-user`.
pub(super) fn user(base: &str, login: &str) -> Value {
    let id = login.bytes().fold(7_u64, |sum, byte| sum * 31 % 900_001 + u64::from(byte));
    let mut fields = Map::new();
    for (key, rest) in USER_URLS {
        fields.insert(key.into(), format!("{base}/users/{login}{rest}").into());
    }
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    let more = json!({
        "login": login, "id": id, "node_id": format!("U_{id}"), "gravatar_id": "", "type": kind, "site_admin": false,
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "html_url": format!("https://github.com/{login}")
    });
    merge(&mut fields, more);
    Value::Object(fields)
}

/// `private-user`.
pub(super) fn private_user(base: &str, who: &User) -> Value {
    let Value::Object(mut fields) = user(base, &who.login) else { return Value::Null };
    merge(
        &mut fields,
        json!({
            "name": who.name, "company": "Acme", "blog": "", "location": null, "email": null, "hireable": null,
            "bio": null, "public_repos": 3, "public_gists": 0, "followers": 12, "following": 4,
            "created_at": "2019-04-01T08:00:00Z", "updated_at": "2026-01-02T08:00:00Z", "collaborators": 0,
            "disk_usage": 1024, "owned_private_repos": 0, "private_gists": 0, "total_private_repos": 9,
            "two_factor_authentication": true
        }),
    );
    Value::Object(fields)
}

/// `minimal-repository`.
pub(super) fn repo(base: &str, repo: &Repo) -> Value {
    let mut fields = Map::new();
    for word in REPO_URLS.split_whitespace() {
        fields.insert(format!("{word}_url"), url(base, repo, &format!("/{word}")).into());
    }
    merge(
        &mut fields,
        json!({
            "id": repo.id, "node_id": format!("R_{}", repo.id), "name": repo.name,
            "full_name": format!("{OWNER}/{}", repo.name), "owner": user(base, OWNER), "private": true,
            "html_url": html(repo, ""), "description": format!("The {} service", repo.name), "fork": false,
            "url": url(base, repo, "")
        }),
    );
    Value::Object(fields)
}

/// `full-repository`.
pub(super) fn full_repo(base: &str, which: &Repo) -> Value {
    let Value::Object(mut fields) = repo(base, which) else { return Value::Null };
    let (name, created) = (&which.name, time(which.created));
    merge(
        &mut fields,
        json!({
            "clone_url": format!("https://github.com/{OWNER}/{name}.git"), "default_branch": "main", "forks": 0,
            "forks_count": 0, "git_url": format!("git://github.com/{OWNER}/{name}.git"), "has_issues": true,
            "has_projects": false, "has_wiki": false, "has_pages": false, "has_discussions": false, "homepage": null,
            "language": "Rust", "archived": false, "disabled": false, "mirror_url": null, "open_issues": 4,
            "open_issues_count": 4, "license": null, "pushed_at": created, "size": 812,
            "ssh_url": format!("git@github.com:{OWNER}/{name}.git"), "stargazers_count": 0,
            "svn_url": html(which, ""), "watchers": 0, "watchers_count": 0, "created_at": created,
            "updated_at": created, "network_count": 0, "subscribers_count": 6
        }),
    );
    Value::Object(fields)
}

/// `workflow-run`, as it is now, or as it was in an attempt that is over.
pub(super) fn run(base: &str, repository: &Repo, run: &Run, past: Option<&PastAttempt>) -> Value {
    let here = url(base, repository, &format!("/actions/runs/{}", run.id));
    let attempt = past.map_or(run.attempt, |past| past.attempt);
    let (status, conclusion) = state::status_of(run, attempt);
    let (started, updated) = past.map_or((run.started, run.updated), |past| (past.started, past.updated));
    let previous = (attempt > 1).then(|| format!("{here}/attempts/{}", attempt - 1));
    let actor = past.map_or(&run.triggering_actor, |past| &past.actor);
    let workflow = state::workflow_id(repository, run.workflow);
    let author = json!({"name": run.actor, "email": format!("{}@acme.test", run.actor)});
    json!({
        "id": run.id, "name": run.workflow.name, "node_id": format!("WFR_{}", run.id), "head_branch": run.branch,
        "head_sha": run.sha, "path": run.path(), "display_title": run.title, "run_number": run.number,
        "run_attempt": attempt, "event": run.event, "status": status, "conclusion": conclusion,
        "workflow_id": workflow, "check_suite_id": run.id + 1, "check_suite_node_id": format!("CS_{}", run.id + 1),
        "url": here, "html_url": html(repository, &format!("/actions/runs/{}", run.id)), "pull_requests": [],
        "created_at": time(run.created), "updated_at": time(updated), "run_started_at": time(started),
        "actor": user(base, &run.actor), "triggering_actor": user(base, actor), "previous_attempt_url": previous,
        "referenced_workflows": [], "jobs_url": format!("{here}/jobs"), "logs_url": format!("{here}/logs"),
        "check_suite_url": url(base, repository, &format!("/check-suites/{}", run.id + 1)),
        "artifacts_url": format!("{here}/artifacts"), "cancel_url": format!("{here}/cancel"),
        "rerun_url": format!("{here}/rerun"),
        "workflow_url": url(base, repository, &format!("/actions/workflows/{workflow}")),
        "head_commit": {"id": run.sha, "tree_id": run.sha, "message": run.title, "timestamp": time(run.created),
            "author": author, "committer": author},
        "repository": repo(base, repository), "head_repository": head(base, repository, run)
    })
}

/// Where a run's code comes from: the repository itself, or a fork of it.
fn head(base: &str, repository: &Repo, run: &Run) -> Value {
    let own = repo(base, repository);
    let (Some(fork), Value::Object(mut fields)) = (&run.fork, own.clone()) else { return own };
    let owner = fork.split('/').next().unwrap_or(fork);
    merge(
        &mut fields,
        json!({"full_name": fork, "fork": true, "owner": user(base, owner), "private": false}),
    );
    Value::Object(fields)
}

/// The custom protection rules of an environment: those of one App, or none.
pub(super) fn custom_rules(base: &str, app: Option<&String>) -> Value {
    let rules: Vec<Value> = app
        .iter()
        .map(|slug| {
            let app = json!({"id": 88, "node_id": "A_88", "slug": slug, "integration_url": format!("{base}/apps/{slug}")});
            json!({"id": 3, "node_id": "GR_3", "enabled": true, "app": app})
        })
        .collect();
    json!({"total_count": rules.len(), "custom_deployment_protection_rules": rules})
}

/// Status and conclusion of a job.
pub(super) fn job_status(job: &Job) -> (&'static str, Option<&'static str>) {
    match job.phase {
        Phase::Queued => ("queued", None),
        Phase::Waiting => ("waiting", None),
        Phase::Running => ("in_progress", None),
        Phase::Done(conclusion) => ("completed", Some(conclusion)),
    }
}

/// `job`.
pub(super) fn job(base: &str, repo: &Repo, run: &Run, job: &Job, now: Timestamp) -> Value {
    let (status, conclusion) = job_status(job);
    let runner = job.started.map(|_| ("ubuntu-24.04-3", 3));
    json!({
        "id": job.id, "run_id": run.id, "run_url": url(base, repo, &format!("/actions/runs/{}", run.id)),
        "run_attempt": job.attempt, "node_id": format!("CR_{}", job.id), "head_sha": run.sha,
        "url": url(base, repo, &format!("/actions/jobs/{}", job.id)),
        "html_url": html(repo, &format!("/actions/runs/{}/job/{}", run.id, job.id)), "status": status,
        "conclusion": conclusion, "created_at": time(job.created),
        "started_at": time(job.started.unwrap_or(job.created)), "completed_at": job.completed.map(time),
        "name": job.plan.name, "steps": steps(job, now),
        "check_run_url": url(base, repo, &format!("/check-runs/{}", job.id)), "labels": ["ubuntu-latest"],
        "runner_id": runner.map(|(_, id)| id), "runner_name": runner.map(|(name, _)| name),
        "runner_group_id": runner.map(|_| 1), "runner_group_name": runner.map(|_| "default"),
        "workflow_name": run.workflow.name, "head_branch": run.branch
    })
}

/// The steps share the job's time evenly.
fn steps(job: &Job, now: Timestamp) -> Vec<Value> {
    let Some(started) = job.started else { return Vec::new() };
    let count = i64::try_from(job.plan.steps.len()).unwrap_or(1).max(1);
    let until = job.completed.unwrap_or(now);
    let whole = match job.completed {
        Some(end) => end.as_second() - started.as_second(),
        None => job.plan.seconds,
    };
    let moment = |index: i64| {
        started.checked_add(jiff::SignedDuration::from_secs(whole * index / count)).unwrap_or(started)
    };
    let last_end = if let Phase::Done(conclusion) = job.phase { conclusion } else { "success" };
    (0_i64..)
        .zip(job.plan.steps)
        .map(|(index, name)| {
            let (begin, end) = (moment(index), moment(index + 1));
            // The last step of a running job is not over before the job is.
            let over = job.completed.is_some() || (end <= until && index + 1 < count);
            let status = match () {
                () if over => "completed",
                () if begin <= until => "in_progress",
                () => "queued",
            };
            let conclusion = if index + 1 == count { last_end } else { "success" };
            json!({
                "number": index + 1, "name": name, "status": status, "conclusion": over.then_some(conclusion),
                "started_at": (status != "queued").then(|| time(begin)), "completed_at": over.then(|| time(end))
            })
        })
        .collect()
}

/// `workflow`.
pub(super) fn workflow(base: &str, repo: &Repo, flow: &Workflow) -> Value {
    let id = state::workflow_id(repo, flow);
    let path = format!(".github/workflows/{}", flow.file);
    json!({
        "id": id, "node_id": format!("W_{id}"), "name": flow.name, "path": path, "state": "active",
        "created_at": time(repo.created), "updated_at": time(repo.created),
        "url": url(base, repo, &format!("/actions/workflows/{id}")),
        "html_url": html(repo, &format!("/blob/main/{path}")),
        "badge_url": html(repo, &format!("/workflows/{}/badge.svg", flow.name))
    })
}

/// The little of an environment that gates and reviews carry.
pub(super) fn environment_head(base: &str, repo: &Repo, environment: &Environment) -> Value {
    let id = state::environment_id(repo, environment);
    json!({
        "id": id, "node_id": format!("EN_{id}"), "name": environment.name,
        "url": url(base, repo, &format!("/environments/{}", environment.name)),
        "html_url": html(repo, &format!("/deployments/activity_log?environments_filter={}", environment.name))
    })
}

/// The reviewers of an environment.
pub(super) fn reviewers(base: &str, environment: &Environment) -> Vec<Value> {
    environment.reviewers.iter().map(|login| json!({"type": "User", "reviewer": user(base, login)})).collect()
}

/// `environment`.
pub(super) fn environment(base: &str, repo: &Repo, environment: &Environment) -> Value {
    let Value::Object(mut fields) = environment_head(base, repo, environment) else { return Value::Null };
    let id = state::environment_id(repo, environment) * 10;
    let mut rules = Vec::new();
    if !environment.reviewers.is_empty() {
        rules.push(json!({
            "id": id + 1, "node_id": format!("GA_{}", id + 1), "type": "required_reviewers",
            "prevent_self_review": environment.prevent_self_review, "reviewers": reviewers(base, environment)
        }));
        if repo.rules.wait_timer > 0 {
            let minutes = repo.rules.wait_timer;
            let node = format!("GA_{}", id + 3);
            rules.push(json!({"id": id + 3, "node_id": node, "type": "wait_timer", "wait_timer": minutes}));
        }
        rules.push(json!({"id": id + 2, "node_id": format!("GA_{}", id + 2), "type": "branch_policy"}));
    }
    merge(
        &mut fields,
        json!({
            "created_at": time(repo.created), "updated_at": time(repo.created), "protection_rules": rules,
            "deployment_branch_policy": (!environment.reviewers.is_empty())
                .then(|| json!({"protected_branches": false, "custom_branch_policies": true}))
        }),
    );
    Value::Object(fields)
}

/// `deployment`.
pub(super) fn deployment(base: &str, repo: &Repo, which: &Deployment) -> Value {
    let here = url(base, repo, &format!("/deployments/{}", which.id));
    let updated = which.statuses.last().map_or(which.created, |(_, _, at)| *at);
    json!({
        "id": which.id, "node_id": format!("DE_{}", which.id), "sha": which.sha, "ref": which.reference,
        "task": "deploy", "payload": {"version": which.version, "run": which.run}, "environment": which.environment,
        "original_environment": which.environment, "description": null,
        "creator": user(base, "github-actions[bot]"), "created_at": time(which.created), "updated_at": time(updated),
        "statuses_url": format!("{here}/statuses"), "repository_url": url(base, repo, ""), "url": here,
        "transient_environment": false, "production_environment": which.environment == "production"
    })
}

/// `deployment-status`.
pub(super) fn deployment_status(
    base: &str,
    repo: &Repo,
    of: &Deployment,
    status: &(u64, &'static str, Timestamp),
) -> Value {
    let (id, state, at) = status;
    let here = url(base, repo, &format!("/deployments/{}", of.id));
    json!({
        "id": id, "node_id": format!("DES_{id}"), "state": state, "creator": user(base, "github-actions[bot]"),
        "description": "", "environment": of.environment, "target_url": "", "created_at": time(*at),
        "updated_at": time(*at), "deployment_url": here, "repository_url": url(base, repo, ""),
        "environment_url": format!("https://{}.{}.acme.test", repo.name, of.environment),
        "log_url": html(repo, &format!("/actions/runs/{}", of.run)), "url": format!("{here}/statuses/{id}")
    })
}

/// Puts the fields of an object into another.
pub(super) fn merge(fields: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more);
    }
}
