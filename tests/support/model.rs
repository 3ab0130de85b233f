//! Models to look at: a release day, a thousand services, the first second. Built as the program builds them: a setup,
//! then reports, through `update`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gonogo::app::deed::resume::{Reached, Unfinished};
use gonogo::app::dialog::{Dialog, Field};
use gonogo::app::key::{Key, Pace, Stroke};
use gonogo::app::model::{Model, Overlay, Setup};
use gonogo::app::{Effect, Msg, update};
use gonogo::domain::code::{Breaking, Commit, FileChange, FileDelta, FileKind, Reader, Tag};
use gonogo::domain::health::BadWhen;
use gonogo::domain::pipeline::{JobStep, MayDecide, WaitsFor};
use gonogo::domain::rollout::{Running, Standing};
use gonogo::domain::service::{Access, Confirm, HealthRule, ReasonRule, StagePattern};
use gonogo::domain::*;
use jiff::Timestamp;

/// 14:02:11 on a Friday in November.
pub(crate) fn noon() -> Now {
    Now { wall: "2026-11-20T14:02:11Z".parse().unwrap(), mono: Duration::from_secs(3_600) }
}

/// `seconds` before [`noon`], on the wall clock.
pub(crate) fn before(seconds: i64) -> Timestamp {
    noon().wall.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap()
}

/// `seconds` before [`noon`], on both clocks.
pub(crate) fn seen(seconds: u64) -> Now {
    Now { wall: before(seconds as i64), mono: Duration::from_secs(3_600 - seconds) }
}

fn source(name: &str) -> SourceName {
    SourceName::new(name)
}

fn sha(seed: &str) -> Sha {
    Sha::new(&format!("{seed:0<40}"))
}

pub(crate) fn artifact(service: &str, version: &str) -> Artifact {
    let mut artifact = Artifact::from_reference(&format!("registry.test/acme/{service}:{version}"));
    let digest: String =
        format!("{service}{version}").bytes().cycle().take(32).map(|b| format!("{b:02x}")).collect();
    artifact.digest = Some(SafeText::new(&format!("sha256:{digest}")));
    artifact
}

fn policy(name: &str) -> Policy {
    if name != "production" {
        return Policy::default();
    }
    Policy {
        name: Some(PolicyName::new("production")),
        confirm: Confirm::TypeName,
        reason: ReasonRule::Required,
        access: Access::ReadWrite,
        health: HealthRule::Shown,
        people: gonogo::domain::people::TwoPerson::NotAsked,
        freeze: Vec::new(),
        max_age: Duration::from_secs(30),
    }
}

fn environment(name: &str) -> Environment {
    Environment {
        name: EnvironmentName::new(name),
        deploy: Some(source("prod")),
        live: None,
        dispatch: None,
        owner: None,
        manifests: None,
        image: Some("registry.test/acme/app:{version}".into()),
        signals: ["error-rate", "latency-p99", "request-rate"]
            .iter()
            .filter(|_| name == "production")
            .map(|s| (SafeText::new(s), source("prometheus")))
            .collect(),
        alerts: (name == "production").then(|| source("alerts")),
        policy: policy(name),
    }
}

pub(crate) fn service(name: &str) -> Service {
    let pattern = |text: &str, stage| StagePattern { text: text.into(), stage };
    Service {
        name: ServiceName::new(name),
        code: Some(source("git")),
        pipeline: Some(source("github")),
        environments: vec![environment("staging"), environment("production")],
        stages: vec![
            pattern("build", Stage::Build),
            pattern("image", Stage::Build),
            pattern("lint", Stage::Build),
            pattern("publish", Stage::Release),
            pattern("deploy", Stage::Deploy),
            pattern("test", Stage::Test),
        ],
    }
}

pub(crate) fn setup(services: &[&str]) -> Setup {
    Setup {
        services: services.iter().map(|name| service(name)).collect(),
        sources: ["github", "git", "prod", "prometheus", "alerts"].iter().map(|s| source(s)).collect(),
        access: Access::ReadWrite,
        ..Setup::default()
    }
}

/// Nobody has answered yet.
pub(crate) fn first_second() -> Model {
    Model::new(setup(&["checkout", "search", "ledger"]), "s1".into(), noon(), (160, 50))
}

fn report(model: &mut Model, name: &str, age: u64, next: u64, result: Result<Observation, Fault>) {
    let report = Report {
        source: source(name),
        epoch: 1,
        began: seen(age),
        at: seen(age),
        next: Duration::from_secs(next),
        result: result.map(Arc::new),
    };
    update(model, Msg::Report(report));
}

