//! One look at a workload: from the watches where they are up, by asking where they are not.
//!
//! Of what is being changed a quiet watch is not believed: the workload itself is asked for by name, which proves the
//! connection and brings what the watch may have missed. Anything else is believed as long as the watch is alive, so what
//! a quiet cluster costs does not grow with its workloads.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Binding;
use super::act::Fresh;
use super::analysis::AnalysisRun;
use super::history;
use super::link::{Answer, Link};
use super::namespace::Namespace;
use super::rollout::{Seen, rollout};
use super::service::Known;
use super::shelf::{Feed, Shelf};
use super::species::{Resource, Species};
use super::told::{Basis, Turned};
use super::watch::{self, SILENCE};
use super::wire::{Pod, Selector, Watched};
use super::workload::Workload;
use crate::domain::{Artifact, Cause, Fault, Rollout, SafeText};

/// What a watch said within this time is taken as it is, also of what is being changed.
pub(super) const FRESH: Duration = Duration::from_secs(3);

/// A rollout and the server's clock, if it was asked.
pub(super) struct Look {
    pub(super) rollout: Arc<Rollout>,
    pub(super) date: Option<Timestamp>,
}

/// What a workload asks for, with the digest that its pods agree on as far as the watches know.
pub(super) fn asked(namespace: &Namespace, workload: &Workload, container: &str) -> Artifact {
    let sets = namespace.sets(workload);
    let owned = history::owned(workload, &sets);
    let pods = namespace.pods(workload, &sets);
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
    let sets = namespace.sets(workload);
    let owned = history::owned(workload, &sets);
    let stable = history::stable(workload, &owned)?;
    let pods = namespace.pods(workload, &sets);
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
struct Had<T> {
    /// What was asked for; none if the watch is to be believed.
    asked: Option<Vec<Arc<T>>>,
    remark: Option<SafeText>,
    /// Whether it was to be had at all.
    access: Access,
}

/// Whether a kind of object may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Given,
    Denied,
}

/// All objects of a kind in a namespace, as far as they were to be had.
pub(super) struct All<T> {
    pub(super) objects: Vec<Arc<T>>,
    pub(super) remark: Option<SafeText>,
    access: Access,
}

impl<T> All<T> {
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
) -> Result<All<T>, Fault> {
    // What is being changed is judged by what the server says now.
    let belief = if interest == Interest::Acting { Belief::Behind } else { Belief::Kept };
    let Had { asked, remark, access } = kind(link, &namespace.name, shelf, belief, None, what).await?;
    Ok(All { objects: asked.unwrap_or_else(|| shelf.all()), remark, access })
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
    let (resource, all) = (Resource::Of(Species::Deployment), "");
    let listed = watch::list::<Workload>(link, resource, namespace, all).await?;
    listed.into_iter().map(|one| one.map(Arc::new).map_err(|(_, fault)| fault)).collect()
}

/// All pods.
pub(super) async fn pods(link: &Link, namespace: &Namespace, interest: Interest) -> Result<All<Pod>, Fault> {
    objects(link, namespace, &namespace.pods, interest, "pods").await
}

/// All of these, in their order. Most looks are answered by what the watches have brought: those are done where they
/// stand, and only the others are kept and waited for together.
pub(super) async fn at_once<T>(looks: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let (mut done, mut waiting) = (Vec::new(), Vec::new());
    for (index, look) in looks.enumerate() {
        let mut look = Box::pin(look);
        match look.as_mut().now_or_never() {
            Some(told) => done.push((index, told)),
            None => waiting.push(look.map(move |told| (index, told))),
        }
    }
    done.extend(join_all(waiting).await);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, told)| told).collect()
}

/// Looks at one workload.
pub(super) async fn workload(
    link: &Link,
    namespace: &Namespace,
    binding: &Binding,
    interest: Interest,
) -> Result<Look, Fault> {
    let turned = namespace.turned(binding.species).filter(|_| interest == Interest::Usual);
    match turned.and_then(|turned| namespace.told.still(binding, turned)) {
        Some(rollout) => Ok(Look { rollout, date: None }),
        // Few looks come here: the others need no room for it.
        None => Box::pin(afresh(link, namespace, binding, interest, turned)).await,
    }
}

