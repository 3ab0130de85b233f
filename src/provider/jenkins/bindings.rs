//! What the configuration asks of this source: which job is whose, which input guards which environment.

use std::collections::BTreeMap;

use crate::domain::{Bound, Cause, EnvironmentName, Fault, Role, SafeText, ServiceName};
use crate::provider::SourceSpec;
use crate::provider::http::segment;

/// How a version is shipped by starting a job.
#[derive(Clone, Debug)]
pub(super) struct Dispatch {
    /// The job's path below Jenkins.
    pub(super) path: String,
    pub(super) parameters: BTreeMap<String, String>,
}

/// What is asked for one service.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) service: ServiceName,
    /// As it is configured: `acme/mailer`.
    pub(super) name: String,
    /// `/job/acme/job/mailer`.
    pub(super) path: String,
    /// Only this branch of a multibranch project.
    pub(super) branch: Option<String>,
    /// A part of the address of the repository whose commit counts.
    pub(super) remote: Option<String>,
    /// Our environments, each with what its input is known by, if that is configured.
    pub(super) environments: Vec<(EnvironmentName, Option<String>)>,
    pub(super) dispatches: BTreeMap<EnvironmentName, Dispatch>,
}

impl Watch {
    /// The environment that an input guards: the one that is configured for it, else the one that it names.
    pub(super) fn environment(&self, id: &SafeText, message: &SafeText) -> Option<&EnvironmentName> {
        let configured = self.environments.iter().find(|(_, input)| {
            input
                .as_ref()
                .is_some_and(|input| *id == input.as_str() || message.as_str().contains(input.as_str()))
        });
        let words: Vec<String> = message
            .as_str()
            .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
            .map(str::to_lowercase)
            .collect();
        let named = || {
            let fits = |(environment, input): &&(EnvironmentName, Option<String>)| {
                input.is_none() && words.contains(&environment.as_str().to_lowercase())
            };
            self.environments.iter().find(fits)
        };
        configured.or_else(named).map(|(environment, _)| environment)
    }

    /// The path of a build by its id: `16`, or `job/main/16` in a multibranch project.
    ///
    /// # Errors
    /// An id that is none of ours.
    pub(super) fn build(&self, id: &SafeText) -> Result<String, Fault> {
        let parts: Vec<&str> = id.as_str().split('/').collect();
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let name = |text: &str| {
            !text.is_empty()
                && !text.starts_with('.')
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b))
        };
        let fine = match parts.as_slice() {
            [build] => number(build),
            ["job", branch, build] => name(branch) && number(build),
            _ => false,
        };
        if fine {
            Ok(format!("{}/{id}", self.path))
        } else {
            Err(local(format!("{id} is not the id of a build")))
        }
    }

    /// The id of a build at an address, if it is one of this job. The address may name another host than ours.
    pub(super) fn id_of(&self, url: Option<&SafeText>, number: u64) -> SafeText {
        let id = url.and_then(|url| {
            let path = url.as_str().get(url.as_str().find("/job/")?..)?;
            let below = path.strip_prefix(self.path.as_str())?.trim_matches('/');
            let id = SafeText::new(below);
            (self.build(&id).is_ok() && below.ends_with(&number.to_string())).then_some(id)
        });
        id.unwrap_or_else(|| SafeText::new(&number.to_string()))
    }
}

