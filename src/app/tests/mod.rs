//! The program as a function, spoken to in keys and reports.

mod form;
mod freeze;
mod glass;
mod incidents;
mod judge;
mod lists;
mod log;
mod names;
mod people;
mod resume;
mod saga;
mod steps;
mod views;
mod waiting;
mod wall;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::dialog::{DEAF, Draft, Field};
use super::key::{Key, Pace, Stroke};
use super::model::{ActionStage, Model, Overlay, Panel, Setup};
use super::*;
use crate::domain::intent::{Guard, Permission};
use crate::domain::pipeline::{MayDecide, Review, WaitsFor};
use crate::domain::rollout::{Running, Standing};
use crate::domain::service::{Access, Confirm, ReasonRule};
use crate::domain::*;

const CI: &str = "github";
const PROD: &str = "prod";

fn service(name: &str) -> Service {
    let environment = Environment {
        name: EnvironmentName::new("production"),
        deploy: Some(SourceName::new(PROD)),
        live: Some(SourceName::new(CI)),
        dispatch: None,
        owner: None,
        manifests: None,
        image: None,
        signals: Vec::new(),
        alerts: None,
        policy: Policy { max_age: Duration::from_secs(15), ..Policy::default() },
    };
    Service {
        name: ServiceName::new(name),
        code: None,
        pipeline: Some(SourceName::new(CI)),
        environments: vec![environment],
        stages: Vec::new(),
    }
}

fn model_of(services: Vec<Service>, access: Access) -> Model {
    let sources = vec![SourceName::new(CI), SourceName::new(PROD)];
    let setup = Setup { services, sources, access, ..Setup::default() };
    let mut model = Model::new(setup, "test".into(), Now::START, (160, 50));
    model.now = model.now.plus(keys::UNREADY);
    model
}

fn run_key() -> RunKey {
    RunKey { source: SourceName::new(CI), service: ServiceName::new("web"), id: "7".into() }
}

fn gate_key() -> GateKey {
    GateKey { run: run_key(), attempt: 1, id: "production".into() }
}

fn gate() -> Gate {
    Gate {
        key: gate_key(),
        environment: Some(EnvironmentName::new("production")),
        title: "production".into(),
        revision: Sha::new("4f2c8b6d4f2c8b6d4f2c8b6d4f2c8b6d4f2c8b6d"),
        branch: None,
        run_number: 66,
        run_title: "Release".into(),
        since: None,
        asked_by: None,
        reviewers: Vec::new(),
        may_decide: MayDecide::Yes,
        timer: None,
        waits_for: WaitsFor::Human,
        url: None,
        asks: Vec::new(),
        no_reject: None,
        plan: None,
        expires: None,
        quorum: None,
    }
}

fn run(state: RunState, reviews: Vec<Review>) -> Run {
    Run {
        key: run_key(),
        number: 66,
        attempt: 1,
        workflow: "release.yml".into(),
        title: "Release".into(),
        revision: gate().revision,
        branch: None,
        event: "push".into(),
        actor: None,
        state,
        started: None,
        updated: None,
        url: None,
        jobs: Vec::new(),
        reviews,
        tests: None,
    }
}

fn artifact(tag: &str) -> Artifact {
    Artifact::from_reference(&format!("r/web:{tag}@sha256:{tag}"))
}

fn rollout(target: &str) -> Rollout {
    let revision = |tag: &str, standing| Revision {
        id: format!("web-{tag}").into(),
        number: None,
        artifact: artifact(tag),
        created: None,
        note: None,
        standing,
    };
    let other = if target == "v2" { "v1" } else { "v2" };
    Rollout {
        workload: "deployment/web".into(),
        host: "test".into(),
        phase: Phase::Done,
        replicas: Replicas { desired: 3, updated: 3, available: 3, total: 3, restarts: 0 },
        target: artifact(target),
        running: vec![Running { artifact: artifact(target), ready: 3 }],
        revisions: vec![revision(target, Standing::Current), revision(other, Standing::Past)],
        began: None,
        took: None,
        steps: None,
        patience: None,
        restart: None,
        signs: Vec::new(),
        owner: None,
        remarks: Vec::new(),
    }
}

/// A cockpit under test, with its own clock.
struct Cockpit {
    model: Model,
    effects: Vec<Effect>,
}

impl Cockpit {
    fn new(access: Access) -> Self {
        Self::with(vec![service("web")], access)
    }

