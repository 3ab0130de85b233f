//! What the tests of a run said: GitHub knows no results of tests, but workflows upload their reports as artifacts,
//! which are zip archives at a storage host.
//!
//! Spends requests only for the run that would ship and for the newest that has ended of the service that is looked
//! at; each artifact is fetched once. Source: docs.github.com/rest/actions/artifacts.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use glob::{MatchOptions, Pattern};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::bindings::{Project, Watch};
use super::budget::{Spending, spending};
use super::look::Looker;
use super::{forks, logs, runs, wire};
use crate::domain::{Cause, Fault, Retry, SafeText, Settings, TestReport, report};
use crate::provider::archive;
use crate::provider::http::{Allowance, Fetched, query};
use crate::provider::services::{Sight, locked, of_source};

/// Names of artifacts that usually hold reports of tests.
pub(super) const USUAL: [&str; 4] = ["*test*", "*junit*", "*cucumber*", "*report*"];
/// Artifacts of one run that are read.
const ARTIFACTS: usize = 8;
/// The largest artifact that is fetched, in bytes.
const MOST: u64 = 24 * 1024 * 1024;
/// The most bytes that are unpacked of one artifact, all its files together.
const UNPACKED: u64 = 96 * 1024 * 1024;
/// How long the storage host may take: a look waits for it.
const PATIENCE: Duration = Duration::from_secs(12);
/// How often an artifact that cannot be had is asked for.
const TRIES: u32 = 3;
/// Runs and artifacts that are remembered.
const KEPT: usize = 256;

/// An artifact by its id and its digest.
type Identity = (u64, Option<SafeText>);

/// A run that has ended, as it was then: id, attempt, last change.
type Ended = (u64, u64, Option<Timestamp>);

/// What was read already.
#[derive(Default)]
pub(super) struct Reports {
    /// Of runs that have ended.
    runs: Mutex<BTreeMap<Ended, Option<TestReport>>>,
    artifacts: Mutex<BTreeMap<Identity, TestReport>>,
    tries: Mutex<BTreeMap<Identity, u32>>,
    /// Runs whose list was refused: how often, and the remark about it.
    refused: Mutex<BTreeMap<u64, (u32, SafeText)>>,
    /// What this look read already for another service of the project: the look's number, and by run.
    shared: Mutex<(u64, BTreeMap<u64, Option<TestReport>>)>,
}

impl Reports {
    /// What this look has read already of a run.
    fn shared(&self, turn: u64, run: u64) -> Option<Option<TestReport>> {
        let mut shared = locked(&self.shared);
        if shared.0 != turn {
            *shared = (turn, BTreeMap::new());
        }
        shared.1.get(&run).cloned()
    }
}

/// Which artifacts hold reports.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(Vec<Pattern>);

impl Wanted {
    /// Reads the key `reports`; without it the usual names.
    pub(super) fn read(settings: &Settings) -> Result<Self, Fault> {
        let told = settings.list("reports");
        let all: Vec<&str> =
            if told.is_empty() { USUAL.to_vec() } else { told.iter().map(String::as_str).collect() };
        let patterns = all.into_iter().map(|text| {
            Pattern::new(text).map_err(|error| {
                Fault::new(Cause::Local, format!("reports: {text:?} is no pattern: {error}"))
            })
        });
        patterns.collect::<Result<_, _>>().map(Self)
    }

    fn holds(&self, name: &SafeText) -> bool {
        let options = MatchOptions { case_sensitive: false, ..MatchOptions::default() };
        self.0.iter().any(|pattern| pattern.matches_with(name.as_str(), options))
    }
}

