//! The records as the API shows them: JSON:API documents.

use super::{Entry, Role, What, Workspace, held, id, person};
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Job, Phase, Run};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What can be asked to be included.
pub(super) const INCLUDES: [&str; 7] = [
    "plan",
    "apply",
    "created_by",
    "cost_estimate",
    "configuration_version",
    "configuration_version.ingress_attributes",
    "workspace",
];

pub(super) fn workspace(workspace: &Workspace, place: u64) -> Value {
    let current = workspace.runs.last().map(|entry| json!({"id": id("run", entry.run.id), "type": "runs"}));
    json!({
        "id": id("ws", place),
        "type": "workspaces",
        "attributes": {
            "name": workspace.name(), "locked": workspace.runs.iter().any(|entry| held(&entry.run).is_some()),
            "auto-apply": false, "execution-mode": "remote", "terraform-version": "1.9.8", "resource-count": 14,
        },
        "relationships": {
            "organization": {"data": {"id": OWNER, "type": "organizations"}},
            "current-run": {"data": current},
        },
        "links": {"self": format!("/api/v2/organizations/{OWNER}/workspaces/{}", workspace.name())},
    })
}

/// The word for where a run is.
pub(super) fn status(entry: &Entry) -> &'static str {
    let phase = |name: &str| entry.run.job(name).map_or(Phase::Skipped, |job| job.phase);
    match entry.stopped {
        Some((What::Discard, _)) => return "discarded",
        Some((What::Cancel, _)) => return "canceled",
        _ => {}
    }
    match (phase("plan"), phase("cost-estimate"), phase("policy-check"), phase("apply")) {
        (Phase::Created, ..) => "pending",
        (Phase::Queued, ..) => "plan_queued",
        (Phase::Running, ..) => "planning",
        (Phase::Failed, ..) | (.., Phase::Failed) => "errored",
        (.., Phase::Passed) => "applied",
        (.., Phase::Running) => "applying",
        (.., Phase::Queued) => "apply_queued",
        (.., Phase::Held) => "policy_checked",
        (_, _, Phase::Queued | Phase::Running, _) => "policy_checking",
        (_, _, Phase::Passed, _) => "policy_checked",
        (_, Phase::Passed, _, _) => "cost_estimated",
        (_, _, _, Phase::Cancelled) => "canceled",
        _ => "cost_estimating",
    }
}

fn timestamps(entry: &Entry) -> Value {
    let run = &entry.run;
    let mut map = Map::new();
    let mut put = |name: &str, at: Option<Timestamp>| {
        if let Some(at) = at {
            map.insert(name.to_owned(), stamp(at));
        }
    };
    put("plan-queueable-at", Some(run.created));
    if let Some(plan) = run.job("plan") {
        put("plan-queued-at", plan.queued);
        put("planning-at", plan.started);
        put(if plan.phase == Phase::Failed { "errored-at" } else { "planned-at" }, plan.finished);
    }
    put("cost-estimated-at", run.job("cost-estimate").and_then(|job| job.finished));
    put("policy-checked-at", run.job("policy-check").and_then(|job| job.finished));
    if let Some(apply) = run.job("apply") {
        put("confirmed-at", apply.queued);
        put("apply-queued-at", apply.queued);
        put("applying-at", apply.started);
        match apply.phase {
            Phase::Passed => put("applied-at", apply.finished),
            Phase::Failed => put("errored-at", apply.finished),
            _ => {}
        }
        match entry.stopped {
            Some((What::Discard, _)) => put("discarded-at", apply.finished),
            Some((What::Cancel, _)) => put("canceled-at", apply.finished),
            _ => {}
        }
    }
    map.into()
}

fn stamp(at: Timestamp) -> Value {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string().into()
}

/// Whether a run can be interrupted: only while Terraform works.
pub(super) fn cancelable(run: &Run) -> bool {
    run.current().any(|job| matches!(job.phase, Phase::Running | Phase::Queued))
}

pub(super) fn run(entry: &Entry, place: u64, role: Role) -> Value {
    let run = &entry.run;
    let waits = held(run).is_some();
    let may = matches!(role, Role::Admin | Role::Apply);
    let one = |kind: &str, id: String| json!({"data": {"id": id, "type": kind}});
    let apply = run.job("apply");
    let confirmed = apply.and_then(|job| job.queued.and(job.by.as_ref()));
    let mut relationships = json!({
        "workspace": one("workspaces", id("ws", place)),
        "plan": one("plans", id("plan", run.id)),
        "apply": one("applies", id("apply", run.id)),
        "cost-estimate": one("cost-estimates", id("ce", run.id)),
        "configuration-version": one("configuration-versions", id("cv", run.id)),
        "created-by": one("users", person(&run.actor)),
        "policy-checks": {"data": [{"id": id("polchk", run.id), "type": "policy-checks"}]},
        "run-events": {"links": {"related": format!("/api/v2/runs/{}/run-events", id("run", run.id))}},
        "comments": {"data": []},
    });
    if let (Some(by), Some(map)) = (confirmed, relationships.as_object_mut()) {
        map.insert("confirmed-by".to_owned(), one("users", person(by)));
    }
    json!({
        "id": id("run", run.id),
        "type": "runs",
        "attributes": {
            "actions": {
                "is-cancelable": cancelable(run), "is-confirmable": waits, "is-discardable": waits,
                "is-force-cancelable": false,
            },
            "created-at": run.created, "has-changes": true, "auto-apply": false, "is-destroy": false,
            "message": format!("Release {}\n\nvia Git", run.version), "plan-only": false, "source": "tfe-configuration-version",
            "status": status(entry), "status-timestamps": timestamps(entry), "trigger-reason": "manual",
            "permissions": {
                "can-apply": may, "can-cancel": may, "can-comment": may, "can-discard": may,
                "can-force-execute": may, "can-force-cancel": role == Role::Admin, "can-override-policy-check": false,
            },
            "refresh": true, "refresh-only": false, "save-plan": false, "variables": [], "canceled-at": null,
        },
        "relationships": relationships,
        "links": {"self": format!("/api/v2/runs/{}", id("run", run.id))},
    })
}

