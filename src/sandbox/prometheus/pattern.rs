//! The small part of regular expressions that label matchers use: anchored, with `|` between whole alternatives,
//! `.`, `[...]`, and the suffixes `*`, `+` and `?`.

/// Whether the whole text matches.
pub(in crate::sandbox) fn matches(pattern: &str, text: &str) -> bool {
    let bare = pattern.trim_start_matches('^').trim_end_matches('$');
    let inner = bare.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(bare);
    let text: Vec<char> = text.chars().collect();
    inner.split('|').any(|alternative| here(&atoms(alternative), &text))
}

#[derive(Debug)]
enum Atom {
    Any,
    One(char),
    Class(Vec<(char, char)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Times {
    Once,
    Maybe,
    Many,
    More,
}

fn atoms(pattern: &str) -> Vec<(Atom, Times)> {
    let mut found = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        let atom = match char {
            '.' => Atom::Any,
            '\\' => Atom::One(chars.next().unwrap_or('\\')),
            '[' => {
                let inner: Vec<char> = chars.by_ref().take_while(|c| *c != ']').collect();
                Atom::Class(ranges(&inner))
            }
            other => Atom::One(other),
        };
        let times = match chars.peek() {
            Some('*') => Times::Many,
            Some('+') => Times::More,
            Some('?') => Times::Maybe,
            _ => Times::Once,
        };
        if times != Times::Once {
            chars.next();
        }
        found.push((atom, times));
    }
    found
}

fn ranges(inner: &[char]) -> Vec<(char, char)> {
    match inner {
        [from, '-', to, rest @ ..] => [(*from, *to)].into_iter().chain(ranges(rest)).collect(),
        [one, rest @ ..] => [(*one, *one)].into_iter().chain(ranges(rest)).collect(),
        [] => Vec::new(),
    }
}

fn here(atoms: &[(Atom, Times)], text: &[char]) -> bool {
    let Some(((atom, times), rest)) = atoms.split_first() else { return text.is_empty() };
    let longest = text.iter().take_while(|char| is(atom, **char)).count();
    let (least, most) = match times {
        Times::Once => (1, 1),
        Times::Maybe => (0, 1),
        Times::Many => (0, longest),
        Times::More => (1, longest),
    };
    (least..=most.min(longest)).rev().any(|taken| here(rest, text.get(taken..).unwrap_or_default()))
}

fn is(atom: &Atom, char: char) -> bool {
    match atom {
        Atom::Any => true,
        Atom::One(one) => *one == char,
        Atom::Class(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&char)),
    }
}
