//! One of the worked examples as it is in the documentation, behind a provider: `web` in production.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gonogo::domain::{
    Artifact, Ask, Bound, EnvironmentName, Fault, Intent, Place, Prepared, Receipt, Role, Rollout,
    ServiceName, Settings, Severity, SourceName, Target, Value as Setting, Verb,
};
use gonogo::provider::{Provider, SourceSpec, kind};

/// In every world here; must never be told.
pub(crate) const SECRET: &str = "hunter2";

pub(crate) struct Stage {
    provider: Arc<dyn Provider>,
}

/// Where programs are, the system's own first: a version manager's shims take their time.
pub(crate) fn path() -> String {
    format!("/usr/bin:/bin:{}", std::env::var("PATH").unwrap())
}

/// The first of this name on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&path()).map(|folder| folder.join(name)).find(|program| program.is_file())
}

pub(crate) fn python() -> PathBuf {
    on_path("python3").expect("the worked examples need python3")
}

pub(crate) fn in_repository(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn list(words: &[&Path]) -> Setting {
    Setting::List(words.iter().map(|word| word.to_str().unwrap().to_owned()).collect())
}

impl Stage {
    pub(crate) fn open(example: &str, args: &[(&str, &str)], env: &[(&str, &str)], home: &Path) -> Self {
        let script = in_repository("docs/examples/command").join(example);
        let words = list(&[&python(), &script]);
        let table = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let settings = ["state", "promote", "roll_back"]
            .into_iter()
            .fold(Settings::default(), |settings, key| settings.with(key, words.clone()))
            .with("env", Setting::Table(table(env)))
            .with("state_timeout", Setting::Integer(18));
        let spec = SourceSpec {
            name: SourceName::new("prod"),
            settings,
            secrets: BTreeMap::new(),
            bounds: vec![Bound {
                role: Role::Deploy,
                service: ServiceName::new("web"),
                environment: Some(EnvironmentName::new("production")),
                settings: Settings::default().with("args", Setting::Table(table(args))),
            }],
            env: Arc::new(BTreeMap::from([
                ("PATH".to_owned(), path()),
                ("HOME".to_owned(), home.to_str().unwrap().to_owned()),
            ])),
        };
        Self { provider: (kind("command").unwrap().build)(spec).unwrap() }
    }

    pub(crate) async fn look(&self) -> Rollout {
        let mut seen = self.provider.observe(&Ask::default()).await.unwrap_or_else(|fault| panic!("{fault}"));
        discreet(&seen);
        Arc::unwrap_or_clone(seen.rollouts.remove(&Place::new("web", "production")).unwrap())
    }

    pub(crate) async fn plan(&self, verb: Verb, version: &str) -> Result<Prepared, Fault> {
        let artifact = Artifact {
            image: format!("web:{version}").as_str().into(),
            version: Some(version.into()),
            ..Artifact::default()
        };
        let target = match verb {
            Verb::RollBack => {
                let rollout = self.look().await;
                let back = rollout.revisions.iter().find(|r| r.artifact.label() == version);
                let id = back.unwrap_or_else(|| panic!("no way back to {version}: {rollout:?}")).id.clone();
                Target::Revision { id, artifact }
            }
            _ => Target::Artifact(artifact),
        };
        let intent = Intent {
            verb,
            service: ServiceName::new("web"),
            place: Some(Place::new("web", "production")),
            target,
            source: SourceName::new("prod"),
            reason: None,
            answers: BTreeMap::new(),
        };
        let one = self.provider.prepare(&intent).await?;
        let two = self.provider.prepare(&intent).await?;
        assert_eq!((&one.basis, &one.steps), (&two.basis, &two.steps), "an unmoved world");
        discreet(&one);
        Ok(one)
    }

    pub(crate) async fn planned(&self, verb: Verb, version: &str) -> Prepared {
        self.plan(verb, version).await.unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub(crate) async fn perform(&self, prepared: &Prepared) -> Result<Receipt, Fault> {
        let answer = self.provider.perform(&prepared.steps[0]).await;
        discreet(&answer);
        answer
    }

    pub(crate) async fn carried_out(&self, prepared: &Prepared) -> Receipt {
        self.perform(prepared).await.unwrap_or_else(|fault| panic!("{fault}"))
    }
}

/// The secret of the world in nothing that is told.
fn discreet(told: &impl std::fmt::Debug) {
    let told = format!("{told:?}");
    assert!(!told.contains(SECRET), "{told}");
}

pub(crate) fn hazards(prepared: &Prepared, severity: Severity) -> String {
    let texts = prepared.hazards.iter().filter(|hazard| hazard.severity == severity);
    texts.map(|hazard| hazard.text.as_str()).collect::<Vec<_>>().join("\n")
}

pub(crate) fn basis<'a>(prepared: &'a Prepared, name: &str) -> &'a str {
    prepared.basis.iter().find(|basis| basis.name == name).map_or("", |basis| basis.value.as_str())
}
