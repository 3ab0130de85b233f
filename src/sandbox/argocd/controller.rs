//! The application controller: reads Git, compares, syncs and heals. Moves only when the world does.

use super::{
    Application, Deployment, Extent, Git, HISTORY, Initiator, Operation, OperationState, Phase, SYNC,
    Surroundings, Sync, SyncWindow, Target,
};
use jiff::SignedDuration;
use serde_json::Value;

/// How an operation says that it has gone well.
pub(super) const SYNCED: &str = "successfully synced (all tasks run)";

/// How often Git is read.
const POLL: SignedDuration = SignedDuration::from_secs(120);
/// How long what differs is left alone before it is put back.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);
const NAMESPACE: &str = "production";

impl Application {
    /// One look at everything.
    pub(super) fn reconcile(&mut self, around: &Surroundings<'_>, host: &str, window: SyncWindow) {
        self.operate(around, host, window);
        if self.due <= around.now {
            self.read(around, host);
        }
        self.compare(around);
        self.begin(around, window);
    }

    /// Reads what Git asks for now.
    fn read(&mut self, around: &Surroundings<'_>, host: &str) {
        let read = match around.git {
            Git::Away => Err(unreachable(host)),
            Git::There => self.manifest(around, None),
        };
        match read {
            Ok(target) => {
                self.target = Some(target);
                self.condition = None;
            }
            Err(why) => {
                self.target = None;
                let since = self.condition.as_ref().map_or(around.now, |(_, _, since)| *since);
                let message = format!("Failed to load target state: {why}");
                self.condition = Some(("ComparisonError", message, since));
            }
        }
        self.due = around.now + POLL;
        self.reconciled = around.now;
        self.touch();
    }

    /// What a revision asks for; of the branch's newest when none is named.
    fn manifest(&self, around: &Surroundings<'_>, revision: Option<&str>) -> Result<Target, String> {
        let manifests = around.manifests;
        let revision = revision.map(str::to_owned).or_else(|| manifests?.tip()).unwrap_or_default();
        let image = manifests.and_then(|manifests| manifests.image_at(&revision, &self.name));
        image.map(|image| Target { revision: revision.clone(), image }).ok_or_else(|| {
            format!(
                "failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = unable to resolve \
                 '{revision}' to a commit SHA"
            )
        })
    }

    /// Compares what runs with what Git asked for.
    fn compare(&mut self, around: &Surroundings<'_>) {
        let live = around.cluster.object("deployments", NAMESPACE, &self.name);
        let image = live.as_ref().and_then(|live| live.pointer("/spec/template/spec/containers/0/image"));
        let image = image.and_then(Value::as_str).unwrap_or_default().to_owned();
        let health = match &live {
            None => ("Missing", String::new()),
            Some(live) => health(&self.name, live),
        };
        let sync = match &self.target {
            None => Sync::Unknown,
            Some(target) if target.image == image => Sync::Synced,
            Some(_) => Sync::OutOfSync,
        };
        self.drifted = (sync == Sync::OutOfSync).then(|| self.drifted.unwrap_or(around.now));
        if (self.sync, &self.health, &self.live) != (sync, &health, &image) {
            (self.sync, self.health, self.live) = (sync, health, image);
            self.reconciled = around.now;
            self.touch();
        }
    }

    /// Begins a sync by itself, where that is allowed and something differs.
    fn begin(&mut self, around: &Surroundings<'_>, window: SyncWindow) {
        let (Some(automated), Some(target)) = (self.automated(), self.target.clone()) else { return };
        if self.operation.is_some() || self.sync != Sync::OutOfSync || window == SyncWindow::Denies {
            return;
        }
        let is = |field: &str| automated.get(field) == Some(&Value::Bool(true));
        let attempted =
            self.state.as_ref().and_then(|state| state.applied.as_ref()) == Some(&target.revision);
        let patient = self.drifted.is_some_and(|since| around.now.duration_since(since) >= PATIENCE);
        let extent = match attempted {
            false => Extent::Full,
            true if is("selfHeal") && patient => Extent::Partial,
            true => return,
        };
        let operation = Operation {
            revision: target.revision.clone(),
            extent,
            prune: is("prune"),
            source: None,
            by: Initiator::Automated,
        };
        self.operation = Some(operation);
        self.state = None;
        self.touch();
        // What it applies was read just now, so that Git is not asked again.
        self.start(around, Ok(target));
    }

