//! Wedged lanes: found in three histories that really happened and in none of the healthy ones, by inference and by
//! GitHub's own word; told cheaply; the holder cancelled, never rejected.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gonogo::action::offer::{Around, offer};
use gonogo::domain::assess::assess;
use gonogo::domain::assess::lane::{Wedged, wedged};
use gonogo::domain::service::Access;
use gonogo::domain::{
    Fault, Gate, Lanes, Now, Observation, Prepared, Report, RunKey, Seen, Service, ServiceName, SourceName,
    Target, Verb, Verdict, World,
};
use gonogo::provider::Provider;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scripted::{Reply, Scripted};
use crate::world::*;

#[derive(Deserialize)]
struct Book {
    history: Vec<History>,
}

#[derive(Deserialize)]
struct History {
    name: String,
    now: Timestamp,
    #[serde(default)]
    wedged: Option<Expected>,
    runs: Vec<Line>,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
struct Expected {
    holder: u64,
    died: usize,
    stuck: usize,
    unshipped: usize,
}

#[derive(Clone, Deserialize)]
struct Line {
    n: u64,
    id: Option<u64>,
    began: Timestamp,
    moved: Timestamp,
    asked: Option<Timestamp>,
    state: String,
    jobs: usize,
    sha: String,
    #[serde(default = "main")]
    branch: String,
    #[serde(default = "release")]
    flow: String,
    #[serde(default = "push")]
    event: String,
    #[serde(default = "one")]
    attempt: u64,
    gate: Option<String>,
}

fn main() -> String {
    "main".into()
}

fn release() -> String {
    "release.yml".into()
}

fn push() -> String {
    "push".into()
}

fn one() -> u64 {
    1
}

fn histories() -> Vec<History> {
    let book: Book = toml::from_str(include_str!("../data/lanes.toml")).unwrap();
    book.history
}

fn named(name: &str) -> History {
    histories().into_iter().find(|h| h.name == name).unwrap()
}

impl Line {
    fn id(&self) -> u64 {
        self.id.unwrap_or(5_000 + self.n)
    }

    fn wire(&self) -> Value {
        let (status, conclusion) = match self.state.as_str() {
            word @ ("waiting" | "pending" | "queued" | "in_progress") => (word, Value::Null),
            word => ("completed", json!(word)),
        };
        let mut wire = run(self.id(), status, conclusion);
        // A short word of hex digits stands for the commit that begins with it.
        let sha = format!("{:0<40}", self.sha);
        for (key, value) in [
            ("head_sha", json!(sha)),
            ("head_branch", json!(self.branch)),
            ("path", json!(format!(".github/workflows/{}", self.flow))),
            ("run_number", json!(self.n)),
            ("run_attempt", json!(self.attempt)),
            ("event", json!(self.event)),
            ("workflow_id", json!(self.flow.len())),
            ("created_at", json!(self.began)),
            ("run_started_at", json!(self.began)),
            ("updated_at", json!(self.moved)),
        ] {
            wire[key] = value;
        }
        wire
    }

    fn wire_jobs(&self) -> Value {
        let job = |number: usize| {
            let last = number + 1 == self.jobs;
            let (status, conclusion) = match self.state.as_str() {
                word @ ("waiting" | "queued" | "in_progress") if last => (word, Value::Null),
                "cancelled" if last => ("completed", json!("cancelled")),
                _ => ("completed", json!("success")),
            };
            let created = if last { self.asked.unwrap_or(self.began) } else { self.began };
            json!({"id": self.id() * 10 + number as u64, "name": format!("job {number}"), "status": status,
                "conclusion": conclusion, "created_at": created, "started_at": created, "steps": []})
        };
        let jobs: Vec<Value> = (0..self.jobs).map(job).collect();
        json!({"total_count": jobs.len(), "jobs": jobs})
    }

