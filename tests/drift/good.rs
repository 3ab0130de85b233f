//! Everything that the cockpit would call good about what a source says: whatever is new here after a change of an
//! answer was made up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gonogo::action::{Judgement, judge};
use gonogo::domain::assess::assess;
use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{
    Environment, Fault, Guard, Intent, Now, Observation, Permission, Policy, Prepared, Promise, Report, Seen,
    Service, Severity, SourceName, Target, Verb, Verdict, World,
};

/// What a source is to the service under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Deploy,
    Pipeline,
    Signals,
    Alerts,
}

/// The service of an observation, as the config would have it.
pub(crate) fn service(source: &str, part: Part) -> Service {
    let source = SourceName::new(source);
    let name = if part == Part::Pipeline { "shop" } else { "web" };
    let of = |wanted: Part| (part == wanted).then(|| source.clone());
    Service {
        name: gonogo::domain::ServiceName::new(name),
        code: None,
        pipeline: of(Part::Pipeline),
        environments: vec![Environment {
            name: gonogo::domain::EnvironmentName::new("production"),
            deploy: of(Part::Deploy),
            live: of(Part::Pipeline),
            dispatch: None,
            owner: None,
            manifests: None,
            image: None,
            signals: of(Part::Signals).map(|s| ("error-rate".into(), s)).into_iter().collect(),
            alerts: of(Part::Alerts),
            policy: Policy { max_age: Duration::from_secs(60), ..Policy::default() },
        }],
        stages: Vec::new(),
    }
}

/// Everything that is said to be fine in an observation.
pub(crate) fn in_sight(source: &str, part: Part, seen: &Observation) -> BTreeSet<String> {
    let mut good = BTreeSet::new();
    for run in seen.pipelines.values().flat_map(|p| &p.runs) {
        if run.state.passed() {
            good.insert(format!("run {}", run.key.id));
        }
        if run.tests.as_ref().is_some_and(|tests| tests.failed == 0) {
            good.insert(format!("tests of {}", run.number));
        }
        for job in &run.jobs {
            if job.state.passed() {
                good.insert(format!("job {}", job.name));
            }
            good.extend(job.steps.iter().filter(|s| s.state.passed()).map(|s| format!("step {}", s.name)));
        }
    }
    good.extend(
        seen.gates
            .iter()
            .filter(|g| g.may_decide == MayDecide::Yes)
            .map(|g| format!("may decide {}", g.title)),
    );
    good.extend(seen.live.keys().map(|place| format!("live in {place}")));
    for (place, signals) in &seen.signals {
        let fine = signals.iter().filter(|s| s.verdict() == Verdict::Go);
        good.extend(fine.map(|s| format!("signal {} of {place}", s.name)));
    }
    for (place, alerts) in &seen.alerts {
        let loud = alerts.iter().filter(|a| a.state == gonogo::domain::AlertState::Firing).count();
        if loud == 0 {
            good.insert(format!("no alert fires in {place}"));
        }
        if alerts.is_empty() {
            good.insert(format!("no alert in {place}"));
        }
    }
    judged(source, part, seen, &mut good);
    good
}

/// What the rules make of it: the verdict, and whether a promise would count as kept.
fn judged(source: &str, part: Part, seen: &Observation, good: &mut BTreeSet<String>) {
    let service = service(source, part);
    let name = SourceName::new(source);
    let later = Now::START.plus(Duration::from_secs(10));
    let mut world = World::of([&name]);
    world.absorb(&Report {
        source: name.clone(),
        epoch: 1,
        began: later,
        at: later,
        next: Duration::from_secs(5),
        result: Ok(Arc::new(seen.clone())),
    });
    let gates: Vec<_> = world.gates().map(|g| Seen { value: g.value.clone(), at: g.at }).collect();
    let gates: Vec<_> = gates.iter().collect();
    if assess(&service, &gates, &world, later).verdict == Verdict::Go {
        good.insert("GO".to_owned());
    }
    for (place, rollout) in &seen.rollouts {
        let intent = Intent {
            verb: Verb::Promote,
            service: place.service.clone(),
            place: Some(place.clone()),
            target: Target::Artifact(rollout.target.clone()),
            source: name.clone(),
            reason: None,
            answers: std::collections::BTreeMap::new(),
        };
        let promised = Promise::Runs { artifact: rollout.target.clone() };
        for (what, promise) in [("runs", promised), ("paused", Promise::Paused)] {
            let prepared = prepared(promise);
            let judgement = judge(&intent, &prepared, Now::START, &service, &world);
            if matches!(judgement, Judgement::Holds(_)) {
                good.insert(format!("verified: {what}"));
            }
        }
    }
}

fn prepared(promise: Promise) -> Prepared {
    Prepared {
        basis: Vec::new(),
        steps: Vec::new(),
        from: None,
        to: None,
        differences: Vec::new(),
        hazards: Vec::new(),
        permission: Permission::Granted,
        guard: Guard::Server("".into()),
        promise,
        deadline: Duration::ZERO,
        way_back: None,
        identity: None,
        people: None,
        form: Vec::new(),
    }
}

/// What a fresh look promises: that one may, that nothing stands in the way, that the digest is proved.
pub(crate) fn in_plan(verb: Verb, prepared: &Result<Prepared, Fault>) -> BTreeSet<String> {
    let Ok(prepared) = prepared else { return BTreeSet::new() };
    let mut good = BTreeSet::new();
    let free = prepared.hazards.iter().all(|h| h.severity != Severity::Blocking);
    if free && !matches!(prepared.permission, Permission::Denied(_)) {
        good.insert(format!("{} may be confirmed", verb.word()));
    }
    if prepared.permission == Permission::Granted {
        good.insert(format!("{} is permitted", verb.word()));
    }
    if prepared.to.as_ref().is_some_and(|to| to.digest.is_some()) {
        good.insert(format!("{} names a digest", verb.word()));
    }
    good
}
