//! R50: the page that says who enforces what is generated from the providers' own tables, and those tables say what the
//! providers do: every verb's request and guard are compared with a plan, and a verb that is not in the table is refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "ci/recorded/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of these providers")]
mod ci;
#[path = "hazards/declared.rs"]
#[expect(dead_code, reason = "shared with the tests of lies")]
mod declared;
#[path = "hazards/deploys.rs"]
#[expect(dead_code, reason = "shared with the tests of lies")]
mod deploys;
#[path = "support/faults.rs"]
#[expect(dead_code, reason = "only the credential of it is used here")]
mod faults;
#[path = "hazards/kube.rs"]
#[expect(dead_code, reason = "shared with the tests of hazards and lies")]
mod kube;
#[path = "hazards/lie.rs"]
#[expect(dead_code, reason = "these servers tell the truth")]
mod lie;
#[path = "support/scripted.rs"]
#[expect(dead_code, reason = "shared with other test programs, each of which uses a part")]
mod scripted;
#[path = "hazards/swarm.rs"]
#[expect(dead_code, reason = "shared with the tests of hazards and lies")]
mod swarm;
#[path = "github/world.rs"]
#[expect(dead_code, reason = "shared with the tests of the provider")]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use gonogo::domain::{
    Artifact, Ask, Bound, EnvironmentName, GateKey, Guard, Intent, Place, Prepared, Role, RunKey,
    ServiceName, Settings, Sha, SourceName, Target, Verb,
};
use gonogo::provider::enforcement::{GuardFact, Measured, page};
use gonogo::provider::{KINDS, Provider, SourceSpec, kind};
use gonogo::sandbox::docker::{ContainerSeed, Engine, Membership};
use gonogo::sandbox::kubernetes::{ADMIN_TOKEN, Cluster, DeploymentSeed, Shape};
use serde_json::json;

use self::declared::Declared;
use self::kube::Kube;
use self::lie::Lie;
use self::swarm::Swarm;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/enforcement.md");
const WINDOWS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/residual-windows.md");
const VERBS: [Verb; 8] = [
    Verb::Approve,
    Verb::Reject,
    Verb::Promote,
    Verb::RollBack,
    Verb::Pause,
    Verb::Resume,
    Verb::Rerun,
    Verb::Cancel,
];

/// The measured windows: rows `| GitHub approve | 1.3 | 29.2 |`.
fn measured(text: &str) -> Vec<Measured> {
    let kinds = [("GitHub ", "github"), ("Kubernetes ", "kubernetes"), ("Docker Swarm ", "docker")];
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [what, median, maximum] = cells.as_slice() else { return None };
        median.parse::<f64>().ok()?;
        let (title, kind) = kinds.iter().find(|(title, _)| what.starts_with(title))?;
        Some(Measured {
            kind: (*kind).to_owned(),
            verb: what[title.len()..].to_owned(),
            median: (*median).to_owned(),
            maximum: (*maximum).to_owned(),
        })
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn the_page_is_what_the_code_says() {
    let measured = measured(&std::fs::read_to_string(WINDOWS).unwrap());
    assert_eq!(measured.len(), 10, "{measured:?}");
    for window in &measured {
        let facts = kind(&window.kind).unwrap().enforcement;
        assert!(facts.verbs.iter().any(|v| v.verb.word() == window.verb), "nobody has {window:?}");
    }
    let wanted = page(KINDS, &measured);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        written == wanted,
        "docs/enforcement.md is not what the code says: UPDATE=1 cargo test --test enforcement"
    );
}

/// Whether a request is one of a template: what is in braces may be anything without a slash, or with slashes where there
/// is one in the braces; a query is not compared.
fn fits(template: &str, method: &str, path: &str) -> bool {
    fn matches(template: &str, path: &str) -> bool {
        let Some((before, rest)) = template.split_once('{') else { return template == path };
        let (name, after) = rest.split_once('}').unwrap();
        let Some(path) = path.strip_prefix(before) else { return false };
        let most = if name.contains('/') { path.len() } else { path.find('/').unwrap_or(path.len()) };
        (1..=most).any(|end| path.is_char_boundary(end) && matches(after, &path[end..]))
    }
    let Some((wanted, template)) = template.split_once(' ') else { return false };
    if wanted == "RUN" {
        let words: Vec<String> = serde_json::from_str(path).unwrap_or_default();
        return wanted == method && words.first().is_some_and(|program| program.starts_with('/'));
    }
    wanted == method && matches(template, path.split('?').next().unwrap())
}

