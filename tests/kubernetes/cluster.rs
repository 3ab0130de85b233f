//! Against the sandbox's cluster, which is stricter than the provider would like.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use gonogo::domain::rollout::Standing;
use gonogo::domain::{
    Artifact, Ask, Cause, Permission, Phase, Place, Promise, Reached, SafeText, ServiceName, Severity, Stock,
    Target, Verb,
};
use gonogo::provider::Provider;
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Behaviour, Cluster, DeploymentSeed, VIEWER_TOKEN};
use jiff::Timestamp;
use std::sync::Arc;

use super::{Server, intent, kubeconfig, observe, provider, until, web, write};

const DIGESTS: [&str; 3] = [
    "sha256:1111111111111111111111111111111111111111111111111111111111111111",
    "sha256:2222222222222222222222222222222222222222222222222222222222222222",
    "sha256:3333333333333333333333333333333333333333333333333333333333333333",
];

/// A cluster that runs `web` v2 after v1, a registry that has v1 to v3, and the provider of it.
struct Day {
    cluster: Cluster,
    provider: Arc<dyn Provider>,
    repository: String,
    folder: tempfile::TempDir,
    server: Server,
    registry: Server,
    clock: std::sync::Mutex<Timestamp>,
}

/// A registry that answers `HEAD` for the tags of `shop/web`.
fn registry() -> Router {
    Router::new().fallback(|uri: Uri, headers: HeaderMap| async move {
        let accepted = headers.get("accept").and_then(|a| a.to_str().ok()).unwrap_or_default();
        if !accepted.contains("oci.image.index.v1") {
            return (StatusCode::NOT_ACCEPTABLE, "").into_response();
        }
        let which = uri.path().strip_prefix("/v2/shop/web/manifests/").unwrap_or_default();
        let digest = match which {
            "v1" => DIGESTS[0],
            "v2" => DIGESTS[1],
            "v3" => DIGESTS[2],
            digest if DIGESTS.contains(&digest) => digest,
            _ => return StatusCode::NOT_FOUND.into_response(),
        };
        ([("docker-content-digest", digest)], "").into_response()
    })
}

impl Day {
    async fn start(token: &str) -> Self {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let (cluster, registry) = (Cluster::new(now), Server::start(registry()).await);
        let repository = format!("{}/shop/web", registry.address);
        for (tag, digest) in ["v1", "v2", "v3"].into_iter().zip(DIGESTS) {
            cluster.register_image(&format!("{repository}:{tag}"), digest);
        }
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: "web".into(),
            container: "web".into(),
            image: format!("{repository}:v2"),
            change_cause: "release 2".into(),
            replicas: 2,
            history: vec![(format!("{repository}:v1"), "release 1".into())],
            ..DeploymentSeed::default()
        });
        let server = Server::start(cluster.router()).await;
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &kubeconfig(&server.url(), token));
        let provider = provider(folder.path(), &["web"]);
        Self { cluster, provider, repository, folder, server, registry, clock: std::sync::Mutex::new(now) }
    }

    fn artifact(&self, tag: &str) -> Artifact {
        Artifact::from_reference(&format!("{}:{tag}", self.repository))
    }

    fn promote(&self, tag: &str) -> gonogo::domain::Intent {
        intent(Verb::Promote, Target::Artifact(self.artifact(tag)))
    }

    /// Lets virtual time pass, in steps small enough for every controller to act.
    fn pass(&self, seconds: u64) {
        let mut clock = self.clock.lock().unwrap();
        for _ in 0..seconds * 2 {
            let step = Duration::from_millis(500);
            *clock = clock.checked_add(jiff::SignedDuration::from_millis(500)).unwrap();
            self.cluster.tick(*clock, step);
        }
    }

    async fn settled(&self, tag: &str) -> gonogo::domain::Rollout {
        self.pass(40);
        let wanted = format!("{}:{tag}", self.repository);
        until(&self.provider, tag, |r| {
            r.phase == Phase::Done && r.target.image == wanted.as_str() && r.running.len() == 1
        })
        .await
    }
}

#[tokio::test]
async fn a_look_shows_what_runs_and_what_was() {
    let day = Day::start(ADMIN_TOKEN).await;
    let seen = observe(&day.provider).await.unwrap();
    assert_eq!(seen.identity.as_ref().map(SafeText::as_str), Some("admin"));
    let rollout = web(&seen);
    assert_eq!(rollout.phase, Phase::Done);
    assert_eq!(rollout.target.digest.as_ref().map(SafeText::as_str), Some(DIGESTS[1]));
    assert_eq!(rollout.running[0].ready, 2);
    let revisions: Vec<_> = rollout
        .revisions
        .iter()
        .map(|r| (r.artifact.label(), r.note.as_ref().map(SafeText::as_str)))
        .collect();
    assert_eq!(revisions, [("v2", Some("release 2")), ("v1", Some("release 1"))]);
    assert!(rollout.host.as_str().contains(&day.server.address.to_string()));
    assert!(rollout.remarks.is_empty(), "{:?}", rollout.remarks);
}

