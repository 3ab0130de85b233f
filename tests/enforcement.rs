//! R50: the page that says who enforces what is generated from the providers' own tables, and those tables say what the
//! providers do: every verb's request and guard are compared with a plan, and a verb that is not in the table is refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

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

use std::sync::Arc;

use gonogo::domain::{
    Artifact, Ask, GateKey, Guard, Intent, Place, Prepared, Role, RunKey, ServiceName, Settings, Sha,
    SourceName, Target, Verb,
};
use gonogo::provider::enforcement::{GuardFact, Measured, page};
use gonogo::provider::{KINDS, Provider, kind};
use serde_json::json;

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

/// Whether a request is one of a template: what is in braces may be anything without a slash, a query is not compared.
fn fits(template: &str, method: &str, path: &str) -> bool {
    let Some((wanted, template)) = template.split_once(' ') else { return false };
    let path = path.split('?').next().unwrap();
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    wanted == method
        && template.len() == path.len()
        && template.iter().zip(&path).all(|(t, p)| (t.starts_with('{') && !p.is_empty()) || t == p)
}

/// A plan is what the table says of its verb.
fn compared(kind_: &str, verb: Verb, prepared: &Prepared) {
    let facts = kind(kind_).unwrap().enforcement;
    let found = facts.verbs.iter().find(|v| v.verb == verb);
    let facts = found.unwrap_or_else(|| panic!("{kind_} can {} and its table does not say so", verb.word()));
    for step in &prepared.steps {
        assert!(fits(facts.request, &step.method, &step.path), "{} is not {}", step.path, facts.request);
    }
    let same = match (&prepared.guard, facts.guard) {
        (Guard::Server(_), GuardFact::InRequest(_)) | (Guard::LookAgain(_), GuardFact::LookAgain(_)) => true,
        (Guard::Server(_) | Guard::LookAgain(_), _) => false,
    };
    assert!(same, "{kind_} {}: {:?} is not {:?}", verb.word(), prepared.guard, facts.guard);
}

/// Prepares every verb on every target that a verb could have; what is refused must not be in the table, and what is not
/// must be.
async fn all_verbs(kind_: &str, provider: &Arc<dyn Provider>, target: impl Fn(Verb) -> Target, shop: &str) {
    provider.observe(&Ask::default()).await.unwrap();
    for verb in VERBS {
        let intent = Intent {
            verb,
            service: ServiceName::new(shop),
            place: Some(Place::new(shop, "production")),
            target: target(verb),
            source: SourceName::new(if kind_ == "github" { "github" } else { "prod" }),
            reason: None,
            answers: std::collections::BTreeMap::new(),
        };
        let in_table = kind(kind_).unwrap().enforcement.verbs.iter().any(|v| v.verb == verb);
        match provider.prepare(&intent).await {
            Ok(prepared) => {
                compared(kind_, verb, &prepared);
            }
            Err(fault) => {
                assert!(!in_table, "{kind_} cannot {}, and its table says so: {fault}", verb.word())
            }
        }
    }
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
        Verb::Approve | Verb::Reject => Target::Gate(GateKey { run: run(), attempt: 1, id: "1".into() }),
        Verb::Rerun | Verb::Cancel => Target::Run(run()),
    }
}

#[tokio::test]
async fn kubernetes_does_what_its_table_says() {
    let kube = Kube::start(&["v1", "v2"]).await;
    let back = kube.lock().image("v1");
    let new = format!("{}/shop/web:v3", kube.lock().host);
    all_verbs("kubernetes", &kube.provider, |verb| at_target(verb, "web-v1", &back, &new), "web").await;
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
    all_verbs("docker", &swarm.provider, |verb| at_target(verb, "previous", &back, new), "web").await;
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
    all_verbs("github", &provider, target, "shop").await;
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
