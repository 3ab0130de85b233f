//! How production is changed, as data: what the operator wants, the very requests that would do it, what they
//! are based on, what must become true, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Sha;
use super::fault::Fault;
use super::name::{Place, ServiceName, SourceName};
use super::people::People;
use super::pipeline::{GateKey, MayDecide, RunKey};
use super::promise::Promise;
use super::record::Record;
use super::rollout::Artifact;
use super::text::SafeText;
use super::time::Now;
use super::verb::Verb;

/// On what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A gate (approve, reject).
    Gate(GateKey),
    /// A run (rerun, cancel).
    Run(RunKey),
    /// Ship this to the place by writing to its deployment target (promote).
    Artifact(Artifact),
    /// Ship this to the place by starting a pipeline (promote).
    Dispatch(Artifact),
    /// Go back to the revision with this id at the deployment target (roll back).
    Revision {
        /// [`super::rollout::Revision::id`].
        id: SafeText,
        /// What it runs.
        artifact: Artifact,
    },
    /// The rollout as it stands (pause, resume, promote fully, abort, retry).
    Rollout,
    /// Every replica of the rollout (restart).
    Replicas {
        /// When it was asked for: the mark that a target may keep of it.
        at: Timestamp,
    },
    /// Go back to what the GitOps controller applied before (roll back).
    Deployed {
        /// [`super::gitops::Deployed::id`].
        id: u64,
        /// The revision in Git.
        revision: Sha,
    },
    /// Put the manifests in Git back to as they were before this commit (roll back).
    Revert {
        /// The oldest commit that is undone; every later one that changed the folder is undone with it.
        commit: Sha,
        /// Where the revert goes.
        to: RevertTo,
    },
    /// The GitOps controller's application (hold, release).
    Application,
}

/// Where a revert goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevertTo {
    /// The branch that the GitOps controller follows: it is applied at the next sync.
    Branch,
    /// A branch of its own, for a review: nothing is applied until somebody merges it.
    Proposal,
}

impl Target {
    /// What the two artifacts of a plan are to it: before, and after.
    #[must_use]
    pub const fn sides(&self) -> [&'static str; 2] {
        match self {
            Self::Revert { .. } => ["in Git now", "in Git then"],
            Self::Deployed { .. } | Self::Application => ["applied now", "would apply"],
            _ => ["runs now", "would run"],
        }
    }

    /// Whether it changes what is asked to run, rather than what Git or a GitOps controller says.
    #[must_use]
    pub const fn runs(&self) -> bool {
        !matches!(self, Self::Revert { .. } | Self::Deployed { .. } | Self::Application)
    }

    /// The id of the revision that it goes back to, if it goes back.
    #[must_use]
    pub const fn revision(&self) -> Option<&SafeText> {
        match self {
            Self::Revision { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What.
    pub verb: Verb,
    /// Of which service.
    pub service: ServiceName,
    /// Where, if in an environment.
    pub place: Option<Place>,
    /// On what.
    pub target: Target,
    /// Which source carries it out.
    pub source: SourceName,
    /// Why, in the operator's words. Part of the requests where the provider takes a comment.
    pub reason: Option<SafeText>,
    /// What the operator filled in of the form that the gate asks for, by field; what is not here has its default.
    #[serde(default)]
    pub answers: BTreeMap<SafeText, SafeText>,
}

/// One value that a gate asks for. A secret is never asked for here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    /// Its name.
    pub name: SafeText,
    /// What it is for, in the provider's words.
    pub about: SafeText,
    /// What can be filled in.
    pub kind: FormKind,
    /// What will be sent: the operator's answer, else the default.
    pub value: SafeText,
}

/// What can be filled into a field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FormKind {
    /// One line of text.
    Text,
    /// `true` or `false`.
    Switch,
    /// One of these.
    Choice(Vec<SafeText>),
}

/// One thing that the requests rest on. Two preparations of the same intent are compared by these: any
/// difference means that the world moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// What: `uid`, `image`, `run attempt`.
    pub name: SafeText,
    /// As it was when the plan was made.
    pub value: SafeText,
}

impl Basis {
    /// A named fact.
    #[must_use]
    pub fn new(name: &str, value: impl AsRef<str>) -> Self {
        Self { name: SafeText::new(name), value: SafeText::new(value.as_ref()) }
    }
}

/// One request to one source, exactly as it will be sent; the provider only adds its credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// To which source.
    pub source: SourceName,
    /// `POST`, `PATCH`.
    pub method: String,
    /// Path and query, relative to the source's base: `/repos/acme/shop/actions/runs/7/pending_deployments`.
    pub path: String,
    /// `application/json-patch+json`; none without a body.
    pub content_type: Option<String>,
    /// The body, byte for byte; none without one.
    pub body: Option<String>,
    /// What it does, in one sentence.
    pub effect: SafeText,
}