/// The requests of a table's entry in their order, each with its alternatives: `POST /a or POST /b, then POST /c`.
fn templates(request: &'static str) -> Vec<Vec<&'static str>> {
    request.split(", then ").map(|one| one.split(" or ").collect()).collect()
}

/// A plan is what the table says of its verb; which of the table's requests it is.
fn compared(kind_: &str, verb: Verb, prepared: &Prepared) -> BTreeSet<&'static str> {
    let facts = kind(kind_).unwrap().enforcement;
    // A verb may be carried out in several ways: which it is, its first request tells.
    let first = prepared.steps.first();
    let begins = |request| {
        let mut all = templates(request).into_iter().flatten();
        first.is_none_or(|step| all.any(|one| fits(one, &step.method, &step.path)))
    };
    let found = facts.verbs.iter().find(|v| v.verb == verb && begins(v.request));
    let facts = found.unwrap_or_else(|| panic!("{kind_} can {} and its table does not say so", verb.word()));
    let mut used = BTreeSet::new();
    let mut rest = templates(facts.request).into_iter();
    for step in &prepared.steps {
        let one = |all: Vec<&'static str>| all.into_iter().find(|one| fits(one, &step.method, &step.path));
        let found = rest.find_map(one);
        used.insert(found.unwrap_or_else(|| panic!("{} is not {}", step.path, facts.request)));
    }
    assert!(!used.is_empty(), "{kind_} {} sends nothing", verb.word());
    let same = match (&prepared.guard, facts.guard) {
        (Guard::Server(_), GuardFact::InRequest(_)) | (Guard::LookAgain(_), GuardFact::LookAgain(_)) => true,
        (Guard::Server(_) | Guard::LookAgain(_), _) => false,
    };
    assert!(same, "{kind_} {}: {:?} is not {:?}", verb.word(), prepared.guard, facts.guard);
    used
}

/// Prepares every verb on every target that a verb could have; what is refused must not be in the table, and what is not
/// must be. Which of the table's requests were among the plans.
async fn all_verbs(
    kind_: &str,
    provider: &Arc<dyn Provider>,
    target: impl Fn(Verb) -> Target,
    shop: &str,
) -> BTreeSet<&'static str> {
    provider.observe(&Ask::default()).await.unwrap();
    let mut used = BTreeSet::new();
    for verb in VERBS {
        let intent = Intent {
            verb,
            service: ServiceName::new(shop),
            place: Some(Place::new(shop, "production")),
            target: target(verb),
            source: SourceName::new(if shop == "shop" { kind_ } else { "prod" }),
            reason: None,
            answers: std::collections::BTreeMap::new(),
        };
        let in_table = kind(kind_).unwrap().enforcement.verbs.iter().any(|v| v.verb == verb);
        match provider.prepare(&intent).await {
            Ok(prepared) => used.extend(compared(kind_, verb, &prepared)),
            Err(fault) => {
                assert!(!in_table, "{kind_} cannot {}, and its table says so: {fault}", verb.word())
            }
        }
    }
    used
}

/// Nothing is in a kind's table that no plan sends.
fn whole(kind_: &str, used: &BTreeSet<&'static str>) {
    let verbs = kind(kind_).unwrap().enforcement.verbs;
    let told: BTreeSet<&str> = verbs.iter().flat_map(|v| templates(v.request)).flatten().collect();
    assert_eq!(&told, used, "{kind_}");
}

fn run() -> RunKey {
    let id = world::RUN.to_string();
    RunKey { source: SourceName::new("github"), service: ServiceName::new("shop"), id: id.as_str().into() }
}

