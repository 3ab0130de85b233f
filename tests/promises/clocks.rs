//! R18: ages and limits go by the time that has passed. Two cockpits live through the same day; on one machine somebody
//! turns the clock back and forth. Both must know, offer, refuse and do the same.

use std::time::Duration;

use gonogo::app::dialog::Draft;
use gonogo::app::key::Key;
use gonogo::app::model::{ActionStage, Overlay};
use gonogo::app::{Effect, Model};
use gonogo::domain::{Now, Verdict};
use jiff::SignedDuration;

use super::dice::Dice;
use super::scene::Scene;
use super::selection::happen;
use super::size;

/// How far the clock is turned at once, in seconds: from one to ten years, both ways.
const JUMPS: [i64; 7] = [1, 30, 61, 3_600, 86_400, 31_536_000, 315_360_000];

/// Everything that decides what a key may do now; no text that names a time of day.
fn picture(model: &Model) -> String {
    let judged: Vec<_> = model.assessments.iter().map(|a| (a.verdict, a.marks, a.standings.len())).collect();
    let ages: Vec<Option<Duration>> = model
        .setup
        .services
        .iter()
        .flat_map(|s| model.setup.sources.iter().map(move |n| (n, s)))
        .map(|(n, s)| model.world.age(n, &s.name, model.now))
        .collect();
    let dialog = match model.overlay() {
        Some(gonogo::app::model::Overlay::Dialog(dialog)) => match &dialog.draft {
            Draft::Asking(ticket) => format!("asking {ticket}"),
            Draft::Ready(plan) => format!("ready {:?} {:?}", plan.intent, dialog.missing(model.now)),
            Draft::Refused(refusal) => format!("refused {refusal}"),
        },
        other => format!("{other:?}"),
    };
    let stage = |stage: &ActionStage| match stage {
        ActionStage::Ended(outcome) => outcome.word(),
        _ => "open",
    };
    let actions: Vec<_> = model.actions.iter().map(|a| (a.id.clone(), stage(&a.stage))).collect();
    let said = model.toast.as_ref().map(|t| &t.text);
    let inbox: Vec<_> = model.inbox.iter().map(|g| &g.value.key).collect();
    format!("{judged:?} {ages:?} {dialog} {actions:?} {said:?} {inbox:?} {:?}", model.selected)
}

/// What was let out, without the moments in it.
fn deeds(effects: &[Effect]) -> Vec<String> {
    let told = effects.iter().map(|effect| match effect {
        Effect::Execute { id, plan } => format!("execute {id:?} {:?}", plan.intent),
        Effect::Prepare { ticket, intent } => format!("prepare {ticket} {intent:?}"),
        Effect::Conclude { id, outcome } => format!("conclude {id:?} {}", outcome.word()),
        other => format!("{other:?}"),
    });
    told.collect()
}

#[derive(Default)]
struct Tally {
    jumps: usize,
    confirmed: usize,
    refused_as_stale: usize,
    unknown: usize,
}

/// One moment of the day, the same for both.
fn live(scene: &mut Scene, kind: usize, dice: u8) {
    match kind {
        0 => scene.wait(Duration::from_millis(u64::from(dice) * 40)),
        1 => scene.wait(Duration::from_secs(u64::from(dice))),
        2 => happen(scene, dice),
        3 | 4 => scene.look(),
        5 => drop(scene.press(Key::Char(['j', 'k', 'h', 'l'][usize::from(dice) % 4]))),
        6 | 7 => {
            drop(scene.press(Key::Char(['a', 'x', 'p', 'r', 'P', 'F', 'C', 'a'][usize::from(dice) % 8])))
        }
        8 => scene.answer_all(),
        9 => drop(scene.confirm()),
        _ => drop(scene.press(Key::Esc)),
    }
}

fn day(dice: &mut Dice, tally: &mut Tally) {
    let (mut steady, mut turned) = (Scene::open(), Scene::open());
    for _ in 0..60 {
        let (kind, roll) = (dice.below(11), u8::try_from(dice.below(256)).unwrap());
        live(&mut steady, kind, roll);
        live(&mut turned, kind, roll);
        if dice.below(3) == 0 {
            let by = JUMPS[dice.below(JUMPS.len())] * if dice.below(2) == 0 { 1 } else { -1 };
            turned.jump(SignedDuration::from_secs(by));
            // The other one's clock ticks as well.
            steady.jump(SignedDuration::ZERO);
            tally.jumps += 1;
        }
        assert_eq!(picture(&turned.model), picture(&steady.model), "after {kind} {roll}");
        let said = match turned.model.overlays.last() {
            Some(Overlay::Dialog(dialog)) => match &dialog.draft {
                Draft::Refused(refused) => refused.to_string(),
                _ => String::new(),
            },
            _ => turned.model.toast.as_ref().map(|t| t.text.to_string()).unwrap_or_default(),
        };
        tally.refused_as_stale += usize::from(said.contains("stale"));
        tally.unknown += usize::from(turned.model.assessments.iter().any(|a| a.verdict == Verdict::Unknown));
    }
    let done = deeds(&turned.effects);
    assert_eq!(done, deeds(&steady.effects));
    tally.confirmed += done.iter().filter(|d| d.starts_with("execute")).count();
}

#[test]
fn a_clock_that_is_turned_back_and_forth_changes_no_age_opens_no_gate_and_freshens_nothing() {
    // The figure is small enough to be reached in every run.
    let runs = size(500, 500);
    let (mut dice, mut tally) = (Dice::new(18), Tally::default());
    for _ in 0..runs {
        day(&mut dice, &mut tally);
    }
    let Tally { jumps, confirmed, refused_as_stale, unknown } = tally;
    println!(
        "R18: {runs} runs, {jumps} jumps of 1 s to 10 y: the same ages, verdicts, refusals ({refused_as_stale} moments \
         stale, {unknown} UNKNOWN) and deeds ({confirmed}) as with a steady clock"
    );
    assert!(jumps > 0 && confirmed > 0 && refused_as_stale > 0 && unknown > 0);
}

#[test]
fn an_age_is_never_negative_whatever_the_clock_on_the_wall_says() {
    for by in JUMPS.iter().flat_map(|by| [*by, -by]) {
        let seen = Now { wall: "2026-11-20T14:02:11Z".parse().unwrap(), mono: Duration::from_secs(100) };
        let wall = seen.wall.checked_add(SignedDuration::from_secs(by)).unwrap();
        let now = Now { wall, mono: seen.mono + Duration::from_secs(7) };
        assert_eq!(now.since(seen), Duration::from_secs(7), "{by}");
        assert_eq!(
            gonogo::domain::time::ago(now.wall, seen.wall),
            Duration::from_secs(by.max(0).unsigned_abs())
        );
    }
}
