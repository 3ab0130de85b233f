//! `gonogo` where there is no config and a person sits at the terminal: the first screen, and what follows from it.

use std::io;
use std::path::PathBuf;

use super::looks::Looks;
use super::{Common, Done, Failure, Surroundings, code, demo, init, say};
use crate::app::welcome::{Proposal, Welcome, Wish};
use crate::config::Ui;
use crate::domain::SafeText;
use crate::runtime::screen::{self, Answer, Exit};
use crate::view::welcome;

/// Where the config would be, if it is not there and somebody can be asked what to do about it.
pub(super) fn wanted(common: &Common, surroundings: &Surroundings) -> Option<PathBuf> {
    if common.print || !surroundings.full_screen() {
        return None;
    }
    let path = surroundings.config(common.config.as_ref())?;
    // Anything else than its absence is a mistake, and said as one.
    let missing = path.metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    missing.then_some(path)
}

/// Shows the first screen, and does what was chosen.
pub(super) async fn run(path: PathBuf, common: &Common, surroundings: &Surroundings) -> Done {
    let looks = Looks::new(common, surroundings, &Ui::default())?;
    let mut state = Welcome {
        path: SafeText::new(&path.display().to_string()),
        places: places(&path, surroundings),
        ..Welcome::default()
    };
    let look = init::proposal(surroundings);
    let answer = screen::ask(
        &mut state,
        look,
        |state, found| state.proposal = Some(proposal(found)),
        Welcome::press,
        |state, frame| welcome::draw(state, looks.theme(), frame),
    )
    .await?;
    match answer {
        Answer::Left(exit) => Ok(code_of(exit)),
        Answer::Wish(Wish::Leave, _) => {
            say(
                "gonogo demo     a made-up release day: no account, no network\ngonogo init     writes a config of what it finds here\n",
            )?;
            Ok(code::OK)
        }
        Answer::Wish(Wish::Demo, keys) => demo::open(common, surroundings, keys).await,
        Answer::Wish(Wish::Write, _) => {
            let proposed = state.proposal.unwrap_or_default();
            let text: String = proposed.config.iter().map(|line| format!("{line}\n")).collect();
            let written = init::write(&text, common, surroundings)?;
            let lines = proposed.found.iter().map(ToString::to_string).collect();
            say(&init::report(&init::Proposal { text, lines }, &written))?;
            Ok(code::OK)
        }
    }
}

/// The exit code of a screen that ended without an answer.
pub(super) fn code_of(exit: Exit) -> u8 {
    match exit {
        Exit::Left => code::OK,
        Exit::Signal(number) => u8::try_from(128 + number).unwrap_or(code::FAILED),
        Exit::Gone => 129,
    }
}

fn proposal(found: Result<init::Proposal, Failure>) -> Proposal {
    match found {
        Ok(found) => Proposal {
            found: found.lines.iter().map(|line| SafeText::new(line)).collect(),
            config: found.text.lines().map(SafeText::new).collect(),
            problem: None,
        },
        Err(failure) => Proposal { problem: Some(SafeText::new(&failure.message)), ..Proposal::default() },
    }
}

fn places(config: &std::path::Path, surroundings: &Surroundings) -> Vec<(&'static str, SafeText)> {
    let shown = |path: PathBuf| SafeText::new(&path.display().to_string());
    let mut places = vec![("config", shown(config.to_owned()))];
    if let Some(journal) = surroundings.journal() {
        places.push(("log (with GONOGO_LOG=info)", shown(journal.with_file_name("gonogo.log"))));
        places.push(("journal", shown(journal)));
    }
    places
}
