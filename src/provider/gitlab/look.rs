//! One complete look at one project: its pipelines with those that they started, jobs of what moves, deployments that wait
//! for approval, and what is live.
//!
//! A gate is looked for at the jobs: an optional manual job leaves its pipeline `success`. Every answer counts, so jobs of
//! what has ended are remembered, and what is live is asked for only now and then where nobody looks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use jiff::Timestamp;

use super::about::{About, deployed, of_commit, pipeline_of};
use super::api::Api;
use super::approvals::{self, Me};
use super::bindings::Watch;
use super::states::{in_order, state};
use super::whereabouts::Whereabouts;
use super::{reports, wire};
use crate::domain::{
    Artifact, Ask, Cause, Fault, Live, Place, RunKey, SafeText, ServiceName, Sha, SourceName, TestReport,
};
use crate::provider::http::query;
use crate::provider::services::{Sight, locked, remember};

/// Pipelines asked for in one list.
const LISTED: usize = 20;
/// Pipelines under way whose jobs are asked for in one look.
const DETAILED: usize = 8;
/// How deep pipelines that start others are followed.
const DEPTH: usize = 2;
/// How much is remembered of what has ended.
const KEPT: usize = 256;
/// In one look of so many, what is live is asked for where nobody looks.
const SELDOM: u64 = 4;

/// A job that was seen to wait: which, and since when.
pub(super) type Held = BTreeMap<u64, Option<Timestamp>>;

/// What one look remembers for the next.
#[derive(Default)]
pub(super) struct Memory {
    ended: Mutex<BTreeMap<SafeText, Vec<wire::Job>>>,
    reports: Mutex<BTreeMap<SafeText, Option<TestReport>>>,
    /// Deployments of a run that waited for approval.
    pub(super) deployments: Mutex<BTreeMap<SafeText, BTreeSet<u64>>>,
    /// Manual jobs of a run that were seen to wait: who starts one decides it.
    pub(super) held: Mutex<BTreeMap<SafeText, Held>>,
    live: Mutex<BTreeMap<Place, Live>>,
    /// Ids of every pipeline that was ever seen of a service.
    pub(super) seen: Mutex<BTreeMap<ServiceName, BTreeSet<SafeText>>>,
}

/// A pipeline that may have started others.
#[derive(Clone, Copy)]
struct Parent {
    at: Whereabouts,
    project: Option<u64>,
    depth: usize,
}

/// What applies to the whole look.
pub(super) struct Looker<'a> {
    pub(super) api: &'a Api,
    pub(super) memory: &'a Memory,
    pub(super) source: &'a SourceName,
    pub(super) me: &'a Me,
    pub(super) ask: &'a Ask,
    pub(super) turn: u64,
}

/// Every try of every job of a pipeline.
pub(super) async fn jobs(api: &Api, watch: &Watch, at: Whereabouts) -> Result<Vec<wire::Job>, Fault> {
    let path = query(&at.path(watch, "/jobs"), &[("include_retried", "true"), ("per_page", "100")]);
    Ok(api.list(&path).await?.0)
}

/// Deployments that wait for approval; none where GitLab has no such thing.
async fn blocked(api: &Api, watch: &Watch) -> Result<Vec<wire::Deployment>, Fault> {
    let pairs = [("status", "blocked"), ("order_by", "id"), ("sort", "desc"), ("per_page", "50")];
    match api.list(&query(&format!("{}/deployments", watch.path), &pairs)).await {
        Ok((all, _)) => Ok(all),
        Err(fault) if matches!(fault.cause, Cause::Forbidden | Cause::NotFound | Cause::Refused) => {
            Ok(Vec::new())
        }
        Err(fault) => Err(fault),
    }
}

/// A deployment with its approvals.
pub(super) async fn deployment(api: &Api, watch: &Watch, id: u64) -> Result<wire::Deployment, Fault> {
    api.get(&format!("{}/deployments/{id}", watch.path)).await
}

