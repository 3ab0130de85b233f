//! The same core without a screen: look until the sources have answered, then hand the model over; or act on it, by the
//! same dialog that the screen shows ([`desk`]).

pub mod desk;
pub mod lines;

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::engine::Engine;
use crate::app::keys::UNREADY;
use crate::app::log;
use crate::app::{Effect, Model, Msg, Stroke, update};
use crate::domain::World;

/// How long the sources may take to answer.
pub const ANSWER: Duration = Duration::from_secs(12);

/// After everybody answered, how long to wait for what the answers made us ask (change sets).
const AFTERTHOUGHT: Duration = Duration::from_millis(1_500);

/// Looks until every source has answered or failed, and the questions that this raised are answered too; at the
/// most until the deadline. Actions are never carried out here.
pub async fn look(model: &mut Model, engine: &mut Engine, deadline: Duration) {
    let end = Instant::now() + deadline;
    let everybody = |model: &Model| model.world.sources().all(|(_, s)| s.seen.is_some() || s.fault.is_some());
    until(model, engine, end, everybody).await;
    let end = end.min(Instant::now() + AFTERTHOUGHT);
    until(model, engine, end, answered).await;
}

/// Presses keys one after the other, letting preparations and a log that is looked at answer in between.
pub async fn press(model: &mut Model, engine: &mut Engine, strokes: &[Stroke]) {
    // Keys that come sooner after the start, or after the selection has gone by itself, act nowhere.
    if !strokes.is_empty() {
        until(model, engine, Instant::now() + UNREADY, |_| false).await;
    }
    for stroke in strokes {
        let effects = update(model, Msg::Key(*stroke));
        carry_out_reads(engine, effects);
        let end = Instant::now() + Duration::from_secs(5);
        while engine.busy() && Instant::now() < end {
            let step = Instant::now() + Duration::from_millis(20);
            until(model, engine, step, |_| false).await;
        }
        until(model, engine, end, |model| log::wanted(model).is_none() || model.log.answer.is_some()).await;
        let last = Instant::now() + Duration::from_millis(20);
        until(model, engine, last, |_| false).await;
    }
}

/// Whether every change set that is wanted is there, or the reason why not.
fn answered(model: &Model) -> bool {
    let known = |world: &World, ask: &crate::domain::SpanAsk| {
        model
            .setup
            .services
            .iter()
            .find(|s| s.name == ask.service)
            .and_then(|s| world.repository(s))
            .is_some_and(|r| r.value.changes.contains_key(&ask.span))
    };
    model.ask.spans.iter().all(|ask| known(&model.world, ask))
}

async fn until(model: &mut Model, engine: &mut Engine, end: Instant, done: impl Fn(&Model) -> bool) {
    while !done(model) {
        let Ok(Some(msg)) = timeout_at(end, engine.inbox.recv()).await else { break };
        let mut effects = update(model, Msg::Tick(engine.clock.now()));
        effects.extend(update(model, msg));
        carry_out_reads(engine, effects);
    }
    let effects = update(model, Msg::Tick(engine.clock.now()));
    carry_out_reads(engine, effects);
}

/// Everything but actions.
fn carry_out_reads(engine: &mut Engine, effects: Vec<Effect>) {
    for effect in effects {
        if !matches!(effect, Effect::Begin(_) | Effect::Execute { .. } | Effect::Conclude { .. }) {
            engine.carry_out(effect);
        }
    }
}
