//! What objects of Flux say becomes what an application says: by tables.

use serde_json::{Value, json};

use super::super::species::Resource;
use super::super::wire::{Meta, Watched as _};
use super::state::{Origin, application, commit};
use super::wire::{Keeper, Source, length};
use super::{Kind, Owned};
use crate::domain::gitops::{Condition, OperationState, Reign};
use crate::domain::{Application, Bound, EnvironmentName, Place, Role, ServiceName, Settings, Sync};

const OLD: &str = "main@sha1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NEW: &str = "main@sha1:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn owned(kind: Kind) -> Owned {
    let (namespace, name) = if kind == Kind::HelmRelease { ("shop", "web") } else { ("flux-system", "apps") };
    Owned {
        place: Place::new("web", "production"),
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

fn word(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 3,
        "lastTransitionTime": "2026-11-20T13:00:00Z"
    })
}

fn ready() -> Value {
    word("Ready", "True", "ReconciliationSucceeded", "Applied revision")
}

/// A Kustomization that has applied OLD, with these changes as a merge patch.
fn kustomization(changes: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "apps", "namespace": "flux-system", "uid": "u1", "generation": 3, "resourceVersion": "9"},
        "spec": {"interval": "10m0s", "path": "./apps", "prune": true,
                 "sourceRef": {"kind": "GitRepository", "name": "deploys"}},
        "status": {"observedGeneration": 3, "lastAppliedRevision": OLD, "lastAttemptedRevision": OLD,
                   "conditions": [ready()],
                   "history": [{"digest": "sha256:1", "lastReconciledStatus": "ReconciliationSucceeded", "metadata": {"revision": OLD}}],
                   "inventory": {"entries": [{"id": "shop_web_apps_Deployment", "v": "v1"}, {"id": "shop_web__Service", "v": "v1"}]}}
    });
    json_patch::merge(&mut object, changes);
    object
}

fn release(changes: &Value) -> Value {
    let mut object = json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "u2", "generation": 3, "resourceVersion": "9"},
        "spec": {"interval": "5m", "chart": {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "acme"}}}},
        "status": {"observedGeneration": 3, "lastAttemptedRevision": "6.5.4", "conditions": [ready()],
                   "history": [{"version": 7, "chartVersion": "6.5.4", "status": "deployed"}, {"version": 6, "chartVersion": "6.5.3"}]}
    });
    json_patch::merge(&mut object, changes);
    object
}

fn source(revision: &str, changes: &Value) -> Source {
    let mut object = json!({
        "metadata": {"name": "deploys", "namespace": "flux-system", "uid": "u3", "generation": 1},
        "spec": {"interval": "1m", "url": "https://git.test/deploys"},
        "status": {"observedGeneration": 1, "artifact": {"revision": revision}, "conditions": [word("Ready", "True", "Succeeded", "stored")]}
    });
    json_patch::merge(&mut object, changes);
    Source::cut(&object, Resource::Flux(Kind::GitRepository)).unwrap()
}

fn told(object: &Value, kind: Kind, source: &Source, workload: Option<&Meta>) -> Application {
    let keeper = Keeper::of(object, kind).unwrap();
    application(&owned(kind), &keeper, Origin::Seen(source), workload)
}

fn of(changes: &Value) -> Application {
    told(&kustomization(changes), Kind::Kustomization, &source(OLD, &json!({})), None)
}

fn words(sync: &Sync) -> String {
    match sync {
        Sync::Synced => "synced".to_owned(),
        Sync::OutOfSync(what) => format!("out: {what}"),
        Sync::Unknown(why) => format!("?: {why}"),
    }
}

fn how(condition: &Condition) -> String {
    match condition {
        Condition::Healthy => "healthy".to_owned(),
        Condition::Progressing(what) => format!("progressing: {what}"),
        Condition::Degraded(why) => format!("degraded: {why}"),
        Condition::Unknown(why) => format!("?: {why}"),
    }
}

