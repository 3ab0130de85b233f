//! A release day on loopback: one scripted world behind servers that speak the real dialects of GitHub,
//! Prometheus, Alertmanager, Kubernetes, the Docker Engine and an OCI registry, with real git repositories beside
//! them in a temporary folder.
//!
//! It knows nobody else in this crate: whoever talks to it does so over HTTP and git, with an ordinary config
//! file that it wrote, like any stranger. Everything listens on 127.0.0.1 with a port of the system's choice,
//! ends when the [`Sandbox`] is dropped, and changes truly when acted upon.

mod alertmanager;
mod alerts;
pub mod argocd;
pub mod awx;
mod ci;
pub mod circleci;
mod config;
pub mod docker;
pub mod fault;
mod followed;
mod githost;
pub mod github;
pub mod gitlab;
mod history;
mod images;
pub mod jenkins;
pub mod kubernetes;
pub mod manifests;
mod pipeline;
mod prometheus;
mod registry;
pub mod scenario;
mod serve;
mod signals;
pub mod terraform_cloud;
mod world;

pub use fault::{Act, Answered, Effect, Entry, Faults, Rule, Server};
pub use scenario::{Drill, Runs, Scenario};
pub use world::World;

use argocd::ArgoCd;
use awx::Awx;
use circleci::CircleCi;
use github::GitHub;
use gitlab::GitLab;
use history::Repositories;
use jenkins::Jenkins;
use jiff::Timestamp;
use manifests::Manifests;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use terraform_cloud::TerraformCloud;
use tokio::task::AbortHandle;

/// The pause between two steps of a running clock.
const TICK: Duration = Duration::from_millis(200);
/// The most that the world's clock moves in one step of a running clock, so that a machine that slept wakes up soon.
const LEAP: Duration = Duration::from_secs(60);

/// Why the embedded world could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// There is no such scenario.
    #[error("no scenario is called {name:?}; there are: {}", Scenario::names().collect::<Vec<_>>().join(", "))]
    UnknownScenario {
        /// The name asked for.
        name: String,
    },
    /// A scenario's file is broken.
    #[error("the scenario {name:?} cannot be read: {why}")]
    Scenario {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file, folder or port could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A git repository could not be made.
    #[error("a git repository could not be made: {0}")]
    Git(#[from] git2::Error),
}

/// What becomes of the folder in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folder {
    /// It is removed with the sandbox.
    #[default]
    Remove,
    /// It stays.
    Keep,
}

/// What moves the world's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// The clock on the wall, times this factor; five steps a second.
    Running(f64),
    /// Only [`World::advance`].
    Manual,
}

/// How to run a scenario.
#[derive(Clone, Debug)]
pub struct Options {
    /// What moves the clock.
    pub clock: Clock,
    /// The seed of all that looks random.
    pub seed: u64,
    /// How many services; `None` for as many as the scenario has.
    pub services: Option<usize>,
    /// What becomes of the folder in the end.
    pub folder: Folder,
    /// When the day begins; `None` for now. The same seed and start give the same commits.
    pub start: Option<Timestamp>,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Clock::Running(1.0), seed: 1, services: None, folder: Folder::Remove, start: None }
    }
}

/// Where the servers listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// The GitHub API's base.
    pub github: String,
    /// Prometheus.
    pub prometheus: String,
    /// Alertmanager.
    pub alertmanager: String,
    /// The Kubernetes API server.
    pub kubernetes: String,
    /// The Docker Engine, as `tcp://127.0.0.1:PORT`.
    pub docker: String,
    /// The registry's host and port, as images name it.
    pub registry: String,
    /// The storage host of GitHub's logs.
    pub logs: String,
    /// GitLab, without the API's path.
    pub gitlab: String,
    /// Jenkins, with its context path.
    pub jenkins: String,
    /// The CircleCI API's base.
    pub circleci: String,
    /// The git server's base.
    pub git: String,
    /// HCP Terraform's API base.
    pub terraform_cloud: String,
    /// AWX's API base.
    pub awx: String,
    /// Flagger's load tester.
    pub load_tester: String,
    /// Argo CD.
    pub argocd: String,
}

