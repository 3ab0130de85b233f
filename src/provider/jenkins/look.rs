//! One complete look at one job: its builds, the stages of those that move, and what they wait for.
//!
//! One request tells a job with all its branches and builds; more are spent on builds that run, that are asked for, and
//! on the newest one, whose stages are remembered once it has ended.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use jiff::Timestamp;

use super::api::Api;
use super::bindings::Watch;
use super::inputs::{self, Waiting};
use super::stages::{self, Known, build_state, moment};
use super::{console, reports, wire};
use crate::domain::pipeline::{MayDecide, Review, WaitsFor};
use crate::domain::{
    Ask, Fault, Gate, GateKey, Job, Run, RunKey, RunState, SafeText, ServiceName, Sha, SourceName, TestReport,
};
use crate::provider::http::query;
use crate::provider::services::{Sight, locked, remember};

/// Builds that are kept of a service.
const KEPT: usize = 30;
/// Running builds whose details are asked for in one look.
const DETAILED: usize = 8;
/// Ended builds whose stages and tests are remembered.
const REMEMBERED: usize = 256;

/// What is asked of each build.
const BUILD: &str = "number,url,result,building,timestamp,duration,displayName,actions[_class,remoteUrls,\
                     lastBuiltRevision[SHA1,branch[name]],causes[shortDescription,userId]]";

/// What the input step tells, where it does.
const INPUTS: &str = "executions[id,settled,input[id,message,submitter,parameters[name,type,description,choices,\
                      defaultParameterValue[value]]]]";

/// What one look remembers for the next.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) teller: Known,
    ended: Mutex<BTreeMap<String, Vec<Job>>>,
    reports: Mutex<BTreeMap<String, Option<TestReport>>>,
    /// Ids of every build that was ever seen of a service.
    pub(super) seen: Mutex<BTreeMap<ServiceName, BTreeSet<SafeText>>>,
}

/// What applies to the whole look.
pub(super) struct Looker<'a> {
    pub(super) api: &'a Api,
    pub(super) memory: &'a Memory,
    pub(super) source: &'a SourceName,
    pub(super) identity: Option<SafeText>,
    pub(super) ask: &'a Ask,
    /// Where browsers go: the configured address.
    pub(super) web: &'a str,
}

/// A build with the place where it is.
pub(super) struct Found {
    pub(super) id: SafeText,
    pub(super) branch: Option<SafeText>,
    pub(super) build: wire::Build,
}

/// The builds of a job, newest first, and what its queue says.
pub(super) async fn builds(api: &Api, watch: &Watch) -> Result<(Vec<Found>, Vec<SafeText>), Fault> {
    let tree = format!(
        "name,inQueue,queueItem[why],builds[{BUILD}]{{0,20}},jobs[name,url,inQueue,queueItem[why],builds[{BUILD}]{{0,5}}]{{0,50}}"
    );
    let path = query(&format!("{}/api/json", watch.path), &[("tree", tree.as_str())]);
    listed(&api.get(&path).await?, watch)
}

/// The builds in an answer.
pub(super) fn listed(job: &wire::Job, watch: &Watch) -> Result<(Vec<Found>, Vec<SafeText>), Fault> {
    if job.builds.is_none() && job.jobs.is_none() {
        let fault =
            Fault::new(crate::domain::Cause::Malformed, format!("{}: neither builds nor jobs", watch.name));
        return Err(fault.with_hint("is it a pipeline, or a folder of them?"));
    }
    let mut remarks: Vec<SafeText> = queued(job).into_iter().collect();
    let mut found = Vec::new();
    let mut take = |job: &wire::Job, branch: Option<SafeText>| {
        for build in job.builds.iter().flatten() {
            let id = watch.id_of(build.url.as_ref(), build.number);
            found.push(Found { id, branch: branch.clone(), build: build.clone() });
        }
    };
    take(job, None);
    for child in job.jobs.iter().flatten() {
        // The name of a branch's job is encoded once.
        let name = child.name.as_ref().map(|name| SafeText::new(&decoded(name.as_str())));
        let wanted =
            watch.branch.as_ref().is_none_or(|b| name.as_ref().is_some_and(|name| *name == b.as_str()));
        if wanted && child.builds.is_some() {
            remarks.extend(queued(child));
            take(child, name);
        }
    }
    found.sort_by_key(|found| Reverse((found.build.timestamp, found.build.number)));
    Ok((found, remarks))
}

fn queued(job: &wire::Job) -> Option<SafeText> {
    let why = job.queue_item.as_ref()?.why.as_ref()?;
    let name = job.name.as_ref().map_or("a build", SafeText::as_str);
    job.in_queue.then(|| SafeText::new(&format!("{name} is in the queue: {why}")))
}