    /// Moves what operates.
    fn operate(&mut self, around: &Surroundings<'_>, host: &str, window: SyncWindow) {
        let Some(operation) = self.operation.clone() else { return };
        match self.state.as_ref().map(|state| (state.phase, state.applied.is_some(), state.started)) {
            Some((Phase::Terminating, ..)) => {
                self.end(around, Phase::Failed, "Operation terminated".to_owned());
            }
            Some((_, true, since)) => {
                if around.now.duration_since(since) >= SYNC {
                    self.end(around, Phase::Succeeded, SYNCED.to_owned());
                }
            }
            _ if window == SyncWindow::Denies => {
                if self.state.is_none() {
                    self.touch();
                }
                self.state = self.running(around, "Sync operation blocked by sync window");
            }
            _ => {
                let read = match around.git {
                    Git::Away => Err(unreachable(host)),
                    Git::There => self.manifest(around, Some(&operation.revision)),
                };
                self.start(around, read);
            }
        }
    }

    /// The state of what begins now, or has waited.
    fn running(&self, around: &Surroundings<'_>, message: &str) -> Option<OperationState> {
        let operation = self.operation.clone()?;
        let started = self.state.as_ref().map_or(around.now, |state| state.started);
        let message = message.to_owned();
        Some(OperationState {
            operation,
            phase: Phase::Running,
            message,
            started,
            finished: None,
            applied: None,
        })
    }

    /// Applies what was read.
    fn start(&mut self, around: &Surroundings<'_>, read: Result<Target, String>) {
        let Some(mut state) = self.running(around, "waiting for completion of hook and sync tasks") else {
            return;
        };
        state.started = around.now;
        match read {
            Ok(target) => {
                if state.operation.extent != Extent::Dry {
                    around.cluster.apply_image(NAMESPACE, &self.name, &self.name, &target.image);
                }
                state.applied = Some(target.revision);
                self.state = Some(state);
                self.touch();
            }
            Err(why) => {
                self.state = Some(state);
                let message = format!("ComparisonError: Failed to load target state: {why}");
                self.end(around, Phase::Error, message);
            }
        }
    }

    /// Ends what operates, and has Git read again.
    fn end(&mut self, around: &Surroundings<'_>, phase: Phase, message: String) {
        self.operation = None;
        self.due = around.now;
        self.touch();
        let Some(state) = &mut self.state else { return };
        (state.phase, state.message, state.finished) = (phase, message, Some(around.now));
        let state = state.clone();
        let Some(revision) = state.applied.filter(|_| phase == Phase::Succeeded) else { return };
        if state.operation.extent != Extent::Full {
            return;
        }
        let id = self.history.last().map_or(0, |last| last.id + 1);
        let source = state.operation.source.unwrap_or_else(|| self.source());
        let (started, finished, by) = (state.started, around.now, state.operation.by);
        self.history.push(Deployment { id, revision, started, finished, source, by });
        let surplus = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..surplus);
    }
}

/// What the controller makes of a Deployment's status: its pods are not asked.
fn health(name: &str, live: &Value) -> (&'static str, String) {
    let number = |path: &str| live.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    let count = |field: &str| number(&format!("/status/{field}"));
    let (wanted, updated) = (number("/spec/replicas"), count("updatedReplicas"));
    let (all, available) = (count("replicas"), count("availableReplicas"));
    let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
    let late = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.get("reason").and_then(Value::as_str) == Some("ProgressDeadlineExceeded"));
    let waiting = |what: String| ("Progressing", format!("Waiting for rollout to finish: {what}"));
    match () {
        () if live.pointer("/spec/paused") == Some(&Value::Bool(true)) => {
            ("Suspended", "Deployment is paused".to_owned())
        }
        () if number("/metadata/generation") > count("observedGeneration") => {
            waiting("observed deployment generation less than desired generation".to_owned())
        }
        () if late => ("Degraded", format!("Deployment \"{name}\" exceeded its progress deadline")),
        () if updated < wanted => {
            waiting(format!("{updated} out of {wanted} new replicas have been updated..."))
        }
        () if all > updated => waiting(format!("{} old replicas are pending termination...", all - updated)),
        () if available < updated => {
            waiting(format!("{available} of {updated} updated replicas are available..."))
        }
        () => ("Healthy", String::new()),
    }
}

/// How Git's being away looks.
fn unreachable(host: &str) -> String {
    format!(
        "failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = failed to list refs: {}",
        refused(host)
    )
}

/// What a connection to a server says that takes none.
pub(super) fn refused(host: &str) -> String {
    format!(
        "Get \"http://{host}/deploys.git/info/refs?service=git-upload-pack\": dial tcp {host}: connect: connection \
         refused"
    )
}