/// What each verb would be meant for at a deployment target.
fn at_target(verb: Verb, id: &str, back: &str, new: &str) -> Target {
    match verb {
        Verb::Promote => Target::Artifact(Artifact::from_reference(new)),
        Verb::RollBack => Target::Revision { id: id.into(), artifact: Artifact::from_reference(back) },
        Verb::Pause | Verb::Resume | Verb::PromoteFully | Verb::Abort | Verb::Retry => Target::Rollout,
        Verb::Restart => Target::Replicas { at: "2026-11-20T14:00:00Z".parse().unwrap() },
        Verb::Hold | Verb::Release => Target::Application,
        Verb::Approve | Verb::Reject => Target::Gate(GateKey { run: run(), attempt: 1, id: "1".into() }),
        Verb::Rerun | Verb::Cancel => Target::Run(run()),
    }
}

#[tokio::test]
async fn kubernetes_does_what_its_table_says() {
    let kube = Kube::start(&["v1", "v2"]).await;
    let back = kube.lock().image("v1");
    let new = format!("{}/shop/web:v3", kube.lock().host);
    let target = |verb| at_target(verb, "web-v1", &back, &new);
    let mut used = all_verbs("kubernetes", &kube.provider, target, "web").await;
    used.extend(orders_to_argo_rollouts().await);
    for (key, plural, name) in
        [("kustomization", "kustomizations", "flux-system/apps"), ("helmrelease", "helmreleases", "shop/web")]
    {
        used.extend(orders_to_flux(key, plural, name).await);
    }
    used.extend(gates_of_flagger().await);
    used.extend(switch_of_a_service().await);
    whole("kubernetes", &used);
}

/// How Flux is held and let go.
async fn orders_to_flux(key: &str, plural: &str, named: &str) -> BTreeSet<&'static str> {
    let cluster = Cluster::new("2026-11-20T14:00:00Z".parse().unwrap());
    let (namespace, name) = named.split_once('/').unwrap();
    let source = json!({"kind": "GitRepository", "name": "deploys"});
    let spec = json!({"interval": "1m", "prune": true, "sourceRef": source});
    cluster.add_custom(plural, (namespace, name), spec);
    let owner = (Role::Owner, Settings::default().with_text(key, named));
    orders(&cluster, owner, &[Verb::Hold, Verb::Release], &Target::Application).await
}

/// What is bound so in this cluster, and what the plans of these verbs send.
async fn plans(cluster: &Cluster, settings: Settings, verbs: &[(Verb, Target)]) -> BTreeSet<&'static str> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = cluster.router();
    let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, cluster.kubeconfig(&url, ADMIN_TOKEN)).unwrap();
    let bound = Bound {
        role: Role::Deploy,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings: settings.with_text("namespace", "shop"),
    };
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("kubeconfig", config.to_str().unwrap()),
        secrets: std::collections::BTreeMap::new(),
        bounds: vec![bound],
        env: Arc::default(),
    };
    let provider = (kind("kubernetes").unwrap().build)(spec).unwrap();
    provider.observe(&Ask::default()).await.unwrap();
    let mut used = BTreeSet::new();
    for (verb, target) in verbs {
        let intent = Intent {
            verb: *verb,
            service: ServiceName::new("web"),
            place: Some(Place::new("web", "production")),
            target: target.clone(),
            source: SourceName::new("prod"),
            reason: None,
            answers: std::collections::BTreeMap::new(),
        };
        used.extend(compared("kubernetes", *verb, &provider.prepare(&intent).await.unwrap()));
    }
    server.abort();
    used
}

