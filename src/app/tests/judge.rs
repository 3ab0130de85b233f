//! What the newest looks say about each promise: a row for each way in which the world can stand.

use super::*;
use crate::action::{Judgement, judge};
use crate::domain::rollout::{
    Course, LAST_RESTART, LEAST_REPLICAS, OWN_RESTARTS, PAUSED_BY, Restart, Steps, Strategy, UNDER_WAY,
    UNREAD,
};

/// What is judged, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Pending,
    Untouched,
    Holds,
    Broken,
}

fn word(judgement: &Judgement) -> Word {
    match judgement {
        Judgement::Pending(_) => Word::Pending,
        Judgement::Untouched(_) => Word::Untouched,
        Judgement::Holds(_) => Word::Holds,
        Judgement::Broken(_) => Word::Broken,
    }
}

/// Judges a promise on what one look at each source saw, so many milliseconds after the request had left.
fn judged(promise: Promise, basis: &[Basis], seen: Seen, after: u64) -> Judgement {
    let service = service("web");
    let target = match &promise {
        Promise::GateDecided { .. } => Target::Gate(gate_key()),
        Promise::Attempt { .. }
        | Promise::Started { .. }
        | Promise::Ended { .. }
        | Promise::RunAppeared { .. } => Target::Run(run_key()),
        _ => Target::Rollout,
    };
    let source = if matches!(target, Target::Rollout) { PROD } else { CI };
    let intent = Intent {
        verb: Verb::Promote,
        service: service.name.clone(),
        place: Some(Place::new("web", "production")),
        target,
        source: SourceName::new(source),
        reason: None,
        answers: std::collections::BTreeMap::new(),
    };
    let sent = Now::START.plus(Duration::from_millis(50));
    let to = Some(artifact("v1"));
    let prepared = Prepared { basis: basis.to_vec(), to, ..prepared(&intent, promise) };
    let mut world = World::of([&SourceName::new(CI), &SourceName::new(PROD)]);
    for (name, observation) in [(CI, seen.ci()), (PROD, seen.prod())] {
        let began = sent.plus(Duration::from_millis(after));
        world.absorb(&Report {
            source: SourceName::new(name),
            epoch: 1,
            began,
            at: began,
            next: Duration::from_secs(5),
            result: Ok(Arc::new(observation)),
        });
    }
    judge(&intent, &prepared, sent, &service, &world)
}

/// What is to be seen.
#[derive(Clone, Default)]
struct Seen {
    gates: Vec<Gate>,
    runs: Vec<Run>,
    rollout: Option<Rollout>,
}

impl Seen {
    fn run(run: Run) -> Self {
        Self { runs: vec![run], ..Self::default() }
    }

    fn rollout(change: impl FnOnce(&mut Rollout)) -> Self {
        let mut rollout = rollout("v1");
        change(&mut rollout);
        Self { rollout: Some(rollout), ..Self::default() }
    }

    fn ci(&self) -> Observation {
        let mut seen = Observation { gates: self.gates.clone(), ..Observation::default() };
        let pipeline = Pipeline { runs: self.runs.clone(), ..Pipeline::default() };
        seen.pipelines.insert(ServiceName::new("web"), pipeline);
        seen
    }

    fn prod(&self) -> Observation {
        let mut seen = Observation::default();
        seen.rollouts.extend(self.rollout.clone().map(|r| (Place::new("web", "production"), r.into())));
        seen
    }
}

fn table(rows: Vec<(&str, Promise, Vec<Basis>, Seen, Word)>) {
    for (name, promise, basis, seen, wanted) in rows {
        let late = judged(promise.clone(), &basis, seen.clone(), 1);
        assert_eq!(word(&late), wanted, "{name}: {late:?}");
        // What was seen before the request left proves nothing.
        let early = judged(promise, &basis, seen, 0);
        assert_eq!(word(&early), Word::Pending, "{name}, at the moment it left: {early:?}");
    }
}

