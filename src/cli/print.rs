//! One frame as text, ANSI or SVG; keys written as text.

use clap::ValueEnum;

use super::{Common, Failure, code};
use crate::app::Model;
use crate::app::key::{Key, Pace, Stroke};
use crate::theme::Theme;
use crate::view;

/// How a frame is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Characters only.
    Text,
    /// With the terminal's escape sequences.
    Ansi,
    /// A picture.
    Svg,
}

/// `160x50`.
pub(super) fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("{text:?} is not a size such as 160x50 (1x1 to 500x300)");
    let (columns, rows) = text.split_once('x').ok_or_else(wrong)?;
    match (columns.parse(), rows.parse()) {
        (Ok(columns @ 1..=500), Ok(rows @ 1..=300)) => Ok((columns, rows)),
        _ => Err(wrong()),
    }
}

/// Draws one frame of the model.
pub(super) fn frame(model: &Model, theme: &Theme, common: &Common) -> Result<String, Failure> {
    let (columns, rows) = common.size;
    let buffer = &view::still(model, theme, columns, rows);
    Ok(match common.format {
        Format::Text => view::print::text(buffer),
        Format::Ansi => view::print::ansi(buffer),
        Format::Svg => view::print::svg(buffer, theme),
    })
}

/// Keys from text: characters, and `<enter> <esc> <tab> <backtab> <up> <down> <left> <right> <pgup> <pgdn> <home>
/// <end> <space> <lt>`.
pub(super) fn strokes(text: &str) -> Result<Vec<Stroke>, Failure> {
    let mut strokes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (key, used) = match rest.strip_prefix('<').and_then(|r| r.split_once('>')) {
            Some((name, _)) => (
                named_key(name)
                    .ok_or_else(|| Failure::new(code::USAGE, format!("no key is called <{name}>")))?,
                name.len() + 2,
            ),
            None => (Key::Char(first), first.len_utf8()),
        };
        strokes.push(Stroke { key, pace: Pace::Single });
        rest = rest.get(used..).unwrap_or_default();
    }
    Ok(strokes)
}

fn named_key(name: &str) -> Option<Key> {
    Some(match name {
        "enter" => Key::Enter,
        "esc" => Key::Esc,
        "tab" => Key::Tab,
        "backtab" => Key::BackTab,
        "up" => Key::Up,
        "down" => Key::Down,
        "left" => Key::Left,
        "right" => Key::Right,
        "pgup" => Key::PageUp,
        "pgdn" => Key::PageDown,
        "home" => Key::Home,
        "end" => Key::End,
        "space" => Key::Char(' '),
        "lt" => Key::Char('<'),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_text() {
        let keys = |text| strokes(text).unwrap().into_iter().map(|s| s.key).collect::<Vec<_>>();
        assert_eq!(keys("j<enter>ä"), [Key::Char('j'), Key::Enter, Key::Char('ä')]);
        assert_eq!(keys("<lt>"), [Key::Char('<')]);
        assert!(strokes("<nokey>").is_err());
    }

    #[test]
    fn sizes_are_checked() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        for wrong in ["80", "0x24", "80x", "axb", "501x20", "-1x5"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
