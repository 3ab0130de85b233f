//! The patches of a hold and of a release, and what a hold leaves behind to be released by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::read;
use super::wire::{App, Automated};
use crate::domain::{Cause, Fault, SafeText};

/// The annotation that keeps what a hold took away.
pub(super) const HELD: &str = "gonogo.dev/held-auto-sync";
const HELD_PATH: &str = "/metadata/annotations/gonogo.dev~1held-auto-sync";
const AUTOMATED: &str = "/spec/syncPolicy/automated";

#[derive(Deserialize, Serialize)]
struct Note {
    automated: Automated,
    by: Option<SafeText>,
}

/// What a hold left behind.
pub(super) enum Kept {
    /// What to put back, and who took it away.
    Readable { automated: Box<Automated>, by: Option<SafeText> },
    /// Something else stands there.
    Unreadable,
}

/// Where a hold left it, and its text.
fn note(app: &App) -> Option<(String, &String)> {
    if let Some(text) = app.metadata.annotations.as_ref().and_then(|all| all.get(HELD)) {
        return Some((HELD_PATH.to_owned(), text));
    }
    let all = app.spec.info.as_ref()?;
    let at = all.iter().position(|info| info.name == HELD)?;
    Some((format!("/spec/info/{at}"), &all.get(at)?.value))
}

/// What a hold left behind at an application.
pub(super) fn kept(app: &App) -> Option<Kept> {
    let (_, text) = note(app)?;
    Some(match serde_json::from_str::<Note>(text) {
        Ok(Note { automated, by }) => Kept::Readable { automated: Box::new(automated), by },
        Err(_) => Kept::Unreadable,
    })
}

fn test(path: &str, value: &Value) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

/// Takes auto-sync away, and keeps it.
pub(super) fn hold(app: &App, by: Option<&SafeText>) -> Result<Vec<Value>, Fault> {
    let Some(automated) = read::automated(app) else {
        return Err(Fault::new(Cause::Refused, "auto-sync is off already"));
    };
    let wrong =
        |why: serde_json::Error| Fault::new(Cause::Local, format!("it cannot be written down: {why}"));
    let note = Note { automated: automated.clone(), by: by.cloned() };
    let note = serde_json::to_string(&note).map_err(wrong)?;
    let annotation = match &app.metadata.annotations {
        Some(_) => json!({"op": "add", "path": HELD_PATH, "value": note}),
        None => {
            json!({"op": "add", "path": "/metadata/annotations", "value": BTreeMap::from([(HELD, note)])})
        }
    };
    Ok(vec![
        test("/metadata/uid", &json!(app.metadata.uid)),
        test(AUTOMATED, &json!(automated)),
        json!({"op": "remove", "path": AUTOMATED}),
        annotation,
    ])
}

fn written(automated: &Automated, by: Option<&SafeText>) -> Result<String, Fault> {
    let note = Note { automated: automated.clone(), by: by.cloned() };
    serde_json::to_string(&note)
        .map_err(|why| Fault::new(Cause::Local, format!("it cannot be written down: {why}")))
}

/// The whole specification without auto-sync, which it keeps among its notes: a specification alone can be put without
/// Argo CD asking Git about it first, and holds no annotation.
pub(super) fn held(app: &App, spec: &Value, by: Option<&SafeText>) -> Result<Value, Fault> {
    let automated =
        read::automated(app).ok_or_else(|| Fault::new(Cause::Refused, "auto-sync is off already"))?;
    let mut spec = spec.clone();
    if let Some(policy) = spec.pointer_mut("/syncPolicy").and_then(Value::as_object_mut) {
        policy.remove("automated");
    }
    let note = json!({"name": HELD, "value": written(automated, by)?});
    if let Some(fields) = spec.as_object_mut() {
        let notes = fields.entry("info").or_insert_with(|| json!([]));
        if let Some(notes) = notes.as_array_mut() {
            notes.push(note);
        }
    }
    Ok(spec)
}

/// Puts auto-sync back, and what it will be then.
pub(super) fn release(app: &App) -> Result<(Vec<Value>, Automated), Fault> {
    let mut operations = vec![test("/metadata/uid", &json!(app.metadata.uid))];
    if read::automated(app).is_some() {
        return Err(Fault::new(Cause::Refused, "auto-sync is on already"));
    }
    if let Some(disabled) = read::block(app) {
        operations.push(test(AUTOMATED, &json!(disabled)));
        operations.push(json!({"op": "replace", "path": format!("{AUTOMATED}/enabled"), "value": true}));
        return Ok((operations, Automated { enabled: Some(true), ..disabled.clone() }));
    }
    let Some(Kept::Readable { automated, .. }) = kept(app) else {
        return Err(Fault::new(
            Cause::Refused,
            "nothing says how auto-sync was: it was not switched off by a hold",
        )
        .with_hint("switch it on in Argo CD: `argocd app set NAME --sync-policy automated`"));
    };
    let Some((path, text)) = note(app) else { return Err(Fault::new(Cause::Moved, "the note is gone")) };
    let there = if path == HELD_PATH { json!(text) } else { json!({"name": HELD, "value": text}) };
    operations.push(test(&path, &there));
    operations.push(match &app.spec.sync_policy {
        Some(_) => json!({"op": "add", "path": AUTOMATED, "value": automated}),
        None => json!({"op": "add", "path": "/spec/syncPolicy", "value": {"automated": automated}}),
    });
    operations.push(json!({"op": "remove", "path": path}));
    Ok((operations, *automated))
}

/// `on, heals itself, prunes`.
pub(super) fn words(automated: Option<&Automated>) -> String {
    let Some(on) = automated.filter(|a| a.enabled.unwrap_or(true)) else { return "off".to_owned() };
    let part =
        |is: Option<bool>, words: &str| if is.unwrap_or(false) { words.to_owned() } else { String::new() };
    format!("on{}{}", part(on.self_heal, ", heals itself"), part(on.prune, ", prunes"))
}
