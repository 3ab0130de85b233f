//! The output of a job of a workflow: text, the whole of it every time.

use std::sync::Arc;

use super::api::Api;
use super::look::number;
use super::states::job_state;
use super::wire;
use crate::domain::log::{LogAnswer, LogEnd, LogReader, LogTold};
use crate::domain::{Cause, Fault, JobKey};

/// Asks for the output of a job.
///
/// # Errors
/// A fault of AWX as a whole that asks for patience. What is wrong with this output alone is in the answer.
pub(super) async fn told(api: &Api, key: &JobKey, nodes: &[wire::Node]) -> Result<LogTold, Fault> {
    let tell = |answer| LogTold { job: key.clone(), answer };
    let job = nodes.iter().filter_map(|node| node.summary_fields.job.as_ref());
    let Some(job) = job.into_iter().find(|job| number(&key.id) == Some(job.id)) else {
        return Ok(tell(LogAnswer::NotYet("the job has not begun".into())));
    };
    let kind = match job.kind.as_ref().map_or("", |kind| kind.as_str()) {
        "job" => "jobs",
        "project_update" => "project_updates",
        "inventory_update" => "inventory_updates",
        _ => return Ok(tell(LogAnswer::NotYet("AWX keeps no output of this".into()))),
    };
    // The plain text is cut where it is long; what is downloaded is not.
    let path = format!("/{kind}/{}/stdout/?format=txt_download", job.id);
    let answer = match api.whole(&path, "text/plain").await {
        Ok(answer) => answer,
        Err(fault) if matches!(fault.cause, Cause::RateLimited | Cause::Unauthorized) => return Err(fault),
        Err(fault) => return Ok(tell(LogAnswer::Failed(fault))),
    };
    let mut reader = LogReader::new();
    reader.feed(&answer.body);
    let end = if job_state(&job.status).ended() { LogEnd::Complete } else { LogEnd::Growing };
    Ok(tell(LogAnswer::Here(Arc::new(reader.log(end)))))
}
