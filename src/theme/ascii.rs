//! The ASCII shape of every shape that the screen draws. Knows characters only.

/// The ASCII character that stands for `c` where only ASCII can be shown; `None` for characters that are not
/// shapes of the screen (text from outside stays what it is).
#[must_use]
pub const fn plain(c: char) -> Option<char> {
    Some(match c {
        '✓' => '+',
        '✗' => 'x',
        '●' => '*',
        '○' => '.',
        '◐' | '…' => '~',
        '◌' => ':',
        '◆' => '!',
        '■' | '█' | '▉' | '▊' | '▋' | '▆' | '▇' => '#',
        '▲' | '↑' => '^',
        '▼' | '↓' => 'v',
        '⊘' => '/',
        '≥' => '>',
        '≤' => '<',
        '×' => 'x',
        '↻' => '@',
        '→' | '›' | '▌' | '▸' | '▐' => '>',
        '←' | '◂' => '<',
        '·' | '─' | '━' | '┈' | '╌' | '–' | '−' | '▁' | '▂' => '-',
        '░' => '.',
        '▃' | '▄' | '▅' | '▍' | '▎' | '▏' => '=',
        '│' | '┃' | '┊' | '├' | '┤' => '|',
        '╭' | '╮' | '╰' | '╯' | '┌' | '┐' | '└' | '┘' | '┏' | '┓' | '┗' | '┛' => '+',
        '⏎' => '$',
        '\u{2800}' => ' ',
        '\u{2801}'..='\u{28ff}' => braille(c),
        _ => return None,
    })
}

/// A braille pattern by the height of its dots: `_` low, `-` middle, `'` high, `:` several.
const fn braille(c: char) -> char {
    let dots = (c as u32).wrapping_sub(0x2800);
    let high = dots & 0b0000_1001 != 0;
    let middle = dots & 0b0011_0110 != 0;
    let low = dots & 0b1100_0000 != 0;
    match (high, middle, low) {
        (true, false, false) => '\'',
        (false, true, false) => '-',
        (false, false, _) => '_',
        _ => ':',
    }
}
