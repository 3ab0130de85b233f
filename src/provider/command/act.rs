//! What would be run for an intent, why, and what could go wrong. Pure: it works on an answer that was fetched.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::{self, May, State};
use super::changes::{Action, Changes};
use super::words::{Words, shown};
use crate::domain::intent::Difference;
use crate::domain::rollout::{LEAST_REPLICAS, Standing, UNDER_WAY};
use crate::domain::{
    Artifact, Basis, Bound, Cause, Fault, Guard, Hazard, Intent, Permission, Phase, Place, Prepared, Promise,
    SafeText, Severity, SourceName, Step, Target, Verb,
};

/// The method of a step that runs a program.
pub(super) const RUN: &str = "RUN";

/// How long after the program's own deadline the promise may still become true.
const AFTERWARDS: Duration = Duration::from_secs(120);

/// Names that a hazard lists.
const LISTED: usize = 6;

/// Resources that are told one by one.
const TOLD: usize = 40;

/// The word of a verb in the config and in documents; none if a command cannot do such a thing.
pub(super) const fn word(verb: Verb) -> Option<&'static str> {
    match verb {
        Verb::Promote => Some("promote"),
        Verb::RollBack => Some("roll_back"),
        Verb::Pause => Some("pause"),
        Verb::Resume => Some("resume"),
        Verb::Approve
        | Verb::Reject
        | Verb::Rerun
        | Verb::Cancel
        | Verb::PromoteFully
        | Verb::Abort
        | Verb::Retry
        | Verb::Restart
        | Verb::Hold
        | Verb::Release => None,
    }
}

/// What is wanted of a target, before it is looked at.
pub(super) struct Want<'a> {
    pub(super) verb: Verb,
    pub(super) word: &'static str,
    /// What to ship or to go back to.
    artifact: Option<&'a Artifact>,
    revision: Option<&'a SafeText>,
    reason: Option<&'a SafeText>,
}

impl<'a> Want<'a> {
    /// What of an intent a command can do.
    ///
    /// # Errors
    /// `Refused` for everything else.
    pub(super) fn of(intent: &'a Intent) -> Result<Self, Fault> {
        let refused = |what: String| Fault::new(Cause::Refused, what);
        let verb = intent.verb;
        let Some(word) = word(verb) else {
            return Err(refused(format!("a command target cannot {} anything", verb.word())));
        };
        let (artifact, revision) = match (verb, &intent.target) {
            (Verb::Promote, Target::Artifact(artifact)) if artifact.version.is_some() => {
                (Some(artifact), None)
            }
            (Verb::Promote, Target::Artifact(_)) => {
                return Err(refused(
                    "a command is told a version, and what would be shipped has none".to_owned(),
                ));
            }
            (Verb::RollBack, Target::Revision { id, artifact }) => (Some(artifact), Some(id)),
            (Verb::Pause | Verb::Resume, Target::Rollout) => (None, None),
            _ => return Err(refused(format!("a command target cannot {} such a thing", verb.word()))),
        };
        Ok(Self { verb, word, artifact, revision, reason: intent.reason.as_ref() })
    }

    /// As a document tells it.
    pub(super) fn document(&self, place: &Place) -> Value {
        let mut map = Map::new();
        map.insert("verb".to_owned(), json!(self.word));
        for (name, value) in self.values(place) {
            map.insert(name.to_owned(), json!(value));
        }
        Value::Object(map)
    }

    /// What is known of it, by the names of an argument's values.
    fn values(&self, place: &Place) -> BTreeMap<&'static str, String> {
        let mut values = BTreeMap::new();
        let mut put = |name, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                values.insert(name, value);
            }
        };
        if let Some(artifact) = self.artifact {
            let version = artifact.version.as_ref().map(SafeText::to_string);
            // The name that versions without an image get, here or among the offers, is of no use outside.
            let made_up = |image: &str| {
                image.starts_with(':')
                    || version.as_ref().is_some_and(|v| image == format!("{}:{v}", place.service))
            };
            put("image", Some(artifact.image.to_string()).filter(|image| !made_up(image)));
            put("digest", artifact.digest.as_ref().map(SafeText::to_string));
            put("commit", artifact.revision.as_ref().map(|commit| commit.as_str().to_owned()));
            put("version", version);
        }
        put("revision", self.revision.map(SafeText::to_string));
        values
    }
}

