//! Which jobs belong to which stage: the user's patterns first, then the usual words.
//!
//! The first pattern found in a job's name wins, so the order below carries meaning: what is done (deploy,
//! test) before what it is done to (image, production), and "staging" before the "tag" inside it.

use super::read::{Item, Section};
use super::report::Mistakes;
use crate::domain::Stage;
use crate::domain::service::StagePattern;

const DEFAULTS: &[(Stage, &[&str])] = &[
    (Stage::Deploy, &["deploy", "rollout", "canary"]),
    (Stage::Test, &["unit", "integration", "e2e", "test", "scan", "check", "verify"]),
    (Stage::Release, &["publish"]),
    (Stage::Build, &["build", "compile", "lint", "package", "image", "docker"]),
    (Stage::Deploy, &["staging", "production", "prod", "ship"]),
    (Stage::Release, &["release", "tag", "notes"]),
];

/// The usual words.
pub(super) fn defaults() -> Vec<StagePattern> {
    DEFAULTS
        .iter()
        .flat_map(|(stage, texts)| {
            texts.iter().map(|text| StagePattern { text: (*text).to_owned(), stage: *stage })
        })
        .collect()
}

/// The user's patterns, followed by the usual words.
pub(super) fn read(item: Option<Item<'_>>, mistakes: &mut Mistakes) -> Vec<StagePattern> {
    let mut patterns = Vec::new();
    let section = item.and_then(|item| item.section(mistakes, "stages", "{ test = [\"smoke\"] }"));
    if let Some(mut section) = section {
        for stage in Stage::ALL {
            read_stage(&mut section, stage, mistakes, &mut patterns);
        }
        section.finish(mistakes, &[]);
    }
    patterns.extend(defaults());
    patterns
}

fn read_stage(
    section: &mut Section<'_>,
    stage: Stage,
    mistakes: &mut Mistakes,
    into: &mut Vec<StagePattern>,
) {
    let Some(item) = section.get(&stage.word().to_lowercase()) else { return };
    for (text, at) in item.list(mistakes).unwrap_or_default() {
        if text.trim().is_empty() {
            mistakes.note(&at, "an empty pattern would match every job", None);
        } else {
            into.push(StagePattern { text: text.to_lowercase(), stage });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage_of(job: &str) -> Option<Stage> {
        let job = job.to_lowercase();
        defaults().into_iter().find(|p| job.contains(&p.text)).map(|p| p.stage)
    }

    #[test]
    fn usual_job_names_find_their_stage() {
        for (job, stage) in [
            ("compile", Stage::Build),
            ("lint", Stage::Build),
            ("docker image", Stage::Build),
            ("unit", Stage::Test),
            ("e2e staging", Stage::Test),
            ("verify production", Stage::Test),
            ("publish docker image", Stage::Release),
            ("release notes", Stage::Release),
            ("tag", Stage::Release),
            ("staging", Stage::Deploy),
            ("Deploy docker image to production", Stage::Deploy),
            ("canary 25 %", Stage::Deploy),
        ] {
            assert_eq!(stage_of(job), Some(stage), "{job}");
        }
        assert_eq!(stage_of("approve"), None);
    }
}