    fn wire_pending(&self) -> Value {
        let asked = self.asked.unwrap_or(self.began);
        match self.gate.as_deref() {
            Some("timer") => {
                json!([{"environment": {"id": PRODUCTION, "name": "production"}, "wait_timer": 600,
                "wait_timer_started_at": asked, "current_user_can_approve": false, "reviewers": []}])
            }
            _ => json!([{"environment": {"id": PRODUCTION, "name": "production"}, "wait_timer": 0,
                "wait_timer_started_at": null, "current_user_can_approve": true, "reviewers": reviewers()}]),
        }
    }
}

/// A GitHub with this history, without the answers about groups.
async fn server(history: &History) -> Scripted {
    let server = Scripted::start(history.now).await;
    let mut runs: Vec<Value> = history.runs.iter().map(Line::wire).collect();
    runs.reverse();
    let waiting: Vec<Value> = runs.iter().filter(|r| r["status"] == "waiting").cloned().collect();
    server
        .get("/user", &json!({"login": "omar", "id": 9}))
        .get(&format!("{REPO}/actions/runs"), &list(&runs))
        .get(
            &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
            &list(&waiting),
        )
        .get(&format!("{REPO}/deployments"), &json!([]))
        .get(&format!("{REPO}/environments/production"), &environment("allowed"));
    for line in &history.runs {
        server
            .get(&of_run(line.id(), ""), &line.wire())
            .get(&of_run(line.id(), "/jobs"), &line.wire_jobs())
            .get(&of_run(line.id(), "/approvals"), &json!([]));
        if line.state == "waiting" {
            server.get(&of_run(line.id(), "/pending_deployments"), &line.wire_pending());
        }
        let same: Vec<Value> =
            runs.iter().filter(|r| r["workflow_id"] == json!(line.flow.len())).cloned().collect();
        server.get(&format!("{REPO}/actions/workflows/{}/runs", line.flow.len()), &list(&same));
    }
    server
}

/// GitHub tells who holds the group `deploy/production`, and who stands behind.
fn tell(server: &Scripted, history: &History, holder: u64) {
    let member = |id: u64, status: &str| json!({"run_id": id, "run_name": "Release", "run_url": null, "run_html_url": null, "status": status});
    let pending = history.runs.iter().filter(|line| line.state == "pending");
    let mut members = vec![member(holder, "in_progress")];
    members.extend(pending.map(|line| member(line.id(), "pending")));
    let mut own = member(holder, "in_progress");
    own["position"] = json!(0);
    server
        .get(
            &of_run(holder, "/concurrency_groups"),
            &json!({"total_count": 1, "concurrency_groups": [
                {"group_name": "deploy/production", "group_url": "https://x.test/g", "group_members": [own]}]}),
        )
        .get(
            &format!("{REPO}/actions/concurrency_groups/deploy%2Fproduction"),
            &json!({"group_name": "deploy/production", "group_url": "https://x.test/g",
                "total_count": members.len(), "group_members": members}),
        );
}

fn found(seen: &Observation, now: Timestamp) -> Vec<Wedged> {
    let shop = ServiceName::new("shop");
    let lanes = seen.lanes.get(&shop).cloned().unwrap_or_default();
    wedged(&seen.pipelines[&shop], &lanes, &seen.gates, now)
}

fn summed(lane: &Wedged) -> Expected {
    Expected {
        holder: lane.number,
        died: lane.died.len(),
        stuck: lane.stuck.len(),
        unshipped: lane.unshipped.len(),
    }
}

async fn finds(name: &str) -> (History, Scripted, Arc<dyn Provider>, Wedged) {
    let history = named(name);
    let server = server(&history).await;
    let provider = provider(&server.url, shop());
    let lanes = found(&seen(&provider).await, history.now);
    assert_eq!(lanes.len(), 1, "{name}: {lanes:?}");
    let lane = &lanes[0];
    assert_eq!(Some(summed(lane)), history.wedged, "{name}");
    assert_eq!(lane.group, None, "nobody told a group");
    assert!(lane.text(history.now).contains("inferred"), "{}", lane.text(history.now));
    (history, server, provider, lane.clone())
}

#[tokio::test]
async fn agenticos_1832_a_run_that_waits_for_days_while_later_ones_end_one_another() {
    let (history, _server, _provider, lane) = finds("agenticos#1832").await;
    let text = lane.text(history.now);
    for part in
        ["run 41 of release.yml for 13 d", "5 later runs died before any job, 1 is stuck", "cancel run 41"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.contains("never shipped: a420000, a430000, a440000, a450000, a460000 and 1 more"), "{text}");
}

#[tokio::test]
async fn eliza_15914_a_commit_that_was_tried_twice_counts_once() {
    let (_history, _server, _provider, lane) = finds("eliza#15914").await;
    assert_eq!(lane.holder.id, "28978844777");
}

#[tokio::test]
async fn hephaestus_1962_one_release_that_is_pending_for_an_hour_is_enough() {
    let (history, _server, _provider, lane) = finds("Hephaestus#1962").await;
    assert_eq!(lane.holder.id, "33865199779");
    assert!(lane.text(history.now).contains("1 later run is stuck behind it"), "{}", lane.text(history.now));
}

#[tokio::test]
async fn no_healthy_history_has_a_wedged_lane() {
    let all = histories();
    let (mut healthy, mut wedged) = (0, 0);
    for history in &all {
        let server = server(history).await;
        let provider = provider(&server.url, shop());
        let lanes = found(&seen(&provider).await, history.now);
        assert_eq!(lanes.len(), usize::from(history.wedged.is_some()), "{}: {lanes:?}", history.name);
        if history.wedged.is_some() { wedged += 1 } else { healthy += 1 }
    }
    println!("wedged lanes: found in {wedged} of 3 histories that happened, in 0 of {healthy} healthy ones");
    assert!(wedged == 3 && healthy >= 20, "{wedged} and {healthy}");
}

#[tokio::test]
async fn what_github_tells_of_a_group_is_the_proof_and_is_asked_for_once() {
    for name in ["agenticos#1832", "eliza#15914", "Hephaestus#1962"] {
        let history = named(name);
        let server = server(&history).await;
        let holder = history.runs.iter().find(|line| line.state == "waiting").unwrap().id();
        tell(&server, &history, holder);
        let provider = provider(&server.url, shop());
        let lanes = found(&seen(&provider).await, history.now);
        assert_eq!(lanes.len(), 1, "{name}: {lanes:?}");
        assert_eq!(lanes[0].group.as_ref().unwrap(), "deploy/production");
        assert_eq!(Some(summed(&lanes[0])), history.wedged, "{name}");
        let text = lanes[0].text(history.now);
        assert!(text.contains("holds deploy/production") && !text.contains("inferred"), "{text}");
        server.asked();
        let again = found(&seen(&provider).await, history.now);
        assert_eq!(again, lanes);
        let asked = server.asked();
        let about = |what: &str| asked.iter().filter(|a| a.path.contains(what)).count();
        assert_eq!(about("concurrency_groups"), 0, "{name}: nothing moved, nothing is asked about it again");
        let counted: Vec<&str> = asked.iter().filter(|a| a.status != 304).map(|a| a.path.as_str()).collect();
        assert!(counted.is_empty(), "{name}: a second look costs nothing: {counted:?}");
    }
}

#[tokio::test]
async fn where_nothing_is_suspected_nothing_more_is_asked() {
    for history in histories().iter().filter(|h| h.wedged.is_none()) {
        let server = server(history).await;
        seen(&provider(&server.url, shop())).await;
        let asked = server.asked();
        let groups = asked.iter().filter(|a| a.path.contains("concurrency_groups")).count();
        assert!(groups <= 1, "{}: {groups} questions about groups", history.name);
        if history.name.contains("nothing behind") || history.name == "an ordinary queue" {
            assert_eq!(groups, 0, "{}", history.name);
        }
    }
}

#[tokio::test]
async fn an_enterprise_server_is_not_asked_about_groups() {
    let history = named("agenticos#1832");
    let server = server(&history).await;
    let holder = history.runs.iter().find(|line| line.state == "waiting").unwrap().id();
    tell(&server, &history, holder);
    let provider = provider(&format!("{}/api/v3", server.url), shop());
    let lanes = found(&seen(&provider).await, history.now);
    assert_eq!((lanes.len(), lanes[0].group.as_ref()), (1, None));
    assert!(server.asked().iter().all(|a| !a.path.contains("concurrency_groups")));
}

#[tokio::test]
async fn a_group_that_cannot_be_asked_for_hides_nothing() {
    for status in [403, 404, 422, 500] {
        let history = named("Hephaestus#1962");
        let server = server(&history).await;
        let holder = history.runs.iter().find(|line| line.state == "waiting").unwrap().id();
        let reply = Reply::json(status, &json!({"message": "no", "status": status.to_string()}));
        server.reply("GET", &of_run(holder, "/concurrency_groups"), reply);
        let seen = seen(&provider(&server.url, shop())).await;
        assert!(seen.faults.is_empty(), "{:?}", seen.faults);
        assert_eq!(found(&seen, history.now).len(), 1, "{status}: inferred, then");
    }
}

#[tokio::test]
async fn github_s_word_that_another_run_holds_the_group_is_believed() {
    let history = named("Hephaestus#1962");
    let server = server(&history).await;
    let holder = history.runs.iter().find(|line| line.state == "waiting").unwrap().id();
    tell(&server, &history, holder);
    let path = format!("{REPO}/actions/concurrency_groups/deploy%2Fproduction");
    server.get(&path, &json!({"group_name": "deploy/production", "total_count": 2, "group_members": [
        {"run_id": 1, "run_name": "x", "status": "in_progress"}, {"run_id": holder, "run_name": "y", "status": "pending"}]}));
    let seen = seen(&provider(&server.url, shop())).await;
    let lanes: &Lanes = &seen.lanes[&ServiceName::new("shop")];
    assert!(lanes.told.is_empty() && lanes.free.len() == 1, "{lanes:?}");
    assert!(found(&seen, history.now).is_empty(), "what looks like it is not");
}

fn key(id: u64) -> RunKey {
    RunKey {
        source: SourceName::new("github"),
        service: ServiceName::new("shop"),
        id: id.to_string().as_str().into(),
    }
}

async fn cancel(provider: &Arc<dyn Provider>, holder: u64) -> Result<Prepared, Fault> {
    let mut intent = intent(Verb::Cancel, Target::Run(key(holder)));
    intent.place = None;
    prepare(provider, &intent).await
}

fn basis(prepared: &Prepared) -> BTreeMap<String, String> {
    prepared.basis.iter().map(|b| (b.name.to_string(), b.value.to_string())).collect()
}

#[tokio::test]
async fn the_holder_s_cancel_says_what_it_frees_and_rests_on_its_still_holding() {
    let history = named("Hephaestus#1962");
    let server = server(&history).await;
    let holder = history.runs.iter().find(|line| line.state == "waiting").unwrap().id();
    tell(&server, &history, holder);
    let provider = provider(&server.url, shop());
    let plan = cancel(&provider, holder).await.unwrap();
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].path, of_run(holder, "/cancel"));
    let facts = basis(&plan);
    assert_eq!((facts["waits"].as_str(), facts["holds the lane"].as_str()), ("yes", "deploy/production"));
    let told: String = plan.hazards.iter().map(|h| h.text.to_string()).collect();
    assert!(told.contains("frees the lane deploy/production: run #77 begins"), "{told}");
    // Somebody let it go meanwhile: it deploys now, and a cancel would stop it in the middle.
    let mut line = history.runs[1].clone();
    line.state = "in_progress".into();
    server.get(&of_run(holder, ""), &line.wire());
    assert_ne!(basis(&cancel(&provider, holder).await.unwrap()), facts);
    // It waits, but another run holds the lane now.
    server.get(&of_run(holder, ""), &history.runs[1].wire());
    let nothing = json!({"total_count": 0, "concurrency_groups": []});
    server.get(&of_run(holder, "/concurrency_groups"), &nothing);
    assert_ne!(basis(&cancel(&provider, holder).await.unwrap()), facts);
}

