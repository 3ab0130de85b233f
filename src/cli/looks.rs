//! How the cockpit looks here: which theme, in how many colours, with which shapes, and what changes it while it
//! runs. Knows themes, the config's wishes and the environment; asks nobody.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Common, Failure, Surroundings, code};
use crate::app::Model;
use crate::app::spot::Spot;
use crate::config::{self, Ui};
use crate::runtime::ability::{Ability, Call};
use crate::runtime::screen::{Face, Frame};
use crate::runtime::voice::Manner;
use crate::theme::{BUILT_IN, Charts, Depth, Glyphs, Theme};
use crate::view;
use crate::view::links::Hosts;

/// Which theme.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    Auto,
    BuiltIn(String),
    File(PathBuf),
}

/// Theme, colours and shapes.
pub(super) struct Looks {
    choice: Choice,
    depth: Depth,
    glyphs: Option<Glyphs>,
    charts: Option<Charts>,
    hosts: Option<Hosts>,
    theme: Theme,
}

impl Looks {
    /// The look that is asked for, else `NO_COLOR`, else the configured one, else by the terminal.
    pub(super) fn new(common: &Common, surroundings: &Surroundings, ui: &Ui) -> Result<Self, Failure> {
        let choice = match (&common.theme, surroundings.var("NO_COLOR"), &ui.theme) {
            (Some(name), _, _) => named(name, &own(common, surroundings)),
            (None, Some(_), _) => Choice::BuiltIn("mono".to_owned()),
            (None, None, Some(config::Theme::BuiltIn(name))) => Choice::BuiltIn((*name).to_owned()),
            (None, None, Some(config::Theme::File(path))) => Choice::File(path.clone()),
            (None, None, Some(config::Theme::Auto) | None) => Choice::Auto,
        };
        let glyphs = ui.glyphs.map(|glyphs| match glyphs {
            config::Glyphs::Unicode => Glyphs::Unicode,
            config::Glyphs::Ascii => Glyphs::Ascii,
        });
        let charts = ui.charts.map(|charts| match charts {
            config::Charts::Braille => Charts::Braille,
            config::Charts::Block => Charts::Block,
            config::Charts::Ascii => Charts::Ascii,
        });
        let depth = depth(surroundings);
        let theme = match &choice {
            Choice::Auto => by_terminal(depth, surroundings.var("COLORFGBG")),
            Choice::BuiltIn(name) => built_in(name)?,
            Choice::File(path) => from_file(path)?,
        };
        let mut looks = Self { choice, depth, glyphs, charts, hosts: None, theme: Theme::default() };
        looks.theme = looks.fitted(theme);
        Ok(looks)
    }

    /// The same with links to these hosts on the screen.
    pub(super) fn linked(mut self, hosts: Option<Hosts>) -> Self {
        self.hosts = hosts;
        self
    }

    /// The theme, in the colours and shapes that are wanted here.
    pub(super) const fn theme(&self) -> &Theme {
        &self.theme
    }

    fn fitted(&self, theme: Theme) -> Theme {
        let mut theme = theme.at(self.depth);
        theme.glyphs = self.glyphs.unwrap_or(theme.glyphs);
        theme.charts = self.charts.unwrap_or(theme.charts);
        theme
    }
}

impl Face for Looks {
    fn spot_at(&self, model: &Model, column: u16, row: u16) -> Option<Spot> {
        view::spot_at(model, column, row)
    }

    fn draw(&self, model: &Model, frame: &mut Frame<'_>) {
        view::draw(model, &self.theme, frame);
        if let Some(hosts) = &self.hosts {
            view::links::mark(model, hosts, frame.buffer_mut());
        }
    }

    fn asks_for_ground(&self) -> bool {
        self.choice == Choice::Auto && self.depth != Depth::Sixteen
    }

    fn ground(&mut self, (r, g, b): (u8, u8, u8)) {
        // Rough luminance: of a colour that is neither, either will do.
        let light = u32::from(r) * 3 + u32::from(g) * 6 + u32::from(b) > 1_275;
        if let Some(theme) = Theme::built_in(if light { "light" } else { "dark" }) {
            self.theme = self.fitted(theme);
        }
    }

    fn file(&self) -> Option<PathBuf> {
        match &self.choice {
            Choice::File(path) => Some(path.clone()),
            Choice::Auto | Choice::BuiltIn(_) => None,
        }
    }

    fn reload(&mut self, text: &str) -> Result<(), String> {
        let theme = Theme::parse(text).map_err(|error| error.to_string())?;
        self.theme = self.fitted(theme);
        Ok(())
    }
}

/// A look that another config may replace while the cockpit runs.
impl Face for &RefCell<Looks> {
    fn spot_at(&self, model: &Model, column: u16, row: u16) -> Option<Spot> {
        self.borrow().spot_at(model, column, row)
    }

    fn draw(&self, model: &Model, frame: &mut Frame<'_>) {
        self.borrow().draw(model, frame);
    }

    fn asks_for_ground(&self) -> bool {
        self.borrow().asks_for_ground()
    }

    fn ground(&mut self, colour: (u8, u8, u8)) {
        self.borrow_mut().ground(colour);
    }

    fn file(&self) -> Option<PathBuf> {
        self.borrow().file()
    }

