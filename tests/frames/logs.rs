//! The log of a job, as it may be: there, not yet, gone.

use std::sync::Arc;
use std::time::Duration;

use gonogo::app::key::Key;
use gonogo::app::log::Eye;
use gonogo::app::model::Model;
use gonogo::app::{Msg, update};
use gonogo::domain::log::{LogAnswer, LogEnd, LogReader, LogTold};
use gonogo::domain::{Cause, Fault, Observation, Report};

use crate::{after, search};

/// The log of the job at hand is looked at, and this was told about it.
fn told(answer: LogAnswer) -> Model {
    let mut model = after(search(), &[Key::Char('L')]);
    let job = model.log.job.clone().unwrap();
    let source = job.run.source.clone();
    let state = model.world.source(&source).unwrap().clone();
    let seen = Observation { log: Some(LogTold { job, answer }), ..Observation::clone(&state.last.unwrap()) };
    let (epoch, at, next) = (state.epoch, model.now, Duration::from_secs(5));
    update(
        &mut model,
        Msg::Report(Report { source, epoch, began: at, at, next, result: Ok(Arc::new(seen)) }),
    );
    model
}

/// A log with everything in it: colours, markers, a gap, what means harm, long and wide lines.
pub(crate) fn failed() -> Model {
    let mut text = String::new();
    for line in [
        "##[group]Run make e2e",
        "\u{1b}[36;1mmake e2e\u{1b}[0m",
        "##[endgroup]",
        "##[warning]no health check, waiting 5 s",
        "\u{1b}[32m✓\u{1b}[0m a guest fills a cart",
        "\u{1b}]0;title\u{7}\u{1b}[2Jwhat steers is taken out, \u{202e}what deceives is shown",
        "漢字かな交じり文 wide and e\u{301} combined",
    ] {
        text.push_str(&format!("2026-11-20T14:00:10.0000000Z {line}\n"));
    }
    for number in 0..30_000 {
        text.push_str(&format!("2026-11-20T14:00:11.0000000Z case {number} ok\n"));
    }
    for line in [
        "\u{1b}[31mError: expected 3 lines, got 2\u{1b}[39m",
        "    at e2e/cart.spec.ts:57",
        &"a long line ".repeat(30),
        "##[error]Process completed with exit code 1.",
    ] {
        text.push_str(&format!("2026-11-20T14:00:12.0000000Z {line}\n"));
    }
    let mut reader = LogReader::new();
    reader.feed(text.as_bytes());
    told(LogAnswer::Here(Arc::new(reader.log(LogEnd::Complete))))
}

/// What is not kept is said where it is missing.
pub(crate) fn gap() -> Model {
    let mut model = failed();
    model.log.eye = Eye::Line(1_000);
    model
}

/// The job still runs.
pub(crate) fn not_yet() -> Model {
    told(LogAnswer::NotYet("a log is given only once the job has ended".into()))
}

/// The log was deleted.
pub(crate) fn gone() -> Model {
    told(LogAnswer::Failed(Fault::new(Cause::NotFound, "410 Gone").with_hint("a rerun writes a new one")))
}