/// What GitHub says about a group may change its form: then it is no answer, and the runs are judged as they are.
#[tokio::test]
async fn a_group_told_in_other_words_does_not_free_a_lane() {
    let own = |member: Value| {
        json!({"total_count": 1, "concurrency_groups": [
        {"group_name": "deploy/production", "group_members": member}]})
    };
    let history = named("Hephaestus#1962");
    let holder = history.runs.iter().find(|line| line.state == "waiting").unwrap().id();
    let strange = [
        json!(null),
        json!([]),
        json!({"total_count": 1}),
        json!({"total_count": 1, "concurrency_groups": null}),
        json!({"total_count": 1, "concurrency_groups": [{"group_members": []}]}),
        own(json!(null)),
        own(json!([])),
        own(json!([{"run_id": holder}])),
        own(json!([{"run_id": holder, "status": "holding"}])),
        own(json!([{"run_id": "x", "status": "in_progress"}])),
        own(json!([{"run_id": holder + 1, "status": "in_progress"}])),
    ];
    for answer in strange {
        let server = server(&history).await;
        tell(&server, &history, holder);
        server.get(&of_run(holder, "/concurrency_groups"), &answer);
        let lanes = found(&seen(&provider(&server.url, shop())).await, history.now);
        assert_eq!(lanes.len(), 1, "{answer}");
        assert_eq!(lanes[0].group, None, "{answer}: inferred, and said to be");
    }
}

