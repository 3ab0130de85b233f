//! Shipping a version by starting a pipeline, and what speaks against shipping by an older one.

use std::collections::BTreeSet;

use serde_json::json;

use super::act::{DEADLINE, Fresh};
use super::bindings::local;
use super::whereabouts::Whereabouts;
use super::{GitLab, wire};
use crate::domain::{
    Artifact, Basis, Fault, Guard, Hazard, Intent, Prepared, Promise, SafeText, Severity, Step,
};
use crate::provider::fill::fill;
use crate::provider::http::query;
use crate::provider::services::locked;

impl GitLab {
    /// Newer pipelines of the same reference, and freezes.
    pub(super) async fn hazards(&self, fresh: &Fresh<'_>) -> Result<Vec<Hazard>, Fault> {
        let mut hazards = Vec::new();
        if let Some(reference) = &fresh.pipeline.reference {
            let pairs =
                [("ref", reference.as_str()), ("order_by", "id"), ("sort", "desc"), ("per_page", "5")];
            let path = query(&format!("{}/pipelines", fresh.at.project_path(fresh.watch)), &pairs);
            let newest: Vec<wire::Pipeline> = self.api.get(&path).await?;
            let newer: Vec<String> = newest
                .iter()
                .filter(|other| other.id > fresh.pipeline.id && other.sha != fresh.pipeline.sha)
                .map(|other| other.id.to_string())
                .collect();
            if !newer.is_empty() {
                let text = format!(
                    "newer pipelines of {reference} exist ({}): this ships an older commit",
                    newer.join(", ")
                );
                hazards.push(Hazard::new(Severity::Warning, text));
            }
        }
        let freezes: Option<Vec<wire::FreezePeriod>> =
            self.api.get_if_told(&format!("{}/freeze_periods", fresh.watch.path)).await?;
        for freeze in freezes.into_iter().flatten().take(3) {
            let part = |text: &Option<SafeText>| text.as_ref().map_or("?", SafeText::as_str).to_owned();
            let text = format!(
                "a deploy freeze is configured, from \"{}\" to \"{}\" ({}): GitLab only tells jobs of it, it stops none",
                part(&freeze.freeze_start),
                part(&freeze.freeze_end),
                part(&freeze.cron_timezone)
            );
            hazards.push(Hazard::new(Severity::Note, text));
        }
        Ok(hazards)
    }

    pub(super) async fn dispatch(&self, intent: &Intent, artifact: &Artifact) -> Result<Prepared, Fault> {
        let watch = self.watch(&intent.service)?;
        let environment = intent.place.as_ref().map(|place| &place.environment);
        let found = environment.and_then(|environment| watch.dispatches.get(environment));
        let dispatch =
            found.ok_or_else(|| local(format!("no dispatch of {} is configured", intent.service)))?;
        let me = self.me().await?;
        let version = artifact.version.as_ref().map_or("", SafeText::as_str);
        let reference = match (&dispatch.reference, version) {
            (Some(reference), _) => reference.clone(),
            (None, "") => return Err(local("the version has no tag: configure the dispatch's ref")),
            (None, tag) => tag.to_owned(),
        };
        let theirs = environment.map_or("", |ours| watch.theirs(ours));
        let filled = fill(&dispatch.variables, intent, theirs, artifact)?;
        let variables: Vec<serde_json::Value> =
            filled.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        let body = json!({"ref": reference, "variables": variables}).to_string();
        let pairs = [("order_by", "id"), ("sort", "desc"), ("per_page", "100")];
        let path = query(&format!("{}/pipelines", watch.path), &pairs);
        let newest: Vec<wire::Pipeline> = self.api.get(&path).await?;
        let known = locked(&self.memory.seen).get(&watch.service).cloned();
        let mut before: BTreeSet<SafeText> = known.unwrap_or_default();
        before.extend(newest.iter().map(|p| Whereabouts { project: None, pipeline: p.id }.id()));
        let effect = format!("starts a pipeline of {} on {reference}", watch.name);
        let hazards = match &dispatch.reference {
            Some(_) => vec![Hazard::new(
                Severity::Warning,
                "the pipeline runs what the reference names when it begins, which need not be this version",
            )],
            None => Vec::new(),
        };
        let promise = Promise::RunAppeared {
            before: before.into_iter().collect(),
            workflow: SafeText::new(&watch.name),
        };
        let guard = Guard::LookAgain("GitLab starts a pipeline however often it is asked".into());
        Ok(Prepared {
            basis: vec![Basis::new("ref", &reference), Basis::new("version", version)],
            steps: vec![Step::post(
                intent,
                format!("{}/pipeline", watch.path),
                Some(("application/json", body)),
                &effect,
            )],
            to: Some(artifact.clone()),
            hazards,
            way_back: Some("cancel the pipeline that it starts".into()),
            identity: me.name,
            ..Prepared::of(guard, promise, DEADLINE)
        })
    }
}