    fn reload(&mut self, text: &str) -> Result<(), String> {
        self.borrow_mut().reload(text)
    }
}

/// How the terminal calls, by the config and by what it understands.
pub(super) fn manner(surroundings: &Surroundings, ui: &Ui) -> Manner {
    let ability = Ability::of(&surroundings.env);
    let call = match ui.notify {
        config::Notify::Auto => Some(ability.call),
        config::Notify::Osc9 => Some(Call::Osc9),
        config::Notify::Osc777 => Some(Call::Osc777),
        config::Notify::Bell => Some(Call::Bell),
        config::Notify::Off => None,
    };
    let program = ui.notify_command.split_first();
    let program = program.map(|(program, arguments)| (PathBuf::from(program), arguments.to_vec()));
    Manner { ability, call, program, env: std::sync::Arc::clone(&surroundings.env) }
}

/// How many colours can be shown. A frame that is printed as text or as a picture has them all.
fn depth(surroundings: &Surroundings) -> Depth {
    if !surroundings.full_screen() {
        return Depth::True;
    }
    Depth::of(surroundings.var("TERM"), surroundings.var("COLORTERM"))
}

/// The theme of a terminal that has not answered, or is not asked: by what it set (`COLORFGBG` ends with the number of
/// its ground), else dark, which brings a ground of its own; the terminal's own colours where it has only sixteen.
fn by_terminal(depth: Depth, colours: Option<&str>) -> Theme {
    let ground = colours.and_then(|all| all.rsplit(';').next()?.parse::<u8>().ok());
    let name = match (depth, ground) {
        (Depth::Sixteen, _) => "inherit",
        (_, Some(7 | 9..=15)) => "light",
        _ => "dark",
    };
    Theme::built_in(name).unwrap_or_default()
}

/// The user's own themes, beside the config: name and file.
pub(super) fn own(common: &Common, surroundings: &Surroundings) -> BTreeMap<String, PathBuf> {
    let folder = surroundings.config(common.config.as_ref());
    let folder = folder.and_then(|path| Some(path.parent()?.join("themes")));
    // No such folder: no themes of one's own.
    let Some(entries) = folder.and_then(|folder| std::fs::read_dir(folder).ok()) else {
        return BTreeMap::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let themes = paths.filter(|path| path.extension().is_some_and(|e| e == "toml"));
    themes.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path))).collect()
}

/// What a name on the command line means: the user's own theme, one of the program, or a path.
fn named(name: &str, own: &BTreeMap<String, PathBuf>) -> Choice {
    if let Some(path) = own.get(name) {
        return Choice::File(path.clone());
    }
    if name == "auto" {
        return Choice::Auto;
    }
    if Theme::built_in(name).is_some() {
        return Choice::BuiltIn(name.to_owned());
    }
    Choice::File(PathBuf::from(name))
}

fn built_in(name: &str) -> Result<Theme, Failure> {
    let known = || BUILT_IN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    Theme::built_in(name)
        .ok_or_else(|| Failure::new(code::USAGE, format!("no theme is called {name}: there is {}", known())))
}

/// Reads a theme file.
pub(super) fn from_file(path: &Path) -> Result<Theme, Failure> {
    let usage = |why: String| Failure::new(code::USAGE, format!("theme {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| {
        let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        usage(format!("{error}\n  themes of the program: auto, {}", known.join(", ")))
    })?;
    Theme::parse(&text).map_err(|error| usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_knows_every_theme_that_comes_with_the_program() {
        let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        for name in &known {
            assert!(config::THEMES.contains(name), "{name}");
        }
        for name in config::THEMES {
            assert!(known.contains(name) || *name == "ansi", "{name}");
        }
    }

    #[test]
    fn a_terminal_that_does_not_answer_gets_what_is_readable_on_it() {
        let name = |depth, colours| by_terminal(depth, colours).name;
        assert_eq!(name(Depth::True, None), "dark");
        assert_eq!(name(Depth::Palette, Some("0;15")), "light");
        assert_eq!(name(Depth::True, Some("15;default;0")), "dark");
        assert_eq!(name(Depth::Sixteen, Some("0;15")), "inherit");
    }

    #[test]
    fn the_ground_decides_between_dark_and_light() {
        let mut looks = Looks {
            choice: Choice::Auto,
            depth: Depth::True,
            glyphs: Some(Glyphs::Ascii),
            charts: Some(Charts::Block),
            hosts: None,
            theme: Theme::default(),
        };
        for (ground, wanted) in [
            ((255, 255, 255), "light"),
            ((0, 0, 0), "dark"),
            ((253, 246, 227), "light"),
            ((0, 43, 54), "dark"),
        ] {
            looks.ground(ground);
            assert_eq!(looks.theme.name, wanted, "{ground:?}");
            assert_eq!((looks.theme.glyphs, looks.theme.charts), (Glyphs::Ascii, Charts::Block));
        }
        let before = looks.theme.clone();
        let why = looks.reload("name = \"x\"\n[roles]\ngoo = {}\n").unwrap_err();
        assert!(why.contains("line 3, column 1") && looks.theme == before, "{why}");
        looks.reload("name = \"x\"\nextends = \"dark\"\n").unwrap();
        assert_eq!(looks.theme.name, "x");
    }
}
