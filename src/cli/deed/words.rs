//! A plan, a refusal, a change set in sentences, one a line: for a terminal, a log, or a voice. No box, no colour.

use super::pick::Candidate;
use crate::action::{Plan, Refused};
use crate::domain::code::FileKind;
use crate::domain::service::{Confirm, ReasonRule};
use crate::domain::time::spoken;
use crate::domain::{Artifact, ChangeSet, FormKind, Guard, Permission, SafeText, Severity, Step, Verb};

/// Everything that the plan dialog shows, in its order.
pub(in crate::cli) fn plan(plan: &Plan) -> Vec<String> {
    let prepared = &plan.prepared;
    let mut lines = vec![format!("plan: {}", plan.title)];
    lines.extend(plan.overrides.iter().map(|b| format!("overrides {}: {}", b.rule.word(), b.refusal.cause)));
    lines.extend(plan.hazards.iter().map(|hazard| {
        let word = match hazard.severity {
            Severity::Note => "note",
            Severity::Warning => "hazard",
            Severity::Blocking => "blocks",
        };
        format!("{word}: {}", hazard.text)
    }));
    lines.extend(plan.runs.as_ref().map(|runs| format!("runs now: {runs}")));
    let [now, then] = plan.sides();
    for (label, artifact) in [(now, &prepared.from), (then, &prepared.to)] {
        lines.extend(artifact.as_ref().map(|a| format!("{label}: {}", identified(a))));
    }
    let there = |text: &str| if text.is_empty() { "not there".to_owned() } else { text.to_owned() };
    lines.extend(
        prepared.differences.iter().map(|d| {
            format!("changes {}: from {} to {}", d.what, there(d.old.as_str()), there(d.new.as_str()))
        }),
    );
    lines.extend(prepared.form.iter().map(|field| {
        let choices = match &field.kind {
            FormKind::Text => String::new(),
            FormKind::Switch => " (true or false)".to_owned(),
            FormKind::Choice(choices) => {
                let choices: Vec<&str> = choices.iter().map(SafeText::as_str).collect();
                format!(" (one of {})", choices.join(", "))
            }
        };
        format!("sends {} = {}{choices}", field.name, field.value)
    }));
    if let Some(changes) = &plan.changes {
        let word = if plan.intent.verb == Verb::RollBack { "takes back" } else { "ships" };
        lines.push(format!("{word}: {}", change_set(changes)));
        lines.extend(changes.of_kind(FileKind::Migration).map(|f| format!("migration: {}", f.path)));
    }
    prepared.steps.iter().for_each(|step| lines.extend(request(step)));
    lines.push(format!("proved when: {}, within {}", prepared.promise, spoken(prepared.deadline)));
    lines.push(format!("way back: {}", prepared.way_back.as_ref().map_or("there is none", |w| w.as_str())));
    lines.push(match &prepared.guard {
        Guard::Server(how) => format!("guard: the server checks in the same request: {how}"),
        Guard::LookAgain(rest) => format!("guard: looked at again right before sending: {rest}"),
    });
    let who = prepared.identity.as_ref().map_or("this credential", |i| i.as_str());
    lines.push(match &prepared.permission {
        Permission::Granted => format!("permission: {who} may"),
        Permission::Denied(why) => format!("permission: {who} may not: {why}"),
        Permission::Untold => format!("permission: {who}: the source does not say before it is tried"),
    });
    lines.extend(plan.evidence.iter().map(|part| {
        let fault = part.fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
        format!("rests on {}, {} old{fault}", part.source, spoken(part.age))
    }));
    lines.extend(prepared.basis.iter().map(|basis| format!("rests on {} = {}", basis.name, basis.value)));
    lines.push(format!("to confirm: {}", confirmation(plan)));
    lines.push(format!("fingerprint: {}", plan.fingerprint));
    lines
}

/// What must be given to confirm it.
pub(in crate::cli) fn confirmation(plan: &Plan) -> String {
    let how = match (&plan.phrase, plan.confirm) {
        (Some(phrase), _) => format!("the name {phrase}"),
        (None, Confirm::TypeName) => format!("the name {}", plan.intent.service),
        (None, Confirm::Press) => "yes".to_owned(),
    };
    let reason = if plan.reason == ReasonRule::Required { " and a reason" } else { "" };
    format!("{how}{reason}")
}

fn request(step: &Step) -> Vec<String> {
    let kind = step.content_type.as_ref().map(|kind| format!(" as {kind}")).unwrap_or_default();
    let mut lines = vec![format!("sends to {}: {} {}{kind}", step.source, step.method, step.path)];
    lines.extend(step.shown_body().map(|body| format!("body: {body}")));
    lines.push(format!("effect: {}", step.effect));
    lines
}

/// A version with what proves it.
fn identified(artifact: &Artifact) -> String {
    match (&artifact.digest, &artifact.revision) {
        (Some(digest), _) => format!("{}, {digest}", artifact.label()),
        (None, Some(revision)) => format!("{}, commit {}", artifact.label(), revision.short()),
        (None, None) => format!("{}, no digest known: the name alone decides", artifact.label()),
    }
}

/// A change set in one sentence.
pub(in crate::cli) fn change_set(changes: &ChangeSet) -> String {
    let mut parts = vec![counted(changes.total, "commit")];
    let migrations = changes.of_kind(FileKind::Migration).count();
    for (count, what) in [(migrations, "migration"), (changes.breaking(), "breaking change")] {
        if count > 0 {
            parts.push(counted(count, what));
        }
    }
    if changes.lost > 0 {
        parts.push(format!("{} lost", counted(changes.lost, "commit")));
    }
    parts.extend(changes.tickets.iter().take(4).map(ToString::to_string));
    parts.join(", ")
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A refusal: cause, evidence, next step, every rule in the way, and what could have been meant.
pub(in crate::cli) fn refused(refused: &Refused, candidates: &[Candidate]) -> Vec<String> {
    let refusal = &refused.refusal;
    let mut lines = vec![format!("refused: {}", refusal.cause)];
    lines.extend(refusal.evidence.iter().map(|evidence| format!("evidence: {evidence}")));
    lines.extend(refusal.next.iter().map(|next| format!("next: {next}")));
    lines.extend(refused.breaches.iter().map(|breach| {
        let said = breach.refusal.cause == refusal.cause;
        let why = if said { String::new() } else { format!(": {}", breach.refusal.cause) };
        format!("rule in the way: {}{why}", breach.rule.word())
    }));
    if !refused.breaches.is_empty() {
        lines.push("a rule can be overridden: --break-glass with a reason and the name".to_owned());
    }
    lines.extend(candidates.iter().map(|c| format!("there is: {} ({})", c.id, c.label)));
    lines
}