    fn with(services: Vec<Service>, access: Access) -> Self {
        Self { model: model_of(services, access), effects: Vec::new() }
    }

    fn send(&mut self, msg: Msg) {
        let effects = update(&mut self.model, msg);
        self.effects.extend(effects);
    }

    fn wait(&mut self, by: Duration) {
        let now = self.model.now.plus(by);
        self.send(Msg::Tick(now));
    }

    fn press(&mut self, keys: &[Key]) {
        for key in keys {
            self.wait(Duration::from_millis(100));
            self.send(Msg::Key(Stroke { key: *key, pace: Pace::Single }));
        }
    }

    fn see(&mut self, source: &str, result: Result<Observation, Fault>) {
        self.wait(Duration::from_millis(10));
        let report = Report {
            source: SourceName::new(source),
            epoch: 1,
            began: self.model.now,
            at: self.model.now,
            next: Duration::from_secs(5),
            result: result.map(Arc::new),
        };
        self.send(Msg::Report(report));
    }

    fn see_ci(&mut self, gates: Vec<Gate>, run: Run) {
        let pipeline = Pipeline { runs: vec![run], remarks: Vec::new() };
        let pipelines = BTreeMap::from([(ServiceName::new("web"), pipeline)]);
        self.see(CI, Ok(Observation { pipelines, gates, ..Observation::default() }));
    }

    fn see_prod(&mut self, rollout: Rollout) {
        let rollouts = BTreeMap::from([(Place::new("web", "production"), rollout.into())]);
        self.see(PROD, Ok(Observation { rollouts, ..Observation::default() }));
    }

    fn asked(&self) -> Option<(u64, Intent)> {
        self.effects.iter().rev().find_map(|e| match e {
            Effect::Prepare { ticket, intent } => Some((*ticket, (**intent).clone())),
            _ => None,
        })
    }

    /// Answers the last preparation with this promise.
    fn prepare(&mut self, promise: Promise) {
        self.prepare_with(promise, Vec::new());
    }

    /// The same, with values that the gate asks for.
    fn prepare_with(&mut self, promise: Promise, form: Vec<FormField>) {
        let (ticket, intent) = self.asked().expect("a preparation was asked for");
        let prepared = Prepared { form, ..prepared(&intent, promise) };
        let result = Ok(Box::new(prepared));
        let began = self.model.now;
        self.send(Msg::Progress(Progress::Prepared { ticket, began, result }));
    }

    fn executed(&self) -> Vec<&ActionId> {
        self.effects
            .iter()
            .filter_map(|e| match e {
                Effect::Execute { id, .. } => Some(id),
                _ => None,
            })
            .collect()
    }

    fn stage(&self) -> ActionStage {
        self.model.actions.last().expect("an action").stage.clone()
    }

    /// Why something was not done: from the dialog, else from the message over the footer.
    fn refusal(&self) -> String {
        match self.model.overlays.last() {
            Some(Overlay::Dialog(dialog)) => match &dialog.draft {
                Draft::Refused(refused) => refused.to_string(),
                _ => String::new(),
            },
            _ => self.model.toast.as_ref().map(|t| t.text.to_string()).unwrap_or_default(),
        }
    }

    /// A world with a waiting gate and v1 in production.
    fn at_the_gate(access: Access) -> Self {
        let mut cockpit = Self::new(access);
        cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
        cockpit.see_prod(rollout("v1"));
        cockpit
    }

    /// The same, with the approval confirmed and accepted.
    fn approved() -> (Self, ActionId) {
        let mut cockpit = Self::at_the_gate(Access::ReadWrite);
        cockpit.press(&[Key::Char('a')]);
        cockpit.prepare(decided());
        cockpit.wait(DEAF);
        cockpit.press(&[Key::Right, Key::Enter]);
        let id = cockpit.executed()[0].clone();
        cockpit.send(Msg::Progress(Progress::Recorded(id.clone())));
        cockpit.send(Msg::Progress(Progress::Sent(id.clone(), cockpit.model.now)));
        (cockpit, id)
    }

    fn accepted() -> (Self, ActionId) {
        let (mut cockpit, id) = Self::approved();
        let receipt = Receipt { status: 200, says: "ok".into() };
        let at = cockpit.model.now;
        cockpit.send(Msg::Progress(Progress::Received(id.clone(), receipt, at)));
        (cockpit, id)
    }