/// A running world. Dropping it stops every server and removes the folder.
#[derive(Debug)]
pub struct Sandbox {
    world: World,
    urls: Urls,
    config: PathBuf,
    path: PathBuf,
    tasks: Vec<AbortHandle>,
    /// Removes the folder when dropped; `None` when it stays.
    _folder: Option<TempDir>,
}

impl Sandbox {
    /// Starts a scenario on the current tokio runtime.
    ///
    /// # Errors
    /// When a folder, a file, a port or a git repository cannot be had.
    ///
    /// # Panics
    /// Outside a tokio runtime, as every spawn does.
    pub fn start(scenario: Scenario, options: Options) -> Result<Self, SandboxError> {
        let scenario = match options.services {
            Some(count) => scenario.with_services(count),
            None => scenario,
        };
        let start = options.start.unwrap_or_else(Timestamp::now);
        let folder = private_folder()
            .map_err(|source| SandboxError::Io { what: "no temporary folder could be made", source })?;
        let path = folder.path().to_path_buf();
        let listeners = Server::ALL.iter().map(|server| listen(*server)).collect::<Result<Vec<_>, _>>()?;
        let urls = Urls::of(&listeners);
        let repositories = repositories(&path, &scenario, start, options.seed)?;
        let mut github = GitHub::new(&urls.github, start);
        github.store.clone_from(&urls.logs);
        let mut ci = ci::Servers {
            github,
            gitlab: GitLab::new(&urls.gitlab),
            jenkins: Jenkins::new(&urls.jenkins),
            circleci: CircleCi::new(&urls.circleci),
            terraform_cloud: TerraformCloud::new(),
            awx: Awx::new(),
        };
        for (script, made) in scenario.services.iter().zip(&repositories) {
            ci.add_service(script, &made.origin, start)?;
        }
        let manifests = Manifests::make(&path, &scenario.services, &urls.registry, start)?;
        let outside =
            world::Outside { ci, manifests, argocd: ArgoCd::new(&urls.git), faults: Faults::default() };
        let world = World::new(&scenario, start, options.seed, &urls.registry, outside);
        write_files(&path, &urls, &world, (&scenario, start), &repositories)?;
        let mut tasks = Vec::new();
        for Listening { server, listener, .. } in listeners {
            let site = serve::Site { server, router: router(server, &world), world: world.clone() };
            tasks.push(tokio::spawn(serve::run(site, listener)).abort_handle());
        }
        if let Clock::Running(speed) = options.clock {
            tasks.push(tokio::spawn(run_clock(world.clone(), speed)).abort_handle());
        }
        let folder = match options.folder {
            Folder::Remove => Some(folder),
            Folder::Keep => {
                let _ = folder.keep();
                None
            }
        };
        Ok(Self { world, urls, config: path.join("config.toml"), path, tasks, _folder: folder })
    }

    /// The config file that leads to this world.
    #[must_use]
    pub fn config_path(&self) -> &Path {
        &self.config
    }

    /// The folder with everything that is a file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.path
    }

    /// Where the servers listen.
    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The switches for faults, and the ledger of every request.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.world.faults()
    }

    /// The world itself.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A port that is already ours.
struct Listening {
    server: Server,
    listener: tokio::net::TcpListener,
    port: u16,
}

fn listen(server: Server) -> Result<Listening, SandboxError> {
    let open = || -> std::io::Result<Listening> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok(Listening { server, listener: tokio::net::TcpListener::from_std(listener)?, port })
    };
    open().map_err(|source| SandboxError::Io { what: "no port could be had on 127.0.0.1", source })
}

impl Urls {
    fn of(listeners: &[Listening]) -> Self {
        let at = |server: Server| {
            let port = listeners.iter().find(|other| other.server == server).map_or(0, |found| found.port);
            format!("127.0.0.1:{port}")
        };
        Self {
            github: format!("http://{}", at(Server::Github)),
            prometheus: format!("http://{}", at(Server::Prometheus)),
            alertmanager: format!("http://{}", at(Server::Alertmanager)),
            kubernetes: format!("http://{}", at(Server::Kubernetes)),
            docker: format!("tcp://{}", at(Server::Docker)),
            registry: at(Server::Registry),
            logs: format!("http://{}", at(Server::Logs)),
            gitlab: format!("http://{}", at(Server::Gitlab)),
            jenkins: format!("http://{}/jenkins", at(Server::Jenkins)),
            circleci: format!("http://{}/api/v2", at(Server::Circleci)),
            git: format!("http://{}", at(Server::Git)),
            terraform_cloud: format!("http://{}/api/v2", at(Server::TerraformCloud)),
            awx: format!("http://{}/api/v2", at(Server::Awx)),
            load_tester: format!("http://{}", at(Server::LoadTester)),
            argocd: format!("http://{}", at(Server::Argocd)),
        }
    }
}