impl Looker<'_> {
    /// Adds to the runs of a service what their tests said: to those that were read before, to those that would ship,
    /// and to the newest that has ended if the service is looked at.
    ///
    /// # Errors
    /// A fault of GitHub as a whole. What is wrong with one run's reports is said in them or in a remark.
    pub(super) async fn tests(
        &self,
        watch: &Watch,
        project: &Project,
        runs: &[wire::Run],
        sight: &mut Sight,
    ) -> Result<(), Fault> {
        let mut newest_ended = true;
        for (index, wire) in runs.iter().enumerate() {
            let id = SafeText::new(&wire.id.to_string());
            let Some(at) = sight.pipeline.runs.iter().position(|run| run.key.id == id) else { continue };
            let key = (wire.id, runs::attempt(wire), wire.updated_at);
            let known = locked(&self.memory.reports.runs).get(&key).cloned();
            let ended = !runs::active(wire);
            let report = match known {
                Some(known) => known,
                None if self.worth_it(wire, watch, sight, (index == 0, ended && newest_ended)) => {
                    self.of_run(wire, watch, project, sight).await?
                }
                None => None,
            };
            newest_ended &= !ended;
            if let Some(run) = sight.pipeline.runs.get_mut(at) {
                run.tests = report;
            }
        }
        Ok(())
    }

    /// Whether the reports of a run are worth requests.
    fn worth_it(
        &self,
        wire: &wire::Run,
        watch: &Watch,
        sight: &Sight,
        (newest, newest_ended): (bool, bool),
    ) -> bool {
        // A fork's run that nobody let start has left nothing.
        if forks::held(wire) {
            return false;
        }
        let id = SafeText::new(&wire.id.to_string());
        if sight.gates.iter().any(|gate| gate.key.run.id == id) {
            return true;
        }
        let looked_at = self.ask.focus.as_ref() == Some(&watch.service);
        let ships = sight.live.values().any(|live| live.artifact.revision.as_ref() != Some(&wire.head_sha));
        newest_ended && (looked_at || (newest && ships && spending(self.api.meter()) == Spending::Full))
    }

    /// The reports of one run, remembered once nothing can change them any more.
    async fn of_run(
        &self,
        wire: &wire::Run,
        watch: &Watch,
        project: &Project,
        sight: &mut Sight,
    ) -> Result<Option<TestReport>, Fault> {
        if let Some(shared) = self.memory.reports.shared(self.turn, wire.id) {
            return Ok(shared);
        }
        let refused = locked(&self.memory.reports.refused).get(&wire.id).cloned();
        if let Some((_, remark)) = refused.as_ref().filter(|(times, _)| *times >= TRIES) {
            sight.pipeline.remarks.push(remark.clone());
            return Ok(None);
        }
        match self.told(wire, watch, project).await {
            Ok((report, settled)) => {
                locked(&self.memory.reports.shared).1.insert(wire.id, report.clone());
                if settled && !runs::active(wire) {
                    let mut known = locked(&self.memory.reports.runs);
                    known.insert((wire.id, runs::attempt(wire), wire.updated_at), report.clone());
                    if known.len() > KEPT {
                        known.pop_first();
                    }
                }
                Ok(report)
            }
            Err(fault) if of_source(&fault) => Err(fault),
            Err(fault) => {
                let hint = fault.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                let text = format!("{}: no test results: {}{hint}", runs::called(wire), fault.detail);
                let remark = SafeText::new(&text);
                // What is not there, or not ours to see, is not there at the next look either.
                let final_ = matches!(fault.cause, Cause::NotFound | Cause::Forbidden);
                let times = refused.map_or(1, |(times, _)| times.saturating_add(1));
                let mut all = locked(&self.memory.reports.refused);
                all.insert(wire.id, (if final_ { TRIES } else { times }, remark.clone()));
                if all.len() > KEPT {
                    all.pop_first();
                }
                sight.pipeline.remarks.push(remark);
                Ok(None)
            }
        }
    }

    /// What all reports of a run say together, and whether asking again would change nothing.
    async fn told(
        &self,
        wire: &wire::Run,
        watch: &Watch,
        project: &Project,
    ) -> Result<(Option<TestReport>, bool), Fault> {
        let path = query(&project.run(wire.id, "/artifacts"), &[("per_page", "100")]);
        let page = self.api.get::<wire::Artifacts>(&path).await?;
        let (chosen, mut gaps) = choose(wire, watch, &page.value);
        if page.next.is_some() {
            let total = page.value.total_count.unwrap_or_default();
            gaps.push(format!("only the first 100 of {total} artifacts were looked at"));
        }
        let (mut sum, mut settled, mut some) = (TestReport::default(), true, false);
        for artifact in chosen {
            let report = self.artifact(artifact, project, &mut settled).await?;
            some |= report != TestReport::default();
            sum.add(report);
        }
        for gap in gaps {
            some = true;
            sum.add(TestReport { gap: Some(SafeText::new(&gap)), ..TestReport::default() });
        }
        Ok((some.then_some(sum), settled))
    }

    /// What one artifact says; fetched once.
    async fn artifact(
        &self,
        artifact: &wire::Artifact,
        project: &Project,
        settled: &mut bool,
    ) -> Result<TestReport, Fault> {
        let memory = &self.memory.reports;
        let identity = (artifact.id, artifact.digest.clone());
        if let Some(known) = locked(&memory.artifacts).get(&identity) {
            return Ok(known.clone());
        }
        let gap = |why: &str| TestReport {
            gap: Some(SafeText::new(&format!("artifact {}: {why}", artifact.name))),
            ..TestReport::default()
        };
        let report = match self.fetch(artifact, project).await {
            Ok(Ok(bytes)) => unpack(&bytes, artifact.name.as_str()).unwrap_or_else(|why| gap(&why)),
            Ok(Err(why)) => gap(&why),
            Err(fault) if of_github(&fault) => return Err(fault),
            Err(fault) => {
                let mut tries = locked(&memory.tries);
                let tried = tries.entry(identity.clone()).or_default();
                *tried += 1;
                if *tried < TRIES {
                    *settled = false;
                    return Ok(gap(fault.detail.as_str()));
                }
                tries.remove(&identity);
                gap(fault.detail.as_str())
            }
        };
        let mut artifacts = locked(&memory.artifacts);
        artifacts.insert(identity, report.clone());
        if artifacts.len() > KEPT {
            artifacts.pop_first();
        }
        Ok(report)
    }

    /// The archive, or why it is not read.
    async fn fetch(
        &self,
        artifact: &wire::Artifact,
        project: &Project,
    ) -> Result<Result<Vec<u8>, String>, Fault> {
        let too_large = format!("larger than {} MiB, not read", MOST / (1024 * 1024));
        if artifact.size_in_bytes.is_some_and(|size| size > MOST) {
            return Ok(Err(too_large));
        }
        // The address in the answer is not used: where GitHub keeps an artifact's archive is documented.
        let path = project.path(&format!("/actions/artifacts/{}/zip", artifact.id));
        let domains = if self.stores == logs::Stores::Known { logs::STORES } else { &[] };
        let allowance = Allowance { bytes: MOST, patience: PATIENCE, domains };
        let mut bytes = Vec::new();
        match self.api.elsewhere(&path, allowance, &mut |piece| bytes.extend_from_slice(piece)).await? {
            Fetched::Whole => {}
            Fetched::Part(_) if u64::try_from(bytes.len()).is_ok_and(|size| size >= MOST) => {
                return Ok(Err(too_large));
            }
            Fetched::Part(why) => {
                return Err(Fault::new(Cause::Malformed, format!("not all of it came: {why}")));
            }
            Fetched::Answered(answer) => bytes = answer.body,
        }
        let told = artifact.digest.as_ref().and_then(|digest| digest.as_str().strip_prefix("sha256:"));
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if told.is_some_and(|told| !told.eq_ignore_ascii_case(&sum)) {
            return Ok(Err("what came is not what its digest says, not read".to_owned()));
        }
        Ok(Ok(bytes))
    }
}

