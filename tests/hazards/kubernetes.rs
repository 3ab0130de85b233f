//! The situations of a Kubernetes Deployment. Each is a function that makes it from a clean history.

use gonogo::domain::{Artifact, Severity};
use serde_json::json;

use super::desk::Desk;
use super::kube::{Cluster, Kube, digest, recorded};
use super::only;

type Make = fn(&mut Cluster);

fn annotate(cluster: &mut Cluster, key: &str, value: &str) {
    cluster.deployment["metadata"]["annotations"][key] = json!(value);
}

fn label(cluster: &mut Cluster, key: &str, value: &str) {
    cluster.deployment["metadata"]["labels"][key] = json!(value);
}

fn argo_cd_owns_it(cluster: &mut Cluster) {
    annotate(cluster, "argocd.argoproj.io/tracking-id", "shop:apps/Deployment:shop/web");
}

fn flux_owns_it(cluster: &mut Cluster) {
    label(cluster, "kustomize.toolkit.fluxcd.io/name", "apps");
    label(cluster, "kustomize.toolkit.fluxcd.io/namespace", "flux-system");
}

fn a_flux_helm_release_owns_it(cluster: &mut Cluster) {
    label(cluster, "helm.toolkit.fluxcd.io/name", "web");
    label(cluster, "helm.toolkit.fluxcd.io/namespace", "shop");
}

fn helm_owns_it(cluster: &mut Cluster) {
    label(cluster, "app.kubernetes.io/managed-by", "Helm");
    annotate(cluster, "meta.helm.sh/release-name", "web");
}

fn kubectl_apply_manages_it(cluster: &mut Cluster) {
    annotate(cluster, "kubectl.kubernetes.io/last-applied-configuration", "{}");
}

fn the_image_is_gone_from_the_registry(cluster: &mut Cluster) {
    cluster.registry.remove(&digest("v1"));
}

/// v1 was not pinned, its pods still tell what it was, and its tag names something else by now.
fn the_tag_moved_since(cluster: &mut Cluster) {
    let image = format!("{}/shop/web:v1", cluster.host);
    cluster.set_of("v1")["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    let mut leaving = cluster.pod("v1", 0);
    leaving["spec"]["containers"][0]["image"] = json!(image);
    leaving["status"]["conditions"][1]["status"] = json!("False");
    cluster.pods.push(leaving);
    cluster.registry.insert("v1".into(), digest("v7"));
}

fn nobody_knows_what_the_tag_meant(cluster: &mut Cluster) {
    let image = format!("{}/shop/web:v1", cluster.host);
    cluster.set_of("v1")["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
}

fn a_config_map_changed_since(cluster: &mut Cluster) {
    let mut changed = recorded("kubernetes", "config-metadata");
    changed["metadata"]["managedFields"][0]["time"] = json!("2026-11-20T13:00:00Z");
    cluster.config.insert("configmaps/web-config".into(), (200, changed));
}

fn a_secret_changed_since(cluster: &mut Cluster) {
    let mut changed = recorded("kubernetes", "config-metadata");
    changed["metadata"]["creationTimestamp"] = json!("2026-11-20T13:00:00Z");
    cluster.config.insert("secrets/web-login".into(), (200, changed));
}

fn a_config_map_is_gone(cluster: &mut Cluster) {
    cluster.config.remove("configmaps/web-config");
}

fn the_config_may_not_be_looked_at(cluster: &mut Cluster) {
    let denied =
        json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "may not get secrets"});
    cluster.config.insert("secrets/web-login".into(), (403, denied));
}

fn it_is_paused(cluster: &mut Cluster) {
    cluster.deployment["spec"]["paused"] = json!(true);
}

fn a_rollout_is_in_flight(cluster: &mut Cluster) {
    cluster.count(4, 2, 4);
}

fn the_history_keeps_nothing(cluster: &mut Cluster) {
    cluster.deployment["spec"]["revisionHistoryLimit"] = json!(0);
}

fn it_is_scaled_to_zero(cluster: &mut Cluster) {
    cluster.deployment["spec"]["replicas"] = json!(0);
    cluster.run("v2");
}

fn an_autoscaler_wants_another_number(cluster: &mut Cluster) {
    let mut autoscaler = recorded("kubernetes", "horizontalpodautoscaler");
    autoscaler["spec"]["minReplicas"] = json!(6);
    cluster.autoscalers.push(autoscaler);
}

