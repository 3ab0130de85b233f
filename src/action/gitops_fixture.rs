//! A service whose one place a GitOps controller owns, for the tests of what is offered there and of what is proved.

use std::time::Duration;

use crate::domain::gitops::{Condition, Reign};
use crate::domain::{
    Application, Environment, EnvironmentName, Manifests, Place, Service, ServiceName, Sha, SourceName, Sync,
};

pub(super) const GIT: &str = "deploys";
pub(super) const CD: &str = "cd";

pub(super) fn place() -> Place {
    Place::new("web", "production")
}

pub(super) fn service(owned: bool) -> Service {
    let environment = Environment {
        name: EnvironmentName::new("production"),
        deploy: None,
        owner: owned.then(|| SourceName::new(CD)),
        manifests: Some(SourceName::new(GIT)),
        live: None,
        dispatch: None,
        image: None,
        signals: Vec::new(),
        alerts: None,
        policy: Default::default(),
    };
    Service {
        name: ServiceName::new("web"),
        code: None,
        pipeline: None,
        environments: vec![environment],
        stages: Vec::new(),
    }
}

pub(super) fn manifests(tip: &str, tree: &str) -> Manifests {
    Manifests {
        repository: "r".into(),
        branch: "main".into(),
        folder: "apps/web".into(),
        tip: Sha::new(tip),
        tree: Some(Sha::new(tree)),
        changes: Vec::new(),
        same: vec![Sha::new(tip)],
        prepared: vec![("gonogo/revert-x".into(), Sha::new(tree))],
    }
}

pub(super) fn application(applied: &str, sync: Sync, condition: Condition) -> Application {
    Application {
        tool: "Argo CD".into(),
        name: "web".into(),
        sync,
        condition,
        reign: Reign::Heals(Duration::from_secs(5)),
        applied: Some(Sha::new(applied)),
        operation: None,
        history: Vec::new(),
        url: None,
        remarks: Vec::new(),
    }
}
