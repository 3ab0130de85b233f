//! What the configuration says there is: services, environments, sources, rules. Checked, and never changing
//! while the program runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::freeze::Freeze;
use super::name::{EnvironmentName, Place, PolicyName, ServiceName, SourceName};
use super::people::TwoPerson;
use super::text::SafeText;
use super::verdict::Stage;

/// A configured value after checking against its key's specification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `"text"`.
    Text(String),
    /// `7`.
    Integer(i64),
    /// `0.5`.
    Float(f64),
    /// `true`.
    Switch(bool),
    /// `["a", "b"]`.
    List(Vec<String>),
    /// `{ key = "text" }`.
    Table(BTreeMap<String, String>),
}

/// Checked settings of a source or of a binding: key to value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings(pub BTreeMap<String, Value>);

impl Settings {
    /// A text setting.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A number, whole or not.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.0.get(key) {
            Some(Value::Float(x)) => Some(*x),
            #[expect(clippy::cast_precision_loss, reason = "configured numbers are small")]
            Some(Value::Integer(x)) => Some(*x as f64),
            _ => None,
        }
    }

    /// A list of texts; empty if it is not set.
    #[must_use]
    pub fn list(&self, key: &str) -> &[String] {
        match self.0.get(key) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// A table of texts.
    #[must_use]
    pub fn table(&self, key: &str) -> Option<&BTreeMap<String, String>> {
        match self.0.get(key) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    /// Puts a value; for tests and for defaults.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.0.insert(key.to_owned(), value);
        self
    }

    /// Puts a text; for tests and for defaults.
    #[must_use]
    pub fn with_text(self, key: &str, text: &str) -> Self {
        self.with(key, Value::Text(text.to_owned()))
    }
}

/// What a source is asked to do for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Read its repository.
    Code,
    /// Show its runs and gates.
    Pipeline,
    /// Tell what is live in an environment, and carry its gates.
    Live,
    /// Run it in an environment.
    Deploy,
    /// Keep an environment as Git says: the GitOps controller that owns it.
    Owner,
    /// Hold the manifests of an environment in Git.
    Manifests,
    /// Ship a version by starting a pipeline.
    Dispatch,
    /// Evaluate a signal in an environment.
    Signal,
    /// Tell the alerts of an environment.
    Alerts,
}

/// One thing that a source is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// What.
    pub role: Role,
    /// For which service.
    pub service: ServiceName,
    /// In which environment, for the roles that have one.
    pub environment: Option<EnvironmentName>,
    /// How.
    pub settings: Settings,
}

impl Bound {
    /// Service and environment.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let environment = self.environment.clone()?;
        Some(Place { service: self.service.clone(), environment })
    }
}

/// What is released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// Which source reads its repository.
    pub code: Option<SourceName>,
    /// Which source runs its pipeline.
    pub pipeline: Option<SourceName>,
    /// Where it runs, in the order of promotion.
    pub environments: Vec<Environment>,
    /// Which jobs belong to which stage; the first pattern found in the job's name wins.
    pub stages: Vec<StagePattern>,
}

/// A text that, found in a job's name (case folded), says which stage the job belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagePattern {
    /// The text.
    pub text: String,
    /// The stage.
    pub stage: Stage,
}

/// Where a service runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Which source runs it.
    pub deploy: Option<SourceName>,
    /// Which source tells of the GitOps controller that owns it.
    pub owner: Option<SourceName>,
    /// Which source holds its manifests in Git.
    pub manifests: Option<SourceName>,
    /// Which source tells what is live and carries the gates.
    pub live: Option<SourceName>,
    /// Which source ships by starting a pipeline.
    pub dispatch: Option<SourceName>,
    /// How an image is named from a version: `registry.test/acme/checkout:{version}`.
    pub image: Option<String>,
    /// Which signals, and which source evaluates each.
    pub signals: Vec<(SafeText, SourceName)>,
    /// Which source tells the alerts.
    pub alerts: Option<SourceName>,
    /// Its rules.
    pub policy: Policy,
}

/// What the operator must do to confirm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// Move to the button and press enter.
    #[default]
    Press,
    /// Type the service's name.
    TypeName,
}

/// Whether a reason must be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonRule {
    /// May be given.
    #[default]
    Optional,
    /// Must be given.
    Required,
}

/// Whether writes are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reads and writes.
    #[default]
    ReadWrite,
    /// Reads only.
    ReadOnly,
}

/// Whether the environment's health must be GO before a promotion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthRule {
    /// A bad verdict is shown as a hazard.
    #[default]
    Shown,
    /// A promotion needs GO.
    MustBeGo,
}

/// The rules of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The name it is configured under, if it is.
    pub name: Option<PolicyName>,
    /// How to confirm.
    pub confirm: Confirm,
    /// Whether a reason must be given.
    pub reason: ReasonRule,
    /// Whether writes are allowed at all.
    pub access: Access,
    /// Health before a promotion.
    pub health: HealthRule,
    /// Whether a second person must agree.
    pub people: TwoPerson,
    /// When nothing is promoted or approved. One window that holds is enough.
    pub freeze: Vec<Freeze>,
    /// Evidence older than this is stale: nothing is planned on it.
    pub max_age: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: None,
            confirm: Confirm::default(),
            reason: ReasonRule::default(),
            access: Access::default(),
            health: HealthRule::default(),
            people: TwoPerson::default(),
            freeze: Vec::new(),
            max_age: Duration::from_secs(60),
        }
    }
}

impl Service {
    /// One of its environments.
    #[must_use]
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments.iter().find(|e| &e.name == name)
    }

    /// The environment that comes before `name` in the order of promotion.
    #[must_use]
    pub fn before(&self, name: &EnvironmentName) -> Option<&Environment> {
        let index = self.environments.iter().position(|e| &e.name == name)?;
        self.environments.get(index.checked_sub(1)?)
    }

    /// Every source that tells something about it; one may come more than once.
    pub fn sources(&self) -> impl Iterator<Item = &SourceName> {
        self.code.iter().chain(self.pipeline.iter()).chain(self.environments.iter().flat_map(|e| {
            e.deploy
                .iter()
                .chain(e.owner.iter())
                .chain(e.manifests.iter())
                .chain(e.alerts.iter())
                .chain(e.live.iter())
                .chain(e.signals.iter().map(|(_, source)| source))
        }))
    }

    /// Service and environment as one key.
    #[must_use]
    pub fn place(&self, environment: &Environment) -> Place {
        Place { service: self.name.clone(), environment: environment.name.clone() }
    }
}