fn job(name: &str, state: RunState, started: i64, took: Option<i64>) -> Job {
    Job {
        id: name.into(),
        name: name.into(),
        started: (state != RunState::Queued).then(|| before(started)),
        finished: took.map(|took| before(started - took)),
        steps: Vec::new(),
        state,
        url: None,
    }
}

fn run(service: &str, number: u64, commit: &str, state: RunState, started: i64, jobs: Vec<Job>) -> Run {
    Run {
        key: RunKey {
            source: source("github"),
            service: ServiceName::new(service),
            id: number.to_string().into(),
        },
        number,
        attempt: 1,
        workflow: "release.yml".into(),
        title: format!("Release {service}").into(),
        revision: sha(commit),
        branch: Some("main".into()),
        event: "push".into(),
        actor: Some("mara".into()),
        updated: state.ended().then(|| before(started - 540)),
        state,
        started: Some(before(started)),
        url: None,
        jobs,
        reviews: Vec::new(),
        tests: None,
    }
}

fn passed(started: i64) -> Vec<Job> {
    use RunState::Passed;
    vec![
        job("lint", Passed, started, Some(42)),
        job("build image", Passed, started, Some(118)),
        job("unit tests", Passed, started - 120, Some(252)),
        job("e2e tests", Passed, started - 120, Some(301)),
        job("publish", Passed, started - 430, Some(24)),
        job("deploy staging", Passed, started - 460, Some(61)),
    ]
}

fn pipelines() -> Observation {
    use RunState::{Failed, Passed, Queued, Running, WaitingForHuman};
    let mut look = Observation { identity: Some("mara".into()), ..Observation::default() };
    look.budget = Some(Budget { limit: 5_000, remaining: 4_211, resets: Some(before(-1_800)) });
    let mut waiting = passed(900);
    waiting.push(job("deploy production", WaitingForHuman, 240, None));
    let mut checkout = run("checkout", 66, "4f2c8b6", WaitingForHuman, 900, waiting);
    checkout.title = "Release 2.15.0".into();
    let mut earlier = vec![
        run("checkout", 65, "9b31aa0", Passed, 86_400, passed(86_400)),
        run("checkout", 64, "77d02e1", Failed("failure".into()), 90_000, Vec::new()),
        run("checkout", 63, "0c4418f", Passed, 176_000, passed(176_000)),
    ];
    let mut runs = vec![checkout];
    runs.append(&mut earlier);
    look.pipelines.insert(ServiceName::new("checkout"), Pipeline { runs, remarks: Vec::new() });
    look.pipelines.insert(
        ServiceName::new("search"),
        Pipeline {
            runs: vec![run("search", 214, "d19e7c2", Passed, 1_500, passed(1_500))],
            remarks: Vec::new(),
        },
    );
    let mut e2e = job("e2e tests", Running, 187, None);
    e2e.steps = vec![
        JobStep { name: "start services".into(), state: Passed, started: None },
        JobStep { name: "seed the database".into(), state: Running, started: None },
        JobStep { name: "browser".into(), state: Queued, started: None },
    ];
    let jobs = vec![
        job("lint", Passed, 420, Some(40)),
        job("build image", Passed, 420, Some(131)),
        job("unit tests", Passed, 280, Some(201)),
        e2e,
        job("publish", Queued, 0, None),
    ];
    look.pipelines.insert(
        ServiceName::new("ledger"),
        Pipeline {
            runs: vec![
                run("ledger", 31, "aa90b15", Running, 420, jobs),
                run("ledger", 30, "6c1d2f8", Passed, 170_000, passed(170_000)),
            ],
            remarks: Vec::new(),
        },
    );
    look.gates = vec![gate("checkout", 66, "4f2c8b6", 240)];
    look
}

pub(crate) fn gate(service: &str, number: u64, commit: &str, since: i64) -> Gate {
    let run = RunKey {
        source: source("github"),
        service: ServiceName::new(service),
        id: number.to_string().into(),
    };
    Gate {
        key: GateKey { run, attempt: 1, id: "production".into() },
        environment: Some(EnvironmentName::new("production")),
        title: "production".into(),
        revision: sha(commit),
        branch: Some("main".into()),
        run_number: number,
        run_title: "Release 2.15.0".into(),
        since: Some(before(since)),
        asked_by: Some("jonas".into()),
        reviewers: vec!["mara".into(), "team:release".into()],
        may_decide: MayDecide::Yes,
        timer: None,
        waits_for: WaitsFor::Human,
        url: Some("https://github.test/acme/checkout/actions/runs/66".into()),
        asks: Vec::new(),
        no_reject: None,
        plan: None,
        expires: None,
        quorum: None,
    }
}

