//! A strict reader of what a terminal is sent: every character and every sequence that is not one of ours is named.

/// What may be in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allow {
    /// Characters and line ends: text for pipes and files.
    Text,
    /// Also colours.
    Colours,
    /// Also what the screen is drawn with.
    Screen,
    /// Also one kind of string: the clipboard's.
    ScreenAndClipboard,
}

/// Everything in `bytes` that is not allowed, each as it can be shown.
pub(crate) fn foreign(bytes: &[u8], allow: Allow) -> Vec<String> {
    let mut found = Vec::new();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            found.push(format!("not UTF-8: {error}"));
            return found;
        }
    };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\u{1b}' {
            if !plain(c) {
                found.push(format!("U+{:04X}", u32::from(c)));
            }
            continue;
        }
        let (sequence, after) = sequence(rest);
        rest = after;
        if !allowed(sequence, allow) {
            found.push(format!("ESC {sequence:?}"));
        }
    }
    found
}

/// One sequence after its escape, and what follows it.
fn sequence(rest: &str) -> (&str, &str) {
    let end = match rest.bytes().next() {
        Some(b'[') => rest[1..].find(|c: char| ('\u{40}'..='\u{7e}').contains(&c)).map(|at| at + 2),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let bell = rest.find('\u{7}').map(|at| at + 1);
            let st = rest.find("\u{1b}\\").map(|at| at + 2);
            [bell, st].into_iter().flatten().min()
        }
        Some(_) => rest.chars().next().map(char::len_utf8),
        None => Some(0),
    };
    rest.split_at(end.unwrap_or(rest.len()))
}

fn allowed(sequence: &str, allow: Allow) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b';');
    let parameters = |last: char| sequence.strip_prefix('[').and_then(|s| s.strip_suffix(last));
    if allow == Allow::Text {
        return false;
    }
    if parameters('m').is_some_and(|p| p.is_empty() || digits(p)) {
        return true;
    }
    if allow == Allow::Colours {
        return false;
    }
    if allow == Allow::ScreenAndClipboard
        && let Some(text) = sequence.strip_prefix("]52;c;")
    {
        let text = text.trim_end_matches(['\u{7}', '\u{1b}', '\\']);
        return text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    }
    // Title and progress, put by and taken back; a notice; the question for the ground. What they say is read like
    // everything else: a control character in it ends the sequence and is found.
    let says = |start: &str| {
        sequence.strip_prefix(start).is_some_and(|text| {
            let text = text.strip_suffix("\u{1b}\\").or_else(|| text.strip_suffix('\u{7}')).unwrap_or(text);
            text.chars().all(plain)
        })
    };
    if matches!(sequence, "[22;2t" | "[23;2t" | "]11;?\u{1b}\\" | "[c") {
        return true;
    }
    if says("]2;") || says("]9;4;") || says("]9;gonogo: ") || says("]777;notify;gonogo;") {
        return true;
    }
    let modes = ["?1049", "?2004", "?25", "?7", "?2026", "?1004"];
    parameters('H').is_some_and(digits)
        || matches!(sequence, "[2J" | "[0J" | "[J")
        || ['h', 'l'].iter().any(|last| parameters(*last).is_some_and(|p| modes.contains(&p)))
}

/// Whether a character neither steers nor hides nor reorders. A list of its own, by the names of the blocks.
fn plain(c: char) -> bool {
    if matches!(c, '\n' | '\r') {
        return true;
    }
    let format = [
        '\u{ad}'..='\u{ad}',
        '\u{34f}'..='\u{34f}',
        '\u{61c}'..='\u{61c}',
        '\u{180b}'..='\u{180f}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{e000}'..='\u{f8ff}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
        '\u{1bca0}'..='\u{1bca3}',
        '\u{1d173}'..='\u{1d17a}',
        '\u{e0000}'..='\u{10ffff}',
    ];
    !c.is_control() && !format.iter().any(|range| range.contains(&c))
}

/// Texts from a hostile outside: controls, sequences of every family, and what hides, reorders and floods.
pub(crate) fn payloads() -> Vec<String> {
    let mut all = Vec::new();
    let controls = (0u32..0x20).chain([0x7f]).chain(0x80..0xa0);
    for c in controls.filter_map(char::from_u32) {
        all.extend([format!("{c}"), format!("a{c}b"), format!("{c}{c}[31m")]);
    }
    for last in '@'..='~' {
        all.push(format!("\u{1b}[{last}"));
        all.push(format!("\u{9b}1;2{last}"));
        all.push(format!("\u{1b}{last}"));
        all.push(format!("\u{1b}[?1;31{last}text"));
    }
    for number in [0, 1, 2, 4, 7, 8, 9, 10, 11, 50, 52, 104, 112, 133, 777, 1337] {
        for end in ["\u{7}", "\u{1b}\\", "\u{9c}", ""] {
            all.push(format!("\u{1b}]{number};c;aGVsbG8={end}"));
            all.push(format!("\u{9d}{number};https://evil.example/{end}"));
        }
    }
    all.push("\u{1b}]8;;https://evil.example/\u{1b}\\click\u{1b}]8;;\u{1b}\\".to_owned());
    for intro in ["\u{1b}P", "\u{90}", "\u{1b}X", "\u{98}", "\u{1b}^", "\u{9e}", "\u{1b}_", "\u{9f}"] {
        all.push(format!("{intro}$qm\u{1b}\\"));
        all.push(format!("{intro}Gf=100,a=T;AAAA"));
    }
    let hidden =
        [0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x180b, 0x180e, 0x2028, 0x2029, 0x3164, 0xfeff, 0xffa0];
    let ranges = [0x200b..=0x200f, 0x202a..=0x202e, 0x2060..=0x206f, 0xfe00..=0xfe0f, 0xfff9..=0xfffb];
    let ranges =
        ranges.into_iter().flatten().chain([0x1bca0, 0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100, 0xe000]);
    for c in hidden.into_iter().chain(ranges).chain([0xf8ff, 0xf0000, 0x10fffd]).filter_map(char::from_u32) {
        all.push(format!("prod{c}uction"));
        all.push(format!("{c}"));
    }
    for flood in
        ["\u{301}", "e\u{301}\u{301}\u{301}\u{301}", "日", "👨‍👩‍👧", "ﷺ", "א", "لا", "🇩🇪", "👍🏽", "가", "\u{338}"]
    {
        all.push(flood.to_owned());
        all.push(flood.repeat(400));
    }
    all.extend(["x".repeat(10_000), "\u{1b}[2J".repeat(2_000), "\u{fffd}\u{fffd}".to_owned()]);
    all.extend(
        ["<script>", "]]>", "&amp;\"'", "a\r\nb", "a\tb", "%1b%5b2J", "\\x1b[2J", "\\u{1b}"]
            .map(str::to_owned),
    );
    all
}