    fn rolled_back() -> (Self, ActionId) {
        let mut cockpit = Self::new(Access::ReadWrite);
        cockpit.see_ci(Vec::new(), run(RunState::Passed, Vec::new()));
        cockpit.see_prod(rollout("v2"));
        cockpit.press(&[Key::Char('r')]);
        cockpit.prepare(Promise::Runs { artifact: artifact("v1") });
        cockpit.wait(DEAF);
        cockpit.press(&[Key::Right, Key::Enter]);
        let id = cockpit.executed()[0].clone();
        cockpit.send(Msg::Progress(Progress::Sent(id.clone(), cockpit.model.now)));
        let receipt = Receipt { status: 200, says: "ok".into() };
        let at = cockpit.model.now;
        cockpit.send(Msg::Progress(Progress::Received(id.clone(), receipt, at)));
        (cockpit, id)
    }
}

/// An action that was sent and is not proved yet.
pub(crate) fn flying() -> crate::app::model::Action {
    Cockpit::approved().0.model.actions.remove(0)
}

fn decided() -> Promise {
    Promise::GateDecided {
        gate: gate_key(),
        decision: Decision::Approved,
        environment: "production".into(),
        reviews_before: 0,
    }
}

fn review(decision: Decision) -> Review {
    Review { decision, by: "ann".into(), environments: vec!["production".into()], comment: "".into() }
}

fn prepared(intent: &Intent, promise: Promise) -> Prepared {
    let step = Step {
        source: intent.source.clone(),
        method: "POST".into(),
        path: "/x".into(),
        content_type: None,
        body: None,
        effect: "does it".into(),
    };
    Prepared {
        basis: vec![Basis::new("state", "as it is")],
        steps: vec![step],
        from: Some(artifact("v2")),
        to: None,
        differences: Vec::new(),
        hazards: Vec::new(),
        permission: Permission::Granted,
        guard: Guard::Server("checked".into()),
        promise,
        deadline: Duration::from_secs(60),
        way_back: None,
        identity: Some("ann".into()),
        people: None,
        form: Vec::new(),
    }
}

#[test]
fn approving_takes_a_plan_and_a_confirmation() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    let (_, intent) = cockpit.asked().unwrap();
    assert_eq!((intent.verb, intent.target), (Verb::Approve, Target::Gate(gate_key())));
    cockpit.prepare(decided());
    assert_eq!(deed::dialog_mut(&mut cockpit.model).unwrap().field, Field::Cancel);
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Enter]);
    assert!(cockpit.executed().is_empty(), "enter on Cancel cancels");
    assert!(cockpit.model.overlays.is_empty());
}

#[test]
fn nothing_confirms_by_accident() {
    let burst = |key| Msg::Key(Stroke { key, pace: Pace::Burst });
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    // Too soon after the dialog opened.
    cockpit.press(&[Key::Right, Key::Enter]);
    assert!(cockpit.executed().is_empty(), "deaf time");
    cockpit.wait(DEAF);
    for _ in 0..50 {
        cockpit.send(burst(Key::Enter));
    }
    cockpit.send(Msg::Paste("y\n\n\n".into()));
    assert!(cockpit.executed().is_empty(), "a flood or a paste");
    cockpit.press(&[Key::Enter]);
    assert!(cockpit.executed().is_empty(), "the last piece of a flood comes late");
    cockpit.wait(DEAF);
    cockpit.press(&[Key::Enter]);
    assert_eq!(cockpit.executed().len(), 1, "a person");
    cockpit.press(&[Key::Enter, Key::Enter, Key::Char('a')]);
    assert_eq!(cockpit.executed().len(), 1, "and only once");
}

#[test]
fn a_name_must_be_typed_where_the_policy_says_so() {
    let mut strict = service("web");
    strict.environments[0].policy.confirm = Confirm::TypeName;
    let mut cockpit = Cockpit::with(vec![strict], Access::ReadWrite);
    cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    cockpit.see_prod(rollout("v1"));
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    cockpit.wait(DEAF);
    let fields = deed::dialog_mut(&mut cockpit.model).unwrap().fields();
    assert!(fields.contains(&Field::Name));
    deed::dialog_mut(&mut cockpit.model).unwrap().field = Field::Confirm;
    cockpit.press(&[Key::Enter]);
    assert!(cockpit.executed().is_empty());
    deed::dialog_mut(&mut cockpit.model).unwrap().field = Field::Name;
    cockpit.send(Msg::Paste("web".into()));
    assert_eq!(
        deed::dialog_mut(&mut cockpit.model).unwrap().name.0.value(),
        "",
        "a name is typed, not pasted"
    );
    cockpit.press(&[Key::Char('w'), Key::Char('e'), Key::Char('b'), Key::Enter]);
    assert_eq!(cockpit.executed().len(), 1);
}

