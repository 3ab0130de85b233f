//! Text in cells: cutting, padding and wrapping by grapheme and width. Knows no model and no theme.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many cells `text` takes: grapheme by grapheme, as it is drawn.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(UnicodeWidthStr::width).sum() }
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

/// The cells that the fingerprint of a name takes.
const FINGERPRINT: usize = 6;

/// The fewest cells in which a name that is cut says anything: two of its own, `…`, the fingerprint.
const SHORTEST: usize = FINGERPRINT + 3;

/// A name (of a service, an environment, a version, a digest) in at most `room` cells, so that no two names look
/// alike: [spelled](spelled), and whole, or cut with a fingerprint of the whole behind it, or not shown at all (`…`).
pub(super) fn name(what: &str, room: usize) -> String {
    let whole = spelled(what);
    if whole.len() <= room || width(&whole) <= room {
        return whole;
    }
    if room < SHORTEST {
        return cut("……", room.min(1));
    }
    let left = room - FINGERPRINT - 1;
    // Where there is room for both ends, both tell a person more than one.
    let end = if left > 9 { left / 2 - 1 } else { 0 };
    let ends = if end > 0 { tail(&whole, end) + "~" } else { String::new() };
    let begin = left - width(&ends);
    format!("{}…{ends}{}", head(&whole, begin), fingerprint(what))
}

/// As [`name`], for a name of which all others are known: both of its ends will do as long as no other has the same.
pub(super) fn among<'a>(what: &str, room: usize, mut others: impl Iterator<Item = &'a str>) -> String {
    let whole = spelled(what);
    if width(&whole) <= room || room < 5 {
        return name(what, room);
    }
    let end = tail(&whole, (room - 1) / 2);
    let begin = head(&whole, room - 1 - width(&end));
    let alike = |other: &str| {
        other != what && {
            let other = if plain(other) { Cow::Borrowed(other) } else { Cow::Owned(spelled(other)) };
            other.starts_with(&begin) && other.ends_with(&end)
        }
    };
    if others.any(alike) { name(what, room) } else { format!("{begin}…{end}") }
}

/// Whether a name is spelled as it is.
fn plain(what: &str) -> bool {
    what.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'\\')
}

/// A name letter by letter: what could pass for another letter, reorder its neighbours or have no width of its own is
/// shown as its number. Only printable ASCII and the letters of Latin-1 stand for themselves, and a backslash that
/// begins no number is doubled, so that different names are always spelled differently.
pub(super) fn spelled(what: &str) -> String {
    spelled_but(what, |_| false)
}

/// A sentence of ours with names in it, spelled like them; the few signs of our own sentences stay.
pub(super) fn spelled_sentence(what: &str) -> String {
    spelled_but(what, |c| matches!(c, '→' | '·' | '…' | '–'))
}

fn spelled_but(what: &str, stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(what.len());
    for c in what.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            ' '..='~' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ' => out.push(c),
            c if stays(c) => out.push(c),
            c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    out
}

