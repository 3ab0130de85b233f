//! Who is behind a run, as GitHub tells it: who started it, who ran it again, who wrote its commit, who may review.
//!
//! GitHub itself compares only the starter of the run with the reviewer, and only where `prevent_self_review` is set.
//! Source: docs.github.com/rest/actions/workflow-runs, /rest/commits/commits, /rest/deployments/environments.

use super::{gates, runs, wire};
use crate::domain::people::{AccountKind, Agreement, Part, People, Person, Reviewers};
use crate::domain::{Decision, SafeText};

/// The account in whose name GitHub commits what was merged or edited in the browser.
const ON_THE_WEB: &str = "web-flow";

/// What addresses end in that GitHub gives to who hides theirs.
const HIDDEN: &str = "@users.noreply.github.com";

/// Where the facts about one gate come from.
pub(super) struct Facts<'a> {
    pub(super) me: Option<&'a SafeText>,
    pub(super) run: &'a wire::Run,
    /// The run's commit; none if it may not be read.
    pub(super) commit: Option<&'a wire::Commit>,
    pub(super) pending: &'a wire::Pending,
    pub(super) approvals: &'a [wire::Approval],
    /// The environment's rules; none if they may not be read.
    pub(super) rules: Option<&'a wire::EnvironmentRules>,
}

impl Facts<'_> {
    pub(super) fn people(&self) -> People {
        let told = |rule: &wire::Rule| rule.prevent_self_review;
        People {
            me: self.me.map(|login| person(Some(login), None, None)),
            parties: self.parties(),
            head: Some(self.run.head_sha.clone()),
            agreements: self.agreements(),
            reviewers: reviewers(self.pending),
            // Rules that name no reviewers prevent nothing.
            prevents_self_review: self
                .rules
                .map(|r| r.protection_rules.iter().any(|r| told(r) == Some(true))),
            admins_can_bypass: self.rules.and_then(|r| r.can_admins_bypass),
        }
    }

    fn parties(&self) -> Vec<(Part, Person)> {
        let again = if runs::attempt(self.run) > 1 { Part::RanAgain } else { Part::Started };
        let mut parties = Vec::new();
        for (part, user) in [(Part::Started, &self.run.actor), (again, &self.run.triggering_actor)] {
            parties.extend(user.as_ref().and_then(account).map(|person| (part, person)));
        }
        if let Some(commit) = self.commit {
            let signed = commit.commit.as_ref();
            let author = signer(commit.author.as_ref(), signed.and_then(|c| c.author.as_ref()));
            let committer = signer(commit.committer.as_ref(), signed.and_then(|c| c.committer.as_ref()));
            parties.extend(author.map(|person| (Part::Wrote, person)));
            let on_the_web = |p: &Person| p.login.as_ref().is_some_and(|login| *login == ON_THE_WEB);
            parties.extend(committer.filter(|p| !on_the_web(p)).map(|person| (Part::Committed, person)));
        }
        let mut seen: Vec<(Part, Person)> = Vec::new();
        for (part, person) in parties {
            if !seen.iter().any(|(_, known)| *known == person) {
                seen.push((part, person));
            }
        }
        seen
    }

    /// A run's commit never changes, so every review of the run was of it.
    fn agreements(&self) -> Vec<Agreement> {
        let name = &self.pending.environment.name;
        let approved = gates::reviews(self.approvals);
        let ours =
            approved.iter().filter(|r| r.decision == Decision::Approved && r.environments.contains(name));
        ours.map(|r| Agreement { by: person(Some(&r.by), None, None), to: Some(self.run.head_sha.clone()) })
            .collect()
    }
}

fn reviewers(pending: &wire::Pending) -> Reviewers {
    let Some(all) = &pending.reviewers else { return Reviewers::Untold };
    let (mut persons, mut teams) = (Vec::new(), Vec::new());
    for one in all {
        let Some(who) = &one.reviewer else { return Reviewers::Untold };
        match (&who.login, one.kind.as_ref().map(SafeText::as_str)) {
            (Some(login), Some("User") | None) => {
                persons.push(person(Some(login), None, who.account.as_ref()))
            }
            // Of what is no user it is not known who stands behind it.
            _ => teams.extend(who.slug.clone().or_else(|| who.name.clone()).or_else(|| who.login.clone())),
        }
    }
    if persons.len() + teams.len() < all.len() {
        return Reviewers::Untold;
    }
    Reviewers::Told { persons, teams }
}

fn account(user: &wire::User) -> Option<Person> {
    let login = user.login.as_ref().filter(|l| !l.is_empty())?;
    Some(person(Some(login), None, user.kind.as_ref()))
}

/// Who signed a commit: the account that GitHub found for the address, and the address.
fn signer(user: Option<&wire::User>, signature: Option<&wire::Signature>) -> Option<Person> {
    let email = signature.and_then(|s| s.email.as_ref()).filter(|e| !e.is_empty());
    let found = user.and_then(|u| u.login.clone()).filter(|l| !l.is_empty());
    let login = found.or_else(|| email.and_then(hidden));
    if login.is_none() && email.is_none() {
        return None;
    }
    Some(person(login.as_ref(), email, user.and_then(|u| u.kind.as_ref())))
}

/// The account behind `12345+mara@users.noreply.github.com` or `mara@users.noreply.github.com`.
fn hidden(email: &SafeText) -> Option<SafeText> {
    let folded = email.as_str().to_ascii_lowercase();
    let name = folded.strip_suffix(HIDDEN)?;
    let login = name.split_once('+').map_or(name, |(_, login)| login);
    (!login.is_empty()).then(|| SafeText::new(login))
}

fn person(login: Option<&SafeText>, email: Option<&SafeText>, kind: Option<&SafeText>) -> Person {
    let bot = kind.is_some_and(|k| *k == "Bot") || login.is_some_and(|l| l.as_str().ends_with("[bot]"));
    let kind = if bot { AccountKind::Bot } else { AccountKind::Human };
    Person { login: login.cloned(), email: email.cloned(), kind }
}