#[test]
fn a_reason_becomes_part_of_the_plan() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    cockpit.press(&[Key::Tab, Key::Char('o'), Key::Char('k'), Key::Tab]);
    let (_, intent) = cockpit.asked().unwrap();
    assert_eq!(intent.reason.as_ref().map(SafeText::as_str), Some("ok"), "asked anew with the reason");
    let dialog = deed::dialog_mut(&mut cockpit.model).unwrap();
    assert!(matches!(dialog.draft, Draft::Asking(_)));
}

#[test]
fn an_approval_is_verified_only_by_a_later_look_that_holds() {
    let (mut cockpit, _) = Cockpit::accepted();
    assert!(matches!(cockpit.stage(), ActionStage::Proving(_)), "accepted is not happened");
    cockpit.see_ci(Vec::new(), run(RunState::Running, vec![review(Decision::Approved)]));
    assert!(matches!(cockpit.stage(), ActionStage::Settling(_)));
    cockpit.wait(Duration::from_secs(10));
    assert!(matches!(cockpit.stage(), ActionStage::Settling(_)), "time alone proves nothing");
    cockpit.see_ci(Vec::new(), run(RunState::Running, vec![review(Decision::Approved)]));
    assert!(matches!(cockpit.stage(), ActionStage::Ended(Outcome::Verified(_))), "{:?}", cockpit.stage());
    assert!(
        cockpit.effects.iter().any(|e| matches!(e, Effect::Conclude { outcome: Outcome::Verified(_), .. }))
    );
}

#[test]
fn an_answer_that_does_nothing_is_not_success() {
    let (mut cockpit, _) = Cockpit::accepted();
    for _ in 0..14 {
        cockpit.wait(Duration::from_secs(5));
        cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    }
    assert!(matches!(cockpit.stage(), ActionStage::Ended(Outcome::Failed(_))), "{:?}", cockpit.stage());
}

#[test]
fn someone_elses_rejection_is_not_our_approval() {
    let (mut cockpit, _) = Cockpit::accepted();
    for _ in 0..3 {
        cockpit.wait(Duration::from_secs(2));
        cockpit.see_ci(Vec::new(), run(RunState::Failed("failure".into()), vec![review(Decision::Rejected)]));
    }
    assert!(matches!(cockpit.stage(), ActionStage::Ended(Outcome::Failed(_))), "{:?}", cockpit.stage());
}

#[test]
fn a_lost_answer_is_settled_by_looking() {
    let lost = || Fault::new(Cause::TimedOut, "no answer").perhaps_applied();
    // It had happened.
    let (mut cockpit, id) = Cockpit::approved();
    cockpit.send(Msg::Progress(Progress::NoAnswer(id, lost())));
    for _ in 0..3 {
        cockpit.wait(Duration::from_secs(2));
        cockpit.see_ci(Vec::new(), run(RunState::Running, vec![review(Decision::Approved)]));
    }
    assert!(matches!(cockpit.stage(), ActionStage::Ended(Outcome::Verified(_))), "{:?}", cockpit.stage());
    // It had not.
    let (mut cockpit, id) = Cockpit::approved();
    cockpit.send(Msg::Progress(Progress::NoAnswer(id, lost())));
    for _ in 0..10 {
        cockpit.wait(Duration::from_secs(2));
        cockpit.see_ci(vec![gate()], run(RunState::WaitingForHuman, Vec::new()));
    }
    assert!(matches!(cockpit.stage(), ActionStage::Ended(Outcome::NotApplied(_))), "{:?}", cockpit.stage());
    assert_eq!(cockpit.executed().len(), 1, "never sent again");
}

