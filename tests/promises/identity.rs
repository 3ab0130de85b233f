//! R9, I7: an action hits what its dialog named, whatever moves below; a source that dies keeps its last good look.

use std::collections::BTreeSet;
use std::time::Duration;

use gonogo::app::dialog::Draft;
use gonogo::app::key::Key;
use gonogo::app::model::{Overlay, Panel};
use gonogo::domain::{Cause, SourceName};
use gonogo::sandbox::{Effect, Scenario, Server};

use super::cockpit::{Cockpit, Manner};
use super::dice::Dice;

const SERVICES: [&str; 3] = ["checkout", "ledger", "search"];

/// Keys that move, filter, refresh and ask; never one that confirms.
fn wander(cockpit: &mut Cockpit, dice: &mut Dice) {
    match dice.below(8) {
        0 => {
            for key in [Key::Char('/'), Key::Char(['c', 'e', 'r', 'z'][dice.below(4)]), Key::Enter] {
                cockpit.press(key);
            }
        }
        1 => cockpit.press(Key::Esc),
        2 => cockpit.press(Key::Tab),
        3 => cockpit.press(Key::Char('u')),
        4 => cockpit.press(Key::Char(['h', 'l'][dice.below(2)])),
        _ => cockpit.press(Key::Char(['j', 'k', 'g', 'G'][dice.below(4)])),
    }
}

/// Something happens in the world, as it does on a release day.
fn happen(cockpit: &Cockpit, dice: &mut Dice) {
    let world = cockpit.sandbox.world();
    match dice.below(4) {
        0 => world.deploy("search", "production", ["v4.1.0", "v4.2.0"][dice.below(2)]),
        1 => world.deploy("ledger", "production", ["v1.8.0", "v1.8.1"][dice.below(2)]),
        2 => _ = world.approve_as("omar", "checkout", "production"),
        _ => world.advance(Duration::from_secs(2)),
    }
}

