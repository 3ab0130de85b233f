//! `[[signal]]`: what is measured, judged by which thresholds. Checked against the kind of whichever source
//! evaluates it.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::check::Check;
use super::read::{Item, Section};
use super::report::{Spot, suggest};
use crate::domain::{Role, Settings, service::Value};
use crate::provider::Kind;

/// A signal while the file is being checked.
pub(super) struct SignalDraft<'t> {
    pub(super) name: String,
    pub(super) at: Spot,
    table: &'t DeTable<'t>,
    section_at: Spot,
    /// Its own source: none if it has none, or a wrong one (told already).
    pub(super) source: Option<usize>,
    /// Whether it names a source, right or wrong.
    names_source: bool,
    used: bool,
}

impl<'t> Check<'t> {
    /// Reads every `[[signal]]`.
    pub(super) fn read_signals(&mut self, item: Option<Item<'t>>) {
        let Some(item) = item else { return };
        for (table, section_at) in item.tables(&mut self.mistakes) {
            let mut section = Section::new("[[signal]]", table, section_at.clone());
            let name_item = section.need(&mut self.mistakes, "name");
            let name = name_item.and_then(|item| item.name(&mut self.mistakes));
            let source_item = section.get("source");
            let source = source_item.and_then(|item| self.source_named(item));
            let source = source.filter(|index| {
                source_item.is_some_and(|item| self.can(*index, Role::Signal, &item.at()).is_some())
            });
            let (Some(name), Some(name_item)) = (name, name_item) else { continue };
            let at = name_item.at();
            if let Some(first) = self.signals.iter().find(|signal| signal.name == name) {
                let first = first.at.clone();
                self.duplicate("signal", name, &at, &first);
                continue;
            }
            let names_source = source_item.is_some();
            let name = name.to_owned();
            self.signals.push(SignalDraft { name, at, table, section_at, source, names_source, used: false });
        }
    }

    /// The signal that a reference names, with the source that evaluates it and its settings.
    pub(super) fn bind_signal(
        &mut self,
        said: &str,
        at: &Spot,
        overriding: Option<usize>,
    ) -> Option<(usize, Settings)> {
        let index = self.signal_named(said, at)?;
        let signal = self.signals.get(index)?;
        let (own, names_source) = (signal.source, signal.names_source);
        let Some(source) = overriding.or(own) else {
            if !names_source {
                let cause = format!("nothing says which source evaluates signal {said:?}");
                self.mistakes.hinted(at, cause, "give the signal or this health a `source`");
            }
            return None;
        };
        let kind = self.sources.get(source)?.kind?;
        let settings = self.signal_settings(index, kind)?;
        Some((source, settings))
    }

    /// The signal that a reference names; none if there is no such signal (said so).
    pub(super) fn signal_named(&mut self, said: &str, at: &Spot) -> Option<usize> {
        let Some(index) = self.signals.iter().position(|signal| signal.name == said) else {
            let known: Vec<&str> = self.signals.iter().map(|signal| signal.name.as_str()).collect();
            let hint = suggest(said, &known, '"').unwrap_or_else(|| "no [[signal]] is configured".to_owned());
            self.mistakes.hinted(at, format!("there is no signal {said:?}"), hint);
            return None;
        };
        if let Some(signal) = self.signals.get_mut(index) {
            signal.used = true;
        }
        Some(index)
    }

    /// Checks the signals that no environment refers to, as far as they name a source themselves.
    pub(super) fn check_unbound_signals(&mut self) {
        let unused: BTreeSet<usize> =
            self.signals.iter().enumerate().filter(|(_, signal)| !signal.used).map(|(i, _)| i).collect();
        for index in unused {
            let source = self.signals.get(index).and_then(|signal| signal.source);
            let kind = source.and_then(|source| self.sources.get(source)).and_then(|draft| draft.kind);
            if let Some(kind) = kind {
                self.signal_settings(index, kind);
            }
        }
    }

    /// The settings as `kind` understands them. Repeated mistakes count once.
    fn signal_settings(&mut self, index: usize, kind: &'static Kind) -> Option<Settings> {
        let signal = self.signals.get(index)?;
        let keys = kind.role(Role::Signal)?;
        let name = signal.name.clone();
        let mut section =
            Section::new(&format!("[[signal]] {name:?}"), signal.table, signal.section_at.clone());
        section.get("name");
        section.get("source");
        let settings = self.read_keys(&mut section, keys, &mut BTreeMap::new());
        self.check_thresholds(&mut section, &settings);
        self.check_stable(&mut section, &settings);
        section.finish(&mut self.mistakes, &[]);
        Some(settings.with("name", Value::Text(name)))
    }

    /// Those that are no canary are only compared with a canary.
    fn check_stable(&mut self, section: &mut Section<'_>, settings: &Settings) {
        if settings.text("stable").is_none() || settings.text("canary").is_some() {
            return;
        }
        if let Some(item) = section.get("stable") {
            let cause = "`stable` is compared with `canary`, and there is no `canary`";
            self.mistakes.hinted(&item.at(), cause, "add `canary`, or leave `stable` out");
        }
    }

    /// `hold` and `no_go` must lie on the side that `bad_when` says.
    fn check_thresholds(&mut self, section: &mut Section<'_>, settings: &Settings) {
        let side = settings.text("bad_when");
        if let Some(said) = side.filter(|said| !matches!(*said, "above" | "below")) {
            if let Some(item) = section.get("bad_when") {
                let hint = suggest(said, &["above", "below"], '"');
                self.mistakes.note(&item.at(), format!("`bad_when` cannot be {said:?}"), hint);
            }
            return;
        }
        let (Some(hold), Some(no_go)) = (settings.number("hold"), settings.number("no_go")) else { return };
        let below = side == Some("below");
        if (below && no_go > hold) || (!below && no_go < hold) {
            let word = if below { "above" } else { "below" };
            if let Some(item) = section.get("no_go") {
                let cause = format!("`no_go` lies {word} `hold`, so HOLD could never be seen");
                self.mistakes.hinted(&item.at(), cause, "swap them, or set `bad_when`");
            }
        }
    }
}
