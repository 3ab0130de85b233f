//! Everything that the screen shows and the keys act on. Owned data; no handle, channel or lock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use jiff::tz::TimeZone;

use crate::action::Plan;
use crate::domain::service::Access;
use crate::domain::{
    ActionId, Ask, Assessment, ChangeSet, Gate, GateKey, Now, Outcome, Place, Reach, Record, SafeText, Seen,
    Service, ServiceName, SourceName, World,
};

use super::activity::Event;
use super::deed::resume::Unfinished;
use super::dialog::Dialog;
use super::incident::Incident;
use super::index::Index;
use super::joint::{Course, Joint, LeftSaga, Mark, SagaRun};
use super::keymap::Keymap;
use super::leaving::{Leaving, Parting};
use super::log;
use super::menu::Menu;
use super::spot::Mouse;
use super::views::Trail;

/// A panel that can have the keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Panel {
    /// The services.
    #[default]
    Board,
    /// What waits for a human.
    Inbox,
    /// The selected service's runs, stages and jobs.
    Pipeline,
    /// The selected service's environments and rollouts.
    Environments,
    /// Signals and alerts of the selected environment.
    Health,
    /// What happened.
    Activity,
    /// The health of every place.
    Wall,
    /// What the selected environment can go back to.
    Revisions,
    /// How every source is.
    Sources,
    /// The log of one job.
    Log,
    /// What the journal tells.
    Journal,
}

impl Panel {
    /// Those of the cockpit, in the order of `tab`.
    pub const ALL: [Self; 6] =
        [Self::Board, Self::Inbox, Self::Pipeline, Self::Environments, Self::Health, Self::Activity];

    /// Its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Board => "services",
            Self::Inbox => "waiting",
            Self::Pipeline => "pipeline",
            Self::Environments => "environments",
            Self::Health => "health",
            Self::Activity => "activity",
            Self::Wall => "health wall",
            Self::Revisions => "revisions",
            Self::Sources => "sources",
            Self::Log => "log",
            Self::Journal => "journal",
        }
    }
}

/// How much of the screen the focused panel has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zoom {
    /// Its share.
    #[default]
    Shared,
    /// All of it.
    Full,
}

/// What lies over the panels.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// A list to choose from: keys, the palette, what could be previewed, what could be copied.
    Menu(Box<Menu>),
    /// A plan on its way to being confirmed.
    Dialog(Box<Dialog>),
    /// Several plans on their way to being confirmed at once.
    Joint(Box<Joint>),
    /// An action on its way to its outcome.
    Follow(ActionId),
    /// A saga on its way to its outcome, target by target.
    FollowSaga(ActionId),
    /// The change set of the selected service in the selected environment.
    Changes,
    /// Why the verdict is what it is.
    Reasons,
    /// What the tests of the run at hand said.
    Tests,
    /// What earlier sessions left without an outcome.
    Resumed,
}

/// Whether a filter line takes the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typing {
    /// Keys are commands.
    #[default]
    Commands,
    /// Keys edit the filter of this list.
    Filter(Panel),
    /// Keys edit what is searched for in the log.
    Search,
}

/// How far an action has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionStage {
    /// The intent is being written to the journal.
    Recording,
    /// The source is looked at once more, to compare.
    LookingAgain,
    /// The request has left.
    Sent,
    /// The source accepted; the promise is not proved yet. What is missing.
    Proving(SafeText),
    /// The promise holds; since when. It must hold a little longer.
    Settling(Now),
    /// Over.
    Ended(Outcome),
}

/// One action from its confirmation to its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Which.
    pub id: ActionId,
    /// What exactly.
    pub plan: Box<Plan>,
    /// How far.
    pub stage: ActionStage,
    /// What happened so far, in order.
    pub trail: Vec<(Now, SafeText)>,
    /// When it was confirmed.
    pub began: Now,
    /// When the request left; for an action of an earlier session, when this one began to look.
    pub sent: Option<Now>,
    /// How many of the plan's steps the source has accepted.
    pub accepted: usize,
    /// Whether the source answered the request at all.
    pub answered: Answered,
    /// Since when looks say that the promise is broken, or that nothing happened.
    pub against: Option<Now>,
    /// Who confirmed it.
    pub origin: Origin,
}

/// Where an action comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This session confirmed it.
    Here,
    /// An earlier session did, and ended before its outcome was known: by whom and when.
    Earlier {
        /// Who confirmed it.
        by: SafeText,
        /// When.
        at: jiff::Timestamp,
    },
}

/// What is known about a request's arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Not sent, or on its way.
    NotYet,
    /// The source accepted it.
    Accepted,
    /// No answer: it may have happened.
    Perhaps,
}

/// A short message over the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// What.
    pub text: SafeText,
    /// How it is meant.
    pub tone: Tone,
    /// Since when it shows.
    pub since: Now,
}

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// For information; goes away by itself.
    Info,
    /// A refusal or a failure; stays until a key is pressed.
    Problem,
}