/// What it is called, how the object differs, and the words for sync and health.
type State = (&'static str, Value, &'static str, &'static str);

fn told_as(states: Vec<State>) {
    for (what, changes, sync, condition) in states {
        let app = of(&changes);
        assert_eq!((words(&app.sync).as_str(), how(&app.condition).as_str()), (sync, condition), "{what}");
        assert_eq!(app.name, "kustomization flux-system/apps");
        assert!(app.history.is_empty(), "nothing of it is a way back");
    }
}

fn conditions(all: &[Value]) -> Value {
    json!({"status": {"conditions": all}})
}

#[test]
fn every_word_of_its_controller_is_told_in_the_words_of_an_application() {
    let checking = word("Ready", "Unknown", "Progressing", "Reconciliation in progress");
    let going = |message: &str| word("Reconciling", "True", "Progressing", message);
    told_as(vec![
        ("well", json!({}), "synced", "healthy"),
        (
            "a Reconciling left over does not outvote Ready",
            conditions(&[ready(), going("Detecting drift")]),
            "synced",
            "healthy",
        ),
        (
            "it looks again",
            conditions(&[checking.clone(), going("Detecting drift")]),
            "synced",
            "progressing: Detecting drift",
        ),
        (
            "a health check failed",
            conditions(&[
                word("Ready", "False", "HealthCheckFailed", "timeout waiting for Deployment/shop/web"),
                word("Healthy", "False", "HealthCheckFailed", "timeout"),
            ]),
            "synced",
            "degraded: timeout waiting for Deployment/shop/web",
        ),
        (
            "it cannot apply",
            conditions(&[word(
                "Ready",
                "False",
                "ReconciliationFailed",
                "Deployment/shop/web dry-run failed",
            )]),
            "out: Deployment/shop/web dry-run failed",
            "degraded: Deployment/shop/web dry-run failed",
        ),
        (
            "it waits for another",
            conditions(&[word("Ready", "False", "DependencyNotReady", "dependency 'infra' is not ready")]),
            "out: dependency 'infra' is not ready",
            "progressing: dependency 'infra' is not ready",
        ),
    ]);
}

#[test]
fn what_its_controller_has_not_done_or_read_is_never_in_sync() {
    const UNREAD: &str = "?: its last change has not been read by the controller yet";
    const LAGS: &str = "progressing: its last change has not been read by the controller yet";
    const SUSPENDED: &str = "?: it is suspended and compares nothing";
    told_as(vec![
        (
            "it gave up",
            conditions(&[ready(), word("Stalled", "True", "InvalidCELExpression", "bad expression")]),
            "synced",
            "degraded: bad expression",
        ),
        (
            "nobody has looked",
            json!({"status": {"conditions": null}}),
            "?: the controller has said nothing yet",
            "?: the controller has said nothing yet",
        ),
        ("its controller lags", json!({"metadata": {"generation": 4}}), UNREAD, LAGS),
        ("never observed", json!({"status": {"observedGeneration": -1}}), UNREAD, LAGS),
        (
            "suspended",
            json!({"spec": {"suspend": true}, "metadata": {"generation": 4}}),
            SUSPENDED,
            "healthy",
        ),
        ("behind", json!({"status": {"lastAppliedRevision": NEW}}), "out: Git has aaaaaaa", "healthy"),
        (
            "suspended and behind",
            json!({"spec": {"suspend": true}, "status": {"lastAppliedRevision": NEW}}),
            "out: Git has aaaaaaa",
            "healthy",
        ),
    ]);
}

#[test]
fn what_the_source_does_not_have_or_cannot_fetch_is_never_in_sync() {
    let of = |origin: Origin<'_>| {
        let keeper = Keeper::of(&kustomization(&json!({})), Kind::Kustomization).unwrap();
        words(&application(&owned(Kind::Kustomization), &keeper, origin, None).sync)
    };
    let failed = json!({"status": {"conditions": [word("Ready", "False", "GitOperationFailed", "connection refused")]}});
    assert_eq!(of(Origin::Seen(&source(OLD, &failed))), "?: Git cannot be fetched: connection refused");
    assert_eq!(of(Origin::Seen(&source(NEW, &failed))), "out: Git has bbbbbbb");
    assert_eq!(of(Origin::Seen(&source("", &json!({})))), "?: its source has fetched nothing yet");
    assert_eq!(of(Origin::Unseen("forbidden")), "?: forbidden");
    let held = source(OLD, &json!({"spec": {"suspend": true}}));
    let app = told(&kustomization(&json!({})), Kind::Kustomization, &held, None);
    assert_eq!(app.remarks, ["its source is suspended: new commits do not arrive"]);
}

