//! From a config file to a model and a running engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::journal::anchor_place;
use super::{Common, Failure, Surroundings, code, looks, warn};
use jiff::tz::TimeZone;

use crate::app::Model;
use crate::app::model::Setup;
use crate::config::{self, Config};
use crate::domain::service::Access;
use crate::domain::{SafeText, Service, SourceName};
use crate::provider::Cadence;
use crate::provider::KINDS;
use crate::provider::reach::reach;
use crate::runtime::record::Recorder;
use crate::runtime::session::Sessions;
use crate::runtime::{Clock, Engine, Journal, Source, recover};
use crate::view::links::Hosts;

/// Where GitHub is, unless a source says otherwise.
const GITHUB: &str = "https://api.github.com";

/// Everything that a screen or a headless command needs.
pub(super) struct Started {
    pub model: Model,
    pub engine: Engine,
    /// How it should look.
    pub ui: config::Ui,
}

/// The same before anybody was asked: enough for the first frame.
pub(super) struct Laid {
    pub model: Model,
    pub opening: Opening,
    /// What a later config goes on with.
    pub kept: Kept,
    pub ui: config::Ui,
    /// Where links may lead.
    pub hosts: Hosts,
}

/// What an engine is made from.
pub(super) struct Opening {
    sources: Vec<(config::Source, Cadence)>,
    recorder: Recorder,
    access: Access,
    clock: Clock,
    sessions: Arc<Sessions>,
}

/// What stays the same as long as the process lives, whatever becomes of its config.
#[derive(Clone)]
pub(super) struct Kept {
    recorder: Recorder,
    access: Access,
    clock: Clock,
    sessions: Arc<Sessions>,
    session: SafeText,
    journal: (Option<PathBuf>, Option<config::Anchor>),
}

impl Kept {
    /// Whether the record would stay where it is.
    pub(super) fn same_journal(&self, config: &Config) -> bool {
        self.journal.0 == config.journal && self.journal.1 == config.anchor
    }
}

impl Opening {
    /// Makes the clients and starts looking. Must be called within the runtime.
    pub(super) fn engine(self) -> Result<Engine, Failure> {
        let mut sources = Vec::new();
        for (source, cadence) in self.sources {
            let name = source.spec.name.clone();
            let provider = (source.kind.build)(source.spec).map_err(|fault| {
                Failure::new(code::USAGE, format!("source {name}: {fault}{}", hint(&fault)))
            })?;
            sources.push(Source { name, provider, cadence });
        }
        Ok(Engine::resume(sources, self.recorder, self.access, self.clock, self.sessions))
    }
}

/// What the process is started for. One that only looks writes no journal, and may not write at all: whatever keys it
/// is told to press, the transports let nothing out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Look,
    Act,
}

impl Purpose {
    /// What the process may do, where config and arguments say `allowed`.
    const fn access(self, allowed: Access) -> Access {
        match self {
            Self::Look => Access::ReadOnly,
            Self::Act => allowed,
        }
    }
}

/// Reads and checks the config.
pub(super) fn read(common: &Common, surroundings: &Surroundings) -> Result<(Config, PathBuf), Failure> {
    let (text, path) = config_text(common, surroundings)?;
    let around = around(common, surroundings);
    let config = config::load(&text, &path.display().to_string(), &around, KINDS)
        .map_err(|errors| Failure::new(code::USAGE, format!("the config has mistakes\n{errors}")))?;
    Ok((config, path))
}

/// What a config may depend on beside its own text.
pub(super) fn around(common: &Common, surroundings: &Surroundings) -> config::Surroundings {
    config::Surroundings {
        home: surroundings.home(),
        env: Arc::clone(&surroundings.env),
        themes: looks::own(common, surroundings),
    }
}

/// The config's text and where it is.
pub(super) fn config_text(
    common: &Common,
    surroundings: &Surroundings,
) -> Result<(String, PathBuf), Failure> {
    let path = surroundings.config(common.config.as_ref()).ok_or_else(|| {
        Failure::new(code::USAGE, "no config folder is known here; name a file with --config")
    })?;
    let text = std::fs::read_to_string(&path).map_err(|error| missing(&path, &error))?;
    Ok((text, path))
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    let message = if error.kind() == std::io::ErrorKind::NotFound {
        format!(
            "there is no config at {}\n\n  gonogo demo     shows the cockpit on a made-up release day: no account, no network\n  \
             gonogo init     writes a commented config there to start from",
            path.display()
        )
    } else {
        format!("{}: {error}", path.display())
    };
    Failure::new(code::USAGE, message)
}

