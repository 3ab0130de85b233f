//! GitLab, Jenkins, CircleCI, Terraform and AWX: the recorded answers of a run that waits for production, and of one that has failed.

use std::sync::Arc;

use futures_util::FutureExt as _;
use gonogo::domain::{Intent, Observation, RunState, Target, Verb};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::ci::world::{NEW, OLD, approve, intent, version};
use super::ci::{awx, circleci, gitlab, jenkins, terraform_cloud};
use super::good::Part;
use super::scripted::Scripted;
use super::{Member, Start};

pub(super) fn members() -> Vec<Start> {
    vec![
        || Ci::start("approval", "gitlab", gitlab_approval(), &GITLAB_APPROVAL).boxed(),
        || Ci::start("manual job", "gitlab", gitlab_manual(), &GITLAB_MANUAL).boxed(),
        || Ci::start("failing", "gitlab", gitlab_failing(), &[]).boxed(),
        || Ci::start("input", "jenkins", jenkins_input(), &JENKINS_INPUT).boxed(),
        || Ci::start("old input", "jenkins", jenkins_old_input(), &JENKINS_OLD_INPUT).boxed(),
        || Ci::start("failing", "jenkins", jenkins_failing(), &[]).boxed(),
        || Ci::start("approval", "circleci", circleci_approval(), &CIRCLECI_APPROVAL).boxed(),
        || Ci::start("failing", "circleci", circleci_failing(), &[]).boxed(),
        || {
            Ci::start("confirmation", "terraform-cloud", terraform_confirmation(), &TERRAFORM_CONFIRMATION)
                .boxed()
        },
        || Ci::start("approval", "awx", awx_approval(), &AWX_APPROVAL).boxed(),
        || Ci::start("failing", "awx", awx_failing(), &[]).boxed(),
        || Ci::start("failing", "terraform-cloud", terraform_failing(), &[]).boxed(),
    ]
}

/// What rests on a place: the end of the answer's key, the place, what is not said any more.
type Rests = (&'static str, &'static str, &'static [&'static str]);

/// A CI provider with these answers.
struct Ci {
    state: &'static str,
    kind: &'static str,
    server: Scripted,
    answers: Vec<(String, Value)>,
    rests: &'static [Rests],
}

impl Ci {
    async fn start(
        state: &'static str,
        kind: &'static str,
        answers: Vec<(String, Value)>,
        rests: &'static [Rests],
    ) -> Box<dyn Member> {
        let server = super::ci::world::server().await;
        // A list is given under what it is asked for by, so that it is a place as a whole.
        let named = |key: &str, answer: Value| match list(key) {
            name if answer.is_array() => json!({ name: answer }),
            _ => answer,
        };
        let answers = answers.into_iter().map(|(key, answer)| (key.clone(), named(&key, answer))).collect();
        let member = Self { state, kind, server, answers, rests };
        member.answers.iter().for_each(|(key, answer)| member.give(key, answer));
        Box::new(member)
    }
}

/// What a list is called: the end of the path that it is asked for by.
fn list(key: &str) -> &str {
    key.split('?').next().unwrap().rsplit('/').next().unwrap()
}

impl Member for Ci {
    fn name(&self) -> String {
        format!("{}, {}", self.kind, self.state)
    }

    fn part(&self) -> (&'static str, Part) {
        (self.kind, Part::Pipeline)
    }

    fn answers(&self) -> Vec<(String, Value)> {
        self.answers.clone()
    }

    fn give(&self, key: &str, answer: &Value) {
        let recorded = self.answers.iter().find(|(known, _)| known == key);
        let is_list = recorded.is_some_and(|(_, answer)| answer.get(list(key)).is_some_and(Value::is_array));
        self.server.get(key, if is_list { answer.get(list(key)).unwrap_or(&Value::Null) } else { answer });
    }

    fn provider(&self) -> Arc<dyn Provider> {
        match self.kind {
            "gitlab" => gitlab::shop(&self.server),
            "jenkins" => jenkins::shop(&self.server),
            "terraform-cloud" => terraform_cloud::shop(&self.server),
            "awx" => awx::shop(&self.server),
            _ => circleci::shop(&self.server),
        }
    }

