//! What every panel looks at: the model, the theme, and what is selected, found once per frame. Also how a state of
//! the domain becomes a sign, and how the age of data becomes ink.

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use crate::app::model::{Model, Panel};
use crate::app::spot::Spot;
use crate::domain::time::{short, spoken};
use crate::domain::{
    Assessment, Environment, EnvironmentName, Mark, Phase, RunState, Service, ServiceName, SourceName,
    Verdict,
};
use crate::theme::{Role, Sign, Theme};

use super::panel::{Edge, Keyboard};
use super::sheet::Words;
use super::text;

/// The model and the theme of one frame, with what is selected.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) model: &'a Model,
    pub(super) theme: &'a Theme,
    pub(super) index: Option<usize>,
    pub(super) service: Option<&'a Service>,
    pub(super) assessment: Option<&'a Assessment>,
    pub(super) environment: Option<&'a Environment>,
    /// How panels are set off from each other in this arrangement.
    pub(super) edge: Edge,
    /// Where it is noted what is drawn where, if somebody asks.
    spots: Option<&'a Spots>,
}

/// What is drawn where; of two at one place the later one lies on top.
pub(super) type Spots = RefCell<Vec<(Rect, Spot)>>;

impl<'a> Scene<'a> {
    pub(super) fn new(model: &'a Model, theme: &'a Theme, edge: Edge) -> Self {
        let index = model.selected_index();
        let service = index.and_then(|i| model.setup.services.get(i));
        let environment = service.and_then(|service| {
            let chosen = model.environments.get(&service.name).and_then(|i| service.environments.get(*i));
            chosen.or_else(|| service.environments.last())
        });
        let assessment = index.and_then(|i| model.assessments.get(i));
        Self { model, theme, index, service, assessment, environment, edge, spots: None }
    }

    /// The same scene, noting what is drawn where.
    pub(super) fn noting(self, spots: &'a Spots) -> Self {
        Self { spots: Some(spots), ..self }
    }

    /// Notes what is drawn in a rectangle of the screen.
    pub(super) fn spot(&self, area: Rect, spot: impl FnOnce() -> Spot) {
        if let Some(spots) = self.spots {
            spots.borrow_mut().push((area, spot()));
        }
    }

    pub(super) fn keyboard(&self, panel: Panel) -> Keyboard {
        if self.model.focus == panel && self.model.overlays.is_empty() {
            Keyboard::Here
        } else {
            Keyboard::Elsewhere
        }
    }

    /// A moment in the time zone that times are shown in; `%Z` names it.
    pub(super) fn time(&self, at: Timestamp, shape: &str) -> String {
        let zone = self.model.setup.zone.clone().unwrap_or(TimeZone::UTC);
        at.to_zoned(zone).strftime(shape).to_string()
    }

    pub(super) fn words(&self) -> Words<'a> {
        Words::new(self.theme)
    }

    /// The name of a configured service in at most `room` cells.
    pub(super) fn service_name(&self, name: &ServiceName, room: usize) -> String {
        text::among(name.as_str(), room, self.model.setup.services.iter().map(|s| s.name.as_str()))
    }

    /// The name of a configured environment in at most `room` cells.
    pub(super) fn environment_name(&self, name: &EnvironmentName, room: usize) -> String {
        let all = self.model.setup.services.iter().flat_map(|s| &s.environments);
        text::among(name.as_str(), room, all.map(|e| e.name.as_str()))
    }

    pub(super) fn scroll(&self, panel: Panel) -> u16 {
        self.model.scroll.get(&panel).copied().unwrap_or(0)
    }

    /// How old what `source` says about `service` is, as ink.
    pub(super) fn age(&self, source: &SourceName, service: &ServiceName, limit: Duration) -> Age {
        let world = &self.model.world;
        let age = world.age(source, service, self.model.now);
        if let Some(fault) = world.fault(source, service) {
            return Age::Failing(age, fault.cause.word());
        }
        let Some(age) = age else { return Age::Never };
        let expected =
            world.source(source).and_then(|state| Some(state.next?.since(state.seen?))).unwrap_or(limit);
        if age > limit {
            Age::Stale(age)
        } else if age > expected.saturating_mul(2) {
            Age::Old(age)
        } else {
            Age::Fresh
        }
    }

    /// What to say where there is no data yet: never blank, and never as if all were well.
    pub(super) fn nothing(
        &self,
        source: Option<&SourceName>,
        service: &ServiceName,
        what: &str,
    ) -> Words<'a> {
        let words = self.words().gap(1);
        let Some(source) = source else {
            return words.say(Role::Muted, format!("no source is configured for {what}"));
        };
        if let Some(fault) = self.model.world.fault(source, service) {
            let words = words.sign(Sign::Bad).gap(1).say(Role::Strong, source.as_str()).gap(1);
            let words = words.say(Role::NoGo, fault.to_string());
            return match &fault.hint {
                Some(hint) => words.dot().say(Role::Muted, hint),
                None => words,
            };
        }
        match self.model.world.source(source).and_then(|state| state.last.as_ref()) {
            Some(_) => words.say(Role::Muted, format!("{source} knows no {what} of {service}")),
            None => words.sign(Sign::Asking).gap(1).say(Role::Muted, format!("asking {source}…")),
        }
    }
}

