//! How a group of containers stands, from one look. Pure; sends nothing.
//!
//! An engine does not know how many containers there should be: those that it keeps going are what is asked for. If it
//! keeps none going, the one that was started last is, and it failed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::act::since;
use super::binding::Group;
use super::group::Look;
use super::wire::Container;
use crate::domain::rollout::{Restart, Running, Standing};
use crate::domain::{Artifact, Cause, Fault, Owner, Phase, Replicas, Revision, Rollout, SafeText};

/// After this long a container that is still not ready counts as stuck.
const PATIENCE: Duration = Duration::from_secs(300);

/// How the group stands.
///
/// # Errors
/// [`Cause::NotFound`] when no container of it ever ran or was made to run.
pub(in super::super) fn rollout(group: &Group, look: &Look, host: &SafeText) -> Result<Rollout, Fault> {
    let title = group.title();
    let present = look.present().ok_or_else(|| {
        Fault::new(Cause::NotFound, format!("no container of {title} runs, ran or could be started"))
            .with_hint("docker ps --all shows what there is")
    })?;
    let target = look.artifact(present);
    let going = look.going();
    Ok(Rollout {
        workload: SafeText::new(&format!("{title} on {host}")),
        host: host.clone(),
        phase: phase(&going, present, &title),
        replicas: replicas(look, &going, &target),
        running: running(look, &going),
        revisions: revisions(look, present, &target),
        began: present.started().or(present.created),
        took: None,
        steps: None,
        patience: Some(PATIENCE),
        restart: (!going.is_empty())
            .then(|| Restart { mark: SafeText::new(&since(&going)), left: 0 }),
        signs: signs(&going, present),
        owner: group.project().map(|project| Owner {
            tool: "Docker Compose".into(),
            name: SafeText::new(project),
            consequence: "makes the container anew from its file at the next docker compose up; change the image there \
                          as well"
                .into(),
        }),
        remarks: remarks(group, look, &going, &target),
        target,
    })
}

fn replicas(look: &Look, going: &[&Container], target: &Artifact) -> Replicas {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let of_target = |c: &&&Container| look.artifact(c).same_as(target);
    let ready = going.iter().filter(|c| c.ready());
    Replicas {
        desired: count(going.len()).max(1),
        updated: count(ready.clone().filter(of_target).count()),
        available: count(ready.count()),
        total: count(going.len()),
        restarts: going.iter().filter(of_target).map(|c| c.restart_count).fold(0, u32::saturating_add),
    }
}

fn phase(going: &[&Container], present: &Container, title: &str) -> Phase {
    if going.is_empty() {
        return Phase::Failed(SafeText::new(&format!("nothing of {title} runs: {}", ended(present))));
    }
    if let Some(held) = going.iter().find(|c| c.state.status == "paused") {
        return Phase::Paused(SafeText::new(&format!("{} is frozen by docker pause", held.name())));
    }
    let waits: Vec<String> =
        going.iter().filter(|c| !c.ready()).map(|c| format!("{} is {}", c.name(), condition(c))).collect();
    if waits.is_empty() {
        return Phase::Done;
    }
    let ready = going.len() - waits.len();
    Phase::Progressing(SafeText::new(&format!("{ready} of {} ready: {}", going.len(), waits.join(", "))))
}

fn condition(container: &Container) -> &str {
    match (container.state.status.as_str(), container.health()) {
        ("running", Some(health)) => health,
        (status, _) => status,
    }
}

/// Why a container that should run does not.
fn ended(container: &Container) -> String {
    let name = container.name();
    let said = container.state.error.as_ref().filter(|e| !e.is_empty());
    let said = said.map(|e| format!(": {e}")).unwrap_or_default();
    match (container.started(), container.state.oom_killed) {
        (None, _) => format!("{name} was made and never started{said}"),
        (Some(_), true) => format!("{name} was killed, out of memory{said}"),
        (Some(_), false) => format!("{name} ended with code {}{said}", container.state.exit_code),
    }
}

fn running(look: &Look, going: &[&Container]) -> Vec<Running> {
    let mut by: BTreeMap<Artifact, u32> = BTreeMap::new();
    for container in going {
        *by.entry(look.artifact(container)).or_default() += u32::from(container.ready());
    }
    let mut running: Vec<_> = by.into_iter().map(|(artifact, ready)| Running { artifact, ready }).collect();
    running.sort_by_key(|r| std::cmp::Reverse(r.ready));
    running
}

/// The one that is asked for, then those that were stopped and kept. One that was made after it was left by going back.
fn revisions(look: &Look, present: &Container, target: &Artifact) -> Vec<Revision> {
    let revision = |container: &Container, artifact: Artifact, standing| Revision {
        id: container.id.clone(),
        number: None,
        artifact,
        created: container.created,
        note: Some(SafeText::new(container.name())),
        standing,
    };
    let current = revision(present, target.clone(), Standing::Current);
    let kept = look.kept().into_iter().filter(|c| c.id != present.id).map(|container| {
        let left = container.created > present.created;
        revision(container, look.artifact(container), if left { Standing::Left } else { Standing::Past })
    });
    std::iter::once(current).chain(kept).collect()
}

/// Early signs of failure.
fn signs(going: &[&Container], present: &Container) -> Vec<SafeText> {
    let mut signs = Vec::new();
    let mut say = |text: String| signs.push(SafeText::new(&text));
    for container in going {
        let (name, state) = (container.name(), &container.state);
        if state.status == "restarting" {
            say(format!("{name} is restarting: it ended with code {}", state.exit_code));
        } else if container.restart_count > 0 {
            say(format!("{name} was restarted {} times by the engine", container.restart_count));
        }
        if container.health() == Some("unhealthy") {
            say(format!("{name} is unhealthy: its health check fails"));
        }
        if state.oom_killed {
            say(format!("{name} was killed before, out of memory"));
        }
    }
    if going.is_empty() {
        say(ended(present));
    }
    signs
}

fn remarks(group: &Group, look: &Look, going: &[&Container], target: &Artifact) -> Vec<SafeText> {
    let mut remarks = Vec::new();
    let mut say = |text: String| remarks.push(SafeText::new(&text));
    if let Some(text) = colours(group, look, going) {
        say(text);
    }
    let made: Vec<_> =
        look.containers.iter().filter(|c| c.state.status == "created").map(Container::name).collect();
    if !made.is_empty() && !going.is_empty() {
        say(format!("made and never started: {}", made.join(", ")));
    }
    if look.more > 0 {
        say(format!("{} more containers of it were not looked at", look.more));
    }
    if target.digest.is_none() {
        say(format!("{} has no digest here: its image was never pulled from a registry", target.label()));
    }
    remarks
}

/// Which colours run, and what each runs. Which of them serves is for the proxy in front to say.
fn colours(group: &Group, look: &Look, going: &[&Container]) -> Option<String> {
    let mut by: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for container in going {
        let Some(colour) = container.label(&group.colour) else { continue };
        by.entry(colour).or_default().insert(look.artifact(container).label().to_owned());
    }
    let told: Vec<String> = by
        .into_iter()
        .map(|(colour, labels)| {
            format!("{colour} runs {}", labels.into_iter().collect::<Vec<_>>().join(" and "))
        })
        .collect();
    match told.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        all => Some(format!("{}; which of them serves, the proxy in front decides", all.join(", "))),
    }
}
