//! What changes something: inputs, stop, rebuild, start.

use super::front::{Answer, Call};
use super::{Jenkins, PARAMETERS, ROOT, SUBMITTERS, input_id, message};
use crate::sandbox::images::OWNER;
use crate::sandbox::pipeline::{Phase, Run};
use serde_json::Value;

pub(super) fn act(jenkins: &mut Jenkins, index: usize, number: u64, call: &Call, below: &[&str]) -> Answer {
    let missing = || Answer::page(404, "Not Found");
    let Jenkins { ids, projects } = jenkins;
    let Some(project) = projects.get_mut(index) else { return missing() };
    let next = project.runs.iter().map(|run| run.number).max().unwrap_or(0) + 1;
    let here = format!("{ROOT}/job/{OWNER}/job/{}/{number}/", project.script.name);
    let Some(run) = project.runs.iter_mut().find(|run| run.number == number) else { return missing() };
    match below {
        ["input", id, verb] => input(run, call, (id, verb)),
        ["stop"] => {
            run.cancel(call.login, call.now);
            Answer::empty(302).with("location", here)
        }
        ["replay", "rebuild"] => {
            if !run.is_over() {
                return Answer::page(409, "Not buildable");
            }
            let copy = Run::new(ids, next, (&run.version, &run.sha), call.login, call.now);
            project.runs.push(copy);
            Answer::empty(302).with("location", here)
        }
        _ => missing(),
    }
}

fn input(run: &mut Run, call: &Call, (id, verb): (&str, &str)) -> Answer {
    let held = run.job("deploy-production").filter(|job| job.phase == Phase::Held).map(|job| job.id);
    // Once it is given the input is gone, and with it its address.
    let Some(job) = held.filter(|_| id == input_id(&message(run))) else {
        return Answer::page(404, "Not Found");
    };
    let may = SUBMITTERS.contains(&call.login);
    let refused = || Answer::failure(&format!("You need to be {} to submit this.", SUBMITTERS.join(", ")));
    match verb {
        "proceed" | "proceedEmpty" | "abort" if !may => refused(),
        "abort" => {
            run.turn_down(job, call.login, call.now);
            Answer::empty(200)
        }
        // Defaults are not applied: what is not sent is null, and the script stumbles over it.
        "proceedEmpty" => {
            run.turn_down(job, call.login, call.now);
            Answer::empty(200)
        }
        "proceed" => {
            let Some((_, json)) = call.form.iter().find(|(name, _)| name == "json") else {
                return Answer::page(400, "This page expects a form submission");
            };
            let given: Value = serde_json::from_str(json).unwrap_or(Value::Null);
            let names: Vec<&str> = given
                .get("parameter")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter(|parameter| !parameter.get("value").is_none_or(Value::is_null))
                .filter_map(|parameter| parameter.get("name")?.as_str())
                .collect();
            if PARAMETERS.iter().all(|name| names.contains(name)) {
                run.let_go(job, call.login, call.now);
            } else {
                run.turn_down(job, call.login, call.now);
            }
            Answer::empty(200)
        }
        // Without a field `proceed` it aborts.
        "submit" => {
            run.turn_down(job, call.login, call.now);
            Answer::empty(302).with("location", "../..")
        }
        _ => Answer::page(404, "Not Found"),
    }
}

/// Starts a build: it is in the queue first.
pub(super) fn start(jenkins: &mut Jenkins, index: usize, call: &Call) -> Answer {
    let Jenkins { ids, projects } = jenkins;
    let Some(project) = projects.get_mut(index) else { return Answer::page(404, "Not Found") };
    let version = call.form.iter().find(|(name, _)| name == "VERSION").map(|(_, value)| value.clone());
    let version = version.or_else(|| project.script.tags.last().cloned()).unwrap_or_default();
    let number = project.runs.iter().map(|run| run.number).max().unwrap_or(0) + 1;
    let sha = project.commits.of(&version).to_owned();
    let run = Run::new(ids, number, (&version, &sha), call.login, call.now);
    let item = run.id;
    project.runs.push(run);
    Answer::empty(201).with("location", format!("{ROOT}/queue/item/{item}/"))
}
