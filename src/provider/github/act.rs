//! Rerun, cancel, and sending what was prepared.

use std::time::Duration;

use super::bindings::{Project, Watch};
use super::runs::{active, attempt, called, moved, started_again};
use super::{GitHub, Groups, forks, lanes, wire};
use crate::domain::time::ago;
use crate::domain::{
    Basis, Cause, Decision, Difference, Fault, Guard, Hazard, Intent, Prepared, Promise, Receipt, RunKey,
    SafeText, Severity, Sha, Step, Target, Verb,
};
use crate::provider::http::{Answer, segment};

/// How long anything but a review may take to show.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

/// For how long after its first attempt a run can be run again.
const RERUNNABLE: Duration = Duration::from_secs(30 * 86_400);

impl GitHub {
    /// A fresh look for an intent.
    pub(super) async fn ready(&self, intent: &Intent) -> Result<Prepared, Fault> {
        match (intent.verb, &intent.target) {
            (Verb::Approve, Target::Gate(key)) if key.id == forks::ID => self.let_start(intent, key).await,
            (Verb::Approve, Target::Gate(key)) => self.decide(intent, key, Decision::Approved).await,
            (Verb::Reject, Target::Gate(key)) => self.decide(intent, key, Decision::Rejected).await,
            (Verb::Rerun, Target::Run(key)) => self.rerun(intent, key).await,
            (Verb::Cancel, Target::Run(key)) => self.cancel(intent, key).await,
            (Verb::Promote, Target::Dispatch(artifact)) => self.dispatch(intent, artifact).await,
            (verb, _) => {
                let text = format!("source {} (GitHub) cannot {} this", self.source, verb.word());
                Err(Fault::new(Cause::Refused, text)
                    .with_hint("GitHub approves, rejects, reruns, cancels, and starts workflows"))
            }
        }
    }

    /// A run as it is now, and whose it is.
    pub(super) async fn fresh_run(&self, key: &RunKey) -> Result<(&Watch, wire::Run), Fault> {
        let watch = self.watch(&key.service)?;
        let id: u64 =
            key.id.as_str().parse().map_err(|_| {
                Fault::new(Cause::Local, format!("{} is not the id of a run at GitHub", key.id))
            })?;
        let run: wire::Run = self.api.fresh(&watch.project.run(id, "")).await?;
        if run.id != id {
            let text = format!("`id`: asked for run {id}, GitHub answered with run {}", run.id);
            return Err(Fault::new(Cause::Malformed, text));
        }
        Ok((watch, run))
    }

    /// The commit that a branch (`heads`) or tag (`tags`) names now; none if there is no such, or not for us.
    pub(super) async fn tip(&self, project: &Project, kind: &str, name: &str) -> Result<Option<Sha>, Fault> {
        let escaped: Vec<String> = name.split('/').map(segment).collect();
        let path = project.path(&format!("/git/ref/{kind}/{}", escaped.join("/")));
        let Some(found) = self.api.fresh_if_told::<wire::GitRef>(&path).await? else { return Ok(None) };
        if found.object.kind.as_ref().is_none_or(|k| k != "tag") {
            return Ok(Some(found.object.sha));
        }
        // An annotated tag names the commit in an object of its own.
        let path = project.path(&format!("/git/tags/{}", found.object.sha.as_str()));
        Ok(self.api.fresh_if_told::<wire::GitRef>(&path).await?.map(|tag| tag.object.sha))
    }

