//! The user's own `git`, told what to do in a mirror of ours.
//!
//! What the user has set up works: git's config, credential helpers, the ssh agent, proxies. Nothing of a repository
//! runs: no hooks, no fsmonitor, no diff or filter programs, no submodules, no other transports than the address needs.
//! Nobody is asked for anything: no terminal, no askpass, `ssh` in batch mode. No secret is in an argument.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::fault;
use super::whereabouts::Whereabouts;
use crate::domain::{Cause, Fault};
use crate::provider::child::{self, Call, Complaints, Failed, Found};

/// How long a command may take that asks nobody.
pub(super) const LOCAL: Duration = Duration::from_secs(15);
/// How long the server may take to tell its branches.
pub(super) const ASK: Duration = Duration::from_secs(12);
/// How long a fetch may take; the first one of a large repository takes long, and goes on behind the looks.
pub(super) const FETCH: Duration = Duration::from_secs(900);
/// How long a push may take. Shorter than the runtime's own deadline for a step.
pub(super) const PUSH: Duration = Duration::from_secs(35);

/// How much one command may print, in bytes.
const MOST: usize = 16 << 20;
/// A larger file is not compared line by line.
const LARGEST_FILE: &str = "core.bigFileThreshold=512k";

/// Variables of ours that git and its helpers need: where the user's config, login and agents are, and the way out.
const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "GNUPGHOME",
    "KRB5CCNAME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// Settings that neither a repository nor a habit of the user's decides here.
const PINNED: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "core.quotePath=false",
    "core.askPass=",
    "diff.external=",
    "log.showSignature=false",
    "gc.auto=0",
    "gc.autoDetach=false",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "fetch.prune=false",
    "submodule.recurse=false",
    "push.recurseSubmodules=no",
    "push.followTags=false",
    "push.gpgSign=false",
    "push.pushOption=",
    "transfer.bundleURI=false",
    // A write follows no redirect, and a login goes to nobody else.
    "http.followRedirects=false",
    LARGEST_FILE,
];

/// What a command said.
pub(super) struct Output {
    /// Its exit code; none if a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) out: Vec<u8>,
    pub(super) complaints: String,
}

impl Output {
    pub(super) fn well(&self) -> bool {
        self.code == Some(0)
    }

    /// What it printed, in one line.
    pub(super) fn line(&self) -> String {
        String::from_utf8_lossy(&self.out).trim().to_owned()
    }
}

/// `git`, for one repository at a server and its mirror in the cache.
pub(super) struct Git {
    program: String,
    env: BTreeMap<String, String>,
    /// How the user's ssh is called, if he says.
    ssh: Option<String>,
    /// The same without asking anybody anything.
    batch: OnceCell<String>,
    pub(super) place: Whereabouts,
    pub(super) mirror: PathBuf,
}

