//! How things look: roles become styles, states become glyphs, in one place.
//!
//! Knows nobody else in this crate: no model, no domain, no panel. A theme file gives every [`Role`] a style;
//! every [`Sign`] has one glyph and one role here, so the same state looks the same on every panel. Meaning is
//! never carried by colour alone: every sign has a shape of its own, in both glyph sets.

mod ascii;
mod depth;
mod file;

use ratatui::style::Style;

pub use ascii::plain;
pub use depth::Depth;
pub use file::{Mistake, ThemeError};

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What a piece of the screen is, as far as its looks go.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Role {
            $($(#[$doc])* $name,)+
        }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The role's name in a theme file.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

roles! {
    /// The ground that everything lies on, and ordinary text.
    Base = "base",
    /// Text of lesser weight: labels, units, ages.
    Muted = "muted",
    /// Lines and shapes that only guide the eye.
    Faint = "faint",
    /// Text of greater weight: names, values.
    Strong = "strong",
    /// Titles of panels and heads of columns.
    Title = "title",
    /// Borders.
    Border = "border",
    /// The panel that has the keyboard: its border and title.
    Focus = "focus",
    /// The selected row.
    Selected = "selected",
    /// Identities: versions, commits, tickets.
    Accent = "accent",
    /// Evidence says yes.
    Go = "go",
    /// Wait.
    Hold = "hold",
    /// Evidence says no.
    NoGo = "no-go",
    /// No evidence.
    Unknown = "unknown",
    /// Under way.
    Running = "running",
    /// Waits for a human.
    Waiting = "waiting",
    /// Ground of the decision card.
    Card = "card",
    /// An environment's name where it must not be missed.
    Badge = "badge",
    /// A key that acts.
    Key = "key",
    /// A key that cannot act now.
    KeyOff = "key-off",
    /// A field that takes text.
    Input = "input",
    /// A button.
    Button = "button",
    /// The button that has the keyboard.
    ButtonFocus = "button-focus",
    /// A message for information.
    Toast = "toast",
    /// A refusal or a failure.
    Problem = "problem",
    /// What is too old to act on.
    Stale = "stale",
    /// Everything behind a dialog.
    Backdrop = "backdrop",
    /// Ground of a dialog.
    Dialog = "dialog",
}

/// A state that has a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Evidence says yes; passed.
    Good,
    /// Wait.
    Hold,
    /// Evidence says no; failed.
    Bad,
    /// No evidence.
    Unknown,
    /// Nothing is configured for it.
    NotWatched,
    /// Its turn has not come.
    Ahead,
    /// Under way.
    Running,
    /// Waits for a human.
    Waiting,
    /// Waits for a timer, or for its turn.
    Timer,
    /// Held back or paused.
    Paused,
    /// Ended with a warning; a hazard; an alert.
    Warning,
    /// Somebody stopped it.
    Cancelled,
    /// Was not needed.
    Skipped,
    /// Goes back, or again.
    Again,
    /// A source that answers in time.
    Alive,
    /// A source whose answer is late.
    Late,
    /// A source that has not answered yet.
    Asking,
    /// A deed of the operator.
    Deed,
    /// Worth knowing.
    Note,
}

impl Sign {
    /// Its shape: one cell, never an emoji.
    #[must_use]
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Hold | Self::Late => "◐",
            Self::Bad => "✗",
            Self::Unknown => "?",
            Self::NotWatched | Self::Skipped | Self::Note => "·",
            Self::Ahead => "○",
            Self::Running | Self::Alive => "●",
            Self::Waiting => "◆",
            Self::Timer | Self::Asking => "◌",
            Self::Paused => "■",
            Self::Warning => "▲",
            Self::Cancelled => "⊘",
            Self::Again => "↻",
            Self::Deed => "→",
        }
    }

    /// Its role.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Good | Self::Alive => Role::Go,
            Self::Hold | Self::Late | Self::Warning | Self::Paused => Role::Hold,
            Self::Bad => Role::NoGo,
            Self::Unknown => Role::Unknown,
            Self::NotWatched | Self::Skipped => Role::Faint,
            Self::Ahead | Self::Cancelled | Self::Asking | Self::Note => Role::Muted,
            Self::Running | Self::Timer | Self::Again => Role::Running,
            Self::Waiting => Role::Waiting,
            Self::Deed => Role::Accent,
        }
    }
}

/// Which shapes the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Box drawing, braille and geometric shapes, each one cell wide.
    #[default]
    Unicode,
    /// ASCII only.
    Ascii,
}

