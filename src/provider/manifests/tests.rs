//! Against real git: a bare repository on this machine stands for the server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test's own machinery")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::domain::{
    Ask, Bound, Cause, EnvironmentName, Fault, Hazard, Intent, Manifests, Permission, Place, Prepared,
    Promise, Reached, Receipt, RevertTo, Role, ServiceName, Settings, Severity, Sha, SourceName, Target,
    Verb,
};
use crate::provider::{Provider, SourceSpec};

mod hostile;
mod reverts;
mod server;

/// A server's repository, somebody's clone of it, and us.
struct Stage {
    root: tempfile::TempDir,
    provider: Arc<dyn Provider>,
}

fn place() -> Place {
    Place::new("checkout", "production")
}

/// git as somebody at the server's side runs it.
fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Omar",
            "-c",
            "user.email=omar@x.test",
            "-c",
            "protocol.file.allow=always",
            "-C",
        ])
        .arg(folder)
        .args(words)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

const FOLDER: &str = "apps/checkout/production";

impl Stage {
    /// Three versions of checkout, and another service beside it.
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        git(root.path(), &["init", "-q", "--bare", "-b", "main", "server.git"]);
        git(root.path(), &["init", "-q", "-b", "main", "clone"]);
        let path = root.path().join("server.git");
        git(&root.path().join("clone"), &["remote", "add", "origin", path.to_str().unwrap()]);
        let provider = provider(root.path(), path.to_str().unwrap(), settings).unwrap();
        let made = Self { root, provider };
        made.commit("first", &[("README", "x"), ("apps/ledger/production/d.yaml", "image: r/ledger:v1\n")]);
        for version in ["v1", "v2", "v3"] {
            made.ship(version);
        }
        made
    }

    fn clone(&self) -> PathBuf {
        self.root.path().join("clone")
    }

    fn server(&self) -> PathBuf {
        self.root.path().join("server.git")
    }

    /// Somebody commits files and pushes.
    fn commit(&self, subject: &str, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let path = self.clone().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        git(&self.clone(), &["add", "-A"]);
        git(&self.clone(), &["commit", "-q", "-m", subject]);
        git(&self.clone(), &["push", "-q", "origin", "HEAD:main"]);
        git(&self.clone(), &["rev-parse", "HEAD"])
    }

    fn ship(&self, version: &str) -> String {
        let text = format!(
            "kind: Deployment\nspec:\n  replicas: 3\n  image: r.test/acme/checkout:{version}\n  password: hunter2{version}\n"
        );
        self.commit(&format!("checkout {version}"), &[(&format!("{FOLDER}/d.yaml"), &text)])
    }

    /// A hook of the server's.
    fn hook(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.server().join("hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn at_server(&self, what: &str) -> String {
        git(&self.server(), &["rev-parse", what])
    }

    async fn look(&self) -> Manifests {
        self.provider.observe(&Ask::default()).await.unwrap().manifests.remove(&place()).unwrap()
    }

    async fn fault(&self) -> Fault {
        self.provider.observe(&Ask::default()).await.unwrap_err()
    }

    async fn plan(&self, commit: &str, to: RevertTo) -> Result<Prepared, Fault> {
        self.provider.prepare(&intent(commit, to)).await
    }

    /// Plans and sends.
    async fn revert(&self, commit: &str, to: RevertTo) -> Result<Receipt, Fault> {
        let plan = self.plan(commit, to).await?;
        assert_eq!(blocking(&plan), Vec::<String>::new());
        assert_eq!(plan.steps.len(), 1);
        self.provider.perform(&plan.steps[0]).await
    }
}

fn env(root: &Path) -> BTreeMap<String, String> {
    let home = root.join("home");
    std::fs::create_dir_all(&home).unwrap();
    let config = home.join(".gitconfig");
    if !config.exists() {
        std::fs::write(config, "[user]\nname = Ann\nemail = ann@x.test\n").unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    [("HOME", home.to_str().unwrap()), ("PATH", &path), ("GIT_CONFIG_NOSYSTEM", "1")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn provider(root: &Path, url: &str, settings: &[(&str, &str)]) -> Result<Arc<dyn Provider>, Fault> {
    provider_with(url, settings, env(root))
}

fn provider_with(
    url: &str,
    settings: &[(&str, &str)],
    env: BTreeMap<String, String>,
) -> Result<Arc<dyn Provider>, Fault> {
    let of_binding = |key: &&str| ["folder", "branch"].contains(key);
    let mut own = Settings::default().with_text("url", url);
    let mut bound = Settings::default().with_text("folder", FOLDER);
    for (key, value) in settings {
        if of_binding(key) {
            bound = bound.with_text(key, value);
        } else {
            own = own.with_text(key, value);
        }
    }
    let bound = Bound {
        role: Role::Manifests,
        service: ServiceName::new("checkout"),
        environment: Some(EnvironmentName::new("production")),
        settings: bound,
    };
    (super::KIND.build)(SourceSpec {
        name: SourceName::new("deploys"),
        settings: own,
        secrets: BTreeMap::new(),
        bounds: vec![bound],
        env: Arc::new(env),
    })
}

fn intent(commit: &str, to: RevertTo) -> Intent {
    Intent {
        verb: Verb::RollBack,
        service: ServiceName::new("checkout"),
        place: Some(place()),
        target: Target::Revert { commit: Sha::new(commit), to },
        source: SourceName::new("deploys"),
        reason: Some("errors at 4 %".into()),
        answers: BTreeMap::new(),
    }
}

fn hazards(plan: &Prepared, severity: Severity) -> Vec<String> {
    let of = |hazard: &&Hazard| hazard.severity == severity;
    plan.hazards.iter().filter(of).map(|hazard| hazard.text.to_string()).collect()
}

fn blocking(plan: &Prepared) -> Vec<String> {
    hazards(plan, Severity::Blocking)
}
