//! R10: nothing is confirmed that nobody confirmed: not by a flood, a paste or a held key, in any state of the dialog.

use std::time::Duration;

use super::pty::Terminal;
use super::{SOON, demo, journal, times};

/// Opens the dialog of the waiting gate and waits for its plan.
fn plan(terminal: &mut Terminal) {
    terminal.wait_for("you may decide");
    terminal.press(b"a");
    terminal.wait_for("[ Approve ]");
}

/// As [`plan`], with the name typed into its field, which has the focus.
fn named(terminal: &mut Terminal) {
    plan(terminal);
    terminal.send(b"checkout");
    terminal.wait_until("the name is typed", SOON, |s| s.contains("▌type checkout        checkout"));
}

/// As [`named`], on the button: one enter away from the deed as well.
pub(super) fn ready_to_confirm(terminal: &mut Terminal) {
    named(terminal);
    terminal.press(b"\t");
    terminal.wait_for("[▸ Approve ]");
    terminal.read_it();
}

/// Something that is done at the terminal, by name.
type Named = (&'static str, fn(&mut Terminal));

/// Where the floods come down.
const STATES: [Named; 4] =
    [("no dialog", |_| {}), ("a plan", plan), ("the name typed", named), ("on the button", ready_to_confirm)];

/// What comes down. Without `q`: leaving is no confirmation, and the next flood needs the program.
const FLOODS: [Named; 8] = [
    ("50 enters in one write", |t| t.send(&[b'\r'; 50])),
    ("50 enters in two writes", |t| {
        t.send(b"\r");
        t.send(&[b'\r'; 49]);
    }),
    ("10 kB without brackets", |t| t.send(&pasted())),
    ("10 kB in brackets", |t| t.send(&bracketed(b"\x1b[201~"))),
    ("10 kB in a bracket without an end", |t| {
        t.send(&bracketed(b""));
        t.wait_until("the paste is over", Duration::from_secs(10), |_| true);
        std::thread::park_timeout(Duration::from_millis(1_100));
        t.send(&[b'\r'; 50]);
    }),
    ("the whole deed in one write", |t| t.send(b"acheckout\r\r\t\r")),
    ("enter held, 33 ms", |t| held(t, 33, 20)),
    ("enter held, 90 ms", |t| held(t, 90, 10)),
];

fn pasted() -> Vec<u8> {
    b"a\tcheckout\r\r\t\rProd p checkout\r\n\r\rx r\ty\r".iter().copied().cycle().take(10_000).collect()
}

fn bracketed(end: &[u8]) -> Vec<u8> {
    [b"\x1b[200~", pasted().as_slice(), end].concat()
}

/// A key that is held: once, a pause, then again and again.
fn held(terminal: &mut Terminal, every: u64, count: usize) {
    for at in 0..count {
        std::thread::park_timeout(Duration::from_millis(if at == 1 { 400 } else { every }));
        terminal.send(b"\r");
    }
}

/// Back to the board, whatever the flood opened.
fn calm(terminal: &mut Terminal) {
    std::thread::park_timeout(Duration::from_millis(300));
    for _ in 0..6 {
        terminal.press(b"\x1b");
    }
    terminal.wait_for("VERDICT");
}

#[test]
fn no_flood_paste_or_held_key_confirms_anything() {
    let (home, mut terminal) = demo("release-day", &[]);
    let all: Vec<_> =
        STATES.iter().flat_map(|state| FLOODS.iter().map(move |flood| (state, flood))).collect();
    let mut count = 0;
    // Every fifth: a few of them meet every flood and every state.
    for ((state, prepare), (flood, pour)) in all.iter().cycle().step_by(5).take(times(8, 1_140)) {
        // A person who holds enter where one enter is the deed has confirmed it.
        if matches!(*state, "the name typed" | "on the button") && flood.starts_with("enter held") {
            continue;
        }
        calm(&mut terminal);
        prepare(&mut terminal);
        pour(&mut terminal);
        std::thread::park_timeout(Duration::from_millis(200));
        count += 1;
        let written = journal(home.path());
        assert!(!written.contains("\"intent\""), "{flood} on {state}:\n{written}\n{}", terminal.contents());
    }
    println!("R10: {count} floods, 0 confirmations");
    // And the same steps by a person do confirm, so the floods were at the right place.
    calm(&mut terminal);
    ready_to_confirm(&mut terminal);
    terminal.press(b"\r");
    terminal.wait_until("the deed of a person is recorded", SOON * 2, |_| {
        journal(home.path()).contains("\"intent\"")
    });
}
