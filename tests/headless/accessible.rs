//! The screen-reader mode: from a gate to its proof in sentences, without one byte that moves a cursor.

use std::time::{Duration, Instant};

use gonogo::sandbox::scenario::RunScript;

use super::pty::{PATIENCE, PROGRAM, Terminal};
use super::{Stage, day};

const ACCESSIBLE: &[(&str, &str)] = &[("ACCESSIBLE", "1"), ("TERM", "dumb")];

fn talk(stage: &Stage) -> Terminal {
    let config = stage.config().display().to_string();
    let mut terminal =
        Terminal::run(PROGRAM, &["--config", &config], ACCESSIBLE, stage.home.path(), (200, 200));
    terminal.wait_until("the prompt", PATIENCE * 2, asks);
    // On a slow machine the first words come before every source has answered.
    let end = Instant::now() + PATIENCE;
    while !terminal.contents().contains("Waiting 1: ") {
        assert!(Instant::now() < end, "{}", terminal.contents());
        let before = terminal.written();
        terminal.send(b"inbox\n");
        terminal.wait_until("the inbox", PATIENCE, |screen| terminal.written() > before + 20 && asks(screen));
    }
    terminal
}

/// Whether the program asks for a line.
fn asks(screen: &str) -> bool {
    screen.trim_end().ends_with("gonogo>")
}

/// Says a line, and waits until the program has answered with `words` and asks for the next one.
fn say(terminal: &mut Terminal, line: &str, words: &str) {
    terminal.send(format!("{line}\n").as_bytes());
    terminal.wait_until(words, PATIENCE * 3, |screen| {
        let after = screen.rsplit(&format!("gonogo> {line}\n")).next().unwrap_or_default();
        after.contains(words) && asks(screen)
    });
}

/// Says a line again and again, until the answer holds `words`: some of what is told is not known at once.
fn say_until(terminal: &mut Terminal, line: &str, words: &str) {
    let end = Instant::now() + PATIENCE * 3;
    loop {
        let before = terminal.written();
        terminal.send(format!("{line}\n").as_bytes());
        terminal.wait_until(line, PATIENCE, |screen| {
            terminal.written() > before + line.len() + 20 && asks(screen)
        });
        let contents = terminal.contents();
        if contents.rsplit(&format!("gonogo> {line}\n")).next().is_some_and(|after| after.contains(words)) {
            return;
        }
        assert!(Instant::now() < end, "never {words:?}\n{contents}");
        std::thread::park_timeout(Duration::from_millis(500));
    }
}

/// Nothing but text and line ends: no escape sequence, no bell, no cursor.
fn only_text(bytes: &[u8]) {
    let odd: Vec<u8> = bytes.iter().copied().filter(|b| *b < 0x20 && !matches!(b, b'\r' | b'\n')).collect();
    assert!(odd.is_empty(), "control bytes {odd:02x?}");
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let drawn: Vec<char> = text
        .chars()
        .filter(|c| ('\u{2500}'..='\u{28ff}').contains(c) || ('\u{80}'..='\u{9f}').contains(c))
        .collect();
    assert!(drawn.is_empty(), "boxes, blocks or braille: {drawn:?}");
}

