//! Roll back by history, hold and release: a fresh look, and the very requests.

use std::time::Duration;

use serde_json::{Value, json};

use super::bindings::Watch;
use super::wire::{App, Automated, Source, Version, Windows};
use super::{ArgoCd, Read, hazard, patch, read};
use crate::domain::gitops::AUTO_SYNC;
use crate::domain::{
    Application, Artifact, Basis, Cause, Difference, Fault, Guard, Hazard, Intent, Permission, Prepared,
    Promise, Receipt, SafeText, Severity, Sha, Step, Sync, Target, Verb,
};
use crate::provider::examine::Finding;
use crate::provider::http::query;

/// How long a sync and the rollout after it may take.
const DEADLINE: Duration = Duration::from_secs(600);
/// How long a switch may take to show.
const SWITCH: Duration = Duration::from_secs(60);
const JSON: &str = "application/json";
const PATCHED: &str = "JSON-Patch tests of uid and of the auto-sync that was shown; if Argo CD's own write conflicts, it \
                       writes again without them";

/// An application as it is now.
struct Fresh<'a> {
    watch: &'a Watch,
    app: App,
    /// The specification with everything that we know nothing about.
    spec: Value,
    told: Application,
    /// Whether Argo CD read Git again for it.
    read: Read,
    windows: Option<Windows>,
    me: Option<SafeText>,
}

impl ArgoCd {
    pub(super) async fn ready(&self, intent: &Intent) -> Result<Prepared, Fault> {
        let watch = self.watch(intent)?;
        let me = self.me().await?;
        // Git may have gone since Argo CD read it last: what it then refuses is to be known before.
        let (answer, read) = self.answered(watch, Read::Anew).await?;
        let app: App = answer.json()?;
        let spec = answer.json::<Value>()?.get("spec").cloned().unwrap_or_default();
        let told = read::application(watch, &app, self.api.root())?;
        let windows = match self.api.get::<Windows>(&watch.windows()).await {
            Ok(windows) => Some(windows),
            Err(fault) if matches!(fault.cause, Cause::NotFound | Cause::Forbidden) => None,
            Err(fault) => return Err(fault),
        };
        let fresh = Fresh { watch, app, spec, told, read, windows, me };
        let mut prepared = match (intent.verb, &intent.target) {
            (Verb::RollBack, Target::Deployed { id, revision }) => fresh.roll_back(intent, *id, revision)?,
            (Verb::Hold, Target::Application) => fresh.hold(intent)?,
            (Verb::Release, Target::Application) => fresh.release(intent)?,
            (verb, _) => {
                let text = format!("Argo CD cannot do this here: {}", verb.word());
                return Err(Fault::new(Cause::Refused, text));
            }
        };
        prepared.permission = self.permission(&fresh, &prepared.steps).await;
        prepared.hazards.sort_by_key(|h| std::cmp::Reverse(h.severity));
        Ok(prepared)
    }

    /// Whether we may do each of the steps.
    async fn permission(&self, fresh: &Fresh<'_>, steps: &[Step]) -> Permission {
        let application = fresh.rights();
        let mut all = Permission::Granted;
        for step in steps {
            let may = match step.method.as_str() {
                "PATCH" | "PUT" => self.api.may("update", &application).await,
                // A right of its own, where the server is told so; those that do not know it ask for `sync`.
                _ => match self.api.may("rollback", &application).await {
                    Permission::Untold => self.api.may("sync", &application).await,
                    told => told,
                },
            };
            match may {
                Permission::Granted => {}
                Permission::Denied(why) => return Permission::Denied(why),
                Permission::Untold => all = Permission::Untold,
            }
        }
        all
    }

    pub(super) async fn carry_out(&self, step: &Step) -> Result<Receipt, Fault> {
        if step.source != self.source {
            return Err(Fault::new(Cause::Local, format!("this step is for {}", step.source)));
        }
        let answer = self.api.send(step).await?;
        if step.method == "PUT" {
            let spec: Value = answer.json().map_err(Fault::perhaps_applied)?;
            if spec.get("destination").is_none() {
                let text = "the answer to a specification is none";
                return Err(Fault::new(Cause::Malformed, text).perhaps_applied());
            }
            return Ok(Receipt { status: answer.status, says: "the specification is taken".into() });
        }
        // What answers with something else than an application stands in Argo CD's place.
        let app: App = answer.json().map_err(Fault::perhaps_applied)?;
        let says =
            format!("application {}, auto-sync {}", app.metadata.name, patch::words(read::block(&app)));
        Ok(Receipt { status: answer.status, says: SafeText::new(&says) })
    }

