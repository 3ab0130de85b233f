//! Going forward: a container like the present one is made from another image, the present one is stopped and kept, and
//! the new one is started.

use std::collections::BTreeSet;

use super::super::act::Found;
use super::super::engine::Patience;
use super::super::{differ, wire};
use super::act::{Parts, Scene, only_one, refuse_swarm};
use super::binding::filter;
use super::carry::{AtOnce, Carried, New, carry};
use super::difference;
use super::group::look;
use super::hazard::{blocking, owned, stop_time, stopping, warning};
use super::wire::{Container, Image, Row};
use crate::domain::{Artifact, Basis, Cause, Fault, Hazard, Prepared, SafeText};
use crate::provider::http::query;

/// How many names are tried for the new container.
const NAMES: usize = 9;

/// Ships `wanted` in place of the one container that runs.
///
/// # Errors
/// [`Cause::Refused`] unless exactly one runs.
pub(in super::super) async fn promote(scene: Scene<'_>, wanted: &Artifact) -> Result<Prepared, Fault> {
    let look = look(scene.engine, scene.prefix, scene.group).await?;
    let Some(present) = only_one(scene.group, &look)? else {
        let text =
            format!("nothing of {} runs, so there is nothing to take the place of", scene.group.title());
        return Err(Fault::new(Cause::Refused, text)
            .with_hint("roll back to a kept one, or start it with docker compose up or docker start"));
    };
    refuse_swarm(present)?;
    let from = look.artifact(present);
    let (to, image, mut hazards) = resolve(scene, wanted).await?;
    if from.digest.is_some() && from.same_as(&to) {
        hazards.push(blocking(format!("{} already runs {}.", present.name(), to.label())));
    }
    let gone = || Fault::new(Cause::Moved, "the container went away while it was looked at");
    let text = scene.engine.container(scene.prefix, present.id.as_str()).await?.ok_or_else(gone)?;
    let old_image = look.images.get(&present.image);
    if old_image.is_none() {
        hazards.push(warning(format!(
            "The engine no longer holds the image of {}: what that image set cannot be told from what you set, and all of it \
             is carried over.",
            present.name()
        )));
    }
    let defaults = old_image.map(|i| i.config.clone()).unwrap_or_default();
    let reference = to.reference();
    let carried = carry(
        &text,
        &New {
            reference: &reference,
            marks: scene.group.marks(),
            defaults: &defaults,
            alias: present.name(),
            networks: scene.at_once(),
        },
    )?;
    let mut differences = vec![differ::image(&from.reference(), &reference)];
    if let Some(image) = &image {
        differences.extend(difference::defaults(&defaults, &image.config, &carried.from_image));
    }
    hazards.extend(carried.hazards.iter().cloned());
    hazards.extend(stopping(present));
    hazards.extend(owned(scene.group));
    let name = scene.free_name(&to).await?;
    let mut basis = scene.basis(&look, Some(present));
    basis.push(Basis::new("new container", &name));
    basis.push(Basis::new("image on the engine", image.as_ref().map_or("none", |i| i.id.as_str())));
    let steps = scene.steps(present, &name, &reference, carried);
    let way_back = format!(
        "roll back: {name} is stopped and {old} started again, which is kept (by hand: docker stop {name} && docker start \
         {old})",
        old = present.name()
    );
    Ok(scene.prepared(Parts {
        basis,
        steps,
        from: Some(from),
        to,
        differences,
        hazards,
        way_back,
        patience: stop_time(present),
    }))
}

