//! What no target knows: what lies in between, and whether anything would show that it helped.

use gonogo::domain::assess::span;
use gonogo::domain::code::{ChangeSet, FileKind};
use gonogo::domain::health::BadWhen;
use gonogo::domain::{Reading, Severity, Signal, Thresholds};

use super::desk::Desk;
use super::kube::Kube;
use super::{clean, only};

pub(crate) fn signal(name: &str, bad_when: BadWhen, reading: Reading) -> Signal {
    let (hold, no_go) = match bad_when {
        BadWhen::Above => (Some(1.0), Some(2.0)),
        BadWhen::Below => (None, None),
    };
    Signal {
        name: name.into(),
        unit: "".into(),
        thresholds: Thresholds { bad_when, hold, no_go },
        reading,
        series: None,
        split: None,
        budget: None,
    }
}

#[tokio::test]
async fn without_data_or_traffic_nothing_would_show_that_it_helped() {
    let unknown = || Reading::Unknown("no data".into());
    let situations = [
        (
            "no signal has data",
            vec![
                signal("error-rate", BadWhen::Above, unknown()),
                signal("p99", BadWhen::Above, Reading::Value(f64::NAN)),
            ],
            Some("error-rate, p99 tells nothing (no data)"),
        ),
        (
            "no requests come",
            vec![
                signal("error-rate", BadWhen::Above, Reading::Value(0.0)),
                signal("request-rate", BadWhen::Below, Reading::Value(0.0)),
            ],
            Some("request-rate is 0"),
        ),
        (
            "no errors are good news",
            vec![signal("request-errors", BadWhen::Above, Reading::Value(0.0))],
            None,
        ),
        (
            "one of two tells",
            vec![
                signal("error-rate", BadWhen::Above, unknown()),
                signal("p99", BadWhen::Above, Reading::Value(3.0)),
            ],
            None,
        ),
        ("none is configured", vec![], None),
    ];
    for (name, signals, part) in situations {
        let kube = Kube::start(&["v1", "v2"]).await;
        let mut desk = Desk::open(&kube.provider, &signals).await;
        let plan = desk.ask('r').await;
        match part {
            Some(part) => only(name, &plan, Severity::Warning, part),
            None => assert_eq!(plan.unwrap().hazards, [], "{name}"),
        }
    }
}

#[tokio::test]
async fn a_migration_in_between_is_told() {
    let kube = Kube::start(&["v0.0.1", "v0.0.2"]).await;
    let mut desk = Desk::open(&kube.provider, &[]).await;
    let plan = desk.ask('r').await.unwrap();
    let (from, to) = (plan.prepared.from.unwrap(), plan.prepared.to.unwrap());
    let changes = clean::changes(&[("migrations/003_cart.sql", FileKind::Migration)]);
    desk.press(gonogo::app::Key::Esc);
    desk.report("code", Ok(clean::repository(span(&to, &from).unwrap(), changes)));
    only("a migration", &desk.ask('r').await, Severity::Warning, "1 migration(s) lie in between");
    desk.press(gonogo::app::Key::Esc);
    let config: ChangeSet = clean::changes(&[("deploy/web.yaml", FileKind::Config)]);
    desk.report("code", Ok(clean::repository(span(&to, &from).unwrap(), config)));
    only("a config file", &desk.ask('r').await, Severity::Note, "1 config file(s) differ");
}
