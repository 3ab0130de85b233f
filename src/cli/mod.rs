//! The command line: one file per subcommand, one core for all of them.
//!
//! Knows `runtime`, `config`, `view` and everything below; writes to the standard streams through
//! [`Streams`] only. Environment and arguments come from `main`.

mod accessible;
mod approvals;
mod ask;
mod cockpit;
mod deed;
mod demo;
mod doctor;
mod init;
mod journal;
mod json;
mod looks;
mod papers;
mod print;
mod reload;
mod review;
mod start;
mod status;
mod themes;
mod wait;
mod welcome;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use futures_util::future::LocalBoxFuture;

use crate::domain::Verdict;
use crate::runtime::hardening;

/// Exit codes. Documented in the README, stable.
mod code {
    /// Done, or GO.
    pub(super) const OK: u8 = 0;
    /// Failed.
    pub(super) const FAILED: u8 = 1;
    /// Wrong usage or configuration.
    pub(super) const USAGE: u8 = 2;
    /// HOLD, or UNKNOWN: not GO.
    pub(super) const HOLD: u8 = 3;
    /// NO-GO.
    pub(super) const NO_GO: u8 = 4;
    /// Refused, or not confirmed: nothing was sent.
    pub(super) const REFUSED: u8 = 5;
    /// Sent, and not proved either way.
    pub(super) const IN_DOUBT: u8 = 6;
}

/// The release cockpit for the terminal: GO or NO-GO, and keys that are safe to press.
#[derive(Debug, Parser)]
#[command(name = "gonogo", version, long_version = papers::version(), max_term_width = 100)]
struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options that every command understands.
#[derive(Clone, Debug, clap::Args)]
struct Common {
    /// The config file (else $GONOGO_CONFIG, else the user's config folder; never the current folder)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Look only: no key can change anything
    #[arg(long, global = true)]
    read_only: bool,
    /// Line by line, for a screen reader or a dumb terminal; ACCESSIBLE=1 in the environment does the same
    #[arg(long)]
    accessible: bool,
    /// auto, one of `gonogo themes`, or a theme file
    #[arg(long, global = true, value_name = "THEME")]
    theme: Option<String>,
    /// Draw one frame as soon as the sources have answered, and exit
    #[arg(long, global = true)]
    print: bool,
    /// Columns and rows of the printed frame
    #[arg(long, global = true, value_name = "WxH", default_value = "160x50", value_parser = print::size)]
    size: (u16, u16),
    /// How the frame is printed
    #[arg(long, global = true, value_enum, default_value_t = print::Format::Text)]
    format: print::Format,
    /// Keys to press before the frame is printed, such as "jj<tab><enter>"; they can open plans, never confirm them
    #[arg(long, global = true, value_name = "KEYS", default_value = "")]
    keys: String,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// A release day on this machine: nothing in it is real, no account, no network
    Demo(demo::Args),
    /// The board as text, or as JSON for scripts; exits by the verdict
    Status(status::Args),
    /// Check configuration, sources, credentials, clock and journal; each problem with what mends it
    Doctor(doctor::Args),
    /// Write a commented config of what is found here; changes nothing else, overwrites nothing
    Init(init::Args),
    /// Show, verify or export the record of every action
    Journal(journal::Args),
    /// List the themes with a preview of each, or print a theme file to start from
    Themes(themes::Args),
    /// Every gate that waits, with the id that decides it
    Approvals(approvals::Args),
    /// Wait until a service is GO, or until what was left open about it is proved
    Wait(wait::Args),
    #[command(flatten)]
    Deed(deed::Command),
    /// Print the config's JSON Schema, for editors
    Schema,
    /// Print what a shell needs to complete gonogo's words
    Completions(papers::Completions),
    /// Print the manual page
    Man(papers::Man),
}

/// What the program was started with.
#[derive(Clone, Debug)]
struct Surroundings {
    /// Environment variables.
    env: Arc<BTreeMap<String, String>>,
}

impl Surroundings {
    fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// The user's home folder.
    fn home(&self) -> Option<PathBuf> {
        self.var("HOME")
            .map(PathBuf::from)
            .or_else(|| Some(directories::BaseDirs::new()?.home_dir().to_owned()))
    }

    /// Where the user's config is looked for.
    fn config(&self, asked: Option<&PathBuf>) -> Option<PathBuf> {
        asked
            .cloned()
            .or_else(|| self.var("GONOGO_CONFIG").map(PathBuf::from))
            .or_else(|| Some(self.var("XDG_CONFIG_HOME").map(PathBuf::from)?.join("gonogo/config.toml")))
            .or_else(|| {
                Some(directories::ProjectDirs::from("", "", "gonogo")?.config_dir().join("config.toml"))
            })
    }

    /// Where the journal is, unless configured otherwise.
    fn journal(&self) -> Option<PathBuf> {
        let folder = match self.var("XDG_STATE_HOME") {
            Some(state) => PathBuf::from(state).join("gonogo"),
            None => {
                let dirs = directories::ProjectDirs::from("", "", "gonogo")?;
                dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned()
            }
        };
        Some(folder.join("journal.jsonl"))
    }

