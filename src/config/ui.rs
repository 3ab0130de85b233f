//! `[ui]`: how the cockpit looks, and how it calls somebody who looks elsewhere. Knows names of themes, not themes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::check::Check;
use super::read::Item;
use super::report::suggest;
use crate::app::spot::Mouse;
use crate::domain::service::Access;

/// How the cockpit looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ui {
    /// Colours; none: by the terminal.
    pub theme: Option<Theme>,
    /// Which characters may be drawn; none: by the theme.
    pub glyphs: Option<Glyphs>,
    /// What courses are drawn with; none: by the theme.
    pub charts: Option<Charts>,
    /// Whose time the header shows.
    pub clock: Clock,
    /// How the terminal calls somebody who looks elsewhere.
    pub notify: Notify,
    /// A program that is told, too: its absolute path and its arguments; the notice becomes the last argument.
    pub notify_command: Vec<String>,
    /// Whose the mouse is at the start.
    pub mouse: Mouse,
    /// Hosts that a link on the screen may lead to, beside those of the configured sources.
    pub link_hosts: Vec<String>,
}

/// Which colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark or light, as the terminal's ground is.
    Auto,
    /// One that comes with the program, by its name in [`THEMES`].
    BuiltIn(&'static str),
    /// A theme file.
    File(PathBuf),
}

/// The themes that come with the program, and another name of one of them.
pub const THEMES: &[&str] = &[
    "dark",
    "light",
    "inherit",
    "ansi",
    "high-contrast",
    "high-contrast-light",
    "safe",
    "safe-light",
    "safe-16",
    "mono",
];

/// Which characters may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Box drawing, braille, marks.
    Unicode,
    /// What every terminal has.
    Ascii,
}

/// What the course of a signal is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charts {
    /// A line of dots, two by four a cell.
    Braille,
    /// Bars.
    Block,
    /// A line of letters.
    Ascii,
}

/// Whose time is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// Universal time.
    #[default]
    Utc,
    /// The time zone of the machine.
    Local,
}

/// How the terminal calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// As the terminal is known to understand, else by its bell.
    #[default]
    Auto,
    /// By the sequence that began with iTerm2.
    Osc9,
    /// By the sequence that began with rxvt.
    Osc777,
    /// By its bell.
    Bell,
    /// Not at all.
    Off,
}

impl Check<'_> {
    pub(super) fn read_ui(
        &mut self,
        item: Option<Item<'_>>,
        themes: &BTreeMap<String, PathBuf>,
    ) -> (Ui, Access) {
        let mut ui = Ui::default();
        let mut access = Access::default();
        let section = item.and_then(|item| item.section(&mut self.mistakes, "[ui]", "[ui]"));
        let Some(mut section) = section else { return (ui, access) };
        ui.theme = section.get("theme").and_then(|item| self.theme(item, themes));
        let glyphs = [("unicode", Glyphs::Unicode), ("ascii", Glyphs::Ascii)];
        ui.glyphs = section.get("glyphs").and_then(|item| item.choice(&mut self.mistakes, &glyphs));
        let charts = [("braille", Charts::Braille), ("block", Charts::Block), ("ascii", Charts::Ascii)];
        ui.charts = section.get("charts").and_then(|item| item.choice(&mut self.mistakes, &charts));
        let clock = [("utc", Clock::Utc), ("local", Clock::Local)];
        let clock = section.get("clock").and_then(|item| item.choice(&mut self.mistakes, &clock));
        ui.clock = clock.unwrap_or_default();
        let notify = [
            ("auto", Notify::Auto),
            ("osc9", Notify::Osc9),
            ("osc777", Notify::Osc777),
            ("bell", Notify::Bell),
            ("off", Notify::Off),
        ];
        let notify = section.get("notify").and_then(|item| item.choice(&mut self.mistakes, &notify));
        ui.notify = notify.unwrap_or_default();
        ui.notify_command = section.get("notify_command").map(|item| self.program(item)).unwrap_or_default();
        ui.link_hosts = section.get("link_hosts").map(|item| self.hosts(item)).unwrap_or_default();
        if section.get("read_only").and_then(|item| item.switch(&mut self.mistakes)) == Some(true) {
            access = Access::ReadOnly;
        }
        if section.get("mouse").and_then(|item| item.switch(&mut self.mistakes)) == Some(true) {
            ui.mouse = Mouse::Cockpit;
        }
        section.finish(&mut self.mistakes, &[]);
        (ui, access)
    }

    /// A theme by its name, the user's own before those of the program, or by the path of its file.
    fn theme(&mut self, item: Item<'_>, own: &BTreeMap<String, PathBuf>) -> Option<Theme> {
        let said = item.text(&mut self.mistakes)?;
        if said.contains('/') {
            return item.path(&mut self.mistakes, self.home.as_deref()).map(Theme::File);
        }
        if let Some(file) = own.get(said) {
            return Some(Theme::File(file.clone()));
        }
        if said == "auto" {
            return Some(Theme::Auto);
        }
        let found = THEMES.iter().find(|name| **name == said).copied().map(Theme::BuiltIn);
        if found.is_none() {
            let known: Vec<&str> =
                own.keys().map(String::as_str).chain(["auto"]).chain(THEMES.iter().copied()).collect();
            let cause = format!("`theme` is neither a theme nor the path of one: {said:?}");
            self.mistakes.note(&item.at(), cause, suggest(said, &known, '"'));
        }
        found
    }

    /// A program with its arguments; no shell is asked.
    fn program(&mut self, item: Item<'_>) -> Vec<String> {
        let Some(words) = item.list(&mut self.mistakes) else { return Vec::new() };
        if !words.first().is_some_and(|(program, _)| program.starts_with('/')) {
            self.mistakes.hinted(
                &item.at(),
                format!("`{}` must begin with the whole path of a program", item.key()),
                "for example [\"/usr/bin/notify-send\", \"gonogo\"]",
            );
            return Vec::new();
        }
        words.into_iter().map(|(word, _)| word.to_owned()).collect()
    }

    /// Names of hosts: no scheme, no port, no path.
    fn hosts(&mut self, item: Item<'_>) -> Vec<String> {
        let mut hosts = Vec::new();
        for (host, at) in item.list(&mut self.mistakes).unwrap_or_default() {
            let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            if host.is_empty() || !host.chars().all(fine) {
                self.mistakes.hinted(
                    &at,
                    format!("`{}` holds names of hosts only, not {host:?}", item.key()),
                    "for example \"github.com\"",
                );
            } else {
                hosts.push(host.to_ascii_lowercase());
            }
        }
        hosts
    }
}
