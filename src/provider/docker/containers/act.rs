//! Going back: the container that was stopped and kept is started again, after the present one was stopped. Also the
//! parts that every plan about containers is made of.

use std::time::Duration;

use jiff::Timestamp;

use super::super::engine::Engine;
use super::binding::Group;
use super::group::{Look, look};
use super::wire::Container;
use super::{difference, hazard};
use crate::domain::intent::Difference;
use crate::domain::rollout::{LAST_RESTART, LEAST_REPLICAS, OWN_RESTARTS};
use crate::domain::{
    Artifact, Basis, Cause, Fault, Guard, Hazard, Permission, Prepared, Promise, SafeText, SourceName, Step,
};

/// How long the start may take until it is proved.
const DEADLINE: Duration = Duration::from_secs(300);
/// On every container that a Swarm runs.
const SWARM: &str = "com.docker.swarm.service.name";

/// Where a plan is made.
#[derive(Clone, Copy)]
pub(in super::super) struct Scene<'a> {
    pub(in super::super) engine: &'a Engine,
    pub(in super::super) source: &'a SourceName,
    /// `/v1.41`.
    pub(in super::super) prefix: &'a str,
    pub(in super::super) host: &'a SafeText,
    pub(in super::super) group: &'a Group,
}

/// Goes back to the kept container `id`.
///
/// # Errors
/// [`Cause::NotFound`] when it is no longer kept, [`Cause::Refused`] when more than one runs.
pub(in super::super) async fn roll_back(
    scene: Scene<'_>,
    id: &SafeText,
    wanted: &Artifact,
) -> Result<Prepared, Fault> {
    let look = look(scene.engine, scene.prefix, scene.group).await?;
    let present = only_one(scene.group, &look)?;
    let kept = look.kept().into_iter().find(|c| c.id == *id).ok_or_else(|| {
        let title = scene.group.title();
        Fault::new(
            Cause::NotFound,
            format!("the container of {title} to go back to is no longer kept, stopped"),
        )
        .with_hint("docker ps --all shows what there is")
    })?;
    let to = look.artifact(kept);
    if !wanted.image.is_empty() && !to.same_as(wanted) {
        let text = format!("{} holds {}, not {}", kept.name(), to.reference(), wanted.reference());
        return Err(Fault::new(Cause::Moved, text));
    }
    let mut steps = Vec::new();
    let mut differences = Vec::new();
    let mut hazards = Vec::new();
    if let Some(present) = present {
        steps.push(scene.stop(present));
        differences = scene.differences(present, kept, (&look.artifact(present), &to)).await?;
        hazards.extend(hazard::settings(&differences));
        hazards.extend(hazard::stopping(present));
    }
    hazards.extend(hazard::owned(scene.group));
    let name = kept.name();
    steps.push(scene.post(
        format!("/containers/{}/start", kept.id),
        None,
        format!("starts the kept container {name} again, which has {}", to.reference()),
    ));
    let way_back = present.map_or_else(
        || format!("docker stop {name}"),
        |p| {
            format!(
                "roll back again: {} is stopped and kept (by hand: docker stop {name} && docker start {})",
                p.name(),
                p.name()
            )
        },
    );
    let basis =
        [Basis::new("kept container", &kept.id), Basis::new("kept container ended", at(kept.finished()))];
    let mut all = scene.basis(&look, present);
    all.extend(basis);
    Ok(scene.prepared(Parts {
        basis: all,
        steps,
        from: look.present().map(|p| look.artifact(p)),
        to,
        differences,
        hazards,
        way_back,
        patience: present.map_or(Duration::ZERO, hazard::stop_time),
    }))
}

/// Starts every container anew that runs, one after the other.
///
/// # Errors
/// [`Cause::Refused`] when none runs, or Swarm keeps them.
pub(in super::super) async fn restart(scene: Scene<'_>) -> Result<Prepared, Fault> {
    let look = look(scene.engine, scene.prefix, scene.group).await?;
    let title = scene.group.title();
    let going = look.going();
    let (Some(present), Some(after)) = (going.first(), going.iter().filter_map(|c| c.started()).max()) else {
        return Err(Fault::new(
            Cause::Refused,
            format!("nothing of {title} runs, so nothing is started anew"),
        )
        .with_hint("roll back to a kept one, or start it with docker compose up or docker start"));
    };
    refuse_swarm(present)?;
    if look.more > 0 {
        let text = format!("more containers of {title} run than are looked at");
        return Err(Fault::new(Cause::Refused, text).with_hint("docker compose restart"));
    }
    let runs = look.artifact(present);
    let mut basis = scene.basis(&look, Some(present));
    let others = going.iter().skip(1);
    basis.extend(others.map(|c| Basis::new(c.name(), format!("{} since {}", c.id, at(c.started())))));
    basis.push(Basis::new(LAST_RESTART, since(&going)));
    basis.push(Basis::new(LEAST_REPLICAS, going.len().to_string()));
    let own = going.iter().map(|c| c.restart_count).fold(0, u32::saturating_add);
    basis.push(Basis::new(OWN_RESTARTS, own.to_string()));
    let mut hazards: Vec<Hazard> = going.iter().filter_map(|c| hazard::restarting(c)).collect();
    hazards.push(hazard::interruption(&going));
    let patience = going.iter().map(|c| hazard::stop_time(c)).fold(Duration::ZERO, Duration::saturating_add);
    let mut prepared = scene.prepared(Parts {
        basis,
        steps: going.iter().map(|c| scene.restart(c)).collect(),
        from: Some(runs.clone()),
        to: runs.clone(),
        differences: Vec::new(),
        hazards,
        way_back: "nothing to take back: the same containers run".to_owned(),
        patience,
    });
    prepared.promise = Promise::Renewed { artifact: runs, after };
    Ok(prepared)
}

