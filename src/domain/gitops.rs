//! GitOps: the application that a controller keeps as Git says, and the manifests in Git that say it.
//!
//! Two views of one thing, from two sources: what the controller (Argo CD, Flux) says it has applied, and what the
//! branch holds. Neither is proof of the other.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Sha;
use super::text::SafeText;
use super::time::ago;

/// The name of the fact in a plan's basis that says whether the controller applies by itself what Git says: `off`, or how.
pub const AUTO_SYNC: &str = "auto-sync";

/// Whether what runs is what Git says, by the controller's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sync {
    /// It is.
    Synced,
    /// It is not; what differs, as far as the controller tells.
    OutOfSync(SafeText),
    /// The controller does not know; why.
    Unknown(SafeText),
}

/// How what was applied fares, by the controller's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Well.
    Healthy,
    /// Under way; what.
    Progressing(SafeText),
    /// Not well; why.
    Degraded(SafeText),
    /// The controller does not know; why.
    Unknown(SafeText),
}

/// What the controller does to a change by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reign {
    /// Puts it back by itself, after about this long.
    Heals(Duration),
    /// Overwrites it with the next change in Git.
    Follows,
    /// Leaves it until somebody syncs.
    ByHand,
    /// Leaves it: held, by whom or since when as far as it is known.
    Held(SafeText),
    /// Nobody knows; why not.
    Unknown(SafeText),
}

/// What the controller did last, or does now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The controller's word: `Running`, `Succeeded`, `Failed`.
    pub word: SafeText,
    /// How it stands.
    pub state: OperationState,
    /// Why, in the controller's words.
    pub message: SafeText,
    /// The revision in Git that it applies.
    pub revision: Option<Sha>,
    /// When it began.
    pub began: Option<Timestamp>,
}

/// How an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    /// Under way.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
}

/// One revision that the controller applied and remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// The controller's own number for it.
    pub id: u64,
    /// The revision in Git; of a chart its version.
    pub revision: Sha,
    /// When.
    pub at: Option<Timestamp>,
    /// Who, if it was a person.
    pub by: Option<SafeText>,
}

/// What a GitOps controller says about the application that runs in a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// "Argo CD", "Flux".
    pub tool: SafeText,
    /// What it calls it.
    pub name: SafeText,
    /// Whether what runs is what Git says.
    pub sync: Sync,
    /// How it fares.
    pub condition: Condition,
    /// What it does to a change by hand.
    pub reign: Reign,
    /// The revision in Git that was applied last.
    pub applied: Option<Sha>,
    /// What it did last, or does now.
    pub operation: Option<Operation>,
    /// What it applied before, newest first, the present one included; empty where it remembers nothing.
    pub history: Vec<Deployed>,
    /// Where a browser shows it.
    pub url: Option<SafeText>,
    /// What an operator should know.
    pub remarks: Vec<SafeText>,
}

impl Application {
    /// Whether it would undo a change by hand sooner or later, without anybody asking it to.
    #[must_use]
    pub const fn undoes(&self) -> bool {
        matches!(self.reign, Reign::Heals(_) | Reign::Follows)
    }

    /// Whether it is known to leave a change by hand alone. What is not known to undo one is not known to leave it.
    #[must_use]
    pub const fn leaves(&self) -> bool {
        matches!(self.reign, Reign::ByHand | Reign::Held(_))
    }

    /// What it can go back to by itself: what it applied before the present revision, newest first, each revision once.
    pub fn past(&self) -> impl Iterator<Item = &Deployed> {
        let present = self.history.first().map(|now| &now.revision);
        self.history.iter().enumerate().skip(1).filter_map(move |(at, old)| {
            let again = self.history.iter().take(at).any(|newer| newer.revision == old.revision);
            (Some(&old.revision) != present && !again).then_some(old)
        })
    }

