//! One look at a workload: from the watches where they are up, by asking where they are not.
//!
//! Of what is being changed a quiet watch is not believed: the workload itself is asked for by name, which proves the
//! connection and brings what the watch may have missed. Anything else is believed as long as the watch is alive, so what
//! a quiet cluster costs does not grow with its workloads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Binding;
use super::act::Fresh;
use super::analysis::AnalysisRun;
use super::front::{Fronts, Shelves};
use super::history;
use super::link::{Answer, Link};
use super::remembered::Remembered;
use super::rollout::{Seen, rollout};
use super::service::Known;
use super::species::{Resource, Species};
use super::watch::{self, Feed, SILENCE, Shelf};
use super::wire::{Pod, Selector, Watched};
use super::workload::Workload;
use crate::domain::rollout::Standing;
use crate::domain::{Artifact, Cause, Fault, Rollout, SafeText};

/// What a watch said within this time is taken as it is, also of what is being changed.
pub(super) const FRESH: Duration = Duration::from_secs(3);

/// What is kept of one namespace.
pub(super) struct Namespace {
    name: String,
    workloads: BTreeMap<Species, Arc<Shelf<Workload>>>,
    memories: BTreeMap<Resource, Arc<Shelf<Remembered>>>,
    pods: Arc<Shelf<Pod>>,
    analyses: Option<Arc<Shelf<AnalysisRun>>>,
    pub(super) fronts: Fronts,
    /// Which digest the pods of a revision agreed on while it had pods, by the ReplicaSet's name.
    digests: Mutex<BTreeMap<SafeText, SafeText>>,
}

/// So many digests are remembered; a namespace that goes through more forgets them all.
const REMEMBERED: usize = 4096;

/// A rollout and the server's clock, if it was asked.
pub(super) struct Look {
    pub(super) rollout: Rollout,
    pub(super) date: Option<Timestamp>,
}

pub(super) type Turns = tokio::sync::watch::Sender<u64>;

impl Namespace {
    /// Starts the watches of a namespace: one for each kind of object that these workloads need.
    pub(super) fn start(
        name: &str,
        (species, fronts): (&BTreeSet<Species>, &BTreeSet<Resource>),
        link: &Link,
        turns: &Turns,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let memories: BTreeSet<Resource> = species.iter().map(|species| species.memory()).collect();
        let workloads = species.iter();
        let fronts = Fronts::new(fronts, &mut Keeping { name, link, turns, tasks });
        Self {
            name: name.to_owned(),
            fronts,
            workloads: workloads.map(|s| (*s, shelf(Resource::Of(*s), name, link, turns, tasks))).collect(),
            memories: memories.into_iter().map(|r| (r, shelf(r, name, link, turns, tasks))).collect(),
            pods: shelf(Resource::Pods, name, link, turns, tasks),
            analyses: species
                .contains(&Species::Rollout)
                .then(|| shelf(Resource::AnalysisRuns, name, link, turns, tasks)),
            digests: Mutex::default(),
        }
    }

    /// A workload as the watches last told it.
    pub(super) fn told(&self, species: Species, name: &str) -> Option<Arc<Workload>> {
        self.workloads.get(&species)?.get(name)
    }

    fn workloads(&self, species: Species) -> Result<&Arc<Shelf<Workload>>, Fault> {
        self.workloads.get(&species).ok_or_else(|| unwatched(species.word()))
    }

    fn memory(&self, species: Species) -> Result<&Arc<Shelf<Remembered>>, Fault> {
        self.memories.get(&species.memory()).ok_or_else(|| unwatched("history"))
    }

    /// Remembers what revisions ran, and fills in what is no longer to be seen: once its last pod is gone nobody
    /// else knows which digest a tag meant.
    fn remember(&self, rollout: &mut Rollout) {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if digests.len() > REMEMBERED {
            digests.clear();
        }
        for revision in &mut rollout.revisions {
            let runs = rollout.running.iter().any(|r| r.artifact.image == revision.artifact.image);
            match &revision.artifact.digest {
                Some(digest) => {
                    digests.insert(revision.id.clone(), digest.clone());
                }
                // While pods run it they are the evidence, also when they disagree.
                None if runs || revision.standing == Standing::Current => {}
                None => revision.artifact.digest = digests.get(&revision.id).cloned(),
            }
        }
    }

