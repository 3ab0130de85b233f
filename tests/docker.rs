//! The Docker provider against a scripted engine: what a real one answered (20.10, API 1.41), and what none should.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail by panicking"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use gonogo::domain::Verb;
use gonogo::domain::rollout::{Restart, Standing};
use gonogo::domain::service::{Bound, Role, Settings};
use gonogo::domain::{
    Artifact, Ask, Cause, EnvironmentName, Fault, Guard, Intent, Observation, Phase, Place, Prepared,
    Promise, Reached, Rollout, ServiceName, Severity, SourceName, Step, Target,
};
use gonogo::provider::{Provider, SourceSpec, kind};
use serde_json::{Value, json};

/// In the environment of every recorded service; must never be told.
const SECRET: &str = "hunter2";
const V1: &str = "registry.test/acme/web:v1";

/// What the scripted engine answers, and what it was asked.
#[derive(Clone, Default)]
struct Script {
    api: Option<&'static str>,
    info: Value,
    services: Vec<Value>,
    tasks: Vec<Value>,
    /// By reference: status and body.
    registry: BTreeMap<String, (u16, Value)>,
    update: Option<(u16, String)>,
    asked: Vec<(Method, String, String)>,
}

type Shared = Arc<Mutex<Script>>;

fn recorded(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/docker");
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap()).unwrap()
}

fn script(name: &str) -> Script {
    let look = recorded(name);
    Script {
        api: Some("1.41"),
        info: json!({"Name": "vm", "Swarm": {"LocalNodeState": "active", "ControlAvailable": true, "Error": ""}}),
        services: vec![look["service"].clone()],
        tasks: look["tasks"].as_array().unwrap().clone(),
        ..Script::default()
    }
}

