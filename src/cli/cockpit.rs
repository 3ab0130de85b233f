//! `gonogo`: the cockpit itself, one printed frame of it, or its status where there is no terminal.

use std::cell::RefCell;

use super::looks::{self, Looks};
use super::reload::Reload;
use super::start::{Laid, Purpose, Started, config_text, lay, start};
use super::{Common, Done, Surroundings, accessible, code, print, review, say, status, welcome};
use crate::app::Model;
use crate::domain::SafeText;
use crate::runtime::{headless, screen, watch};

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
    open_then(common, surroundings, banner, keys, review::farewell).await
}

/// Opens the cockpit; what `then` tells of the session stays in the terminal after it.
pub(super) async fn open_then(
    common: &Common,
    surroundings: &Surroundings,
    banner: Option<&str>,
    keys: Option<screen::Keys>,
    then: impl FnOnce(&Model) -> String,
) -> Done {
    if common.print {
        return print_frame(common, surroundings, banner).await;
    }
    if accessible::wanted(common, surroundings) {
        return accessible::run(common, surroundings, banner).await;
    }
    if !surroundings.full_screen() {
        return status::run(&status::Args::default(), common, surroundings).await;
    }
    let Laid { mut model, opening, kept, ui, hosts } = lay(common, surroundings, Purpose::Act, banner)?;
    let manner = looks::manner(surroundings, &ui);
    let links = manner.ability.links;
    let looks = RefCell::new(Looks::new(common, surroundings, &ui)?.linked(links.then_some(hosts)));
    let (text, path) = config_text(common, surroundings)?;
    let heard = watch::start(path.clone(), &text);
    let banner = banner.map(SafeText::new);
    let mut reload = Reload::new((common, surroundings), path, kept, banner, (&looks, links), heard);
    let exit = screen::run(&mut model, &looks, manner, keys, || opening.engine(), |model| reload.look(model))
        .await?;
    Ok(match exit {
        screen::Exit::Left => {
            say(&then(&model))?;
            code::OK
        }
        exit => welcome::code_of(exit),
    })
}

async fn print_frame(common: &Common, surroundings: &Surroundings, banner: Option<&str>) -> Done {
    let Started { mut model, mut engine, ui } = start(common, surroundings, Purpose::Look, banner)?;
    let looks = Looks::new(common, surroundings, &ui)?;
    let strokes = print::strokes(&common.keys)?;
    headless::look(&mut model, &mut engine, headless::ANSWER).await;
    headless::press(&mut model, &mut engine, &strokes).await;
    say(&print::frame(&model, looks.theme(), common)?)?;
    Ok(code::OK)
}