pub(crate) fn changes() -> ChangeSet {
    let commits = commits();
    let file = |path: &str, delta, kind| FileChange { path: path.into(), delta, kind };
    ChangeSet {
        base: Some(sha("9b31aa0")),
        head: Some(sha("4f2c8b6")),
        total: commits.len(),
        commits,
        lost: 0,
        files: vec![
            file("migrations/0042_orders_by_customer_day.sql", FileDelta::Added, FileKind::Migration),
            file("deploy/production/values.yaml", FileDelta::Modified, FileKind::Config),
            file("src/cart/delivery.rs", FileDelta::Added, FileKind::Other),
            file("src/cart/total.rs", FileDelta::Modified, FileKind::Other),
            file("src/payment/charge.rs", FileDelta::Modified, FileKind::Other),
        ],
        files_total: 5,
        added: 312,
        removed: 88,
        tickets: ["SHOP-815", "SHOP-812", "SHOP-798", "SHOP-821"].iter().map(|t| SafeText::new(t)).collect(),
        authors: ["jonas", "mara", "ayse", "renovate"].iter().map(|t| SafeText::new(t)).collect(),
        remarks: Vec::new(),
    }
}

fn commits() -> Vec<Commit> {
    let commit = |seed: &str,
                  kind: &str,
                  scope: Option<&str>,
                  subject: &str,
                  author: &str,
                  ticket: Option<&str>,
                  at| Commit {
        sha: sha(seed),
        subject: subject.into(),
        kind: Some(kind.into()),
        scope: scope.map(SafeText::new),
        breaking: Breaking::No,
        author: author.into(),
        email: format!("{author}@acme.test").into(),
        at: before(at),
        tickets: ticket.into_iter().map(SafeText::new).collect(),
    };
    vec![
        commit(
            "4f2c8b6",
            "feat",
            Some("cart"),
            "show the delivery day before the last step",
            "jonas",
            Some("SHOP-815"),
            3_000,
        ),
        commit(
            "b81d0e4",
            "fix",
            Some("cart"),
            "round totals once, after the discount",
            "mara",
            Some("SHOP-812"),
            9_000,
        ),
        commit(
            "5e60c19",
            "feat",
            None,
            "remember the chosen pick-up station",
            "ayse",
            Some("SHOP-798"),
            18_000,
        ),
        commit("c02a7d3", "perf", Some("db"), "index orders by customer and day", "jonas", None, 21_000),
        commit(
            "1f9be58",
            "fix",
            None,
            "no double charge when the bank answers late",
            "mara",
            Some("SHOP-821"),
            40_000,
        ),
        commit("e77a410", "chore", Some("deps"), "tls library 0.23.12", "renovate", None, 61_000),
        commit("03cc9a7", "docs", None, "how to replay a webhook", "ayse", None, 72_000),
    ]
}

fn repositories() -> Observation {
    let mut look = Observation::default();
    for (service, tags) in [
        ("checkout", [("v2.15.0", "4f2c8b6"), ("v2.14.2", "9b31aa0")]),
        ("search", [("v4.2.0", "d19e7c2"), ("v4.1.1", "55c0f3a")]),
        ("ledger", [("v1.9.0", "6c1d2f8"), ("v1.8.4", "2b9d1e0")]),
    ] {
        let tags = tags
            .iter()
            .map(|(name, commit)| Tag {
                name: SafeText::new(name),
                commit: sha(commit),
                at: Some(before(4_000)),
            })
            .collect();
        let mut answered = BTreeMap::new();
        if service == "checkout" {
            answered.insert(Span { base: "v2.14.2".into(), head: "v2.15.0".into() }, Ok(changes()));
        }
        look.repositories.insert(
            ServiceName::new(service),
            Repository {
                head: Some("main".into()),
                tip: Some(sha("4f2c8b6")),
                branches: Vec::new(),
                tags,
                reader: Reader::Libgit2,
                remarks: Vec::new(),
                changes: answered,
            },
        );
    }
    look
}