    fn starting(&self) -> bool {
        let workloads = self.workloads.values().map(|shelf| shelf.feed());
        let memories = self.memories.values().map(|shelf| shelf.feed());
        let more = self.analyses.iter().map(|shelf| shelf.feed());
        let more = more.chain(self.fronts.feeds());
        let mut feeds = workloads.chain(memories).chain(more).chain([self.pods.feed()]);
        feeds.any(|feed| matches!(feed, Feed::Starting))
    }
}

/// Shelves that are kept up to date by the watches of one namespace.
struct Keeping<'a> {
    name: &'a str,
    link: &'a Link,
    turns: &'a Turns,
    tasks: &'a mut JoinSet<()>,
}

impl Shelves for Keeping<'_> {
    fn shelf<T: Watched>(&mut self, resource: Resource) -> Arc<Shelf<T>> {
        shelf(resource, self.name, self.link, self.turns, self.tasks)
    }
}

fn unwatched(what: &str) -> Fault {
    Fault::new(Cause::Local, format!("the {what} is not watched in this namespace"))
}

pub(super) fn shelf<T: Watched>(
    resource: Resource,
    name: &str,
    link: &Link,
    turns: &Turns,
    tasks: &mut JoinSet<()>,
) -> Arc<Shelf<T>> {
    let shelf = Arc::new(Shelf::new(resource, turns.clone()));
    tasks.spawn(watch::keep(link.clone(), name.to_owned(), Arc::clone(&shelf)));
    shelf
}

/// Waits until every watch has its first list, or has failed to get it; not longer than `patience`.
pub(super) async fn settle(namespaces: &BTreeMap<String, Namespace>, turns: &Turns, patience: Duration) {
    let mut turned = turns.subscribe();
    let settled = async {
        while namespaces.values().any(Namespace::starting) {
            if turned.changed().await.is_err() {
                break;
            }
        }
    };
    // Whatever has not settled by then is asked for by name below.
    let _ = tokio::time::timeout(patience, settled).await;
}

/// Takes in what the server answered to a write, so that no later look shows the world before it.
pub(super) fn learn(namespaces: &BTreeMap<String, Namespace>, object: &Value) {
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let species = Species::ALL.into_iter().find(|species| species.kind() == kind);
    let (Some(namespace), Some(species)) = (namespaces.get(namespace), species) else { return };
    if let (Ok(shelf), Ok(workload)) = (namespace.workloads(species), Workload::of(object, species)) {
        shelf.learn(workload);
    }
}

/// What a workload asks for, with the digest that its pods agree on as far as the watches know.
pub(super) fn asked(namespace: &Namespace, workload: &Workload, container: &str) -> Artifact {
    let sets = namespace.memory(workload.species).map(|shelf| shelf.all()).unwrap_or_default();
    let owned = history::owned(workload, &sets);
    let pods = namespace.pods.all();
    let by_set = history::pods_of(workload, &owned, &pods);
    let newest = history::current(workload, &owned).and_then(|set| by_set.get(set.meta.uid.as_str()));
    history::artifact(&workload.containers, container, newest.map_or(&[], Vec::as_slice))
}

/// A workload as it was last heard of.
pub(super) fn known(namespace: &Namespace, species: Species, name: &str) -> Option<Arc<Workload>> {
    namespace.workloads(species).ok()?.get(name)
}

/// What the stable revision of a Rollout runs, as far as the watches know.
pub(super) fn stable(namespace: &Namespace, fresh: &Fresh) -> Option<Artifact> {
    let workload = &fresh.workload;
    let owned = history::owned(workload, &namespace.memory(workload.species).ok()?.all());
    let stable = history::stable(workload, &owned)?;
    let pods = namespace.pods.all();
    let by_set = history::pods_of(workload, &owned, &pods);
    let its = by_set.get(stable.meta.uid.as_str()).map_or(&[][..], Vec::as_slice);
    Some(history::artifact(&stable.containers, &fresh.container, its))
}

