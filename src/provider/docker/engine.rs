//! The engine at the other end of the socket: which address, which API version, which requests.
//!
//! The only file here that talks. It returns what the engine says as text or as wire types and judges nothing
//! beyond "this was no answer".

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::act::Found;
use super::address::Address;
use super::wire::{self, Accepted, Complaint, Distribution, Info, ServiceName, Task, TaskOwner};
use crate::domain::{Cause, Fault, Receipt, SafeText, SourceName, Step};
use crate::provider::SourceSpec;
use crate::provider::examine::Finding;
use crate::provider::http::{Answer, Endpoint, EndpointSpec, Limits, Read, query};

/// The newest API version that this was written for.
const NEWEST: Api = Api(1, 51);
/// The oldest; before it, answers miss what a verdict rests on.
const OLDEST: Api = Api(1, 40);
/// How long a question that may go unanswered is waited for.
const BRIEF: Duration = Duration::from_secs(3);
/// How long a container's stop is waited for: the engine answers when it has stopped.
const STOP: Duration = Duration::from_secs(330);

/// An API version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Api(u32, u32);

impl Api {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// A service of the list, not read yet.
pub(super) struct Listed {
    pub(super) name: ServiceName,
    pub(super) text: Box<RawValue>,
}

/// The tasks of some services.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) all: Vec<Task>,
    /// By service id: why its tasks are not known.
    pub(super) faults: BTreeMap<SafeText, Fault>,
}

/// How long the engine may take to ask a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// The answer is needed.
    Full,
    /// The answer is worth knowing, and a registry that is down must not hold up a rollback.
    Brief,
}

impl Patience {
    /// Waits for an answer no longer than this allows; a question has a limit of its own.
    pub(super) async fn wait<T>(self, asking: impl Future<Output = T>) -> Option<T> {
        match self {
            Self::Full => Some(asking.await),
            Self::Brief => tokio::time::timeout(BRIEF, asking).await.ok(),
        }
    }
}

/// One engine.
pub(super) struct Engine {
    source: SourceName,
    endpoint: Endpoint,
    /// The same engine, for questions that may go unanswered.
    brief: Endpoint,
    /// The same engine, for a container's stop.
    patient: Endpoint,
    remarks: Vec<SafeText>,
}

impl Engine {
    /// An engine at the configured address. Does no IO.
    ///
    /// # Errors
    /// [`Cause::Local`] when the address is one that cannot be spoken to.
    pub(super) fn new(spec: &SourceSpec) -> Result<Self, Fault> {
        let address = Address::of(spec)?;
        let mut endpoint = EndpointSpec::new(&address.url);
        endpoint.ca_file = spec.settings.text("ca_file").map(Into::into);
        endpoint.env = std::sync::Arc::clone(&spec.env);
        let limits = Limits { headers: BRIEF, idle: BRIEF, total: BRIEF, ..Limits::DEFAULT };
        let patient = Limits { headers: STOP, idle: STOP, total: STOP, ..Limits::DEFAULT };
        Ok(Self {
            source: spec.name.clone(),
            brief: Endpoint::new(endpoint.clone().limits(limits))?,
            patient: Endpoint::new(endpoint.clone().limits(patient))?,
            endpoint: Endpoint::new(endpoint)?,
            remarks: address.remarks,
        })
    }

    /// What an operator should know about how the engine is reached.
    pub(super) fn remarks(&self) -> Vec<SafeText> {
        self.remarks.clone()
    }

    /// `/v1.41`: the newest version that both sides speak.
    pub(super) async fn prefix(&self) -> Result<String, Fault> {
        let answer = self.get("/_ping").await?;
        if !answer.is_success() {
            return Err(complaint(&answer));
        }
        let told = answer.headers.get("api-version").ok_or_else(|| {
            Fault::new(Cause::Malformed, "it does not tell an API version, so it is not a Docker Engine")
        })?;
        let api = Api::parse(told).ok_or_else(|| {
            Fault::new(Cause::Malformed, format!("its API version is unreadable: {}", SafeText::new(told)))
        })?;
        if api < OLDEST {
            let detail = format!(
                "the engine speaks API {}.{}, and {}.{} is the oldest that tells enough",
                api.0, api.1, OLDEST.0, OLDEST.1
            );
            return Err(Fault::new(Cause::Refused, detail).with_hint("Docker Engine 19.03 or newer"));
        }
        let api = api.min(NEWEST);
        Ok(format!("/v{}.{}", api.0, api.1))
    }

