//! `gonogo`: the cockpit itself, one printed frame of it, or its status where there is no terminal.

use super::start::{Laid, Purpose, Started, lay, start};
use super::{Common, Done, Surroundings, accessible, code, print, say, status};
use crate::runtime::{headless, screen};
use crate::view;

/// Opens the cockpit on the user's config.
pub(super) async fn run(common: &Common, surroundings: &Surroundings) -> Done {
    open(common, surroundings, None).await
}

/// Opens the cockpit; `banner` stays on top of it.
pub(super) async fn open(common: &Common, surroundings: &Surroundings, banner: Option<&str>) -> Done {
    if common.print {
        return print_frame(common, surroundings, banner).await;
    }
    if accessible::wanted(common, surroundings) {
        return accessible::run(common, surroundings, banner).await;
    }
    if !surroundings.full_screen() {
        return status::run(&status::Args::default(), common, surroundings).await;
    }
    let Laid { mut model, opening, theme, glyphs } = lay(common, surroundings, Purpose::Act, banner)?;
    let theme = print::theme(common, surroundings, theme.as_ref(), glyphs)?;
    let exit =
        screen::run(&mut model, || opening.engine(), |model, frame| view::draw(model, &theme, frame)).await?;
    Ok(match exit {
        screen::Exit::Left => {
            say(&farewell(&model))?;
            code::OK
        }
        screen::Exit::Signal(number) => u8::try_from(128 + number).unwrap_or(code::FAILED),
        screen::Exit::Gone => 129,
    })
}

/// What was done in this session, in a few lines that stay in the terminal.
fn farewell(model: &crate::app::Model) -> String {
    use crate::app::model::ActionStage;
    model
        .actions
        .iter()
        .map(|action| match &action.stage {
            ActionStage::Ended(outcome) => {
                format!("{}: {}: {}\n", action.plan.title, outcome.word(), outcome.text())
            }
            _ => format!("{}: in doubt: left before it was proved\n", action.plan.title),
        })
        .collect()
}

async fn print_frame(common: &Common, surroundings: &Surroundings, banner: Option<&str>) -> Done {
    let Started { mut model, mut engine, theme, glyphs } =
        start(common, surroundings, Purpose::Look, banner)?;
    let theme = print::theme(common, surroundings, theme.as_ref(), glyphs)?;
    let strokes = print::strokes(&common.keys)?;
    headless::look(&mut model, &mut engine, headless::ANSWER).await;
    headless::press(&mut model, &mut engine, &strokes).await;
    say(&print::frame(&model, &theme, common)?)?;
    Ok(code::OK)
}