/// Starts looking. Must be called within the runtime.
pub(super) fn start(
    common: &Common,
    surroundings: &Surroundings,
    purpose: Purpose,
    banner: Option<&str>,
) -> Result<Started, Failure> {
    let Laid { model, opening, ui, .. } = lay(common, surroundings, purpose, banner)?;
    Ok(Started { model, engine: opening.engine()?, ui })
}

/// Reads the config and lays out the model; asks nobody yet.
pub(super) fn lay(
    common: &Common,
    surroundings: &Surroundings,
    purpose: Purpose,
    banner: Option<&str>,
) -> Result<Laid, Failure> {
    let (config, _) = read(common, surroundings)?;
    lay_of(config, common, surroundings, purpose, banner.map(SafeText::new), None)
}

/// Begins what lasts as long as the process.
fn begin(
    config: &Config,
    common: &Common,
    surroundings: &Surroundings,
    purpose: Purpose,
) -> Result<Kept, Failure> {
    let access = if common.read_only { Access::ReadOnly } else { config.access };
    let clock = Clock::start();
    let recorder = match (purpose, access) {
        (Purpose::Act, Access::ReadWrite) => Recorder::Journal(Arc::new(journal(config, surroundings)?)),
        // Without a place for one there is nothing to read, and that is all.
        _ => journal_path(config, surroundings).map_or(Recorder::Nowhere, Recorder::Read),
    };
    let wall = clock.now().wall;
    let session = SafeText::new(&format!("{}-{}", wall.strftime("%Y%m%dT%H%M%SZ"), std::process::id()));
    let journal = (config.journal.clone(), config.anchor.clone());
    Ok(Kept { recorder, access, clock, sessions: Arc::default(), session, journal })
}

/// The same of a config that was read and checked; `before` is what an earlier config of this process left.
pub(super) fn lay_of(
    config: Config,
    common: &Common,
    surroundings: &Surroundings,
    purpose: Purpose,
    banner: Option<SafeText>,
    before: Option<&Kept>,
) -> Result<Laid, Failure> {
    let kept = match before {
        None => begin(&config, common, surroundings, purpose)?,
        // A process that may only look stays so: the gate that every write passes never opens again.
        Some(kept) if kept.access == Access::ReadOnly || config.access == Access::ReadOnly => {
            Kept { access: Access::ReadOnly, ..kept.clone() }
        }
        Some(kept) => kept.clone(),
    };
    let Kept { recorder, access, clock, sessions, session, .. } = kept.clone();
    let (ui, hosts) = (config.ui.clone(), hosts(&config));
    let reached = |s: &config::Source| Some((s.spec.name.clone(), reach(s.kind.name, &s.spec)?));
    let setup = Setup {
        keys: config.keys,
        reach: config.sources.iter().filter_map(reached).collect(),
        mouse: config.ui.mouse,
        zone: zone(config.ui.clock)?,
        sources: config.sources.iter().map(|s| s.spec.name.clone()).collect(),
        services: config.services,
        access,
        banner,
    };
    let mut sources = Vec::new();
    for source in config.sources {
        let name = source.spec.name.clone();
        let usual = source.kind.cadence;
        let cadence = source.every.map_or_else(
            || often_enough(usual, &name, &setup.services),
            |every| Cadence { active: every.min(usual.active), idle: every },
        );
        sources.push((source, cadence));
    }
    let now = clock.now();
    let mut model = Model::new(setup, session, now, common.size);
    if let (Recorder::Journal(journal), None) = (&recorder, before) {
        let left = recover::take_up(journal, &sessions, now.wall).map_err(|error| {
            Failure::new(code::FAILED, format!("what is still open cannot be read: {error}"))
        })?;
        (model.left, model.left_sagas) = (left.actions, left.sagas);
    }
    let access = purpose.access(access);
    Ok(Laid { model, opening: Opening { sources, recorder, access, clock, sessions }, kept, ui, hosts })
}