/// Thirty bits of a name's hash, in letters and digits that nobody takes for each other.
fn fingerprint(what: &str) -> String {
    const LETTERS: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyzE";
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in what.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The low bits of this hash know less of the last bytes than the high ones do of the first: mix both.
    hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let letter = |n: usize| {
        let index = usize::try_from((hash >> (59 - 5 * n)) & 31).unwrap_or(0);
        LETTERS.get(index).map_or('?', |letter| char::from(*letter))
    };
    (0..FINGERPRINT).map(letter).collect()
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
    use crate::domain::SafeText;
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
    fn a_name_is_whole_or_carries_its_fingerprint_or_is_not_shown() {
        assert_eq!(name("short", 11), "short");
        let cut = name("sha256:4f2c8b6aa0d1e9", 11);
        assert!(cut.starts_with("sha2…") && width(&cut) == 11, "{cut}");
        assert_ne!(cut, name("sha256:4f2c8b6ab0d1e9", 11));
        let both_ends = name("checkout-service-of-the-far-east", 24);
        assert!(both_ends.starts_with("checkout") && both_ends.contains("east~"), "{both_ends}");
        assert_eq!((name("too-long", 5), name("too-long", 0)), ("…".to_owned(), String::new()));
    }

    #[test]
    fn among_known_names_both_ends_will_do_unless_another_has_the_same() {
        let all = ["payments-api-of-the-east", "payments-api-of-the-west", "payments-cli-of-the-west"];
        let cuts = all.map(|n| among(n, 11, all.into_iter()));
        assert_eq!(cuts[0], "payme…-east");
        assert!(cuts[1].starts_with("paym…") && !cuts[1].ends_with("west"), "{cuts:?}");
        assert_ne!(cuts[1], cuts[2]);
        assert_eq!(among("web", 11, all.into_iter()), "web");
    }

    #[test]
    fn letters_that_pass_for_others_are_spelled() {
        for (what, wanted) in [
            ("production", "production"),
            ("größe", "größe"),
            ("pr\u{43e}duction", "pr\\u{43e}duction"),
            ("ｐrod", "\\u{ff50}rod"),
            ("gro\u{308}ße", "gro\\u{308}ße"),
            ("a\u{a0}b", "a\\u{a0}b"),
            ("אבג", "\\u{5d0}\\u{5d1}\\u{5d2}"),
            ("a×b…", "a\\u{d7}b\\u{2026}"),
            ("back\\slash", "back\\\\slash"),
        ] {
            assert_eq!(spelled(what), wanted);
        }
        assert_eq!(spelled_sentence("Promote web: v1 → v2 …"), "Promote web: v1 → v2 …");
    }

    /// The widths at which names are shown.
    const WIDTHS: [usize; 14] = [9, 10, 11, 12, 13, 14, 15, 16, 19, 20, 24, 30, 40, 71];

    /// Letters, those that pass for them, and what joins them.
    const LETTERS: &[char] = &[
        'a', 'o', 'l', 'I', '1', '0', '-', '.', '\\', ' ', '{', '}', '\u{430}', '\u{43e}', '\u{3bf}', 'ö',
        '\u{308}', '\u{a0}', '…', '~', '日', '\u{5d0}', 'ｏ', '－', '‐',
    ];

    fn pairs() -> u32 {
        if std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full") { 1_000_000 } else { 20_000 }
    }

    /// Pairs of names that are equal but for a few letters, of every length.
    #[test]
    fn different_names_never_look_alike() {
        let mut state = 0x1234_5678_9abc_def0_u64;
        let mut draw = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        let (mut different, mut alike) = (0, 0);
        while different < pairs() {
            let one: Vec<char> = (0..1 + draw(60)).map(|_| LETTERS[draw(LETTERS.len())]).collect();
            let mut two = one.clone();
            for _ in 0..1 + draw(3) {
                let at = draw(two.len());
                match draw(4) {
                    0 => two.insert(at, LETTERS[draw(LETTERS.len())]),
                    1 if two.len() > 1 => drop(two.remove(at)),
                    _ => two[at] = LETTERS[draw(LETTERS.len())],
                }
            }
            let names: Vec<SafeText> =
                [one, two].iter().map(|n| SafeText::new(&n.iter().collect::<String>())).collect();
            if names[0] == names[1] {
                continue;
            }
            different += 1;
            let room = WIDTHS[draw(WIDTHS.len())];
            if name(names[0].as_str(), room) == name(names[1].as_str(), room) {
                alike += 1;
                println!("alike at {room}: {:?} {:?}", names[0], names[1]);
            }
        }
        println!("R27: {different} pairs of different names, {alike} rendered alike");
        assert_eq!(alike, 0);
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
            prop_assert!(width(&name(&text, room)) <= room);
            prop_assert_eq!(width(&fit(&text, room)), room);
            prop_assert_eq!(width(&fit_right(&text, room)), room);
            for line in wrap(&text, room) {
                prop_assert!(width(&line) <= room, "{:?}", line);
            }
        }
    }
}
