//! What a deployment target runs: workloads, their rollout, and the revisions one can go back to.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Sha;
use super::text::SafeText;

/// Something that can run: an image, by digest where it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Artifact {
    /// Image reference without digest: `registry.test/acme/checkout:v2.15.0`.
    pub image: SafeText,
    /// `sha256:...`, none if nobody proved it.
    pub digest: Option<SafeText>,
    /// What people call it: the image's tag, or the version a deployment names.
    pub version: Option<SafeText>,
    /// The commit it was built from, if known.
    pub revision: Option<Sha>,
}

impl Artifact {
    /// Splits an image reference `repository[:tag][@digest]` into its parts.
    #[must_use]
    pub fn from_reference(reference: &str) -> Self {
        let (image, digest) = match reference.split_once('@') {
            Some((image, digest)) => (image, Some(SafeText::new(digest))),
            None => (reference, None),
        };
        Self {
            version: tag_of(image).map(SafeText::new),
            image: SafeText::new(image),
            digest,
            revision: None,
        }
    }

    /// `repository:tag@digest`, or without digest if it is not known.
    #[must_use]
    pub fn reference(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.image),
            None => self.image.to_string(),
        }
    }

    /// The repository: the image without its tag.
    #[must_use]
    pub fn repository(&self) -> &str {
        let image = self.image.as_str();
        match tag_of(image) {
            Some(tag) => image.get(..image.len() - tag.len() - 1).unwrap_or(image),
            None => image,
        }
    }

    /// Version, else short digest, else the image: something to call it by.
    #[must_use]
    pub fn label(&self) -> &str {
        match (&self.version, &self.digest, &self.revision) {
            (Some(version), _, _) => version.as_str(),
            (None, _, Some(revision)) => revision.short(),
            (None, Some(digest), _) => digest.as_str().get(..15).unwrap_or(digest.as_str()),
            (None, None, None) => self.image.as_str(),
        }
    }

    /// Whether both are the same thing: equal digests where both are known, else equal images.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        match (&self.digest, &other.digest) {
            (Some(a), Some(b)) => a == b,
            _ if self.image.is_empty() || other.image.is_empty() => {
                self.version.is_some() && self.version == other.version
            }
            _ => self.image == other.image,
        }
    }
}

fn tag_of(image: &str) -> Option<&str> {
    let after_slash = image.rsplit('/').next().unwrap_or(image);
    after_slash.split_once(':').map(|(_, tag)| tag)
}

/// How a rollout stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Everything asked for runs.
    Done,
    /// Under way; what it waits for, in the target's own words.
    Progressing(SafeText),
    /// Somebody (or a failure action) paused it.
    Paused(SafeText),
    /// The target says that it failed.
    Failed(SafeText),
    /// Going back to the previous revision.
    RollingBack(SafeText),
    /// Done, by having gone back.
    RolledBack,
    /// Nothing is asked to run.
    ScaledToZero,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// Asked for.
    pub desired: u32,
    /// Of the newest revision.
    pub updated: u32,
    /// Ready or available, of any revision.
    pub available: u32,
    /// Exist at all.
    pub total: u32,
    /// Restarts of containers of the newest revision.
    pub restarts: u32,
}

/// An artifact and how many replicas run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// What.
    pub artifact: Artifact,
    /// How many are ready.
    pub ready: u32,
}

/// A revision that the target remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The target's identity for it: a ReplicaSet's name, "previous".
    pub id: SafeText,
    /// The number that people see; renumbered by an undo, so never an identity.
    pub number: Option<u64>,
    /// What it runs.
    pub artifact: Artifact,
    /// First seen.
    pub created: Option<Timestamp>,
    /// Why, if somebody wrote it down.
    pub note: Option<SafeText>,
    /// Whether it is the one asked for now.
    pub standing: Standing,
}

/// How a revision stands to the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Asked for now.
    Current,
    /// Was, and can be again.
    Past,
    /// Newer than what is asked for now: it was left by going back. To choose it is to go forward again.
    Left,
    /// Runs beside what has the traffic, and is newer: to switch to it is to go forward.
    Beside,
}

/// Who else writes this workload and would undo a manual change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// "Argo CD", "Flux", "Helm".
    pub tool: SafeText,
    /// The application or release that owns it.
    pub name: SafeText,
    /// What it would do to a manual change, and what to do instead.
    pub consequence: SafeText,
}

impl Owner {
    /// What speaks against a change by hand, in one sentence.
    #[must_use]
    pub fn hazard(&self) -> String {
        format!("{} ({}) {}", self.tool, self.name, self.consequence)
    }
}

/// How a rollout that goes in steps brings its traffic over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// A growing share of it.
    Canary,
    /// All of it at once, after a preview.
    BlueGreen,
}

