//! What a `state` command answers: one JSON document, read strictly, and what it means. Pure.
//!
//! Strictly, because the program behind it is often the user's own: a word that is misspelt must not be lost silently.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::changes::Changes;
use crate::domain::rollout::{Running, Standing};
use crate::domain::{
    Artifact, Cause, Fault, Hazard, Owner, Phase, Place, Replicas, Revision, Rollout, SafeText, Severity, Sha,
};

/// The version of what is spoken.
pub(super) const PROTOCOL: u32 = 1;

/// The most entries of a list that are taken.
const MOST: usize = 200;

/// The longest text that decides something, in characters.
const LONGEST: usize = 1_000;

/// The whole answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) id: String,
    pub(super) basis: String,
    phase: Word,
    says: Option<String>,
    running: Vec<Thing>,
    target: Option<Thing>,
    replicas: Option<Count>,
    since: Option<Timestamp>,
    took_seconds: Option<u64>,
    #[serde(default)]
    revisions: Vec<Past>,
    pub(super) coming: Option<Thing>,
    pub(super) changes: Option<Changes>,
    #[serde(default)]
    pub(super) allowed: Allowed,
    owner: Option<Who>,
    identity: Option<String>,
    host: Option<String>,
    workload: Option<String>,
    way_back: Option<String>,
    #[serde(default)]
    signs: Vec<String>,
    #[serde(default)]
    remarks: Vec<String>,
    #[serde(default)]
    hazards: Vec<Told>,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Done,
    Progressing,
    Paused,
    Failed,
    RollingBack,
    RolledBack,
    Stopped,
    Unknown,
}

/// Something that runs, or would.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Thing {
    version: String,
    image: Option<String>,
    digest: Option<String>,
    commit: Option<String>,
    ready: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    desired: u32,
    updated: Option<u32>,
    available: Option<u32>,
    total: Option<u32>,
    #[serde(default)]
    restarts: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Past {
    id: String,
    number: Option<u64>,
    version: String,
    image: Option<String>,
    digest: Option<String>,
    commit: Option<String>,
    created: Option<Timestamp>,
    note: Option<String>,
    standing: Stands,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stands {
    Current,
    Past,
    Left,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    tool: String,
    name: String,
    consequence: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    severity: Severity,
    text: String,
}

/// What may be done now. What is not there is not told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allowed {
    pub(super) promote: Option<May>,
    pub(super) roll_back: Option<May>,
    pub(super) pause: Option<May>,
    pub(super) resume: Option<May>,
}

/// Yes, or why not.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum May {
    Plainly(bool),
    No(String),
}

/// Reads an answer.
///
/// # Errors
/// `Malformed`, with what is wrong.
pub(super) fn read(mut json: serde_json::Value) -> Result<State, Fault> {
    match json.get("gonogo").and_then(serde_json::Value::as_u64) {
        Some(1) => {}
        Some(other) => return Err(malformed(format!("it speaks version {other}, not {PROTOCOL}"))),
        None => return Err(malformed("it does not say \"gonogo\": 1".to_owned())),
    }
    if let Some(map) = json.as_object_mut() {
        map.remove("gonogo");
    }
    let state: State = serde_json::from_value(json).map_err(|error| malformed(error.to_string()))?;
    state.sound()?;
    Ok(state)
}

fn malformed(what: String) -> Fault {
    Fault::new(Cause::Malformed, format!("the state command's answer cannot be used: {what}"))
        .with_hint("docs/providers/command.md says what it may answer")
}

