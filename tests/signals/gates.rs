//! R13: no evidence passes no gate. Every shape of an answer that is no evidence, against everything that decides by it.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use gonogo::app::dialog::Draft;
use gonogo::app::key::Key;
use gonogo::app::model::Overlay;
use gonogo::app::{Model, Msg, update};
use gonogo::domain::service::{Access, Confirm, HealthRule};
use gonogo::domain::{Cause, Fault, Mark, Observation, Report, SourceName, Stage, Verdict};
use gonogo::provider::{alertmanager, prometheus};
use std::sync::Arc;
use std::time::Duration;

use super::looks::{self, press};
use super::{Server, bound, good, look, result, shapes, signal, vector};
use gonogo::domain::{Role, Settings};

const SERVICE: &str = "service-0000";

/// A service at rest that could be promoted, and everything about it is GO.
fn healthy() -> Model {
    let mut model = looks::many(1);
    for environment in &mut model.setup.services[0].environments {
        environment.policy.confirm = Confirm::Press;
        environment.policy.reason = Default::default();
    }
    let sources: Vec<(SourceName, Observation)> = model
        .world
        .sources()
        .map(|(name, state)| (name.clone(), Observation::clone(state.last.as_ref().unwrap())))
        .collect();
    for (name, mut look) in sources {
        look.gates.clear();
        see(&mut model, name.as_str(), Ok(look));
    }
    assert_eq!(model.assessments[0].verdict, Verdict::Go, "{:?}", model.assessments[0].reasons);
    model
}

fn see(model: &mut Model, source: &str, result: Result<Observation, Fault>) {
    let now = model.now.plus(Duration::from_millis(10));
    update(model, Msg::Tick(now));
    let (source, next) = (SourceName::new(source), Duration::from_secs(5));
    let report = Report { source, epoch: 1, began: now, at: now, next, result: result.map(Arc::new) };
    update(model, Msg::Report(report));
}

/// What decides by evidence, and whether it lets the model pass.
fn passes(model: &Model, stages: &[Stage]) -> Vec<String> {
    let mut passed = Vec::new();
    let assessment = &model.assessments[0];
    for stage in stages {
        let mark = assessment.marks[*stage as usize];
        if mark.verdict() == Some(Verdict::Go) || mark == Mark::NotWatched {
            passed.push(format!("{stage:?} is {mark:?}"));
        }
    }
    let production = assessment.standings.iter().find(|s| s.environment.as_str() == "production").unwrap();
    if production.verdict == Verdict::Go {
        passed.push("production is GO".to_owned());
    }
    if assessment.verdict == Verdict::Go {
        passed.push("the service is GO".to_owned());
    }
    if assessment.reasons.iter().all(|r| r.text.is_empty()) {
        passed.push("nobody says why".to_owned());
    }
    passed.extend(promotion(model, HealthRule::MustBeGo));
    passed.extend(promotion(model, HealthRule::Shown));
    passed
}

/// Presses `p`: under the strict rule nothing opens, under the lax one the plan warns, or nothing can be planned at all.
fn promotion(model: &Model, rule: HealthRule) -> Option<String> {
    let mut model = model.clone();
    assert_eq!(model.setup.access, Access::ReadWrite);
    for environment in &mut model.setup.services[0].environments {
        environment.policy.health = rule;
    }
    let effects = press(&mut model, &[Key::Char('p')]);
    if !matches!(model.overlay(), Some(Overlay::Dialog(_))) {
        let said = model.toast.as_ref().map(|t| t.text.to_string()).unwrap_or_default();
        return (said.len() < 12)
            .then(|| format!("promote under {rule:?} is refused without a reason: {said}"));
    }
    if let Draft::Refused(refused) = &looks::dialog(&model).draft {
        let said = refused.to_string();
        return (!effects.is_empty() || said.len() < 12 || refused.breaches.is_empty())
            .then(|| format!("promote under {rule:?} is refused without a reason: {said}"));
    }
    if rule == HealthRule::MustBeGo {
        return Some("a promotion is offered although the policy wants GO".to_owned());
    }
    looks::answer(&mut model, &effects, looks::way_back());
    let plan = looks::dialog(&model).plan().cloned();
    let warned = plan
        .is_some_and(|p| p.hazards.iter().any(|h| h.text.as_str().contains("before anything is changed")));
    (!warned).then(|| "the plan of a promotion warns of nothing".to_owned())
}

/// Three signals, of which so many get the odd answer.
async fn measured(odd: usize, status: u16, body: String) -> Result<Observation, Fault> {
    let server = Server::start(move |asked| match asked.get("query") {
        Some("good") => good(),
        _ => (StatusCode::from_u16(status).unwrap(), body.clone()).into_response(),
    })
    .await;
    let names = ["error-rate", "latency-p99", "request-rate"];
    let query = |index: usize| if index < odd { "odd" } else { "good" };
    let bounds = names.iter().enumerate().map(|(i, name)| signal(SERVICE, name, query(i))).collect();
    look(&prometheus::KIND, &server.url, bounds).await
}

#[test]
fn the_gates_let_pass_what_is_known_to_be_good() {
    let model = healthy();
    let wrong = passes(&model, &[Stage::Monitor, Stage::Deploy, Stage::Operate]);
    for open in [
        "Monitor is",
        "Deploy is",
        "Operate is",
        "production is GO",
        "the service is GO",
        "although the policy",
    ] {
        assert!(wrong.iter().any(|w| w.contains(open)), "{open} is no gate at all: {wrong:?}");
    }
}