/// What Flagger's load tester is told.
async fn gates_of_flagger() -> BTreeSet<&'static str> {
    let mut now: jiff::Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
    let cluster = Cluster::new(now);
    for tag in ["v1", "v2"] {
        let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
        cluster.register_image(&format!("127.0.0.1:1/shop/web:{tag}"), &digest);
    }
    let hook = |kind: &str, door: &str| json!({"type": kind, "name": kind, "url": format!("http://loadtester.flagger/{door}/check")});
    cluster.add_deployment(&DeploymentSeed {
        namespace: "shop".into(),
        name: "web".into(),
        container: "web".into(),
        image: "127.0.0.1:1/shop/web:v1".into(),
        replicas: 1,
        shape: Shape::Flagger(json!({
            "interval": "10s", "stepWeight": 50, "maxWeight": 50,
            "webhooks": [hook("confirm-promotion", "gate"), hook("rollback", "rollback")]
        })),
        ..DeploymentSeed::default()
    });
    assert!(cluster.set_image("shop", "web", "web", "127.0.0.1:1/shop/web:v2", ""));
    for _ in 0..120 {
        now += jiff::SignedDuration::from_secs(1);
        cluster.tick(now, std::time::Duration::from_secs(1));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = cluster.load_tester();
    let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    let settings = Settings::default().with_text("workload", "canary/web").with_text("gates", &url);
    let verbs = [(Verb::Resume, Target::Rollout), (Verb::Abort, Target::Rollout)];
    let mut used = plans(&cluster, settings.clone(), &verbs).await;
    cluster.set_gate("web.shop", true);
    cluster.set_gate("rollback.web.shop", true);
    used.extend(plans(&cluster, settings, &[(Verb::Pause, Target::Rollout)]).await);
    server.abort();
    used
}

/// What a Service is told.
async fn switch_of_a_service() -> BTreeSet<&'static str> {
    let cluster = Cluster::new("2026-11-20T14:00:00Z".parse().unwrap());
    for (color, tag) in [("blue", "v1"), ("green", "v2")] {
        let image = format!("127.0.0.1:1/shop/web:{tag}");
        cluster.register_image(&image, &format!("sha256:{}", tag.trim_start_matches('v').repeat(64)));
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: format!("web-{color}"),
            container: "web".into(),
            image,
            replicas: 1,
            labels: [("part", "web"), ("color", color)].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ..DeploymentSeed::default()
        });
    }
    cluster.add_service("shop", "web", &json!({"part": "web", "color": "blue"}));
    let artifact = Artifact::from_reference("127.0.0.1:1/shop/web:v2");
    let back = Target::Revision { id: "green".into(), artifact: artifact.clone() };
    let settings = Settings::default().with_text("workload", "service/web");
    plans(&cluster, settings, &[(Verb::Promote, Target::Artifact(artifact)), (Verb::RollBack, back)]).await
}

/// What only a rollout in steps is asked for.
async fn orders_to_argo_rollouts() -> BTreeSet<&'static str> {
    let cluster = Cluster::new("2026-11-20T14:00:00Z".parse().unwrap());
    let image = "127.0.0.1:1/shop/web:v1";
    cluster.register_image(image, &format!("sha256:{}", "1".repeat(64)));
    cluster.add_deployment(&DeploymentSeed {
        namespace: "shop".into(),
        name: "web".into(),
        container: "web".into(),
        image: image.into(),
        replicas: 2,
        shape: Shape::Canary(vec![json!({"setWeight": 50}), json!({"pause": {}})]),
        ..DeploymentSeed::default()
    });
    let settings = Settings::default().with_text("namespace", "shop").with_text("workload", "rollout/web");
    let verbs = [Verb::PromoteFully, Verb::Abort, Verb::Retry];
    orders(&cluster, (Role::Deploy, settings), &verbs, &Target::Rollout).await
}

/// The plans of these verbs in a cluster.
async fn orders(
    cluster: &Cluster,
    (role, settings): (Role, Settings),
    verbs: &[Verb],
    target: &Target,
) -> BTreeSet<&'static str> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = cluster.router();
    let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, cluster.kubeconfig(&url, ADMIN_TOKEN)).unwrap();
    let bound = Bound {
        role,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings,
    };
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("kubeconfig", config.to_str().unwrap()),
        secrets: std::collections::BTreeMap::new(),
        bounds: vec![bound],
        env: Arc::default(),
    };
    let provider = (kind("kubernetes").unwrap().build)(spec).unwrap();
    let mut used = BTreeSet::new();
    for verb in verbs {
        let intent = Intent {
            verb: *verb,
            service: ServiceName::new("web"),
            place: Some(Place::new("web", "production")),
            target: target.clone(),
            source: SourceName::new("prod"),
            reason: None,
            answers: std::collections::BTreeMap::new(),
        };
        used.extend(compared("kubernetes", *verb, &provider.prepare(&intent).await.unwrap()));
    }
    server.abort();
    used
}

