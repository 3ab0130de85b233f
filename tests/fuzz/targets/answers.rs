//! What the providers make of answers: safe texts, nothing unknown taken for success, the same after it was recorded.

use std::time::Duration;

use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{AlertState, Phase, Reached, Reading, Rollout};
use gonogo::provider::http::{Answer, fuzz};
use gonogo::provider::prometheus as metrics;
use gonogo::provider::{
    alertmanager as alerts, command as tool, docker as swarm, github as hub, kubernetes as kube,
    manifests as deploys,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{holds, is_safe, keeps, member};

/// When the answers were given.
const DATE: &str = "Wed, 25 Nov 2026 12:00:00 GMT";

fn answer(body: &[u8]) -> Answer {
    fuzz::to_read(200, &[("date", DATE)], body).expect("an answer")
}

/// The part of a document that is an answer of its own; of what is no document, all of it.
fn part(bytes: &[u8], document: Option<&Value>, name: &str) -> Answer {
    match document {
        Some(document) => answer(member(document, name).to_string().as_bytes()),
        None => answer(bytes),
    }
}

fn items(document: &Value, name: &str) -> Vec<Value> {
    document.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// `{"runs": .., "jobs": .., "pending": [..], "approvals": [..]}`.
pub(crate) fn github(bytes: &[u8]) {
    let document: Option<Value> = serde_json::from_slice(bytes).ok();
    let part = |name| part(bytes, document.as_ref(), name);
    let answers = hub::fuzz::Answers {
        runs: part("runs"),
        jobs: part("jobs"),
        pending: part("pending"),
        approvals: part("approvals"),
    };
    let (runs, gates) = match hub::fuzz::look(&answers) {
        Ok(seen) => seen,
        Err(fault) => return keeps(&fault),
    };
    let document = document.expect("what is no JSON shows nothing");
    let says_well = holds(&document, "success") || holds(&document, "neutral");
    for run in &runs {
        keeps(run);
        let states = run.jobs.iter().map(|job| &job.state).chain([&run.state]);
        assert!(!states.into_iter().any(|state| state.passed()) || says_well, "nobody said success: {run:?}");
        assert!(run.url.as_ref().is_none_or(|url| url.as_str().starts_with("https://")), "{run:?}");
    }
    let yes = |pending: &Value| pending.get("current_user_can_approve") == Some(&Value::Bool(true));
    let permitted = items(&document, "pending").iter().any(yes);
    for gate in &gates {
        keeps(gate);
        assert!(gate.may_decide != MayDecide::Yes || permitted, "nobody said yes: {gate:?}");
    }
}

/// What an answer of Prometheus says of itself.
#[derive(Deserialize)]
struct Envelope {
    status: String,
    error: Option<String>,
}

/// The answer to an instant query and to a range query alike.
pub(crate) fn prometheus(bytes: &[u8]) {
    let answer = answer(bytes);
    match metrics::fuzz::instant(&answer, Duration::from_secs(300)) {
        Ok(Reading::Value(value)) => {
            assert!(value.is_finite(), "{value}");
            let said: Envelope =
                serde_json::from_slice(bytes).expect("a number comes from an answer of the API");
            assert_eq!((said.status.as_str(), said.error), ("success", None), "only from a success");
        }
        Ok(Reading::Unknown(why)) => assert!(!why.is_empty(), "an unknown says why"),
        Err(fault) => keeps(&fault),
    }
    let now = DATE.parse::<jiff::Zoned>().map_or(Timestamp::UNIX_EPOCH, |now| now.timestamp());
    if let Some(series) = metrics::fuzz::course(&answer, now) {
        assert!(series.values.len() <= 241, "{} values", series.values.len());
        assert!(series.values.iter().flatten().all(|value| value.is_finite()));
    }
}

/// What decides whether an alert is loud.
#[derive(Deserialize)]
struct Told {
    status: State,
}

#[derive(Deserialize)]
struct State {
    state: String,
}

/// A list of alerts: none is lost, and none is quiet that nobody silenced.
pub(crate) fn alertmanager(bytes: &[u8]) {
    let (seen, all) = match alerts::alerts(&answer(bytes)) {
        Ok(seen) => seen,
        Err(fault) => return keeps(&fault),
    };
    let told: Vec<Told> = serde_json::from_slice(bytes).expect("alerts come in a list");
    assert_eq!(all, told.len(), "every alert counts");
    assert_eq!(seen.len(), all.min(200), "and is told");
    let loud = seen.iter().filter(|alert| alert.state == AlertState::Firing).count();
    let silenced = told.iter().filter(|alert| alert.status.state == "suppressed").count();
    assert!(loud >= (all - silenced).min(200), "a state that is not known is loud");
    seen.iter().for_each(keeps);
}

/// `{"service": .., "tasks": [..]}`.
pub(crate) fn docker(bytes: &[u8]) {
    let document: Option<Value> = serde_json::from_slice(bytes).ok();
    let text = |name| match &document {
        Some(document) => member(document, name).to_string(),
        None => String::from_utf8_lossy(bytes).into_owned(),
    };
    match swarm::fuzz::rollout(&text("service"), &text("tasks")) {
        Ok(rollout) => {
            let document = document.expect("what is no JSON shows nothing");
            let tasks = items(&document, "tasks");
            let running =
                tasks.iter().filter(|task| task.pointer("/Status/State") == Some(&"running".into()));
            as_asked(&rollout, running.count());
        }
        Err(fault) => keeps(&fault),
    }
}

/// `{"containers": [..], "images": [..], "defaults": {..}}`: how they stand, and what would be made like the first.
pub(crate) fn docker_containers(bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    let text = |name| member(&document, name).to_string();
    let containers = items(&document, "containers");
    match swarm::fuzz::containers(&text("containers"), &text("images")) {
        Ok(rollout) => {
            let running =
                containers.iter().filter(|one| one.pointer("/State/Status") == Some(&"running".into()));
            as_asked(&rollout, running.count());
        }
        Err(fault) => keeps(&fault),
    }
    let image = "registry.test/acme/web:v9@sha256:\"\\";
    for container in &containers {
        let Ok(body) = swarm::fuzz::carried(&container.to_string(), &member(&document, "defaults"), image)
        else {
            continue;
        };
        let body: Value = serde_json::from_str(&body).expect("a request is JSON");
        assert_eq!(body.get("Image"), Some(&image.into()), "the new image is asked for");
        let kept = |whole: &Value| {
            let mut host = whole.get("HostConfig").and_then(Value::as_object).cloned().expect("an object");
            // Volumes without a name are named there.
            host.remove("Binds");
            host
        };
        assert_eq!(kept(&body), kept(container), "how it is run stays");
    }
}

/// What git prints of a repository of manifests.
pub(crate) fn manifests(bytes: &[u8]) {
    let read = deploys::fuzz::read(bytes, "refs/heads/main");
    keeps(&read.fault);
    keeps(&read.differences);
    keeps(&read.named);
    let text = String::from_utf8_lossy(bytes);
    let flagged = |line: &str| [" \t", "\t", "*\t", "+\t"].iter().any(|flag| line.starts_with(flag));
    let accepted = |line: &str| line.contains(":refs/heads/main\t") && flagged(line);
    assert!(!read.taken || text.lines().any(accepted), "nobody took it: {text}");
}

/// The answer of a `state` command.
pub(crate) fn command(bytes: &[u8]) {
    match tool::fuzz::rollout(bytes) {
        Ok(rollout) => {
            let document: Value = serde_json::from_slice(bytes).expect("what is no JSON shows nothing");
            let ready = |one: &Value| one.get("ready").and_then(Value::as_u64).unwrap_or(1);
            let running: u64 = items(&document, "running").iter().map(ready).sum();
            as_asked(&rollout, usize::try_from(running).expect("a count"));
            let whole = matches!(rollout.phase, Phase::Done | Phase::RolledBack);
            let mixed = rollout.running.iter().any(|r| r.ready > 0 && !r.artifact.same_as(&rollout.target));
            assert!(!(whole && mixed), "something else runs as well: {rollout:?}");
        }
        Err(fault) => keeps(&fault),
    }
}

/// That a rollout is only done when as many replicas run as were asked for.
fn as_asked(rollout: &Rollout, running: usize) {
    keeps(rollout);
    let asked = rollout.replicas.desired as usize;
    match &rollout.phase {
        Phase::Done | Phase::RolledBack => {
            assert!(asked > 0 && running >= asked, "{running} of {asked} run: {rollout:?}");
        }
        Phase::ScaledToZero => assert_eq!(asked, 0, "{rollout:?}"),
        _ => {}
    }
}

/// A service twice, or `{"old": .., "new": ..}`: the image is replaced and every other byte stays.
pub(crate) fn docker_spec(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let image = "registry.test/acme/web:v9@sha256:\"\\";
    if let Ok((spec, new)) = swarm::fuzz::with_image(&text, image) {
        let (mut before, after): (Value, Value) = (
            serde_json::from_str(spec).expect("as it came"),
            serde_json::from_str(&new).expect("still JSON"),
        );
        let place = before.pointer_mut("/TaskTemplate/ContainerSpec/Image").expect("where the image was");
        *place = image.into();
        assert_eq!(before, after, "only the image changes");
    }
    if let Ok(document) = serde_json::from_str::<Value>(&text) {
        let (old, new) = (member(&document, "old").to_string(), member(&document, "new").to_string());
        if let Ok(differences) = swarm::fuzz::differences(&old, &new) {
            differences.iter().for_each(keeps);
            assert!(old != new || differences.is_empty(), "equals do not differ: {differences:?}");
        }
    }
}

/// `{"deployment": .., "sets": [..], "pods": [..]}`.
pub(crate) fn kubernetes(bytes: &[u8]) {
    for (fault, reached) in kube::fuzz::faults(500, bytes).iter().zip([Reached::No, Reached::Perhaps]) {
        keeps(fault);
        assert_eq!(fault.reached, reached, "{fault}");
    }
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    let deployment = member(&document, "deployment");
    match kube::fuzz::rollout(&deployment, &items(&document, "sets"), &items(&document, "pods")) {
        Ok(rollout) => {
            let available =
                deployment.pointer("/status/availableReplicas").and_then(Value::as_u64).unwrap_or(0);
            as_asked(&rollout, usize::try_from(available).unwrap_or(usize::MAX));
            let observed = deployment.pointer("/status/observedGeneration").is_some();
            assert!(observed || rollout.phase != Phase::Done, "not observed is not done: {rollout:?}");
        }
        Err(fault) => keeps(&fault),
    }
}

/// `{"old": .., "new": ..}`: two pod templates.
pub(crate) fn kubernetes_template(bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    let (old, new) = (member(&document, "old"), member(&document, "new"));
    let differences = kube::fuzz::differences(&old, &new);
    for difference in &differences {
        is_safe(difference.what.as_str());
        keeps(difference);
    }
    assert!(old != new || differences.is_empty(), "equals do not differ: {differences:?}");
    assert!(differences.len() <= 100, "{} differences", differences.len());
}
