//! A repository of manifests on this machine, with two versions of a service, and the provider that follows it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use gonogo::domain::{Bound, EnvironmentName, Role, ServiceName, Settings, SourceName};
use gonogo::provider::{Provider, SourceSpec, kind};

pub(crate) const FOLDER: &str = "apps/web/production";

pub(crate) struct Deploys {
    root: tempfile::TempDir,
    pub(crate) provider: Arc<dyn Provider>,
}

pub(crate) fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Omar", "-c", "user.email=omar@x.test", "-C"])
        .arg(folder)
        .args(words)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Deploys {
    /// As source "prod" of service "web", as the tests of other targets have it.
    pub(crate) fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        git(root.path(), &["init", "-q", "--bare", "-b", "main", "server.git"]);
        git(root.path(), &["init", "-q", "-b", "main", "clone"]);
        let (server, clone) = (root.path().join("server.git"), root.path().join("clone"));
        for version in ["v1", "v2"] {
            std::fs::create_dir_all(clone.join(FOLDER)).unwrap();
            std::fs::write(clone.join(FOLDER).join("d.yaml"), format!("image: r.test/web:{version}\n"))
                .unwrap();
            git(&clone, &["add", "-A"]);
            git(&clone, &["commit", "-q", "-m", version]);
        }
        git(&clone, &["push", "-q", server.to_str().unwrap(), "main"]);
        let env = [
            ("HOME", root.path().to_str().unwrap().to_owned()),
            ("PATH", std::env::var("PATH").unwrap()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ];
        let spec = SourceSpec {
            name: SourceName::new("prod"),
            settings: Settings::default()
                .with_text("url", server.to_str().unwrap())
                .with_text("author", "Ann <ann@x.test>")
                .with_text("cache", root.path().join("cache").to_str().unwrap()),
            secrets: BTreeMap::new(),
            bounds: vec![Bound {
                role: Role::Manifests,
                service: ServiceName::new("web"),
                environment: Some(EnvironmentName::new("production")),
                settings: Settings::default().with_text("folder", FOLDER),
            }],
            env: Arc::new(env.map(|(name, value)| (name.to_owned(), value)).into()),
        };
        let provider = (kind("manifests").unwrap().build)(spec).unwrap();
        Self { root, provider }
    }

    pub(crate) fn server(&self) -> PathBuf {
        self.root.path().join("server.git")
    }

    pub(crate) fn tip(&self) -> String {
        git(&self.server(), &["rev-parse", "main"])
    }

    /// What the server does once it has taken a push.
    pub(crate) fn afterwards(&self, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.server().join("hooks/post-receive");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}