#[test]
fn from_a_gate_to_its_proof_without_an_escape_sequence() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let mut terminal = talk(&stage);
    assert!(terminal.contents().contains("Waiting 1: production of checkout waits for approval"));
    say(&mut terminal, "services", "1: checkout is HOLD");
    say(&mut terminal, "why", "because of release");
    say_until(&mut terminal, "changes", "7 commits, 1 migration");
    say(&mut terminal, "sources", "github was seen");
    say(&mut terminal, "launch", "launch is no command");
    say(&mut terminal, "plan approve 1", "That is the plan; nothing was sent.");
    say(&mut terminal, "approve 2", "has the number 2");
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());

    // A word that was typed before there was a question confirms nothing.
    terminal.send(b"approve 1\ncheckout\n");
    terminal.wait_for("Type checkout to confirm, anything else to leave it:");
    terminal.read_it();
    terminal.send(b"no\n");
    terminal.wait_for("Left; nothing was sent.");
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());

    terminal.wait_until("the prompt", PATIENCE, asks);
    let asked = |screen: &str| screen.matches("Type checkout to confirm").count();
    let before = asked(&terminal.contents());
    terminal.send(b"approve 1 because the tests are green\n");
    terminal.wait_until("the question", PATIENCE, |screen| asked(screen) > before);
    terminal.read_it();
    terminal.send(b"checkout\n");
    terminal.wait_until("the proof", PATIENCE * 3, |screen| {
        screen.contains("verified: approved by mara") && asks(screen)
    });
    say(&mut terminal, "journal", "verified");
    say(&mut terminal, "follow", "verified: approved by mara");
    terminal.send(b"quit\n");
    let status = terminal.end(PATIENCE);
    assert_eq!(status.exit_code(), 0, "{}", terminal.contents());
    assert_eq!(stage.effects().len(), 1);
    assert!(terminal.contents().contains("Goodbye."));
    let bytes = terminal.bytes();
    only_text(&bytes);
    println!("accessible: gate to verified in {} bytes, 0 escape sequences", bytes.len());
}

#[test]
fn in_a_pipe_it_says_the_same_and_the_end_of_the_input_is_its_end() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let script =
        "plan approve 1\nservice checkout production\napprove 1\ncheckout\nrollback checkout nowhere\n";
    let heard = stage.with(&["--accessible"], &[], script);
    assert_eq!(heard.code, 0, "{heard:?}");
    for words in [
        "Waiting 1: production of checkout",
        "That is the plan",
        "Selected environment: production.",
        "verified: approved by mara",
        "has no environment",
        "Goodbye.",
    ] {
        assert!(heard.out.contains(words), "{words}: {}", heard.out);
    }
    assert_eq!(heard.err, "");
    only_text(heard.out.as_bytes());
    assert_eq!(stage.effects().len(), 1);
}

#[test]
fn a_wrong_name_and_an_end_before_the_name_confirm_nothing() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let heard = stage.with(&["--accessible"], &[], "approve 1\nyes\napprove 1\n");
    assert_eq!(heard.code, 0, "{heard:?}");
    assert!(heard.out.contains("Left; nothing was sent."), "{}", heard.out);
    let heard = stage.with(&["--accessible", "--read-only"], &[], "approve 1\ncheckout\n");
    assert!(heard.out.contains("refused: the cockpit is read-only"), "{}", heard.out);
    assert!(stage.writes().is_empty(), "{:#?}", stage.writes());
}

#[test]
fn what_happens_meanwhile_is_said_between_prompts() {
    let stage = Stage::new(day("checkout", RunScript::Waiting));
    let mut terminal = talk(&stage);
    // An empty line stops following: the proof is news then.
    terminal.send(b"approve 1\n");
    terminal.wait_for("Type checkout to confirm");
    terminal.read_it();
    terminal.send(b"checkout\n");
    terminal.wait_for("must hold 3 s");
    terminal.send(b"\n");
    terminal.wait_until("the prompt", PATIENCE, asks);
    let quiet = terminal.written();
    let end = Instant::now() + PATIENCE;
    while !stage.outcomes().contains(&"verified".to_owned()) {
        assert!(Instant::now() < end, "{}", terminal.contents());
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(terminal.written(), quiet, "nothing is said into a line that may be being typed");
    terminal.send(b"services\n");
    terminal.wait_until("the proof", PATIENCE, |screen| {
        screen.contains("checkout: Approve v2.15.0 for checkout in production: verified") && asks(screen)
    });

    stage.world.faults().refuse(gonogo::sandbox::Server::Prometheus);
    // Who listens hears it at once.
    terminal.send(b"\n");
    terminal.wait_for("Listening.");
    terminal.wait_until("the news", PATIENCE * 2, |screen| {
        screen.contains("New, ") && screen.contains("prometheus")
    });
    terminal.send(b"quit\n");
    assert_eq!(terminal.end(PATIENCE + Duration::from_secs(1)).exit_code(), 0);
    only_text(&terminal.bytes());
}
