//! One release at GitHub as a scripted world: a run that waits for production, what ran before, what is live.

use std::collections::BTreeMap;
use std::sync::Arc;

use gonogo::domain::{
    Ask, Bound, EnvironmentName, Fault, Gate, Intent, Observation, Place, Prepared, Role, Run, RunState,
    SafeText, ServiceName, Settings, SourceName, Target, Verb,
};
use gonogo::provider::http::Limits;
use gonogo::provider::{Provider, SecretPlace, SourceSpec, github};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::faults::SECRET;
use crate::scripted::Scripted;

pub(crate) const NEW: &str = "4f2c8b6d00000000000000000000000000000001";
pub(crate) const OLD: &str = "9be1aa0000000000000000000000000000000002";
pub(crate) const REPO: &str = "/repos/acme/shop";
pub(crate) const RUN: u64 = 10_551_800_200;
pub(crate) const PRODUCTION: u64 = 161_088_068;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn bound(role: Role, service: &str, environment: Option<&str>, settings: Settings) -> Bound {
    Bound {
        role,
        service: ServiceName::new(service),
        environment: environment.map(EnvironmentName::new),
        settings,
    }
}

pub(crate) fn pipeline(service: &str, project: &str) -> Bound {
    bound(Role::Pipeline, service, None, Settings::default().with_text("project", project))
}

pub(crate) fn live(service: &str, environment: &str) -> Bound {
    bound(Role::Live, service, Some(environment), Settings::default())
}

pub(crate) fn spec(url: &str, bounds: Vec<Bound>) -> SourceSpec {
    SourceSpec {
        name: SourceName::new("github"),
        settings: Settings::default().with_text("url", url),
        secrets: BTreeMap::from([("token".to_owned(), SecretPlace::Env("TOKEN".to_owned()))]),
        bounds,
        env: Arc::new(BTreeMap::from([("TOKEN".to_owned(), SECRET.to_owned())])),
    }
}

/// The checkout service with staging and production, both under our own names.
pub(crate) fn shop() -> Vec<Bound> {
    vec![pipeline("shop", "acme/shop"), live("shop", "staging"), live("shop", "production")]
}

pub(crate) fn provider(url: &str, bounds: Vec<Bound>) -> Arc<dyn Provider> {
    github::build_with(spec(url, bounds), Limits { concurrency: 3, ..Limits::DEFAULT }).unwrap()
}

pub(crate) async fn look(provider: &Arc<dyn Provider>) -> Result<Observation, Fault> {
    provider.observe(&Ask::default()).await
}

pub(crate) async fn seen(provider: &Arc<dyn Provider>) -> Observation {
    look(provider).await.unwrap()
}

pub(crate) fn runs_of<'a>(seen: &'a Observation, service: &str) -> &'a [Run] {
    &seen.pipelines[&ServiceName::new(service)].runs
}

pub(crate) fn run_of(seen: &Observation, id: u64) -> &Run {
    let id = id.to_string();
    seen.pipelines.values().flat_map(|p| &p.runs).find(|r| r.key.id == id.as_str()).unwrap()
}

pub(crate) fn run(id: u64, status: &str, conclusion: Value) -> Value {
    json!({
        "id": id, "name": "Release", "head_branch": "release/2.8", "head_sha": NEW,
        "path": ".github/workflows/release.yml@refs/heads/main", "display_title": "Release 2.8.0",
        "run_number": id % 1000, "run_attempt": 1, "event": "push", "status": status, "conclusion": conclusion,
        "workflow_id": 5123, "html_url": format!("https://github.com/acme/shop/actions/runs/{id}"),
        "created_at": "2026-08-20T09:00:00Z", "updated_at": "2026-08-20T09:12:41Z",
        "run_started_at": "2026-08-20T09:00:00Z", "actor": {"login": "ci-bot", "id": 3},
        "triggering_actor": {"login": "rhea", "id": 7}, "pull_requests": [], "a_new_key": {"nobody": "knows"}
    })
}

pub(crate) fn list(runs: &[Value]) -> Value {
    json!({"total_count": runs.len(), "workflow_runs": runs})
}

pub(crate) fn jobs() -> Value {
    json!({"total_count": 2, "jobs": [
        {"id": 2, "run_id": RUN, "run_attempt": 1, "name": "deploy (production)", "status": "waiting",
            "conclusion": null, "created_at": "2026-08-20T09:12:40Z", "started_at": "2026-08-20T09:12:40Z",
            "completed_at": null, "steps": []},
        {"id": 1, "run_id": RUN, "run_attempt": 1, "name": "build", "status": "completed", "conclusion": "success",
            "created_at": "2026-08-20T09:00:00Z", "started_at": "2026-08-20T09:00:05Z",
            "completed_at": "2026-08-20T09:02:00Z", "html_url": "https://github.com/acme/shop/job/1",
            "steps": [{"number": 1, "name": "Set up job", "status": "completed", "conclusion": "success"},
                {"number": 2, "name": "Compile", "status": "completed", "conclusion": "skipped"}]}
    ]})
}

