//! The fresh look behind every action, and the one request that carries it out.
//!
//! Knows what must be asked for an intent and how its patch is sent; what the patch says is [`super::act`]'s.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::act::{self, Edit, Fresh, Part, Request};
use super::author;
use super::autoscaler::Autoscaler;
use super::config;
use super::flagger;
use super::front::Front;
use super::hazard;
use super::history;
use super::link::Link;
use super::look;
use super::remembered::Remembered;
use super::service;
use super::species::{Resource, Species};
use super::steer;
use super::wire::Watched as _;
use super::{Binding, MANAGER, Open, is_name, local};
use crate::domain::{
    Artifact, Cause, Fault, Guard, Hazard, Intent, Permission, Prepared, Promise, Receipt, SafeText,
    Severity, SourceName, Step, Target, Verb,
};
use crate::provider::access;
use crate::provider::registry::{Belongs, Manifest, Registry, Tag};

/// A patch gets this long for its answer.
const WRITE: Duration = Duration::from_secs(30);
pub(super) const JSON_PATCH: &str = "application/json-patch+json";

/// Who says how many replicas there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// The workload itself, or its autoscaler.
    Own,
    /// Flagger, which keeps it at none while nothing rolls out; so many serve.
    Flagger {
        /// As the primary asks for.
        least: u32,
    },
}

/// Looks afresh and works out the request for an intent.
pub(super) async fn prepare(
    open: &Open,
    binding: &Binding,
    source: &SourceName,
    intent: &Intent,
) -> Result<Prepared, Fault> {
    match &binding.front {
        Front::Nothing => workload(open, binding, source, intent, Scale::Own).await,
        Front::Canary(tester) => flagger::prepare(open, binding, tester.as_ref(), source, intent).await,
        Front::Service(switch) => service::prepare(open, binding, switch.as_deref(), source, intent).await,
    }
}

/// The same for a workload, whatever stands in front of it.
pub(super) async fn workload(
    open: &Open,
    binding: &Binding,
    source: &SourceName,
    intent: &Intent,
    scale: Scale,
) -> Result<Prepared, Fault> {
    let link = &open.link;
    let path = binding.path();
    let (object, autoscaler) = tokio::join!(link.get(&path), Autoscaler::of(link, binding));
    let raw: Value = object?.json()?;
    let template = elsewhere(link, binding, &raw, intent.verb).await?;
    let mut fresh =
        Fresh::read(raw, template, binding.species, &binding.namespace, binding.container.as_deref())?;
    fresh.scale = scale;
    let asked = fresh.workload.replicas;
    let autoscaler = autoscaler.filter(|_| scale == Scale::Own);
    fresh.least_replicas = match scale {
        Scale::Own => autoscaler.as_ref().map_or(asked, |a| a.least(asked)),
        Scale::Flagger { least } => least,
    };
    let from = match open.namespaces.get(&binding.namespace) {
        Some(namespace) => look::asked(namespace, &fresh.workload, &fresh.container),
        None => fresh.asked(),
    };
    if intent.verb == Verb::RollBack {
        fresh.filled = filled(link, binding, &fresh).await;
    }
    let mut edit = edit(open, binding, &fresh, &from, intent).await?;
    edit.hazards.extend(autoscaler.and_then(|a| a.hazard(asked)));
    edit.hazards.extend(hazard::of_sameness(&fresh, intent.verb, &from, &edit.to));
    if !matches!(intent.verb, Verb::Promote | Verb::RollBack) {
        let stable = open.namespaces.get(&binding.namespace).filter(|_| intent.verb == Verb::Abort);
        edit.to =
            stable.and_then(|namespace| look::stable(namespace, &fresh)).unwrap_or_else(|| from.clone());
    }
    if intent.verb == Verb::PromoteFully {
        // With the digest that the pods of it run: the name alone may mean something else by now.
        edit.promise = Promise::Runs { artifact: from.clone() };
    }
    let guard = fresh.tied(edit.requests.iter().any(|request| request.part == Part::Status));
    let mut permission = permission(link, binding, &edit.requests).await;
    if let Some(objection) = link.trust.objection() {
        permission = Permission::Denied(SafeText::new(objection));
        edit.hazards.push(Hazard::new(Severity::Blocking, objection));
    }
    edit.hazards.sort_by_key(|h| std::cmp::Reverse(h.severity));
    let what = format!("{} {}", intent.verb.word(), edit.to.label());
    Ok(Prepared {
        basis: edit.basis,
        steps: edit.requests.into_iter().map(|r| step(open, binding, source, (&fresh, &what), r)).collect(),
        from: Some(from),
        to: Some(edit.to),
        differences: edit.differences,
        hazards: edit.hazards,
        permission,
        guard: Guard::Server(SafeText::new(guard)),
        promise: edit.promise,
        deadline: edit.deadline,
        way_back: edit.way_back,
        identity: open.identity.clone(),
        people: None,
        form: Vec::new(),
    })
}

