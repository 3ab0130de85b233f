//! The log of a plan or an apply: Terraform names an address at its store that is signed and gets no credential.

use std::sync::Arc;
use std::time::Duration;

use super::api::Api;
use super::states::part_state;
use super::wire;
use crate::domain::log::{LogAnswer, LogEnd, LogReader, LogTold};
use crate::domain::{Cause, Fault, JobKey, SafeText};
use crate::provider::http::{Allowance, Fetched, segment};

/// The most that is read of one log, in bytes.
const MOST: u64 = 16 * 1024 * 1024;
/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// Where the cloud keeps logs; a server of one's own keeps them where its owner says.
const STORES: &[&str] = &["terraform.io"];

/// Asks for the log of a job.
///
/// # Errors
/// A fault of Terraform as a whole that asks for patience. What is wrong with this log alone is in the answer.
pub(super) async fn told(api: &Api, key: &JobKey, run: &wire::Run, cloud: bool) -> Result<LogTold, Fault> {
    let tell = |answer| LogTold { job: key.clone(), answer };
    let not_yet = |why: &str| Ok(tell(LogAnswer::NotYet(why.into())));
    let (kind, relation) = match key.id.as_str() {
        "plan" => ("plans", run.relationships.plan.as_ref()),
        "apply" => ("applies", run.relationships.apply.as_ref()),
        _ => return not_yet("Terraform keeps a log of plans and applies only"),
    };
    let Some(id) = relation.and_then(|relation| Some(&relation.data.as_ref()?.id)) else {
        return not_yet("the run has no such part");
    };
    let answer = match api.answer(&format!("/{kind}/{}", segment(id.as_str()))).await {
        Ok(answer) => answer,
        Err(fault) if matches!(fault.cause, Cause::RateLimited | Cause::Unauthorized) => return Err(fault),
        Err(fault) => return Ok(tell(LogAnswer::Failed(fault))),
    };
    let part = match answer.json::<wire::Document<wire::Included>>() {
        Ok(document) => document.data.attributes,
        Err(fault) => return Ok(tell(LogAnswer::Failed(fault))),
    };
    let state = part_state(part.as_ref().and_then(|part| part.status.as_ref()));
    let Some(address) = part.and_then(|part| part.log_read_url).filter(|address| !address.is_empty()) else {
        return not_yet("nothing is written yet");
    };
    let allowance = Allowance { bytes: MOST, patience: PATIENCE, domains: if cloud { STORES } else { &[] } };
    let mut reader = LogReader::new();
    let mut sink = |piece: &[u8]| reader.feed(piece);
    let end = match api.endpoint().fetch_signed(&answer, &address, allowance, &mut sink).await {
        Ok(Fetched::Whole | Fetched::Answered(_)) if state.ended() => LogEnd::Complete,
        Ok(Fetched::Whole | Fetched::Answered(_)) => LogEnd::Growing,
        Ok(Fetched::Part(why)) => LogEnd::Stopped(why),
        Err(fault) if fault.cause == Cause::NotFound => return not_yet("nothing is written yet"),
        Err(fault) => LogEnd::Stopped(SafeText::new(&fault.to_string())),
    };
    Ok(tell(LogAnswer::Here(Arc::new(reader.log(end)))))
}