/// The document that every command of a place is handed.
pub(super) fn document(source: &SourceName, bound: &Bound, place: &Place, ask: &str) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("gonogo".to_owned(), json!(answer::PROTOCOL));
    map.insert("ask".to_owned(), json!(ask));
    map.insert("source".to_owned(), json!(source.as_str()));
    map.insert("service".to_owned(), json!(place.service.as_str()));
    map.insert("environment".to_owned(), json!(place.environment.as_str()));
    map.insert("args".to_owned(), json!(bound.settings.table("args").cloned().unwrap_or_default()));
    map
}

/// What an argument may hold of a place.
pub(super) fn place_values(source: &SourceName, bound: &Bound, place: &Place) -> BTreeMap<String, String> {
    let own = bound.settings.table("args").cloned().unwrap_or_default();
    let mut values: BTreeMap<String, String> =
        own.into_iter().map(|(name, value)| (format!("args.{name}"), value)).collect();
    values.insert("source".to_owned(), source.to_string());
    values.insert("service".to_owned(), place.service.to_string());
    values.insert("environment".to_owned(), place.environment.to_string());
    values
}

/// What a fresh look found, and what is to be run.
pub(super) struct Fresh<'a> {
    pub(super) source: &'a SourceName,
    pub(super) bound: &'a Bound,
    pub(super) place: &'a Place,
    pub(super) command: &'a Words,
    /// Whether the way back is declared.
    pub(super) back: Option<&'a Words>,
    pub(super) state: &'a State,
    /// How long the program may take.
    pub(super) deadline: Duration,
}

/// The one step that carries it out, and what it rests on.
///
/// # Errors
/// When the revision to go back to is gone, or a value cannot be put into an argument.
pub(super) fn prepared(fresh: &Fresh<'_>, want: &Want<'_>) -> Result<Prepared, Fault> {
    let from = fresh.state.target(fresh.place);
    let to = goal(fresh, want)?;
    let promise = match (&to, want.verb) {
        (Some(to), _) => Promise::Runs { artifact: to.clone() },
        (None, Verb::Pause) => Promise::Paused,
        (None, _) => Promise::Resumed,
    };
    let guard = Guard::LookAgain(
        "the program is handed what the plan rests on and may refuse it; what it does not check can move"
            .into(),
    );
    let step = step(fresh, want)?;
    Ok(Prepared {
        basis: basis(fresh, &from),
        steps: vec![step],
        differences: differences(fresh.state, &from, to.as_ref()),
        hazards: hazards(fresh, want, &from, to.as_ref()),
        permission: permission(fresh.state, want.verb),
        way_back: way_back(fresh, want, &from),
        identity: fresh.state.identity(),
        from: Some(from),
        to,
        ..Prepared::of(guard, promise, fresh.deadline.saturating_add(AFTERWARDS))
    })
}

/// What must run afterwards.
fn goal(fresh: &Fresh<'_>, want: &Want<'_>) -> Result<Option<Artifact>, Fault> {
    let Some(wanted) = want.artifact else { return Ok(None) };
    let (state, place) = (fresh.state, fresh.place);
    if let Some(id) = want.revision {
        let found = state.revisions(place).into_iter().find(|revision| &revision.id == id);
        let found = found.filter(|revision| revision.standing != Standing::Current).ok_or_else(|| {
            Fault::new(Cause::NotFound, format!("{place} remembers no revision {id} to go back to now"))
                .with_hint("choose another one")
        })?;
        if !found.artifact.same_as(wanted) && found.artifact.version != wanted.version {
            let detail = format!("revision {id} is {} now, not {}", found.artifact.label(), wanted.label());
            return Err(Fault::new(Cause::Moved, detail));
        }
        return Ok(Some(found.artifact));
    }
    let version = wanted.version.as_ref().map_or("", SafeText::as_str);
    let text = |text: &Option<SafeText>| text.as_ref().map(SafeText::to_string);
    let image = Some(wanted.image.as_str()).filter(|image| state.has_images() && !image.is_empty());
    let commit = wanted.revision.as_ref().map(|commit| commit.as_str().to_owned());
    Ok(Some(answer::artifact(place, version, image, text(&wanted.digest).as_deref(), commit.as_deref())))
}