#[test]
fn without_any_look_the_outcome_is_in_doubt() {
    let (mut cockpit, id) = Cockpit::approved();
    cockpit.send(Msg::Progress(Progress::NoAnswer(id, Fault::new(Cause::TimedOut, "x").perhaps_applied())));
    for _ in 0..30 {
        cockpit.wait(Duration::from_secs(3));
        cockpit.see(CI, Err(Fault::new(Cause::Unreachable, "refused")));
    }
    assert!(matches!(cockpit.stage(), ActionStage::Ended(Outcome::InDoubt(_))), "{:?}", cockpit.stage());
}

#[test]
fn a_roll_back_that_is_reverted_is_not_verified() {
    let (mut cockpit, _) = Cockpit::rolled_back();
    cockpit.see_prod(rollout("v1"));
    assert!(matches!(cockpit.stage(), ActionStage::Settling(_)));
    for _ in 0..3 {
        cockpit.wait(Duration::from_secs(3));
        cockpit.see_prod(rollout("v2"));
    }
    assert!(!matches!(cockpit.stage(), ActionStage::Ended(Outcome::Verified(_))), "{:?}", cockpit.stage());
}

#[test]
fn old_replicas_that_stay_keep_it_unproved() {
    let (mut cockpit, _) = Cockpit::rolled_back();
    let mut stuck = rollout("v1");
    stuck.running =
        vec![Running { artifact: artifact("v1"), ready: 2 }, Running { artifact: artifact("v2"), ready: 1 }];
    for _ in 0..5 {
        cockpit.wait(Duration::from_secs(3));
        cockpit.see_prod(stuck.clone());
    }
    assert!(matches!(cockpit.stage(), ActionStage::Proving(_)), "{:?}", cockpit.stage());
}

#[test]
fn a_moved_world_ends_the_action_with_the_difference() {
    let (mut cockpit, id) = Cockpit::approved();
    let difference = Difference { what: "sha".into(), old: "aaa".into(), new: "bbb".into() };
    cockpit.send(Msg::Progress(Progress::Moved(id, vec![difference])));
    let ActionStage::Ended(Outcome::NotApplied(text)) = cockpit.stage() else {
        panic!("{:?}", cockpit.stage())
    };
    assert!(text.as_str().contains("sha was aaa, is bbb"), "{text}");
}

#[test]
fn a_stale_world_refuses_at_the_limit_and_not_before() {
    for (age, refused) in [(14_000, false), (15_600, true)] {
        let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
        cockpit.wait(Duration::from_millis(age - 110));
        cockpit.press(&[Key::Char('a')]);
        assert_eq!(cockpit.asked().is_none(), refused, "{age}: {}", cockpit.refusal());
        assert_eq!(cockpit.refusal().contains("stale"), refused);
    }
}

#[test]
fn a_failing_source_refuses_and_says_why() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.see(CI, Err(Fault::new(Cause::Tls, "certificate expired")));
    cockpit.press(&[Key::Char('a')]);
    assert!(cockpit.asked().is_none());
    assert!(cockpit.refusal().contains("certificate expired"), "{}", cockpit.refusal());
}

#[test]
fn read_only_refuses_every_verb() {
    for key in ['a', 'x', 'p', 'r', 'P', 'R', 'F', 'C'] {
        let mut cockpit = Cockpit::at_the_gate(Access::ReadOnly);
        cockpit.press(&[Key::Char(key)]);
        assert!(cockpit.asked().is_none(), "{key}");
        assert!(!cockpit.refusal().is_empty(), "{key} says nothing");
    }
}

#[test]
fn a_journal_that_cannot_be_written_turns_actions_off() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.send(Msg::Progress(Progress::JournalFailed("disk full".into())));
    cockpit.press(&[Key::Char('a')]);
    assert!(cockpit.asked().is_none());
    assert!(cockpit.refusal().contains("disk full"), "{}", cockpit.refusal());
}

#[test]
fn a_plan_that_grows_stale_is_made_anew() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    let first = cockpit.asked().unwrap().0;
    cockpit.wait(Duration::from_secs(16));
    assert!(cockpit.asked().unwrap().0 > first);
    // A late answer to the old question changes nothing.
    let late =
        Progress::Prepared { ticket: first, began: Now::START, result: Err(Fault::new(Cause::Moved, "x")) };
    cockpit.send(Msg::Progress(late));
    assert!(matches!(deed::dialog_mut(&mut cockpit.model).unwrap().draft, Draft::Asking(_)));
}