/// The service that a write in the ledger went to.
fn hit(path: &str, swarm: &str) -> String {
    if path.contains(swarm) {
        return "ledger".to_owned();
    }
    let found = SERVICES.iter().find(|s| path.split(['/', '?']).any(|part| part == **s));
    found.unwrap_or_else(|| panic!("{path} is no service's")).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_never_hits_another_service_than_the_one_in_the_title_of_its_dialog() {
    let policy = "confirm = \"press\"\nmax_age = \"5m\"";
    let manner = Manner { policy, ..Manner::default() };
    let mut cockpit = Cockpit::open(Scenario::named("release-day").unwrap(), manner).await;
    cockpit.ready().await;
    let mut dice = Dice::new(42);
    let (mut confirmed, mut asked) = (Vec::new(), 0);
    for _ in 0..400 {
        wander(&mut cockpit, &mut dice);
        let at_hand = cockpit.model.selected.clone();
        let inbox = cockpit.model.focus == Panel::Inbox;
        cockpit.press(Key::Char(['a', 'x', 'p', 'r', 'P', 'R', 'F', 'C'][dice.below(8)]));
        if cockpit.dialog().is_none() {
            cockpit.drain();
            continue;
        }
        asked += 1;
        let meant = cockpit.dialog().unwrap().intent().unwrap().service;
        assert!(inbox || Some(&meant) == at_hand.as_ref(), "{meant} is not {at_hand:?}");
        // The world goes on while the dialog is open.
        happen(&cockpit, &mut dice);
        for _ in 0..3 {
            cockpit.glance().await;
        }
        cockpit.until("it is drafted", |m| !asking(m)).await;
        if let Some(plan) = cockpit.plan().cloned() {
            assert_eq!(plan.intent.service, meant, "a refresh moved the dialog");
            assert!(
                plan.title.as_str().contains(meant.as_str()) || plan.intent.place.is_none(),
                "{}",
                plan.title
            );
            cockpit.confirm();
            confirmed.push((meant.to_string(), plan.prepared.steps[0].clone()));
        }
        cockpit.press(Key::Esc);
    }
    cockpit.engine.settle(Duration::from_secs(20)).await;
    cockpit.drain();
    let swarm = swarm_id(&confirmed);
    for (service, step) in &confirmed {
        assert_eq!(&hit(&step.path, &swarm), service, "{}", step.path);
    }
    let shown: BTreeSet<String> =
        confirmed.iter().map(|(_, s)| s.path.split('?').next().unwrap().to_owned()).collect();
    let ledger = cockpit.sandbox.faults().ledger();
    let writes: Vec<_> = ledger.iter().filter(|e| e.effect != Effect::Read).collect();
    for entry in &writes {
        assert!(shown.contains(entry.path.split('?').next().unwrap()), "{} was shown nowhere", entry.path);
    }
    assert!(writes.len() <= confirmed.len(), "at most one write for each confirmation");
    println!("{asked} dialogs, {} confirmed, {} writes", confirmed.len(), writes.len());
    assert!(confirmed.len() >= 5 && !writes.is_empty(), "something was really done");
}

fn asking(model: &gonogo::app::Model) -> bool {
    use gonogo::app::dialog::Draft;
    matches!(model.overlays.last(), Some(Overlay::Dialog(d)) if matches!(d.draft, Draft::Asking(_)))
}

/// The id of the one Swarm service: what only its own writes name.
fn swarm_id(confirmed: &[(String, gonogo::domain::Step)]) -> String {
    let path = confirmed.iter().map(|(_, s)| &s.path).find(|p| p.contains("/services/"));
    path.and_then(|p| p.split("/services/").nth(1)?.split('/').next())
        .unwrap_or("no swarm service was touched")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_dies_keeps_its_last_good_look_with_cause_and_age_while_others_go_on() {
    let policy = "confirm = \"press\"\nmax_age = \"15s\"";
    let manner = Manner { policy, ..Manner::default() };
    let mut cockpit = Cockpit::open(Scenario::named("release-day").unwrap(), manner).await;
    cockpit.ready().await;
    let (github, prometheus) = (SourceName::new("github"), SourceName::new("prometheus"));
    cockpit.until("a gate waits", |m| !m.inbox.is_empty()).await;
    cockpit.select("checkout", "production");

    cockpit.sandbox.faults().refuse(Server::Github);
    cockpit.press(Key::Char('u'));
    cockpit.until("the fault shows", |m| m.world.source(&github).is_some_and(|s| s.fault.is_some())).await;
    let dead = cockpit.model.world.source(&github).unwrap().clone();
    let last = cockpit.model.world.source(&prometheus).unwrap().seen.unwrap();
    assert!(
        matches!(dead.fault.as_ref().map(|f| f.cause), Some(Cause::Unreachable | Cause::TimedOut)),
        "{:?}",
        dead.fault
    );
    assert!(dead.failing_since.is_some() && dead.last.is_some() && dead.seen.is_some());
    cockpit.press(Key::Char('u'));
    cockpit
        .until("prometheus goes on", |m| {
            m.world.source(&prometheus).and_then(|s| s.seen).is_some_and(|s| s.mono > last.mono)
        })
        .await;
    let later = cockpit.model.world.source(&github).unwrap();
    assert_eq!((&later.last, later.seen), (&dead.last, dead.seen), "the last good look stays as it was");
    assert!(!cockpit.model.inbox.is_empty(), "the gate still shows");
    assert!(cockpit.model.world.source(&prometheus).unwrap().fault.is_none());
    let checkout = cockpit.model.selected().unwrap().0.name.clone();
    let age = |c: &Cockpit| c.model.world.age(&github, &checkout, c.model.now).unwrap();
    let before = age(&cockpit);
    cockpit.leap(Duration::from_secs(42));
    cockpit.glance().await;
    assert!(age(&cockpit) >= before + Duration::from_secs(42), "its age grows");

    // And nothing can be done on such evidence; the reason has cause and age.
    cockpit.press(Key::Char('a'));
    assert!(cockpit.plan().is_none());
    let said = match cockpit.dialog().map(|dialog| &dialog.draft) {
        Some(Draft::Refused(refused)) => refused.to_string(),
        other => panic!("no refusal: {other:?}"),
    };
    cockpit.press(Key::Esc);
    assert!(said.contains("github cannot be seen") && said.contains(" old"), "{said}");
    assert_eq!(cockpit.sandbox.faults().writes(Server::Github).len(), 0);

    cockpit.sandbox.faults().restore(Server::Github);
    cockpit.press(Key::Char('u'));
    cockpit.until("it answers again", |m| m.world.source(&github).is_some_and(|s| s.fault.is_none())).await;
}
