//! `gonogo`: the cockpit itself, one printed frame of it, or its status where there is no terminal.

use super::start::{Laid, Purpose, Started, lay, start};
use super::{Common, Done, Surroundings, code, print, say, status};
use crate::app::Model;
use crate::app::leaving::Parting;
use crate::app::model::ActionStage;
use crate::domain::time::spoken;
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
    if !surroundings.full_screen() {
        return status::run(&status::Args::default(), common, surroundings).await;
    }
    let Laid { mut model, opening, theme, glyphs } = lay(common, surroundings, Purpose::Act, banner)?;
    let theme = print::theme(common, surroundings, theme.as_ref(), glyphs)?;
    let exit = screen::run(
        &mut model,
        || opening.engine(),
        |model, frame| view::draw(model, &theme, frame),
        view::spot_at,
    )
    .await?;
    Ok(match exit {
        screen::Exit::Left => {
            say(&farewell(&model))?;
            code::OK
        }
        screen::Exit::Signal(number) => u8::try_from(128 + number).unwrap_or(code::FAILED),
        screen::Exit::Gone => 129,
    })
}

/// What was done in this session, in a few lines that stay in the terminal: of a summary also how long it was, and that
/// nothing was done.
fn farewell(model: &Model) -> String {
    let mut said = String::new();
    if model.parting == Parting::Summary {
        let (from, to) = (model.began.wall.strftime("%F %H:%M"), model.now.wall.strftime("%H:%M UTC"));
        let lasted = spoken(model.now.since(model.began));
        let count = match model.actions.len() {
            0 => "nothing was done".to_owned(),
            1 => "1 action".to_owned(),
            n => format!("{n} actions"),
        };
        said.push_str(&format!("gonogo, {from} to {to} ({lasted}): {count}\n"));
    }
    for action in &model.actions {
        let title = &action.plan.title;
        said.push_str(&match &action.stage {
            ActionStage::Ended(outcome) => format!("{title}: {}: {}\n", outcome.word(), outcome.text()),
            _ => format!("{title}: in doubt: left before it was proved\n"),
        });
    }
    said
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
