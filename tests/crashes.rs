//! R40: a crash of any part that works in the background is said, is tried again at most three times, and leaves
//! nothing that looks alive and is not.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails; the crashes of this test are meant; what was measured is printed"
)]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the frames, which use more of it")]
mod model;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use gonogo::action::Plan;
use gonogo::app::model::{ActionStage, Model};
use gonogo::app::{Effect, Msg, update};
use gonogo::domain::service::Access;
use gonogo::domain::*;
use gonogo::provider::{Cadence, Provider};
use gonogo::runtime::engine::{Beyond, Heard};
use gonogo::runtime::execute::Recorder;
use gonogo::runtime::poll::RESTARTS;
use gonogo::runtime::{Clock, Engine, Journal, Source};
use tokio::sync::Notify;

/// Where the provider crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// In its looks, this often before it is well.
    Observe(u32),
    /// When it is asked whether it can ring.
    Wake,
    /// In the fresh look before a plan.
    Prepare,
    /// In the request.
    Perform,
}

struct Frail {
    at: Where,
    looks: AtomicU32,
    answer: Mutex<Prepared>,
}

impl Frail {
    fn new(at: Where) -> Arc<Self> {
        Arc::new(Self { at, looks: AtomicU32::new(0), answer: Mutex::new(model::approval()) })
    }
}

impl Provider for Frail {
    fn observe<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        let before = self.looks.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match self.at {
                Where::Observe(times) if before < times => panic!("induced crash of a look"),
                _ => Ok(Observation::default()),
            }
        })
    }

    fn prepare<'a>(&'a self, _: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        Box::pin(async move {
            assert!(self.at != Where::Prepare, "induced crash of a preparation");
            Ok(self.answer.lock().unwrap().clone())
        })
    }

    fn perform<'a>(&'a self, _: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async move {
            assert!(self.at != Where::Perform, "induced crash of a request");
            Ok(Receipt { status: 200, says: "accepted".into() })
        })
    }

    fn wake(&self) -> Option<Arc<Notify>> {
        assert!(self.at != Where::Wake, "induced crash of a lane");
        None
    }
}

/// Calm enough to be read, quick enough for a clock that leaps.
const CADENCE: Cadence = Cadence { active: Duration::from_secs(2), idle: Duration::from_secs(10) };

fn engine(frail: &Arc<Frail>, recorder: Recorder) -> Engine {
    let provider: Arc<dyn Provider> = Arc::clone(frail) as Arc<dyn Provider>;
    let source = Source { name: SourceName::new("github"), provider, cadence: CADENCE };
    Engine::start(vec![source], recorder, Access::ReadWrite, Clock::start())
}

/// What the source says next.
async fn report(engine: &mut Engine) -> Result<Arc<Observation>, Fault> {
    match engine.next().await {
        Heard::Msg(Msg::Report(report)) => report.result,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_always_crashes_is_tried_again_three_times_and_then_stays_off() {
    for at in [Where::Observe(u32::MAX), Where::Wake] {
        let frail = Frail::new(at);
        let mut engine = engine(&frail, Recorder::Nowhere);
        for number in 1..=RESTARTS {
            let fault = report(&mut engine).await.unwrap_err();
            assert_eq!(fault.cause, Cause::Crashed);
            assert!(fault.detail.as_str().contains(&format!("({number} of {RESTARTS})")), "{fault}");
        }
        let last = report(&mut engine).await.unwrap_err();
        assert!(last.detail.as_str().contains("stays off"), "{last}");
        engine.carry_out(Effect::Look(SourceName::new("github")));
        let more = tokio::time::timeout(Duration::from_secs(86_400), engine.next()).await;
        assert!(more.is_err(), "it is off, and says nothing more: {more:?}");
        if at != Where::Wake {
            assert_eq!(frail.looks.load(Ordering::SeqCst), RESTARTS + 1);
        }
        println!("R40: {at:?}: {RESTARTS} restarts, then off, and said");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_recovers_from_its_crashes_is_as_good_as_new() {
    let frail = Frail::new(Where::Observe(RESTARTS));
    let mut engine = engine(&frail, Recorder::Nowhere);
    for _ in 0..RESTARTS {
        assert_eq!(report(&mut engine).await.unwrap_err().cause, Cause::Crashed);
    }
    for _ in 0..5 {
        assert!(report(&mut engine).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_crashed_source_saw_last_stays_and_is_marked() {
    let mut model = model::release_day();
    let fault = Fault::new(Cause::Crashed, "during a look: it is tried again (1 of 3)");
    let now = model.now;
    let report = Report {
        source: SourceName::new("github"),
        epoch: 1,
        began: now,
        at: now,
        next: Duration::from_secs(2),
        result: Err(fault),
    };
    update(&mut model, Msg::Report(report));
    let text = gonogo::view::print::text(&gonogo::view::still(&model, &Default::default(), 160, 50));
    assert!(text.contains("github crashed"), "{text}");
    assert!(text.contains("v2.14.2 → v2.15.0"), "the last good look is gone\n{text}");
}

/// The plan of a dialog that is ready.
fn plan(model: &Model) -> Plan {
    model::dialog(model).plan().unwrap().clone()
}

#[tokio::test]
async fn a_crash_of_a_preparation_is_a_refusal() {
    let frail = Frail::new(Where::Prepare);
    let mut engine = engine(&frail, Recorder::Nowhere);
    let intent = plan(&model::approving()).intent;
    engine.carry_out(Effect::Prepare { ticket: 7, intent: Box::new(intent) });
    let fault = loop {
        if let Heard::Msg(Msg::Progress(Progress::Prepared { ticket: 7, result, .. })) = engine.next().await {
            break result.unwrap_err();
        }
    };
    assert_eq!(fault.cause, Cause::Crashed);
    assert!(!engine.busy());
    println!("R40: prepare: said as a refusal");
}

#[tokio::test]
async fn a_crash_of_a_request_leaves_its_action_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let recorder = Recorder::Journal(Arc::new(Journal::open(&path, "ann@test").unwrap()));
    let frail = Frail::new(Where::Perform);
    let plan = plan(&model::approving());
    *frail.answer.lock().unwrap() = plan.prepared.clone();
    let mut engine = engine(&frail, recorder);
    let id = ActionId("s1-1".into());
    assert_eq!(engine.carry_out(Effect::Execute { id: id.clone(), plan: Box::new(plan) }), Beyond::Done);
    let fault = loop {
        match engine.next().await {
            Heard::Msg(Msg::Progress(Progress::NoAnswer(_, fault))) => break fault,
            Heard::Msg(_) => {}
            crash @ Heard::Crash(_) => panic!("{crash:?}"),
        }
    };
    assert_eq!((fault.cause, fault.reached), (Cause::Crashed, Reached::Perhaps));
    engine.settle(Duration::from_secs(5)).await;
    let journal = std::fs::read_to_string(&path).unwrap();
    assert!(journal.contains("no-answer"), "{journal}");
    println!("R40: perform: in doubt, and in the journal");
}

#[test]
fn an_action_whose_request_crashed_is_found_out_about_by_looking() {
    let mut model = model::proving();
    let id = model.actions.last().unwrap().id.clone();
    let fault = Fault::new(Cause::Crashed, "the provider crashed while it sent").perhaps_applied();
    update(&mut model, Msg::Progress(Progress::NoAnswer(id, fault)));
    assert!(matches!(model.actions.last().unwrap().stage, ActionStage::Proving(_)));
}
