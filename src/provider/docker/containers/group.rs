//! One look at the containers of a group, and at the images that they run.

use std::collections::BTreeMap;

use super::super::engine::Engine;
use super::super::wire;
use super::binding::Group;
use super::wire::{Container, Image, Row};
use crate::domain::{Artifact, Cause, Fault, SafeText};
use crate::provider::http::query;

/// How many containers that do not run are looked at, newest first.
const KEPT: usize = 12;
/// How many that run.
const GOING: usize = 40;

/// What was seen of a group.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Look {
    pub(super) containers: Vec<Container>,
    /// By image id; what the engine holds no longer is not in it.
    pub(super) images: BTreeMap<SafeText, Image>,
    /// How many more containers there are, which nobody looked at.
    pub(super) more: usize,
}

impl Look {
    pub(super) fn artifact(&self, container: &Container) -> Artifact {
        container.artifact(self.images.get(&container.image))
    }

    /// Those that the engine keeps going, the one that was started last first.
    pub(super) fn going(&self) -> Vec<&Container> {
        let mut going: Vec<_> = self.containers.iter().filter(|c| c.goes()).collect();
        going.sort_by_key(|c| (std::cmp::Reverse(c.started()), c.id.clone()));
        going
    }

    /// Those that ran and were kept, the one that ended last first.
    pub(super) fn kept(&self) -> Vec<&Container> {
        let mut kept: Vec<_> = self.containers.iter().filter(|c| c.kept()).collect();
        kept.sort_by_key(|c| (std::cmp::Reverse(c.finished()), c.id.clone()));
        kept
    }

    /// The one that is asked for: of those that run the one that was started last, else the one that was started or
    /// made last.
    pub(super) fn present(&self) -> Option<&Container> {
        let stopped = || {
            let ran = |c: &&Container| c.kept() || c.state.status == "created";
            self.containers.iter().filter(ran).max_by_key(|c| (c.asked_for(), c.id.clone()))
        };
        self.going().first().copied().or_else(stopped)
    }
}

/// Looks at a group.
///
/// # Errors
/// [`Cause::NotFound`] when there is no container of it; otherwise when the engine does not answer as documented.
pub(in super::super) async fn look(engine: &Engine, prefix: &str, group: &Group) -> Result<Look, Fault> {
    let mut rows: Vec<Row> = Vec::new();
    for filters in group.filters() {
        let path = query(&format!("{prefix}/containers/json"), &[("all", "true"), ("filters", &filters)]);
        let found: Vec<Row> = wire::read("containers", &engine.text(&path).await?)?;
        rows.extend(found.into_iter().filter(|row| group.has(row)));
    }
    let mut seen = std::collections::BTreeSet::new();
    rows.retain(|row| seen.insert(row.id.clone()));
    if rows.is_empty() {
        return Err(Fault::new(Cause::NotFound, format!("the engine has no {}", group.title()))
            .with_hint("docker ps --all shows what there is"));
    }
    let (going, rest): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| matches!(row.state.as_str(), "running" | "restarting" | "paused"));
    let more = going.len().saturating_sub(GOING) + rest.len().saturating_sub(KEPT);
    let mut look = Look { more, ..Look::default() };
    for row in going.iter().take(GOING).chain(rest.iter().take(KEPT)) {
        // What went away between the list and this is none of the group any more.
        if let Some(text) = engine.container(prefix, row.id.as_str()).await? {
            look.containers.push(wire::read("container", &text)?);
        }
    }
    for container in &look.containers {
        if !look.images.contains_key(&container.image)
            && let Some(text) = engine.image(prefix, container.image.as_str()).await?
        {
            look.images.insert(container.image.clone(), wire::read("image", &text)?);
        }
    }
    Ok(look)
}