#[test]
fn runs_and_attempts() {
    use Word::{Broken, Holds, Pending, Untouched};
    let ended = || Promise::Ended { run: run_key() };
    let attempt = |attempt| Promise::Attempt { run: run_key(), attempt };
    let state = |state| Seen::run(run(state, Vec::new()));
    let other = || {
        let mut other = run(RunState::Passed, Vec::new());
        other.key.id = "8".into();
        Seen::run(other)
    };
    let appeared = |before: &[&str], workflow: &str| Promise::RunAppeared {
        before: before.iter().map(|id| SafeText::new(id)).collect(),
        workflow: workflow.into(),
    };
    table(vec![
        ("stopped", ended(), vec![], state(RunState::Cancelled), Holds),
        ("failed", ended(), vec![], state(RunState::Failed("x".into())), Holds),
        ("ended well by itself", ended(), vec![], state(RunState::Passed), Broken),
        ("still running", ended(), vec![], state(RunState::Running), Untouched),
        ("another run", ended(), vec![], other(), Pending),
        ("the first attempt", attempt(2), vec![], state(RunState::Running), Untouched),
        ("the attempt", attempt(1), vec![], state(RunState::Running), Holds),
        ("a later attempt", attempt(0), vec![], state(RunState::Running), Holds),
        ("a new run", appeared(&["6"], "release.yml"), vec![], state(RunState::Running), Holds),
        ("a known run", appeared(&["7"], "release.yml"), vec![], state(RunState::Running), Untouched),
        ("another workflow's", appeared(&["6"], "deploy.yml"), vec![], state(RunState::Running), Untouched),
    ]);
}

#[test]
fn gates() {
    use Word::{Broken, Holds, Pending, Untouched};
    let with = |gates: Vec<Gate>, reviews: Vec<Review>, attempt| {
        let mut run = run(RunState::Running, reviews);
        run.attempt = attempt;
        Seen { gates, runs: vec![run], rollout: None }
    };
    let elsewhere = || Review { environments: vec!["staging".into()], ..review(Decision::Approved) };
    let before = |reviews_before| Promise::GateDecided {
        gate: gate_key(),
        decision: Decision::Approved,
        environment: "production".into(),
        reviews_before,
    };
    let other_gate = || Gate { key: GateKey { id: "staging".into(), ..gate_key() }, ..gate() };
    let approved = || vec![review(Decision::Approved)];
    table(vec![
        ("approved", decided(), vec![], with(vec![], approved(), 1), Holds),
        ("approved, another waits", decided(), vec![], with(vec![other_gate()], approved(), 1), Holds),
        ("approved, and waits", decided(), vec![], with(vec![gate()], approved(), 1), Untouched),
        ("waits", decided(), vec![], with(vec![gate()], vec![], 1), Untouched),
        ("gone, not listed", decided(), vec![], with(vec![], vec![], 1), Pending),
        ("approved before already", before(1), vec![], with(vec![], approved(), 1), Pending),
        ("approved elsewhere", decided(), vec![], with(vec![], vec![elsewhere()], 1), Pending),
        ("rejected", decided(), vec![], with(vec![], vec![review(Decision::Rejected)], 1), Broken),
        ("another attempt", decided(), vec![], with(vec![], approved(), 2), Broken),
        ("no run", decided(), vec![], Seen::default(), Pending),
    ]);
}