    fn intents(&self, seen: &Observation) -> Vec<Intent> {
        let mut all: Vec<Intent> = seen.gates.iter().take(2).map(approve).collect();
        let runs = seen.pipelines.values().flat_map(|pipeline| &pipeline.runs);
        let failed = runs.filter(|run| matches!(run.state, RunState::Failed(_))).take(1);
        all.extend(failed.map(|run| intent(self.kind, Verb::Rerun, Target::Run(run.key.clone()))));
        all.push(intent(self.kind, Verb::Promote, version(Some("v2.8.0"))));
        all
    }

    fn rests_on(&self, key: &str, place: &str) -> Vec<String> {
        let about = self.rests.iter().filter(|(end, at, _)| key.ends_with(end) && place == *at);
        about.flat_map(|(_, _, good)| *good).map(|good| (*good).to_owned()).collect()
    }

    /// Something that is fine may be called otherwise, and an empty list of what waits is an answer like any other.
    fn may_follow(&self, key: &str, place: &str, _good: &str) -> bool {
        let nothing_waits = key.contains("status=blocked") && place == "/deployments";
        nothing_waits || matches!(place.rsplit('/').next(), Some("name" | "id" | "number" | "message"))
    }
}

const CONFIRMED: &[&str] = &["approve may be confirmed"];

fn of(root: &str, answers: &[(&str, Value)]) -> Vec<(String, Value)> {
    answers.iter().map(|(path, answer)| (format!("{root}{path}"), answer.clone())).collect()
}

const GITLAB_APPROVAL: [Rests; 8] = [
    ("/pipelines", "/pipelines/0/status", &["run 101"]),
    ("/101/jobs", "/jobs/0/status", &["job unit"]),
    ("/deployments", "/deployments/0/status", &["live in shop in production"]),
    ("/101/test_report_summary", "/total/failed", &["tests of 101"]),
    ("/101/test_report_summary", "/total/error", &["tests of 101"]),
    ("/deployments/5", "/status", CONFIRMED),
    ("/deployments/5", "/status", &["may decide production"]),
    (
        "/deployments/5",
        "/approval_summary/rules/0/user_id",
        &["may decide production", "approve is permitted"],
    ),
];

fn total(failed: u64) -> Value {
    json!({"total": {"time": 9.1, "count": 12, "success": 12 - failed, "failed": failed, "skipped": 0, "error": 0,
        "suite_error": null}, "test_suites": []})
}

fn gitlab_approval() -> Vec<(String, Value)> {
    let mut waiting = gitlab::deployment(5, 100, 1);
    waiting["approval_summary"]["rules"][0] = json!({"user_id": 7, "group_id": null, "access_level": null,
        "access_level_description": "Mara", "required_approvals": 1, "deployment_approvals": []});
    let mut live = gitlab::deployment(4, 101, 0);
    live["status"] = json!("success");
    let waiting_jobs =
        json!([gitlab::job(11, "deploy", "deploy", "manual"), gitlab::job(10, "build", "build", "success")]);
    let pipelines = json!([gitlab::one(101, "success", OLD), gitlab::one(100, "manual", NEW)]);
    let mut all = vec![("/api/v4/user".to_owned(), json!({"id": 7, "username": "mara"}))];
    all.extend(of(
        gitlab::PROJECT,
        &[
            ("/pipelines", pipelines),
            ("/pipelines/101/jobs", json!([gitlab::job(20, "unit", "test", "success")])),
            ("/pipelines/101/bridges", json!([])),
            ("/pipelines/101/test_report_summary", total(0)),
            ("/pipelines/100", gitlab::one(100, "manual", NEW)),
            ("/pipelines/100/jobs", waiting_jobs),
            ("/pipelines/100/bridges", json!([])),
            ("/deployments", json!([live])),
            ("/deployments?status=blocked&order_by=id&sort=desc&per_page=50", json!([waiting.clone()])),
            ("/deployments/5", waiting),
            (
                "/freeze_periods",
                json!([{"id": 1, "freeze_start": "0 16 * * 5", "freeze_end": "0 8 * * 1",
                "cron_timezone": "Europe/Berlin"}]),
            ),
        ],
    ));
    all
}

const GITLAB_MANUAL: [Rests; 2] =
    [("/100/jobs", "/jobs/0/status", CONFIRMED), ("/100/jobs", "/jobs/1/status", &["job build"])];

