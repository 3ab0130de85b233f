//! A scenario: which services the scripted world begins with, and what happens in it. Knows its TOML files and
//! nothing of servers.
//!
//! Every scenario is a drill: it has a title, and one sentence that says what it teaches.

use super::SandboxError;
use super::fault::Server;
use serde::Deserialize;

/// The scenarios in the program, by name, each with its file's text. The first is the default.
const EMBEDDED: [(&str, &str); 20] = [
    ("release-day", include_str!("scenarios/release-day.toml")),
    ("quiet", include_str!("scenarios/quiet.toml")),
    ("canary-degrades", include_str!("scenarios/canary-degrades.toml")),
    ("canary-steps", include_str!("scenarios/canary-steps.toml")),
    ("blue-green", include_str!("scenarios/blue-green.toml")),
    ("flux", include_str!("scenarios/flux.toml")),
    ("flagger", include_str!("scenarios/flagger.toml")),
    ("service-switch", include_str!("scenarios/service-switch.toml")),
    ("build-fails", include_str!("scenarios/build-fails.toml")),
    ("provider-down", include_str!("scenarios/provider-down.toml")),
    ("rate-limited", include_str!("scenarios/rate-limited.toml")),
    ("answer-lost", include_str!("scenarios/answer-lost.toml")),
    ("world-moves", include_str!("scenarios/world-moves.toml")),
    ("wedged-lane", include_str!("scenarios/wedged-lane.toml")),
    ("all-providers", include_str!("scenarios/all-providers.toml")),
    ("decided-first", include_str!("scenarios/decided-first.toml")),
    ("freeze", include_str!("scenarios/freeze.toml")),
    ("gitops", include_str!("scenarios/gitops.toml")),
    ("git-down", include_str!("scenarios/git-down.toml")),
    ("fleet", include_str!("scenarios/fleet.toml")),
];

/// A scripted day.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, as on the command line.
    #[serde(skip)]
    pub name: String,
    /// A few words for a list.
    pub title: String,
    /// One sentence: what one learns here.
    pub teach: String,
    /// The scenario whose services this one starts with.
    #[serde(default)]
    pub extends: Option<String>,
    /// Why production is frozen, from the day before to the day after; none if it is not.
    #[serde(default)]
    pub freeze: Option<String>,
    /// What is to be done here when it is played as a drill.
    pub drill: Drill,
    /// The services.
    #[serde(default, rename = "service")]
    pub services: Vec<ServiceScript>,
    /// What happens without the operator.
    #[serde(default, rename = "event")]
    pub events: Vec<Event>,
}

/// A scenario as a drill: the task, and how the world should be at the end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// What is to be done, in one sentence.
    pub task: String,
    /// What must run at the end.
    #[serde(default)]
    pub runs: Vec<Runs>,
}

/// What must run where.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// The tag, and no other.
    pub version: String,
}

/// A service as the day begins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceScript {
    /// Its name; also its image's, its repository's and its workload's.
    pub name: String,
    /// Where its production runs.
    #[serde(default)]
    pub production_on: Platform,
    /// What its production runs as, where that is in the cluster.
    #[serde(default)]
    pub production_as: Workload,
    /// Which GitOps tool keeps its production as the repository of manifests says. What its pipeline ships there is then
    /// a commit.
    #[serde(default)]
    pub kept_by: Keeper,
    /// How many minutes ago its production got what is live, where a GitOps tool keeps it.
    #[serde(default = "an_hour")]
    pub live_for: i64,
    /// Who builds and deploys it.
    #[serde(default)]
    pub ci: Ci,
    /// What its repository at GitHub has besides.
    #[serde(default)]
    pub github: GithubScript,
    /// The prefix of its tickets.
    pub ticket: String,
    /// The tag that runs in production.
    pub live: String,
    /// The tag that runs in staging.
    pub staging: String,
    /// All tags, oldest first; the last is the newest release.
    pub tags: Vec<String>,
    /// Pods or tasks in production.
    pub replicas: u32,
    /// Ordinary error ratio in per cent.
    pub errors: f64,
    /// Ordinary 99th percentile of the latency in milliseconds.
    pub latency: f64,
    /// Requests a second in production.
    pub rate: f64,
    /// What its newest workflow run does as the day begins.
    pub run: RunScript,
    /// Seconds a production pod of the newest tag needs to get ready.
    #[serde(default)]
    pub slow_start: u64,
    /// Tags that misbehave in production.
    #[serde(default)]
    pub bad: Vec<BadVersion>,
    /// The commits of the newest tag, oldest first.
    #[serde(default)]
    pub commits: Vec<CommitScript>,
}

/// What a repository at GitHub has besides: groups, rules, forks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubScript {
    /// The concurrency group of the workflows that deploy; without one they run side by side.
    #[serde(default)]
    pub lane: Option<String>,
    /// The tag whose run has waited for days, and holds the group while later ones end behind it.
    #[serde(default)]
    pub holder: Option<String>,
    /// The App that must let production pass besides people.
    #[serde(default)]
    pub app: Option<String>,
    /// Minutes that production waits besides.
    #[serde(default)]
    pub wait_timer: u32,
    /// The fork, `owner/name`, of which a pull request waits until a maintainer lets its checks start.
    #[serde(default)]
    pub fork: Option<String>,
}

