//! Which Deployments a Service chooses between, and by which label of its selector.
//!
//! Pure: selectors and templates as values. What cannot be told is refused, never guessed: a wrong guess would send
//! traffic to somebody else's pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::workload::Workload;
use super::objects::Service;
use crate::domain::{Cause, Fault};

/// The two or more Deployments behind a Service, told apart by one label.
#[derive(Clone, Debug)]
pub(super) struct Colours {
    /// The label.
    pub(super) switch: String,
    /// Its value in the selector: what has the traffic.
    pub(super) live: String,
    /// The Deployment of each value.
    pub(super) of: BTreeMap<String, Arc<Workload>>,
}

fn refused(text: String, hint: &str) -> Fault {
    Fault::new(Cause::Local, text).with_hint(hint)
}

impl Colours {
    /// The Deployments behind a Service.
    ///
    /// # Errors
    /// When the selector and the Deployments do not tell one label that chooses between them.
    pub(super) fn of(
        service: &Service,
        switch: Option<&str>,
        deployments: &[Arc<Workload>],
    ) -> Result<Self, Fault> {
        let name = &service.meta.name;
        let switch = match switch {
            Some(label) if service.selector.contains_key(label) => label.to_owned(),
            Some(label) => {
                let labels = service.selector.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(refused(
                    format!("the selector of service {name} has no label {label}; it has: {labels}"),
                    "name one of these: switch = \"..\"",
                ));
            }
            None => Self::inferred(service, deployments)?,
        };
        let live = service.selector.get(&switch).cloned().unwrap_or_default();
        if service.selector.len() < 2 {
            return Err(refused(
                format!(
                    "service {name} selects by {switch} alone: which Deployments are meant cannot be told"
                ),
                "give both Deployments a label in common, and the selector too",
            ));
        }
        let mut of: BTreeMap<String, Arc<Workload>> = BTreeMap::new();
        for deployment in behind(service, &switch, deployments) {
            let Some(value) = deployment.labels.get(&switch) else { continue };
            if let Some(other) = of.insert(value.to_owned(), Arc::clone(deployment)) {
                return Err(refused(
                    format!(
                        "service {name}: {switch}={value} is both {} and {}: which is meant cannot be told",
                        other.named(),
                        deployment.named()
                    ),
                    "give each Deployment a value of its own",
                ));
            }
        }
        Ok(Self { switch, live, of })
    }

    /// The one label of the selector by which several Deployments differ. It must be the one whichever of them is
    /// chosen: what can be told before a switch must be so after it.
    fn inferred(service: &Service, deployments: &[Arc<Workload>]) -> Result<String, Fault> {
        let name = &service.meta.name;
        let mut found = differing(service, deployments);
        if let [one] = found.iter().cloned().collect::<Vec<_>>().as_slice() {
            for value in values(service, one, deployments) {
                let mut switched = service.clone();
                switched.selector.insert(one.clone(), value);
                found.extend(differing(&switched, deployments));
            }
        }
        match found.into_iter().collect::<Vec<_>>().as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(refused(
                format!("no label in the selector of service {name} tells two Deployments apart"),
                "name it: switch = \"..\", once both Deployments are there",
            )),
            several => Err(refused(
                format!(
                    "service {name} chooses by {}: which of them is switched cannot be told",
                    several.join(" and ")
                ),
                "name it: switch = \"..\"",
            )),
        }
    }

    /// The Deployment that has the traffic.
    pub(super) fn serving(&self) -> Option<&Arc<Workload>> {
        self.of.get(&self.live)
    }

    /// The others, by their value.
    pub(super) fn beside(&self) -> impl Iterator<Item = (&String, &Arc<Workload>)> {
        self.of.iter().filter(|(value, _)| **value != self.live)
    }
}

/// The labels of a selector by which Deployments differ that agree in the others.
fn differing(service: &Service, deployments: &[Arc<Workload>]) -> BTreeSet<String> {
    let labels = service.selector.keys().filter(|label| values(service, label, deployments).len() > 1);
    labels.cloned().collect()
}

