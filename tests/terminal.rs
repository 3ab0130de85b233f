//! The terminal's life cycle, in a pseudo-terminal: restored once, whatever ends the program; gone when it vanishes;
//! keys that nobody pressed confirm nothing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; what was measured is printed"
)]

#[path = "terminal/asleep.rs"]
mod asleep;
#[path = "terminal/citizen.rs"]
mod citizen;
#[path = "terminal/colours.rs"]
mod colours;
#[path = "terminal/exits.rs"]
mod exits;
#[path = "terminal/floods.rs"]
mod floods;
#[path = "terminal/keys.rs"]
mod keys;
#[path = "terminal/loans.rs"]
mod loans;
#[path = "terminal/mouse.rs"]
mod mouse;
#[path = "terminal/outlets.rs"]
mod outlets;
#[path = "support/pty.rs"]
mod pty;
#[path = "terminal/vanish.rs"]
mod vanish;
#[path = "support/vt.rs"]
mod vt;

use std::time::Duration;

use pty::Terminal;

/// Within this time a person expects an answer.
const SOON: Duration = Duration::from_secs(2);

/// How often each thing is tried: a few times, or as often as the promise says.
fn times(few: usize, full: usize) -> usize {
    if std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full") { full } else { few }
}

/// A config with one source that nobody answers for: enough for a screen, quick to start.
const PLAIN: &str = r#"
[[source]]
name = "alerts"
kind = "alertmanager"
url = "http://127.0.0.1:1"

[[service]]
name = "web"

  [[service.environment]]
  name = "production"
  health = { alerts = { source = "alerts" } }
"#;

/// A folder with the config of `PLAIN`, and where the config is.
fn plain_home() -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.toml");
    std::fs::write(&config, PLAIN).unwrap();
    let config = config.display().to_string();
    (home, config)
}

/// A cockpit on the plain config.
fn plain() -> (tempfile::TempDir, Terminal) {
    let (home, config) = plain_home();
    let terminal = Terminal::start(&["--config", &config], home.path(), 120, 36);
    terminal.wait_for("VERDICT");
    (home, terminal)
}

/// A cockpit on a day of the embedded world.
fn demo(day: &str, more: &[(&str, &str)]) -> (tempfile::TempDir, Terminal) {
    let home = tempfile::tempdir().unwrap();
    // The world's folder is made in here and kept, so that its journal can be read; taking it away takes its time.
    let folder = home.path().display().to_string();
    let mut all = vec![("TMPDIR", folder.as_str())];
    all.extend(more);
    let terminal = Terminal::run(pty::PROGRAM, &["demo", day, "--keep"], &all, home.path(), (120, 36));
    terminal.wait_for("VERDICT");
    (home, terminal)
}

/// Every file below the demo's folder that is named like a journal, joined.
fn journal(home: &std::path::Path) -> String {
    fn walk(folder: &std::path::Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, text);
            } else if path.to_string_lossy().contains("state/gonogo/")
                && path.extension().is_some_and(|e| e == "jsonl")
            {
                text.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    let mut text = String::new();
    walk(home, &mut text);
    text
}

fn restored(terminal: &Terminal) {
    terminal.wait_until("the terminal is restored", SOON, |_| {
        terminal.modes() == (false, false, false) && terminal.as_before()
    });
}
