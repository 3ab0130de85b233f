//! The health wall as a grid: which places it shows, which one a key is about, and where a key leads.
//!
//! The tile at hand is the selected place itself, so that every key acts on what is marked. Tiles lie in board order:
//! nothing that turns bad moves another.

use super::model::Model;
use crate::domain::{Environment, Service};

/// The fewest columns of the screen that a tile takes.
const TILE: u16 = 33;

/// How many tiles lie side by side on a screen of `width` columns.
#[must_use]
pub const fn columns(width: u16) -> usize {
    let fit = width / TILE;
    if fit == 0 { 1 } else { fit as usize }
}

/// A tile: the service and the environment, by their places in the setup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Index into the services of the setup.
    pub service: usize,
    /// Index into the environments of the service.
    pub environment: usize,
}

/// Where a key leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the tile above.
    Up,
    /// To the tile below.
    Down,
    /// To the tile before.
    Left,
    /// To the tile after.
    Right,
    /// To the first tile.
    First,
    /// To the last tile.
    Last,
}

/// Whether anything watches the health of an environment.
fn watched(environment: &Environment) -> bool {
    !environment.signals.is_empty() || environment.alerts.is_some()
}

/// Every place whose health is watched, of the services that fit the filter, in board order.
#[must_use]
pub fn tiles(model: &Model) -> Vec<Tile> {
    let shown = model.shown.iter().filter_map(|index| Some((*index, model.setup.services.get(*index)?)));
    let of = |(service, known): (usize, &Service)| {
        let all = known.environments.iter().enumerate().filter(|(_, e)| watched(e));
        all.map(move |(environment, _)| Tile { service, environment }).collect::<Vec<_>>()
    };
    shown.flat_map(of).collect()
}

/// Where the selected place is among `tiles`; none if its health is not watched.
#[must_use]
pub fn at_hand(model: &Model, tiles: &[Tile]) -> Option<usize> {
    let (service, _) = model.selected()?;
    let chosen = model.environments.get(&service.name).copied().filter(|i| *i < service.environments.len());
    let environment = chosen.or_else(|| service.environments.len().checked_sub(1))?;
    let here = Tile { service: model.selected_index()?, environment };
    tiles.iter().position(|tile| *tile == here)
}

/// The wall gets the keyboard: the selected place if it has a tile, else the last tile of the selected service, else
/// the first of all.
pub fn arrive(model: &mut Model) {
    let tiles = tiles(model);
    if at_hand(model, &tiles).is_none() {
        let index = model.selected_index();
        let own = tiles.iter().rposition(|tile| Some(tile.service) == index);
        select(model, tiles.get(own.unwrap_or(0)).copied());
    }
}

/// Goes from tile to tile.
pub fn go(model: &mut Model, way: Way) {
    let tiles = tiles(model);
    let last = tiles.len().saturating_sub(1);
    let across = columns(model.size.0);
    let to = match (way, at_hand(model, &tiles)) {
        (Way::First, _) | (_, None) => 0,
        (Way::Last, _) => last,
        (Way::Left, Some(at)) => at.saturating_sub(1),
        (Way::Right, Some(at)) => (at + 1).min(last),
        (Way::Up, Some(at)) => at.checked_sub(across).unwrap_or(at),
        // Below may be a row that is not full.
        (Way::Down, Some(at)) if at / across < last / across => (at + across).min(last),
        (Way::Down, Some(at)) => at,
    };
    select(model, tiles.get(to).copied());
}

fn select(model: &mut Model, tile: Option<Tile>) {
    let Some((tile, service)) = tile.and_then(|t| Some((t, model.setup.services.get(t.service)?))) else {
        return;
    };
    let name = service.name.clone();
    model.environments.insert(name.clone(), tile.environment);
    model.selected = Some(name);
    model.scroll.clear();
}
