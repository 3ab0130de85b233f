//! Gates: what a run waits for, who may decide, who has decided.
//!
//! GitHub's unit of approval is an environment in a run. `waiting` alone is no gate: a branch policy flashes it
//! for seconds. Source: docs.github.com/rest/actions/workflow-runs, docs.github.com/rest/deployments/environments.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::bindings::{Project, Watch};
use super::runs::{self, Held, Links};
use super::wire;
use crate::domain::pipeline::{MayDecide, Review, WaitsFor};
use crate::domain::{Decision, Gate, GateKey, RunKey, SafeText};
use crate::provider::http::segment;

/// Names of the Apps whose custom protection rules stand before an environment, by environment.
pub(super) type Apps = BTreeMap<SafeText, Vec<SafeText>>;

/// Everything that one run tells about what holds it.
pub(super) struct Hold<'a> {
    pub(super) run: &'a wire::Run,
    pub(super) key: &'a RunKey,
    pub(super) jobs: &'a [wire::Job],
    pub(super) pending: &'a [wire::Pending],
    pub(super) reviews: &'a [Review],
    /// Apps that decide besides people.
    pub(super) apps: &'a Apps,
    /// Who we are.
    pub(super) identity: Option<&'a SafeText>,
    /// The server's clock.
    pub(super) now: Option<Timestamp>,
}

impl Hold<'_> {
    /// The gates of the run, one for each environment that it waits for.
    pub(super) fn gates(&self, watch: &Watch, links: &Links) -> Vec<Gate> {
        self.pending.iter().map(|pending| self.gate(pending, watch, links)).collect()
    }

    fn gate(&self, pending: &wire::Pending, watch: &Watch, links: &Links) -> Gate {
        let timer = timer(pending, self.now);
        let waits_for = self.waits_for(pending, timer);
        let (reviewers, may_decide) = match waits_for {
            WaitsFor::OtherSystem => by_app(self.apps.get(&pending.environment.name).into_iter().flatten()),
            _ => (reviewers(pending), self.may_decide(pending)),
        };
        Gate {
            environment: watch.environment(&pending.environment.name).cloned(),
            title: pending.environment.name.clone(),
            since: pending.wait_timer_started_at.or_else(|| self.since()),
            reviewers,
            may_decide,
            waits_for,
            timer,
            ..self.any_gate(SafeText::new(&pending.environment.id.to_string()), links)
        }
    }

    /// The gate of a run that keeps waiting for something that nobody can press here.
    pub(super) fn other_system(&self, links: &Links) -> Gate {
        let names: Vec<&str> =
            self.jobs.iter().filter(|j| j.status == "waiting").map(|j| j.name.as_str()).take(3).collect();
        let title = if names.is_empty() { "a protection rule".to_owned() } else { names.join(", ") };
        let (reviewers, may_decide) = by_app(self.apps.values().flatten());
        Gate {
            title: SafeText::new(&title),
            reviewers,
            may_decide,
            waits_for: WaitsFor::OtherSystem,
            ..self.any_gate(SafeText::new("protection-rule"), links)
        }
    }

    pub(super) fn any_gate(&self, id: SafeText, links: &Links) -> Gate {
        Gate {
            key: GateKey { run: self.key.clone(), attempt: runs::attempt(self.run), id },
            environment: None,
            title: SafeText::default(),
            revision: self.run.head_sha.clone(),
            branch: self.run.head_branch.clone().filter(|b| !b.is_empty()),
            run_number: self.run.run_number.unwrap_or_default(),
            run_title: runs::title(self.run),
            since: self.since(),
            asked_by: runs::asked_by(self.run),
            reviewers: Vec::new(),
            may_decide: MayDecide::Unknown,
            timer: None,
            waits_for: WaitsFor::Human,
            url: links.safe(self.run.html_url.as_ref()),
            asks: Vec::new(),
            plan: None,
            expires: None,
            no_reject: None,
            quorum: None,
        }
    }

    /// The first job that waits began to wait with its creation.
    fn since(&self) -> Option<Timestamp> {
        let waiting = self.jobs.iter().filter(|j| j.status == "waiting");
        waiting.filter_map(|j| j.created_at.or(j.started_at)).min().or(self.run.run_started_at)
    }

    fn may_decide(&self, pending: &wire::Pending) -> MayDecide {
        match pending.current_user_can_approve {
            Some(true) => MayDecide::Yes,
            Some(false) => MayDecide::No(SafeText::new(&denial(
                pending,
                self.identity,
                runs::asked_by(self.run).as_ref(),
            ))),
            None => MayDecide::Unknown,
        }
    }

    /// Whether people have agreed. A rerun asks anew, and its history does not tell attempts apart.
    fn approved(&self, pending: &wire::Pending) -> bool {
        runs::attempt(self.run) == 1
            && decided(self.reviews, Decision::Approved, &pending.environment.name) > 0
    }

    fn waits_for(&self, pending: &wire::Pending, timer: Option<Timestamp>) -> WaitsFor {
        let asked = asked(pending);
        // Approved, and only the timer is left.
        let approved = timer.is_some() && self.approved(pending);
        if asked == WaitsFor::Human && approved {
            return WaitsFor::Timer;
        }
        let apps = self.apps.get(&pending.environment.name).is_some_and(|apps| !apps.is_empty());
        let may = pending.current_user_can_approve == Some(true);
        if asked == WaitsFor::Human && apps && !may && timer.is_none() && self.approved(pending) {
            return WaitsFor::OtherSystem;
        }
        asked
    }
}