impl Step {
    /// A `POST` for an intent, with a body and its type if it has one.
    #[must_use]
    pub fn post(intent: &Intent, path: String, body: Option<(&str, String)>, effect: &str) -> Self {
        Self {
            source: intent.source.clone(),
            method: "POST".to_owned(),
            path,
            content_type: body.as_ref().map(|(kind, _)| (*kind).to_owned()),
            body: body.map(|(_, body)| body),
            effect: SafeText::new(effect),
        }
    }

    /// The body as it may be shown and recorded: the values of environment variables masked, everything else as
    /// it will be sent. A body that is not JSON is shown as it is.
    #[must_use]
    pub fn shown_body(&self) -> Option<String> {
        let body = self.body.as_ref()?;
        let Ok(mut json) = serde_json::from_str::<serde_json::Value>(body) else { return Some(body.clone()) };
        Some(if mask(&mut json) { json.to_string() } else { body.clone() })
    }
}

/// Masks the values of environment variables, in Kubernetes' and in Docker's notation. Returns whether any was there.
fn mask(json: &mut serde_json::Value) -> bool {
    use serde_json::Value;
    match json {
        Value::Array(list) => list.iter_mut().fold(false, |masked, item| mask(item) | masked),
        Value::Object(map) => {
            map.iter_mut().fold(false, |masked, (key, value)| match (key.as_str(), value) {
                ("env" | "Env", Value::Array(variables)) => {
                    variables.iter_mut().for_each(mask_variable);
                    masked | !variables.is_empty()
                }
                (_, value) => mask(value) | masked,
            })
        }
        _ => false,
    }
}

fn mask_variable(variable: &mut serde_json::Value) {
    use serde_json::Value;
    match variable {
        Value::String(text) => {
            let name = text.split_once('=').map_or(text.as_str(), |(name, _)| name);
            *text = format!("{name}=•••");
        }
        Value::Object(map) => {
            if let Some(value) = map.get_mut("value") {
                *value = Value::String("•••".to_owned());
            }
        }
        _ => {}
    }
}

/// Who makes sure that the request meets the world it was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// The server checks in the same request; how.
    Server(SafeText),
    /// The server does not; the cockpit looks again right before it sends. What remains.
    LookAgain(SafeText),
}

/// Whether the credential may do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// The source says yes.
    Granted,
    /// The source says no; why.
    Denied(SafeText),
    /// The source does not say before it is tried.
    Untold,
}

impl From<MayDecide> for Permission {
    fn from(may: MayDecide) -> Self {
        match may {
            MayDecide::Yes => Self::Granted,
            MayDecide::No(why) => Self::Denied(why),
            MayDecide::Unknown => Self::Untold,
        }
    }
}

/// How bad a hazard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Could undo or spoil the action.
    Warning,
    /// The action would not do what it says: refused unless the hazard goes away.
    Blocking,
}

/// Something that could go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hazard {
    /// How bad.
    pub severity: Severity,
    /// What, and what to do instead: one or two sentences.
    pub text: SafeText,
}

impl Hazard {
    /// A hazard.
    #[must_use]
    pub fn new(severity: Severity, text: impl AsRef<str>) -> Self {
        Self { severity, text: SafeText::new(text.as_ref()) }
    }
}

/// One visible difference that the requests would make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What changes: `image of container web`, `env LOG_LEVEL`.
    pub what: SafeText,
    /// Before; empty if it was not there.
    pub old: SafeText,
    /// After; empty if it goes away.
    pub new: SafeText,
}

/// What a provider says about an intent after a fresh look: the very requests, and what they rest on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// What the requests rest on.
    pub basis: Vec<Basis>,
    /// The requests, in order. Usually one.
    pub steps: Vec<Step>,
    /// The values that are sent with the decision, if any are asked for.
    #[serde(default)]
    pub form: Vec<FormField>,
    /// What runs now, for intents on a place.
    pub from: Option<Artifact>,
    /// What would run, for intents on a place; with its digest where it could be resolved.
    pub to: Option<Artifact>,
    /// What would change.
    pub differences: Vec<Difference>,
    /// What could go wrong, as far as this source can tell.
    pub hazards: Vec<Hazard>,
    /// Whether we may.
    pub permission: Permission,
    /// Who guards the request.
    pub guard: Guard,
    /// What must become true.
    pub promise: Promise,
    /// How long that may take before the outcome is called in doubt.
    pub deadline: Duration,
    /// How it could be taken back; none if it cannot.
    pub way_back: Option<SafeText>,
    /// Who we are there.
    pub identity: Option<SafeText>,
    /// Who is behind what would ship; none if this source does not know persons.
    pub people: Option<Box<People>>,
}

