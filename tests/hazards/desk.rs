//! A cockpit without a screen, a runtime or a clock: the real model and a real provider, one virtual second at a time.
//! What the executor does is done here in its order: look again, compare, send once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use gonogo::action::Plan;
use gonogo::app::dialog::{Draft, Field};
use gonogo::app::key::{Key, Pace, Stroke};
use gonogo::app::model::{ActionStage, Overlay, Setup};
use gonogo::app::{Effect, Model, Msg, update};
use gonogo::domain::fault::Reached;
use gonogo::domain::service::{Access, Confirm};
use gonogo::domain::{
    Ask, Environment, EnvironmentName, Now, Observation, Outcome, Policy, Progress, Report, SafeText,
    Service, ServiceName, Signal, SourceName,
};
use gonogo::provider::Provider;
use gonogo::runtime::execute::compare;

/// What watches the place besides the target.
const METRICS: &str = "metrics";
const CODE: &str = "code";

pub(crate) struct Desk {
    pub(crate) model: Model,
    provider: Arc<dyn Provider>,
    queue: VecDeque<Effect>,
}

fn source() -> SourceName {
    SourceName::new("prod")
}

fn service(signals: &[&str]) -> Service {
    Service {
        name: ServiceName::new("web"),
        code: Some(SourceName::new(CODE)),
        pipeline: None,
        environments: vec![Environment {
            name: EnvironmentName::new("production"),
            deploy: Some(source()),
            live: None,
            dispatch: None,
            owner: None,
            manifests: None,
            image: None,
            signals: signals.iter().map(|s| (SafeText::new(s), SourceName::new(METRICS))).collect(),
            alerts: None,
            policy: Policy {
                confirm: Confirm::Press,
                max_age: Duration::from_secs(3_600),
                ..Policy::default()
            },
        }],
        stages: Vec::new(),
    }
}

impl Desk {
    /// A cockpit that has looked once.
    pub(crate) async fn open(provider: &Arc<dyn Provider>, signals: &[Signal]) -> Self {
        Self::open_as(provider, signals, |_| {}).await
    }

    /// The same of a place whose owner the target tells of, too.
    pub(crate) async fn owned(provider: &Arc<dyn Provider>) -> Self {
        Self::open_as(provider, &[], |environment| environment.owner = Some(source())).await
    }

    /// The same with another environment.
    pub(crate) async fn open_as(
        provider: &Arc<dyn Provider>,
        signals: &[Signal],
        change: impl FnMut(&mut Environment),
    ) -> Self {
        let names: Vec<&str> = signals.iter().map(|s| s.name.as_str()).collect();
        let mut service = service(&names);
        service.environments.iter_mut().take(1).for_each(change);
        let setup = Setup {
            services: vec![service],
            sources: [METRICS, CODE].map(SourceName::new).into_iter().chain([source()]).collect(),
            access: Access::ReadWrite,
            ..Setup::default()
        };
        let start = Now { wall: "2026-11-21T09:00:00Z".parse().unwrap(), mono: Duration::from_secs(1) };
        let model = Model::new(setup, "test".into(), start, (160, 50));
        let mut desk = Self { model, provider: Arc::clone(provider), queue: VecDeque::new() };
        desk.wait(Duration::from_secs(1));
        let signals = BTreeMap::from([(gonogo::domain::Place::new("web", "production"), signals.to_vec())]);
        desk.report(METRICS, Ok(Observation { signals, ..Observation::default() }));
        desk.look().await;
        desk
    }

    pub(crate) fn wait(&mut self, by: Duration) {
        let now = self.model.now.plus(by);
        self.send(Msg::Tick(now));
    }

    fn send(&mut self, msg: Msg) {
        let effects = update(&mut self.model, msg);
        self.queue.extend(effects);
    }

    pub(crate) fn report(&mut self, source: &str, result: Result<Observation, gonogo::domain::Fault>) {
        let now = self.model.now;
        let report = Report {
            source: SourceName::new(source),
            epoch: 1,
            began: now,
            at: now,
            next: Duration::from_secs(1),
            result: result.map(Arc::new),
        };
        self.send(Msg::Report(report));
    }

    /// One look at the target.
    pub(crate) async fn look(&mut self) {
        self.wait(Duration::from_millis(10));
        let seen = self.provider.observe(&Ask::default()).await;
        self.report("prod", seen);
    }

    pub(crate) fn press(&mut self, key: Key) {
        self.wait(Duration::from_millis(500));
        self.send(Msg::Key(Stroke { key, pace: Pace::Single }));
    }

    /// Presses an action's key and carries out the preparation: the plan, or why there is none.
    pub(crate) async fn ask(&mut self, key: char) -> Result<Plan, String> {
        self.press(Key::Char(key));
        self.prepared().await
    }

