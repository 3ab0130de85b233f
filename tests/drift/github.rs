//! GitHub: the recorded answers of a run that waits for production.

use std::sync::Arc;

use futures_util::FutureExt as _;
use gonogo::domain::pipeline::WaitsFor;
use gonogo::domain::{Intent, Observation, Target, Verb};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::good::Part;
use super::scripted::Scripted;
use super::world::*;
use super::{Member, Start};

pub(super) fn members() -> Vec<Start> {
    vec![|| Github::start(true).boxed(), || Github::start(false).boxed(), || Wedged::start().boxed()]
}

/// Every recorded answer: its path, and what it says.
fn recorded(well: bool) -> Vec<(String, Value)> {
    let waiting = format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100");
    let now = run(RUN, "waiting", Value::Null);
    vec![
        ("/user".to_owned(), json!({"login": "omar", "id": 9})),
        (
            format!("{REPO}/actions/runs"),
            list(&[now.clone(), run(100, "completed", json!(if well { "success" } else { "failure" }))]),
        ),
        (waiting, list(std::slice::from_ref(&now))),
        (of_run(RUN, ""), now.clone()),
        (of_run(RUN, "/jobs"), jobs()),
        (of_run(RUN, "/pending_deployments"), pending(0, json!(well), reviewers())),
        (of_run(RUN, "/approvals"), approval("approved", "yuki")),
        (format!("{REPO}/actions/workflows/5123/runs"), list(&[now])),
        (format!("{REPO}/environments/production"), environment("prevented")),
        (format!("{REPO}/git/ref/heads/release/2.8"), branch(NEW)),
        (format!("{REPO}/commits/{NEW}"), commit()),
        (
            format!("{REPO}/deployments?environment=production&per_page=10"),
            json!([deployment(4242, OLD, "v2.7.0", "production")]),
        ),
        (format!("{REPO}/deployments/4242/statuses"), status(if well { "success" } else { "failure" })),
    ]
}

struct Github {
    server: Scripted,
    well: bool,
}

impl Github {
    async fn start(well: bool) -> Box<dyn Member> {
        let member = Self { server: waiting().await, well };
        recorded(well).iter().for_each(|(path, answer)| member.give(path, answer));
        Box::new(member)
    }
}

impl Member for Github {
    fn name(&self) -> String {
        format!("github, {}", if self.well { "well" } else { "failing" })
    }

    fn part(&self) -> (&'static str, Part) {
        ("github", Part::Pipeline)
    }

    fn answers(&self) -> Vec<(String, Value)> {
        recorded(self.well)
    }

    fn give(&self, key: &str, answer: &Value) {
        self.server.get(key, answer);
    }

    fn provider(&self) -> Arc<dyn Provider> {
        provider(&self.server.url, shop())
    }

    fn intents(&self, seen: &Observation) -> Vec<Intent> {
        seen.gates.iter().take(1).map(|g| intent(Verb::Approve, Target::Gate(g.key.clone()))).collect()
    }

    fn rests_on(&self, key: &str, place: &str) -> Vec<String> {
        let leaf = place.rsplit('/').next().unwrap();
        let good: &[&str] = match leaf {
            "conclusion" | "status" if place.starts_with("/jobs/1/steps/0/") => &["step Set up job"],
            "conclusion" | "status" if place.starts_with("/jobs/1/") && !place.contains("steps") => {
                &["job build"]
            }
            "conclusion" | "status" if place.starts_with("/workflow_runs/1/") => &["run 100"],
            "state" if key.ends_with("/statuses") => &["live in shop in production"],
            "current_user_can_approve" => &["may decide production", "approve is permitted"],
            _ => &[],
        };
        good.iter().map(|g| (*g).to_owned()).collect()
    }

    /// Something that is fine may be called otherwise. And where GitHub does not tell whether one may decide, it may be
    /// tried: GitHub refuses it then, and nothing says before that it is permitted.
    fn may_follow(&self, _key: &str, place: &str, good: &str) -> bool {
        match place.rsplit('/').next() {
            Some("name" | "id") => true,
            Some("current_user_can_approve") => good == "approve may be confirmed",
            _ => false,
        }
    }
}

/// The commit that would ship: written by mara, committed by GitHub's own editor.
fn commit() -> Value {
    let signed = json!({"name": "Mara", "email": "mara@acme.test", "date": "2026-08-20T08:59:00Z"});
    json!({"sha": NEW,
        "author": {"login": "mara", "id": 5, "type": "User"},
        "committer": {"login": "web-flow", "id": 19_864_447, "type": "User"},
        "commit": {"message": "fix", "author": signed, "committer": signed}, "parents": []})
}

