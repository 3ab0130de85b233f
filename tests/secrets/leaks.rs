//! R31 and R34: a canary wherever a secret can lie, the real program in every way it is used, and a search of all
//! that it lets out.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::canary::{self, Hit};
use crate::planted::{Machine, write};
use crate::screen::Screen;

#[test]
fn the_scanner_finds_every_form_of_a_canary() {
    canary::finds_every_form();
}

fn run(machine: &Machine, arguments: &[&str], hits: &mut Vec<Hit>) -> Output {
    let output = machine.command(arguments).output().unwrap();
    let what = arguments.join(" ");
    hits.extend(machine.scanner.scan(&format!("standard output of {what}"), &output.stdout));
    hits.extend(machine.scanner.scan(&format!("standard error of {what}"), &output.stderr));
    output
}

/// What every process that the program started could see, and every command line.
fn scan_processes(machine: &Machine, id: u32, hits: &mut Vec<Hit>) {
    let mut family = vec![id];
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(process) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent == Some(id) {
            family.push(process);
        }
    }
    for process in family {
        for file in ["cmdline", "environ"] {
            // Its own environment is where the user put the secrets; those of its children are not.
            if file == "cmdline" || process != id {
                let place = format!("/proc/{process}/{file}");
                // A process that has ended has nothing to show.
                hits.extend(machine.scanner.scan(&place, &std::fs::read(&place).unwrap_or_default()));
            }
        }
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Approves a gate in the cockpit, and looks on while every server repeats what it was asked.
fn release(machine: &Machine, hits: &mut Vec<Hit>) {
    let mut screen = Screen::start(&machine.env, &machine.path("clone"), &[]);
    screen.wait_for("you may decide");
    scan_processes(machine, screen.id(), hits);
    screen.press("a", Duration::from_millis(300));
    screen.wait_for("pending_deployments");
    hits.extend(machine.scanner.scan("the plan on the screen", screen.contents().as_bytes()));
    screen.press("\x1b[C", Duration::from_millis(900));
    screen.press("\r", Duration::from_millis(200));
    let journal = machine.path("home/state/gonogo");
    until("the journal has the receipt", || {
        canary::files(&journal)
            .iter()
            .any(|file| std::fs::read_to_string(file).unwrap_or_default().contains("pending_deployments"))
    });
    screen.press("\x1b", Duration::from_millis(200));
    machine.forwarders.iter().for_each(|forwarder| forwarder.echo(true));
    screen.press("u", Duration::from_millis(200));
    screen.wait("the failures are shown", |s| s.contains("500") || s.contains("what is"));
    hits.extend(machine.scanner.scan("the screen with failures", screen.contents().as_bytes()));
    scan_processes(machine, screen.id(), hits);
    let id = screen.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    assert_eq!(screen.end(), 143);
    hits.extend(machine.scanner.scan("every byte of the terminal", &screen.bytes()));
}

/// Ways to use the program before anything was done in it.
fn before() -> &'static [&'static [&'static str]] {
    let all: &[&[&str]] = &[
        &["doctor"],
        &["--print", "--format", "svg", "--keys", "a"],
        &["status", "--json"],
        &["status"],
        &["doctor", "--json"],
        &["--print"],
        &["--print", "--format", "ansi", "--keys", "jj<tab><enter>"],
    ];
    if crate::full() { all } else { &all[..2] }
}

/// And afterwards, while every server repeats what it is asked.
fn after() -> &'static [&'static [&'static str]] {
    let all: &[&[&str]] = &[
        &["status"],
        &["journal", "show"],
        &["journal", "verify"],
        &["doctor"],
        &["status", "--json"],
        &["--print"],
    ];
    if crate::full() { all } else { &all[..3] }
}

#[test]
fn no_canary_leaves_the_request_that_it_belongs_to() {
    let machine = Machine::start(std::process::id().into());
    let mut hits = Vec::new();
    for arguments in before() {
        let output = run(&machine, arguments, &mut hits);
        assert!(!output.stdout.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    machine.bound_secrets_arrived();
    release(&machine, &mut hits);
    for arguments in after() {
        run(&machine, arguments, &mut hits);
    }
    let notes = machine.notes();
    println!(
        "R34: started with a sentinel: {:?}",
        notes.iter().map(|(n, all)| (n, all.len())).collect::<Vec<_>>()
    );
    assert_eq!(notes.keys().collect::<Vec<_>>(), ["cluster-login", "git", "github-login", "secret-tool"]);
    for below in ["notes", "home/state", "home/cache", "home/tmp", "home/config"] {
        hits.extend(machine.scanner.scan_folder(&machine.path(below)));
    }
    let log = std::fs::read_to_string(machine.path("home/state/gonogo/gonogo.log")).unwrap();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is kept in full");
    let searched = machine.scanner.searched.get();
    println!("R31: {} hits in {searched} bytes searched, log of {} bytes", hits.len(), log.len());
    assert_eq!(hits, []);
    let count = crate::at_rest::check(&machine.path("home"), &["state/gonogo/gonogo.log"]);
    println!("R33: {count} files written under umask 000, 0 readable by others");
    for (name, all) in notes {
        for note in all {
            assert!(!note.contains("AWS_SECRET_ACCESS_KEY"), "{name} sees another's secret");
            assert!(!note.contains("METRICS_TOKEN"), "{name} sees another's secret");
            assert!(!note.contains("HTTPS_PROXY"), "{name} sees the proxy's login");
        }
    }
}

#[test]
fn a_broken_config_with_a_secret_in_it_is_told_without_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let secret = canary::canary("config", 3);
    let scanner = canary::Scanner::new(&[("config", &secret)]);
    let mut hits = Vec::new();
    for text in [
        format!("[[source]]\nname = \"a\"\nkind = \"github\"\ntoken = \"{secret}\"\n"),
        format!("[[source]]\nname = \"a\"\nkind = \"github\"\ntoken = {{ value = \"{secret}\" }}\n"),
        format!("[[source]]\nname = \"a\"\nkind = \"prometheus\"\nurl = \"https://ann:{secret}@x.test\"\n"),
        format!(
            "[[source]]\nname = \"a\"\nkind = \"prometheus\"\nurl = \"https://x.test/?token={secret}\"\n"
        ),
        format!(
            "[[source]]\nname = \"a\"\nkind = \"prometheus\"\nurl = \"https://x.test\"\npasswrod = \"{secret}\"\n"
        ),
        format!("[[source]]\npassword = \"{secret}\" oops\n"),
        format!(
            "[[source]]\nname = \"a\"\nkind = \"alertmanager\"\nurl = \"https://x.test\"\nheaders = {{ authorization = \"{secret}\" }}\n"
        ),
    ] {
        let config = folder.path().join("config.toml");
        write(&config, 0o600, &text);
        for command in ["status", "doctor"] {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
                .args(["--config", config.to_str().unwrap(), command])
                .env_clear()
                .env("HOME", folder.path())
                .output()
                .unwrap();
            hits.extend(scanner.scan("output", &[output.stdout, output.stderr].concat()));
            assert_ne!(output.status.code(), Some(0), "{text}");
        }
    }
    assert_eq!(hits, []);
}

/// Whether a process runs (a zombie does not).
fn runs(id: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

fn hanging_login(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (note, login) = (folder.join("note"), folder.join("login"));
    let script =
        format!("#!/bin/sh\nsleep 600 &\necho $! $$ > {0}.new\nmv {0}.new {0}\nwait\n", note.display());
    write(&login, 0o755, &script);
    let config = folder.join("config.toml");
    let text = format!(
        "[[source]]\nname = \"ci\"\nkind = \"github\"\nurl = \"http://127.0.0.1:9\"\n\
         token = {{ command = [\"{}\"] }}\n\n[[service]]\nname = \"web\"\n\
         pipeline = {{ source = \"ci\", project = \"acme/web\" }}\n",
        login.display()
    );
    write(&config, 0o600, &text);
    (note, config)
}

#[test]
fn what_was_started_ends_with_the_cockpit() {
    for end in ["q", "TERM", "HUP"] {
        let folder = tempfile::tempdir().unwrap();
        let (note, config) = hanging_login(folder.path());
        let env = [
            ("PATH", "/usr/bin:/bin"),
            ("HOME", folder.path().to_str().unwrap()),
            ("TERM", "xterm-256color"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut screen =
            Screen::start(&env, folder.path(), &["--read-only", "--config", config.to_str().unwrap()]);
        until("the login command runs", || note.exists());
        screen.wait_for("VERDICT");
        let ids = std::fs::read_to_string(&note).unwrap();
        assert!(ids.split_whitespace().all(runs), "both run");
        if end == "q" {
            screen.press("q", Duration::from_millis(100));
        } else {
            let id = screen.id().to_string();
            assert!(std::process::Command::new("kill").args(["-s", end, &id]).status().unwrap().success());
        }
        screen.end();
        for id in ids.split_whitespace() {
            until(&format!("{id} has ended after {end}"), || !runs(id));
        }
    }
}