impl State {
    /// What a type cannot say.
    fn sound(&self) -> Result<(), Fault> {
        let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= LONGEST;
        for (name, text) in [("id", &self.id), ("basis", &self.basis)] {
            if !fits(text) {
                return Err(malformed(format!("`{name}` is empty or too long")));
            }
        }
        let things = self.running.iter().chain(&self.target).chain(&self.coming);
        let versions = things.map(|thing| &thing.version).chain(self.revisions.iter().map(|r| &r.version));
        if versions.chain(self.revisions.iter().map(|r| &r.id)).any(|text| !fits(text)) {
            return Err(malformed("a version or a revision's id is empty or too long".to_owned()));
        }
        if self.running.is_empty() && self.target.is_none() && self.phase != Word::Stopped {
            return Err(malformed(
                "nothing runs and nothing is asked for, and the phase is not \"stopped\"".to_owned(),
            ));
        }
        let runs = self.running.iter().any(|thing| thing.ready() > 0) || self.desired() > 0;
        if self.phase == Word::Stopped && runs {
            return Err(malformed("the phase is \"stopped\", and something runs or is asked for".to_owned()));
        }
        let long = [self.running.len(), self.revisions.len(), self.signs.len(), self.remarks.len()];
        if long.iter().chain([&self.hazards.len()]).any(|length| *length > MOST) {
            return Err(malformed(format!("a list has more than {MOST} entries")));
        }
        let mut ids: Vec<&String> = self.revisions.iter().map(|revision| &revision.id).collect();
        ids.sort();
        ids.dedup();
        if ids.len() < self.revisions.len() {
            return Err(malformed("two revisions have the same id".to_owned()));
        }
        self.changes.as_ref().map_or(Ok(()), |changes| changes.sound().map_err(malformed))
    }

    /// What is asked for: told, or the first of what runs.
    pub(super) fn target(&self, place: &Place) -> Artifact {
        let target = self.target.as_ref().or_else(|| self.running.first());
        target.map(|thing| thing.artifact(place)).unwrap_or_default()
    }

    /// Whether the state speaks of images; else versions are all there is.
    pub(super) fn has_images(&self) -> bool {
        self.running.iter().chain(&self.target).any(|thing| thing.image.is_some())
    }

    /// How many replicas should run.
    pub(super) fn desired(&self) -> u32 {
        match (self.replicas, self.phase) {
            (Some(count), _) => count.desired,
            (None, Word::Stopped) => 0,
            (None, _) => self.running.iter().map(Thing::ready).fold(0, u32::saturating_add).max(1),
        }
    }

    pub(super) fn identity(&self) -> Option<SafeText> {
        self.identity.as_deref().map(SafeText::new)
    }

    pub(super) fn way_back(&self) -> Option<SafeText> {
        self.way_back.as_deref().map(SafeText::new)
    }

    pub(super) fn hazards(&self) -> impl Iterator<Item = Hazard> {
        self.hazards.iter().map(|told| Hazard::new(told.severity, &told.text))
    }

    /// How it stands. That it is done is believed of the whole only: everything that runs is what is asked for, and
    /// there is enough of it.
    pub(super) fn phase(&self, place: &Place) -> Phase {
        let says = || self.says.as_deref().map_or_else(|| "it does not say what for".into(), SafeText::new);
        match self.phase {
            Word::Done | Word::RolledBack if self.desired() == 0 => Phase::ScaledToZero,
            Word::Done => self.missing(place).map_or(Phase::Done, Phase::Progressing),
            Word::RolledBack => self.missing(place).map_or(Phase::RolledBack, Phase::Progressing),
            Word::Progressing => Phase::Progressing(says()),
            Word::Paused => Phase::Paused(says()),
            Word::Failed => Phase::Failed(says()),
            Word::RollingBack => Phase::RollingBack(says()),
            Word::Stopped => Phase::ScaledToZero,
            Word::Unknown => {
                let says = self.says.as_deref().map(|says| format!(": {says}")).unwrap_or_default();
                Phase::Progressing(SafeText::new(&format!("the command does not know how it stands{says}")))
            }
        }
    }

    /// What is missing until everything that is asked for runs, and nothing else.
    fn missing(&self, place: &Place) -> Option<SafeText> {
        let (target, desired) = (self.target(place), self.desired());
        let (right, wrong): (Vec<_>, Vec<_>) = self
            .running
            .iter()
            .map(|thing| (thing.artifact(place), thing.ready()))
            .filter(|(_, ready)| *ready > 0)
            .partition(|(artifact, _)| artifact.same_as(&target));
        let ready = right.iter().map(|(_, ready)| *ready).fold(0, u32::saturating_add);
        if ready >= desired && wrong.is_empty() {
            return None;
        }
        let mut text = format!("{ready} of {desired} run {}", target.label());
        for (artifact, ready) in wrong {
            text.push_str(&format!(", {} still runs {ready} times", artifact.label()));
        }
        Some(SafeText::new(&text))
    }