/// What would be shipped, pinned to the digest under which the engine pulled it. What it does not hold is not pulled
/// from here.
async fn resolve(
    scene: Scene<'_>,
    wanted: &Artifact,
) -> Result<(Artifact, Option<Image>, Vec<Hazard>), Fault> {
    let reference = match &wanted.digest {
        Some(digest) => format!("{}@{digest}", wanted.repository()),
        None => wanted.image.to_string(),
    };
    let Some(text) = scene.engine.image(scene.prefix, &reference).await? else {
        let missing = blocking(format!(
            "The engine on {} does not hold {reference}, and nothing is pulled from here: docker pull {reference}",
            scene.host
        ));
        return Ok((wanted.clone(), None, vec![missing]));
    };
    let image: Image = wire::read("image", &text)?;
    let mut hazards = Vec::new();
    let digest = wanted.digest.clone().or_else(|| image.digest_in(wanted.repository()));
    match &digest {
        None => hazards.push(blocking(format!(
            "{reference} on the engine was never pulled from a registry, so no digest pins it: push it, then docker pull \
             {reference}"
        ))),
        Some(digest) if wanted.digest.is_none() => hazards.extend(moved(scene, &reference, digest).await?),
        Some(_) => {}
    }
    Ok((Artifact { digest, ..wanted.clone() }, Some(image), hazards))
}

/// What a tag means on the engine may be older than what it means in the registry.
async fn moved(scene: Scene<'_>, reference: &str, digest: &SafeText) -> Result<Option<Hazard>, Fault> {
    let found = scene.engine.distribution(scene.prefix, reference, Patience::Brief).await?;
    Ok(match found {
        Found::At(now) if now != *digest => Some(warning(format!(
            "The registry's {reference} is {now} now; the engine holds {digest}, and that is shipped. docker pull {reference} \
             for the other."
        ))),
        _ => None,
    })
}

impl Scene<'_> {
    /// Since API 1.44 a container is made with all its networks.
    fn at_once(&self) -> AtOnce {
        let minor = self.prefix.rsplit_once('.').and_then(|(_, minor)| minor.parse::<u32>().ok());
        if minor.is_some_and(|minor| minor >= 44) { AtOnce::All } else { AtOnce::One }
    }

    /// A name for the new container that none has: the group's, and the beginning of the digest.
    async fn free_name(&self, to: &Artifact) -> Result<String, Fault> {
        let digest = to.digest.as_ref().map_or("", |d| d.as_str());
        let short = digest.strip_prefix("sha256:").and_then(|hex| hex.get(..12)).unwrap_or("new");
        let first = format!("{}-{short}", self.group.stem());
        let filters = filter("name", std::slice::from_ref(&first));
        let path =
            query(&format!("{}/containers/json", self.prefix), &[("all", "true"), ("filters", &filters)]);
        let taken: Vec<Row> = wire::read("containers", &self.engine.text(&path).await?)?;
        let names = (1..=NAMES).map(|n| if n == 1 { first.clone() } else { format!("{first}-{n}") });
        let mut free = names.filter(|name| !taken.iter().any(|row| row.is_named(name)));
        free.next().ok_or_else(|| {
            Fault::new(Cause::Refused, format!("{NAMES} containers named {first} are kept already"))
                .with_hint("docker rm those that nobody goes back to")
        })
    }

    fn steps(
        &self,
        present: &Container,
        name: &str,
        reference: &str,
        carried: Carried,
    ) -> Vec<crate::domain::Step> {
        let old = present.name();
        let mut steps = vec![self.post(
            query("/containers/create", &[("name", name)]),
            Some(carried.body),
            format!("makes {name} like {old}, from {reference}; does not start it"),
        )];
        let mut seen = BTreeSet::new();
        for (network, endpoint) in carried.connect.into_iter().filter(|(n, _)| seen.insert(n.clone())) {
            let body = serde_json::json!({"Container": name, "EndpointConfig": endpoint}).to_string();
            steps.push(self.post(
                format!("/networks/{network}/connect"),
                Some(body),
                format!("connects {name} to the network {network}, as {old} is"),
            ));
        }
        steps.push(self.stop(present));
        steps.push(self.post(format!("/containers/{name}/start"), None, format!("starts {name}")));
        steps
    }
}
