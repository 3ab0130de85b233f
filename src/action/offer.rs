//! What can be wanted here and now: a verb becomes one or more complete intents, or a reason why not.

use jiff::Timestamp;

use crate::domain::assess::lane::{self, Wedged};
use crate::domain::pipeline::{MayDecide, WaitsFor};
use crate::domain::rollout::{Course, Standing};
use crate::domain::service::Access;
use crate::domain::time::{ago, spoken};
use crate::domain::{
    Artifact, Assessment, Environment, Gate, Intent, Now, Phase, Place, Refusal, Revision, Rollout, SafeText,
    Service, Target, Verb, World,
};

use super::gitops;
use super::plan::Surroundings;
use super::policy::{Refused, allowed};

/// What the offer is made from.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The service at hand.
    pub service: &'a Service,
    /// The environment at hand.
    pub environment: Option<&'a Environment>,
    /// The judgement on the service.
    pub assessment: Option<&'a Assessment>,
    /// The gate at hand.
    pub gate: Option<&'a Gate>,
    /// What is known.
    pub world: &'a World,
    /// Whether the program may write.
    pub access: Access,
    /// When.
    pub now: Now,
}

/// One thing that can be wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// How to tell it from the others: `v2.14.2 · running before · 3 d ago`.
    pub label: SafeText,
    /// The intent, without a reason.
    pub intent: Intent,
}

/// Everything that `verb` can mean here, best first; never empty. Whether the rules let it be done is [`barred`]'s
/// question.
///
/// # Errors
/// A [`Refusal`] with the reason and the nearest way out.
pub fn offer(verb: Verb, around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    match verb {
        Verb::Approve | Verb::Reject => gate_offer(verb, around),
        Verb::Promote => promote_offers(around),
        Verb::RollBack => roll_back_offers(around),
        Verb::Pause | Verb::Resume => pause_offer(verb, around),
        Verb::PromoteFully | Verb::Abort | Verb::Retry => steps_offer(verb, around),
        Verb::Restart => restart_offer(around),
        Verb::Hold | Verb::Release => gitops::hold_offer(verb, around),
        Verb::Rerun | Verb::Cancel => run_offer(verb, around),
    }
    .map_err(|refusal| around.complete(verb, refusal))
}

/// Whether the rules let the first of the offers be planned.
///
/// # Errors
/// A [`Refused`] that names every rule in the way.
pub fn barred(offers: &[Offer], around: Around<'_>) -> Result<(), Refused> {
    let Some(first) = offers.first() else { return Ok(()) };
    let surroundings = Surroundings {
        service: around.service,
        world: around.world,
        verdict: around.verdict(),
        changes: None,
        access: around.access,
        now: around.now,
    };
    allowed(&first.intent, surroundings)
}

impl Around<'_> {
    /// A refusal says why, on what evidence and what next. What a rule leaves out is said here: which source was
    /// asked, how old its word is, and that another one may be meant.
    fn complete(&self, verb: Verb, mut refusal: Refusal) -> Refusal {
        let source = match verb {
            Verb::Approve | Verb::Reject | Verb::Rerun | Verb::Cancel => self.service.pipeline.as_ref(),
            Verb::Hold | Verb::Release => self.environment.and_then(|e| e.owner.as_ref()),
            Verb::Promote
            | Verb::RollBack
            | Verb::Pause
            | Verb::Resume
            | Verb::PromoteFully
            | Verb::Abort
            | Verb::Retry
            | Verb::Restart => self.environment.and_then(|e| e.deploy.as_ref().or(e.dispatch.as_ref())),
        };
        if refusal.evidence.is_none() {
            let said = match source.map(|s| (s, self.world.age(s, &self.service.name, self.now))) {
                Some((source, Some(age))) => format!("{source}, {} old", spoken(age)),
                Some((source, None)) => format!("{source} has not answered yet"),
                None => "the config".to_owned(),
            };
            refusal = refusal.evidence(said);
        }
        match refusal.next {
            Some(_) => refusal,
            None => refusal.next("choose another service or environment, or look now"),
        }
    }

    /// The judgement on the environment at hand.
    #[must_use]
    pub fn verdict(&self) -> Option<crate::domain::Verdict> {
        Some(self.assessment?.standing(&self.environment?.name)?.verdict)
    }

    pub(super) fn place(&self) -> Result<(&Environment, Place), Refusal> {
        let environment = self
            .environment
            .ok_or_else(|| Refusal::new(format!("{} has no environment configured", self.service.name)))?;
        Ok((environment, self.service.place(environment)))
    }

    fn rollout(&self) -> Result<(&Environment, Place, &Rollout), Refusal> {
        let (environment, place) = self.place()?;
        let Some(source) = &environment.deploy else {
            return Err(Refusal::new(format!("no deployment target is configured for {place}"))
                .next("add `deploy = { source = .. }` to the environment"));
        };
        let rollout = self.world.rollout(self.service, environment).ok_or_else(|| {
            let why = self.world.fault(source, &self.service.name).map_or_else(
                || format!("{source} has not answered yet"),
                |fault| format!("{source}: {fault}"),
            );
            Refusal::new(format!("nothing is known of {place}")).evidence(why)
        })?;
        Ok((environment, place, rollout.value))
    }

    pub(super) fn intent(
        &self,
        verb: Verb,
        place: Option<Place>,
        target: Target,
        source: &crate::domain::SourceName,
    ) -> Intent {
        Intent {
            verb,
            service: self.service.name.clone(),
            place,
            target,
            source: source.clone(),
            reason: None,
            answers: std::collections::BTreeMap::new(),
        }
    }
}