#[test]
fn what_it_does_to_a_change_by_hand_follows_from_its_switches() {
    let meta = |labels: Value, annotations: Value| -> Meta {
        serde_json::from_value(
            json!({"name": "web", "uid": "w", "labels": labels, "annotations": annotations}),
        )
        .unwrap()
    };
    let kept = json!({"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"});
    let disabled = json!({"kustomize.toolkit.fluxcd.io/reconcile": "disabled"});
    let suspend = json!({"spec": {"suspend": true}});
    let reign = |changes: &Value, workload: Option<Meta>| {
        let source = source(OLD, &json!({}));
        told(&kustomization(changes), Kind::Kustomization, &source, workload.as_ref())
    };
    let ten = Reign::Heals(std::time::Duration::from_secs(600));
    assert_eq!(reign(&json!({}), None).reign, ten);
    assert_eq!(reign(&json!({}), Some(meta(kept.clone(), json!({})))).reign, ten);
    for workload in [meta(kept.clone(), disabled.clone()), meta(disabled, json!({}))] {
        assert!(
            matches!(reign(&json!({}), Some(workload)).reign, Reign::Held(why) if why.as_str().contains("reconcile disabled"))
        );
    }
    assert_eq!(reign(&suspend, None).reign, Reign::Held("suspended".into()));
    let alien = reign(&json!({}), Some(meta(json!({}), json!({}))));
    assert_eq!(alien.remarks, ["the workload does not carry the mark of kustomization flux-system/apps"]);
    let by = json!({"spec": {"suspend": true}, "metadata": {
        "annotations": {"gonogo.dev/changed-by": "hold by ann"},
        "managedFields": [{"manager": "gonogo", "operation": "Update", "time": "2026-11-20T13:00:00Z", "fieldsV1": {"f:spec": {"f:suspend": {}}}}]}});
    assert_eq!(
        reign(&by, None).reign,
        Reign::Held("suspended by hold by ann with gonogo at 2026-11-20 13:00:00 UTC".into())
    );
}

#[test]
fn what_began_before_a_hold_still_applies_until_it_only_checks() {
    let running = |reason: &str, message: &str| {
        let conditions = [
            word("Ready", "Unknown", "Progressing", "Reconciliation in progress"),
            word("Reconciling", "True", reason, message),
        ];
        of(&json!({"spec": {"suspend": true}, "status": {"conditions": conditions}}))
    };
    let app = running("Progressing", "Detecting drift for revision main");
    assert_eq!(app.reign, Reign::Follows, "it is not held yet");
    assert!(
        app.remarks[0].as_str().starts_with("suspended, but what began before goes on"),
        "{:?}",
        app.remarks
    );
    assert_eq!(app.operation.unwrap().state, OperationState::Running);
    for (reason, message) in [
        ("Progressing", "Running health checks for revision main"),
        ("ProgressingWithRetry", "Building manifests"),
    ] {
        assert!(running(reason, message).leaves(), "{message}");
    }
}

#[test]
fn a_helm_release_heals_only_where_it_looks_for_drift() {
    let none = source(OLD, &json!({}));
    let of = |changes: &Value, workload: Option<&Meta>| {
        told(&release(changes), Kind::HelmRelease, &none, workload)
    };
    let drift = |mode: &str| json!({"spec": {"driftDetection": {"mode": mode}}});
    let five = Reign::Heals(std::time::Duration::from_secs(300));
    assert_eq!(of(&drift("enabled"), None).reign, five);
    for follows in [json!({}), drift("warn"), drift("disabled")] {
        assert_eq!(of(&follows, None).reign, Reign::Follows);
    }
    let spared: Meta = serde_json::from_value(json!({"name": "web", "uid": "w", "labels": {
        "helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "shop",
        "helm.toolkit.fluxcd.io/driftDetection": "disabled"}}))
    .unwrap();
    assert_eq!(of(&drift("enabled"), Some(&spared)).reign, Reign::Follows);
    let app = of(&json!({}), None);
    assert_eq!((words(&app.sync), app.applied.unwrap().as_str()), ("synced".into(), "6.5.4"));
    for (changes, expected) in [
        (
            json!({"status": {"conditions": [ready(), word("Drifted", "True", "DriftDetected", "Deployment/shop/web changed")]}}),
            "out: Deployment/shop/web changed",
        ),
        (
            json!({"status": {"conditions": [word("Ready", "False", "UpgradeFailed", "Helm upgrade failed"), word("Remediated", "True", "RollbackSucceeded", "rolled back")]}}),
            "out: Helm upgrade failed",
        ),
        (json!({"spec": {"suspend": true}}), "?: it is suspended and compares nothing"),
        (
            json!({"metadata": {"generation": 4}}),
            "?: its last change has not been read by the controller yet",
        ),
    ] {
        assert_eq!(words(&of(&changes, None).sync), expected);
    }
}

