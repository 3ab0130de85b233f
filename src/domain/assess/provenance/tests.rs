//! What is a match, what is not, and what nobody can tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::super::code::{Reader, Tag};
use super::super::super::pipeline::{Review, Run, RunKey};
use super::super::super::rollout::{Course, Phase, Replicas, Running, Steps, Strategy};
use super::super::super::service::Policy;
use super::super::super::*;
use super::*;

const COMMIT: &str = "4f2c8b6d4f2c8b6d4f2c8b6d4f2c8b6d4f2c8b6d";

fn environment(name: &str) -> Environment {
    Environment {
        name: EnvironmentName::new(name),
        deploy: Some(SourceName::new("prod")),
        owner: None,
        manifests: None,
        live: None,
        dispatch: None,
        image: None,
        signals: Vec::new(),
        alerts: None,
        policy: Policy::default(),
    }
}

fn service() -> Service {
    Service {
        name: ServiceName::new("web"),
        code: Some(SourceName::new("git")),
        pipeline: Some(SourceName::new("ci")),
        stages: Vec::new(),
        environments: vec![environment("staging"), environment("production")],
    }
}

fn rollout(phase: Phase, running: &[(&str, u32)]) -> Rollout {
    Rollout {
        workload: "deployment/web".into(),
        host: "test".into(),
        phase,
        replicas: Replicas { desired: 4, updated: 4, available: 4, total: 4, restarts: 0 },
        target: Artifact::from_reference("r/web:v2@sha256:aa"),
        running: running
            .iter()
            .map(|(reference, ready)| Running {
                artifact: Artifact::from_reference(reference),
                ready: *ready,
            })
            .collect(),
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

fn run(state: RunState, reviews: Vec<Review>) -> Run {
    let (source, service) = (SourceName::new("ci"), ServiceName::new("web"));
    Run {
        key: RunKey { source, service, id: "7".into() },
        number: 66,
        attempt: 1,
        workflow: "release.yml".into(),
        title: "Release".into(),
        revision: Sha::new(COMMIT),
        branch: None,
        event: "push".into(),
        actor: None,
        state,
        started: None,
        updated: None,
        url: None,
        jobs: Vec::new(),
        reviews,
        tests: None,
    }
}

fn review(decision: Decision, environment: &str) -> Review {
    Review { decision, by: "omar".into(), environments: vec![environment.into()], comment: "".into() }
}

fn world(production: Rollout, staging: Option<Rollout>, runs: Vec<Run>) -> World {
    let places = [("production", Some(production)), ("staging", staging)];
    let rollouts =
        places.into_iter().filter_map(|(name, r)| Some((Place::new("web", name), r?.into()))).collect();
    let tag = Tag { name: "v2".into(), commit: Sha::new(COMMIT), at: None };
    let repository = Repository {
        head: None,
        tip: None,
        branches: Vec::new(),
        tags: vec![tag],
        reader: Reader::Libgit2,
        remarks: Vec::new(),
        changes: BTreeMap::new(),
    };
    let name = ServiceName::new("web");
    let looks = [
        ("prod", Observation { rollouts, ..Observation::default() }),
        (
            "git",
            Observation {
                repositories: BTreeMap::from([(name.clone(), repository)]),
                ..Observation::default()
            },
        ),
        (
            "ci",
            Observation {
                pipelines: BTreeMap::from([(name, Pipeline { runs, ..Pipeline::default() })]),
                ..Observation::default()
            },
        ),
    ];
    let sources = looks.each_ref().map(|(name, _)| SourceName::new(name));
    let mut world = World::of(&sources);
    for (source, observation) in looks {
        world.absorb(&Report {
            source: SourceName::new(source),
            epoch: 1,
            began: Now::START,
            at: Now::START,
            next: Duration::from_secs(5),
            result: Ok(Arc::new(observation)),
        });
    }
    world
}

fn of(world: &World) -> Provenance {
    let service = service();
    of_place(&service, &service.environments[1], world).unwrap()
}

fn said(proof: &Proof) -> String {
    match proof {
        Proof::Match(text) => format!("= {text}"),
        Proof::Mismatch(text) => format!("! {text}"),
        Proof::Unproved(text) => format!("? {text}"),
    }
}

#[test]
fn replicas_match_only_by_one_digest() {
    let moving = || Phase::Progressing("x".into());
    for (phase, running, expected) in [
        (Phase::Done, &[("r/web:v2@sha256:aa", 4)][..], "= 4 × sha256:aa"),
        (
            Phase::Done,
            &[("r/web:v2@sha256:aa", 3), ("r/web:v2@sha256:bb", 1)],
            "! replicas run 3 × sha256:aa, 1 × sha256:bb",
        ),
        (
            moving(),
            &[("r/web:v2@sha256:aa", 3), ("r/web:v1@sha256:bb", 1)],
            "? replicas run 3 × sha256:aa, 1 × sha256:bb",
        ),
        (
            Phase::Done,
            &[("r/web:v2@sha256:aa", 3), ("r/web:v2", 1)],
            "? 1 of 4 replicas do not tell their digest",
        ),
        (Phase::Done, &[("r/web:v2@sha256:cc", 4)], "? all 4 run sha256:cc, sha256:aa is asked for"),
        (Phase::Done, &[("r/web:v2@sha256:aa", 4), ("r/web:v2@sha256:bb", 0)], "= 4 × sha256:aa"),
    ] {
        let world = world(rollout(phase, running), None, Vec::new());
        assert_eq!(said(&of(&world).replicas), expected);
    }
}

#[test]
fn the_other_colour_is_kept_for_a_while_after_the_switch() {
    let kept = [("r/web:v2@sha256:aa", 2), ("r/web:v1@sha256:bb", 2)];
    let colours = |strategy, phase, running: &[(&str, u32)]| {
        let steps = Steps {
            strategy,
            words: Vec::new(),
            at: 2,
            weight: Some(100),
            stable: None,
            course: Course::Over,
            analyses: Vec::new(),
            skips: true,
            doors: Vec::new(),
        };
        of(&world(Rollout { steps: Some(steps), ..rollout(phase, running) }, None, vec![])).replicas
    };
    assert!(matches!(colours(Strategy::BlueGreen, Phase::Done, &kept), Proof::Match(_)));
    assert!(matches!(colours(Strategy::Canary, Phase::Done, &kept), Proof::Mismatch(_)));
    let other = [("r/web:v2@sha256:aa", 2), ("r/web:v2@sha256:bb", 2)];
    assert!(matches!(colours(Strategy::BlueGreen, Phase::Done, &other), Proof::Mismatch(_)), "of one tag");
    let foreign = [("r/web:v1@sha256:bb", 2)];
    assert!(!matches!(colours(Strategy::BlueGreen, Phase::Done, &foreign), Proof::Match(_)));
    let said = said(&colours(Strategy::BlueGreen, Phase::Done, &foreign));
    assert!(said.contains("is asked for"), "what runs alone is not left out: {said}");
    let going = colours(Strategy::BlueGreen, Phase::Progressing("1 of 2".into()), &kept);
    assert!(matches!(going, Proof::Unproved(_)));
}

#[test]
fn tested_is_what_passed_on_the_very_commit() {
    let report = TestReport { passed: 9, failed: 2, ..TestReport::default() };
    let failing = Run { tests: Some(report), ..run(RunState::Passed, Vec::new()) };
    let other = Run { revision: Sha::new("aa"), ..run(RunState::Passed, Vec::new()) };
    for (runs, expected) in [
        (vec![run(RunState::Passed, Vec::new())], "= run 66 passed on 4f2c8b6"),
        (vec![run(RunState::Failed("failure".into()), Vec::new())], "! run 66 failed on 4f2c8b6"),
        (vec![run(RunState::Running, Vec::new())], "? run 66 on 4f2c8b6 has not passed yet"),
        (vec![failing], "! 2 tests failed on 4f2c8b6 in run 66"),
        (vec![other], "? no run on 4f2c8b6 is known"),
    ] {
        let world = world(rollout(Phase::Done, &[("r/web:v2@sha256:aa", 4)]), None, runs);
        assert_eq!(said(&of(&world).tested.unwrap()), expected);
    }
    let unnamed = rollout(Phase::Done, &[("r/web:v3@sha256:aa", 4)]);
    let world = world(unnamed, None, vec![run(RunState::Passed, Vec::new())]);
    assert_eq!(said(&of(&world).tested.unwrap()), "? no tag or commit names v3");
}

#[test]
fn approved_is_asked_only_where_anybody_decides() {
    let other = Run {
        revision: Sha::new("aa"),
        ..run(RunState::Passed, vec![review(Decision::Approved, "production")])
    };
    for (runs, expected) in [
        (vec![run(RunState::Passed, Vec::new())], None),
        (vec![run(RunState::Passed, vec![review(Decision::Approved, "staging")])], None),
        (
            vec![run(RunState::Passed, vec![review(Decision::Approved, "production")])],
            Some("= approved by omar"),
        ),
        (
            vec![run(RunState::Passed, vec![review(Decision::Rejected, "production")])],
            Some("! rejected by omar"),
        ),
        (vec![other], Some("? no approval of 4f2c8b6 is known")),
    ] {
        let world = world(rollout(Phase::Done, &[("r/web:v2@sha256:aa", 4)]), None, runs);
        assert_eq!(of(&world).approved.as_ref().map(said).as_deref(), expected);
    }
}

#[test]
fn the_same_version_elsewhere_must_be_the_same_digest() {
    let here = || rollout(Phase::Done, &[("r/web:v2@sha256:aa", 4)]);
    for (staging, expected) in [
        (None, None),
        (Some(&[("r/web:v2@sha256:aa", 1)][..]), Some("= the digest of staging")),
        (Some(&[("r/web:v2@sha256:bb", 1)]), Some("? staging runs sha256:bb by this name")),
        (Some(&[("r/web:v2", 1)]), Some("? not both here and in staging a digest is told")),
        (Some(&[("r/web:v3@sha256:cc", 1)]), None),
    ] {
        let staging = staging.map(|running| rollout(Phase::Done, running));
        let world = world(here(), staging, Vec::new());
        assert_eq!(of(&world).before.as_ref().map(said).as_deref(), expected);
    }
}

#[test]
fn nothing_that_runs_has_no_provenance() {
    let service = service();
    let world = world(rollout(Phase::Done, &[("r/web:v2@sha256:aa", 0)]), None, Vec::new());
    assert_eq!(of_place(&service, &service.environments[1], &world), None);
    assert_eq!(of_place(&service, &service.environments[0], &world), None);
}