#[test]
fn one_approval_of_several_is_proved_by_the_review_while_the_gate_goes_on_waiting() {
    use Word::{Broken, Holds, Pending, Untouched};
    let with = |gates: Vec<Gate>, reviews: Vec<Review>, attempt| {
        let mut run = run(RunState::Running, reviews);
        run.attempt = attempt;
        Seen { gates, runs: vec![run], rollout: None }
    };
    let counted = |reviews_before| Promise::Reviewed {
        gate: gate_key(),
        decision: Decision::Approved,
        environment: "production".into(),
        reviews_before,
        missing: 1,
    };
    let elsewhere = || Review { environments: vec!["staging".into()], ..review(Decision::Approved) };
    let (one, two) = (
        || vec![review(Decision::Approved)],
        || vec![review(Decision::Approved), review(Decision::Approved)],
    );
    table(vec![
        ("listed, and waits for others", counted(0), vec![], with(vec![gate()], one(), 1), Holds),
        ("listed beside another", counted(1), vec![], with(vec![gate()], two(), 1), Holds),
        ("only the other's", counted(1), vec![], with(vec![gate()], one(), 1), Untouched),
        ("listed, and let go by another", counted(0), vec![], with(vec![], one(), 1), Holds),
        ("of another environment", counted(0), vec![], with(vec![gate()], vec![elsewhere()], 1), Untouched),
        ("gone without it", counted(0), vec![], with(vec![], vec![], 1), Pending),
        ("asked anew", counted(0), vec![], with(vec![gate()], one(), 2), Broken),
    ]);
}

#[test]
fn who_decided_is_named_by_the_decision_that_was_promised() {
    let omar = Review { by: "omar".into(), ..review(Decision::Rejected) };
    let run = run(RunState::Running, vec![review(Decision::Approved), omar]);
    match judged(decided(), &[], Seen::run(run), 1) {
        Judgement::Holds(text) => assert_eq!(text.as_str(), "approved by ann; the gate no longer waits"),
        other => panic!("{other:?}"),
    }
}

/// A look that tells of the order before the newest one.
fn unread() -> Seen {
    Seen::rollout(|r| r.phase = Phase::Progressing(UNREAD.into()))
}

#[test]
fn pauses() {
    use Word::{Broken, Holds, Pending, Untouched};
    let paused = |desired, updated, total| {
        Seen::rollout(move |r| {
            r.phase = Phase::Paused("by somebody".into());
            (r.replicas.desired, r.replicas.updated, r.replicas.total) = (desired, updated, total);
        })
    };
    let done = || Seen::rollout(|_| {});
    let under_way = || vec![Basis::new(UNDER_WAY, "yes")];
    let least = |count: &str| vec![Basis::new(LEAST_REPLICAS, count)];
    let by = |how: &str| vec![Basis::new(PAUSED_BY, how)];
    table(vec![
        ("paused", Promise::Paused, vec![], paused(3, 3, 3), Holds),
        ("not paused", Promise::Paused, vec![], done(), Untouched),
        ("paused half way", Promise::Paused, under_way(), paused(3, 1, 4), Holds),
        ("old ones are left", Promise::Paused, under_way(), paused(3, 3, 4), Holds),
        ("some are not updated", Promise::Paused, under_way(), paused(3, 2, 2), Holds),
        ("it went on to its end", Promise::Paused, under_way(), paused(3, 3, 3), Broken),
        ("and beyond", Promise::Paused, under_way(), paused(3, 4, 3), Broken),
        ("nothing was under way", Promise::Paused, vec![Basis::new(UNDER_WAY, "no")], paused(3, 3, 3), Holds),
        ("fewer than before", Promise::Paused, least("4"), paused(3, 1, 4), Broken),
        ("as many as before", Promise::Paused, least("3"), paused(3, 1, 4), Holds),
        ("held by another", Promise::Paused, by("paused by spec"), paused(3, 1, 4), Untouched),
        ("held by this", Promise::Paused, by("by somebody"), paused(3, 1, 4), Holds),
        ("went on, held again", Promise::Resumed, by("paused by spec"), paused(3, 1, 4), Holds),
        ("still held by this", Promise::Resumed, by("by somebody"), paused(3, 1, 4), Untouched),
        ("still paused", Promise::Resumed, vec![], paused(3, 1, 4), Untouched),
        ("resumed", Promise::Resumed, vec![], done(), Holds),
        ("resumed, and a newer order is not read", Promise::Resumed, vec![], unread(), Pending),
    ]);
}

