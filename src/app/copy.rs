//! What the selection has to copy: versions, commits, digests, images, addresses; and of a plan the commands that do
//! the same by hand.

use super::model::{Model, Panel, Toast, Tone};
use super::msg::Effect;
use super::views;
use crate::action::{Plan, by_hand};
use crate::domain::{Artifact, SafeText};

/// Something to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// What it is: `live version`.
    pub label: &'static str,
    /// What is copied.
    pub text: SafeText,
}

/// Everything that there is to copy of what is selected; each text once.
#[must_use]
pub fn things(model: &Model) -> Vec<Thing> {
    let mut things = Vec::new();
    let mut add = |label, text: Option<SafeText>| {
        let text = text.filter(|text| !text.is_empty());
        things.extend(text.map(|text| Thing { label, text }));
    };
    if model.focus == Panel::Log {
        add("line of the log", super::log::copied(model));
    }
    if model.focus == Panel::Revisions {
        let at_hand = views::revision_at_hand(model);
        if let Some(revision) = views::revisions(model).iter().find(|r| Some(&r.id) == at_hand.as_ref()) {
            add("revision", Some(revision.id.clone()));
            of_artifact(&revision.artifact, ["version", "commit", "digest", "image"], &mut add);
        }
    }
    if let Some(gate) = model.gate_at_hand() {
        add("commit that waits", Some(SafeText::new(gate.value.revision.as_str())));
        add("address of the gate", gate.value.url.clone());
    }
    let standing = model
        .selected()
        .zip(model.selected_environment())
        .and_then(|((_, assessment), environment)| assessment.standing(&environment.name));
    if let Some(live) = standing.and_then(|s| s.live.as_ref()) {
        of_artifact(live, ["live version", "live commit", "live digest", "live image"], &mut add);
    }
    if let Some(coming) = standing.and_then(|s| s.coming.as_ref()) {
        let labels = ["coming version", "coming commit", "coming digest", "coming image"];
        of_artifact(coming, labels, &mut add);
    }
    if let Some((service, _)) = model.selected() {
        let run = model.world.pipeline(service).and_then(|seen| seen.value.runs.first());
        add("address of the run", run.and_then(|run| run.url.clone()));
        add("commit of the run", run.map(|run| SafeText::new(run.revision.as_str())));
        add("service", Some(service.name.0.clone()));
    }
    let mut once: Vec<Thing> = Vec::new();
    for thing in things {
        if !once.iter().any(|other| other.text == thing.text) {
            once.push(thing);
        }
    }
    once
}

fn of_artifact(
    artifact: &Artifact,
    labels: [&'static str; 4],
    add: &mut impl FnMut(&'static str, Option<SafeText>),
) {
    let [version, commit, digest, image] = labels;
    add(version, artifact.version.clone());
    add(commit, artifact.revision.as_ref().map(|sha| SafeText::new(sha.as_str())));
    add(digest, artifact.digest.clone());
    add(image, (!artifact.image.is_empty()).then(|| SafeText::new(&artifact.reference())));
}

/// The commands that do by hand what a plan would do, in order, in one line.
///
/// # Errors
/// Why there are none.
pub fn by_hand(model: &Model, plan: &Plan) -> Result<SafeText, &'static str> {
    let steps = plan.prepared.steps.iter().map(|step| Some((step, model.setup.reach.get(&step.source)?)));
    let steps: Option<Vec<_>> = steps.collect();
    Ok(by_hand::commands(&steps.ok_or("how this source is reached by hand is not known")?))
}

/// Puts a text on the clipboard, and says so.
pub fn copied(model: &mut Model, text: SafeText) -> Vec<Effect> {
    let said = SafeText::new(&format!("copied: {text}"));
    model.toast = Some(Toast { text: said, tone: Tone::Info, since: model.now });
    vec![Effect::Copy(text)]
}
