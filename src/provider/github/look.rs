//! One complete look at one project, for every service that lives in it. Each thing is fetched once.
//!
//! Spends requests where something moves: runs and what waits always; jobs of the newest run and of every active
//! one; reviews of runs that wait or waited lately; deployments. An unchanged answer costs no budget.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::api::Api;
use super::bindings::{Lane, Project, Watch};
use super::budget::{Spending, spending};
use super::forks;
use super::gates::{self, Apps, Hold};
use super::lanes::Groups;
use super::logs::Stores;
use super::memory::{Attempt, Memory, Unpressable};
use super::runs::{self, Links};
use super::wire;
use crate::domain::time::ago;
use crate::domain::{Ask, Cause, Fault, Live, Run, RunKey, SafeText, ServiceName, SourceName};
use crate::provider::http::query;
use crate::provider::services::{Seen, Sight, locked, part};

/// Runs asked for in one list.
const LISTED: usize = 50;
/// Runs kept of a service.
const KEPT: usize = 30;
/// Active runs of a service whose details are asked for in one look.
const DETAILED: usize = 12;
/// Pages of jobs of one run: 100 jobs each.
const PAGES: usize = 5;
/// How long a run may wait for nothing that one could press before that is called a gate of another system.
const SETTLES: Duration = Duration::from_secs(30);
/// The same in looks, when the server does not tell its time.
const SETTLES_LOOKS: u32 = 4;
/// Of how many looks one asks for everything while the budget is low.
const THRIFTY_TURN: u64 = 4;

/// How much of a project is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Everything.
    Whole,
    /// The lists of runs alone: nothing is said to wait there.
    Light,
}

/// What applies to the whole look.
pub(super) struct Looker<'a> {
    pub(super) api: &'a Api,
    pub(super) memory: &'a Memory,
    pub(super) links: &'a Links,
    pub(super) stores: Stores,
    pub(super) source: &'a SourceName,
    pub(super) identity: Option<SafeText>,
    pub(super) ask: &'a Ask,
    /// Whether this GitHub tells who holds a concurrency group.
    pub(super) groups: Groups,
    /// Counts the looks.
    pub(super) turn: u64,
}

/// Details of one run.
#[derive(Clone, Default)]
pub(super) struct Details {
    pub(super) jobs: Arc<Vec<wire::Job>>,
    pending: Arc<Vec<wire::Pending>>,
    approvals: Arc<Vec<wire::Approval>>,
    /// Apps that decide besides people, by environment.
    apps: Apps,
    pub(super) remarks: Vec<SafeText>,
}

/// What was fetched of a project so far in this look.
pub(super) struct Fetched<'a> {
    pub(super) project: &'a Project,
    lanes: BTreeMap<Lane, Result<Arc<wire::Runs>, Fault>>,
    /// Waiting and watched runs, wherever they stand in the lists.
    others: Result<Vec<wire::Run>, Fault>,
    watched: BTreeSet<u64>,
    pub(super) details: BTreeMap<u64, Details>,
    pub(super) live: BTreeMap<String, Result<Option<Live>, Fault>>,
}

