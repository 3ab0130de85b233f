//! The terminal's life cycle, in a pseudo-terminal: restored once, whatever ends the program; gone when it vanishes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/pty.rs"]
mod pty;

use std::time::Duration;

use pty::Terminal;

const SOON: Duration = Duration::from_secs(2);

fn cockpit() -> (tempfile::TempDir, Terminal) {
    let home = tempfile::tempdir().unwrap();
    let terminal = Terminal::start(&["demo", "quiet"], home.path(), 120, 36);
    terminal.wait_for("VERDICT");
    terminal.wait_for("GO");
    assert_eq!(terminal.modes(), (true, true, true), "alternate screen, bracketed paste, hidden cursor");
    (home, terminal)
}

fn restored(terminal: &Terminal) {
    terminal.wait_until("the terminal is restored", SOON, |_| terminal.modes() == (false, false, false));
}

#[test]
fn leaving_restores_the_terminal() {
    let (_home, mut terminal) = cockpit();
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    restored(&terminal);
}

#[test]
fn signals_restore_the_terminal_and_show_in_the_exit_code() {
    for (name, code) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("QUIT", 131)] {
        let (_home, mut terminal) = cockpit();
        terminal.signal(name);
        assert_eq!(terminal.end(SOON).exit_code(), code, "{name}");
        restored(&terminal);
    }
}

#[test]
fn a_vanished_terminal_ends_the_program() {
    let (_home, mut terminal) = cockpit();
    terminal.vanish();
    terminal.end(SOON);
}

#[test]
fn every_size_is_survived() {
    let (_home, mut terminal) = cockpit();
    for (columns, rows) in [(80, 24), (1, 1), (20, 5), (300, 100), (2, 200), (60, 16), (120, 36)] {
        terminal.resize(columns, rows);
    }
    terminal.wait_for("VERDICT");
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
}

#[test]
fn a_paste_presses_nothing() {
    let (_home, mut terminal) = cockpit();
    terminal.send(b"\x1b[200~q\rqaq\r\x1b[201~");
    terminal.wait_for("pasted text was dropped");
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
}

#[test]
fn without_a_terminal_the_status_is_printed() {
    let home = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .args(["demo", "quiet"])
        .env("HOME", home.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("GO"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}
