//! Pointing at a thing by its name: what keys do by moving, a script does by saying which.

use super::board;
use super::model::{Model, Panel, Selection};
use crate::domain::{EnvironmentName, GateKey, ServiceName};

/// Which thing is meant: the whole identity, never a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// Which service.
    pub service: ServiceName,
    /// Which of its environments; the last one in the order of promotion if none is named.
    pub environment: Option<EnvironmentName>,
    /// Which of its gates, for verbs that decide one.
    pub gate: Option<GateKey>,
}

/// Selects what is meant, as the operator would: in the inbox if it is a gate, else on the board.
pub fn aim(model: &mut Model, at: &Aim) {
    model.selection = Selection::Settled;
    if model.selected.as_ref() != Some(&at.service) {
        model.selected = Some(at.service.clone());
        model.moved = model.now;
    }
    let environment = model.service(&at.service).and_then(|service| {
        let named = at.environment.as_ref()?;
        service.environments.iter().position(|e| &e.name == named)
    });
    match environment {
        Some(index) => model.environments.insert(at.service.clone(), index),
        None => model.environments.remove(&at.service),
    };
    model.focus = if at.gate.is_some() { Panel::Inbox } else { Panel::Board };
    model.gate.clone_from(&at.gate);
    model.held = None;
    board::refilter(model);
}
