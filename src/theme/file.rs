//! Theme files: TOML text to a theme, with the place of every mistake. Knows no file system.
//!
//! ```toml
//! name    = "mine"
//! extends = "dark"           # optional: roles that are not given come from there
//! glyphs  = "unicode"        # or "ascii"
//! charts  = "braille"        # or "block", "ascii"
//! sixteen = "inherit"        # which built-in theme stands for it where there are only sixteen colours
//! [roles]
//! go = { fg = "#7ec699", bold = true }
//! ```
//!
//! A colour is `"#rrggbb"`, one of the sixteen names (`"red"`, `"bright-red"` ..), `"reset"`, or a number from
//! 0 to 255 of the terminal's palette, as text or as a number.

use std::fmt;

use ratatui::style::{Color, Modifier, Style};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Charts, Glyphs, Role, Theme};

/// One mistake in a theme file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub text: String,
}

/// Everything that is wrong with a theme file, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ThemeError {
    /// The mistakes.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ThemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Mistake { line, column, text }) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "line {line}, column {column}: {text}")?;
        }
        Ok(())
    }
}

/// What is wrong and at which byte.
type Wrong = (usize, String);

struct Draft {
    name: Option<String>,
    glyphs: Option<Glyphs>,
    charts: Option<Charts>,
    sixteen: Option<String>,
    base: Option<Theme>,
    roles: Vec<(Role, Style)>,
    wrong: Vec<Wrong>,
}

pub(super) fn parse(text: &str) -> Result<Theme, ThemeError> {
    let mut draft = Draft {
        name: None,
        glyphs: None,
        charts: None,
        sixteen: None,
        base: None,
        roles: Vec::new(),
        wrong: Vec::new(),
    };
    match DeTable::parse(text) {
        Ok(table) => draft.top(table.get_ref()),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            draft.wrong.push((at, error.message().to_owned()));
        }
    }
    draft.finish(text)
}

impl Draft {
    fn top(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => self.name = self.text(value).map(str::to_owned),
                "glyphs" => self.glyphs(value),
                "charts" => self.charts(value),
                "extends" => self.base = self.theme(value),
                "sixteen" => self.sixteen = self.theme(value).map(|theme| theme.name),
                "roles" => match value.get_ref() {
                    DeValue::Table(roles) => self.roles(roles),
                    _ => self.wrong(value, "roles is a table: [roles]"),
                },
                other => {
                    let hint = near(other, ["name", "glyphs", "charts", "extends", "sixteen", "roles"]);
                    self.wrong.push((key.span().start, format!("unknown key `{other}`{hint}")));
                }
            }
        }
    }

    fn glyphs(&mut self, value: &Spanned<DeValue<'_>>) {
        match self.text(value) {
            Some("unicode") => self.glyphs = Some(Glyphs::Unicode),
            Some("ascii") => self.glyphs = Some(Glyphs::Ascii),
            Some(_) => self.wrong(value, "glyphs is \"unicode\" or \"ascii\""),
            None => {}
        }
    }

    fn charts(&mut self, value: &Spanned<DeValue<'_>>) {
        match self.text(value) {
            Some("braille") => self.charts = Some(Charts::Braille),
            Some("block") => self.charts = Some(Charts::Block),
            Some("ascii") => self.charts = Some(Charts::Ascii),
            Some(_) => self.wrong(value, "charts is \"braille\", \"block\" or \"ascii\""),
            None => {}
        }
    }

    /// The built-in theme that is named.
    fn theme(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Theme> {
        let name = self.text(value)?;
        // A theme of the program never names one that is not there, nor itself: tests read them all.
        let theme = Theme::built_in(name);
        if theme.is_none() {
            let known: Vec<&str> = super::BUILT_IN.iter().map(|(name, _)| *name).collect();
            self.wrong(value, &format!("no theme `{name}` comes with the program: {}", known.join(", ")));
        }
        theme
    }

    fn roles(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            let Some(role) = Role::ALL.iter().find(|role| role.word() == word) else {
                let hint = near(word, Role::ALL.iter().map(|role| role.word()));
                self.wrong.push((key.span().start, format!("unknown role `{word}`{hint}")));
                continue;
            };
            match value.get_ref() {
                DeValue::Table(table) => {
                    let style = self.style(table);
                    self.roles.push((*role, style));
                }
                _ => self.wrong(value, "a role is a table: { fg = \"#rrggbb\", bold = true }"),
            }
        }
    }

    fn style(&mut self, table: &DeTable<'_>) -> Style {
        let mut style = Style::new();
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            match word {
                "fg" => style.fg = self.colour(value),
                "bg" => style.bg = self.colour(value),
                _ => match modifier(word) {
                    Some(modifier) => match value.get_ref() {
                        DeValue::Boolean(true) => style = style.add_modifier(modifier),
                        DeValue::Boolean(false) => {}
                        _ => self.wrong(value, &format!("{word} is true or false")),
                    },
                    None => {
                        let hint = near(
                            word,
                            ["fg", "bg", "bold", "dim", "italic", "underline", "reverse", "strike"],
                        );
                        self.wrong.push((key.span().start, format!("unknown key `{word}`{hint}")));
                    }
                },
            }
        }
        style
    }

    fn colour(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Color> {
        let colour = match value.get_ref() {
            DeValue::String(text) => colour(text),
            DeValue::Integer(number) => number.as_str().parse::<u8>().ok().map(Color::Indexed),
            _ => None,
        };
        if colour.is_none() {
            self.wrong(
                value,
                "a colour is \"#rrggbb\", a name such as \"bright-red\", \"reset\", or 0 to 255",
            );
        }
        colour
    }

    fn text<'v>(&mut self, value: &'v Spanned<DeValue<'_>>) -> Option<&'v str> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(text);
        }
        self.wrong(value, "a text is wanted here");
        None
    }

    fn wrong(&mut self, value: &Spanned<DeValue<'_>>, text: &str) {
        self.wrong.push((value.span().start, text.to_owned()));
    }

    /// Without another theme to fall back on, every role must be given.
    fn complete(&mut self) {
        let given = |role: &&Role| self.roles.iter().any(|(known, _)| known == *role);
        let missing: Vec<&str> = Role::ALL.iter().filter(|r| !given(r)).map(|r| r.word()).collect();
        if self.base.is_none() && self.wrong.is_empty() && !missing.is_empty() {
            let what = format!("no style for {}; give them, or say extends = \"dark\"", missing.join(", "));
            self.wrong.push((0, what));
        }
    }

    fn finish(mut self, text: &str) -> Result<Theme, ThemeError> {
        self.complete();
        if !self.wrong.is_empty() {
            self.wrong.sort();
            let mistakes = self.wrong.into_iter().map(|(at, what)| place(text, at, what)).collect();
            return Err(ThemeError { mistakes });
        }
        let mut styles = match &self.base {
            Some(base) => base.styles.clone(),
            None => vec![Style::new(); Role::ALL.len()],
        };
        for (role, style) in self.roles {
            if let Some(slot) = styles.get_mut(role as usize) {
                *slot = style;
            }
        }
        let glyphs = self.glyphs.or(self.base.as_ref().map(|b| b.glyphs)).unwrap_or_default();
        let charts = self.charts.or(self.base.as_ref().map(|b| b.charts)).unwrap_or_default();
        let sixteen = self.sixteen.or(self.base.and_then(|b| b.sixteen));
        let name = self.name.unwrap_or_else(|| "unnamed".to_owned());
        Ok(Theme { name, glyphs, charts, sixteen, styles })
    }
}

