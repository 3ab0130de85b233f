//! What the configuration asks of this source: which workspaces are whose, and which environment each of them changes.

use crate::domain::{Bound, Cause, EnvironmentName, Fault, Role, ServiceName};
use crate::provider::SourceSpec;
use crate::provider::http::segment;

/// A workspace that is looked at.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    pub(super) organization: String,
    pub(super) name: String,
    /// The environment of ours that its applies change.
    pub(super) environment: Option<EnvironmentName>,
}

impl Workspace {
    /// Where it is asked for by its name.
    pub(super) fn path(&self) -> String {
        format!("/organizations/{}/workspaces/{}", segment(&self.organization), segment(&self.name))
    }

    /// `ORG/NAME`, as it is configured.
    pub(super) fn called(&self) -> String {
        format!("{}/{}", self.organization, self.name)
    }

    fn read(text: &str, service: &ServiceName) -> Result<Self, Fault> {
        let parts: Vec<&str> = text.trim_matches('/').split('/').collect();
        let fine = |part: &&str| !part.is_empty() && *part != "." && *part != ".." && !part.contains(' ');
        let [organization, name] = parts.as_slice() else { return Err(odd(text, service)) };
        if ![organization, name].into_iter().all(fine) {
            return Err(odd(text, service));
        }
        let (organization, name) = ((*organization).to_owned(), (*name).to_owned());
        Ok(Self { organization, name, environment: None })
    }
}

fn odd(text: &str, service: &ServiceName) -> Fault {
    local(format!("{service}: {text:?} is no workspace of an organisation"))
        .with_hint("write it as ORGANIZATION/WORKSPACE, as the address of its page does")
}

/// What is asked for one service.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) service: ServiceName,
    pub(super) workspaces: Vec<Workspace>,
}

/// Reads the bindings of a source.
pub(super) fn read(spec: &SourceSpec) -> Result<Vec<Watch>, Fault> {
    let mut watches: Vec<Watch> = Vec::new();
    for bound in spec.bounds.iter().filter(|b| b.role == Role::Pipeline) {
        let text = bound.settings.text("project").unwrap_or_default();
        let workspace = Workspace::read(text, &bound.service)?;
        watches.push(Watch { service: bound.service.clone(), workspaces: vec![workspace] });
    }
    let live = |bound: &&Bound| bound.role == Role::Live;
    for watch in &mut watches {
        let service = watch.service.clone();
        let own = spec.bounds.iter().filter(live).filter(|bound| bound.service == service);
        let mut open = Vec::new();
        for bound in own {
            let Some(environment) = bound.environment.clone() else {
                return Err(local(format!("a binding of {} names no environment", bound.service)));
            };
            match bound.settings.text("workspace") {
                Some(text) => watch.bind(Workspace::read(text, &bound.service)?, environment),
                None => open.push(environment),
            }
        }
        watch.guess(&open);
    }
    let served = |bound: &Bound| watches.iter().any(|watch| watch.service == bound.service);
    if let Some(bound) = spec.bounds.iter().filter(live).find(|bound| !served(bound)) {
        return Err(local(format!("{} has no pipeline on source {}", bound.service, spec.name)).with_hint(
            "add pipeline = { source = .., project = \"ORGANIZATION/WORKSPACE\" } to the service",
        ));
    }
    Ok(watches)
}

impl Watch {
    /// Gives an environment the workspace that is configured for it.
    fn bind(&mut self, workspace: Workspace, environment: EnvironmentName) {
        match self.workspaces.iter_mut().find(|known| known.called() == workspace.called()) {
            Some(known) => known.environment = Some(environment),
            None => self.workspaces.push(Workspace { environment: Some(environment), ..workspace }),
        }
    }

    /// The environment that a workspace changes which nobody named: the one whose name is a part of its name, else the
    /// only one that is left.
    fn guess(&mut self, open: &[EnvironmentName]) {
        for workspace in self.workspaces.iter_mut().filter(|workspace| workspace.environment.is_none()) {
            let name = workspace.name.to_lowercase();
            let parts: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
            let named = open.iter().find(|open| parts.contains(&open.as_str().to_lowercase().as_str()));
            let only = || match open {
                [one] => Some(one),
                _ => None,
            };
            workspace.environment = named.or_else(only).cloned();
        }
    }
}

pub(super) fn local(why: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_changes_the_environment_that_its_name_holds_or_the_only_one() {
        for (name, open, wanted) in [
            ("shop-production", &["staging", "production"][..], Some("production")),
            ("shop-prod", &["staging", "production"], None),
            ("shop", &["production"], Some("production")),
            ("shop", &[], None),
        ] {
            let service = ServiceName::new("shop");
            let workspace = Workspace::read(&format!("acme/{name}"), &service).unwrap();
            let mut watch = Watch { service, workspaces: vec![workspace] };
            let open: Vec<_> = open.iter().map(|open| EnvironmentName::new(open)).collect();
            watch.guess(&open);
            let found = watch.workspaces[0].environment.as_ref().map(|found| found.as_str().to_owned());
            assert_eq!(found.as_deref(), wanted, "{name} {open:?}");
        }
    }

    #[test]
    fn what_is_no_workspace_is_refused() {
        for text in ["", "acme", "acme/", "/shop", "acme/shop/more", "acme/..", "acme/my shop"] {
            assert!(Workspace::read(text, &ServiceName::new("shop")).is_err(), "{text:?}");
        }
    }
}