impl Git {
    pub(super) fn new(
        program: &str,
        env: &BTreeMap<String, String>,
        place: Whereabouts,
        mirror: PathBuf,
    ) -> Self {
        let kept = env.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
        let mut kept: BTreeMap<_, _> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(folders) = kept.get_mut("PATH") {
            *folders = child::path(folders);
        }
        let fixed = [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", ""),
            ("SSH_ASKPASS_REQUIRE", "never"),
            ("GCM_INTERACTIVE", "never"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            ("GIT_PAGER", "cat"),
            ("GIT_ALLOW_PROTOCOL", place.protocols),
        ];
        kept.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let ssh = env.get("GIT_SSH_COMMAND").filter(|command| !command.is_empty()).cloned();
        Self { program: program.to_owned(), env: kept, ssh, batch: OnceCell::new(), place, mirror }
    }

    /// The absolute path of `git`.
    pub(super) fn found(&self) -> Result<PathBuf, Fault> {
        let no = |why: &str| {
            Fault::new(Cause::Local, format!("{} could not be started: {why}", self.program))
                .with_hint("install git, or name its path: git = \"/usr/bin/git\"")
        };
        match child::find(&self.program, self.env.get("PATH").map(String::as_str)) {
            Found::At(path) => Ok(path),
            Found::Nowhere => Err(no("it is not on PATH")),
            Found::Relative => Err(no("it is named by a path from the current folder")),
            Found::Unsafe(why) => Err(no(&why)),
        }
    }

    /// Runs git to its end; the outer error is that it was not even started.
    pub(super) async fn run(
        &self,
        words: &[&str],
        input: &[u8],
        (deadline, env): (Duration, BTreeMap<String, String>),
    ) -> Result<Result<Output, Failed>, Fault> {
        let program = self.found()?;
        let mirror = utf8(&self.mirror)?;
        let folder = format!("--git-dir={mirror}");
        let mut all = vec!["--no-pager"];
        PINNED.iter().for_each(|pinned| all.extend(["-c", pinned]));
        if words.first() != Some(&"init") {
            all.push(&folder);
        }
        all.extend(words);
        let call = Call {
            program: &program,
            arguments: &all,
            env,
            deadline,
            most: MOST,
            complaints: Complaints::Kept,
        };
        match child::converse(call, input, Duration::from_secs(1)).await {
            Ok(mut said) if said.out.len() <= MOST => Ok(Ok(Output {
                code: said.status.code(),
                out: std::mem::take(&mut *said.out),
                complaints: said.complaints,
            })),
            Ok(_) => Ok(Err(Failed::TooMuch)),
            Err(Failed::NotStarted(error)) => {
                Err(Fault::new(Cause::Local, format!("{} could not be started: {error}", self.program)))
            }
            Err(failed) => Ok(Err(failed)),
        }
    }

    /// Our environment for a command that asks nobody.
    pub(super) fn plain(&self) -> BTreeMap<String, String> {
        self.env.clone()
    }

    /// Our environment for a command that speaks to the server.
    pub(super) async fn outward(&self) -> BTreeMap<String, String> {
        let mut env = self.plain();
        let batch = self.batch.get_or_init(|| self.find_batch()).await;
        env.insert("GIT_SSH_COMMAND".to_owned(), batch.clone());
        env
    }

    /// The user's own way to call ssh, told to ask nobody anything.
    async fn find_batch(&self) -> String {
        let own = match &self.ssh {
            Some(ssh) => Some(ssh.clone()),
            None => self.setting("core.sshCommand").await.ok().flatten(),
        };
        let own = own.unwrap_or_else(|| "ssh".to_owned());
        // Another program than OpenSSH would not understand it.
        let program = own.split_whitespace().next().unwrap_or_default();
        let plain = program.rsplit('/').next().unwrap_or_default().trim_matches(['"', '\'']);
        if plain == "ssh" { format!("{own} -o BatchMode=yes") } else { own }
    }

    /// A command that asks nobody, whatever comes of it.
    pub(super) async fn local(&self, words: &[&str], input: &[u8]) -> Result<Output, Fault> {
        self.run(words, input, (LOCAL, self.plain())).await?.map_err(|failed| unsaid(words, &failed, LOCAL))
    }

    /// The output of a command that must succeed, and asks nobody.
    pub(super) async fn sure(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>, Fault> {
        let output = self.local(words, input).await?;
        if output.well() { Ok(output.out) } else { Err(self.failed(words, &output)) }
    }

    /// The output of a command that must succeed, and asks the server.
    pub(super) async fn asked(&self, words: &[&str], deadline: Duration) -> Result<Vec<u8>, Fault> {
        let env = self.outward().await;
        let said = self.run(words, b"", (deadline, env)).await?;
        let output = said.map_err(|failed| unsaid(words, &failed, deadline))?;
        if output.well() { Ok(output.out) } else { Err(self.failed(words, &output)) }
    }

    /// One setting of the user's own config.
    pub(super) async fn setting(&self, name: &str) -> Result<Option<String>, Fault> {
        let output = self.local(&["config", "--get", name], b"").await?;
        Ok(Some(output.line()).filter(|value| output.well() && !value.is_empty()))
    }

    pub(super) fn failed(&self, words: &[&str], output: &Output) -> Fault {
        let what = words.first().copied().unwrap_or_default();
        match output.code {
            Some(_) => fault::of(&output.complaints, &format!("git {what} of {}", self.place.shown)),
            None => Fault::new(Cause::Local, format!("git {what} was ended by a signal")),
        }
    }
}

/// Why git said nothing that can be used.
pub(super) fn unsaid(words: &[&str], failed: &Failed, deadline: Duration) -> Fault {
    let what = words.first().copied().unwrap_or_default();
    match failed {
        Failed::NotStarted(error) | Failed::Lost(error) => {
            Fault::new(Cause::Local, format!("git {what} was lost: {}", error.kind()))
        }
        Failed::TooMuch => {
            Fault::new(Cause::TooLarge, format!("git {what} printed more than {} MiB", MOST >> 20))
        }
        Failed::TooLong => {
            Fault::new(Cause::TimedOut, format!("git {what} took longer than {} s", deadline.as_secs()))
        }
    }
}

/// A path as git is given it.
pub(super) fn utf8(path: &Path) -> Result<&str, Fault> {
    path.to_str().ok_or_else(|| {
        Fault::new(Cause::Local, format!("{} is not UTF-8: git is not asked", path.display()))
            .with_hint("choose another folder with `cache`")
    })
}