pub(crate) fn pending(wait_timer: u64, may: Value, reviewers: Value) -> Value {
    json!([{"environment": {"id": PRODUCTION, "name": "production"}, "wait_timer": wait_timer,
        "wait_timer_started_at": "2026-08-20T09:12:40Z", "current_user_can_approve": may, "reviewers": reviewers}])
}

pub(crate) fn reviewers() -> Value {
    json!([{"type": "User", "reviewer": {"login": "omar", "id": 9}},
        {"type": "Team", "reviewer": {"id": 12, "slug": "sre", "name": "SRE"}}])
}

pub(crate) fn approval(state: &str, by: &str) -> Value {
    json!([{"state": state, "comment": "canary clean 30m", "user": {"login": by, "id": 9},
        "environments": [{"id": PRODUCTION, "name": "production"}]}])
}

pub(crate) fn deployment(id: u64, sha: &str, reference: &str, environment: &str) -> Value {
    json!({"id": id, "sha": sha, "ref": reference, "task": "deploy", "environment": environment,
        "created_at": "2026-08-20T09:12:40Z", "payload": {}})
}

pub(crate) fn status(state: &str) -> Value {
    json!([{"id": 3, "state": state, "environment_url": "https://shop.test", "log_url": "https://github.com/l",
        "created_at": "2026-08-19T08:00:00Z"}])
}

pub(crate) fn environment(self_review: &str) -> Value {
    json!({"id": PRODUCTION, "name": "production", "can_admins_bypass": false, "protection_rules": [
        {"id": 1, "type": "wait_timer", "wait_timer": 30},
        {"id": 2, "type": "required_reviewers", "prevent_self_review": self_review == "prevented",
            "reviewers": reviewers()}]})
}

pub(crate) fn branch(sha: &str) -> Value {
    json!({"ref": "refs/heads/release/2.8", "object": {"type": "commit", "sha": sha}})
}

/// The run's own path, with something below it.
pub(crate) fn of_run(id: u64, below: &str) -> String {
    format!("{REPO}/actions/runs/{id}{below}")
}

/// A world in which the newest run waits for production and an older one has ended well.
pub(crate) async fn waiting() -> Scripted {
    let server = Scripted::start(at("2026-08-20T09:20:00Z")).await;
    let mut old = run(100, "completed", json!("success"));
    old["run_started_at"] = json!("2026-08-19T07:00:00Z");
    old["created_at"] = json!("2026-08-19T07:00:00Z");
    let now = run(RUN, "waiting", Value::Null);
    server
        .get("/user", &json!({"login": "omar", "id": 9}))
        .get(&format!("{REPO}/actions/runs"), &list(&[now.clone(), old]))
        .get(
            &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
            &list(std::slice::from_ref(&now)),
        )
        .get(&of_run(RUN, ""), &now)
        .get(&of_run(RUN, "/jobs"), &jobs())
        .get(&of_run(RUN, "/pending_deployments"), &pending(0, json!(true), reviewers()))
        .get(&of_run(RUN, "/approvals"), &json!([]))
        .get(&of_run(RUN, "/artifacts"), &json!({"total_count": 0, "artifacts": []}))
        .get(&format!("{REPO}/actions/workflows/5123/runs"), &list(std::slice::from_ref(&now)))
        .get(&format!("{REPO}/environments/production"), &environment("allowed"))
        .get(&format!("{REPO}/git/ref/heads/release/2.8"), &branch(NEW))
        .get(&format!("{REPO}/deployments"), &json!([]))
        .get(
            &format!("{REPO}/deployments?environment=production&per_page=10"),
            &json!([
                deployment(4243, NEW, "release/2.8", "production"),
                deployment(4242, OLD, "v2.7.0", "production"),
            ]),
        )
        .get(&format!("{REPO}/deployments/4243/statuses"), &status("waiting"))
        .get(&format!("{REPO}/deployments/4242/statuses"), &status("success"))
        .header("x-ratelimit-limit", "5000")
        .header("x-ratelimit-remaining", "4690")
        .header("x-ratelimit-reset", "1787220000");
    server
}

/// The gate of [`waiting`] as the cockpit sees it.
pub(crate) async fn gate(provider: &Arc<dyn Provider>) -> Gate {
    let seen = seen(provider).await;
    assert_eq!(seen.gates.len(), 1, "{:?}", seen.gates);
    seen.gates[0].clone()
}

pub(crate) fn intent(verb: Verb, target: Target) -> Intent {
    Intent {
        verb,
        service: ServiceName::new("shop"),
        place: Some(Place::new("shop", "production")),
        target,
        source: SourceName::new("github"),
        reason: Some(SafeText::new("canary clean 30m")),
        answers: std::collections::BTreeMap::new(),
    }
}

pub(crate) async fn prepare(provider: &Arc<dyn Provider>, intent: &Intent) -> Result<Prepared, Fault> {
    provider.prepare(intent).await
}

pub(crate) fn states(seen: &Observation) -> Vec<RunState> {
    runs_of(seen, "shop").iter().map(|r| r.state.clone()).collect()
}
