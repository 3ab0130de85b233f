//! How Argo CD is asked, and what its refusals mean.
//!
//! Its errors carry the code of gRPC beside a message; a JSON patch whose test fails is no conflict to it but an error of
//! its own (500, code 2), although nothing was changed.

use serde::de::DeserializeOwned;

use super::wire::{Answer as Word, Complaint};
use crate::domain::{Cause, Fault, Permission, Reached, SafeText, Step};
use crate::provider::http::{Answer, Endpoint, Read, segment};

/// Argo CD's API at one endpoint.
pub(super) struct Api {
    endpoint: Endpoint,
    root: String,
}

impl Api {
    pub(super) const fn new(endpoint: Endpoint, root: String) -> Self {
        Self { endpoint, root }
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where a browser finds it.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    pub(super) async fn answer(&self, path: &str) -> Result<Answer, Fault> {
        let answer = self.endpoint.read(&Read::get(path)).await?;
        if answer.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.answer(path).await?.json()
    }

    /// Sends a step, once.
    pub(super) async fn send(&self, step: &Step) -> Result<Answer, Fault> {
        let answer = self.endpoint.write(step, &[]).await?;
        if answer.is_success() { answer.accepted() } else { Err(refusal(&answer)) }
    }

    /// Whether we may do this to the application `project/name`. A reader, although some servers take it as a write's
    /// permission: asking changes nothing.
    pub(super) async fn may(&self, action: &str, application: &str) -> Permission {
        let path = application.split('/').map(segment).collect::<Vec<_>>().join("/");
        let path = format!("/api/v1/account/can-i/applications/{action}/{path}");
        match self.get::<Word>(&path).await {
            Ok(word) if word.value == "yes" => Permission::Granted,
            Ok(word) if word.value == "no" => {
                Permission::Denied(SafeText::new(&format!("Argo CD: you may not {action} {application}")))
            }
            Ok(_) | Err(_) => Permission::Untold,
        }
    }
}

/// What an answer other than 2xx means at Argo CD.
pub(super) fn refusal(answer: &Answer) -> Fault {
    let mut fault = answer.fault();
    let complaint: Complaint = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = complaint.message.or(complaint.error).unwrap_or_default();
    let says = |words: &str| said.as_str().contains(words);
    let nothing_happened = |mut fault: Fault, cause: Cause, hint: &str| {
        (fault.cause, fault.reached) = (cause, Reached::No);
        fault.with_hint(hint)
    };
    match (complaint.code, answer.status) {
        (Some(16), _) | (None, 401) => {
            fault.cause = Cause::Unauthorized;
            fault.with_hint(
                "the token is wrong or has expired: `argocd account generate-token`, or `argocd login` for one's own",
            )
        }
        _ if says("error applying patch") => {
            nothing_happened(fault, Cause::Moved, "the application is not as it was shown")
        }
        _ if says("when auto-sync is enabled") => {
            nothing_happened(fault, Cause::Moved, "auto-sync is on (again): something switches it back on")
        }
        _ if says("another operation is already in progress") => {
            nothing_happened(fault, Cause::Moved, "wait for that operation, or terminate it in Argo CD")
        }
        _ if says("does not have deployment with id") => {
            nothing_happened(fault, Cause::Moved, "its history has gone on: choose again")
        }
        _ if says("blocked by sync window") => {
            nothing_happened(fault, Cause::Refused, "a sync window of the project forbids it now")
        }
        (Some(9), 400) => nothing_happened(fault, Cause::Refused, "Argo CD does not do this as it stands"),
        // A proxy's limit stays one, whatever status it has.
        _ if fault.cause == Cause::RateLimited => fault,
        (Some(7), _) | (None, 403) => {
            fault.cause = Cause::Forbidden;
            fault.with_hint(
                "the account lacks the right, or there is no such application: Argo CD tells these apart only with \
                 `project = ..` in the binding",
            )
        }
        (Some(5), _) => {
            fault.cause = Cause::NotFound;
            fault.with_hint("no such application in that project, or not for this account")
        }
        _ => fault,
    }
}
