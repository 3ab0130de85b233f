//! Blue/green by a Service: its selector chooses between Deployments by one label, bound as `workload = "service/NAME"`.
//!
//! What is asked for is what the selector chooses; what runs is told by the ready endpoints, each of which is a pod: a
//! selector that was written and endpoints that stayed are not a switch. The Deployments themselves are not changed from
//! here. What stands beside is what a promotion switches to, or a roll back, whichever is the newer.
//!
//! Source: the Kubernetes documentation ("Service", "EndpointSlices").

mod act;
mod colours;
mod objects;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::colours::Colours;
use super::link::Link;
use super::look::{self, Interest, Look};
use super::namespace::Namespace;
use super::wire::Pod;
use super::{Binding, owner};
use crate::domain::rollout::{Replicas, Revision, Running, Standing};
use crate::domain::{Artifact, Fault, Phase, Rollout, SafeText};

pub(super) use self::act::prepare;
pub(super) use self::objects::{Service, Slice};

/// Looks at one Service.
pub(super) async fn look(
    link: &Link,
    namespace: &Namespace,
    binding: &Binding,
    switch: Option<&str>,
    interest: Interest,
) -> Result<Look, Fault> {
    let service = look::subject(link, namespace.fronts.services()?, binding, interest).await?;
    let deployments = look::deployments(link, namespace, interest).await?;
    let colours = Colours::of(&service.found, switch, &deployments)?;
    let mut looks = BTreeMap::new();
    for (value, deployment) in &colours.of {
        let look = look::workload(link, namespace, &binding.behind(&deployment.meta.name), interest).await?;
        looks.insert(value.clone(), look);
    }
    let slices = look::objects(link, namespace, namespace.fronts.slices()?, interest, "endpoints").await?;
    let pods = look::pods(link, namespace, interest).await?.objects;
    let endpoints: Vec<Option<String>> =
        slices.objects.iter().flat_map(|slice| slice.ready(&binding.name)).cloned().collect();
    let dates = looks.values().filter_map(|look| look.date);
    let date = dates.chain(service.date).max();
    let rollouts = looks.into_iter().map(|(value, look)| (value, look.rollout)).collect();
    let seen = Seen { service: &service.found, binding, colours: &colours, rollouts, pods };
    let mut rollout = seen.rollout(link.place(), &endpoints, slices.known());
    rollout.remarks.extend(service.remark.into_iter().chain(slices.remark));
    Ok(Look { rollout: Arc::new(rollout), date })
}

/// Whether the endpoints are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// They are.
    All,
    /// They may not be looked at: nothing proves where the traffic goes.
    Nothing,
}

/// Everything that one look at a Service rests on.
struct Seen<'a> {
    service: &'a Service,
    binding: &'a Binding,
    colours: &'a Colours,
    rollouts: BTreeMap<String, Arc<Rollout>>,
    pods: Vec<Arc<Pod>>,
}

/// Where the traffic goes.
#[derive(Debug, Default)]
struct Traffic {
    running: Vec<Running>,
    /// Ready endpoints of what the selector chooses.
    right: u32,
    /// Ready endpoints of something else, by what it is.
    wrong: BTreeMap<String, u32>,
}