/// Where links on the screen may lead: the hosts of the sources that have one, github.com for those of its interface,
/// and those that the config names.
/// The time zone that times are shown in.
fn zone(clock: config::Clock) -> Result<Option<TimeZone>, Failure> {
    match clock {
        config::Clock::Utc => Ok(None),
        config::Clock::Local => TimeZone::try_system().map(Some).map_err(|error| {
            let what = format!("[ui] clock = \"local\": this machine does not tell its time zone: {error}");
            Failure::new(code::FAILED, what)
        }),
    }
}

fn hosts(config: &Config) -> Hosts {
    let mut hosts = config.ui.link_hosts.clone();
    for source in &config.sources {
        let github = source.kind.name == "github";
        let url = source.spec.settings.text("url").or(github.then_some(GITHUB));
        let host = url.and_then(|url| url.strip_prefix("https://")?.split(['/', ':']).next());
        let pages = host.map(|host| if github { host.strip_prefix("api.").unwrap_or(host) } else { host });
        hosts.extend(pages.map(str::to_ascii_lowercase));
    }
    Hosts::new(hosts)
}

/// Three looks must fit into the tightest limit of age that a source's word is held to: else what is healthy would
/// look stale between two looks.
fn often_enough(usual: Cadence, source: &SourceName, services: &[Service]) -> Cadence {
    let uses = |s: &&Service| s.sources().any(|name| name == source);
    let limits = services.iter().filter(uses).flat_map(|s| &s.environments).map(|e| e.policy.max_age / 3);
    let idle = limits.min().map_or(usual.idle, |limit| usual.idle.min(limit)).max(Duration::from_secs(1));
    Cadence { active: usual.active.min(idle), idle }
}

fn hint(fault: &crate::domain::Fault) -> String {
    fault.hint.as_ref().map(|h| format!("\n  {h}")).unwrap_or_default()
}

fn journal(config: &Config, surroundings: &Surroundings) -> Result<Journal, Failure> {
    let path = journal_path(config, surroundings)?;
    let failed = |error| {
        Failure::new(
            code::FAILED,
            format!(
                "the journal cannot be written, so nothing could be done: {error}\n  use --read-only to look only"
            ),
        )
    };
    let mut journal = Journal::open(&path, &surroundings.actor()).map_err(failed)?;
    if let Some(anchor) = config.anchor.clone() {
        journal = journal.anchored(anchor_place(anchor, surroundings)?).map_err(failed)?;
    }
    for warning in journal.warnings() {
        warn(&warning.to_string())?;
    }
    Ok(journal)
}

/// Where the journal is.
pub(super) fn journal_path(config: &Config, surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    config.journal.clone().or_else(|| surroundings.journal()).ok_or_else(|| {
        Failure::new(
            code::USAGE,
            "no state folder is known here; set `path = \"/path/journal.jsonl\"` under [journal] in the config",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A config of nothing, which is read-write unless it says otherwise.
    fn laid(purpose: Purpose, read_only: bool) -> Laid {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        std::fs::write(&config, "").unwrap();
        let state = folder.path().join("state").display().to_string();
        let env = Arc::new([("XDG_STATE_HOME".to_owned(), state)].into());
        let common = Common {
            config: Some(config),
            read_only,
            accessible: false,
            theme: None,
            print: false,
            size: (80, 24),
            format: crate::cli::print::Format::Text,
            keys: String::new(),
        };
        lay(&common, &Surroundings { env }, purpose, None).map_err(|f| f.message).unwrap()
    }

    #[test]
    fn a_process_that_only_looks_cannot_write_whatever_its_model_offers() {
        let laid = laid(Purpose::Look, false);
        assert_eq!(laid.opening.access, Access::ReadOnly);
        assert!(matches!(laid.opening.recorder, Recorder::Read(_)));
        assert_eq!(laid.model.setup.access, Access::ReadWrite, "a printed frame shows what could be done");
    }

    #[test]
    fn a_process_that_acts_may_write_unless_it_is_told_not_to() {
        assert_eq!(laid(Purpose::Act, false).opening.access, Access::ReadWrite);
        assert_eq!(laid(Purpose::Act, true).opening.access, Access::ReadOnly);
    }
}