fn place(text: &str, at: usize, what: String) -> Mistake {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Mistake { line, column, text: what }
}

fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(word, k), k))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map_or_else(String::new, |(_, k)| format!(", did you mean `{k}`?"))
}

fn modifier(word: &str) -> Option<Modifier> {
    Some(match word {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underline" => Modifier::UNDERLINED,
        "reverse" => Modifier::REVERSED,
        "strike" => Modifier::CROSSED_OUT,
        _ => return None,
    })
}

fn colour(text: &str) -> Option<Color> {
    if let Some(hex) = text.strip_prefix('#') {
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6)?;
        let [_, r, g, b] = number.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    if let Ok(index) = text.parse::<u8>() {
        return Some(Color::Indexed(index));
    }
    Some(match text {
        "reset" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "white" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "bright-white" => Color::White,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_at_once_with_its_place_and_a_suggestion() {
        let text =
            "nam = \"x\"\n[roles]\ngo = { fg = \"#12\", blod = true }\nholt = { fg = 300 }\nbase = 7\n";
        let error = parse(text).unwrap_err();
        let told: Vec<(usize, usize)> = error.mistakes.iter().map(|m| (m.line, m.column)).collect();
        assert_eq!(told, [(1, 1), (3, 13), (3, 20), (4, 1), (5, 8)], "{error}");
        let words = error.to_string();
        for hint in ["did you mean `name`?", "did you mean `bold`?", "did you mean `hold`?", "a colour is"] {
            assert!(words.contains(hint), "{words}");
        }
    }

    #[test]
    fn a_file_that_is_not_toml_says_where() {
        let error = parse("name = \"x\"\n[roles\n").unwrap_err();
        assert_eq!(error.mistakes.first().map(|m| m.line), Some(2), "{error}");
    }

    #[test]
    fn a_theme_extends_another_and_changes_only_what_it_names() {
        let theme =
            parse("name = \"mine\"\nextends = \"dark\"\n[roles]\ngo = { fg = 34, bold = true }").unwrap();
        let dark = Theme::built_in("dark").unwrap();
        assert_eq!(theme.style(Role::Go), Style::new().fg(Color::Indexed(34)).add_modifier(Modifier::BOLD));
        assert_eq!(theme.style(Role::NoGo), dark.style(Role::NoGo));
        assert!(parse("extends = \"drak\"").is_err());
    }

    #[test]
    fn a_theme_that_leaves_roles_out_says_which() {
        let error = parse("name = \"x\"\n[roles]\ngo = { fg = 2 }").unwrap_err().to_string();
        assert!(error.contains("no style for base, muted") && !error.contains(" go,"), "{error}");
    }

    #[test]
    fn colours_are_named_numbered_or_spelt_out() {
        for (text, wanted) in [
            ("#0a0B0c", Some(Color::Rgb(10, 11, 12))),
            ("bright-red", Some(Color::LightRed)),
            ("214", Some(Color::Indexed(214))),
            ("reset", Some(Color::Reset)),
            ("#ggg", None),
            ("#1234567", None),
            ("scarlet", None),
        ] {
            assert_eq!(colour(text), wanted, "{text}");
        }
    }
}
