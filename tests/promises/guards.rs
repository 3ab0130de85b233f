//! R8: what a plan rests on is changed by somebody else at three instants. Nothing is sent, or the server refuses it, and
//! the outcome names what was and what is.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gonogo::action::Plan;
use gonogo::domain::{Outcome, Target};
use gonogo::runtime::execute::compare;
use gonogo::sandbox::Effect;
use serde_json::json;
use tokio::task::JoinSet;

use super::cockpit::{Cockpit, Flow};
use super::deeds::{Deed, Other};
use super::size;

/// When the world moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instant {
    /// The plan is on the screen.
    Shown,
    /// It is confirmed and recorded; the look again has not begun.
    Confirmed,
    /// The look again is over; the request has not left.
    Leaving,
}

/// What somebody else changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Image,
    Replicas,
    Paused,
    Uid,
    ContainerName,
    EnvironmentVariable,
    TemplateLabel,
    GracePeriod,
    HistoryLimit,
    RevisionTemplate,
    RevisionPruned,
    SwarmImage,
    SwarmLabel,
    SwarmReplicas,
    SwarmEnvironmentVariable,
    Decided,
    RunEnded,
    RunAgain,
    SameRunAgain,
    Started,
    HolderEnded,
    LetGo,
}

impl Move {
    /// What can move below a deed.
    fn of(deed: Deed) -> &'static [Self] {
        match deed {
            Deed::PromoteDeployment | Deed::Pause | Deed::Resume => &[
                Self::Image,
                Self::Replicas,
                Self::Paused,
                Self::Uid,
                Self::ContainerName,
                Self::EnvironmentVariable,
                Self::TemplateLabel,
                Self::GracePeriod,
                Self::HistoryLimit,
            ],
            Deed::RollBackDeployment => &[
                Self::Image,
                Self::Replicas,
                Self::Paused,
                Self::Uid,
                Self::ContainerName,
                Self::EnvironmentVariable,
                Self::RevisionTemplate,
                Self::RevisionPruned,
            ],
            Deed::PromoteSwarm | Deed::RollBackSwarm => {
                &[Self::SwarmImage, Self::SwarmLabel, Self::SwarmReplicas, Self::SwarmEnvironmentVariable]
            }
            Deed::Approve | Deed::Reject => &[Self::Decided, Self::RunEnded, Self::RunAgain],
            Deed::Rerun => &[Self::SameRunAgain],
            Deed::Cancel => &[Self::RunEnded],
            Deed::LetStart => &[Self::Started],
            Deed::FreeLane => &[Self::HolderEnded, Self::LetGo],
        }
    }

    /// Whether the server, or what the request itself says, leaves nothing to be wrong about when this moves last.
    const fn guarded_at(self, instant: Instant) -> bool {
        // The request holds the whole template: what was shown is what is sent, whatever became of the ReplicaSet. And
        // GitHub does not know which attempt was shown, nor that a run still waited (`docs/residual-windows.md`).
        !(matches!(self, Self::RevisionTemplate | Self::RevisionPruned | Self::RunAgain | Self::LetGo)
            && matches!(instant, Instant::Leaving))
    }

    /// Whether the other one sends the very request that the deed would send.
    const fn by_the_same_request(self, deed: Deed) -> bool {
        matches!(
            (deed, self),
            (Deed::Rerun, Self::SameRunAgain)
                | (Deed::Cancel, Self::RunEnded)
                | (Deed::LetStart, Self::Started)
                | (Deed::FreeLane, Self::HolderEnded)
        )
    }

    fn make(self, deed: Deed, other: Other, plan: &Plan) -> BoxFuture<'static, ()> {
        let revision = match &plan.intent.target {
            Target::Revision { id, .. } => id.to_string(),
            _ => String::new(),
        };
        async move {
            match self {
                Self::Image => other.deploy("checkout", "v2.14.0"),
                Self::Replicas => other.patch(json!({"spec": {"replicas": 7}})).await,
                Self::Paused => other.patch(json!({"spec": {"paused": deed != Deed::Resume}})).await,
                Self::Uid => other.recreate().await,
                Self::ContainerName => {
                    let path = "/spec/template/spec/containers/0/name";
                    other.patch(json!([{"op": "replace", "path": path, "value": "other"}])).await;
                }
                Self::EnvironmentVariable => {
                    let path = "/spec/template/spec/containers/0/env";
                    let value = json!([{"name": "LOG_LEVEL", "value": "debug"}]);
                    other.patch(json!([{"op": "add", "path": path, "value": value}])).await;
                }
                Self::TemplateLabel => {
                    other
                        .patch(json!({"spec": {"template": {"metadata": {"labels": {"touched": "yes"}}}}}))
                        .await;
                }
                Self::GracePeriod => {
                    let seconds = json!({"spec": {"terminationGracePeriodSeconds": 7}});
                    other.patch(json!({"spec": {"template": seconds}})).await;
                }
                Self::HistoryLimit => other.patch(json!({"spec": {"revisionHistoryLimit": 3}})).await,
                Self::RevisionTemplate => {
                    let seconds =
                        json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}});
                    other.patch_revision(&revision, seconds).await;
                }
                Self::RevisionPruned => other.prune(),
                Self::SwarmImage => other.deploy("ledger", "v1.8.0"),
                Self::SwarmLabel => other.change_swarm("/Labels/touched", "yes".into()).await,
                Self::SwarmReplicas => other.change_swarm("/Mode/Replicated/Replicas", 5.into()).await,
                Self::SwarmEnvironmentVariable => {
                    other.change_swarm("/TaskTemplate/ContainerSpec/Env", json!(["LOG_LEVEL=debug"])).await;
                }
                Self::Decided => other.approve(),
                Self::RunEnded => other.cancel_the_run().await,
                Self::RunAgain => other.rerun().await,
                Self::SameRunAgain => other.run_it_again().await,
                Self::Started => other.let_start().await,
                Self::HolderEnded => other.cancel_the_holder().await,
                Self::LetGo => other.let_go(),
            }
        }
        .boxed()
    }
}

