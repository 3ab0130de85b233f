//! What Jenkins answers about one job: builds, what they wait for.

use std::sync::Arc;

use gonogo::domain::{Role, Settings};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use super::world::{NEW, at, live, pipeline, provider, server, table, text};
use crate::scripted::Scripted;

pub(crate) const JOB: &str = "/job/acme/job/shop";

pub(crate) fn shop_with(
    server: &Scripted,
    secret: &str,
    own: Settings,
    dispatch: Settings,
) -> Arc<dyn Provider> {
    let settings = Settings::default().with_text("url", &server.url).with_text("user", "mara");
    let bounds = vec![
        pipeline(own.with_text("job", "acme/shop")),
        live("production"),
        at(Role::Dispatch, "production", dispatch),
    ];
    provider("jenkins", secret, settings, bounds)
}

pub(crate) fn shop(server: &Scripted) -> Arc<dyn Provider> {
    shop_with(server, "token", Settings::default(), with_version())
}

/// What a dispatch of a version sends.
pub(crate) fn with_version() -> Settings {
    table("parameters", &[("VERSION", "$version")])
}

pub(crate) fn checkout(remote: &str, sha: &str) -> Value {
    json!({"_class": "hudson.plugins.git.util.BuildData", "remoteUrls": [remote],
        "lastBuiltRevision": {"SHA1": sha, "branch": [{"name": "refs/remotes/origin/main"}]}})
}

/// A build as the API tells it; its address names the host that the administrator configured, not ours.
pub(crate) fn build(number: u64, result: &Value, path: &str) -> Value {
    json!({
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun", "number": number, "result": result,
        "building": result.is_null(), "timestamp": 1_787_216_400_000_i64, "duration": 0, "displayName": format!("#{number}"),
        "url": format!("https://ci.internal.test{path}/{number}/"),
        "actions": [{}, null, {"_class": "hudson.model.CauseAction",
            "causes": [{"shortDescription": "Started by user Rhea", "userId": "rhea"}]},
            checkout("https://git.test/acme/shop.git", NEW)]
    })
}

pub(crate) fn waits(build: &Value, parameters: &Value) -> Value {
    let mut build = build.clone();
    build["actions"].as_array_mut().unwrap().push(json!({
        "_class": "org.jenkinsci.plugins.workflow.support.steps.input.InputAction",
        "executions": [{"id": "Ef95dd50", "settled": false, "input": {
            "id": "Ef95dd50", "message": "Deploy to production?", "submitter": "mara,sre", "parameters": parameters}}]
    }));
    build
}

pub(crate) async fn jenkins(builds: &[Value]) -> Scripted {
    let server = server().await;
    server.get("/whoAmI/api/json", &json!({"name": "mara", "anonymous": false}));
    server.get(&format!("{JOB}/api/json"), &json!({"name": "shop", "builds": builds}));
    server
}

/// One build that waits for an input.
pub(crate) async fn waiting(parameters: &Value) -> Scripted {
    let one = build(16, &Value::Null, JOB);
    let server = jenkins(std::slice::from_ref(&one)).await;
    server.get(&format!("{JOB}/16/api/json"), &waits(&one, parameters));
    server.reply("GET", &format!("{JOB}/16/logText/progressiveText"), text(200, "Started by user Rhea\n"));
    server
}