async fn answer(State(script): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    if uri.path().contains("/distribution/slow.test/") {
        std::future::pending::<()>().await;
    }
    let mut script = script.lock().unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    script.asked.push((method.clone(), uri.to_string(), body));
    let path = uri.path();
    if path == "/_ping" {
        return match script.api {
            Some(api) => ([("api-version", api)], "OK").into_response(),
            None => "OK".into_response(),
        };
    }
    let told = |status: u16, body: String| (StatusCode::from_u16(status).unwrap(), body).into_response();
    let (_, path) = path.trim_start_matches('/').split_once('/').unwrap();
    if method == Method::POST {
        let (status, body) = script.update.clone().unwrap_or((200, r#"{"Warnings":null}"#.to_owned()));
        return told(status, body);
    }
    let (status, json) = match path.split_once('/') {
        None if path == "info" => (200, script.info.clone()),
        None if path == "services" => (200, Value::from(script.services.clone())),
        None if path == "tasks" => (200, Value::from(script.tasks.clone())),
        Some(("services", name)) => {
            let found = script.services.iter().find(|s| s["Spec"]["Name"] == name || s["ID"] == name);
            found.map_or((404, json!({"message": format!("service {name} not found")})), |s| (200, s.clone()))
        }
        Some(("distribution", rest)) => {
            let reference = rest.strip_suffix("/json").unwrap();
            script.registry.get(reference).cloned().unwrap_or((404, json!({"message": "manifest unknown"})))
        }
        _ => panic!("the engine has no {path}"),
    };
    told(status, json.to_string())
}

/// A provider and the engine that it talks to.
struct Stage {
    script: Shared,
    provider: Arc<dyn Provider>,
}

impl Stage {
    async fn of(script: Script) -> Self {
        Self::with(script, &["web"]).await
    }

    async fn with(script: Script, services: &[&str]) -> Self {
        Self::made(script, services, None).await
    }

    /// With a login for a registry, if one is given: its host and the password.
    async fn made(script: Script, services: &[&str], login: Option<(&str, &str)>) -> Self {
        let script = Arc::new(Mutex::new(script));
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let bounds = services.iter().map(|name| Bound {
            role: Role::Deploy,
            service: ServiceName::new(name),
            environment: Some(EnvironmentName::new("production")),
            settings: Settings::default().with_text("service", name),
        });
        let mut spec = SourceSpec {
            name: SourceName::new("swarm"),
            settings: Settings::default().with_text("host", &host),
            secrets: BTreeMap::new(),
            bounds: bounds.collect(),
            env: Arc::default(),
        };
        if let Some((registry, password)) = login {
            spec.settings = spec.settings.with_text("registry", registry).with_text("registry_user", "ann");
            let place = gonogo::provider::SecretPlace::Env("PASSWORD".to_owned());
            spec.secrets.insert("registry_password".to_owned(), place);
            spec.env = Arc::new([("PASSWORD".to_owned(), password.to_owned())].into());
        }
        Self { script, provider: (kind("docker").unwrap().build)(spec).unwrap() }
    }

    fn edit(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    async fn look(&self) -> Result<Observation, Fault> {
        let seen = self.provider.observe(&Ask::default()).await;
        assert!(!format!("{seen:?}").contains(SECRET), "{seen:?}");
        seen
    }

    async fn rollout(&self) -> Rollout {
        let seen = self.look().await.unwrap();
        assert_eq!(seen.faults, BTreeMap::new());
        Rollout::clone(&seen.rollouts[&Place::new("web", "production")])
    }

    /// A plan; everything of it that is shown is searched for secrets, except the request's own body.
    async fn prepare(&self, verb: Verb, target: Target) -> Result<Prepared, Fault> {
        let plan = self.provider.prepare(&intent(verb, target)).await;
        let mut shown = plan.clone();
        if let Ok(plan) = &mut shown {
            plan.steps.iter_mut().for_each(|s| s.body = None);
        }
        assert!(!format!("{shown:?}").contains(SECRET), "{shown:?}");
        plan
    }

    async fn perform(&self) -> Result<gonogo::domain::Receipt, Fault> {
        let step = Step {
            source: SourceName::new("swarm"),
            method: "POST".into(),
            path: "/v1.41/services/abc/update?version=7&registryAuthFrom=spec".into(),
            content_type: Some("application/json".into()),
            body: Some("{}".into()),
            effect: "".into(),
        };
        self.provider.perform(&step).await
    }
}

fn intent(verb: Verb, target: Target) -> Intent {
    Intent {
        verb,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target,
        source: SourceName::new("swarm"),
        reason: None,
        answers: std::collections::BTreeMap::new(),
    }
}

fn held(digest: &str) -> (u16, Value) {
    (200, json!({"Descriptor": {"digest": digest, "size": 528}, "Platforms": []}))
}

fn image(name: &str, field: &str) -> String {
    let at = format!("/service/{field}/TaskTemplate/ContainerSpec/Image");
    recorded(name).pointer(&at).unwrap().as_str().unwrap().to_owned()
}

fn previous(name: &str) -> Target {
    Target::Revision {
        id: "previous".into(),
        artifact: Artifact::from_reference(&image(name, "PreviousSpec")),
    }
}

fn promote(reference: &str) -> Target {
    Target::Artifact(Artifact::from_reference(reference))
}

fn texts(plan: &Prepared, severity: Severity) -> Vec<String> {
    plan.hazards.iter().filter(|h| h.severity == severity).map(|h| h.text.to_string()).collect()
}

fn says(texts: &[String], part: &str) {
    assert!(texts.iter().any(|t| t.contains(part)), "nothing says {part:?}: {texts:#?}");
}

fn digest(c: char) -> String {
    format!("sha256:{}", c.to_string().repeat(64))
}

// ---- what a look means ----

#[tokio::test]
async fn every_replica_may_run_and_it_is_not_done_while_the_engine_still_updates() {
    let rollout = Stage::of(script("updating")).await.rollout().await;
    assert!(
        matches!(&rollout.phase, Phase::Progressing(text) if text == "2 of 2 run v2"),
        "{:?}",
        rollout.phase
    );
    assert_eq!((rollout.replicas.desired, rollout.replicas.updated), (2, 2));
    assert_eq!(rollout.host, "vm");
    assert_eq!(
        rollout.previous().unwrap().artifact,
        Artifact::from_reference(&image("updating", "PreviousSpec"))
    );
}

#[tokio::test]
async fn right_after_an_update_was_accepted_nothing_is_done_although_the_engine_says_nothing() {
    let mut script = script("half");
    script.services[0].as_object_mut().unwrap().remove("UpdateStatus");
    let rollout = Stage::of(script).await.rollout().await;
    assert!(matches!(&rollout.phase, Phase::Progressing(_)), "{:?}", rollout.phase);
}

#[tokio::test]
async fn a_completed_update_is_done_only_with_every_wanted_task_on_the_present_specification() {
    let mut done = script("updating");
    done.services[0]["UpdateStatus"]["State"] = "completed".into();
    assert_eq!(Stage::of(done.clone()).await.rollout().await.phase, Phase::Done);
    for change in [
        (|t: &mut Value| t["Spec"]["ContainerSpec"]["Image"] = V1.into()) as fn(&mut Value),
        |t| t["Spec"]["ContainerSpec"]["Env"] = json!(["OTHER=1"]),
        |t| t["Spec"]["ForceUpdate"] = 7.into(),
        |t| t["Status"]["State"] = "starting".into(),
        |t| t["DesiredState"] = "shutdown".into(),
    ] {
        let mut script = done.clone();
        let task = script.tasks.iter_mut().find(|t| t["DesiredState"] == "running").unwrap();
        change(task);
        let phase = Stage::of(script).await.rollout().await.phase;
        assert!(matches!(phase, Phase::Progressing(_)), "{phase:?}");
    }
}

#[tokio::test]
async fn a_global_service_between_two_tasks_is_neither_done_nor_scaled_to_zero() {
    let mut script = script("global-replacing");
    assert!(matches!(Stage::of(script.clone()).await.rollout().await.phase, Phase::Progressing(_)));
    script.services[0]["UpdateStatus"]["State"] = "completed".into();
    assert!(matches!(Stage::of(script.clone()).await.rollout().await.phase, Phase::Progressing(_)));
    script.tasks.clear();
    assert!(matches!(Stage::of(script).await.rollout().await.phase, Phase::Progressing(_)));
    let done = Stage::of(self::script("global")).await.rollout().await;
    assert_eq!((done.phase.clone(), done.replicas.desired), (Phase::Done, 1));
}

#[tokio::test]
async fn a_failure_action_pauses_and_the_tasks_say_why() {
    let rollout = Stage::of(script("paused")).await.rollout().await;
    assert!(
        matches!(&rollout.phase, Phase::Paused(why) if why.as_str().contains("update paused due to failure"))
    );
    says(
        &rollout.signs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "task: non-zero exit (1) on 1 task of bad",
    );
    let rejected = Stage::of(script("rejected")).await.rollout().await;
    let signs: Vec<_> = rejected.signs.iter().map(ToString::to_string).collect();
    says(&signs, "No such image");
    assert!(!signs.iter().any(|s| s.contains("non-zero exit")), "of the update before: {signs:?}");
}

#[tokio::test]
async fn a_rollback_by_hand_leaves_the_bad_one_as_previous_and_an_automatic_one_leaves_none() {
    let by_hand = Stage::of(script("rolled-back")).await.rollout().await;
    assert_eq!(by_hand.phase, Phase::RolledBack);
    assert_eq!(by_hand.previous(), None, "what was left by going back is no way back");
    assert_eq!(by_hand.revisions[1].standing, Standing::Left);
    assert_eq!(by_hand.revisions[1].artifact.label(), "bad");
    says(&by_hand.remarks.iter().map(ToString::to_string).collect::<Vec<_>>(), "rolling back twice");
    let by_itself = Stage::of(script("returned")).await.rollout().await;
    assert_eq!((by_itself.phase.clone(), by_itself.previous()), (Phase::RolledBack, None));
}

#[tokio::test]
async fn each_word_of_the_engine_has_its_phase_and_an_unknown_one_is_never_success() {
    for (word, wanted) in [
        ("updating", "Progressing"),
        ("paused", "Paused"),
        ("completed", "Done"),
        ("rollback_started", "RollingBack"),
        ("rollback_paused", "Failed"),
        ("rollback_completed", "RolledBack"),
        ("COMPLETED", "Progressing"),
        ("", "Progressing"),
    ] {
        let mut script = script("updating");
        script.services[0]["UpdateStatus"]["State"] = word.into();
        let phase = format!("{:?}", Stage::of(script).await.rollout().await.phase);
        assert!(phase.starts_with(wanted), "{word}: {phase}");
    }
}

// ---- what cannot be seen ----

#[tokio::test]
async fn only_a_manager_of_a_swarm_is_looked_at() {
    for (swarm, why) in [
        (json!({"LocalNodeState": "inactive"}), "not part of a swarm"),
        (json!({"LocalNodeState": "active", "ControlAvailable": false}), "worker"),
        (json!({"LocalNodeState": "locked"}), "locked"),
    ] {
        let mut script = script("updating");
        script.info["Swarm"] = swarm;
        let fault = Stage::of(script).await.look().await.unwrap_err();
        assert_eq!(fault.cause, Cause::Refused);
        assert!(fault.detail.as_str().contains(why), "{fault}");
    }
}

#[tokio::test]
async fn the_newest_version_that_both_speak_is_used_and_too_old_a_one_is_refused() {
    for (api, prefix) in [("1.41", "/v1.41/"), ("1.40", "/v1.40/"), ("1.99", "/v1.51/")] {
        let stage = Stage::of(Script { api: Some(api), ..script("updating") }).await;
        stage.rollout().await;
        let asked = stage.script.lock().unwrap().asked.clone();
        assert!(asked.iter().skip(1).all(|(_, uri, _)| uri.starts_with(prefix)), "{asked:?}");
    }
    for (api, cause) in
        [(Some("1.39"), Cause::Refused), (Some("new"), Cause::Malformed), (None, Cause::Malformed)]
    {
        let stage = Stage::of(Script { api, ..script("updating") }).await;
        assert_eq!(stage.look().await.unwrap_err().cause, cause);
    }
}

#[tokio::test]
async fn what_is_wrong_with_one_service_does_not_hide_the_others() {
    let mut script = script("updating");
    let mut longer = script.services[0].clone();
    longer["Spec"]["Name"] = "webshop".into();
    longer["ID"] = "other".into();
    longer["Version"] = Value::Null;
    script.services.insert(0, longer);
    let mut foreign = script.tasks[0].clone();
    foreign["ServiceID"] = "other".into();
    foreign["Status"] = Value::Null;
    script.tasks.push(foreign);
    let seen = Stage::with(script, &["web", "webshop", "we"]).await.look().await.unwrap();
    assert!(seen.rollouts.contains_key(&Place::new("web", "production")));
    assert_eq!(seen.faults[&ServiceName::new("webshop")].cause, Cause::Malformed);
    assert_eq!(seen.faults[&ServiceName::new("we")].cause, Cause::NotFound, "no prefix is taken for a name");
}

/// A list that was asked for by service holds tasks of those services. One of nobody may be the failed one of ours.
#[tokio::test]
async fn a_task_of_a_service_that_nobody_knows_hides_nothing_and_proves_nothing() {
    let mut script = script("returned");
    let failed = script.tasks.iter().position(|t| t["Status"]["State"] == "failed").unwrap();
    let seen = Stage::of(script.clone()).await.look().await.unwrap();
    assert!(!seen.rollouts[&Place::new("web", "production")].signs.is_empty(), "a task failed");
    for name in ["renamed-by-the-provider", ""] {
        script.tasks[failed]["ServiceID"] = name.into();
        let seen = Stage::of(script.clone()).await.look().await.unwrap();
        assert!(seen.rollouts.is_empty(), "{name:?}: {:?}", seen.rollouts);
        let fault = &seen.faults[&ServiceName::new("web")];
        assert_eq!(fault.cause, Cause::Malformed, "{name:?}");
        assert!(fault.detail.as_str().contains("ServiceID"), "{fault}");
    }
}

#[tokio::test]
async fn a_job_is_no_service_that_rolls_out() {
    let mut script = script("updating");
    script.services[0]["Spec"]["Mode"] =
        json!({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}});
    let seen = Stage::of(script).await.look().await.unwrap();
    assert_eq!(seen.faults[&ServiceName::new("web")].cause, Cause::Refused);
}

// ---- what would be sent ----

#[tokio::test]
async fn a_promotion_replaces_the_image_by_digest_and_nothing_else() {
    let mut script = script("updating");
    script.services[0]["UpdateStatus"]["State"] = "completed".into();
    script.services[0]["Spec"]["FutureField"] = json!({"z": [1, 0.1], "a": null});
    script.registry.insert("registry.test/acme/web:v3".into(), held(&digest('3')));
    let service = script.services[0].clone();
    let stage = Stage::of(script).await;
    let plan = stage.prepare(Verb::Promote, promote("registry.test/acme/web:v3")).await.unwrap();
    let wanted = format!("registry.test/acme/web:v3@{}", digest('3'));
    let mut spec = service["Spec"].clone();
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = wanted.as_str().into();
    let [step] = plan.steps.as_slice() else { panic!("one step") };
    assert_eq!(serde_json::from_str::<Value>(step.body.as_ref().unwrap()).unwrap(), spec);
    let id = service["ID"].as_str().unwrap();
    assert_eq!(step.path, format!("/v1.41/services/{id}/update?version=21&registryAuthFrom=spec"));
    assert_eq!(plan.promise, Promise::Runs { artifact: Artifact::from_reference(&wanted) });
    assert_eq!(plan.differences.len(), 1);
    assert!(matches!(&plan.guard, Guard::Server(how) if how.as_str().contains("21")));
    assert!(plan.deadline.as_secs() >= 120);
    assert_eq!(texts(&plan, Severity::Blocking), Vec::<String>::new());
    assert_eq!(texts(&plan, Severity::Note), Vec::<String>::new());
    let again = stage.prepare(Verb::Promote, promote("registry.test/acme/web:v3")).await.unwrap();
    assert_eq!((&again.basis, &again.steps), (&plan.basis, &plan.steps));

    stage.provider.perform(step).await.unwrap();
    let asked = stage.script.lock().unwrap().asked.clone();
    let writes: Vec<_> = asked.iter().filter(|(method, ..)| method != Method::GET).collect();
    assert_eq!(writes, [&(Method::POST, step.path.clone(), step.body.clone().unwrap())]);
}

#[tokio::test]
async fn what_the_registry_says_decides_what_may_be_shipped() {
    let tagged = "registry.test/acme/web:v3";
    let pinned = format!("{tagged}@{}", digest('3'));
    let by_digest = format!("registry.test/acme/web@{}", digest('3'));
    let failed = (500, json!({"message": "dial tcp: connection refused"}));
    let login = (401, json!({"message": "unauthorized"}));
    // Of a digest that is known a locked registry says nothing new.
    let mut locked = script("updating");
    locked.registry = [(tagged.to_owned(), login.clone())].into();
    let plan = Stage::of(locked).await.prepare(Verb::Promote, promote(&pinned)).await.unwrap();
    assert!(!format!("{:?}", plan.hazards).contains("registry"), "{:?}", plan.hazards);
    for (registry, asked, outcome) in [
        (vec![], tagged, Err(Cause::NotFound)),
        (vec![(tagged, login)], tagged, Err(Cause::Refused)),
        (vec![(tagged, failed.clone())], tagged, Err(Cause::Refused)),
        (vec![(tagged, failed)], pinned.as_str(), Ok((Severity::Warning, "could not be checked"))),
        (vec![], pinned.as_str(), Ok((Severity::Blocking, "does not hold"))),
        (vec![(by_digest.as_str(), held(&digest('3')))], pinned.as_str(), Ok((Severity::Note, "by digest"))),
        (
            vec![(tagged, held(&digest('4'))), (by_digest.as_str(), held(&digest('3')))],
            pinned.as_str(),
            Ok((Severity::Blocking, "The tag moved")),
        ),
    ] {
        let mut script = script("updating");
        script.registry = registry.into_iter().map(|(r, a)| (r.to_owned(), a)).collect();
        let plan = Stage::of(script).await.prepare(Verb::Promote, promote(asked)).await;
        match (plan, outcome) {
            (Err(fault), Err(cause)) => assert_eq!(fault.cause, cause, "{fault}"),
            (Ok(plan), Ok((severity, part))) => says(&texts(&plan, severity), part),
            (plan, outcome) => panic!("{asked}: {outcome:?} wanted, got {plan:?}"),
        }
    }
}

fn embedded() -> (gonogo::sandbox::Sandbox, String) {
    use gonogo::sandbox::{Clock, Options, Sandbox, Scenario};
    let options = Options { clock: Clock::Manual, ..Options::default() };
    let sandbox = Sandbox::start(Scenario::named("quiet").unwrap(), options).unwrap();
    let repository = format!("{}/acme/checkout", sandbox.urls().registry);
    (sandbox, repository)
}

#[tokio::test]
async fn a_platform_that_was_tested_is_shipped_as_the_index_that_its_tag_names() {
    let (sandbox, repository) = embedded();
    let [index, amd, arm] = sandbox.world().publish_index("checkout", "v2.14.1");
    let tagged = format!("{repository}:v2.14.1");
    for (tested, part) in [(&amd, "linux/amd64"), (&arm, "linux/arm64")] {
        let mut script = script("updating");
        script.registry.insert(tagged.clone(), held(&index));
        script.registry.insert(format!("{repository}@{tested}"), held(tested));
        let stage = Stage::of(script).await;
        let plan = stage.prepare(Verb::Promote, promote(&format!("{tagged}@{tested}"))).await.unwrap();
        says(&texts(&plan, Severity::Note), part);
        assert!(texts(&plan, Severity::Blocking).is_empty(), "{:?}", plan.hazards);
        assert_eq!(plan.to.unwrap().digest.unwrap().as_str(), index);
        assert!(plan.steps[0].body.as_ref().unwrap().contains(&format!("{tagged}@{index}")));
    }
    // What the index does not name moved, although the registry has it.
    let stranger = digest('3');
    let mut script = script("updating");
    script.registry.insert(tagged.clone(), held(&index));
    script.registry.insert(format!("{repository}@{stranger}"), held(&stranger));
    let stage = Stage::of(script).await;
    let plan = stage.prepare(Verb::Promote, promote(&format!("{tagged}@{stranger}"))).await.unwrap();
    says(&texts(&plan, Severity::Blocking), "The tag moved");
}

#[tokio::test]
async fn a_registry_that_wants_a_login_of_the_engine_is_asked_with_ours() {
    const PASSWORD: &str = "canary-registry-pass";
    let (sandbox, repository) = embedded();
    sandbox.world().lock_registry("ann", PASSWORD);
    let tagged = format!("{repository}:v2.14.1");
    let host = sandbox.urls().registry.clone();
    for (login, told) in [(Some(PASSWORD), true), (Some("a-wrong-guess"), false), (None, false)] {
        let mut script = script("updating");
        script.registry.insert(tagged.clone(), (401, json!({"message": "unauthorized"})));
        let stage = Stage::made(script, &["web"], login.map(|password| (host.as_str(), password))).await;
        let plan = stage.prepare(Verb::Promote, promote(&tagged)).await;
        let shown = format!("{plan:?} {:?}", stage.script.lock().unwrap().asked);
        assert!(!shown.contains(PASSWORD) && !shown.contains("a-wrong-guess"), "{shown}");
        match plan {
            Ok(plan) => {
                assert!(told, "{login:?}");
                assert!(plan.to.unwrap().digest.is_some_and(|d| d.as_str().starts_with("sha256:")));
            }
            Err(fault) => {
                assert!(!told, "{fault}");
                assert_eq!(fault.cause, Cause::Refused, "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn a_reference_that_leads_elsewhere_is_not_asked_for() {
    let stage = Stage::of(script("updating")).await;
    for bad in ["registry.test/../../services?x=", "registry.test/web v1", "registry.test/web%2fv1", "a//b"] {
        let fault = stage.prepare(Verb::Promote, promote(bad)).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Refused, "{fault}");
    }
    let asked = stage.script.lock().unwrap().asked.clone();
    assert!(!asked.iter().any(|(_, uri, _)| uri.contains("distribution")), "{asked:?}");
}

#[tokio::test]
async fn what_runs_already_is_not_promoted_again() {
    let mut script = script("updating");
    let now = image("updating", "Spec");
    let artifact = Artifact::from_reference(&now);
    script.registry.insert(artifact.image.to_string(), held(artifact.digest.as_ref().unwrap().as_str()));
    let plan = Stage::of(script).await.prepare(Verb::Promote, promote(&now)).await.unwrap();
    says(&texts(&plan, Severity::Blocking), "already runs v2");
    says(&texts(&plan, Severity::Warning), "An update is under way");
}

#[tokio::test]
async fn a_rollback_goes_to_what_the_previous_specification_really_holds() {
    let mut script = script("paused");
    let spec = script.services[0]["Spec"].clone();
    script.services[0]["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Env"] =
        json!(["TOKEN=hunter2-older"]);
    let stage = Stage::of(script).await;
    let plan = stage.prepare(Verb::RollBack, previous("paused")).await.unwrap();
    let [step] = plan.steps.as_slice() else { panic!("one step") };
    assert!(
        step.path.ends_with("/update?version=119&rollback=previous&registryAuthFrom=previous-spec"),
        "{step:?}"
    );
    assert_eq!(serde_json::from_str::<Value>(step.body.as_ref().unwrap()).unwrap(), spec);
    let to = Artifact::from_reference(&image("paused", "PreviousSpec"));
    assert_eq!((plan.to.clone(), &plan.promise), (Some(to.clone()), &Promise::Runs { artifact: to }));
    let warnings = texts(&plan, Severity::Warning);
    says(&warnings, "gone from the registry");
    says(&warnings, "More than the image goes back: env PORT, env TOKEN");
    assert_eq!(texts(&plan, Severity::Blocking), Vec::<String>::new());
}

#[tokio::test]
async fn a_registry_that_does_not_answer_holds_up_no_rollback() {
    let mut script = script("paused");
    let image = format!("slow.test/acme/web:v2@{}", digest('2'));
    script.services[0]["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"] = image.as_str().into();
    let target = Target::Revision { id: "previous".into(), artifact: Artifact::from_reference(&image) };
    let plan = Stage::of(script).await.prepare(Verb::RollBack, target).await.unwrap();
    says(&texts(&plan, Severity::Note), "could not be checked");
    assert_eq!(texts(&plan, Severity::Blocking), Vec::<String>::new());
}

#[tokio::test]
async fn rolling_back_twice_is_refused_and_names_what_would_come_back() {
    let stage = Stage::of(script("rolled-back")).await;
    let plan = stage.prepare(Verb::RollBack, previous("rolled-back")).await.unwrap();
    says(&texts(&plan, Severity::Blocking), &image("rolled-back", "PreviousSpec"));
}

#[tokio::test]
async fn another_revision_than_the_previous_is_gone_back_to_by_its_image() {
    let mut script = script("paused");
    script.registry.insert(V1.into(), held(&digest('1')));
    let artifact = Artifact::from_reference(&format!("{V1}@{}", digest('1')));
    let target = Target::Revision { id: "previous".into(), artifact: artifact.clone() };
    let plan = Stage::of(script).await.prepare(Verb::RollBack, target).await.unwrap();
    assert!(!plan.steps[0].path.contains("rollback="), "{}", plan.steps[0].path);
    assert_eq!(plan.to, Some(artifact));
    says(&texts(&plan, Severity::Warning), &image("paused", "PreviousSpec"));
}

#[tokio::test]
async fn what_swarm_cannot_do_is_refused_with_a_sentence() {
    let stage = Stage::of(script("returned")).await;
    for (verb, target, cause, part) in [
        (Verb::Pause, Target::Rollout, Cause::Refused, "no way to pause"),
        (Verb::Resume, Target::Rollout, Cause::Refused, "no way to pause or resume"),
        (Verb::Promote, Target::Dispatch(Artifact::default()), Cause::Refused, "cannot promote"),
        (Verb::Promote, Target::Artifact(Artifact::default()), Cause::Refused, "names none"),
        (
            Verb::RollBack,
            Target::Revision { id: "previous".into(), artifact: Artifact::default() },
            Cause::NotFound,
            "remembers no previous",
        ),
    ] {
        let fault = stage.prepare(verb, target).await.unwrap_err();
        assert_eq!(fault.cause, cause, "{fault}");
        assert!(fault.detail.as_str().contains(part), "{fault}");
    }
}

#[tokio::test]
async fn a_restart_counts_the_forced_updates_and_changes_nothing_else() {
    let restart = || Target::Replicas { at: "2026-11-20T14:00:00Z".parse().unwrap() };
    let mut script = script("updating");
    script.services[0]["UpdateStatus"]["State"] = "completed".into();
    let service = script.services[0].clone();
    let running = image("updating", "Spec");
    script
        .registry
        .insert(running.clone(), held(Artifact::from_reference(&running).digest.unwrap().as_str()));
    let stage = Stage::of(script).await;
    let first = stage.rollout().await;
    assert_eq!(first.restart, Some(Restart { mark: "0".into(), left: 0 }));
    let plan = stage.prepare(Verb::Restart, restart()).await.unwrap();
    let mut spec = service["Spec"].clone();
    spec["TaskTemplate"]["ForceUpdate"] = 1.into();
    let [step] = plan.steps.as_slice() else { panic!("one step") };
    assert_eq!(serde_json::from_str::<Value>(step.body.as_ref().unwrap()).unwrap(), spec);
    assert!(step.path.ends_with("/update?version=21&registryAuthFrom=spec"), "{}", step.path);
    let artifact = Artifact::from_reference(&running);
    assert_eq!(plan.promise, Promise::Restarted { artifact, mark: "1".into() });
    assert_eq!(texts(&plan, Severity::Blocking), Vec::<String>::new());
    says(&texts(&plan, Severity::Warning), "Swarm remembers one step");
    // Tasks that were there before it are counted.
    stage.edit(|script| script.services[0]["Spec"]["TaskTemplate"]["ForceUpdate"] = 1.into());
    let half = stage.rollout().await;
    assert_eq!(half.restart, Some(Restart { mark: "1".into(), left: 2 }));
    assert!(matches!(half.phase, Phase::Progressing(_)), "{:?}", half.phase);
}

#[tokio::test]
async fn whatever_moves_between_two_plans_shows_in_their_basis() {
    let change: [fn(&mut Value); 5] = [
        |s| s["ID"] = "recreated".into(),
        |s| s["Version"]["Index"] = 120.into(),
        |s| s["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = V1.into(),
        |s| s["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"] = V1.into(),
        |s| s["UpdateStatus"]["State"] = "updating".into(),
    ];
    for change in change {
        let mut script = script("paused");
        script.registry.insert("registry.test/acme/web:v3".into(), held(&digest('3')));
        let stage = Stage::of(script).await;
        let target = promote("registry.test/acme/web:v3");
        let before = stage.prepare(Verb::Promote, target.clone()).await.unwrap();
        stage.edit(|script| change(&mut script.services[0]));
        assert_ne!(before.basis, stage.prepare(Verb::Promote, target).await.unwrap().basis);
    }
}

// ---- what the engine answers to a step ----

#[tokio::test]
async fn an_accepted_step_says_so_with_its_warnings() {
    let stage = Stage::of(script("updating")).await;
    assert_eq!(stage.perform().await.unwrap().says, "accepted");
    stage.edit(|s| s.update = Some((200, r#"{"Warnings":["unable to pin image"]}"#.into())));
    assert_eq!(stage.perform().await.unwrap().says, "accepted, with warnings: unable to pin image");
}

#[tokio::test]
async fn a_refused_step_says_whether_it_may_have_happened() {
    let out_of_sequence = r#"{"message":"rpc error: code = Unknown desc = update out of sequence"}"#;
    let stage = Stage::of(script("updating")).await;
    for (status, body, cause, reached) in [
        (500, out_of_sequence, Cause::Moved, Reached::No),
        (409, r#"{"message":"conflict"}"#, Cause::Moved, Reached::No),
        (400, r#"{"message":"invalid"}"#, Cause::Refused, Reached::No),
        (404, r#"{"message":"service abc not found"}"#, Cause::NotFound, Reached::No),
        (501, r#"{"message":"service mode change is not allowed"}"#, Cause::Refused, Reached::No),
        (503, r#"{"message":"This node is not a swarm manager."}"#, Cause::Refused, Reached::No),
        (503, "upstream gone", Cause::ServerFailed, Reached::Perhaps),
        (500, r#"{"message":"rpc error: code = DeadlineExceeded"}"#, Cause::ServerFailed, Reached::Perhaps),
        (502, "<html>", Cause::ServerFailed, Reached::Perhaps),
        (504, "", Cause::ServerFailed, Reached::Perhaps),
    ] {
        stage.edit(|s| s.update = Some((status, body.to_owned())));
        let fault = stage.perform().await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (cause, reached), "{status} {body}: {fault}");
    }
}

#[tokio::test]
async fn a_step_of_another_source_is_not_sent() {
    let stage = Stage::of(script("updating")).await;
    let mut step = Step {
        source: SourceName::new("other"),
        method: "POST".into(),
        path: "/v1.41/services/abc/update?version=7".into(),
        content_type: None,
        body: None,
        effect: "".into(),
    };
    assert_eq!(stage.provider.perform(&step).await.unwrap_err().cause, Cause::Local);
    assert!(stage.script.lock().unwrap().asked.is_empty());
    step.source = SourceName::new("swarm");
    stage.provider.perform(&step).await.unwrap();
    assert_eq!(stage.script.lock().unwrap().asked.len(), 1, "one step is one request");
}

// ---- drift: every leaf of every recorded answer, missing or wrong ----

/// Pointers to every leaf.
fn leaves(value: &Value, at: &str, to: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(k, v)| leaves(v, &format!("{at}/{}", escaped(k)), to));
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().for_each(|(i, v)| leaves(v, &format!("{at}/{i}"), to));
        }
        _ => to.push(at.to_owned()),
    }
}

/// The value with one leaf missing, null, of another type, empty, or absurd.
fn drifted(value: &Value, leaf: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut without = value.clone();
    let (parent, key) = leaf.rsplit_once('/').unwrap();
    match without.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.remove(&key.replace("~1", "/").replace("~0", "~"))),
        Value::Array(list) => drop(list.remove(key.parse().unwrap())),
        _ => {}
    }
    all.push(without);
    let old = value.pointer(leaf).unwrap();
    let other = if old.is_string() { json!(7) } else { json!("hunter2") };
    for new in [Value::Null, other, json!(""), json!(u64::MAX), json!(-1), json!([]), json!({"a": 1})] {
        let mut with = value.clone();
        *with.pointer_mut(leaf).unwrap() = new;
        all.push(with);
    }
    all
}

#[tokio::test]
async fn no_drift_of_any_leaf_makes_an_unfinished_rollout_look_finished() {
    for name in ["half", "updating", "paused", "global-replacing"] {
        let look = json!({"service": recorded(name)["service"], "tasks": recorded(name)["tasks"]});
        let stage = Stage::of(script(name)).await;
        let mut all = Vec::new();
        leaves(&look, "", &mut all);
        assert!(all.len() > 60, "{}", all.len());
        for leaf in all {
            for drifted in drifted(&look, &leaf) {
                stage.edit(|s| {
                    s.services = vec![drifted["service"].clone()];
                    s.tasks = drifted["tasks"].as_array().unwrap().clone();
                });
                let Ok(seen) = stage.look().await else { continue };
                let Some(rollout) = seen.rollouts.get(&Place::new("web", "production")) else { continue };
                assert!(!rollout.at_rest(), "{name} {leaf}: {:?}", rollout.phase);
            }
        }
    }
}

#[tokio::test]
async fn no_drift_of_any_leaf_breaks_a_plan_or_shows_a_secret() {
    let look = recorded("paused")["service"].clone();
    let stage = Stage::of(script("paused")).await;
    let mut all = Vec::new();
    leaves(&look, "", &mut all);
    for leaf in all {
        for drifted in drifted(&look, &leaf) {
            let spec = drifted["Spec"].clone();
            stage.edit(|s| s.services = vec![drifted]);
            let Ok(plan) = stage.prepare(Verb::RollBack, previous("paused")).await else { continue };
            let body: Value = serde_json::from_str(plan.steps[0].body.as_ref().unwrap()).unwrap();
            let mut body_without_image = body.clone();
            if !plan.steps[0].path.contains("rollback=") {
                let image = spec.pointer("/TaskTemplate/ContainerSpec/Image").unwrap();
                body_without_image["TaskTemplate"]["ContainerSpec"]["Image"] = image.clone();
            }
            assert_eq!(body_without_image, spec, "{leaf}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_another_shape_is_a_fault() {
    for wrong in [Value::Null, json!({}), json!("no")] {
        let mut script = script("updating");
        script.info = wrong;
        assert_eq!(Stage::of(script).await.look().await.unwrap_err().cause, Cause::Malformed);
    }
}
