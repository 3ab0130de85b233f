//! The Docker provider against a real engine and a real registry: a release, its failure, the way back.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail by panicking"
)]

#[path = "support/engine.rs"]
mod engine;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Engine;
use gonogo::domain::Verb;
use gonogo::domain::rollout::Restart;
use gonogo::domain::service::{Bound, Role, Settings};
use gonogo::domain::{
    Artifact, Ask, Cause, EnvironmentName, Fault, Intent, Phase, Place, Prepared, Promise, Reached, Rollout,
    ServiceName, Severity, SourceName, Target,
};
use gonogo::provider::{Provider, SourceSpec, kind};
use jiff::Timestamp;

/// How long a rollout of two replicas may take here.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PACE: Duration = Duration::from_millis(100);
/// In the environment of every service here; must never be told.
const SECRET: &str = "hunter2-not-to-be-told";
/// Networks of their own that a container is on.
const NETWORKS: [&str; 2] = ["gonogo-front", "gonogo-back"];

/// The engine, the images in its registry, and the provider bound to its services.
struct Stage {
    engine: Engine,
    digests: BTreeMap<&'static str, String>,
    provider: Arc<dyn Provider>,
    services: Vec<String>,
}

/// An engine that is somebody else's keeps none of our services and containers.
impl Drop for Stage {
    fn drop(&mut self) {
        self.engine.remove(&self.services);
        let groups = ["gonogo-plain", "gonogo-networked"];
        let named = groups.iter().flat_map(|g| [format!("name=^{g}$"), format!("label=gonogo.group={g}")]);
        for filter in named.chain(["label=com.docker.compose.project=gonogo".to_owned()]) {
            self.engine.discard(&filter);
        }
        self.engine.remove_networks(&NETWORKS);
    }
}

impl Stage {
    fn build(services: &[&str]) -> Self {
        let settings = |name: &str| Settings::default().with_text("service", name);
        Self::bound(&services.iter().map(|name| (*name, settings(name))).collect::<Vec<_>>())
    }

    fn bound(bindings: &[(&str, Settings)]) -> Self {
        let engine = Engine::start().unwrap();
        let digests = BTreeMap::from([
            ("v1", engine.push("acme/web", "v1", &["/bin/busybox", "sleep", "1000000"])),
            ("v2", engine.push("acme/web", "v2", &["/bin/busybox", "sleep", "2000000"])),
            ("bad", engine.push("acme/web", "bad", &["/bin/busybox", "false"])),
        ]);
        let bounds = bindings.iter().map(|(name, settings)| Bound {
            role: Role::Deploy,
            service: ServiceName::new(name),
            environment: Some(EnvironmentName::new("production")),
            settings: settings.clone(),
        });
        let spec = SourceSpec {
            name: SourceName::new("swarm"),
            settings: Settings::default().with_text("host", engine.host()),
            secrets: BTreeMap::new(),
            bounds: bounds.collect(),
            env: Arc::default(),
        };
        let provider = (kind("docker").unwrap().build)(spec).unwrap();
        let services = bindings.iter().map(|(name, _)| (*name).to_owned()).collect();
        Self { engine, digests, provider, services }
    }

    /// A service of two replicas at v1 that tells within a second whether a new replica fails.
    fn service(&self, name: &str, options: &[&str]) {
        let image = self.image("v1").image.to_string();
        let secret = format!("TOKEN={SECRET}");
        let mut arguments =
            vec!["service", "create", "--detach", "--quiet", "--name", name, "--network", "host"];
        arguments.extend(["--env", &secret, "--update-monitor", "1s", "--rollback-monitor", "1s"]);
        arguments.extend(["--restart-delay", "200ms"]);
        arguments.extend(options);
        arguments.push(&image);
        self.engine.docker(&arguments);
    }

    fn image(&self, version: &str) -> Artifact {
        let image = format!("{}/acme/web:{version}", self.engine.registry());
        let digest = self.digests.get(version).map(|d| d.as_str().into());
        Artifact { digest, ..Artifact::from_reference(&image) }
    }

    async fn rollout(&self, name: &str) -> Rollout {
        let seen = self.provider.observe(&Ask::default()).await.unwrap();
        assert_eq!(seen.faults, BTreeMap::new());
        assert!(!format!("{seen:?}").contains(SECRET));
        Rollout::clone(&seen.rollouts[&Place::new(name, "production")])
    }

