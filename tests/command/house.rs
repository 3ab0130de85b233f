//! A folder, declared commands that work in it, and the provider of a source that declares them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gonogo::domain::{
    Artifact, Ask, Bound, EnvironmentName, Fault, Intent, Place, Prepared, Role, Rollout, ServiceName,
    Settings, SourceName, Target, Value as Setting, Verb,
};
use gonogo::provider::{Provider, SecretPlace, SourceSpec, command};
use serde_json::{Value, json};

/// Must never be told.
pub(crate) const SECRET: &str = "canary\"Zx81/speccy";

/// Notes what it was handed and prints the state.
pub(crate) const STATE: &str = "cat > \"$1/asked\"; exec cat \"$1/state.json\"";

/// Notes that it was called and what with, and accepts.
pub(crate) const CHANGE: &str =
    "echo called >> \"$1/calls\"; cat > \"$1/handed\"; echo '{\"gonogo\": 1, \"says\": \"begun\"}'";

pub(crate) struct House {
    folder: tempfile::TempDir,
    settings: Settings,
    secrets: BTreeMap<String, SecretPlace>,
    environments: Vec<&'static str>,
    args: Settings,
}

/// `["/bin/sh", "-c", SCRIPT, "sh", FOLDER, more..]`. The script's own braces mean no value.
pub(crate) fn shell(script: &str, folder: &Path, more: &[&str]) -> Setting {
    let script = script.replace('{', "{{").replace('}', "}}");
    let start = ["/bin/sh", "-c", script.as_str(), "sh", folder.to_str().unwrap()];
    list(&start.iter().chain(more).copied().collect::<Vec<_>>())
}

pub(crate) fn list(words: &[&str]) -> Setting {
    Setting::List(words.iter().map(|word| (*word).to_owned()).collect())
}

/// One replica of v2 after v1.
pub(crate) fn state() -> Value {
    json!({
        "gonogo": 1, "id": "shop-prod", "basis": "serial 41", "phase": "done",
        "running": [{ "version": "v2" }],
        "revisions": [
            { "id": "r2", "version": "v2", "standing": "current" },
            { "id": "r1", "version": "v1", "standing": "past" },
        ],
    })
}

impl House {
    pub(crate) fn new() -> Self {
        let house = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: Settings::default(),
            secrets: BTreeMap::new(),
            environments: vec!["production"],
            args: Settings::default(),
        };
        house.tell(&state());
        let folder = house.folder.path().to_owned();
        ["promote", "roll_back", "pause", "resume"]
            .into_iter()
            .fold(house, |house, verb| {
                let words = shell(CHANGE, &folder, &[]);
                house.with(verb, words)
            })
            .script("state", STATE)
    }

    pub(crate) fn with(mut self, key: &str, value: Setting) -> Self {
        self.settings = self.settings.with(key, value);
        self
    }

    pub(crate) fn script(self, key: &str, script: &str) -> Self {
        let words = shell(script, self.folder.path(), &[]);
        self.with(key, words)
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.settings.0.remove(key);
        self
    }

    pub(crate) fn secret(mut self, name: &str) -> Self {
        self.secrets.insert(format!("env.{name}"), SecretPlace::Env("PLANTED".to_owned()));
        self
    }

    pub(crate) fn args(mut self, pairs: &[(&str, &str)]) -> Self {
        let table = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.args = Settings::default().with("args", Setting::Table(table));
        self
    }

    pub(crate) fn environments(mut self, environments: &[&'static str]) -> Self {
        self.environments = environments.to_vec();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn calls(&self) -> usize {
        self.read("calls").lines().count()
    }

    /// What the state command tells from now on.
    pub(crate) fn tell(&self, state: &Value) {
        let half = self.path("half");
        std::fs::write(&half, state.to_string()).unwrap();
        std::fs::rename(half, self.path("state.json")).unwrap();
    }

    pub(crate) fn built(&self, patience: Duration) -> Result<Arc<dyn Provider>, Fault> {
        let bounds = self.environments.iter().map(|environment| Bound {
            role: Role::Deploy,
            service: ServiceName::new("shop"),
            environment: Some(EnvironmentName::new(environment)),
            settings: self.args.clone(),
        });
        let env = [
            ("PATH", "relative:/usr/bin:/bin"),
            ("HOME", "/home/ann"),
            ("LANG", "C.UTF-8"),
            ("REGION", "eu"),
            ("OTHER_TOKEN", "not-for-you"),
            ("PLANTED", SECRET),
        ];
        let spec = SourceSpec {
            name: SourceName::new("tool"),
            settings: self.settings.clone(),
            secrets: self.secrets.clone(),
            bounds: bounds.collect(),
            env: Arc::new(env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()),
        };
        command::build_with(spec, patience)
    }

    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        self.built(Duration::from_secs(30)).unwrap()
    }
}

pub(crate) fn intent(verb: Verb, target: Target) -> Intent {
    Intent {
        verb,
        service: ServiceName::new("shop"),
        place: Some(Place::new("shop", "production")),
        target,
        source: SourceName::new("tool"),
        reason: None,
        answers: BTreeMap::new(),
    }
}

pub(crate) fn promote(version: &str) -> Intent {
    let artifact = Artifact {
        image: format!("shop:{version}").as_str().into(),
        version: Some(version.into()),
        ..Artifact::default()
    };
    intent(Verb::Promote, Target::Artifact(artifact))
}

pub(crate) fn back(id: &str, version: &str) -> Intent {
    let artifact = Artifact {
        image: format!("shop:{version}").as_str().into(),
        version: Some(version.into()),
        ..Artifact::default()
    };
    intent(Verb::RollBack, Target::Revision { id: id.into(), artifact })
}

pub(crate) async fn look(provider: &Arc<dyn Provider>) -> Result<Rollout, Fault> {
    let mut seen = provider.observe(&Ask::default()).await?;
    Ok(Arc::unwrap_or_clone(seen.rollouts.remove(&Place::new("shop", "production")).unwrap()))
}

pub(crate) async fn plan(provider: &Arc<dyn Provider>, intent: &Intent) -> Prepared {
    provider.prepare(intent).await.unwrap_or_else(|fault| panic!("{fault}"))
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process runs (a zombie does not).
pub(crate) fn runs(id: &str) -> bool {
    let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", id]).output().unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}