/// The template of a Rollout that takes it from another workload, as the coming revision has it. Only for what leaves the
/// template as it is.
async fn elsewhere(link: &Link, binding: &Binding, raw: &Value, verb: Verb) -> Result<Option<Value>, Fault> {
    let there = raw.pointer("/spec/workloadRef").is_some_and(|reference| !reference.is_null());
    let hash = raw.pointer("/status/currentPodHash").and_then(Value::as_str).filter(|hash| is_name(hash));
    match hash {
        Some(hash) if there && !matches!(verb, Verb::Promote | Verb::RollBack) => {
            let set = revision(link, binding, &format!("{}-{hash}", binding.name)).await?;
            Ok(Some(Remembered::template(&set)))
        }
        _ => Ok(None),
    }
}

/// The template that a Rollout asks for as the server fills it in: as its ReplicaSet has it. What it differs in from
/// another one is then a difference and no default. Without it the Rollout's own is compared.
async fn filled(link: &Link, binding: &Binding, fresh: &Fresh) -> Option<Value> {
    let argo = fresh.workload.argo.as_ref().filter(|argo| is_name(&argo.current))?;
    let set = revision(link, binding, &format!("{}-{}", binding.name, argo.current)).await.ok()?;
    let cut = Remembered::cut(&set, binding.species.memory()).ok()?;
    history::is_asked(&fresh.workload, &cut).then(|| Remembered::template(&set))
}

/// One request as it is sent.
fn step(
    open: &Open,
    binding: &Binding,
    source: &SourceName,
    (fresh, what): (&Fresh, &str),
    mut request: Request,
) -> Step {
    // An annotation in a patch of the status would be dropped.
    if request.part == Part::Main {
        author::sign(&fresh.raw, &mut request.operations, what, open.identity.as_ref());
    }
    let part = if request.part == Part::Status { "/status" } else { "" };
    Step {
        source: source.clone(),
        method: "PATCH".to_owned(),
        path: format!("{}{part}?fieldManager={MANAGER}", binding.path()),
        content_type: Some(JSON_PATCH.to_owned()),
        body: Some(Value::Array(request.operations).to_string()),
        effect: request.effect,
    }
}