impl Looker<'_> {
    pub(super) async fn service(&self, watch: &Watch) -> Result<Sight, Fault> {
        let count = LISTED.to_string();
        let mut pairs = vec![("order_by", "id"), ("sort", "desc"), ("per_page", count.as_str())];
        if let Some(reference) = &watch.reference {
            pairs.insert(0, ("ref", reference));
        }
        let listed: Vec<wire::Pipeline> =
            self.api.get(&query(&format!("{}/pipelines", watch.path), &pairs)).await?;
        let asked = self.ask.runs_of(self.source, &watch.service);
        let mut waiting = Vec::new();
        for one in blocked(self.api, watch).await? {
            // The list does not tell the approvals. It may no longer wait by now.
            let whole = deployment(self.api, watch, one.id).await?;
            waiting.extend(approvals::may_wait(&whole).then_some(whole));
        }
        let mut sight = Sight::default();
        let mut known = BTreeSet::new();
        let (mut detailed, mut passed_over) = (0, 0);
        let approved: BTreeSet<u64> = waiting.iter().filter_map(pipeline_of).collect();
        let mut references = BTreeSet::new();
        for (place, pipeline) in listed.iter().enumerate() {
            let at = Whereabouts { project: None, pipeline: pipeline.id };
            known.insert(at.id());
            let moves = !state(&pipeline.status).ended();
            let wanted = asked.contains(&at.id());
            // Pipelines are left at their manual jobs for ever: only the newest of a reference asks anybody.
            let newest = references.insert(&pipeline.reference);
            let left = pipeline.status == "manual" && !newest;
            passed_over += usize::from(left);
            let untold = |one: &wire::Deployment| pipeline_of(one).is_none() && of_commit(one, pipeline);
            let waits = approved.contains(&pipeline.id) || waiting.iter().any(untold);
            let detail = place == 0 || wanted || waits || (moves && !left && detailed < DETAILED);
            detailed += usize::from(moves && detail);
            self.add(watch, (at, pipeline), (detail, wanted), &waiting, &mut sight).await?;
            if detail {
                let parent = Parent { at, project: pipeline.project_id, depth: 1 };
                self.started(watch, parent, (&asked, &waiting), &mut known, &mut sight).await?;
            }
        }
        if passed_over > 0 {
            let text = format!(
                "{passed_over} older pipelines stand at manual jobs; newer ones of the same reference ask"
            );
            sight.pipeline.remarks.push(SafeText::new(&text));
        }
        let older = approved.into_iter().map(|pipeline| Whereabouts { project: None, pipeline }.id());
        let rest: BTreeSet<SafeText> = asked.iter().map(|id| (*id).clone()).chain(older).collect();
        for id in rest.iter().filter(|id| !known.contains(*id)) {
            let Some(at) = Whereabouts::parse(id) else { continue };
            if let Some(pipeline) = self.api.get_if_told::<wire::Pipeline>(&at.path(watch, "")).await? {
                let wanted = asked.contains(id);
                self.add(watch, (at, &pipeline), (true, wanted), &waiting, &mut sight).await?;
            }
        }
        sight.pipeline.runs.sort_by_key(|run| Reverse((run.started, run.number)));
        locked(&self.memory.seen).entry(watch.service.clone()).or_default().extend(known);
        self.environments(watch, &mut sight).await?;
        Ok(sight)
    }

    /// The pipelines that one has started, in this project or another, as far as they move.
    async fn started(
        &self,
        watch: &Watch,
        parent: Parent,
        (asked, waiting): (&BTreeSet<&SafeText>, &[wire::Deployment]),
        known: &mut BTreeSet<SafeText>,
        sight: &mut Sight,
    ) -> Result<(), Fault> {
        let path = query(&parent.at.path(watch, "/bridges"), &[("per_page", "100")]);
        let bridges: Option<Vec<wire::Bridge>> = self.api.get_if_told(&path).await?;
        for there in bridges.into_iter().flatten().filter_map(|bridge| bridge.downstream_pipeline) {
            let same = there.project_id.is_none() || there.project_id == parent.project;
            let project = if same { parent.at.project } else { there.project_id };
            let below = Whereabouts { project, pipeline: there.id };
            let wanted = asked.contains(&below.id());
            if !known.insert(below.id()) || (state(&there.status).ended() && !wanted) {
                continue;
            }
            // The bridge tells little of it.
            let Some(whole) = self.api.get_if_told::<wire::Pipeline>(&below.path(watch, "")).await? else {
                continue;
            };
            self.add(watch, (below, &whole), (true, wanted), waiting, sight).await?;
            if parent.depth < DEPTH {
                let next = Parent { at: below, project: there.project_id, depth: parent.depth + 1 };
                Box::pin(self.started(watch, next, (asked, waiting), known, sight)).await?;
            }
        }
        Ok(())
    }

    async fn add(
        &self,
        watch: &Watch,
        (at, pipeline): (Whereabouts, &wire::Pipeline),
        (detail, wanted): (bool, bool),
        waiting: &[wire::Deployment],
        sight: &mut Sight,
    ) -> Result<(), Fault> {
        let ended = state(&pipeline.status).ended();
        let id = at.id();
        // Who started it is only in the answer about the one pipeline.
        let whole = match detail && !ended && pipeline.user.is_none() {
            true => self.api.get_if_told::<wire::Pipeline>(&at.path(watch, "")).await?,
            false => None,
        };
        let pipeline = whole.as_ref().unwrap_or(pipeline);
        let all = if detail { self.jobs(watch, at, ended && !wanted).await? } else { Vec::new() };
        let key = RunKey { source: self.source.clone(), service: watch.service.clone(), id: id.clone() };
        let about = About { watch, pipeline, key, all: &all, jobs: in_order(&all), me: self.me };
        let taken =
            |one: &wire::Deployment| sight.gates.iter().any(|gate| gate.key.id == deployed(one).as_str());
        let ours: Vec<&wire::Deployment> =
            waiting.iter().filter(|one| about.holds(one) && !taken(one)).collect();
        for one in &ours {
            locked(&self.memory.deployments).entry(id.clone()).or_default().insert(one.id);
        }
        let mut held = locked(&self.memory.held).get(&id).cloned().unwrap_or_default();
        sight.gates.extend(about.gates(&ours, self.api.meter().date, &mut held));
        if !held.is_empty() {
            remember(&self.memory.held, id.clone(), held.clone(), KEPT);
        }
        let mut reviews = about.starts(&held);
        if wanted {
            let known = locked(&self.memory.deployments).get(&id).cloned().unwrap_or_default();
            for known in known {
                match ours.iter().find(|one| one.id == known) {
                    Some(one) => reviews.extend(approvals::reviews(one)),
                    None => reviews.extend(approvals::reviews(&deployment(self.api, watch, known).await?)),
                }
            }
        } else {
            reviews.extend(ours.iter().flat_map(|one| approvals::reviews(one)));
        }
        let waits = sight.gates.iter().any(|gate| gate.key.run == about.key);
        let tests = match detail && (ended || waits) {
            true => self.report(watch, at, ended).await?,
            false => None,
        };
        sight.pipeline.runs.push(about.run(reviews, tests));
        Ok(())
    }

    async fn jobs(&self, watch: &Watch, at: Whereabouts, settled: bool) -> Result<Vec<wire::Job>, Fault> {
        if let Some(known) = locked(&self.memory.ended).get(&at.id()).filter(|_| settled) {
            return Ok(known.clone());
        }
        let jobs = jobs(self.api, watch, at).await?;
        // A manual job that is left may be started any time.
        if settled && jobs.iter().all(|job| state(&job.status).ended()) {
            remember(&self.memory.ended, at.id(), jobs.clone(), KEPT);
        }
        Ok(jobs)
    }

    /// The report of a pipeline that has ended, or that waits: what its tests said before is there then.
    async fn report(&self, watch: &Watch, at: Whereabouts, ended: bool) -> Result<Option<TestReport>, Fault> {
        let key = SafeText::new(&format!("{} {}", at.id(), if ended { "ended" } else { "waits" }));
        if let Some(known) = locked(&self.memory.reports).get(&key) {
            return Ok(known.clone());
        }
        let report = reports::report(self.api, watch, at).await?;
        remember(&self.memory.reports, key, report.clone(), KEPT);
        Ok(report)
    }

    /// What is live: of each environment the newest deployment that succeeded. The newest of all may be waiting.
    async fn environments(&self, watch: &Watch, sight: &mut Sight) -> Result<(), Fault> {
        let looked = self.ask.focus.as_ref() == Some(&watch.service) || self.turn.is_multiple_of(SELDOM);
        for (ours, theirs) in &watch.environments {
            let place = watch.place(ours);
            let known = locked(&self.memory.live).get(&place).cloned();
            if let Some(known) = known.filter(|_| !looked) {
                sight.live.insert(place, known);
                continue;
            }
            let pairs = [
                ("environment", theirs.as_str()),
                ("status", "success"),
                ("order_by", "id"),
                ("sort", "desc"),
                ("per_page", "1"),
            ];
            let path = query(&format!("{}/deployments", watch.path), &pairs);
            let newest: Option<Vec<wire::Deployment>> = self.api.get_if_told(&path).await?;
            // What was asked for is made sure of: an answer to another question is not what is live.
            let fits = |one: &wire::Deployment| {
                let named = one.environment.as_ref().is_none_or(|told| told.name == theirs.as_str());
                one.status == "success" && named
            };
            match newest.into_iter().flatten().next().filter(fits) {
                Some(newest) => {
                    let live = live(&newest);
                    locked(&self.memory.live).insert(place.clone(), live.clone());
                    sight.live.insert(place, live);
                }
                None => drop(locked(&self.memory.live).remove(&place)),
            }
        }
        Ok(())
    }
}

fn live(deployment: &wire::Deployment) -> Live {
    let url = deployment.environment.as_ref().and_then(|environment| environment.external_url.clone());
    Live {
        artifact: Artifact {
            version: deployment.reference.clone().filter(is_version),
            revision: deployment.sha.as_ref().map(|sha| Sha::new(sha.as_str())),
            ..Artifact::default()
        },
        since: deployment.updated_at.or(deployment.created_at),
        url: url.filter(|url| url.as_str().starts_with("https://")),
    }
}

/// Whether a reference looks like the tag of a version.
pub(super) fn is_version(reference: &SafeText) -> bool {
    let text = reference.as_str();
    text.strip_prefix('v').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit()) && text.contains('.')
}