impl Seen<'_> {
    /// What gets the traffic, endpoint by endpoint.
    fn traffic(&self, endpoints: &[Option<String>]) -> Traffic {
        let mut traffic = Traffic::default();
        let mut counts: BTreeMap<Artifact, u32> = BTreeMap::new();
        for endpoint in endpoints {
            let pod = endpoint.as_ref().and_then(|name| self.pods.iter().find(|pod| pod.meta.name == *name));
            let value = pod.and_then(|pod| pod.meta.label(&self.colours.switch));
            let container = value.and_then(|value| self.container(value));
            let runs = pod.zip(container).and_then(|(pod, container)| pod.artifact(container));
            let artifact = runs.unwrap_or_else(|| {
                // It gets traffic, and nobody knows what it is.
                let name = endpoint.as_deref().unwrap_or("that is no pod");
                Artifact { image: SafeText::new(&format!("endpoint {name}")), ..Artifact::default() }
            });
            if value == Some(self.colours.live.as_str()) {
                traffic.right = traffic.right.saturating_add(1);
            } else {
                let word =
                    value.map_or("an unknown pod".to_owned(), |v| format!("{}={v}", self.colours.switch));
                let count = traffic.wrong.entry(word).or_default();
                *count = count.saturating_add(1);
            }
            let count = counts.entry(artifact).or_default();
            *count = count.saturating_add(1);
        }
        traffic.running = counts.into_iter().map(|(artifact, ready)| Running { artifact, ready }).collect();
        traffic.running.sort_by_key(|r| std::cmp::Reverse(r.ready));
        traffic
    }

    /// The released container of the Deployment with this value.
    fn container(&self, value: &str) -> Option<&str> {
        let deployment = self.colours.of.get(value)?;
        let wanted = self.binding.container.as_deref();
        let index = super::wire::chosen(&deployment.containers, wanted, &deployment.meta.name).ok()?;
        deployment.containers.get(index).map(|container| container.name.as_str())
    }

    fn phase(&self, serving: Option<&Rollout>, traffic: &Traffic, known: Known) -> Phase {
        let Colours { switch, live, .. } = self.colours;
        let going = |text: String| Phase::Progressing(SafeText::new(&text));
        let Some(serving) = serving else {
            return Phase::Failed(SafeText::new(&format!(
                "the selector chooses {switch}={live}, and no Deployment has it: nobody gets the traffic"
            )));
        };
        if !matches!(serving.phase, Phase::Done) {
            return serving.phase.clone();
        }
        if known == Known::Nothing {
            return going(
                "where the traffic goes is not known: the endpoints may not be looked at".to_owned(),
            );
        }
        if let Some((what, count)) = traffic.wrong.iter().next() {
            return going(format!(
                "{count} endpoints still lead to {what}, and the selector chooses {switch}={live}"
            ));
        }
        let desired = serving.replicas.desired;
        if traffic.right < desired {
            return going(format!("{} of {desired} pods of {switch}={live} have an endpoint", traffic.right));
        }
        Phase::Done
    }

    fn rollout(&self, host: SafeText, endpoints: &[Option<String>], known: Known) -> Rollout {
        let traffic = self.traffic(endpoints);
        let Colours { switch, live, .. } = self.colours;
        let serving = self.rollouts.get(live).map(Arc::as_ref);
        let phase = self.phase(serving, &traffic, known);
        let name = &self.service.meta.name;
        let replicas = serving.map_or_else(Replicas::default, |serving| Replicas {
            updated: traffic.right,
            available: traffic.running.iter().map(|r| r.ready).sum(),
            ..serving.replicas
        });
        let beside = |(value, rollout): (&String, &Arc<Rollout>)| {
            let (ready, desired) = (rollout.replicas.available, rollout.replicas.desired);
            SafeText::new(&format!(
                "{switch}={value} stands beside it with {}: {ready} of {desired} ready",
                rollout.target.label()
            ))
        };
        let mut remarks: Vec<SafeText> =
            self.rollouts.iter().filter(|(value, _)| *value != live).map(beside).collect();
        remarks.extend(serving.map(|s| s.remarks.clone()).unwrap_or_default());
        Rollout {
            workload: SafeText::new(&format!(
                "service/{name} ({switch}={live}) in namespace {}",
                self.binding.namespace
            )),
            host,
            phase,
            replicas,
            target: serving.map(|s| s.target.clone()).unwrap_or_default(),
            running: traffic.running,
            revisions: self.revisions(serving),
            began: serving.and_then(|s| s.began),
            took: None,
            steps: None,
            patience: None,
            restart: None,
            signs: serving.map(|s| s.signs.clone()).unwrap_or_default(),
            owner: owner::of_service(&self.service.meta, &self.binding.namespace),
            remarks,
        }
    }

    /// What the selector can choose: the present one, and what stands beside it. A newer one is what comes.
    fn revisions(&self, serving: Option<&Rollout>) -> Vec<Revision> {
        let mut revisions: Vec<Revision> = self
            .rollouts
            .iter()
            .map(|(value, rollout)| {
                let newer = rollout.began >= serving.and_then(|s| s.began);
                Revision {
                    id: SafeText::new(value),
                    number: None,
                    artifact: rollout.target.clone(),
                    created: rollout.began,
                    note: Some(SafeText::new(&format!("{}={value}", self.colours.switch))),
                    standing: match (*value == self.colours.live, newer) {
                        (true, _) => Standing::Current,
                        (false, true) => Standing::Beside,
                        (false, false) => Standing::Past,
                    },
                }
            })
            .collect();
        revisions.sort_by_key(|r| std::cmp::Reverse(r.created));
        revisions
    }
}
