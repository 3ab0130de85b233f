//! What the program prints about itself: `schema`, `completions`, `man`, and its version. Made from what it goes by.

use std::sync::OnceLock;

use clap::CommandFactory as _;

use super::{Args as Whole, Done, Failure, code, say};
use crate::config;
use crate::provider::{KINDS, git};

/// Options of `gonogo completions`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Options of `gonogo man`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Man {
    /// The page of one command (else of the whole program)
    command: Option<String>,
}

/// Prints the config's JSON Schema.
pub(super) fn schema() -> Done {
    let schema = config::schema(KINDS);
    let text =
        serde_json::to_string_pretty(&schema).map_err(|e| Failure::new(code::FAILED, e.to_string()))?;
    say(&(text + "\n"))?;
    Ok(code::OK)
}

/// Prints the completions of a shell.
pub(super) fn completions(args: &Completions) -> Done {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Whole::command(), "gonogo", &mut out);
    say(&String::from_utf8_lossy(&out))?;
    Ok(code::OK)
}

/// Prints a manual page.
pub(super) fn man(args: &Man) -> Done {
    let mut whole = Whole::command();
    whole.build();
    let command = match &args.command {
        None => whole,
        Some(name) => {
            let found = whole.find_subcommand(name).cloned();
            let found =
                found.ok_or_else(|| Failure::new(code::USAGE, format!("there is no command {name:?}")))?;
            found.display_name(format!("gonogo-{name}"))
        }
    };
    let mut out = Vec::new();
    clap_mangen::Man::new(command).render(&mut out)?;
    say(&String::from_utf8_lossy(&out))?;
    Ok(code::OK)
}

/// `0.4.1 (a1b2c3d 2026-11-20) rustc 1.95.0 libgit2 1.9.7`.
pub(super) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let commit = option_env!("GONOGO_COMMIT").unwrap_or("no commit known");
        let rustc = option_env!("GONOGO_RUSTC").unwrap_or("unknown");
        format!("{} ({commit}) rustc {rustc} libgit2 {}", env!("CARGO_PKG_VERSION"), git::library_version())
    })
}
