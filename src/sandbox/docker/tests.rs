//! The engine over HTTP, as any client sees it: each refusal and each oddity by name. Shapes and sentences were
//! compared with a real engine's answers.

use super::{Behaviour, Engine, FailureAction, Membership, ServiceSeed, UpdateRule};
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

struct Served {
    engine: Engine,
    url: String,
    client: reqwest::Client,
}

fn image(tag: &str) -> String {
    format!("registry.example/shop/web:{tag}")
}

fn pinned(tag: &str) -> String {
    format!("{}@sha256:{}", image(tag), tag.repeat(64))
}

async fn served(action: FailureAction) -> Served {
    let engine = Engine::new("2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap());
    for tag in ["1", "2", "3"] {
        engine.register_image(&image(tag), &format!("sha256:{}", tag.repeat(64)));
    }
    let update =
        UpdateRule { failure_action: action, monitor: Duration::from_secs(3), ..UpdateRule::default() };
    let labels = [("com.docker.stack.namespace".to_owned(), "shop".to_owned())].into();
    engine.add_service(&ServiceSeed {
        name: "shop_web".into(),
        image: image("1"),
        replicas: 2,
        labels,
        env: vec!["A=1".into()],
        update,
        previous_image: None,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = engine.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let _ = rustls::crypto::ring::default_provider().install_default();
    Served { engine, url, client: reqwest::Client::builder().no_proxy().build().unwrap() }
}

impl Served {
    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn service(&self) -> Value {
        self.get("/v1.41/services/shop_web").await.1
    }

    async fn update(&self, query: &str, spec: &Value) -> (u16, String) {
        let url = format!("{}/v1.41/services/shop_web/update?{query}", self.url);
        let answer = self.client.post(url).body(spec.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        (status, body["message"].as_str().unwrap_or_default().to_owned())
    }

    /// Updates with the current version.
    async fn update_now(&self, query: &str, change: impl Fn(&mut Value)) -> (u16, String) {
        let service = self.service().await;
        let mut spec = service["Spec"].clone();
        change(&mut spec);
        self.update(&format!("version={}{query}", service["Version"]["Index"]), &spec).await
    }

    async fn update_image(&self, tag: &str) {
        let answer = self
            .update_now("", |spec| spec["TaskTemplate"]["ContainerSpec"]["Image"] = pinned(tag).into())
            .await;
        assert_eq!(answer, (200, String::new()));
    }

    fn pass(&self, seconds: u64) {
        let now = self
            .engine
            .look()
            .clock
            .checked_add(jiff::SignedDuration::from_secs(seconds.try_into().unwrap()))
            .unwrap();
        self.engine.tick(now, Duration::from_secs(seconds));
    }

    /// The states of the update as they follow each other, with `none` for an absent status.
    async fn states(&self, seconds: u64) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for _ in 0..seconds * 4 {
            let state = self.service().await["UpdateStatus"]["State"].as_str().unwrap_or("none").to_owned();
            if found.last() != Some(&state) {
                found.push(state);
            }
            let now = self.engine.look().clock;
            self.engine.tick(now, Duration::from_millis(250));
        }
        found
    }
}

fn same(_: &mut Value) {}

#[tokio::test]
async fn the_ping_names_version_and_role() {
    let served = served(FailureAction::Pause).await;
    let answer = served.client.get(format!("{}/_ping", served.url)).send().await.unwrap();
    let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(
        (header("api-version"), header("docker-experimental"), header("swarm")),
        ("1.47".into(), "false".into(), "active/manager".into())
    );
    assert_eq!(answer.text().await.unwrap(), "OK");
}

#[tokio::test]
async fn a_client_too_new_or_too_old_is_refused() {
    let served = served(FailureAction::Pause).await;
    let (status, body) = served.get("/v1.99/services").await;
    assert_eq!(
        (status.as_u16(), &body["message"]),
        (400, &json!("client version 1.99 is too new. Maximum supported API version is 1.47"))
    );
    let (status, body) = served.get("/v1.12/services").await;
    assert_eq!(status, 400);
    assert_eq!(
        body["message"],
        "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
    );
}

#[tokio::test]
async fn a_never_updated_service_has_no_update_status_and_no_previous_spec() {
    let served = served(FailureAction::Pause).await;
    let service = served.service().await;
    assert_eq!((service.get("UpdateStatus"), service.get("PreviousSpec")), (None, None));
    let id = service["ID"].as_str().unwrap();
    let (status, message) = served.update_now("&rollback=previous", same).await;
    assert_eq!(status, 400);
    assert_eq!(
        message,
        format!("rpc error: code = FailedPrecondition desc = service {id} does not have a previous spec")
    );
}

#[tokio::test]
async fn an_update_needs_the_version_it_is_based_on() {
    let served = served(FailureAction::Pause).await;
    let spec = served.service().await["Spec"].clone();
    let expected = "invalid service version '': strconv.ParseUint: parsing \"\": invalid syntax";
    assert_eq!(served.update("", &spec).await, (400, expected.into()));
    let expected = "rpc error: code = Unknown desc = update out of sequence";
    assert_eq!(served.update("version=1", &spec).await, (500, expected.into()));
    assert_eq!(served.engine.writes().iter().map(|w| w.status).collect::<Vec<_>>(), [400, 500]);
}

#[tokio::test]
async fn a_renamed_service_or_another_mode_answers_501() {
    let served = served(FailureAction::Pause).await;
    served.update_image("2").await;
    for query in ["", "&rollback=previous"] {
        let (status, message) = served.update_now(query, |spec| spec["Name"] = "other".into()).await;
        assert_eq!(
            (status, message.as_str()),
            (501, "rpc error: code = Unimplemented desc = renaming services is not supported")
        );
        let (status, message) = served.update_now(query, |spec| spec["Mode"] = json!({"Global": {}})).await;
        assert_eq!(
            (status, message.as_str()),
            (501, "rpc error: code = Unimplemented desc = service mode change is not allowed")
        );
    }
}

#[tokio::test]
async fn a_spec_without_container_or_image_answers_400() {
    let served = served(FailureAction::Pause).await;
    let (status, message) = served.update("version=1", &json!({})).await;
    assert_eq!((status, message.as_str()), (400, "mismatched Runtime and *Spec fields"));
    let (status, message) =
        served.update_now("", |spec| spec["TaskTemplate"]["ContainerSpec"]["Image"] = "".into()).await;
    assert_eq!(
        (status, message.as_str()),
        (400, "rpc error: code = InvalidArgument desc = ContainerSpec: image reference must be provided")
    );
    let (status, message) = served.update_now("&rollback=bogus", same).await;
    assert_eq!((status, message.as_str()), (500, "unrecognized rollback option bogus"));
}

#[tokio::test]
async fn an_update_has_no_status_at_first_then_completes() {
    let served = served(FailureAction::Pause).await;
    served.update_image("2").await;
    let version = served.service().await["Version"]["Index"].as_u64().unwrap();
    assert_eq!(served.states(30).await, ["none", "updating", "completed"]);
    let service = served.service().await;
    assert!(
        service["Version"]["Index"].as_u64().unwrap() > version,
        "the rolling update itself moves the version"
    );
    assert_eq!(service["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"], pinned("1"));
    assert!(service["UpdateStatus"]["CompletedAt"].is_string());
    assert_eq!(served.engine.images("shop_web"), [(pinned("2"), 2)]);
}

#[tokio::test]
async fn an_update_is_a_full_replacement_that_keeps_what_it_does_not_read() {
    let served = served(FailureAction::Pause).await;
    served
        .update_now("", |spec| {
            spec["TaskTemplate"]["ContainerSpec"]["Ulimits"] = json!([{"Name": "nofile"}]);
            spec.as_object_mut().unwrap().remove("Labels");
        })
        .await;
    let service = served.service().await;
    assert_eq!(service["Spec"]["TaskTemplate"]["ContainerSpec"]["Ulimits"][0]["Name"], "nofile");
    assert_eq!(service["Spec"].get("Labels"), None, "what is not sent is lost");
}

#[tokio::test]
async fn rolling_back_twice_deploys_the_bad_version_again() {
    let served = served(FailureAction::Pause).await;
    served.update_image("2").await;
    served.pass(30);
    assert_eq!(served.update_now("&rollback=previous", same).await.0, 200);
    assert_eq!(served.states(30).await, ["rollback_started", "rollback_completed"]);
    assert_eq!(served.engine.images("shop_web"), [(pinned("1"), 2)]);
    assert_eq!(served.service().await["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"], pinned("2"));
    served.update_now("&rollback=previous", same).await;
    served.pass(30);
    assert_eq!(served.engine.images("shop_web"), [(pinned("2"), 2)]);
}

#[tokio::test]
async fn a_failing_update_pauses_and_names_the_task() {
    let served = served(FailureAction::Pause).await;
    served.engine.set_behaviour(&image("3"), Behaviour::Crash);
    served.update_image("3").await;
    assert_eq!(served.states(30).await, ["none", "updating", "paused"]);
    let status = served.service().await["UpdateStatus"].clone();
    assert!(
        status["Message"]
            .as_str()
            .unwrap()
            .starts_with("update paused due to failure or early termination of task ")
    );
    let (_, tasks) = served.get("/v1.41/tasks").await;
    let failed = tasks.as_array().unwrap().iter().find(|t| t["Status"]["State"] == "failed").unwrap();
    assert_eq!(failed["Status"]["Err"], "task: non-zero exit (1)");
    assert_eq!(failed["Status"]["ContainerStatus"]["ExitCode"], 1);
    assert_eq!(failed["DesiredState"], "shutdown");
}

#[tokio::test]
async fn a_failing_update_rolls_back_by_itself_and_forgets_its_history() {
    let served = served(FailureAction::Rollback).await;
    served.engine.set_behaviour(&image("3"), Behaviour::Crash);
    served.update_image("3").await;
    assert_eq!(served.states(60).await, ["none", "updating", "rollback_started", "rollback_completed"]);
    assert_eq!(served.engine.images("shop_web"), [(pinned("1"), 2)]);
    assert_eq!(served.service().await.get("PreviousSpec"), None, "there is nothing to roll back to again");
}

#[tokio::test]
async fn an_image_that_nobody_has_is_rejected() {
    let served = served(FailureAction::Pause).await;
    served
        .update_now("", |spec| spec["TaskTemplate"]["ContainerSpec"]["Image"] = image("missing").into())
        .await;
    served.pass(10);
    let (_, tasks) = served.get("/v1.41/tasks").await;
    let rejected = tasks.as_array().unwrap().iter().find(|t| t["Status"]["State"] == "rejected").unwrap();
    assert_eq!(rejected["Status"]["Err"], format!("No such image: {}", image("missing")));
    assert_eq!(served.service().await["UpdateStatus"]["State"], "paused");
}

#[tokio::test]
async fn only_a_manager_serves_the_swarm() {
    let served = served(FailureAction::Pause).await;
    served.engine.set_membership(Membership::Outside);
    for path in ["/v1.41/services", "/tasks", "/nodes"] {
        let (status, body) = served.get(path).await;
        assert_eq!(status, 503);
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .starts_with("This node is not a swarm manager. Use \"docker swarm init\"")
        );
    }
    assert_eq!(served.get("/info").await.1["Swarm"]["LocalNodeState"], "inactive");
}

#[tokio::test]
async fn a_service_status_is_there_only_when_asked_for() {
    let served = served(FailureAction::Pause).await;
    let (_, plain) = served.get("/v1.41/services").await;
    assert_eq!(plain[0].get("ServiceStatus"), None);
    let (_, asked) = served.get("/v1.41/services?status=true").await;
    assert_eq!(asked[0]["ServiceStatus"], json!({"RunningTasks": 2, "DesiredTasks": 2, "CompletedTasks": 0}));
    served.update_image("2").await;
    let now = served.engine.look().clock;
    served.engine.tick(now, Duration::from_millis(250));
    let (_, asked) = served.get("/v1.41/services?status=true").await;
    assert_eq!(asked[0]["ServiceStatus"]["RunningTasks"], 2, "a task that is told to stop still runs");
}

#[tokio::test]
async fn filters_choose_and_unknown_ones_are_refused() {
    let served = served(FailureAction::Pause).await;
    let count = async |path: &str, filters: Value| {
        let url = format!("{}{path}", served.url);
        let answer = served.client.get(url).query(&[("filters", filters.to_string())]).send().await.unwrap();
        answer.json::<Value>().await.unwrap().as_array().map(Vec::len)
    };
    assert_eq!(count("/services", json!({"label": ["com.docker.stack.namespace=shop"]})).await, Some(1));
    assert_eq!(
        count("/services", json!({"label": {"com.docker.stack.namespace=other": true}})).await,
        Some(0)
    );
    assert_eq!(count("/services", json!({"mode": ["global"]})).await, Some(0));
    assert_eq!(
        count("/tasks", json!({"service": ["shop_web"], "desired-state": ["running"]})).await,
        Some(2)
    );
    assert_eq!(
        count("/containers/json", json!({"label": ["com.docker.swarm.service.name=shop_web"]})).await,
        Some(2)
    );
    assert_eq!(count("/containers/json", json!({"health": ["unhealthy"]})).await, Some(0));
    let named = json!({"label": ["com.docker.stack.namespace=shop"], "name": ["shop_web.1"]});
    assert_eq!(count("/tasks", named).await, Some(1));
    assert_eq!(count("/tasks", json!({"node": ["nope"]})).await, None);
    assert_eq!(count("/services", json!({"bogus": ["1"]})).await, None);
    let (status, body) = served.get("/tasks?filters=%7B%22service%22%3A%5B%22nope%22%5D%7D").await;
    assert_eq!((status.as_u16(), &body["message"]), (404, &json!("service nope not found")));
}

#[tokio::test]
async fn images_and_the_registry_name_digests() {
    let served = served(FailureAction::Pause).await;
    let digest = format!("sha256:{}", "2".repeat(64));
    let (_, found) = served.get(&format!("/v1.41/distribution/{}/json", image("2"))).await;
    assert_eq!(found["Descriptor"]["digest"], digest);
    let (_, found) = served.get(&format!("/v1.41/images/{}/json", image("2"))).await;
    assert_eq!(found["RepoDigests"][0], format!("registry.example/shop/web@{digest}"));
    let (status, body) = served.get(&format!("/v1.41/images/{}/json", image("9"))).await;
    assert_eq!((status.as_u16(), &body["message"]), (404, &json!(format!("No such image: {}", image("9")))));
    served.engine.remove_image(&image("2"));
    assert_eq!(served.get(&format!("/v1.41/distribution/{}/json", image("2"))).await.0, 404);
}

#[tokio::test]
async fn the_event_stream_tells_of_an_update() {
    let served = served(FailureAction::Pause).await;
    let mut events = served.client.get(format!("{}/events", served.url)).send().await.unwrap();
    served.update_image("2").await;
    let chunk =
        tokio::time::timeout(Duration::from_secs(10), events.chunk()).await.unwrap().unwrap().unwrap();
    let event: Value = serde_json::from_slice(chunk.split(|b| *b == b'\n').next().unwrap()).unwrap();
    assert_eq!(
        (&event["Type"], &event["Action"], &event["Actor"]["Attributes"]["name"]),
        (&json!("service"), &json!("update"), &json!("shop_web"))
    );
}

#[tokio::test]
async fn an_unhealthy_image_never_runs_and_the_update_waits_for_its_failure() {
    let served = served(FailureAction::Pause).await;
    served.engine.set_behaviour(&image("3"), Behaviour::Unhealthy);
    served.update_image("3").await;
    served.pass(6);
    assert_eq!(served.service().await["UpdateStatus"]["State"], "updating");
    let (_, found) = served.get("/containers/json?filters=%7B%22health%22%3A%5B%22starting%22%5D%7D").await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    served.pass(15);
    assert_eq!(served.service().await["UpdateStatus"]["State"], "paused");
    assert!(served.engine.images("shop_web").contains(&(pinned("1"), 1)), "the other task was left alone");
}

#[tokio::test]
async fn a_quiet_engine_moves_no_version() {
    let served = served(FailureAction::Pause).await;
    let before = served.get("/tasks").await.1;
    served.pass(60);
    assert_eq!(served.get("/tasks").await.1, before);
}