fn rollout(
    (service, environment): (&str, &str),
    (now, past): (&str, &str),
    phase: Phase,
    (done, of): (u32, u32),
    began: i64,
) -> Rollout {
    let target = artifact(service, now);
    let old = artifact(service, past);
    let mut running = vec![Running { artifact: target.clone(), ready: done }];
    if done < of {
        running.insert(0, Running { artifact: old.clone(), ready: of - done });
    }
    let revision = |id: &str, number, artifact: Artifact, age, standing| Revision {
        id: id.into(),
        number: Some(number),
        artifact,
        created: Some(before(age)),
        note: None,
        standing,
    };
    Rollout {
        workload: format!("deployment/{service} in namespace {environment}").into(),
        host: "prod-eu".into(),
        phase,
        replicas: Replicas { desired: of, updated: done, available: of, total: of + 1, restarts: 0 },
        revisions: vec![
            revision("rs-new", 42, target.clone(), began, Standing::Current),
            revision("rs-old", 41, old, began + 260_000, Standing::Past),
            revision("rs-older", 40, artifact(service, "v0.9.9"), began + 900_000, Standing::Past),
        ],
        target,
        running,
        began: Some(before(began)),
        took: None,
        steps: None,
        patience: None,
        restart: None,
        signs: Vec::new(),
        owner: None,
        remarks: Vec::new(),
    }
}

fn clusters() -> Observation {
    let mut look = Observation { identity: Some("mara@acme".into()), ..Observation::default() };
    let mut put = |service: &str, environment: &str, rollout: Rollout| {
        look.rollouts.insert(Place::new(service, environment), rollout.into());
    };
    put(
        "checkout",
        "staging",
        rollout(("checkout", "staging"), ("v2.15.0", "v2.14.2"), Phase::Done, (2, 2), 520),
    );
    let mut owned = rollout(("checkout", "production"), ("v2.14.2", "v2.14.1"), Phase::Done, (6, 6), 86_000);
    owned.owner = Some(Owner {
        tool: "Argo CD".into(),
        name: "checkout-production".into(),
        consequence: "auto-sync puts a manual change back; change the manifest instead".into(),
    });
    put("checkout", "production", owned);
    put(
        "search",
        "staging",
        rollout(("search", "staging"), ("v4.2.0", "v4.1.1"), Phase::Done, (2, 2), 1_200),
    );
    let what = "2 of 8 replicas run v4.2.0, the canary holds for 5 min".into();
    let mut canary =
        rollout(("search", "production"), ("v4.2.0", "v4.1.1"), Phase::Progressing(what), (2, 8), 251);
    canary.signs = vec!["CrashLoopBackOff on 1 pod, 3 restarts".into()];
    canary.replicas.restarts = 3;
    put("search", "production", canary);
    put(
        "ledger",
        "staging",
        rollout(("ledger", "staging"), ("v1.9.0", "v1.8.4"), Phase::Done, (1, 1), 169_000),
    );
    put(
        "ledger",
        "production",
        rollout(("ledger", "production"), ("v1.9.0", "v1.8.4"), Phase::Done, (4, 4), 160_000),
    );
    look
}

/// A course that looks like traffic: a base with ripples, and after `turn` a rise to `end`.
pub(crate) fn course(base: f64, ripple: f64, turn: usize, end: f64) -> Series {
    let values = (0..120)
        .map(|i| {
            let x = i as f64;
            let wave = ((x * 0.7).sin() + (x * 0.31).cos() * 0.6 + (x * 1.9).sin() * 0.3) * ripple;
            let rise = if i > turn {
                (end - base) * ((x - turn as f64) / (119 - turn) as f64).powf(0.8)
            } else {
                0.0
            };
            Some((base + wave + rise).max(0.0))
        })
        .collect();
    Series { start: before(1_200), step: Duration::from_secs(10), values }
}

fn signal(name: &str, unit: &str, bad_when: BadWhen, limits: (f64, f64), series: Series) -> Signal {
    let value = series.values.last().copied().flatten().unwrap();
    Signal {
        name: name.into(),
        unit: unit.into(),
        thresholds: Thresholds { bad_when, hold: Some(limits.0), no_go: Some(limits.1) },
        reading: Reading::Value((value * 100.0).round() / 100.0),
        series: Some(series),
        split: None,
        budget: None,
    }
}

fn signals() -> Observation {
    let mut look = Observation::default();
    for (service, errors, latency) in [
        ("checkout", course(0.4, 0.12, 200, 0.0), course(231.0, 14.0, 200, 0.0)),
        ("search", course(0.5, 0.15, 97, 4.1), course(180.0, 12.0, 97, 342.0)),
        ("ledger", course(0.1, 0.04, 200, 0.0), course(96.0, 5.0, 200, 0.0)),
    ] {
        look.signals.insert(
            Place::new(service, "production"),
            vec![
                signal("error-rate", "%", BadWhen::Above, (1.0, 2.0), errors),
                signal("latency-p99", "ms", BadWhen::Above, (400.0, 800.0), latency),
                signal("request-rate", "/s", BadWhen::Below, (200.0, 50.0), course(412.0, 21.0, 200, 0.0)),
            ],
        );
    }
    look
}

