//! GitHub: the recorded answers of a run that waits for production.

use std::sync::Arc;

use futures_util::FutureExt as _;
use gonogo::domain::{Intent, Observation, Target, Verb};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::good::Part;
use super::scripted::Scripted;
use super::world::*;
use super::{Member, Start};

pub(super) fn members() -> Vec<Start> {
    vec![|| Github::start(true).boxed(), || Github::start(false).boxed()]
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
