//! R26 and R30 with the real program: whatever a hostile source says, what leaves the program holds no sequence but
//! the renderer's own, and nothing reaches the clipboard but by the operator's key.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::{Value, json};

use super::pty::{PROGRAM, Terminal};
use super::vt::{Allow, foreign, payloads};
use super::{PLAIN, SOON, times};

/// A source that answers everything with the same bytes.
pub(super) struct Hostile {
    port: u16,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Hostile {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&answer);
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let mut asked = [0; 8_192];
                let _ = connection.read(&mut asked);
                let answer = shared.lock().unwrap().clone();
                let _ = connection.write_all(&answer);
            }
        });
        Self { port, answer }
    }

    pub(super) fn says(&self, status: &str, body: &[u8]) {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        *self.answer.lock().unwrap() = [head.as_bytes(), body].concat();
    }

    pub(super) fn config(&self, home: &Path) -> String {
        let config = home.join("config.toml");
        let text = PLAIN.replace("http://127.0.0.1:1", &format!("http://127.0.0.1:{}", self.port));
        std::fs::write(&config, text).unwrap();
        config.display().to_string()
    }
}

/// Alerts whose every text is hostile.
fn alerts(texts: &[String]) -> Value {
    let alert = |text: &String| {
        json!({
            "labels": {"alertname": text, "severity": text, "service": text},
            "annotations": {"summary": text},
            "startsAt": "2026-11-20T14:00:00Z",
            "status": {"state": "suppressed", "silencedBy": [text], "inhibitedBy": [text], "mutedBy": []},
        })
    };
    Value::Array(texts.iter().map(alert).collect())
}

fn output(arguments: &[&str], config: &str, home: &Path) -> Vec<u8> {
    let mut command = Command::new(PROGRAM);
    command.args(["--config", config]).args(arguments).env_clear().env("HOME", home).env("USER", "tester");
    command.env("GONOGO_LOG", "trace");
    let output = command.output().unwrap();
    [output.stdout, output.stderr].concat()
}

fn clean(what: &str, bytes: &[u8], allow: Allow) {
    let found = foreign(bytes, allow);
    assert_eq!(found, [""; 0], "{what}: {}", String::from_utf8_lossy(bytes));
}

#[test]
fn what_a_hostile_source_says_leaves_no_sequence_in_any_outlet() {
    let all = payloads();
    assert!(all.len() >= 600, "{}", all.len());
    let hostile = Hostile::start();
    let home = tempfile::tempdir().unwrap();
    let config = hostile.config(home.path());
    let mut outlets = 0;
    let parts: Vec<&[String]> = all.chunks(150).collect();
    for part in parts.iter().take(times(2, parts.len())) {
        hostile.says("200 OK", alerts(part).to_string().as_bytes());
        for (arguments, allow) in [
            (&["status"][..], Allow::Text),
            (&["status", "--json"], Allow::Text),
            (&["doctor"], Allow::Text),
            (&["--print", "--size", "200x60"], Allow::Text),
            (&["--print", "--format", "svg", "--keys", "w"], Allow::Text),
            (&["--print", "--format", "ansi", "--keys", "?"], Allow::Colours),
        ] {
            clean(&format!("{arguments:?}"), &output(arguments, &config, home.path()), allow);
            outlets += 1;
        }
    }
    // Answers that are no answers: their texts become faults.
    for (status, body) in [
        ("500 \u{1b}]0;x\u{7}", all.join(" ").into_bytes()),
        ("403 Forbidden", json!({"message": all.join(" ")}).to_string().into_bytes()),
        ("200 OK", b"[{\"labels\":{\"alertname\":\"\xff\xfe\x9b31m\"}}]".to_vec()),
        ("200 OK", b"\x1b]52;c;aGVsbG8=\x07\x9b2J not JSON".to_vec()),
    ] {
        hostile.says(status, &body);
        clean(status, &output(&["status"], &config, home.path()), Allow::Text);
        clean(status, &output(&["status", "--json"], &config, home.path()), Allow::Text);
        outlets += 2;
    }
    let log = home.path().join(".local/state/gonogo/gonogo.log");
    clean("the log", &std::fs::read(log).unwrap(), Allow::Text);
    println!(
        "R26: {} payloads, {outlets} outputs and the log, 0 sequences outside the allow-list",
        all.len()
    );
}

