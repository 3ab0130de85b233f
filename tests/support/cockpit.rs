//! A cockpit without a screen against the embedded world: the real config, model, engine, journal and providers; keys
//! in, outcomes out.
//!
//! Two things are the test's own. Each provider is wrapped, so that a test can move the world at a named instant: before
//! the n-th fresh look, or before a step leaves. And the model's clock can leap: every moment that the engine reports
//! is translated to the leapt clock, so that a settle time of 3 s or a lost answer's 15 s costs no wall time.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use gonogo::action::Plan;
use gonogo::app::dialog::{Dialog, Draft, Field};
use gonogo::app::key::{Key, Pace, Stroke};
use gonogo::app::model::{Action, ActionStage, Overlay, Setup};
use gonogo::app::{Effect, Model, Msg, update};
use gonogo::config;
use gonogo::domain::service::Access;
use gonogo::domain::{
    Ask, Fault, Intent, Now, Observation, Outcome, Prepared, Progress, Receipt, SourceName, Step,
};
use gonogo::provider::{self, Cadence, KINDS, Provider};
use gonogo::runtime::execute::Recorder;
use gonogo::runtime::{Clock, Engine, Journal, Source};
use gonogo::sandbox::{self, Entry, Options, Sandbox, Scenario, Server};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// No state is waited for longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// How often a waiting test looks around when no message comes.
const GLANCE: Duration = Duration::from_millis(15);

/// After so many glances without a message the world passes more slowly: nothing is under way there any more, and what
/// is waited for is a provider's own deadline.
const HURRY: u32 = 300;

/// More cockpits at once than this, and their evidence grows stale before a small machine gets round to them.
static ROOM: Semaphore = Semaphore::const_new(5);

/// What a test does at an instant.
pub(crate) type Hook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// What happens at the named instants.
#[derive(Default)]
pub(crate) struct Instants {
    /// Before the next fresh looks, one after the other; `None` lets one pass.
    looks: Mutex<VecDeque<Option<Hook>>>,
    /// Before the next step leaves.
    leaving: Mutex<Option<Hook>>,
    /// When the last fresh look had ended.
    pub(crate) looked: Mutex<Option<Instant>>,
}

impl Instants {
    /// At the next fresh look.
    pub(crate) fn before_look(&self, hook: Hook) {
        self.looks.lock().unwrap().push_back(Some(hook));
    }

    /// When the next step is about to leave.
    pub(crate) fn before_leaving(&self, hook: Hook) {
        *self.leaving.lock().unwrap() = Some(hook);
    }
}

/// A real provider with the instants around it.
struct Watched {
    inner: Arc<dyn Provider>,
    instants: Arc<Instants>,
}

impl Provider for Watched {
    fn observe<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Observation, Fault>> {
        self.inner.observe(ask)
    }

    fn prepare<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Prepared, Fault>> {
        Box::pin(async move {
            let hook = self.instants.looks.lock().unwrap().pop_front().flatten();
            if let Some(hook) = hook {
                hook().await;
            }
            let prepared = self.inner.prepare(intent).await;
            *self.instants.looked.lock().unwrap() = Some(Instant::now());
            prepared
        })
    }

    fn perform<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async move {
            let hook = self.instants.leaving.lock().unwrap().take();
            if let Some(hook) = hook {
                hook().await;
            }
            self.inner.perform(step).await
        })
    }

    fn wake(&self) -> Option<Arc<Notify>> {
        self.inner.wake()
    }
}

/// Whether the embedded world's time passes while the test waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Still,
    /// A second of the world for each glance without a message.
    Passing,
}

/// How a cockpit is set up beside the scenario.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// What the process may do.
    pub(crate) process: Access,
    /// What the model believes; differs from the process only where a test wants to get past the model.
    pub(crate) model: Access,
    /// How production is confirmed, and how old the evidence may be: more than on a release day, because a machine that
    /// runs many cockpits at once is slower than one that runs one.
    pub(crate) policy: &'static str,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            process: Access::ReadWrite,
            model: Access::ReadWrite,
            policy: "confirm = \"type-name\"\nmax_age = \"5m\"",
        }
    }
}

/// The cockpit under test.
pub(crate) struct Cockpit {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) model: Model,
    pub(crate) engine: Engine,
    pub(crate) instants: Arc<Instants>,
    pub(crate) providers: BTreeMap<SourceName, Arc<dyn Provider>>,
    pub(crate) journal: PathBuf,
    pub(crate) flow: Flow,
    /// How often nothing had come.
    glances: u32,
    /// Leaps of the model's clock: when (engine time), how far.
    leaps: Vec<(Duration, Duration)>,
    /// The folder of the journal, and the room: shared by all who sit at the same world.
    state: Arc<tempfile::TempDir>,
    room: Arc<SemaphorePermit<'static>>,
}

