//! JUnit XML, as everybody writes it: no schema is binding, so the elements that all agree on are read, and the tests
//! that are listed count more than the numbers that are told about them.
//!
//! Entities are never expanded: the five of XML and characters by number are known, any other stays as it is written,
//! and a file that declares its own is not read at all.

use std::io::Read;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::lossy::Lossy;
use super::tally::{Tally, push};
use super::{BYTES, DEPTH};

/// How a test ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Passed,
    Skipped,
    Failed,
}

/// A test that is being read, or a suite's own failure.
#[derive(Debug, Default)]
struct Case {
    suite: String,
    name: String,
    end: End,
    /// Failures and errors in it.
    blows: u64,
    again: bool,
    message: String,
    text: String,
}

/// How many tests there are in a suite.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    tests: u64,
    failed: u64,
    skipped: u64,
    /// Failures and errors, of which one test may have several.
    blows: u64,
}

impl Counts {
    const fn add(&mut self, other: Self) {
        self.tests = self.tests.saturating_add(other.tests);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
        self.blows = self.blows.saturating_add(other.blows);
    }
}

/// A suite that is being read.
#[derive(Debug, Default)]
struct Suite {
    name: String,
    /// What it says of itself.
    tests: Option<u64>,
    failed: u64,
    skipped: u64,
    /// What is listed in it, without the suites within.
    own: Counts,
    /// What is listed in the suites within.
    within: Counts,
}

/// An element that is open.
#[derive(Debug)]
enum Open {
    Suite(Box<Suite>),
    Case,
    /// A failure or an error; what is written in it is what the test says.
    Blow,
    Other,
}

/// The report as far as it was read.
#[derive(Debug, Default)]
struct Reading {
    open: Vec<Open>,
    case: Option<Case>,
    tally: Tally,
    /// Whether it declares a document type, and with it perhaps entities.
    declared: bool,
}

/// Why reading stops.
enum Stop {
    /// It is no report of tests.
    Other,
    /// What was read counts; why no more.
    Here(String),
}

/// Reads a report; none if it is some other XML.
pub(super) fn read(file: impl Read) -> Option<Tally> {
    let mut reader = Reader::from_reader(Lossy::new(file));
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.check_comments = false;
    let (mut reading, mut buffer) = (Reading::default(), Vec::new());
    let mut begun = false;
    let why = loop {
        buffer.clear();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) if reading.open.is_empty() && begun => break None,
            Ok(Event::Eof) => break Some("it ends in the middle".to_owned()),
            Ok(event) => event,
            Err(error) => break Some(format!("it is broken: {error}")),
        };
        begun = begun || matches!(event, Event::Start(_) | Event::Empty(_));
        match reading.take(&event) {
            Ok(()) => {}
            Err(Stop::Other) => return None,
            Err(Stop::Here(why)) => break Some(why),
        }
    };
    let too_long = reader.get_ref().read > BYTES;
    let why = why
        .map(|why| if too_long { format!("it is longer than {} MiB", BYTES / (1024 * 1024)) } else { why });
    Some(reading.ended(why))
}

impl Reading {
    fn take(&mut self, event: &Event<'_>) -> Result<(), Stop> {
        match event {
            Event::Start(element) => self.start(element),
            Event::Empty(element) => {
                self.start(element)?;
                self.end();
                Ok(())
            }
            Event::End(_) => {
                self.end();
                Ok(())
            }
            Event::Text(text) => self.text(text),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(name) => {
                let written = format!("&{};", &**name);
                self.text(&unescape(&written).unwrap_or(std::borrow::Cow::Borrowed(&written)))
            }
            Event::DocType(_) => {
                self.declared = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "one shape for all events")]
    fn text(&mut self, text: &str) -> Result<(), Stop> {
        if let (Some(Open::Blow), Some(case)) = (self.open.last(), &mut self.case) {
            push(&mut case.text, text);
        }
        Ok(())
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), Stop> {
        if self.open.len() >= DEPTH {
            return Err(Stop::Here(format!("its elements lie more than {DEPTH} deep")));
        }
        let name = element.local_name();
        let name = name.as_ref();
        let suites = matches!(name, "testsuites" | "testsuite");
        if suites && self.declared {
            let why = "it declares a document type, with which entities could be smuggled in: not read";
            return Err(Stop::Here(why.to_owned()));
        }
        let open = match (self.open.last(), name) {
            (None | Some(Open::Suite(_)), _) if suites => Open::Suite(Box::new(suite(element))),
            (None, _) => return Err(Stop::Other),
            (Some(Open::Suite(suite)), "testcase") => {
                if self.tally.full() {
                    return Err(Stop::Here(format!("it lists more than {} tests", super::TESTS)));
                }
                self.case = Some(case(element, &suite.name));
                Open::Case
            }
            // What befell the suite as a whole: its setting up failed.
            (Some(Open::Suite(suite)), "failure" | "error") => {
                let mut case = Case { suite: suite.name.clone(), ..Case::default() };
                "(the suite itself)".clone_into(&mut case.name);
                case.blow(element);
                self.case = Some(case);
                Open::Blow
            }
            (Some(Open::Case), _) => self.within(name, element),
            _ => Open::Other,
        };
        self.open.push(open);
        Ok(())
    }

    /// What stands within a test.
    fn within(&mut self, name: &str, element: &BytesStart<'_>) -> Open {
        let Some(case) = &mut self.case else { return Open::Other };
        match name {
            "failure" | "error" => {
                case.blow(element);
                Open::Blow
            }
            // The goes after the first, of a test that failed in all of them.
            "rerunFailure" | "rerunError" => {
                if case.end != End::Failed {
                    case.blow(element);
                    case.blows = 0;
                }
                Open::Other
            }
            // The goes before the last, of a test that passed in the end.
            "flakyFailure" | "flakyError" => {
                case.again = true;
                Open::Other
            }
            "skipped" | "disabled" => {
                if case.end == End::Passed {
                    case.end = End::Skipped;
                }
                Open::Other
            }
            // What somebody else may call it.
            other if ["fail", "error"].iter().any(|word| other.to_ascii_lowercase().contains(word)) => {
                case.blow(element);
                Open::Blow
            }
            _ => Open::Other,
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Open::Suite(suite)) => self.close_suite(*suite),
            Some(Open::Case) => self.close_case(),
            Some(Open::Blow) if matches!(self.open.last(), Some(Open::Suite(_))) => self.close_case(),
            _ => {}
        }
    }

