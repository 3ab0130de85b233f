//! What the terminal around the screen is told, byte by byte: title, progress, notices; and that all of it is taken
//! back, whatever ends the program.

use serde_json::json;

use super::outlets::Hostile;
use super::pty::{PROGRAM, Terminal};
use super::{SOON, demo, plain_home, restored};

/// A terminal that knows progress, links and notices.
const ABLE: (&str, &str) = ("TERM_PROGRAM", "WezTerm");

fn text(terminal: &Terminal) -> String {
    String::from_utf8_lossy(&terminal.bytes()).into_owned()
}

/// The titles that were set, in order.
fn titles(terminal: &Terminal) -> Vec<String> {
    let text = text(terminal);
    text.split("\x1b]2;").skip(1).filter_map(|rest| Some(rest.split_once("\x1b\\")?.0.to_owned())).collect()
}

/// Title, focus and progress are as they were: each is taken back once, after everything else that was said.
fn taken_back(terminal: &Terminal, what: &str) {
    let all = text(terminal);
    assert_eq!(all.matches("\x1b[22;2t").count(), all.matches("\x1b[23;2t").count(), "{what}");
    assert_eq!(all.matches("\x1b[?1004h").count(), 1, "{what}");
    let parts = all.rsplit_once("\x1b]2;\x1b\\\x1b[23;2t");
    assert!(parts.is_some(), "{what}: {all:?}");
    let (_, after) = parts.unwrap();
    assert!(!after.contains("\x1b]"), "{what}: something is said after the title was taken back");
    assert!(after.contains("\x1b[?1004l") && after.contains("\x1b[?1049l"), "{what}");
    if let Some((_, last)) = all.rsplit_once("\x1b]9;4;") {
        assert!(last.starts_with("0;0"), "{what}: a progress is left behind");
    }
    let (_, last) = all.rsplit_once("\x1b[?2026h").unwrap();
    assert!(last.contains("\x1b[?2026l"), "{what}: a frame without an end");
}

#[test]
fn the_title_says_the_state_and_is_what_it_was_after_every_way_to_end() {
    for (mishap, signal, code) in
        [("", "", 0), ("", "TERM", 143), ("", "HUP", 129), ("draw:3", "", 101), ("update:4", "", 101)]
    {
        let (home, config) = plain_home();
        let more = [("GONOGO_MISHAP", mishap), ABLE];
        let mut terminal = Terminal::run(PROGRAM, &["--config", &config], &more, home.path(), (120, 36));
        if mishap.is_empty() {
            terminal.wait_until("a title", SOON * 5, |_| !titles(&terminal).is_empty());
            if signal.is_empty() { terminal.press(b"q") } else { terminal.signal(signal) }
        }
        let what = format!("{mishap}{signal}");
        assert_eq!(terminal.end(SOON * 5).exit_code(), code, "{what}\n{}", terminal.contents());
        restored(&terminal);
        let all = titles(&terminal);
        assert_eq!(all.first().map(String::as_str), Some("? UNKNOWN · gonogo"), "{what}: {all:?}");
        taken_back(&terminal, &what);
    }
}

#[test]
fn a_terminal_that_knows_no_titles_is_told_none() {
    let (home, config) = plain_home();
    let more = [("TERM", "linux"), ("COLORTERM", "")];
    let mut terminal = Terminal::run(PROGRAM, &["--config", &config], &more, home.path(), (120, 36));
    terminal.wait_for("VERDICT");
    terminal.press(b"q");
    terminal.end(SOON);
    assert!(!text(&terminal).contains("\x1b]"), "{:?}", text(&terminal));
}

#[test]
fn an_action_shows_its_progress_in_the_tab_until_the_program_ends() {
    for end in ["leave", "crash"] {
        let crash = if end == "crash" { "conclude" } else { "" };
        let (_home, mut terminal) = demo("release-day", &[ABLE, ("GONOGO_MISHAP", crash)]);
        terminal.wait_until("what waits is in the title", SOON * 5, |_| {
            titles(&terminal).iter().any(|t| t.starts_with('◆') || t.starts_with('✗'))
        });
        assert!(!text(&terminal).contains("\x1b]9;4;"), "nothing is under way yet");
        super::floods::ready_to_confirm(&mut terminal);
        terminal.press(b"\r");
        terminal.wait_until("a progress", SOON * 5, |_| text(&terminal).contains("\x1b]9;4;"));
        if end == "leave" {
            terminal.press(b"\x03");
            terminal.press(b"\x03");
        }
        terminal.end(super::pty::PATIENCE);
        restored(&terminal);
        taken_back(&terminal, end);
    }
}

fn alert() -> Vec<u8> {
    json!([{
        "labels": {"alertname": "HighErrorRate", "severity": "critical", "service": "web"},
        "annotations": {"summary": "errors; many"},
        "startsAt": "2026-11-20T14:00:00Z",
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }])
    .to_string()
    .into_bytes()
}