async fn edit(
    open: &Open,
    binding: &Binding,
    fresh: &Fresh,
    runs: &Artifact,
    intent: &Intent,
) -> Result<Edit, Fault> {
    let link = &open.link;
    let cluster = link.place();
    match (intent.verb, &intent.target) {
        (Verb::Promote, Target::Artifact(artifact)) => {
            let reference = ask_for(artifact);
            let (manifest, tag) =
                tokio::join!(open.registry.manifest(&reference), open.registry.tag(artifact));
            let mut wanted = artifact.clone();
            if let Tag::IndexOf { index, .. } = &tag {
                wanted.digest = Some(index.clone());
            }
            let mut edit = act::promote(fresh, &cluster, intent, &wanted, &manifest);
            edit.hazards
                .extend(artifact.digest.as_ref().and_then(|tested| hazard::of_tag(&wanted, tested, &tag)));
            Ok(edit)
        }
        (Verb::RollBack, Target::Revision { id, artifact }) => {
            let set = revision(link, binding, id.as_str()).await?;
            // The tag, not the digest: what matters is what pods would be started from.
            let image = image_of(&set, &fresh.container).unwrap_or_default();
            let template = &Remembered::template(&set);
            let made = set.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
            let made = made.and_then(|at| at.parse().ok());
            let (manifest, config) = tokio::join!(
                open.registry.manifest(&image),
                config::hazards(link, &binding.namespace, template, made)
            );
            let manifest = settled(&open.registry, &image, artifact, manifest).await;
            let mut edit = act::roll_back(fresh, &cluster, intent, &set, artifact, &manifest)?;
            edit.hazards.extend(config);
            Ok(edit)
        }
        (Verb::Restart, Target::Replicas { at }) => {
            let reference = ask_for(runs);
            let (manifest, tag) = tokio::join!(open.registry.manifest(&reference), open.registry.tag(runs));
            let mut edit = act::restart(fresh, &cluster, intent, *at, runs);
            if manifest == Manifest::Missing {
                edit.hazards.extend(hazard::of_manifest(runs, &manifest));
            }
            edit.hazards.extend(hazard::of_unpinned(fresh, runs, &tag));
            Ok(edit)
        }
        (Verb::Resume, _) if binding.species == Species::Rollout => {
            steer::steer(fresh, &cluster, Verb::Resume)
        }
        (Verb::Pause | Verb::Resume, _) if binding.species.pauses() => {
            Ok(act::switch(fresh, &cluster, intent.verb))
        }
        (Verb::PromoteFully | Verb::Abort | Verb::Retry, _) => steer::steer(fresh, &cluster, intent.verb),
        (verb, _) => {
            let kind = binding.species.kind();
            Err(Fault::new(Cause::Refused, format!("a {kind} cannot do this: {}", verb.word())))
        }
    }
}

/// A tag that names the index whose one platform ran names what ran.
async fn settled(registry: &Registry, image: &str, ran: &Artifact, manifest: Manifest) -> Manifest {
    match (&manifest, &ran.digest) {
        (Manifest::Found(now), Some(digest)) if now != digest => {
            match registry.belongs(image, now, digest).await {
                Belongs::As(_) => Manifest::Found(digest.clone()),
                Belongs::No | Belongs::Untold(_) => manifest,
            }
        }
        _ => manifest,
    }
}

/// With a digest the registry is asked whether it has that very manifest, else what the tag names.
fn ask_for(artifact: &Artifact) -> String {
    match &artifact.digest {
        Some(digest) => format!("{}@{digest}", artifact.repository()),
        None => artifact.image.to_string(),
    }
}

fn image_of(set: &Value, container: &str) -> Option<String> {
    let template = Remembered::template(set);
    let containers = template.pointer("/spec/containers")?.as_array()?;
    let found = containers.iter().find(|c| c.get("name").and_then(Value::as_str) == Some(container))?;
    Some(found.get("image")?.as_str()?.to_owned())
}

/// The raw object that remembers a revision. One that is gone means that the history was pruned meanwhile.
async fn revision(link: &Link, binding: &Binding, id: &str) -> Result<Value, Fault> {
    if !is_name(id) {
        return Err(local(format!("\"{id}\" cannot be the name of a revision")));
    }
    let path = format!("{}/{id}", binding.species.memory().path(&binding.namespace));
    match link.get(&path).await {
        Ok(answer) => answer.json(),
        Err(fault) if fault.cause == Cause::NotFound => {
            Err(Fault::new(Cause::Moved, format!("the cluster no longer remembers the revision {id}"))
                .with_hint("choose another one, or ship the artifact again"))
        }
        Err(fault) => Err(fault),
    }
}

/// Whether the cluster would let us patch every part of the workload that the requests change.
async fn permission(link: &Link, binding: &Binding, requests: &[Request]) -> Permission {
    let mut all = Permission::Granted;
    for part in [Part::Main, Part::Status] {
        if requests.iter().any(|request| request.part == part) {
            match permission_of(link, binding, part).await {
                Permission::Granted => {}
                worse @ Permission::Denied(_) => return worse,
                unsure => all = unsure,
            }
        }
    }
    all
}

