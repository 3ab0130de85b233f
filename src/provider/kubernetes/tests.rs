//! Tests of the folder's own seams: configuration, patches applied to fixtures, trust, drift of the wire.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::act::{self, Edit, Fresh};
use super::fixture::{self, DIGEST_A, DIGEST_B, Object};
use super::link::Trust;
use super::remembered::Remembered;
use super::species::{Resource, Species};
use super::wire::{Pod, Watched};
use super::workload::Workload;
use super::*;
use crate::domain::{Artifact, EnvironmentName, Phase, Promise, ServiceName, Severity, Target, Verb};
use crate::domain::{Bound, Settings};
use crate::provider::registry::Manifest;

fn intent(verb: Verb, target: Target, reason: Option<&str>) -> Intent {
    Intent {
        verb,
        service: ServiceName::new("web"),
        place: Some(Place::new("web", "production")),
        target,
        source: SourceName::new("prod"),
        reason: reason.map(SafeText::new),
        answers: std::collections::BTreeMap::new(),
    }
}

fn fresh(object: Object) -> Fresh {
    let species = object.species();
    Fresh::read(object.0, None, species, "shop", None).unwrap()
}

fn cluster() -> SafeText {
    SafeText::new("prod (api.test)")
}

fn promote(object: Object, reference: &str, manifest: &Manifest) -> Edit {
    let artifact = Artifact::from_reference(reference);
    let intent = intent(Verb::Promote, Target::Artifact(artifact.clone()), Some("SHOP-812"));
    act::promote(&fresh(object), &cluster(), &intent, &artifact, manifest)
}

fn roll_back(object: Object, set: &Object, chosen: &str) -> Result<Edit, Fault> {
    let artifact = Artifact::from_reference(chosen);
    let id = SafeText::new("web-1");
    let intent = intent(Verb::RollBack, Target::Revision { id, artifact: artifact.clone() }, None);
    let manifest = Manifest::Found(SafeText::new(DIGEST_A));
    act::roll_back(&fresh(object), &cluster(), &intent, &set.0, &artifact, &manifest)
}

/// Applies the operations as a server would.
fn apply(edit: &Edit, object: &Json) -> Result<Json, json_patch::PatchError> {
    let patch: json_patch::Patch =
        serde_json::from_value(Json::Array(edit.requests[0].operations.clone())).unwrap();
    let mut object = object.clone();
    json_patch::patch(&mut object, &patch).map(|()| object)
}

fn worst(edit: &Edit) -> Option<Severity> {
    edit.hazards.iter().map(|h| h.severity).max()
}

fn says(edit: &Edit, severity: Severity, text: &str) -> bool {
    edit.hazards.iter().any(|h| h.severity == severity && h.text.as_str().contains(text))
}

fn found() -> Manifest {
    Manifest::Found(SafeText::new(DIGEST_B))
}

#[test]
fn a_promotion_changes_the_image_and_its_cause_and_nothing_else() {
    let before = fixture::deployment();
    let edit = promote(before.clone(), "r.test/web:v3", &found());
    let after = apply(&edit, &before.0).unwrap();
    let expected = before
        .image(&format!("r.test/web:v3@{DIGEST_B}"))
        .annotations(&[("kubernetes.io/change-cause", "promote v3: SHOP-812")]);
    assert_eq!(after, expected.0);
    assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["fieldFromTheFuture"]["kept"], true);
    let Promise::Runs { artifact } = &edit.promise else { panic!("{:?}", edit.promise) };
    assert_eq!(artifact.digest.as_ref().unwrap().as_str(), DIGEST_B);
    assert_eq!(edit.deadline, Duration::from_secs(630));
}

#[test]
fn a_patch_does_not_fit_to_a_world_that_moved() {
    let before = fixture::deployment();
    for edit in [
        promote(before.clone(), "r.test/web:v3", &found()),
        roll_back(before.clone(), &fixture::replica_set("web-1", "1", "r.test/web:v1"), "r.test/web:v1")
            .unwrap(),
        act::switch(&fresh(before.clone()), &cluster(), Verb::Pause),
    ] {
        assert!(apply(&edit, &before.0).is_ok());
        for moved in [
            before.clone().set("/metadata/uid", "another".into()),
            before.clone().set("/metadata/generation", 8.into()),
            before.clone().image("r.test/web:v2.1"),
            before.clone().set("/spec/template/spec/containers/0/name", "sidecar".into()),
        ] {
            assert!(apply(&edit, &moved.0).is_err(), "{:?} fits to {}", edit.requests[0].effect, moved.0);
        }
        let busy = before.clone().set("/metadata/resourceVersion", "999".into());
        assert!(apply(&edit, &busy.0).is_ok(), "a status update is not a move");
    }
}