/// Since when all of these run: the oldest of their starts.
pub(super) fn since(going: &[&Container]) -> String {
    at(going.iter().map(|c| c.started()).min().flatten())
}

/// A container of a Swarm service is Swarm's: it would replace it.
///
/// # Errors
/// [`Cause::Refused`] when it is one.
pub(super) fn refuse_swarm(present: &Container) -> Result<(), Fault> {
    let Some(service) = present.label(SWARM) else { return Ok(()) };
    let text = format!("{} is run by the Swarm service {service}, which would replace it", present.name());
    Err(Fault::new(Cause::Refused, text).with_hint("bind service = \"..\" instead"))
}

/// The one container of the group that runs; none if none does.
///
/// # Errors
/// [`Cause::Refused`] when several run.
pub(super) fn only_one<'a>(group: &Group, look: &'a Look) -> Result<Option<&'a Container>, Fault> {
    let going = look.going();
    match going.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        all => {
            let names: Vec<&str> = all.iter().map(|c| c.name()).collect();
            let text = format!(
                "{} containers of {} run ({}), and from here one is replaced by one",
                all.len(),
                group.title(),
                names.join(", ")
            );
            Err(Fault::new(Cause::Refused, text).with_hint(
                "docker compose up after changing the image in its file, or a source of kind \"command\" that switches \
                 your proxy",
            ))
        }
    }
}

/// What one plan consists of, besides where it is made.
pub(super) struct Parts {
    pub(super) basis: Vec<Basis>,
    pub(super) steps: Vec<Step>,
    pub(super) from: Option<Artifact>,
    pub(super) to: Artifact,
    pub(super) differences: Vec<Difference>,
    pub(super) hazards: Vec<Hazard>,
    pub(super) way_back: String,
    /// How long the stop may take.
    pub(super) patience: Duration,
}

impl Scene<'_> {
    pub(super) fn post(&self, path: String, body: Option<String>, effect: String) -> Step {
        Step {
            source: self.source.clone(),
            method: "POST".to_owned(),
            path: format!("{}{path}", self.prefix),
            content_type: body.as_ref().map(|_| "application/json".to_owned()),
            body,
            effect: SafeText::new(&effect),
        }
    }

    pub(super) fn stop(&self, container: &Container) -> Step {
        let effect = format!(
            "stops {} and keeps it; it has {} s to end by itself",
            container.name(),
            hazard::stop_time(container).as_secs()
        );
        self.post(format!("/containers/{}/stop", container.id), None, effect)
    }

    fn restart(&self, container: &Container) -> Step {
        let effect = format!(
            "stops {} and starts it again; it has {} s to end by itself",
            container.name(),
            hazard::stop_time(container).as_secs()
        );
        self.post(format!("/containers/{}/restart", container.id), None, effect)
    }

    /// What a plan rests on, of the container that runs and of the others that could be started.
    pub(super) fn basis(&self, look: &Look, present: Option<&Container>) -> Vec<Basis> {
        let Some(present) = present else {
            let last = look.present().map_or("none", |c| c.id.as_str());
            return vec![Basis::new("running container", "none"), Basis::new("last container", last)];
        };
        vec![
            Basis::new("running container", &present.id),
            Basis::new("container name", present.name()),
            Basis::new("image id", &present.image),
            Basis::new("state", &present.state.status),
            // The engine knows no users: when is all that anybody can tell.
            Basis::new("started", at(present.started())),
        ]
    }

    pub(super) async fn differences(
        &self,
        old: &Container,
        new: &Container,
        (from, to): (&Artifact, &Artifact),
    ) -> Result<Vec<Difference>, Fault> {
        let gone = || Fault::new(Cause::Moved, "a container went away while it was looked at");
        let a = self.engine.container(self.prefix, old.id.as_str()).await?.ok_or_else(gone)?;
        let b = self.engine.container(self.prefix, new.id.as_str()).await?.ok_or_else(gone)?;
        let mut found = vec![super::super::differ::image(&from.reference(), &to.reference())];
        found.extend(difference::settings(&a, &b)?);
        Ok(found)
    }

    pub(super) fn prepared(&self, parts: Parts) -> Prepared {
        let promise = Promise::Runs { artifact: parts.to.clone() };
        Prepared {
            basis: parts.basis,
            steps: parts.steps,
            from: parts.from,
            to: Some(parts.to),
            differences: parts.differences,
            hazards: parts.hazards,
            permission: Permission::Untold,
            guard: Guard::LookAgain(
                "the engine checks nothing of what was there before: another's start or stop within the round trip is \
                 overruled; a name or a port that was taken meanwhile is refused"
                    .into(),
            ),
            promise,
            deadline: DEADLINE.saturating_add(parts.patience),
            way_back: Some(SafeText::new(&parts.way_back)),
            identity: Some(super::super::act::identity(self.host)),
            people: None,
            form: Vec::new(),
        }
    }
}

pub(super) fn at(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| time.to_string())
}
