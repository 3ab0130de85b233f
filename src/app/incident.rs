//! Services that were NO-GO in this session: since when, when the operator noticed and acted, and when it was over.
//! What a drill's review and a hand-over are told from.

use super::model::{ActionStage, Model};
use crate::domain::{Intent, Now, SafeText, ServiceName, Verdict};

/// How many are kept; the oldest that are over go first.
pub const KEPT: usize = 200;

/// One time that a service was NO-GO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Which service.
    pub service: ServiceName,
    /// When the verdict turned.
    pub began: Now,
    /// The worst reason at that moment.
    pub why: SafeText,
    /// When the operator first pressed a key with the service selected.
    pub noticed: Option<Now>,
    /// When the operator first confirmed an action on the service.
    pub acted: Option<Now>,
    /// When the verdict was NO-GO no longer.
    pub over: Option<Now>,
}

/// Opens and closes incidents by the verdicts as they are now.
pub fn judged(model: &mut Model) {
    let now = model.now;
    for incident in model.incidents.iter_mut().filter(|i| i.over.is_none()) {
        let index = model.index.service(&incident.service);
        let assessment = index.and_then(|index| model.assessments.get(index));
        if assessment.is_none_or(|a| a.verdict != Verdict::NoGo) {
            incident.over = Some(now);
        }
    }
    let judged = model.setup.services.iter().zip(&model.assessments);
    for (service, assessment) in judged.filter(|(_, a)| a.verdict == Verdict::NoGo) {
        if model.incidents.iter().any(|i| i.over.is_none() && i.service == service.name) {
            continue;
        }
        // Whoever is at it already saw it coming.
        let acting = model.actions.iter().any(|action| {
            action.plan.intent.service == service.name && !matches!(action.stage, ActionStage::Ended(_))
        });
        let why = assessment.reasons.first().map(|reason| reason.text.clone()).unwrap_or_default();
        model.incidents.push(Incident {
            service: service.name.clone(),
            began: now,
            why,
            noticed: acting.then_some(now),
            acted: acting.then_some(now),
            over: None,
        });
    }
    while model.incidents.len() > KEPT {
        let oldest = model.incidents.iter().position(|i| i.over.is_some()).unwrap_or(0);
        model.incidents.remove(oldest);
    }
}

/// The operator pressed a key: what is selected is noticed.
pub fn noticed(model: &mut Model) {
    let (now, selected) = (model.now, model.selected.clone());
    for incident in open_of(model, selected.as_ref()) {
        incident.noticed = incident.noticed.or(Some(now));
    }
}

/// The operator confirmed an action.
pub fn acted(model: &mut Model, intent: &Intent) {
    let now = model.now;
    for incident in open_of(model, Some(&intent.service)) {
        incident.noticed = incident.noticed.or(Some(now));
        incident.acted = incident.acted.or(Some(now));
    }
}

fn open_of<'a>(
    model: &'a mut Model,
    service: Option<&'a ServiceName>,
) -> impl Iterator<Item = &'a mut Incident> {
    model.incidents.iter_mut().filter(move |i| i.over.is_none() && Some(&i.service) == service)
}
