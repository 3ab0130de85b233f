//! One complete look at the workspaces of one service: their newest runs with their plans, and what waits in them.
//!
//! A list of runs counts against a limit of 30 a minute for all that this token's user does: where there are more
//! workspaces than that allows, they take turns, and between its turns only the runs of a workspace that have not ended are
//! asked for, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::api::Api;
use super::bindings::{Watch, Workspace};
use super::plans::{self, Inner};
use super::states::{self, let_go, run_state};
use super::{about::About, wire};
use crate::domain::pipeline::Review;
use crate::domain::{Ask, Cause, Decision, Fault, RunKey, SafeText, SourceName};
use crate::provider::http::{query, segment};
use crate::provider::services::{Sight, locked, remember};

/// Runs on one page of a list.
const PAGE: u64 = 20;
/// Pages that are read while what is on them has not ended: a run that waits may have many behind it.
const PAGES: u64 = 3;
/// Workspaces whose runs are listed in one look.
const LISTS: usize = 6;
/// The same in the first look.
const FIRST: usize = 24;
/// How much is remembered.
const KEPT: usize = 512;
/// What is asked for together with runs.
pub(super) const INCLUDE: &str =
    "plan,apply,created_by,cost_estimate,configuration_version.ingress_attributes";

/// A run with what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) run: wire::Run,
    pub(super) included: Vec<wire::Included>,
}

impl Known {
    /// Takes a run's own belongings out of those of all.
    pub(super) fn of(run: wire::Run, included: &[wire::Included]) -> Self {
        let relations = &run.relationships;
        let single = [
            &relations.plan,
            &relations.apply,
            &relations.cost_estimate,
            &relations.configuration_version,
            &relations.created_by,
        ];
        let ids: BTreeSet<&SafeText> =
            single.into_iter().flatten().filter_map(|relation| Some(&relation.data.as_ref()?.id)).collect();
        let near: Vec<&wire::Included> = included.iter().filter(|one| ids.contains(&one.id)).collect();
        let commits: BTreeSet<&SafeText> = near
            .iter()
            .filter_map(|one| {
                Some(&one.relationships.as_ref()?.ingress_attributes.as_ref()?.data.as_ref()?.id)
            })
            .collect();
        let far = included.iter().filter(|one| commits.contains(&one.id));
        let included = near.iter().copied().chain(far).cloned().collect();
        Self { run, included }
    }

    /// Something that belongs to the run.
    pub(super) fn part(
        &self,
        kind: &str,
        relation: Option<&wire::Relation>,
    ) -> Option<&wire::IncludedAttributes> {
        let id = &relation?.data.as_ref()?.id;
        self.included.iter().find(|one| one.is(kind, id))?.attributes.as_ref()
    }

    pub(super) fn plan(&self) -> Option<&wire::IncludedAttributes> {
        self.part("plans", self.run.relationships.plan.as_ref())
    }

    pub(super) fn plan_id(&self) -> Option<&SafeText> {
        Some(&self.run.relationships.plan.as_ref()?.data.as_ref()?.id)
    }

    /// The commit of the run's configuration, where it came from a repository.
    pub(super) fn commit(&self) -> Option<&wire::IncludedAttributes> {
        let kind = |one: &&wire::Included| one.kind.as_ref().is_some_and(|kind| kind == "ingress-attributes");
        self.included.iter().find(kind)?.attributes.as_ref()
    }
}

/// What one look remembers for the next.
#[derive(Default)]
pub(super) struct Memory {
    /// Ids of workspaces, by how they are called.
    workspaces: Mutex<BTreeMap<String, SafeText>>,
    /// The runs of a workspace when it was listed last, newest first.
    pub(super) listed: Mutex<BTreeMap<String, Vec<Known>>>,
    /// The place of a run among all of its workspace.
    pub(super) numbers: Mutex<BTreeMap<SafeText, u64>>,
    /// What plans say themselves: a plan never changes.
    inner: Mutex<BTreeMap<SafeText, Inner>>,
    /// Names of users, by id.
    users: Mutex<BTreeMap<SafeText, SafeText>>,
    /// Who discarded a run.
    discarded: Mutex<BTreeMap<SafeText, SafeText>>,
}

/// What applies to the whole look.
pub(super) struct Looker<'a> {
    pub(super) api: &'a Api,
    pub(super) memory: &'a Memory,
    pub(super) source: &'a SourceName,
    pub(super) ask: &'a Ask,
    pub(super) turn: u64,
    /// Every workspace of this source, by how it is called.
    pub(super) all: &'a [String],
    pub(super) place: &'a super::Standing,
}

