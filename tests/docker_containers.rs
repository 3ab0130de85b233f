//! Plain containers and Compose projects on the sandbox's engine: what a look says, what goes forward and back, and what
//! is half done, refused or not believed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "hazards/desk.rs"]
#[expect(dead_code, reason = "shared with the tests of hazards and lies")]
mod desk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use gonogo::domain::rollout::Standing;
use gonogo::domain::{
    Artifact, Ask, Bound, Cause, EnvironmentName, Fault, Guard, Intent, Outcome, Phase, Place, Prepared,
    Reached, Role, Rollout, ServiceName, Settings, Severity, SourceName, Target, Verb,
};
use gonogo::provider::{Provider, SourceSpec, kind};
use gonogo::sandbox::docker::{Behaviour, ContainerSeed, ContainerState, Engine, Membership};
use jiff::Timestamp;

use self::desk::Desk;

const REPOSITORY: &str = "registry.test/acme/web";
const SECRET: &str = "hunter2";

fn image(version: u8) -> String {
    format!("{REPOSITORY}:v{version}")
}

fn digest(version: u8) -> String {
    format!("sha256:{}", version.to_string().repeat(64))
}

fn artifact(version: u8) -> Artifact {
    Artifact { digest: Some(digest(version).as_str().into()), ..Artifact::from_reference(&image(version)) }
}

/// What the engine does with a write on its way.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Honest,
    /// Answers as if it had done it.
    Idle,
}

