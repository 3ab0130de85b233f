//! `gonogo init`: a commented config of what was found here, where the config belongs. Never overwrites.
//!
//! Asks at the most three questions, each with what is usual; none with `--yes` or without a terminal.

mod found;
mod pipelines;
mod tools;
mod write;

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Common, Done, Failure, Surroundings, code, say};
use crate::config;
use crate::provider::KINDS;
use crate::provider::login::Logins;
use crate::runtime::hardening;
use found::{Found, Place, is_name};
use write::Choice;

/// The reference config, as shipped.
pub(super) const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// Options of `gonogo init`. With the common `--print` the config is printed, and nothing is written.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Args {
    /// The repository to set up from (else the one that the current folder lies in)
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
    /// Ask nothing: take what is usual
    #[arg(long)]
    yes: bool,
}

/// What would be written, and what it rests on.
pub(super) struct Proposal {
    /// The config.
    pub(super) text: String,
    /// What was found, a line each.
    pub(super) lines: Vec<String>,
}

/// Writes the config.
pub(super) async fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    let mut found = found::look(&start(args)?, &surroundings.env).await;
    let mut choice = Choice::usual(&found);
    if !args.yes && !found.is_empty() && io::stdin().is_terminal() && io::stderr().is_terminal() {
        ask(&found, &mut choice)?;
        for context in found.contexts.iter_mut().filter(|c| Some(&c.name) == choice.context.as_ref()) {
            context.reach().await;
        }
    }
    let proposal = propose(&found, &choice, surroundings)?;
    if common.print {
        say(&proposal.text)?;
        return Ok(code::OK);
    }
    let path = write(&proposal.text, common, surroundings)?;
    say(&report(&proposal, &path))?;
    Ok(code::OK)
}

/// What `gonogo init` would write without asking; looks around the current folder.
pub(super) async fn proposal(surroundings: &Surroundings) -> Result<Proposal, Failure> {
    let found = found::look(&start(&Args::default())?, &surroundings.env).await;
    propose(&found, &Choice::usual(&found), surroundings)
}

fn start(args: &Args) -> Result<PathBuf, Failure> {
    match &args.repo {
        None => Ok(PathBuf::from(".")),
        Some(path) if path.is_dir() => Ok(path.clone()),
        Some(path) => {
            Err(Failure::new(code::USAGE, format!("--repo {}: there is no such folder", path.display())))
        }
    }
}

fn propose(found: &Found, choice: &Choice, surroundings: &Surroundings) -> Result<Proposal, Failure> {
    if found.is_empty() {
        let lines =
            vec!["nothing to connect to was found here, so it is the example with every key".to_owned()];
        return Ok(Proposal { text: EXAMPLE.to_owned(), lines });
    }
    let text = write::config(found, choice);
    let around = config::Surroundings {
        home: surroundings.home(),
        env: Arc::clone(&surroundings.env),
        // What is proposed names no theme.
        themes: BTreeMap::new(),
    };
    // What is written must be a config as it stands: found out here, not by the user.
    config::load(&text, "the new config", &around, KINDS)
        .map_err(|errors| Failure::new(code::FAILED, format!("what was found makes no config\n{errors}")))?;
    Ok(Proposal { text, lines: told(found) })
}

/// Writes a new file that only its owner may read.
pub(super) fn write(text: &str, common: &Common, surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    let path = surroundings.config(common.config.as_ref()).ok_or_else(|| {
        Failure::new(code::USAGE, "no config folder is known here; name a file with --config")
    })?;
    let at = |error: io::Error| Failure::new(code::FAILED, format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        hardening::private_folder(folder).map_err(at)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            code::FAILED,
            format!(
                "{} is there already; nothing was changed\n  gonogo init --print   shows what would be written",
                path.display()
            ),
        ),
        _ => at(error),
    })?;
    file.write_all(text.as_bytes()).map_err(at)?;
    Ok(path)
}

/// What was written, and the next two commands.
pub(super) fn report(proposal: &Proposal, path: &Path) -> String {
    let mut text: String = proposal.lines.iter().map(|line| format!("found  {line}\n")).collect();
    text.push_str(&format!(
        "wrote  {}\n\nnext\n  gonogo doctor    checks it: each source, each credential\n  gonogo           opens the cockpit\n",
        path.display()
    ));
    text
}

