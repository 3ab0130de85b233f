//! Services and the EndpointSlices that a controller makes of their selectors: one endpoint for each pod that is
//! selected, ready as the pod is, and no longer ready from the moment at which the pod is on its way out.

use super::fields::Writer;
use super::hash;
use super::replicaset::is_ready;
use super::resource::{ENDPOINTSLICES, PODS, SERVICES};
use super::store::{State, controller_reference, number, set, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const CONTROLLER: Writer<'static> = Writer { manager: "kube-controller-manager", subresource: "" };

impl State {
    /// Adds a Service with its address.
    pub(super) fn add_service(&mut self, namespace: &str, name: &str, selector: &Value) {
        self.ensure_namespace(namespace);
        let address = format!("10.96.0.{}", self.next() % 250 + 2);
        let object = json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "selector": selector, "type": "ClusterIP", "clusterIP": address, "clusterIPs": [address],
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
                "sessionAffinity": "None", "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack"
            },
            "status": {"loadBalancer": {}}
        });
        self.create(&SERVICES, object, Writer { manager: "ci", subresource: "" });
        self.sync_services();
    }

    /// The images of the pods that a Service's endpoints lead to, each with its number.
    pub(super) fn served(&self, namespace: &str, name: &str) -> Vec<(String, u32)> {
        let mut found: BTreeMap<String, u32> = BTreeMap::new();
        let slices = self.list_named(&ENDPOINTSLICES, namespace, &format!("{name}-"));
        let of_service =
            |slice: &&Arc<Value>| text(slice, "/metadata/labels/kubernetes.io~1service-name") == name;
        for slice in slices.iter().filter(of_service) {
            let endpoints = slice.get("endpoints").and_then(Value::as_array);
            for endpoint in endpoints.into_iter().flatten() {
                let ready = endpoint.pointer("/conditions/ready") == Some(&Value::Bool(true));
                let Some(pod) = self.get(&PODS, namespace, text(endpoint, "/targetRef/name")) else {
                    continue;
                };
                if ready {
                    *found.entry(text(pod, "/spec/containers/0/image").to_owned()).or_default() += 1;
                }
            }
        }
        found.into_iter().collect()
    }

    /// The Deployment that a Service of two colours does not choose: where what comes is put.
    pub(super) fn beside(&self, namespace: &str, name: &str) -> Option<String> {
        let service = self.get(&SERVICES, namespace, name)?;
        match text(service, "/spec/selector/color") {
            "blue" => Some(format!("{name}-green")),
            "green" => Some(format!("{name}-blue")),
            _ => None,
        }
    }

    /// One look of the controller at every Service.
    pub(super) fn sync_services(&mut self) {
        for service in self.list(&SERVICES, None) {
            self.sync_service(&service);
        }
    }

    fn sync_service(&mut self, service: &Arc<Value>) {
        let Some(selector) = service.pointer("/spec/selector").and_then(Value::as_object) else { return };
        if selector.is_empty() {
            return;
        }
        let (namespace, name) = (text(service, "/metadata/namespace"), text(service, "/metadata/name"));
        let selected = |pod: &Arc<Value>| {
            let labels = pod.pointer("/metadata/labels");
            selector.iter().all(|(key, value)| labels.and_then(|l| l.get(key)) == Some(value))
        };
        let pods = self.list(&PODS, Some(namespace)).into_iter().filter(selected);
        let endpoints: Vec<Value> = pods.filter_map(|pod| endpoint(&pod)).collect();
        let stem = format!("{name}-");
        let ours = |slice: &Arc<Value>| {
            let label = slice.pointer("/metadata/labels/kubernetes.io~1service-name");
            label.and_then(Value::as_str) == Some(name)
        };
        let found = self.list_named(&ENDPOINTSLICES, namespace, &stem).into_iter().find(ours);
        match found {
            Some(slice) if slice.get("endpoints") == Some(&json!(endpoints)) => {}
            Some(slice) => {
                let mut slice = (*slice).clone();
                let generation = number(&slice, "/metadata/generation") + 1;
                set(&mut slice, &["metadata", "generation"], generation.into());
                set(&mut slice, &["endpoints"], json!(endpoints));
                self.update(&ENDPOINTSLICES, slice, CONTROLLER);
            }
            None => {
                let suffix = hash::template_hash(service);
                let slice = json!({
                    "metadata": {
                        "name": format!("{stem}{suffix}"), "namespace": namespace,
                        "labels": {
                            "kubernetes.io/service-name": name,
                            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"
                        },
                        "ownerReferences": controller_reference(&SERVICES, service)
                    },
                    "addressType": "IPv4", "endpoints": endpoints,
                    "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]
                });
                self.create(&ENDPOINTSLICES, slice, CONTROLLER);
            }
        }
    }
}

/// A pod's endpoint; none for one that has ended, or has no address yet.
fn endpoint(pod: &Value) -> Option<Value> {
    if ["Succeeded", "Failed"].contains(&text(pod, "/status/phase")) || text(pod, "/status/podIP").is_empty()
    {
        return None;
    }
    let leaving = pod.pointer("/metadata/deletionTimestamp").is_some();
    let ready = is_ready(pod);
    let address = text(pod, "/status/podIP");
    Some(json!({
        "addresses": [address],
        "conditions": {"ready": ready && !leaving, "serving": ready, "terminating": leaving},
        "nodeName": text(pod, "/spec/nodeName"),
        "targetRef": {
            "kind": "Pod", "namespace": text(pod, "/metadata/namespace"), "name": text(pod, "/metadata/name"),
            "uid": text(pod, "/metadata/uid")
        }
    }))
}
