//! `gonogo demo`: the cockpit on the embedded world. The only difference to a real day is where the config points.

use std::ffi::OsString;
use std::sync::Arc;

use clap::Parser;

use super::{Common, Done, Failure, Surroundings, cockpit, code, review, say, status};
use crate::runtime::screen::Keys;
use crate::sandbox::{self, Clock, Folder, Sandbox, Scenario};

/// The line that stays on top.
const BANNER: &str = "DEMO: nothing here is real";

/// The day that is shown unless another one is named.
const USUAL: &str = "release-day";

/// Options of `gonogo demo`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Which day (see --list)
    #[arg(default_value = USUAL)]
    scenario: String,
    /// Name the scenarios and what each teaches
    #[arg(long)]
    list: bool,
    /// Only serve: print the config's path and the addresses, until interrupted
    #[arg(long)]
    serve: bool,
    /// Play it as a drill: a task to do, and a review of what happened at the end
    #[arg(long, conflicts_with_all = ["serve", "status"])]
    drill: bool,
    /// Print the status instead of opening the cockpit
    #[arg(long)]
    status: bool,
    /// How much faster than real the world moves
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    speed: f64,
    /// Seed of everything that looks random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many services (scenario fleet)
    #[arg(long)]
    services: Option<usize>,
    /// Keep the world's folder
    #[arg(long)]
    keep: bool,
    /// A command to run on this world instead of the cockpit, after `--`: approvals, approve checkout --dry-run, ...
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Starts the world and opens the cockpit on it.
pub(super) async fn run(args: &Args, common: &Common, surroundings: &Surroundings) -> Done {
    begin(args, common, surroundings, None).await
}

async fn begin(args: &Args, common: &Common, surroundings: &Surroundings, keys: Option<Keys>) -> Done {
    if args.list {
        return list();
    }
    let command = within_demo(&args.command)?;
    if !(0.1..=60.0).contains(&args.speed) {
        return Err(Failure::new(code::USAGE, "--speed takes a factor from 0.1 to 60"));
    }
    let failed = |error: sandbox::SandboxError| Failure::new(code::FAILED, error.to_string());
    let scenario =
        Scenario::named(&args.scenario).map_err(|error| Failure::new(code::USAGE, error.to_string()))?;
    let options = sandbox::Options {
        clock: Clock::Running(args.speed),
        seed: args.seed,
        services: args.services,
        folder: if args.keep { Folder::Keep } else { Folder::Remove },
        start: None,
    };
    let drill = args.drill.then(|| scenario.drill.clone());
    let world = Sandbox::start(scenario, options).map_err(failed)?;
    if args.serve {
        return serve(&world).await;
    }
    let common = Common { config: Some(world.config_path().to_owned()), ..common.clone() };
    let surroundings = within(&world, surroundings);
    let banner = match &drill {
        Some(drill) => format!("DRILL: {}", drill.task),
        None => format!("{BANNER} · {}", args.scenario),
    };
    if let Some(command) = command {
        let common = Common { config: common.config, ..command.common };
        return super::carry_out(super::Args { common, ..command }, &surroundings).await;
    }
    if args.status {
        return status::run(&status::Args::default(), &common, &surroundings).await;
    }
    let Some(drill) = drill.filter(|_| !common.print) else {
        return cockpit::open(&common, &surroundings, Some(&banner), keys).await;
    };
    let journal = surroundings.journal();
    cockpit::open_then(&common, &surroundings, Some(&banner), keys, |model| {
        let goals = drill.runs.iter().map(|runs| reached(&world, runs)).collect();
        review::text(model, &review::Drill { task: drill.task.clone(), goals }, journal.as_deref())
    })
    .await
}

/// Whether the world runs what the drill wants, and nothing else there.
fn reached(world: &Sandbox, runs: &sandbox::Runs) -> review::Goal {
    let running = world.world().running(&runs.service, &runs.environment);
    let each: Vec<String> = running.iter().map(|(tag, count)| format!("{count} × {tag}")).collect();
    review::Goal {
        what: format!("{} in {} runs {}", runs.service, runs.environment, runs.version),
        is: each.join(", "),
        reached: !running.is_empty() && running.iter().all(|(tag, _)| *tag == runs.version),
    }
}

/// The usual day, for somebody who comes from the first screen.
pub(super) async fn open(common: &Common, surroundings: &Surroundings, keys: Keys) -> Done {
    let args = Args {
        scenario: USUAL.to_owned(),
        list: false,
        serve: false,
        status: false,
        speed: 1.0,
        seed: 1,
        services: None,
        keep: false,
        drill: false,
        command: Vec::new(),
    };
    begin(&args, common, surroundings, Some(keys)).await
}

/// The command after `--`, if there is one. It is an ordinary one, on the demo's config and journal.
fn within_demo(words: &[OsString]) -> Result<Option<super::Args>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    let name = std::iter::once(OsString::from("gonogo"));
    let args = super::Args::try_parse_from(name.chain(words.iter().cloned()))
        .map_err(|error| Failure::new(code::USAGE, error.to_string().trim_end().to_owned()))?;
    if matches!(args.command, Some(super::Command::Demo(_))) {
        return Err(Failure::new(code::USAGE, "a demo within a demo shows nothing new"));
    }
    Ok(Some(args))
}

/// The user's own state stays untouched: journal and caches of a demo live and die with its folder.
fn within(world: &Sandbox, surroundings: &Surroundings) -> Surroundings {
    let mut env = (*surroundings.env).clone();
    let folder = |name: &str| world.folder().join(name).display().to_string();
    env.insert("XDG_STATE_HOME".into(), folder("state"));
    env.insert("XDG_CONFIG_HOME".into(), folder("config"));
    env.insert("XDG_CACHE_HOME".into(), folder("cache"));
    Surroundings { env: Arc::new(env) }
}

fn list() -> Done {
    let mut text = String::new();
    for name in Scenario::names() {
        if let Ok(scenario) = Scenario::named(name) {
            text.push_str(&format!("{name:<16} {}\n{:<16} {}\n", scenario.title, "", scenario.teach));
        }
    }
    say(&text)?;
    Ok(code::OK)
}

async fn serve(world: &Sandbox) -> Done {
    let mut text = format!("config       {}\n", world.config_path().display());
    let urls = world.urls();
    for (name, url) in [
        ("github", &urls.github),
        ("gitlab", &urls.gitlab),
        ("jenkins", &urls.jenkins),
        ("circleci", &urls.circleci),
        ("terraform", &urls.terraform_cloud),
        ("awx", &urls.awx),
        ("prometheus", &urls.prometheus),
        ("alertmanager", &urls.alertmanager),
        ("kubernetes", &urls.kubernetes),
        ("docker", &urls.docker),
        ("registry", &urls.registry),
    ] {
        text.push_str(&format!("{name:<12} {url}\n"));
    }
    text.push_str("\nserving until interrupted (ctrl-c)\n");
    say(&text)?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended?,
        _ = terminate.recv() => {}
    }
    Ok(code::OK)
}
