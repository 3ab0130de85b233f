//! What a filter lets through: a part of the text, `!` what lacks it, `~` what is like it. Each list has a filter of its
//! own, which stays when its view is left; what is selected stays in sight until the operator goes elsewhere.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::activity::Event;
use super::board;
use super::model::{Model, Panel, Typing};
use super::views::{self, View};
use crate::domain::rollout::Steps;
use crate::domain::{Gate, GateKey, Place, Revision, Rollout, Seen};

/// The longest filter, in characters.
const LONGEST: usize = 100;

/// Finds what is like a text: its characters in the same order, with anything between.
pub struct Finder {
    matcher: Matcher,
    pattern: Pattern,
    letters: Vec<char>,
}

impl Finder {
    /// A finder for what was typed; upper and lower case are the same.
    #[must_use]
    pub fn new(typed: &str) -> Self {
        let pattern = Pattern::new(typed, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
        Self { matcher: Matcher::new(Config::DEFAULT), pattern, letters: Vec::new() }
    }

    /// How well a text fits, higher is better; none if it does not.
    pub fn score(&mut self, text: &str) -> Option<u32> {
        self.pattern.score(Utf32Str::new(text, &mut self.letters), &mut self.matcher)
    }
}

/// What a filter asks of a row.
pub enum Filter {
    /// Everything fits.
    All,
    /// One of its texts holds this.
    Holds(String),
    /// None of its texts holds this.
    Lacks(String),
    /// One of its texts is like this.
    Like(Box<Finder>),
}

impl Filter {
    /// What the operator's text means.
    #[must_use]
    pub fn new(typed: &str) -> Self {
        let lower = |text: &str| text.to_lowercase();
        match typed.chars().next() {
            Some('!') => match typed.get(1..) {
                None | Some("") => Self::All,
                Some(rest) => Self::Lacks(lower(rest)),
            },
            Some('~') => match typed.get(1..) {
                None | Some("") => Self::All,
                Some(rest) => Self::Like(Box::new(Finder::new(rest))),
            },
            Some(_) => Self::Holds(lower(typed)),
            None => Self::All,
        }
    }

    /// Whether a row with these texts fits.
    pub fn fits<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let mut texts = texts.into_iter();
        match self {
            Self::All => true,
            Self::Holds(wanted) => texts.any(|text| text.to_lowercase().contains(wanted.as_str())),
            Self::Lacks(unwanted) => !texts.any(|text| text.to_lowercase().contains(unwanted.as_str())),
            Self::Like(finder) => texts.any(|text| finder.score(text).is_some()),
        }
    }
}

/// The list that the filter key is about: the one with the keyboard, on the cockpit else the board.
#[must_use]
pub fn target(model: &Model) -> Option<Panel> {
    match (model.focus, model.trail.view()) {
        (panel @ (Panel::Board | Panel::Inbox | Panel::Revisions | Panel::Activity), _) => Some(panel),
        (_, View::Cockpit) | (Panel::Wall, _) => Some(Panel::Board),
        _ => None,
    }
}

/// The gates of the inbox that its filter lets through, and the selected one.
#[must_use]
pub fn gates(model: &Model) -> Vec<&Seen<Gate>> {
    let mut filter = Filter::new(model.filter(Panel::Inbox));
    let mut fits = |gate: &Gate| {
        let environment = gate.environment.as_ref().map(|e| e.as_str());
        let asked_by = gate.asked_by.as_ref().map(|who| who.as_str());
        let always = [
            gate.key.run.service.as_str(),
            gate.title.as_str(),
            gate.run_title.as_str(),
            gate.revision.as_str(),
        ];
        filter.fits(always.into_iter().chain(environment).chain(asked_by))
    };
    let chosen = model.gate.as_ref();
    model.inbox.iter().filter(|g| Some(&g.value.key) == chosen || fits(&g.value)).collect()
}

/// One row of the inbox.
#[derive(Clone, Debug)]
pub enum Waiting<'a> {
    /// A gate.
    Gate(&'a Seen<Gate>),
    /// A rollout that waits at one of its steps.
    Rollout(Place, &'a Rollout, &'a Steps),
}

impl Waiting<'_> {
    /// Whether it is what is selected.
    #[must_use]
    pub fn selected(&self, model: &Model) -> bool {
        match self {
            Self::Gate(gate) => Some(&gate.value.key) == model.gate.as_ref(),
            Self::Rollout(place, ..) => Some(place) == model.held.as_ref(),
        }
    }
}

/// A row of the inbox by its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// A gate.
    Gate(GateKey),
    /// The rollout in this place.
    Rollout(Place),
}

impl Chosen {
    /// The identity of a row.
    #[must_use]
    pub fn of(row: &Waiting<'_>) -> Self {
        match row {
            Waiting::Gate(gate) => Self::Gate(gate.value.key.clone()),
            Waiting::Rollout(place, ..) => Self::Rollout(place.clone()),
        }
    }

    /// Selects it, and with it its service and, of a rollout, its environment.
    pub fn choose(self, model: &mut Model) {
        let service = match &self {
            Self::Gate(key) => key.run.service.clone(),
            Self::Rollout(place) => place.service.clone(),
        };
        model.selected = Some(service);
        board::refilter(model);
        (model.gate, model.held) = match self {
            Self::Gate(key) => (Some(key), None),
            Self::Rollout(place) => {
                let environments = model.service(&place.service).map(|s| s.environments.as_slice());
                let at = environments.and_then(|all| all.iter().position(|e| e.name == place.environment));
                if let Some(at) = at {
                    model.environments.insert(place.service.clone(), at);
                }
                (None, Some(place))
            }
        };
    }
}

