//! The rules of the verdict, by tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::health::{BadWhen, Reading, Signal, Thresholds};
use super::super::name::Place;
use super::super::observation::{Observation, Report};
use super::super::rollout::{Artifact, Phase, Replicas, Rollout, Running};
use super::super::service::{Environment, Policy, Service};
use super::super::*;
use super::*;

fn service() -> Service {
    let source = |s: &str| SourceName::new(s);
    Service {
        name: ServiceName::new("web"),
        code: None,
        pipeline: None,
        stages: Vec::new(),
        environments: vec![Environment {
            name: EnvironmentName::new("production"),
            deploy: Some(source("prod")),
            live: None,
            dispatch: None,
            owner: None,
            manifests: None,
            image: None,
            signals: vec![("error-rate".into(), source("prometheus"))],
            alerts: None,
            policy: Policy::default(),
        }],
    }
}

fn rollout(phase: Phase, available: u32) -> Rollout {
    let target = Artifact::from_reference("r/web:v2@sha256:bb");
    Rollout {
        workload: "deployment/web".into(),
        host: "test".into(),
        phase,
        replicas: Replicas { desired: 4, updated: available, available, total: 4, restarts: 0 },
        running: vec![Running { artifact: target.clone(), ready: available }],
        target,
        revisions: Vec::new(),
        began: None,
        took: None,
        steps: None,
        patience: None,
        restart: None,
        signs: Vec::new(),
        owner: None,
        remarks: Vec::new(),
    }
}

fn signal(reading: Reading) -> Signal {
    let thresholds = Thresholds { bad_when: BadWhen::Above, hold: Some(1.0), no_go: Some(2.0) };
    Signal {
        name: "error-rate".into(),
        unit: "%".into(),
        thresholds,
        reading,
        series: None,
        split: None,
        budget: None,
    }
}

fn report(source: &str, at: Now, observation: Observation) -> Report {
    Report {
        source: SourceName::new(source),
        epoch: 1,
        began: at,
        at,
        next: Duration::from_secs(5),
        result: Ok(Arc::new(observation)),
    }
}

fn world(rollout: Option<Rollout>, signal: Option<Signal>) -> World {
    let (prod, prometheus) = (SourceName::new("prod"), SourceName::new("prometheus"));
    let mut world = World::of([&prod, &prometheus]);
    let place = Place::new("web", "production");
    if let Some(rollout) = rollout {
        let rollouts = BTreeMap::from([(place.clone(), rollout.into())]);
        world.absorb(&report("prod", Now::START, Observation { rollouts, ..Observation::default() }));
    }
    if let Some(signal) = signal {
        let signals = BTreeMap::from([(place, vec![signal])]);
        world.absorb(&report("prometheus", Now::START, Observation { signals, ..Observation::default() }));
    }
    world
}

#[test]
fn the_verdict_follows_the_worst_evidence() {
    let value = |v| Some(signal(Reading::Value(v)));
    for (name, rollout, signal, verdict) in [
        ("all well", Some(rollout(Phase::Done, 4)), value(0.1), Verdict::Go),
        ("a signal at hold", Some(rollout(Phase::Done, 4)), value(1.0), Verdict::Hold),
        ("a signal at no-go", Some(rollout(Phase::Done, 4)), value(2.5), Verdict::NoGo),
        (
            "no number",
            Some(rollout(Phase::Done, 4)),
            Some(self::signal(Reading::Unknown("empty".into()))),
            Verdict::Unknown,
        ),
        ("signal never answered", Some(rollout(Phase::Done, 4)), None, Verdict::Unknown),
        ("target never answered", None, value(0.1), Verdict::Unknown),
        (
            "rollout under way",
            Some(rollout(Phase::Progressing("1 of 4".into()), 1)),
            value(0.1),
            Verdict::Hold,
        ),
        ("rollout paused", Some(rollout(Phase::Paused("by hand".into()), 1)), value(0.1), Verdict::Hold),
        ("rollout failed", Some(rollout(Phase::Failed("deadline".into()), 1)), value(0.1), Verdict::NoGo),
        ("replicas missing at rest", Some(rollout(Phase::Done, 3)), value(0.1), Verdict::NoGo),
        ("scaled to zero", Some(rollout(Phase::ScaledToZero, 4)), value(0.1), Verdict::Hold),
    ] {
        let assessment = assess(&service(), &[], &world(rollout, signal), Now::START);
        assert_eq!(assessment.verdict, verdict, "{name}: {:?}", assessment.reasons);
        assert_eq!(assessment.verdict == Verdict::Go, assessment.reasons.is_empty(), "{name}");
    }
}

#[test]
fn stale_evidence_is_unknown_at_the_limit_and_not_before() {
    let world = world(Some(rollout(Phase::Done, 4)), Some(signal(Reading::Value(0.1))));
    let limit = Policy::default().max_age;
    for (age, verdict) in [
        (limit - Duration::from_millis(1), Verdict::Go),
        (limit, Verdict::Go),
        (limit + Duration::from_millis(1), Verdict::Unknown),
    ] {
        let now = Now::START.plus(age);
        assert_eq!(assess(&service(), &[], &world, now).verdict, verdict, "{age:?}");
    }
}

