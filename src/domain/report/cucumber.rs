//! Cucumber's JSON report: each scenario is a test, and so is each example of an outline. A background belongs to the
//! scenario that follows it; hooks count like steps. A step that nobody wrote, or that is ambiguous or pending, is not
//! carried out, and its scenario has failed.
//!
//! Read element by element; screenshots and other things embedded are passed over without being kept.

use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::tally::Tally;
use super::{BYTES, TESTS};

/// One element of a feature.
#[derive(Debug, Default, Deserialize)]
struct Element {
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    keyword: Option<String>,
    #[serde(default)]
    before: Option<Vec<Step>>,
    #[serde(default)]
    steps: Option<Vec<Step>>,
    #[serde(default)]
    after: Option<Vec<Step>>,
}

/// A step, or a hook, with the hooks around it.
#[derive(Debug, Default, Deserialize)]
struct Step {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    result: Option<StepResult>,
    #[serde(default)]
    before: Option<Vec<Step>>,
    #[serde(default)]
    after: Option<Vec<Step>>,
}

#[derive(Debug, Default, Deserialize)]
struct StepResult {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
}

/// How the steps of an element ended.
#[derive(Debug, Default)]
struct Ended {
    passed: usize,
    skipped: usize,
    /// What the first step that did not pass says.
    failed: Option<String>,
}

impl Ended {
    fn take(&mut self, steps: Option<Vec<Step>>, kind: &str) {
        for step in steps.into_iter().flatten() {
            self.take(step.before, "hook");
            self.one(step.name.as_deref().map(str::trim), step.result, kind);
            self.take(step.after, "hook");
        }
    }

    fn one(&mut self, name: Option<&str>, result: Option<StepResult>, kind: &str) {
        let result = result.unwrap_or_default();
        let called = match name.filter(|name| !name.is_empty()) {
            Some(name) => format!("{kind} {name}"),
            None => format!("a {kind}"),
        };
        let says = match result.status.map(|word| word.to_ascii_lowercase()).as_deref() {
            Some("passed") => {
                self.passed += 1;
                return;
            }
            Some("skipped") => {
                self.skipped += 1;
                return;
            }
            Some("failed") => result.error_message.filter(|text| !text.trim().is_empty()),
            Some(word) => Some(format!("{called} is {word}")),
            None => Some(format!("{called} has no result")),
        };
        self.failed.get_or_insert_with(|| says.unwrap_or_else(|| format!("{called} failed")));
    }
}

/// The report as far as it was read.
#[derive(Debug, Default)]
struct Reading {
    tally: Tally,
    /// Whether anything in it is a feature.
    features: bool,
    /// The background before the next scenario.
    background: Ended,
}

impl Reading {
    fn element(&mut self, element: Element) {
        let mut ended = std::mem::take(&mut self.background);
        ended.take(element.before, "hook");
        // A scenario without a step of its own that passed proves nothing, whatever passed before it.
        ended.passed = 0;
        ended.take(element.steps, "step");
        let passed = ended.passed;
        ended.take(element.after, "hook");
        match (element.kind.as_deref(), element.keyword.as_deref()) {
            (Some("background"), _) | (_, Some("Background")) => {
                self.background = ended;
                return;
            }
            (Some("scenario" | "scenario_outline") | None, _) => {}
            // A word from the future: what failed counts, what passed is not known to be a test.
            (Some(other), _) => {
                self.tally.remark(format!("an element of a kind that is not known: {other}"));
                if ended.failed.is_none() {
                    return;
                }
            }
        }
        match (ended.failed, ended.skipped, passed) {
            (Some(says), _, _) => {
                let name = element.name.unwrap_or_default();
                let name = if name.trim().is_empty() { "(a scenario without a name)" } else { &name };
                self.tally.failed("", name, &says);
            }
            (None, 1.., _) | (None, 0, 0) => self.tally.skipped(1),
            (None, 0, _) => self.tally.passed(1),
        }
    }
}

/// Reads a report; none if it is some other JSON.
pub(super) fn read(file: impl Read) -> Option<Tally> {
    let mut reading = Reading::default();
    let mut counted = Counted { inner: file, read: 0 };
    let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::new(&mut counted));
    let result = Features(&mut reading).deserialize(&mut json).and_then(|()| json.end());
    drop(json);
    if !reading.features {
        return None;
    }
    if let Err(error) = result {
        let read = reading.tally.total();
        let why = match () {
            () if counted.read > BYTES => format!("it is longer than {} MiB", BYTES / (1024 * 1024)),
            () if reading.tally.full() => format!("it lists more than {TESTS} scenarios"),
            () => format!("it is broken: {error}"),
        };
        reading.tally.remark(format!("{read} scenarios were read, then no more: {why}"));
    }
    Some(reading.tally)
}

struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read = self.read.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

/// The list of features.
struct Features<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for Features<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut features: A) -> Result<(), A::Error> {
        while features.next_element_seed(Feature(self.0))?.is_some() {}
        Ok(())
    }
}

/// One feature.
struct Feature<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for Feature<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Feature<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a feature")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        // Its name may come after its scenarios.
        let first = self.0.tally.named();
        let (mut name, mut uri) = (None::<String>, None::<String>);
        let mut all = Ok(());
        while let Some(field) = fields.next_key::<String>()? {
            let read = match field.as_str() {
                "elements" => {
                    self.0.features = true;
                    fields.next_value_seed(Elements(&mut *self.0))
                }
                "name" => fields.next_value().map(|told| name = told),
                "uri" => fields.next_value().map(|told| uri = told),
                _ => fields.next_value::<IgnoredAny>().map(drop),
            };
            if read.is_err() {
                all = read;
                break;
            }
        }
        let suite = name.filter(|name| !name.trim().is_empty()).or(uri).unwrap_or_default();
        self.0.tally.of_suite(first, &suite);
        all
    }
}

/// The elements of a feature.
struct Elements<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of scenarios")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<Element>()? {
            if self.0.tally.full() {
                return Err(A::Error::custom("too many scenarios"));
            }
            self.0.element(element);
        }
        Ok(())
    }
}