/// What the course of a signal is drawn with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charts {
    /// Braille: two by four dots a cell.
    #[default]
    Braille,
    /// Bars of eighths of a cell.
    Block,
    /// ASCII only.
    Ascii,
}

/// A style for every role, and the shapes it is drawn with.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// What it is called.
    pub name: String,
    /// Which shapes it uses.
    pub glyphs: Glyphs,
    /// How it draws courses. Where only ASCII can be shown, these are ASCII as well.
    pub charts: Charts,
    /// The built-in theme that stands for it where there are only sixteen colours.
    sixteen: Option<String>,
    styles: Vec<Style>,
}

/// The themes that come with the program: name and file.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("dark", include_str!("../themes/dark.toml")),
    ("light", include_str!("../themes/light.toml")),
    ("inherit", include_str!("../themes/inherit.toml")),
    ("high-contrast", include_str!("../themes/high-contrast.toml")),
    ("high-contrast-light", include_str!("../themes/high-contrast-light.toml")),
    ("safe", include_str!("../themes/safe.toml")),
    ("safe-light", include_str!("../themes/safe-light.toml")),
    ("safe-16", include_str!("../themes/safe-16.toml")),
    ("mono", include_str!("../themes/mono.toml")),
];

impl Theme {
    /// Reads a theme file.
    ///
    /// # Errors
    /// Every mistake in it at once, each with its line and column.
    pub fn parse(text: &str) -> Result<Self, ThemeError> {
        file::parse(text)
    }

    /// A theme that comes with the program, by its name in [`BUILT_IN`]. `ansi` is another name of `inherit`.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let name = if name == "ansi" { "inherit" } else { name };
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        file::parse(text).ok()
    }

    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// The same theme with another glyph set.
    #[must_use]
    pub fn with_glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    /// The same theme with other charts.
    #[must_use]
    pub fn with_charts(mut self, charts: Charts) -> Self {
        self.charts = charts;
        self
    }
}

impl Default for Theme {
    /// The terminal's own 16 colours on its own ground: readable on dark and on light.
    fn default() -> Self {
        Self::built_in("inherit").unwrap_or_else(|| Self {
            name: "plain".to_owned(),
            glyphs: Glyphs::default(),
            charts: Charts::default(),
            sixteen: None,
            styles: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn every_built_in_theme_can_be_read_and_gives_every_role_a_style() {
        for (name, text) in BUILT_IN {
            let theme = Theme::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(theme.name, *name);
            assert_eq!(theme.styles.len(), Role::ALL.len());
        }
    }

    #[test]
    fn mono_has_no_colour_and_still_shows_selection_and_trouble() {
        let mono = Theme::built_in("mono").unwrap();
        for role in Role::ALL {
            let style = mono.style(*role);
            assert!(matches!(style.fg, None | Some(Color::Reset)), "{role:?} {style:?}");
            assert!(matches!(style.bg, None | Some(Color::Reset)), "{role:?} {style:?}");
        }
        for role in [Role::Selected, Role::NoGo, Role::ButtonFocus, Role::Badge, Role::Focus] {
            assert!(!mono.style(role).add_modifier.is_empty(), "{role:?}");
        }
    }

    #[test]
    fn every_sign_is_one_cell_wide_in_both_glyph_sets() {
        for sign in [
            Sign::Good,
            Sign::Hold,
            Sign::Bad,
            Sign::Unknown,
            Sign::NotWatched,
            Sign::Ahead,
            Sign::Running,
            Sign::Waiting,
            Sign::Timer,
            Sign::Paused,
            Sign::Warning,
            Sign::Cancelled,
            Sign::Skipped,
            Sign::Again,
            Sign::Alive,
            Sign::Late,
            Sign::Asking,
            Sign::Deed,
            Sign::Note,
        ] {
            assert_eq!(sign.glyph().width(), 1, "{sign:?}");
            let c = sign.glyph().chars().next().unwrap();
            assert!(c.is_ascii() || plain(c).is_some(), "{sign:?} has no ascii shape");
        }
    }

    #[test]
    fn good_hold_bad_and_unknown_differ_without_colour() {
        let shapes: std::collections::BTreeSet<char> =
            [Sign::Good, Sign::Hold, Sign::Bad, Sign::Unknown, Sign::Waiting, Sign::Running]
                .into_iter()
                .map(|s| s.glyph().chars().next().and_then(|c| plain(c).or(Some(c))).unwrap())
                .collect();
        assert_eq!(shapes.len(), 6);
    }
}