#[tokio::test]
async fn the_registry_is_asked_for_the_image_to_go_back_to_where_the_operator_looks() {
    let day = Day::start(ADMIN_TOKEN).await;
    let place = Place::new("web", "production");
    assert!(observe(&day.provider).await.unwrap().stock.is_empty(), "nobody looks at it");
    let ask = Ask { focus: Some(ServiceName::new("web")), ..Default::default() };
    let seen = day.provider.observe(&ask).await.unwrap();
    // No pod of v1 was ever seen, so nobody knows which digest it ran.
    assert_eq!(seen.stock.get(&place), Some(&Stock::Named), "{:?}", seen.stock);
    // v2 was seen running: once v3 has replaced it, it is known which digest to look for, and how long it took.
    let image = format!("{}:v3", day.repository);
    assert!(day.cluster.set_image("shop", "web", "web", &image, "release 3"));
    let rollout = day.settled("v3").await;
    let took = rollout.took.expect("the rollout is over");
    assert!(took > Duration::ZERO && took < Duration::from_secs(60), "{took:?}");
    let seen = day.provider.observe(&ask).await.unwrap();
    assert_eq!(seen.stock.get(&place), Some(&Stock::There), "{:?}", seen.stock);
}

#[tokio::test]
async fn a_change_by_somebody_else_rings_and_is_seen() {
    let day = Day::start(ADMIN_TOKEN).await;
    observe(&day.provider).await.unwrap();
    let image = format!("{}:v3", day.repository);
    day.cluster.set_behaviour(&image, Behaviour::CrashLoop);
    assert!(day.cluster.set_image("shop", "web", "web", &image, "by a job"));
    let rollout = until(&day.provider, "v3 is asked for", |r| r.target.label() == "v3").await;
    assert!(!rollout.at_rest());
    day.pass(30);
    let failing = until(&day.provider, "a crash loop", |r| !r.signs.is_empty()).await;
    assert!(failing.signs[0].as_str().starts_with("CrashLoopBackOff on"), "{:?}", failing.signs);
    assert!(failing.running.iter().any(|r| r.artifact.label() == "v2" && r.ready > 0));
    assert_eq!(failing.previous().unwrap().artifact.label(), "v2");
}

#[tokio::test]
async fn a_promotion_is_sent_as_shown_and_proved_by_looking() {
    let day = Day::start(ADMIN_TOKEN).await;
    observe(&day.provider).await.unwrap();
    let plan = day.provider.prepare(&day.promote("v3")).await.unwrap();
    assert_eq!(plan.from.as_ref().unwrap().digest.as_ref().map(SafeText::as_str), Some(DIGESTS[1]));
    let again = day.provider.prepare(&day.promote("v3")).await.unwrap();
    assert_eq!((&plan.basis, &plan.steps), (&again.basis, &again.steps));
    assert_eq!(plan.permission, Permission::Granted);
    assert_eq!(plan.hazards, [], "nothing is wrong with it");
    assert!(day.cluster.writes().is_empty(), "preparing wrote: {:?}", day.cluster.writes());
    let receipt = day.provider.perform(&plan.steps[0]).await.unwrap();
    assert_eq!(receipt.status, 200);
    let writes = day.cluster.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(Some(&writes[0].body), plan.steps[0].body.as_ref());
    assert_eq!(writes[0].path, plan.steps[0].path);
    let rollout = day.settled("v3").await;
    let Promise::Runs { artifact } = &plan.promise else { panic!("{:?}", plan.promise) };
    assert!(rollout.running[0].artifact.same_as(artifact), "{:?}", rollout.running);
    assert_eq!(artifact.digest.as_ref().map(SafeText::as_str), Some(DIGESTS[2]));
    assert_eq!(rollout.revisions[0].note.as_ref().unwrap().as_str(), "promote v3: SHOP-812");
}

