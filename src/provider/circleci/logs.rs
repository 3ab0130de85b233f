//! The log of a job. API v2 has none: v1.1 names, for each thing that the job did, an address at a storage host that is
//! signed for minutes and gets no credential.

use std::sync::Arc;
use std::time::Duration;

use super::bindings::Watch;
use super::states::job_state;
use super::wire;
use crate::domain::log::{LogAnswer, LogEnd, LogReader, LogTold};
use crate::domain::{Cause, Fault, JobKey, SafeText};
use crate::provider::http::{Allowance, Answer, Endpoint, Fetched, Read};

/// The most that is read of the output of one action, in bytes.
const MOST: u64 = 16 * 1024 * 1024;
/// Actions of a job whose output is read.
const ACTIONS: usize = 60;
/// How long the storage host may take for one.
const PATIENCE: Duration = Duration::from_secs(8);
/// Where the cloud keeps output; a server of one's own keeps it where its owner says.
const STORES: &[&str] = &["amazonaws.com", "circleci.com"];

/// Where logs are asked for.
pub(super) struct Logs {
    /// API v1.1 of the same server; none if its address does not tell where that is.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) cloud: bool,
}

/// Asks for the log of a job that the look knows.
///
/// # Errors
/// A fault of CircleCI as a whole that asks for patience. What is wrong with this log alone is in the answer.
pub(super) async fn told(
    logs: &Logs,
    watch: &Watch,
    key: &JobKey,
    job: Option<&wire::Job>,
) -> Result<LogTold, Fault> {
    let tell = |answer| LogTold { job: key.clone(), answer };
    let not_yet = |why: &str| Ok(tell(LogAnswer::NotYet(why.into())));
    let Some(job) = job else { return not_yet("the job is not among those that were looked at") };
    let Some(endpoint) = &logs.endpoint else {
        return not_yet("where this server's API v1.1 is, which has the logs, is not known");
    };
    let Some(number) = job.job_number else { return not_yet("the job has not begun") };
    let path = format!("{}/{number}", watch.path);
    let answer = match endpoint.read(&Read::get(path)).await.and_then(Answer::ok) {
        Ok(answer) => answer,
        Err(fault) if matches!(fault.cause, Cause::RateLimited | Cause::Unauthorized) => return Err(fault),
        Err(fault) => return Ok(tell(LogAnswer::Failed(fault))),
    };
    let outputs: wire::Outputs = match answer.json() {
        Ok(outputs) => outputs,
        Err(fault) => return Ok(tell(LogAnswer::Failed(fault))),
    };
    let mut reader = LogReader::new();
    let end = read(logs, endpoint, (&answer, &outputs), &mut reader).await;
    let end = match (end, job_state(job).ended()) {
        (Some(why), _) => LogEnd::Stopped(why),
        (None, true) => LogEnd::Complete,
        (None, false) => LogEnd::Growing,
    };
    Ok(tell(LogAnswer::Here(Arc::new(reader.log(end)))))
}

/// Reads the pieces of one output.
pub(super) fn feed(bytes: &[u8], reader: &mut LogReader) -> Result<(), serde_json::Error> {
    let pieces: Vec<wire::Output> = serde_json::from_slice(bytes)?;
    pieces.iter().for_each(|piece| reader.feed(piece.message.as_bytes()));
    Ok(())
}

/// Reads the output of every action, one after the other; why reading stopped, if it did.
async fn read(
    logs: &Logs,
    endpoint: &Endpoint,
    (answer, outputs): (&Answer, &wire::Outputs),
    reader: &mut LogReader,
) -> Option<SafeText> {
    let domains = if logs.cloud { STORES } else { &[] };
    let allowance = Allowance { bytes: MOST, patience: PATIENCE, domains };
    let actions = outputs.steps.iter().flat_map(|step| &step.actions);
    for (index, action) in actions.enumerate() {
        if index >= ACTIONS {
            return Some("the job did more than is read here".into());
        }
        let name = action.name.as_ref().map_or("step", SafeText::as_str);
        reader.feed(format!("##[group]{name}\n").as_bytes());
        let Some(address) = &action.output_url else { continue };
        let mut bytes = Vec::new();
        let mut sink = |piece: &[u8]| bytes.extend_from_slice(piece);
        match endpoint.fetch_signed(answer, address, allowance, &mut sink).await {
            Ok(Fetched::Whole) => {}
            Ok(Fetched::Part(why)) => return Some(why),
            Ok(Fetched::Answered(_)) => continue,
            Err(fault) => return Some(SafeText::new(&fault.to_string())),
        }
        if feed(&bytes, reader).is_err() {
            return Some(SafeText::new(&format!("the output of {name} is no JSON")));
        }
        reader.feed(b"\n");
        if matches!(
            action.status.as_ref().map(SafeText::as_str),
            Some("failed" | "timedout" | "infrastructure_fail")
        ) {
            reader.feed(format!("##[error]{name} failed\n").as_bytes());
        }
    }
    None
}
