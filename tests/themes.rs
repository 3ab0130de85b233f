//! Every theme that comes with the program: complete, legible, and told apart by eyes that see other colours.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails; what was measured is printed"
)]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the frames, which use all of it")]
mod model;

use gonogo::theme::{BUILT_IN, Charts, Depth, Glyphs, Role, Theme};
use gonogo::view::links::{self, Hosts};
use gonogo::view::{print, sample, still};
use ratatui::style::{Color, Modifier};

/// Red, green and blue of linear light, each 0 to 1.
type Light = [f64; 3];

fn light(colour: Option<Color>) -> Option<Light> {
    let Some(Color::Rgb(r, g, b)) = colour else { return None };
    Some([r, g, b].map(|part| {
        let share = f64::from(part) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    }))
}

/// The contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
fn contrast(one: Light, two: Light) -> f64 {
    let luminance = |[r, g, b]: Light| 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let (one, two) = (luminance(one) + 0.05, luminance(two) + 0.05);
    (one / two).max(two / one)
}

/// The three kinds of colour blindness, as matrices over linear light (Machado, Oliveira, Fernandes 2009, severity 1).
const BLINDNESS: [(&str, [[f64; 3]; 3]); 4] = [
    ("none", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ),
    (
        "deuteranopia",
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ),
    (
        "tritanopia",
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ),
];

fn seen(colour: Light, eyes: [[f64; 3]; 3]) -> Light {
    eyes.map(|row| row.iter().zip(colour).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0))
}

