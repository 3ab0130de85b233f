//! The whole file: syntax, the top-level tables, and what holds between the parts.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeTable;

use super::read::{Item, Section};
use super::report::{Lines, Mistakes, Spot, suggest};
use super::secret;
use super::signals::SignalDraft;
use super::sources::Draft;
use super::{Config, Source, Surroundings};
use crate::domain::{Policy, Role, SourceName};
use crate::provider::{Kind, SourceSpec};

/// What is known while a file is being checked.
pub(super) struct Check<'t> {
    pub(super) mistakes: Mistakes,
    pub(super) kinds: &'t [&'static Kind],
    pub(super) home: Option<PathBuf>,
    pub(super) sources: Vec<Draft>,
    pub(super) signals: Vec<SignalDraft<'t>>,
    pub(super) policies: BTreeMap<String, Policy>,
    lines: Lines,
    text: &'t str,
}

/// Checks the text; gives the config or everything that is wrong with it.
pub(super) fn check(text: &str, around: &Surroundings, kinds: &[&'static Kind]) -> Result<Config, Mistakes> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut check = Check {
        mistakes: Mistakes::default(),
        kinds,
        home: around.home.clone(),
        sources: Vec::new(),
        signals: Vec::new(),
        policies: BTreeMap::new(),
        lines: Lines::of(text),
        text,
    };
    secret::hide_secrets(document.get_ref(), &mut check.mistakes);
    let mut broken = false;
    for error in errors {
        let at = error.span().unwrap_or_default();
        // Of a key given twice the first is kept, so the rest of the file still means what it says.
        broken |= error.message() != "duplicate key";
        secret::hide_on_broken_lines(text, &at, &mut check.mistakes);
        check.mistakes.note(&at, syntax(error.message()), None);
    }
    if broken {
        return Err(check.mistakes);
    }
    let config = check.read(document.get_ref(), around);
    secret::refuse_secrets(document.get_ref(), &mut check.mistakes);
    if check.mistakes.is_empty() { Ok(config) } else { Err(check.mistakes) }
}

/// The parser's message; it names what was expected and never quotes the text.
fn syntax(message: &str) -> String {
    format!("not TOML: {}", message.lines().next().unwrap_or("syntax error"))
}

impl<'t> Check<'t> {
    fn read(&mut self, document: &'t DeTable<'t>, around: &Surroundings) -> Config {
        let mut root = Section::new("the config", document, Range::default());
        let ui = root.get("ui");
        let journal = root.get("journal");
        let keys = root.get("keys");
        let (source, signal) = (root.get("source"), root.get("signal"));
        let (service, policy) = (root.get("service"), root.get("policy"));
        root.finish(&mut self.mistakes, &[]);
        let (ui, access) = self.read_ui(ui, &around.themes);
        let (journal, anchor) = self.read_journal(journal);
        let keys = self.read_keymap(keys);
        self.read_sources(source);
        self.read_policies(policy);
        self.read_signals(signal);
        let services = self.read_services(service);
        self.check_unbound_signals();
        let sources = std::mem::take(&mut self.sources);
        let sources = sources.into_iter().filter_map(|draft| finished(draft, around)).collect();
        Config { sources, services, ui, keys, access, journal, anchor }
    }

    /// `line 3, column 11`.
    pub(super) fn place(&self, at: &Spot) -> String {
        let place = self.lines.place(self.text, at.start);
        format!("line {}, column {}", place.line, place.column)
    }

    /// Says that a name is taken, with both places.
    pub(super) fn duplicate(&mut self, what: &str, name: &str, at: &Spot, first: &Spot) {
        let cause = format!("{what} {name:?} is named twice");
        let hint = format!("the first is at {}", self.place(first));
        self.mistakes.hinted(at, cause, hint);
    }

    /// The source that a reference names; none if there is no such source (said so).
    pub(super) fn source_named(&mut self, item: Item<'_>) -> Option<usize> {
        let said = item.text(&mut self.mistakes)?;
        let found = self.sources.iter().position(|draft| draft.name == said);
        if found.is_none() {
            let known: Vec<&str> = self.sources.iter().map(|draft| draft.name.as_str()).collect();
            let hint = suggest(said, &known, '"').unwrap_or_else(|| "no [[source]] is configured".to_owned());
            self.mistakes.hinted(&item.at(), format!("there is no source {said:?}"), hint);
        }
        found
    }

    /// Whether the source can have the role; says so if not. A source of a wrong kind was told already.
    pub(super) fn can(&mut self, index: usize, role: Role, at: &Spot) -> Option<&'static Kind> {
        let draft = self.sources.get(index)?;
        let kind = draft.kind?;
        if kind.role(role).is_some() {
            return Some(kind);
        }
        let able: Vec<String> = self
            .sources
            .iter()
            .filter(|other| other.kind.is_some_and(|kind| kind.role(role).is_some()))
            .map(|other| format!("{:?}", other.name))
            .collect();
        let cause = format!("source {:?} (kind {:?}) cannot {}", draft.name, kind.name, ability(role));
        let hint = match able.as_slice() {
            [] => "no configured source can".to_owned(),
            able => format!("configured sources that can: {}", able.join(", ")),
        };
        self.mistakes.hinted(at, cause, hint);
        None
    }

    /// The name of a source as the domain says it.
    pub(super) fn source_name(&self, index: usize) -> Option<SourceName> {
        self.sources.get(index).map(|draft| SourceName::new(&draft.name))
    }
}

fn finished(draft: Draft, around: &Surroundings) -> Option<Source> {
    let spec = SourceSpec {
        name: SourceName::new(&draft.name),
        settings: draft.settings,
        secrets: draft.secrets,
        bounds: draft.bounds,
        env: Arc::clone(&around.env),
    };
    Some(Source { spec, kind: draft.kind?, every: draft.every })
}

/// What a source with this role can do.
const fn ability(role: Role) -> &'static str {
    match role {
        Role::Code => "read a repository",
        Role::Pipeline => "show a pipeline",
        Role::Live => "tell what is live",
        Role::Deploy => "run a service",
        Role::Owner => "tell of a GitOps controller",
        Role::Manifests => "hold manifests",
        Role::Dispatch => "start a deployment pipeline",
        Role::Signal => "evaluate a signal",
        Role::Alerts => "tell alerts",
    }
}
