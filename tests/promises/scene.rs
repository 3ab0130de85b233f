//! A cockpit as a function: the model alone, spoken to in keys, reports and answers, on a world that the test makes up.
//! No engine, no clock: a hundred thousand cases take seconds.

use std::sync::Arc;
use std::time::Duration;

use gonogo::app::dialog::{DEAF, Dialog, Field};
use gonogo::app::key::{Key, Pace, Stroke};
use gonogo::app::keys::UNREADY;
use gonogo::app::model::Overlay;
use gonogo::app::{Effect, Model, Msg, update};
use gonogo::domain::service::Confirm;
use gonogo::domain::{
    Basis, Cause, Fault, Gate, Intent, Now, Observation, Prepared, Progress, Report, SourceName, Target,
};

use jiff::SignedDuration;

use super::looks;

/// How many services the board has.
pub(crate) const SERVICES: usize = 5;

/// A fresh look that was asked for and is not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) ticket: u64,
    pub(crate) intent: Intent,
}

/// A model with the world below it.
pub(crate) struct Scene {
    pub(crate) model: Model,
    /// What each source would say now.
    pub(crate) sources: Vec<(SourceName, Observation)>,
    pub(crate) open: Vec<Question>,
    pub(crate) effects: Vec<Effect>,
    /// The newest gate's number: none is given twice.
    gates: u64,
}

impl Scene {
    /// Some services, all at rest and all answered; confirmed by a press.
    pub(crate) fn open() -> Self {
        let mut model = looks::many(SERVICES);
        for environment in model.setup.services.iter_mut().flat_map(|s| &mut s.environments) {
            environment.policy.confirm = Confirm::Press;
            environment.policy.reason = Default::default();
        }
        let last = |(name, state): (&SourceName, &gonogo::domain::SourceState)| {
            let look = state.last.as_ref().expect("every source has answered");
            (name.clone(), Observation::clone(look))
        };
        let sources = model.world.sources().map(last).collect();
        let mut scene = Self { model, sources, open: Vec::new(), effects: Vec::new(), gates: 100 };
        scene.ci().gates.clear();
        scene.wait(UNREADY);
        scene.look();
        scene
    }

    fn source(&mut self, name: &str) -> &mut Observation {
        &mut self.sources.iter_mut().find(|(n, _)| n.as_str() == name).expect("a source of the setup").1
    }

    /// What the CI provider would say.
    pub(crate) fn ci(&mut self) -> &mut Observation {
        self.source("github")
    }

    /// What the cluster would say.
    pub(crate) fn cluster(&mut self) -> &mut Observation {
        self.source("prod")
    }

    /// A gate opens: of which service, how long ago.
    pub(crate) fn gate(&mut self, service: usize, since: i64) -> Gate {
        self.gates += 1;
        let name = format!("service-{service:04}");
        let gate = looks::gate(&name, self.gates, &format!("c0ffee{}", self.gates), since);
        self.ci().gates.push(gate.clone());
        gate
    }

    /// One message, at the model's own time. Questions are kept until somebody answers them.
    pub(crate) fn send(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = update(&mut self.model, msg);
        self.open.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Prepare { ticket, intent } => {
                Some(Question { ticket: *ticket, intent: (**intent).clone() })
            }
            _ => None,
        }));
        self.effects.extend(effects.iter().cloned());
        effects
    }

    pub(crate) fn wait(&mut self, by: Duration) {
        let later = self.model.now.plus(by);
        self.send(Msg::Tick(later));
    }

    /// The clock on the wall jumps; no time passes.
    pub(crate) fn jump(&mut self, by: SignedDuration) {
        let now = self.model.now;
        let wall = now.wall.checked_add(by).unwrap_or(now.wall);
        self.send(Msg::Tick(Now { wall, ..now }));
    }

    /// Presses a key as a person does.
    pub(crate) fn press(&mut self, key: Key) -> Vec<Effect> {
        self.wait(Duration::from_millis(90));
        self.send(Msg::Key(Stroke { key, pace: Pace::Single }))
    }

    /// Every source is looked at.
    pub(crate) fn look(&mut self) {
        self.wait(Duration::from_millis(10));
        for (name, look) in self.sources.clone() {
            let now = self.model.now;
            self.send(Msg::Report(report(&name, 1, now, Ok(look))));
        }
    }

    /// Answers a question as the source would: with the very request, or that its gate is gone.
    pub(crate) fn answer(&mut self, question: &Question) {
        self.open.retain(|open| open.ticket != question.ticket);
        let gone = match &question.intent.target {
            Target::Gate(key) => !self.ci().gates.iter().any(|g| &g.key == key),
            _ => false,
        };
        let result = if gone {
            Err(Fault::new(Cause::Moved, "the gate no longer waits: omar approved it"))
        } else {
            Ok(Box::new(prepared(&question.intent)))
        };
        let began = self.model.now;
        self.send(Msg::Progress(Progress::Prepared { ticket: question.ticket, began, result }));
    }

    pub(crate) fn answer_all(&mut self) {
        for question in std::mem::take(&mut self.open) {
            self.answer(&question);
        }
    }

    pub(crate) fn dialog(&self) -> Option<&Dialog> {
        match self.model.overlay() {
            Some(Overlay::Dialog(dialog)) => Some(dialog),
            _ => None,
        }
    }

    /// Moves to the button and presses it, some time after the plan came; what that sets off.
    pub(crate) fn confirm(&mut self) -> Vec<Effect> {
        self.wait(DEAF + Duration::from_millis(20));
        for _ in 0..6 {
            if self.dialog().is_none_or(|d| d.field == Field::Confirm) {
                break;
            }
            self.press(Key::BackTab);
        }
        if self.dialog().is_some_and(|d| d.field == Field::Confirm) {
            self.press(Key::Enter)
        } else {
            Vec::new()
        }
    }
}

/// A report of a source.
pub(crate) fn report(
    source: &SourceName,
    epoch: u64,
    began: Now,
    result: Result<Observation, Fault>,
) -> Report {
    Report {
        source: source.clone(),
        epoch,
        began,
        at: began,
        next: Duration::from_secs(5),
        result: result.map(Arc::new),
    }
}

/// The request for an intent, which says in its basis and its path for which.
pub(crate) fn prepared(intent: &Intent) -> Prepared {
    let whole = serde_json::to_string(intent).expect("an intent is JSON");
    let mut prepared = looks::approval();
    prepared.hazards.clear();
    (prepared.from, prepared.to) = (None, None);
    prepared.basis = vec![Basis::new("intent", &whole)];
    for step in &mut prepared.steps {
        step.source = intent.source.clone();
        step.path = format!("/{whole}");
    }
    prepared
}
