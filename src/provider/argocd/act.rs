//! Going back by the history, holding, releasing: a fresh look, and the very requests.

use std::time::Duration;

use serde_json::{Value, json};

use super::patch::Writing;
use super::state::{Auto, blind, held, made_by, told};
use super::{ArgoCd, Watch, local, read, wire};
use crate::domain::gitops::{AUTO_SYNC, OperationState};
use crate::domain::{
    Application, Artifact, Basis, Cause, Difference, Fault, Guard, Hazard, Intent, Permission, Prepared,
    Promise, Receipt, SafeText, Severity, Sha, Step, Sync, Target, Verb,
};

/// How long a sync may take until what it started is at rest.
const SYNC: Duration = Duration::from_secs(5 * 60);
/// How long a switch may take to show.
const SWITCH: Duration = Duration::from_secs(60);

/// An Application as it is now, and what is known around it.
struct Fresh<'a> {
    watch: &'a Watch,
    raw: Value,
    app: wire::Application,
    told: Application,
    auto: Auto,
    identity: Option<SafeText>,
}

impl Fresh<'_> {
    fn block(&self) -> Option<&Value> {
        self.app.spec.automated()
    }

    fn writing<'a>(&'a self, source: &'a crate::domain::SourceName) -> Writing<'a> {
        Writing {
            source,
            watch: self.watch,
            raw: &self.raw,
            uid: &self.app.metadata.uid,
            blind: blind(&self.app),
        }
    }

    /// What every request rests on.
    fn basis(&self) -> Vec<Basis> {
        let block = self.block().map_or_else(|| "off".to_owned(), Value::to_string);
        vec![
            Basis::new("application uid", &self.app.metadata.uid),
            Basis::new("project", self.app.spec.project.as_str()),
            Basis::new(AUTO_SYNC, block),
            Basis::new("auto-sync kept", held(&self.app).map_or("", String::as_str)),
            Basis::new("Argo CD reads Git", if blind(&self.app) { "no" } else { "yes" }),
        ]
    }

    fn guard(&self) -> Guard {
        if blind(&self.app) {
            Guard::LookAgain(
                "Argo CD cannot read Git and so checks no patch: the whole Application is written, over what somebody \
                 changes within that moment"
                    .into(),
            )
        } else {
            Guard::Server("JSON-Patch test of the Application's uid and of its auto-sync".into())
        }
    }

    /// Who would put a switch of auto-sync back.
    fn undone(&self) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        if let Some(set) = made_by(&self.app) {
            hazards.push(Hazard::new(
                Severity::Blocking,
                format!(
                    "the ApplicationSet {set} writes this Application and switches auto-sync on again; hold it there"
                ),
            ));
        }
        let annotations = self.app.metadata.annotations.as_ref();
        let parent = annotations.and_then(|all| all.get("argocd.argoproj.io/tracking-id"));
        if let Some(parent) = parent.filter(|id| id.contains(":argoproj.io/Application:")) {
            let parent = parent.split(':').next().unwrap_or_default();
            hazards.push(Hazard::new(
                Severity::Warning,
                format!(
                    "the Application {parent} keeps this one as Git says and may switch auto-sync on again"
                ),
            ));
        }
        hazards
    }
}

impl ArgoCd {
    pub(super) async fn ready(&self, intent: &Intent) -> Result<Prepared, Fault> {
        let watch = self.watch(intent)?;
        match (intent.verb, &intent.target) {
            (Verb::RollBack, Target::Deployed { id, revision }) => {
                self.roll_back(self.fresh(watch).await?, *id, revision).await
            }
            (Verb::Hold, Target::Application) => self.hold(self.fresh(watch).await?).await,
            (Verb::Release, Target::Application) => self.release(self.fresh(watch).await?).await,
            (verb, _) => {
                let text = format!("source {} (Argo CD) cannot {} this", self.source, verb.word());
                Err(Fault::new(Cause::Refused, text)
                    .with_hint("Argo CD goes back by its history, and is held and released"))
            }
        }
    }