    /// Looks again and again until `holds`; returns every different phase on the way, the last one included.
    async fn until(&self, name: &str, what: &str, holds: impl Fn(&Rollout) -> bool) -> (Rollout, Vec<Phase>) {
        let end = Instant::now() + PATIENCE;
        let mut phases: Vec<Phase> = Vec::new();
        let mut pace = tokio::time::interval(PACE);
        loop {
            let rollout = self.rollout(name).await;
            if phases.last() != Some(&rollout.phase) {
                phases.push(rollout.phase.clone());
            }
            if holds(&rollout) {
                return (rollout, phases);
            }
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}; last seen {rollout:#?}");
            pace.tick().await;
        }
    }

    async fn prepare(&self, name: &str, verb: Verb, target: Target) -> Result<Prepared, Fault> {
        self.provider.prepare(&self.intent(name, verb, target)).await
    }

    fn intent(&self, name: &str, verb: Verb, target: Target) -> Intent {
        Intent {
            verb,
            service: ServiceName::new(name),
            place: Some(Place::new(name, "production")),
            target,
            source: SourceName::new("swarm"),
            reason: None,
            answers: std::collections::BTreeMap::new(),
        }
    }

    async fn promote(&self, name: &str, version: &str) -> Prepared {
        let plan = self.prepare(name, Verb::Promote, Target::Artifact(self.image(version))).await.unwrap();
        assert_eq!(blocking(&plan), Vec::<String>::new());
        self.perform(&plan).await;
        plan
    }

    async fn perform(&self, plan: &Prepared) {
        let [step] = plan.steps.as_slice() else { panic!("one step: {:?}", plan.steps.len()) };
        let receipt = self.provider.perform(step).await.unwrap();
        assert_eq!(receipt.status, 200);
    }

    fn previous(&self, version: &str) -> Target {
        Target::Revision { id: "previous".into(), artifact: self.image(version) }
    }
}

fn blocking(plan: &Prepared) -> Vec<String> {
    let bad = plan.hazards.iter().filter(|h| h.severity == Severity::Blocking);
    bad.map(|h| h.text.to_string()).collect()
}

/// Everything that is shown of a plan, the request's own body aside.
fn shown(plan: &Prepared) -> String {
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        step.body = None;
    }
    format!("{plan:?}")
}

