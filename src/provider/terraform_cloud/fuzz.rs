//! What one look makes of Terraform's answers, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use super::about::About;
use super::bindings::Workspace;
use super::look::Known;
use super::{Holder, Standing, api, plans, wire};
use crate::domain::{EnvironmentName, Fault, Gate, Run, RunKey, SafeText, ServiceName, SourceName};
use crate::provider::http::Answer;

/// The runs and gates in the answer to `GET /workspaces/{id}/runs`, with what the plan says itself.
///
/// # Errors
/// An answer that is not as documented.
pub fn look(runs: &Answer, plan: &Answer) -> Result<(Vec<Run>, Vec<Gate>), Fault> {
    let document = runs.json::<wire::Document<Vec<wire::Run>>>()?;
    let inner = plans::read(&plan.body);
    let workspace = Workspace {
        organization: "acme".to_owned(),
        name: "shop-production".to_owned(),
        environment: Some(EnvironmentName::new("production")),
    };
    let web = Some("https://app.terraform.io".to_owned());
    let place = Standing { cloud: true, web, holder: Holder::MayAct };
    let (mut all, mut gates) = (Vec::new(), Vec::new());
    for (number, run) in (1..).zip(document.data) {
        let known = Known::of(run, &document.included);
        let (source, service) = (SourceName::new("terraform-cloud"), ServiceName::new("shop"));
        let key = RunKey { source, service, id: known.run.id.clone() };
        let inner = Some(&inner);
        let about = About { workspace: &workspace, known: &known, key, number, inner, place: &place };
        gates.extend(about.gate());
        all.push(about.run(Vec::new()));
    }
    Ok((all, gates))
}

/// What is replaced and destroyed, by a plan in JSON, and how much is let go of; none if it is not as documented.
#[must_use]
pub fn plan(bytes: &[u8]) -> Option<(Vec<SafeText>, Vec<SafeText>)> {
    plans::read(bytes).ok().map(|inner| (inner.replaced, inner.destroyed))
}

/// What an answer other than 2xx means.
#[must_use]
pub fn refusal(answer: &Answer) -> Fault {
    api::refusal(answer)
}