/// What is fixed from start to end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    /// The services in configured order.
    pub services: Vec<Service>,
    /// The sources in configured order.
    pub sources: Vec<SourceName>,
    /// Whether the program may write.
    pub access: Access,
    /// A line that stays on top: "DEMO: nothing here is real".
    pub banner: Option<SafeText>,
    /// Which key means what.
    pub keys: Keymap,
    /// How each source is reached by hand, where that is known.
    pub reach: BTreeMap<SourceName, Reach>,
    /// Whose the mouse is at the start.
    pub mouse: Mouse,
    /// The time zone that times are shown in; UTC if there is none.
    pub zone: Option<TimeZone>,
}

/// The whole state of the program.
#[derive(Clone, Debug)]
pub struct Model {
    /// What is fixed.
    pub setup: Setup,
    /// The last tick.
    pub now: Now,
    /// When the program began to show.
    pub began: Now,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// What is known.
    pub world: World,
    /// The judgement on each service, by index into `setup.services`.
    pub assessments: Vec<Assessment>,
    /// Indices of the services that pass the filter, in board order.
    pub shown: Vec<usize>,
    /// The selected service; by name, so that it survives every reordering.
    pub selected: Option<ServiceName>,
    /// The selected environment of each service, where one was chosen.
    pub environments: BTreeMap<ServiceName, usize>,
    /// The selected gate in the inbox.
    pub gate: Option<GateKey>,
    /// The selected rollout in the inbox: one that waits at a step. Never together with a gate.
    pub held: Option<Place>,
    /// Every gate that waits for a human, of shown and hidden services, oldest first.
    pub inbox: Vec<Seen<Gate>>,
    /// Change sets by place: from what runs there to what would come.
    pub changes: BTreeMap<Place, Arc<ChangeSet>>,
    /// What the sources are asked for.
    pub ask: Ask,
    /// Where the operator is.
    pub trail: Trail,
    /// The log that is looked at.
    pub log: log::Desk,
    /// The panel with the keyboard.
    pub focus: Panel,
    /// How much room it has.
    pub zoom: Zoom,
    /// First visible line of panels that scroll by line (pipeline, health, activity, changes).
    pub scroll: BTreeMap<Panel, u16>,
    /// First visible line of the overlay on top (help, changes, reasons, follow).
    pub overlay_scroll: u16,
    /// What lies on top; the last one has the keyboard.
    pub overlays: Vec<Overlay>,
    /// The filter of each list that has one.
    pub filters: BTreeMap<Panel, String>,
    /// Whether keys edit a filter.
    pub typing: Typing,
    /// What was run from the palette in this session, oldest first.
    pub history: Vec<String>,
    /// Whose the mouse is.
    pub mouse: Mouse,
    /// How much is said in the terminal when the program has ended.
    pub parting: Parting,
    /// Actions of this session, oldest first.
    pub actions: Vec<Action>,
    /// Services that were NO-GO in this session, oldest first.
    pub incidents: Vec<Incident>,
    /// What is marked to be acted on at once.
    pub marks: BTreeSet<Mark>,
    /// Sagas of this session and those taken up, oldest first.
    pub sagas: Vec<SagaRun>,
    /// What happened, newest last.
    pub activity: VecDeque<Event>,
    /// A short message, if one shows.
    pub toast: Option<Toast>,
    /// Why actions are off, if the journal cannot be written.
    pub journal_fault: Option<SafeText>,
    /// The newest lines of the journal, oldest first, once they were read.
    pub records: Option<Result<Vec<Record>, SafeText>>,
    /// What earlier sessions left without an outcome; taken up with the first tick.
    pub left: Vec<Unfinished>,
    /// The sagas among it.
    pub left_sagas: Vec<LeftSaga>,
    /// Counts preparations.
    pub tickets: u64,
    /// Counts confirmations: the last part of every action id.
    pub confirmed: u64,
    /// A mark of this start of the program: first part of every action id.
    pub session: SafeText,
    /// Whether `q` was pressed once while something is in flight.
    pub leaving: Leaving,
    /// When the selection last moved.
    pub(super) moved: Now,
    /// Whether the selection is the operator's.
    pub(super) selection: Selection,
    /// Where each service of the setup is.
    pub(super) index: Index,
}

/// Whose choice the selected service is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// Nobody's yet: it may go, once, to what needs a human as soon as that is known.
    #[default]
    Open,
    /// It went by itself at this moment, and no key has been pressed since.
    Gone(Now),
    /// The operator's, or settled: nothing that comes or goes moves it.
    Settled,
}

