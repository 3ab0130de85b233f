//! The commands and the screen-reader mode, as programs on the embedded world: each deed once is exactly one effect,
//! each refusal sends nothing, each ending has its exit code, and what is printed is what docs/json.md says.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; what was measured is printed"
)]

#[path = "headless/accessible.rs"]
mod accessible;
#[path = "headless/deeds.rs"]
mod deeds;
#[path = "headless/doubt.rs"]
mod doubt;
#[path = "support/pty.rs"]
#[expect(dead_code, reason = "the terminal's own life is tested elsewhere")]
mod pty;
#[path = "headless/refusals.rs"]
mod refusals;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use gonogo::sandbox::scenario::RunScript;
use gonogo::sandbox::{Clock, Effect, Entry, Options, Sandbox, Scenario};
use serde_json::Value;

/// No command takes longer than this, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many worlds there are at once: with more, evidence grows stale before a small machine gets round to it.
static ROOM: (Mutex<usize>, Condvar) = (Mutex::new(4), Condvar::new());

/// A world, and a home for the state of whoever acts on it.
struct Stage {
    world: Sandbox,
    home: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

/// What a command said and how it ended.
#[derive(Debug)]
struct Heard {
    code: i32,
    out: String,
    err: String,
}

impl Stage {
    /// A world that stands still but for what is done in it.
    fn new(scenario: Scenario) -> Self {
        Self::at(scenario, Clock::Manual)
    }

    fn at(scenario: Scenario, clock: Clock) -> Self {
        let mut room = ROOM.0.lock().unwrap();
        while *room == 0 {
            room = ROOM.1.wait(room).unwrap();
        }
        *room -= 1;
        drop(room);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { clock, ..Options::default() };
        let world = runtime.block_on(async { Sandbox::start(scenario, options).unwrap() });
        let stage = Self { world, home: tempfile::tempdir().unwrap(), _runtime: runtime };
        stage.rule("max_age = \"15s\"", "max_age = \"5m\"");
        stage
    }

    /// Replaces a part of the config.
    fn rule(&self, old: &str, new: &str) {
        let from = if self.config().exists() { self.config() } else { self.world.config_path().to_owned() };
        let text = std::fs::read_to_string(from).unwrap();
        assert!(text.contains(old), "{old} is in the config");
        std::fs::write(self.config(), text.replace(old, new)).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.home.path().join("config.toml")
    }

    fn command(&self, words: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(pty::PROGRAM);
        command.args(words).env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("USER", "tester");
        command.env("GONOGO_CONFIG", self.config()).envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program without a terminal, and tells how it ended.
    fn gonogo(&self, words: &[&str]) -> Heard {
        self.with(words, &[], "")
    }

    fn with(&self, words: &[&str], env: &[(&str, &str)], input: &str) -> Heard {
        let mut child = self.command(words, env).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        finish(child, words)
    }

    /// The document that a command prints, with the exit code in it proved; checked against its schema.
    fn json(&self, words: &[&str]) -> Value {
        let mut all = words.to_vec();
        all.push("--json");
        let heard = self.gonogo(&all);
        let document: Value =
            serde_json::from_str(&heard.out).unwrap_or_else(|error| panic!("{words:?}: {error}: {heard:?}"));
        let kind = document["kind"].as_str().unwrap_or("status");
        conforms(kind, &document);
        if let Some(exit) = document["exit"].as_i64() {
            assert_eq!(i64::from(heard.code), exit, "{words:?}");
        }
        document
    }

    /// Everything that changed the world.
    fn effects(&self) -> Vec<Entry> {
        self.world.faults().ledger().into_iter().filter(|e| e.effect == Effect::Applied).collect()
    }

    /// Everything that could have.
    fn writes(&self) -> Vec<String> {
        let ledger = self.world.faults().ledger();
        ledger
            .iter()
            .filter(|e| e.effect != Effect::Read)
            .map(|e| format!("{} {}", e.method, e.path))
            .collect()
    }

    fn journal(&self) -> String {
        std::fs::read_to_string(self.home.path().join(".local/state/gonogo/journal.jsonl"))
            .unwrap_or_default()
    }

    /// The outcomes in the journal, in order.
    fn outcomes(&self) -> Vec<String> {
        let journal = self.journal();
        let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["kind"] == "outcome")
            .map(|line| line["body"]["outcome"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        *ROOM.0.lock().unwrap() += 1;
        ROOM.1.notify_one();
    }
}

/// Waits for a program's end; one that takes too long is ended, and fails the test.
fn finish(mut child: Child, words: &[&str]) -> Heard {
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let err = std::thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).map(|_| text)
    });
    let out = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() >= end {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{words:?} did not end: {:?} {:?}", out.join(), err.join());
        }
        std::thread::park_timeout(Duration::from_millis(10));
    };
    let (out, err) = (out.join().unwrap().unwrap(), err.join().unwrap().unwrap());
    Heard { code: status.code().unwrap_or(-1), out, err }
}

/// The schema of docs/json.md that stands under a heading.
fn schema(kind: &str) -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section =
        text.split(&format!("\n### {kind}\n")).nth(1).unwrap_or_else(|| panic!("no section {kind}"));
    let block = section.split("```json\n").nth(1).unwrap().split("\n```").next().unwrap();
    serde_json::from_str(block).unwrap()
}

fn conforms(kind: &str, document: &Value) {
    let schema = jsonschema::validator_for(&schema(kind)).unwrap();
    let wrong: Vec<String> =
        schema.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{kind}: {wrong:#?}\n{document:#}");
}

/// The release day with one service, whose run stands as told, and nothing that happens by itself.
fn day(service: &str, run: RunScript) -> Scenario {
    let mut scenario = Scenario::named("release-day").unwrap();
    scenario.services.retain(|s| s.name == service);
    scenario.events.clear();
    for script in &mut scenario.services {
        script.staging = script.tags.last().unwrap().clone();
        script.slow_start = 0;
        script.run = run;
    }
    scenario
}