impl Looker<'_> {
    /// Looks at a project for its services.
    ///
    /// # Errors
    /// A fault of the source as a whole. What fails for one service is in its place.
    pub(super) async fn project(
        &self,
        project: &Project,
        watches: &[&Watch],
        depth: Depth,
    ) -> Result<Vec<Seen>, Fault> {
        let mut fetched = self.lists(project, watches, depth).await?;
        let mut sights = Vec::new();
        for watch in watches {
            let sight = part(self.service(watch, &mut fetched).await)?;
            sights.push((watch.service.clone(), sight));
        }
        self.memory.tick(project);
        Ok(sights)
    }

    /// Whether the operator looks at a project, or the outcome of an action depends on it.
    pub(super) fn presses(&self, project: &Project, watches: &[&Watch]) -> bool {
        let ours = |service: &ServiceName| watches.iter().any(|w| &w.service == service);
        let log = self.ask.log.as_ref().map(|key| &key.run);
        let runs = self.ask.runs.iter().chain(log).filter(|key| &key.source == self.source);
        self.ask.focus.iter().chain(runs.map(|key| &key.service)).any(ours)
            || !self.memory.watched(project).is_empty()
    }

    /// Whether the lists of runs changed since they were last read, which is asked for nothing if they did not.
    pub(super) async fn moved(&self, project: &Project, watches: &[&Watch]) -> Result<bool, Fault> {
        let lanes: BTreeSet<&Lane> = watches.iter().flat_map(|w| &w.lanes).collect();
        for lane in lanes {
            // What is wrong with one project is for its whole reading to say.
            if part(self.api.changed::<wire::Runs>(&lane.path(project, LISTED)).await)?.unwrap_or(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn lists<'a>(
        &self,
        project: &'a Project,
        watches: &[&Watch],
        depth: Depth,
    ) -> Result<Fetched<'a>, Fault> {
        let mut lanes = BTreeMap::new();
        for lane in watches.iter().flat_map(|w| &w.lanes) {
            if !lanes.contains_key(lane) {
                let page = self.api.get::<wire::Runs>(&lane.path(project, LISTED)).await;
                lanes.insert(lane.clone(), part(page.map(|p| p.value))?);
            }
        }
        let ours =
            |key: &&RunKey| &key.source == self.source && watches.iter().any(|w| w.service == key.service);
        let asked = self.ask.runs.iter().filter(ours).filter_map(|key| key.id.as_str().parse().ok());
        let watched = self.memory.watched(project).into_iter().chain(asked).collect();
        let others = match depth {
            Depth::Whole => part(self.others(project, &lanes, &watched).await)?,
            Depth::Light => Ok(Vec::new()),
        };
        let (details, live) = (BTreeMap::new(), BTreeMap::new());
        Ok(Fetched { project, lanes, others, watched, details, live })
    }

    /// Every waiting run of the project, however old, and the watched ones that no list holds.
    async fn others(
        &self,
        project: &Project,
        lanes: &BTreeMap<Lane, Result<Arc<wire::Runs>, Fault>>,
        watched: &BTreeSet<u64>,
    ) -> Result<Vec<wire::Run>, Fault> {
        let pairs = [("status", "waiting"), ("exclude_pull_requests", "true"), ("per_page", "100")];
        let path = query(&project.path("/actions/runs"), &pairs);
        let waiting = self.api.get::<wire::Runs>(&path).await?;
        let mut others = waiting.value.workflow_runs.clone();
        let listed: BTreeSet<u64> = lanes
            .values()
            .flatten()
            .flat_map(|page| &page.workflow_runs)
            .chain(&others)
            .map(|r| r.id)
            .collect();
        for id in watched.difference(&listed) {
            match self.api.get::<wire::Run>(&project.run(*id, "")).await {
                Ok(page) => others.push(wire::Run::clone(&page.value)),
                Err(fault) if fault.cause == Cause::NotFound => self.memory.forget(project, *id),
                Err(fault) => return Err(fault),
            }
        }
        let seen: BTreeSet<u64> = listed.into_iter().chain(others.iter().map(|run| run.id)).collect();
        others.extend(self.forks(project).await?.into_iter().filter(|run| !seen.contains(&run.id)));
        Ok(others)
    }

    async fn service(&self, watch: &Watch, fetched: &mut Fetched<'_>) -> Result<Sight, Fault> {
        let runs = choose(watch, fetched)?;
        let generous = self.generous(watch, &runs);
        let newest = runs.iter().find(|r| !forks::held(r)).map(|r| r.id);
        let mut sight = Sight::default();
        let mut detailed = 0;
        for wire in &runs {
            let active = runs::active(wire);
            let wanted = fetched.watched.contains(&wire.id)
                || (active && detailed < DETAILED)
                || (newest == Some(wire.id) && (generous || self.settled(wire).is_some()));
            let details = if wanted { self.details(wire, watch, fetched).await? } else { Details::default() };
            detailed += usize::from(wanted && active);
            if active && !wanted {
                sight.pipeline.remarks.push(SafeText::new(&format!(
                    "{}: details were not asked for, more than {DETAILED} runs are under way",
                    runs::called(wire)
                )));
            }
            sight.pipeline.remarks.extend(details.remarks.iter().cloned());
            self.add(wire, &details, watch, fetched.project, &mut sight);
        }
        sight.lanes = self.lanes(watch, &runs, fetched, &sight).await?;
        self.environments(watch, generous, fetched, &mut sight).await?;
        self.tests(watch, fetched.project, &runs, &mut sight).await?;
        Ok(sight)
    }

    /// Whether everything is asked for, or, with little budget left, only what waits, moves or is looked at.
    fn generous(&self, watch: &Watch, runs: &[wire::Run]) -> bool {
        spending(self.api.meter()) == Spending::Full
            || self.ask.focus.as_ref() == Some(&watch.service)
            || runs.iter().any(runs::active)
            || self.turn.is_multiple_of(THRIFTY_TURN)
    }

    fn add(&self, wire: &wire::Run, details: &Details, watch: &Watch, project: &Project, sight: &mut Sight) {
        let key = RunKey {
            source: self.source.clone(),
            service: watch.service.clone(),
            id: SafeText::new(&wire.id.to_string()),
        };
        let reviews = gates::reviews(&details.approvals);
        let hold = Hold {
            run: wire,
            key: &key,
            jobs: &details.jobs,
            pending: &details.pending,
            reviews: &reviews,
            apps: &details.apps,
            identity: self.identity.as_ref(),
            now: self.api.meter().date,
        };
        let mut gates = hold.gates(watch, self.links);
        if gates.is_empty() && wire.status == "waiting" && self.persists(wire) {
            gates.push(hold.other_system(self.links));
        }
        if !gates.is_empty() {
            self.memory.watch(project, wire.id);
        }
        gates.extend(hold.start(self.links));
        let held = gates::held(&gates);
        let mut run: Run = runs::run(wire, key.clone(), held, self.links);
        run.jobs = runs::jobs(&details.jobs, held, self.links);
        run.reviews = reviews;
        sight.pipeline.runs.push(run);
        sight.gates.extend(gates);
    }

    /// Whether a run has waited without a gate for longer than GitHub needs to settle its rules.
    fn persists(&self, wire: &wire::Run) -> bool {
        let mut memory = locked(&self.memory.unpressable);
        let now = self.api.meter().date;
        let entry = (wire.id, runs::attempt(wire));
        let seen = memory.entry(entry).or_insert(Unpressable { since: now, looks: 0 });
        seen.looks = seen.looks.saturating_add(1);
        match (seen.since, now) {
            (Some(since), Some(now)) => seen.looks > 1 && ago(now, since) >= SETTLES,
            _ => seen.looks >= SETTLES_LOOKS,
        }
    }

    /// Drops what is remembered of runs that no longer wait without a gate.
    pub(super) fn prune(&self, waiting: &BTreeSet<Attempt>) {
        locked(&self.memory.unpressable).retain(|key, _| waiting.contains(key));
    }

    fn settled(&self, wire: &wire::Run) -> Option<Arc<Vec<wire::Job>>> {
        let key = (wire.id, runs::attempt(wire), wire.updated_at);
        locked(&self.memory.settled).get(&key).cloned()
    }

    async fn details(
        &self,
        wire: &wire::Run,
        watch: &Watch,
        fetched: &mut Fetched<'_>,
    ) -> Result<Details, Fault> {
        if let Some(known) = fetched.details.get(&wire.id) {
            return Ok(known.clone());
        }
        let (jobs, remarks) = self.jobs(fetched.project, wire).await?;
        let waits =
            runs::active(wire) && (wire.status == "waiting" || jobs.iter().any(|j| j.status == "waiting"));
        let mut details = Details { jobs, remarks, ..Details::default() };
        if waits {
            let path = fetched.project.run(wire.id, "/pending_deployments");
            details.pending = self.api.get(&path).await?.value;
        }
        if waits || fetched.watched.contains(&wire.id) {
            let path = fetched.project.run(wire.id, "/approvals");
            details.approvals = self.api.get(&path).await?.value;
        }
        if waits {
            details.apps = self.apps(fetched.project, watch, &details.pending, &details.approvals).await?;
        }
        fetched.details.insert(wire.id, details.clone());
        Ok(details)
    }

    /// The Apps that may hold the run besides people: asked for only where people alone do not explain that it waits.
    async fn apps(
        &self,
        project: &Project,
        watch: &Watch,
        pending: &[wire::Pending],
        approvals: &[wire::Approval],
    ) -> Result<Apps, Fault> {
        let mut names = gates::unexplained(pending, &gates::reviews(approvals));
        if pending.is_empty() {
            names.extend(watch.environments.iter().map(|(_, theirs)| SafeText::new(theirs)));
        }
        let mut apps = Apps::new();
        for name in names {
            let path = gates::rules_path(project, &name);
            match self.api.get::<wire::CustomRules>(&path).await {
                Ok(page) => drop(apps.insert(name, gates::app_names(&page.value))),
                Err(fault) if matches!(fault.cause, Cause::Forbidden | Cause::NotFound) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(apps)
    }

    /// The jobs of a run's newest attempt, and what is to be known about them.
    pub(super) async fn jobs(
        &self,
        project: &Project,
        wire: &wire::Run,
    ) -> Result<(Arc<Vec<wire::Job>>, Vec<SafeText>), Fault> {
        if let Some(jobs) = self.settled(wire) {
            return Ok((jobs, Vec::new()));
        }
        let pairs = [("filter", "latest"), ("per_page", "100")];
        let mut path = Some(query(&project.run(wire.id, "/jobs"), &pairs));
        let (mut jobs, mut total) = (Vec::new(), 0);
        for _ in 0..PAGES {
            let Some(here) = path else { break };
            let page = self.api.get::<wire::Jobs>(&here).await?;
            total = page.value.total_count.unwrap_or_default();
            jobs.extend(page.value.jobs.iter().cloned());
            path = page.next;
        }
        let mut remarks = Vec::new();
        if path.is_some() {
            let text = format!("{}: only {} of {total} jobs were read", runs::called(wire), jobs.len());
            remarks.push(SafeText::new(&text));
        }
        let done = jobs.iter().all(|j| j.status == "completed") && remarks.is_empty();
        let jobs = Arc::new(jobs);
        if done && !runs::active(wire) && !jobs.is_empty() {
            self.settle(wire, &jobs);
        }
        Ok((jobs, remarks))
    }

    fn settle(&self, wire: &wire::Run, jobs: &Arc<Vec<wire::Job>>) {
        let mut settled = locked(&self.memory.settled);
        settled.insert((wire.id, runs::attempt(wire), wire.updated_at), Arc::clone(jobs));
        if settled.len() > 256 {
            settled.pop_first();
        }
    }
}

/// The runs of a service that are kept: watched and active ones before others, then the newest.
fn choose(watch: &Watch, fetched: &Fetched<'_>) -> Result<Vec<wire::Run>, Fault> {
    let mut by_id: BTreeMap<u64, wire::Run> = BTreeMap::new();
    let mut add = |run: &wire::Run| {
        // Two lists may be moments apart: the later state of a run counts.
        let newer = by_id.get(&run.id).is_none_or(|known| known.updated_at <= run.updated_at);
        if newer {
            by_id.insert(run.id, run.clone());
        }
    };
    for lane in &watch.lanes {
        match fetched.lanes.get(lane) {
            Some(Ok(page)) => page.workflow_runs.iter().for_each(&mut add),
            Some(Err(fault)) => return Err(fault.clone()),
            None => {}
        }
    }
    let others = fetched.others.as_ref().map_err(Clone::clone)?;
    others.iter().filter(|run| watch.holds(run)).for_each(&mut add);
    let mut runs: Vec<wire::Run> = by_id.into_values().collect();
    runs::newest_first(&mut runs);
    let (mut first, rest): (Vec<_>, Vec<_>) =
        runs.into_iter().partition(|r| runs::active(r) || fetched.watched.contains(&r.id));
    let room = KEPT.saturating_sub(first.len());
    first.extend(rest.into_iter().take(room));
    runs::newest_first(&mut first);
    first.truncate(KEPT.max(fetched.watched.len()));
    Ok(first)
}
