//! GitHub changes its answers: every leaf of every recorded answer, missing, null, of another type, renamed, huge,
//! negative, empty. Nothing may panic, and nothing that is unknown may become a success.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{Cause, Fault, Observation, Permission, Target, Verb};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use crate::people;
use crate::scripted::Scripted;
use crate::world::*;

/// Every recorded answer: its path, and what it says.
fn recorded() -> Vec<(String, Value)> {
    let waiting = format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100");
    let now = run(RUN, "waiting", Value::Null);
    vec![
        ("/user".to_owned(), json!({"login": "omar", "id": 9})),
        (format!("{REPO}/actions/runs"), list(&[now.clone(), run(100, "completed", json!("success"))])),
        (waiting, list(std::slice::from_ref(&now))),
        (of_run(RUN, ""), now.clone()),
        (of_run(RUN, "/jobs"), jobs()),
        (of_run(RUN, "/pending_deployments"), pending(30, json!(true), reviewers())),
        (of_run(RUN, "/approvals"), approval("approved", "yuki")),
        (format!("{REPO}/actions/workflows/5123/runs"), list(&[now])),
        (format!("{REPO}/environments/production"), environment("prevented")),
        (format!("{REPO}/git/ref/heads/release/2.8"), branch(NEW)),
        (
            format!("{REPO}/commits/{NEW}"),
            people::commit(
                json!({"login": "mara", "id": 5, "type": "User"}),
                people::web_flow(),
                "mara@acme.test",
            ),
        ),
        (
            format!("{REPO}/deployments?environment=production&per_page=10"),
            json!([deployment(4242, OLD, "v2.7.0", "production")]),
        ),
        (format!("{REPO}/deployments/4242/statuses"), status("success")),
    ]
}

/// Pointers to every leaf and every branch.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    if !here.is_empty() {
        all.push(here.to_owned());
    }
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| places(value, &format!("{here}/{key}"), all));
        }
        Value::Array(items) => {
            (0..).zip(items).for_each(|(i, value)| places(value, &format!("{here}/{i}"), all));
        }
        _ => {}
    }
}

fn mutations(value: &Value) -> Vec<Option<Value>> {
    vec![
        None,
        Some(Value::Null),
        Some(json!({"wrong": ["type"]})),
        Some(json!("renamed-by-the-provider")),
        Some(json!(u64::MAX)),
        Some(json!(-1)),
        Some(json!("")),
        Some(json!([])),
        Some(json!("x".repeat(100_000))),
        Some(json!([value])),
    ]
}

fn mutated(whole: &Value, place: &str, to: Option<Value>) -> Value {
    let mut copy = whole.clone();
    let (parent, key) = place.rsplit_once('/').unwrap();
    match (to, copy.pointer_mut(parent)) {
        (Some(value), _) => *copy.pointer_mut(place).unwrap() = value,
        (None, Some(Value::Object(fields))) => {
            fields.remove(key);
        }
        (None, Some(Value::Array(items))) => {
            items.remove(key.parse().unwrap());
        }
        (None, _) => {}
    }
    copy
}

/// Everything that is said to be fine.
fn fine(seen: &Observation) -> BTreeSet<String> {
    let mut fine = BTreeSet::new();
    for run in seen.pipelines.values().flat_map(|p| &p.runs) {
        if run.state.passed() {
            fine.insert(format!("run {}", run.key.id));
        }
        for job in &run.jobs {
            if job.state.passed() {
                fine.insert(format!("job {}", job.name));
            }
            fine.extend(job.steps.iter().filter(|s| s.state.passed()).map(|s| format!("step {}", s.name)));
        }
    }
    fine
}

/// What a mutation of a state, a right or a verdict must not leave standing.
fn guarded(path: &str, place: &str) -> Option<&'static str> {
    let leaf = place.rsplit('/').next().unwrap();
    Some(match leaf {
        "conclusion" | "status" if path.ends_with("/jobs") && place.starts_with("/jobs/1/steps/0/") => {
            "step Set up job"
        }
        "conclusion" | "status"
            if path.ends_with("/jobs") && place.starts_with("/jobs/1/") && !place.contains("steps") =>
        {
            "job build"
        }
        "conclusion" | "status" if place.starts_with("/workflow_runs/1/") => "run 100",
        _ => return None,
    })
}

async fn judge(
    provider: &Arc<dyn Provider>,
    path: &str,
    place: &str,
    before: &BTreeSet<String>,
) -> Result<(), Fault> {
    let seen = look(provider).await?;
    let now = fine(&seen);
    let leaf = place.rsplit('/').next().unwrap();
    if !matches!(leaf, "name" | "id") {
        let new: Vec<_> = now.difference(before).collect();
        assert!(new.is_empty(), "{path} {place}: became a success: {new:?}");
    }
    if let Some(what) = guarded(path, place) {
        assert!(!now.contains(what), "{path} {place}: {what} is still said to be fine");
    }
    if path.ends_with("/statuses") && leaf == "state" {
        assert!(seen.live.is_empty(), "{path} {place}: {:?}", seen.live);
    }
    if leaf == "current_user_can_approve" {
        assert!(seen.gates.iter().all(|g| g.may_decide != MayDecide::Yes), "{path} {place}");
    }
    let Some(gate) = seen.gates.first() else { return Ok(()) };
    let prepared = prepare(provider, &intent(Verb::Approve, Target::Gate(gate.key.clone()))).await?;
    if leaf == "current_user_can_approve" {
        assert_ne!(prepared.permission, Permission::Granted, "{path} {place}");
    }
    Ok(())
}

async fn drift(server: &Scripted, path: &str, whole: &Value, before: &BTreeSet<String>) -> usize {
    let mut all = Vec::new();
    places(whole, "", &mut all);
    let mut cases = 0;
    let mut provider = provider(&server.url, shop());
    for place in &all {
        for to in mutations(whole.pointer(place).unwrap()) {
            let changed = mutated(whole, place, to.clone());
            if &changed == whole {
                continue;
            }
            cases += 1;
            server.get(path, &changed);
            if path == "/user" {
                // Who we are is asked once by each.
                provider = self::provider(&server.url, shop());
            }
            let judged = AssertUnwindSafe(judge(&provider, path, place, before)).catch_unwind().await;
            let mutation = to.map_or("missing".to_owned(), |v| v.to_string().chars().take(60).collect());
            match judged {
                Err(_) => panic!("{path} {place} = {mutation}"),
                Ok(Err(fault)) if fault.cause == Cause::Malformed => {
                    let said = fault.detail.as_str();
                    let names = ["field ", "invalid type", "asked for run", "no default branch"];
                    assert!(names.iter().any(|n| said.contains(n)), "{path} {place} = {mutation}: {said}");
                }
                Ok(_) => {}
            }
        }
    }
    server.get(path, whole);
    cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_github_changes_nothing_panics_and_nothing_unknown_becomes_a_success() {
    let tasks: Vec<_> = recorded()
        .into_iter()
        .map(|(path, _)| {
            tokio::spawn(async move {
                let server = waiting().await;
                for (path, whole) in recorded() {
                    server.get(&path, &whole);
                }
                let before = fine(&seen(&provider(&server.url, shop())).await);
                assert_eq!(before.len(), 3, "{before:?}");
                let whole = recorded().into_iter().find(|(p, _)| *p == path).unwrap().1;
                drift(&server, &path, &whole, &before).await
            })
        })
        .collect();
    let mut cases = 0;
    for task in tasks {
        cases += task.await.unwrap();
    }
    println!("{cases} cases");
    assert!(cases > 1_500, "{cases}");
}
