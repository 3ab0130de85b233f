//! A scenario played as a drill: the task on top, and a review of what happened at the end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/pty.rs"]
#[expect(dead_code, reason = "shared with the tests of the terminal, which use more of it")]
mod pty;

use std::time::Duration;

use pty::Terminal;

const SOON: Duration = Duration::from_secs(20);

fn drill(scenario: &str, speed: &str) -> (tempfile::TempDir, Terminal) {
    let home = tempfile::tempdir().unwrap();
    let terminal = Terminal::start(&["demo", scenario, "--drill", "--speed", speed], home.path(), 120, 40);
    terminal.wait_for("VERDICT");
    (home, terminal)
}

fn review(mut terminal: Terminal) -> String {
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    terminal.contents()
}

#[test]
fn a_burning_service_that_nobody_helps_is_told_as_such() {
    let (_home, mut terminal) = drill("canary-degrades", "10");
    terminal.wait_for("DRILL: Roll search back to v4.1.1");
    terminal.wait_until("search is NO-GO", Duration::from_secs(60), |screen| screen.contains("1 NO-GO"));
    terminal.press(b"!");
    let text = review(terminal);
    for part in [
        "✗ search in production runs v4.1.1: it runs",
        "search: still NO-GO after",
        "noticed after",
        "not acted on",
        "nothing was done, so nothing is recorded",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn a_quiet_day_ends_with_a_quiet_review() {
    let (_home, terminal) = drill("quiet", "1");
    terminal.wait_for("Nothing waits for you.");
    let text = review(terminal);
    assert!(text.contains("there is nothing to do"), "{text}");
    assert!(!text.contains("HOW LONG IT TOOK"), "{text}");
}
