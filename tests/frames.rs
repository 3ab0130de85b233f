//! What the screen looks like.

#[path = "support/model.rs"]
mod model;

use std::path::Path;

use gonogo::app::model::Model;
use gonogo::domain::ServiceName;
use gonogo::theme::Theme;
use gonogo::view::{print, still};

fn select(mut model: Model, name: &str) -> Model {
    model.selected = Some(ServiceName::new(name));
    model
}

#[test]
#[ignore = "writes pictures for the eye; where to: $GONOGO_STILLS"]
fn stills() {
    let folder = std::env::var("GONOGO_STILLS").expect("where to");
    let scenes: Vec<(&str, Model)> = vec![
        ("day", model::release_day()),
        ("search", select(model::release_day(), "search")),
        ("ledger", select(model::release_day(), "ledger")),
        ("first", model::first_second()),
        ("many", model::many(1000)),
    ];
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