fn gitlab_manual() -> Vec<(String, Value)> {
    let there = json!({"id": 900, "project_id": 77, "sha": OLD, "ref": "main", "status": "success"});
    let jobs = json!([
        gitlab::job(11, "deploy production", "deploy", "manual"),
        gitlab::job(10, "build", "build", "success")
    ]);
    let mut all = vec![("/api/v4/user".to_owned(), json!({"id": 7, "username": "mara"}))];
    all.extend(of(
        gitlab::PROJECT,
        &[
            ("/pipelines", json!([gitlab::one(100, "manual", NEW)])),
            ("/pipelines/100", gitlab::one(100, "manual", NEW)),
            ("/pipelines/100/jobs", jobs),
            ("/pipelines/100/bridges", json!([{"id": 1, "name": "there", "downstream_pipeline": there}])),
            ("/deployments?status=blocked&order_by=id&sort=desc&per_page=50", json!([])),
            ("/deployments", json!([])),
        ],
    ));
    all
}

fn gitlab_failing() -> Vec<(String, Value)> {
    let mut lint = gitlab::job(21, "lint", "test", "failed");
    lint["allow_failure"] = json!(true);
    let jobs = json!([lint, gitlab::job(20, "unit", "test", "failed")]);
    let mut failed = gitlab::deployment(4, 101, 0);
    failed["status"] = json!("failed");
    let cases = json!({"total_time": 9.1, "total_count": 12, "test_suites": [{"name": "unit", "test_cases": [
        {"status": "failed", "name": "keeps_every_line", "classname": "cart", "system_output": "expected 3\n got 2"}]}]});
    let mut all = vec![("/api/v4/user".to_owned(), json!({"id": 7, "username": "mara"}))];
    all.extend(of(
        gitlab::PROJECT,
        &[
            ("/pipelines", json!([gitlab::one(101, "failed", OLD)])),
            ("/pipelines/101", gitlab::one(101, "failed", OLD)),
            ("/pipelines/101/jobs", jobs),
            ("/pipelines/101/bridges", json!([])),
            ("/pipelines/101/test_report_summary", total(2)),
            ("/pipelines/101/test_report", cases),
            ("/deployments?status=blocked&order_by=id&sort=desc&per_page=50", json!([])),
            ("/deployments", json!([failed])),
        ],
    ));
    all
}

const JENKINS_INPUT: [Rests; 7] = [
    ("shop/api/json", "/builds/1/result", &["run 15"]),
    ("shop/api/json", "/builds/1/building", &["run 15"]),
    ("/stages/tree", "/data/stages/0/state", &["job build"]),
    ("/16/api/json", "/actions/4/_class", CONFIRMED),
    ("/16/api/json", "/actions/4/executions", CONFIRMED),
    ("/16/api/json", "/actions/4/executions/0/settled", CONFIRMED),
    ("/16/api/json", "/actions/4/executions/0/input/submitter", &["may decide Deploy to production?"]),
];

fn jenkins_job(builds: &[Value]) -> Value {
    json!({"_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob", "name": "shop", "inQueue": false,
        "queueItem": null, "builds": builds})
}

fn jenkins_input() -> Vec<(String, Value)> {
    let now = jenkins::build(16, &Value::Null, jenkins::JOB);
    let asks = json!([{"name": "REGION", "type": "ChoiceParameterDefinition", "choices": ["eu", "us"],
        "defaultParameterValue": {"value": "eu"}}]);
    let tree = json!({"status": "ok", "data": {"complete": false, "stages": [
        {"id": "3", "name": "build", "state": "success", "startTimeMillis": 1_787_216_400_000_i64,
            "totalDurationMillis": 5000, "children": []},
        {"id": "9", "name": "production", "state": "paused", "startTimeMillis": 1_787_216_500_000_i64, "children": []}]}});
    let tests = json!({"_class": "hudson.tasks.junit.TestResult", "passCount": 12, "failCount": 0, "skipCount": 1,
        "suites": []});
    let mut all = vec![("/whoAmI/api/json".to_owned(), json!({"name": "mara", "anonymous": false}))];
    all.extend(of(
        jenkins::JOB,
        &[
            ("/api/json", jenkins_job(&[now.clone(), jenkins::build(15, &json!("SUCCESS"), jenkins::JOB)])),
            ("/16/api/json", jenkins::waits(&now, &asks)),
            ("/16/stages/tree", tree),
            ("/16/testReport/api/json", tests),
        ],
    ));
    all
}

