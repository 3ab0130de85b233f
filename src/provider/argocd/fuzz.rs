//! What one look makes of Argo CD's answer about an application, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::bindings::Watch;
use super::{api, read, wire};
use crate::domain::{Application, EnvironmentName, Fault, Place, ServiceName};
use crate::provider::http::Answer;

/// The application `shop` of the answer to `GET /api/v1/applications/shop`.
///
/// # Errors
/// An answer that is not as documented.
pub fn look(answer: &Answer) -> Result<Application, Fault> {
    let (service, environment) = (ServiceName::new("shop"), EnvironmentName::new("production"));
    let place = Place { service, environment };
    let watch = Watch { place, name: "shop".to_owned(), project: None, namespace: None };
    let app: wire::App = answer.json()?;
    read::application(&watch, &app, "https://argocd.test")
}

/// What an answer other than 2xx means.
#[must_use]
pub fn refusal(answer: &Answer) -> Fault {
    api::refusal(answer)
}
