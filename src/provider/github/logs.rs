//! The log of one job. GitHub gives it once the job has ended, never before, by an address at a storage host that is
//! signed for one minute and gets no credential.
//!
//! Source: docs.github.com/rest/actions/workflow-jobs, "Download job logs for a workflow run".

use std::time::Duration;

use super::api::Api;
use super::bindings::Watch;
use crate::domain::log::{LogAnswer, LogEnd, LogReader, LogTold};
use crate::domain::{Cause, Fault, Job, JobKey, Retry, SafeText};
use crate::provider::http::{Allowance, Fetched, segment};
use crate::provider::services::Sight;

/// The most that is read of one log, in bytes: what lies beyond is said to be missing.
const MOST: u64 = 64 * 1024 * 1024;
/// How long the storage host may take: a look waits for it.
const PATIENCE: Duration = Duration::from_secs(12);
/// Domains where github.com keeps logs and artifacts. An Enterprise Server keeps them where its owner says.
pub(super) const STORES: &[&str] =
    &["blob.core.windows.net", "actions.githubusercontent.com", "githubusercontent.com"];

/// Whose storage may be gone to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stores {
    /// That of github.com.
    Known,
    /// Any.
    Any,
}

/// Asks for the log of a job of this service.
///
/// # Errors
/// A fault of GitHub as a whole that asks for patience. What is wrong with this log alone is in the answer.
pub(super) async fn told(
    api: &Api,
    stores: Stores,
    watch: &Watch,
    sight: &Sight,
    key: &JobKey,
) -> Result<LogTold, Fault> {
    let tell = |answer| LogTold { job: key.clone(), answer };
    if let Some(job) = job_of(sight, key)
        && !job.state.ended()
    {
        return Ok(tell(LogAnswer::NotYet(SafeText::new(
            "GitHub gives a job's log only once the job has ended; until then its steps tell how far it is",
        ))));
    }
    let path = watch.project.path(&format!("/actions/jobs/{}/logs", segment(key.id.as_str())));
    let mut reader = LogReader::new();
    let domains = if stores == Stores::Known { STORES } else { &[] };
    let allowance = Allowance { bytes: MOST, patience: PATIENCE, domains };
    let fetched = api.elsewhere(&path, allowance, &mut |bytes| reader.feed(bytes)).await;
    match fetched {
        Ok(Fetched::Whole) => Ok(tell(here(&reader, LogEnd::Complete))),
        Ok(Fetched::Part(why)) => Ok(tell(here(&reader, LogEnd::Stopped(why)))),
        Ok(Fetched::Answered(answer)) => {
            reader.feed(&answer.body);
            Ok(tell(here(&reader, LogEnd::Complete)))
        }
        Err(fault) if matches!(fault.cause, Cause::RateLimited | Cause::Unauthorized) => Err(fault),
        Err(fault) => Ok(tell(LogAnswer::Failed(explained(fault)))),
    }
}

fn here(reader: &LogReader, end: LogEnd) -> LogAnswer {
    LogAnswer::Here(std::sync::Arc::new(reader.log(end)))
}

fn job_of<'a>(sight: &'a Sight, key: &JobKey) -> Option<&'a Job> {
    let run = sight.pipeline.runs.iter().find(|run| run.key == key.run)?;
    run.jobs.iter().find(|job| job.id == key.id)
}

/// What a refusal means here.
fn explained(mut fault: Fault) -> Fault {
    let gone = fault.detail.as_str().contains(" 410 ");
    match fault.cause {
        Cause::NotFound if gone => {
            fault.retry = Retry::WhenMended;
            fault.with_hint("GitHub has deleted this log: its time is over, or somebody removed it; a rerun writes a new one")
        }
        Cause::NotFound => fault.with_hint(
            "GitHub has no log of this job (yet): it never ran on a runner, or its log is still on the way",
        ),
        Cause::Forbidden if fault.hint.is_none() => {
            fault.with_hint("the signed address was refused; the next look gets a new one")
        }
        _ => fault,
    }
}
