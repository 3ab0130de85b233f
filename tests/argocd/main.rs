//! Argo CD against a scripted server: what it tells, and what is sent for a roll back, a hold and a release.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "../support/scripted.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod scripted;

use std::collections::BTreeMap;
use std::sync::Arc;

use gonogo::domain::gitops::{Condition, OperationState, Reign};
use gonogo::domain::{
    Application, Ask, Bound, Cause, EnvironmentName, Fault, Guard, Intent, Permission, Place, Prepared,
    Promise, Reached, Role, ServiceName, Settings, Severity, Sha, SourceName, Sync, Target, Verb,
};
use gonogo::provider::{Provider, SecretPlace, SourceSpec, argocd};
use scripted::{Reply, Scripted};
use serde_json::{Value, json};

mod world;

const NEW: &str = "4f2c8b6d00000000000000000000000000000002";
const OLD: &str = "4f2c8b6d00000000000000000000000000000001";
const APP: &str = "/argo/api/v1/applications/shop";

fn entry(id: u64, revision: &str) -> Value {
    json!({
        "id": id, "revision": revision, "deployedAt": "2026-08-20T09:00:00Z", "initiatedBy": {"automated": true},
        "source": {"repoURL": "https://git.test/deploys.git", "path": "apps/shop", "targetRevision": "main"},
    })
}