/// What the promise of a plan asks of a look.
fn kept(rollout: &Rollout, artifact: &Artifact) -> bool {
    rollout.at_rest()
        && !rollout.running.is_empty()
        && rollout.running.iter().all(|r| r.artifact.same_as(artifact))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker Engine; .ci/run runs it"]
async fn a_release_goes_out_comes_back_and_fails_on_a_real_engine() {
    let stage = Stage::build(&["web", "pausing", "returning", "everywhere", "none"]);
    stage.service("web", &["--replicas", "2"]);
    stage.service("pausing", &["--replicas", "2", "--update-failure-action", "pause"]);
    stage.service("returning", &["--replicas", "2", "--update-failure-action", "rollback"]);
    stage.service("everywhere", &["--mode", "global"]);
    stage.service("none", &["--replicas", "0"]);
    for name in ["web", "pausing", "returning", "everywhere"] {
        stage.until(name, "v1 runs", |r| r.phase == Phase::Done && kept(r, &stage.image("v1"))).await;
    }
    assert_eq!(stage.rollout("none").await.phase, Phase::ScaledToZero);

    a_release_by_digest_and_back(&stage).await;
    a_plan_made_on_an_older_version_is_refused(&stage).await;
    a_failing_release_pauses(&stage).await;
    a_failing_release_returns_by_itself(&stage).await;
    a_global_service_is_done_only_when_its_new_task_runs(&stage).await;
    a_restart_replaces_every_task_and_keeps_what_runs(&stage).await;
    what_the_registry_does_not_hold_is_refused(&stage).await;
}

async fn a_release_by_digest_and_back(stage: &Stage) {
    let (v1, v2) = (stage.image("v1"), stage.image("v2"));
    let by_tag = Target::Artifact(Artifact { digest: None, ..v2.clone() });
    let plan = stage.prepare("web", Verb::Promote, by_tag).await.unwrap();
    assert_eq!(plan.to, Some(v2.clone()), "the tag is resolved to the digest that was pushed");
    assert_eq!(plan.from, Some(v1.clone()));
    assert!(!shown(&plan).contains(SECRET));
    let again = stage.prepare("web", Verb::Promote, Target::Artifact(v2.clone())).await.unwrap();
    assert_eq!(
        (&plan.basis, &plan.steps),
        (&again.basis, &again.steps),
        "an unmoved world gives an equal plan"
    );

    stage.perform(&plan).await;
    let (rollout, phases) = stage.until("web", "v2 runs", |r| kept(r, &v2)).await;
    assert!(phases.iter().any(|p| matches!(p, Phase::Progressing(_))), "{phases:?}");
    assert_eq!(phases.last(), Some(&Phase::Done), "{phases:?}");
    assert_eq!(rollout.previous().map(|r| r.artifact.clone()), Some(v1.clone()));
    assert_eq!((rollout.replicas.desired, rollout.replicas.updated), (2, 2));
    let same = stage.prepare("web", Verb::Promote, Target::Artifact(v2.clone())).await.unwrap();
    assert!(blocking(&same).iter().any(|h| h.contains("already runs")), "{:?}", same.hazards);

    let back = stage.prepare("web", Verb::RollBack, stage.previous("v1")).await.unwrap();
    assert_eq!(blocking(&back), Vec::<String>::new());
    assert_eq!(back.promise, Promise::Runs { artifact: v1.clone() });
    stage.perform(&back).await;
    let (rollout, phases) = stage.until("web", "v1 runs again", |r| kept(r, &v1)).await;
    assert!(phases.iter().any(|p| matches!(p, Phase::RollingBack(_))), "{phases:?}");
    assert_eq!(phases.last(), Some(&Phase::RolledBack), "{phases:?}");
    assert!(rollout.remarks.iter().any(|r| r.as_str().contains("twice")), "{:?}", rollout.remarks);

    let twice = stage.prepare("web", Verb::RollBack, stage.previous("v2")).await.unwrap();
    let named = v2.reference();
    assert!(blocking(&twice).iter().any(|h| h.contains(&named)), "{:?}", twice.hazards);
}

async fn a_plan_made_on_an_older_version_is_refused(stage: &Stage) {
    let target = Target::Artifact(stage.image("v2"));
    let plan = stage.prepare("web", Verb::Promote, target.clone()).await.unwrap();
    stage.engine.docker(&["service", "update", "--detach", "--quiet", "--label-add", "touched=1", "web"]);
    let fault = stage.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    let moved = stage.prepare("web", Verb::Promote, target).await.unwrap();
    assert_ne!(plan.basis, moved.basis);
    assert!(stage.rollout("web").await.target.same_as(&stage.image("v1")));
}

async fn a_failing_release_pauses(stage: &Stage) {
    let bad = stage.promote("pausing", "bad").await.to.unwrap();
    let paused = |r: &Rollout| matches!(r.phase, Phase::Paused(_));
    let (rollout, phases) = stage.until("pausing", "the failure action pauses", paused).await;
    assert!(!phases.iter().any(|p| matches!(p, Phase::Done)), "{phases:?}");
    assert!(rollout.target.same_as(&bad));
    assert!(rollout.signs.iter().any(|s| s.as_str().contains("non-zero exit")), "{:?}", rollout.signs);

    let back = stage.prepare("pausing", Verb::RollBack, stage.previous("v1")).await.unwrap();
    assert_eq!(blocking(&back), Vec::<String>::new());
    stage.perform(&back).await;
    stage.until("pausing", "v1 runs again", |r| kept(r, &stage.image("v1"))).await;
}

async fn a_failing_release_returns_by_itself(stage: &Stage) {
    stage.promote("returning", "bad").await;
    let (rollout, phases) =
        stage.until("returning", "Swarm goes back", |r| r.phase == Phase::RolledBack).await;
    assert!(!phases.contains(&Phase::Done), "{phases:?}");
    assert!(rollout.target.same_as(&stage.image("v1")));
    assert_eq!(rollout.previous(), None, "an automatic rollback leaves no previous specification");
    let plan = stage.prepare("returning", Verb::RollBack, stage.previous("v1")).await.unwrap();
    assert!(blocking(&plan).iter().any(|h| h.contains("already runs")), "{:?}", plan.hazards);
    let unnamed = Target::Revision { id: "previous".into(), artifact: Artifact::default() };
    let fault = stage.prepare("returning", Verb::RollBack, unnamed).await.unwrap_err();
    assert_eq!(fault.cause, Cause::NotFound, "{fault}");
}

async fn a_restart_replaces_every_task_and_keeps_what_runs(stage: &Stage) {
    let (before, _) = stage.until("everywhere", "at rest", |r| r.phase == Phase::Done).await;
    let at = "2026-11-20T14:00:00Z".parse().unwrap();
    let plan = stage.prepare("everywhere", Verb::Restart, Target::Replicas { at }).await.unwrap();
    assert_eq!(blocking(&plan), Vec::<String>::new());
    let Promise::Restarted { artifact, mark } = plan.promise.clone() else { panic!("{:?}", plan.promise) };
    assert!(artifact.same_as(&before.target));
    assert_ne!(before.restart.as_ref().map(|r| r.mark.clone()), Some(mark.clone()));
    stage.perform(&plan).await;
    let new = Some(Restart { mark, left: 0 });
    let over = |r: &Rollout| r.phase == Phase::Done && r.restart == new && kept(r, &artifact);
    let (after, phases) = stage.until("everywhere", "restarted", over).await;
    assert_eq!(after.running, before.running);
    assert!(phases.iter().any(|p| matches!(p, Phase::Progressing(_))), "{phases:?}");
}

async fn a_global_service_is_done_only_when_its_new_task_runs(stage: &Stage) {
    let v2 = stage.promote("everywhere", "v2").await.to.unwrap();
    let (_, phases) = stage.until("everywhere", "v2 runs", |r| kept(r, &v2)).await;
    assert!(!phases.contains(&Phase::ScaledToZero), "{phases:?}");
    assert!(phases.iter().filter(|p| **p == Phase::Done).count() <= 1, "{phases:?}");
}

async fn what_the_registry_does_not_hold_is_refused(stage: &Stage) {
    let repository = format!("{}/acme/web", stage.engine.registry());
    let missing = Artifact::from_reference(&format!("{repository}:v9"));
    let fault = stage.prepare("web", Verb::Promote, Target::Artifact(missing)).await.unwrap_err();
    assert_eq!(fault.cause, Cause::NotFound, "{fault}");
    let zeros = format!("{repository}@sha256:{}", "0".repeat(64));
    let gone = Artifact::from_reference(&zeros);
    let plan = stage.prepare("web", Verb::Promote, Target::Artifact(gone)).await.unwrap();
    assert!(blocking(&plan).iter().any(|h| h.contains("does not hold")), "{:?}", plan.hazards);
    let moved = Artifact { digest: stage.image("v1").digest, ..stage.image("v2") };
    let plan = stage.prepare("web", Verb::Promote, Target::Artifact(moved)).await.unwrap();
    assert!(blocking(&plan).iter().any(|h| h.contains("The tag moved")), "{:?}", plan.hazards);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Docker Engine; .ci/run runs it"]
async fn a_plain_container_and_one_of_compose_go_forward_and_back_on_a_real_engine() {
    let plain = Settings::default().with_text("container", "gonogo-plain");
    let compose = Settings::default().with_text("project", "gonogo").with_text("compose_service", "web");
    let networked = Settings::default().with_text("container", "gonogo-networked");
    let stage = Stage::bound(&[("plain", plain), ("compose", compose), ("networked", networked)]);
    let image = stage.image("v1").image.to_string();
    let secret = format!("TOKEN={SECRET}");
    let common = ["run", "--detach", "--network", "host", "--env", secret.as_str()];
    let run = |options: &[&str]| stage.engine.docker(&[&common[..], options, &[image.as_str()]].concat());
    run(&[
        "--name",
        "gonogo-plain",
        "--volume",
        "/data",
        "--workdir",
        "/data",
        "--label",
        "gonogo.color=blue",
    ]);
    let labels = ["com.docker.compose.project=gonogo", "com.docker.compose.service=web"];
    run(&["--name", "gonogo-web-1", "--label", labels[0], "--label", labels[1]]);
    run(&[
        "--name",
        "gonogo-web-run",
        "--label",
        labels[0],
        "--label",
        labels[1],
        "--label",
        "com.docker.compose.oneoff=True",
    ]);
    on_two_networks(&stage);
    for name in ["plain", "compose", "networked"] {
        let (rollout, _) =
            stage.until(name, "v1 runs", |r| r.phase == Phase::Done && kept(r, &stage.image("v1"))).await;
        assert_eq!(rollout.replicas.desired, 1, "what runs once does not count");
        assert_eq!(rollout.target.digest, stage.image("v1").digest);
    }
    assert!(stage.rollout("plain").await.remarks.iter().any(|r| r.as_str().contains("blue runs v1")));
    what_holds_its_port_and_address_is_not_started_beside(&stage).await;
    for name in ["plain", "compose", "networked"] {
        there_and_back_again(&stage, name).await;
    }
    what_is_started_anew_is_the_same_container(&stage).await;
    what_the_engine_says_to_a_step_that_comes_twice(&stage).await;
}

/// With a fixed address, a name of its own there, and a port of the host.
fn on_two_networks(stage: &Stage) {
    let docker = |arguments: &[&str]| drop(stage.engine.docker(arguments));
    docker(&["network", "create", "--subnet", "10.99.7.0/24", NETWORKS[0]]);
    docker(&["network", "create", NETWORKS[1]]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (port, secret) = (format!("127.0.0.1:{port}:80"), format!("TOKEN={SECRET}"));
    let image = stage.image("v1").image.to_string();
    let place =
        ["--network", NETWORKS[0], "--ip", "10.99.7.9", "--network-alias", "shop", "--publish", &port];
    docker(
        &[&["run", "--detach", "--name", "gonogo-networked", "--env", &secret], &place[..], &[&image]]
            .concat(),
    );
    docker(&["network", "connect", "--alias", "behind", NETWORKS[1], "gonogo-networked"]);
}

async fn what_holds_its_port_and_address_is_not_started_beside(stage: &Stage) {
    let plan = stage.prepare("networked", Verb::Promote, Target::Artifact(stage.image("v2"))).await.unwrap();
    let paths: Vec<_> = plan.steps.iter().map(|s| s.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(paths[1..], ["connect", "stop", "start"], "an engine of API 1.41 takes one network at once");
    for step in &plan.steps[..2] {
        stage.provider.perform(step).await.unwrap();
    }
    let fault = stage.provider.perform(&plan.steps[3]).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No, "{fault}");
    assert!(stage.rollout("networked").await.target.same_as(&stage.image("v1")));
    let name = plan.steps[3].path.rsplit('/').nth(1).unwrap().to_owned();
    stage.engine.docker(&["rm", "--force", &name]);
}

async fn there_and_back_again(stage: &Stage, name: &str) {
    let (v1, v2) = (stage.image("v1"), stage.image("v2"));
    let plan = stage.prepare(name, Verb::Promote, Target::Artifact(v2.clone())).await.unwrap();
    assert_eq!(blocking(&plan), Vec::<String>::new());
    assert!(!shown(&plan).contains(SECRET));
    let again = stage.prepare(name, Verb::Promote, Target::Artifact(v2.clone())).await.unwrap();
    assert_eq!(
        (&plan.basis, &plan.steps),
        (&again.basis, &again.steps),
        "an unmoved world gives an equal plan"
    );
    for step in &plan.steps {
        let status = match step.path.rsplit('/').next().unwrap() {
            "connect" => 200,
            "stop" | "start" => 204,
            _ => 201,
        };
        assert_eq!(stage.provider.perform(step).await.unwrap().status, status, "{}", step.path);
    }
    let (rollout, _) = stage.until(name, "v2 runs", |r| r.phase == Phase::Done && kept(r, &v2)).await;
    let container = rollout.revisions[0].id.to_string();
    let inspect = |format: &str| stage.engine.docker(&["inspect", "--format", format, &container]);
    let environment = inspect("{{.Config.Env}}");
    assert!(environment.contains(SECRET) && environment.contains("VERSION=v2"), "{environment}");
    assert!(inspect("{{.Config.Cmd}}").contains("2000000"), "the command is the new image's");
    if name == "networked" {
        let networks: serde_json::Value =
            serde_json::from_str(&inspect("{{json .NetworkSettings.Networks}}")).unwrap();
        let (front, back) = (&networks[NETWORKS[0]], &networks[NETWORKS[1]]);
        assert_eq!(front["IPAddress"], "10.99.7.9");
        for (network, alias) in [(front, "shop"), (front, "gonogo-networked"), (back, "behind")] {
            assert!(network["Aliases"].as_array().unwrap().iter().any(|a| a == alias), "{alias}: {networks}");
        }
        assert!(inspect("{{json .NetworkSettings.Ports}}").contains("HostPort"));
    } else {
        assert_eq!(inspect("{{.HostConfig.NetworkMode}}").trim(), "host");
    }
    if name == "plain" {
        let volume = "{{range .Mounts}}{{.Name}} {{.Destination}}{{end}}";
        let old = stage.engine.docker(&["inspect", "--format", volume, "gonogo-plain"]);
        assert_eq!(inspect(volume), old, "the volume without a name comes along");
        assert_eq!(inspect("{{.Config.WorkingDir}}").trim(), "/data");
    }
    let back = rollout.previous().unwrap();
    assert!(back.artifact.same_as(&v1));
    let target = Target::Revision { id: back.id.clone(), artifact: back.artifact.clone() };
    let plan = stage.prepare(name, Verb::RollBack, target).await.unwrap();
    assert_eq!(blocking(&plan), Vec::<String>::new());
    for step in &plan.steps {
        assert_eq!(stage.provider.perform(step).await.unwrap().status, 204, "{}", step.path);
    }
    let (rollout, _) = stage.until(name, "v1 runs again", |r| r.phase == Phase::Done && kept(r, &v1)).await;
    assert_eq!(rollout.previous(), None, "v2 was left by going back");
}

async fn what_is_started_anew_is_the_same_container(stage: &Stage) {
    let before = stage.rollout("compose").await;
    let at = "2026-11-20T14:00:00Z".parse().unwrap();
    let plan = stage.prepare("compose", Verb::Restart, Target::Replicas { at }).await.unwrap();
    assert_eq!(blocking(&plan), Vec::<String>::new());
    let Promise::Renewed { after, .. } = plan.promise else { panic!("{:?}", plan.promise) };
    assert_eq!(before.restart.as_ref().unwrap().mark.as_str().parse::<Timestamp>().unwrap(), after);
    assert_eq!(stage.provider.perform(&plan.steps[0]).await.unwrap().status, 204);
    let newer = |r: &Rollout| {
        r.restart.as_ref().is_some_and(|r| r.mark.as_str().parse().is_ok_and(|m: Timestamp| m > after))
    };
    let (rollout, _) = stage.until("compose", "started anew", |r| r.phase == Phase::Done && newer(r)).await;
    assert_eq!(rollout.revisions[0].id, before.revisions[0].id);
    assert_eq!(rollout.running, before.running);
}

async fn what_the_engine_says_to_a_step_that_comes_twice(stage: &Stage) {
    let v2 = stage.image("v2");
    let plan = stage.prepare("plain", Verb::Promote, Target::Artifact(v2)).await.unwrap();
    assert!(plan.steps[0].path.contains("-2"), "the name of the kept one is taken: {}", plan.steps[0].path);
    stage.provider.perform(&plan.steps[0]).await.unwrap();
    let fault = stage.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    for status in [204, 304] {
        assert_eq!(stage.provider.perform(&plan.steps[1]).await.unwrap().status, status);
    }
    let rollout = stage.rollout("plain").await;
    assert!(matches!(rollout.phase, Phase::Failed(_)), "{:?}", rollout.phase);
    assert!(rollout.previous().unwrap().artifact.same_as(&stage.image("v1")), "{:#?}", rollout.revisions);
    for status in [204, 304] {
        assert_eq!(stage.provider.perform(&plan.steps[2]).await.unwrap().status, status);
    }
    let missing =
        stage.prepare("plain", Verb::Promote, Target::Artifact(Artifact::from_reference("nothing:v9"))).await;
    assert!(blocking(&missing.unwrap()).iter().any(|h| h.contains("docker pull nothing:v9")));
}