/// How the course of a rollout in steps stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// It goes on by itself.
    Going,
    /// It waits for a human.
    Held,
    /// An order was written, and its controller has not read it yet: nothing of it has happened.
    Ordered,
    /// It was given up: the stable revision has the traffic, and what is asked for is still the other one.
    Aborted,
    /// All of it is done.
    Over,
}

/// A rollout that goes in steps: how far it is, what measures it, and what has the rest of the traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// How.
    pub strategy: Strategy,
    /// Every step in order, in words: `25 %`, `pause 10m`, `analysis success-rate`.
    pub words: Vec<SafeText>,
    /// Which is under way, from 0; as many as there are when all are done.
    pub at: usize,
    /// Share of the traffic that the coming revision gets, in per cent; of the replicas where nothing splits traffic.
    pub weight: Option<u32>,
    /// What gets the rest, and all of it after an abort.
    pub stable: Option<Artifact>,
    /// How it stands.
    pub course: Course,
    /// What is measured meanwhile.
    pub analyses: Vec<Analysis>,
    /// Whether its controller can be told to skip what is left of them.
    #[serde(default)]
    pub skips: bool,
    /// What people open to let it go on, or to turn it back.
    #[serde(default)]
    pub doors: Vec<Door>,
}

/// A switch beside the target by which people answer it. It knows no revision: what is open lets everything pass until
/// somebody closes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// Its name: `gate`, `rollback gate`.
    pub name: SafeText,
    /// What asks it, in the target's words: `confirm-rollout, confirm-promotion`.
    pub asked_by: SafeText,
    /// How it stands.
    pub state: Ajar,
}

/// How a [`Door`] stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ajar {
    /// Whoever asks may pass.
    Open,
    /// Whoever asks is held.
    Closed,
    /// Nobody could tell; why.
    Untold(SafeText),
}

impl Steps {
    /// The step that is under way, counted from 1, with its words; none when all are done.
    #[must_use]
    pub fn now(&self) -> Option<(usize, &SafeText)> {
        self.words.get(self.at).map(|words| (self.at + 1, words))
    }
}

/// One analysis that a rollout waits for or runs beside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// Its name.
    pub name: SafeText,
    /// The target's word: `Running`, `Successful`, `Failed`, `Error`, `Inconclusive`.
    pub phase: SafeText,
    /// Why, in the target's words.
    pub message: SafeText,
    /// What it measures.
    pub metrics: Vec<Measured>,
}

/// One metric of an analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub name: SafeText,
    /// The target's word for how it stands.
    pub phase: SafeText,
    /// The newest value, as the target writes it.
    pub value: Option<SafeText>,
    /// What must hold: `result[0] >= 0.95`.
    pub condition: SafeText,
    /// Measurements that were good, bad, and neither.
    pub counts: [u32; 3],
}

/// The name of the [`Basis`](super::intent::Basis) that holds how many replicas must run at least for a promise about
/// a workload to be believed: those asked for when the plan was made, or the least that an autoscaler keeps.
pub const LEAST_REPLICAS: &str = "least replicas";

/// The name of the basis that holds how a pause by hand begins in the words of [`Phase::Paused`]: a rollout in steps may
/// pause by itself as well, which proves nothing.
pub const PAUSED_BY: &str = "paused by";

/// What [`Phase::Progressing`] says where the controller has not read the newest order: how far it is, is told of the one
/// before, and proves nothing.
pub const UNREAD: &str = "waiting for the spec update to be observed";

/// The name of the basis that says whether a rollout was under way when the plan was made: `yes` or `no`.
pub const UNDER_WAY: &str = "under way";

/// The name of the basis that holds the mark of the last restart: [`Restart::mark`], or `none`.
pub const LAST_RESTART: &str = "last restart";

/// The name of the basis that holds how often the target itself has restarted what runs: [`Replicas::restarts`].
pub const OWN_RESTARTS: &str = "restarts by the target";

/// One look at a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// What people call the workload, with its host: `deployment/checkout in namespace production`.
    pub workload: SafeText,
    /// Where it runs: cluster or engine, as the source tells it.
    pub host: SafeText,
    /// How it stands.
    pub phase: Phase,
    /// How many.
    pub replicas: Replicas,
    /// What is asked for.
    pub target: Artifact,
    /// What really runs, most replicas first.
    pub running: Vec<Running>,
    /// What the target remembers, newest first, the current one included.
    pub revisions: Vec<Revision>,
    /// When the current revision began to roll out, if known.
    pub began: Option<Timestamp>,
    /// How long it took to roll the current revision out whole, if it is and the target tells.
    #[serde(default)]
    pub took: Option<Duration>,
    /// How far it is, if it goes in steps.
    #[serde(default)]
    pub steps: Option<Steps>,
    /// After this long a rollout that is not over counts as stuck, where the target itself never says so.
    #[serde(default)]
    pub patience: Option<Duration>,
    /// The newest restart that was asked for, where the target tells.
    #[serde(default)]
    pub restart: Option<Restart>,
    /// Early signs of failure: `ImagePullBackOff on 2 pods`.
    pub signs: Vec<SafeText>,
    /// Who would undo a manual change.
    pub owner: Option<Owner>,
    /// What an operator should know.
    pub remarks: Vec<SafeText>,
}

