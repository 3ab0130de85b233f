//! The terminal is lent to the operator's own editor and pager, and comes back clean: left once, taken again once,
//! with no key lost to the other side.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::pty::Terminal;
use super::{SOON, demo, restored};

/// A program of the operator's that does this to the file it is given.
fn program(folder: &Path, script: &str) -> PathBuf {
    let program = folder.join("program");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    program
}

fn count(terminal: &Terminal, what: &str) -> usize {
    String::from_utf8_lossy(&terminal.bytes()).matches(what).count()
}

/// How often the alternate screen was taken and left.
fn turns(terminal: &Terminal) -> (usize, usize) {
    (count(terminal, "\x1b[?1049h"), count(terminal, "\x1b[?1049l"))
}

/// A release day with this editor and pager, its dialog open and the reason's field with the keyboard.
fn at_the_reason(script: &str) -> (tempfile::TempDir, tempfile::TempDir, Terminal) {
    let own = tempfile::tempdir().unwrap();
    let editor = program(own.path(), script).display().to_string();
    let heard = own.path().join("heard").display().to_string();
    let more = [("EDITOR", editor.as_str()), ("HEARD", &heard), ("DEPLOY_TOKEN", "canary-31c9")];
    let (home, mut terminal) = demo("release-day", &more);
    terminal.wait_for("you may decide");
    terminal.press(b"a");
    terminal.wait_for("[ Approve ]");
    // The line for the name has the keyboard; the reason is before it.
    terminal.press(b"\x1b[Z");
    terminal.send(b"because");
    terminal.wait_for("because");
    (home, own, terminal)
}

#[test]
fn a_reason_is_written_in_ones_own_editor_and_the_terminal_comes_back_clean() {
    let script = "stty -a > $HEARD; env >> $HEARD; cat \"$1\" >> $HEARD; read line; echo typed:$line >> $HEARD\n\
                  printf 'the fix of SHOP-1\\nis urgent\\033[31m\\n' > \"$1\"";
    let (_home, own, mut terminal) = at_the_reason(script);
    terminal.press(b"\x05");
    terminal.wait_until("the terminal is lent", SOON * 5, |_| turns(&terminal) == (1, 1));
    restored(&terminal);
    let heard = || std::fs::read_to_string(own.path().join("heard")).unwrap_or_default();
    terminal.wait_until("the editor runs", SOON * 5, |_| heard().contains("\nbecause"));
    // Keys are the editor's: none of these is a command or a letter of the reason.
    terminal.send(b"q?a\n");
    terminal.wait_for("the fix of SHOP-1 is urgent");
    assert_eq!(turns(&terminal), (2, 1));
    assert_eq!(terminal.modes(), (true, true, true), "the terminal is the cockpit's again");
    let heard = heard();
    assert!(heard.contains("typed:q?a"), "{heard}");
    assert!(
        heard.contains(" icanon") && heard.contains(" echo "),
        "the editor found a raw terminal: {heard}"
    );
    assert!(!heard.contains("canary"), "R34: {heard}");
    let screen = terminal.contents();
    assert!(screen.contains("\\u{1b}[31m"), "R26: what the editor wrote is text from outside\n{screen}");
    assert!(!screen.contains("THESE ACT NOW"), "{screen}");
    terminal.press(b"\x1b");
    terminal.wait_gone("[ Approve ]");
    assert_eq!(terminal.quit().exit_code(), 0);
    restored(&terminal);
    assert_eq!(turns(&terminal), (2, 2));
}

#[test]
fn an_editor_that_fails_leaves_the_reason_as_it_was_and_that_is_said() {
    let (_home, _own, mut terminal) = at_the_reason("stty raw -echo; exit 3");
    terminal.press(b"\x05");
    terminal.wait_for("ended with exit status: 3");
    terminal.wait_for("because");
    assert_eq!(turns(&terminal), (2, 1));
    terminal.press(b"\x1b");
    terminal.wait_gone("[ Approve ]");
    assert_eq!(terminal.quit().exit_code(), 0);
    // The editor left the line raw: the shell must not find it so.
    restored(&terminal);
}

#[test]
fn a_change_set_is_read_in_ones_own_pager() {
    let own = tempfile::tempdir().unwrap();
    let heard = own.path().join("heard");
    let script = format!("cp \"$1\" {}; read line", heard.display());
    let pager = program(own.path(), &script).display().to_string();
    let (_home, mut terminal) = demo("release-day", &[("PAGER", &pager)]);
    terminal.wait_for("you may decide");
    terminal.press(b"d");
    terminal.wait_for("migrations/");
    terminal.press(b"v");
    terminal.wait_until("the pager runs", SOON * 5, |_| heard.exists() && turns(&terminal) == (1, 1));
    terminal.send(b"\n");
    terminal.wait_until("the terminal is taken again", SOON * 5, |_| turns(&terminal) == (2, 1));
    terminal.wait_for("migrations/");
    let lines = std::fs::read_to_string(&heard).unwrap();
    assert!(lines.contains("7 commits") && lines.contains("migration migrations/"), "{lines}");
}

#[test]
fn a_signal_that_ends_the_cockpit_ends_what_has_its_terminal() {
    let (_home, own, mut terminal) = at_the_reason(
        "stty raw -echo; printf '\\033[?1049h\\033[?25l\\033[?2004h'; echo $$ > $HEARD; exec sleep 1000",
    );
    terminal.press(b"\x05");
    let heard = || std::fs::read_to_string(own.path().join("heard")).unwrap_or_default();
    terminal.wait_until("the editor runs", SOON * 5, |_| heard().ends_with('\n'));
    let editor = heard().trim().to_owned();
    terminal.signal("TERM");
    assert_eq!(terminal.end(SOON * 2).exit_code(), 143);
    restored(&terminal);
    terminal.wait_until("the editor is gone", SOON, |_| {
        let stat = std::fs::read_to_string(format!("/proc/{editor}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
}