struct Case {
    name: String,
    plan: Plan,
    outcome: Outcome,
    cockpit: Cockpit,
    instant: Instant,
    /// Requests of somebody else that look like ours.
    theirs: usize,
}

async fn moved(deed: Deed, what: Move, instant: Instant) -> Case {
    let (mut cockpit, plan) = deed.planned().await;
    let change = what.make(deed, Other::of(&cockpit.sandbox), &plan);
    match instant {
        Instant::Shown => change.await,
        Instant::Confirmed => cockpit.instants.before_look(Box::new(move || change)),
        Instant::Leaving => cockpit.instants.before_leaving(Box::new(move || change)),
    }
    cockpit.confirm();
    if !what.guarded_at(instant) {
        cockpit.flow = Flow::Passing;
    }
    let outcome = cockpit.outcome().await;
    let theirs = usize::from(what.by_the_same_request(deed));
    Case { name: format!("{deed:?} {what:?} {instant:?}"), plan, outcome, cockpit, instant, theirs }
}

/// What the outcome has to say: each fact that the plan rested on and that is different now, else why it cannot be seen.
async fn to_be_said(case: &Case) -> Vec<String> {
    let intent = &case.plan.intent;
    let fresh = case.cockpit.providers.get(&intent.source).unwrap().prepare(intent).await;
    match fresh {
        Ok(fresh) => compare(&case.plan.prepared, &fresh)
            .iter()
            .map(|d| format!("{} was {}, is {}", d.what, d.old, d.new))
            .collect(),
        Err(fault) => vec![fault.detail.to_string()],
    }
}

async fn every_move(deeds: &[Deed]) {
    let mut cases = JoinSet::new();
    // In a short run each field moves at one of the instants, the next field at the next.
    let all = size(1, 3) >= 3;
    let mut turn = 0;
    for deed in deeds.iter().copied() {
        for what in Move::of(deed).iter().copied() {
            let instants = [Instant::Shown, Instant::Confirmed, Instant::Leaving];
            let guarded = instants.into_iter().filter(|instant| what.guarded_at(*instant));
            turn += 1;
            let due: Vec<Instant> = guarded.collect();
            for (index, instant) in due.iter().enumerate() {
                if all || index == turn % due.len() {
                    cases.spawn(moved(deed, what, *instant));
                }
            }
        }
    }
    let (mut refused, mut wrong) = (0, Vec::new());
    let fields: BTreeSet<String> =
        deeds.iter().flat_map(|d| Move::of(*d)).map(|what| format!("{what:?}")).collect();
    while let Some(case) = cases.join_next().await {
        let case = case.unwrap();
        let entries = case.cockpit.entries(&case.plan.prepared.steps[0]);
        let sent = usize::from(case.instant == Instant::Leaving);
        let applied = entries.iter().filter(|e| e.effect == Effect::Applied).count();
        let nothing = applied == case.theirs && entries.len() == sent + case.theirs;
        let said = to_be_said(&case).await;
        let names =
            !said.is_empty() && said.iter().all(|s| case.outcome.text().as_str().contains(s.as_str()));
        if nothing && names && matches!(case.outcome, Outcome::NotApplied(_)) {
            refused += 1;
        } else {
            wrong.push(format!(
                "{}: {:?}\n  should say {said:?}\n  sent {entries:?}",
                case.name, case.outcome
            ));
        }
    }
    println!(
        "R8: {deeds:?}: {} fields {fields:?}, at 3 instants in turn: {refused} refused with what was and what is, {} wrong",
        fields.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_moved_at_any_instant_is_not_promoted_or_rolled_back() {
    every_move(&[Deed::PromoteDeployment, Deed::RollBackDeployment]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_moved_at_any_instant_is_not_paused_or_resumed() {
    every_move(&[Deed::Pause, Deed::Resume]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swarm_service_that_moved_at_any_instant_is_not_promoted_or_rolled_back() {
    every_move(&[Deed::PromoteSwarm, Deed::RollBackSwarm]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_moved_before_the_look_again_is_neither_approved_nor_rejected() {
    every_move(&[Deed::Approve, Deed::Reject]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_moved_at_any_instant_is_neither_run_again_nor_cancelled() {
    every_move(&[Deed::Rerun, Deed::Cancel]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_was_let_start_at_any_instant_is_not_let_start_again() {
    every_move(&[Deed::LetStart]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_no_longer_holds_its_lane_is_not_cancelled_for_it() {
    every_move(&[Deed::FreeLane]).await;
}

/// The one thing that moves without a guard is known, and what is sent is still what was shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_pruned_while_the_request_leaves_changes_nothing_about_what_was_shown() {
    let case = moved(Deed::RollBackDeployment, Move::RevisionPruned, Instant::Leaving).await;
    let step = &case.plan.prepared.steps[0];
    let entries = case.cockpit.entries(step);
    assert_eq!(entries.len(), 1, "{}", case.cockpit.told());
    assert_eq!(entries[0].effect, Effect::Applied);
    assert_eq!(Some(&entries[0].body), step.body.as_ref(), "byte for byte");
}
