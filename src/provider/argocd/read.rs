//! What Argo CD says about an application, in our words.

use std::time::Duration;

use super::bindings::Watch;
use super::patch::{self, Kept};
use super::wire::{App, Automated, History, Revisions, Source};
use crate::domain::gitops::{Condition, Deployed, Operation, OperationState, Reign};
use crate::domain::{Application, Cause, Fault, SafeText, Sha, Sync};

/// Self-heal puts a change back after this long, unless the controller is configured otherwise.
const HEALS: Duration = Duration::from_secs(5);
/// So many names are told.
const NAMES: usize = 3;
/// Conditions are told shortened to this many characters.
const WORDS: usize = 160;

/// An application as it is told; a fault if the answer is of another one.
pub(super) fn application(watch: &Watch, app: &App, root: &str) -> Result<Application, Fault> {
    same(watch, app)?;
    let history = history(app);
    let compared = git(&app.status.sync.at, app);
    let sync = sync(app);
    let applied = match sync {
        // What it compared with is what runs, whether or not it had to be applied for that.
        Sync::Synced => compared,
        _ => app.status.history.iter().flatten().max_by_key(|h| h.id).and_then(|h| git(&h.at, app)),
    };
    let namespace = app.metadata.namespace.as_ref().map(|n| format!("{n}/")).unwrap_or_default();
    Ok(Application {
        tool: "Argo CD".into(),
        name: app.metadata.name.clone(),
        sync,
        condition: condition(app),
        reign: reign(app),
        applied,
        operation: operation(app),
        history,
        url: Some(SafeText::new(&format!("{root}/applications/{namespace}{}", app.metadata.name))),
        remarks: remarks(app),
    })
}

/// An answer about another application proves nothing about ours.
pub(super) fn same(watch: &Watch, app: &App) -> Result<(), Fault> {
    let namespace = |ours: &String| app.metadata.namespace.as_ref().is_none_or(|n| n.as_str() == ours);
    if app.metadata.name == watch.name.as_str() && watch.namespace.as_ref().is_none_or(namespace) {
        return Ok(());
    }
    let text = format!("asked for the application {}, told about {}", watch.name, app.metadata.name);
    Err(Fault::new(Cause::Malformed, text))
}

/// The block that makes it sync by itself, if it does.
pub(super) fn automated(app: &App) -> Option<&Automated> {
    block(app).filter(|automated| automated.enabled.unwrap_or(true))
}

/// The block, in force or not.
pub(super) fn block(app: &App) -> Option<&Automated> {
    app.spec.sync_policy.as_ref()?.automated.as_ref()
}

fn reign(app: &App) -> Reign {
    match (automated(app), block(app), patch::kept(app)) {
        (Some(on), _, _) if on.self_heal.unwrap_or(false) => Reign::Heals(HEALS),
        (Some(_), _, _) => Reign::Follows,
        (None, _, Some(Kept::Readable { by, .. })) => {
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            Reign::Held(SafeText::new(&format!("auto-sync was switched off{by}")))
        }
        (None, Some(_), _) => Reign::Held("auto-sync is disabled in its specification".into()),
        (None, None, _) => Reign::ByHand,
    }
}

fn sync(app: &App) -> Sync {
    match app.status.sync.status.as_str() {
        "Synced" => Sync::Synced,
        "OutOfSync" => Sync::OutOfSync(SafeText::new(&out_of_sync(app).unwrap_or_default())),
        "" => Sync::Unknown("not compared yet".into()),
        "Unknown" => Sync::Unknown(error(app).unwrap_or_else(|| "Argo CD does not say why".into())),
        other => Sync::Unknown(SafeText::new(other)),
    }
}

/// Which resources differ.
pub(super) fn out_of_sync(app: &App) -> Option<String> {
    let all = app.status.resources.iter().flatten().filter(|r| r.status == "OutOfSync");
    let names: Vec<String> = all.map(|r| format!("{} {}", r.kind, r.name)).collect();
    listed(&names)
}

/// Which resources Git does not have any more.
pub(super) fn to_prune(app: &App) -> Option<String> {
    let all = app.status.resources.iter().flatten().filter(|r| r.requires_pruning);
    let names: Vec<String> = all.map(|r| format!("{} {}", r.kind, r.name)).collect();
    listed(&names)
}

fn listed(names: &[String]) -> Option<String> {
    let shown = names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => None,
        all if all > NAMES => Some(format!("{shown} and {} more", all - NAMES)),
        _ => Some(shown),
    }
}

/// The first thing that keeps it from comparing or syncing.
pub(super) fn error(app: &App) -> Option<SafeText> {
    let mut all = app.status.conditions.iter().flatten();
    all.find(|told| told.kind.as_str().ends_with("Error")).map(|told| short(&told.kind, &told.message))
}

fn short(kind: &SafeText, message: &SafeText) -> SafeText {
    let cut: String = message.as_str().chars().take(WORDS).collect();
    SafeText::new(&format!("{kind}: {cut}"))
}