/// The rows of the inbox that its filter lets through, and the selected one: gates, then rollouts.
#[must_use]
pub fn waiting(model: &Model) -> Vec<Waiting<'_>> {
    let mut filter = Filter::new(model.filter(Panel::Inbox));
    let rollouts = views::held(model).into_iter().filter(|(place, rollout, _)| {
        let texts = [place.service.as_str(), place.environment.as_str(), rollout.target.label()];
        Some(place) == model.held.as_ref() || filter.fits(texts)
    });
    let rollouts: Vec<_> =
        rollouts.map(|(place, rollout, steps)| Waiting::Rollout(place, rollout, steps)).collect();
    gates(model).into_iter().map(Waiting::Gate).chain(rollouts).collect()
}

/// The revisions of the selected place that their filter lets through, and the selected one.
#[must_use]
pub fn revisions(model: &Model) -> Vec<&Revision> {
    let mut filter = Filter::new(model.filter(Panel::Revisions));
    let chosen = model.trail.revision.as_ref().map(|(_, id)| id);
    let mut fits = |revision: &Revision| {
        let note = revision.note.as_ref().map(|note| note.as_str());
        let digest = revision.artifact.digest.as_ref().map(|digest| digest.as_str());
        let always = [revision.id.as_str(), revision.artifact.label()];
        filter.fits(always.into_iter().chain(note).chain(digest))
    };
    views::revisions(model).iter().filter(|r| Some(&r.id) == chosen || fits(r)).collect()
}

/// What happened, newest first, as far as its filter lets it through.
#[must_use]
pub fn events(model: &Model) -> Vec<&Event> {
    let mut filter = Filter::new(model.filter(Panel::Activity));
    let mut fits = |event: &Event| {
        let service = event.service.as_ref().map(|s| s.as_str());
        let source = event.source.as_ref().map(|s| s.as_str());
        filter.fits([event.text.as_str()].into_iter().chain(service).chain(source))
    };
    model.activity.iter().rev().filter(|event| fits(event)).collect()
}

/// How many rows a list shows, and of how many.
#[must_use]
pub fn count(model: &Model, panel: Panel) -> (usize, usize) {
    match panel {
        Panel::Inbox => (waiting(model).len(), model.inbox.len() + views::held(model).len()),
        Panel::Revisions => (revisions(model).len(), views::revisions(model).len()),
        Panel::Activity => (events(model).len(), model.activity.len()),
        _ => (model.shown.len(), model.setup.services.len()),
    }
}

/// Changes a filter. The selection follows into what is left: this is the operator's own wish.
pub fn edit(model: &mut Model, panel: Panel, change: impl FnOnce(&mut String)) {
    let text = model.filters.entry(panel).or_default();
    change(text);
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(at);
    }
    if text.is_empty() {
        model.filters.remove(&panel);
    }
    match panel {
        Panel::Board => board::filter(model),
        Panel::Inbox => {
            let kept = (model.gate.take(), model.held.take());
            let shown = waiting(model);
            let same = |row: &&Waiting<'_>| match row {
                Waiting::Gate(gate) => kept.0.as_ref() == Some(&gate.value.key),
                Waiting::Rollout(place, ..) => kept.1.as_ref() == Some(place),
            };
            let row = shown.iter().find(same).or_else(|| shown.first()).map(Chosen::of);
            if let Some(chosen) = row {
                chosen.choose(model);
            }
        }
        Panel::Revisions => {
            let kept = model.trail.revision.take().or_else(|| {
                let at_hand = views::revision_at_hand(model);
                model.selected_place().zip(at_hand)
            });
            let shown = revisions(model);
            let of = kept.as_ref().map(|(_, id)| id);
            let id = shown.iter().find(|r| Some(&r.id) == of).or_else(|| shown.first()).map(|r| r.id.clone());
            model.trail.revision = model.selected_place().zip(id);
        }
        _ => {
            model.scroll.remove(&panel);
        }
    }
}

/// Clears the filter of the list at hand; whether there was one.
pub fn clear(model: &mut Model) -> bool {
    let Some(panel) = target(model).filter(|panel| !model.filter(*panel).is_empty()) else { return false };
    edit(model, panel, String::clear);
    true
}

/// Whether the filter of this list is being typed.
#[must_use]
pub fn typing(model: &Model, panel: Panel) -> bool {
    model.typing == Typing::Filter(panel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_holds_lacks_or_is_like() {
        for (typed, fitting) in [
            ("", &["checkout", "Ledger", "search"][..]),
            ("e", &["checkout", "Ledger", "search"]),
            ("LED", &["Ledger"]),
            ("!", &["checkout", "Ledger", "search"]),
            ("!e", &[]),
            ("!ck", &["Ledger", "search"]),
            ("~", &["checkout", "Ledger", "search"]),
            ("~cko", &["checkout"]),
            ("~srch", &["search"]),
            ("cko~", &[]),
            ("~xyz", &[]),
        ] {
            let mut filter = Filter::new(typed);
            let left: Vec<&str> =
                ["checkout", "Ledger", "search"].into_iter().filter(|name| filter.fits([*name])).collect();
            assert_eq!(left, fitting, "{typed:?}");
        }
    }

    #[test]
    fn a_row_lacks_a_text_only_if_none_of_its_texts_holds_it() {
        assert!(!Filter::new("!prod").fits(["web", "production"]));
        assert!(Filter::new("prod").fits(["web", "production"]));
    }
}
