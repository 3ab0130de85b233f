//! The HorizontalPodAutoscaler of a workload, if there is one and we may look: it sets the replicas, and a number
//! outside its bounds does not stay.

use serde_json::Value;

use super::Binding;
use super::link::Link;
use super::species::Species;
use crate::domain::{Hazard, Severity};

/// An autoscaler's bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Autoscaler {
    name: String,
    least: u32,
    most: u32,
}

impl Autoscaler {
    /// The one that scales a workload. None as well where the list may not be had: then the number that is asked
    /// for counts.
    pub(super) async fn of(link: &Link, binding: &Binding) -> Option<Self> {
        let path = format!("/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers", binding.namespace);
        let list = link.get(&path).await.ok()?.json().ok()?;
        Self::among(&list, binding.species, &binding.name)
    }

    fn among(list: &Value, species: Species, workload: &str) -> Option<Self> {
        let targets = |item: &&Value| {
            let target =
                |key: &str| item.pointer(&format!("/spec/scaleTargetRef/{key}")).and_then(Value::as_str);
            target("kind") == Some(species.kind()) && target("name") == Some(workload)
        };
        let found = list.get("items")?.as_array()?.iter().find(targets)?;
        let count = |key: &str| {
            found.pointer(&format!("/spec/{key}")).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
        };
        Some(Self {
            name: found.pointer("/metadata/name")?.as_str()?.to_owned(),
            least: count("minReplicas").unwrap_or(1),
            most: count("maxReplicas")?,
        })
    }

    /// How many replicas it keeps at least, of those asked for.
    pub(super) fn least(&self, asked: u32) -> u32 {
        self.least.min(asked)
    }

    /// What it would do to the replicas that are asked for now.
    pub(super) fn hazard(&self, asked: u32) -> Option<Hazard> {
        let Self { name, least, most } = self;
        let text = match asked {
            0 => format!("hpa/{name} is off while 0 replicas are asked for: nothing scales it up again"),
            n if n < *least || n > *most => format!(
                "{n} replicas are asked for, and hpa/{name} keeps {least} to {most}: it changes the number meanwhile"
            ),
            _ => return None,
        };
        Some(Hazard::new(Severity::Warning, text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_autoscaler_of_this_deployment_counts_and_only_outside_its_bounds() {
        let hpa = |name: &str, kind: &str, least: u32| {
            json!({"metadata": {"name": name}, "spec": {"scaleTargetRef": {"kind": kind, "name": "web"},
                   "minReplicas": least, "maxReplicas": 6}})
        };
        let list = json!({"items": [hpa("other", "StatefulSet", 1), hpa("web", "Deployment", 3)]});
        let found = Autoscaler::among(&list, Species::Deployment, "web").unwrap();
        assert_eq!((found.least(4), found.least(2)), (3, 2));
        for (asked, told) in [(0, true), (2, true), (3, false), (6, false), (7, true)] {
            assert_eq!(found.hazard(asked).is_some(), told, "{asked}");
        }
        assert_eq!(Autoscaler::among(&list, Species::Deployment, "api"), None);
        assert_eq!(Autoscaler::among(&json!({}), Species::Deployment, "web"), None);
    }
}