fn condition(app: &App) -> Condition {
    let health = &app.status.health;
    let why = || health.message.clone().unwrap_or_else(|| worst(app).unwrap_or_default());
    match health.status.as_str() {
        "Healthy" => Condition::Healthy,
        "Progressing" => Condition::Progressing(why()),
        "Suspended" => Condition::Progressing("suspended".into()),
        "Degraded" => Condition::Degraded(why()),
        "Missing" => Condition::Degraded("resources are missing".into()),
        "" => Condition::Unknown("not told".into()),
        other => Condition::Unknown(SafeText::new(other)),
    }
}

/// The first resource that is as the whole is.
fn worst(app: &App) -> Option<SafeText> {
    let status = app.status.health.status.as_str();
    app.status.resources.iter().flatten().find_map(|r| {
        let health = r.health.as_ref().filter(|health| health.status == status)?;
        let why = health.message.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        Some(SafeText::new(&format!("{} {}{why}", r.kind, r.name)))
    })
}

fn operation(app: &App) -> Option<Operation> {
    let Some(state) = &app.status.operation_state else {
        // Asked for, and the controller has not taken it up.
        return app.operation.as_ref().map(|asked| Operation {
            word: "Requested".into(),
            state: OperationState::Running,
            message: SafeText::default(),
            revision: asked
                .pointer("/sync")
                .and_then(|sync| serde_json::from_value::<Revisions>(sync.clone()).ok())
                .and_then(|at| all(&at)),
            began: None,
        });
    };
    let asked = state.operation.as_ref().and_then(|o| o.sync.as_ref()).and_then(all);
    Some(Operation {
        word: SafeText::new(&state.phase),
        state: match state.phase.as_str() {
            "Succeeded" => OperationState::Succeeded,
            "Failed" | "Error" => OperationState::Failed,
            _ => OperationState::Running,
        },
        message: state.message.clone().unwrap_or_default(),
        revision: asked.or_else(|| state.sync_result.as_ref().and_then(all)),
        began: state.started_at,
    })
}

/// What keeps another operation from beginning.
pub(super) fn busy(app: &App) -> Option<SafeText> {
    match (operation(app), &app.operation) {
        (Some(o), _) if o.state == OperationState::Running => {
            let message = if o.message.is_empty() { String::new() } else { format!(": {}", o.message) };
            Some(SafeText::new(&format!("{}{message}", o.word)))
        }
        (_, Some(_)) => Some("Requested".into()),
        _ => None,
    }
}

fn history(app: &App) -> Vec<Deployed> {
    let mut all: Vec<Deployed> = app.status.history.iter().flatten().filter_map(deployed).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.id));
    all
}

fn deployed(one: &History) -> Option<Deployed> {
    let by = one.initiated_by.as_ref().and_then(|by| by.username.clone());
    Some(Deployed {
        id: one.id,
        revision: all(&one.at)?,
        at: one.deployed_at,
        by: by.filter(|b| !b.is_empty()),
    })
}

/// Every revision of an entry as one: those of several sources belong together.
pub(super) fn all(at: &Revisions) -> Option<Sha> {
    let several = at.revisions.iter().flatten().filter(|r| !r.is_empty());
    let several = several.cloned().collect::<Vec<_>>().join("+");
    let text = if several.is_empty() { at.revision.clone().unwrap_or_default() } else { several };
    (!text.is_empty()).then(|| Sha::new(&text))
}

/// The revision in Git: of several sources that of the first that is no chart.
fn git(at: &Revisions, app: &App) -> Option<Sha> {
    let from_git = |source: &&Source| source.chart.as_ref().is_none_or(SafeText::is_empty);
    let index = app.spec.sources.iter().flatten().position(|source| from_git(&source)).unwrap_or(0);
    let several = at.revisions.as_ref().and_then(|all| all.get(index)).filter(|r| !r.is_empty());
    let text = several.or(at.revision.as_ref()).filter(|r| !r.is_empty())?;
    Some(Sha::new(text))
}

/// The ApplicationSet that makes it, and writes its specification.
pub(super) fn made_by(app: &App) -> Option<&SafeText> {
    let mut owners = app.metadata.owner_references.iter().flatten();
    owners.find(|owner| owner.kind == "ApplicationSet").map(|owner| &owner.name)
}

/// The application that holds this one: an app of apps.
pub(super) fn parent(app: &App) -> Option<SafeText> {
    let id = app.metadata.annotations.as_ref()?.get("argocd.argoproj.io/tracking-id")?;
    Some(SafeText::new(id.split(':').next()?))
}

fn remarks(app: &App) -> Vec<SafeText> {
    let mut remarks = Vec::new();
    if app.metadata.deletion_timestamp.is_some() {
        remarks.push("it is being deleted".into());
    }
    if let Some(set) = made_by(app) {
        remarks.push(SafeText::new(&format!(
            "made by the ApplicationSet {set}, which writes its specification"
        )));
    }
    if matches!(patch::kept(app), Some(Kept::Unreadable)) && automated(app).is_none() {
        remarks.push(SafeText::new(&format!("the note {} cannot be read", patch::HELD)));
    }
    let said = matches!(sync(app), Sync::Unknown(_));
    let told = app.status.conditions.iter().flatten();
    let told = told.filter(|c| !(said && c.kind.as_str().ends_with("Error")));
    remarks.extend(told.take(NAMES).map(|told| short(&told.kind, &told.message)));
    remarks
}