fn step(fresh: &Fresh<'_>, want: &Want<'_>) -> Result<Step, Fault> {
    let place = fresh.place;
    let mut values = place_values(fresh.source, fresh.bound, place);
    values.extend(want.values(place).into_iter().map(|(name, value)| (name.to_owned(), value)));
    let words = fresh.command.filled(&values)?;
    let mut document = document(fresh.source, fresh.bound, place, want.word);
    document.insert("want".to_owned(), want.document(place));
    document.insert("id".to_owned(), json!(fresh.state.id));
    document.insert("basis".to_owned(), json!(fresh.state.basis));
    document.insert("reason".to_owned(), json!(want.reason.map(SafeText::as_str)));
    let what = want.artifact.map_or_else(String::new, |artifact| format!(" with {}", artifact.label()));
    let effect = format!("runs the {} command of {place}{what}, and hands it this document", want.word);
    Ok(Step {
        source: fresh.source.clone(),
        method: RUN.to_owned(),
        path: shown(&words),
        content_type: Some("application/json".to_owned()),
        body: Some(Value::Object(document).to_string()),
        effect: SafeText::new(&effect),
    })
}

fn basis(fresh: &Fresh<'_>, from: &Artifact) -> Vec<Basis> {
    let state = fresh.state;
    let phase = state.phase(fresh.place);
    let under_way = matches!(phase, Phase::Progressing(_) | Phase::RollingBack(_));
    let mut basis = vec![
        Basis::new("object", &state.id),
        Basis::new("basis", &state.basis),
        Basis::new("version", from.reference()),
        Basis::new("phase", phase_word(&phase)),
        Basis::new(LEAST_REPLICAS, state.desired().to_string()),
        Basis::new(UNDER_WAY, if under_way { "yes" } else { "no" }),
    ];
    basis.extend(state.changes.as_ref().map(|changes| Basis::new("changes", changes.summary())));
    basis
}

const fn phase_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Done => "done",
        Phase::Progressing(_) => "progressing",
        Phase::Paused(_) => "paused",
        Phase::Failed(_) => "failed",
        Phase::RollingBack(_) => "rolling back",
        Phase::RolledBack => "rolled back",
        Phase::ScaledToZero => "stopped",
    }
}

fn permission(state: &State, verb: Verb) -> Permission {
    let allowed = &state.allowed;
    let may = match verb {
        Verb::Promote => &allowed.promote,
        Verb::RollBack => &allowed.roll_back,
        Verb::Pause => &allowed.pause,
        Verb::Resume => &allowed.resume,
        Verb::Approve
        | Verb::Reject
        | Verb::Rerun
        | Verb::Cancel
        | Verb::PromoteFully
        | Verb::Abort
        | Verb::Retry
        | Verb::Restart
        | Verb::Hold
        | Verb::Release => &None,
    };
    match may {
        None => Permission::Untold,
        Some(May::Plainly(true)) => Permission::Granted,
        Some(May::Plainly(false)) => Permission::Denied("the state command says so, without a reason".into()),
        Some(May::No(why)) => Permission::Denied(SafeText::new(why)),
    }
}

fn way_back(fresh: &Fresh<'_>, want: &Want<'_>, from: &Artifact) -> Option<SafeText> {
    let plain = || match want.verb {
        Verb::Pause => Some(SafeText::new("resume it")),
        Verb::Promote | Verb::RollBack if fresh.back.is_some() && !from.label().is_empty() => {
            Some(SafeText::new(&format!("roll back to {}", from.label())))
        }
        _ => None,
    };
    fresh.state.way_back().or_else(plain)
}