/// A run that waits and holds its lane while another stands behind; an App that decides; a fork's run that is held.
struct Wedged {
    server: Scripted,
}

const BEHIND: u64 = RUN + 1;
const FORK: u64 = 777;

impl Wedged {
    async fn start() -> Box<dyn Member> {
        let member = Self { server: waiting().await };
        member.server.get(&of_run(RUN, "/cancel"), &json!({}));
        member.answers().iter().for_each(|(path, answer)| member.give(path, answer));
        Box::new(member)
    }
}

fn began(mut run: Value, at: &str) -> Value {
    for field in ["created_at", "run_started_at", "updated_at"] {
        run[field] = json!(at);
    }
    run
}

fn member(id: u64, status: &str) -> Value {
    json!({"run_id": id, "run_name": "Release", "run_url": null, "run_html_url": null, "status": status})
}

impl Member for Wedged {
    fn name(&self) -> String {
        "github, wedged".to_owned()
    }

    fn part(&self) -> (&'static str, Part) {
        ("github", Part::Pipeline)
    }

    fn answers(&self) -> Vec<(String, Value)> {
        let of_status = |status: &str, rows: &str| {
            format!("{REPO}/actions/runs?status={status}&exclude_pull_requests=true&per_page={rows}")
        };
        let holder = began(run(RUN, "waiting", Value::Null), "2026-08-20T01:00:00Z");
        let behind = began(run(BEHIND, "pending", Value::Null), "2026-08-20T02:00:00Z");
        let mut fork = began(run(FORK, "completed", json!("action_required")), "2026-08-20T03:00:00Z");
        fork["head_repository"] = json!({"id": 5, "full_name": "lovelace/shop"});
        let mut jobs = jobs();
        jobs["jobs"][0]["created_at"] = json!("2026-08-20T01:10:00Z");
        let group = json!({"group_name": "release", "group_url": "https://x.test/g", "total_count": 2,
            "group_members": [member(RUN, "in_progress"), member(BEHIND, "pending")]});
        let mut own = member(RUN, "in_progress");
        own["position"] = json!(0);
        vec![
            (format!("{REPO}/actions/runs"), list(&[behind.clone(), holder.clone()])),
            (of_status("waiting", "100"), list(std::slice::from_ref(&holder))),
            (of_status("action_required", "30"), list(std::slice::from_ref(&fork))),
            (of_run(RUN, ""), holder),
            (of_run(FORK, ""), fork),
            (of_run(RUN, "/jobs"), jobs),
            (of_run(BEHIND, "/jobs"), json!({"total_count": 0, "jobs": []})),
            (
                of_run(RUN, "/concurrency_groups"),
                json!({"total_count": 1, "concurrency_groups": [
                    {"group_name": "release", "group_url": "https://x.test/g", "group_members": [own]}]}),
            ),
            (format!("{REPO}/actions/concurrency_groups/release"), group),
            (
                of_run(RUN, "/pending_deployments"),
                json!([{"environment": {"id": PRODUCTION, "name": "production"}, "wait_timer": 0,
                    "wait_timer_started_at": null, "current_user_can_approve": false, "reviewers": []}]),
            ),
            (
                format!("{REPO}/environments/production/deployment_protection_rules"),
                json!({"total_count": 1, "custom_deployment_protection_rules": [
                    {"id": 3, "enabled": true, "app": {"id": 1, "slug": "canary-guard"}}]}),
            ),
        ]
    }

    fn give(&self, key: &str, answer: &Value) {
        self.server.get(key, answer);
    }

    fn provider(&self) -> Arc<dyn Provider> {
        provider(&self.server.url, shop())
    }

    fn intents(&self, seen: &Observation) -> Vec<Intent> {
        let holder =
            seen.pipelines.values().flat_map(|p| &p.runs).find(|r| r.key.id == RUN.to_string().as_str());
        let cancel = holder.map(|run| intent(Verb::Cancel, Target::Run(run.key.clone())));
        let forks = seen.gates.iter().filter(|gate| gate.waits_for == WaitsFor::Start);
        let start = forks.map(|gate| intent(Verb::Approve, Target::Gate(gate.key.clone())));
        cancel.into_iter().chain(start).collect()
    }

    fn rests_on(&self, _key: &str, _place: &str) -> Vec<String> {
        Vec::new()
    }

    /// GitHub's own word that one may decide makes an App's gate a person's; what is not told may be tried.
    fn may_follow(&self, _key: &str, place: &str, good: &str) -> bool {
        match place.rsplit('/').next() {
            Some("name" | "id") => true,
            Some("current_user_can_approve") => good == "may decide production",
            _ => false,
        }
    }
}