/// Who we are there. Servers before 1.28 do not say.
pub(super) async fn identity(link: &Link) -> Result<Option<SafeText>, Fault> {
    let question = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    match link.ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", &question).await {
        Ok(answer) => {
            Ok(answer.pointer("/status/userInfo/username").and_then(Value::as_str).map(SafeText::new))
        }
        Err(fault) if matches!(fault.cause, Cause::Forbidden | Cause::NotFound | Cause::Refused) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Whether the watches are to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    /// They brought what the server says.
    Kept,
    /// The server knows something newer: what else they may have missed must be asked for.
    Behind,
}

/// What a look is about, and how it was had.
pub(super) struct Subject<T> {
    pub(super) found: Arc<T>,
    pub(super) date: Option<Timestamp>,
    pub(super) remark: Option<SafeText>,
    belief: Belief,
}

/// How much hangs on the newest state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// It is watched.
    Usual,
    /// It is being changed: the outcome is judged by it.
    Acting,
}

/// How one kind of object was to be had.
pub(super) struct Had<T> {
    pub(super) objects: Vec<Arc<T>>,
    pub(super) remark: Option<SafeText>,
    /// Whether it was to be had at all.
    access: Access,
}

/// Whether a kind of object may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Given,
    Denied,
}

impl<T> Had<T> {
    /// Whether what is not among the objects is not there.
    pub(super) const fn known(&self) -> Known {
        match self.access {
            Access::Given => Known::All,
            Access::Denied => Known::Nothing,
        }
    }
}

/// All objects of a kind that is watched for what stands in front.
pub(super) async fn objects<T: Watched>(
    link: &Link,
    namespace: &Namespace,
    shelf: &Shelf<T>,
    interest: Interest,
    what: &str,
) -> Result<Had<T>, Fault> {
    // What is being changed is judged by what the server says now.
    let belief = if interest == Interest::Acting { Belief::Behind } else { Belief::Kept };
    kind(link, &namespace.name, shelf, belief, "", what).await
}

/// All Deployments.
pub(super) async fn deployments(
    link: &Link,
    namespace: &Namespace,
    interest: Interest,
) -> Result<Vec<Arc<Workload>>, Fault> {
    let shelf = namespace.workloads(Species::Deployment)?;
    Ok(objects(link, namespace, shelf, interest, "deployments").await?.objects)
}

/// All Deployments as the server has them now.
pub(super) async fn deployments_afresh(link: &Link, namespace: &str) -> Result<Vec<Arc<Workload>>, Fault> {
    let (listed, _) = watch::list::<Workload>(link, Resource::Of(Species::Deployment), namespace, "").await?;
    listed.into_iter().map(|one| one.map(Arc::new).map_err(|(_, fault)| fault)).collect()
}

/// All pods.
pub(super) async fn pods(link: &Link, namespace: &Namespace, interest: Interest) -> Result<Had<Pod>, Fault> {
    objects(link, namespace, &namespace.pods, interest, "pods").await
}

/// Looks at one workload.
pub(super) async fn workload(
    link: &Link,
    namespace: &Namespace,
    binding: &Binding,
    interest: Interest,
) -> Result<Look, Fault> {
    let Subject { found, date, remark, belief } =
        subject(link, namespace.workloads(binding.species)?, binding, interest).await?;
    let selector = selector(&found.selector);
    let memory = namespace.memory(binding.species)?;
    let (sets, pods, analyses) = tokio::join!(
        kind(link, &namespace.name, memory, belief, &selector, "revisions"),
        kind(link, &namespace.name, &namespace.pods, belief, &selector, "pods"),
        analyses(link, namespace, binding.species),
    );
    let (sets, pods, analyses) = (sets?, pods?, analyses?);
    let remarks = [remark, sets.remark, pods.remark, analyses.remark].into_iter().flatten().collect();
    let seen = Seen {
        namespace: &binding.namespace,
        host: link.place(),
        workload: &found,
        sets: &sets.objects,
        pods: &pods.objects,
        analyses: &analyses.objects,
        container: binding.container.as_deref(),
        remarks,
    };
    let mut rollout = rollout(seen)?;
    namespace.remember(&mut rollout);
    Ok(Look { rollout, date })
}