    /// The offers of the dialog on top, best first.
    pub(crate) fn offers(&self) -> Vec<String> {
        match self.model.overlays.last() {
            Some(Overlay::Dialog(dialog)) => dialog.choices.iter().map(|c| c.label.to_string()).collect(),
            _ => Vec::new(),
        }
    }

    /// Chooses the next offer of the dialog on top.
    pub(crate) fn choose_next(&mut self) {
        let field = |desk: &Self| match desk.model.overlays.last() {
            Some(Overlay::Dialog(dialog)) => dialog.field,
            _ => panic!("no dialog"),
        };
        for _ in 0..6 {
            if field(self) == Field::Choice {
                return self.press(Key::Right);
            }
            self.press(Key::Tab);
        }
        panic!("nothing to choose from");
    }

    /// Answers the preparation that is asked for.
    pub(crate) async fn prepared(&mut self) -> Result<Plan, String> {
        while let Some(effect) = self.queue.pop_front() {
            if let Effect::Prepare { ticket, intent } = effect {
                let began = self.model.now;
                let result = self.provider.prepare(&intent).await.map(Box::new);
                self.send(Msg::Progress(Progress::Prepared { ticket, began, result }));
            }
        }
        match self.model.overlays.last() {
            Some(Overlay::Dialog(dialog)) => match &dialog.draft {
                Draft::Ready(plan) => Ok((**plan).clone()),
                Draft::Refused(refusal) => Err(refusal.to_string()),
                Draft::Asking(_) => panic!("nobody asked the provider"),
            },
            _ => Err(self.model.toast.as_ref().map(|t| t.text.to_string()).unwrap_or_default()),
        }
    }

    /// Types the name that a dialog on top asks for.
    pub(crate) fn type_name(&mut self, name: &str) {
        for letter in name.chars() {
            self.press(Key::Char(letter));
        }
    }

    /// Confirms the plan on top and does what the executor does.
    pub(crate) async fn confirm(&mut self) {
        let field = |desk: &Self| match desk.model.overlays.last() {
            Some(Overlay::Dialog(dialog)) => dialog.field,
            _ => panic!("no dialog"),
        };
        for _ in 0..3 {
            self.press(Key::BackTab);
            if field(self) == Field::Confirm {
                break;
            }
        }
        assert_eq!(field(self), Field::Confirm);
        self.press(Key::Enter);
        while let Some(effect) = self.queue.pop_front() {
            if let Effect::Execute { id, plan } = effect {
                self.execute(id, *plan).await;
            }
        }
    }

    async fn execute(&mut self, id: gonogo::domain::ActionId, plan: Plan) {
        self.send(Msg::Progress(Progress::Recorded(id.clone())));
        match self.provider.prepare(&plan.intent).await {
            Err(fault) => {
                let why = SafeText::new(&fault.to_string());
                return self.send(Msg::Progress(Progress::NotSent(id, why)));
            }
            Ok(fresh) => {
                let differences = compare(&plan.prepared, &fresh);
                if !differences.is_empty() {
                    return self.send(Msg::Progress(Progress::Moved(id, differences)));
                }
            }
        }
        for step in &plan.prepared.steps {
            self.send(Msg::Progress(Progress::Sent(id.clone(), self.model.now)));
            let answer = self.provider.perform(step).await;
            self.wait(Duration::from_millis(10));
            let (id, now) = (id.clone(), self.model.now);
            match answer {
                Ok(receipt) => self.send(Msg::Progress(Progress::Received(id, receipt, now))),
                Err(fault) if fault.reached == Reached::Perhaps => {
                    return self.send(Msg::Progress(Progress::NoAnswer(id, fault)));
                }
                Err(fault) => return self.send(Msg::Progress(Progress::Declined(id, fault))),
            }
        }
    }

    /// The outcome of the action, if it has ended.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match &self.model.actions.last()?.stage {
            ActionStage::Ended(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    /// Whether the last look saw what was promised, which must now hold.
    pub(crate) fn settles(&self) -> bool {
        self.model.actions.last().is_some_and(|action| matches!(action.stage, ActionStage::Settling(_)))
    }

    /// A second passes in the world, then somebody looks; until the action has ended. Not longer than the plan's own
    /// deadline and some. What still has not happened after a minute is looked for every five seconds.
    pub(crate) async fn follow(&mut self, mut pass: impl FnMut()) -> Outcome {
        let deadline = self.model.actions.last().unwrap().plan.prepared.deadline.as_secs();
        for second in 0..deadline + 60 {
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            pass();
            self.wait(Duration::from_secs(1));
            if second < 60 || second % 5 == 0 {
                self.look().await;
            }
        }
        panic!("it never ended: {:?}", self.model.actions.last().unwrap().stage);
    }
}
