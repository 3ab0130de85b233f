//! R38: whatever ends the program, the terminal is what it was before, and what there is to say can be read.

use std::process::Command;

use super::pty::{PROGRAM, Terminal};
use super::{SOON, demo, plain, plain_home, restored, times};

/// A way to end, and what must be true afterwards: exit code, and words on the screen.
struct End {
    code: u32,
    says: &'static str,
}

/// The ways to end that begin with a running cockpit: the mishap that is armed, what is done.
fn ending(mishap: &str, act: impl Fn(&mut Terminal), end: &End) {
    let (home, config) = plain_home();
    let more = [("GONOGO_MISHAP", mishap)];
    let mut terminal = Terminal::run(PROGRAM, &["--config", &config], &more, home.path(), (120, 36));
    if !mishap.contains(':') {
        terminal.wait_for("VERDICT");
    }
    act(&mut terminal);
    ended(&mut terminal, mishap, end);
}

fn ended(terminal: &mut Terminal, what: &str, end: &End) {
    assert_eq!(terminal.end(SOON).exit_code(), end.code, "{what}\n{}", terminal.contents());
    restored(terminal);
    terminal.wait_until(end.says, SOON, |screen| screen.contains(end.says));
    let screen = terminal.contents();
    assert!(!screen.contains("VERDICT"), "{what}: the cockpit is still there\n{screen}");
    let leaves = String::from_utf8_lossy(&terminal.bytes()).matches("\x1b[?1049l").count();
    assert!(leaves <= 1, "{what}: the alternate screen was left {leaves} times");
}

#[test]
fn keys_and_signals_restore_the_terminal_and_show_in_the_exit_code() {
    let mut count = 0;
    for _ in 0..times(1, 50) {
        for keys in [&b"q"[..], b"\x03"] {
            ending("", |t| t.press(keys), &End { code: 0, says: "" });
            count += 1;
        }
        for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131), ("ABRT", 134)] {
            ending("", |t| t.signal(name), &End { code, says: "" });
            count += 1;
        }
    }
    println!("R38: {count} of {count} exits by key and signal restored");
}

#[test]
fn a_crash_anywhere_restores_the_terminal_and_its_message_can_be_read() {
    let mut count = 0;
    for _ in 0..times(1, 50) {
        ending("draw:2", |_| {}, &End { code: 101, says: "gonogo crashed: induced crash in draw" });
        ending("update:2", |_| {}, &End { code: 101, says: "gonogo crashed: induced crash in update" });
        ending("keys", |t| t.press(b"j"), &End { code: 1, says: "crashed: induced crash in keys" });
        let (_home, mut terminal) = demo("release-day", &[("GONOGO_MISHAP", "prepare")]);
        terminal.wait_for("you may decide");
        terminal.press(b"a");
        ended(&mut terminal, "prepare", &End { code: 1, says: "a task crashed: induced crash in prepare" });
        for part in ["execute", "conclude"] {
            let (_home, mut terminal) = demo("release-day", &[("GONOGO_MISHAP", part)]);
            super::floods::ready_to_confirm(&mut terminal);
            terminal.press(b"\r");
            let says = format!("a task crashed: induced crash in {part}");
            terminal.wait_until(&says, super::pty::PATIENCE, |screen| screen.contains(&says));
            ended(&mut terminal, part, &End { code: 1, says: "in the journal as in doubt" });
        }
        count += 6;
    }
    println!("R38: {count} of {count} crashes restored, each with its message");
}

#[test]
fn a_crash_of_the_journals_writer_is_said_and_leaves_the_cockpit_usable() {
    for _ in 0..times(1, 50) {
        let (_home, mut terminal) = demo("release-day", &[("GONOGO_MISHAP", "journal")]);
        super::floods::ready_to_confirm(&mut terminal);
        terminal.press(b"\r");
        terminal.wait_for("the journal cannot be written");
        terminal.wait_for("actions are off");
        terminal.press(b"\x03");
        assert_eq!(terminal.end(SOON).exit_code(), 0);
        restored(&terminal);
    }
}