/// What Argo Rollouts measures. It explains the controller's own summary and decides nothing, so it is never asked
/// for: where it may not be watched, the summary is all there is.
async fn analyses(link: &Link, namespace: &Namespace, species: Species) -> Result<Had<AnalysisRun>, Fault> {
    let none = || Ok(Had { objects: Vec::new(), remark: None, access: Access::Denied });
    let Some(shelf) = namespace.analyses.as_ref().filter(|_| species == Species::Rollout) else {
        return none();
    };
    match shelf.feed() {
        Feed::Denied(_) => none(),
        _ => kind(link, &namespace.name, shelf, Belief::Kept, "", "analyses").await,
    }
}

/// The object that the binding names, off this shelf.
pub(super) async fn subject<T: Watched>(
    link: &Link,
    shelf: &Shelf<T>,
    binding: &Binding,
    interest: Interest,
) -> Result<Subject<T>, Fault> {
    let feed = shelf.feed();
    // Events of pods ring often while the object itself is quiet: it is not asked for at each of them.
    let fresh = matches!(&feed, Feed::Live(heard) if heard.elapsed() < SILENCE)
        && (interest == Interest::Usual
            || shelf.silence(&binding.name).is_some_and(|silence| silence < FRESH));
    if let (true, Some(found)) = (fresh, shelf.get(&binding.name)) {
        return Ok(Subject { found, date: None, remark: None, belief: Belief::Kept });
    }
    let resource = shelf.resource();
    let answer = named(link, resource, binding).await?;
    let asked = T::cut(&answer.json()?, resource)?;
    let version = asked.meta().resource_version.clone();
    let known = shelf.get(&binding.name).map(|known| known.meta().resource_version.clone());
    let found = shelf.learn(asked);
    let behind = found.meta().resource_version == version && known.as_ref() != Some(&version);
    Ok(Subject {
        found,
        date: answer.date,
        remark: remark(&feed, &format!("the {}", resource.word())),
        belief: if behind { Belief::Behind } else { Belief::Kept },
    })
}

/// Asks for the object of this kind that the binding names.
pub(super) async fn named(link: &Link, resource: Resource, binding: &Binding) -> Result<Answer, Fault> {
    let Binding { namespace, name, .. } = binding;
    link.get(&format!("{}/{name}", resource.path(namespace))).await.map_err(|fault| {
        if fault.cause != Cause::NotFound {
            return fault;
        }
        Fault::new(
            Cause::NotFound,
            format!("there is no {} {name} in namespace {namespace}", resource.word()),
        )
    })
}

/// Why something was asked for although there is a watch.
pub(super) fn remark(feed: &Feed, what: &str) -> Option<SafeText> {
    match feed {
        Feed::Live(heard) if heard.elapsed() < SILENCE => None,
        Feed::Live(heard) => Some(SafeText::new(&format!(
            "the watch has said nothing for {} s: {what} asked for directly",
            heard.elapsed().as_secs()
        ))),
        Feed::Starting => None,
        Feed::Down(since, fault) => Some(SafeText::new(&format!(
            "the watch is down for {} s ({fault}): {what} asked for directly",
            since.elapsed().as_secs()
        ))),
        Feed::Denied(fault) => Some(SafeText::new(&format!(
            "{what} may not be watched ({}): asked for at every look",
            fault.detail
        ))),
    }
}