#[test]
fn a_revision_names_its_commit_in_every_way_that_flux_writes_it() {
    for (revision, expected) in [
        (OLD, Some(&OLD[10..])),
        ("sha1:4f2c8b6", Some("4f2c8b6")),
        ("v1.2.3@sha1:4F2C8B6", Some("4f2c8b6")),
        ("feature/a@sha1:4f2c8b6", Some("4f2c8b6")),
        ("main/4f2c8b6", Some("4f2c8b6")),
        ("latest@sha256:77aa", Some("77aa")),
        ("", None),
        ("main@sha1:", None),
    ] {
        assert_eq!(commit(revision).as_ref().map(crate::domain::Sha::as_str), expected, "{revision}");
    }
    // Of an artifact that was built from Git the commit there is what Git knows.
    let app = of(
        &json!({"status": {"lastAppliedOriginRevision": "main@sha1:4f2c8b6", "lastAppliedRevision": "latest@sha256:77aa"}}),
    );
    assert_eq!(app.applied.unwrap().as_str(), "4f2c8b6");
}

#[test]
fn a_duration_is_read_as_go_writes_it() {
    use std::time::Duration;
    for (text, seconds) in
        [("10m0s", 600.0), ("1h", 3600.0), ("1.5h", 5400.0), ("500ms", 0.5), ("1h30m5s", 5405.0)]
    {
        assert_eq!(length(text), Some(Duration::from_secs_f64(seconds)), "{text}");
    }
    for text in ["", "10", "m", "10d", "-1s", "1e400s", "nan s", "10 m"] {
        assert_eq!(length(text), None, "{text}");
    }
    let broken = kustomization(&json!({"spec": {"interval": "soon"}}));
    assert!(Keeper::of(&broken, Kind::Kustomization).unwrap_err().to_string().contains("is no duration"));
}

#[test]
fn an_object_of_another_shape_is_refused_by_the_name_of_its_field() {
    for (changes, field) in [
        (json!({"spec": {"suspend": "yes"}}), "suspend"),
        (json!({"status": {"observedGeneration": "3"}}), "observedGeneration"),
        (json!({"metadata": {"uid": 7}}), "uid"),
    ] {
        let fault = Keeper::of(&kustomization(&changes), Kind::Kustomization).unwrap_err();
        assert!(fault.to_string().contains(field), "{fault}");
    }
}

#[test]
fn an_owner_is_exactly_one_and_named_whole() {
    let of = |pairs: &[(&str, &str)]| {
        let settings = pairs.iter().fold(Settings::default(), |s, (key, text)| s.with_text(key, text));
        Owned::of(&Bound {
            role: Role::Owner,
            service: ServiceName::new("web"),
            environment: Some(EnvironmentName::new("production")),
            settings,
        })
    };
    let path = of(&[("kustomization", "flux-system/apps")]).unwrap().path();
    assert_eq!(path, "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/apps");
    let path = of(&[("helmrelease", "shop/web")]).unwrap().path();
    assert_eq!(path, "/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases/web");
    for (pairs, says) in [
        (&[][..], "exactly one"),
        (&[("kustomization", "a/b"), ("helmrelease", "a/b")], "exactly one"),
        (&[("kustomization", "apps")], "is not NAMESPACE/NAME"),
        (&[("kustomization", "flux-system/../apps")], "is not NAMESPACE/NAME"),
        (&[("helmrelease", "Shop/web")], "is not NAMESPACE/NAME"),
    ] {
        let fault = of(pairs).unwrap_err();
        assert!(fault.to_string().contains(says), "{fault}");
        assert!(fault.hint.is_some());
    }
}