/// Reads the bindings of a source.
pub(super) fn read(spec: &SourceSpec) -> Result<Vec<Watch>, Fault> {
    let mut watches: Vec<Watch> = Vec::new();
    for bound in spec.bounds.iter().filter(|b| b.role == Role::Pipeline) {
        watches.push(watch(bound)?);
    }
    for bound in spec.bounds.iter().filter(|b| matches!(b.role, Role::Live | Role::Dispatch)) {
        let watch = watches.iter_mut().find(|w| w.service == bound.service).ok_or_else(|| {
            local(format!("{} has no pipeline on source {}", bound.service, spec.name))
                .with_hint("add pipeline = { source = .., job = \"folder/name\" } to the service")
        })?;
        let Some(environment) = bound.environment.clone() else {
            return Err(local(format!("a binding of {} names no environment", bound.service)));
        };
        if bound.role == Role::Live {
            watch.environments.push((environment, bound.settings.text("input").map(str::to_owned)));
        } else {
            let path = path(bound.settings.text("job").unwrap_or(watch.name.as_str()), &bound.service)?;
            let parameters = bound.settings.table("parameters").cloned().unwrap_or_default();
            watch.dispatches.insert(environment, Dispatch { path, parameters });
        }
    }
    Ok(watches)
}

fn watch(bound: &Bound) -> Result<Watch, Fault> {
    let name = bound.settings.text("job").unwrap_or_default().trim_matches('/').to_owned();
    let own = |key: &str| bound.settings.text(key).map(str::to_owned);
    Ok(Watch {
        service: bound.service.clone(),
        path: path(&name, &bound.service)?,
        name,
        branch: own("branch"),
        remote: own("remote"),
        environments: Vec::new(),
        dispatches: BTreeMap::new(),
    })
}

/// `/job/acme/job/mailer` of `acme/mailer`.
fn path(name: &str, service: &ServiceName) -> Result<String, Fault> {
    let parts: Vec<&str> = name.trim_matches('/').split('/').collect();
    if parts.iter().any(|part| part.is_empty() || *part == "." || *part == "..") {
        return Err(local(format!("job of {service} is not a job's full name: {name:?}"))
            .with_hint("write it folders first: job = \"acme/mailer\""));
    }
    Ok(parts.into_iter().map(|part| format!("/job/{}", segment(part))).collect())
}

pub(super) fn local(why: impl AsRef<str>) -> Fault {
    Fault::new(Cause::Local, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Watch {
        Watch {
            service: ServiceName::new("shop"),
            name: "acme/shop".into(),
            path: path("acme/shop", &ServiceName::new("shop")).unwrap(),
            branch: None,
            remote: None,
            environments: vec![
                (EnvironmentName::new("production"), None),
                (EnvironmentName::new("eu"), Some("Ship it".into())),
            ],
            dispatches: BTreeMap::new(),
        }
    }

    #[test]
    fn a_build_is_known_by_its_place_below_the_job_whatever_host_its_address_names() {
        for (url, number, id) in [
            ("https://ci.test/jenkins/job/acme/job/shop/16/", 16, "16"),
            ("http://10.0.0.1:8080/job/acme/job/shop/job/feature%252Fx/7/", 7, "job/feature%252Fx/7"),
            // An address of another job is none of ours: the number is all that is taken from it.
            ("https://ci.test/job/other/16/", 16, "16"),
            ("https://ci.test/job/acme/job/shop/../../../script/16/", 16, "16"),
            ("", 3, "3"),
        ] {
            assert_eq!(shop().id_of(Some(&SafeText::new(url)), number), id, "{url}");
        }
        assert_eq!(
            shop().build(&"job/feature%252Fx/7".into()).unwrap(),
            "/job/acme/job/shop/job/feature%252Fx/7"
        );
        for id in ["", "x", "16/stop", "../16", "job/a/b/16", "job/../16", "16?x=1", "job/a b/1"] {
            assert!(shop().build(&SafeText::new(id)).is_err(), "{id}");
        }
    }

    #[test]
    fn an_input_guards_the_environment_that_it_names() {
        for (message, environment) in [
            ("Deploy v2 to production?", Some("production")),
            ("PRODUCTION", Some("production")),
            ("Ship it now", Some("eu")),
            ("to non-production", None),
            ("eu", None),
        ] {
            let found = shop().environment(&"Ab12".into(), &message.into()).map(ToString::to_string);
            assert_eq!(found.as_deref(), environment, "{message}");
        }
    }
}