    async fn rerun(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let (watch, run) = self.fresh_run(key).await?;
        let identity = self.identity().await?;
        self.memory.watch(&watch.project, run.id);
        let below = rerun_path(&run)?;
        let mut hazards = vec![Hazard::new(
            Severity::Note,
            "a rerun keeps commit, workflow file and the first starter's rights; its gates are asked anew",
        )];
        if let (Some(created), Some(now)) = (run.created_at, self.api.meter().date)
            && ago(now, created) > RERUNNABLE
        {
            hazards.push(Hazard::new(
                Severity::Blocking,
                "the run is older than 30 days: GitHub does not run it again; start a new one",
            ));
        }
        for newer in self.newer_runs(&watch.project, &run).await?.iter().take(3) {
            let text = format!(
                "newer {} of the same workflow exists: this runs an older commit again",
                called(newer)
            );
            hazards.push(Hazard::new(Severity::Warning, text));
        }
        let next = attempt(&run).saturating_add(1);
        let ended = run.conclusion.clone().unwrap_or_default();
        let mut basis = run_basis(&run);
        basis.push(Basis::new("conclusion", &ended));
        let guard = Guard::LookAgain(
            "GitHub refuses while the run is under way; a rerun by somebody else that has ended again in the \
             meantime is not noticed"
                .into(),
        );
        let effect = format!("runs the failed jobs of {} again, and those that need them", called(&run));
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, watch.project.run(run.id, below), None, &effect)],
            differences: vec![difference(&run, "attempt", &attempt(&run).to_string(), &next.to_string())],
            hazards,
            way_back: Some("cancel the run".into()),
            identity,
            ..Prepared::of(guard, Promise::Attempt { run: key.clone(), attempt: next }, DEADLINE)
        })
    }

    async fn cancel(&self, intent: &Intent, key: &RunKey) -> Result<Prepared, Fault> {
        let (watch, run) = self.fresh_run(key).await?;
        let identity = self.identity().await?;
        self.memory.watch(&watch.project, run.id);
        if !active(&run) {
            let word = run.conclusion.clone().unwrap_or_else(|| "no conclusion".into());
            let text = format!("{} has already ended: {word}{}", called(&run), moved(&run));
            return Err(Fault::new(Cause::Moved, text));
        }
        let mut hazards = Vec::new();
        if run.status == "in_progress" {
            hazards.push(Hazard::new(
                Severity::Warning,
                "jobs stop in the middle: what they were deploying may be left half done; steps with always() still run",
            ));
        }
        let mut basis = run_basis(&run);
        basis.push(Basis::new("ended", "no"));
        // What waits is stopped without harm. Once it is let go it deploys, and stopping it is another thing.
        let waits = run.status == "waiting";
        basis.push(Basis::new("waits", if waits { "yes" } else { "no" }));
        if waits {
            let lanes = self.held_lanes(&watch.project, &run).await?;
            basis.extend(lanes.iter().map(|group| Basis::new("holds the lane", group)));
            hazards.extend(self.frees(&watch.project, &run, &lanes).await?);
        }
        let guard = Guard::Server("GitHub answers 409 and does nothing if the run has ended by then".into());
        let effect = format!("cancels {}: running jobs stop, waiting ones never start", called(&run));
        Ok(Prepared {
            basis,
            steps: vec![Step::post(intent, watch.project.run(run.id, "/cancel"), None, &effect)],
            differences: vec![difference(&run, "state", "under way", "cancelled")],
            hazards,
            way_back: Some("run the cancelled jobs again".into()),
            identity,
            ..Prepared::of(guard, Promise::Ended { run: key.clone() }, DEADLINE)
        })
    }

    /// The concurrency groups that a run holds now, where GitHub tells.
    async fn held_lanes(&self, project: &Project, run: &wire::Run) -> Result<Vec<SafeText>, Fault> {
        if self.groups == Groups::Untold {
            return Ok(Vec::new());
        }
        let path = lanes::groups_path(project, run.id);
        let groups = self.api.fresh_if_told::<wire::RunGroups>(&path).await?;
        Ok(groups.map_or(Vec::new(), |groups| lanes::held(&groups, run.id)))
    }

    /// What begins when a run that waits goes away.
    async fn frees(
        &self,
        project: &Project,
        run: &wire::Run,
        lanes: &[SafeText],
    ) -> Result<Option<Hazard>, Fault> {
        let newer = self.newer_runs(project, run).await?;
        let Some(next) = newer.iter().find(|other| other.status == "pending") else { return Ok(None) };
        let text = match lanes.first() {
            Some(group) => {
                format!("frees the lane {group}: {} begins as soon as this run has ended", called(next))
            }
            None => format!("{} is pending behind it, and begins if this run held its lane", called(next)),
        };
        Ok(Some(Hazard::new(Severity::Note, text)))
    }

    /// Sends a step and tells what GitHub says.
    pub(super) async fn carry_out(&self, step: &Step) -> Result<Receipt, Fault> {
        let answer = self.api.send(step).await?;
        Ok(Receipt { status: answer.status, says: says(step, &answer) })
    }
}

/// How a run is run again.
fn rerun_path(run: &wire::Run) -> Result<&'static str, Fault> {
    if active(run) {
        let text = format!("{} is still {}{}", called(run), run.status, started_again(run));
        return Err(Fault::new(Cause::Refused, text).with_hint("wait for its end, or cancel it first"));
    }
    let refuse = |why: &str| Err(Fault::new(Cause::Refused, format!("{}: {why}", called(run))));
    match run.conclusion.as_ref().map(SafeText::as_str) {
        Some("success" | "neutral" | "skipped") => refuse("nothing in it failed"),
        Some("action_required") => refuse("it waits for a maintainer to let a fork's workflow start"),
        // No job ever began: there is none to pick.
        Some("startup_failure") => Ok("/rerun"),
        _ => Ok("/rerun-failed-jobs"),
    }
}

/// What every act on a run rests on.
pub(super) fn run_basis(run: &wire::Run) -> Vec<Basis> {
    vec![
        Basis::new("run", run.id.to_string()),
        Basis::new("run attempt", attempt(run).to_string()),
        Basis::new("commit", run.head_sha.as_str()),
    ]
}

fn difference(run: &wire::Run, what: &str, old: &str, new: &str) -> Difference {
    Difference {
        what: SafeText::new(&format!("{what} of {}", called(run))),
        old: old.into(),
        new: new.into(),
    }
}

/// A step's answer in one line.
fn says(step: &Step, answer: &Answer) -> SafeText {
    let (above, last) = step.path.rsplit_once('/').unwrap_or(("", &step.path));
    let run = above.rsplit('/').next().unwrap_or_default();
    let line = match last {
        "dispatches" => match answer.json::<wire::Dispatched>() {
            Ok(told) => format!("run {} requested", told.workflow_run_id),
            Err(_) => "run requested; its id is not told".to_owned(),
        },
        "approve" => format!("run {run} may start"),
        "cancel" => format!("cancelling run {run} requested"),
        "rerun" | "rerun-failed-jobs" => format!("rerun of run {run} requested"),
        "pending_deployments" => {
            let count = answer.json::<Vec<serde_json::Value>>().map_or(0, |all| all.len());
            format!("review of run {run} recorded, {count} deployments named")
        }
        _ => format!("answered {}", answer.status),
    };
    SafeText::new(&line)
}