    /// Who we are there, and what we may.
    pub(super) async fn rights(&self) -> Vec<Finding> {
        const MEND: &str = "argocd account can-i update applications 'PROJECT/NAME'";
        let mut findings = Vec::new();
        match self.api.get::<Version>("/api/version").await {
            Ok(version) => findings.push(Finding::well("version", format!("Argo CD {}", version.version))),
            Err(fault) => findings.push(Finding::worth("version", fault.to_string(), "curl URL/api/version")),
        }
        match self.me().await {
            Ok(Some(me)) => findings.push(Finding::well("identity", me.as_str())),
            Ok(None) => findings.push(Finding::ill(
                "identity",
                "Argo CD does not know this token",
                "argocd account generate-token",
            )),
            Err(fault) => {
                findings.push(Finding::ill("identity", fault.to_string(), "argocd account generate-token"));
            }
        }
        for watch in &self.watches {
            let Ok(app) = self.api.get::<App>(&watch.path()).await else { continue };
            let rights = rights(watch, &app);
            for action in ["update", "sync"] {
                findings.push(match self.api.may(action, &rights).await {
                    Permission::Granted => Finding::well("permissions", format!("{action} {rights}: yes")),
                    Permission::Denied(why) => Finding::worth("permissions", why.as_str(), MEND),
                    Permission::Untold => {
                        Finding::worth("permissions", format!("{action} {rights}: not told"), MEND)
                    }
                });
            }
        }
        findings
    }
}

/// What Argo CD's rights call an application.
fn rights(watch: &Watch, app: &App) -> String {
    let project = if app.spec.project.is_empty() { "default" } else { &app.spec.project };
    match &watch.namespace {
        Some(namespace) => format!("{project}/{namespace}/{}", watch.name),
        None => format!("{project}/{}", watch.name),
    }
}

