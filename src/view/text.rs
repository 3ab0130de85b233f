//! Text in cells: cutting, padding and wrapping by grapheme and width. Knows no model and no theme.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many cells `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `room` cells; what is cut off is told by `…`.
pub(super) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    let mut out = head(text, room - 1);
    out.push('…');
    out
}

/// An identity in at most `room` cells: keeps its head and its tail, because both tell it from others.
pub(super) fn cut_middle(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    if room < 5 {
        return cut(text, room);
    }
    let tail_room = (room - 1) / 2;
    let mut out = head(text, room - 1 - tail_room);
    out.push('…');
    out.push_str(&tail(text, tail_room));
    out
}

/// `text` in exactly `room` cells, cut or padded on the right.
pub(super) fn fit(text: &str, room: usize) -> String {
    let mut out = cut(text, room);
    let gap = room.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', gap));
    out
}

/// `text` in exactly `room` cells, cut, or padded on the left.
pub(super) fn fit_right(text: &str, room: usize) -> String {
    let out = cut(text, room);
    let gap = room.saturating_sub(width(&out));
    " ".repeat(gap) + &out
}

/// `text` in lines of at most `room` cells, broken between words where there are any.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    if room == 0 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let needed = width(word) + usize::from(!line.is_empty());
        if width(&line) + needed <= room {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        let mut rest = word;
        while width(rest) > room {
            let piece = head(rest, room);
            // A grapheme wider than the room cannot be shown at all.
            let Some(left) = rest.get(piece.len()..).filter(|_| !piece.is_empty()) else { break };
            lines.push(piece);
            rest = left;
        }
        if width(rest) <= room {
            line.push_str(rest);
        }
    }
    lines.push(line);
    lines
}

/// As many whole graphemes of the beginning as fit into `room` cells.
pub(super) fn head(text: &str, room: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used > room {
            break;
        }
        out.push_str(grapheme);
    }
    out
}

fn tail(text: &str, room: usize) -> String {
    let mut kept = Vec::new();
    let mut used = 0;
    for grapheme in text.graphemes(true).rev() {
        used += grapheme.width();
        if used > room {
            break;
        }
        kept.push(grapheme);
    }
    kept.into_iter().rev().collect()
}

/// A word in its singular or plural: `1 commit`, `7 commits`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// A number in few cells: four significant digits at most, no exponent, no trailing zeros.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "?".to_owned();
    }
    if size >= 1e15 {
        return format!("{value:.2e}");
    }
    for (limit, unit) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")] {
        if size >= limit {
            let scale = if unit == "k" { 1e3 } else { limit };
            return format!("{}{unit}", trimmed(value / scale, 1));
        }
    }
    let digits = match size {
        s if s >= 100.0 => 0,
        s if s >= 10.0 => 1,
        s if s >= 1.0 || s == 0.0 => 2,
        _ => 3,
    };
    trimmed(value, digits)
}

fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cut_text_says_that_it_is_cut() {
        for (text, room, wanted) in [
            ("checkout", 8, "checkout"),
            ("checkout", 5, "chec…"),
            ("checkout", 1, "…"),
            ("checkout", 0, ""),
            ("日本語", 4, "日…"),
            ("日本語", 5, "日本…"),
        ] {
            assert_eq!(cut(text, room), wanted);
        }
    }

    #[test]
    fn an_identity_keeps_its_head_and_its_tail() {
        assert_eq!(cut_middle("sha256:4f2c8b6aa0d1e9", 11), "sha25…0d1e9");
        assert_eq!(cut_middle("short", 11), "short");
    }

    #[test]
    fn lines_break_between_words_and_inside_words_that_are_too_long() {
        assert_eq!(wrap("a migration lies in between", 11), ["a migration", "lies in", "between"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn numbers_stay_short() {
        for (value, wanted) in [
            (4.1, "4.1"),
            (0.0, "0"),
            (231.4, "231"),
            (0.0312, "0.031"),
            (12.0, "12"),
            (15_300.0, "15.3k"),
            (2_500_000.0, "2.5M"),
            (-3.5, "-3.5"),
        ] {
            assert_eq!(number(value), wanted);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_ever_wider_than_its_room(text in "\\PC{0,40}", room in 0usize..30) {
            prop_assert!(width(&cut(&text, room)) <= room);
            prop_assert!(width(&cut_middle(&text, room)) <= room);
            prop_assert_eq!(width(&fit(&text, room)), room);
            prop_assert_eq!(width(&fit_right(&text, room)), room);
            for line in wrap(&text, room) {
                prop_assert!(width(&line) <= room, "{:?}", line);
            }
        }
    }
}