#[test]
fn rollouts_in_steps() {
    use Word::{Broken, Holds, Pending, Untouched};
    let steps = |course, at, weight| Steps {
        strategy: Strategy::Canary,
        words: vec!["25 %".into(), "pause".into(), "50 %".into()],
        at,
        weight: Some(weight),
        stable: Some(artifact("v2")),
        course,
        analyses: Vec::new(),
        skips: true,
        doors: Vec::new(),
    };
    let look = |course, at, weight, ready| {
        let phase = match course {
            Course::Held => Phase::Paused("a pause of its steps".into()),
            Course::Aborted => Phase::Failed("aborted".into()),
            Course::Going | Course::Ordered => Phase::Progressing("x".into()),
            Course::Over => Phase::Done,
        };
        let (steps, ready): (_, u32) = (steps(course, at, weight), ready);
        Seen::rollout(move |r| {
            r.running = vec![
                Running { artifact: artifact("v2"), ready: 3 - ready.min(3) },
                Running { artifact: artifact("v1"), ready },
            ];
            (r.phase, r.steps) = (phase, Some(steps));
        })
    };
    let other = || Seen::rollout(|r| r.target = artifact("v2"));
    let over = || {
        let steps = steps(Course::Over, 3, 100);
        Seen::rollout(|r| (r.target, r.steps) = (artifact("v2"), Some(steps)))
    };
    let plain = || Seen::rollout(|_| {});
    let begun = || Promise::Begun { artifact: artifact("v1") };
    let on = || Promise::WentOn { step: 1 };
    let runs = || Promise::Runs { artifact: artifact("v1") };
    table(vec![
        ("begun and held", begun(), vec![], look(Course::Held, 1, 25, 1), Holds),
        ("begun, none of it ready", begun(), vec![], look(Course::Going, 0, 25, 0), Pending),
        ("begun and given up", begun(), vec![], look(Course::Aborted, 0, 0, 1), Broken),
        ("the other one is asked for", begun(), vec![], other(), Untouched),
        ("still held at the step", on(), vec![], look(Course::Held, 1, 25, 1), Untouched),
        ("at the next step", on(), vec![], look(Course::Going, 2, 50, 1), Holds),
        ("held at a later step", on(), vec![], look(Course::Held, 2, 50, 2), Holds),
        ("over", on(), vec![], look(Course::Over, 3, 100, 3), Holds),
        ("beyond only by the order", on(), vec![], look(Course::Ordered, 2, 25, 1), Untouched),
        ("abort not read", Promise::Aborted, vec![], look(Course::Ordered, 1, 0, 0), Untouched),
        ("retry not read", Promise::Retried, vec![], look(Course::Ordered, 0, 0, 0), Untouched),
        ("begun anew", on(), vec![], look(Course::Going, 0, 25, 1), Broken),
        ("another one is over", on(), vec![], over(), Broken),
        ("beyond, and a newer order is not read", on(), vec![], unread(), Pending),
        ("given up instead", on(), vec![], look(Course::Aborted, 0, 0, 0), Broken),
        ("no steps any more", on(), vec![], plain(), Broken),
        ("aborted", Promise::Aborted, vec![], look(Course::Aborted, 0, 0, 0), Holds),
        ("aborted, and it still serves", Promise::Aborted, vec![], look(Course::Aborted, 0, 25, 1), Pending),
        ("not aborted", Promise::Aborted, vec![], look(Course::Held, 1, 25, 1), Untouched),
        ("too late to abort", Promise::Aborted, vec![], look(Course::Over, 3, 100, 3), Broken),
        ("still aborted", Promise::Retried, vec![], look(Course::Aborted, 0, 0, 0), Untouched),
        ("begun again", Promise::Retried, vec![], look(Course::Going, 0, 25, 0), Holds),
        ("promoted fully, not read yet", runs(), vec![], look(Course::Held, 1, 25, 1), Untouched),
        ("promoted fully", runs(), vec![], look(Course::Over, 3, 100, 3), Holds),
    ]);
}

