//! R14: several operators at one thing. One effect each round; everybody else learns who was first, and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gonogo::action::Plan;
use gonogo::app::Msg;
use gonogo::app::key::Key;
use gonogo::domain::{ActionId, Outcome, Progress, Run, RunState, SafeText};
use gonogo::runtime::execute::{Executor, Recorder};
use gonogo::runtime::{Clock, Journal};
use gonogo::sandbox::{Effect, Entry};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::cockpit::{Cockpit, Flow, Manner, server_of};
use super::deeds::Deed;
use super::dice::Dice;
use super::size;

const PEOPLE: [&str; 8] =
    ["ann@one", "bob@two", "cem@three", "dee@four", "eva@five", "fay@six", "gil@seven", "hal@eight"];

/// What is fought over: the deed that opens the world, and every key that means something there.
#[derive(Clone, Copy, Debug)]
struct Bone {
    deed: Deed,
    keys: &'static [char],
}

const BONES: [Bone; 5] = [
    Bone { deed: Deed::Approve, keys: &['a', 'x'] },
    Bone { deed: Deed::LetStart, keys: &['a'] },
    Bone { deed: Deed::FreeLane, keys: &['C'] },
    Bone { deed: Deed::PromoteDeployment, keys: &['p', 'r', 'P'] },
    Bone { deed: Deed::PromoteSwarm, keys: &['p', 'r'] },
];

/// What became of one operator's action, as the executor reports it.
#[derive(Debug)]
enum End {
    /// The source accepted it.
    First,
    /// Nothing was sent, or the source refused it; what the operator is told.
    Late(String),
    /// Anything else.
    Wrong(String),
}

fn end_of(progress: &[Progress]) -> End {
    match progress.last() {
        Some(Progress::Received(..)) => End::First,
        Some(Progress::Moved(_, differences)) => {
            let told: Vec<String> =
                differences.iter().map(|d| format!("{} was {}, is {}", d.what, d.old, d.new)).collect();
            End::Late(told.join("; "))
        }
        Some(Progress::NotSent(_, why)) => End::Late(why.to_string()),
        Some(Progress::Declined(_, fault)) => End::Late(fault.detail.to_string()),
        other => End::Wrong(format!("{other:?}")),
    }
}

/// The plans that a cockpit offers for each key.
async fn plans(bone: Bone) -> (Cockpit, Vec<Plan>) {
    let (mut cockpit, first) = bone.deed.planned().await;
    let mut plans = vec![first];
    for key in &bone.keys[1..] {
        cockpit.press(Key::Esc);
        plans.push(cockpit.ask(*key).await);
    }
    (cockpit, plans)
}

/// Everything that wanted to change something since `before`.
fn writes(cockpit: &Cockpit, plan: &Plan, before: usize) -> Vec<Entry> {
    cockpit.sandbox.faults().writes(server_of(&plan.intent.source)).split_off(before)
}

/// One round, and how many came late: `count` operators with plans of their own, all confirmed at nearly the same moment.
async fn round(bone: Bone, count: usize, dice: &mut Dice) -> Result<usize, String> {
    let (cockpit, plans) = plans(bone).await;
    let before = writes(&cockpit, &plans[0], 0).len();
    // Whole seconds are what servers tell: the change must not fall into the second of the one before.
    cockpit.sandbox.world().advance(Duration::from_secs(2));
    let mut racers = JoinSet::new();
    for (index, who) in PEOPLE.iter().take(count).enumerate() {
        let journal = Journal::open(&cockpit.journal, who).unwrap();
        let (out, mut inbox) = mpsc::channel(64);
        let executor = Executor {
            providers: Arc::new(cockpit.fresh_providers()),
            recorder: Recorder::Journal(Arc::new(journal)),
            out,
            clock: Clock::start(),
            sessions: Arc::default(),
        };
        let plan = plans[dice.below(plans.len())].clone();
        let pause = Duration::from_micros(dice.below(6_000) as u64);
        racers.spawn(async move {
            // Part of what is raced: no state is waited for.
            tokio::time::sleep(pause).await;
            executor.execute(ActionId(SafeText::new(&format!("{who}-{index}"))), plan).await;
            drop(executor);
            let mut progress = Vec::new();
            while let Some(msg) = inbox.recv().await {
                if let Msg::Progress(step) = msg {
                    progress.push(step);
                }
            }
            (*who, end_of(&progress))
        });
    }
    let ends: BTreeMap<&str, End> = racers.join_all().await.into_iter().collect();
    let entries = writes(&cockpit, &plans[0], before);
    judge(bone, &ends, &entries).map_err(|why| format!("{why}\n{ends:#?}\n{entries:#?}"))
}

