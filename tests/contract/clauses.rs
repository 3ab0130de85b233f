//! The clauses: what each provider must do, and with which faults in its way.

use futures_util::future::BoxFuture;
use gonogo::domain::{Decision, Gate, Observation, Reached, RunState, ServiceName, Target, Verb};
use gonogo::sandbox::{Act, Rule};

use crate::cell::{Cell, SERVICE};

/// A fault, by name.
pub(crate) struct Blow {
    pub(crate) name: &'static str,
    act: fn() -> Act,
    /// Whether the request has had its effect all the same.
    after: bool,
}

type Check = fn(Cell, Option<&'static Blow>) -> BoxFuture<'static, Result<(), String>>;

/// A clause, with the faults that it must be kept under; none for a quiet day.
pub(crate) struct Clause {
    pub(crate) name: &'static str,
    pub(crate) blows: &'static [Blow],
    pub(crate) check: Check,
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Act {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Act::Answer { status, headers, body: body.to_owned() }
}

const fn before(name: &'static str, act: fn() -> Act) -> Blow {
    Blow { name, act, after: false }
}

const fn after(name: &'static str, act: fn() -> Act) -> Blow {
    Blow { name, act, after: true }
}

/// What can happen to a look.
const LOOKS: &[Blow] = &[
    before("closed before an answer", || Act::DropBefore),
    before("reset before an answer", || Act::ResetBefore),
    before("401", || answer(401, &[], r#"{"message":"401 Unauthorized"}"#)),
    before("403", || answer(403, &[], r#"{"message":"403 Forbidden"}"#)),
    before("429", || Act::TooManyRequests { retry_after: 30 }),
    before("429 in plain text", || answer(429, &[("content-type", "text/plain")], "Retry later\n")),
    before("500", || answer(500, &[], r#"{"message":"500 Internal Server Error"}"#)),
    before("502 of a proxy", || answer(502, &[], "<html><body>Bad Gateway</body></html>")),
    before("503", || answer(503, &[("retry-after", "5")], "")),
    before("302 to a login", || answer(302, &[("location", "/login?from=%2F")], "")),
    before("a login page with 200", || Act::LoginPage),
    before("200 that is no JSON", || Act::GarbageJson),
    before("200 without a body", || answer(200, &[], "")),
    before("200 that is JSON of another kind", || answer(200, &[], "42")),
    before("200 that is null", || answer(200, &[], "null")),
    before("half a body", || Act::TruncateBody),
];

/// What can happen to a write.
const WRITES: &[Blow] = &[
    before("closed before it arrived", || Act::DropBefore),
    before("reset before it arrived", || Act::ResetBefore),
    before("401", || answer(401, &[], r#"{"message":"401 Unauthorized"}"#)),
    before("403", || answer(403, &[], r#"{"message":"403 Forbidden"}"#)),
    before("404", || answer(404, &[], r#"{"message":"404 Not found"}"#)),
    before("409", || answer(409, &[], r#"{"message":"409 Conflict"}"#)),
    before("422", || answer(422, &[], r#"{"message":"no"}"#)),
    before("429", || Act::TooManyRequests { retry_after: 30 }),
    before("500", || answer(500, &[], "")),
    before("302 to a login", || answer(302, &[("location", "/login?from=%2F")], "")),
    before("307 to another host", || answer(307, &[("location", "http://127.0.0.1:1/elsewhere")], "")),
    before("a login page with 200", || Act::LoginPage),
    after("closed after it took effect", || Act::DropAfter),
    after("reset after it took effect", || Act::ResetAfter),
    after("502 after it took effect", || Act::BadGatewayAfter),
];

pub(crate) const CLAUSES: &[Clause] = &[
    Clause {
        name: "a gate is found, with what people need to know",
        blows: &[],
        check: |c, _| Box::pin(found(c)),
    },
    Clause {
        name: "two plans in an unmoved world are the same",
        blows: &[],
        check: |c, _| Box::pin(same(c)),
    },
    Clause {
        name: "approved with the right requests, and proved",
        blows: &[],
        check: |c, _| Box::pin(approved(c)),
    },
    Clause {
        name: "rejected and proved, or said why it cannot be",
        blows: &[],
        check: |c, _| Box::pin(rejected(c)),
    },
    Clause { name: "cancelled, and proved", blows: &[], check: |c, _| Box::pin(cancelled(c)) },
    Clause { name: "decided by another first: no plan", blows: &[], check: |c, _| Box::pin(late(c)) },
    Clause {
        name: "decided by another while the plan was read",
        blows: &[],
        check: |c, _| Box::pin(moved(c)),
    },
    Clause { name: "what it cannot do it refuses", blows: &[], check: |c, _| Box::pin(foreign(c)) },
    Clause { name: "look", blows: LOOKS, check: |c, blow| Box::pin(look_struck(c, blow)) },
    Clause { name: "plan", blows: LOOKS, check: |c, blow| Box::pin(plan_struck(c, blow)) },
    Clause { name: "approval", blows: WRITES, check: |c, blow| Box::pin(write_struck(c, blow)) },
];

fn ensure(holds: bool, why: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.into()) }
}

async fn found(cell: Cell) -> Result<(), String> {
    let gate = cell.gate().await?;
    ensure(gate.environment.is_some(), "the gate guards no environment of ours")?;
    ensure(gate.since.is_some(), "since when it waits is not told")?;
    ensure(gate.revision.as_str().len() == 40, format!("its commit is {:?}", gate.revision))?;
    ensure(gate.run_number > 0, "its run has no number")?;
    let seen = cell.look().await.map_err(|fault| fault.to_string())?;
    let runs = &seen.pipelines.get(&ServiceName::new(SERVICE)).ok_or("no pipeline")?.runs;
    ensure(runs.len() == 2, format!("{} runs, not two", runs.len()))?;
    let run = runs.iter().find(|run| run.key == gate.key.run).ok_or("the gate's run is not listed")?;
    ensure(run.state == RunState::WaitingForHuman, format!("the run is {:?}", run.state))?;
    let wanted = cell.under.jobs;
    ensure(run.jobs.len() >= wanted.len(), format!("{} jobs", run.jobs.len()))?;
    let order: Vec<usize> = wanted
        .iter()
        .filter_map(|name| run.jobs.iter().position(|job| job.name.as_str().contains(name)))
        .collect();
    ensure(order.len() == wanted.len() && order.is_sorted(), format!("jobs out of order: {:?}", names(run)))?;
    ensure(runs.iter().any(|run| run.state == RunState::Passed), "the run that passed is not seen as passed")
}

fn names(run: &gonogo::domain::Run) -> Vec<&str> {
    run.jobs.iter().map(|job| job.name.as_str()).collect()
}

async fn same(cell: Cell) -> Result<(), String> {
    let (_, intent, one) = cell.approval().await?;
    let two = cell.provider.prepare(&intent).await.map_err(|fault| fault.to_string())?;
    ensure(one.basis == two.basis, format!("{:?} and {:?}", one.basis, two.basis))?;
    ensure(one.steps == two.steps, "the requests differ")?;
    ensure(!one.basis.is_empty(), "it rests on nothing")?;
    ensure(cell.writes().is_empty(), "a plan wrote something")
}

fn decided(look: &Observation, gate: &Gate, decision: Decision) -> bool {
    let waits = look.gates.iter().any(|other| other.key == gate.key);
    let runs = look.pipelines.values().flat_map(|pipeline| &pipeline.runs);
    let listed = runs
        .filter(|run| run.key == gate.key.run)
        .flat_map(|run| &run.reviews)
        .any(|review| review.decision == decision && review.environments.contains(&gate.title));
    !waits && listed
}

async fn approved(cell: Cell) -> Result<(), String> {
    let (gate, _, prepared) = cell.approval().await?;
    let count = cell.under.requests;
    ensure(prepared.steps.len() == count, format!("{} requests, not {count}", prepared.steps.len()))?;
    cell.carry_out(&prepared).await.map_err(|fault| format!("not accepted: {fault}"))?;
    ensure(cell.writes().len() == count, format!("{:?}", cell.writes()))?;
    let run = gate.key.run.clone();
    cell.until("the review", &[run], |look| decided(look, &gate, Decision::Approved)).await?;
    let arrived = |look: &Observation| {
        let runs = look.pipelines.values().flat_map(|pipeline| &pipeline.runs);
        runs.filter(|r| r.key == gate.key.run).any(|r| r.state == RunState::Passed)
    };
    cell.until("the end of the run", std::slice::from_ref(&gate.key.run), arrived).await?;
    ensure(cell.writes().len() == count, "something was sent later")
}

async fn rejected(cell: Cell) -> Result<(), String> {
    let gate = cell.gate().await?;
    let intent = Cell::intent(Verb::Reject, &gate, Target::Gate(gate.key.clone()));
    if let Some(why) = &gate.no_reject {
        ensure(!why.is_empty(), "no reason")?;
        ensure(cell.provider.prepare(&intent).await.is_err(), "it is planned all the same")?;
        return ensure(cell.writes().is_empty(), "something was sent");
    }
    let prepared = cell.provider.prepare(&intent).await.map_err(|fault| format!("no plan: {fault}"))?;
    cell.carry_out(&prepared).await.map_err(|fault| format!("not accepted: {fault}"))?;
    let run = gate.key.run.clone();
    cell.until("the rejection", &[run], |look| decided(look, &gate, Decision::Rejected)).await?;
    ensure(
        cell.sandbox.world().running(SERVICE, "production").iter().all(|(tag, _)| tag == "v1.1.0"),
        "it shipped",
    )
}

async fn cancelled(cell: Cell) -> Result<(), String> {
    let gate = cell.gate().await?;
    let intent = Cell::intent(Verb::Cancel, &gate, Target::Run(gate.key.run.clone()));
    let prepared = cell.provider.prepare(&intent).await.map_err(|fault| format!("no plan: {fault}"))?;
    cell.carry_out(&prepared).await.map_err(|fault| format!("not accepted: {fault}"))?;
    ensure(cell.writes().len() == 1, format!("{} writes", cell.writes().len()))?;
    let over = |look: &Observation| {
        let runs = look.pipelines.values().flat_map(|pipeline| &pipeline.runs);
        runs.filter(|run| run.key == gate.key.run).any(|run| run.state.ended() && !run.state.passed())
            && look.gates.iter().all(|other| other.key != gate.key)
    };
    cell.until("the end of the run", std::slice::from_ref(&gate.key.run), over).await
}

async fn late(cell: Cell) -> Result<(), String> {
    let gate = cell.gate().await?;
    ensure(cell.sandbox.world().approve_as("omar", SERVICE, "production"), "omar may not")?;
    let intent = Cell::intent(Verb::Approve, &gate, Target::Gate(gate.key.clone()));
    match cell.provider.prepare(&intent).await {
        Ok(_) => Err("there is a plan".into()),
        Err(fault) => {
            ensure(fault.reached == Reached::No, format!("{fault:?}"))?;
            ensure(cell.writes().is_empty(), "something was sent")
        }
    }
}

async fn moved(cell: Cell) -> Result<(), String> {
    let (gate, intent, prepared) = cell.approval().await?;
    ensure(cell.sandbox.world().approve_as("omar", SERVICE, "production"), "omar may not")?;
    if let Ok(fresh) = cell.provider.prepare(&intent).await {
        ensure(fresh.basis != prepared.basis, "the second look noticed nothing")?;
    }
    // Sent all the same, as if the decision had come after the second look: the server refuses, and nothing is undone.
    let refused = cell.carry_out(&prepared).await;
    ensure(refused.is_err(), "the server took a second approval")?;
    ensure(cell.applied() == 0, format!("{:?}", cell.writes()))?;
    cell.until("omar's review", std::slice::from_ref(&gate.key.run), |look| {
        decided(look, &gate, Decision::Approved)
    })
    .await
}

async fn foreign(cell: Cell) -> Result<(), String> {
    let gate = cell.gate().await?;
    for verb in [Verb::Pause, Verb::Resume, Verb::RollBack] {
        let intent = Cell::intent(verb, &gate, Target::Rollout);
        ensure(cell.provider.prepare(&intent).await.is_err(), format!("it plans to {}", verb.word()))?;
    }
    let other = gonogo::domain::RunKey { id: "987654321".into(), ..gate.key.run.clone() };
    let intent = Cell::intent(Verb::Cancel, &gate, Target::Run(other));
    ensure(cell.provider.prepare(&intent).await.is_err(), "it plans to cancel a run that there is not")?;
    ensure(cell.writes().is_empty(), "something was sent")
}

async fn look_struck(cell: Cell, blow: Option<&'static Blow>) -> Result<(), String> {
    let blow = blow.ok_or("no fault")?;
    let (service, faults) = (ServiceName::new(SERVICE), cell.sandbox.faults());
    faults.add(Rule::always(cell.under.server, (blow.act)()));
    let look = cell.look().await;
    cell.discreet(&format!("{look:?}"))?;
    match &look {
        Err(fault) => cell.discreet(&fault.to_string())?,
        Ok(seen) => {
            let blind = seen.faults.contains_key(&service) || !seen.pipelines.contains_key(&service);
            ensure(blind && seen.gates.is_empty(), "it went unnoticed")?;
        }
    }
    faults.restore(cell.under.server);
    // A server that wanted patience gets it from the runtime, not from the provider: a new look is allowed to ask.
    cell.until("the gate, once the server is well again", &[], |look| !look.gates.is_empty()).await?;
    ensure(cell.writes().is_empty(), "a look wrote something")
}

async fn plan_struck(cell: Cell, blow: Option<&'static Blow>) -> Result<(), String> {
    let blow = blow.ok_or("no fault")?;
    let gate = cell.gate().await?;
    cell.sandbox.faults().add(Rule::always(cell.under.server, (blow.act)()));
    for (verb, target) in [
        (Verb::Approve, Target::Gate(gate.key.clone())),
        (Verb::Reject, Target::Gate(gate.key.clone())),
        (Verb::Cancel, Target::Run(gate.key.run.clone())),
    ] {
        match cell.provider.prepare(&Cell::intent(verb, &gate, target)).await {
            Ok(_) => return Err(format!("there is a plan to {}", verb.word())),
            Err(fault) => cell.discreet(&format!("{fault} {fault:?}"))?,
        }
    }
    let get = |entry: &gonogo::sandbox::Entry| entry.method != "GET" && !entry.path.contains("graphql");
    ensure(!cell.writes().iter().any(get), format!("something was sent: {:?}", cell.writes()))
}

async fn write_struck(cell: Cell, blow: Option<&'static Blow>) -> Result<(), String> {
    let blow = blow.ok_or("no fault")?;
    let (gate, _, prepared) = cell.approval().await?;
    let first = prepared.steps.first().ok_or("no request")?;
    cell.sandbox.faults().add(Rule::once(cell.under.server, (blow.act)()).on("POST", ""));
    let fault = match cell.provider.perform(first).await {
        Ok(receipt) => return Err(format!("taken for accepted: {receipt:?}")),
        Err(fault) => fault,
    };
    cell.discreet(&format!("{fault} {fault:?}"))?;
    ensure(cell.writes().len() == 1, format!("{} requests arrived", cell.writes().len()))?;
    let happened = cell.applied() == 1;
    ensure(happened == blow.after, "the world says otherwise")?;
    ensure(!happened || fault.reached == Reached::Perhaps, format!("called impossible: {fault:?}"))?;
    cell.sandbox.faults().restore(cell.under.server);
    if !happened {
        return ensure(cell.gate().await?.key == gate.key, "the gate is another one");
    }
    // What came of it is found out by looking.
    let counted = |look: &Observation| {
        let runs = look.pipelines.values().flat_map(|pipeline| &pipeline.runs);
        runs.filter(|run| run.key == gate.key.run)
            .flat_map(|run| &run.reviews)
            .any(|review| review.decision == Decision::Approved)
            || look.gates.iter().any(|g| g.quorum.as_ref().is_some_and(|q| q.given > 0))
    };
    cell.until("the approval", std::slice::from_ref(&gate.key.run), counted).await
}
