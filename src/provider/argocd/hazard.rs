//! What could go wrong with a roll back by history, a hold or a release at Argo CD.

use super::read;
use super::wire::{App, Automated, Windows};
use crate::domain::{Hazard, Severity, Sync};

/// What undoes a change of the specification.
pub(super) fn of_specification(app: &App) -> Option<Hazard> {
    if let Some(set) = read::made_by(app) {
        return Some(Hazard::new(
            Severity::Blocking,
            format!(
                "the ApplicationSet {set} makes this application and switches auto-sync back on: switch it off in its \
                 template, or go back through Git"
            ),
        ));
    }
    let parent = read::parent(app)?;
    Some(Hazard::new(
        Severity::Warning,
        format!(
            "the application {parent} keeps this one as Git says: where it heals itself, auto-sync is back on within \
             seconds"
        ),
    ))
}

/// What keeps an operation from being begun, or carried out.
pub(super) fn of_operation(app: &App, windows: Option<&Windows>) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    if app.metadata.deletion_timestamp.is_some() {
        hazards.push(Hazard::new(Severity::Blocking, "the application is being deleted"));
    }
    if let Some(what) = read::busy(app) {
        hazards.push(Hazard::new(
            Severity::Blocking,
            format!(
                "another operation is already in progress ({what}): wait for it, or terminate it in Argo CD"
            ),
        ));
    }
    match windows.map(|w| w.can_sync) {
        Some(Some(true)) => {}
        Some(Some(false)) => hazards.push(Hazard::new(
            Severity::Blocking,
            format!(
                "a sync window forbids it now ({}): Argo CD would accept it and carry it out when the window lets it",
                window(windows)
            ),
        )),
        Some(None) | None => hazards.push(Hazard::new(
            Severity::Warning,
            "Argo CD does not say whether a sync window forbids it now: it may be accepted and wait",
        )),
    }
    hazards
}

/// The windows that are open now, in their own words.
pub(super) fn window(windows: Option<&Windows>) -> String {
    let all = windows.and_then(|w| w.active_windows.as_ref()).into_iter().flatten();
    let words = all.map(|w| {
        let word = |text: &Option<crate::domain::SafeText>| text.clone().unwrap_or_default().to_string();
        format!("{} {} for {}", word(&w.kind), word(&w.schedule), word(&w.duration))
    });
    let words: Vec<String> = words.take(3).collect();
    if words.is_empty() { "no window is open".to_owned() } else { words.join(", ") }
}

/// What a roll back by history leaves behind.
pub(super) fn of_roll_back(app: &App, automated: Option<&Automated>) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    if automated.is_some() {
        hazards.extend(of_specification(app));
        hazards.push(Hazard::new(
            Severity::Warning,
            "auto-sync is switched off first and stays off until you release it: until then nothing of Git is applied",
        ));
    }
    hazards.push(Hazard::new(
        Severity::Note,
        "Git goes on saying what it says, and the application is out of sync: revert it there, too, before you release it",
    ));
    if let Some(what) = read::to_prune(app) {
        hazards.push(Hazard::new(Severity::Note, format!("nothing is deleted: {what} stays")));
    }
    hazards
}

/// What a release applies.
pub(super) fn of_release(app: &App, then: &Automated, sync: &Sync) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let at = read::all(&app.status.sync.at).map(|sha| format!(" at {sha}")).unwrap_or_default();
    match sync {
        Sync::Synced => {}
        Sync::OutOfSync(what) => {
            let what = if what.is_empty() { String::new() } else { format!(" ({what})") };
            hazards.push(Hazard::new(
                Severity::Warning,
                format!("what Git says{at} is applied over what runs now{what}: revert it in Git first"),
            ));
        }
        Sync::Unknown(why) => hazards.push(Hazard::new(
            Severity::Warning,
            format!("Argo CD does not know what it would apply: {why}"),
        )),
    }
    if let (true, Some(what)) = (then.prune.unwrap_or(false), read::to_prune(app)) {
        hazards.push(Hazard::new(Severity::Warning, format!("Git does not have {what}: it is deleted")));
    }
    hazards
}