/// Whether GitHub itself asks for patience. That its storage host cannot be reached (a proxy may let nobody there) hides
/// reports only.
fn of_github(fault: &Fault) -> bool {
    let limited = fault.cause == Cause::RateLimited && fault.retry != Retry::BackOff;
    limited || fault.cause == Cause::Unauthorized
}

/// The artifacts that are read, and what is said of those that are not. A rerun uploads under the same names: of each
/// name the newest counts.
fn choose<'a>(
    run: &wire::Run,
    watch: &Watch,
    all: &'a wire::Artifacts,
) -> (Vec<&'a wire::Artifact>, Vec<String>) {
    let mut newest: BTreeMap<&SafeText, &wire::Artifact> = BTreeMap::new();
    let mut gaps = Vec::new();
    for artifact in all.artifacts.iter().filter(|artifact| watch.reports.holds(&artifact.name)) {
        let other = artifact.workflow_run.as_ref().and_then(|of| of.head_sha.as_ref());
        if let Some(other) = other.filter(|sha| **sha != run.head_sha.0) {
            gaps.push(format!("artifact {} is of commit {other}: not counted", artifact.name));
            continue;
        }
        let age = |artifact: &wire::Artifact| (artifact.created_at, artifact.id);
        let slot = newest.entry(&artifact.name).or_insert(artifact);
        if age(slot) < age(artifact) {
            *slot = artifact;
        }
    }
    let (expired, fresh): (Vec<_>, Vec<_>) = newest.into_values().partition(|a| a.expired.unwrap_or(false));
    gaps.extend(expired.iter().map(|artifact| format!("artifact {} has expired", artifact.name)));
    if fresh.len() > ARTIFACTS {
        gaps.push(format!("{} of {} artifacts were read", ARTIFACTS, fresh.len()));
    }
    (fresh.into_iter().take(ARTIFACTS).collect(), gaps)
}

/// What the report files in an archive say together.
pub(super) fn unpack(archive: &[u8], name: &str) -> Result<TestReport, String> {
    let mut sum = TestReport::default();
    let mut left = UNPACKED;
    let files = archive::files(archive)?;
    for file in files.iter().filter(|file| is_report(&file.name)) {
        let mut contents = file.open(left)?;
        let read = report::read(&mut contents, &format!("artifact {name}"));
        left = left.saturating_sub(contents.read);
        if let Some(report) = read {
            sum.add(report);
        }
        if left == 0 {
            let gap =
                format!("artifact {name}: more than {} MiB unpacked, not all of it was read", UNPACKED >> 20);
            sum.add(TestReport { gap: Some(SafeText::new(&gap)), ..TestReport::default() });
            break;
        }
    }
    Ok(sum)
}

fn is_report(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default();
    ending.eq_ignore_ascii_case("xml") || ending.eq_ignore_ascii_case("json")
}