/// The kinds of platforms.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// A Deployment.
    #[default]
    Kubernetes,
    /// A Swarm service.
    Docker,
}

/// What a service can run as in the cluster.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// A Deployment.
    #[default]
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet.
    DaemonSet,
    /// A Rollout that goes in steps and is measured.
    Canary,
    /// A Rollout of two colours.
    BlueGreen,
    /// A Deployment that a Canary of Flagger leads, and a gate holds.
    Flagger,
    /// A Service that chooses between two Deployments.
    ServiceSwitch,
}

impl Workload {
    /// As a config names it: the kind before the name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Canary | Self::BlueGreen => "rollout",
            Self::Flagger => "canary",
            Self::ServiceSwitch => "service",
        }
    }
}

const fn an_hour() -> i64 {
    60
}

/// The kinds of GitOps tools.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Keeper {
    /// None: changes by hand stay.
    #[default]
    Nobody,
    /// Argo CD.
    ArgoCd,
    /// Flux.
    Flux,
}

/// The kinds of CI servers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Ci {
    /// GitHub Actions.
    #[default]
    Github,
    /// GitLab CI.
    Gitlab,
    /// Jenkins.
    Jenkins,
    /// CircleCI.
    Circleci,
    /// HCP Terraform.
    TerraformCloud,
    /// AWX.
    Awx,
}

/// What a workflow run does as the day begins.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum RunScript {
    /// Succeeded a while ago.
    Done,
    /// Still builds.
    Building,
    /// Waits for the approval of production.
    Waiting,
    /// Deploys to production.
    Deploying,
    /// Its end-to-end tests failed; they pass when they are run again.
    Failing,
}

/// How a tag misbehaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadVersion {
    /// The tag.
    pub version: String,
    /// Its error ratio in per cent.
    pub errors: f64,
    /// Its 99th percentile of the latency in milliseconds.
    pub latency: f64,
}

/// One commit of the newest tag.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitScript {
    /// Who wrote it.
    pub by: String,
    /// Its message.
    pub message: String,
    /// The file it touches.
    pub file: String,
}

/// Something that happens without the operator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Seconds after the start. Absent when `before` names a request instead.
    #[serde(default)]
    pub at: Option<u64>,
    /// The request that this happens just before, once.
    #[serde(default)]
    pub before: Option<Trigger>,
    /// What happens.
    pub what: What,
}

/// A request that sets an event off.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The server it goes to.
    pub server: Server,
    /// Its method.
    pub method: String,
    /// A part of its path.
    pub path: String,
}

/// What can happen.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// A server takes no connections any more.
    Refuse {
        /// The server.
        server: Server,
    },
    /// A server is as it should be again: no fault is left.
    Restore {
        /// The server.
        server: Server,
    },
    /// The next matching request takes effect, but its answer is lost.
    LoseAnswer {
        /// The server.
        server: Server,
        /// The method.
        method: String,
        /// A part of the path.
        path: String,
    },
    /// The token's hourly quota is nearly used up.
    Quota {
        /// Requests left.
        remaining: u32,
        /// Seconds until it is full again.
        reset: u32,
    },
    /// The secondary limit answers everything for some seconds.
    SecondaryLimit {
        /// How long.
        seconds: u32,
    },
    /// Somebody approves a gate.
    Approve {
        /// The service.
        service: String,
        /// The environment.
        environment: String,
        /// Who.
        by: String,
    },
    /// Somebody deploys a version past the pipeline.
    Deploy {
        /// The service.
        service: String,
        /// The environment.
        environment: String,
        /// The tag.
        version: String,
    },
}

impl Scenario {
    /// The names of all scenarios, the default first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// The embedded scenario of this name.
    ///
    /// # Errors
    /// When there is none, or its file is broken.
    pub fn named(name: &str) -> Result<Self, SandboxError> {
        let (name, text) = EMBEDDED
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| SandboxError::UnknownScenario { name: name.to_owned() })?;
        Self::parse(name, text)
    }

    /// A scenario from a file's text.
    ///
    /// # Errors
    /// When the text is no scenario, or extends an unknown one.
    pub fn parse(name: &str, text: &str) -> Result<Self, SandboxError> {
        let mut scenario: Self = toml::from_str(text)
            .map_err(|error| SandboxError::Scenario { name: name.to_owned(), why: error.to_string() })?;
        name.clone_into(&mut scenario.name);
        if let Some(base) = &scenario.extends {
            let base = Self::named(base)?;
            let mut services = base.services;
            for own in std::mem::take(&mut scenario.services) {
                match services.iter_mut().find(|known| known.name == own.name) {
                    Some(known) => *known = own,
                    None => services.push(own),
                }
            }
            scenario.services = services;
        }
        Ok(scenario)
    }

    /// This scenario with `count` services in all, made after its own ones.
    #[must_use]
    pub fn with_services(mut self, count: usize) -> Self {
        let patterns = self.services.clone();
        for (index, pattern) in (0..count).zip(patterns.iter().cycle()).skip(patterns.len()) {
            let mut service = pattern.clone();
            service.name = format!("{}-{index:04}", pattern.name);
            self.services.push(service);
        }
        self.services.truncate(count.max(1));
        self
    }
}