/// The values that a label of the selector has among the Deployments that agree in the others.
fn values(service: &Service, label: &str, deployments: &[Arc<Workload>]) -> BTreeSet<String> {
    behind(service, label, deployments).filter_map(|d| d.labels.get(label).map(str::to_owned)).collect()
}

/// The Deployments whose pods the selector would choose, but for one label.
fn behind<'a>(
    service: &'a Service,
    switch: &'a str,
    deployments: &'a [Arc<Workload>],
) -> impl Iterator<Item = &'a Arc<Workload>> {
    let others = move |deployment: &&Arc<Workload>| {
        let mut wanted = service.selector.iter().filter(|(key, _)| key.as_str() != switch);
        wanted.all(|(key, value)| deployment.labels.get(key) == Some(value.as_str()))
    };
    // Of a selector with one label alone nothing else is left to match.
    deployments.iter().filter(move |_| service.selector.len() > 1).filter(others)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::fixture;
    use super::super::super::species::Resource;
    use super::super::super::wire::Watched as _;
    use super::*;

    fn service(selector: &Value) -> Service {
        let object = json!({"metadata": {"name": "web", "uid": "u"}, "spec": {"selector": selector}});
        Service::cut(&object, Resource::Services).unwrap()
    }

    fn deployments(all: &[(&str, Value)]) -> Vec<Arc<Workload>> {
        let one = |(name, labels): &(&str, Value)| {
            let object = fixture::deployment()
                .set("/metadata/name", json!(name))
                .set("/spec/template/metadata/labels", labels.clone());
            Arc::new(object.cut())
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn the_label_that_differs_is_the_switch_and_what_cannot_be_told_is_refused() {
        let blue = ("web-blue", json!({"app": "web", "color": "blue", "track": "a", "tier": "x"}));
        let green = ("web-green", json!({"app": "web", "color": "green", "track": "a"}));
        let stranger = ("pay-green", json!({"app": "pay", "color": "green"}));
        let crossed = ("web-green", json!({"app": "web", "color": "green", "track": "b"}));
        let twin = ("web-twin", json!({"app": "web", "color": "green"}));
        let both = json!({"app": "web", "color": "blue"});
        for (what, selector, switch, all, expected) in [
            ("inferred", &both, None, vec![&blue, &green], Ok(vec!["blue", "green"])),
            // It could be told now, and not after the switch.
            ("ambiguous once green", &both, None, vec![&blue, &green, &stranger], Err("by app and color")),
            ("named", &both, Some("color"), vec![&blue, &green, &stranger], Ok(vec!["blue", "green"])),
            ("only one", &both, None, vec![&blue, &stranger], Err("tells two Deployments apart")),
            ("only one, and named", &both, Some("color"), vec![&blue], Ok(vec!["blue"])),
            ("no such label", &both, Some("version"), vec![&blue, &green], Err("has no label version")),
            ("two of one", &both, None, vec![&blue, &green, &twin], Err("is both deployment/web-green and")),
            ("alone", &json!({"color": "blue"}), Some("color"), vec![&blue, &green], Err("by color alone")),
            ("alone", &json!({"color": "blue"}), None, vec![&blue, &green], Err("tells two")),
            (
                "two labels at once are none of them",
                &json!({"app": "web", "color": "blue", "track": "a"}),
                None,
                vec![&blue, &crossed],
                Err("tells two"),
            ),
        ] {
            let all: Vec<_> = all.into_iter().cloned().collect();
            match (Colours::of(&service(selector), switch, &deployments(&all)), expected) {
                (Ok(colours), Ok(values)) => {
                    assert_eq!(colours.of.keys().collect::<Vec<_>>(), values, "{what}");
                    assert_eq!((colours.switch.as_str(), colours.live.as_str()), ("color", "blue"), "{what}");
                }
                (Err(fault), Err(part)) => assert!(fault.detail.as_str().contains(part), "{what}: {fault}"),
                (other, _) => panic!("{what}: {other:?}"),
            }
        }
    }
}
