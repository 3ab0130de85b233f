//! The heart: one message in, the model changed, effects out. Dispatches only.

use super::model::Model;
use super::msg::{Effect, Msg};

/// Takes one message in.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    let _ = (model, msg);
    Vec::new()
}
