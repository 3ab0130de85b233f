//! The first screen, shown where there is no config: try it, set it up from here, or read.

use super::key::Key;
use crate::domain::SafeText;

/// Which page is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The three choices.
    #[default]
    Choices,
    /// What was found here, and the config that would be written.
    Found,
    /// How it works and where its files are.
    Docs,
}

/// What was found here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// What was found, a line each.
    pub found: Vec<SafeText>,
    /// The config that would be written, a line each.
    pub config: Vec<SafeText>,
    /// Why there is none.
    pub problem: Option<SafeText>,
}

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The demo.
    Demo,
    /// Write the proposed config.
    Write,
    /// Leave.
    Leave,
}

/// The first screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Welcome {
    /// The page.
    pub page: Page,
    /// The first line of the page's text that is shown.
    pub scroll: usize,
    /// Where the config would be.
    pub path: SafeText,
    /// Where other files are: what and where.
    pub places: Vec<(&'static str, SafeText)>,
    /// What was found; none while it is being looked for.
    pub proposal: Option<Proposal>,
}

impl Welcome {
    /// Takes one key.
    pub fn press(&mut self, key: Key) -> Option<Wish> {
        match (self.page, key) {
            (_, Key::Ctrl('c') | Key::Char('q')) => return Some(Wish::Leave),
            (_, Key::Char('d')) => return Some(Wish::Demo),
            (Page::Choices, Key::Char('i')) => self.open(Page::Found),
            (Page::Choices, Key::Char('r' | '?')) => self.open(Page::Docs),
            (Page::Found, Key::Char('w')) if self.can_write() => return Some(Wish::Write),
            (Page::Found | Page::Docs, Key::Esc | Key::Backspace | Key::Left) => self.open(Page::Choices),
            (_, Key::Down | Key::Char('j')) => self.scroll = self.scroll.saturating_add(1),
            (_, Key::Up | Key::Char('k')) => self.scroll = self.scroll.saturating_sub(1),
            (_, Key::PageDown | Key::Char(' ')) => self.scroll = self.scroll.saturating_add(10),
            (_, Key::PageUp) => self.scroll = self.scroll.saturating_sub(10),
            (_, Key::Home | Key::Char('g')) => self.scroll = 0,
            _ => {}
        }
        let most = self.proposal.as_ref().map_or(0, |p| p.config.len() + p.found.len());
        self.scroll = self.scroll.min(if self.page == Page::Found { most } else { 60 });
        None
    }

    /// Whether there is something to write.
    #[must_use]
    pub fn can_write(&self) -> bool {
        self.proposal.as_ref().is_some_and(|proposal| proposal.problem.is_none())
    }

    fn open(&mut self, page: Page) {
        self.page = page;
        self.scroll = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(welcome: &mut Welcome, keys: &str) -> Option<Wish> {
        keys.chars().find_map(|c| welcome.press(Key::Char(c)))
    }

    #[test]
    fn every_choice_is_one_key_and_nothing_is_written_before_it_was_shown() {
        let mut welcome = Welcome::default();
        assert_eq!(pressed(&mut welcome, "w"), None, "not from the first page");
        assert_eq!(pressed(&mut welcome, "iw"), None, "not before anything was found");
        welcome.proposal = Some(Proposal::default());
        assert_eq!(pressed(&mut welcome, "w"), Some(Wish::Write));
        assert_eq!(welcome.press(Key::Esc), None);
        assert_eq!(welcome.page, Page::Choices);
        assert_eq!(pressed(&mut welcome, "r"), None);
        assert_eq!(welcome.page, Page::Docs);
        assert_eq!(pressed(&mut welcome, "d"), Some(Wish::Demo));
        assert_eq!(pressed(&mut welcome, "q"), Some(Wish::Leave));
        welcome.proposal = Some(Proposal { problem: Some("no".into()), ..Proposal::default() });
        welcome.page = Page::Found;
        assert_eq!(pressed(&mut welcome, "w"), None);
    }
}
