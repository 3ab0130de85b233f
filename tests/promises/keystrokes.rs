//! Few keys for a person, none for anything else: keystrokes counted from a fresh start, floods that confirm nothing,
//! previews that let nothing out.

use std::time::Duration;

use gonogo::app::Effect;
use gonogo::app::dialog::{DEAF, Field};
use gonogo::app::key::{Key, Pace, Stroke};
use gonogo::app::model::Overlay;
use gonogo::app::spot::{Mouse, Point, Spot};
use gonogo::app::{Model, Msg};
use gonogo::domain::Verdict;
use gonogo::domain::service::Confirm;
use gonogo::sandbox::Scenario;

use super::cockpit::{Cockpit, Manner};
use super::dice::Dice;
use super::preview::any_key;
use super::scene::Scene;
use super::size;

/// A cockpit that was just opened on a scenario, as soon as its sources have answered.
async fn fresh(scenario: &str, policy: &'static str) -> Cockpit {
    let manner = Manner { policy, ..Manner::default() };
    let mut cockpit = Cockpit::open(Scenario::named(scenario).unwrap(), manner).await;
    cockpit.ready().await;
    cockpit
}

/// Lets the plan come, and the time pass that a person takes to read it.
async fn read_the_plan(cockpit: &mut Cockpit) {
    let ready = |m: &Model| matches!(m.overlays.last(), Some(Overlay::Dialog(d)) if d.plan().is_some());
    cockpit.until("the plan is there", ready).await;
    cockpit.leap(DEAF + Duration::from_millis(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_gate_is_approved_with_three_keys_from_a_fresh_start() {
    let mut cockpit = fresh("release-day", "confirm = \"press\"\nmax_age = \"5m\"").await;
    cockpit.until("a gate waits", |m| !m.inbox.is_empty()).await;
    let oldest = cockpit.model.inbox[0].value.key.clone();
    cockpit.press(Key::Char('a'));
    read_the_plan(&mut cockpit).await;
    cockpit.press(Key::Right);
    cockpit.press(Key::Enter);
    let plan = &cockpit.action().plan;
    assert!(
        serde_json::to_string(&plan.intent.target).unwrap().contains(oldest.id.as_str()),
        "{}",
        plan.title
    );
    assert_eq!(plan.intent.service, oldest.run.service);
    println!("keys from a fresh start to {}: 3 (a, right, enter)", plan.title);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_burns_is_rolled_back_with_three_keys_and_its_name_from_a_fresh_start() {
    let mut cockpit = fresh("canary-degrades", "confirm = \"type-name\"\nmax_age = \"5m\"").await;
    // The canary begins and goes bad while somebody looks.
    for _ in 0..200 {
        if cockpit.model.assessments.iter().any(|a| a.verdict == Verdict::NoGo) {
            break;
        }
        cockpit.sandbox.world().advance(Duration::from_secs(5));
        let looks: Vec<_> = cockpit.model.setup.sources.iter().cloned().map(Effect::Look).collect();
        looks.into_iter().for_each(|look| drop(cockpit.engine.carry_out(look)));
        cockpit.glance().await;
    }
    cockpit.until("something burns", |m| m.assessments.iter().any(|a| a.verdict == Verdict::NoGo)).await;
    cockpit.press(Key::Char('!'));
    let name = cockpit.model.selected.clone().expect("what burns is selected").to_string();
    let verdict = cockpit.model.selected().map(|(_, assessment)| assessment.verdict);
    assert_eq!(verdict, Some(Verdict::NoGo));
    cockpit.press(Key::Char('r'));
    read_the_plan(&mut cockpit).await;
    assert_eq!(cockpit.dialog().map(|d| d.field), Some(Field::Name), "{}", cockpit.told());
    cockpit.type_text(&name);
    cockpit.press(Key::Enter);
    let plan = &cockpit.action().plan;
    println!("keys from a fresh start to {}: 3 (!, r, enter) and the name", plan.title);
    assert!(plan.title.as_str().starts_with("Roll back"), "{}", plan.title);
}

/// A scene in which every plan asks for the name, and for nothing else.
fn naming() -> Scene {
    let mut scene = Scene::open();
    for environment in scene.model.setup.services.iter_mut().flat_map(|s| &mut s.environments) {
        environment.policy.confirm = Confirm::TypeName;
    }
    scene
}

/// What falls on the keyboard of one scene: pasted with or without brackets, held, or drummed.
fn flood(scene: &mut Scene, dice: &mut Dice, name: &str) {
    let all: Vec<Key> = match dice.below(4) {
        0 => vec![Key::Enter; 50],
        1 => name.chars().map(Key::Char).chain([Key::Enter; 12]).collect(),
        2 => (0..60).map(|_| any_key(dice)).filter(|key| *key != Key::Char('q')).collect(),
        _ => {
            let text = format!("{name}\n{name}\r\n\n");
            scene.send(Msg::Paste(text.as_str().into()));
            name.chars().map(Key::Char).chain([Key::Tab, Key::Enter, Key::Enter]).collect()
        }
    };
    for key in all {
        // Keys of one write come at once, those of a held key every 33 ms: neither is a person's.
        if dice.below(2) == 0 {
            scene.wait(Duration::from_millis(33));
        }
        scene.send(Msg::Key(Stroke { key, pace: Pace::Burst }));
    }
}

#[test]
fn a_thousand_floods_on_a_name_field_that_has_the_focus_confirm_nothing() {
    let floods = size(1_000, 20_000);
    let mut dice = Dice::new(10);
    let mut scene = naming();
    let (mut focused, mut filled) = (0, 0);
    for _ in 0..floods {
        for _ in 0..8 {
            scene.press(Key::Esc);
        }
        scene.model.typing = Default::default();
        scene.model.filters.clear();
        scene.look();
        scene.press(Key::Char(['r', 'P'][dice.below(2)]));
        scene.answer_all();
        scene.wait(DEAF + Duration::from_millis(20));
        focused += usize::from(scene.dialog().is_some_and(|d| d.field == Field::Name));
        let name = scene.dialog().map(|d| d.choices[0].intent.service.to_string()).unwrap_or_default();
        flood(&mut scene, &mut dice, &name);
        filled += usize::from(scene.dialog().is_some_and(|d| d.name.0.value() == name));
        let sent = scene.effects.iter().filter(|e| matches!(e, Effect::Execute { .. })).count();
        assert_eq!(sent, 0, "{:?}", scene.effects.last());
        scene.effects.clear();
        scene.open.clear();
    }
    println!(
        "R10: {floods} floods, {focused} with the name field focused, {filled} left the very name there, 0 confirmations"
    );
    assert!(focused > floods as usize / 2 && filled > floods as usize / 20, "{focused} {filled}");
    // And one key of a person does confirm what is right: the floods were at the right place.
    scene.press(Key::Esc);
    let mut scene = naming();
    scene.press(Key::Char('r'));
    scene.answer_all();
    scene.wait(DEAF);
    let name = scene.dialog().map(|d| d.choices[0].intent.service.to_string()).unwrap_or_default();
    for c in name.chars() {
        scene.press(Key::Char(c));
    }
    let effects = scene.press(Key::Enter);
    assert!(effects.iter().any(|e| matches!(e, Effect::Execute { .. })), "{effects:?}");
}

#[test]
fn whatever_is_pressed_or_pointed_at_in_a_preview_lets_nothing_out() {
    let sequences = size(1_500, 100_000);
    let mut dice = Dice::new(61);
    let mut scene = Scene::open();
    scene.model.mouse = Mouse::Cockpit;
    let (mut previews, mut keys) = (0_usize, 0_usize);
    for _ in 0..sequences {
        for _ in 0..8 {
            scene.press(Key::Esc);
        }
        scene.model.typing = Default::default();
        scene.model.filters.clear();
        if dice.below(8) == 0 {
            scene.gate(dice.below(5), 60);
        }
        scene.look();
        for _ in 0..dice.below(5) {
            scene.press(
                [Key::Tab, Key::Char('j'), Key::Char('2'), Key::Char('6'), Key::Char('1')][dice.below(5)],
            );
        }
        scene.press(Key::Char('w'));
        scene.press(Key::Char(['a', 'x', 'p', 'r', 'P', 'F', 'C', 'r'][dice.below(8)]));
        scene.answer_all();
        scene.wait(DEAF + Duration::from_millis(50));
        for _ in 0..14 {
            let preview = scene.dialog().is_some_and(|d| d.purpose == gonogo::app::dialog::Purpose::Preview);
            if !preview {
                break;
            }
            previews += 1;
            // Every key, the one that confirms elsewhere included, and the mouse.
            if dice.below(6) == 0 {
                let spot = [Spot::Line(0), Spot::Line(2)][dice.below(2)].clone();
                scene.send(Msg::Point(Point::Press(spot)));
            }
            scene.press(any_key(&mut dice));
            keys += 1;
            let out = scene
                .effects
                .iter()
                .filter(|e| matches!(e, Effect::Execute { .. } | Effect::Conclude { .. }));
            assert_eq!(out.count(), 0);
        }
        scene.effects.clear();
        scene.open.clear();
    }
    println!("R6: {sequences} sequences, {keys} keys on {previews} states of a preview: nothing let out");
    assert!(previews > sequences as usize, "{previews}");
}