#[test]
fn a_failure_of_each_step_of_the_beginning_restores_the_terminal() {
    let steps = ["signals", "terminal", "entering", "canvas", "input", "engine"];
    let runs = times(steps.len(), 50);
    for step in steps.iter().cycle().take(runs) {
        let (home, config) = plain_home();
        let more = [("GONOGO_MISHAP", *step)];
        let mut terminal = Terminal::run(PROGRAM, &["--config", &config], &more, home.path(), (120, 36));
        let says = format!("gonogo: induced failure of {step}");
        assert_eq!(terminal.end(SOON).exit_code(), 1, "{step}\n{}", terminal.contents());
        restored(&terminal);
        terminal.wait_for(&says);
    }
    println!("R38: {runs} of {runs} failures at the beginning restored");
}

/// A shell with job control in the terminal that runs the cockpit and says what became of it.
fn shell() -> (tempfile::TempDir, Terminal) {
    let (home, config) = plain_home();
    let script = format!(
        "set -m; {PROGRAM} --config {config}; echo stopped:$?; stty -a | tr ';' '\\n' | grep -c -e ' icanon' -e ' echo '; \
         read line; fg; echo ended:$?"
    );
    let terminal = Terminal::run("sh", &["-c", &script], &[], home.path(), (120, 36));
    terminal.wait_for("VERDICT");
    (home, terminal)
}

/// The cockpit's process: the child of the shell.
fn cockpit_of(terminal: &Terminal) -> String {
    let output =
        Command::new("ps").args(["-o", "pid=", "--ppid", &terminal.pid().to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

/// Stops, looks at the terminal, goes on, and leaves.
fn stopped_and_continued(stop: impl Fn(&mut Terminal)) {
    let (_home, mut terminal) = shell();
    stop(&mut terminal);
    terminal.wait_for("stopped:");
    restored(&terminal);
    terminal.press(b"\n");
    terminal.wait_for("VERDICT");
    assert_eq!(terminal.modes(), (true, true, true), "the terminal is the cockpit's again");
    terminal.press(b"?");
    terminal.wait_for("THESE ACT NOW");
    terminal.press(b"\x1b");
    terminal.wait_gone("THESE ACT NOW");
    terminal.press(b"q");
    terminal.wait_for("ended:0");
    terminal.end(SOON);
    restored(&terminal);
}

#[test]
fn stopping_gives_the_terminal_back_and_going_on_takes_it_again() {
    let runs = times(1, 50);
    for _ in 0..runs {
        stopped_and_continued(|t| t.press(b"\x1a"));
        stopped_and_continued(|t| {
            let done = Command::new("kill").args(["-TSTP", &cockpit_of(t)]).status().unwrap();
            assert!(done.success());
        });
    }
    println!("R38: {runs} of {runs} stops by ctrl-z, {runs} of {runs} by SIGTSTP, restored and continued");
}

#[test]
fn where_no_shell_could_continue_it_ctrl_z_does_not_stop_the_program() {
    let (_home, mut terminal) = plain();
    terminal.press(b"\x1a");
    terminal.press(b"?");
    terminal.wait_for("THESE ACT NOW");
    terminal.press(b"\x1b");
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    restored(&terminal);
}

#[test]
fn input_that_has_ended_already_never_takes_the_terminal() {
    let runs = times(1, 50);
    for _ in 0..runs {
        let (home, config) = plain_home();
        let script = format!("exec {PROGRAM} --config {config} < /dev/null");
        let mut terminal = Terminal::run("sh", &["-c", &script], &[], home.path(), (120, 36));
        terminal.end(std::time::Duration::from_secs(20));
        restored(&terminal);
        let bytes = terminal.bytes();
        assert!(!bytes.contains(&0x1b), "{:?}", String::from_utf8_lossy(&bytes));
    }
    println!("R38: {runs} of {runs} starts without input left the terminal alone");
}

#[test]
fn without_a_terminal_the_status_is_printed() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM).args(["demo", "quiet"]).env("HOME", home.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("GO"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}