impl Rollout {
    /// What really runs: `3 × v2.14.1, 1 × v2.15.0`.
    #[must_use]
    pub fn runs(&self) -> String {
        let ready = self.running.iter().filter(|r| r.ready > 0);
        let each: Vec<String> = ready.map(|r| format!("{} × {}", r.ready, r.artifact.label())).collect();
        if each.is_empty() { "nothing that is ready".to_owned() } else { each.join(", ") }
    }

    /// Whether something else than what is asked for is ready, or nothing is.
    #[must_use]
    pub fn halfway(&self) -> bool {
        let mut ready = self.running.iter().filter(|r| r.ready > 0).peekable();
        let none = ready.peek().is_none() && self.replicas.desired > 0;
        none || ready.any(|r| !r.artifact.same_as(&self.target))
    }

    /// The revision that a roll back goes to unless another is chosen: the one that ran last among those older than
    /// the present one, whose artifact differs. Never one that was left by going back.
    #[must_use]
    pub fn previous(&self) -> Option<&Revision> {
        self.revisions.iter().find(|r| r.standing == Standing::Past && !r.artifact.same_as(&self.target))
    }

    /// Share of the rollout that is done, 0 to 100; none if nothing is asked for. None as well when the counters
    /// say 100 while it is still under way: right after a change they tell of the rollout before. Of a rollout in steps
    /// it is the share of the traffic.
    #[must_use]
    pub fn percent(&self) -> Option<u32> {
        if let Some(steps) = self.steps.as_ref().filter(|_| !self.at_rest()) {
            return steps.weight;
        }
        let done = self.replicas.updated.min(self.replicas.available);
        let percent = done.saturating_mul(100).checked_div(self.replicas.desired)?.min(100);
        (percent < 100 || self.at_rest()).then_some(percent)
    }

    /// Whether nothing moves and nothing is wrong.
    #[must_use]
    pub const fn at_rest(&self) -> bool {
        matches!(self.phase, Phase::Done | Phase::RolledBack | Phase::ScaledToZero)
    }
}

/// What is known of the image that a roll back would start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stock {
    /// The registry has this very image.
    There,
    /// The registry has an image of that name; nobody knows whether it is the one that ran.
    Named,
    /// The registry has another image under that name: its digest.
    Moved(SafeText),
    /// The registry says that it is gone.
    Gone,
    /// Nobody could tell; why.
    Untold(SafeText),
}

/// The newest restart that a workload was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// The target's own mark of it: when it was asked for, or how often. Of a target that keeps none, since when every
    /// replica runs.
    pub mark: SafeText,
    /// Ready replicas that are there since before it.
    pub left: u32,
}

/// What a CI provider says is live in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// What it calls it: version from the ref, revision.
    pub artifact: Artifact,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Where a browser shows it.
    pub url: Option<SafeText>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reference_falls_into_its_parts() {
        for (reference, repository, version, digest) in [
            (
                "127.0.0.1:5000/acme/web:v1@sha256:aa",
                "127.0.0.1:5000/acme/web",
                Some("v1"),
                Some("sha256:aa"),
            ),
            ("127.0.0.1:5000/acme/web", "127.0.0.1:5000/acme/web", None, None),
            ("nginx:1.27", "nginx", Some("1.27"), None),
            ("web@sha256:bb", "web", None, Some("sha256:bb")),
        ] {
            let artifact = Artifact::from_reference(reference);
            assert_eq!(artifact.repository(), repository);
            assert_eq!(artifact.version.as_ref().map(SafeText::as_str), version);
            assert_eq!(artifact.digest.as_ref().map(SafeText::as_str), digest);
            assert_eq!(artifact.reference(), reference);
        }
    }

    #[test]
    fn equal_digests_win_over_tags() {
        let a = Artifact::from_reference("r/web:v1@sha256:aa");
        assert!(a.same_as(&Artifact::from_reference("mirror/web:latest@sha256:aa")));
        assert!(!a.same_as(&Artifact::from_reference("r/web:v1@sha256:bb")));
        assert!(a.same_as(&Artifact::from_reference("r/web:v1")));
    }
}