#[tokio::test]
async fn no_shape_of_no_evidence_passes_any_gate() {
    let mut looked = 0;
    for (name, status, body, _) in shapes() {
        for odd in [1, 3] {
            let mut model = healthy();
            see(&mut model, "prometheus", measured(odd, status, body.clone()).await);
            run_out(&mut model, "prometheus");
            let passed = passes(&model, &[Stage::Monitor]);
            assert!(passed.is_empty(), "{name}, {odd} of 3: {passed:?}");
            looked += 1;
        }
    }
    println!("R13: {} shapes of signals, {looked} looks, 6 gates: 0 passes", shapes().len());
}

/// A source that fails keeps its last good look until that is too old: then, and only then, time passes. Everybody else
/// is looked at again.
fn run_out(model: &mut Model, silent: &str) {
    let state = model.world.source(&SourceName::new(silent)).unwrap();
    if state.fault.is_none() && state.held.is_empty() {
        return;
    }
    let later = model.now.plus(Duration::from_secs(120));
    update(model, Msg::Tick(later));
    let others: Vec<(String, Observation)> = model
        .world
        .sources()
        .filter(|(name, _)| name.as_str() != silent)
        .map(|(name, state)| (name.to_string(), Observation::clone(state.last.as_ref().unwrap())))
        .collect();
    for (name, look) in others {
        see(model, &name, Ok(look));
    }
}

#[tokio::test]
async fn alerts_that_cannot_be_read_are_not_the_absence_of_alerts() {
    let bodies: [(u16, &str); 14] = [
        (200, ""),
        (200, "null"),
        (200, "{}"),
        (200, "[null]"),
        (200, "[5]"),
        (200, "[{}]"),
        (200, "{\"status\":\"success\"}"),
        (200, "<html>Sign in</html>"),
        (200, "ok"),
        (200, "[{\"labels\":"),
        (401, "no"),
        (403, "no"),
        (404, "no"),
        (503, "later"),
    ];
    for (status, body) in bodies {
        let answer = body.to_owned();
        let server =
            Server::start(move |_| (StatusCode::from_u16(status).unwrap(), answer.clone()).into_response())
                .await;
        let matchers = Settings::default().with_text("matchers", "service=\"shop\"");
        let seen = look(&alertmanager::KIND, &server.url, vec![bound(Role::Alerts, SERVICE, matchers)]).await;
        let mut model = healthy();
        see(&mut model, "alerts", seen);
        run_out(&mut model, "alerts");
        let passed = passes(&model, &[Stage::Monitor]);
        assert!(passed.is_empty(), "{status} {body:?}: {passed:?}");
    }
    println!("R13: {} shapes of alerts, 6 gates: 0 passes", bodies.len());
}

#[test]
fn a_target_that_tells_nothing_is_not_at_rest() {
    use Cause::*;
    let causes = [
        Unreachable,
        TimedOut,
        Tls,
        Unauthorized,
        Forbidden,
        NotFound,
        RateLimited,
        ServerFailed,
        Malformed,
        TooLarge,
        Redirected,
        Refused,
        Moved,
        Local,
        Crashed,
    ];
    let gates = [Stage::Deploy, Stage::Operate];
    for cause in causes {
        let mut model = healthy();
        see(&mut model, "prod", Err(Fault::new(cause, "nothing to be seen")));
        run_out(&mut model, "prod");
        let passed = passes(&model, &gates);
        assert!(passed.is_empty(), "{cause:?}: {passed:?}");
    }
    // It answers, and does not know the workload.
    let mut model = healthy();
    see(&mut model, "prod", Ok(Observation::default()));
    assert_eq!(passes(&model, &gates), Vec::<String>::new());
    // It knows it, and fails for this service alone.
    let mut model = healthy();
    let mut look = Observation::default();
    look.faults.insert(gonogo::domain::ServiceName::new(SERVICE), Fault::new(Forbidden, "no"));
    see(&mut model, "prod", Ok(look));
    run_out(&mut model, "prod");
    assert_eq!(passes(&model, &gates), Vec::<String>::new());
    println!("R13: {} shapes of targets, 7 gates: 0 passes", causes.len() + 2);
}

async fn all_of_them(status: u16, body: String) -> Vec<String> {
    let mut model = healthy();
    see(&mut model, "prometheus", measured(3, status, body).await);
    run_out(&mut model, "prometheus");
    passes(&model, &[Stage::Monitor])
}

#[tokio::test]
async fn argo_rollouts_180_a_measurement_that_is_not_a_number_is_no_success() {
    assert_eq!(all_of_them(200, vector("NaN")).await, Vec::<String>::new());
}

#[tokio::test]
async fn argo_rollouts_4479_measurements_that_all_erred_are_no_success() {
    let error = r#"{"status":"error","errorType":"execution","error":"query failed"}"#;
    assert_eq!(all_of_them(422, error.to_owned()).await, Vec::<String>::new());
    assert_eq!(all_of_them(500, String::new()).await, Vec::<String>::new());
}

#[tokio::test]
async fn xdlc_agent_48_no_data_is_no_success() {
    assert_eq!(all_of_them(200, result("vector", "[]")).await, Vec::<String>::new());
}