#[test]
fn a_deployment_without_annotations_gets_the_map() {
    let bare = fixture::deployment().remove("/metadata/annotations");
    let edit = promote(bare.clone(), "r.test/web:v3", &found());
    let after = apply(&edit, &bare.0).unwrap();
    assert_eq!(
        after["metadata"]["annotations"],
        json!({"kubernetes.io/change-cause": "promote v3: SHOP-812"})
    );
}

#[test]
fn a_roll_back_brings_the_template_of_the_replica_set_byte_for_byte() {
    let before = fixture::deployment();
    let mut set = fixture::replica_set("web-1", "1", "r.test/web:v1");
    set.0["spec"]["template"]["spec"]["unheardOf"] = json!({"deep": [1, "two", null]});
    let edit = roll_back(before.clone(), &set, "r.test/web:v1").unwrap();
    let after = apply(&edit, &before.0).unwrap();
    let mut expected = set.0["spec"]["template"].clone();
    expected["metadata"]["labels"].as_object_mut().unwrap().remove("pod-template-hash");
    assert_eq!(after["spec"]["template"], expected);
    assert_eq!(after["spec"]["replicas"], before.0["spec"]["replicas"]);
    assert_eq!(after["metadata"]["annotations"]["kubernetes.io/change-cause"], "roll back to v1 with gonogo");
    assert_eq!(edit.differences[0].what.as_str(), "image of container web");
}

#[test]
fn only_the_chosen_revision_of_this_very_deployment_is_a_way_back() {
    let set = || fixture::replica_set("web-1", "1", "r.test/web:v1");
    let forged = set().set("/metadata/ownerReferences/0/uid", "another".into());
    assert_eq!(roll_back(fixture::deployment(), &forged, "r.test/web:v1").unwrap_err().cause, Cause::Refused);
    let other = roll_back(fixture::deployment(), &set(), "r.test/web:v0").unwrap_err();
    assert_eq!(other.cause, Cause::Moved);
    let same = fixture::replica_set("web-2", "2", "r.test/web:v2");
    let edit = roll_back(fixture::deployment(), &same, "r.test/web:v2").unwrap();
    assert!(says(&edit, Severity::Blocking, "nothing would change"), "{:?}", edit.hazards);
    let paused = fixture::deployment().set("/spec/paused", true.into());
    let edit = roll_back(paused, &set(), "r.test/web:v1").unwrap();
    assert!(says(&edit, Severity::Blocking, "resume it first"));
}

#[test]
fn a_digest_that_cannot_be_proved_is_a_hazard() {
    let untold = Manifest::Untold(Fault::new(Cause::Unreachable, "r.test: no route"));
    let edit = promote(fixture::deployment(), "r.test/web:v3", &untold);
    assert!(says(&edit, Severity::Warning, "cannot prove the digest"));
    let after = apply(&edit, &fixture::deployment().0).unwrap();
    assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["image"], "r.test/web:v3");
    let gone = promote(fixture::deployment(), "r.test/web:v3", &Manifest::Missing);
    assert_eq!(worst(&gone), Some(Severity::Blocking));
    let sure = promote(fixture::deployment(), "r.test/web:v3", &found());
    assert_eq!(sure.hazards, [], "nothing is wrong with it");
}

#[test]
fn every_hazard_of_the_deployment_is_told() {
    for (object, severity, text) in [
        (
            fixture::deployment()
                .annotations(&[("argocd.argoproj.io/tracking-id", "shop:apps/Deployment:shop/web")]),
            Severity::Warning,
            "Argo CD (shop)",
        ),
        (
            fixture::deployment().annotations(&[("kubectl.kubernetes.io/last-applied-configuration", "{}")]),
            Severity::Warning,
            "last-applied",
        ),
        (fixture::deployment().set("/status/updatedReplicas", 1.into()), Severity::Warning, "under way"),
        (
            fixture::deployment()
                .set("/spec/replicas", 0.into())
                .set("/status", json!({"observedGeneration": 7})),
            Severity::Warning,
            "scaled to zero",
        ),
        (fixture::deployment().set("/spec/paused", true.into()), Severity::Blocking, "resume it first"),
        (
            fixture::deployment().set("/spec/revisionHistoryLimit", 0.into()),
            Severity::Warning,
            "cannot go back",
        ),
        (fixture::deployment().image("elsewhere.test/web:v2"), Severity::Warning, "another repository"),
        (
            fixture::deployment().image(&format!("r.test/web:v3@{DIGEST_B}")),
            Severity::Blocking,
            "nothing would change",
        ),
    ] {
        let edit = promote(object, "r.test/web:v3", &found());
        assert!(says(&edit, severity, text), "{text}: {:?}", edit.hazards);
    }
}

