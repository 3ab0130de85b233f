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
    assert_eq!(terminal.quit().exit_code(), 0);
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

#[test]
fn a_wedged_lane_is_told_its_holder_may_not_be_rejected_and_cancelling_it_frees_the_lane() {
    let (_home, mut terminal) = drill("wedged-lane", "10");
    terminal.wait_for("1 NO-GO");
    terminal.wait_for("lane wedged by run 61 of release.yml");
    terminal.press(b"x");
    terminal.wait_for("reject: run 61 wedges its lane");
    terminal.press(b"C");
    terminal.wait_for("frees the lane release-production: run #65 begins");
    terminal.read_it();
    terminal.press(b"\x1b[C");
    terminal.press(b"\r");
    terminal.wait_until("the lane moves again", SOON, |screen| screen.contains("2 GO"));
    terminal.wait_for("verified");
    terminal.press(b"\x1b");
    // What stood behind for hours builds now, and asks in its turn.
    terminal
        .wait_until("v2.17.0 asks", Duration::from_secs(90), |screen| screen.contains("v2.14.2 → v2.17.0"));
    let text = review(terminal);
    for part in ["checkout: NO-GO for", "lane wedged by run 61", "Cancel checkout"] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn whoever_decides_second_is_told_who_was_first_and_when_and_sends_nothing_again() {
    let (_home, mut terminal) = drill("decided-first", "1");
    terminal.wait_for("production waits for you");
    terminal.press(b"a");
    terminal.wait_for("type checkout");
    terminal.read_it();
    for key in "checkout".bytes() {
        terminal.press(&[key]);
    }
    terminal.press(b"\r");
    terminal.wait_until("Omar is named", SOON, |screen| {
        screen.contains("omar approved it") && screen.contains("last moved at 20")
    });
    terminal.wait_for("not applied");
    terminal.press(b"\x1b");
    let text = review(terminal);
    assert_eq!(text.matches("request sent").count(), 1, "once, and not again\n{text}");
    assert!(text.contains("4 lines, the chain holds"), "{text}");
}

#[test]
fn flux_is_held_before_a_roll_back_that_it_would_undo() {
    let (_home, mut terminal) = drill("flux", "1");
    terminal.wait_for("1 NO-GO");
    terminal.press(b"j");
    terminal.press(b"j");
    terminal.wait_until("git is away", Duration::from_secs(60), |screen| {
        screen.contains("sync unknown") && screen.contains("deploys unreachable")
    });
    terminal.press(b"r");
    terminal.wait_for("heals itself: it would put this back within 30 s");
    terminal.press(b"\x1b");
    for (key, done) in
        [(b"H", "verified: the controller leaves changes by hand"), (b"r", "8 of 8 replicas run v4.1.1")]
    {
        terminal.press(key);
        terminal.wait_for("type search");
        terminal.read_it();
        for letter in "search".bytes() {
            terminal.press(&[letter]);
        }
        terminal.press(b"\r");
        terminal.wait_until(done, Duration::from_secs(90), |screen| {
            screen.contains("verified") && screen.contains(done)
        });
        terminal.press(b"\x1b");
    }
    let text = review(terminal);
    for part in ["✓ search in production runs v4.1.1", "Hold search", "Roll back search"] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}