/// Revisions, pods or analyses: from the watch, else by a list of what the selector selects.
async fn kind<T: Watched>(
    link: &Link,
    namespace: &str,
    shelf: &Shelf<T>,
    belief: Belief,
    selector: &str,
    what: &str,
) -> Result<Had<T>, Fault> {
    let feed = shelf.feed();
    let alive = matches!(&feed, Feed::Live(heard) if heard.elapsed() < SILENCE);
    if alive && belief == Belief::Kept {
        // An unreadable object may be ours: to leave it out would look better than it is.
        return match shelf.unreadable() {
            Some(fault) => Err(fault),
            None => Ok(Had { objects: shelf.all(), remark: None, access: Access::Given }),
        };
    }
    let selector = match selector {
        "" => String::new(),
        selector => format!("&labelSelector={}", watch::encoded(selector)),
    };
    match watch::list::<T>(link, shelf.resource(), namespace, &selector).await {
        Ok((listed, _)) => {
            let objects = listed
                .into_iter()
                .map(|o| o.map(Arc::new).map_err(|(_, f)| f))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Had { objects, remark: remark(&feed, what), access: Access::Given })
        }
        Err(fault) if fault.cause == Cause::Forbidden => Ok(Had {
            objects: Vec::new(),
            remark: Some(SafeText::new(&format!("{what} are not known: {}", fault.detail))),
            access: Access::Denied,
        }),
        Err(fault) => Err(fault),
    }
}

/// A selector as a query writes it.
fn selector(selector: &Selector) -> String {
    let equal = selector.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
    let more = selector.match_expressions.iter().map(|e| match e.operator.as_str() {
        "In" => format!("{} in ({})", e.key, e.values.join(",")),
        "NotIn" => format!("{} notin ({})", e.key, e.values.join(",")),
        "DoesNotExist" => format!("!{}", e.key),
        _ => e.key.clone(),
    });
    equal.chain(more).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fell_silent_does_not_look_alive() {
        let heard = tokio::time::Instant::now();
        assert_eq!(remark(&Feed::Live(heard), "pods"), None);
        tokio::time::advance(SILENCE - Duration::from_millis(1)).await;
        assert_eq!(remark(&Feed::Live(heard), "pods"), None);
        tokio::time::advance(Duration::from_secs(2)).await;
        let told = remark(&Feed::Live(heard), "pods").unwrap();
        assert!(told.as_str().contains("has said nothing for 76 s"), "{told}");
    }

    #[test]
    fn what_was_asked_for_does_not_replace_what_the_watch_brought_later() {
        let shelf: Shelf<Workload> =
            Shelf::new(Resource::Of(Species::Deployment), tokio::sync::watch::channel(0).0);
        let at = |version: &str| fixture::deployment().set("/metadata/resourceVersion", version.into()).cut();
        for (version, expected) in
            [("99", "99"), ("100", "100"), ("99", "100"), ("1000", "1000"), ("opaque", "opaque")]
        {
            assert_eq!(shelf.learn(at(version)).meta.resource_version, expected);
        }
        let reborn = fixture::deployment().set("/metadata/uid", "reborn".into()).cut();
        assert_eq!(shelf.learn(reborn).meta.uid, "reborn");
    }

    #[test]
    fn a_selector_is_written_as_a_query_understands_it() {
        let deployment = fixture::deployment()
            .set(
                "/spec/selector",
                json!({"matchLabels": {"app": "web"}, "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["a", "b"]},
                    {"key": "old", "operator": "DoesNotExist"},
                    {"key": "new", "operator": "Exists"},
                    {"key": "zone", "operator": "NotIn", "values": ["x"]}
                ]}),
            )
            .cut();
        assert_eq!(selector(&deployment.selector), "app=web,tier in (a,b),!old,new,zone notin (x)");
        let labels =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert!(deployment.selector.selects(&labels(&[("app", "web"), ("tier", "a"), ("new", "")])));
        assert!(!deployment.selector.selects(&labels(&[("app", "web"), ("tier", "c"), ("new", "")])));
        assert!(!deployment.selector.selects(&labels(&[
            ("app", "web"),
            ("tier", "a"),
            ("new", ""),
            ("old", "")
        ])));
        assert!(!Selector::default().selects(&labels(&[("app", "web")])));
    }
}
