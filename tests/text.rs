//! Text from outside: no character of it steers the terminal, leaves its place, or passes for another.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails; what was measured is printed"
)]

#[path = "text/layout.rs"]
mod layout;
#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the frames, which use more of it")]
mod model;
#[path = "text/outside.rs"]
mod outside;
#[path = "support/vt.rs"]
mod vt;

use gonogo::app::key::Key;
use gonogo::app::model::Model;
use gonogo::theme::Theme;
use gonogo::view::{print, still};
use outside::{Outside, fields, parts};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use serde_json::Value;
use vt::{Allow, foreign, payloads};

/// How much is tried: a part, or all.
fn full() -> bool {
    std::env::var("GONOGO_TEST_N").is_ok_and(|n| n == "full")
}

/// What a terminal is sent for a frame.
fn bytes(frame: &Buffer) -> Vec<u8> {
    crossterm::style::force_color_output(true);
    let mut out = Vec::new();
    let blank = Buffer::empty(frame.area);
    CrosstermBackend::new(&mut out).draw(blank.diff(frame).into_iter()).unwrap();
    out
}

/// Where the texts are looked at: a name and the keys that lead there.
const SCENES: [(&str, &[Key]); 7] = [
    ("board", &[]),
    ("reasons", &[Key::Char('v')]),
    ("changes", &[Key::Char('d')]),
    ("help", &[Key::Char('?')]),
    ("inbox", &[Key::Tab, Key::Enter]),
    ("plan", &[Key::Char('a')]),
    ("follow", &[Key::Char('f')]),
];

fn clean(what: &str, bytes: &[u8], allow: Allow) {
    let found = foreign(bytes, allow);
    assert_eq!(found, [""; 0], "{what}: {}", String::from_utf8_lossy(bytes));
}

/// A frame of this model through every outlet that draws.
fn outlets(what: &str, model: &Model, size: (u16, u16)) {
    let theme = Theme::built_in("dark").unwrap();
    let frame = still(model, &theme, size.0, size.1);
    clean(what, &bytes(&frame), Allow::Screen);
    clean(what, print::text(&frame).as_bytes(), Allow::Text);
    clean(what, print::ansi(&frame).as_bytes(), Allow::Colours);
    let picture = print::svg(&frame, &theme);
    clean(what, picture.as_bytes(), Allow::Text);
    well_formed(what, &picture);
}

/// Every `&` begins an entity, and only the elements that are drawn are there.
fn well_formed(what: &str, picture: &str) {
    for (at, _) in picture.match_indices('&') {
        let rest = &picture[at..];
        assert!(
            ["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|e| rest.starts_with(e)),
            "{what}: {rest:.40}"
        );
    }
    for (at, _) in picture.match_indices('<') {
        let rest = &picture[at..];
        let known = ["<svg ", "</svg>", "<rect ", "<text ", "</text>"];
        assert!(known.iter().any(|e| rest.starts_with(e)), "{what}: {rest:.40}");
    }
}

#[test]
fn no_text_field_of_any_look_or_plan_steers_the_terminal() {
    let base = Outside::of(&model::release_day());
    let parts = parts(&base);
    let fields = fields(&parts);
    for name in fields.keys() {
        println!("  {name}");
    }
    assert!(fields.len() >= 60, "only {} text fields were found", fields.len());
    let payloads = payloads();
    assert!(payloads.len() >= 600, "only {} payloads", payloads.len());
    let mut cases = 0;
    for (index, (name, spots)) in fields.iter().enumerate() {
        let step = if full() { 1 } else { 380 };
        for (number, payload) in payloads.iter().enumerate().skip(index % step).step_by(step) {
            let mut outside = base.clone();
            for (part, pointer) in spots {
                let mut value = parts[*part].value.clone();
                *value.pointer_mut(pointer).unwrap() = Value::String(payload.clone());
                let json = (parts[*part].apply)(&value, &mut outside).expect("it was a text field");
                // A request is recorded byte for byte as it is sent; all else is text.
                if !name.starts_with("plan/steps/*/") {
                    clean(name, json.as_bytes(), Allow::Text);
                }
            }
            let (scene, keys) = SCENES[(index + number) % SCENES.len()];
            let what = format!("{name} in {scene}: {payload:?}");
            outlets(&what, &outside.model(keys), if number % 2 == 0 { (160, 50) } else { (80, 24) });
            cases += 1;
        }
    }
    println!(
        "R26: {} text fields x {} payloads ({cases} cases) x 4 outlets and JSON: 0 sequences outside the allow-list",
        fields.len(),
        payloads.len()
    );
}

#[test]
fn a_world_that_is_hostile_in_every_field_at_once_steers_nothing() {
    let base = Outside::of(&model::release_day());
    let parts = parts(&base);
    let fields = fields(&parts);
    let mut count = 0;
    let step = if full() { 1 } else { 12 };
    for (number, payload) in payloads().iter().enumerate().step_by(step) {
        let outside = outside::hostile(&base, &parts, &fields, payload);
        let (scene, keys) = SCENES[number / step % SCENES.len()];
        outlets(&format!("{scene}: {payload:?}"), &outside.model(keys), (160, 50));
        count += 1;
    }
    println!("R26: {count} worlds of one payload each, 0 sequences outside the allow-list");
}

#[test]
fn what_a_panel_shows_of_two_worlds_differs_when_a_name_in_them_differs() {
    let theme = Theme::built_in("dark").unwrap();
    let names =
        ["v2.15.0", "v2.15.0-rc.1", "v2.15.0-rc.2", "v2.15.O", "v2.15.\u{43e}", "v2.15.0\u{a0}", "v2.15.0 "];
    let long = |middle: &str| format!("v2.15.0-{}-{middle}-{}-final", "a".repeat(60), "b".repeat(60));
    let all: Vec<String> =
        names.iter().map(|n| (*n).to_owned()).chain((0..20).map(|n| long(&n.to_string()))).collect();
    for size in [(60, 16), (80, 24), (100, 30), (120, 36), (160, 50)] {
        let mut frames = std::collections::BTreeMap::new();
        for name in &all {
            let mut model = model::release_day();
            for standing in model.assessments.iter_mut().flat_map(|a| &mut a.standings) {
                if let Some(coming) = &mut standing.coming {
                    coming.version = Some(name.as_str().into());
                }
            }
            let text = print::text(&still(&model, &theme, size.0, size.1));
            if let Some(other) = frames.insert(text, name) {
                panic!("{other:?} and {name:?} look alike at {size:?}");
            }
        }
    }
}
