//! What one look makes of Jenkins' answers about builds, without a server: the way in for the fuzz targets.
//!
//! Hidden from the documentation; nothing in the program calls it.

use std::collections::BTreeMap;

use super::bindings::Watch;
use super::look::{About, listed};
use super::{api, console, inputs, reports, stages, wire};
use crate::domain::pipeline::Review;
use crate::domain::{EnvironmentName, Fault, FormField, Gate, Job, Run, ServiceName, SourceName, TestReport};
use crate::provider::http::Answer;

/// The answers that one look rests on; each build is taken to have these inputs.
pub struct Answers {
    /// `GET {job}/api/json`.
    pub job: Answer,
    /// `GET {build}/api/json`.
    pub build: Answer,
    /// `GET {build}/wfapi/pendingInputActions`.
    pub pending: Answer,
}

/// What is made of them.
pub struct Seen {
    /// The builds.
    pub runs: Vec<Run>,
    /// What they wait for.
    pub gates: Vec<Gate>,
    /// What would be sent with the defaults, where a form can be filled in.
    pub forms: Vec<Vec<FormField>>,
}

/// The runs and gates in them, as `mara`.
///
/// # Errors
/// The first answer that is not as documented.
pub fn look(answers: &Answers) -> Result<Seen, Fault> {
    let watch = watch();
    let (found, _) = listed(&answers.job.json()?, &watch)?;
    let build: wire::Build = answers.build.json()?;
    let waiting = match inputs::told(&build) {
        Some(waiting) => waiting,
        None => {
            let pending: Vec<wire::PendingInput> = answers.pending.json()?;
            pending.into_iter().map(inputs::pending).collect()
        }
    };
    let (source, me) = (SourceName::new("jenkins"), "mara".into());
    let mut seen = Seen { runs: Vec::new(), gates: Vec::new(), forms: Vec::new() };
    for found in &found {
        let path = watch.build(&found.id)?;
        let web = "https://ci.test";
        let about = About { source: &source, me: Some(&me), web, watch: &watch, found, path: &path };
        seen.gates.extend(waiting.iter().map(|waiting| about.gate(waiting, None)));
        seen.runs.push(about.run(!waiting.is_empty()));
    }
    seen.forms.extend(waiting.iter().filter_map(|waiting| waiting.form(&BTreeMap::new()).ok()));
    Ok(seen)
}

fn watch() -> Watch {
    Watch {
        service: ServiceName::new("shop"),
        name: "acme/shop".to_owned(),
        path: "/job/acme/job/shop".to_owned(),
        branch: None,
        remote: None,
        environments: vec![(EnvironmentName::new("production"), None)],
        dispatches: BTreeMap::new(),
    }
}

/// The stages as either plugin tells them.
///
/// # Errors
/// An answer that is of neither.
pub fn stages(answer: &Answer) -> Result<Vec<Job>, Fault> {
    match answer.json::<wire::Tree>() {
        Ok(tree) => Ok(stages::in_tree(&tree)),
        Err(_) => Ok(stages::in_description(&answer.json()?)),
    }
}

/// The report in the answer to `{build}/testReport/api/json`.
///
/// # Errors
/// An answer that is not as documented.
pub fn report(answer: &Answer) -> Result<TestReport, Fault> {
    Ok(reports::summed(&answer.json()?))
}

/// The decisions in a console.
#[must_use]
pub fn decisions(text: &str) -> Vec<Review> {
    console::decisions(text)
}

/// What is sent with a form.
#[must_use]
pub fn body(form: &[FormField]) -> String {
    inputs::body(form)
}

/// What an answer other than 2xx means.
#[must_use]
pub fn refusal(answer: &Answer) -> Fault {
    api::refusal(answer)
}
