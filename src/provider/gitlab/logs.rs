//! The trace of a job: the whole of it every time, with terminal sequences and section markers.

use std::sync::Arc;

use super::api::Api;
use super::bindings::Watch;
use super::states::state;
use super::whereabouts::Whereabouts;
use super::wire;
use crate::domain::log::{LogAnswer, LogEnd, LogReader, LogTold};
use crate::domain::{Cause, Fault, JobKey};

/// Asks for the log of a job.
///
/// # Errors
/// A fault of GitLab as a whole that asks for patience. What is wrong with this log alone is in the answer.
pub(super) async fn told(api: &Api, watch: &Watch, key: &JobKey) -> Result<LogTold, Fault> {
    let tell = |answer| LogTold { job: key.clone(), answer };
    let number = key.id.as_str().bytes().all(|b| b.is_ascii_digit());
    let Some(at) = Whereabouts::parse(&key.run.id).filter(|_| number) else {
        return Ok(tell(LogAnswer::NotYet("this job is not one of GitLab's".into())));
    };
    let path = format!("{}/jobs/{}", at.project_path(watch), key.id);
    let job = match api.get::<wire::Job>(&path).await {
        Ok(job) => job,
        Err(fault) if matches!(fault.cause, Cause::RateLimited | Cause::Unauthorized) => return Err(fault),
        Err(fault) => return Ok(tell(LogAnswer::Failed(fault))),
    };
    if job.started_at.is_none() && !state(&job.status).ended() {
        return Ok(tell(LogAnswer::NotYet("the job has not begun".into())));
    }
    let answer = match api.whole(&format!("{path}/trace"), "text/plain").await {
        Ok(answer) => answer,
        Err(fault) if matches!(fault.cause, Cause::RateLimited | Cause::Unauthorized) => return Err(fault),
        Err(fault) => return Ok(tell(LogAnswer::Failed(fault))),
    };
    let mut reader = LogReader::new();
    reader.feed(&answer.body);
    let end = if state(&job.status).ended() { LogEnd::Complete } else { LogEnd::Growing };
    Ok(tell(LogAnswer::Here(Arc::new(reader.log(end)))))
}
