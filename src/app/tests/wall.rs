//! The health wall: keys go from tile to tile, and every key acts on the tile that is marked.

use super::*;
use crate::app::views::View;
use crate::app::wall::{Tile, at_hand, columns, tiles};

/// `count` services, each watched in production and not in staging.
fn wall_of(count: usize) -> Cockpit {
    let services = (0..count)
        .map(|index| {
            let mut service = service(&format!("s{index:02}"));
            let staging =
                Environment { name: EnvironmentName::new("staging"), ..service.environments[0].clone() };
            service.environments.insert(0, staging);
            service.environments[1].signals = vec![("errors".into(), SourceName::new(PROD))];
            service
        })
        .collect();
    let mut cockpit = Cockpit::with(services, Access::ReadWrite);
    cockpit.press(&[Key::Char('4')]);
    cockpit
}

fn place(cockpit: &Cockpit) -> String {
    cockpit.model.selected_place().unwrap().to_string()
}

#[test]
fn only_watched_places_have_tiles_and_the_selected_one_is_at_hand() {
    let cockpit = wall_of(3);
    let all = tiles(&cockpit.model);
    assert_eq!(all, [0, 1, 2].map(|service| Tile { service, environment: 1 }));
    assert_eq!(at_hand(&cockpit.model, &all), Some(0));
    assert_eq!(place(&cockpit), Place::new("s00", "production").to_string());
}

#[test]
fn a_selected_place_that_nothing_watches_gives_way_to_one_of_the_same_service() {
    let mut cockpit = wall_of(3);
    cockpit.press(&[Key::Char('1'), Key::Char('j'), Key::Char('h')]);
    assert_eq!(place(&cockpit), Place::new("s01", "staging").to_string());
    cockpit.press(&[Key::Char('4')]);
    assert_eq!(place(&cockpit), Place::new("s01", "production").to_string());
}

#[test]
fn the_keys_lead_through_the_grid_and_never_out_of_it() {
    // Four side by side: rows of 4, 4 and 2.
    assert_eq!(columns(160), 4);
    let keys = |text: &str| text.chars().map(Key::Char).collect::<Vec<_>>();
    for (pressed, at) in [
        ("", 0),
        ("h", 0),
        ("k", 0),
        ("l", 1),
        ("lll", 3),
        ("llll", 4),
        ("j", 4),
        ("jk", 0),
        ("lk", 1),
        ("jj", 8),
        ("jjj", 8),
        ("llljj", 9),
        ("llljjj", 9),
        ("G", 9),
        ("Gl", 9),
        ("Gk", 5),
        ("Gg", 0),
    ] {
        let mut cockpit = wall_of(10);
        cockpit.press(&keys(pressed));
        let all = tiles(&cockpit.model);
        assert_eq!(at_hand(&cockpit.model, &all), Some(at), "{pressed}");
    }
}

#[test]
fn how_many_lie_side_by_side_follows_the_screen() {
    for (width, across) in [(0, 1), (32, 1), (60, 1), (80, 2), (100, 3), (160, 4), (300, 9)] {
        assert_eq!(columns(width), across, "{width}");
    }
    let mut cockpit = wall_of(10);
    cockpit.send(Msg::Resize(80, 24));
    cockpit.press(&[Key::Char('j')]);
    let all = tiles(&cockpit.model);
    assert_eq!(at_hand(&cockpit.model, &all), Some(2));
}

#[test]
fn enter_goes_to_the_service_in_depth_and_escape_comes_back_to_the_tile() {
    let mut cockpit = wall_of(10);
    cockpit.press(&[Key::Char('j'), Key::Char('l'), Key::Enter]);
    assert_eq!(cockpit.model.trail.view(), View::Service);
    assert_eq!(place(&cockpit), Place::new("s05", "production").to_string());
    cockpit.press(&[Key::Esc]);
    assert_eq!((cockpit.model.trail.view(), cockpit.model.focus), (View::Wall, Panel::Wall));
    assert_eq!(at_hand(&cockpit.model, &tiles(&cockpit.model)), Some(5));
}

#[test]
fn what_turns_bad_moves_no_tile_and_a_roll_back_is_about_the_marked_one() {
    let mut cockpit = wall_of(10);
    cockpit.press(&[Key::Char('j')]);
    let before = tiles(&cockpit.model);
    let rollouts = (0..10)
        .flat_map(|index| {
            let failed = Arc::new(Rollout { phase: Phase::Failed("deadline".into()), ..rollout("v2") });
            ["staging", "production"].map(|e| (Place::new(&format!("s{index:02}"), e), failed.clone()))
        })
        .collect();
    cockpit.see(PROD, Ok(Observation { rollouts, ..Observation::default() }));
    assert_eq!(tiles(&cockpit.model), before);
    assert_eq!(place(&cockpit), Place::new("s04", "production").to_string());
    cockpit.press(&[Key::Char('r')]);
    let (_, intent) = cockpit.asked().unwrap();
    assert_eq!((intent.verb, intent.place), (Verb::RollBack, Some(Place::new("s04", "production"))));
}

#[test]
fn a_filter_takes_tiles_away_and_the_selection_goes_into_what_is_left() {
    let mut cockpit = wall_of(10);
    cockpit.press(&[Key::Char('/'), Key::Char('7'), Key::Enter]);
    let all = tiles(&cockpit.model);
    assert_eq!(all, [Tile { service: 7, environment: 1 }]);
    assert_eq!(at_hand(&cockpit.model, &all), Some(0));
}

#[test]
fn without_anything_watched_no_key_does_harm() {
    let mut cockpit = Cockpit::new(Access::ReadWrite);
    cockpit.press(&[Key::Char('4'), Key::Char('j'), Key::Char('h'), Key::Char('G'), Key::Char('!')]);
    assert!(tiles(&cockpit.model).is_empty());
    assert_eq!(cockpit.model.trail.view(), View::Wall);
}