/// Waits for the verdict in the title; the source is looked at once a second.
fn look(terminal: &Terminal, verdict: &str) {
    terminal.wait_until(verdict, super::pty::PATIENCE, |_| {
        titles(terminal).last().is_some_and(|title| title.contains(verdict))
    });
}

/// A service that turns to NO-GO three times: while nobody has looked away, while somebody has, and again at once.
/// Returns what was written meanwhile, in three parts, and what stood on the screen in the end.
fn called(ui: &str, home: &std::path::Path, more: &[(&str, &str)]) -> ([String; 3], String) {
    let hostile = Hostile::start();
    hostile.says("200 OK", b"[]");
    let config = hostile.config(home);
    let often = "kind = \"alertmanager\"\nevery = \"1s\"";
    let text = std::fs::read_to_string(&config).unwrap().replace("kind = \"alertmanager\"", often);
    let with = text + "[ui]\n" + ui;
    std::fs::write(&config, with).unwrap();
    let mut terminal = Terminal::run(PROGRAM, &["--config", &config], more, home, (120, 36));
    terminal.wait_for("VERDICT");
    look(&terminal, "✓ GO");
    let mut parts = [const { String::new() }; 3];
    for (part, focus) in parts.iter_mut().zip([&b"\x1b[I"[..], b"\x1b[O", b"\x1b[O"]) {
        terminal.send(focus);
        let before = terminal.written();
        hostile.says("200 OK", &alert());
        look(&terminal, "NO-GO web");
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        *part = String::from_utf8_lossy(&terminal.bytes()[before..]).into_owned();
        hostile.says("200 OK", b"[]");
        look(&terminal, "✓ GO");
    }
    let screen = terminal.contents();
    terminal.press(b"q");
    terminal.end(SOON);
    (parts, screen)
}

/// How often each kind of call came, of the one that is meant and of all, in each part.
fn counted(ui: &str, sign: &str) -> [(usize, usize); 3] {
    let home = tempfile::tempdir().unwrap();
    called(ui, home.path(), &[ABLE]).0.map(|part| {
        let own = if sign.is_empty() { 0 } else { part.matches(sign).count() };
        let calls = ["\x1b]9;gonogo", "\x1b]777;", "\x07"];
        (own, calls.iter().map(|call| part.matches(call).count()).sum())
    })
}

#[test]
fn somebody_who_looks_elsewhere_is_called_once_in_the_way_that_is_configured() {
    let ways = [
        ("", "\x1b]9;gonogo: web: GO → NO-GO"),
        ("notify = \"osc777\"\n", "\x1b]777;notify;gonogo;web: GO → NO-GO"),
        ("notify = \"bell\"\n", "\x07"),
        ("notify = \"off\"\n", ""),
    ];
    std::thread::scope(|scope| {
        let all = ways.map(|(ui, sign)| (ui, sign, scope.spawn(move || counted(ui, sign))));
        for (ui, sign, counts) in all {
            let one = usize::from(!sign.is_empty());
            let counts = counts.join().unwrap();
            assert_eq!(counts, [(0, 0), (one, one), (0, 0)], "{ui:?}: looked at, away, the same again");
        }
    });
}

#[test]
fn a_program_of_the_users_is_told_with_one_safe_text_and_no_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let (program, heard) = (home.path().join("tell"), home.path().join("heard"));
    let script = format!("#!/bin/sh\n{{ printf '<%s>' \"$@\"; echo; env; }} >> {}\n", heard.display());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let ui = format!("notify = \"off\"\nnotify_command = [\"{}\", \"$HOME;`id`\"]\n", program.display());
    let (parts, _) =
        called(&ui, home.path(), &[ABLE, ("DEPLOY_TOKEN", "canary-5fd1"), ("GITHUB_TOKEN", "canary-77aa")]);
    assert!(parts.iter().all(|part| !part.contains("failed")), "{parts:?}");
    let heard = std::fs::read_to_string(&heard).unwrap();
    let calls: Vec<&str> = heard.lines().filter(|line| line.starts_with('<')).collect();
    assert_eq!(calls.len(), 1, "{heard}");
    assert!(calls[0].starts_with("<$HOME;`id`><web: GO → NO-GO"), "{heard}");
    assert!(!heard.contains("canary"), "R34: {heard}");
    println!("R34: the notice's program: 1 call, 0 secrets in its arguments or environment");
}

#[test]
fn a_program_that_others_could_have_put_there_is_not_run_and_that_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("tell");
    std::fs::write(&program, "#!/bin/sh\ntouch \"$HOME/ran\"\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o777)).unwrap();
    let ui = format!("notify_command = [\"{}\"]\n", program.display());
    let (_, screen) = called(&ui, home.path(), &[]);
    assert!(screen.contains("the notify command failed"), "{screen}");
    assert!(!home.path().join("ran").exists());
}
