//! R6: looking at a plan does nothing. Whatever keys come, over whatever view: without a confirmation nothing leaves.

use std::time::Duration;

use gonogo::app::Effect;
use gonogo::app::dialog::Field;
use gonogo::app::key::Key;
use gonogo::domain::service::Access;
use gonogo::sandbox::{self, Scenario};

use super::cockpit::{Cockpit, Manner};
use super::dice::Dice;
use super::scene::Scene;
use super::size;

/// Keys in one sequence.
const LENGTH: usize = 14;

/// Any key that a keyboard has, the ones that mean something more often.
pub(crate) fn any_key(dice: &mut Dice) -> Key {
    const NAMED: [Key; 14] = [
        Key::Enter,
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::Tab,
        Key::BackTab,
        Key::BackTab,
        Key::Backspace,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::PageDown,
        Key::End,
    ];
    const DEEDS: [char; 16] =
        ['a', 'x', 'p', 'r', 'P', 'R', 'F', 'C', 'j', 'd', 'w', 'v', 'f', '?', '/', ':'];
    match dice.below(4) {
        0 | 1 => NAMED[dice.below(NAMED.len())],
        2 => Key::Char(DEEDS[dice.below(DEEDS.len())]),
        _ => Key::Char(char::from(u8::try_from(32 + dice.below(95)).unwrap())),
    }
}

/// Goes to any view, selects anything, and opens a plan there, if there is one to be had.
fn into_plan_mode(scene: &mut Scene, dice: &mut Dice) -> bool {
    for _ in 0..6 {
        if scene.model.overlay().is_none() {
            break;
        }
        scene.press(Key::Esc);
    }
    scene.model.actions.clear();
    if dice.below(8) == 0 {
        scene.gate(dice.below(5), 60);
    }
    scene.look();
    for _ in 0..dice.below(7) {
        scene.press([Key::Tab, Key::Char('j'), Key::Char('k'), Key::Char('h'), Key::Enter][dice.below(5)]);
    }
    scene.press(Key::Char(['a', 'x', 'p', 'r', 'P', 'F', 'C', 'r'][dice.below(8)]));
    scene.answer_all();
    scene.wait(Duration::from_millis(450));
    scene.dialog().is_some_and(|d| d.plan().is_some())
}

/// Whether this very key would confirm the plan that is shown.
fn confirms(scene: &Scene, key: Key) -> bool {
    let now = scene.model.now.plus(Duration::from_millis(90));
    let ready = |d: &gonogo::app::dialog::Dialog| d.field == Field::Confirm && d.missing(now).is_none();
    key == Key::Enter && scene.dialog().is_some_and(ready)
}

fn writes(effects: &[Effect]) -> usize {
    effects.iter().filter(|e| matches!(e, Effect::Execute { .. } | Effect::Conclude { .. })).count()
}

#[test]
fn no_key_but_the_one_that_confirms_a_ready_plan_lets_anything_out() {
    let sequences = size(1_500, 100_000);
    let mut dice = Dice::new(6);
    let mut scene = Scene::open();
    let (mut planned, mut keys, mut spared) = (0, 0, 0);
    for _ in 0..sequences {
        planned += usize::from(into_plan_mode(&mut scene, &mut dice));
        for _ in 0..LENGTH {
            let key = any_key(&mut dice);
            // What would confirm is the one key that a preview does without.
            let key = if confirms(&scene, key) { Key::Tab } else { key };
            spared += usize::from(key == Key::Tab);
            scene.press(key);
            keys += 1;
        }
        assert_eq!(writes(&scene.effects), 0, "{:?}", scene.effects);
        scene.effects.clear();
        scene.open.clear();
        scene.model.typing = Default::default();
        scene.model.filters.clear();
    }
    println!("R6: {sequences} sequences, {keys} keys, {planned} in plan mode: nothing let out");
    assert!(planned > sequences as usize / 3 && spared > 0, "{planned} plans");
}

#[test]
fn every_request_that_is_let_out_was_confirmed_by_one_key_on_a_ready_plan() {
    let sequences = size(1_500, 20_000);
    let mut dice = Dice::new(66);
    let mut scene = Scene::open();
    let mut confirmed = 0;
    for _ in 0..sequences {
        into_plan_mode(&mut scene, &mut dice);
        for _ in 0..LENGTH {
            let key = any_key(&mut dice);
            let expected = confirms(&scene, key);
            let shown = scene.dialog().and_then(|d| d.plan()).cloned();
            let sent: Vec<_> =
                scene.press(key).into_iter().filter(|e| matches!(e, Effect::Execute { .. })).collect();
            match sent.as_slice() {
                [] => {}
                [Effect::Execute { plan, .. }] if expected => {
                    assert_eq!(Some(&**plan), shown.as_ref(), "what leaves is what was shown");
                    confirmed += 1;
                    scene.model.actions.clear();
                }
                other => panic!("{key:?} let {other:?} out"),
            }
        }
        scene.effects.clear();
        scene.open.clear();
        scene.model.typing = Default::default();
        scene.model.filters.clear();
    }
    println!("R6: {sequences} sequences, {confirmed} confirmed, each by its own key on a ready plan");
    assert!(confirmed > 10, "{confirmed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_on_the_embedded_world_sends_nothing_but_reads() {
    let keys = size(500, 20_000);
    let manner = Manner { policy: "confirm = \"press\"\nmax_age = \"5m\"", ..Manner::default() };
    assert_eq!(manner.process, Access::ReadWrite, "nothing but the missing confirmation holds it back");
    let mut cockpit = Cockpit::open(Scenario::named("release-day").unwrap(), manner).await;
    cockpit.ready().await;
    let (mut dice, mut plans) = (Dice::new(606), 0);
    for turn in 0..keys {
        let key = any_key(&mut dice);
        let on_button = cockpit.dialog().is_some_and(|d| d.field == Field::Confirm);
        plans += usize::from(cockpit.plan().is_some());
        cockpit.press(if key == Key::Enter && on_button { Key::Esc } else { key });
        cockpit.drain();
        if turn % 20 == 0 || cockpit.dialog().is_some_and(|d| d.plan().is_none()) {
            cockpit.glance().await;
        }
    }
    let ledger = cockpit.sandbox.faults().ledger();
    let others: Vec<_> = ledger.iter().filter(|e| e.effect != sandbox::Effect::Read).collect();
    println!("R6: {keys} keys, {plans} on a ready plan, {} requests: all of them reads", ledger.len());
    assert!(others.is_empty() && cockpit.model.actions.is_empty(), "{others:#?}");
    assert!(plans > 20 && ledger.len() > 20, "{plans} {}", ledger.len());
}
