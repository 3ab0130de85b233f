//! `gonogo themes`: what there is to choose from, each shown in its own colours; or a theme file to start from.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use super::{Common, Done, Failure, Surroundings, code, looks, say};
use crate::theme::{BUILT_IN, Depth, Theme};
use crate::view;

/// Options of `gonogo themes`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Print this theme's file, to be changed and saved as themes/NAME.toml beside the config
    #[arg(long = "file", value_name = "NAME")]
    file: Option<String>,
}

/// Lists the themes, or prints one.
pub(super) fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let own = looks::own(common, surroundings);
    if let Some(name) = &args.file {
        let text = match own.get(name) {
            Some(path) => std::fs::read_to_string(path)?,
            None => BUILT_IN
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| unknown(name))?,
        };
        say(&text)?;
        return Ok(code::OK);
    }
    let coloured = io::stdout().is_terminal() && surroundings.full_screen();
    let depth = Depth::of(surroundings.var("TERM"), surroundings.var("COLORTERM"));
    let mut text = String::new();
    for (name, file) in BUILT_IN {
        let theme = Theme::built_in(name).unwrap_or_default();
        entry(&mut text, name, about(file), coloured.then(|| theme.at(depth)));
    }
    let mut code = code::OK;
    for (name, path) in &own {
        match looks::from_file(path) {
            Ok(theme) => {
                entry(&mut text, name, path.display().to_string(), coloured.then(|| theme.at(depth)));
            }
            Err(failure) => {
                code = failure.code;
                let _ = writeln!(text, "{name:<20} ✗ {}\n", failure.message);
            }
        }
    }
    text.push_str(
        "auto                 dark or light, as the terminal's ground is; where nothing is configured\n\n\
         choose one   --theme NAME, or theme = \"NAME\" under [ui] in the config\n\
         make one     gonogo themes --file dark > themes/mine.toml beside the config, then theme = \"mine\"\n",
    );
    say(&text)?;
    Ok(code)
}

fn entry(text: &mut String, name: &str, about: String, theme: Option<Theme>) {
    let _ = writeln!(text, "{name:<20} {about}");
    if let Some(theme) = theme {
        text.push_str(&view::print::ansi(&view::sample(&theme)));
    }
    text.push('\n');
}

/// What a theme file says of itself: the comment that it begins with.
fn about(file: &str) -> String {
    let lines = file.lines().map_while(|line| line.strip_prefix('#'));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn unknown(name: &str) -> Failure {
    let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    Failure::new(code::USAGE, format!("no theme is called {name:?}: there is {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_says_what_it_is_for() {
        for (name, file) in BUILT_IN {
            assert!(about(file).len() > 20 && about(file).ends_with('.'), "{name}: {}", about(file));
        }
    }
}