/// What was found, a line each.
fn told(found: &Found) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(checkout) = &found.checkout {
        lines.push(format!("repository    {}", checkout.folder.display()));
        if let Some(hub) = &checkout.hub {
            let how = match (write::may_ask(found, hub), found.login(&hub.host), found.variable) {
                (false, _, _) if pipelines::may_ask_gitlab(found, hub) => String::new(),
                (false, _, _) => "; not github.com and no host of `gh`, so nothing is sent there".to_owned(),
                (true, Some(login), _) => format!("; gh is logged in as {}", login.account),
                (true, None, Some(variable)) => format!("; token from ${variable}"),
                (true, None, None) => "; no login: `gh auth login` to see more and to act".to_owned(),
            };
            lines.push(format!("remote        {} at {}{how}", hub.project, hub.host));
        }
        if !checkout.workflows.is_empty() {
            lines.push(format!("workflows     {}", checkout.workflows.join(", ")));
        }
        if !checkout.environments.is_empty() {
            lines.push(format!("environments  {}", checkout.environments.join(", ")));
        }
        lines.extend(checkout.others.iter().map(|file| format!("CI file       {file}")));
    }
    if let Some(Logins::Told(all)) = &found.glab {
        lines.extend(
            all.iter().map(|login| format!("glab          logged in to {} as {}", login.host, login.account)),
        );
    }
    for context in found.contexts.iter().filter(|context| context.current) {
        lines.push(format!("kube context  {}; {}", context.name, answers(context.answers)));
    }
    let place = |word: &str, place: &Option<Place>| {
        place.as_ref().map(|place| format!("{word:<13} {}; {}", place.url, answers(place.answers)))
    };
    lines.extend(place("docker", &found.docker));
    lines.extend(place("prometheus", &found.prometheus));
    lines.extend(place("alertmanager", &found.alertmanager));
    lines.extend(found.tools.iter().map(tools::Tool::told));
    lines
}

const fn answers(answers: bool) -> &'static str {
    if answers { "answers" } else { "does not answer, so it is a comment" }
}

/// The questions; an empty answer takes what is usual.
fn ask(found: &Found, choice: &mut Choice) -> Result<(), Failure> {
    if found.checkout.is_some() {
        loop {
            let name = question("What is the service called?", &choice.service)?;
            if is_name(&name) {
                choice.service = name;
                break;
            }
            writeln!(io::stderr(), "  letters, digits and - _ . / only, 100 at the most")?;
        }
    }
    let workflows = found.checkout.as_ref().map_or(&[][..], |c| &c.workflows);
    if workflows.len() > 1 {
        choice.workflow = one_of("Which workflow releases it?", workflows, choice.workflow.clone())?;
    }
    if found.contexts.len() > 1 {
        let names: Vec<String> = found.contexts.iter().map(|c| c.name.clone()).collect();
        choice.context = one_of("Which kube context is production?", &names, choice.context.clone())?;
    }
    Ok(())
}

fn question(text: &str, usual: &str) -> Result<String, Failure> {
    write!(io::stderr(), "{text} [{usual}] ")?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(Failure::new(code::FAILED, "no answer; nothing was written"));
    }
    let line = line.trim();
    Ok(if line.is_empty() { usual.to_owned() } else { line.to_owned() })
}

fn one_of(text: &str, names: &[String], usual: Option<String>) -> Result<Option<String>, Failure> {
    for (number, name) in names.iter().enumerate().take(20) {
        writeln!(io::stderr(), "  {:>2}  {name}", number + 1)?;
    }
    loop {
        let said = question(text, usual.as_deref().unwrap_or("none"))?;
        let by_number = said.parse::<usize>().ok().and_then(|n| names.get(n.checked_sub(1)?));
        if let Some(name) = by_number.or_else(|| names.iter().find(|name| **name == said)) {
            return Ok(Some(name.clone()));
        }
        if said == "none" {
            return Ok(None);
        }
        writeln!(io::stderr(), "  its number or its name")?;
    }
}
