//! GO or NO-GO: the judgement on a service from what is known of it. Pure rules; each verdict has its reasons.
//!
//! No evidence is UNKNOWN and never GO; a stage that nothing is configured for is not watched and neither
//! blocks nor counts.

pub mod compare;
pub mod lane;
mod place;
mod planned;
pub mod provenance;
mod runs;
pub mod tested;
mod version;
pub mod way_back;

use std::time::Duration;

use super::people::{TwoPerson, hopeless_gate};
use super::pipeline::{Gate, MayDecide, WaitsFor};
use super::rollout::Artifact;
use super::time::{ago, spoken};
use super::verdict::Standing;
use super::{
    Assessment, EnvironmentName, Mark, Now, Reason, SafeText, Seen, Service, SourceName, Span, Stage,
    Verdict, World,
};

pub use place::number;
pub use runs::{stage_of, usual};
pub use version::{coming_from, newer, span};

/// Evidence that no environment's rules govern is stale when it is older than this.
pub const STALE: Duration = Duration::from_secs(90);

/// Judges one service. `gates` are those of this service.
#[must_use]
pub fn assess(service: &Service, gates: &[&Seen<Gate>], world: &World, now: Now) -> Assessment {
    let mut case = Case { service, world, now, marks: [Mark::NotWatched; 8], reasons: Vec::new() };
    let standings = place::judge(&mut case, gates);
    planned::judge(&mut case);
    runs::judge(&mut case, &standings);
    code(&mut case, &standings);
    gates_mark(&mut case, gates);
    lane::judge(&mut case, gates);
    let mut reasons = case.reasons;
    reasons.sort_by(|a, b| b.verdict.cmp(&a.verdict).then(a.stage.cmp(&b.stage)));
    let marks = case.marks;
    let verdict = marks.iter().copied().zip(Stage::ALL).filter_map(counts).max().unwrap_or(Verdict::Unknown);
    let waits_on = waits_on(&marks, &reasons, gates, now);
    Assessment { verdict, marks, reasons, standings, waits_on }
}

/// What a stage contributes to the service's verdict. A build or test that is under way does not hold what runs; that
/// nothing is frozen is no evidence that anything is well.
fn counts((mark, stage): (Mark, Stage)) -> Option<Verdict> {
    match (mark, stage) {
        (Mark::Running(_), Stage::Build | Stage::Test | Stage::Release) => None,
        (Mark::Judged(Verdict::Go), Stage::Plan) => None,
        (mark, _) => mark.verdict(),
    }
}

/// One judgement under way.
struct Case<'a> {
    service: &'a Service,
    world: &'a World,
    now: Now,
    marks: [Mark; 8],
    reasons: Vec<Reason>,
}

impl Case<'_> {
    /// Worsens a stage's mark, and says why.
    fn say(&mut self, stage: Stage, environment: Option<&EnvironmentName>, mark: Mark, text: &str) {
        self.mark(stage, mark);
        if let Some(verdict) = mark.verdict().filter(|v| *v != Verdict::Go) {
            let text = SafeText::new(text);
            self.reasons.push(Reason { stage, environment: environment.cloned(), verdict, text });
        }
    }

    /// Says what speaks neither for nor against it, but should be known.
    fn note(&mut self, stage: Stage, environment: Option<&EnvironmentName>, text: &str) {
        let text = SafeText::new(text);
        self.reasons.push(Reason { stage, environment: environment.cloned(), verdict: Verdict::Go, text });
    }

    /// Worsens a stage's mark: a worse verdict wins, any judgement wins over none.
    fn mark(&mut self, stage: Stage, mark: Mark) {
        let Some(slot) = self.marks.get_mut(stage as usize) else { return };
        let rank = |m: Mark| match m {
            Mark::NotWatched => 0,
            Mark::Judged(Verdict::Go) => 1,
            Mark::Ahead => 2,
            Mark::Running(_) => 3,
            Mark::Waiting => 4,
            Mark::Judged(Verdict::Hold) => 5,
            Mark::Judged(Verdict::Unknown) => 6,
            Mark::Judged(Verdict::NoGo) => 7,
        };
        if rank(mark) > rank(*slot) {
            *slot = mark;
        }
    }

    /// Why `source`'s word on this service cannot be used now, if it cannot: it fails, never answered, or is stale.
    fn unusable(&self, source: &SourceName, limit: Duration) -> Option<String> {
        let age = self.world.age(source, &self.service.name, self.now);
        let fault = self.world.fault(source, &self.service.name);
        match (age, fault) {
            (None, Some(fault)) => Some(format!("{source}: {fault}")),
            (None, None) => Some(format!("{source} has not answered yet")),
            (Some(age), Some(fault)) if age > limit => Some(format!("{source} {} old: {fault}", spoken(age))),
            (Some(age), None) if age > limit => Some(format!("{source} is stale: {} old", spoken(age))),
            _ => None,
        }
    }
}

