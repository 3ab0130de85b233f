//! The log of one job: bounded lines of safe text with what the CI provider marked in them, and where the trouble is.
//!
//! Knows nobody's dialect but the markers that runners write into logs. A line is identified by its number in the
//! whole log, so that growth moves nothing. What is left out of a log that is too long is counted, never silent.

mod paint;
mod reader;
mod trouble;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::{Fault, Retry};
use super::pipeline::{JobKey, JobStep, RunState};
use super::text::SafeText;

pub use paint::{Colour, Ink, Paint, Weight};
pub use reader::{BYTES, HEAD_LINES, LINES, LogReader};

/// A text without the sequences that steer a terminal; its lines stay lines.
pub(super) fn bare(text: &str) -> String {
    paint::pieces(text).into_iter().map(|(_, piece)| piece).collect()
}

/// What a line is, by the marker in front of it, or by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// Output like any other.
    Plain,
    /// Head of a group of lines.
    Group,
    /// A command that the runner began.
    Command,
    /// Marked as an error by the runner or the tool.
    Error,
    /// Not marked, but it reads like an error.
    Suspect,
    /// Marked as a warning.
    Warning,
    /// Marked as worth knowing.
    Notice,
    /// Marked as of interest to the runner's authors only.
    Debug,
}

impl LineKind {
    /// Whether the eye should stop here.
    #[must_use]
    pub const fn troubles(self) -> bool {
        matches!(self, Self::Error | Self::Suspect)
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Its number in the whole log, from 1: its identity.
    pub number: u64,
    /// When it was written, where the provider tells.
    pub at: Option<Timestamp>,
    /// What it is.
    pub kind: LineKind,
    /// What it says, without markers and terminal sequences.
    pub text: SafeText,
    /// Which parts of the text had a colour or a weight.
    pub paints: Vec<Paint>,
}

/// What is not kept of a log that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The number of the last line before the gap.
    pub after: u64,
    /// Lines in it.
    pub lines: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Lines in it that were marked as errors.
    pub errors: u64,
}

/// Whether there will be more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogEnd {
    /// The job has ended, and this is all.
    Complete,
    /// The job still writes.
    Growing,
    /// Reading stopped before the end; why.
    Stopped(SafeText),
}

/// A job's log as far as it is kept: its first lines and its last ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLog {
    /// The kept lines, by rising number.
    pub lines: Vec<LogLine>,
    /// The gap between the first lines and the last ones, if there is one.
    pub left_out: Option<LeftOut>,
    /// Bytes of the whole log, as far as it was read.
    pub bytes: u64,
    /// Whether there will be more.
    pub end: LogEnd,
}

/// What came of asking for a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogAnswer {
    /// Here it is.
    Here(Arc<JobLog>),
    /// There is none yet; why, in plain words.
    NotYet(SafeText),
    /// It could not be had.
    Failed(Fault),
}

impl LogAnswer {
    /// Whether asking again would change nothing: all is there, or it is gone for good.
    #[must_use]
    pub fn settled(&self) -> bool {
        match self {
            Self::Here(log) => log.end != LogEnd::Growing,
            Self::NotYet(_) => false,
            Self::Failed(fault) => fault.retry == Retry::WhenMended,
        }
    }
}

/// A log that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTold {
    /// Whose.
    pub job: JobKey,
    /// What came of it.
    pub answer: LogAnswer,
}

impl JobLog {
    /// Index of the line with this number, or of the next one that is kept; the last one if there is none after it.
    #[must_use]
    pub fn index_of(&self, number: u64) -> usize {
        let at = self.lines.partition_point(|line| line.number < number);
        at.min(self.lines.len().saturating_sub(1))
    }

    /// Numbers of the lines where trouble begins: of several such lines in a row the first.
    pub fn troubles(&self) -> impl DoubleEndedIterator<Item = u64> {
        let before = std::iter::once(None).chain(self.lines.iter().map(|line| Some(line.kind)));
        let all: Vec<u64> = before
            .zip(&self.lines)
            .filter(|(before, line)| line.kind.troubles() && !before.is_some_and(LineKind::troubles))
            .map(|(_, line)| line.number)
            .collect();
        all.into_iter()
    }

    /// Which step wrote the line at this index: the last one that had begun by then; in a log without times, the one
    /// whose name heads the group.
    #[must_use]
    pub fn step_of(&self, index: usize, steps: &[JobStep]) -> Option<usize> {
        let before = self.lines.get(..=index)?;
        let named = || before.iter().rev().find_map(|line| named(line, steps));
        let Some(at) = before.iter().rev().find_map(|line| line.at) else { return named() };
        let began = |step: &JobStep| step.started.is_some_and(|began| began.as_second() <= at.as_second());
        steps.iter().rposition(began).or_else(named)
    }

    /// Where to begin to read: the first trouble of the step that failed, else the first that is marked, unless it only
    /// tells the exit code, else the first that reads like one; `None` if there is no trouble at all.
    #[must_use]
    pub fn opening(&self, steps: &[JobStep]) -> Option<u64> {
        let failed = steps.iter().position(|step| matches!(step.state, RunState::Failed(_)));
        let within = failed.and_then(|failed| self.within(failed, steps));
        let first = |kind| self.lines.iter().filter(move |line| line.kind == kind);
        let telling = |line: &&LogLine| !trouble::is_bare(line.text.as_str());
        let why = first(LineKind::Error).find(telling).or_else(|| first(LineKind::Suspect).find(telling));
        let bare = || first(LineKind::Error).next().or_else(|| first(LineKind::Suspect).next());
        within.or(why).or_else(bare).map(|line| line.number)
    }

    /// The first trouble of a step, by its times or, in a log without any, below the line that bears its name.
    fn within(&self, step: usize, steps: &[JobStep]) -> Option<&LogLine> {
        let began = steps.get(step)?.started.map(jiff::Timestamp::as_second);
        if let Some(began) = began.filter(|_| self.lines.iter().any(|line| line.at.is_some())) {
            let next = steps.iter().skip(step + 1).find_map(|step| step.started);
            let inside = |line: &&LogLine| {
                line.at.is_some_and(|at| {
                    at.as_second() >= began && next.is_none_or(|next| at.as_second() <= next.as_second())
                })
            };
            return self.lines.iter().filter(inside).find(|line| line.kind.troubles());
        }
        let head = self.lines.iter().position(|line| named(line, steps) == Some(step))?;
        let below = self.lines.iter().skip(head + 1);
        below.take_while(|line| named(line, steps).is_none()).find(|line| line.kind.troubles())
    }
}

/// The step whose name heads the group that begins with this line.
fn named(line: &LogLine, steps: &[JobStep]) -> Option<usize> {
    let group = line.kind == LineKind::Group;
    steps.iter().position(|step| group && step.name == line.text)
}
