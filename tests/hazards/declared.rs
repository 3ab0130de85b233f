//! A place behind declared commands: a folder with the state as a file, a program that prints it, and a program that
//! notes how it was called. It changes nothing by itself: the test's world does, honestly, or as it is told to lie.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, SourceName, Value as Setting};
use gonogo::provider::{Provider, SourceSpec, kind};
use serde_json::{Value, json};

use super::Lie;

/// Prints the state.
const STATE: &str = "cat >/dev/null; exec cat \"$1/state.json\"";

/// Notes the document that it was handed, and answers as it is told.
const CHANGE: &str = "document=$(cat)
printf '%s\\n' \"$document\" >> \"$1/calls\"
cat \"$1/complaints\" >&2
cat \"$1/answer\"
exit \"$(cat \"$1/code\")\"";

/// What is behind the commands.
pub(crate) struct World {
    folder: PathBuf,
    pub(crate) state: Value,
    pub(crate) lie: Option<Lie>,
    since: Option<u64>,
    before: Value,
    seen: usize,
}

impl World {
    /// Writes a file as a whole: a program that reads it meanwhile sees all of it or nothing.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let half = self.folder.join(format!("{name}.half"));
        std::fs::write(&half, text).unwrap();
        std::fs::rename(half, self.folder.join(name)).unwrap();
    }

    pub(crate) fn save(&self) {
        self.put("state.json", &self.state.to_string());
    }

    /// The documents that changes were handed, oldest first.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What runs, and is asked for, is this version on all replicas.
    pub(crate) fn run(&mut self, version: &str, old: &str) {
        let replicas = self.state["replicas"]["desired"].clone();
        self.state["target"] = json!({ "version": version });
        self.state["running"] = json!([{ "version": version, "ready": replicas }]);
        self.state["phase"] = json!("done");
        self.state["revisions"] = json!([
            { "id": format!("r-{version}"), "version": version, "standing": "current" },
            { "id": format!("r-{old}"), "version": old, "standing": "past" },
        ]);
        self.bump();
    }

    pub(crate) fn bump(&mut self) {
        let basis: u64 = self.state["basis"].as_str().unwrap().parse().unwrap();
        self.state["basis"] = json!((basis + 1).to_string());
    }

    /// A change has arrived: it is begun, or not.
    fn begin(&mut self, document: &Value) {
        self.since = Some(0);
        self.before = self.state.clone();
        let version = document["want"]["version"].as_str().map(str::to_owned);
        match (self.lie, document["ask"].as_str().unwrap()) {
            (Some(Lie::NoEffect | Lie::PauseIgnored), _) => {}
            (Some(Lie::StaleCache), _) => {
                // From a time when the wanted version ran, of what was there then.
                self.run(&version.unwrap(), "v2");
                self.state["id"] = json!("web-before");
            }
            (lie, "pause") => {
                self.state["phase"] = json!("paused");
                if lie == Some(Lie::PauseIdle) {
                    self.state["replicas"] = json!({ "desired": 0 });
                    self.state["running"] = json!([]);
                }
                self.bump();
            }
            (_, "resume") => self.state["phase"] = json!("done"),
            (lie, _) => {
                if lie == Some(Lie::ScaledDown) {
                    self.state["replicas"] = json!({ "desired": 1 });
                }
                self.state["target"] = json!({ "version": version });
                self.state["phase"] = json!("progressing");
                self.bump();
            }
        }
    }

    /// A second passes: what was begun goes on.
    pub(crate) fn pass(&mut self) {
        let calls = self.calls();
        if calls.len() > self.seen {
            self.seen = calls.len();
            self.begin(&calls[self.seen - 1]);
        } else if let Some(since) = &mut self.since {
            *since += 1;
            let since = *since;
            self.go_on(since);
        }
        self.save();
    }

    fn go_on(&mut self, since: u64) {
        let (old, wanted) =
            (self.before["target"]["version"].clone(), self.state["target"]["version"].clone());
        let (old, wanted) = (old.as_str().unwrap().to_owned(), wanted.as_str().unwrap().to_owned());
        match (since, self.lie) {
            (_, Some(Lie::NoEffect | Lie::StaleCache | Lie::PauseIdle)) => {}
            (2, Some(Lie::PauseIgnored)) => self.run("v3", "v2"),
            (2, lie) if old != wanted => {
                self.run(&wanted, &old);
                let left = json!({ "version": old, "ready": 1 });
                match lie {
                    Some(Lie::Partial) => {
                        self.state["running"] = json!([{ "version": wanted, "ready": 1 }, left]);
                    }
                    Some(Lie::OldStuck | Lie::LeftBehind) => {
                        self.state["running"].as_array_mut().unwrap().push(left);
                    }
                    _ => {}
                }
            }
            (3, Some(Lie::NotANumber)) => self.state["replicas"]["desired"] = json!("NaN"),
            (5, Some(Lie::RevertedLater)) => self.run(&old, &wanted),
            _ => {}
        }
    }
}

/// The place, with a provider for it.
pub(crate) struct Declared {
    pub(crate) provider: Arc<dyn Provider>,
    world: Mutex<World>,
    _folder: tempfile::TempDir,
}

fn command(script: &str, folder: &std::path::Path, more: &[&str]) -> Setting {
    let start = ["/bin/sh", "-c", script, "sh", folder.to_str().unwrap()];
    Setting::List(start.iter().chain(more).map(|word| (*word).to_owned()).collect())
}

impl Declared {
    /// `web` with two replicas of v2, after v1; nothing is under way.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = json!({
            "gonogo": 1, "id": "web-prod", "basis": "7", "phase": "done",
            "target": { "version": "v2" }, "running": [{ "version": "v2", "ready": 2 }],
            "replicas": { "desired": 2 },
            "revisions": [
                { "id": "r-v2", "version": "v2", "standing": "current" },
                { "id": "r-v1", "version": "v1", "standing": "past" },
            ],
        });
        let world = World {
            folder: folder.path().to_owned(),
            before: state.clone(),
            state,
            lie: None,
            since: None,
            seen: 0,
        };
        world.save();
        for (name, text) in
            [("answer", r#"{"gonogo": 1, "says": "begun"}"#), ("code", "0"), ("complaints", "")]
        {
            world.put(name, text);
        }
        let mut settings = Settings::default()
            .with("state", command(STATE, folder.path(), &[]))
            .with("timeout", Setting::Integer(10));
        for verb in ["promote", "roll_back", "pause", "resume"] {
            settings = settings.with(verb, command(CHANGE, folder.path(), &[verb]));
        }
        let spec = SourceSpec {
            name: SourceName::new("prod"),
            settings,
            secrets: BTreeMap::new(),
            bounds: vec![Bound {
                role: Role::Deploy,
                service: ServiceName::new("web"),
                environment: Some(EnvironmentName::new("production")),
                settings: Settings::default(),
            }],
            env: Arc::new(BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())])),
        };
        let provider = (kind("command").unwrap().build)(spec).unwrap();
        Self { provider, world: Mutex::new(world), _folder: folder }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}