#[test]
fn the_screen_of_a_hostile_world_holds_only_the_renderers_own_sequences() {
    let all = payloads();
    let hostile = Hostile::start();
    let home = tempfile::tempdir().unwrap();
    let config = hostile.config(home.path());
    hostile.says("200 OK", alerts(&all[..150]).to_string().as_bytes());
    let mut terminal = Terminal::start(&["--config", &config], home.path(), 160, 50);
    terminal.wait_for("VERDICT");
    terminal.wait_for("\\u{");
    for part in all.chunks(150) {
        hostile.says("200 OK", alerts(part).to_string().as_bytes());
        let before = terminal.written();
        for key in [
            &b"r"[..],
            b"v",
            b"\x1b",
            b":",
            b"\x1b",
            b"?",
            b"\x1b",
            b"\t",
            b"\r",
            b"\x1b",
            b"d",
            b"\x1b",
            b"\x12",
            b"j",
        ] {
            terminal.press(key);
        }
        // What is pasted or typed is text from outside, too.
        terminal.send(format!("/\x1b[200~{}\x1b[201~\x1b", part.join("")).as_bytes());
        terminal.wait_until("something was drawn", SOON, |_| terminal.written() > before);
    }
    clean("the screen", &terminal.bytes(), Allow::Screen);
    terminal.signal("TERM");
    terminal.end(SOON);
    clean("the screen to its end", &terminal.bytes(), Allow::Screen);
    println!(
        "R26: {} bytes of screens of a hostile world, 0 sequences outside the allow-list",
        terminal.written()
    );
}

#[test]
fn only_the_operators_key_reaches_the_clipboard_and_it_carries_safe_text() {
    let strings: Vec<String> = payloads()
        .into_iter()
        .filter(|p| p.contains("]52") || p.contains("]8") || p.contains("http"))
        .chain(
            (0..100)
                .map(|n| format!("\u{1b}]52;c;{n}\u{7}javascript:alert({n}) https://evil.example/{n};sh")),
        )
        .collect();
    assert!(strings.len() >= 100);
    let hostile = Hostile::start();
    let home = tempfile::tempdir().unwrap();
    let config = hostile.config(home.path());
    hostile.says("200 OK", alerts(&strings).to_string().as_bytes());
    let mut terminal = Terminal::start(&["--config", &config], home.path(), 160, 50);
    terminal.wait_for("VERDICT");
    terminal.wait_for("javascript");
    for key in [&b"w"[..], b"\x1b", b"v", b"\x1b", b"\t", b"\t", b"\x1b", b"\x1b"] {
        terminal.press(key);
    }
    clean("before the key", &terminal.bytes(), Allow::Screen);
    terminal.press(b"y");
    terminal.wait_for("enter copy");
    clean("before something is chosen", &terminal.bytes(), Allow::Screen);
    terminal.press(b"\r");
    terminal.wait_for("copied:");
    let bytes = terminal.bytes();
    clean("after the key", &bytes, Allow::ScreenAndClipboard);
    let text = String::from_utf8(bytes).unwrap();
    let copies: Vec<&str> = text.split("\x1b]52;c;").skip(1).collect();
    assert_eq!(copies.len(), 1, "one key, one copy");
    let coded = copies[0].split(['\u{7}', '\u{1b}']).next().unwrap();
    let copied = base64::engine::general_purpose::STANDARD.decode(coded).unwrap();
    clean("what was copied", &copied, Allow::Text);
    println!(
        "R30: {} hostile strings, 0 on the clipboard, 0 links; one key, one copy of safe text",
        strings.len()
    );
    terminal.press(b"q");
    terminal.end(SOON);
}

#[test]
fn a_journal_with_hostile_texts_is_shown_without_them() {
    use gonogo::domain::{ActionId, Outcome, SafeText};
    use gonogo::runtime::Journal;
    use gonogo::runtime::journal::Entry;
    let all = payloads();
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".local/state/gonogo/journal.jsonl");
    let journal = Journal::open(&path, &format!("tester@{}", all[5])).unwrap();
    for text in &all[..times(60, all.len())] {
        let id = ActionId(SafeText::new(text));
        let outcome = Outcome::InDoubt(SafeText::new(text));
        journal.append("2026-11-20T14:00:00Z".parse().unwrap(), &Entry::outcome(&id, &outcome)).unwrap();
    }
    let run = |arguments: &[&str]| {
        let output =
            Command::new(PROGRAM).args(arguments).env_clear().env("HOME", home.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        [output.stdout, output.stderr].concat()
    };
    clean("journal show", &run(&["journal", "show"]), Allow::Text);
    clean("journal verify", &run(&["journal", "verify"]), Allow::Text);
    clean("the file", &std::fs::read(path).unwrap(), Allow::Text);
}