fn code(case: &mut Case<'_>, standings: &[Standing]) {
    let Some(source) = &case.service.code else { return };
    if let Some(why) = case.unusable(source, STALE) {
        return case.say(Stage::Code, None, Mark::Judged(Verdict::Unknown), &why);
    }
    let Some(repository) = case.world.repository(case.service) else {
        let why = format!("{source} knows nothing of this repository");
        return case.say(Stage::Code, None, Mark::Judged(Verdict::Unknown), &why);
    };
    case.mark(Stage::Code, Mark::Judged(Verdict::Go));
    for standing in standings {
        let Some(span) = standing_span(standing) else { continue };
        match repository.value.changes.get(&span) {
            Some(Err(fault)) => {
                let why = format!("no change set {} → {}: {}", span.base, span.head, fault.detail);
                case.say(Stage::Code, Some(&standing.environment), Mark::Judged(Verdict::Unknown), &why);
            }
            Some(Ok(changes)) if changes.lost > 0 => {
                let why = format!("{} lacks {} commit(s) that run now", span.head, changes.lost);
                case.say(Stage::Code, Some(&standing.environment), Mark::Judged(Verdict::Hold), &why);
            }
            _ => {}
        }
    }
}

/// The change set that matters in an environment: from what runs to what would come.
#[must_use]
pub fn standing_span(standing: &Standing) -> Option<Span> {
    span(standing.live.as_ref()?, standing.coming.as_ref()?)
}

fn gates_mark(case: &mut Case<'_>, gates: &[&Seen<Gate>]) {
    for gate in gates {
        let gate = &gate.value;
        let text = match gate.waits_for {
            WaitsFor::Start => continue,
            WaitsFor::Human => format!("{} waits for approval", gate.title),
            WaitsFor::Timer => format!("{} waits for its timer", gate.title),
            WaitsFor::OtherSystem => format!("{} waits for another system", gate.title),
        };
        case.say(Stage::Release, gate.environment.as_ref(), Mark::Waiting, &text);
        if let Some(why) = hopeless(case.service, gate) {
            case.say(Stage::Release, gate.environment.as_ref(), Mark::Judged(Verdict::Hold), &why);
        }
        if case.marks.get(Stage::Deploy as usize).is_some_and(|m| *m == Mark::Judged(Verdict::Go)) {
            case.mark(Stage::Deploy, Mark::Ahead);
        }
    }
}

/// Why a gate cannot be passed by anybody under the two-person rule, as far as the gate itself tells.
fn hopeless(service: &Service, gate: &Gate) -> Option<String> {
    let environment = service.environment(gate.environment.as_ref()?)?;
    let asks = environment.policy.people == TwoPerson::Required && gate.waits_for == WaitsFor::Human;
    let why = asks.then(|| hopeless_gate(gate.asked_by.as_ref(), &gate.reviewers)).flatten()?;
    Some(format!("{}: {why}", gate.title))
}

fn waits_on(marks: &[Mark; 8], reasons: &[Reason], gates: &[&Seen<Gate>], now: Now) -> Option<SafeText> {
    if let Some(reason) = reasons.first().filter(|r| r.verdict == Verdict::NoGo) {
        return Some(reason.text.clone());
    }
    if let Some(gate) = gates.iter().find(|g| g.value.waits_for != WaitsFor::Start) {
        return Some(SafeText::new(&gate_words(&gate.value, now)));
    }
    if let Some(reason) = reasons.first().filter(|r| r.verdict == Verdict::Unknown) {
        return Some(reason.text.clone());
    }
    let running = marks.iter().zip(Stage::ALL).rev().find_map(|(mark, stage)| match mark {
        Mark::Running(Some(percent)) => Some(format!("{} {percent} %", stage.word().to_ascii_lowercase())),
        Mark::Running(None) => Some(stage.word().to_ascii_lowercase()),
        _ => None,
    });
    let holds = || reasons.first().filter(|r| r.verdict != Verdict::Go).map(|r| r.text.clone());
    running.map(|r| SafeText::new(&r)).or_else(holds)
}

/// `approval, you · 4 min`.
fn gate_words(gate: &Gate, now: Now) -> String {
    let since = gate.since.map(|s| format!(" · {}", spoken(ago(now.wall, s)))).unwrap_or_default();
    match (gate.waits_for, &gate.may_decide) {
        (WaitsFor::Timer, _) => {
            let left = gate.timer.map(|t| spoken(ago(t, now.wall))).unwrap_or_default();
            format!("timer, {left} left")
        }
        (WaitsFor::OtherSystem, _) => format!("another system{since}"),
        (WaitsFor::Start, _) => format!("a maintainer{since}"),
        (WaitsFor::Human, MayDecide::Yes) => format!("approval, you{since}"),
        (WaitsFor::Human, _) => {
            let who = gate.reviewers.first().map_or("somebody", SafeText::as_str);
            format!("approval, {who}{since}")
        }
    }
}

/// What a gate would ship: the tag on its commit, the run's tag, or the commit.
#[must_use]
pub fn gate_artifact(gate: &Gate, service: &Service, world: &World) -> Artifact {
    let tag = world.repository(service).and_then(|r| r.value.tag_of(&gate.revision).map(|t| t.name.clone()));
    let version = tag.or_else(|| gate.branch.clone().filter(|b| newer::is_version(b.as_str())));
    Artifact { version, revision: Some(gate.revision.clone()), ..Artifact::default() }
}

#[cfg(test)]
mod tests;