const JENKINS_OLD_INPUT: [Rests; 3] = [
    ("/wfapi/pendingInputActions", "/pendingInputActions", CONFIRMED),
    ("/wfapi/pendingInputActions", "/pendingInputActions/0/inputs/0/type", CONFIRMED),
    ("/wfapi/describe", "/stages/0/status", &["job build"]),
];

fn jenkins_old_input() -> Vec<(String, Value)> {
    let now = jenkins::build(16, &Value::Null, jenkins::JOB);
    let mut old = now.clone();
    let input = json!({"_class": "org.jenkinsci.plugins.workflow.support.steps.input.InputAction"});
    old["actions"].as_array_mut().unwrap().push(input);
    let pending = json!([{"id": "Ship", "message": "Deploy to production?", "proceedText": "Proceed",
        "inputs": [{"type": "StringParameterDefinition", "name": "TICKET", "description": "",
            "definition": {"defaultVal": "none"}}], "proceedUrl": "/x", "abortUrl": "/y"}]);
    let stages = json!({"id": "16", "name": "#16", "status": "PAUSED_PENDING_INPUT", "stages": [
        {"id": "6", "name": "build", "status": "SUCCESS", "startTimeMillis": 1_787_216_400_000_i64, "durationMillis": 5000},
        {"id": "10", "name": "production", "status": "PAUSED_PENDING_INPUT", "startTimeMillis": 1_787_216_410_000_i64}]});
    let mut all = vec![("/whoAmI/api/json".to_owned(), json!({"name": "mara", "anonymous": false}))];
    all.extend(of(
        jenkins::JOB,
        &[
            ("/api/json", jenkins_job(&[now])),
            ("/16/api/json", old),
            ("/16/wfapi/describe", stages),
            ("/16/wfapi/pendingInputActions", pending),
        ],
    ));
    all
}

fn jenkins_failing() -> Vec<(String, Value)> {
    let failed = jenkins::build(15, &json!("FAILURE"), jenkins::JOB);
    let tree = json!({"status": "ok", "data": {"complete": true, "stages": [
        {"id": "3", "name": "build", "state": "failure", "children": [
            {"id": "4", "name": "unit", "state": "aborted", "children": []}]}]}});
    let tests = json!({"passCount": 10, "failCount": 2, "skipCount": 0, "suites": [{"cases": [
        {"className": "cart", "name": "keeps_every_line", "status": "REGRESSION", "errorDetails": "expected 3"}]}]});
    let mut all = vec![("/whoAmI/api/json".to_owned(), json!({"name": "mara", "anonymous": false}))];
    all.extend(of(
        jenkins::JOB,
        &[
            ("/api/json", jenkins_job(std::slice::from_ref(&failed))),
            ("/15/api/json", failed),
            ("/15/stages/tree", tree),
            ("/15/testReport/api/json", tests),
        ],
    ));
    all
}

const CIRCLECI_APPROVAL: [Rests; 5] = [
    ("/pipeline/p-0/workflow", "/items/0/status", &["run w-0"]),
    ("/workflow/w-1/job", "/items/1/status", &["job build"]),
    ("/workflow/w-1/job", "/items/0/status", CONFIRMED),
    ("/workflow/w-1/job", "/items/0/type", CONFIRMED),
    ("/7/tests", "/items/0/result", &["tests of 50"]),
];

fn circleci_approval() -> Vec<(String, Value)> {
    let at = "2026-08-20T09:00:00Z";
    let mut older = circleci::a_pipeline();
    (older["id"], older["number"]) = (json!("p-0"), json!(49));
    let now = circleci::workflow("w-1", "on_hold", at);
    let mut past = circleci::workflow("w-0", "success", "2026-08-19T09:00:00Z");
    (past["pipeline_id"], past["pipeline_number"]) = (json!("p-0"), json!(49));
    of(
        circleci::API,
        &[
            ("/me", json!({"id": "u-7", "login": "mara", "name": "Mara"})),
            ("/project/gh/acme/shop/pipeline", circleci::page(&[circleci::a_pipeline(), older])),
            ("/pipeline/p-1/workflow", circleci::page(std::slice::from_ref(&now))),
            ("/pipeline/p-0/workflow", circleci::page(&[past])),
            ("/workflow/w-1", now),
            ("/workflow/w-1/job", circleci::page(&circleci::jobs())),
            (
                "/project/gh/acme/shop/7/tests",
                circleci::page(&[
                    json!({"name": "one", "classname": "a", "result": "success", "message": ""}),
                ]),
            ),
        ],
    )
}