    /// The revisions in the target's own order.
    pub(super) fn revisions(&self, place: &Place) -> Vec<Revision> {
        self.revisions.iter().map(|past| past.revision(place)).collect()
    }

    /// One look.
    pub(super) fn rollout(&self, place: &Place, source: &str) -> Rollout {
        let texts = |list: &[String]| list.iter().map(|text| SafeText::new(text)).collect::<Vec<_>>();
        let mut running: Vec<Running> = self
            .running
            .iter()
            .map(|thing| Running { artifact: thing.artifact(place), ready: thing.ready() })
            .collect();
        running.sort_by_key(|one| std::cmp::Reverse(one.ready));
        let target = self.target(place);
        let mut remarks = texts(&self.remarks);
        remarks.extend(self.waiting(place));
        Rollout {
            workload: SafeText::new(self.workload.as_deref().unwrap_or(&self.id)),
            host: SafeText::new(self.host.as_deref().unwrap_or(source)),
            phase: self.phase(place),
            replicas: self.replicas(&running, &target),
            revisions: self.revisions(place),
            target,
            running,
            began: self.since,
            took: self.took_seconds.map(Duration::from_secs).filter(|took| !took.is_zero()),
            steps: None,
            patience: None,
            restart: None,
            signs: texts(&self.signs),
            owner: self.owner.as_ref().map(|owner| Owner {
                tool: SafeText::new(&owner.tool),
                name: SafeText::new(&owner.name),
                consequence: SafeText::new(&owner.consequence),
            }),
            remarks,
        }
    }

    /// What is prepared there and waits for somebody, in one line.
    fn waiting(&self, place: &Place) -> Option<SafeText> {
        let coming = self.coming.as_ref()?.artifact(place);
        let changes = self.changes.as_ref().map(|changes| format!(": {}", changes.summary()));
        Some(SafeText::new(&format!(
            "{} waits to be promoted{}",
            coming.label(),
            changes.unwrap_or_default()
        )))
    }

    fn replicas(&self, running: &[Running], target: &Artifact) -> Replicas {
        let sum = |right: &dyn Fn(&&Running) -> bool| {
            running.iter().filter(right).map(|one| one.ready).fold(0, u32::saturating_add)
        };
        let (all, new) = (sum(&|_| true), sum(&|one| one.artifact.same_as(target)));
        let count = self.replicas;
        Replicas {
            desired: self.desired(),
            updated: count.and_then(|count| count.updated).unwrap_or(new),
            available: count.and_then(|count| count.available).unwrap_or(all),
            total: count.and_then(|count| count.total).unwrap_or(all),
            restarts: count.map_or(0, |count| count.restarts),
        }
    }
}

/// An artifact of a target that may know versions only: those get the service's name for an image, so that the same
/// version is the same thing.
pub(super) fn artifact(
    place: &Place,
    version: &str,
    image: Option<&str>,
    digest: Option<&str>,
    commit: Option<&str>,
) -> Artifact {
    let image = image.map_or_else(|| format!("{}:{version}", place.service), str::to_owned);
    Artifact {
        image: SafeText::new(&image),
        digest: digest.map(SafeText::new),
        version: Some(SafeText::new(version)),
        revision: commit.map(Sha::new),
    }
}

impl Thing {
    pub(super) fn artifact(&self, place: &Place) -> Artifact {
        let text = |field: &Option<String>| field.clone();
        let (image, digest, commit) = (text(&self.image), text(&self.digest), text(&self.commit));
        artifact(place, &self.version, image.as_deref(), digest.as_deref(), commit.as_deref())
    }

    fn ready(&self) -> u32 {
        self.ready.unwrap_or(1)
    }
}

impl Past {
    fn revision(&self, place: &Place) -> Revision {
        let (image, digest, commit) = (self.image.as_deref(), self.digest.as_deref(), self.commit.as_deref());
        Revision {
            id: SafeText::new(&self.id),
            number: self.number,
            artifact: artifact(place, &self.version, image, digest, commit),
            created: self.created,
            note: self.note.as_deref().map(SafeText::new),
            standing: match self.standing {
                Stands::Current => Standing::Current,
                Stands::Past => Standing::Past,
                Stands::Left => Standing::Left,
            },
        }
    }
}

#[cfg(test)]
mod tests;
