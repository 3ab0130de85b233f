//! R1, R2: the process is killed, at every named point and at any moment. Afterwards the journal says exactly which
//! actions are open; a new session looks at each, tells what is true, and repeats nothing.
//!
//! `cargo test --test crash -- --nocapture` prints the figure; `GONOGO_TEST_N=full` runs 27 points x 20 and 500 random
//! moments.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; what was played is printed"
)]

#[path = "support/pty.rs"]
#[expect(dead_code, reason = "the terminal's own life is tested elsewhere")]
mod pty;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use gonogo::runtime::failpoint::POINTS;
use gonogo::sandbox::scenario::RunScript;
use gonogo::sandbox::{Clock, Effect, Entry, Options, Sandbox, Scenario, Server};
use pty::Terminal;
use serde_json::Value;

/// How long a new session may take until every open action has its outcome: a lost answer is looked for 15 s.
const PROOF: Duration = Duration::from_secs(90);
/// How many worlds run at once.
const AT_ONCE: usize = 6;

/// What is being done when the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Approve,
    Promote,
    RollBack,
    RollBackSwarm,
}

impl Deed {
    const ALL: [Self; 4] = [Self::Approve, Self::Promote, Self::RollBack, Self::RollBackSwarm];

    const fn service(self) -> &'static str {
        if matches!(self, Self::RollBackSwarm) { "ledger" } else { "checkout" }
    }

    const fn key(self) -> &'static [u8] {
        match self {
            Self::Approve => b"a",
            Self::Promote => b"p",
            Self::RollBack | Self::RollBackSwarm => b"r",
        }
    }

    const fn server(self) -> Server {
        match self {
            Self::Approve => Server::Github,
            Self::Promote | Self::RollBack => Server::Kubernetes,
            Self::RollBackSwarm => Server::Docker,
        }
    }

    fn scenario(self) -> Scenario {
        let mut scenario = Scenario::named("release-day").unwrap();
        scenario.services.retain(|s| s.name == self.service());
        scenario.events.clear();
        for script in &mut scenario.services {
            script.staging = script.tags.last().unwrap().clone();
            script.slow_start = 0;
            script.run = if self == Self::Approve { RunScript::Waiting } else { RunScript::Done };
        }
        scenario
    }
}

/// How the process dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    At(&'static str),
    /// So long after the key that confirms.
    After(Duration),
}

/// A world, a home with the journal, and the deed.
struct Case {
    deed: Deed,
    death: Death,
    world: Sandbox,
    home: tempfile::TempDir,
}

/// The action's lines by kind, and whether an outcome leaves nothing open.
#[derive(Debug, Default)]
struct Told {
    kinds: Vec<String>,
    outcomes: Vec<String>,
}

fn journal(home: &Path) -> PathBuf {
    home.join(".local/state/gonogo/journal.jsonl")
}

/// What the journal says of each action. A torn last line tells nothing, as it should.
fn told(home: &Path) -> BTreeMap<String, Told> {
    let mut actions: BTreeMap<String, Told> = BTreeMap::new();
    for line in std::fs::read_to_string(journal(home)).unwrap_or_default().lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let (id, kind) = (line["action"].as_str().unwrap(), line["kind"].as_str().unwrap());
        if id == "journal" {
            continue;
        }
        let told = actions.entry(id.to_owned()).or_default();
        told.kinds.push(kind.to_owned());
        if kind == "outcome" {
            told.outcomes.push(line["body"]["outcome"].as_str().unwrap().to_owned());
        }
    }
    actions
}

impl Case {
    fn cockpit(&self, env: &[(&str, &str)]) -> Terminal {
        // More worlds run at once here than a small machine looks at in time: evidence may be older than on a release day.
        let text = std::fs::read_to_string(self.world.config_path()).unwrap();
        let path = self.home.path().join("config.toml");
        std::fs::write(&path, text.replace("max_age = \"15s\"", "max_age = \"5m\"")).unwrap();
        let config = path.display().to_string();
        Terminal::run(pty::PROGRAM, &["--config", &config], env, self.home.path(), (140, 46))
    }

    fn writes(&self) -> Vec<Entry> {
        self.world.faults().writes(self.deed.server())
    }

    /// Does the deed in a session that dies on the way.
    fn die(&self) {
        let point = match self.death {
            Death::At(point) => point,
            Death::After(_) => "",
        };
        let mut terminal = self.cockpit(&[("GONOGO_FAILPOINT", point)]);
        let end = Instant::now() + pty::PATIENCE * 2;
        // The key acts as soon as the sources have answered.
        while !terminal.contents().contains("looked ") {
            assert!(Instant::now() < end, "{self:?}: no plan\n{}", terminal.contents());
            if !terminal.contents().contains("what exactly would be sent") {
                terminal.press(b"\x1b");
                terminal.press(self.deed.key());
            }
            std::thread::park_timeout(Duration::from_millis(150));
        }
        terminal.read_it();
        for letter in self.deed.service().bytes() {
            terminal.press(&[letter]);
        }
        terminal.press(b"\r");
        match self.death {
            Death::At(_) => {}
            Death::After(delay) => {
                std::thread::park_timeout(delay);
                terminal.signal("KILL");
            }
        }
        let status = terminal.end(pty::PATIENCE * 3);
        assert!(
            status.signal().is_some() || status.exit_code() != 0,
            "{self:?}: it was to be killed, {status:?}"
        );
    }