    /// `Synced at 4f2c8b6, healthy, heals itself`.
    #[must_use]
    pub fn words(&self) -> String {
        let at = self.applied.as_ref().map(|sha| format!(" at {}", sha.short())).unwrap_or_default();
        let sync = match &self.sync {
            Sync::Synced => format!("synced{at}"),
            Sync::OutOfSync(what) if what.is_empty() => format!("out of sync{at}"),
            Sync::OutOfSync(what) => format!("out of sync{at}: {what}"),
            Sync::Unknown(why) => format!("sync unknown: {why}"),
        };
        let condition = match &self.condition {
            Condition::Healthy => "healthy".to_owned(),
            Condition::Progressing(what) => told("progressing", what),
            Condition::Degraded(why) => told("degraded", why),
            Condition::Unknown(why) => told("health unknown", why),
        };
        let reign = match &self.reign {
            Reign::Heals(_) => "heals itself".to_owned(),
            Reign::Follows => "follows Git by itself".to_owned(),
            Reign::ByHand => "syncs only by hand".to_owned(),
            Reign::Held(by) => told("held", by),
            Reign::Unknown(why) => told("what it does to changes by hand is unknown", why),
        };
        match self.reign {
            // That it is held explains the rest, and is what must not be forgotten.
            Reign::Held(_) => format!("{reign}; {sync}, {condition}"),
            _ => format!("{sync}, {condition}, {reign}"),
        }
    }
}

fn told(word: &str, why: &SafeText) -> String {
    if why.is_empty() { word.to_owned() } else { format!("{word}: {why}") }
}

/// A commit that changed the manifests of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestChange {
    /// The commit.
    pub commit: Sha,
    /// Its first line.
    pub subject: SafeText,
    /// Who wrote it.
    pub author: SafeText,
    /// When it was committed.
    pub at: Timestamp,
}

/// The manifests of a place, as the branch that the controller follows holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifests {
    /// Where: address of the repository without credentials.
    pub repository: SafeText,
    /// The branch that is followed.
    pub branch: SafeText,
    /// The folder of this place.
    pub folder: SafeText,
    /// Where the branch stands at the server.
    pub tip: Sha,
    /// The folder's content at the tip: git's tree id; none if it is not there.
    pub tree: Option<Sha>,
    /// What changed the folder, newest first.
    pub changes: Vec<ManifestChange>,
    /// Commits of the branch, newest first, at which the folder is as it is at the tip: whoever applied one of them has
    /// applied what is there.
    pub same: Vec<Sha>,
    /// Branches at the server that hold a prepared revert, each with its folder's tree id.
    pub prepared: Vec<(SafeText, Sha)>,
}

impl Manifests {
    /// How long ago the folder changed last.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.changes.first().map(|change| ago(now, change.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployed(id: u64, revision: &str) -> Deployed {
        Deployed { id, revision: Sha::new(revision), at: None, by: None }
    }

    fn application(history: Vec<Deployed>) -> Application {
        Application {
            tool: "Argo CD".into(),
            name: "checkout".into(),
            sync: Sync::Synced,
            condition: Condition::Healthy,
            reign: Reign::Heals(Duration::from_secs(5)),
            applied: history.first().map(|d| d.revision.clone()),
            operation: None,
            history,
            url: None,
            remarks: Vec::new(),
        }
    }

    #[test]
    fn what_one_can_go_back_to_is_told_once_and_never_the_present() {
        let app = application(vec![
            deployed(5, "aa"),
            deployed(4, "bb"),
            deployed(3, "aa"),
            deployed(2, "bb"),
            deployed(1, "cc"),
        ]);
        let past: Vec<u64> = app.past().map(|d| d.id).collect();
        assert_eq!(past, [4, 1]);
        assert_eq!(application(Vec::new()).past().count(), 0);
    }

    #[test]
    fn an_application_is_told_in_one_line() {
        let mut app = application(vec![deployed(1, "4f2c8b6d00")]);
        assert_eq!(app.words(), "synced at 4f2c8b6, healthy, heals itself");
        app.sync = Sync::OutOfSync("".into());
        app.condition = Condition::Degraded("probe fails".into());
        app.reign = Reign::Held("auto-sync is off".into());
        assert_eq!(app.words(), "held: auto-sync is off; out of sync at 4f2c8b6, degraded: probe fails");
        assert!(!app.undoes() && app.leaves());
        app.reign = Reign::Unknown("forbidden".into());
        assert!(app.words().ends_with("what it does to changes by hand is unknown: forbidden"));
        assert!(!app.undoes() && !app.leaves());
    }
}