impl Looker<'_> {
    pub(super) async fn service(&self, watch: &Watch) -> Result<Sight, Fault> {
        let mut sight = Sight::default();
        let asked = self.ask.runs_of(self.source, &watch.service);
        let mut found = BTreeSet::new();
        for workspace in &watch.workspaces {
            for (place, known) in self.runs(watch, workspace).await?.into_iter().enumerate() {
                found.insert(known.run.id.clone());
                let curious = place == 0 || asked.contains(&known.run.id);
                self.add(watch, (workspace, &known), curious, &mut sight).await?;
            }
        }
        for id in asked.into_iter().filter(|id| !found.contains(*id)) {
            let Some(document) = self.api.get_if_told::<wire::Document<wire::Run>>(&one(id)).await? else {
                continue;
            };
            let known = Known::of(document.data, &document.included);
            for workspace in &watch.workspaces {
                if self.is_of(&known.run, workspace).await? {
                    self.add(watch, (workspace, &known), true, &mut sight).await?;
                }
            }
        }
        sight.pipeline.runs.sort_by_key(|run| std::cmp::Reverse(run.started));
        sight.pipeline.runs.truncate(30);
        Ok(sight)
    }

    /// Whether it is this workspace's turn to have its runs listed.
    fn may_list(&self, watch: &Watch, called: &str) -> bool {
        let count = self.all.len();
        if count <= LISTS || self.ask.focus.as_ref() == Some(&watch.service) {
            return true;
        }
        let place = self.all.iter().position(|other| other == called).unwrap_or_default();
        if self.turn == 0 {
            return place < FIRST;
        }
        let first = usize::try_from(self.turn).unwrap_or_default().saturating_mul(LISTS);
        let first = first.checked_rem(count).unwrap_or_default();
        let distance = place.saturating_add(count).saturating_sub(first).checked_rem(count);
        distance.is_some_and(|distance| distance < LISTS)
    }

    /// The newest runs of a workspace, newest first.
    async fn runs(&self, watch: &Watch, workspace: &Workspace) -> Result<Vec<Known>, Fault> {
        let called = workspace.called();
        let before = locked(&self.memory.listed).get(&called).cloned();
        let runs = match before {
            _ if self.may_list(watch, &called) => self.list(workspace).await?,
            Some(mut before) => {
                for known in before.iter_mut().filter(|known| !run_state(&known.run).ended()) {
                    let document: wire::Document<wire::Run> = self.api.get(&one(&known.run.id)).await?;
                    *known = Known::of(document.data, &document.included);
                }
                before
            }
            None => {
                let text = format!(
                    "{called} waits for its turn: Terraform allows 30 lists of runs a minute, and this source has {} workspaces",
                    self.all.len()
                );
                return Err(Fault::new(Cause::Refused, text));
            }
        };
        remember(&self.memory.listed, called, runs.clone(), KEPT);
        Ok(runs)
    }

    async fn list(&self, workspace: &Workspace) -> Result<Vec<Known>, Fault> {
        let id = self.id(workspace).await?;
        let path = format!("/workspaces/{}/runs", segment(id.as_str()));
        let mut runs: Vec<Known> = Vec::new();
        for page in 1..=PAGES {
            let (number, size) = (page.to_string(), PAGE.to_string());
            let pairs =
                [("page[number]", number.as_str()), ("page[size]", size.as_str()), ("include", INCLUDE)];
            let got = self.api.get::<wire::Document<Vec<wire::Run>>>(&query(&path, &pairs)).await;
            if got.as_ref().is_err_and(|fault| fault.cause == Cause::NotFound) {
                // A workspace that was made anew under its old name has another id.
                locked(&self.memory.workspaces).remove(&workspace.called());
            }
            let wire::Document { data, included, meta } = got?;
            let pagination = meta.and_then(|meta| meta.pagination);
            let mut number = pagination.as_ref().and_then(|page| page.total_count).unwrap_or_default();
            number = number.saturating_sub(PAGE.saturating_mul(page.saturating_sub(1)));
            for run in data {
                remember(&self.memory.numbers, run.id.clone(), number, KEPT);
                number = number.saturating_sub(1);
                runs.push(Known::of(run, &included));
            }
            let more = pagination.and_then(|page| page.next_page).is_some();
            if !more || runs.last().is_none_or(|known| run_state(&known.run).ended()) {
                break;
            }
        }
        Ok(runs)
    }

    /// The id of a workspace; asked for once.
    pub(super) async fn id(&self, workspace: &Workspace) -> Result<SafeText, Fault> {
        let called = workspace.called();
        if let Some(known) = locked(&self.memory.workspaces).get(&called) {
            return Ok(known.clone());
        }
        let document: wire::Document<wire::Named> = self.api.get(&workspace.path()).await?;
        remember(&self.memory.workspaces, called, document.data.id.clone(), KEPT);
        Ok(document.data.id)
    }

    /// Whether a run is of a workspace. A run that does not say of which it is, is of none.
    pub(super) async fn is_of(&self, run: &wire::Run, workspace: &Workspace) -> Result<bool, Fault> {
        let id = self.id(workspace).await?;
        let own = run.relationships.workspace.as_ref().and_then(|own| own.data.as_ref());
        Ok(own.is_some_and(|own| own.id == id))
    }

    async fn add(
        &self,
        watch: &Watch,
        (workspace, known): (&Workspace, &Known),
        curious: bool,
        sight: &mut Sight,
    ) -> Result<(), Fault> {
        let run = &known.run;
        let key = RunKey { source: self.source.clone(), service: watch.service.clone(), id: run.id.clone() };
        let inner = match states::waits(run) {
            Some(_) => self.inner(known).await?.ok(),
            None => None,
        };
        let about = About {
            workspace,
            known,
            key,
            number: locked(&self.memory.numbers).get(&run.id).copied().unwrap_or_default(),
            inner: inner.as_ref(),
            place: self.place,
        };
        sight.gates.extend(about.gate());
        if states::waits(run) == Some(states::Waits::Override) {
            sight.pipeline.remarks.push(about.override_words());
        }
        let reviews = self.reviews(workspace, known, curious).await?;
        sight.pipeline.runs.push(about.run(reviews));
        Ok(())
    }

    /// What the plan of a run says itself; asked for once. The outer error is for now only.
    pub(super) async fn inner(&self, known: &Known) -> Result<Result<Inner, SafeText>, Fault> {
        let Some(plan) = known.plan_id() else { return Ok(Ok(Err("the run names no plan".into()))) };
        if let Some(inner) = locked(&self.memory.inner).get(plan) {
            return Ok(Ok(inner.clone()));
        }
        let told = plans::inner(self.api, plan, self.place.cloud).await?;
        if let Ok(inner) = &told {
            remember(&self.memory.inner, plan.clone(), inner.clone(), KEPT);
        }
        Ok(told)
    }

    /// Who let a run go or turned it down.
    pub(super) async fn reviews(
        &self,
        workspace: &Workspace,
        known: &Known,
        curious: bool,
    ) -> Result<Vec<Review>, Fault> {
        let run = &known.run;
        let mut reviews = Vec::new();
        let mut tell = |decision, by| {
            let environments = vec![SafeText::new(&workspace.name)];
            reviews.push(Review { decision, by, environments, comment: SafeText::default() });
        };
        if let_go(run) {
            let by = run.relationships.confirmed_by.as_ref().and_then(|by| by.data.as_ref());
            match by {
                Some(user) => tell(Decision::Approved, self.name(&user.id, &known.included).await?),
                // Nobody was asked.
                None if run.attributes.auto_apply == Some(true) => {}
                None => tell(Decision::Approved, "somebody".into()),
            }
        }
        if run.attributes.status == "discarded" {
            tell(Decision::Rejected, self.discarder(run, curious).await?);
        }
        Ok(reviews)
    }

    /// Who discarded a run: only its events tell.
    async fn discarder(&self, run: &wire::Run, curious: bool) -> Result<SafeText, Fault> {
        if let Some(known) = locked(&self.memory.discarded).get(&run.id) {
            return Ok(known.clone());
        }
        if !curious {
            return Ok("somebody".into());
        }
        let path = query(&format!("/runs/{}/run-events", segment(run.id.as_str())), &[("include", "actor")]);
        let events = self.api.get_if_told::<wire::Document<Vec<wire::Event>>>(&path).await?;
        let Some(wire::Document { data, included, .. }) = events else { return Ok("somebody".into()) };
        let actor = data.iter().rev().find_map(|event| {
            let action = event.attributes.as_ref()?.action.as_ref()?;
            let actor = event.relationships.as_ref()?.actor.as_ref()?.data.as_ref()?;
            action.as_str().contains("discard").then_some(actor)
        });
        let Some(actor) = actor else { return Ok("somebody".into()) };
        let name = self.name(&actor.id, &included).await?;
        remember(&self.memory.discarded, run.id.clone(), name.clone(), KEPT);
        Ok(name)
    }

    /// The name of a user; asked for once, unless it came along.
    async fn name(&self, id: &SafeText, included: &[wire::Included]) -> Result<SafeText, Fault> {
        if let Some(known) = locked(&self.memory.users).get(id) {
            return Ok(known.clone());
        }
        let along = included.iter().find(|one| one.is("users", id));
        let along = along.and_then(|one| one.attributes.as_ref()?.username.clone());
        let name = match along {
            Some(name) => Some(name),
            None => {
                let path = format!("/users/{}", segment(id.as_str()));
                let user = self.api.get_if_told::<wire::Document<wire::Account>>(&path).await?;
                user.and_then(|user| user.data.name())
            }
        };
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| id.clone());
        remember(&self.memory.users, id.clone(), name.clone(), KEPT);
        Ok(name)
    }
}

/// Where one run is asked for.
pub(super) fn one(id: &SafeText) -> String {
    query(&format!("/runs/{}", segment(id.as_str())), &[("include", INCLUDE)])
}