#[test]
fn a_service_that_nothing_watches_is_unknown_not_go() {
    let bare = Service { environments: Vec::new(), ..service() };
    assert_eq!(assess(&bare, &[], &World::default(), Now::START).verdict, Verdict::Unknown);
}

#[test]
fn a_failing_source_keeps_what_was_seen_until_it_is_stale() {
    let mut world = world(Some(rollout(Phase::Done, 4)), Some(signal(Reading::Value(0.1))));
    let mut failed = report("prod", Now::START.plus(Duration::from_secs(5)), Observation::default());
    failed.result = Err(Fault::new(Cause::Unreachable, "connection refused"));
    world.absorb(&failed);
    let soon = assess(&service(), &[], &world, Now::START.plus(Duration::from_secs(6)));
    assert_eq!(soon.verdict, Verdict::Go);
    let later = assess(&service(), &[], &world, Now::START.plus(Duration::from_secs(61)));
    assert_eq!(later.verdict, Verdict::Unknown);
    assert!(
        later.reasons.iter().any(|r| r.text.as_str().contains("connection refused")),
        "{:?}",
        later.reasons
    );
}

#[test]
fn what_comes_is_what_the_environment_before_runs_unless_it_is_older() {
    let artifact = Artifact::from_reference;
    for (before, live, coming) in [
        ("r/web:v2.1.0", "r/web:v2.0.0", true),
        ("r/web:v2.0.0", "r/web:v2.0.0", false),
        ("r/web:v1.9.0", "r/web:v2.0.0", false),
        ("r/web:abc1234", "r/web:def5678", true),
    ] {
        assert_eq!(coming_from(&artifact(before), &artifact(live)).is_some(), coming, "{before} {live}");
    }
}

#[test]
fn numbers_show_the_digits_that_help() {
    for (value, unit, text) in [
        (4.123, "%", "4.12 %"),
        (231.4, "ms", "231 ms"),
        (0.0, "%", "0 %"),
        (12.34, "", "12.3"),
        (2.0, "%", "2 %"),
    ] {
        assert_eq!(place::number(value, unit), text);
    }
}

#[test]
fn a_freeze_holds_the_service_and_not_the_health_of_its_environment() {
    use super::super::freeze::{Window, Zone};
    let window = Window::read("Fri 16:00", "Mon 08:00").unwrap();
    let weekend =
        Freeze { window, zone: Zone::named("Europe/Berlin").unwrap(), reason: Some("weekend".into()) };
    let mut service = service();
    service.environments[0].policy.freeze = vec![weekend];
    let mut world = world(None, None);
    for (wall, verdict, mark, reason) in [
        ("2026-11-19T14:59:00Z", Verdict::Go, Mark::Judged(Verdict::Go), None),
        (
            "2026-11-20T14:59:59Z",
            Verdict::Go,
            Mark::Judged(Verdict::Go),
            Some("production: freeze begins Fri 20 Nov 16:00 Europe/Berlin: weekend"),
        ),
        (
            "2026-11-20T15:00:00Z",
            Verdict::Hold,
            Mark::Judged(Verdict::Hold),
            Some("production: frozen until Mon 23 Nov 08:00 Europe/Berlin: weekend"),
        ),
    ] {
        let now = Now { wall: wall.parse().unwrap(), mono: Duration::from_secs(5) };
        let place = Place::new("web", "production");
        let rollouts = BTreeMap::from([(place.clone(), rollout(Phase::Done, 4).into())]);
        world.absorb(&report("prod", now, Observation { rollouts, ..Observation::default() }));
        let signals = BTreeMap::from([(place, vec![signal(Reading::Value(0.1))])]);
        world.absorb(&report("prometheus", now, Observation { signals, ..Observation::default() }));
        let assessment = assess(&service, &[], &world, now);
        assert_eq!((assessment.verdict, assessment.mark(Stage::Plan)), (verdict, mark), "{wall}");
        assert_eq!(assessment.standings[0].verdict, Verdict::Go, "{wall}");
        let said: Vec<&str> = assessment.reasons.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(said, Vec::from_iter(reason), "{wall}");
        let waits = (verdict == Verdict::Hold).then(|| SafeText::new(reason.unwrap()));
        assert_eq!(assessment.waits_on, waits, "{wall}");
    }
}

#[test]
fn that_nothing_is_frozen_is_no_evidence_that_anything_is_well() {
    use super::super::freeze::{Window, Zone};
    let mut service = service();
    let environment = &mut service.environments[0];
    (environment.deploy, environment.signals) = (None, Vec::new());
    let window = Window::read("22:00", "23:00").unwrap();
    environment.policy.freeze = vec![Freeze { window, zone: Zone::named("UTC").unwrap(), reason: None }];
    let assessment = assess(&service, &[], &World::default(), Now::START);
    assert_eq!(assessment.mark(Stage::Plan), Mark::Judged(Verdict::Go));
    assert_eq!(assessment.verdict, Verdict::Unknown);
}