    fn close_case(&mut self) {
        let Some(case) = self.case.take() else { return };
        let mut one = Counts { tests: 1, blows: case.blows, ..Counts::default() };
        match case.end {
            End::Failed => {
                one.failed = 1;
                let says = if case.message.trim().is_empty() { &case.text } else { &case.message };
                self.tally.failed(&case.suite, &case.name, says);
            }
            End::Skipped => {
                one.skipped = 1;
                self.tally.skipped(1);
            }
            End::Passed => {
                self.tally.passed(1);
                self.tally.again += u64::from(case.again);
            }
        }
        if let Some(Open::Suite(suite)) = self.open.last_mut() {
            suite.own.add(one);
        }
    }

    fn close_suite(&mut self, suite: Suite) {
        let mut all = suite.own;
        all.add(suite.within);
        match suite.tests {
            Some(told) if all.tests == 0 && told > 0 => {
                // Nothing is listed: the numbers are all there is.
                let failed = suite.failed.min(told);
                let skipped = suite.skipped.min(told - failed);
                self.tally.nameless(failed);
                self.tally.skipped(skipped);
                self.tally.passed(told - failed - skipped);
                self.tally.remark(format!("{}: only numbers are told, no tests are listed", suite.called()));
                all = Counts { tests: told, failed, skipped, blows: failed };
            }
            Some(told) if suite.contradicts(told, all) => {
                let (name, failed) = (suite.called(), suite.failed);
                let (listed, bad) = (all.tests, all.failed);
                self.tally.remark(format!(
                    "{name} tells of {told} tests, {failed} of them failed, but lists {listed}, {bad} of them failed"
                ));
            }
            _ => {}
        }
        if let Some(Open::Suite(outer)) = self.open.last_mut() {
            outer.within.add(all);
        }
    }

    /// What was read, and why no more if it was not all.
    fn ended(mut self, why: Option<String>) -> Tally {
        if let Some(why) = why {
            // A failure that was read counts, even if its test's end was not.
            if self.case.as_ref().is_some_and(|case| case.end == End::Failed) {
                self.close_case();
            }
            let read = self.tally.total();
            self.tally.remark(format!("{read} tests were read, then no more: {why}"));
        }
        self.tally
    }
}

impl Suite {
    fn called(&self) -> &str {
        if self.name.is_empty() { "a suite without a name" } else { &self.name }
    }

    /// Whether the numbers cannot be meant for what is listed. Writers differ in whether they count the suites within,
    /// tests that were skipped, and both blows of a test that failed and then could not be cleaned up.
    fn contradicts(&self, told: u64, all: Counts) -> bool {
        let fits = |counts: Counts| {
            let tests = told == counts.tests || told == counts.tests.saturating_sub(counts.skipped);
            tests && (counts.failed..=counts.blows.max(counts.failed)).contains(&self.failed)
        };
        !fits(all) && !fits(self.own)
    }
}

impl Case {
    fn blow(&mut self, element: &BytesStart<'_>) {
        self.end = End::Failed;
        self.blows += 1;
        if self.message.is_empty() {
            for wanted in ["message", "type"] {
                if self.message.is_empty() {
                    push(&mut self.message, &attribute(element, wanted).unwrap_or_default());
                }
            }
        }
    }
}

fn suite(element: &BytesStart<'_>) -> Suite {
    let number = |name: &str| attribute(element, name).and_then(|text| text.trim().parse::<u64>().ok());
    let sum = |one, other| number(one).unwrap_or(0).saturating_add(number(other).unwrap_or(0));
    Suite {
        name: attribute(element, "name").unwrap_or_default(),
        tests: number("tests"),
        failed: sum("failures", "errors"),
        skipped: sum("skipped", "disabled"),
        ..Suite::default()
    }
}

fn case(element: &BytesStart<'_>, suite: &str) -> Case {
    let own = |name: &str| attribute(element, name).filter(|text| !text.trim().is_empty());
    let word = |name: &str| own(name).unwrap_or_default().trim().to_ascii_lowercase();
    let mut end = End::Passed;
    for word in [word("status"), word("result")] {
        match word.as_str() {
            "failed" | "failure" | "fail" | "error" | "errored" | "broken" => end = End::Failed,
            "skipped" | "disabled" | "notrun" | "suppressed" | "ignored" | "pending"
                if end == End::Passed =>
            {
                end = End::Skipped;
            }
            _ => {}
        }
    }
    Case {
        suite: own("classname").unwrap_or_else(|| suite.to_owned()),
        name: own("name").unwrap_or_else(|| "(a test without a name)".to_owned()),
        end,
        blows: u64::from(end == End::Failed),
        ..Case::default()
    }
}

/// The value of an attribute; what cannot be unescaped stays as it is written.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let found = attributes.with_checks(false).flatten().find(|a| a.key.as_ref() == name)?;
    Some(unescape(&found.value).map_or_else(|_| found.value.to_string(), std::borrow::Cow::into_owned))
}
