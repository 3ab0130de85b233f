//! Every view in every state, at three sizes, in three themes: as text, with the ink of every row as a number.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the frames, which use more of it")]
mod model;

use std::time::Duration;

use gonogo::app::key::Key;
use gonogo::app::model::{Model, Setup};
use gonogo::app::views::View;
use gonogo::app::{Msg, update, views};
use gonogo::domain::{Now, ServiceName};
use gonogo::theme::Theme;
use gonogo::view::{print, still};

/// Makes a model.
type Make = fn() -> Model;

/// How the world can be.
const STATES: [(&str, Make); 6] = [
    ("loading", model::first_second),
    ("normal", model::release_day),
    ("bad", || select(model::release_day(), "search")),
    ("stale", stale),
    ("empty", empty),
    ("filtered", filtered),
];

const SIZES: [(u16, u16); 3] = [(160, 50), (80, 24), (60, 20)];

const THEMES: [&str; 3] = ["dark", "light", "mono"];

fn select(mut model: Model, name: &str) -> Model {
    model.selected = Some(ServiceName::new(name));
    model
}

/// Nobody has answered for five minutes.
fn stale() -> Model {
    let mut model = model::release_day();
    let later = model.now.plus(Duration::from_secs(300));
    update(&mut model, Msg::Tick(later));
    model
}

/// No service and no source is configured.
fn empty() -> Model {
    let setup = Setup { services: Vec::new(), sources: Vec::new(), ..model::release_day().setup };
    Model::new(setup, "test".into(), Now::START, (160, 50))
}

/// Nothing fits the filter but what is selected.
fn filtered() -> Model {
    let mut model = model::release_day();
    model::press(&mut model, &[Key::Char('/'), Key::Char('l'), Key::Char('e'), Key::Char('d'), Key::Enter]);
    model
}

/// The ink of every row: a change of colour or weight shows.
fn ink(model: &Model, theme: &Theme, (width, height): (u16, u16)) -> String {
    let frame = still(model, theme, width, height);
    let row = |y| {
        let styles = (0..width).flat_map(|x| format!("{:?}", frame[(x, y)].style()).into_bytes());
        styles.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let all = (0..height).map(row).fold(0_u64, |sum, row| sum.rotate_left(7) ^ row);
    format!("{all:016x}")
}

fn portrait(view: View) -> String {
    let themes = THEMES.map(|name| (name, Theme::built_in(name).unwrap()));
    let mut out = String::new();
    for (state, make) in STATES {
        let mut model = make();
        views::jump(&mut model, view);
        for size in SIZES {
            let frame = still(&model, &themes[0].1, size.0, size.1);
            out.push_str(&format!("{state} {}x{}", size.0, size.1));
            for (name, theme) in &themes {
                out.push_str(&format!("  {name} {}", ink(&model, theme, size)));
            }
            let text = print::text(&frame);
            let lines = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
            out.push_str(&format!("\n{}\n\n", lines.trim_end()));
        }
    }
    out
}

#[test]
fn every_view_in_every_state() {
    for view in View::ALL {
        insta::assert_snapshot!(view.title(), portrait(view));
    }
}

#[test]
fn every_view_survives_every_size() {
    let themes = THEMES.map(|name| Theme::built_in(name).unwrap());
    let mut sizes: Vec<(u16, u16)> =
        (1..=400).step_by(57).flat_map(|w| (1..=120).step_by(17).map(move |h| (w, h))).collect();
    sizes.extend([(1, 1), (39, 12), (40, 12), (60, 16), (400, 120)]);
    let mut drawn = 0;
    for view in View::ALL {
        for (_, make) in STATES {
            let mut model = make();
            views::jump(&mut model, view);
            for (size, theme) in sizes.iter().zip(themes.iter().cycle()) {
                let frame = still(&model, theme, size.0, size.1);
                assert_eq!((frame.area.width, frame.area.height), *size);
                drawn += 1;
            }
        }
    }
    println!("{drawn} frames from 1x1 to 400x120");
}

/// Selection and position of everything on the screen, as far as rows tell: what arrives moves nothing.
#[test]
fn nothing_jumps_when_data_arrives() {
    let theme = Theme::built_in("dark").unwrap();
    for view in View::ALL {
        let (mut early, mut late) = (model::first_second(), model::release_day());
        views::jump(&mut early, view);
        views::jump(&mut late, view);
        let titles = |model: &Model| -> Vec<String> {
            let text = print::text(&still(model, &theme, 160, 50));
            let rows = text.lines().enumerate();
            rows.filter(|(y, row)| *y > 2 && row.starts_with(['╭', '┏']))
                .map(|(y, _)| y.to_string())
                .collect()
        };
        let (before, after) = (titles(&early), titles(&late));
        assert!(!before.is_empty() || view == View::Cockpit, "{view:?}: no panel");
        assert_eq!(
            before.iter().rev().take(3).collect::<Vec<_>>(),
            after.iter().rev().take(3).collect::<Vec<_>>(),
            "{view:?}: a panel moved"
        );
    }
}
