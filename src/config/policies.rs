//! `[policy.*]`: the rules of an environment, with its freeze windows.

use std::time::Duration;

use super::check::Check;
use super::read::{Item, Section, check_name};
use super::report::Mistakes;
use crate::domain::freeze::{Bound, Window, Zone};
use crate::domain::people::TwoPerson;
use crate::domain::service::{Access, Confirm, HealthRule, ReasonRule};
use crate::domain::{Freeze, Policy, PolicyName, SafeText};

/// How old evidence may be before nothing is planned on it.
const MAX_AGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));

/// How a freeze window is written.
const EXAMPLE: &str = "{ from = \"Fri 16:00\", to = \"Mon 08:00\", zone = \"Europe/Berlin\" }";

impl<'t> Check<'t> {
    /// Reads every `[policy.*]`.
    pub(super) fn read_policies(&mut self, item: Option<Item<'t>>) {
        let section =
            item.and_then(|item| item.section(&mut self.mistakes, "[policy]", "[policy.production]"));
        let Some(section) = section else { return };
        for item in section.items() {
            let name = item.key();
            check_name(name, &item.key_at(), &mut self.mistakes);
            let title = format!("[policy.{name}]");
            let section = item.section(&mut self.mistakes, &title, &title);
            let policy = section.map(|section| read_policy(&mut self.mistakes, name, section));
            self.policies.insert(name.to_owned(), policy.unwrap_or_default());
        }
    }
}

fn read_policy(mistakes: &mut Mistakes, name: &str, mut section: Section<'_>) -> Policy {
    let mut policy = Policy { name: Some(PolicyName::new(name)), ..Policy::default() };
    let confirm = [("type-name", Confirm::TypeName), ("press", Confirm::Press)];
    if let Some(confirm) = section.get("confirm").and_then(|item| item.choice(mistakes, &confirm)) {
        policy.confirm = confirm;
    }
    if section.get("require_reason").and_then(|item| item.switch(mistakes)) == Some(true) {
        policy.reason = ReasonRule::Required;
    }
    if section.get("read_only").and_then(|item| item.switch(mistakes)) == Some(true) {
        policy.access = Access::ReadOnly;
    }
    if section.get("healthy").and_then(|item| item.switch(mistakes)) == Some(true) {
        policy.health = HealthRule::MustBeGo;
    }
    let max_age = section.get("max_age").and_then(|item| item.duration(mistakes, MAX_AGE.0, MAX_AGE.1));
    policy.max_age = max_age.unwrap_or(policy.max_age);
    policy.freeze = section.get("freeze").map(|item| read_freezes(mistakes, item)).unwrap_or_default();
    if section.get("two_person").and_then(|item| item.switch(mistakes)) == Some(true) {
        policy.people = TwoPerson::Required;
    }
    section.finish(mistakes, &[]);
    policy
}

fn read_freezes(mistakes: &mut Mistakes, item: Item<'_>) -> Vec<Freeze> {
    let Some(tables) = item.inline_tables(mistakes, &format!("freeze = [{EXAMPLE}]")) else {
        return Vec::new();
    };
    tables.into_iter().filter_map(|section| read_freeze(mistakes, section)).collect()
}

fn read_freeze(mistakes: &mut Mistakes, mut section: Section<'_>) -> Option<Freeze> {
    let from = section.need(mistakes, "from");
    let to = section.need(mistakes, "to");
    let zone = section.need(mistakes, "zone").and_then(|item| read_zone(mistakes, item));
    let reason = section.get("reason").and_then(|item| read_reason(mistakes, item));
    section.finish(mistakes, &[]);
    let (from, to) = (from?, to?);
    let (begin, end) = (from.text(mistakes), to.text(mistakes));
    match Window::read(begin?, end?) {
        Ok(window) => Some(Freeze { window, zone: zone?, reason }),
        Err(wrong) => {
            let item = match wrong.bound {
                Bound::From => from,
                Bound::To => to,
            };
            mistakes.hinted(&item.at(), wrong.cause, wrong.hint);
            None
        }
    }
}

fn read_zone(mistakes: &mut Mistakes, item: Item<'_>) -> Option<Zone> {
    let said = item.text(mistakes)?;
    match Zone::named(said) {
        Ok(zone) => Some(zone),
        Err(near) => {
            let hint = match near {
                Some(name) => format!("did you mean {name:?}?"),
                None => "give the IANA name of a place, for example \"Europe/Berlin\", or \"UTC\"".to_owned(),
            };
            mistakes.hinted(&item.at(), format!("there is no time zone {said:?}"), hint);
            None
        }
    }
}

fn read_reason(mistakes: &mut Mistakes, item: Item<'_>) -> Option<SafeText> {
    let said = item.text(mistakes)?.trim();
    if said.is_empty() {
        mistakes.note(&item.at(), "`reason` must not be empty", None);
        return None;
    }
    Some(SafeText::new(said))
}
