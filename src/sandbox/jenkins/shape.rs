//! The records as the API shows them.

use super::{PARAMETERS, Project, ROOT, SUBMITTERS, full_name, input_id, message};
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Job, Phase, Run};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The path of a project below Jenkins.
fn path(project: &Project) -> String {
    format!("/job/{OWNER}/job/{}", project.script.name)
}

pub(super) fn project(project: &Project) -> Value {
    let builds: Vec<Value> = project.runs.iter().rev().map(|run| build(project, run)).collect();
    json!({
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
        "name": project.script.name,
        "fullName": format!("{OWNER}/{}", project.script.name),
        "url": format!("{ROOT}{}/", path(project)),
        "buildable": true,
        "color": "blue_anime",
        "inQueue": false,
        "queueItem": null,
        "builds": builds,
    })
}

pub(super) fn build(project: &Project, run: &Run) -> Value {
    let over = run.is_over();
    let finished = run.jobs.iter().filter_map(|job| job.finished).max().unwrap_or(run.created);
    let result = match () {
        () if !over => Value::Null,
        () if run.has(Phase::Cancelled) => "ABORTED".into(),
        () if run.has(Phase::Failed) => "FAILURE".into(),
        () => "SUCCESS".into(),
    };
    let data = |sha: &str, remote: String, branch: &str| {
        json!({
            "_class": "hudson.plugins.git.util.BuildData",
            "buildsByBranchName": {},
            "lastBuiltRevision": { "SHA1": sha, "branch": [{ "SHA1": sha, "name": branch }] },
            "remoteUrls": [remote],
            "scmName": "",
        })
    };
    let mut actions = vec![
        json!({
            "_class": "hudson.model.CauseAction",
            "causes": [{
                "_class": "hudson.model.Cause$UserIdCause",
                "shortDescription": format!("Started by user {}", full_name(&run.actor)),
                "userId": run.actor,
                "userName": full_name(&run.actor),
            }],
        }),
        // A shared library is checked out as well; its commit is not the release's.
        data(
            "00000000000000000000000000000000000000ff",
            format!("https://git.acme.test/{OWNER}/pipeline-library.git"),
            "refs/remotes/origin/main",
        ),
        json!({}),
        data(
            &run.sha,
            format!("https://git.acme.test/{OWNER}/{}.git", project.script.name),
            &format!("refs/tags/{}", run.version),
        ),
        json!({}),
    ];
    if let Some(job) = run.job("deploy-production").filter(|job| job.phase == Phase::Held) {
        actions.push(input(run, job));
    }
    json!({
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
        "number": run.number,
        "id": run.number.to_string(),
        "url": format!("{ROOT}{}/{}/", path(project), run.number),
        "displayName": format!("#{}", run.number),
        "building": !over,
        "result": result,
        "timestamp": millis(run.created),
        "duration": if over { millis(finished) - millis(run.created) } else { 0 },
        "estimatedDuration": 180_000,
        "queueId": run.id,
        "actions": actions,
    })
}

fn input(run: &Run, job: &Job) -> Value {
    let message = message(run);
    let id = input_id(&message);
    json!({
        "_class": "org.jenkinsci.plugins.workflow.support.steps.input.InputAction",
        "waitingForInput": true,
        "executions": [{
            "id": id,
            "displayName": message,
            "settled": job.phase != Phase::Held,
            "input": {
                "id": id,
                "message": message,
                "ok": "Deploy",
                "cancel": "Abort",
                "submitter": SUBMITTERS.join(","),
                "submitterParameter": null,
                "parameters": [
                    {
                        "_class": "hudson.model.ChoiceParameterDefinition",
                        "name": PARAMETERS[0],
                        "type": "ChoiceParameterDefinition",
                        "description": "where to deploy first",
                        "choices": ["eu-central-1", "us-east-1"],
                        "defaultParameterValue": { "_class": "hudson.model.StringParameterValue", "value": "eu-central-1" },
                    },
                    {
                        "_class": "hudson.model.BooleanParameterDefinition",
                        "name": PARAMETERS[1],
                        "type": "BooleanParameterDefinition",
                        "description": "tell the channel",
                        "defaultParameterValue": { "_class": "hudson.model.BooleanParameterValue", "value": true },
                    },
                ],
            },
        }],
    })
}

/// `wfapi/pendingInputActions`.
pub(super) fn pending(project: &Project, run: &Run) -> Value {
    let Some(_) = run.job("deploy-production").filter(|job| job.phase == Phase::Held) else {
        return json!([]);
    };
    let message = message(run);
    let id = input_id(&message);
    let here = format!("/jenkins{}/{}", path(project), run.number);
    json!([{
        "id": id,
        "message": message,
        "proceedText": "Deploy",
        "inputs": [
            {
                "type": "ChoiceParameterDefinition", "name": PARAMETERS[0], "description": "where to deploy first",
                "definition": { "defaultVal": "eu-central-1", "choices": ["eu-central-1", "us-east-1"] },
            },
            {
                "type": "BooleanParameterDefinition", "name": PARAMETERS[1], "description": "tell the channel",
                "definition": { "defaultVal": true },
            },
        ],
        "proceedUrl": format!("{here}/wfapi/inputSubmit?inputId={id}"),
        "abortUrl": format!("{here}/input/{id}/abort"),
        "redirectApprovalUrl": format!("{here}/input/"),
    }])
}