    /// Opens a new session and waits until nothing is open. Returns what it had been told before.
    fn resume(&self) -> BTreeMap<String, Told> {
        let before = told(self.home.path());
        let mut terminal = self.cockpit(&[]);
        terminal.wait_for("VERDICT");
        let end = Instant::now() + PROOF;
        let open = |actions: &BTreeMap<String, Told>| {
            actions.values().any(|a| a.kinds.iter().any(|k| k == "intent") && a.outcomes.is_empty())
        };
        while open(&told(self.home.path())) {
            let now = told(self.home.path());
            assert!(Instant::now() < end, "{self:?}: still open: {now:?}\n{}", terminal.contents());
            std::thread::park_timeout(Duration::from_millis(50));
        }
        terminal.press(b"\x1b");
        terminal.quit();
        before
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.deed, self.death)
    }
}

/// What came of one case: how often the request arrived, and what was said of it in the end.
fn play(case: &Case) -> (usize, String) {
    case.die();
    let at_death = case.writes();
    assert!(at_death.len() <= 1, "{case:?}: sent at most once: {at_death:#?}");
    let before = case.resume();
    let after = told(case.home.path());
    let writes = case.writes();
    // A request that was under way when the process died may arrive after it; a second one may not.
    assert!(writes.len() <= 1, "{case:?}: nothing is sent again: {writes:#?}");
    let intents = |actions: &BTreeMap<String, Told>| -> Vec<String> {
        let begun = |a: &&String| actions[*a].kinds.iter().any(|k| k == "intent");
        actions.keys().filter(begun).cloned().collect()
    };
    let recorded = intents(&before);
    assert!(recorded.len() <= 1 && intents(&after) == recorded, "{case:?}: {before:?} {after:?}");
    let Some(id) = recorded.first() else {
        assert!(writes.is_empty(), "{case:?}: nothing is sent that is not recorded: {writes:#?}");
        return (0, "never begun".to_owned());
    };
    if !writes.is_empty() {
        let sending = before[id].kinds.iter().any(|k| k == "sending");
        assert!(sending, "{case:?}: sent without a record: {:?}", before[id]);
    }
    // Taken up exactly if it was open.
    let open = before[id].outcomes.is_empty();
    let resumed = after[id].kinds.iter().filter(|k| *k == "resumed").count();
    assert_eq!(resumed, usize::from(open), "{case:?}: {:?}", after[id]);
    let outcome = after[id].outcomes.last().unwrap().clone();
    let applied = writes.iter().any(|w| w.effect == Effect::Applied);
    let truth: &[&str] = if applied { &["verified"] } else { &["not applied"] };
    assert!(
        truth.contains(&outcome.as_str()),
        "{case:?}: applied {applied}, said {outcome}: {:?}",
        after[id]
    );
    let text = std::fs::read_to_string(journal(case.home.path())).unwrap();
    let lines = gonogo::runtime::journal::verify(&text).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    assert!(!lines.is_empty());
    (writes.len(), outcome)
}

/// Plays every case, some at once, each on a world of its own.
fn play_all(cases: Vec<(Deed, Death)>) -> usize {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let total = cases.len();
    let queue = Mutex::new(cases.into_iter());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(total) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((deed, death)) = next else { return };
                    let options = Options { clock: Clock::Running(3.0), ..Options::default() };
                    let world = runtime.block_on(async { Sandbox::start(deed.scenario(), options).unwrap() });
                    let case = Case { deed, death, world, home: tempfile::tempdir().unwrap() };
                    let (sent, outcome) = play(&case);
                    results.lock().unwrap().push((format!("{case:?}"), sent, outcome));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    for (case, sent, outcome) in &results {
        println!("{case}: arrived {sent}x, {outcome}");
    }
    assert_eq!(results.len(), total);
    total
}

/// How many random moments: 500 with `GONOGO_TEST_N=full`, as many as it says if it is a number.
fn moments() -> usize {
    match std::env::var("GONOGO_TEST_N") {
        Ok(n) if n == "full" => 500,
        Ok(n) => n.parse().unwrap(),
        Err(_) => 6,
    }
}

#[test]
fn killed_at_every_point_an_action_is_found_told_truly_and_never_repeated() {
    let mut cases = Vec::new();
    let rounds = (moments() / 25).max(1);
    let every = moments() >= 25;
    for round in 0..rounds {
        for (index, point) in POINTS.iter().enumerate() {
            // Every third point in the short run, another deed for each.
            if every || index % 3 == 0 {
                cases.push((Deed::ALL[(index / 3 + round) % Deed::ALL.len()], Death::At(point)));
            }
        }
    }
    let count = play_all(cases);
    println!("R2: {count} of {count} deaths at named points: open set exact, 0 repeated requests");
}

#[test]
fn killed_at_any_moment_an_action_is_found_told_truly_and_never_repeated() {
    let moments = (0..moments() as u64).map(|n: u64| {
        // The same moments on every run, most of them where the requests are.
        let x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let most = if n.is_multiple_of(3) { 4_000 } else { 400 };
        (
            Deed::ALL[usize::try_from(n).unwrap() % Deed::ALL.len()],
            Death::After(Duration::from_millis(x % most)),
        )
    });
    let count = play_all(moments.collect());
    println!("R2: {count} of {count} deaths at random moments: open set exact, 0 repeated requests");
}
