//! What is made of the answers of GitLab, Jenkins, CircleCI, Terraform and AWX: safe texts, nothing unknown taken for success, no gate that
//! nobody told of.

use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{Fault, FormKind, Gate, Run, TestReport};
use gonogo::provider::http::{Answer, fuzz};
use gonogo::provider::{
    awx as tower, circleci as circle, gitlab as lab, jenkins as jenk, terraform_cloud as terra,
};
use serde_json::Value;

use super::{holds, is_safe, keeps, member};

/// One document whose members are answers of their own; of what is no document, all of it is every answer.
struct Parts<'a> {
    bytes: &'a [u8],
    document: Option<Value>,
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, document: serde_json::from_slice(bytes).ok() }
    }

    fn answer(&self, name: &str) -> Answer {
        let part = self.document.as_ref().map(|document| member(document, name).to_string());
        let body = part.as_ref().map_or(self.bytes, |text| text.as_bytes());
        fuzz::to_read(200, &[("date", "Wed, 25 Nov 2026 12:00:00 GMT")], body).expect("an answer")
    }

    fn holds(&self, words: &[&str]) -> bool {
        let document = self.document.as_ref();
        document.is_some_and(|document| words.iter().any(|word| holds(document, word)))
    }
}

/// Runs and gates are safe, passed only if one of these words was said, and permitted only if it may be.
fn sound(parts: &Parts<'_>, runs: &[Run], gates: &[Gate], success: &[&str], permitted: bool) {
    for run in runs {
        keeps(run);
        let states = run.jobs.iter().map(|job| &job.state).chain([&run.state]);
        let passed = states.into_iter().any(|state| state.passed());
        assert!(!passed || parts.holds(success), "nobody said success: {run:?}");
        assert!(run.url.as_ref().is_none_or(|url| url.as_str().starts_with("https://")), "{run:?}");
    }
    for gate in gates {
        keeps(gate);
        assert!(gate.may_decide != MayDecide::Yes || permitted, "nobody said yes: {gate:?}");
    }
}

fn report(report: Result<TestReport, Fault>) {
    match report {
        Ok(report) => {
            keeps(&report);
            let named = u64::try_from(report.failures.len()).expect("a number");
            assert!(named <= report.failed, "what is named has failed: {report:?}");
        }
        Err(fault) => keeps(&fault),
    }
}

/// What any answer that refuses something means is told in safe words.
fn refusals(bytes: &[u8], refusal: fn(&Answer) -> Fault) {
    let header = String::from_utf8_lossy(bytes.get(..64).unwrap_or(bytes)).into_owned();
    for status in [302, 400, 401, 403, 404, 429, 500] {
        let headers = [("x-error", header.as_str()), ("location", header.as_str())];
        let answer = fuzz::to_write(status, &headers, bytes).expect("an answer");
        keeps(&refusal(&answer));
    }
}

/// `{"pipelines": [..], "jobs": [..], "deployments": [..], "summary": {..}, "report": {..}}`.
pub(crate) fn gitlab(bytes: &[u8]) {
    let parts = Parts::of(bytes);
    refusals(bytes, lab::fuzz::refusal);
    report(lab::fuzz::report(&parts.answer("summary"), &parts.answer("report")));
    let answers = lab::fuzz::Answers {
        pipelines: parts.answer("pipelines"),
        jobs: parts.answer("jobs"),
        deployments: parts.answer("deployments"),
    };
    match lab::fuzz::look(&answers) {
        Ok((runs, gates)) => {
            let rules = member(parts.document.as_ref().expect("JSON"), "deployments").to_string();
            sound(&parts, &runs, &gates, &["success"], rules.contains("\"user_id\":7"));
            let waits = parts.holds(&["manual", "scheduled", "blocked"]);
            assert!(gates.is_empty() || waits, "nothing waits: {gates:?}");
        }
        Err(fault) => keeps(&fault),
    }
}