/// An application that heals itself.
fn app() -> Value {
    json!({
        "metadata": {"name": "shop", "namespace": "argocd", "uid": "u-1", "resourceVersion": "77"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://git.test/deploys.git", "path": "apps/shop", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "production"},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
        "status": {
            "sync": {"status": "Synced", "revision": NEW},
            "health": {"status": "Healthy"},
            "history": [entry(3, OLD), entry(4, NEW)],
            "operationState": {
                "phase": "Succeeded", "message": "successfully synced", "startedAt": "2026-08-20T09:00:00Z",
                "operation": {"sync": {"revision": NEW}},
            },
        },
    })
}

/// The same with something else at a path.
fn with(path: &str, value: Value) -> Value {
    let mut app = app();
    let (parent, key) = path.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() { &mut app } else { app.pointer_mut(parent).unwrap() };
    parent.as_object_mut().unwrap().insert(key.to_owned(), value);
    app
}

async fn server(app: &Value) -> Scripted {
    let server = Scripted::start("2026-08-20T10:00:00Z".parse().unwrap()).await;
    server
        .get("/argo/api/v1/session/userinfo", &json!({"loggedIn": true, "username": "mara"}))
        .get(APP, app)
        .get(&format!("{APP}/syncwindows"), &json!({"canSync": true}));
    for action in ["update", "rollback", "sync"] {
        let path = format!("/argo/api/v1/account/can-i/applications/{action}/default/shop");
        server.get(&path, &json!({"value": "yes"}));
    }
    server
}

fn place() -> Place {
    Place { service: ServiceName::new("shop"), environment: EnvironmentName::new("production") }
}

fn provider(server: &Scripted) -> Arc<dyn Provider> {
    at(&format!("{}/argo/", server.url), "argocd-test-token", "shop")
}

/// The Argo CD at `url`, where `application` owns the production of shop.
fn at(url: &str, token: &str, application: &str) -> Arc<dyn Provider> {
    let settings = Settings::default().with_text("application", application).with_text("project", "default");
    let bound = Bound {
        role: Role::Owner,
        service: place().service,
        environment: Some(place().environment),
        settings,
    };
    let spec = SourceSpec {
        name: SourceName::new("argocd"),
        settings: Settings::default().with_text("url", url),
        secrets: BTreeMap::from([("token".to_owned(), SecretPlace::Env("T".to_owned()))]),
        bounds: vec![bound],
        env: Arc::new(BTreeMap::from([("T".to_owned(), token.to_owned())])),
    };
    (argocd::KIND.build)(spec).unwrap()
}

fn intent(verb: Verb, target: Target) -> Intent {
    Intent {
        verb,
        service: place().service,
        place: Some(place()),
        target,
        source: SourceName::new("argocd"),
        reason: None,
        answers: BTreeMap::new(),
    }
}

fn back() -> Intent {
    intent(Verb::RollBack, Target::Deployed { id: 3, revision: Sha::new(OLD) })
}

async fn told(app: &Value) -> Application {
    let server = server(app).await;
    let mut seen = provider(&server).observe(&Ask::default()).await.unwrap();
    seen.applications.remove(&place()).unwrap()
}

async fn ready(app: &Value, intent: &Intent) -> Result<Prepared, Fault> {
    provider(&server(app).await).prepare(intent).await
}

fn worst(prepared: &Prepared, words: &str) -> Option<Severity> {
    prepared.hazards.iter().find(|h| h.text.as_str().contains(words)).map(|h| h.severity)
}

/// The operations of a patch.
fn operations(body: Option<&String>) -> Value {
    let body: Value = serde_json::from_str(body.unwrap()).unwrap();
    serde_json::from_str(body["patch"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn an_application_is_told_as_argo_cd_tells_it() {
    let app = told(&app()).await;
    assert_eq!(app.reign, Reign::Heals(std::time::Duration::from_secs(5)));
    assert_eq!((app.sync, app.condition), (Sync::Synced, Condition::Healthy));
    assert_eq!(app.applied, Some(Sha::new(NEW)));
    assert_eq!(app.history.iter().map(|one| one.id).collect::<Vec<_>>(), [4, 3]);
    assert_eq!(app.operation.unwrap().state, OperationState::Succeeded);
    let rolled = with("/status/sync", json!({"status": "OutOfSync", "revision": NEW}));
    let mut rolled = rolled;
    rolled["status"]["history"] = json!([entry(3, OLD), entry(4, NEW), entry(5, OLD)]);
    assert_eq!(
        told(&rolled).await.applied,
        Some(Sha::new(OLD)),
        "what it compares with is not what it applied"
    );
}

#[tokio::test]
async fn what_it_does_to_a_change_by_hand_is_read_from_the_whole_policy() {
    for (policy, wanted) in [
        (json!({"automated": {"selfHeal": true}}), "heals itself"),
        (json!({"automated": {}}), "follows Git by itself"),
        (json!({"automated": {"selfHeal": true, "enabled": false}}), "held"),
        (json!({}), "syncs only by hand"),
    ] {
        let app = told(&with("/spec/syncPolicy", policy.clone())).await;
        assert!(app.words().contains(wanted), "{policy}: {}", app.words());
    }
    let odd = with("/spec/syncPolicy", json!({"automated": {"selfHeal": "yes"}}));
    let server = server(&odd).await;
    let fault = provider(&server).observe(&Ask::default()).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Malformed, "an odd type is not taken for off");
}

#[tokio::test]
async fn unknown_words_are_never_well() {
    for (path, value) in [
        ("/status/sync", json!({"status": "Sychned", "revision": NEW})),
        ("/status/health", json!({"status": "Fine"})),
        ("/status", json!({})),
    ] {
        let app = told(&with(path, value)).await;
        let well = matches!((&app.sync, &app.condition), (Sync::Synced, Condition::Healthy));
        assert!(!well, "{path}: {}", app.words());
    }
}

#[tokio::test]
async fn a_roll_back_switches_auto_sync_off_first_and_says_so() {
    let prepared = ready(&app(), &back()).await.unwrap();
    let steps: Vec<_> = prepared.steps.iter().map(|s| (s.method.as_str(), s.path.as_str())).collect();
    let bare = "/api/v1/applications/shop";
    assert_eq!(steps, [("PATCH", bare), ("POST", "/api/v1/applications/shop/rollback")]);
    let automated = json!({"prune": true, "selfHeal": true});
    let patch = operations(prepared.steps[0].body.as_ref());
    assert_eq!(patch[0], json!({"op": "test", "path": "/metadata/uid", "value": "u-1"}));
    assert_eq!(patch[1], json!({"op": "test", "path": "/spec/syncPolicy/automated", "value": automated}));
    assert_eq!(patch[2], json!({"op": "remove", "path": "/spec/syncPolicy/automated"}));
    let body: Value = serde_json::from_str(prepared.steps[1].body.as_ref().unwrap()).unwrap();
    assert_eq!(body, json!({"id": 3, "prune": false, "dryRun": false, "name": "shop", "project": "default"}));
    assert_eq!(worst(&prepared, "stays off until you release it"), Some(Severity::Warning));
    assert!(prepared.differences.iter().any(|d| d.what.as_str().contains("auto-sync")));
    assert_eq!(prepared.permission, Permission::Granted);
    let operation = Some("2026-08-20T09:00:00Z".parse().unwrap());
    assert_eq!(prepared.promise, Promise::Synced { revision: Sha::new(OLD), after: Some(4), operation });
}

#[tokio::test]
async fn without_auto_sync_a_roll_back_is_one_request() {
    let prepared = ready(&with("/spec/syncPolicy", json!({})), &back()).await.unwrap();
    assert_eq!(prepared.steps.len(), 1);
    assert!(worst(&prepared, "auto-sync is switched off").is_none());
}

#[tokio::test]
async fn what_argo_cd_would_refuse_or_undo_blocks_the_plan() {
    let owners =
        json!({"name": "shop", "uid": "u-1", "ownerReferences": [{"kind": "ApplicationSet", "name": "all"}]});
    for (app, words) in [
        (with("/metadata", owners), "ApplicationSet all"),
        (with("/operation", json!({"sync": {}})), "another operation"),
        (with("/status/operationState", json!({"phase": "Running", "startedAt": null})), "another operation"),
        (
            with("/status/history", json!([{"id": 3, "revision": OLD}, entry(4, NEW)])),
            "does not remember the source",
        ),
    ] {
        let prepared = ready(&app, &back()).await.unwrap();
        assert_eq!(worst(&prepared, words), Some(Severity::Blocking), "{words}: {:?}", prepared.hazards);
    }
    let server = server(&app()).await;
    server.get(&format!("{APP}/syncwindows"), &json!({"canSync": false}));
    let prepared = provider(&server).prepare(&back()).await.unwrap();
    assert_eq!(worst(&prepared, "a sync window forbids it"), Some(Severity::Blocking));
    let gone = ready(&with("/status/history", json!([entry(4, NEW)])), &back()).await.unwrap_err();
    assert_eq!(gone.cause, Cause::Moved);
}

#[tokio::test]
async fn a_hold_keeps_what_a_release_puts_back() {
    let hold = intent(Verb::Hold, Target::Application);
    let prepared = ready(&app(), &hold).await.unwrap();
    let patch = operations(prepared.steps[0].body.as_ref());
    let kept = patch[3]["value"]["gonogo.dev/held-auto-sync"].as_str().unwrap().to_owned();
    let mut held = with("/spec/syncPolicy", json!({}));
    held["metadata"]["annotations"] = json!({"gonogo.dev/held-auto-sync": kept});
    assert!(told(&held).await.words().contains("held: auto-sync was switched off by mara"));
    let release = intent(Verb::Release, Target::Application);
    let prepared = ready(&held, &release).await.unwrap();
    let patch = operations(prepared.steps[0].body.as_ref());
    let back = json!({"prune": true, "selfHeal": true});
    assert_eq!(patch[2], json!({"op": "add", "path": "/spec/syncPolicy/automated", "value": back}));
    assert_eq!(prepared.promise, Promise::Released);
    let nothing = ready(&with("/spec/syncPolicy", json!({})), &release).await.unwrap_err();
    assert_eq!(nothing.cause, Cause::Refused, "nothing says how it was");
}

#[tokio::test]
async fn while_git_is_away_a_hold_is_the_whole_specification() {
    let mut away = with("/status/sync", json!({"status": "Unknown"}));
    away["status"]["conditions"] = json!([{"type": "ComparisonError", "message": "connection refused"}]);
    let prepared = ready(&away, &intent(Verb::Hold, Target::Application)).await.unwrap();
    let step = &prepared.steps[0];
    assert_eq!(step.method, "PUT");
    assert_eq!(step.path, "/api/v1/applications/shop/spec?validate=false&project=default");
    let spec: Value = serde_json::from_str(step.body.as_ref().unwrap()).unwrap();
    assert_eq!(spec["destination"], away["spec"]["destination"]);
    assert!(
        spec.pointer("/syncPolicy/automated").is_none()
            && spec["info"][0]["name"] == "gonogo.dev/held-auto-sync"
    );
    assert!(matches!(prepared.guard, Guard::LookAgain(_)));
    let back = ready(&away, &back()).await.unwrap();
    assert_eq!(worst(&back, "cannot read Git"), Some(Severity::Blocking));
}

#[tokio::test]
async fn refusals_say_what_they_mean_and_whether_anything_happened() {
    for (status, code, message, cause) in [
        (500, 2, "error applying patch: testing value /metadata/uid failed: test failed", Cause::Moved),
        (400, 9, "rollback cannot be initiated when auto-sync is enabled", Cause::Moved),
        (400, 9, "error setting app operation: another operation is already in progress", Cause::Moved),
        (403, 7, "cannot sync: blocked by sync window", Cause::Refused),
        (403, 7, "permission denied", Cause::Forbidden),
        (401, 16, "invalid session: token has expired", Cause::Unauthorized),
    ] {
        let server = server(&app()).await;
        let provider = provider(&server);
        let prepared = provider.prepare(&back()).await.unwrap();
        let body = json!({"error": message, "code": code, "message": message});
        server.reply("PATCH", APP, Reply::json(status, &body));
        let fault = provider.perform(&prepared.steps[0]).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (cause, Reached::No), "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_application_leaves_a_write_in_doubt() {
    for reply in [Reply::json(200, &json!({"hello": "there"})), Reply::json(502, &json!({}))] {
        let server = server(&app()).await;
        let provider = provider(&server);
        let prepared = provider.prepare(&back()).await.unwrap();
        server.reply("PATCH", APP, reply);
        let fault = provider.perform(&prepared.steps[0]).await.unwrap_err();
        assert_eq!(fault.reached, Reached::Perhaps);
    }
}

#[tokio::test]
async fn who_may_not_is_told_before() {
    let server = server(&app()).await;
    server.get("/argo/api/v1/account/can-i/applications/update/default/shop", &json!({"value": "no"}));
    let prepared = provider(&server).prepare(&back()).await.unwrap();
    assert!(matches!(prepared.permission, Permission::Denied(_)));
}

#[tokio::test]
async fn another_application_in_the_answer_is_no_evidence() {
    let other = with("/metadata", json!({"name": "other", "uid": "u-2"}));
    let server = server(&other).await;
    let fault = provider(&server).observe(&Ask::default()).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Malformed);
}