#[tokio::test]
async fn docker_does_what_its_table_says() {
    let swarm = Swarm::start().await;
    let image = |spec: &str| {
        let image = &swarm.lock().service[spec]["TaskTemplate"]["ContainerSpec"]["Image"];
        image.as_str().unwrap().to_owned()
    };
    let back = image("PreviousSpec");
    let new = "registry.test/acme/web:v3";
    let target = |verb| at_target(verb, "previous", &back, new);
    let mut used = all_verbs("docker", &swarm.provider, target, "web").await;
    used.extend(orders_for_a_container().await);
    whole("docker", &used);
}

/// What a plain container takes to be replaced and to come back.
async fn orders_for_a_container() -> BTreeSet<&'static str> {
    let mut now: jiff::Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
    let engine = Engine::new(now);
    engine.set_membership(Membership::Outside);
    let image = |version: u8| format!("registry.test/acme/web:v{version}");
    for version in 1..=2 {
        engine.register_image(&image(version), &format!("sha256:{}", version.to_string().repeat(64)));
    }
    engine.add_container(&ContainerSeed { name: "web".into(), image: image(1), ..ContainerSeed::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    let router = engine.router();
    let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    let bound = Bound {
        role: Role::Deploy,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings: Settings::default().with_text("container", "web"),
    };
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("host", &host),
        secrets: std::collections::BTreeMap::new(),
        bounds: vec![bound],
        env: Arc::default(),
    };
    let provider = (kind("docker").unwrap().build)(spec).unwrap();
    let place = Place::new("web", "production");
    let intent = |verb, target| Intent {
        verb,
        service: ServiceName::new("web"),
        place: Some(place.clone()),
        target,
        source: SourceName::new("prod"),
        reason: None,
        answers: std::collections::BTreeMap::new(),
    };
    let new = Target::Artifact(Artifact::from_reference(&image(2)));
    let plan = provider.prepare(&intent(Verb::Promote, new)).await.unwrap();
    let mut used = compared("docker", Verb::Promote, &plan);
    for step in &plan.steps {
        provider.perform(step).await.unwrap();
    }
    now = now.checked_add(jiff::SignedDuration::from_secs(5)).unwrap();
    engine.tick(now, std::time::Duration::from_secs(5));
    let seen = provider.observe(&Ask::default()).await.unwrap();
    let kept = seen.rollouts[&place].previous().unwrap();
    let back = Target::Revision { id: kept.id.clone(), artifact: kept.artifact.clone() };
    let plan = provider.prepare(&intent(Verb::RollBack, back)).await.unwrap();
    used.extend(compared("docker", Verb::RollBack, &plan));
    let plan = provider.prepare(&intent(Verb::Restart, Target::Replicas { at: now })).await.unwrap();
    used.extend(compared("docker", Verb::Restart, &plan));
    server.abort();
    used
}

#[tokio::test]
async fn declared_commands_do_what_their_table_says() {
    let place = Declared::start();
    all_verbs("command", &place.provider, |verb| at_target(verb, "r-v1", "web:v1", "web:v3"), "web").await;
}

#[tokio::test]
async fn a_repository_of_manifests_does_what_its_table_says() {
    use gonogo::domain::RevertTo;
    let deploys = deploys::Deploys::start();
    let commit = Sha::new(&deploys.tip());
    let mut used = BTreeSet::new();
    for to in [RevertTo::Branch, RevertTo::Proposal] {
        let target = |verb| match verb {
            Verb::RollBack => Target::Revert { commit: commit.clone(), to },
            other => at_target(other, "r-v1", "web:v1", "web:v3"),
        };
        used.extend(all_verbs("manifests", &deploys.provider, target, "web").await);
    }
    whole("manifests", &used);
}