#[test]
fn a_gate_that_vanishes_under_the_dialog_is_asked_about() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('a')]);
    cockpit.prepare(decided());
    let first = cockpit.asked().unwrap().0;
    cockpit.see_ci(Vec::new(), run(RunState::Running, vec![review(Decision::Approved)]));
    assert!(cockpit.asked().unwrap().0 > first);
}

#[test]
fn the_selection_is_a_name_and_not_a_row() {
    let services = ["alpha", "beta", "gamma"].map(service).to_vec();
    let mut cockpit = Cockpit::with(services, Access::ReadWrite);
    cockpit.press(&[Key::Char('j'), Key::Char('j')]);
    assert_eq!(cockpit.model.selected.as_ref().map(ServiceName::as_str), Some("gamma"));
    cockpit.press(&[Key::Char('/'), Key::Char('a'), Key::Char('m'), Key::Enter]);
    assert_eq!(cockpit.model.shown.len(), 1);
    assert_eq!(cockpit.model.selected.as_ref().map(ServiceName::as_str), Some("gamma"));
    cockpit.press(&[Key::Esc]);
    assert_eq!((cockpit.model.shown.len(), cockpit.model.selected_row()), (3, Some(2)));
}

#[test]
fn escape_closes_clears_and_never_quits() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('?'), Key::Esc, Key::Esc, Key::Esc, Key::Esc]);
    assert!(!cockpit.effects.contains(&Effect::Quit));
    cockpit.press(&[Key::Tab, Key::Tab]);
    assert_eq!(cockpit.model.focus, Panel::Pipeline);
    cockpit.press(&[Key::Esc, Key::Char('q')]);
    assert!(cockpit.effects.contains(&Effect::Quit));
}

#[test]
fn leaving_with_an_open_action_asks_once() {
    let (mut cockpit, _) = Cockpit::accepted();
    cockpit.press(&[Key::Esc, Key::Char('q')]);
    assert!(!cockpit.effects.contains(&Effect::Quit));
    cockpit.press(&[Key::Char('q')]);
    assert!(cockpit.effects.contains(&Effect::Quit));
}

#[test]
fn help_is_closed_by_its_own_key_and_other_overlays_do_not_pile_up() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.press(&[Key::Char('?')]);
    assert!(matches!(cockpit.model.overlay(), Some(Overlay::Menu(_))));
    cockpit.press(&[Key::Char('?')]);
    assert_eq!(cockpit.model.overlay(), None);
}

#[test]
fn every_command_has_a_key_of_its_own_and_a_doc() {
    let mut keys: Vec<Key> = COMMANDS.iter().flat_map(|e| e.keys.iter().copied()).collect();
    let all = keys.len();
    keys.sort_by_key(|k| format!("{k:?}"));
    keys.dedup();
    assert_eq!(keys.len(), all, "two commands on one key");
    assert!(COMMANDS.iter().all(|e| !e.keys.is_empty() && !e.doc.is_empty()));
}

#[test]
fn a_held_key_asks_about_the_first_row_and_the_last_one_only() {
    let mut model = model_of((0..9).map(|i| service(&format!("s{i}"))).collect(), Access::ReadWrite);
    let mut asked = Vec::new();
    let mut take = |model: &mut Model, msg| {
        for effect in update(model, msg) {
            let Effect::Ask(ask) = effect else { panic!("{effect:?}") };
            asked.push(ask.focus.unwrap().to_string());
        }
    };
    let mut now = Now::START.plus(Duration::from_secs(1));
    for _ in 0..8 {
        now = now.plus(Duration::from_millis(30));
        take(&mut model, Msg::Tick(now));
        take(&mut model, Msg::Key(Stroke { key: Key::Char('j'), pace: Pace::Burst }));
    }
    assert!(model.unasked(), "the last row is not asked about before the selection rests");
    take(&mut model, Msg::Tick(now.plus(REST)));
    assert!(!model.unasked());
    assert_eq!(asked, ["s0", "s1", "s8"]);
}

#[test]
fn services_are_found_by_name_and_limits_by_age() {
    let mut model = model_of((0..3).map(|i| service(&format!("s{i}"))).collect(), Access::ReadWrite);
    assert_eq!(model.service_index(&ServiceName::new("s2")), Some(2));
    assert_eq!(model.service_index(&ServiceName::new("s3")), None);
    assert_eq!(model.index.limits(), [Duration::from_secs(15), assess::STALE]);
    model.selected = Some(ServiceName::new("gone"));
    assert_eq!(model.selected_index(), None);
}