    /// The way there, and which engine it is.
    pub(super) async fn examine(&self, now: Timestamp) -> Vec<Finding> {
        let (mut findings, api) = tokio::join!(self.endpoint.way(now), self.prefix());
        if let Ok(api) = api {
            let api = api.trim_start_matches("/v");
            findings.push(Finding::well("API", format!("{api} is spoken with it")));
            findings.push(Finding::well(
                "permissions",
                "an engine asks nobody: whoever reaches it may do everything, and is root on its host",
            ));
        }
        findings
    }

    /// Where we are.
    pub(super) async fn info(&self, prefix: &str) -> Result<Info, Fault> {
        wire::read("info", &self.text(&format!("{prefix}/info")).await?)
    }

    /// A fault unless the engine manages a swarm.
    pub(super) fn manages(info: &Info) -> Result<(), Fault> {
        let (host, swarm) = (&info.name, &info.swarm);
        let problem = match (swarm.local_node_state.as_str(), swarm.control_available) {
            ("active", Some(true)) => return Ok(()),
            ("active", _) => {
                format!("{host} is a worker of the swarm; only a manager tells and changes services")
            }
            ("inactive", _) => format!("{host} is not part of a swarm"),
            (state, _) => {
                let error = swarm.error.clone().unwrap_or_default();
                format!("the swarm on {host} is {state}: {error}")
            }
        };
        Err(Fault::new(Cause::Refused, problem).with_hint("set host to a manager of the swarm"))
    }

    /// The services that `names` may mean, by id. One request; names are filtered by the engine as prefixes.
    pub(super) async fn services(
        &self,
        prefix: &str,
        names: &[&str],
    ) -> Result<BTreeMap<SafeText, Listed>, Fault> {
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let text = self.text(&services_path(prefix, names)).await?;
        let mut services = BTreeMap::new();
        for item in wire::items("services", &text)? {
            let name: ServiceName = wire::read("services", item.get())?;
            services.insert(name.id.clone(), Listed { name, text: item });
        }
        Ok(services)
    }

    /// The tasks of these services: one request for all, and one for each when the engine does not answer that.
    pub(super) async fn tasks(&self, prefix: &str, ids: &[&str]) -> Result<Tasks, Fault> {
        let mut tasks = Tasks::default();
        if ids.is_empty() {
            return Ok(tasks);
        }
        match self.text(&tasks_path(prefix, ids)).await {
            Ok(text) => tasks.take(&text)?,
            Err(fault) if fault.cause == Cause::NotFound => {
                for id in ids {
                    match self.text(&tasks_path(prefix, &[id])).await {
                        Ok(text) => tasks.take(&text)?,
                        Err(fault) => drop(tasks.faults.insert(SafeText::new(id), fault)),
                    }
                }
            }
            Err(fault) => return Err(fault),
        }
        Ok(tasks)
    }

    /// One service as the engine writes it.
    ///
    /// # Errors
    /// [`Cause::NotFound`] also when `name` is only the beginning of an id, which the engine would accept.
    pub(super) async fn service(&self, prefix: &str, name: &str) -> Result<String, Fault> {
        let missing = || {
            Fault::new(Cause::NotFound, format!("the swarm has no service '{name}'"))
                .with_hint("docker service ls shows what there is")
        };
        if !plain(name) {
            return Err(missing());
        }
        let text = self.text(&format!("{prefix}/services/{name}")).await?;
        let named: ServiceName = wire::read(&format!("service {name}"), &text)?;
        if named.is(name) { Ok(text) } else { Err(missing()) }
    }

    /// A container as the engine writes it; none if it has none of this id.
    pub(super) async fn container(&self, prefix: &str, id: &str) -> Result<Option<String>, Fault> {
        if !plain(id) {
            return Err(Fault::new(
                Cause::Malformed,
                format!("'{}' is no container's id", SafeText::new(id)),
            ));
        }
        there(self.text(&format!("{prefix}/containers/{id}/json")).await)
    }

    /// An image as the engine writes it, by reference or id; none if it holds none.
    pub(super) async fn image(&self, prefix: &str, reference: &str) -> Result<Option<String>, Fault> {
        if !reference.split('/').all(plain) {
            return Err(no_reference(reference));
        }
        there(self.text(&format!("{prefix}/images/{reference}/json")).await)
    }