/// How many came late, if everybody was told the truth.
fn judge(bone: Bone, ends: &BTreeMap<&str, End>, entries: &[Entry]) -> Result<usize, String> {
    let applied = entries.iter().filter(|e| e.effect == Effect::Applied).count();
    let first: Vec<&str> =
        ends.iter().filter(|(_, end)| matches!(end, End::First)).map(|(who, _)| *who).collect();
    // GitHub accepts a cancel as long as the run has not ended: several may be accepted, and end one run once.
    let repeatable = bone.deed == Deed::FreeLane;
    if applied != first.len() || applied == 0 || (applied > 1 && !repeatable) {
        return Err(format!("{applied} effects, and {first:?} believe to be the first"));
    }
    for (who, end) in ends {
        let told = match end {
            End::First => continue,
            End::Late(told) => told,
            End::Wrong(what) => return Err(format!("{who}: {what}")),
        };
        let names = first.iter().any(|first| told.contains(&format!("by {first}, accepted at ")));
        if !names || !told.contains(" UTC") {
            return Err(format!("{who} does not learn that one of {first:?} was first, and when: {told}"));
        }
        // What the source itself knows, for somebody at another machine.
        let source_says = match bone.deed {
            Deed::Approve => {
                told.contains("by mara") || told.contains("mara approved") || told.contains("mara rejected")
            }
            // GitHub keeps no record of who: when the run moved is all there is.
            Deed::LetStart => told.contains("no longer held") && told.contains("last moved at 20"),
            Deed::FreeLane => told.contains("already ended: cancelled, last moved at 20"),
            Deed::PromoteDeployment => told.contains("with gonogo at 20"),
            _ => told.contains("last change was somebody at 20"),
        };
        if !source_says {
            return Err(format!("{who} is not told what the source knows: {told}"));
        }
    }
    Ok(ends.len() - first.len())
}

async fn rounds(few: u32, full: u32) {
    let rounds = size(few, full);
    let mut dice = Dice::new(14);
    let (mut operators, mut learnt) = (0, 0);
    let began = Instant::now();
    for number in 0..rounds {
        let bone = BONES[number as usize % BONES.len()];
        let count = 2 + dice.below(7);
        operators += count;
        match round(bone, count, &mut dice).await {
            Ok(late) => learnt += late,
            Err(why) => panic!("round {number}, {count} at {bone:?}: {why}"),
        }
    }
    println!(
        "R14: {rounds} rounds, {operators} operators: 1 effect each, {learnt} learnt who and when (cancels of one run are \
         accepted until it has ended); {:.0?} a round",
        began.elapsed() / rounds
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_up_to_eight_operators_at_one_thing_one_has_an_effect_and_the_others_learn_who_and_when() {
    rounds(15, 2_000).await;
}

/// Whole cockpits: keys in, outcomes out.
async fn duel(deed: Deed, key: char) {
    let (mut ann, plan) = deed.planned().await;
    let mut bob = ann.beside("bob@test", Manner::default());
    bob.ready().await;
    bob.select(deed.service(), "production");
    let same = bob.ask(key).await;
    assert_eq!(
        (&plan.intent, &plan.prepared.steps),
        (&same.intent, &same.prepared.steps),
        "they see the same"
    );
    ann.sandbox.world().advance(Duration::from_secs(2));
    let before = writes(&ann, &plan, 0).len();
    (ann.flow, bob.flow) = (Flow::Passing, Flow::Passing);
    ann.confirm();
    bob.confirm();
    let (one, two) = tokio::join!(ann.outcome(), bob.outcome());
    let entries = writes(&ann, &plan, before);
    let applied = entries.iter().filter(|e| e.effect == Effect::Applied).count();
    assert_eq!(applied, 1, "{deed:?}: {entries:#?}");
    let (first, late) = match (&one, &two) {
        (Outcome::Verified(_), Outcome::NotApplied(late)) => ("ann@test", late),
        (Outcome::NotApplied(late), Outcome::Verified(_)) => ("bob@test", late),
        _ => panic!("{deed:?}: {one:?} {two:?}\n{}\n{}", ann.told(), bob.told()),
    };
    assert!(late.as_str().contains(&format!("by {first}, accepted at ")), "{deed:?}: {late}");
    println!("{deed:?}: the second one reads: {late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cockpits_at_one_gate_have_one_effect_and_the_second_learns_who_and_when() {
    duel(Deed::Approve, 'a').await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cockpits_at_one_fork_have_one_effect_and_the_second_learns_who_and_when() {
    duel(Deed::LetStart, 'a').await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cockpits_at_one_wedged_lane_end_its_holder_once_and_nothing_else() {
    let deed = Deed::FreeLane;
    let (mut ann, plan) = deed.planned().await;
    let mut bob = ann.beside("bob@test", Manner::default());
    bob.ready().await;
    bob.select(deed.service(), "production");
    let same = bob.ask('C').await;
    assert_eq!(plan.prepared.steps, same.prepared.steps, "they see the same");
    ann.sandbox.world().advance(Duration::from_secs(2));
    (ann.flow, bob.flow) = (Flow::Passing, Flow::Passing);
    ann.confirm();
    bob.confirm();
    let (one, two) = tokio::join!(ann.outcome(), bob.outcome());
    let fine = |outcome: &Outcome| match outcome {
        Outcome::Verified(_) => true,
        Outcome::NotApplied(late) => late.as_str().contains("@test, accepted at "),
        _ => false,
    };
    assert!(fine(&one) && fine(&two), "{one:?} {two:?}\n{}\n{}", ann.told(), bob.told());
    assert!(matches!(one, Outcome::Verified(_)) || matches!(two, Outcome::Verified(_)));
    let sent = ann.entries(&plan.prepared.steps[0]);
    assert!((1..=2).contains(&sent.len()), "each sends once at the most: {sent:#?}");
    let runs = &ann.model.world.pipeline(&ann.model.setup.services[0]).unwrap().value.runs;
    let cancelled = |run: &&Run| run.state == RunState::Cancelled && !run.jobs.is_empty();
    assert_eq!(runs.iter().filter(cancelled).count(), 1, "one run was stopped, the one behind it was not");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cockpits_at_one_deployment_have_one_effect_and_the_second_learns_who_and_when() {
    duel(Deed::PromoteDeployment, 'p').await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cockpits_at_one_swarm_service_have_one_effect_and_the_second_learns_who_and_when() {
    duel(Deed::PromoteSwarm, 'p').await;
}