    async fn fresh<'a>(&self, watch: &'a Watch) -> Result<Fresh<'a>, Fault> {
        let (raw, identity) = tokio::try_join!(self.raw(watch, &[]), self.identity())?;
        let app = read(&raw, watch)?;
        if app.metadata.uid.is_empty() {
            return Err(Fault::new(Cause::Malformed, "field metadata.uid: missing"));
        }
        if app.metadata.deletion_timestamp.is_some() {
            let text = format!("the Application {} is being deleted", watch.application);
            return Err(Fault::new(Cause::Refused, text));
        }
        let (told, auto) = (told(&app, &self.address), Auto::of(&app.spec));
        Ok(Fresh { watch, raw, app, told, auto, identity })
    }

    async fn permission(&self, fresh: &Fresh<'_>, actions: &[&str]) -> Permission {
        let mut all = Permission::Granted;
        for action in actions {
            match self.may(&fresh.app, action).await {
                Some(true) => {}
                Some(false) => {
                    return Permission::Denied(SafeText::new(&format!(
                        "the account may not {action} the Application {} of project {}",
                        fresh.watch.application, fresh.app.spec.project
                    )));
                }
                None => all = Permission::Untold,
            }
        }
        all
    }

    async fn roll_back(&self, fresh: Fresh<'_>, id: u64, revision: &Sha) -> Result<Prepared, Fault> {
        let entry = fresh.told.history.iter().find(|entry| entry.id == id);
        if entry.is_none_or(|entry| &entry.revision != revision) {
            let text = format!(
                "the history of {} no longer has {revision} under the number {id}",
                fresh.watch.application
            );
            return Err(Fault::new(Cause::Moved, text).with_hint("choose another revision, or revert in Git"));
        }
        let mut body = json!({"name": fresh.watch.application, "id": id, "prune": false, "dryRun": false});
        fresh.watch.named(&mut body);
        let back = Step {
            source: self.source.clone(),
            method: "POST".to_owned(),
            path: fresh.watch.bare("/rollback"),
            content_type: Some("application/json".to_owned()),
            body: Some(body.to_string()),
            effect: SafeText::new(&format!("applies {revision} anew, as history {id} had it")),
        };
        let block = fresh.block().filter(|_| fresh.auto.on());
        let (steps, actions): (Vec<Step>, &[&str]) = match block {
            Some(block) => (vec![fresh.writing(&self.source).hold(block), back], &["update", "sync"]),
            None => (vec![back], &["sync"]),
        };
        let permission = self.permission(&fresh, actions).await;
        let newest = fresh.told.history.first();
        let operation = fresh.told.operation.as_ref();
        let promise = Promise::Synced {
            revision: revision.clone(),
            after: newest.map(|entry| entry.id),
            operation: operation.and_then(|operation| operation.began),
        };
        let mut basis = fresh.basis();
        basis.push(Basis::new(&format!("history {id}"), revision.as_str()));
        basis
            .push(Basis::new("newest of the history", newest.map_or_else(String::new, |n| n.id.to_string())));
        let now = newest.map(|entry| &entry.revision);
        let mut differences = vec![Difference {
            what: "revision that is applied".into(),
            old: SafeText::new(now.map_or("", Sha::short)),
            new: SafeText::new(revision.short()),
        }];
        differences.extend(block.map(|block| switched(block, &Value::Null)));
        let commit = |sha: &Sha| Artifact { revision: Some(sha.clone()), ..Artifact::default() };
        Ok(Prepared {
            basis,
            steps,
            from: now.map(commit),
            to: Some(commit(revision)),
            differences,
            hazards: self.hazards_back(&fresh, revision).await,
            permission,
            way_back: Some("release it: what Git says is applied again".into()),
            identity: fresh.identity.clone(),
            ..Prepared::of(
                Guard::LookAgain(
                    "Argo CD checks that auto-sync is off, that nothing else is under way and that its history has the \
                     number; what somebody applies within that moment is not known"
                        .into(),
                ),
                promise,
                SYNC,
            )
        })
    }

    async fn hazards_back(&self, fresh: &Fresh<'_>, revision: &Sha) -> Vec<Hazard> {
        let mut hazards = Vec::new();
        let mut say = |severity, text: String| hazards.push(Hazard::new(severity, text));
        let busy = fresh.told.operation.as_ref().is_some_and(|o| o.state == OperationState::Running);
        if busy || fresh.app.operation.as_ref().is_some_and(|operation| !operation.is_null()) {
            say(Severity::Blocking, "another operation is under way: Argo CD takes no second one".to_owned());
        }
        if fresh.told.history.first().is_some_and(|newest| &newest.revision == revision) {
            say(Severity::Blocking, format!("{revision} is what was applied last: nothing would change"));
        }
        if fresh.auto.on() {
            say(
                Severity::Warning,
                "auto-sync is switched off first and stays off until you release it; revert in Git before you do"
                    .to_owned(),
            );
        } else {
            say(
                Severity::Warning,
                "Git still asks for what runs now: the next sync brings it back; revert it there too"
                    .to_owned(),
            );
        }
        if blind(&fresh.app) {
            say(
                Severity::Warning,
                format!("Argo CD cannot read Git now: whether it can still render {revision} is not known"),
            );
        }
        let windows: Result<wire::SyncWindows, Fault> =
            self.api.get(&fresh.watch.path("/syncwindows", &[])).await;
        match windows {
            Ok(windows) if windows.can_sync == Some(false) => {
                say(Severity::Blocking, "a sync window forbids it now".to_owned());
            }
            Ok(_) => {}
            Err(fault) => {
                say(Severity::Note, format!("whether a sync window forbids it is not known: {fault}"))
            }
        }
        if fresh.auto.on() {
            hazards.extend(fresh.undone());
        }
        hazards.push(Hazard::new(
            Severity::Note,
            "resources that came since are left as they are: nothing is pruned",
        ));
        hazards
    }

    async fn hold(&self, fresh: Fresh<'_>) -> Result<Prepared, Fault> {
        let Some(block) = fresh.block().filter(|_| fresh.auto.on()) else {
            let text = format!("auto-sync of {} is off already", fresh.watch.application);
            return Err(Fault::new(Cause::Moved, text));
        };
        let permission = self.permission(&fresh, &["update"]).await;
        let mut hazards = fresh.undone();
        hazards.push(Hazard::new(
            Severity::Note,
            "what comes into Git meanwhile is not applied, by nobody, until it is released",
        ));
        Ok(Prepared {
            basis: fresh.basis(),
            steps: vec![fresh.writing(&self.source).hold(block)],
            differences: vec![switched(block, &Value::Null)],
            hazards,
            permission,
            way_back: Some("release it".into()),
            identity: fresh.identity.clone(),
            ..Prepared::of(fresh.guard(), Promise::Held, SWITCH)
        })
    }

    async fn release(&self, fresh: Fresh<'_>) -> Result<Prepared, Fault> {
        let writing = fresh.writing(&self.source);
        let (step, before, after) = match (fresh.auto, fresh.block(), held(&fresh.app)) {
            (Auto::SwitchedOff, Some(block), _) => {
                (writing.enable(block), block.clone(), Value::String("enabled".to_owned()))
            }
            (Auto::Absent, _, Some(kept)) => {
                let block: Value =
                    serde_json::from_str(kept).ok().filter(Value::is_object).ok_or_else(|| {
                        Fault::new(Cause::Malformed, "the annotation does not hold what auto-sync was")
                            .with_hint("set syncPolicy.automated in its manifest")
                    })?;
                (writing.release(&block, kept), Value::Null, block)
            }
            (Auto::Absent | Auto::SwitchedOff, ..) => {
                let text = format!(
                    "auto-sync of {} was not switched off here: what it was is not known",
                    fresh.watch.application
                );
                return Err(Fault::new(Cause::Refused, text)
                    .with_hint("sync it by hand, or set syncPolicy.automated in its manifest"));
            }
            (Auto::Heals | Auto::Follows, ..) => {
                let text = format!("auto-sync of {} is on already", fresh.watch.application);
                return Err(Fault::new(Cause::Moved, text));
            }
        };
        let permission = self.permission(&fresh, &["update"]).await;
        Ok(Prepared {
            basis: fresh.basis(),
            steps: vec![step],
            differences: vec![switched(&before, &after)],
            hazards: hazards_of_release(&fresh),
            permission,
            way_back: Some("hold it again".into()),
            identity: fresh.identity.clone(),
            ..Prepared::of(fresh.guard(), Promise::Released, SWITCH)
        })
    }

    pub(super) async fn carry_out(&self, step: &Step) -> Result<Receipt, Fault> {
        if step.source != self.source {
            return Err(local(format!("this step is for {}, not for {}", step.source, self.source)));
        }
        if !step.path.starts_with("/api/v1/applications/") {
            return Err(local(format!("{} is no path of Argo CD's Applications", step.path)));
        }
        let answer = self.api.send(step).await?;
        let app: wire::Application = answer.json()?;
        let says = match (app.operation.is_some(), Auto::of(&app.spec).on()) {
            (true, _) => "the operation is taken in",
            (false, true) => "auto-sync is on",
            (false, false) => "auto-sync is off",
        };
        Ok(Receipt { status: answer.status, says: says.into() })
    }
}

/// What a release applies over what was changed by hand.
fn hazards_of_release(fresh: &Fresh<'_>) -> Vec<Hazard> {
    let mut hazards = fresh.undone();
    let target = fresh.app.status.sync.as_ref().and_then(|sync| sync.revision.clone());
    let at = target.map(|sha| format!(" ({})", Sha::new(sha.as_str()))).unwrap_or_default();
    match &fresh.told.sync {
        Sync::Synced => {}
        Sync::OutOfSync(what) => hazards.push(Hazard::new(
            Severity::Warning,
            format!("what Git says{at} is applied at once over what runs: {what}"),
        )),
        Sync::Unknown(why) => hazards.push(Hazard::new(
            Severity::Warning,
            format!(
                "what would be applied is not known ({why}): it is whatever Git says once it can be read"
            ),
        )),
    }
    hazards
}

fn switched(before: &Value, after: &Value) -> Difference {
    let word = |value: &Value| match value {
        Value::Null => SafeText::new("off"),
        Value::String(text) => SafeText::new(text),
        block => SafeText::new(&block.to_string()),
    };
    Difference { what: "auto-sync".into(), old: word(before), new: word(after) }
}
