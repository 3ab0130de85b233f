//! A place behind declared commands: a program that prints the state, and one that notes how it was called. The world
//! behind it acts on what was noted, honestly or not.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use gonogo::domain::{Settings, Value as Setting};
use serde_json::{Value, json};

use super::front::Lie;
use super::lies::LATE;
use super::stage::TAGS;

const STATE: &str = "cat >/dev/null; exec cat \"$1/state.json\"";
const CHANGE: &str = "cat >> \"$1/calls\"; echo >> \"$1/calls\"; echo '{\"gonogo\": 1, \"says\": \"done\"}'";

struct World {
    state: Value,
    lie: Option<Lie>,
    seen: usize,
    /// Asked for, and not done yet; and for how long.
    kept: Option<(Value, u64)>,
}

pub(crate) struct Tool {
    folder: PathBuf,
    world: Mutex<World>,
}

fn running(state: &mut Value, version: &str) {
    let basis: u64 = state["basis"].as_str().unwrap().parse().unwrap();
    state["basis"] = json!((basis + 1).to_string());
    state["phase"] = json!("done");
    state["target"] = json!({ "version": version });
    state["running"] = json!([{ "version": version, "ready": 2 }]);
    let standing = |tag: &str| if tag == version { "current" } else { "past" };
    let revisions =
        TAGS.map(|tag| json!({"id": format!("r-{tag}"), "version": tag, "standing": standing(tag)}));
    state["revisions"] = Value::from(revisions.to_vec());
}

impl Tool {
    pub(crate) fn new(folder: &Path) -> Self {
        let mut state = json!({ "gonogo": 1, "id": "web-prod", "basis": "6", "replicas": { "desired": 2 } });
        running(&mut state, TAGS[1]);
        let world = Mutex::new(World { state, lie: None, seen: 0, kept: None });
        let tool = Self { folder: folder.to_owned(), world };
        tool.save();
        tool
    }

    pub(crate) fn settings(&self) -> Settings {
        let folder = self.folder.to_str().unwrap();
        let command = |script: &str| {
            let script = script.replace('{', "{{").replace('}', "}}");
            Setting::List(["/bin/sh", "-c", script.as_str(), "sh", folder].map(str::to_owned).to_vec())
        };
        let settings =
            Settings::default().with("state", command(STATE)).with("timeout", Setting::Integer(10));
        let verbs = ["promote", "roll_back", "pause", "resume"];
        verbs.into_iter().fold(settings, |all, verb| all.with(verb, command(CHANGE)))
    }

    /// A program that reads it meanwhile sees all of it or nothing.
    fn save(&self) {
        let half = self.folder.join("state.half");
        std::fs::write(&half, self.world.lock().unwrap().state.to_string()).unwrap();
        std::fs::rename(half, self.folder.join("state.json")).unwrap();
    }

    fn documents(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn calls(&self) -> usize {
        self.documents().len()
    }

    pub(crate) fn lie(&self, lie: Lie) {
        self.world.lock().unwrap().lie = Some(lie);
    }

    pub(crate) fn phase(&self) -> Value {
        self.world.lock().unwrap().state["phase"].clone()
    }

    pub(crate) fn set_phase(&self, phase: &str) {
        self.world.lock().unwrap().state["phase"] = json!(phase);
        self.save();
    }

    pub(crate) fn serves(&self) -> Vec<(String, u32)> {
        let version = self.world.lock().unwrap().state["running"][0]["version"].clone();
        vec![(version.as_str().unwrap().to_owned(), 2)]
    }

    pub(crate) fn by_another(&self, version: &str) {
        running(&mut self.world.lock().unwrap().state, version);
        self.save();
    }

    /// Seconds pass: what was asked for is done, unless it is a lie that it will be.
    pub(crate) fn pass(&self, seconds: u64) {
        let documents = self.documents();
        let mut world = self.world.lock().unwrap();
        for document in &documents[world.seen..] {
            world.kept = Some((document.clone(), 0));
        }
        world.seen = documents.len();
        if let Some((document, since)) = world.kept.take() {
            let since = since + seconds;
            match world.lie {
                Some(Lie::Nothing | Lie::Elsewhere) => {}
                Some(Lie::Late) if since < LATE => world.kept = Some((document, since)),
                _ => done(&mut world.state, &document),
            }
        }
        drop(world);
        self.save();
    }
}

fn done(state: &mut Value, document: &Value) {
    match document["ask"].as_str().unwrap() {
        "pause" => state["phase"] = json!("paused"),
        "resume" => state["phase"] = json!("done"),
        _ => running(state, document["want"]["version"].as_str().unwrap()),
    }
}