/// Lightness and two colour axes (CIE 1976, white of D65).
fn lab([r, g, b]: Light) -> Light {
    let f = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
    let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
    let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// How different two colours look; about 2 can just be seen side by side.
fn difference(one: Light, two: Light) -> f64 {
    lab(one).iter().zip(lab(two)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Roles of text that may lie on the ground, on a selected row, on the card or on a dialog.
const TEXT: &[Role] = &[
    Role::Base,
    Role::Muted,
    Role::Strong,
    Role::Title,
    Role::Focus,
    Role::Accent,
    Role::Go,
    Role::Hold,
    Role::NoGo,
    Role::Unknown,
    Role::Running,
    Role::Waiting,
    Role::Key,
    Role::KeyOff,
    Role::Stale,
];

/// Roles that bring a ground of their own.
const OWN: &[Role] = &[
    Role::Card,
    Role::Badge,
    Role::Input,
    Role::Button,
    Role::ButtonFocus,
    Role::Toast,
    Role::Problem,
    Role::Dialog,
];

/// Every pairing that is drawn: what, its ink, its ground, the least contrast.
fn pairings(theme: &Theme, high: bool) -> Vec<(String, Light, Light, f64)> {
    let (text, sign) = if high { (7.0, 7.0) } else { (4.5, 3.0) };
    let ground = |role: Role| light(theme.style(role).bg);
    let base = ground(Role::Base).unwrap();
    let ink = |role: Role| light(theme.style(role).fg).or(light(theme.style(Role::Base).fg)).unwrap();
    let mut all = Vec::new();
    let mut pair = |what: Role, on: Role, least: f64| {
        all.push((format!("{} on {}", what.word(), on.word()), ink(what), ground(on).unwrap_or(base), least));
    };
    for on in [Role::Base, Role::Selected, Role::Card, Role::Dialog] {
        for role in TEXT {
            pair(*role, on, text);
        }
        pair(Role::Faint, on, sign);
    }
    pair(Role::Border, Role::Base, sign);
    pair(Role::Border, Role::Dialog, sign);
    for role in OWN {
        pair(*role, *role, text);
    }
    // What lies behind a dialog is seen, not read.
    pair(Role::Backdrop, Role::Backdrop, 3.0);
    all
}

#[test]
fn every_theme_is_legible_on_every_ground_that_it_draws_on() {
    let mut measured = 0;
    for (name, _) in BUILT_IN {
        let theme = Theme::built_in(name).unwrap();
        if light(theme.style(Role::Base).bg).is_none() {
            continue;
        }
        let high = name.starts_with("high-contrast");
        let mut least = f64::INFINITY;
        for (what, ink, ground, wanted) in pairings(&theme, high) {
            let ratio = contrast(ink, ground);
            assert!(ratio >= wanted, "{name}: {what}: {ratio:.2} where {wanted} is wanted");
            least = least.min(ratio / wanted);
            measured += 1;
        }
        println!("contrast: {name}: every pairing reaches {:.2} times what is wanted or more", least);
    }
    println!("contrast: {measured} pairings of ink and ground measured");
    assert!(measured > 6 * 70);
}

#[test]
fn themes_that_leave_the_ground_to_the_terminal_use_no_ink_that_could_be_that_ground() {
    for name in ["inherit", "safe-16", "mono"] {
        let theme = Theme::built_in(name).unwrap();
        for role in Role::ALL {
            let style = theme.style(*role);
            assert!(matches!(style.bg, None | Some(Color::Reset)), "{name} {role:?}");
            let ground =
                [Color::Black, Color::White, Color::Gray, Color::DarkGray].map(Some).contains(&style.fg);
            assert!(!ground, "{name} {role:?}: in some palette this is the ground");
            assert!(!matches!(style.fg, Some(Color::Rgb(..) | Color::Indexed(_))), "{name} {role:?}");
        }
        let selected = theme.style(Role::Selected).add_modifier;
        assert!(selected.contains(Modifier::REVERSED), "{name}: the selection is not colour alone");
    }
}

#[test]
fn go_hold_and_no_go_are_told_apart_by_every_kind_of_eyes_in_the_safe_themes() {
    const LEAST: f64 = 30.0;
    for name in ["safe", "safe-light"] {
        let theme = Theme::built_in(name).unwrap();
        let colour = |role| light(theme.style(role).fg).unwrap();
        for (kind, eyes) in BLINDNESS {
            for (one, two) in [
                (Role::Go, Role::Hold),
                (Role::Go, Role::NoGo),
                (Role::Hold, Role::NoGo),
                (Role::Go, Role::Waiting),
            ] {
                let apart = difference(seen(colour(one), eyes), seen(colour(two), eyes));
                println!("{name}: {kind}: {} from {}: {apart:.0}", one.word(), two.word());
                assert!(
                    apart >= LEAST,
                    "{name}: {kind}: {} and {} differ by {apart:.0}",
                    one.word(),
                    two.word()
                );
            }
        }
    }
    // The measure finds what it is meant to find: red and green are one colour to some.
    let dark = Theme::built_in("dark").unwrap();
    let colour = |role| light(dark.style(role).fg).unwrap();
    let (_, eyes) = BLINDNESS[2];
    assert!(difference(seen(colour(Role::Go), eyes), seen(colour(Role::NoGo), eyes)) < LEAST);
}

#[test]
fn every_theme_draws_a_sample_and_a_whole_frame_in_every_depth() {
    let model = model::release_day();
    for (name, _) in BUILT_IN {
        for depth in [Depth::True, Depth::Palette, Depth::Sixteen] {
            let theme = Theme::built_in(name).unwrap().at(depth);
            let text = print::text(&sample(&theme));
            for word in ["checkout", "NO-GO", "PRODUCTION", "roll back", "╭"] {
                assert!(text.contains(word), "{name} {depth:?}\n{text}");
            }
            let frame = still(&model, &theme, 160, 50);
            if depth != Depth::True {
                assert!(
                    frame
                        .content
                        .iter()
                        .all(|c| !matches!((c.fg, c.bg), (Color::Rgb(..), _) | (_, Color::Rgb(..))))
                );
            }
        }
    }
    let ascii = print::text(&sample(&Theme::default().with_glyphs(Glyphs::Ascii)));
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn charts_are_drawn_as_the_theme_says() {
    let mut model = model::release_day();
    model.selected = Some(gonogo::domain::ServiceName::new("search"));
    let drawn = |charts, glyphs| {
        let theme = Theme::built_in("dark").unwrap().with_charts(charts).with_glyphs(glyphs);
        print::text(&still(&model, &theme, 160, 50))
    };
    let braille = |text: &str| text.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
    let blocks = |text: &str| text.chars().filter(|c| ('▁'..='▇').contains(c)).count();
    assert!(braille(&drawn(Charts::Braille, Glyphs::Unicode)) > 20);
    let in_blocks = drawn(Charts::Block, Glyphs::Unicode);
    assert!(braille(&in_blocks) == 0 && blocks(&in_blocks) > 20, "{in_blocks}");
    let in_letters = drawn(Charts::Ascii, Glyphs::Unicode);
    assert!(braille(&in_letters) == 0 && blocks(&in_letters) == 0, "{in_letters}");
    assert!(drawn(Charts::Braille, Glyphs::Ascii).is_ascii());
}

/// The frame with links, as the terminal would show it: what is in its cells, and what was sent.
fn linked(hosts: &[&str]) -> (Vec<String>, String) {
    use ratatui::backend::CrosstermBackend;
    use ratatui::layout::Rect;
    use ratatui::{Terminal, TerminalOptions, Viewport};
    let (model, theme) = (model::release_day(), Theme::built_in("dark").unwrap());
    let hosts = Hosts::new(hosts.iter().map(|h| (*h).to_owned()).collect());
    let mut bytes = Vec::new();
    let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 160, 50)) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(&mut bytes), options).unwrap();
    terminal
        .draw(|frame| {
            gonogo::view::draw(&model, &theme, frame);
            links::mark(&model, &hosts, frame.buffer_mut());
        })
        .unwrap();
    drop(terminal);
    let cells = |count| std::num::NonZero::<u16>::new(count).unwrap();
    let mut screen = vt100::Parser::new(cells(50), cells(160), 0);
    screen.process(&bytes);
    let rows = screen.screen().rows(0, 160).map(|row| row.trim_end().to_owned()).collect();
    (rows, String::from_utf8(bytes).unwrap())
}

#[test]
fn links_lead_to_the_page_that_is_meant_and_move_nothing() {
    let (plain, without) = linked(&[]);
    assert!(!without.contains("\x1b]8;"), "R30: no host is configured");
    let (rows, bytes) = linked(&["github.test"]);
    assert_eq!(rows, plain, "a link has no width");
    let run = "\x1b]8;;https://github.test/acme/checkout/actions/runs/66\x1b\\";
    let commit = "\x1b]8;;https://github.test/acme/checkout/commit/4f2c8b6";
    assert!(bytes.contains(run) && bytes.contains(commit), "{bytes:?}");
    assert_eq!(
        bytes.matches("\x1b]8;;\x1b\\").count() * 2,
        bytes.matches("\x1b]8;;").count(),
        "each is closed"
    );
    let (_, elsewhere) = linked(&["github.com"]);
    assert!(!elsewhere.contains("\x1b]8;"), "R30: only hosts that are configured");
}