/// What was asked to be included with a run.
pub(super) fn included(entry: &Entry, wanted: &[&str]) -> Vec<Value> {
    let run = &entry.run;
    let mut all = Vec::new();
    for wanted in wanted {
        match *wanted {
            "plan" => all.push(plan(run, None)),
            "apply" => all.push(apply(run, None)),
            "created_by" => all.push(user(&run.actor)),
            "cost_estimate" => {
                let job = run.job("cost-estimate");
                all.push(json!({
                    "id": id("ce", run.id), "type": "cost-estimates",
                    "attributes": {"status": job.map_or("pending", word), "status-timestamps": part_stamps(job),
                        "delta-monthly-cost": "4.20"},
                }));
            }
            "configuration_version" | "configuration_version.ingress_attributes" => {
                all.push(json!({
                    "id": id("cv", run.id), "type": "configuration-versions",
                    "attributes": {"auto-queue-runs": true, "source": "github", "status": "uploaded"},
                    "relationships": {"ingress-attributes": {"data": {"id": id("ia", run.id), "type": "ingress-attributes"}}},
                }));
                if *wanted != "configuration_version" {
                    all.push(commit(run));
                }
            }
            _ => {}
        }
    }
    all
}

fn commit(run: &Run) -> Value {
    json!({
        "id": id("ia", run.id), "type": "ingress-attributes",
        "attributes": {
            "branch": "main", "commit-sha": run.sha, "commit-message": format!("Release {}", run.version),
            "tag": run.version, "sender-username": run.actor, "is-pull-request": false, "on-default-branch": true,
        },
    })
}

pub(super) fn user(login: &str) -> Value {
    json!({"id": person(login), "type": "users", "attributes": {"username": login, "is-service-account": false}})
}

/// What a plan adds, changes and destroys in this world: the first run of a workspace little, all others more.
pub(super) const fn counts(run: &Run) -> (u64, u64, u64) {
    if run.number == 1 { (0, 1, 0) } else { (2, 1, 1) }
}

pub(super) fn plan(run: &Run, log: Option<&str>) -> Value {
    let job = run.job("plan");
    let (add, change, destroy) = counts(run);
    let done = job.is_some_and(|job| job.phase == Phase::Passed);
    let counted = |count: u64| if done { json!(count) } else { Value::Null };
    json!({
        "id": id("plan", run.id), "type": "plans",
        "attributes": {
            "status": job.map_or("unreachable", word), "has-changes": true, "generated-configuration": false,
            "resource-additions": counted(add), "resource-changes": counted(change),
            "resource-destructions": counted(destroy), "resource-imports": counted(0),
            "status-timestamps": part_stamps(job), "log-read-url": log,
        },
        "links": {"json-output": format!("/api/v2/plans/{}/json-output", id("plan", run.id))},
    })
}

pub(super) fn apply(run: &Run, log: Option<&str>) -> Value {
    let job = run.job("apply");
    let done = job.is_some_and(|job| job.phase == Phase::Passed);
    let (add, change, destroy) = counts(run);
    let counted = |count: u64| if done { json!(count) } else { Value::Null };
    json!({
        "id": id("apply", run.id), "type": "applies",
        "attributes": {
            "status": job.map_or("unreachable", word), "resource-additions": counted(add),
            "resource-changes": counted(change), "resource-destructions": counted(destroy),
            "status-timestamps": part_stamps(job), "log-read-url": log,
        },
    })
}

fn word(job: &Job) -> &'static str {
    match job.phase {
        Phase::Created | Phase::Held => "pending",
        Phase::Queued => "queued",
        Phase::Running => "running",
        Phase::Passed => "finished",
        Phase::Failed => "errored",
        Phase::Cancelled if job.started.is_some() => "canceled",
        Phase::Cancelled | Phase::Skipped => "unreachable",
    }
}

fn part_stamps(job: Option<&Job>) -> Value {
    let mut map = Map::new();
    let mut put = |name: &str, at: Option<Timestamp>| {
        if let Some(at) = at {
            map.insert(name.to_owned(), stamp(at));
        }
    };
    put("queued-at", job.and_then(|job| job.queued));
    put("started-at", job.and_then(|job| job.started));
    put("finished-at", job.and_then(|job| job.finished));
    map.into()
}

/// What happened to a run, oldest first.
pub(super) fn events(entry: &Entry) -> Value {
    let run = &entry.run;
    let event = |place: u64, action: &str, at: Timestamp, by: Option<&str>| {
        let actor = by.map(|by| json!({"id": person(by), "type": "users"}));
        json!({
            "id": id("re", run.id * 100 + place), "type": "run-events",
            "attributes": {"action": action, "created-at": at, "description": null},
            "relationships": {"actor": {"data": actor}, "comment": {"data": null}},
        })
    };
    let mut all = vec![event(1, "created", run.created, Some(&run.actor))];
    let apply = run.job("apply");
    if let Some((at, by)) = apply.and_then(|job| Some((job.queued?, job.by.as_deref()?))) {
        all.push(event(2, "approved", at, Some(by)));
    }
    if let Some((what, by)) = &entry.stopped {
        let action = if *what == What::Discard { "discarded" } else { "canceled" };
        all.push(event(3, action, run.updated, Some(by)));
    }
    all.into()
}
