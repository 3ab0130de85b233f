//! How many colours a terminal has, and a theme in as many. Knows colours only.

use ratatui::style::{Color, Style};

use super::Theme;

/// How many colours a terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// The sixteen of its own palette.
    Sixteen,
    /// 256: the sixteen, a cube of 6x6x6, and 24 greys.
    Palette,
    /// 24 bits a colour.
    #[default]
    True,
}

impl Depth {
    /// What `TERM` and `COLORTERM` promise. A terminal that says nothing of colours has sixteen.
    #[must_use]
    pub fn of(term: Option<&str>, colorterm: Option<&str>) -> Self {
        let term = term.unwrap_or_default();
        if matches!(colorterm, Some("truecolor" | "24bit")) || term.ends_with("-direct") {
            return Self::True;
        }
        let many = ["256color", "kitty", "alacritty", "foot", "ghostty", "wezterm"];
        if many.iter().any(|word| term.contains(word)) { Self::Palette } else { Self::Sixteen }
    }
}

impl Theme {
    /// The theme in the colours that a terminal has: 24-bit colours become the nearest of 256, and where there are
    /// only sixteen the theme that it names for them takes its place, if it needs more at all.
    #[must_use]
    pub fn at(self, depth: Depth) -> Self {
        match depth {
            Depth::True => self,
            Depth::Palette => self.map(nearest),
            Depth::Sixteen if self.colours().any(beyond_sixteen) => {
                let few = self.sixteen.as_deref().unwrap_or("inherit");
                let plain = Self::built_in(few).unwrap_or_default();
                Self { name: self.name, glyphs: self.glyphs, charts: self.charts, ..plain }
            }
            Depth::Sixteen => self,
        }
    }

    fn colours(&self) -> impl Iterator<Item = Color> {
        self.styles.iter().flat_map(|style| [style.fg, style.bg]).flatten()
    }

    fn map(mut self, to: impl Fn(Color) -> Color) -> Self {
        for Style { fg, bg, .. } in &mut self.styles {
            (*fg, *bg) = (fg.map(&to), bg.map(&to));
        }
        self
    }
}

const fn beyond_sixteen(colour: Color) -> bool {
    matches!(colour, Color::Rgb(..) | Color::Indexed(16..))
}

/// The nearest of the 240 colours that are the same in every terminal; the first sixteen are the user's own.
fn nearest(colour: Color) -> Color {
    let Color::Rgb(r, g, b) = colour else { return colour };
    let wanted = (r, g, b);
    let best = (16..=255u8).min_by_key(|index| distance(fixed(*index), wanted));
    best.map_or(colour, Color::Indexed)
}

/// The red, green and blue of a colour of the palette from 16 on.
fn fixed(index: u8) -> (u8, u8, u8) {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    if index >= 232 {
        let grey = 8 + (index - 232) * 10;
        return (grey, grey, grey);
    }
    let at = index.saturating_sub(16);
    let step = |n: u8| STEPS.get(usize::from(n % 6)).copied().unwrap_or_default();
    (step(at / 36), step(at / 6), step(at))
}

/// How different two colours look, roughly: green weighs most.
fn distance(one: (u8, u8, u8), two: (u8, u8, u8)) -> u32 {
    let part = |a: u8, b: u8, weight: u32| u32::from(a.abs_diff(b)).pow(2) * weight;
    part(one.0, two.0, 3) + part(one.1, two.1, 6) + part(one.2, two.2, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Role;

    #[test]
    fn a_terminal_has_the_colours_that_it_promises() {
        for (term, colorterm, wanted) in [
            (Some("xterm-256color"), Some("truecolor"), Depth::True),
            (Some("xterm-direct"), None, Depth::True),
            (Some("tmux-256color"), None, Depth::Palette),
            (Some("xterm-kitty"), None, Depth::Palette),
            (Some("xterm"), None, Depth::Sixteen),
            (Some("linux"), Some("yes"), Depth::Sixteen),
            (None, None, Depth::Sixteen),
        ] {
            assert_eq!(Depth::of(term, colorterm), wanted, "{term:?} {colorterm:?}");
        }
    }

    #[test]
    fn the_nearest_of_256_is_the_colour_itself_where_it_is_among_them() {
        for index in 16..=255 {
            let (r, g, b) = fixed(index);
            let Color::Indexed(found) = nearest(Color::Rgb(r, g, b)) else { panic!("{index}") };
            assert_eq!(fixed(found), (r, g, b), "{index}");
        }
        assert_eq!(nearest(Color::Rgb(250, 3, 2)), Color::Indexed(196));
        assert_eq!(nearest(Color::Red), Color::Red);
    }

    #[test]
    fn few_colours_are_never_more_than_there_are() {
        for (name, _) in crate::theme::BUILT_IN {
            let theme = Theme::built_in(name).unwrap();
            let palette = theme.clone().at(Depth::Palette);
            assert!(palette.colours().all(|c| !matches!(c, Color::Rgb(..))), "{name}");
            let sixteen = theme.clone().at(Depth::Sixteen);
            assert!(!sixteen.colours().any(beyond_sixteen), "{name}");
            assert_eq!(sixteen.name, theme.name);
        }
        let safe = Theme::built_in("safe").unwrap().at(Depth::Sixteen);
        assert_eq!(safe.style(Role::Go).fg, Some(Color::Blue), "blue stays yes");
    }
}