/// The world after one look, as the cockpit judges it.
fn judged(seen: Observation, at: Timestamp) -> (Service, World, Now) {
    let source = SourceName::new("github");
    let now = Now { mono: Duration::from_secs(60), wall: at };
    let mut world = World::of([&source]);
    world.absorb(&Report {
        source: source.clone(),
        epoch: 1,
        began: now,
        at: now,
        next: Duration::from_secs(5),
        result: Ok(Arc::new(seen)),
    });
    let service = Service {
        name: ServiceName::new("shop"),
        code: None,
        pipeline: Some(source),
        environments: Vec::new(),
        stages: Vec::new(),
    };
    (service, world, now)
}

#[tokio::test]
async fn a_wedged_lane_is_no_go_its_holder_is_the_first_to_cancel_and_is_never_offered_for_rejecting() {
    for (name, wedged) in [("eliza#15914", true), ("a slow approval with nothing behind it", false)] {
        let history = named(name);
        let server = server(&history).await;
        let seen = seen(&provider(&server.url, shop())).await;
        let (service, world, now) = judged(seen, history.now);
        let gates: Vec<Seen<Gate>> =
            world.gates().map(|g| Seen { value: g.value.clone(), at: g.at }).collect();
        let assessment = assess(&service, &gates.iter().collect::<Vec<_>>(), &world, now);
        assert_eq!(assessment.verdict == Verdict::NoGo, wedged, "{name}: {:?}", assessment.reasons);
        let around = Around {
            service: &service,
            environment: None,
            assessment: Some(&assessment),
            gate: gates.first().map(|g| &g.value),
            world: &world,
            access: Access::ReadWrite,
            now,
        };
        let holder = Target::Run(gates[0].value.key.run.clone());
        let cancels = offer(Verb::Cancel, around).unwrap();
        assert_eq!(cancels[0].intent.target, holder, "{name}");
        assert_eq!(cancels[0].label.as_str().contains("wedges its lane"), wedged, "{name}");
        assert!(offer(Verb::Approve, around).is_ok(), "{name}: letting it go frees the lane, too");
        match offer(Verb::Reject, around) {
            Ok(_) => assert!(!wedged, "{name}"),
            Err(refusal) => {
                assert!(wedged, "{name}: {refusal}");
                let says = refusal.to_string();
                for part in ["a rejection would fail it", "github", "cancel run 310: that frees the lane"] {
                    assert!(says.contains(part), "{says}");
                }
            }
        }
    }
}