#[tokio::test]
async fn github_does_what_its_table_says() {
    let server = world::waiting().await;
    let workflow =
        json!({"id": 77, "name": "Deploy", "path": ".github/workflows/deploy.yml", "state": "active"});
    server
        .get(world::REPO, &json!({"default_branch": "main"}))
        .get(&format!("{}/actions/workflows/deploy.yml", world::REPO), &workflow)
        .get(&format!("{}/actions/workflows/77/runs", world::REPO), &world::list(&[]))
        .get(&format!("{}/git/ref/heads/main", world::REPO), &world::branch(world::OLD))
        .get(&world::of_run(100, ""), &world::run(100, "completed", json!("failure")));
    let mut bounds = world::shop();
    let settings = Settings::default().with_text("workflow", "deploy.yml");
    bounds.push(world::bound(Role::Dispatch, "shop", Some("production"), settings));
    let provider = world::provider(&server.url, bounds);
    let gate = world::gate(&provider).await.key;
    let target = |verb: Verb| match verb {
        Verb::Approve | Verb::Reject => Target::Gate(gate.clone()),
        Verb::Rerun => Target::Run(RunKey { id: "100".into(), ..run() }),
        Verb::Cancel => Target::Run(run()),
        Verb::Promote => Target::Dispatch(Artifact {
            version: Some("v2.8.0".into()),
            revision: Some(Sha::new(world::NEW)),
            ..Artifact::default()
        }),
        other => at_target(other, "previous", "web:v1", "web:v2"),
    };
    whole("github", &all_verbs("github", &provider, target, "shop").await);
}

/// The targets of a CI provider: its gate, a run that has failed, one that is under way, a version.
fn at_ci(kind_: &str, verb: Verb, gate: &GateKey, failed: &str, running: &str) -> Target {
    match verb {
        Verb::Approve | Verb::Reject => Target::Gate(gate.clone()),
        Verb::Rerun => Target::Run(ci::world::run(kind_, failed)),
        Verb::Cancel => Target::Run(ci::world::run(kind_, running)),
        Verb::Promote => ci::world::version(Some("v2.8.0")),
        other => at_target(other, "previous", "web:v1", "web:v2"),
    }
}

/// The plan of one more intent.
async fn one_more(
    (kind_, provider): (&str, &Arc<dyn Provider>),
    verb: Verb,
    target: Target,
) -> BTreeSet<&'static str> {
    let prepared = provider.prepare(&ci::world::intent(kind_, verb, target)).await.unwrap();
    compared(kind_, verb, &prepared)
}

#[tokio::test]
async fn gitlab_does_what_its_table_says() {
    use ci::gitlab::{PROJECT, blocked, job, one, project, shop};
    let server = blocked(1).await;
    for (id, status) in [(98, "failed"), (99, "running")] {
        server
            .get(&format!("{PROJECT}/pipelines/{id}"), &one(id, status, world::OLD))
            .get(&format!("{PROJECT}/pipelines/{id}/jobs"), &json!([job(id, "build", "build", status)]));
    }
    let provider = shop(&server);
    let gate = ci::world::only(&ci::world::seen(&provider).await).key.clone();
    let target = |verb| at_ci("gitlab", verb, &gate, "98", "99");
    let mut used = all_verbs("gitlab", &provider, target, "shop").await;
    // A manual job is started, and that is all.
    let jobs = [job(11, "deploy production", "deploy", "manual")];
    let server = project(&[one(100, "manual", world::NEW)], &jobs).await;
    let provider = shop(&server);
    let gate = ci::world::only(&ci::world::seen(&provider).await).key.clone();
    used.extend(one_more(("gitlab", &provider), Verb::Approve, Target::Gate(gate)).await);
    whole("gitlab", &used);
}