fn alerts() -> Observation {
    let mut look = Observation::default();
    for service in ["checkout", "search", "ledger"] {
        let list = if service == "search" {
            vec![
                Alert {
                    name: "HighErrorRate".into(),
                    severity: Some("critical".into()),
                    state: AlertState::Firing,
                    since: Some(before(40)),
                    summary: Some("5xx of search above 2 % for 30 s".into()),
                },
                Alert {
                    name: "PodRestarts".into(),
                    severity: Some("warning".into()),
                    state: AlertState::Suppressed("by silence 7f3a".into()),
                    since: Some(before(190)),
                    summary: None,
                },
            ]
        } else {
            Vec::new()
        };
        look.alerts.insert(Place::new(service, "production"), list);
    }
    look
}

/// A release day: checkout waits for approval, search burns in the middle of its rollout, ledger is being built, and
/// one source does not answer any more.
pub(crate) fn release_day() -> Model {
    let mut model = first_second();
    report(&mut model, "git", 9, 15, Ok(repositories()));
    report(&mut model, "github", 3, 5, Ok(pipelines()));
    report(&mut model, "prod", 1, 5, Ok(clusters()));
    report(&mut model, "prometheus", 2, 10, Ok(signals()));
    report(&mut model, "alerts", 24, 10, Ok(alerts()));
    let fault = Fault::new(Cause::Unreachable, "connection refused by alerts.test:9093")
        .with_hint("is the port-forward still up?");
    report(&mut model, "alerts", 4, 10, Err(fault));
    model.activity.clear();
    use gonogo::app::activity::{Event, EventKind, push};
    for (age, kind, about, text) in [
        (251, EventKind::Plain, "search", "production rolls out v4.2.0, before v4.1.1"),
        (240, EventKind::Asks, "checkout", "production waits for approval"),
        (130, EventKind::Good, "ledger", "unit tests of run 31 passed in 3 min 21 s"),
        (72, EventKind::Bad, "search", "GO → NO-GO: error rate 2.1 % is at or above 2 %"),
        (40, EventKind::Bad, "search", "alert HighErrorRate fires in production"),
    ] {
        let event = Event {
            at: seen(age),
            kind,
            service: Some(ServiceName::new(about)),
            source: None,
            text: text.into(),
        };
        push(&mut model.activity, event);
    }
    let text = "alerts: unreachable: connection refused by alerts.test:9093".into();
    push(
        &mut model.activity,
        Event { at: seen(4), kind: EventKind::Bad, service: None, source: Some(source("alerts")), text },
    );
    model
}

/// The release day as one sees it whose metrics tell the canary from the others, whose registry answers, and whose
/// repository knows what lies behind: search can go back, ledger could but for a migration, checkout belongs to
/// somebody else.
pub(crate) fn canary_day() -> Model {
    let mut model = release_day();
    let mut metrics = signals();
    for signal in metrics.signals.get_mut(&Place::new("search", "production")).unwrap() {
        let (stable, canary) = match signal.name.as_str() {
            "error-rate" => ((0.5, 0.15), 14.6),
            "latency-p99" => ((180.0, 12.0), 1_180.0),
            _ => continue,
        };
        let mut apart = course(stable.0, stable.1, 97, canary);
        apart.values.iter_mut().take(98).for_each(|value| *value = None);
        signal.split = Some(Split {
            canary: Reading::Value(canary),
            canary_series: Some(apart),
            stable: Some(Reading::Value(stable.0)),
            stable_series: Some(course(stable.0, stable.1, 200, 0.0)),
        });
        signal.budget = (signal.name.as_str() == "error-rate").then_some(Reading::Value(18.0));
    }
    report(&mut model, "prometheus", 2, 10, Ok(metrics));
    let mut code = repositories();
    let harmless = ChangeSet { files: Vec::new(), files_total: 0, ..changes() };
    for (service, base, head, between) in
        [("search", "v4.1.1", "v4.2.0", harmless), ("ledger", "v1.8.4", "v1.9.0", changes())]
    {
        let span = Span { base: base.into(), head: head.into() };
        code.repositories.get_mut(&ServiceName::new(service)).unwrap().changes.insert(span, Ok(between));
    }
    report(&mut model, "git", 9, 15, Ok(code));
    let mut targets = clusters();
    for service in ["checkout", "search", "ledger"] {
        for environment in ["staging", "production"] {
            let place = Place::new(service, environment);
            Arc::make_mut(targets.rollouts.get_mut(&place).unwrap()).took = Some(Duration::from_secs(134));
            targets.stock.insert(place, Stock::There);
        }
    }
    report(&mut model, "prod", 1, 5, Ok(targets));
    model
}

