//! What the screen looks like.

#[path = "support/model.rs"]
mod model;

use std::path::Path;

use gonogo::app::key::Key;
use gonogo::app::model::Model;
use gonogo::domain::ServiceName;
use gonogo::theme::Theme;
use gonogo::view::{print, still};

fn select(mut model: Model, name: &str) -> Model {
    model.selected = Some(ServiceName::new(name));
    model
}

/// Every scene worth looking at.
fn scenes() -> Vec<(&'static str, Model)> {
    let after = |mut model: Model, keys: &[Key]| {
        model::press(&mut model, keys);
        model
    };
    let search = || select(model::release_day(), "search");
    vec![
        ("day", model::release_day()),
        ("search", search()),
        ("ledger", select(model::release_day(), "ledger")),
        ("first", model::first_second()),
        ("many", model::many(1000)),
        ("approve", model::approving()),
        ("asking", after(model::release_day(), &[Key::Char('a')])),
        ("rollback", model::rolling_back()),
        ("follow", model::proving()),
        ("flight", after(model::proving(), &[Key::Esc])),
        ("help", after(search(), &[Key::Char('?')])),
        ("changes", after(model::release_day(), &[Key::Char('d')])),
        ("why", after(search(), &[Key::Char('w')])),
        ("refused", after(select(model::release_day(), "ledger"), &[Key::Char('a')])),
        ("health", after(search(), &[Key::Tab, Key::Tab, Key::Tab, Key::Tab, Key::Enter])),
        ("filter", after(model::many(1000), &[Key::Char('/'), Key::Char('n'), Key::Char('o')])),
    ]
}

#[test]
#[ignore = "writes pictures for the eye; where to: $GONOGO_STILLS"]
fn stills() {
    let folder = std::env::var("GONOGO_STILLS").expect("where to");
    let scenes = scenes();
    for (name, model) in &scenes {
        for theme in ["dark", "light", "ansi", "mono"] {
            let theme = Theme::built_in(theme).unwrap();
            for (width, height) in [(160, 50), (100, 30), (80, 24)] {
                let picture = print::svg(&still(model, &theme, width, height), &theme);
                let file = Path::new(&folder).join(format!("{name}-{}-{width}x{height}.svg", theme.name));
                std::fs::write(file, picture).unwrap();
            }
        }
    }
}
