//! R28: no text pushes the layout. The places that a decision rests on are the same, cell by cell, whatever the texts
//! around them are; and a terminal of another make agrees about them.

use std::collections::BTreeMap;

use gonogo::app::key::Key;
use gonogo::theme::Theme;
use gonogo::view::{SMALLEST, still};
use ratatui::buffer::{Buffer, Cell};

use super::outside::{Outside, fields, hostile, parts};
use super::{bytes, full, model};

const SIZES: [(u16, u16); 7] = [(1, 1), (60, 16), (80, 24), (100, 30), (120, 36), (160, 50), (300, 100)];

/// Texts that terminals and libraries measure in different ways, each alone and as a flood.
fn texts() -> Vec<String> {
    let each = [
        "日本語",
        "ﷺ",
        "﷽",
        "👨‍👩‍👧‍👦",
        "🇩🇪",
        "👍🏽",
        "❤\u{fe0f}",
        "שלום",
        "لا",
        "العربية",
        "e\u{301}\u{301}\u{301}\u{301}",
        "\u{338}",
        "각",
        "한",
        "क्षि",
        "\u{202e}abc\u{202c}",
        "\u{200b}",
        "\t",
        "\n",
        "\u{7}",
        "\u{1b}[2J",
        "x",
        "━",
        "…",
        "ｗｉｄｅ",
        "\u{a0}",
        "\u{3000}",
        "",
    ];
    each.iter().flat_map(|t| [(*t).to_owned(), t.repeat(60), t.repeat(10_000)]).collect()
}

fn symbol(frame: &Buffer, x: u16, y: u16) -> &str {
    frame.cell((x, y)).map_or("", Cell::symbol)
}

/// Where a row of the frame shows this text: column and row.
fn find(frame: &Buffer, text: &str) -> Option<(u16, u16)> {
    let wanted: Vec<String> = text.chars().map(String::from).collect();
    let length = u16::try_from(wanted.len()).unwrap();
    (0..frame.area.height).find_map(|y| {
        (0..frame.area.width.saturating_sub(length - 1))
            .find(|x| (0..length).zip(&wanted).all(|(i, c)| symbol(frame, x + i, y) == c))
            .map(|x| (x, y))
    })
}

/// The cells of the places that must not change: badge, field labels, buttons. By name: column, and the cells with
/// their ink.
fn critical(frame: &Buffer) -> BTreeMap<&'static str, (u16, String)> {
    [" PRODUCTION ", "[▸ Cancel ]  [ Approve ]", "reason (optional)", "type checkout", "reason (required)"]
        .into_iter()
        .filter_map(|text| {
            let (x, y) = find(frame, text)?;
            let length = u16::try_from(text.chars().count()).unwrap();
            let cells: String =
                (x..x + length).map(|x| format!("{:?}", frame.cell((x, y)).unwrap())).collect();
            Some((text, (x, cells)))
        })
        .collect()
}

#[test]
fn no_text_moves_or_changes_the_badge_the_fields_or_the_buttons() {
    let theme = Theme::built_in("dark").unwrap();
    let base = Outside::of(&model::release_day());
    let parts = parts(&base);
    let fields = fields(&parts);
    let clean = base.model(&[Key::Char('a')]);
    let before = SIZES.map(|(width, height)| still(&clean, &theme, width, height));
    let places = before.each_ref().map(critical);
    let mut count = 0;
    for (number, text) in texts().iter().enumerate() {
        if !full() && number % 3 != 0 {
            continue;
        }
        let dialog = hostile(&base, &parts, &fields, text).model(&[Key::Char('a')]);
        for (index, (width, height)) in SIZES.into_iter().enumerate() {
            let frame = still(&dialog, &theme, width, height);
            let what = format!("{text:.40?} at {width}x{height}");
            if width < SMALLEST.0 || height < SMALLEST.1 {
                assert_eq!(frame, before[index], "{what}");
                continue;
            }
            assert!(places[index].len() >= 4, "{:?}", places[index]);
            assert_eq!(critical(&frame), places[index], "{what}");
            agreed(&frame, &what);
            count += 1;
        }
    }
    println!("R28: {count} hostile dialogs at {} sizes, critical cells identical, 0 panics", SIZES.len());
}

/// A terminal of another make shows the critical texts where the frame has them.
fn agreed(frame: &Buffer, what: &str) {
    let mut terminal =
        vt100::Parser::new(frame.area.height.try_into().unwrap(), frame.area.width.try_into().unwrap(), 0);
    terminal.process(&bytes(frame));
    for text in [" PRODUCTION ", "[▸ Cancel ]  [ Approve ]"] {
        let (x, y) = find(frame, text).unwrap();
        let shown: String = (0..u16::try_from(text.chars().count()).unwrap())
            .map(|i| {
                let cell = terminal.screen().cell(y, x + i).unwrap();
                if cell.has_contents() { cell.contents().to_owned() } else { " ".to_owned() }
            })
            .collect();
        assert_eq!(shown, text, "{what}");
    }
}