#[tokio::test]
async fn jenkins_does_what_its_table_says() {
    use ci::jenkins::{JOB, build, shop, shop_with, waiting};
    let server = waiting(&json!([])).await;
    server.get(&format!("{JOB}/15/api/json"), &build(15, &json!("FAILURE"), JOB));
    let provider = shop(&server);
    let gate = ci::world::only(&ci::world::seen(&provider).await).key.clone();
    let target = |verb| at_ci("jenkins", verb, &gate, "15", "16");
    let mut used = all_verbs("jenkins", &provider, target, "shop").await;
    // An input that asks for something, and a job without parameters.
    let server = waiting(&json!([{"name": "DRY", "type": "BooleanParameterDefinition"}])).await;
    used.extend(one_more(("jenkins", &shop(&server)), Verb::Approve, Target::Gate(gate)).await);
    let provider = shop_with(&server, "token", Settings::default(), Settings::default());
    used.extend(one_more(("jenkins", &provider), Verb::Promote, ci::world::version(None)).await);
    whole("jenkins", &used);
}

#[tokio::test]
async fn circleci_does_what_its_table_says() {
    use ci::circleci::{API, jobs, page, project, shop, shop_with, workflow};
    let at = "2026-08-20T09:00:00Z";
    let server = project(&[workflow("w-1", "on_hold", at)], &jobs()).await;
    for (id, status) in [("w-2", "failed"), ("w-3", "running")] {
        server
            .get(&format!("{API}/workflow/{id}"), &workflow(id, status, at))
            .get(&format!("{API}/workflow/{id}/job"), &page(&[]));
    }
    let provider = shop(&server);
    let gate = ci::world::only(&ci::world::seen(&provider).await).key.clone();
    let target = |verb| at_ci("circleci", verb, &gate, "w-2", "w-3");
    let mut used = all_verbs("circleci", &provider, target, "shop").await;
    let defined = shop_with(&server, Settings::default().with_text("definition", "def-1"));
    used.extend(one_more(("circleci", &defined), Verb::Promote, ci::world::version(Some("v2.8.0"))).await);
    whole("circleci", &used);
}

#[tokio::test]
async fn terraform_does_what_its_table_says() {
    use ci::terraform_cloud::{run, shop, workspace};
    let server =
        workspace(&[run("run-3", "planning"), run("run-2", "policy_checked"), run("run-1", "errored")]).await;
    let provider = shop(&server);
    let gate = ci::world::only(&ci::world::seen(&provider).await).key.clone();
    let target = |verb| at_ci("terraform-cloud", verb, &gate, "run-1", "run-3");
    let mut used = all_verbs("terraform-cloud", &provider, target, "shop").await;
    // What waits is discarded.
    let waits = Target::Run(gate.run.clone());
    used.extend(one_more(("terraform-cloud", &provider), Verb::Cancel, waits).await);
    whole("terraform-cloud", &used);
}

#[tokio::test]
async fn awx_does_what_its_table_says() {
    use ci::awx::{approval, run, shop, workflow};
    let runs = [run(32, "running"), run(31, "running"), run(30, "failed")];
    let server = workflow(&runs, &[approval(75, 31, "pending")]).await;
    let provider = shop(&server);
    let gate = ci::world::only(&ci::world::seen(&provider).await).key.clone();
    let target = |verb| at_ci("awx", verb, &gate, "30", "32");
    whole("awx", &all_verbs("awx", &provider, target, "shop").await);
}

#[test]
fn a_kind_that_only_tells_has_no_verb_and_every_table_is_whole() {
    for kind in KINDS {
        let facts = kind.enforcement;
        assert!(!facts.reads.is_empty(), "{}", kind.name);
        assert_eq!(facts.verbs.is_empty(), facts.enforced.is_empty(), "{}", kind.name);
        // An engine carries a verb out in two ways: on a service of its swarm, and on a container.
        let mut verbs: Vec<_> = facts.verbs.iter().map(|v| (v.verb, v.request)).collect();
        verbs.sort();
        verbs.dedup();
        assert_eq!(verbs.len(), facts.verbs.len(), "{} has a verb twice in the same way", kind.name);
        for verb in facts.verbs {
            assert!([verb.remains, verb.needs, verb.proof].iter().all(|text| !text.is_empty()));
        }
    }
}
