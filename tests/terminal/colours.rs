//! Colours by the bytes: as many as the terminal has, none where none are wanted, dark or light as its ground is, and
//! as the user's file says while it changes.

use std::time::Duration;

use super::pty::{PROGRAM, Terminal};
use super::{SOON, plain_home, restored};

/// A cockpit with more arguments and variables; an empty value takes a variable away.
fn cockpit(arguments: &[&str], more: &[(&str, &str)]) -> (tempfile::TempDir, Terminal) {
    let (home, config) = plain_home();
    let all = [&["--config", &config][..], arguments].concat();
    let terminal = Terminal::run(PROGRAM, &all, more, home.path(), (120, 36));
    (home, terminal)
}

fn text(terminal: &Terminal) -> String {
    String::from_utf8_lossy(&terminal.bytes()).into_owned()
}

/// Every colour that was set: its parameters.
fn colours(terminal: &Terminal) -> Vec<String> {
    let text = text(terminal);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    sequences.filter(|p| p.starts_with("38;") || p.starts_with("48;")).collect()
}

#[test]
fn no_color_takes_every_colour_and_leaves_the_selection_visible() {
    let (_home, terminal) = cockpit(&[], &[("NO_COLOR", "1")]);
    terminal.wait_for("VERDICT");
    let bytes = text(&terminal);
    for group in bytes.split("\x1b[").skip(1) {
        let end = group.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        if group[end..].starts_with('m') {
            let coloured =
                |p: &str| p.parse::<u32>().is_ok_and(|n| matches!(n, 30..=38 | 40..=48 | 90..=107));
            assert!(!group[..end].split(';').any(coloured), "ESC[{}m", &group[..end]);
        }
    }
    // crossterm_1069: with NO_COLOR the library used to take every attribute back right after setting it.
    assert!(!bytes.contains("\x1b[7m\x1b[m") && !bytes.contains("\x1b[7m\x1b[0m"), "{bytes:?}");
    let cells = |count| std::num::NonZero::<u16>::new(count).unwrap();
    let mut screen = vt100::Parser::new(cells(36), cells(120), 0);
    screen.process(&terminal.bytes());
    let rows: Vec<String> = screen.screen().rows(0, 120).collect();
    let row = rows.iter().position(|row| row.contains("web") && row.contains('▌')).unwrap();
    let column = rows[row].chars().position(|c| c == 'w').unwrap();
    let cell = screen.screen().cell(u16::try_from(row).unwrap(), u16::try_from(column).unwrap()).unwrap();
    assert!(cell.inverse(), "the selected row is not told from the others");
}

#[test]
fn a_terminal_gets_as_many_colours_as_it_has() {
    for (term, colorterm, theme) in [
        ("xterm", "", "auto"),
        ("xterm", "", "dark"),
        ("xterm", "", "safe"),
        ("xterm-256color", "", "auto"),
        ("xterm-256color", "truecolor", "auto"),
    ] {
        let (_home, terminal) = cockpit(&["--theme", theme], &[("TERM", term), ("COLORTERM", colorterm)]);
        terminal.wait_for("VERDICT");
        let all = colours(&terminal);
        let parts: Vec<Vec<u32>> =
            all.iter().map(|c| c.split(';').filter_map(|n| n.parse().ok()).collect()).collect();
        let pairs = || parts.iter().flat_map(|p| p.windows(3)).filter(|w| matches!(w[0], 38 | 48));
        let deep = pairs().filter(|w| w[1] == 2).count();
        let beyond = pairs().filter(|w| w[1] == 5 && w[2] > 15).count();
        let (wants_deep, wants_beyond) =
            (colorterm == "truecolor", term.contains("256") && colorterm.is_empty());
        assert_eq!((deep > 0, beyond > 0), (wants_deep, wants_beyond), "{term} {colorterm} {theme}: {all:?}");
        println!(
            "{term} COLORTERM={colorterm:?} {theme}: {} colours, {deep} of 24 bits, {beyond} beyond sixteen",
            all.len()
        );
    }
}

/// The grounds of `light` and of `dark`.
const LIGHT: &str = "48;2;251;250;247";
const DARK: &str = "48;2;16;20;27";