/// Whether a human, a timer or something else is asked.
pub(super) fn asked(pending: &wire::Pending) -> WaitsFor {
    let nobody = pending.reviewers.as_ref().is_some_and(Vec::is_empty);
    if !nobody
        || (pending.wait_timer.is_none_or(|m| m == 0) && pending.current_user_can_approve == Some(true))
    {
        WaitsFor::Human
    } else if pending.wait_timer.is_some_and(|minutes| minutes > 0) {
        WaitsFor::Timer
    } else {
        WaitsFor::OtherSystem
    }
}

/// When the timer runs out, if it has not by the server's clock.
pub(super) fn timer(pending: &wire::Pending, now: Option<Timestamp>) -> Option<Timestamp> {
    let minutes = i64::try_from(pending.wait_timer.filter(|m| *m > 0)?).ok()?;
    let wait = SignedDuration::from_secs(minutes.checked_mul(60)?);
    let until = pending.wait_timer_started_at?.checked_add(wait).ok()?;
    now.is_none_or(|now| until > now).then_some(until)
}

/// Who may decide: users, or teams with `team:` in front.
pub(super) fn reviewers(pending: &wire::Pending) -> Vec<SafeText> {
    pending.reviewers.iter().flatten().filter_map(reviewer).collect()
}

fn reviewer(wire: &wire::Reviewer) -> Option<SafeText> {
    let name = wire.reviewer.as_ref()?;
    match wire.kind.as_ref().map(SafeText::as_str) {
        Some("Team") => {
            let team = name.slug.as_ref().or(name.name.as_ref())?;
            Some(SafeText::new(&format!("team:{team}")))
        }
        _ => name.login.clone().or_else(|| name.slug.clone()).or_else(|| name.name.clone()),
    }
}

/// Why this credential may not decide.
pub(super) fn denial(
    pending: &wire::Pending,
    identity: Option<&SafeText>,
    asked_by: Option<&SafeText>,
) -> String {
    let names: Vec<String> = reviewers(pending).iter().map(ToString::to_string).collect();
    let who = if names.is_empty() { "GitHub names no reviewers".to_owned() } else { names.join(", ") };
    match (identity, asked_by) {
        (Some(us), Some(them)) if us == them => {
            format!("{us} started this run and may not review it, or is no reviewer; reviewers: {who}")
        }
        (Some(us), _) => format!("{us} is not a reviewer; reviewers: {who}"),
        (None, _) => format!("this token's user is not a reviewer; reviewers: {who}"),
    }
}

/// Reviews in the cockpit's words. `pending` entries and words that are not known are no decisions.
pub(super) fn reviews(approvals: &[wire::Approval]) -> Vec<Review> {
    approvals.iter().filter_map(review).collect()
}

fn review(wire: &wire::Approval) -> Option<Review> {
    let decision = match wire.state.as_str() {
        "approved" => Decision::Approved,
        "rejected" => Decision::Rejected,
        _ => return None,
    };
    let by = wire.user.as_ref().and_then(|user| user.login.clone());
    Some(Review {
        decision,
        by: by.unwrap_or_else(|| SafeText::new("somebody")),
        environments: wire.environments.iter().map(|e| e.name.clone()).collect(),
        comment: wire.comment.clone().unwrap_or_default(),
    })
}

/// How many reviews hold this decision for this environment.
pub(super) fn decided(reviews: &[Review], decision: Decision, environment: &SafeText) -> usize {
    reviews.iter().filter(|r| r.decision == decision && r.environments.contains(environment)).count()
}

/// What holds a run, by its gates.
pub(super) fn held(gates: &[Gate]) -> Held {
    if gates.iter().any(|g| g.waits_for == WaitsFor::Human) {
        Held::Human
    } else if gates.iter().any(|g| g.waits_for == WaitsFor::Timer) {
        Held::Timer
    } else {
        Held::Other
    }
}

/// Environments of which people alone do not explain that they are waited for: nobody is asked, or somebody agreed.
pub(super) fn unexplained(pending: &[wire::Pending], reviews: &[Review]) -> Vec<SafeText> {
    let names = pending.iter().filter(|p| {
        asked(p) == WaitsFor::OtherSystem || decided(reviews, Decision::Approved, &p.environment.name) > 0
    });
    names.map(|p| p.environment.name.clone()).collect()
}

/// Where the custom protection rules of an environment are told.
pub(super) fn rules_path(project: &Project, environment: &SafeText) -> String {
    project.path(&format!("/environments/{}/deployment_protection_rules", segment(environment.as_str())))
}

/// The Apps behind rules that are switched on.
pub(super) fn app_names(rules: &wire::CustomRules) -> Vec<SafeText> {
    let on = rules.custom_deployment_protection_rules.iter().filter(|rule| rule.enabled != Some(false));
    on.filter_map(|rule| rule.app.as_ref()?.slug.clone()).collect()
}

/// Who decides in place of people: the Apps by name, if they are told.
fn by_app<'a>(apps: impl IntoIterator<Item = &'a SafeText>) -> (Vec<SafeText>, MayDecide) {
    let mut names: Vec<&SafeText> = apps.into_iter().collect();
    names.sort();
    names.dedup();
    let reviewers = names.iter().map(|name| SafeText::new(&format!("app:{name}"))).collect();
    (reviewers, MayDecide::No(SafeText::new(&app_decides(&names))))
}

/// `the App canary-guard decides (a custom protection rule)`.
pub(super) fn app_decides(names: &[&SafeText]) -> String {
    let listed: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    match listed.as_slice() {
        [] => "another system decides (a custom protection rule)".to_owned(),
        [one] => format!("the App {one} decides (a custom protection rule)"),
        more => format!("the Apps {} decide (custom protection rules)", more.join(", ")),
    }
}