#[test]
fn pause_and_resume_refuse_as_kubectl_does() {
    let paused = || fixture::deployment().set("/spec/paused", true.into());
    for (object, verb, fine) in [
        (fixture::deployment(), Verb::Pause, true),
        (fixture::deployment(), Verb::Resume, false),
        (paused(), Verb::Pause, false),
        (paused(), Verb::Resume, true),
    ] {
        let edit = act::switch(&fresh(object.clone()), &cluster(), verb);
        assert_eq!(worst(&edit) != Some(Severity::Blocking), fine, "{verb:?}");
        let after = apply(&edit, &object.0).unwrap();
        assert_eq!(after["spec"]["paused"], verb == Verb::Pause);
    }
}

#[test]
fn basis_and_patch_do_not_change_with_the_status() {
    let busy = fixture::deployment()
        .set("/metadata/resourceVersion", "12345".into())
        .set("/status/updatedReplicas", 1.into());
    let (a, b) =
        (promote(fixture::deployment(), "r.test/web:v3", &found()), promote(busy, "r.test/web:v3", &found()));
    assert_eq!(a.basis, b.basis);
    assert_eq!(a.requests[0].operations, b.requests[0].operations);
    let moved =
        promote(fixture::deployment().set("/metadata/generation", 8.into()), "r.test/web:v3", &found());
    assert_ne!(moved.basis, promote(fixture::deployment(), "r.test/web:v3", &found()).basis);
}

fn bound(settings: Settings) -> Bound {
    Bound {
        role: Role::Deploy,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings,
    }
}

fn spec(settings: Settings, bounds: Vec<Bound>) -> SourceSpec {
    SourceSpec {
        name: SourceName::new("prod"),
        settings,
        secrets: BTreeMap::new(),
        bounds,
        env: Arc::default(),
    }
}

#[test]
fn what_cannot_be_carried_out_is_refused_at_the_start() {
    let deploy = |namespace: &str, workload: &str| {
        bound(Settings::default().with_text("namespace", namespace).with_text("workload", workload))
    };
    for (namespace, workload, fine) in [
        ("shop", "deployment/web", true),
        ("shop", "statefulset/db", true),
        ("shop", "daemonset/agent", true),
        ("shop", "rollout/web", true),
        ("shop", "job/migrate", false),
        ("shop", "web", false),
        ("shop", "deployment/../secrets/x", false),
        ("shop", "deployment/web?dryRun=All", false),
        ("Shop", "deployment/web", false),
        ("", "deployment/web", false),
    ] {
        let answer = build(spec(Settings::default(), vec![deploy(namespace, workload)]));
        assert_eq!(answer.is_ok(), fine, "{namespace} {workload}");
    }
    for settings in [
        Settings::default().with("exec", Value::List(vec!["aws".to_owned()])),
        Settings::default().with("timeout", Value::Integer(0)),
    ] {
        assert!(build(spec(settings, Vec::new())).is_err());
    }
}

fn write_kubeconfig(folder: &Path, server: &str, extra: &str) -> PathBuf {
    let path = folder.join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster:\n    server: {server}\n{extra}\
         users:\n- name: u\n  user:\n    token: SECRET-CANARY\ncontexts:\n- name: a\n  context:\n    cluster: c\n    user: u\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn asked(kubeconfig: PathBuf) -> Asked {
    Asked { kubeconfig: Some(kubeconfig), context: None, exec: None, patience: PATIENCE, env: Arc::default() }
}

#[tokio::test]
async fn nothing_is_written_to_a_cluster_that_nobody_vouches_for() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    for (server, extra, trust) in [
        ("https://192.0.2.1:6443", "    insecure-skip-tls-verify: true\n", Trust::Unverified),
        ("http://127.0.0.1:8080", "", Trust::Proved),
    ] {
        let asked = asked(write_kubeconfig(folder.path(), server, extra));
        let (link, _) = connect::connect(&asked, None).await.unwrap();
        assert_eq!(link.trust, trust, "{server}");
        if trust != Trust::Proved {
            let step = Step {
                source: SourceName::new("prod"),
                method: "PATCH".to_owned(),
                path: "/apis/apps/v1/namespaces/shop/deployments/web".to_owned(),
                content_type: None,
                body: None,
                effect: SafeText::default(),
            };
            let fault = prepare::perform(&link, &step.source, &step).await.err().unwrap();
            assert_eq!(fault.cause, Cause::Local, "{fault}");
        }
    }
}

