//! Keys, pastes and sizes: every key is taken, whatever came before it, and soon.

use std::io::Read;
use std::time::{Duration, Instant};

use super::pty::{PROGRAM, Terminal};
use super::{SOON, plain, restored, times};

#[test]
fn a_key_right_after_a_change_of_the_size_is_taken() {
    let (_home, mut terminal) = plain();
    let runs = times(12, 200);
    for run in 0..runs {
        let (open, columns) = (run % 2 == 0, 100 + u16::try_from(run % 20).unwrap());
        terminal.resize(columns, 30);
        terminal.send(if open { b"?" } else { b"\x1b" });
        terminal.wait_until("the one key after the change", SOON, |screen| {
            screen.contains("THESE ACT NOW") == open
        });
    }
    println!("{runs} of {runs} keys right after a change of the size were taken");
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
}

#[test]
fn every_size_is_survived() {
    let (_home, mut terminal) = plain();
    let sizes = [(80, 24), (1, 1), (20, 5), (300, 100), (2, 200), (60, 16), (120, 36)];
    for (columns, rows) in sizes.into_iter().cycle().take(times(70, 700)) {
        terminal.resize(columns, rows);
    }
    terminal.resize(120, 36);
    terminal.wait_for("VERDICT");
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    restored(&terminal);
}

#[test]
fn a_paste_presses_nothing() {
    let (_home, mut terminal) = plain();
    terminal.send(b"\x1b[200~q\rqaq\r\x1b[201~");
    terminal.wait_for("pasted text was dropped");
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
}

#[test]
fn a_paste_without_an_end_does_not_swallow_the_keyboard_for_ever() {
    let (_home, mut terminal) = plain();
    terminal.send(b"\x1b[200~q\rqaq\r");
    terminal.wait_for("pasted text was dropped");
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
}

#[test]
fn a_held_key_ends_a_paste_without_an_end_after_a_while() {
    let (_home, mut terminal) = plain();
    terminal.send(b"\x1b[200~");
    let end = Instant::now() + Duration::from_secs(20);
    while !terminal.contents().contains("pasted text was dropped") {
        assert!(Instant::now() < end, "the keyboard is swallowed\n{}", terminal.contents());
        terminal.send(b"j");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
}

/// A server that takes connections and never says anything.
fn silent() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for connection in listener.incoming().flatten() {
            held.push(connection);
            if let Some(connection) = held.last_mut() {
                connection.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                let _asked = connection.read(&mut [0; 1024]);
            }
        }
    });
    port
}

/// A cockpit on very many services whose source never answers.
fn crowd(services: usize) -> (tempfile::TempDir, Terminal) {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.toml");
    let mut text = format!(
        "[[source]]\nname = \"alerts\"\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:{}\"\n",
        silent()
    );
    for n in 0..services {
        text.push_str(&format!(
            "[[service]]\nname = \"service-{n:05}\"\n[[service.environment]]\nname = \"production\"\n"
        ));
        if n == 0 {
            text.push_str("health = { alerts = { source = \"alerts\" } }\n");
        }
    }
    std::fs::write(&config, text).unwrap();
    let terminal =
        Terminal::run(PROGRAM, &["--config", &config.display().to_string()], &[], home.path(), (160, 50));
    terminal.wait_for("VERDICT");
    (home, terminal)
}

#[test]
fn keys_do_not_wait_for_a_source_that_never_answers_nor_for_ten_thousand_rows() {
    let (_home, mut terminal) = crowd(10_000);
    terminal.wait_for("service-00001");
    let mut waits = Vec::new();
    for key in 0..times(40, 400) {
        if key % 2 == 0 {
            terminal.resize(160 + u16::try_from(key % 8).unwrap(), 50);
        }
        std::thread::park_timeout(Duration::from_millis(60));
        let before = terminal.written();
        let pressed = Instant::now();
        terminal.send(if key % 4 < 2 { b"j" } else { b"k" });
        while terminal.written() == before {
            assert!(
                pressed.elapsed() < Duration::from_secs(5),
                "no frame after a key\n{}",
                terminal.contents()
            );
            std::thread::park_timeout(Duration::from_micros(200));
        }
        waits.push(pressed.elapsed());
    }
    waits.sort();
    let at = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)];
    println!(
        "R46: {} keys at 10,000 rows with a stalled source and {} changes of the size: key to frame p50 {:?}, p99 {:?}, max {:?}",
        waits.len(),
        waits.len() / 2,
        at(50),
        at(99),
        at(100)
    );
    terminal.press(b"q");
    let asked = Instant::now();
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    println!("R46: q to the end of the program {:?}", asked.elapsed());
}