/// The sandbox's engine, the provider, and its clock.
struct Stage {
    engine: Engine,
    now: Timestamp,
    provider: Arc<dyn Provider>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn idle(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match request.method().as_str() {
        "POST" if path.ends_with("/create") => {
            (StatusCode::CREATED, r#"{"Id":"00","Warnings":[]}"#).into_response()
        }
        "POST" => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    }
}

impl Stage {
    async fn of(settings: &[(&str, &str)], manner: Manner) -> Self {
        let now: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let engine = Engine::new(now);
        engine.set_membership(Membership::Outside);
        for version in 1..=4 {
            engine.register_image(&image(version), &digest(version));
        }
        let mut router = engine.router();
        if manner == Manner::Idle {
            router = router.layer(from_fn(idle));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let spec = SourceSpec {
            name: SourceName::new("prod"),
            settings: Settings::default().with_text("host", &host),
            secrets: BTreeMap::new(),
            bounds: vec![Bound {
                role: Role::Deploy,
                service: ServiceName::new("web"),
                environment: Some(EnvironmentName::new("production")),
                settings: settings
                    .iter()
                    .fold(Settings::default(), |all, (key, value)| all.with_text(key, value)),
            }],
            env: Arc::default(),
        };
        Self { engine, now, provider: (kind("docker").unwrap().build)(spec).unwrap(), task }
    }

    /// `web` at v1, on port 8080, with a secret.
    async fn plain() -> Self {
        let stage = Self::of(&[("container", "web")], Manner::Honest).await;
        stage.engine.add_container(&web());
        stage
    }

    fn pass(&mut self, seconds: u64) {
        let elapsed = Duration::from_secs(seconds);
        self.now = self.now.checked_add(jiff::SignedDuration::try_from(elapsed).unwrap()).unwrap();
        self.engine.tick(self.now, elapsed);
    }

    async fn rollout(&self) -> Rollout {
        let seen = self.provider.observe(&Ask::default()).await.unwrap();
        assert_eq!(seen.faults, BTreeMap::new());
        assert!(!format!("{seen:?}").contains(SECRET));
        Rollout::clone(&seen.rollouts[&Place::new("web", "production")])
    }

    async fn fault(&self) -> Fault {
        let seen = self.provider.observe(&Ask::default()).await.unwrap();
        seen.faults[&ServiceName::new("web")].clone()
    }

    async fn prepare(&self, verb: Verb, target: Target) -> Result<Prepared, Fault> {
        let intent = Intent {
            verb,
            service: ServiceName::new("web"),
            place: Some(Place::new("web", "production")),
            target,
            source: SourceName::new("prod"),
            reason: None,
            answers: BTreeMap::new(),
        };
        self.provider.prepare(&intent).await
    }

    async fn promotion(&self, version: u8) -> Prepared {
        self.prepare(Verb::Promote, Target::Artifact(artifact(version))).await.unwrap()
    }

    /// Carries out every step; all must be accepted.
    async fn perform(&self, plan: &Prepared) {
        assert_eq!(texts(plan, Severity::Blocking), Vec::<String>::new());
        for step in &plan.steps {
            self.provider.perform(step).await.unwrap();
        }
    }

    fn writes(&self) -> Vec<(String, u16)> {
        let bare = |path: &str| path.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        self.engine.writes().iter().map(|w| (bare(&w.path), w.status)).collect()
    }
}

fn web() -> ContainerSeed {
    ContainerSeed {
        name: "web".into(),
        image: image(1),
        env: vec![format!("TOKEN={SECRET}")],
        ports: vec!["8080".into()],
        ..ContainerSeed::default()
    }
}

fn labelled(name: &str, version: u8, labels: &[(&str, &str)]) -> ContainerSeed {
    let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    ContainerSeed { name: name.into(), image: image(version), labels, ..ContainerSeed::default() }
}

fn texts(plan: &Prepared, severity: Severity) -> Vec<String> {
    plan.hazards.iter().filter(|h| h.severity == severity).map(|h| h.text.to_string()).collect()
}

fn says(text: impl std::fmt::Display, part: &str) {
    let text = text.to_string();
    assert!(text.contains(part), "{part:?} is not in {text:?}");
}

const COMPOSE: [(&str, &str); 2] =
    [("com.docker.compose.project", "shop"), ("com.docker.compose.service", "web")];

// ---- what a look says ----

#[tokio::test]
async fn a_plain_container_is_told_by_the_digest_under_which_it_was_pulled() {
    let stage = Stage::plain().await;
    let rollout = stage.rollout().await;
    assert_eq!((rollout.phase.clone(), rollout.replicas.desired), (Phase::Done, 1));
    assert_eq!((&rollout.target, rollout.running[0].ready), (&artifact(1), 1));
    assert_eq!(rollout.workload, "container web on node-1");
    assert!(rollout.began.is_some() && rollout.owner.is_none());
    assert_eq!(rollout.previous(), None);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_only_similar_is_not_found() {
    let stage = Stage::of(&[("container", "web")], Manner::Honest).await;
    stage.engine.add_container(&labelled("webshop", 1, &[]));
    let fault = stage.fault().await;
    assert_eq!(fault.cause, Cause::NotFound);
    says(&fault, "no container web");
}

#[tokio::test]
async fn replicas_of_a_compose_service_count_and_what_runs_once_does_not() {
    let stage = Stage::of(&[("project", "shop"), ("compose_service", "web")], Manner::Honest).await;
    for (name, version) in [("shop-web-1", 1), ("shop-web-2", 1)] {
        stage.engine.add_container(&labelled(name, version, &COMPOSE));
    }
    let mut once = labelled("shop-web-run-1", 3, &COMPOSE);
    once.labels.insert("com.docker.compose.oneoff".into(), "True".into());
    stage.engine.add_container(&once);
    stage.engine.add_container(&labelled("other", 2, &[("com.docker.compose.project", "shop")]));
    let rollout = stage.rollout().await;
    assert_eq!((rollout.replicas.desired, rollout.replicas.available), (2, 2));
    assert_eq!((rollout.target.clone(), rollout.running.len()), (artifact(1), 1));
    assert_eq!(rollout.owner.unwrap().tool, "Docker Compose");
}

#[tokio::test]
async fn colours_that_run_are_told_by_the_configured_label() {
    for (settings, label) in [
        (&[("container", "web")][..], "gonogo.color"),
        (&[("container", "web"), ("colour_label", "lane")], "lane"),
    ] {
        let stage = Stage::of(settings, Manner::Honest).await;
        stage.engine.add_container(&labelled("web", 1, &[(label, "blue")]));
        stage.engine.add_container(&labelled("web-green", 2, &[(label, "green"), ("gonogo.group", "web")]));
        let rollout = stage.rollout().await;
        assert_eq!(rollout.running.len(), 2);
        let remarks: Vec<_> = rollout.remarks.iter().map(ToString::to_string).collect();
        says(
            remarks.join("\n"),
            "blue runs v1, green runs v2; which of them serves, the proxy in front decides",
        );
    }
}

#[tokio::test]
async fn an_unhealthy_container_is_not_done_and_one_that_ended_failed() {
    let mut stage = Stage::plain().await;
    stage.engine.set_behaviour(&image(1), Behaviour::Unhealthy);
    let rollout = stage.rollout().await;
    assert!(matches!(&rollout.phase, Phase::Progressing(why) if why.as_str().contains("web is unhealthy")));
    assert_eq!((rollout.replicas.available, rollout.running[0].ready), (0, 0));
    says(&rollout.signs[0], "unhealthy");
    stage.engine.set_behaviour(&image(1), Behaviour::Crash);
    stage.pass(2);
    let rollout = stage.rollout().await;
    assert!(matches!(&rollout.phase, Phase::Failed(why) if why.as_str().contains("web ended with code 1")));
    assert_eq!(rollout.running, []);
}

// ---- forward and back ----

#[tokio::test]
async fn a_version_goes_out_and_comes_back_and_each_is_verified() {
    let mut stage = Stage::plain().await;
    let plan = stage.promotion(2).await;
    assert_eq!(plan, stage.promotion(2).await, "an unmoved world gives an equal plan");
    assert_eq!((plan.from.clone(), plan.to.clone()), (Some(artifact(1)), Some(artifact(2))));
    assert!(matches!(plan.guard, Guard::LookAgain(_)));
    says(plan.way_back.clone().unwrap(), "docker start web");
    assert!(!plan.steps.iter().any(|s| s.shown_body().is_some_and(|b| b.contains(SECRET))));
    assert!(plan.steps[0].body.as_ref().unwrap().contains(SECRET), "it is carried over");
    stage.pass(1);
    stage.perform(&plan).await;
    assert_eq!(stage.writes(), [("create".into(), 201), ("stop".into(), 204), ("start".into(), 204)]);
    let rollout = stage.rollout().await;
    assert_eq!((rollout.phase.clone(), rollout.target.clone()), (Phase::Done, artifact(2)));
    let past = rollout.previous().unwrap().clone();
    assert_eq!((past.artifact.clone(), past.note.clone()), (artifact(1), Some("web".into())));

    stage.pass(60);
    let provider = Arc::clone(&stage.provider);
    let mut desk = Desk::open(&provider, &[]).await;
    let plan = desk.ask('r').await.unwrap();
    assert_eq!(plan.prepared.steps.len(), 2);
    desk.confirm().await;
    let outcome = desk.follow(|| stage.pass(1)).await;
    assert!(matches!(&outcome, Outcome::Verified(_)), "{outcome:?}");
    let rollout = stage.rollout().await;
    assert_eq!(rollout.target, artifact(1));
    assert_eq!(rollout.revisions[1].standing, Standing::Left, "v2 was left by going back");
    assert_eq!(rollout.previous(), None);
}

#[tokio::test]
async fn a_container_that_is_started_anew_stays_what_it_is() {
    let mut stage = Stage::plain().await;
    let before = stage.rollout().await;
    let provider = Arc::clone(&stage.provider);
    let mut desk = Desk::open(&provider, &[]).await;
    let plan = desk.ask('B').await.unwrap().prepared;
    assert_eq!((plan.from.clone(), plan.to.clone()), (Some(artifact(1)), Some(artifact(1))));
    says(&plan.promise, "every replica is new, runs v1 as before");
    says(&texts(&plan, Severity::Warning)[0], "Nothing serves between the stop of web and its start");
    stage.pass(1);
    desk.confirm().await;
    let outcome = desk.follow(|| stage.pass(1)).await;
    assert!(matches!(&outcome, Outcome::Verified(_)), "{outcome:?}");
    assert_eq!(stage.writes(), [("restart".into(), 204)]);
    let after = stage.rollout().await;
    assert_eq!((after.target, after.running), (before.target, before.running));
    assert_eq!(after.revisions[0].id, before.revisions[0].id, "the very container");
    assert!(after.restart.unwrap().mark.as_str() > before.restart.unwrap().mark.as_str());
}

#[tokio::test]
async fn all_replicas_are_started_anew_one_after_the_other() {
    let mut stage = Stage::of(&[("project", "shop"), ("compose_service", "web")], Manner::Honest).await;
    for name in ["shop-web-1", "shop-web-2"] {
        stage.engine.add_container(&labelled(name, 1, &COMPOSE));
    }
    let provider = Arc::clone(&stage.provider);
    let mut desk = Desk::open(&provider, &[]).await;
    let plan = desk.ask('B').await.unwrap().prepared;
    assert_eq!(plan.steps.len(), 2);
    says(&texts(&plan, Severity::Warning)[0], "2 containers are started anew one after the other");
    stage.pass(1);
    desk.confirm().await;
    let outcome = desk.follow(|| stage.pass(1)).await;
    says(outcome.text(), "2 of 2 replicas run v1, each of them new");
    assert_eq!(stage.writes(), [("restart".into(), 204), ("restart".into(), 204)]);

    // One of them anew is not all of them.
    stage.pass(1);
    let half = stage.prepare(Verb::Restart, Target::Replicas { at: stage.now }).await.unwrap();
    assert_ne!(half.basis, plan.basis, "both were started since");
    stage.provider.perform(&half.steps[1]).await.unwrap();
    assert_ne!(
        half.basis,
        stage.prepare(Verb::Restart, Target::Replicas { at: stage.now }).await.unwrap().basis,
        "the other one was started by somebody else"
    );
}

#[tokio::test]
async fn what_does_not_run_or_is_swarms_is_not_started_anew() {
    let stage = Stage::of(&[("container", "web")], Manner::Honest).await;
    stage.engine.add_container(&ContainerSeed { state: ContainerState::Exited(0), ..web() });
    let at = stage.now;
    let fault = stage.prepare(Verb::Restart, Target::Replicas { at }).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Refused);
    says(&fault, "nothing of container web runs");
    let stage = Stage::of(&[("container", "web")], Manner::Honest).await;
    stage.engine.add_container(&labelled("web", 1, &[("com.docker.swarm.service.name", "shop_web")]));
    let fault = stage.prepare(Verb::Restart, Target::Replicas { at }).await.unwrap_err();
    says(&fault, "Swarm service shop_web, which would replace it");
}

#[tokio::test]
async fn a_tag_is_pinned_to_the_digest_that_the_engine_holds() {
    let stage = Stage::plain().await;
    let tag = Artifact::from_reference(&image(2));
    let plan = stage.prepare(Verb::Promote, Target::Artifact(tag)).await.unwrap();
    assert_eq!(plan.to, Some(artifact(2)));
    says(plan.steps[0].body.as_ref().unwrap(), &format!("{}@{}", image(2), digest(2)));
}

#[tokio::test]
async fn an_image_that_the_engine_does_not_hold_is_not_pulled_and_the_command_is_said() {
    let stage = Stage::plain().await;
    let gone = Artifact::from_reference(&image(9));
    let plan = stage.prepare(Verb::Promote, Target::Artifact(gone)).await.unwrap();
    says(&texts(&plan, Severity::Blocking)[0], &format!("docker pull {}", image(9)));
    let same = stage.promotion(1).await;
    says(&texts(&same, Severity::Blocking)[0], "already runs v1");
}

#[tokio::test]
async fn several_replicas_are_not_replaced_from_here() {
    let stage = Stage::of(&[("project", "shop"), ("compose_service", "web")], Manner::Honest).await;
    stage.engine.add_container(&labelled("shop-web-1", 1, &COMPOSE));
    let plan = stage.promotion(2).await;
    says(&texts(&plan, Severity::Warning)[0], "docker compose up of shop");
    stage.engine.add_container(&labelled("shop-web-2", 1, &COMPOSE));
    let fault = stage.prepare(Verb::Promote, Target::Artifact(artifact(2))).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Refused);
    says(&fault, "2 containers of web of the Compose project shop run");
    says(fault.hint.unwrap(), "docker compose up");
}

#[tokio::test]
async fn there_is_nothing_to_pause_or_to_resume() {
    let stage = Stage::plain().await;
    for verb in [Verb::Pause, Verb::Resume] {
        let fault = stage.prepare(verb, Target::Rollout).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Refused);
        says(&fault, "no rollout that could be paused");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_gets_a_number_and_one_taken_meanwhile_is_refused() {
    let stage = Stage::plain().await;
    let first = stage.promotion(2).await;
    stage.engine.add_container(&labelled("web-222222222222", 3, &[]));
    let second = stage.promotion(2).await;
    says(&second.steps[0].path, "name=web-222222222222-2");
    assert_ne!(first.basis, second.basis, "the look right before sending finds it");
    let fault = stage.provider.perform(&first.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
    says(&fault, "already in use");
}

#[tokio::test]
async fn what_somebody_else_did_meanwhile_changes_the_basis() {
    let mut stage = Stage::plain().await;
    let plan = stage.promotion(2).await;
    stage.pass(5);
    let id = plan.basis.iter().find(|b| b.name == "running container").unwrap().value.clone();
    for verb in ["stop", "start"] {
        let step =
            gonogo::domain::Step { path: format!("/v1.47/containers/{id}/{verb}"), ..plan.steps[1].clone() };
        assert_eq!(stage.provider.perform(&step).await.unwrap().status, 204);
        let again = stage.provider.perform(&step).await.unwrap();
        assert_eq!(again.status, 304, "{verb} again");
    }
    assert_ne!(plan.basis, stage.promotion(2).await.basis, "it was started again");
}

// ---- half done, and not believed ----

#[tokio::test]
async fn a_start_that_is_refused_leaves_it_half_done_and_the_way_back_starts_the_kept_one() {
    let mut stage = Stage::plain().await;
    let kept = ContainerSeed {
        state: ContainerState::Exited(0),
        ..labelled("web-old", 3, &[("gonogo.group", "web")])
    };
    stage.engine.add_container(&ContainerSeed { ports: vec!["9090".into()], ..kept });
    stage.engine.add_container(&ContainerSeed { ports: vec!["9090".into()], ..labelled("foreign", 4, &[]) });
    let provider = Arc::clone(&stage.provider);
    let mut desk = Desk::open(&provider, &[]).await;
    desk.ask('r').await.unwrap();
    desk.confirm().await;
    let outcome = desk.follow(|| stage.pass(1)).await;
    assert!(matches!(&outcome, Outcome::Failed(_)), "{outcome:?}");
    says(outcome.text(), "half done: 1 of 2 requests were accepted");
    says(outcome.text(), "port is already allocated");
    assert_eq!(stage.writes(), [("stop".into(), 204), ("start".into(), 500)]);
    let rollout = stage.rollout().await;
    assert!(
        matches!(&rollout.phase, Phase::Failed(why) if why.as_str().contains("nothing of container web runs"))
    );

    let web = rollout.revisions.iter().find(|r| r.artifact == artifact(1)).unwrap();
    let target = Target::Revision { id: web.id.clone(), artifact: web.artifact.clone() };
    let back = stage.prepare(Verb::RollBack, target).await.unwrap();
    assert_eq!(back.steps.len(), 1, "nothing is to be stopped");
    stage.perform(&back).await;
    assert_eq!(stage.rollout().await.target, artifact(1));
}

#[tokio::test]
async fn a_new_container_that_dies_leaves_the_old_one_to_go_back_to() {
    let mut stage = Stage::plain().await;
    stage.engine.set_behaviour(&image(2), Behaviour::Crash);
    let plan = stage.promotion(2).await;
    stage.pass(1);
    stage.perform(&plan).await;
    stage.pass(3);
    let rollout = stage.rollout().await;
    assert!(matches!(&rollout.phase, Phase::Failed(_)), "{:?}", rollout.phase);
    assert_eq!(
        (rollout.target.clone(), rollout.previous().unwrap().artifact.clone()),
        (artifact(2), artifact(1))
    );
}

#[tokio::test]
async fn an_engine_that_answers_and_does_nothing_is_never_believed() {
    let mut stage = Stage::of(&[("container", "web")], Manner::Idle).await;
    stage.engine.add_container(&web());
    let kept = ContainerSeed {
        state: ContainerState::Exited(0),
        ..labelled("web-old", 3, &[("gonogo.group", "web")])
    };
    stage.engine.add_container(&kept);
    let provider = Arc::clone(&stage.provider);
    for (key, told) in [('r', "v1 is still asked for there"), ('B', "everything runs since before")] {
        let mut desk = Desk::open(&provider, &[]).await;
        desk.ask(key).await.unwrap();
        desk.confirm().await;
        let outcome = desk.follow(|| stage.pass(1)).await;
        assert!(!matches!(&outcome, Outcome::Verified(_)), "{outcome:?}");
        says(outcome.text(), told);
    }
    assert_eq!(stage.writes(), [], "the engine never saw them");
}