fn gate_offer(verb: Verb, around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let Some(gate) = around.gate else {
        let refusal = Refusal::new(format!("nothing of {} waits for approval", around.service.name));
        let rollout = around.environment.and_then(|e| around.world.rollout(around.service, e));
        let held = rollout.and_then(|r| r.value.steps.as_ref()).is_some_and(|s| s.course == Course::Held);
        return Err(if held {
            refusal.next("its rollout waits at a step: resume lets it go on, abort gives it up")
        } else {
            refusal
        });
    };
    match gate.waits_for {
        WaitsFor::Human | WaitsFor::Start => {}
        WaitsFor::Timer => return Err(Refusal::new("only a timer runs: there is nothing to decide")),
        WaitsFor::OtherSystem => {
            return Err(Refusal::new("another system decides this gate; no key can").next("open the run"));
        }
    }
    if let MayDecide::No(why) = &gate.may_decide {
        let reviewers: Vec<&str> = gate.reviewers.iter().map(SafeText::as_str).collect();
        return Err(Refusal::new(format!("you may not {} {}: {why}", verb.word(), gate.title)).next(
            format!("ask {}", if reviewers.is_empty() { "an owner".into() } else { reviewers.join(", ") }),
        ));
    }
    if let (Verb::Reject, Some(why)) = (verb, &gate.no_reject) {
        return Err(Refusal::new(why));
    }
    if verb == Verb::Reject
        && let Some(lane) = wedged(around).iter().find(|lane| lane.holder == gate.key.run)
    {
        let why = format!(
            "run {} wedges its lane ({}): a rejection would fail it like a verdict and may leave the lane held",
            lane.number,
            lane.behind()
        );
        return Err(Refusal::new(why).next(format!("cancel run {}: that frees the lane", lane.number)));
    }
    let place = gate.place();
    let intent = around.intent(verb, place, Target::Gate(gate.key.clone()), &gate.key.run.source);
    let label = SafeText::new(&format!("{} · run {} · {}", gate.title, gate.run_number, gate.revision));
    Ok(vec![Offer { label, intent }])
}

fn promote_offers(around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let (environment, place) = around.place()?;
    let coming = candidates(around, environment);
    if coming.is_empty() {
        return Err(Refusal::new(format!("nothing is coming to {place}"))
            .next("a newer version must run in the environment before it, or be tagged"));
    }
    let mut offers = Vec::new();
    for (artifact, whence) in coming {
        let label = SafeText::new(&format!("{} · {whence}", artifact.label()));
        if let (Some(source), false) = (&environment.deploy, artifact.image.is_empty()) {
            let target = Target::Artifact(artifact.clone());
            offers.push(Offer {
                label,
                intent: around.intent(Verb::Promote, Some(place.clone()), target, source),
            });
        } else if let Some(source) = &environment.dispatch {
            let target = Target::Dispatch(artifact.clone());
            offers.push(Offer {
                label,
                intent: around.intent(Verb::Promote, Some(place.clone()), target, source),
            });
        }
    }
    if offers.is_empty() {
        return Err(Refusal::new(format!("{place} has nothing that could ship it"))
            .next("add `image = \"registry/name:{version}\"` or `dispatch = { .. }` to the environment"));
    }
    Ok(offers)
}