    /// What the registry holds under a reference, asked through the engine.
    ///
    /// # Errors
    /// When the engine itself cannot be asked. What the registry does not tell is [`Found::Untold`].
    pub(super) async fn distribution(
        &self,
        prefix: &str,
        reference: &str,
        patience: Patience,
    ) -> Result<Found, Fault> {
        if !reference.split('/').all(plain) {
            return Err(no_reference(reference));
        }
        let endpoint = match patience {
            Patience::Full => &self.endpoint,
            Patience::Brief => &self.brief,
        };
        let answer = match endpoint.read(&Read::get(format!("{prefix}/distribution/{reference}/json"))).await
        {
            Ok(answer) => answer,
            Err(fault) if fault.cause == Cause::TimedOut => return Ok(Found::Untold(fault.detail)),
            Err(fault) => return Err(fault),
        };
        Ok(match answer.status {
            200 => {
                let told: Distribution = wire::read("distribution", &text_of(&answer)?)?;
                if !told.descriptor.digest.as_str().starts_with("sha256:") {
                    return Err(Fault::new(
                        Cause::Malformed,
                        "distribution: the field Descriptor.digest is not a sha256",
                    ));
                }
                Found::At(told.descriptor.digest)
            }
            404 => Found::Gone(says(&answer)),
            401 | 403 => Found::Locked(SafeText::new(&format!(
                "the registry wants a login, or has no such image ({})",
                says(&answer)
            ))),
            _ => Found::Untold(says(&answer)),
        })
    }

    /// Sends one step, once.
    ///
    /// # Errors
    /// `reached` is `No` when the engine said that it did nothing, `Perhaps` when it did not say.
    pub(super) async fn send(&self, step: &Step) -> Result<Receipt, Fault> {
        if step.source != self.source {
            return Err(Fault::new(Cause::Local, format!("the step is for source {}", step.source)));
        }
        let stops = step.path.contains("/containers/")
            && ["/stop", "/restart"].iter().any(|what| step.path.ends_with(what));
        let endpoint = if stops { &self.patient } else { &self.endpoint };
        let answer = endpoint.write(step, &[]).await?;
        // The engine's word for a container that runs or stands still already.
        if answer.status == 304 && step.path.contains("/containers/") {
            return Ok(Receipt { status: 304, says: "it was so already".into() });
        }
        if answer.is_success() {
            let answer = answer.accepted()?;
            let accepted =
                text_of(&answer).ok().and_then(|text| wire::read::<Accepted>("answer", &text).ok());
            let warnings = accepted.and_then(|a| a.warnings).unwrap_or_default();
            let says = match warnings.as_slice() {
                [] => "accepted".into(),
                warnings => {
                    let all: Vec<_> = warnings.iter().map(SafeText::as_str).collect();
                    SafeText::new(&format!("accepted, with warnings: {}", all.join("; ")))
                }
            };
            return Ok(Receipt { status: answer.status, says });
        }
        Err(if step.path.contains("/services/") { declined(&answer) } else { not_done(&answer) })
    }

    async fn get(&self, path: &str) -> Result<Answer, Fault> {
        self.endpoint.read(&Read::get(path)).await
    }

    /// What the engine answers to a question.
    pub(super) async fn text(&self, path: &str) -> Result<String, Fault> {
        let answer = self.get(path).await?;
        if answer.is_success() { text_of(&answer) } else { Err(complaint(&answer)) }
    }
}

impl Tasks {
    /// A task of a service that no list of services knows. It may be one of ours under a name that went wrong, a failed
    /// one as well, so nothing that these tasks show of any service is believed. A service that is known and was not
    /// asked about says nothing of ours.
    pub(super) fn stranger(&self, known: &BTreeMap<SafeText, Listed>) -> Option<Fault> {
        let mut services = self.all.iter().map(|task| &task.service).chain(self.faults.keys());
        let other = services.find(|service| !known.contains_key(*service))?;
        let detail = format!("tasks: ServiceID {other} is of no service that was asked about");
        Some(Fault::new(Cause::Malformed, detail))
    }

    /// Takes a list in. A task that cannot be read makes its service's tasks unknown, and no other's.
    fn take(&mut self, text: &str) -> Result<(), Fault> {
        for (index, item) in wire::items("tasks", text)?.into_iter().enumerate() {
            let what = format!("tasks[{index}]");
            match wire::read::<Task>(&what, item.get()) {
                Ok(task) => self.all.push(task),
                Err(fault) => {
                    let owner: TaskOwner = wire::read(&what, item.get())?;
                    self.faults.insert(owner.service, fault);
                }
            }
        }
        Ok(())
    }
}