#[tokio::test]
async fn the_digest_that_a_tag_meant_is_remembered_when_its_last_pod_is_gone() {
    let day = Day::start(ADMIN_TOKEN).await;
    observe(&day.provider).await.unwrap();
    let plan = day.provider.prepare(&day.promote("v3")).await.unwrap();
    day.provider.perform(&plan.steps[0]).await.unwrap();
    let rollout = day.settled("v3").await;
    let previous = rollout.previous().unwrap().clone();
    assert_eq!(previous.artifact.label(), "v2");
    assert_eq!(previous.artifact.digest.as_ref().map(SafeText::as_str), Some(DIGESTS[1]));
    assert_eq!(rollout.revisions[2].artifact.digest, None, "v1 never ran while we looked");
    let target = Target::Revision { id: previous.id, artifact: previous.artifact.clone() };
    let plan = day.provider.prepare(&intent(Verb::RollBack, target)).await.unwrap();
    assert_eq!(plan.promise, Promise::Runs { artifact: previous.artifact });
}

/// Writes an executable script.
fn script(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_credential_plugin_logs_in_without_the_terminal_and_its_failure_shows_no_token() {
    let day = Day::start(ADMIN_TOKEN).await;
    let plugin = day.folder.path().join("login");
    let text = kubeconfig(&day.server.url(), "unused").replace(
        "    token: unused\n",
        &format!(
            "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: {}\n      interactiveMode: Always\n",
            plugin.display()
        ),
    );
    write(day.folder.path(), &text);
    // The plugin tells whether it was offered a keyboard; nothing must come from it.
    script(
        &plugin,
        &format!(
            "read -r line && exit 3\necho noise >&2\necho '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\
             \"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{ADMIN_TOKEN}\"}}}}'"
        ),
    );
    let fine = provider(day.folder.path(), &["web"]);
    assert_eq!(web(&observe(&fine).await.unwrap()).phase, Phase::Done);
    script(&plugin, "echo SECRET-CANARY\necho 'the session has expired' >&2\nexit 1");
    let failed = provider(day.folder.path(), &["web"]);
    let fault = observe(&failed).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unauthorized);
    assert!(fault.detail.as_str().contains("the session has expired"), "{fault}");
    assert!(fault.hint.as_ref().unwrap().as_str().contains("login command"));
    assert!(!format!("{fault:?}").contains("CANARY"), "{fault:?}");
}

#[tokio::test]
async fn the_same_patch_twice_takes_effect_once() {
    let day = Day::start(ADMIN_TOKEN).await;
    let plan = day.provider.prepare(&day.promote("v3")).await.unwrap();
    day.provider.perform(&plan.steps[0]).await.unwrap();
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
}

#[tokio::test]
async fn of_many_operators_who_act_at_once_exactly_one_does() {
    let day = Day::start(ADMIN_TOKEN).await;
    let cockpits: Vec<_> = (0..6).map(|_| provider(day.folder.path(), &["web"])).collect();
    let mut plans = Vec::new();
    for (index, cockpit) in cockpits.iter().enumerate() {
        let tag = if index % 2 == 0 { "v3" } else { "v1" };
        plans.push(cockpit.prepare(&day.promote(tag)).await.unwrap());
    }
    let sent = cockpits.iter().zip(&plans).map(|(cockpit, plan)| cockpit.perform(&plan.steps[0]));
    let answers = futures_util::future::join_all(sent).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    for fault in refused.into_iter().map(Result::unwrap_err) {
        assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    }
    let effective = day.cluster.writes().iter().filter(|w| w.status == 200).count();
    assert_eq!(effective, 1);
}

#[tokio::test]
async fn a_patch_for_another_world_changes_nothing() {
    let day = Day::start(ADMIN_TOKEN).await;
    let plan = day.provider.prepare(&day.promote("v3")).await.unwrap();
    let image = format!("{}:v1", day.repository);
    assert!(day.cluster.set_image("shop", "web", "web", &image, "by a job"));
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    let fresh = day.provider.prepare(&day.promote("v3")).await.unwrap();
    assert_ne!(fresh.basis, plan.basis);
    day.settled("v1").await;
}

#[tokio::test]
async fn a_roll_back_brings_the_old_revision_under_a_new_number() {
    let day = Day::start(ADMIN_TOKEN).await;
    let seen = observe(&day.provider).await.unwrap();
    let previous = web(&seen).previous().unwrap().clone();
    let target = Target::Revision { id: previous.id.clone(), artifact: previous.artifact.clone() };
    let plan = day.provider.prepare(&intent(Verb::RollBack, target)).await.unwrap();
    assert!(plan.hazards.iter().all(|h| h.severity != Severity::Blocking), "{:?}", plan.hazards);
    assert!(
        plan.differences
            .iter()
            .any(|d| d.what == "image of container web" && d.old.as_str().ends_with(":v2"))
    );
    day.provider.perform(&plan.steps[0]).await.unwrap();
    let rollout = day.settled("v1").await;
    let current = &rollout.revisions[0];
    assert_eq!((current.id.clone(), current.number), (previous.id, Some(3)));
    assert_eq!(current.note.as_ref().unwrap().as_str(), "roll back to v1: SHOP-812");
    // Going back once more would bring back what was left: nothing older is remembered.
    assert_eq!(rollout.previous(), None);
    let left = rollout.revisions.iter().find(|r| r.artifact.label() == "v2").unwrap();
    assert_eq!(left.standing, Standing::Left);
    let began = rollout.began.unwrap();
    assert!(began > current.created.unwrap(), "the template came back at {began}");
}