/// `stages/tree` of Pipeline Graph View: what is null is left out.
pub(super) fn stages(project: &Project, run: &Run) -> Value {
    let reached = run.current().filter(|job| job.phase != Phase::Created);
    let stages: Vec<Value> = reached
        .map(|job| {
            let started = job.started.or(job.held).or(job.queued);
            let mut stage = Map::new();
            stage.insert("id".into(), (job.id % 1_000).to_string().into());
            stage.insert("name".into(), job.plan.name.into());
            stage.insert("title".into(), job.plan.name.into());
            stage.insert("state".into(), state(job).into());
            stage.insert("type".into(), "STAGE".into());
            stage.insert("children".into(), json!([]));
            stage.insert("pauseDurationMillis".into(), 0.into());
            stage.insert("isSequential".into(), false.into());
            stage.insert("synthetic".into(), false.into());
            stage.insert("placeholder".into(), false.into());
            let url = format!("{}/{}/stages/?selected-node={}", path(project), run.number, job.id % 1_000);
            stage.insert("url".into(), url.into());
            if let Some(started) = started {
                stage.insert("startTimeMillis".into(), millis(started).into());
                if let Some(finished) = job.finished {
                    stage.insert("totalDurationMillis".into(), (millis(finished) - millis(started)).into());
                }
            }
            Value::Object(stage)
        })
        .collect();
    json!({"status": "ok", "data": {"complete": run.is_over(), "stages": stages}})
}

fn state(job: &Job) -> &'static str {
    match job.phase {
        Phase::Created | Phase::Queued => "queued",
        Phase::Held => "paused",
        Phase::Running => "running",
        Phase::Passed => "success",
        Phase::Failed => "failure",
        Phase::Cancelled => "aborted",
        Phase::Skipped => "skipped",
    }
}

/// The console so far, with the line ends that it has there.
pub(super) fn console(run: &Run) -> String {
    let mut text = format!("Started by user {}\r\n[Pipeline] Start of Pipeline\r\n", full_name(&run.actor));
    for job in run.current().filter(|job| job.phase != Phase::Created) {
        text.push_str(&format!("[Pipeline] stage\r\n[Pipeline] {{ ({})\r\n", job.plan.name));
        if let Some(held) = job.held {
            let _ = held;
            text.push_str(&format!("[Pipeline] input\r\n{}\r\nInput requested\r\n", message(run)));
            if let Some(by) = &job.by {
                let word = if job.queued.is_some() { "Approved" } else { "Rejected" };
                text.push_str(&format!("{word} by {}\r\n", full_name(by)));
            }
        }
        if job.started.is_some() {
            text.push_str(&format!("[Pipeline] sh\r\n+ ./ci/{} {}\r\n", job.plan.name, run.version));
        }
        if job.phase == Phase::Failed {
            text.push_str("ERROR: script returned exit code 1\r\n");
        }
        if job.phase.over() {
            text.push_str("[Pipeline] }\r\n[Pipeline] // stage\r\n");
        }
    }
    if run.is_over() {
        let word = if run.has(Phase::Failed) {
            "FAILURE"
        } else if run.has(Phase::Cancelled) {
            "ABORTED"
        } else {
            "SUCCESS"
        };
        text.push_str(&format!("[Pipeline] End of Pipeline\r\nFinished: {word}\r\n"));
    }
    text
}

/// What the JUnit plugin tells; none before the tests have run.
pub(super) fn tests(run: &Run) -> Option<Value> {
    let ran = run.job("e2e").is_some_and(|job| matches!(job.phase, Phase::Passed | Phase::Failed));
    let failed = run.job("e2e").is_some_and(|job| job.phase == Phase::Failed);
    let case = |name: &str, status: &str, says: Value| json!({"className": "e2e.Checkout", "name": name, "status": status, "errorDetails": says, "duration": 1.2});
    let mut cases = vec![case("pays", "PASSED", Value::Null)];
    if failed {
        cases.push(case("two devices, one account", "REGRESSION", "expected 3 lines, found 2".into()));
    }
    ran.then(|| {
        json!({
            "_class": "hudson.tasks.junit.TestResult",
            "passCount": if failed { 411 } else { 412 },
            "failCount": i32::from(failed),
            "skipCount": 2,
            "suites": [{ "name": "e2e", "cases": cases }],
        })
    })
}
