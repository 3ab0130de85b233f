//! What a terminal is known to understand, from the environment that it gives to its programs. Pure.
//!
//! Asking would be better, but there is no question for any of this that every terminal answers, and a multiplexer
//! answers late or for itself. So what is not known to be understood is not sent: a tab may then say less, and no
//! terminal shows rubbish. `tmux` and `screen` swallow what they do not know; they get titles and the bell.

use std::collections::BTreeMap;

/// How a terminal calls somebody who looks elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `OSC 9`.
    Osc9,
    /// `OSC 777`.
    Osc777,
    /// The bell.
    Bell,
}

/// What a terminal understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// A title.
    pub title: bool,
    /// A progress in the tab or the task bar: `OSC 9;4`.
    pub progress: bool,
    /// Links: `OSC 8`.
    pub links: bool,
    /// The question for the colour of its ground, answered by the terminal itself and soon.
    pub ground: bool,
    /// How it calls.
    pub call: Call,
}

impl Ability {
    /// By the variables that terminals set. `FORCE_HYPERLINK` decides about links, as it does elsewhere.
    #[must_use]
    pub fn of(env: &BTreeMap<String, String>) -> Self {
        let var = |name: &str| env.get(name).map(String::as_str).filter(|v| !v.is_empty());
        let term = var("TERM").unwrap_or("dumb");
        let mut ability = if matches!(term, "dumb" | "linux") || term.starts_with("vt") {
            Self { title: false, progress: false, links: false, ground: false, call: Call::Bell }
        } else if var("TMUX").is_some() || var("STY").is_some() || term.starts_with("screen") {
            let new = var("TERM_PROGRAM") == Some("tmux") && version(var("TERM_PROGRAM_VERSION")) >= (3, 4);
            Self { title: true, progress: false, links: new, ground: false, call: Call::Bell }
        } else {
            Self::by_name(term, &var)
        };
        match var("FORCE_HYPERLINK") {
            Some("0") => ability.links = false,
            Some(_) => ability.links = true,
            None => {}
        }
        ability
    }

    fn by_name<'e>(term: &str, var: &impl Fn(&str) -> Option<&'e str>) -> Self {
        let number = |name: &str| var(name).and_then(|v| v.parse::<u32>().ok()).unwrap_or(0);
        let vte = number("VTE_VERSION");
        let (progress, links, call) = match var("TERM_PROGRAM") {
            Some("ghostty" | "WezTerm" | "iTerm.app") => (true, true, Call::Osc9),
            Some("vscode" | "rio" | "Hyper") => (false, true, Call::Bell),
            _ if var("WT_SESSION").is_some() => (true, true, Call::Bell),
            _ if var("ConEmuANSI") == Some("ON") => (true, false, Call::Bell),
            _ if term.contains("ghostty") => (true, true, Call::Osc9),
            _ if term.contains("kitty") => (false, true, Call::Osc9),
            _ if term.starts_with("foot") => (false, true, Call::Osc777),
            _ if term.starts_with("rxvt-unicode") => (false, false, Call::Osc777),
            _ if term.contains("alacritty") => (false, true, Call::Bell),
            _ if vte > 0 => (vte >= 7_900, vte >= 5_000, Call::Bell),
            _ if number("KONSOLE_VERSION") >= 201_200 => (false, true, Call::Bell),
            _ => (false, false, Call::Bell),
        };
        Self { title: true, progress, links, ground: true, call }
    }
}

/// Major and minor of a version such as `3.4a`.
fn version(text: Option<&str>) -> (u32, u32) {
    let mut parts = text.unwrap_or_default().split(|c: char| !c.is_ascii_digit());
    let mut next = || parts.next().and_then(|p| p.parse().ok()).unwrap_or(0);
    (next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vars: &[(&str, &str)]) -> Ability {
        Ability::of(&vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn nothing_is_sent_that_a_terminal_is_not_known_to_understand() {
        for vars in [&[][..], &[("TERM", "dumb")], &[("TERM", "linux")]] {
            let a = of(vars);
            assert!(!a.title && !a.progress && !a.links && !a.ground && a.call == Call::Bell, "{vars:?}");
        }
        let plain = of(&[("TERM", "xterm-256color")]);
        assert!(plain.title && plain.ground && !plain.progress && !plain.links && plain.call == Call::Bell);
    }

    #[test]
    fn terminals_are_known_by_what_they_set() {
        let x = ("TERM", "xterm-256color");
        for (vars, progress, links, call) in [
            (vec![x, ("TERM_PROGRAM", "WezTerm")], true, true, Call::Osc9),
            (vec![x, ("WT_SESSION", "1")], true, true, Call::Bell),
            (vec![x, ("VTE_VERSION", "7600")], false, true, Call::Bell),
            (vec![x, ("VTE_VERSION", "8000")], true, true, Call::Bell),
            (vec![("TERM", "xterm-kitty")], false, true, Call::Osc9),
            (vec![("TERM", "foot")], false, true, Call::Osc777),
            (vec![x, ("FORCE_HYPERLINK", "1")], false, true, Call::Bell),
            (vec![("TERM", "foot"), ("FORCE_HYPERLINK", "0")], false, false, Call::Osc777),
        ] {
            let a = of(&vars);
            assert_eq!((a.progress, a.links, a.call), (progress, links, call), "{vars:?}");
        }
    }

    #[test]
    fn a_multiplexer_is_asked_nothing_and_sent_only_what_it_keeps_for_itself() {
        let inside = [("TERM", "tmux-256color"), ("TMUX", "/tmp/t,1,0"), ("WT_SESSION", "1")];
        let a = of(&inside);
        assert!(a.title && !a.ground && !a.progress && !a.links && a.call == Call::Bell);
        let new = [inside[0], inside[1], ("TERM_PROGRAM", "tmux"), ("TERM_PROGRAM_VERSION", "3.4a")];
        assert!(of(&new).links);
        assert!(!of(&[("TERM", "screen-256color"), ("STY", "1.x")]).ground);
    }
}