fn differences(state: &State, from: &Artifact, to: Option<&Artifact>) -> Vec<Difference> {
    let version = to.filter(|to| !to.same_as(from)).map(|to| Difference {
        what: "version".into(),
        old: SafeText::new(from.label()),
        new: SafeText::new(to.label()),
    });
    let resources = to.and(state.changes.as_ref()).map_or(&[][..], |changes| &changes.resources[..]);
    let mut told: Vec<_> = resources.iter().filter(|one| one.action != Action::Drift).collect();
    // What is taken away first.
    told.sort_by_key(|one| match one.action {
        Action::Destroy => 0,
        Action::Replace => 1,
        Action::Change => 2,
        Action::Add | Action::Drift => 3,
    });
    let more = told.len().saturating_sub(TOLD);
    let lines = told.into_iter().take(TOLD).map(|one| {
        let (old, new) = match one.action {
            Action::Add => ("", "added"),
            Action::Change => ("as it is", "changed"),
            Action::Destroy => ("as it is", ""),
            Action::Replace => ("as it is", "destroyed and made anew"),
            Action::Drift => ("", ""),
        };
        Difference { what: SafeText::new(&one.address), old: old.into(), new: new.into() }
    });
    let rest = (more > 0).then(|| Difference {
        what: SafeText::new(&format!("and {more} more")),
        old: "".into(),
        new: "".into(),
    });
    version.into_iter().chain(lines).chain(rest).collect()
}

fn hazards(fresh: &Fresh<'_>, want: &Want<'_>, from: &Artifact, to: Option<&Artifact>) -> Vec<Hazard> {
    let state = fresh.state;
    let mut hazards: Vec<Hazard> = state.hazards().collect();
    let Some(to) = to else { return hazards };
    // A promise that is kept already proves nothing of what was done.
    if from.same_as(to) {
        let text = format!(
            "{} already runs {}: nothing would show whether this did anything.",
            fresh.place,
            to.label()
        );
        hazards.push(Hazard::new(Severity::Blocking, text));
    }
    match state.phase(fresh.place) {
        Phase::Progressing(what) | Phase::RollingBack(what) => hazards
            .push(Hazard::new(Severity::Warning, format!("Something is under way there already: {what}"))),
        Phase::Failed(why) if want.verb == Verb::Promote => {
            hazards.push(Hazard::new(Severity::Warning, format!("What was done there last failed: {why}")));
        }
        _ => {}
    }
    if let Some(changes) = &state.changes {
        hazards.extend(change_hazards(changes));
        let coming = state.coming.as_ref().map(|coming| coming.artifact(fresh.place));
        if let Some(coming) = coming.filter(|coming| coming.version != to.version) {
            let text = format!(
                "The changes that are told are those of {}, not of {}: nobody knows what this would change.",
                coming.label(),
                to.label()
            );
            hazards.push(Hazard::new(Severity::Blocking, text));
        }
    }
    hazards
}

/// What of a plan's sum must be seen.
fn change_hazards(changes: &Changes) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let mut push = |severity, text: String| hazards.push(Hazard::new(severity, text));
    if changes.destroy > 0 {
        push(Severity::Warning, format!("{} destroyed{}.", changes.destroy, names(changes, Action::Destroy)));
    }
    if changes.replace > 0 {
        let text = format!("{} destroyed and made anew{}.", changes.replace, names(changes, Action::Replace));
        push(Severity::Warning, text);
    }
    match changes.drift {
        Some(0) => {}
        Some(drift) => push(
            Severity::Warning,
            format!(
                "{drift} changed outside of the tool since it was last applied{}: this may undo it.",
                names(changes, Action::Drift)
            ),
        ),
        None => push(Severity::Note, "Nobody looked for what was changed outside of the tool.".to_owned()),
    }
    if changes.none() {
        push(Severity::Warning, "Nothing would be added, changed or destroyed.".to_owned());
    }
    hazards
}

fn names(changes: &Changes, action: Action) -> String {
    let names: Vec<&str> = changes.of(action).map(|one| one.address.as_str()).collect();
    let more = names.len().saturating_sub(LISTED);
    let listed = names.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
    match (listed.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(": {listed}"),
        (false, more) => format!(": {listed} and {more} more"),
    }
}
