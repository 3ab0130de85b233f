//! The first ten minutes in a terminal: the first screen where there is no config, and a config that is edited while the
//! cockpit runs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(unix)]

#[path = "support/pty.rs"]
#[expect(dead_code, reason = "shared with the tests of the terminal")]
mod pty;

use std::fs;
use std::path::Path;

use pty::{PATIENCE, Terminal};

/// Starts the program where nothing is known of a config, with a name server and an engine that are nowhere.
fn begin(home: &Path, arguments: &[&str]) -> Terminal {
    let config = home.join("config").display().to_string();
    let more = [("XDG_CONFIG_HOME", config.as_str()), ("DOCKER_HOST", "unix:///nowhere/docker.sock")];
    Terminal::run(pty::PROGRAM, arguments, &more, home, (100, 36))
}

#[test]
fn without_a_config_there_are_three_choices_and_none_of_them_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = begin(home.path(), &[]);
    terminal.wait_for("see the demo");
    terminal.wait_for("set up from this repository");
    terminal.press(b"r");
    terminal.wait_for("Where its files are");
    terminal.press(b"\x1b");
    terminal.wait_for("Three ways to go on");
    terminal.press(b"q");
    assert_eq!(terminal.end(PATIENCE).exit_code(), 0);
    assert!(terminal.as_before(), "the terminal is not as it was");
    assert_eq!(terminal.modes(), (false, false, false));
}

#[test]
fn the_set_up_is_shown_before_it_is_written_and_then_written_as_shown() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config/gonogo/config.toml");
    let mut terminal = begin(home.path(), &[]);
    terminal.wait_for("before anything is written");
    terminal.press(b"w");
    terminal.press(b"i");
    terminal.wait_for("w writes this to");
    assert!(!path.exists(), "written before it was asked for");
    terminal.press(b"w");
    assert_eq!(terminal.end(PATIENCE).exit_code(), 0);
    terminal.wait_for("gonogo doctor");
    assert!(fs::read_to_string(&path).unwrap().starts_with("#:schema"));
}

#[test]
fn the_demo_begins_with_one_key_and_takes_keys_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = begin(home.path(), &[]);
    terminal.wait_for("see the demo");
    terminal.press(b"d");
    terminal.wait_for("DEMO: nothing here is real");
    terminal.press(b"?");
    terminal.wait_for("keys");
    terminal.press(b"\x1b");
    assert_eq!(terminal.quit().exit_code(), 0);
    assert!(terminal.as_before());
}

#[test]
fn an_edited_config_is_taken_while_the_cockpit_runs_and_a_mistake_leaves_the_old_one() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config.toml");
    let config = |name: &str| format!("[[service]]\nname = \"{name}\"\n\n[[service]]\nname = \"steady\"\n");
    fs::write(&path, config("before")).unwrap();
    let file = path.display().to_string();
    let mut terminal = begin(home.path(), &["--config", &file]);
    terminal.wait_for("before");
    terminal.press(b"j");
    fs::write(&path, config("after") + "nmae = 1\n").unwrap();
    terminal.wait_for("config.toml:6:1: unknown key");
    terminal.wait_for("the old config stays");
    assert!(terminal.contents().contains("before"));
    fs::write(&path, config("after")).unwrap();
    terminal.wait_for("after");
    terminal.wait_gone("the old config stays");
    terminal.wait_gone("before ");
    // The selection stayed on the service that is in both.
    terminal.wait_until("the selection on steady", PATIENCE, |screen| {
        screen.lines().any(|line| line.contains("▌") && line.contains("steady"))
    });
    terminal.press(b"q");
    assert_eq!(terminal.end(PATIENCE).exit_code(), 0);
}
