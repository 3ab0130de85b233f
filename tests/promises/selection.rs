//! R9: a key means what the frame showed as selected when it was pressed, whatever came, went or changed places since.

use std::sync::Arc;

use gonogo::app::dialog::Draft;
use gonogo::app::key::Key;
use gonogo::app::model::Panel;
use gonogo::app::{Effect, Model};
use gonogo::domain::{Intent, RunState, Target, Verb};
use gonogo::theme::Theme;
use gonogo::view::{print, still};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::scene::{SERVICES, Scene};
use super::size;

/// Columns and rows at which every panel shows all it has.
const SCREEN: (u16, u16) = (160, 64);

/// What a frame shows as selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Highlight {
    service: Option<String>,
    environment: Option<String>,
    /// Service and run number of the gate in the inbox.
    gate: Option<(String, u64)>,
}

impl Highlight {
    /// Reads it off the drawn frame, and from nowhere else.
    fn of(model: &Model, theme: &Theme) -> Self {
        let text = print::text(&still(model, theme, SCREEN.0, SCREEN.1));
        let lines: Vec<&str> = text.lines().collect();
        let mut found = Self::default();
        for (index, line) in lines.iter().enumerate() {
            for (at, _) in line.match_indices("▌ ") {
                let rest = &line[at + "▌ ".len()..];
                let words: Vec<&str> = rest.split_whitespace().collect();
                match words.as_slice() {
                    [name, ..] if name.starts_with("service-") => found.service = Some((*name).to_owned()),
                    [name @ ("staging" | "production"), ..] => found.environment = Some((*name).to_owned()),
                    [_, name, "→", ..] if name.starts_with("service-") => {
                        let column = line[..at].chars().count();
                        let below: String = lines[index + 1].chars().skip(column).collect();
                        let number = below.split('#').nth(1).and_then(|n| n.split(' ').next()?.parse().ok());
                        found.gate = Some(((*name).to_owned(), number.expect("a gate has its run's number")));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Whether an intent concerns what was selected, with the keyboard in `focus`.
    fn meant(&self, focus: Panel, intent: &Intent) -> bool {
        let service = intent.service.as_str();
        let environment = intent.place.as_ref().map(|p| p.environment.as_str());
        if let (Panel::Inbox, Some((name, number))) = (focus, &self.gate) {
            let same_gate = match &intent.target {
                Target::Gate(key) => key.run.id.as_str() == number.to_string(),
                _ => true,
            };
            return service == name && same_gate;
        }
        let here = match intent.verb {
            Verb::Promote | Verb::RollBack | Verb::Pause | Verb::Resume => {
                environment == self.environment.as_deref()
            }
            _ => true,
        };
        Some(service) == self.service.as_deref() && here
    }
}

/// Something happens in the world; the next look shows it.
pub(crate) fn happen(scene: &mut Scene, dice: u8) {
    let pick = usize::from(dice / 8);
    match dice % 8 {
        0 | 1 => drop(scene.gate(pick % SERVICES, i64::from(dice) * 7 % 900)),
        2 => {
            let gates = &mut scene.ci().gates;
            if !gates.is_empty() {
                gates.remove(pick % gates.len());
            }
        }
        3 => scene.ci().gates.reverse(),
        4 => {
            // Ages change, and with them the order.
            for (index, gate) in scene.ci().gates.iter_mut().enumerate() {
                gate.since = gate.since.and_then(|s| {
                    s.checked_add(jiff::SignedDuration::from_secs(((pick + index) % 5) as i64 * 100 - 200))
                        .ok()
                });
            }
        }
        5 => {
            let mut pipelines = scene.ci().pipelines.values_mut();
            if let Some(run) = pipelines.nth(pick % SERVICES).and_then(|p| p.runs.first_mut()) {
                run.state = [RunState::Running, RunState::Failed("failure".into()), RunState::Passed]
                    [pick % 3]
                    .clone();
            }
        }
        6 => {
            // Verdicts change, and with them what the filter lets through.
            if let Some(rollout) = scene.cluster().rollouts.values_mut().nth(pick % (2 * SERVICES)) {
                let rollout = Arc::make_mut(rollout);
                rollout.signs =
                    if rollout.signs.is_empty() { vec!["CrashLoopBackOff".into()] } else { Vec::new() };
            }
        }
        _ => {
            if let Some(rollout) = scene.cluster().rollouts.values_mut().nth(pick % (2 * SERVICES)) {
                Arc::make_mut(rollout).revisions.reverse();
            }
        }
    }
}

/// A key that moves, filters or changes panels; never one that acts, zooms or confirms.
fn wander(scene: &mut Scene, dice: u8) {
    let moves = ['j', 'k', 'g', 'G', 'h', 'l'];
    match dice % 9 {
        0 => {
            scene.press(Key::Char('/'));
            for letter in [["0", "1", "go", "no", "hold", "zz"][usize::from(dice / 9) % 6]].concat().chars() {
                scene.press(Key::Char(letter));
            }
            scene.press(Key::Enter);
        }
        1 => drop(scene.press(Key::Esc)),
        2 | 3 => drop(scene.press(Key::Tab)),
        4 => drop(scene.press(Key::BackTab)),
        _ => drop(scene.press(Key::Char(moves[usize::from(dice / 9) % moves.len()]))),
    }
}

#[derive(Default, Debug)]
struct Tally {
    asked: usize,
    refused: usize,
    confirmed: usize,
    vanished: usize,
}

/// One interleaving: keys, looks and frames in any order, and what each deed's key led to.
fn play(steps: &[(u8, u8)], theme: &Theme, tally: &mut Tally) -> Result<(), TestCaseError> {
    let mut scene = Scene::open();
    for (kind, dice) in steps {
        match kind % 6 {
            0 | 1 => wander(&mut scene, *dice),
            2 => happen(&mut scene, *dice),
            3 => scene.look(),
            _ => act(&mut scene, *dice, theme, tally)?,
        }
    }
    Ok(())
}

/// Draws, perhaps lets a look come between the frame and the key, presses a deed's key, and follows its dialog to its end.
fn act(scene: &mut Scene, dice: u8, theme: &Theme, tally: &mut Tally) -> Result<(), TestCaseError> {
    let frame = Highlight::of(&scene.model, theme);
    let focus = scene.model.focus;
    if dice & 1 == 1 {
        happen(scene, dice.rotate_left(3));
        scene.look();
    }
    let key = ['a', 'x', 'p', 'r', 'P', 'R', 'F', 'C', 'a', 'a'][usize::from(dice / 2) % 10];
    scene.press(Key::Char(key));
    let Some(meant) = scene.dialog().and_then(|d| d.intent()) else {
        tally.refused += 1;
        let said = scene.model.toast.as_ref().map(|t| t.text.to_string()).unwrap_or_default();
        prop_assert!(said.len() > 10, "{key} does nothing and says nothing");
        scene.press(Key::Esc);
        return Ok(());
    };
    tally.asked += 1;
    prop_assert!(
        frame.meant(focus, &meant),
        "{key} in {focus:?}: {frame:?} was shown, and {meant:?} is meant"
    );
    // The world goes on while the dialog is open.
    if dice & 2 == 2 {
        happen(scene, dice.rotate_left(5));
        scene.look();
    }
    scene.answer_all();
    let there = match &meant.target {
        Target::Gate(key) => scene.ci().gates.iter().any(|g| &g.key == key),
        _ => true,
    };
    let dialog = scene.dialog().cloned();
    if !there {
        tally.vanished += 1;
        let refusal = match dialog.map(|d| d.draft) {
            Some(Draft::Refused(refused)) => refused.refusal.cause.to_string(),
            other => {
                return Err(TestCaseError::fail(format!("its gate is gone, and the dialog is {other:?}")));
            }
        };
        prop_assert!(refusal.contains("no longer waits"), "{refusal}");
    }
    let sent = scene.confirm();
    let executed = sent.iter().find_map(|effect| match effect {
        Effect::Execute { plan, .. } => Some(plan.intent.clone()),
        _ => None,
    });
    match executed {
        Some(intent) => {
            tally.confirmed += 1;
            prop_assert!(there, "{intent:?} was sent, and its gate is gone");
            prop_assert_eq!(&intent, &meant);
            // It is over at once: the next deed on the same place is not held up by it.
            scene.model.actions.clear();
        }
        None => prop_assert!(
            !there || scene.dialog().is_some_and(|d| d.plan().is_none() || d.intent() == Some(meant.clone()))
        ),
    }
    scene.press(Key::Esc);
    Ok(())
}

#[test]
fn a_key_never_acts_on_another_row_than_the_one_that_the_frame_showed() {
    let cases = size(80, 10_000);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let theme = Theme::built_in("dark").unwrap();
    let tally = std::cell::RefCell::new(Tally::default());
    let steps = prop::collection::vec(any::<(u8, u8)>(), 12..40);
    // The same cases on every run: a failure is not a matter of luck.
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&steps, |steps| play(&steps, &theme, &mut tally.borrow_mut()))
        .unwrap_or_else(|failure| panic!("{failure}"));
    let tally = tally.into_inner();
    println!("R9: {cases} interleavings, {tally:?}: 0 on another row");
    assert!(tally.asked > cases as usize / 2 && tally.confirmed > cases as usize / 4, "{tally:?}");
    assert!(tally.vanished > 0 && tally.refused > 0, "{tally:?}");
}

/// What a deed's key would mean now; `None` if it says why not.
fn meant(scene: &mut Scene, key: char) -> Option<Intent> {
    scene.press(Key::Char(key));
    let intent = scene.dialog().and_then(|d| d.intent());
    if intent.is_some() {
        scene.press(Key::Esc);
    }
    intent
}

#[test]
fn k9s_2747_a_selected_row_that_a_refresh_takes_out_of_the_filter_stays_selected_and_in_sight() {
    let mut scene = Scene::open();
    scene.gate(1, 300);
    scene.gate(3, 200);
    scene.look();
    for key in "/hold".chars() {
        scene.press(Key::Char(key));
    }
    scene.press(Key::Enter);
    assert_eq!(scene.model.shown, [1, 3], "two hold, and the first is selected");
    scene.ci().gates.remove(0);
    scene.look();
    let theme = Theme::built_in("dark").unwrap();
    assert_eq!(Highlight::of(&scene.model, &theme).service.as_deref(), Some("service-0001"));
    assert_eq!(meant(&mut scene, 'r').unwrap().service.as_str(), "service-0001");
    scene.press(Key::Char('j'));
    scene.gate(4, 100);
    scene.look();
    assert_eq!(scene.model.shown, [3, 4], "the next change takes it away once the operator has left it");
}

#[test]
fn lazygit_1572_a_gate_that_comes_above_the_selected_one_does_not_move_the_selection() {
    let mut scene = Scene::open();
    let mine = scene.gate(2, 100);
    scene.look();
    scene.press(Key::Tab);
    assert_eq!(scene.model.focus, Panel::Inbox);
    scene.gate(3, 900);
    scene.look();
    assert_eq!(scene.model.inbox[0].value.key.run.service.as_str(), "service-0003", "the older one is above");
    assert_eq!(meant(&mut scene, 'a').unwrap().target, Target::Gate(mine.key));
}

#[test]
fn lazygit_4597_a_selected_gate_that_vanishes_hands_its_key_to_no_other() {
    let mut scene = Scene::open();
    for service in 0..3 {
        scene.gate(service, 300 - 100 * service as i64);
    }
    scene.look();
    scene.press(Key::Tab);
    scene.press(Key::Char('j'));
    scene.ci().gates.remove(1);
    scene.look();
    for key in ['a', 'x', 'p', 'r', 'P', 'R', 'F', 'C'] {
        assert_eq!(meant(&mut scene, key), None, "{key}");
        let said = scene.model.toast.as_ref().unwrap().text.to_string();
        assert!(said.contains("the gate that was selected no longer waits"), "{key}: {said}");
    }
    scene.press(Key::Char('j'));
    assert_eq!(meant(&mut scene, 'a').unwrap().service.as_str(), "service-0000", "from nowhere to the first");
}

#[test]
fn lens_5521_a_dialog_stays_with_its_object_while_the_lists_below_change_their_order() {
    let mut scene = Scene::open();
    scene.gate(1, 300);
    scene.gate(2, 200);
    scene.look();
    scene.press(Key::Char('j'));
    scene.press(Key::Char('a'));
    let intent = scene.dialog().unwrap().intent();
    scene.ci().gates.reverse();
    scene.gate(0, 900);
    scene.look();
    scene.answer_all();
    assert_eq!(scene.dialog().unwrap().intent(), intent);
    let sent = scene.confirm();
    let Some(Effect::Execute { plan, .. }) = sent.first() else { panic!("{sent:?}") };
    assert_eq!((Some(&plan.intent), plan.intent.service.as_str()), (intent.as_ref(), "service-0001"));
}