#[test]
fn rollouts() {
    use Word::{Broken, Holds, Pending, Untouched};
    let runs = || Promise::Runs { artifact: artifact("v1") };
    let phase = |phase| Seen::rollout(|r| r.phase = phase);
    let other = |phase| {
        Seen::rollout(|r| {
            // The plan began at v2.
            r.target = artifact("v2");
            r.phase = phase;
        })
    };
    let third = || Seen::rollout(|r| r.target = artifact("v3"));
    let replicas = |right: u32, wrong: u32| {
        Seen::rollout(move |r| {
            let one = |tag, ready| Running { artifact: artifact(tag), ready };
            r.running = vec![one("v1", right), one("v2", wrong)];
            r.replicas.desired = 3;
        })
    };
    table(vec![
        ("all run it", runs(), vec![], replicas(3, 0), Holds),
        ("more than all", runs(), vec![], replicas(4, 0), Holds),
        ("one is missing", runs(), vec![], replicas(2, 0), Pending),
        ("an old one is left", runs(), vec![], replicas(3, 1), Pending),
        ("fewer than before", runs(), vec![Basis::new(LEAST_REPLICAS, "4")], replicas(3, 0), Pending),
        ("rolled back to it", runs(), vec![], phase(Phase::RolledBack), Holds),
        ("under way", runs(), vec![], phase(Phase::Progressing("1 of 3".into())), Pending),
        ("rolling back to it", runs(), vec![], phase(Phase::RollingBack("1 of 3".into())), Pending),
        ("failed", runs(), vec![], phase(Phase::Failed("x".into())), Broken),
        ("paused", runs(), vec![], phase(Phase::Paused("x".into())), Broken),
        ("scaled to zero", runs(), vec![], phase(Phase::ScaledToZero), Broken),
        ("as before", runs(), vec![], other(Phase::Done), Untouched),
        ("back by itself", runs(), vec![], other(Phase::RolledBack), Broken),
        ("going back by itself", runs(), vec![], other(Phase::RollingBack("x".into())), Broken),
        ("as before, moving", runs(), vec![], other(Phase::Progressing("x".into())), Broken),
        ("something else", runs(), vec![], third(), Broken),
    ]);
}

#[test]
fn restarts() {
    use Word::{Broken, Holds, Pending, Untouched};
    let promise = || Promise::Restarted { artifact: artifact("v1"), mark: "2".into() };
    let before = |mark: &str| vec![Basis::new(LAST_RESTART, mark)];
    let look = |mark: Option<&str>, left, phase: Phase, tag: &'static str| {
        let mark = mark.map(SafeText::new);
        Seen::rollout(move |r| {
            r.restart = mark.map(|mark| Restart { mark, left });
            (r.phase, r.target) = (phase, artifact(tag));
            r.running = vec![Running { artifact: artifact(tag), ready: 3 }];
            r.replicas.desired = 3;
        })
    };
    let moving = || Phase::Progressing("1 of 3".into());
    table(vec![
        ("all of them new", promise(), before("1"), look(Some("2"), 0, Phase::Done, "v1"), Holds),
        ("nothing asked for", promise(), before("1"), look(Some("1"), 0, Phase::Done, "v1"), Untouched),
        ("none was ever asked for", promise(), before("none"), look(None, 0, Phase::Done, "v1"), Untouched),
        ("another was faster", promise(), before("1"), look(Some("3"), 0, Phase::Done, "v1"), Broken),
        ("its mark is gone", promise(), before("1"), look(None, 0, Phase::Done, "v1"), Broken),
        ("old ones are left", promise(), before("1"), look(Some("2"), 2, Phase::Done, "v1"), Pending),
        ("under way", promise(), before("1"), look(Some("2"), 1, moving(), "v1"), Pending),
        ("failed", promise(), before("1"), look(Some("2"), 0, Phase::Failed("x".into()), "v1"), Broken),
        ("another artifact", promise(), before("1"), look(Some("3"), 0, Phase::Done, "v3"), Broken),
        (
            "another artifact, and marked",
            promise(),
            before("1"),
            look(Some("2"), 0, Phase::Done, "v3"),
            Broken,
        ),
    ]);
    let fewer = |r: &mut Rollout| {
        r.restart = Some(Restart { mark: "2".into(), left: 0 });
        r.running = vec![Running { artifact: artifact("v1"), ready: 2 }];
        r.replicas.desired = 3;
    };
    table(vec![("one is missing", promise(), before("1"), Seen::rollout(fewer), Pending)]);
}