/// A percent-encoded name as it was meant; what is no text stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// A build as it is now, with what it waits for.
pub(super) async fn fresh(api: &Api, path: &str) -> Result<(wire::Build, Vec<Waiting>), Fault> {
    let tree = BUILD.replace("_class,", &format!("_class,{INPUTS},"));
    let build: wire::Build = api.get(&query(&format!("{path}/api/json"), &[("tree", tree.as_str())])).await?;
    let waiting = match inputs::told(&build) {
        Some(waiting) => waiting,
        None => {
            let pending: Option<Vec<wire::PendingInput>> =
                api.get_if_there(&format!("{path}/wfapi/pendingInputActions")).await?;
            pending.unwrap_or_default().into_iter().map(inputs::pending).collect()
        }
    };
    Ok((build, waiting))
}

impl Looker<'_> {
    pub(super) async fn service(&self, watch: &Watch) -> Result<Sight, Fault> {
        let (found, remarks) = builds(self.api, watch).await?;
        let asked = self.ask.runs_of(self.source, &watch.service);
        let mut sight = Sight::default();
        sight.pipeline.remarks = remarks;
        let mut detailed = 0;
        let known: BTreeSet<SafeText> = found.iter().map(|found| found.id.clone()).collect();
        for (place, found) in found.iter().take(KEPT).enumerate() {
            let moves = !build_state(&found.build).ended();
            let wanted = asked.contains(&found.id);
            let detail = wanted || place == 0 || (moves && detailed < DETAILED);
            detailed += usize::from(detail && moves);
            self.add(watch, found, (detail, wanted), &mut sight).await?;
        }
        for id in asked.into_iter().filter(|id| !known.contains(*id)) {
            let path = watch.build(id)?;
            let tree = query(&format!("{path}/api/json"), &[("tree", BUILD)]);
            if let Some(build) = self.api.get_if_there::<wire::Build>(&tree).await? {
                let found = Found { id: id.clone(), branch: None, build };
                self.add(watch, &found, (true, true), &mut sight).await?;
            }
        }
        locked(&self.memory.seen).entry(watch.service.clone()).or_default().extend(known);
        Ok(sight)
    }

    async fn add(
        &self,
        watch: &Watch,
        found: &Found,
        (detail, wanted): (bool, bool),
        sight: &mut Sight,
    ) -> Result<(), Fault> {
        let path = watch.build(&found.id)?;
        let ended = build_state(&found.build).ended();
        let jobs = if detail { self.stages(&path, ended).await? } else { Vec::new() };
        // What waits was told a moment later than the list: a build may have ended in between.
        let waiting = if detail && !ended { fresh(self.api, &path).await?.1 } else { Vec::new() };
        let reviews = if wanted { console::reviews(self.api, &path).await? } else { Vec::new() };
        let (source, me, web) = (self.source, self.identity.as_ref(), self.web);
        let about = About { source, me, web, watch, found, path: &path };
        // A stage holds those that wait within it, and stands before them.
        let paused = jobs.iter().rfind(|job| job.state == RunState::WaitingForHuman);
        let since = paused.and_then(|job| job.started);
        sight.gates.extend(waiting.iter().map(|waiting| about.gate(waiting, since)));
        // A stage that is paused waits, also where nobody tells for what.
        let untold = paused.filter(|_| waiting.is_empty() && !ended);
        sight.gates.extend(untold.map(|stage| about.paused(stage)));
        let waits = !waiting.is_empty() || paused.is_some();
        let tests = match detail && (ended || !waiting.is_empty()) {
            true => self.report(&path, ended).await?,
            false => None,
        };
        sight.pipeline.runs.push(Run { jobs, reviews, tests, ..about.run(waits) });
        Ok(())
    }

    async fn stages(&self, path: &str, ended: bool) -> Result<Vec<Job>, Fault> {
        if let Some(known) = locked(&self.memory.ended).get(path).filter(|_| ended) {
            return Ok(known.clone());
        }
        let jobs = stages::of(self.api, &self.memory.teller, path).await?;
        if ended {
            remember(&self.memory.ended, path.to_owned(), jobs.clone(), REMEMBERED);
        }
        Ok(jobs)
    }

    /// The report of a build that has ended, or that waits: what its tests said before is there then.
    async fn report(&self, path: &str, ended: bool) -> Result<Option<TestReport>, Fault> {
        let key = format!("{path} {}", if ended { "ended" } else { "waits" });
        if let Some(known) = locked(&self.memory.reports).get(&key) {
            return Ok(known.clone());
        }
        let report = reports::report(self.api, path).await?;
        remember(&self.memory.reports, key, report.clone(), REMEMBERED);
        Ok(report)
    }
}

/// A build with everything around it.
pub(super) struct About<'a> {
    pub(super) source: &'a SourceName,
    pub(super) me: Option<&'a SafeText>,
    pub(super) web: &'a str,
    pub(super) watch: &'a Watch,
    pub(super) found: &'a Found,
    pub(super) path: &'a str,
}

