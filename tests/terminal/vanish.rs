//! R39: a terminal that vanishes takes the program with it, soon, quietly, and with a true record.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::pty::{PROGRAM, Terminal};
use super::{SOON, demo, journal, plain, plain_home, times};

/// Ticks of the processor that a process has used; a tick is a hundredth of a second.
fn used(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    // A zombie has ended.
    (fields[0] != "Z").then(|| fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap())
}

/// Waits until a process has ended; returns how long that took and what it used of the processor meanwhile.
fn gone(pid: u32) -> (Duration, Duration) {
    let (began, at_first) = (Instant::now(), used(pid));
    let mut last = at_first;
    loop {
        match used(pid) {
            None => break,
            now => last = now,
        }
        assert!(began.elapsed() < SOON * 5, "{pid} is still there");
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let ticks = last.unwrap_or(0).saturating_sub(at_first.unwrap_or(0));
    (began.elapsed(), Duration::from_millis(ticks * 10))
}

/// The longest and the mean of what the runs of one test took.
#[derive(Default)]
struct Took {
    runs: u32,
    longest: Duration,
    used: Duration,
    all: Duration,
}

impl Took {
    fn note(&mut self, (took, used): (Duration, Duration)) {
        assert!(took < SOON, "gone after {took:?}");
        self.runs += 1;
        self.longest = self.longest.max(took);
        self.used += used;
        self.all += took;
    }

    fn say(&self, what: &str) {
        println!(
            "R39: {what}: {} of {} gone within 2 s, longest {:?}; processor used {:?} in {:?}",
            self.runs, self.runs, self.longest, self.used, self.all
        );
    }
}

#[test]
fn crossterm_793_a_vanished_terminal_does_not_spin() {
    let mut took = Took::default();
    for run in 0..times(3, 200) {
        let (_home, mut terminal) = plain();
        if run % 2 == 1 {
            // What ssh does when the line drops: a signal, and the close.
            terminal.signal("HUP");
        }
        let pid = terminal.pid();
        terminal.vanish();
        took.note(gone(pid));
        terminal.end(SOON);
    }
    took.say("idle, closed or hung up");
    assert!(took.used < took.all.max(Duration::from_millis(200 * u64::from(took.runs))), "{:?}", took.used);
}

#[test]
fn a_program_that_is_told_to_ignore_the_hang_up_ends_with_its_terminal_all_the_same() {
    let mut took = Took::default();
    for _ in 0..times(1, 200) {
        let (home, config) = plain_home();
        let script = format!("trap '' HUP; exec {PROGRAM} --config {config}");
        let mut terminal = Terminal::run("sh", &["-c", &script], &[], home.path(), (120, 36));
        terminal.wait_for("VERDICT");
        let pid = terminal.pid();
        terminal.vanish();
        took.note(gone(pid));
        terminal.end(SOON);
    }
    took.say("idle, hang-up ignored");
}

/// Confirms the approval of the demo's day.
fn acting() -> (tempfile::TempDir, Terminal) {
    let (home, mut terminal) = demo("release-day", &[]);
    super::floods::ready_to_confirm(&mut terminal);
    terminal.press(b"\r");
    terminal.wait_until("the intent is recorded", SOON * 5, |_| journal(home.path()).contains("\"intent\""));
    (home, terminal)
}

/// The kinds of a journal's lines.
fn kinds(home: &Path) -> Vec<String> {
    let kind = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["kind"].as_str().unwrap().to_owned()
    };
    journal(home).lines().map(kind).collect()
}

#[test]
fn an_action_under_way_ends_in_the_journal_when_the_terminal_vanishes() {
    let mut took = Took::default();
    for run in 0..times(2, 200) {
        let (home, mut terminal) = acting();
        if run % 2 == 1 {
            terminal.signal("HUP");
        }
        let pid = terminal.pid();
        terminal.vanish();
        took.note(gone(pid));
        terminal.end(SOON);
        let kinds = kinds(home.path());
        assert_eq!(kinds.iter().filter(|k| *k == "intent").count(), 1, "{kinds:?}");
        assert!(kinds.iter().filter(|k| *k == "sending").count() <= 1, "{kinds:?}");
        assert_eq!(kinds.last().map(String::as_str), Some("outcome"), "{kinds:?}");
    }
    took.say("an action under way, closed or hung up");
}

