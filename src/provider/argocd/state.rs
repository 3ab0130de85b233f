//! An Application in the domain's words. What Argo CD does not say is unknown, never in sync and never healthy.

use std::time::Duration;

use serde_json::Value;

use super::wire;
use crate::domain::gitops::{Condition, Deployed, Operation, OperationState, Reign};
use crate::domain::{Application, SafeText, Sha, Sync};

/// After this long a change by hand is put back where self-heal is on.
const SELF_HEAL: Duration = Duration::from_secs(5);
/// Resources out of sync that are named.
const NAMED: usize = 3;
/// Where the block that was switched off is kept while the Application is held.
pub(super) const HELD: &str = "gonogo.dev/held-automated";

/// Whether and how it syncs by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auto {
    /// It does, and puts changes by hand back.
    Heals,
    /// It does.
    Follows,
    /// It does not: the block is there and says so.
    SwitchedOff,
    /// It does not: there is no block.
    Absent,
}

impl Auto {
    pub(super) fn of(spec: &wire::Spec) -> Self {
        let Some(block) = spec.automated() else { return Self::Absent };
        let is = |key: &str| block.get(key).and_then(Value::as_bool);
        match (is("enabled"), is("selfHeal")) {
            (Some(false), _) => Self::SwitchedOff,
            (_, Some(true)) => Self::Heals,
            _ => Self::Follows,
        }
    }

    pub(super) const fn on(self) -> bool {
        matches!(self, Self::Heals | Self::Follows)
    }
}

/// The Application, as an operator is told of it. `address` is where a browser shows Argo CD.
pub(super) fn told(app: &wire::Application, address: &str) -> Application {
    let history = history(app);
    Application {
        tool: "Argo CD".into(),
        name: SafeText::new(&app.metadata.name),
        sync: sync(app),
        condition: condition(app),
        reign: reign(app),
        applied: applied(app, &history),
        operation: operation(app),
        history,
        url: Some(SafeText::new(&format!(
            "{address}/applications/{}/{}",
            app.metadata.namespace, app.metadata.name
        ))),
        remarks: remarks(app),
    }
}

fn sync(app: &wire::Application) -> Sync {
    let status = app.status.sync.as_ref().map_or("", |sync| sync.status.as_str());
    match status {
        "Synced" => Sync::Synced,
        "OutOfSync" => Sync::OutOfSync(SafeText::new(&out_of_sync(app))),
        "Unknown" => Sync::Unknown(why(app).unwrap_or_else(|| "Argo CD says Unknown".into())),
        "" => Sync::Unknown("the field status.sync.status is missing".into()),
        other => Sync::Unknown(SafeText::new(&format!("Argo CD says {other}"))),
    }
}

