//! R11: a program that was stopped, or a laptop that slept, wakes with old evidence: everything is stale at once, and
//! nothing is done on it until a good look.

use std::time::{Duration, Instant};

use gonogo::sandbox::{Act, Options, Rule, Sandbox, Scenario, Server};

use super::floods::ready_to_confirm;
use super::pty::{PATIENCE, Terminal};
use super::{SOON, times};

/// How old the evidence may be in these tests, in seconds.
const LIMIT: u64 = 4;

/// How long the program is stopped: longer than any evidence may be old.
fn stop() -> Duration {
    Duration::from_secs(times(6, 600) as u64)
}

/// What the sources do while the program is stopped, and after.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sources {
    /// They answer.
    Alive,
    /// They take every question and say nothing.
    Silent,
}

/// A world outside the program, and a program that looks at it every second.
struct Scene {
    // Its tasks end with it.
    _runtime: tokio::runtime::Runtime,
    sandbox: Sandbox,
    terminal: Terminal,
    home: tempfile::TempDir,
}

impl Scene {
    fn open() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let entered = runtime.enter();
        let sandbox = Sandbox::start(Scenario::named("release-day").unwrap(), Options::default()).unwrap();
        drop(entered);
        let text = std::fs::read_to_string(sandbox.config_path()).unwrap();
        assert!(text.contains("max_age = \"15s\""), "{text}");
        let text = text
            .replace("max_age = \"15s\"", &format!("max_age = \"{LIMIT}s\""))
            .replace("[[source]]\n", "[[source]]\nevery = \"1s\"\n");
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("config.toml");
        std::fs::write(&config, text).unwrap();
        let config = config.display().to_string();
        let terminal = Terminal::start(&["--config", &config], home.path(), 120, 36);
        terminal.wait_for("you may decide");
        Self { _runtime: runtime, sandbox, terminal, home }
    }

    /// Stops the program, lets the time pass, and lets the program go on; the sources may fall silent meanwhile.
    fn sleep(&mut self, sources: Sources) {
        self.terminal.signal("STOP");
        if sources == Sources::Silent {
            let silence = |server| Rule::always(server, Act::SilenceBefore);
            Server::ALL.into_iter().map(silence).for_each(|rule| self.sandbox.faults().add(rule));
        }
        let end = Instant::now() + stop();
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
        self.terminal.signal("CONT");
    }

    /// Asks for the approval again and again, as long as it is refused; the sources answer again.
    fn asks_until_it_is_planned(&mut self) {
        let end = Instant::now() + PATIENCE * 2;
        loop {
            self.terminal.press(b"\x1b");
            self.terminal.press(b"a");
            let planned = |screen: &str| screen.contains("[ Approve ]");
            self.terminal.wait_until("a plan or a refusal", PATIENCE, |screen| {
                planned(screen) || screen.contains("THIS WOULD NOT BE DONE")
            });
            if planned(&self.terminal.contents()) {
                return;
            }
            assert!(Instant::now() < end, "refused for ever\n{}", self.terminal.contents());
        }
    }

    fn recorded(&self) -> String {
        super::journal(self.home.path())
    }

    fn writes(&self) -> usize {
        Server::ALL.iter().map(|server| self.sandbox.faults().writes(*server).len()).sum()
    }
}

#[test]
fn after_a_stop_everything_is_stale_at_once_and_refused_until_a_good_look() {
    let mut scene = Scene::open();
    scene.sleep(Sources::Silent);
    let woke = Instant::now();
    scene.terminal.wait_until("the evidence is shown as old", SOON, |screen| screen.contains(" old"));
    let told = woke.elapsed();
    scene.terminal.press(b"a");
    scene.terminal.wait_until("the approval is refused for its age", SOON, |screen| {
        screen.contains("THIS WOULD NOT BE DONE") && screen.contains("max-age") && screen.contains(" old")
    });
    assert!(!scene.terminal.contents().contains("[ Approve ]"), "{}", scene.terminal.contents());
    assert_eq!((scene.recorded().as_str(), scene.writes()), ("", 0), "nothing is planned on it");
    Server::ALL.iter().for_each(|server| scene.sandbox.faults().restore(*server));
    scene.asks_until_it_is_planned();
    println!(
        "R11: stopped for {:?}: stale on the screen {told:?} after it went on, refused until a good look",
        stop()
    );
}

#[test]
fn a_plan_that_was_open_during_a_stop_is_not_sent() {
    let mut scene = Scene::open();
    ready_to_confirm(&mut scene.terminal);
    scene.sleep(Sources::Alive);
    scene.terminal.press(b"\r");
    scene.terminal.wait_until("the plan is refused for its age", SOON, |screen| screen.contains("old"));
    assert!(!scene.recorded().contains("\"sending\""), "{}", scene.recorded());
    assert_eq!(scene.writes(), 0, "nothing was sent");
    println!("R11: a plan that was one key from being sent during a stop of {:?} was not sent", stop());
}