#[tokio::test]
async fn every_situation_is_told_before_a_roll_back_and_nothing_else_is() {
    use Severity::{Blocking, Note, Warning};
    let situations: &[(&str, Make, Severity, &str)] = &[
        ("argo_cd_owns_it", argo_cd_owns_it, Warning, "roll the application back in Argo CD"),
        ("flux_owns_it", flux_owns_it, Warning, "suspend the Kustomization first"),
        (
            "a_flux_helm_release_owns_it",
            a_flux_helm_release_owns_it,
            Warning,
            "suspend the HelmRelease first",
        ),
        ("helm_owns_it", helm_owns_it, Warning, "helm rollback web REVISION -n shop"),
        ("kubectl_apply_manages_it", kubectl_apply_manages_it, Warning, "change the manifest too"),
        (
            "the_image_is_gone_from_the_registry",
            the_image_is_gone_from_the_registry,
            Warning,
            "no longer has",
        ),
        ("the_tag_moved_since", the_tag_moved_since, Warning, "was moved"),
        (
            "nobody_knows_what_the_tag_meant",
            nobody_knows_what_the_tag_meant,
            Note,
            "nobody knows which digest",
        ),
        (
            "a_config_map_changed_since",
            a_config_map_changed_since,
            Warning,
            "ConfigMap web-config was changed",
        ),
        ("a_secret_changed_since", a_secret_changed_since, Warning, "Secret web-login was changed"),
        ("a_config_map_is_gone", a_config_map_is_gone, Blocking, "its pods could not start"),
        ("the_config_may_not_be_looked_at", the_config_may_not_be_looked_at, Note, "Secret web-login"),
        ("it_is_paused", it_is_paused, Blocking, "resume it first"),
        ("a_rollout_is_in_flight", a_rollout_is_in_flight, Warning, "this one takes its place"),
        ("the_history_keeps_nothing", the_history_keeps_nothing, Warning, "will not remember"),
        ("it_is_scaled_to_zero", it_is_scaled_to_zero, Warning, "scaled to zero"),
        ("an_autoscaler_wants_another_number", an_autoscaler_wants_another_number, Warning, "keeps 6 to 8"),
    ];
    for (name, make, severity, part) in situations {
        let kube = Kube::start(&["v1", "v2"]).await;
        make(&mut kube.lock());
        let mut desk = Desk::open(&kube.provider, &[]).await;
        only(name, &desk.ask('r').await, *severity, part);
        assert_eq!(kube.lock().writes, 0, "{name}: preparing writes nothing");
    }
    println!("{} situations of Kubernetes told, each alone", situations.len());
}

#[tokio::test]
async fn a_revision_that_was_pruned_is_not_offered_and_one_pruned_meanwhile_is_refused() {
    let kube = Kube::start(&["v1", "v2"]).await;
    let mut desk = Desk::open(&kube.provider, &[]).await;
    kube.lock().sets.remove(0);
    only("pruned since the last look", &desk.ask('r').await, Severity::Blocking, "no longer remembers");
    let mut desk = Desk::open(&kube.provider, &[]).await;
    only("pruned before", &desk.ask('r').await, Severity::Blocking, "remembers no other revision");
}

#[tokio::test]
async fn the_revision_that_runs_already_is_no_way_back() {
    let kube = Kube::start(&["v1", "v2"]).await;
    let mut desk = Desk::open(&kube.provider, &[]).await;
    // Between the look and the key somebody else went back to it.
    kube.lock().roll_out("v1");
    only("the same as now", &desk.ask('r').await, Severity::Blocking, "nothing would change");
}

#[tokio::test]
async fn after_a_roll_back_the_next_one_does_not_offer_the_bad_version_first() {
    let kube = Kube::start(&["v1", "v2", "v3"]).await;
    // v3 was bad: somebody went back to v2. The numbers are 1, 3 and 4 now.
    kube.lock().roll_out("v2");
    let mut desk = Desk::open(&kube.provider, &[]).await;
    let plan = desk.ask('r').await.unwrap();
    assert_eq!(plan.prepared.to.as_ref().map(Artifact::label), Some("v1"));
    assert_eq!(plan.hazards, []);
    let offers = desk.offers();
    assert!(offers[0].starts_with("v1 · revision 1"), "{offers:?}");
    assert!(
        offers[1].starts_with("v3 · revision 3") && offers[1].contains("left by going back"),
        "{offers:?}"
    );
    // Whoever chooses it all the same is told.
    desk.choose_next();
    only("the bad one", &desk.prepared().await, Severity::Warning, "v3 was left by going back to v2");
}

#[tokio::test]
async fn a_new_version_after_a_roll_back_goes_back_to_what_was_gone_back_to() {
    let kube = Kube::start(&["v1", "v2"]).await;
    kube.lock().roll_out("v1");
    kube.lock().registry.extend([(digest("v3"), digest("v3"))]);
    kube.lock().roll_out("v3");
    let mut desk = Desk::open(&kube.provider, &[]).await;
    let plan = desk.ask('r').await.unwrap();
    assert_eq!(plan.prepared.to.as_ref().map(Artifact::label), Some("v1"), "not v2, which was left for v1");
}

#[tokio::test]
async fn when_only_the_bad_one_is_left_it_is_offered_with_a_warning() {
    let kube = Kube::start(&["v1", "v2"]).await;
    kube.lock().roll_out("v1");
    let mut desk = Desk::open(&kube.provider, &[]).await;
    only("nothing older", &desk.ask('r').await, Severity::Warning, "this brings it back");
}

#[tokio::test]
async fn what_runs_already_is_not_promoted_by_another_name() {
    let kube = Kube::start(&["v1", "v2"]).await;
    {
        // v2 runs by its tag; what comes is the same digest, pinned.
        let mut cluster = kube.lock();
        let image = format!("{}/shop/web:v2", cluster.host);
        cluster.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        cluster.set_of("v2")["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        for pod in &mut cluster.pods {
            pod["spec"]["containers"][0]["image"] = json!(image);
        }
    }
    let wanted = Artifact::from_reference(&kube.lock().image("v2"));
    let intent = gonogo::domain::Intent {
        verb: gonogo::domain::Verb::Promote,
        service: gonogo::domain::ServiceName::new("web"),
        place: Some(gonogo::domain::Place::new("web", "production")),
        target: gonogo::domain::Target::Artifact(wanted),
        source: gonogo::domain::SourceName::new("prod"),
        reason: None,
        answers: std::collections::BTreeMap::new(),
    };
    kube.provider.observe(&gonogo::domain::Ask::default()).await.unwrap();
    let prepared = kube.provider.prepare(&intent).await.unwrap();
    assert_eq!(prepared.hazards[0].severity, Severity::Blocking, "{:?}", prepared.hazards);
    assert!(prepared.hazards[0].text.as_str().contains("this very digest"));
}