/// Servers of tmux of our own, ended with the test.
struct Tmux(tempfile::TempDir);

impl Tmux {
    fn run(&self, arguments: &[&str]) -> std::process::Output {
        let socket = self.0.path().join("socket");
        let mut command = Command::new("tmux");
        command.arg("-S").arg(socket).args(["-f", "/dev/null"]).args(arguments);
        command.env_remove("TMUX").env("HOME", self.0.path()).output().unwrap()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn a_killed_tmux_takes_the_program_with_it() {
    if Command::new("tmux").arg("-V").output().is_err() {
        println!("R39: tmux is not installed: not tried");
        return;
    }
    let mut took = Took::default();
    for _ in 0..times(1, 200) {
        let tmux = Tmux(tempfile::tempdir().unwrap());
        let (_home, config) = plain_home();
        let command = format!("exec {PROGRAM} --config {config}");
        let started = tmux.run(&["new-session", "-d", "-x", "120", "-y", "36", &command]);
        assert!(started.status.success(), "{started:?}");
        let end = Instant::now() + super::pty::PATIENCE;
        while !String::from_utf8_lossy(&tmux.run(&["capture-pane", "-p"]).stdout).contains("VERDICT") {
            assert!(Instant::now() < end, "{:?}", tmux.run(&["capture-pane", "-p"]));
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let pid = tmux.run(&["list-panes", "-F", "#{pane_pid}"]).stdout;
        let pid = String::from_utf8(pid).unwrap().trim().parse().unwrap();
        tmux.run(&["kill-server"]);
        took.note(gone(pid));
    }
    took.say("tmux killed");
}

#[test]
fn under_nohup_nothing_takes_the_terminal_and_the_hang_up_leaves_nobody_behind() {
    let mut took = Took::default();
    for _ in 0..times(1, 200) {
        let (home, config) = plain_home();
        let script = format!("cd {}; exec nohup {PROGRAM} --config {config}", home.path().display());
        let mut terminal = Terminal::run("sh", &["-c", &script], &[], home.path(), (120, 36));
        let pid = terminal.pid();
        terminal.vanish();
        // It looks once, prints the status into its file, and ends.
        let end = Instant::now() + super::pty::PATIENCE;
        while used(pid).is_some() {
            assert!(Instant::now() < end, "{pid} is still there");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        terminal.end(SOON);
        took.note((Duration::ZERO, Duration::ZERO));
    }
    took.say("nohup");
}

#[test]
fn no_child_outlives_the_program() {
    for way in ["vanish", "q", "TERM"] {
        let (home, config) = plain_home();
        let mark = home.path().join("pid");
        let script = home.path().join("token");
        std::fs::write(&script, format!("#!/bin/sh\necho $$ > {}\nexec sleep 600\n", mark.display()))
            .unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&script, executable).unwrap();
        let token = format!("token = {{ command = [\"{}\"] }}\n\n[[service]]", script.display());
        let text = super::PLAIN.replacen("[[service]]", &token, 1);
        std::fs::write(&config, text).unwrap();
        let mut terminal = Terminal::start(&["--config", &config], home.path(), 120, 36);
        terminal.wait_for("VERDICT");
        let child = || std::fs::read_to_string(&mark).ok().and_then(|pid| pid.trim().parse::<u32>().ok());
        terminal.wait_until("the command for the token runs", super::pty::PATIENCE, |_| child().is_some());
        let (pid, child) = (terminal.pid(), child().unwrap());
        match way {
            "vanish" => terminal.vanish(),
            "q" => terminal.press(b"q"),
            signal => terminal.signal(signal),
        }
        gone(pid);
        terminal.end(SOON);
        gone(child);
        println!("R39: {way}: no orphan");
    }
}