/// What could come to an environment, best first: what the environment before it runs, then what the newest
/// tags name, each with where it comes from.
#[must_use]
pub fn candidates(around: Around<'_>, environment: &Environment) -> Vec<(Artifact, &'static str)> {
    let live = around.assessment.and_then(|a| a.standing(&environment.name)).and_then(|s| s.live.clone());
    let mut found: Vec<(Artifact, &'static str)> = Vec::new();
    let mut add = |artifact: Artifact, whence| {
        let known = found.iter().any(|(a, _)| a.same_as(&artifact) || a.label() == artifact.label());
        let runs = live.as_ref().is_some_and(|l| l.same_as(&artifact) || l.label() == artifact.label());
        if !known && !runs {
            found.push((artifact, whence));
        }
    };
    if let Some(before) = around.service.before(&environment.name)
        && let Some(standing) = around.assessment.and_then(|a| a.standing(&before.name))
        && let Some(artifact) = &standing.live
    {
        add(artifact.clone(), "runs in the environment before");
    }
    let rollout = around.world.rollout(around.service, environment);
    let beside = rollout.iter().flat_map(|r| &r.value.revisions).filter(|r| r.standing == Standing::Beside);
    beside.for_each(|revision| add(revision.artifact.clone(), "runs beside it"));
    let live_version = live.as_ref().and_then(|l| l.version.as_ref()).and_then(|v| version(v.as_str()));
    if let Some(repository) = around.world.repository(around.service) {
        for tag in repository.value.tags.iter().take(20) {
            let newer = match (&live_version, version(tag.name.as_str())) {
                (Some(live), Some(tag)) => tag > *live,
                (None, Some(_)) => true,
                _ => false,
            };
            if newer {
                add(named(around, environment, &tag.name, &tag.commit), "newest tag");
            }
        }
    }
    found.truncate(6);
    found
}

fn version(text: &str) -> Option<semver::Version> {
    semver::Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// The artifact that a version has in an environment: by the configured image, else by the repository of what
/// runs there now.
fn named(
    around: Around<'_>,
    environment: &Environment,
    tag: &SafeText,
    commit: &crate::domain::Sha,
) -> Artifact {
    let image = match &environment.image {
        Some(template) => template.replace("{version}", tag.as_str()).replace("{sha}", commit.as_str()),
        None => around
            .world
            .rollout(around.service, environment)
            .map(|r| format!("{}:{tag}", r.value.target.repository()))
            .unwrap_or_default(),
    };
    Artifact {
        image: SafeText::new(&image),
        digest: None,
        version: Some(tag.clone()),
        revision: Some(commit.clone()),
    }
}

fn roll_back_offers(around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let (environment, place) = around.place()?;
    let owned = gitops::ways_back(around, environment, &place);
    let mut offers = match direct_ways_back(around) {
        Ok(direct) => direct,
        Err(_) if !owned.is_empty() => Vec::new(),
        Err(refusal) => return Err(refusal),
    };
    let at = if gitops::comes_first(around, environment) { 0 } else { offers.len() };
    offers.splice(at..at, owned);
    Ok(offers)
}

/// The revisions that the deployment target itself remembers.
fn direct_ways_back(around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let (environment, place, rollout) = around.rollout()?;
    let Some(source) = &environment.deploy else { return Err(Refusal::new("no deployment target")) };
    let default = rollout.previous().map(|r| r.id.clone());
    let mut past: Vec<&Revision> =
        rollout.revisions.iter().filter(|r| matches!(r.standing, Standing::Past | Standing::Left)).collect();
    past.sort_by_key(|r| (r.standing == Standing::Left, Some(&r.id) != default.as_ref()));
    let offers: Vec<Offer> = past
        .into_iter()
        .filter(|r| !r.artifact.same_as(&rollout.target))
        .map(|revision| {
            let target = Target::Revision { id: revision.id.clone(), artifact: revision.artifact.clone() };
            Offer {
                label: revision_label(revision, around.now),
                intent: around.intent(Verb::RollBack, Some(place.clone()), target, source),
            }
        })
        .collect();
    if offers.is_empty() {
        return Err(Refusal::new(format!("{place} remembers no other revision to go back to"))
            .evidence(&rollout.workload));
    }
    Ok(offers)
}

fn revision_label(revision: &Revision, now: Now) -> SafeText {
    let mut label = revision.artifact.label().to_owned();
    if let Some(number) = revision.number {
        label.push_str(&format!(" · revision {number}"));
    }
    if let Some(created) = revision.created {
        label.push_str(&format!(" · first seen {} ago", spoken(ago(now.wall, created))));
    }
    if revision.standing == Standing::Left {
        label.push_str(" · left by going back");
    }
    if let Some(note) = &revision.note {
        label.push_str(&format!(" · {note}"));
    }
    SafeText::new(&label)
}

fn pause_offer(verb: Verb, around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let (environment, place, rollout) = around.rollout()?;
    let Some(source) = &environment.deploy else { return Err(Refusal::new("no deployment target")) };
    match (verb, &rollout.phase) {
        (Verb::Pause, Phase::Paused(_)) => return Err(Refusal::new(format!("{place} is paused already"))),
        (Verb::Resume, phase) if !matches!(phase, Phase::Paused(_)) => {
            return Err(Refusal::new(format!("{place} is not paused")));
        }
        _ => {}
    }
    let label = SafeText::new(&format!("{} · {}", rollout.workload, rollout.target.label()));
    Ok(vec![Offer { label, intent: around.intent(verb, Some(place), Target::Rollout, source) }])
}

/// Every replica anew. Its mark is the second in which it is wanted.
fn restart_offer(around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let (environment, place, rollout) = around.rollout()?;
    let Some(source) = &environment.deploy else { return Err(Refusal::new("no deployment target")) };
    if rollout.phase == Phase::ScaledToZero {
        return Err(Refusal::new(format!("nothing is asked to run in {place}")).next("scale it up first"));
    }
    let at = around.now.wall;
    let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
    let label = SafeText::new(&format!("{} · {}", rollout.workload, rollout.target.label()));
    Ok(vec![Offer {
        label,
        intent: around.intent(Verb::Restart, Some(place), Target::Replicas { at }, source),
    }])
}

/// What only a rollout in steps can do: skip what is left of them, be given up, begin again.
fn steps_offer(verb: Verb, around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let (environment, place, rollout) = around.rollout()?;
    let Some(source) = &environment.deploy else { return Err(Refusal::new("no deployment target")) };
    let Some(steps) = &rollout.steps else {
        return Err(Refusal::new(format!("{place} does not roll out in steps")).evidence(&rollout.workload));
    };
    if verb == Verb::PromoteFully && !steps.skips {
        return Err(Refusal::new(format!("what rolls out in {place} cannot be told to skip its steps"))
            .evidence(&rollout.workload)
            .next(
                "let it go on step by step, or set in its own specification that the next one skips them",
            ));
    }
    match (verb, steps.course) {
        (Verb::Retry, Course::Going | Course::Held | Course::Ordered | Course::Over) => {
            return Err(Refusal::new(format!("the rollout of {place} is not aborted")));
        }
        (Verb::PromoteFully | Verb::Abort, Course::Over) => {
            return Err(Refusal::new(format!("nothing rolls out in {place}")));
        }
        (Verb::PromoteFully | Verb::Abort, Course::Aborted) => {
            return Err(Refusal::new(format!("the rollout of {place} is aborted"))
                .next("retry it, or roll back to what is stable"));
        }
        _ => {}
    }
    let at = steps.now().map(|(step, words)| format!(" · step {step} of {}: {words}", steps.words.len()));
    let label = SafeText::new(&format!("{}{}", rollout.target.label(), at.unwrap_or_default()));
    Ok(vec![Offer { label, intent: around.intent(verb, Some(place), Target::Rollout, source) }])
}

fn wedged(around: Around<'_>) -> Vec<Wedged> {
    lane::of(around.service, around.world, around.now.wall)
}

fn run_offer(verb: Verb, around: Around<'_>) -> Result<Vec<Offer>, Refusal> {
    let Some(pipeline) = around.world.pipeline(around.service) else {
        return Err(Refusal::new(format!("no run of {} is known", around.service.name)));
    };
    let fits = |run: &&crate::domain::Run| match verb {
        Verb::Cancel => !run.state.ended(),
        _ => matches!(run.state, crate::domain::RunState::Failed(_) | crate::domain::RunState::Cancelled),
    };
    let lanes = if verb == Verb::Cancel { wedged(around) } else { Vec::new() };
    let holds = |run: &crate::domain::Run| lanes.iter().find(|lane| lane.holder == run.key);
    let mut runs: Vec<&crate::domain::Run> = pipeline.value.runs.iter().filter(fits).collect();
    // Cancelling what stands behind helps nobody: who holds the lane comes first.
    runs.sort_by_key(|run| holds(run).is_none());
    let offers: Vec<Offer> = runs
        .into_iter()
        .take(5)
        .map(|run| {
            let why = holds(run).map(|lane| format!(" · wedges its lane: {}", lane.behind()));
            let why = why.unwrap_or_default();
            Offer {
                label: SafeText::new(&format!("run {} · {} · {}{why}", run.number, run.title, run.revision)),
                intent: around.intent(verb, None, Target::Run(run.key.clone()), &run.key.source),
            }
        })
        .collect();
    if offers.is_empty() {
        let what = if verb == Verb::Cancel { "no run is under way" } else { "no run has failed" };
        return Err(Refusal::new(what));
    }
    Ok(offers)
}
