//! The mouse in a pseudo-terminal: the terminal's unless asked for, then it selects and scrolls; given back at every end.

use super::pty::{PROGRAM, Terminal};
use super::{SOON, demo, journal, plain, restored, times};

const ON: &[u8] = b"\x1b[?1000h";
const OFF: &[u8] = b"\x1b[?1000l";

fn count(terminal: &Terminal, what: &[u8]) -> usize {
    terminal.bytes().windows(what.len()).filter(|w| *w == what).count()
}

/// A press of the left button at a column and row, counted from 1.
fn click(terminal: &mut Terminal, column: usize, row: usize) {
    terminal.press(format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m").as_bytes());
}

/// Where a text is on the screen: column and row, counted from 1.
fn place(terminal: &Terminal, text: &str) -> (usize, usize) {
    let contents = terminal.contents();
    let found = contents.lines().enumerate().find_map(|(row, line)| {
        let at = line.find(text)?;
        Some((line[..at].chars().count() + 1, row + 1))
    });
    found.unwrap()
}

#[test]
fn the_mouse_is_the_terminals_unless_it_is_asked_for() {
    let (_home, mut terminal) = plain();
    assert_eq!(count(&terminal, ON), 0);
    // What an earlier program left on types nothing and selects nothing.
    click(&mut terminal, 5, 5);
    terminal.press(b"m");
    terminal.wait_for("the mouse scrolls and selects here");
    assert_eq!((count(&terminal, ON), count(&terminal, OFF)), (1, 0));
    terminal.press(b"m");
    terminal.wait_for("the mouse is the terminal's again");
    assert_eq!((count(&terminal, ON), count(&terminal, OFF)), (1, 1));
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    restored(&terminal);
    assert_eq!(count(&terminal, OFF), 1, "what is off is not switched off again");
}

#[test]
fn it_selects_goes_to_views_and_never_confirms() {
    let (home, mut terminal) = demo("release-day", &[]);
    terminal.wait_for("you may decide");
    terminal.press(b"m");
    terminal.wait_for("the mouse scrolls and selects here");
    let (column, row) = place(&terminal, "ledger");
    click(&mut terminal, column, row);
    terminal.wait_until("ledger is selected", SOON, |s| s.contains("▌ ledger"));
    let (column, row) = place(&terminal, "2 inbox");
    click(&mut terminal, column + 2, row);
    terminal.wait_for("cockpit › inbox");
    terminal.press(b"1");
    terminal.wait_for("checkout     v2.14.2");
    let (column, row) = place(&terminal, "checkout     v2.14.2");
    click(&mut terminal, column, row);
    terminal.press(b"a");
    terminal.wait_for("[ Approve ]");
    terminal.read_it();
    let (column, row) = place(&terminal, "[ Approve ]");
    for _ in 0..3 {
        click(&mut terminal, column + 3, row);
    }
    terminal.press(b"\x1b[<65;40;12M");
    terminal.wait_for("[ Approve ]");
    terminal.press(b"\x1b");
    terminal.wait_gone("[ Approve ]");
    assert!(!journal(home.path()).contains("\"intent\""), "a click confirms nothing");
}

#[test]
fn however_the_program_ends_the_mouse_is_given_back() {
    let mut runs = 0;
    for _ in 0..times(1, 50) {
        for end in ["q", "TERM", "HUP", "INT"] {
            let (home, config) = super::plain_home();
            let text = std::fs::read_to_string(&config).unwrap();
            std::fs::write(&config, format!("[ui]\nmouse = true\n{text}")).unwrap();
            let mut terminal = Terminal::run(PROGRAM, &["--config", &config], &[], home.path(), (120, 36));
            terminal.wait_for("VERDICT");
            assert_eq!(count(&terminal, ON), 1);
            if end == "q" {
                terminal.press(b"q")
            } else {
                terminal.signal(end)
            }
            terminal.end(SOON);
            restored(&terminal);
            assert_eq!(count(&terminal, OFF), 1, "{end}");
            runs += 1;
        }
        let (home, config) = super::plain_home();
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("[ui]\nmouse = true\n{text}")).unwrap();
        let more = [("GONOGO_MISHAP", "draw:2")];
        let mut terminal = Terminal::run(PROGRAM, &["--config", &config], &more, home.path(), (120, 36));
        assert_eq!(terminal.end(SOON).exit_code(), 101);
        restored(&terminal);
        assert_eq!(count(&terminal, OFF), 1, "a crash");
        runs += 1;
    }
    println!("R38: {runs} of {runs} ends gave the mouse back");
}

#[test]
fn leaving_with_a_summary_says_what_was_done_and_leaving_without_does_not() {
    let (_home, mut terminal) = plain();
    terminal.press(b"Q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    terminal.wait_for("nothing was done");
    restored(&terminal);
    let (_home, mut terminal) = plain();
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    assert!(!terminal.contents().contains("nothing was done"));
}