#[test]
fn restarts_of_which_no_mark_is_kept() {
    use Word::{Broken, Holds, Pending, Untouched};
    const BEFORE: &str = "2026-11-21T08:00:00Z";
    let after = "2026-11-21T08:30:00Z".parse().unwrap();
    let promise = || Promise::Renewed { artifact: artifact("v1"), after };
    let basis = || {
        vec![Basis::new(LAST_RESTART, BEFORE), Basis::new(LEAST_REPLICAS, "2"), Basis::new(OWN_RESTARTS, "1")]
    };
    let look = |since: Option<&str>, desired, phase: Phase, tag: &'static str| {
        let mark = since.map(SafeText::new);
        Seen::rollout(move |r| {
            r.restart = mark.map(|mark| Restart { mark, left: 0 });
            (r.phase, r.target) = (phase, artifact(tag));
            r.running = vec![Running { artifact: artifact(tag), ready: desired }];
            r.replicas.desired = desired;
        })
    };
    let (late, early) = (Some("2026-11-21T09:00:00.000000001Z"), Some("2026-11-21T08:20:00Z"));
    let moving = || Phase::Progressing("1 of 2 ready".into());
    table(vec![
        ("all of them new", promise(), basis(), look(late, 2, Phase::Done, "v1"), Holds),
        ("as before", promise(), basis(), look(Some(BEFORE), 2, Phase::Done, "v1"), Untouched),
        ("one of them new, the older one", promise(), basis(), look(early, 2, Phase::Done, "v1"), Pending),
        (
            "since the latest start before",
            promise(),
            basis(),
            look(Some("2026-11-21T08:30:00Z"), 2, Phase::Done, "v1"),
            Pending,
        ),
        ("nobody says since when", promise(), basis(), look(None, 2, Phase::Done, "v1"), Pending),
        ("never started", promise(), basis(), look(Some("never"), 2, Phase::Done, "v1"), Pending),
        ("one of them is gone", promise(), basis(), look(late, 1, Phase::Done, "v1"), Pending),
        ("under way", promise(), basis(), look(late, 2, moving(), "v1"), Pending),
        ("it ended", promise(), basis(), look(late, 2, Phase::Failed("x".into()), "v1"), Broken),
        ("another artifact", promise(), basis(), look(late, 2, Phase::Done, "v3"), Broken),
    ]);
    let restarted = |count| {
        Seen::rollout(move |r: &mut Rollout| {
            r.restart = Some(Restart { mark: "2026-11-21T09:00:00Z".into(), left: 0 });
            r.running = vec![Running { artifact: artifact("v1"), ready: 2 }];
            (r.phase, r.target, r.replicas.desired) = (Phase::Done, artifact("v1"), 2);
            r.replicas.restarts = count;
        })
    };
    table(vec![
        ("the counter was set back", promise(), basis(), restarted(0), Holds),
        ("the counter was left", promise(), basis(), restarted(1), Holds),
        ("it ended and came back by itself", promise(), basis(), restarted(2), Pending),
        ("nobody counted before", promise(), vec![], restarted(0), Pending),
    ]);
}

#[test]
fn a_source_that_cannot_be_seen_proves_nothing() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.see(CI, Err(Fault::new(Cause::Tls, "expired")));
    let (service, intent) = (service("web"), {
        let mut other = Cockpit::at_the_gate(Access::ReadWrite);
        other.press(&[Key::Char('a')]);
        other.asked().unwrap().1
    });
    let judgement = judge(&intent, &prepared(&intent, decided()), Now::START, &service, &cockpit.model.world);
    assert_eq!(word(&judgement), Word::Pending);
}