/// Which resources differ.
fn out_of_sync(app: &wire::Application) -> String {
    let differ = |r: &&wire::Resource| r.status.as_ref().is_some_and(|s| s == "OutOfSync");
    let all: Vec<_> = app.status.resources.iter().flatten().filter(differ).collect();
    let named: Vec<String> = all.iter().take(NAMED).map(|r| format!("{} {}", r.kind, r.name)).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What is wrong, in Argo CD's words.
fn why(app: &wire::Application) -> Option<SafeText> {
    let error = |c: &&wire::Condition| c.kind.as_str().ends_with("Error");
    let found = app.status.conditions.iter().flatten().find(error)?;
    Some(SafeText::first_line(&format!("{}: {}", found.kind, found.message)))
}

/// Whether Argo CD cannot read what Git says: it then refuses to check a change of the Application as well.
pub(super) fn blind(app: &wire::Application) -> bool {
    app.status.conditions.iter().flatten().any(|c| c.kind == "ComparisonError")
}

fn condition(app: &wire::Application) -> Condition {
    let Some(health) = &app.status.health else {
        return Condition::Unknown("the field status.health is missing".into());
    };
    let message = health.message.clone();
    match health.status.as_str() {
        "Healthy" => Condition::Healthy,
        "Progressing" => Condition::Progressing(message),
        "Suspended" => Condition::Progressing(or(message, "suspended")),
        "Degraded" => Condition::Degraded(message),
        "Missing" => Condition::Degraded(or(message, "resources are missing")),
        "Unknown" => Condition::Unknown(or(message, "Argo CD says Unknown")),
        "" => Condition::Unknown("the field status.health.status is missing".into()),
        other => Condition::Unknown(SafeText::new(&format!("Argo CD says {other}"))),
    }
}

fn or(message: SafeText, otherwise: &str) -> SafeText {
    if message.is_empty() { SafeText::new(otherwise) } else { message }
}

fn reign(app: &wire::Application) -> Reign {
    match (Auto::of(&app.spec), held(app)) {
        (Auto::Heals, _) => Reign::Heals(SELF_HEAL),
        (Auto::Follows, _) => Reign::Follows,
        (Auto::SwitchedOff, _) => Reign::Held("auto-sync is switched off in the Application".into()),
        (Auto::Absent, Some(_)) => Reign::Held("auto-sync was switched off here".into()),
        (Auto::Absent, None) => Reign::ByHand,
    }
}

/// The block that was switched off from here.
pub(super) fn held(app: &wire::Application) -> Option<&String> {
    app.metadata.annotations.as_ref()?.get(HELD)
}

/// The revision of one source, or the first of several that is a commit.
fn revision(one: Option<&SafeText>, several: Option<&Vec<SafeText>>) -> Option<Sha> {
    let commit =
        |text: &&SafeText| text.as_str().len() >= 40 && text.as_str().bytes().all(|b| b.is_ascii_hexdigit());
    let one = one.filter(|text| !text.is_empty());
    let of_several = || several.and_then(|all| all.iter().find(commit).or_else(|| all.first()));
    one.or_else(of_several).map(|text| Sha::new(text.as_str()))
}

fn history(app: &wire::Application) -> Vec<Deployed> {
    let entry = |h: &wire::History| {
        Some(Deployed {
            id: h.id?,
            revision: revision(h.revision.as_ref(), h.revisions.as_ref())?,
            at: h.deployed_at.as_ref().and_then(|at| at.as_str().parse().ok()),
            by: h.initiated_by.as_ref().and_then(|by| by.username.clone()).filter(|by| !by.is_empty()),
        })
    };
    let mut all: Vec<Deployed> = app.status.history.iter().flatten().filter_map(entry).collect();
    all.sort_by_key(|deployed| std::cmp::Reverse(deployed.id));
    all
}

/// What was applied last: what Argo CD compares with while it calls that in sync, else the newest of its history.
fn applied(app: &wire::Application, history: &[Deployed]) -> Option<Sha> {
    let compared = app.status.sync.as_ref().filter(|sync| sync.status == "Synced");
    let compared = compared.and_then(|sync| revision(sync.revision.as_ref(), sync.revisions.as_ref()));
    compared.or_else(|| history.first().map(|newest| newest.revision.clone()))
}

fn operation(app: &wire::Application) -> Option<Operation> {
    let state = app.status.operation_state.as_ref()?;
    let result = state.sync_result.as_ref();
    let asked = state.operation.as_ref().and_then(|asked| asked.sync.as_ref());
    let of = |found: Option<&wire::SyncResult>| {
        found.and_then(|found| revision(found.revision.as_ref(), found.revisions.as_ref()))
    };
    Some(Operation {
        word: state.phase.clone(),
        state: match state.phase.as_str() {
            "Succeeded" => OperationState::Succeeded,
            "Failed" | "Error" => OperationState::Failed,
            _ => OperationState::Running,
        },
        message: SafeText::first_line(state.message.as_str()),
        revision: of(result).or_else(|| of(asked)),
        began: state.started_at.as_ref().and_then(|at| at.as_str().parse().ok()),
    })
}

/// The ApplicationSet that writes it, if one does: what is changed here it puts back.
pub(super) fn made_by(app: &wire::Application) -> Option<&SafeText> {
    let owners = app.metadata.owner_references.iter().flatten();
    owners.into_iter().find(|owner| owner.kind == "ApplicationSet").map(|owner| &owner.name)
}

fn remarks(app: &wire::Application) -> Vec<SafeText> {
    let mut remarks: Vec<SafeText> = Vec::new();
    let told =
        |c: &&wire::Condition| c.kind.as_str().ends_with("Error") || c.kind.as_str().ends_with("Warning");
    let conditions = app.status.conditions.iter().flatten().filter(told).take(2);
    remarks.extend(conditions.map(|c| SafeText::first_line(&format!("{}: {}", c.kind, c.message))));
    if let Some(set) = made_by(app) {
        remarks.push(SafeText::new(&format!("made by the ApplicationSet {set}")));
    }
    if app.metadata.deletion_timestamp.is_some() {
        remarks.push("it is being deleted".into());
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn app(value: Value) -> wire::Application {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_missing_is_neither_in_sync_nor_healthy() {
        let told = told(&app(json!({"metadata": {"name": "web"}})), "https://a.test");
        assert!(matches!(told.sync, Sync::Unknown(_)));
        assert!(matches!(told.condition, Condition::Unknown(_)));
        assert_eq!((told.applied, told.operation, told.history), (None, None, Vec::new()));
        assert_eq!(told.reign, Reign::ByHand);
    }

    #[test]
    fn every_word_for_sync_and_health_is_understood_and_a_new_one_is_unknown() {
        let of = |sync: &str, health: &str| {
            let status = json!({"sync": {"status": sync, "revision": "ab"}, "health": {"status": health}});
            told(&app(json!({"metadata": {"name": "web"}, "status": status})), "")
        };
        assert_eq!(of("Synced", "Healthy").words(), "synced at ab, healthy, syncs only by hand");
        for (sync, known) in [("OutOfSync", true), ("Unknown", false), ("Novel", false)] {
            assert_eq!(matches!(of(sync, "Healthy").sync, Sync::OutOfSync(_)), known, "{sync}");
        }
        for (health, word) in [
            ("Progressing", "progressing"),
            ("Suspended", "progressing: suspended"),
            ("Degraded", "degraded"),
            ("Missing", "degraded: resources are missing"),
            ("Unknown", "health unknown: Argo CD says Unknown"),
            ("Novel", "health unknown: Argo CD says Novel"),
        ] {
            assert!(
                of("Synced", health).words().contains(word),
                "{health}: {}",
                of("Synced", health).words()
            );
        }
    }

    #[test]
    fn what_it_does_to_a_change_by_hand_follows_from_its_policy() {
        let held = json!({HELD: "{}"});
        for (policy, annotations, reign) in [
            (json!(null), json!({}), Reign::ByHand),
            (json!({"syncOptions": ["A"]}), json!({}), Reign::ByHand),
            (json!({"automated": {}}), json!({}), Reign::Follows),
            (json!({"automated": {"prune": true}}), json!({}), Reign::Follows),
            (json!({"automated": {"selfHeal": true}}), json!({}), Reign::Heals(SELF_HEAL)),
            (json!({"automated": {"selfHeal": true}}), held.clone(), Reign::Heals(SELF_HEAL)),
            (
                json!({"automated": {"selfHeal": true, "enabled": false}}),
                json!({}),
                Reign::Held("auto-sync is switched off in the Application".into()),
            ),
            (json!({}), held, Reign::Held("auto-sync was switched off here".into())),
        ] {
            let app = app(json!({
                "metadata": {"name": "web", "annotations": annotations}, "spec": {"syncPolicy": policy}
            }));
            assert_eq!(super::reign(&app), reign, "{policy}");
        }
    }

    #[test]
    fn history_comes_newest_first_and_a_roll_back_shows_what_was_applied() {
        let status = json!({
            "sync": {"status": "OutOfSync", "revision": "cc"},
            "history": [{"id": 1, "revision": "aa"}, {"id": 2, "revision": "bb"}, {"id": 3, "revision": "aa"}, {"revision": "x"}],
            "operationState": {"phase": "Succeeded", "syncResult": {"revision": "aa"}, "startedAt": "2026-11-26T10:00:00Z"},
            "resources": [{"kind": "Deployment", "name": "web", "status": "OutOfSync"}, {"kind": "Service", "name": "web", "status": "Synced"}]
        });
        let told = told(&app(json!({"metadata": {"name": "web"}, "status": status})), "");
        let ids: Vec<u64> = told.history.iter().map(|h| h.id).collect();
        assert_eq!(ids, [3, 2, 1]);
        assert_eq!(told.applied, Some(Sha::new("aa")));
        assert_eq!(told.past().map(|h| h.id).collect::<Vec<_>>(), [2]);
        assert_eq!(told.sync, Sync::OutOfSync("Deployment web".into()));
        assert_eq!(told.operation.unwrap().revision, Some(Sha::new("aa")));
    }

    #[test]
    fn of_several_sources_the_commit_counts() {
        let commit = "a".repeat(40);
        let several = vec![SafeText::new("1.2.3"), SafeText::new(&commit)];
        assert_eq!(revision(None, Some(&several)), Some(Sha::new(&commit)));
        assert_eq!(revision(Some(&"".into()), Some(&several)), Some(Sha::new(&commit)));
        assert_eq!(revision(Some(&"1.2.3".into()), None), Some(Sha::new("1.2.3")));
        assert_eq!(revision(None, None), None);
    }
}