    /// Whether a full-screen program makes sense here.
    fn full_screen(&self) -> bool {
        io::stdout().is_terminal() && io::stdin().is_terminal() && self.var("TERM") != Some("dumb")
    }

    /// `user@host`, for the journal.
    fn actor(&self) -> String {
        let user = self.var("USER").or_else(|| self.var("LOGNAME")).unwrap_or("unknown");
        let host = self.var("HOSTNAME").map(str::to_owned).or_else(|| {
            let name = rustix::system::uname();
            Some(name.nodename().to_string_lossy().into_owned())
        });
        format!("{user}@{}", host.unwrap_or_else(|| "unknown".to_owned()))
    }
}

/// What a command says when it cannot do its work.
#[derive(Debug)]
struct Failure {
    /// The exit code.
    code: u8,
    /// The message, whole sentences, without a trailing newline.
    message: String,
}

impl Failure {
    /// A failure with its exit code.
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(code::FAILED, error.to_string())
    }
}

/// A command's result: its exit code.
type Done = Result<u8, Failure>;

/// Runs the program; returns its exit code.
pub fn run(args: impl Iterator<Item = OsString>, env: Arc<BTreeMap<String, String>>) -> u8 {
    let surroundings = Surroundings { env };
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let code = if error.use_stderr() { code::USAGE } else { code::OK };
            return if error.print().is_ok() { code } else { code::FAILED };
        }
    };
    start_log(&surroundings);
    if let Some(point) = surroundings.var("GONOGO_FAILPOINT") {
        crate::runtime::failpoint::arm(point);
    }
    match dispatch(args, &surroundings) {
        Ok(code) => code,
        Err(failure) => {
            let said = writeln!(io::stderr().lock(), "gonogo: {}", failure.message);
            if said.is_ok() { failure.code } else { code::FAILED }
        }
    }
}

fn dispatch(args: Args, surroundings: &Surroundings) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let code = runtime.block_on(carry_out(args, surroundings));
    // Looks that are still under way have nothing to lose.
    runtime.shutdown_background();
    code
}

/// One command. The demo carries out another one on its own world, so this may be called within itself.
fn carry_out(args: Args, surroundings: &Surroundings) -> LocalBoxFuture<'_, Done> {
    let Args { common, command } = args;
    Box::pin(async move {
        match command {
            None => cockpit::run(&common, surroundings).await,
            Some(Command::Demo(demo)) => demo::run(&demo, &common, surroundings).await,
            Some(Command::Status(status)) => status::run(&status, &common, surroundings).await,
            Some(Command::Doctor(doctor)) => doctor::run(&doctor, &common, surroundings).await,
            Some(Command::Init(init)) => init::run(&init, &common, surroundings).await,
            Some(Command::Journal(journal)) => journal::run(&journal, &common, surroundings),
            Some(Command::Themes(themes)) => themes::run(&themes, &common, surroundings),
            Some(Command::Approvals(approvals)) => approvals::run(&approvals, &common, surroundings).await,
            Some(Command::Wait(wait)) => wait::run(&wait, &common, surroundings).await,
            Some(Command::Deed(deed)) => deed::run(deed, &common, surroundings).await,
            Some(Command::Schema) => papers::schema(),
            Some(Command::Completions(completions)) => papers::completions(&completions),
            Some(Command::Man(man)) => papers::man(&man),
        }
    })
}

/// The exit code of a verdict.
const fn code_of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Go => code::OK,
        Verdict::Hold | Verdict::Unknown => code::HOLD,
        Verdict::NoGo => code::NO_GO,
    }
}

/// `90s`, `5m`, `1h 30m`: how long something may take. At most a day.
fn span(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
    let span = parsed.ok_or_else(|| format!("{text:?} is no length of time; write 90s, 5m or 1h"))?;
    (span <= Duration::from_secs(86_400)).then_some(span).ok_or_else(|| "at most a day is waited for".into())
}

/// Prints to standard output. A reader that went away (`| head`) is no failure.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Warns on standard error: what does not stop the program, and should be known.
fn warn(text: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stderr().lock(), "gonogo: warning: {text}")?)
}

/// `GONOGO_LOG=info` (or debug, trace) writes a log beside the journal; without it nothing is written.
fn start_log(surroundings: &Surroundings) {
    let Some(level) = surroundings.var("GONOGO_LOG").and_then(|l| l.parse::<tracing::Level>().ok()) else {
        return;
    };
    let Some(path) = surroundings.journal().map(|j| j.with_file_name("gonogo.log")) else { return };
    let folder_made = path.parent().is_some_and(|f| hardening::private_folder(f).is_ok());
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    if let (true, Ok(file)) = (folder_made, options.open(path)) {
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(std::sync::Mutex::new(file))
            .init();
    }
}