#[tokio::test]
async fn a_token_does_not_travel_in_plain_text() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let path = write_kubeconfig(folder.path(), "http://192.0.2.1:8080", "");
    let fault = connect::connect(&asked(path.clone()), None).await.err().unwrap();
    assert!(fault.detail.as_str().contains("in plain text"), "{fault}");
    let bare =
        std::fs::read_to_string(&path).unwrap().replace("    token: SECRET-CANARY\n", "    username: jo\n");
    std::fs::write(&path, bare).unwrap();
    let (link, _) = connect::connect(&asked(path), None).await.unwrap();
    assert_eq!(link.trust, Trust::Plain);
}

#[tokio::test]
async fn the_cluster_of_the_start_stays_the_cluster() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let asked = asked(write_kubeconfig(folder.path(), "http://127.0.0.1:8080", ""));
    let (_, pin) = connect::connect(&asked, None).await.unwrap();
    assert!(connect::connect(&asked, Some(&pin)).await.is_ok());
    write_kubeconfig(folder.path(), "http://127.0.0.1:9090", "");
    let fault = connect::connect(&asked, Some(&pin)).await.err().unwrap();
    assert!(fault.detail.as_str().contains("another cluster"), "{fault}");
    std::fs::write(folder.path().join("config"), "token: SECRET-CANARY\n  broken: [").unwrap();
    let fault = connect::connect(&asked, Some(&pin)).await.err().unwrap();
    assert!(!format!("{fault:?}").contains("CANARY"), "{fault:?}");
}

/// Every leaf and branch of a fixture, as JSON pointers.
fn pointers(value: &Json, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                pointers(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Json::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), out);
            }
        }
        _ => {}
    }
}

/// Reads every mutation of a fixture; tells how many there were.
fn drift<T: Watched>(
    base: &Json,
    resource: Resource,
    mut check: impl FnMut(&str, Result<T, Fault>),
) -> usize {
    let mut all = Vec::new();
    pointers(base, "", &mut all);
    let mut count = 0;
    for pointer in all.iter().filter(|p| !p.is_empty()) {
        let strange = [
            json!(null),
            json!("text"),
            json!(-1),
            json!(1e300),
            json!([]),
            json!({}),
            json!(true),
            json!("x".repeat(1 << 16)),
        ];
        for value in strange {
            let mut object = base.clone();
            *object.pointer_mut(pointer).unwrap() = value.clone();
            check(&format!("{pointer} = {value}"), T::cut(&object, resource));
            count += 1;
        }
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let mut object = base.clone();
        if let Some(map) = object.pointer_mut(parent).and_then(Json::as_object_mut) {
            map.remove(&key.replace("~1", "/").replace("~0", "~"));
            check(&format!("{pointer} missing"), T::cut(&object, resource));
            count += 1;
        }
    }
    count
}

#[test]
fn no_drift_of_the_wire_turns_an_unfinished_rollout_into_a_finished_one() {
    let conditions = json!([{"type":"Progressing","status":"True","reason":"ReplicaSetUpdated","lastUpdateTime":"2026-11-20T14:00:00Z"}]);
    let status = json!({"observedGeneration":7,"replicas":3,"updatedReplicas":2,"availableReplicas":1,"conditions":conditions});
    let base = fixture::deployment().set("/spec/replicas", 3.into()).set("/status", status).0;
    let count = drift::<Workload>(&base, Resource::Of(Species::Deployment), |what, cut| match cut {
        // The number that is asked for is the one thing that may truly change what "done" means; at one replica
        // three old ones are still too many.
        Ok(deployment) => {
            let phase = rollout::phase(&deployment);
            assert!(!matches!(phase, Phase::Done | Phase::ScaledToZero), "{what}: {phase:?}");
        }
        Err(fault) => {
            assert_eq!(fault.cause, Cause::Malformed);
            assert!(fault.detail.as_str().contains("the field"), "{fault}");
        }
    });
    assert!(count > 250, "{count}");
}

#[test]
fn no_drift_of_the_wire_makes_an_unready_pod_ready_or_a_stranger_ours() {
    let pod = fixture::pod("a", "web-2", "r.test/web:v2").waiting("CrashLoopBackOff").0;
    let count = drift::<Pod>(&pod, Resource::Pods, |what, cut| {
        if let Ok(pod) = cut {
            let ready: u32 = pods::running(&[Arc::new(pod)], "web").iter().map(|r| r.ready).sum();
            assert_eq!(ready, 0, "{what}");
        }
    });
    let deployment = fixture::deployment().cut();
    let stranger =
        fixture::replica_set("s", "9", "web:v9").set("/metadata/ownerReferences/0/uid", "other".into()).0;
    let sets = drift::<Remembered>(&stranger, Resource::ReplicaSets, |what, cut| {
        if let Ok(set) = cut {
            assert!(!history::owns(&deployment, &set), "{what}");
        }
    });
    assert!(count > 150 && sets > 150, "{count} {sets}");
}
