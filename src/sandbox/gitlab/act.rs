//! What changes something: approvals, starts, retries, cancellations, new pipelines.

use super::front::{Answer, Call, Told, no};
use super::{Decision, GitLab, Project, deployment_id, shape};
use crate::sandbox::pipeline::{Phase, Run};
use serde_json::{Value, json};

pub(super) fn act(gitlab: &mut GitLab, index: usize, call: &Call, rest: &[&str]) -> Answer {
    let missing = || no(404, "404 Not found");
    let GitLab { base, ids, projects } = gitlab;
    let project = projects.get_mut(index).ok_or_else(missing)?;
    match rest {
        ["deployments", id, "approval"] => approval(base, project, call, id),
        ["jobs", id, "play"] => {
            let wanted = |run: &&mut Run| run.current().any(|job| job.id.to_string() == *id);
            let rejected = id.parse().is_ok_and(|id| project.rejected(id));
            let pending = id.parse().map_or(0, |id| project.pending(id));
            let run = project.runs.iter_mut().find(wanted).ok_or_else(missing)?;
            let job = run.current().find(|job| job.id.to_string() == *id).ok_or_else(missing)?;
            let (number, held) = (job.id, job.phase == Phase::Held);
            // What waits for approval cannot be started, and neither can what was started.
            if !held || pending > 0 || rejected {
                return Err(no(400, "400 Bad request - Unplayable Job"));
            }
            run.let_go(number, call.login, call.now);
            let id = run.id;
            let run = project.runs.iter().find(|run| run.id == id).ok_or_else(missing)?;
            let job = run.jobs.iter().find(|job| job.id == number).ok_or_else(missing)?;
            Ok((200, Told::One(shape::job(base, project, run, job))))
        }
        ["pipelines", id, verb @ ("retry" | "cancel")] => {
            let run = project.runs.iter_mut().find(|run| run.id.to_string() == *id).ok_or_else(missing)?;
            let id = run.id;
            let status = if *verb == "retry" {
                run.retry(ids, call.now);
                201
            } else {
                // 200 whatever there was to cancel.
                run.cancel(call.login, call.now);
                200
            };
            let run = project.runs.iter().find(|run| run.id == id).ok_or_else(missing)?;
            Ok((status, Told::One(shape::pipeline_whole(base, project, run))))
        }
        ["pipeline"] => {
            let reference = call.body.get("ref").and_then(Value::as_str).unwrap_or_default();
            if reference.is_empty() {
                return Err((400, json!({"error": "ref is missing"})));
            }
            let known = reference == "main" || project.script.tags.iter().any(|tag| tag == reference);
            if !known {
                return Err((400, json!({"message": {"base": ["Reference not found"]}})));
            }
            let number = project.runs.iter().map(|run| run.number).max().unwrap_or(0) + 1;
            let sha = project.commits.of(reference).to_owned();
            let run = Run::new(ids, number, (reference, &sha), call.login, call.now);
            let value = shape::pipeline_whole(base, project, &run);
            project.runs.push(run);
            Ok((201, Told::One(value)))
        }
        _ => Err((404, json!({"error": "404 Not Found"}))),
    }
}

/// Every refusal that is about the approval itself is a 400.
fn approval(base: &str, project: &mut Project, call: &Call, id: &str) -> Answer {
    let pairs = project.runs.iter().flat_map(|run| run.jobs.iter().map(move |job| (run, job)));
    let found = pairs.into_iter().find(|(_, job)| deployment_id(job.id).to_string() == id);
    let (run, job) = found.ok_or_else(|| no(404, "404 Not found"))?;
    let status = match call.body.get("status").and_then(Value::as_str) {
        Some("approved") => "approved",
        Some("rejected") => "rejected",
        _ => return Err((400, json!({"error": "status does not have a valid value"}))),
    };
    let comment = call.body.get("comment").and_then(Value::as_str).unwrap_or_default().to_owned();
    if shape::deployment_status(project, job) != "blocked" {
        return Err(no(400, "This deployment is not waiting for approvals."));
    }
    if !shape::is_approver(call.login) {
        return Err(no(
            400,
            "You don't have permission to review this deployment. Contact the project or group owner for help.",
        ));
    }
    if run.actor == call.login {
        return Err(no(400, "You cannot approve your own deployment."));
    }
    if project.decisions.get(&job.id).into_iter().flatten().any(|decision| decision.login == call.login) {
        return Err(no(400, "You have already reviewed this deployment."));
    }
    let id = job.id;
    let decision = Decision { login: call.login.to_owned(), status, comment: comment.clone(), at: call.now };
    project.decisions.entry(id).or_default().push(decision);
    Ok((
        201,
        Told::One(json!({
            "user": shape::user(base, call.login), "status": status, "created_at": call.now, "comment": comment,
        })),
    ))
}