impl Prepared {
    /// One that rests on nothing yet, sends nothing, and whose permission is not told.
    #[must_use]
    pub const fn of(guard: Guard, promise: Promise, deadline: Duration) -> Self {
        Self {
            basis: Vec::new(),
            steps: Vec::new(),
            form: Vec::new(),
            from: None,
            to: None,
            differences: Vec::new(),
            hazards: Vec::new(),
            permission: Permission::Untold,
            guard,
            promise,
            deadline,
            way_back: None,
            identity: None,
            people: None,
        }
    }
}

/// The source's answer to a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// HTTP status.
    pub status: u16,
    /// What the answer says, in one line: new id, message.
    pub says: SafeText,
}

/// A number for one action of this program, unique in its journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionId(pub SafeText);

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A later look proved the promise, and it held for the settle time.
    Verified(SafeText),
    /// It had no effect; why.
    NotApplied(SafeText),
    /// It had an effect, and not the promised one; what.
    Failed(SafeText),
    /// Sent, and not proved either way; what is known.
    InDoubt(SafeText),
}

impl Outcome {
    /// `verified`, `not applied` ...
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Verified(_) => "verified",
            Self::NotApplied(_) => "not applied",
            Self::Failed(_) => "failed",
            Self::InDoubt(_) => "in doubt",
        }
    }

    /// What is known, in one sentence.
    #[must_use]
    pub const fn text(&self) -> &SafeText {
        match self {
            Self::Verified(t) | Self::NotApplied(t) | Self::Failed(t) | Self::InDoubt(t) => t,
        }
    }
}

/// Why something would not be done: cause, age of the evidence, next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, in one sentence.
    pub cause: SafeText,
    /// What the evidence is and how old: "prod, 3 s old".
    pub evidence: Option<SafeText>,
    /// What the operator can do.
    pub next: Option<SafeText>,
}

impl Refusal {
    /// A refusal for a cause.
    #[must_use]
    pub fn new(cause: impl AsRef<str>) -> Self {
        Self { cause: SafeText::new(cause.as_ref()), evidence: None, next: None }
    }

    /// With what the operator can do.
    #[must_use]
    pub fn next(mut self, next: impl AsRef<str>) -> Self {
        self.next = Some(SafeText::new(next.as_ref()));
        self
    }

    /// With the evidence and its age.
    #[must_use]
    pub fn evidence(mut self, evidence: impl AsRef<str>) -> Self {
        self.evidence = Some(SafeText::new(evidence.as_ref()));
        self
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.cause)?;
        if let Some(evidence) = &self.evidence {
            write!(f, " ({evidence})")?;
        }
        if let Some(next) = &self.next {
            write!(f, " · {next}")?;
        }
        Ok(())
    }
}

/// How far an action has come. What the executor reports, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// A fresh look was taken for an intent that is being planned.
    Prepared {
        /// The request for preparation that this answers.
        ticket: u64,
        /// When that look began.
        began: Now,
        /// The requests, or why there are none.
        result: Result<Box<Prepared>, Fault>,
    },
    /// The intent is on disk.
    Recorded(ActionId),
    /// The look before sending found a different world: nothing was sent.
    Moved(ActionId, Vec<Difference>),
    /// Nothing was sent, for another reason.
    NotSent(ActionId, SafeText),
    /// The step left.
    Sent(ActionId, Now),
    /// The source answered the step.
    Received(ActionId, Receipt, Now),
    /// The source refused the step and said so: nothing happened.
    Declined(ActionId, Fault),
    /// No answer, or one that does not say: it may have happened.
    NoAnswer(ActionId, Fault),
    /// The journal cannot be written: actions are off until it can.
    JournalFailed(SafeText),
    /// The journal can be written again: actions are on.
    JournalWorks,
    /// The newest lines of the journal, oldest first, or why they cannot be read.
    JournalRead(Result<Vec<Record>, SafeText>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_environment_variables_are_never_shown() {
        for (body, shown) in [
            (r#"{"Env":["A=secret","B"],"Image":"x"}"#, r#"{"Env":["A=•••","B=•••"],"Image":"x"}"#),
            (
                r#"[{"value":{"env":[{"name":"A","value":"s"}]}}]"#,
                r#"[{"value":{"env":[{"name":"A","value":"•••"}]}}]"#,
            ),
            (r#"{"state":"approved", "comment":""}"#, r#"{"state":"approved", "comment":""}"#),
            ("not json", "not json"),
        ] {
            let step = Step {
                source: SourceName::new("s"),
                method: "POST".into(),
                path: "/".into(),
                content_type: None,
                body: Some(body.into()),
                effect: "x".into(),
            };
            assert_eq!(step.shown_body().as_deref(), Some(shown));
        }
    }
}