/// Looks at one workload of which something may have changed.
async fn afresh(
    link: &Link,
    namespace: &Namespace,
    binding: &Binding,
    interest: Interest,
    turned: Option<Turned>,
) -> Result<Look, Fault> {
    let Subject { found, date, remark, belief } =
        subject(link, namespace.workloads(binding.species)?.as_ref(), binding, interest).await?;
    let memory = namespace.memory(binding.species)?;
    let selector = Some(&found.selector);
    let (sets, pods, analyses) = tokio::join!(
        kind(link, &namespace.name, memory, belief, selector, "revisions"),
        kind(link, &namespace.name, &namespace.pods, belief, selector, "pods"),
        analyses(link, namespace, binding.species),
    );
    let (sets, pods, analyses) = (sets?, pods?, analyses?);
    let remarks: Vec<SafeText> =
        [remark, sets.remark, pods.remark, analyses.remark].into_iter().flatten().collect();
    let sets = sets.asked.unwrap_or_else(|| namespace.sets(&found));
    let pods = pods.asked.unwrap_or_else(|| namespace.pods(&found, &sets));
    let analyses = analyses.asked.unwrap_or_else(|| namespace.runs(&found));
    let basis = Basis { workload: found, sets, pods, analyses };
    let plain = remarks.is_empty();
    if let (true, Some(rollout)) = (plain, namespace.told.again(binding, &basis, turned)) {
        return Ok(Look { rollout, date });
    }
    let seen = Seen {
        namespace: &binding.namespace,
        host: link.place(),
        workload: &basis.workload,
        sets: &basis.sets,
        pods: &basis.pods,
        analyses: &basis.analyses,
        container: binding.container.as_deref(),
        remarks,
    };
    let mut rollout = rollout(seen)?;
    namespace.remember(&mut rollout);
    let rollout = Arc::new(rollout);
    if plain {
        namespace.told.tell(binding, turned, basis, &rollout);
    }
    Ok(Look { rollout, date })
}

/// What Argo Rollouts measures. It explains the controller's own summary and decides nothing, so it is never asked
/// for: where it may not be watched, the summary is all there is.
async fn analyses(link: &Link, namespace: &Namespace, species: Species) -> Result<Had<AnalysisRun>, Fault> {
    let none = || Ok(Had { asked: Some(Vec::new()), remark: None, access: Access::Denied });
    let Some(shelf) = namespace.analyses.as_ref().filter(|_| species == Species::Rollout) else {
        return none();
    };
    match shelf.feed() {
        Feed::Denied(_) => none(),
        _ => kind(link, &namespace.name, shelf, Belief::Kept, None, "analyses").await,
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
    chosen: Option<&Selector>,
    what: &str,
) -> Result<Had<T>, Fault> {
    let feed = shelf.feed();
    let alive = matches!(&feed, Feed::Live(heard) if heard.elapsed() < SILENCE);
    if alive && belief == Belief::Kept {
        // An unreadable object may be ours: to leave it out would look better than it is.
        return match shelf.unreadable() {
            Some(fault) => Err(fault),
            None => Ok(Had { asked: None, remark: None, access: Access::Given }),
        };
    }
    let selector = match chosen.map(selector) {
        Some(selector) if !selector.is_empty() => format!("&labelSelector={}", watch::encoded(&selector)),
        _ => String::new(),
    };
    match watch::list::<T>(link, shelf.resource(), namespace, &selector).await {
        Ok(listed) => {
            let asked = listed
                .into_iter()
                .map(|o| o.map(Arc::new).map_err(|(_, f)| f))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Had { asked: Some(asked), remark: remark(&feed, what), access: Access::Given })
        }
        Err(fault) if fault.cause == Cause::Forbidden => Ok(Had {
            asked: Some(Vec::new()),
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
    use super::super::labels::Labels;
    use super::super::shelf::Pulse;
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
        let pulse = Arc::new(Pulse::new(tokio::sync::watch::channel(0).0));
        let shelf: Shelf<Workload> =
            Shelf::new(Resource::Of(Species::Deployment), Arc::default(), pulse, None);
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
        let labels = |pairs: &[(&str, &str)]| pairs.iter().copied().collect::<Labels>();
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
