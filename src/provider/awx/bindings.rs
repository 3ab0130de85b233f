//! What the configuration asks of this source: which workflow template is whose, which approval guards which environment.

use crate::domain::{Bound, Cause, EnvironmentName, Fault, Role, SafeText, ServiceName};
use crate::provider::SourceSpec;

/// What is asked for one service.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) service: ServiceName,
    /// The template's name, or its number.
    pub(super) template: String,
    pub(super) organization: Option<String>,
    /// The extra variable that holds the version.
    pub(super) version: String,
    /// The extra variable that holds the commit.
    pub(super) revision: String,
    /// Our environments, each with the name of its approval, if it is configured.
    pub(super) environments: Vec<(EnvironmentName, Option<String>)>,
}

impl Watch {
    /// The template's number, where it is configured by it.
    pub(super) fn number(&self) -> Option<u64> {
        self.template.parse().ok()
    }

    /// The environment that an approval guards: the one that names it, else the one whose name is a part of its name.
    pub(super) fn environment(&self, approval: &SafeText) -> Option<&EnvironmentName> {
        let named = self.environments.iter().find(|(_, name)| name.as_deref() == Some(approval.as_str()));
        let parts: Vec<String> =
            approval.as_str().split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
        let guessed = || {
            let fits = |(environment, name): &&(EnvironmentName, Option<String>)| {
                name.is_none() && parts.contains(&environment.as_str().to_lowercase())
            };
            self.environments.iter().find(fits)
        };
        named.or_else(guessed).map(|(environment, _)| environment)
    }
}

/// Reads the bindings of a source.
pub(super) fn read(spec: &SourceSpec) -> Result<Vec<Watch>, Fault> {
    let mut watches: Vec<Watch> = Vec::new();
    for bound in spec.bounds.iter().filter(|b| b.role == Role::Pipeline) {
        watches.push(watch(bound)?);
    }
    for bound in spec.bounds.iter().filter(|b| b.role == Role::Live) {
        let watch = watches.iter_mut().find(|w| w.service == bound.service).ok_or_else(|| {
            local(format!("{} has no pipeline on source {}", bound.service, spec.name))
                .with_hint("add pipeline = { source = .., template = \"..\" } to the service")
        })?;
        let Some(environment) = bound.environment.clone() else {
            return Err(local(format!("a binding of {} names no environment", bound.service)));
        };
        watch.environments.push((environment, bound.settings.text("approval").map(str::to_owned)));
    }
    Ok(watches)
}

fn watch(bound: &Bound) -> Result<Watch, Fault> {
    let own = |key: &str| bound.settings.text(key).map(str::to_owned);
    let template = own("template").unwrap_or_default().trim().to_owned();
    if template.is_empty() {
        return Err(local(format!("pipeline of {}: template is empty", bound.service))
            .with_hint("write the name of the workflow job template, or its number"));
    }
    Ok(Watch {
        service: bound.service.clone(),
        template,
        organization: own("organization"),
        version: own("version").unwrap_or_else(|| "version".to_owned()),
        revision: own("revision").unwrap_or_else(|| "revision".to_owned()),
        environments: Vec::new(),
    })
}

pub(super) fn local(why: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, why)
}