/// The release day with one service, told to be in a state that the test needs.
pub(crate) fn day(service: &str) -> Scenario {
    let mut scenario = Scenario::named("release-day").unwrap();
    scenario.services.retain(|s| s.name == service);
    scenario.events.clear();
    for script in &mut scenario.services {
        // What is tested runs in staging already.
        script.staging = script.tags.last().unwrap().clone();
        script.slow_start = 0;
    }
    scenario
}

/// The config of the world, without the kinds of sources that this build does not have, asking every five seconds.
fn config_text(sandbox: &Sandbox, manner: Manner) -> String {
    let text = std::fs::read_to_string(sandbox.config_path()).unwrap();
    let text = text.replace("confirm = \"type-name\"\nmax_age = \"15s\"", manner.policy);
    let mut kept = String::new();
    for (index, part) in text.split("[[source]]").enumerate() {
        let unknown = part.contains("kind = \"git\"\n") && provider::kind("git").is_none();
        if unknown {
            continue;
        }
        if index > 0 {
            kept.push_str("[[source]]\nevery = \"5s\"");
        }
        kept.push_str(part);
    }
    if provider::kind("git").is_none() {
        kept = kept.lines().filter(|l| !l.starts_with("code = ")).collect::<Vec<_>>().join("\n");
    }
    kept
}

/// Longer than the silence after which a provider looks by itself at what it watches.
const REST: Duration = Duration::from_secs(4);

impl Cockpit {
    /// Opens a cockpit on a scenario whose clock stands still, when there is room for it.
    pub(crate) async fn open(scenario: Scenario, manner: Manner) -> Self {
        let room = Arc::new(ROOM.acquire().await.unwrap());
        let options = Options { clock: sandbox::Clock::Manual, ..Options::default() };
        let sandbox = Arc::new(Sandbox::start(scenario, options).unwrap());
        Self::seated(sandbox, Arc::new(tempfile::tempdir().unwrap()), room, "ann@test", manner)
    }

    /// Another cockpit at the same world, with the same journal; somebody else sits at it.
    pub(crate) fn beside(&self, actor: &str, manner: Manner) -> Self {
        let (sandbox, state, room) =
            (Arc::clone(&self.sandbox), Arc::clone(&self.state), Arc::clone(&self.room));
        Self::seated(sandbox, state, room, actor, manner)
    }

    fn seated(
        sandbox: Arc<Sandbox>,
        state: Arc<tempfile::TempDir>,
        room: Arc<SemaphorePermit<'static>>,
        actor: &str,
        manner: Manner,
    ) -> Self {
        let text = config_text(&sandbox, manner);
        let around = config::Surroundings::default();
        let config = config::load(&text, "config.toml", &around, KINDS).unwrap_or_else(|e| panic!("{e}"));
        let journal = state.path().join("state/journal.jsonl");
        let recorder = Recorder::Journal(Arc::new(Journal::open(&journal, actor).unwrap()));
        let setup = Setup {
            sources: config.sources.iter().map(|s| s.spec.name.clone()).collect(),
            services: config.services,
            access: manner.model,
            ..Setup::default()
        };
        let instants = Arc::new(Instants::default());
        let mut sources = Vec::new();
        let mut providers: BTreeMap<SourceName, Arc<dyn Provider>> = BTreeMap::new();
        for source in config.sources {
            let name = source.spec.name.clone();
            let every = source.every.unwrap_or(source.kind.cadence.idle);
            let inner = (source.kind.build)(source.spec).unwrap();
            let provider: Arc<dyn Provider> = Arc::new(Watched { inner, instants: Arc::clone(&instants) });
            providers.insert(name.clone(), Arc::clone(&provider));
            sources.push(Source { name, provider, cadence: Cadence { active: every, idle: every } });
        }
        let clock = Clock::start();
        let model = Model::new(setup, actor.into(), clock.now(), (160, 50));
        let engine = Engine::start(sources, recorder, manner.process, clock);
        let (flow, glances, leaps) = (Flow::Still, 0, Vec::new());
        Self { sandbox, model, engine, instants, providers, journal, flow, glances, leaps, state, room }
    }

    /// Providers of another cockpit at the same world: connections and memories of their own, and nobody who polls.
    pub(crate) fn fresh_providers(&self) -> BTreeMap<SourceName, Arc<dyn Provider>> {
        let text = config_text(&self.sandbox, Manner::default());
        let around = config::Surroundings::default();
        let config = config::load(&text, "config.toml", &around, KINDS).unwrap_or_else(|e| panic!("{e}"));
        let built =
            |source: config::Source| (source.spec.name.clone(), (source.kind.build)(source.spec).unwrap());
        config.sources.into_iter().map(built).collect()
    }

