//! How Argo CD is asked, and what its refusals mean. It answers with the code of gRPC beside that of HTTP; the code and
//! the words tell more than the status.

use std::sync::Mutex;

use serde::de::DeserializeOwned;

use super::wire::Complaint;
use crate::domain::{Cause, Fault, Reached, SafeText, Step};
use crate::provider::http::{Answer, Endpoint, Read};
use crate::provider::meter::Meter;
use crate::provider::services::locked;

/// A precondition did not hold: another operation, auto-sync.
const FAILED_PRECONDITION: i64 = 9;

/// Argo CD's API at one endpoint.
pub(super) struct Api {
    endpoint: Endpoint,
    meter: Mutex<Meter>,
}

impl Api {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, meter: Mutex::default() }
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn meter(&self) -> Meter {
        *locked(&self.meter)
    }

    /// Asks.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let answer = self.endpoint.read(&Read::get(path)).await?;
        self.note(&answer);
        if answer.is_success() { answer.json() } else { Err(refusal(&answer, &self.endpoint.host())) }
    }

    /// Sends a step, once.
    pub(super) async fn send(&self, step: &Step) -> Result<Answer, Fault> {
        let answer = self.endpoint.write(step, &[]).await?;
        self.note(&answer);
        if answer.is_success() { answer.accepted() } else { Err(refusal(&answer, &self.endpoint.host())) }
    }

    fn note(&self, answer: &Answer) {
        locked(&self.meter).note(answer, |_| None);
    }
}

/// What an answer other than 2xx means at Argo CD.
pub(super) fn refusal(answer: &Answer, host: &str) -> Fault {
    let mut fault = answer.fault();
    let complaint: Complaint = serde_json::from_slice(&answer.body).unwrap_or_default();
    let says = complaint.message.as_str().to_lowercase();
    if !complaint.message.is_empty() && !fault.detail.as_str().contains(complaint.message.as_str()) {
        fault.detail = SafeText::new(&format!("{}: {}", fault.detail, complaint.message));
    }
    match answer.status {
        401 => fault.with_hint(format!(
            "log in again: argocd login {host} --sso, or make a token: argocd account generate-token"
        )),
        403 if says.contains("sync window") => {
            fault.cause = Cause::Refused;
            fault.with_hint("a sync window forbids it now; wait for its end, or let an administrator open one")
        }
        403 => fault.with_hint(
            "the token's account may not, or there is no such application; name its project = \"..\" to be told which",
        ),
        400 if moved(complaint.code, &says) => {
            fault.cause = Cause::Moved;
            fault.with_hint("look again, and make the plan anew")
        }
        // Argo CD has no code for a patch that does not fit: nothing of it was taken.
        500 if says.contains("error applying patch") => {
            (fault.cause, fault.reached) = (Cause::Moved, Reached::No);
            fault.with_hint("look again, and make the plan anew")
        }
        404 => fault.with_hint("check the application's name, its project and its namespace"),
        _ => fault,
    }
}

/// Whether a refusal says that the world is not as the request expects it.
fn moved(code: Option<i64>, says: &str) -> bool {
    code == Some(FAILED_PRECONDITION)
        || ["already in progress", "auto-sync", "test failed", "testing value", "testing path"]
            .iter()
            .any(|words| says.contains(words))
}