/// The age of data, as ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Nobody answered yet.
    Never,
    /// As new as it can be.
    Fresh,
    /// Older than twice the expected.
    Old(Duration),
    /// Beyond the limit of the rules: nothing is planned on it.
    Stale(Duration),
    /// The source fails; how old the last good look is, and what is wrong.
    Failing(Option<Duration>, &'static str),
}

impl Age {
    /// The role of a value of this age that would be shown in `fresh`.
    pub(super) const fn ink(self, fresh: Role) -> Role {
        match self {
            Self::Fresh => fresh,
            Self::Old(_) | Self::Never => Role::Muted,
            Self::Stale(_) | Self::Failing(..) => Role::Stale,
        }
    }

    /// The label that data of this age bears; nothing when fresh.
    pub(super) fn label<'t>(self, theme: &'t Theme) -> Words<'t> {
        let words = Words::new(theme);
        match self {
            Self::Never | Self::Fresh => words,
            Self::Old(age) => words.say(Role::Muted, format!("{} old", spoken(age))),
            Self::Stale(age) => words.sign(Sign::Late).gap(1).say(Role::Hold, format!("{} old", spoken(age))),
            Self::Failing(age, why) => {
                let words = words.sign(Sign::Bad).gap(1).say(Role::NoGo, why);
                match age {
                    Some(age) => words.dot().say(Role::Hold, format!("{} old", spoken(age))),
                    None => words,
                }
            }
        }
    }
}

/// The sign of a verdict.
pub(super) const fn verdict_sign(verdict: Verdict) -> Sign {
    match verdict {
        Verdict::Go => Sign::Good,
        Verdict::Hold => Sign::Hold,
        Verdict::Unknown => Sign::Unknown,
        Verdict::NoGo => Sign::Bad,
    }
}

/// A verdict as a word that cannot be overlooked when it is bad.
pub(super) fn verdict_words(theme: &Theme, verdict: Verdict) -> Words<'_> {
    let sign = verdict_sign(verdict);
    let style = theme.style(sign.role());
    let style = match verdict {
        Verdict::NoGo => style.add_modifier(ratatui::style::Modifier::REVERSED),
        Verdict::Go | Verdict::Hold | Verdict::Unknown => style.add_modifier(ratatui::style::Modifier::BOLD),
    };
    Words::new(theme).styled(style, format!(" {} ", verdict.word()))
}

/// The sign of a stage on the board.
pub(super) const fn mark_sign(mark: Mark) -> Sign {
    match mark {
        Mark::NotWatched => Sign::NotWatched,
        Mark::Ahead => Sign::Ahead,
        Mark::Running(_) => Sign::Running,
        Mark::Waiting => Sign::Waiting,
        Mark::Judged(verdict) => verdict_sign(verdict),
    }
}

/// The sign and the word of a run, job or step.
pub(super) fn run_sign(state: &RunState) -> (Sign, &str) {
    match state {
        RunState::Queued => (Sign::Ahead, "queued"),
        RunState::Blocked => (Sign::Paused, "blocked"),
        RunState::WaitingForHuman => (Sign::Waiting, "waits for approval"),
        RunState::WaitingForTimer => (Sign::Timer, "waits for a timer"),
        RunState::Running => (Sign::Running, "runs"),
        RunState::Passed => (Sign::Good, "passed"),
        RunState::Warned => (Sign::Warning, "passed with warnings"),
        RunState::Failed(word) => (Sign::Bad, word.as_str()),
        RunState::Cancelled => (Sign::Cancelled, "cancelled"),
        RunState::Skipped => (Sign::Skipped, "skipped"),
        RunState::Unknown(word) => (Sign::Unknown, word.as_str()),
    }
}

/// The sign, the word and the details of a rollout's phase.
pub(super) fn phase_sign(phase: &Phase) -> (Sign, &'static str, &str) {
    match phase {
        Phase::Done => (Sign::Good, "done", ""),
        Phase::Progressing(what) => (Sign::Running, "rolling out", what.as_str()),
        Phase::Paused(what) => (Sign::Paused, "paused", what.as_str()),
        Phase::Failed(what) => (Sign::Bad, "failed", what.as_str()),
        Phase::RollingBack(what) => (Sign::Again, "rolling back", what.as_str()),
        Phase::RolledBack => (Sign::Again, "rolled back", ""),
        Phase::ScaledToZero => (Sign::Paused, "scaled to zero", ""),
    }
}

/// An age in few cells, for the header.
pub(super) fn brief(age: Duration) -> String {
    short(age)
}

/// A bar of `cells` cells, `percent` of it full.
pub(super) fn bar(cells: usize, percent: u32) -> (String, String) {
    let full = cells * usize::try_from(percent.min(100)).unwrap_or(0) / 100;
    let full = if percent > 0 { full.max(1) } else { full }.min(cells);
    ("█".repeat(full), "░".repeat(cells - full))
}