    /// A moment of the engine on the model's clock.
    fn leapt(&self, now: Now) -> Now {
        let by = self.leaps.iter().filter(|(at, _)| *at <= now.mono).map(|(_, by)| *by).sum();
        now.plus(by)
    }

    /// Lets the model's clock leap.
    pub(crate) fn leap(&mut self, by: Duration) {
        self.leaps.push((self.engine.clock.now().mono, by));
    }

    fn translate(&self, msg: Msg) -> Msg {
        match msg {
            Msg::Report(mut report) => {
                (report.began, report.at) = (self.leapt(report.began), self.leapt(report.at));
                Msg::Report(report)
            }
            Msg::Progress(Progress::Prepared { ticket, began, result }) => {
                Msg::Progress(Progress::Prepared { ticket, began: self.leapt(began), result })
            }
            Msg::Progress(Progress::Sent(id, at)) => Msg::Progress(Progress::Sent(id, self.leapt(at))),
            Msg::Progress(Progress::Received(id, receipt, at)) => {
                Msg::Progress(Progress::Received(id, receipt, self.leapt(at)))
            }
            other => other,
        }
    }

    /// Takes one message in, as the loop does: time first.
    fn take(&mut self, msg: Msg) {
        let now = self.leapt(self.engine.clock.now());
        let mut effects = update(&mut self.model, Msg::Tick(now));
        let msg = self.translate(msg);
        effects.extend(update(&mut self.model, msg));
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.engine.carry_out(effect);
        }
    }

    /// Takes in what has come, without waiting.
    pub(crate) fn drain(&mut self) {
        while let Ok(msg) = self.engine.inbox.try_recv() {
            self.take(msg);
        }
    }

    /// Presses one key.
    pub(crate) fn press(&mut self, key: Key) {
        self.take(Msg::Key(Stroke { key, pace: Pace::Single }));
    }

    pub(crate) fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.press(Key::Char(c));
        }
    }

    /// Waits until the model is so.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Model) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(&self.model) {
            assert!(Instant::now() < end, "not in time: {what}\n{}", self.told());
            self.glance().await;
        }
    }

    /// Takes the next message in, or lets a little time pass.
    pub(crate) async fn glance(&mut self) {
        match tokio::time::timeout(GLANCE, self.engine.inbox.recv()).await {
            Ok(Some(msg)) => self.take(msg),
            Ok(None) => panic!("the engine has ended"),
            Err(_) => {
                self.glances += 1;
                let slower = self.glances > HURRY && !self.glances.is_multiple_of(4);
                if self.flow == Flow::Passing && !slower {
                    self.sandbox.world().advance(Duration::from_secs(1));
                }
                let now = self.leapt(self.engine.clock.now());
                let effects = update(&mut self.model, Msg::Tick(now));
                self.carry_out(effects);
            }
        }
    }

    /// What a test that fails should say.
    pub(crate) fn told(&self) -> String {
        let mut text = String::new();
        if let Some(fault) = &self.model.journal_fault {
            text.push_str(&format!("journal: {fault}\n"));
        }
        if let Some(toast) = &self.model.toast {
            text.push_str(&format!("toast: {}\n", toast.text));
        }
        if let Some(dialog) = self.dialog() {
            match &dialog.draft {
                Draft::Ready(plan) => {
                    text.push_str(&format!("dialog: {}, {:?}\n", plan.title, dialog.notice))
                }
                draft => text.push_str(&format!("dialog: {draft:?}\n")),
            }
        }
        for action in &self.model.actions {
            text.push_str(&format!("{}: {:?}\n", action.plan.title, action.stage));
            for (at, line) in &action.trail {
                text.push_str(&format!("  {:>8.3} {line}\n", at.mono.as_secs_f64()));
            }
        }
        for (name, state) in self.model.world.sources() {
            text.push_str(&format!(
                "{name}: seen {:?}, fault {:?}\n",
                state.seen.map(|s| s.mono),
                state.fault
            ));
        }
        text
    }

    /// Waits until every source has answered.
    pub(crate) async fn ready(&mut self) {
        self.until("every source has answered", |m| m.world.sources().all(|(_, s)| s.seen.is_some())).await;
    }

    /// Selects a service and an environment by keys.
    pub(crate) fn select(&mut self, service: &str, environment: &str) {
        self.press(Key::Char('g'));
        for _ in 0..self.model.shown.len() {
            if self.model.selected.as_ref().is_some_and(|s| s.as_str() == service) {
                break;
            }
            self.press(Key::Char('j'));
        }
        assert_eq!(self.model.selected.as_ref().map(|s| s.as_str()), Some(service));
        for key in ['l', 'h'] {
            if self.model.selected_environment().is_some_and(|e| e.name.as_str() != environment) {
                self.press(Key::Char(key));
            }
        }
    }

    pub(crate) fn dialog(&self) -> Option<&Dialog> {
        match self.model.overlays.last() {
            Some(Overlay::Dialog(dialog)) => Some(dialog),
            _ => None,
        }
    }

    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.dialog()?.plan()
    }

    /// Presses an action's key until its dialog opens, and waits for the plan.
    pub(crate) async fn ask(&mut self, key: char) -> Plan {
        let end = Instant::now() + PATIENCE;
        while self.dialog().is_none() {
            assert!(Instant::now() < end, "{key} opens no dialog\n{}", self.told());
            self.press(Key::Char(key));
            self.glance().await;
        }
        self.until(
            "the plan is drafted",
            |m| !matches!(m.overlays.last(), Some(Overlay::Dialog(d)) if matches!(d.draft, Draft::Asking(_))),
        )
        .await;
        match self.plan() {
            Some(plan) => plan.clone(),
            None => panic!("no plan\n{}", self.told()),
        }
    }

    /// Confirms the dialog on top as a person would, some time after it opened.
    pub(crate) fn confirm(&mut self) {
        self.leap(Duration::from_millis(500));
        let plan = self.plan().cloned().unwrap_or_else(|| panic!("nothing to confirm\n{}", self.told()));
        let field = if plan.phrase.is_some() { Field::Name } else { Field::Confirm };
        for _ in 0..6 {
            if self.dialog().is_some_and(|d| d.field == field) {
                break;
            }
            self.press(Key::BackTab);
        }
        assert_eq!(self.dialog().map(|d| d.field), Some(field), "{}", self.told());
        if let Some(phrase) = &plan.phrase {
            let phrase = phrase.to_string();
            self.type_text(&phrase);
        }
        self.press(Key::Enter);
        if plan.breaks_glass() {
            // On the button, twice.
            self.press(Key::Enter);
            self.leap(Duration::from_millis(500));
            self.press(Key::Enter);
        }
        assert!(self.dialog().is_none(), "it was not confirmed\n{}", self.told());
    }

    pub(crate) fn action(&self) -> &Action {
        self.model.actions.last().expect("an action was confirmed")
    }

    /// Follows the newest action to its end, leaping over the times that it has to wait.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        let end = Instant::now() + PATIENCE;
        let mut leapt_at = None;
        let mut since: Option<(Now, Instant)> = None;
        loop {
            let action = self.action();
            if let ActionStage::Ended(outcome) = &action.stage {
                let outcome = outcome.clone();
                self.engine.settle(Duration::from_secs(5)).await;
                return outcome;
            }
            assert!(Instant::now() < end, "the action does not end\n{}", self.told());
            let settling = match &action.stage {
                ActionStage::Settling(since) => Some(*since),
                _ => action.against,
            };
            if settling != since.map(|(at, _)| at) {
                since = settling.map(|at| (at, Instant::now()));
            }
            // Real looks get a moment to renew themselves before time leaps over the others: a watch may lag behind.
            let rested = since.is_some_and(|(_, seen)| seen.elapsed() >= REST);
            if settling.is_some() && settling != leapt_at && rested {
                leapt_at = settling;
                self.leap(Duration::from_secs(16));
                let source = self.action().plan.intent.source.clone();
                self.carry_out(vec![Effect::Look(source)]);
            }
            self.glance().await;
        }
    }

    /// The ledger's entries of one step: what the server got of it.
    pub(crate) fn entries(&self, step: &Step) -> Vec<Entry> {
        let body = step.body.clone().unwrap_or_default();
        let ledger = self.sandbox.faults().ledger();
        let fits = |e: &Entry| {
            e.method == step.method
                && e.body == body
                && e.path.split('?').next() == step.path.split('?').next()
        };
        ledger.into_iter().filter(fits).collect()
    }

    /// The kinds of the journal's lines so far, in order.
    pub(crate) fn recorded(&self) -> Vec<String> {
        kinds_in(&self.journal)
    }
}

/// The kinds of the lines of a journal.
pub(crate) fn kinds_in(journal: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    text.lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["kind"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// The server that a source of the embedded world is.
pub(crate) fn server_of(source: &SourceName) -> Server {
    match source.as_str() {
        "github" => Server::Github,
        "prod" => Server::Kubernetes,
        "swarm" => Server::Docker,
        other => panic!("{other} takes no writes"),
    }
}