impl About<'_> {
    fn key(&self) -> RunKey {
        RunKey { source: self.source.clone(), service: self.watch.service.clone(), id: self.found.id.clone() }
    }

    fn url(&self) -> Option<SafeText> {
        let url = format!("{}{}/", self.web, self.path);
        url.starts_with("https://").then(|| SafeText::new(&url))
    }

    pub(super) fn gate(&self, waiting: &Waiting, paused: Option<Timestamp>) -> Gate {
        let build = &self.found.build;
        let (revision, branch) = commit(build, self.watch);
        Gate {
            key: GateKey { run: self.key(), attempt: 1, id: waiting.id.clone() },
            environment: self.watch.environment(&waiting.id, &waiting.message).cloned(),
            title: waiting.message.clone(),
            revision,
            branch: self.found.branch.clone().or(branch),
            run_number: build.number,
            run_title: title(build),
            since: paused.or_else(|| moment(build.timestamp)),
            asked_by: actor(build),
            reviewers: waiting.submitters.clone().unwrap_or_default(),
            may_decide: waiting.may_decide(self.me),
            timer: None,
            waits_for: WaitsFor::Human,
            quorum: None,
            no_reject: None,
            asks: waiting.asks().iter().map(|parameter| parameter.name.clone()).collect(),
            plan: None,
            expires: None,
            url: self.url(),
        }
    }

    /// A stage that waits for something that is not told.
    fn paused(&self, stage: &Job) -> Gate {
        let unknown = Waiting {
            id: SafeText::new(&format!("stage {}", stage.id)),
            message: stage.name.clone(),
            submitters: None,
            parameters: None,
        };
        let why = "Jenkins does not tell what it waits for: look at it there";
        Gate {
            waits_for: WaitsFor::OtherSystem,
            may_decide: MayDecide::No(why.into()),
            ..self.gate(&unknown, stage.started)
        }
    }

    pub(super) fn run(&self, waits: bool) -> Run {
        let build = &self.found.build;
        let (revision, branch) = commit(build, self.watch);
        let state = build_state(build);
        let ended = state.ended();
        let finished = build.timestamp.checked_add(build.duration).filter(|_| ended).and_then(moment);
        Run {
            key: self.key(),
            number: build.number,
            attempt: 1,
            workflow: SafeText::new(&self.watch.name),
            title: title(build),
            revision,
            branch: self.found.branch.clone().or(branch),
            event: cause(build).and_then(|cause| cause.text.clone()).unwrap_or_default(),
            actor: actor(build),
            state: if waits && !ended { RunState::WaitingForHuman } else { state },
            started: moment(build.timestamp),
            updated: finished,
            url: self.url(),
            jobs: Vec::new(),
            reviews: Vec::<Review>::new(),
            tests: None,
        }
    }
}

pub(super) fn title(build: &wire::Build) -> SafeText {
    let number = format!("#{}", build.number);
    // Jenkins' own name for a build is only its number, which is shown anyway.
    let named = build.display_name.clone().filter(|name| !name.is_empty() && *name != number.as_str());
    named.unwrap_or_else(|| SafeText::new(&format!("build {}", build.number)))
}

fn cause(build: &wire::Build) -> Option<&wire::Cause> {
    build.actions.iter().flatten().flat_map(|action| &action.causes).flatten().next()
}

pub(super) fn actor(build: &wire::Build) -> Option<SafeText> {
    cause(build)?.user.clone().filter(|user| !user.is_empty())
}

/// The commit that a build is of. Several are checked out where libraries are: the one whose repository is configured, or
/// named like the job, or the only one. Otherwise it is not known.
pub(super) fn commit(build: &wire::Build, watch: &Watch) -> (Sha, Option<SafeText>) {
    let all: Vec<&wire::Action> =
        build.actions.iter().flatten().filter(|action| action.revision.is_some()).collect();
    let of = |part: &str| {
        let fits = |action: &&&wire::Action| action.remotes.iter().any(|url| url.as_str().contains(part));
        all.iter().find(fits).copied()
    };
    let chosen = match (&watch.remote, all.as_slice()) {
        (Some(remote), _) => of(remote),
        (None, [only]) => Some(*only),
        (None, _) => {
            let name = watch.name.rsplit('/').next().unwrap_or_default();
            of(&format!("/{name}.git")).or_else(|| {
                let ends = |action: &&&wire::Action| {
                    action.remotes.iter().any(|url| url.as_str().ends_with(&format!("/{name}")))
                };
                all.iter().find(ends).copied()
            })
        }
    };
    let revision = chosen.and_then(|action| action.revision.as_ref());
    let sha = revision.and_then(|revision| revision.sha.as_ref()).map_or("", SafeText::as_str);
    let branch = revision.and_then(|revision| revision.branch.first()?.name.as_ref());
    let plain = |name: &SafeText| {
        let name = name.as_str();
        let name = name.strip_prefix("refs/remotes/").unwrap_or(name);
        let name = name.strip_prefix("origin/").unwrap_or(name);
        SafeText::new(name.strip_prefix("refs/tags/").unwrap_or(name))
    };
    (Sha::new(sha), branch.map(plain).filter(|name| *name != "detached"))
}
