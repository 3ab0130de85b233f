//! `gonogo`: the cockpit itself, one printed frame of it, or its status where there is no terminal.

use std::cell::RefCell;

use super::reload::Reload;
use super::start::{Laid, Purpose, Started, config_text, lay, start};
use super::{Common, Done, Surroundings, code, print, say, status, welcome};
use crate::domain::SafeText;
use crate::runtime::{headless, screen, watch};
use crate::view;

/// Opens the cockpit on the user's config.
pub(super) async fn run(common: &Common, surroundings: &Surroundings) -> Done {
    if let Some(path) = welcome::wanted(common, surroundings) {
        return welcome::run(path, common, surroundings).await;
    }
    open(common, surroundings, None, None).await
}

/// Opens the cockpit; `banner` stays on top of it.
pub(super) async fn open(
    common: &Common,
    surroundings: &Surroundings,
    banner: Option<&str>,
    keys: Option<screen::Keys>,
) -> Done {
    if common.print {
        return print_frame(common, surroundings, banner).await;
    }
    if !surroundings.full_screen() {
        return status::run(&status::Args::default(), common, surroundings).await;
    }
    let Laid { mut model, opening, kept, theme, glyphs } = lay(common, surroundings, Purpose::Act, banner)?;
    let theme = RefCell::new(print::theme(common, surroundings, theme.as_ref(), glyphs)?);
    let (text, path) = config_text(common, surroundings)?;
    let heard = watch::start(path.clone(), &text);
    let banner = banner.map(SafeText::new);
    let mut reload = Reload::new((common, surroundings), path, kept, banner, &theme, heard);
    let exit = screen::run(
        &mut model,
        || opening.engine(),
        |model, frame| view::draw(model, &theme.borrow(), frame),
        keys,
        |model| reload.look(model),
    )
    .await?;
    Ok(match exit {
        screen::Exit::Left => {
            say(&farewell(&model))?;
            code::OK
        }
        exit => welcome::code_of(exit),
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