/// `{"job": {..}, "build": {..}, "pending": [..], "stages": {..}, "tests": {..}, "console": ".."}`.
pub(crate) fn jenkins(bytes: &[u8]) {
    let parts = Parts::of(bytes);
    refusals(bytes, jenk::fuzz::refusal);
    report(jenk::fuzz::report(&parts.answer("tests")));
    let console = parts.document.as_ref().map(|document| member(document, "console"));
    let console = console
        .as_ref()
        .and_then(Value::as_str)
        .map_or_else(|| String::from_utf8_lossy(bytes).into_owned(), str::to_owned);
    for review in jenk::fuzz::decisions(&console) {
        keeps(&review);
        assert!(console.contains("Approved by ") || console.contains("Rejected by "), "{review:?}");
    }
    if let Ok(stages) = jenk::fuzz::stages(&parts.answer("stages")) {
        let well = parts.holds(&["success", "unstable", "SUCCESS", "UNSTABLE"]);
        stages.iter().for_each(keeps);
        assert!(well || !stages.iter().any(|stage| stage.state.passed()), "{stages:?}");
    }
    let answers = jenk::fuzz::Answers {
        job: parts.answer("job"),
        build: parts.answer("build"),
        pending: parts.answer("pending"),
    };
    match jenk::fuzz::look(&answers) {
        Ok(seen) => {
            let text = String::from_utf8_lossy(bytes);
            sound(&parts, &seen.runs, &seen.gates, &["SUCCESS", "UNSTABLE"], text.contains("mara"));
            for form in &seen.forms {
                let sent = jenk::fuzz::body(form);
                assert!(sent.starts_with("json=") && sent.is_ascii(), "{sent}");
                for field in form {
                    is_safe(field.value.as_str());
                    let offered = match &field.kind {
                        FormKind::Choice(choices) => choices.contains(&field.value),
                        _ => true,
                    };
                    assert!(offered, "{field:?}");
                }
            }
        }
        Err(fault) => keeps(&fault),
    }
}

/// `{"pipelines": {..}, "workflows": {..}, "jobs": {..}, "tests": {..}, "output": [..]}`.
pub(crate) fn circleci(bytes: &[u8]) {
    let parts = Parts::of(bytes);
    refusals(bytes, circle::fuzz::refusal);
    report(circle::fuzz::report(&parts.answer("tests")));
    let output = parts.answer("output");
    if let Some(log) = circle::fuzz::log(&output.body) {
        log.lines.iter().for_each(|line| is_safe(line.text.as_str()));
    }
    let answers = circle::fuzz::Answers {
        pipelines: parts.answer("pipelines"),
        workflows: parts.answer("workflows"),
        jobs: parts.answer("jobs"),
    };
    match circle::fuzz::look(&answers) {
        Ok((runs, gates)) => {
            sound(&parts, &runs, &gates, &["success"], false);
            assert!(gates.is_empty() || parts.holds(&["on_hold"]), "nothing waits: {gates:?}");
        }
        Err(fault) => keeps(&fault),
    }
}

/// `{"runs": {..}, "plan": {..}}`.
pub(crate) fn terraform_cloud(bytes: &[u8]) {
    let parts = Parts::of(bytes);
    refusals(bytes, terra::fuzz::refusal);
    let plan = parts.answer("plan");
    if let Some((replaced, destroyed)) = terra::fuzz::plan(&plan.body) {
        let text = String::from_utf8_lossy(&plan.body);
        replaced.iter().chain(&destroyed).for_each(|address| is_safe(address.as_str()));
        assert!(replaced.is_empty() && destroyed.is_empty() || text.contains("delete"), "{replaced:?}");
    }
    match terra::fuzz::look(&parts.answer("runs"), &plan) {
        Ok((runs, gates)) => {
            let runs_said = member(parts.document.as_ref().expect("JSON"), "runs").to_string();
            let permitted = runs_said.contains("\"can-apply\":true");
            // A job has passed when its part is finished, or its policies are checked.
            let well = ["applied", "planned_and_finished", "finished"];
            let checked = runs_said.contains("policy-checked-at");
            if !checked {
                sound(&parts, &runs, &gates, &well, permitted);
            }
            for gate in &gates {
                keeps(gate);
                let plan = gate.plan.as_ref().map_or("", |plan| plan.as_str());
                assert!(plan.is_empty() || plan.contains(" to destroy"), "{plan}");
            }
            let overridden = parts.holds(&["policy_override", "post_plan_awaiting_decision"]);
            let waits = overridden || runs_said.contains("\"is-confirmable\":true");
            assert!(gates.is_empty() || waits, "nothing waits: {gates:?}");
        }
        Err(fault) => keeps(&fault),
    }
}

/// `{"runs": {..}, "approvals": {..}, "nodes": {..}}`.
pub(crate) fn awx(bytes: &[u8]) {
    let parts = Parts::of(bytes);
    refusals(bytes, tower::fuzz::refusal);
    match tower::fuzz::look(&parts.answer("runs"), &parts.answer("approvals"), &parts.answer("nodes")) {
        Ok((runs, gates)) => {
            let approvals = member(parts.document.as_ref().expect("JSON"), "approvals").to_string();
            sound(&parts, &runs, &gates, &["successful"], approvals.contains("\"can_approve_or_deny\":true"));
            assert!(gates.is_empty() || approvals.contains("pending"), "nothing waits: {gates:?}");
        }
        Err(fault) => keeps(&fault),
    }
}