#[tokio::test]
async fn a_revision_that_was_pruned_is_no_way_back() {
    let day = Day::start(ADMIN_TOKEN).await;
    let previous = web(&observe(&day.provider).await.unwrap()).previous().unwrap().clone();
    day.cluster.prune_history("shop", "web", 0);
    let target = Target::Revision { id: previous.id, artifact: previous.artifact };
    let fault = day.provider.prepare(&intent(Verb::RollBack, target)).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Moved, "{fault}");
    until(&day.provider, "the pruned history", |r| r.revisions.len() == 1).await;
}

#[tokio::test]
async fn a_rollout_is_paused_and_resumed() {
    let day = Day::start(ADMIN_TOKEN).await;
    let refused = day.provider.prepare(&intent(Verb::Resume, Target::Rollout)).await.unwrap();
    assert!(refused.hazards.iter().any(|h| h.severity == Severity::Blocking));
    let pause = day.provider.prepare(&intent(Verb::Pause, Target::Rollout)).await.unwrap();
    assert_eq!(pause.promise, Promise::Paused);
    day.provider.perform(&pause.steps[0]).await.unwrap();
    day.pass(2);
    until(&day.provider, "paused", |r| matches!(r.phase, Phase::Paused(_))).await;
    let promote = day.provider.prepare(&day.promote("v3")).await.unwrap();
    assert!(promote.hazards.iter().any(|h| h.text.as_str().contains("resume it first")));
    let resume = day.provider.prepare(&intent(Verb::Resume, Target::Rollout)).await.unwrap();
    day.provider.perform(&resume.steps[0]).await.unwrap();
    day.pass(2);
    until(&day.provider, "resumed", |r| r.phase == Phase::Done).await;
}

#[tokio::test]
async fn a_viewer_sees_everything_and_changes_nothing() {
    let day = Day::start(VIEWER_TOKEN).await;
    assert_eq!(web(&observe(&day.provider).await.unwrap()).phase, Phase::Done);
    let plan = day.provider.prepare(&day.promote("v3")).await.unwrap();
    assert!(matches!(plan.permission, Permission::Denied(_)), "{:?}", plan.permission);
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Forbidden, Reached::No));
    assert!(
        fault.detail.as_str().contains("viewer") && fault.detail.as_str().contains("deployments"),
        "{fault}"
    );
    assert!(day.cluster.images("shop", "web").iter().all(|(image, _)| image.ends_with(":v2")));
}

#[tokio::test]
async fn a_tag_that_the_registry_lacks_is_not_shipped() {
    let day = Day::start(ADMIN_TOKEN).await;
    let plan = day.provider.prepare(&day.promote("v9")).await.unwrap();
    assert!(plan.hazards.iter().any(|h| h.severity == Severity::Blocking), "{:?}", plan.hazards);
    day.registry.task.abort();
    let repository = day.repository.replace(&day.registry.address.to_string(), "127.0.0.1:1");
    let artifact = Artifact::from_reference(&format!("{repository}:v3"));
    let plan = day.provider.prepare(&intent(Verb::Promote, Target::Artifact(artifact))).await.unwrap();
    assert!(
        plan.hazards.iter().any(|h| h.text.as_str().contains("cannot prove the digest")),
        "{:?}",
        plan.hazards
    );
}

#[tokio::test]
async fn a_server_that_forgot_the_history_is_listed_again() {
    let day = Day::start(ADMIN_TOKEN).await;
    observe(&day.provider).await.unwrap();
    for (round, tag) in ["v3", "v1", "v2"].into_iter().enumerate() {
        day.cluster.expire_watches();
        let image = format!("{}:{tag}", day.repository);
        assert!(day.cluster.set_image("shop", "web", "web", &image, "by a job"), "round {round}");
        day.settled(tag).await;
    }
}

#[tokio::test]
async fn an_expired_login_is_told_and_a_new_one_is_taken_up() {
    let day = Day::start("expired").await;
    let fault = observe(&day.provider).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unauthorized);
    assert!(fault.hint.as_ref().unwrap().as_str().contains("login command"), "{fault:?}");
    write(day.folder.path(), &kubeconfig(&day.server.url(), ADMIN_TOKEN));
    until(&day.provider, "the cluster", |r| r.phase == Phase::Done).await;
}