fn router(server: Server, world: &World) -> axum::Router {
    match server {
        Server::Github => github::router(world.clone()),
        Server::Prometheus => prometheus::router(world.clone()),
        Server::Alertmanager => alertmanager::router(world.clone()),
        Server::Kubernetes => world.cluster().router(),
        Server::Docker => world.engine().router(),
        Server::Registry => registry::router(world.clone()),
        Server::Logs => github::store(world.clone()),
        Server::Gitlab => gitlab::router(world.clone()),
        Server::Jenkins => jenkins::router(world.clone()),
        Server::Circleci => circleci::router(world.clone()),
        Server::Git => githost::router(world.clone()),
        Server::TerraformCloud => terraform_cloud::router(world.clone()),
        Server::Awx => awx::router(world.clone()),
        Server::LoadTester => world.cluster().load_tester(),
        Server::Argocd => argocd::router(world.clone()),
    }
}

/// A temporary folder for this user only, whatever the umask: there are tokens in it.
fn private_folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("gonogo-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// The repositories of every service. Services with the same script share theirs: a thousand clones help nobody.
fn repositories(
    folder: &Path,
    scenario: &Scenario,
    start: Timestamp,
    seed: u64,
) -> Result<Vec<Repositories>, SandboxError> {
    let mut made: Vec<(&scenario::ServiceScript, Repositories)> = Vec::new();
    let mut all = Vec::new();
    for script in &scenario.services {
        let same = made.iter().find(|(other, _)| other.ticket == script.ticket && other.tags == script.tags);
        let one = match same {
            Some((_, one)) => one.clone(),
            None => {
                let one = history::make(folder, script, start, seed)?;
                made.push((script, one.clone()));
                one
            }
        };
        all.push(one);
    }
    Ok(all)
}

fn write_files(
    folder: &Path,
    urls: &Urls,
    world: &World,
    (scenario, start): (&Scenario, Timestamp),
    repositories: &[Repositories],
) -> Result<(), SandboxError> {
    let services: Vec<_> = scenario.services.iter().zip(repositories).collect();
    let policy = config::policy(scenario.freeze.as_deref(), start);
    let kubeconfig = world.cluster().kubeconfig(&urls.kubernetes, kubernetes::ADMIN_TOKEN);
    for (file, token) in [
        ("github-token", github::OPERATOR_TOKEN),
        ("gitlab-token", gitlab::OPERATOR_TOKEN),
        ("jenkins-token", jenkins::OPERATOR_TOKEN),
        ("circleci-token", circleci::OPERATOR_TOKEN),
        ("terraform-cloud-token", terraform_cloud::OPERATOR_TOKEN),
        ("awx-token", awx::OPERATOR_TOKEN),
        ("argocd-token", argocd::OPERATOR_TOKEN),
    ] {
        config::private(&folder.join(file), &format!("{token}\n"))?;
    }
    config::private(&folder.join("kubeconfig"), &kubeconfig)?;
    config::private(&folder.join("config.toml"), &config::text(folder, urls, &services, &policy))
}

/// Moves the world's clock with the one on the wall.
async fn run_clock(world: World, speed: f64) {
    let mut before = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let now = ticks.tick().await;
        let passed = now.duration_since(before).as_secs_f64() * speed.clamp(0.0, 1_000.0);
        before = now;
        if passed > 0.0 {
            world.advance(Duration::from_secs_f64(passed).min(LEAP));
        }
    }
}

/// The pairs of a query or a form.
fn form(text: &str) -> Vec<(String, String)> {
    let decode = |word: &str| github::decode(&word.replace('+', " "));
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}