/// The canary's day with every text that metrics, alerts, registries and targets may send replaced by `text`.
pub(crate) fn hostile_health(text: &SafeText) -> Model {
    let mut model = canary_day();
    let unknown = || Reading::Unknown(text.clone());
    let mut metrics = signals();
    for list in metrics.signals.values_mut() {
        for (index, signal) in list.iter_mut().enumerate() {
            signal.unit = text.clone();
            signal.reading = if index == 0 { signal.reading.clone() } else { unknown() };
            let canary = if index == 0 { Reading::Value(9.0) } else { unknown() };
            signal.split = Some(Split {
                canary,
                canary_series: signal.series.clone(),
                stable: Some(unknown()),
                stable_series: None,
            });
            signal.budget = Some(unknown());
        }
    }
    report(&mut model, "prometheus", 2, 10, Ok(metrics));
    let mut loud = alerts();
    for alert in loud.alerts.values_mut().flatten() {
        alert.name = text.clone();
        alert.severity = Some(text.clone());
        alert.summary = Some(text.clone());
    }
    report(&mut model, "alerts", 2, 10, Ok(loud));
    let mut targets = clusters();
    for (place, rollout) in &mut targets.rollouts {
        let rollout = Arc::make_mut(rollout);
        rollout.signs = vec![text.clone()];
        rollout.target.version = Some(text.clone());
        for revision in &mut rollout.revisions {
            revision.artifact.version = Some(text.clone());
        }
        targets.stock.insert(place.clone(), Stock::Untold(text.clone()));
    }
    report(&mut model, "prod", 1, 5, Ok(targets));
    model
}