impl Model {
    /// A model in which nobody has answered yet.
    #[must_use]
    pub fn new(setup: Setup, session: SafeText, now: Now, size: (u16, u16)) -> Self {
        let mut model = Self {
            world: World::of(setup.sources.iter()),
            selected: setup.services.first().map(|s| s.name.clone()),
            assessments: Vec::new(),
            shown: (0..setup.services.len()).collect(),
            index: Index::of(&setup.services),
            mouse: setup.mouse,
            setup,
            moved: now,
            selection: Selection::default(),
            now,
            began: now,
            size,
            environments: BTreeMap::new(),
            gate: None,
            held: None,
            inbox: Vec::new(),
            changes: BTreeMap::new(),
            ask: Ask::default(),
            trail: Trail::default(),
            log: log::Desk::default(),
            focus: Panel::default(),
            zoom: Zoom::default(),
            scroll: BTreeMap::new(),
            overlay_scroll: 0,
            overlays: Vec::new(),
            filters: BTreeMap::new(),
            typing: Typing::default(),
            history: Vec::new(),
            parting: Parting::default(),
            actions: Vec::new(),
            incidents: Vec::new(),
            marks: BTreeSet::new(),
            sagas: Vec::new(),
            activity: VecDeque::new(),
            toast: None,
            journal_fault: None,
            records: None,
            left: Vec::new(),
            left_sagas: Vec::new(),
            tickets: 0,
            confirmed: 0,
            session,
            leaving: Leaving::default(),
        };
        super::board::assess_all(&mut model);
        model
    }

    /// The index of a service in the setup.
    #[must_use]
    pub fn service_index(&self, name: &ServiceName) -> Option<usize> {
        self.index.service(name)
    }

    /// A service of the setup.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.setup.services.get(self.service_index(name)?)
    }

    /// The judgement on a service.
    #[must_use]
    pub fn assessment(&self, name: &ServiceName) -> Option<&Assessment> {
        self.assessments.get(self.service_index(name)?)
    }

    /// The index of the selected service.
    #[must_use]
    pub fn selected_index(&self) -> Option<usize> {
        self.service_index(self.selected.as_ref()?)
    }

    /// The selected service with its judgement.
    #[must_use]
    pub fn selected(&self) -> Option<(&Service, &Assessment)> {
        let index = self.selected_index()?;
        Some((self.setup.services.get(index)?, self.assessments.get(index)?))
    }

    /// The selected environment of the selected service: the chosen one, else the last in the order of promotion.
    #[must_use]
    pub fn selected_environment(&self) -> Option<&crate::domain::Environment> {
        let (service, _) = self.selected()?;
        self.environments
            .get(&service.name)
            .and_then(|i| service.environments.get(*i))
            .or_else(|| service.environments.last())
    }

    /// Selected service and environment as one key.
    #[must_use]
    pub fn selected_place(&self) -> Option<Place> {
        let (service, _) = self.selected()?;
        Some(service.place(self.selected_environment()?))
    }

    /// The gate that `a` would approve: the one selected in the inbox when the inbox has the keyboard, else the
    /// oldest of the selected service. A selected gate that is gone is followed by none: the next key was meant for it.
    #[must_use]
    pub fn gate_at_hand(&self) -> Option<&Seen<Gate>> {
        if self.focus == Panel::Inbox {
            let key = self.gate.as_ref()?;
            return self.inbox.iter().find(|g| &g.value.key == key);
        }
        let selected = self.selected.as_ref()?;
        self.inbox.iter().find(|g| &g.value.key.run.service == selected)
    }

    /// Whether the sources do not know yet what the operator looks at: they are asked once the selection rests.
    #[must_use]
    pub fn unasked(&self) -> bool {
        self.selected != self.ask.focus || log::wanted(self) != self.ask.log
    }

    /// The filter of a list; empty if it has none.
    #[must_use]
    pub fn filter(&self, panel: Panel) -> &str {
        self.filters.get(&panel).map(String::as_str).unwrap_or_default()
    }

    /// The overlay on top.
    #[must_use]
    pub fn overlay(&self) -> Option<&Overlay> {
        self.overlays.last()
    }

    /// An action of this session.
    #[must_use]
    pub fn action(&self, id: &ActionId) -> Option<&Action> {
        self.actions.iter().find(|a| &a.id == id)
    }

    /// A saga of this session, or one taken up.
    #[must_use]
    pub fn saga(&self, id: &ActionId) -> Option<&SagaRun> {
        self.sagas.iter().find(|run| &run.saga.id == id)
    }

    /// Actions that have not ended.
    pub fn in_flight(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|a| !matches!(a.stage, ActionStage::Ended(_)))
    }

    /// How many actions and sagas have not ended. A saga that is only being recorded has no action yet.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        let recording = self.sagas.iter().filter(|run| run.course == Course::Recording).count();
        self.in_flight().count() + recording
    }

    /// Index of the selected service among the shown ones.
    #[must_use]
    pub fn selected_row(&self) -> Option<usize> {
        let index = self.selected_index()?;
        self.shown.iter().position(|i| *i == index)
    }
}
