//! The contract of a deployment target: what each kind must do on a quiet day and under every fault.

use futures_util::future::BoxFuture;
use gonogo::domain::{Fault, Guard, Phase, Prepared, Reached, Rollout, Severity, Target, Verb};
use gonogo::sandbox::kubernetes::ADMIN_TOKEN;

use super::front::Act;
use super::stage::{Kind, Stage, TAGS};

/// A fault, by name.
pub(crate) type Blow = (&'static str, Act);

/// What can happen to a look.
const LOOKS: &[Blow] = &[
    ("closed before an answer", Act::Close),
    ("reset before an answer", Act::Reset),
    ("401", Act::Answer(401, None, r#"{"message":"401 Unauthorized"}"#)),
    ("403", Act::Answer(403, None, r#"{"message":"403 Forbidden"}"#)),
    ("429", Act::Answer(429, Some(("retry-after", "30")), r#"{"message":"Too Many Requests"}"#)),
    ("500", Act::Answer(500, None, r#"{"message":"500 Internal Server Error"}"#)),
    ("502 of a proxy", Act::Answer(502, None, "<html><body>Bad Gateway</body></html>")),
    ("503", Act::Answer(503, Some(("retry-after", "5")), "")),
    ("302 to a login", Act::Answer(302, Some(("location", "/login?from=%2F")), "")),
    ("a login page with 200", Act::Answer(200, None, "<html><form action=\"/login\"></form></html>")),
    ("200 that is no JSON", Act::Answer(200, None, "{\"items\": [")),
    ("200 without a body", Act::Answer(200, None, "")),
    ("200 that is JSON of another kind", Act::Answer(200, None, "42")),
    ("200 that is null", Act::Answer(200, None, "null")),
    ("half a body", Act::Half),
];

/// What can happen to a write.
const WRITES: &[Blow] = &[
    ("closed before it arrived", Act::Close),
    ("reset before it arrived", Act::Reset),
    ("401", Act::Answer(401, None, r#"{"message":"401 Unauthorized"}"#)),
    ("403", Act::Answer(403, None, r#"{"message":"403 Forbidden"}"#)),
    ("404", Act::Answer(404, None, r#"{"message":"404 Not found"}"#)),
    ("409", Act::Answer(409, None, r#"{"message":"409 Conflict"}"#)),
    ("422", Act::Answer(422, None, r#"{"message":"no"}"#)),
    ("429", Act::Answer(429, Some(("retry-after", "30")), r#"{"message":"Too Many Requests"}"#)),
    ("500", Act::Answer(500, None, "")),
    ("302 to a login", Act::Answer(302, Some(("location", "/login?from=%2F")), "")),
    ("307 to another host", Act::Answer(307, Some(("location", "http://127.0.0.1:1/elsewhere")), "")),
    ("closed after it took effect", Act::CloseAfter),
    ("reset after it took effect", Act::ResetAfter),
    ("502 after it took effect", Act::BadGatewayAfter),
];

/// How many seconds of the world something is waited for.
const SECONDS: usize = 180;

type Check = for<'a> fn(&'a Stage, Act) -> BoxFuture<'a, Result<(), String>>;

/// A clause, with the faults that it must be kept under; none for a quiet day.
pub(crate) struct Clause {
    pub(crate) name: &'static str,
    pub(crate) blows: &'static [Blow],
    /// Whether every fault needs a world of its own: a write leaves its traces.
    pub(crate) worlds: Worlds,
    pub(crate) check: Check,
}

/// How many worlds a clause takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worlds {
    One,
    EachItsOwn,
}

const QUIET: &[Blow] = &[("", Act::Half)];

const fn quiet(name: &'static str, check: Check) -> Clause {
    Clause { name, blows: QUIET, worlds: Worlds::One, check }
}

pub(crate) const CLAUSES: &[Clause] = &[
    quiet("a look tells what runs and what was before", |s, _| Box::pin(looked(s))),
    quiet("two plans in an unmoved world are the same", |s, _| Box::pin(same(s))),
    quiet("promoted, and seen to run", |s, _| Box::pin(promoted(s))),
    quiet("rolled back, and seen to run", |s, _| Box::pin(rolled_back(s))),
    quiet("changed by another meanwhile: noticed", |s, _| Box::pin(moved(s))),
    quiet("what it cannot do it refuses", |s, _| Box::pin(foreign(s))),
    Clause { name: "look", blows: LOOKS, worlds: Worlds::One, check: |s, a| Box::pin(look_struck(s, a)) },
    Clause { name: "plan", blows: LOOKS, worlds: Worlds::One, check: |s, a| Box::pin(plan_struck(s, a)) },
    Clause {
        name: "promotion",
        blows: WRITES,
        worlds: Worlds::EachItsOwn,
        check: |s, a| Box::pin(write_struck(s, a)),
    },
];

/// Whether a kind can be struck in this way: programs are asked by no server.
pub(crate) fn applies(clause: &Clause, kind: Kind) -> bool {
    kind != Kind::Command || clause.blows.len() == QUIET.len()
}

fn ensure(holds: bool, why: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.into()) }
}

fn discreet(fault: &Fault) -> Result<(), String> {
    let said = format!("{fault} {fault:?}");
    ensure(!said.contains(ADMIN_TOKEN), format!("a credential was said: {said}"))
}

async fn looked(stage: &Stage) -> Result<(), String> {
    let rollout = stage.look().await.map_err(|fault| fault.to_string())?;
    ensure(rollout.phase == Phase::Done, format!("{:?}", rollout.phase))?;
    ensure(rollout.target.label() == TAGS[1], format!("{:?}", rollout.target))?;
    let running: Vec<_> = rollout.running.iter().map(|r| r.artifact.label()).collect();
    ensure(running == [TAGS[1]], format!("{running:?}"))?;
    let ready: u32 = rollout.running.iter().map(|r| r.ready).sum();
    ensure(ready == rollout.replicas.desired, format!("{ready} of {}", rollout.replicas.desired))?;
    let before = rollout.previous().map(|r| r.artifact.label().to_owned());
    ensure(before.as_deref() == Some(TAGS[0]) || stage.kind == Kind::Command, format!("{before:?}"))
}

async fn plan(stage: &Stage, intent: &gonogo::domain::Intent) -> Result<Prepared, String> {
    let plan = stage.provider.prepare(intent).await.map_err(|fault| format!("no plan: {fault}"))?;
    let blocking = plan.hazards.iter().find(|h| h.severity == Severity::Blocking);
    ensure(blocking.is_none(), format!("{blocking:?}"))?;
    Ok(plan)
}

async fn same(stage: &Stage) -> Result<(), String> {
    for intent in [stage.promotion(), stage.way_back().await] {
        let (one, two) = (plan(stage, &intent).await?, plan(stage, &intent).await?);
        ensure(one.basis == two.basis, format!("{:?} and {:?}", one.basis, two.basis))?;
        ensure(one.steps == two.steps, "the requests differ")?;
        ensure(!one.basis.is_empty(), "it rests on nothing")?;
    }
    ensure(stage.applied() == 0, "a plan wrote something")
}

/// Looks until something can be seen, a second of the world apart.
async fn until(stage: &Stage, what: &str, seen: impl Fn(&Rollout) -> bool) -> Result<(), String> {
    let mut last = String::new();
    stage.unwatched().await;
    for _ in 0..SECONDS {
        match stage.look().await {
            Ok(rollout) if seen(&rollout) => return Ok(()),
            Ok(rollout) => last = format!("{:?}, {:?}", rollout.phase, rollout.running),
            Err(fault) => last = fault.to_string(),
        }
        stage.pass(1);
    }
    Err(format!("{what} was never seen; last: {last}"))
}

/// That a version is asked for and serves: alone, or where changes go in steps beside the other.
async fn arrives(stage: &Stage, tag: &str) -> Result<(), String> {
    let in_steps = stage.kind.in_steps();
    until(stage, tag, |rollout| {
        let (ours, others): (Vec<_>, Vec<_>) =
            rollout.running.iter().filter(|r| r.ready > 0).partition(|r| r.artifact.label() == tag);
        let whole =
            in_steps || (others.is_empty() && matches!(rollout.phase, Phase::Done | Phase::RolledBack));
        rollout.target.label() == tag && !ours.is_empty() && whole
    })
    .await
}

async fn carried_out(stage: &Stage, plan: &Prepared, tag: &str) -> Result<(), String> {
    stage.carry_out(plan).await.map_err(|fault| format!("not accepted: {fault}"))?;
    ensure(stage.applied() == plan.steps.len(), format!("{} writes", stage.applied()))?;
    arrives(stage, tag).await?;
    ensure(stage.applied() == plan.steps.len(), "something was sent later")
}

async fn promoted(stage: &Stage) -> Result<(), String> {
    let plan = plan(stage, &stage.promotion()).await?;
    carried_out(stage, &plan, TAGS[2]).await
}

async fn rolled_back(stage: &Stage) -> Result<(), String> {
    let plan = plan(stage, &stage.way_back().await).await?;
    carried_out(stage, &plan, TAGS[0]).await
}

async fn moved(stage: &Stage) -> Result<(), String> {
    let intent = stage.promotion();
    let old = plan(stage, &intent).await?;
    stage.by_another(0).await;
    stage.pass(5);
    if let Ok(fresh) = stage.provider.prepare(&intent).await {
        ensure(fresh.basis != old.basis, "the second look noticed nothing")?;
    }
    if !matches!(old.guard, Guard::Server(_)) {
        return Ok(());
    }
    // Sent all the same, as if the change had come after the second look.
    ensure(stage.carry_out(&old).await.is_err(), "the server took a plan for another world")?;
    ensure(stage.applied() == 0, "it had an effect")
}

async fn foreign(stage: &Stage) -> Result<(), String> {
    for verb in [Verb::Approve, Verb::Reject, Verb::Rerun, Verb::Cancel] {
        let refused = stage.provider.prepare(&stage.intent(verb, Target::Rollout)).await;
        ensure(refused.is_err(), format!("it plans to {}", verb.word()))?;
    }
    let mut nowhere = stage.way_back().await;
    if let Target::Revision { id, .. } = &mut nowhere.target {
        *id = "there-is-none".into();
    }
    let unknown = stage.provider.prepare(&nowhere).await;
    // Swarm goes back by image to what it does not remember; it says so.
    let told = unknown.as_ref().is_ok_and(|plan| !plan.hazards.is_empty());
    ensure(unknown.is_err() || told, "it goes back to what there is not")?;
    let mut elsewhere = stage.promotion();
    elsewhere.place = Some(gonogo::domain::Place::new("web", "staging"));
    ensure(stage.provider.prepare(&elsewhere).await.is_err(), "it plans for a place that is not its own")?;
    ensure(stage.applied() == 0, "something was sent")
}

async fn look_struck(stage: &Stage, act: Act) -> Result<(), String> {
    let front = stage.front().ok_or("no server")?;
    front.strike_looks(Some(act));
    let look = stage.look().await;
    front.strike_looks(None);
    match look {
        Ok(rollout) => return Err(format!("it went unnoticed: {:?}", rollout.phase)),
        Err(fault) => discreet(&fault)?,
    }
    until(stage, "the target, once the server is well again", |_| true).await?;
    ensure(front.heard().is_empty(), "a look wrote something")
}

async fn plan_struck(stage: &Stage, act: Act) -> Result<(), String> {
    let front = stage.front().ok_or("no server")?;
    for intent in [stage.promotion(), stage.way_back().await] {
        front.strike_looks(Some(act));
        let plan = stage.provider.prepare(&intent).await;
        front.strike_looks(None);
        match plan {
            Ok(_) => return Err(format!("there is a plan to {}", intent.verb.word())),
            Err(fault) => discreet(&fault)?,
        }
    }
    let sent: Vec<_> = front.heard().into_iter().map(|heard| heard.path).collect();
    ensure(sent.is_empty(), format!("something was sent: {sent:?}"))
}

async fn write_struck(stage: &Stage, act: Act) -> Result<(), String> {
    let front = stage.front().ok_or("no server")?;
    let plan = plan(stage, &stage.promotion()).await?;
    let first = plan.steps.first().ok_or("no request")?;
    front.strike_write(act);
    let fault = match stage.provider.perform(first).await {
        Ok(receipt) => return Err(format!("taken for accepted: {receipt:?}")),
        Err(fault) => fault,
    };
    discreet(&fault)?;
    ensure(front.heard().len() == 1, format!("{:?} arrived", front.heard()))?;
    let after = matches!(act, Act::CloseAfter | Act::ResetAfter | Act::BadGatewayAfter);
    ensure((front.applied() == 1) == after, "the world says otherwise")?;
    ensure(!after || fault.reached == Reached::Perhaps, format!("called impossible: {fault:?}"))?;
    // What came of it is found out by looking. The first request of several changes nothing that serves.
    let alone = plan.steps.len() == 1;
    arrives(stage, if after && alone { TAGS[2] } else { TAGS[1] }).await
}