/// `count` services, all answered.
pub(crate) fn many(count: usize) -> Model {
    let names: Vec<String> = (0..count).map(|i| format!("service-{i:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut model = Model::new(setup(&names), "s1".into(), noon(), (160, 50));
    let (mut cluster, mut ci) = (Observation::default(), Observation::default());
    let (mut health, mut alarm, mut code) = (Observation::default(), Observation::default(), repositories());
    code.repositories.clear();
    let template = repositories().repositories.into_values().next().unwrap();
    for (i, name) in names.iter().enumerate() {
        let phase = if i % 7 == 3 { Phase::Progressing("half way".into()) } else { Phase::Done };
        let done = if i % 7 == 3 { 3 } else { 6 };
        for environment in ["staging", "production"] {
            let state = rollout((name, environment), ("v1.4.0", "v1.3.9"), phase.clone(), (done, 6), 4_000);
            cluster.rollouts.insert(Place::new(name, environment), state.into());
        }
        let runs = vec![run(name, 12, "d19e7c2", RunState::Passed, 4_000, passed(4_000))];
        ci.pipelines.insert(ServiceName::new(name), Pipeline { runs, remarks: Vec::new() });
        if i % 25 == 0 {
            ci.gates.push(gate(name, 12, "d19e7c2", 60 + i as i64));
        }
        let errors = if i % 50 == 10 { 3.0 } else { 0.4 };
        let list = vec![
            signal("error-rate", "%", BadWhen::Above, (1.0, 2.0), course(errors, 0.05, 200, 0.0)),
            signal("latency-p99", "ms", BadWhen::Above, (400.0, 800.0), course(200.0, 9.0, 200, 0.0)),
            signal("request-rate", "/s", BadWhen::Below, (20.0, 5.0), course(90.0, 9.0, 200, 0.0)),
        ];
        health.signals.insert(Place::new(name, "production"), list);
        alarm.alerts.insert(Place::new(name, "production"), Vec::new());
        code.repositories.insert(ServiceName::new(name), template.clone());
    }
    report(&mut model, "git", 9, 15, Ok(code));
    report(&mut model, "github", 3, 5, Ok(ci));
    report(&mut model, "prod", 1, 5, Ok(cluster));
    report(&mut model, "prometheus", 2, 10, Ok(health));
    report(&mut model, "alerts", 4, 10, Ok(alarm));
    model
}

/// Presses keys, each alone, half a second apart, so that nothing counts as too early.
pub(crate) fn press(model: &mut Model, keys: &[Key]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys {
        let later = model.now.plus(Duration::from_millis(500));
        update(model, Msg::Tick(later));
        effects.extend(update(model, Msg::Key(Stroke { key: *key, pace: Pace::Single })));
    }
    effects
}

/// Types a text.
pub(crate) fn type_text(model: &mut Model, text: &str) -> Vec<Effect> {
    let keys: Vec<Key> = text.chars().map(Key::Char).collect();
    press(model, &keys)
}

/// Answers the question that the newest of `effects` asks.
pub(crate) fn answer(model: &mut Model, effects: &[Effect], prepared: Prepared) {
    let ticket = effects.iter().rev().find_map(|e| match e {
        Effect::Prepare { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let began = model.now;
    let ticket = ticket.expect("a question was asked");
    update(model, Msg::Progress(Progress::Prepared { ticket, began, result: Ok(Box::new(prepared)) }));
}

fn prepared(step: Step, promise: Promise) -> Prepared {
    Prepared {
        basis: Vec::new(),
        steps: vec![step],
        from: None,
        to: None,
        differences: Vec::new(),
        hazards: Vec::new(),
        permission: Permission::Granted,
        guard: Guard::LookAgain("the server approves whatever the gate holds then".into()),
        promise,
        deadline: Duration::from_secs(120),
        way_back: None,
        identity: Some("mara".into()),
        people: None,
        form: Vec::new(),
    }
}

pub(crate) fn approval() -> Prepared {
    let gate = gate("checkout", 66, "4f2c8b6", 240);
    let body = r#"{"environment_ids":[161088068],"state":"approved","comment":""}"#;
    let step = Step {
        source: source("github"),
        method: "POST".into(),
        path: "/repos/acme/checkout/actions/runs/9120034411/pending_deployments".into(),
        content_type: Some("application/json".into()),
        body: Some(body.into()),
        effect: "approves the deployment to production that run 66 waits for".into(),
    };
    let promise = Promise::GateDecided {
        gate: gate.key,
        decision: Decision::Approved,
        environment: "production".into(),
        reviews_before: 0,
    };
    let mut prepared = prepared(step, promise);
    prepared.basis = vec![
        Basis::new("run", "9120034411 attempt 1"),
        Basis::new("commit", "4f2c8b6000000000000000000000000000000000"),
        Basis::new("gate", "production (161088068) waits"),
    ];
    prepared.from = Some(artifact("checkout", "v2.14.2"));
    prepared.to = Some(artifact("checkout", "v2.15.0"));
    prepared.way_back = Some("roll back to v2.14.2 in production once it runs".into());
    prepared
}

pub(crate) fn way_back() -> Prepared {
    let to = artifact("search", "v4.1.1");
    let body = concat!(
        r#"[{"op":"test","path":"/metadata/uid","value":"2b1f5c0e-8a57-4f8b-a5c9-0d6f0b8a4f11"},"#,
        r#"{"op":"test","path":"/metadata/generation","value":57},"#,
        r#"{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"registry.test/acme/search:v4.1.1"}]"#
    );
    let step = Step {
        source: source("prod"),
        method: "PATCH".into(),
        path: "/apis/apps/v1/namespaces/production/deployments/search?fieldManager=gonogo".into(),
        content_type: Some("application/json-patch+json".into()),
        body: Some(body.into()),
        effect: "puts the pod template of revision 41 back".into(),
    };
    let mut prepared = prepared(step, Promise::Runs { artifact: to.clone() });
    prepared.from = Some(artifact("search", "v4.2.0"));
    prepared.to = Some(to);
    prepared.differences = vec![
        Difference {
            what: "image of container search".into(),
            old: "registry.test/acme/search:v4.2.0".into(),
            new: "registry.test/acme/search:v4.1.1".into(),
        },
        Difference { what: "env CACHE_TTL".into(), old: "30s".into(), new: "".into() },
    ];
    prepared.hazards = vec![
        Hazard::new(Severity::Note, "2 of 8 replicas have run v4.2.0 for 4 min: their sessions are lost"),
        Hazard::new(
            Severity::Warning,
            "Argo CD owns this workload: auto-sync puts v4.2.0 back within 3 min. Revert the commit in \
             acme/search-deploy as well, or turn auto-sync off first.",
        ),
    ];
    prepared.guard = Guard::Server("JSON Patch tests uid and generation 57".into());
    prepared.way_back = Some("roll forward to v4.2.0 (revision 42)".into());
    prepared.deadline = Duration::from_secs(300);
    prepared.basis =
        vec![Basis::new("uid", "2b1f5c0e-8a57-4f8b-a5c9-0d6f0b8a4f11"), Basis::new("generation", "57")];
    prepared
}

/// The dialog that approves checkout, its plan ready, Cancel focused.
pub(crate) fn approving() -> Model {
    let mut model = release_day();
    let effects = press(&mut model, &[Key::Char('a')]);
    answer(&mut model, &effects, approval());
    model
}

/// The dialog that rolls search back, with hazards, a reason and a name to type.
pub(crate) fn rolling_back() -> Model {
    let mut model = release_day();
    model.selected = Some(ServiceName::new("search"));
    let effects = press(&mut model, &[Key::Char('r')]);
    answer(&mut model, &effects, way_back());
    model
}

/// A roll back that two rules forbid: the dialog says which, and offers to break the glass.
pub(crate) fn barred() -> Model {
    let mut model = release_day();
    model.selected = Some(ServiceName::new("search"));
    for service in &mut model.setup.services {
        for environment in &mut service.environments {
            environment.policy.access = Access::ReadOnly;
        }
    }
    let later = model.now.plus(Duration::from_secs(300));
    update(&mut model, Msg::Tick(later));
    press(&mut model, &[Key::Char('r')]);
    model
}

/// The same with the glass broken, justified, confirmed once.
pub(crate) fn breaking() -> Model {
    let mut model = barred();
    let effects = press(&mut model, &[Key::Right, Key::Enter]);
    answer(&mut model, &effects, way_back());
    press(&mut model, &[Key::Tab]);
    if dialog(&model).field == Field::Choice {
        press(&mut model, &[Key::Tab]);
    }
    type_text(&mut model, "checkout is down, INC-4711");
    let effects = press(&mut model, &[Key::Tab]);
    answer(&mut model, &effects, way_back());
    type_text(&mut model, "search");
    press(&mut model, &[Key::Enter]);
    let later = model.now.plus(Duration::from_secs(2));
    update(&mut model, Msg::Tick(later));
    press(&mut model, &[Key::Enter]);
    model
}

/// The first second of a session that finds two actions of an earlier one without an outcome.
pub(crate) fn resumed() -> Model {
    let earlier = proving();
    let action = earlier.actions.last().unwrap();
    let mut model = release_day();
    let left = |reached, accepted, number: &str| Unfinished {
        id: ActionId(number.into()),
        plan: action.plan.clone(),
        reached,
        accepted,
        by: "ann@ops-3".into(),
        at: before(190),
    };
    model.left = vec![left(Reached::Accepted, 1, "s-1"), left(Reached::Recorded, 0, "s-2")];
    let later = model.now.plus(Duration::from_secs(1));
    update(&mut model, Msg::Tick(later));
    model
}

/// The roll back after it was confirmed, accepted and not yet proved.
pub(crate) fn proving() -> Model {
    let mut model = rolling_back();
    while dialog(&model).field != Field::Reason {
        press(&mut model, &[Key::Tab]);
    }
    type_text(&mut model, "error rate 4 % since the canary");
    let effects = press(&mut model, &[Key::Tab]);
    answer(&mut model, &effects, way_back());
    while dialog(&model).field != Field::Name {
        press(&mut model, &[Key::Tab]);
    }
    type_text(&mut model, "search");
    while dialog(&model).field != Field::Confirm {
        press(&mut model, &[Key::Tab]);
    }
    // However many keys the dialog takes, it is confirmed at the same moment.
    update(&mut model, Msg::Tick(noon().plus(Duration::from_secs(25))));
    let effects = press(&mut model, &[Key::Enter]);
    let id = effects
        .iter()
        .find_map(|e| match e {
            Effect::Execute { id, .. } => Some(id.clone()),
            _ => None,
        })
        .expect("it was confirmed");
    let receipt = Receipt { status: 200, says: "deployment search, generation 58".into() };
    for progress in [
        Progress::Recorded(id.clone()),
        Progress::Sent(id.clone(), model.now.plus(Duration::from_millis(300))),
        Progress::Received(id.clone(), receipt, model.now.plus(Duration::from_millis(700))),
    ] {
        update(&mut model, Msg::Progress(progress));
    }
    let later = model.now.plus(Duration::from_secs(9));
    update(&mut model, Msg::Tick(later));
    model
}

/// The dialog on top.
pub(crate) fn dialog(model: &Model) -> &Dialog {
    match model.overlay() {
        Some(Overlay::Dialog(dialog)) => dialog,
        other => panic!("no dialog is open: {other:?} {:?}", model.toast),
    }
}
