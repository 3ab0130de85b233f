//! What on the screen can be pointed at, by what it is. Whoever draws the screen says what is where; the model only
//! hears what was meant.

use serde::{Deserialize, Serialize};

use super::model::Panel;
use super::views::View;
use crate::domain::{GateKey, Place, SafeText, ServiceName};

/// Whose the mouse is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mouse {
    /// The terminal's: it selects text there.
    #[default]
    Terminal,
    /// The cockpit's: it scrolls and selects, and never acts.
    Cockpit,
}

/// Something on the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spot {
    /// A panel.
    Panel(Panel),
    /// A view's tab.
    Tab(View),
    /// A service on the board.
    Service(ServiceName),
    /// A gate in the inbox.
    Gate(GateKey),
    /// A rollout in the inbox that waits at a step.
    Held(Place),
    /// A revision of the selected place.
    Revision(SafeText),
    /// A line of a list to choose from, by its row.
    Line(u16),
}

/// What the mouse did there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// A button was pressed on it.
    Press(Spot),
    /// The wheel turned over it, this many lines down; negative: up.
    Wheel(Option<Spot>, i16),
}