#[test]
fn a_terminal_that_tells_its_ground_is_dressed_for_it() {
    let (_home, mut terminal) = cockpit(&[], &[]);
    terminal.wait_until("the question", SOON * 5, |_| text(&terminal).contains("\x1b]11;?\x1b\\\x1b[c"));
    terminal.send(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;22c");
    terminal.wait_for("VERDICT");
    assert!(text(&terminal).contains(LIGHT));
    // Who looked elsewhere may have changed it there: it is asked again.
    let asked = text(&terminal).matches("\x1b]11;?").count();
    terminal.send(b"\x1b[O\x1b[I");
    terminal.wait_until("asked again", SOON, |_| text(&terminal).matches("\x1b]11;?").count() > asked);
    terminal.send(b"\x1b]11;rgb:0000/0000/0000\x07\x1b[?62;22c");
    terminal.wait_until("dressed in dark", SOON, |_| text(&terminal).contains(DARK));
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    restored(&terminal);
}

#[test]
fn yazi_3995_an_answer_that_comes_late_and_in_pieces_presses_nothing() {
    let (_home, mut terminal) = cockpit(&[], &[]);
    let began = std::time::Instant::now();
    terminal.wait_for("VERDICT");
    println!("first frame with a silent terminal after {:?}", began.elapsed());
    assert!(text(&terminal).contains(DARK), "a terminal that says nothing");
    for piece in [&b"\x1b]11;rgb:"[..], b"ffff/", b"ffff/q", b"?q?", b"\x1b\\", b"\x1b[?6", b"2;22c"] {
        terminal.send(piece);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    // A whole one is understood, late as it is; whatever it held was no key.
    terminal.send(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
    terminal.wait_until("dressed in light", SOON, |_| text(&terminal).contains(LIGHT));
    assert!(!terminal.contents().contains("THESE ACT NOW"), "a ? was taken from an answer");
    terminal.press(b"?");
    terminal.wait_for("THESE ACT NOW");
}

#[test]
fn a_multiplexer_is_asked_nothing() {
    let (_home, terminal) = cockpit(&[], &[("TERM", "tmux-256color"), ("TMUX", "/tmp/tmux-0/default,1,0")]);
    terminal.wait_for("VERDICT");
    assert!(!text(&terminal).contains("\x1b]11;?"));
}

#[test]
fn a_theme_file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let write = |ground: &str, more: &str| {
        let base = format!("base = {{ fg = \"#eeeeee\", bg = \"{ground}\" }}");
        std::fs::write(&file, format!("name = \"mine\"\nextends = \"dark\"\n[roles]\n{base}\n{more}"))
            .unwrap();
    };
    write("#010203", "");
    let path = file.display().to_string();
    let (_home, mut terminal) = cockpit(&["--theme", &path], &[]);
    terminal.wait_for("VERDICT");
    assert!(text(&terminal).contains("48;2;1;2;3"));
    write("#0a0b0c", "");
    terminal.wait_until("the new ground", SOON * 3, |_| text(&terminal).contains("48;2;10;11;12"));
    write("#0d0e0f", "holt = { fg = 3 }\n");
    terminal.wait_for("the theme stays as it was");
    terminal.wait_for("line 5, column 1");
    assert!(!text(&terminal).contains("48;2;13;14;15"), "half of a broken file was taken");
    std::fs::remove_file(&file).unwrap();
    terminal.wait_for("No such file");
    write("#0d0e0f", "");
    terminal.wait_until("mended", SOON * 3, |_| text(&terminal).contains("48;2;13;14;15"));
    terminal.press(b"q");
    assert_eq!(terminal.end(SOON).exit_code(), 0);
    restored(&terminal);
}

#[test]
fn a_theme_of_ones_own_is_found_by_its_name_beside_the_config() {
    let (home, config) = plain_home();
    let themes = home.path().join("themes");
    std::fs::create_dir(&themes).unwrap();
    let text_of =
        "name = \"dusk\"\nextends = \"dark\"\n[roles]\nbase = { fg = \"#eeeeee\", bg = \"#111213\" }\n";
    std::fs::write(themes.join("dusk.toml"), text_of).unwrap();
    let with = std::fs::read_to_string(&config).unwrap() + "[ui]\ntheme = \"dusk\"\n";
    std::fs::write(&config, with).unwrap();
    let terminal = Terminal::start(&["--config", &config], home.path(), 120, 36);
    terminal.wait_for("VERDICT");
    assert!(text(&terminal).contains("48;2;17;18;19"));
    let listed = std::process::Command::new(PROGRAM)
        .args(["themes", "--config", &config])
        .env("HOME", home.path())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("dusk") && listed.contains("high-contrast") && !listed.contains('\x1b'),
        "{listed}"
    );
    let printed = std::process::Command::new(PROGRAM).args(["themes", "--file", "dark"]).output().unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), include_str!("../../themes/dark.toml"));
}