impl Fresh<'_> {
    fn rights(&self) -> String {
        rights(self.watch, &self.app)
    }

    fn automated(&self) -> Option<&Automated> {
        read::automated(&self.app)
    }

    /// The body of a request about this application. With its project Argo CD refuses where it is of another one by now.
    fn body(&self, mut body: Value) -> String {
        if let Value::Object(map) = &mut body {
            map.insert("name".to_owned(), json!(self.watch.name));
            if !self.app.spec.project.is_empty() {
                map.insert("project".to_owned(), json!(self.app.spec.project));
            }
            if let Some(namespace) = &self.watch.namespace {
                map.insert("appNamespace".to_owned(), json!(namespace));
            }
        }
        body.to_string()
    }

    fn patch(&self, intent: &Intent, operations: Vec<Value>, effect: &str) -> Step {
        let body = json!({"patchType": "json", "patch": Value::Array(operations).to_string()});
        let body = Some((JSON, self.body(body)));
        Step { method: "PATCH".to_owned(), ..Step::post(intent, self.watch.bare(), body, effect) }
    }

    /// Whether Argo CD cannot compare: then it refuses patches, which it validates against Git.
    fn git_is_away(&self) -> bool {
        matches!(self.told.sync, Sync::Unknown(_)) && read::error(&self.app).is_some()
    }

    fn put(&self, intent: &Intent, spec: Value, effect: &str) -> Step {
        let mut pairs = vec![("validate", "false")];
        if !self.app.spec.project.is_empty() {
            pairs.push(("project", self.app.spec.project.as_str()));
        }
        pairs.extend(self.watch.namespace.as_deref().map(|namespace| ("appNamespace", namespace)));
        let path = query(&format!("{}/spec", self.watch.bare()), &pairs);
        Step { method: "PUT".to_owned(), ..Step::post(intent, path, Some((JSON, spec.to_string())), effect) }
    }

    fn basis(&self) -> Vec<Basis> {
        let newest = self.told.history.first();
        let newest = newest.map(|one| format!("{} {}", one.id, one.revision.as_str())).unwrap_or_default();
        let compared = read::all(&self.app.status.sync.at);
        let automated = read::block(&self.app).map(|block| json!(block).to_string());
        vec![
            Basis::new("application", self.app.metadata.uid.as_str()),
            Basis::new("project", &self.app.spec.project),
            Basis::new("what it follows", followed(&self.app)),
            Basis::new("revision in Git", compared.as_ref().map_or("not told", Sha::as_str)),
            Basis::new("newest of its history", newest),
            Basis::new(AUTO_SYNC, patch::words(self.automated())),
            Basis::new("auto-sync as configured", automated.unwrap_or_default()),
            Basis::new(
                "specification",
                match self.git_is_away() || self.read == Read::Before {
                    true => self.spec.to_string(),
                    false => String::new(),
                },
            ),
            Basis::new("operation", read::busy(&self.app).unwrap_or_else(|| "none".into()).as_str()),
            Basis::new(
                "sync windows",
                match self.windows.as_ref().and_then(|w| w.can_sync) {
                    Some(true) => "open".to_owned(),
                    Some(false) => format!("closed: {}", hazard::window(self.windows.as_ref())),
                    None => "not told".to_owned(),
                },
            ),
        ]
    }

    fn prepared(&self, guard: &str, promise: Promise, deadline: Duration) -> Prepared {
        let now = self.told.history.first().map(|one| one.revision.clone());
        let now = now.or_else(|| self.told.applied.clone()).map(|sha| artifact(&sha));
        Prepared {
            basis: self.basis(),
            from: now.clone(),
            to: now,
            identity: self.me.clone(),
            ..Prepared::of(Guard::Server(SafeText::new(guard)), promise, deadline)
        }
    }

    fn switches(&self, then: Option<&Automated>) -> Difference {
        Difference {
            what: SafeText::new(&format!("auto-sync of {}", self.watch.name)),
            old: SafeText::new(&patch::words(self.automated())),
            new: SafeText::new(&patch::words(then)),
        }
    }

    fn roll_back(&self, intent: &Intent, id: u64, revision: &Sha) -> Result<Prepared, Fault> {
        let moved = |why: String| Err(Fault::new(Cause::Moved, why).with_hint("choose again"));
        let Some(there) = self.told.history.iter().find(|one| one.id == id) else {
            return moved(format!("Argo CD no longer remembers {id} of {}", self.watch.name));
        };
        if &there.revision != revision {
            return moved(format!("{id} of {} is {} now", self.watch.name, there.revision));
        }
        let mut steps = Vec::new();
        let mut differences = Vec::new();
        if self.automated().is_some() {
            let operations = patch::hold(&self.app, self.me.as_ref())?;
            steps.push(self.patch(
                intent,
                operations,
                "switches auto-sync off; it stays off until it is released",
            ));
            differences.push(self.switches(None));
        }
        let body = self.body(json!({"id": id, "prune": false, "dryRun": false}));
        let effect = format!("applies {revision}, {id} of its history, again");
        let path = format!("{}/rollback", self.watch.bare());
        steps.push(Step::post(intent, path, Some((JSON, body)), &effect));
        let newest = self.told.history.first();
        let promise = Promise::Synced {
            revision: revision.clone(),
            after: newest.map(|one| one.id),
            operation: self.told.operation.as_ref().and_then(|o| o.began),
        };
        let guard = format!(
            "of a roll back the id of its history, auto-sync off, nothing under way; of the switch {PATCHED}"
        );
        let mut prepared = self.prepared(&guard, promise, DEADLINE);
        prepared.to = Some(artifact(revision));
        differences.push(Difference {
            what: SafeText::new(&format!("revision applied to {}", self.watch.name)),
            old: newest.map(|one| SafeText::new(one.revision.short())).unwrap_or_default(),
            new: SafeText::new(revision.short()),
        });
        prepared.hazards = hazard::of_operation(&self.app, self.windows.as_ref());
        prepared.hazards.extend(hazard::of_roll_back(&self.app, self.automated()));
        if self.git_is_away() {
            let why = read::error(&self.app).unwrap_or_default();
            prepared.hazards.push(Hazard::new(
                Severity::Blocking,
                format!(
                    "Argo CD cannot read Git ({why}) and would refuse it: hold it, and roll back directly"
                ),
            ));
        }
        if newest.is_some_and(|one| &one.revision == revision) {
            prepared.hazards.push(Hazard::new(Severity::Warning, "that is what was applied last"));
        }
        if !self.remembers(id) {
            prepared.hazards.push(Hazard::new(
                Severity::Blocking,
                "Argo CD does not remember the source of that revision and would refuse it",
            ));
        }
        (prepared.steps, prepared.differences) = (steps, differences);
        prepared.way_back = Some(
            "roll back to what runs now, by its history; or release it: what Git says is applied".into(),
        );
        Ok(prepared)
    }

    /// Whether an entry of the history says where it was from: without, the server refuses after auto-sync is off.
    fn remembers(&self, id: u64) -> bool {
        let entry = self.app.status.history.iter().flatten().find(|one| one.id == id);
        entry.is_some_and(|one| {
            let named = |source: &Source| !source.repo.is_empty();
            one.source.as_ref().is_some_and(named) || one.sources.iter().flatten().any(named)
        })
    }

    fn hold(&self, intent: &Intent) -> Result<Prepared, Fault> {
        let effect = "switches auto-sync off, and keeps how it was";
        let mut prepared = self.prepared(PATCHED, Promise::Held, SWITCH);
        // Where reading takes this long, so would the validation of a patch.
        prepared.steps = if self.git_is_away() || self.read == Read::Before {
            prepared.guard = Guard::LookAgain("Argo CD takes a whole specification as it is".into());
            prepared.hazards.push(Hazard::new(
                Severity::Warning,
                "Git cannot be reached, and a patch would be refused: the whole specification is put, over what somebody \
                 changes in it this moment",
            ));
            vec![self.put(intent, patch::held(&self.app, &self.spec, self.me.as_ref())?, effect)]
        } else {
            vec![self.patch(intent, patch::hold(&self.app, self.me.as_ref())?, effect)]
        };
        prepared.differences = vec![self.switches(None)];
        prepared.hazards.extend(hazard::of_specification(&self.app));
        if let Some(what) = read::busy(&self.app) {
            let text = format!("what it does now ({what}) goes on to its end");
            prepared.hazards.push(Hazard::new(Severity::Warning, text));
        }
        prepared.hazards.push(Hazard::new(
            Severity::Note,
            "auto-sync stays off until you release it; others can still sync by hand",
        ));
        prepared.way_back = Some("release it".into());
        Ok(prepared)
    }

    fn release(&self, intent: &Intent) -> Result<Prepared, Fault> {
        let (operations, then) = patch::release(&self.app)?;
        let mut prepared = self.prepared(PATCHED, Promise::Released, SWITCH);
        prepared.to = read::all(&self.app.status.sync.at).map(|sha| artifact(&sha)).or(prepared.to);
        prepared.hazards = hazard::of_release(&self.app, &then, &self.told.sync);
        if self.git_is_away() {
            let text = "Git cannot be reached, and Argo CD would refuse it: release it when Git is back";
            prepared.hazards.push(Hazard::new(Severity::Blocking, text));
        }
        prepared.steps = vec![self.patch(intent, operations, "switches auto-sync on again, as it was")];
        prepared.differences = vec![self.switches(Some(&then))];
        prepared.way_back = Some("hold it again; what was applied by then stays".into());
        Ok(prepared)
    }
}

fn artifact(revision: &Sha) -> Artifact {
    Artifact { revision: Some(revision.clone()), ..Artifact::default() }
}

/// Repository, path and branch of every source.
fn followed(app: &App) -> String {
    let one = |source: &Source| {
        let word = |text: &Option<SafeText>| text.clone().unwrap_or_default().to_string();
        let from = if source.chart.is_some() { word(&source.chart) } else { word(&source.path) };
        format!("{} {from} {}", source.repo, word(&source.target_revision))
    };
    let all = app.spec.source.iter().chain(app.spec.sources.iter().flatten());
    all.map(one).collect::<Vec<_>>().join("; ")
}