/// Why a step was not carried out, and whether it may have been all the same.
fn declined(answer: &Answer) -> Fault {
    let says = says(answer);
    let known = message(answer).is_some();
    match answer.status {
        _ if says.as_str().contains("update out of sequence") => moved(&says),
        409 => moved(&says),
        501 if known => Fault::new(Cause::Refused, says),
        503 if known => {
            Fault::new(Cause::Refused, format!("the engine does not manage the swarm now ({says})"))
        }
        _ => complaint(answer),
    }
}

/// Why a step about a container was not carried out. The engine says 500 of a start that it tried and took back, such as
/// when a port is taken; with the reason that is a clear no, unless it gave up waiting for it.
fn not_done(answer: &Answer) -> Fault {
    let gave_up =
        |says: &SafeText| ["deadline exceeded", "canceled"].iter().any(|w| says.as_str().contains(w));
    match (answer.status, message(answer)) {
        (409, Some(says)) => Fault::new(Cause::Moved, says).with_hint("prepare it again"),
        (500, Some(says)) if !gave_up(&says) => Fault::new(Cause::Refused, says),
        _ => complaint(answer),
    }
}

/// The engine's guard did not hold. It answers 500 with a certain text rather than a status of its own.
fn moved(says: &SafeText) -> Fault {
    Fault::new(Cause::Moved, format!("the service changed since the plan was made ({says})"))
        .with_hint("prepare it again; the engine's own rolling update also counts as a change")
}

/// An answer, or none where the engine says that there is no such thing.
fn there(answer: Result<String, Fault>) -> Result<Option<String>, Fault> {
    match answer {
        Ok(text) => Ok(Some(text)),
        Err(fault) if fault.cause == Cause::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn no_reference(reference: &str) -> Fault {
    Fault::new(Cause::Refused, format!("'{}' is not an image reference", SafeText::new(reference)))
}

/// The fault in an answer that is none.
fn complaint(answer: &Answer) -> Fault {
    let mut fault = answer.fault();
    if let Some(told) = message(answer) {
        fault.detail = told;
    }
    fault
}

fn message(answer: &Answer) -> Option<SafeText> {
    let text = text_of(answer).ok()?;
    let told: Complaint = serde_json::from_str(&text).ok()?;
    (!told.message.is_empty()).then(|| SafeText::first_line(told.message.as_str()))
}

fn says(answer: &Answer) -> SafeText {
    message(answer).unwrap_or_else(|| SafeText::new(&format!("HTTP {}", answer.status)))
}

fn text_of(answer: &Answer) -> Result<String, Fault> {
    String::from_utf8(answer.body.clone())
        .map_err(|_| Fault::new(Cause::Malformed, "the answer is not UTF-8"))
}

/// Whether a piece of a path is made of what names, tags and digests are made of, and steps nowhere else.
fn plain(piece: &str) -> bool {
    !piece.is_empty()
        && !piece.starts_with('.')
        && piece.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:@".contains(&b))
}

/// The list of services with their counts, filtered by name unless one of the names may be an id.
fn services_path(prefix: &str, names: &[&str]) -> String {
    let path = format!("{prefix}/services");
    let may_be_id = |name: &&str| name.len() == 25 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if names.iter().any(may_be_id) {
        query(&path, &[("status", "true")])
    } else {
        query(&path, &[("status", "true"), ("filters", &filter("name", names))])
    }
}

fn tasks_path(prefix: &str, ids: &[&str]) -> String {
    query(&format!("{prefix}/tasks"), &[("filters", &filter("service", ids))])
}

/// `{"key":["a","b"]}`.
fn filter(key: &str, values: &[&str]) -> String {
    serde_json::json!({ key: values }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_and_not_texts() {
        assert!(Api::parse("1.41").unwrap() < Api::parse("1.100").unwrap());
        assert_eq!(Api::parse("new"), None);
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        assert!(plain("shop_web") && plain("web:v1@sha256:aa"));
        for bad in ["", "..", "a/b", "a?b", "a b", "a%2e", "ü"] {
            assert!(!plain(bad), "{bad}");
        }
    }
}
