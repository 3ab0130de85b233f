//! R12: what is looked at and acted on stays what it was at the start; late words of an earlier start, of another
//! selection or of another cluster get nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use gonogo::app::key::Key;
use gonogo::app::{Msg, update};
use gonogo::domain::{
    Ask, Bound, Cause, EnvironmentName, Fault, Intent, Observation, Place, Report, Role, ServiceName,
    Settings, SourceName, Target, Verb,
};
use gonogo::provider::{Provider, SourceSpec, kubernetes};
use gonogo::sandbox::kubernetes::ADMIN_TOKEN;
use gonogo::sandbox::{Act, Clock, Options, Rule, Sandbox, Server};
use gonogo::theme::Theme;
use gonogo::view::{print, still};

use super::cockpit::day;
use super::deeds::Deed;
use super::dice::Dice;
use super::scene::{Scene, report};
use super::size;

/// What the cluster of one start says: its name stands in every cell.
fn of_start(scene: &Scene, epoch: u64) -> Observation {
    let source = SourceName::new("prod");
    let mut look = scene.sources.iter().find(|(name, _)| *name == source).unwrap().1.clone();
    for rollout in look.rollouts.values_mut().map(Arc::make_mut) {
        rollout.host = format!("cluster-{epoch}").into();
    }
    look
}

/// Which start the cells are of; all of the same.
fn shown(scene: &Scene) -> Option<u64> {
    let state = scene.model.world.source(&SourceName::new("prod"))?;
    let hosts: Vec<&str> = state.last.as_ref()?.rollouts.values().map(|r| r.host.as_str()).collect();
    let first = hosts.first()?.strip_prefix("cluster-")?.parse().ok()?;
    assert!(hosts.iter().all(|h| *h == hosts[0]), "a mix of clusters: {hosts:?}");
    Some(first)
}

#[test]
fn late_reports_of_an_earlier_start_change_no_cell() {
    let switches = u64::from(size(1_000, 1_000));
    let source = SourceName::new("prod");
    let mut scene = Scene::open();
    let mut dice = Dice::new(12);
    let mut under_way: Vec<Report> = Vec::new();
    let (mut newest, mut newest_good, mut late) = (1, None, 0);
    for epoch in 2..switches + 2 {
        scene.wait(std::time::Duration::from_millis(500));
        let now = scene.model.now;
        for turn in 0..3 {
            let result = match dice.below(4) {
                0 => Err(Fault::new(Cause::Unreachable, format!("cluster-{epoch} is gone"))),
                _ => Ok(of_start(&scene, epoch)),
            };
            under_way.push(report(&source, epoch, now.plus(std::time::Duration::from_millis(turn)), result));
        }
        // Replies come when they come: some many switches later.
        for _ in 0..4 {
            if under_way.is_empty() || dice.below(3) == 0 {
                continue;
            }
            let reply = under_way.swap_remove(dice.below(under_way.len()));
            late += usize::from(reply.epoch < newest);
            let before = scene.model.world.source(&source).cloned();
            let (stale, good) = (reply.epoch < newest, reply.result.is_ok());
            let of = reply.epoch;
            scene.send(Msg::Report(reply));
            newest = newest.max(of);
            if stale {
                assert_eq!(
                    scene.model.world.source(&source).cloned(),
                    before,
                    "a word of start {of} after {newest}"
                );
            } else if good {
                newest_good = Some(of);
            }
            assert!(
                newest_good.is_none() || shown(&scene) == newest_good,
                "{:?} {newest_good:?}",
                shown(&scene)
            );
        }
    }
    println!("R12: {switches} starts, {late} late replies: 0 cells of an earlier start");
    assert!(late > 100, "{late}");
}

#[test]
fn late_answers_for_another_selection_reach_no_dialog() {
    let switches = size(1_000, 1_000);
    let mut scene = Scene::open();
    for service in 0..3 {
        scene.gate(service, 100);
    }
    scene.look();
    let mut dice = Dice::new(1_200);
    let mut questions = Vec::new();
    let (mut ready, mut late) = (0, 0);
    for _ in 0..switches {
        while scene.dialog().is_some() {
            scene.press(Key::Esc);
        }
        scene.press(Key::Char(['j', 'k', 'g', 'G', 'h', 'l'][dice.below(6)]));
        scene.look();
        scene.press(Key::Char(['a', 'x', 'p', 'r', 'P'][dice.below(5)]));
        questions.append(&mut scene.open);
        for _ in 0..dice.below(3) {
            if questions.is_empty() {
                break;
            }
            // The newest question is answered as often as an old one.
            let which = if dice.below(2) == 0 { questions.len() - 1 } else { dice.below(questions.len()) };
            let question = questions.swap_remove(which);
            scene.answer(&question);
            let Some(dialog) = scene.dialog() else { continue };
            let wanted = dialog.intent().unwrap();
            late += usize::from(question.intent != wanted);
            if let Some(plan) = dialog.plan() {
                ready += 1;
                let whole = serde_json::to_string(&wanted).unwrap();
                assert_eq!(plan.intent, wanted);
                assert_eq!(plan.prepared.basis[0].value.as_str(), whole, "the basis is this intent's");
                assert!(plan.prepared.steps.iter().all(|s| s.path == format!("/{whole}")), "the request too");
            }
        }
        questions.truncate(40);
    }
    println!("R12: {switches} switches, {late} late answers, {ready} plans: 0 for another selection");
    assert!(late > 100 && ready > 100, "{late} {ready}");
}

