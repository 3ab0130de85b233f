//! `gonogo journal verify`: the chain, the head file, the anchors; what is proved by which, and what by nothing.

use serde_json::{Value, json};

use super::{Located, unreadable};
use crate::cli::{Done, Failure, code, say};
use crate::runtime::journal::{Anchor, JournalError, RealDisk, Report, examine};

/// Options of `gonogo journal verify`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Checks the journal; exits with 1 if anything speaks against it, or if its anchors cannot be read.
pub(super) fn run(args: &Args, located: &Located) -> Done {
    let (anchors, unread) = match located.anchor.as_ref().map(|place| place.anchors()) {
        None => (Vec::new(), None),
        Some(Ok(anchors)) => (anchors, None),
        Some(Err(error)) => (Vec::new(), Some(error.to_string())),
    };
    let report = examine(&RealDisk, &located.path, &anchors, &mut |_| {})
        .map_err(|error| unreadable(&located.path, &error))?;
    let checked = Checked { located, report: &report, anchors: &anchors, unread: unread.as_deref() };
    say(&if args.json { checked.as_json()? } else { checked.as_text() })?;
    Ok(if report.holds() && unread.is_none() { code::OK } else { code::FAILED })
}

/// What was checked against what.
struct Checked<'a> {
    located: &'a Located,
    report: &'a Report,
    anchors: &'a [Anchor],
    /// Why the anchors could not be read.
    unread: Option<&'a str>,
}

impl Checked<'_> {
    fn as_text(&self) -> String {
        let (report, path) = (self.report, self.located.path.display());
        let mut out = match &report.broken {
            None if report.contradictions.is_empty() => {
                format!("{path}: {} lines, every hash and the chain hold\n", report.chain.count)
            }
            None => format!("{path}: NOT SOUND; {} lines hold by themselves\n", report.chain.count),
            Some(error) => {
                format!("{path}: BROKEN at {error}; {} lines before it hold\n", report.chain.count)
            }
        };
        for what in &report.contradictions {
            out.push_str(&format!("  {what}\n"));
        }
        for segment in report.segments.iter().filter(|s| report.segments.len() > 1 || s.outside > 0) {
            let (from, to) = segment.lines;
            let lines = if to < from { "no line".to_owned() } else { format!("lines {from} to {to}") };
            let outside = match segment.outside {
                0 => String::new(),
                bytes => {
                    format!("; {bytes} bytes outside the chain, left by a failed write, never acknowledged")
                }
            };
            out.push_str(&format!("  {}: {lines}{outside}\n", segment.file.display()));
        }
        out.push_str(&self.head_text());
        out.push_str(&self.anchor_text());
        out.push_str("not proved:\n");
        for what in self.not_proved() {
            out.push_str(&format!("  - {what}\n"));
        }
        out
    }

    fn head_text(&self) -> String {
        match &self.report.head {
            Some(head) if self.report.unproved > 0 => format!(
                "head file: line {} of {}; {} lines after it were written by a program that ended before it could \
                 say so\n",
                head.count, head.time, self.report.unproved
            ),
            Some(head) => format!("head file: line {} of {}\n", head.count, head.time),
            None => "head file: none, or not to be read\n".to_owned(),
        }
    }

    fn anchor_text(&self) -> String {
        if let Some(why) = self.unread {
            return format!("anchors: cannot be read: {why}\n");
        }
        if let Some(why) = &self.located.unread {
            return format!("anchors: not compared, because the config cannot be read: {why}\n");
        }
        let Some(place) = &self.located.anchor else {
            return "anchors: none is configured ([journal] anchor in the config)\n".to_owned();
        };
        let (count, anchored) = (self.report.chain.count, self.report.anchored());
        let newest =
            self.report.compared.iter().filter(|(_, fits)| *fits).map(|(anchor, _)| anchor.time).max();
        let mut out = match newest {
            Some(time) => format!(
                "anchored: lines 1 to {anchored} by {} ({} anchors, the newest that fits of {time})\n",
                place.name(),
                self.anchors.len()
            ),
            None => format!("anchored: nothing by {} ({} anchors)\n", place.name(), self.anchors.len()),
        };
        if anchored < count {
            out.push_str(&format!("not anchored: lines {} to {count}\n", anchored + 1));
        }
        out
    }

    /// What this check cannot know.
    fn not_proved(&self) -> Vec<String> {
        let anchored = self.report.anchored();
        let mut list = vec![match anchored {
            0 => "that nothing was cut off at the end, nor the whole journal replaced by an older copy: whoever can \
                  write it can write the head file too"
                .to_owned(),
            line => format!(
                "that nothing after line {line}, the last that is anchored, was cut off, changed or replaced: whoever \
                 can write the journal can write the head file too"
            ),
        }];
        if anchored > 0 {
            list.push(
                "that the anchors were not rewritten too: they are worth as much as whoever keeps that repository; \
                 push the ref to where others keep it"
                    .to_owned(),
            );
        }
        list.push("that the times are true: they are what the machine's clock said".to_owned());
        list.push("that everything was recorded: only what was done through gonogo is here".to_owned());
        list
    }

    fn as_json(&self) -> Result<String, Failure> {
        let report = self.report;
        let broken = report.broken.as_ref().map(|error| match error {
            JournalError::Broken { line, what } => json!({ "line": line, "what": what }),
            other => json!({ "line": Value::Null, "what": other.to_string() }),
        });
        let document = json!({
            "schema": 1,
            "journal": self.located.path,
            "holds": report.holds(),
            "lines": report.chain.count,
            "hash": report.chain.hash,
            "files": report.segments.iter().map(|segment| json!({
                "file": segment.file, "from": segment.lines.0, "to": segment.lines.1, "outside_bytes": segment.outside,
            })).collect::<Vec<_>>(),
            "broken": broken,
            "contradictions": report.contradictions,
            "head": report.head,
            "lines_after_head": report.unproved,
            "unfinished_bytes": report.unfinished,
            "anchored_to": report.anchored(),
            "anchors": report.compared.iter().map(|(anchor, fits)| json!({
                "line": anchor.count, "hash": anchor.hash, "time": anchor.time, "place": anchor.place, "fits": fits,
            })).collect::<Vec<_>>(),
            "anchors_not_read": self.unread.or(self.located.unread.as_deref()),
            "not_proved": self.not_proved(),
        });
        let text = serde_json::to_string_pretty(&document);
        text.map(|t| t + "\n").map_err(|error| Failure::new(code::FAILED, error.to_string()))
    }
}