#[test]
fn the_same_look_after_a_long_silence_makes_a_stale_service_fresh_again() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    let look = |cockpit: &Cockpit, name: &str| {
        let state = cockpit.model.world.source(&SourceName::new(name)).unwrap().clone();
        Observation::clone(&state.last.unwrap())
    };
    let (ci, prod) = (look(&cockpit, CI), look(&cockpit, PROD));
    cockpit.see(CI, Ok(ci.clone()));
    cockpit.see(PROD, Ok(prod.clone()));
    let before = cockpit.model.assessments.clone();
    cockpit.wait(Duration::from_secs(600));
    assert_ne!(cockpit.model.assessments, before, "nothing became stale");
    cockpit.see(CI, Ok(ci));
    cockpit.see(PROD, Ok(prod));
    let verdicts = |all: &[Assessment]| all.iter().map(|a| (a.verdict, a.marks)).collect::<Vec<_>>();
    assert_eq!(verdicts(&cockpit.model.assessments), verdicts(&before));
}

#[test]
fn only_services_that_a_look_says_something_new_about_are_judged_anew() {
    let mut cockpit = Cockpit::with(vec![service("web"), service("shop")], Access::ReadWrite);
    let pipeline = |state: RunState| Pipeline { runs: vec![run(state, Vec::new())], remarks: Vec::new() };
    let look = |web: RunState| Observation {
        pipelines: BTreeMap::from([
            (ServiceName::new("web"), pipeline(web)),
            (ServiceName::new("shop"), pipeline(RunState::Passed)),
        ]),
        ..Observation::default()
    };
    cockpit.see(CI, Ok(look(RunState::Passed)));
    let marker = SafeText::new("not judged anew");
    for assessment in &mut cockpit.model.assessments {
        assessment.waits_on = Some(marker.clone());
    }
    cockpit.see(CI, Ok(look(RunState::Failed("failure".into()))));
    let kept: Vec<bool> =
        cockpit.model.assessments.iter().map(|a| a.waits_on.as_ref() == Some(&marker)).collect();
    assert_eq!(kept, [false, true]);
}

#[test]
fn a_journal_that_can_be_written_again_turns_actions_on() {
    let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
    cockpit.send(Msg::Progress(Progress::JournalFailed("disk full".into())));
    cockpit.press(&[Key::Char('u')]);
    assert!(cockpit.effects.contains(&Effect::TryJournal));
    cockpit.send(Msg::Progress(Progress::JournalWorks));
    assert!(cockpit.model.journal_fault.is_none());
    cockpit.press(&[Key::Char('a')]);
    assert!(cockpit.asked().is_some());
}

#[test]
fn every_refusal_says_why_on_what_evidence_and_what_next() {
    let mut seen = 0;
    let worlds: [fn() -> Cockpit; 5] = [
        || Cockpit::new(Access::ReadWrite),
        || Cockpit::at_the_gate(Access::ReadOnly),
        || {
            let mut cockpit = Cockpit::new(Access::ReadWrite);
            cockpit.see_ci(Vec::new(), run(RunState::Passed, Vec::new()));
            cockpit.see_prod(rollout("v1"));
            cockpit
        },
        || {
            let mut cockpit = Cockpit::at_the_gate(Access::ReadWrite);
            cockpit.see(CI, Err(Fault::new(Cause::Tls, "certificate expired")));
            cockpit.see(PROD, Err(Fault::new(Cause::Unreachable, "refused")));
            cockpit
        },
        || {
            let mut nobody = gate();
            nobody.may_decide = MayDecide::No("you started it".into());
            let mut cockpit = Cockpit::new(Access::ReadWrite);
            cockpit.see_ci(vec![nobody], run(RunState::WaitingForHuman, Vec::new()));
            cockpit.wait(Duration::from_secs(20));
            cockpit
        },
    ];
    for world in worlds {
        let cockpit = world();
        for entry in command::COMMANDS {
            let Some(verb) = deed::verb_of(entry.command) else { continue };
            if let Err(refusal) = command::available(entry.command, &cockpit.model) {
                assert!(refusal.evidence.is_some() && refusal.next.is_some(), "{verb:?}: {refusal:?}");
                seen += 1;
            }
        }
    }
    println!("{seen} refusals, each with cause, evidence and next step");
    assert!(seen >= 25, "{seen}");
}