/// The Deployment of checkout, by the kubeconfig's current context.
fn by_current_context(kubeconfig: &std::path::Path) -> Arc<dyn Provider> {
    let bound = Bound {
        role: Role::Deploy,
        service: ServiceName::new("checkout"),
        environment: Some(EnvironmentName::new("production")),
        settings: Settings::default()
            .with_text("namespace", "production")
            .with_text("workload", "deployment/checkout"),
    };
    let spec = SourceSpec {
        name: SourceName::new("prod"),
        settings: Settings::default().with_text("kubeconfig", &kubeconfig.display().to_string()),
        secrets: BTreeMap::new(),
        bounds: vec![bound],
        env: Arc::default(),
    };
    (kubernetes::KIND.build)(spec).unwrap()
}

/// Two clusters in one kubeconfig.
fn kubeconfig(ours: &str, theirs: &str, current: &str) -> String {
    let cluster = |name: &str, url: &str| format!("- name: {name}\n  cluster:\n    server: {url}\n");
    let context = |name: &str| format!("- name: {name}\n  context:\n    cluster: {name}\n    user: admin\n");
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {current}\nclusters:\n{}{}users:\n- name: admin\n  user:\n    \
         token: {ADMIN_TOKEN}\ncontexts:\n{}{}",
        cluster("ours", ours),
        cluster("theirs", theirs),
        context("ours"),
        context("theirs")
    )
}

fn pause(place: &Place) -> Intent {
    Intent {
        verb: Verb::Pause,
        service: place.service.clone(),
        place: Some(place.clone()),
        target: Target::Rollout,
        source: SourceName::new("prod"),
        reason: None,
        answers: std::collections::BTreeMap::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_changes_on_disk_leads_a_running_cockpit_to_no_other_cluster() {
    let world =
        || Sandbox::start(day("checkout"), Options { clock: Clock::Manual, ..Options::default() }).unwrap();
    let (ours, theirs) = (world(), world());
    let (here, there) = (&ours.urls().kubernetes, &theirs.urls().kubernetes);
    let file = ours.folder().join("two-clusters");
    std::fs::write(&file, kubeconfig(here, there, "ours")).unwrap();
    let provider = by_current_context(&file);
    let ask = Ask::default();
    let place = Place::new("checkout", "production");
    let host = provider.observe(&ask).await.unwrap().rollouts[&place].host.clone();
    assert!(host.as_str().contains("ours"), "{host}");

    // A refused credential makes it read the kubeconfig again.
    let read_again = async || {
        let body = r#"{"kind":"Status","status":"Failure","reason":"Unauthorized","code":401}"#.to_owned();
        let act = Act::Answer { status: 401, headers: Vec::new(), body };
        ours.faults().add(Rule::always(Server::Kubernetes, act));
        let fault = provider.prepare(&pause(&place)).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Unauthorized, "{fault}");
        ours.faults().restore(Server::Kubernetes);
        let logins =
            || ours.faults().ledger().iter().filter(|e| e.path.contains("selfsubjectreviews")).count();
        let before = logins();
        (provider.observe(&ask).await, logins() - before)
    };
    for current in ["theirs", "ours", "theirs"] {
        std::fs::write(&file, kubeconfig(here, there, current)).unwrap();
        let (look, logins) = read_again().await;
        assert_eq!((look.unwrap().rollouts[&place].host.clone(), logins), (host.clone(), 1), "{current}");
    }
    // The same context, leading elsewhere: nothing is asked there.
    std::fs::write(&file, kubeconfig(there, here, "ours")).unwrap();
    let (look, logins) = read_again().await;
    let told = look.unwrap_err().to_string();
    assert!(told.contains("now leads to another cluster than at the start") && logins == 0, "{told}");
    let told = provider.prepare(&pause(&place)).await.unwrap_err().to_string();
    assert!(told.contains("now leads to another cluster than at the start"), "{told}");
    assert_eq!(theirs.faults().ledger(), Vec::new(), "not one request went to the other cluster");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dialog_names_environment_cluster_host_and_namespace() {
    let theme = Theme::built_in("dark").unwrap();
    for (deed, more) in [
        (Deed::PromoteDeployment, &["cluster ", "namespace production"][..]),
        (Deed::RollBackSwarm, &["the engine's socket on "]),
        (Deed::Approve, &["github"]),
    ] {
        let (mut cockpit, plan) = deed.planned().await;
        update(&mut cockpit.model, Msg::Resize(200, 120));
        let text = print::text(&still(&cockpit.model, &theme, 200, 120));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let source = format!("to {}", plan.intent.source);
        let urls = cockpit.sandbox.urls();
        let host = match deed {
            Deed::PromoteDeployment => urls.kubernetes.trim_start_matches("http://"),
            _ => "",
        };
        for wanted in more.iter().copied().chain(["PRODUCTION", &source, host]) {
            assert!(words.contains(wanted), "{deed:?} does not name {wanted}\n{text}");
        }
    }
}