async fn permission_of(link: &Link, binding: &Binding, part: Part) -> Permission {
    may(link, (Resource::Of(binding.species), part), &binding.namespace, &binding.name).await
}

/// Whether the cluster would let us patch this object of a binding's namespace.
pub(super) async fn may_patch_beside(
    link: &Link,
    binding: &Binding,
    resource: Resource,
    name: &str,
) -> Permission {
    may(link, (resource, Part::Main), &binding.namespace, name).await
}

async fn may(link: &Link, (resource, part): (Resource, Part), namespace: &str, name: &str) -> Permission {
    let mut attributes = json!({
        "namespace": namespace, "verb": "patch", "group": resource.group(),
        "resource": resource.plural(), "name": name
    });
    if let (Part::Status, Some(attributes)) = (part, attributes.as_object_mut()) {
        attributes.insert("subresource".to_owned(), "status".into());
    }
    let what = format!(
        "{}{}/{name} in namespace {namespace}",
        if part == Part::Status { "the status of " } else { "" },
        resource.word(),
    );
    may_patch(link, &attributes, &what).await
}

/// Whether the cluster would let us patch what these attributes name.
pub(super) async fn may_patch(link: &Link, attributes: &Value, what: &str) -> Permission {
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes}
    });
    let Ok(answer) = link.ask("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &question).await
    else {
        return Permission::Untold;
    };
    let Some(allowed) = answer.pointer("/status/allowed").and_then(Value::as_bool) else {
        return Permission::Denied(SafeText::new(
            "the cluster's answer to whether you may cannot be read: the field status.allowed is not true or false",
        ));
    };
    if allowed {
        return Permission::Granted;
    }
    let text = |key: &str| {
        answer.pointer(&format!("/status/{key}")).and_then(Value::as_str).filter(|t| !t.is_empty())
    };
    let why =
        text("reason").or_else(|| text("evaluationError")).unwrap_or("no rule of the cluster allows it");
    Permission::Denied(SafeText::new(&format!("you may not patch {what}: {why}")))
}

/// What came of a step, and the object as the server holds it now.
pub(super) struct Sent {
    pub(super) receipt: Receipt,
    pub(super) object: Value,
}

/// Sends a step as it is, once.
pub(super) async fn perform(link: &Link, source: &SourceName, step: &Step) -> Result<Sent, Fault> {
    if &step.source != source {
        return Err(local(format!("this step is for {}, not for {source}", step.source)));
    }
    access::check_write(step)?;
    if let Some(objection) = link.trust.objection() {
        return Err(local(objection));
    }
    let method = Method::from_bytes(step.method.as_bytes())
        .map_err(|_| local(format!("{} is not a method", step.method)))?;
    if !step.path.starts_with("/api") {
        return Err(local(format!("{} is not a path of the Kubernetes API", step.path)));
    }
    let content =
        step.body.clone().map(|body| (step.content_type.as_deref().unwrap_or("application/json"), body));
    let answer = link.write(method, &step.path, content, WRITE).await?;
    // An API server answers with the object. What answers with something else stands in its place.
    let object = answer.json().map_err(|fault| {
        fault.perhaps_applied().with_hint("a login page or a proxy answers here; look what became of it")
    })?;
    let says = SafeText::new(&says(&object));
    Ok(Sent { receipt: Receipt { status: answer.status, says }, object })
}

/// The answer to a patch is the whole object: what matters is its name and new generation.
fn says(object: &Value) -> String {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    let kind = object.pointer("/kind").and_then(Value::as_str).unwrap_or("object");
    let generation = object.pointer("/metadata/generation").and_then(Value::as_u64);
    match (name, generation) {
        (Some(name), Some(generation)) => {
            format!("{}/{name} is at generation {generation}", kind.to_lowercase())
        }
        _ => "accepted".to_owned(),
    }
}