fn circleci_failing() -> Vec<(String, Value)> {
    let failed = circleci::workflow("w-1", "failed", "2026-08-20T09:00:00Z");
    let jobs = [
        circleci::job("build", "build", "failed", &[]),
        circleci::job("hold", "approval", "canceled", &["build"]),
    ];
    of(
        circleci::API,
        &[
            ("/me", json!({"id": "u-7", "login": "mara", "name": "Mara"})),
            ("/project/gh/acme/shop/pipeline", circleci::page(&[circleci::a_pipeline()])),
            ("/pipeline/p-1/workflow", circleci::page(std::slice::from_ref(&failed))),
            ("/workflow/w-1", failed),
            ("/workflow/w-1/job", circleci::page(&jobs)),
            (
                "/project/gh/acme/shop/7/tests",
                circleci::page(&[
                    json!({"name": "one", "classname": "a", "result": "failure", "message": "odd"}),
                ]),
            ),
        ],
    )
}

const TERRAFORM_CONFIRMATION: [Rests; 4] = [
    ("/workspaces/ws-1/runs", "/data/1/attributes/status", &["run run-1"]),
    ("/workspaces/ws-1/runs", "/data/0/attributes/permissions/can-apply", &["may decide shop-production"]),
    ("/runs/run-2", "/data/attributes/actions/is-confirmable", CONFIRMED),
    ("/runs/run-2", "/data/relationships/workspace/data/id", CONFIRMED),
];

fn terraform(runs: &[Value]) -> Vec<(String, Value)> {
    let mut answers = vec![
        ("/account/details", terraform_cloud::account("users")),
        (
            "/organizations/acme/workspaces/shop-production",
            json!({"data": {"id": "ws-1", "type": "workspaces"}}),
        ),
        ("/workspaces/ws-1/runs", terraform_cloud::list(runs)),
    ];
    let newest = runs.first().unwrap();
    answers.push(("/runs/run-2", terraform_cloud::document(newest, "pending")));
    answers.push(("/plans/plan-run-2/json-output", terraform_cloud::plan()));
    of(terraform_cloud::API, &answers)
}

fn terraform_confirmation() -> Vec<(String, Value)> {
    terraform(&[terraform_cloud::run("run-2", "policy_checked"), terraform_cloud::run("run-1", "applied")])
}

fn terraform_failing() -> Vec<(String, Value)> {
    terraform(&[terraform_cloud::run("run-2", "errored")])
}

const AWX_APPROVAL: [Rests; 6] = [
    ("/workflow_job_templates/12/workflow_jobs/", "/results/1/status", &["run 30"]),
    ("/workflow_jobs/31/workflow_nodes/", "/results/1/summary_fields/job/status", &["job build"]),
    ("/workflow_approvals/", "/results/0/can_approve_or_deny", &["may decide Approve production"]),
    ("/workflow_approvals/75/", "/status", CONFIRMED),
    ("/workflow_approvals/75/", "/summary_fields/source_workflow_job/id", CONFIRMED),
    ("/workflow_jobs/31/", "/workflow_job_template", CONFIRMED),
];

fn awx_answers(runs: &[Value], approvals: &[Value]) -> Vec<(String, Value)> {
    let mut answers = vec![
        ("/me/", awx::page(&[json!({"id": 2, "username": "mara"})])),
        ("/workflow_job_templates/", awx::page(&[json!({"id": 12, "name": "Release shop"})])),
        ("/workflow_job_templates/12/workflow_jobs/", awx::page(runs)),
        ("/workflow_approvals/", awx::page(approvals)),
        ("/workflow_approvals/75/", awx::approval(75, 31, "pending")),
    ];
    let newest = runs.first().unwrap();
    answers.push(("/workflow_jobs/31/", newest.clone()));
    answers.push(("/workflow_jobs/31/workflow_nodes/", awx::page(&awx::nodes(newest, "pending"))));
    of(awx::API, &answers)
}

fn awx_approval() -> Vec<(String, Value)> {
    awx_answers(&[awx::run(31, "running"), awx::run(30, "successful")], &[awx::approval(75, 31, "pending")])
}

fn awx_failing() -> Vec<(String, Value)> {
    awx_answers(&[awx::run(31, "failed")], &[])
}
