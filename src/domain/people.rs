//! The two-person rule: who ships must not be who asked for it or wrote it. Pure rules over what a provider tells.
//!
//! Persons are the provider's accounts, not names on this machine: two tokens of one account are one person. What cannot
//! be told apart is not taken for two persons. Part of the rule the provider may enforce itself; the rest only this
//! cockpit checks, and [`Note`]s say which is which.

use serde::{Deserialize, Serialize};

use super::code::Sha;
use super::text::SafeText;
use super::verb::Verb;

/// Whether a second person must agree before something ships.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TwoPerson {
    /// One person may do it all.
    #[default]
    NotAsked,
    /// A second person must agree.
    Required,
}

/// What kind of account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    /// A human's, as far as the provider tells.
    #[default]
    Human,
    /// A program's. It agrees to nothing.
    Bot,
}

/// An account at a provider, by what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The account's name; letter case does not matter.
    pub login: Option<SafeText>,
    /// An e-mail address of it; letter case does not matter.
    pub email: Option<SafeText>,
    /// Human or bot.
    pub kind: AccountKind,
}

/// How somebody took part in what would ship.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Started the run.
    Started,
    /// Ran it again: started this attempt.
    RanAgain,
    /// Wrote the commit.
    Wrote,
    /// Committed what somebody else wrote.
    Committed,
}

/// Somebody's agreement, as the provider recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Whose.
    pub by: Person,
    /// To which commit, if it is told. What was pushed later was not agreed to.
    pub to: Option<Sha>,
}

/// Who may review a gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reviewers {
    /// The provider does not say.
    #[default]
    Untold,
    /// These accounts, and the members of these teams.
    Told {
        /// Accounts.
        persons: Vec<Person>,
        /// Teams; who is in them is not known.
        teams: Vec<SafeText>,
    },
}

/// Everything that a provider tells about the people behind an action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Whose credential this is; none if the provider does not say.
    pub me: Option<Person>,
    /// Who took part, and how.
    pub parties: Vec<(Part, Person)>,
    /// The commit that would ship.
    pub head: Option<Sha>,
    /// Who agreed so far.
    pub agreements: Vec<Agreement>,
    /// Who may.
    pub reviewers: Reviewers,
    /// Whether the provider itself refuses a review by who started the run.
    pub prevents_self_review: Option<bool>,
    /// Whether administrators can go round the gate.
    pub admins_can_bypass: Option<bool>,
}

/// What the rule is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Decide a gate: we are the second person.
    Decide,
    /// Ship directly: somebody else must have agreed.
    Ship,
}

impl Act {
    /// What the rule has to say about a verb, if anything. A roll back is exempt: it restores what was agreed to
    /// before, and must not wait for a second person to wake up.
    #[must_use]
    pub const fn of(verb: Verb) -> Option<Self> {
        match verb {
            Verb::Approve => Some(Self::Decide),
            Verb::Promote => Some(Self::Ship),
            _ => None,
        }
    }
}

/// What the rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// Two persons, proved.
    Fine,
    /// Not by this person, or not proved.
    Refused {
        /// Why.
        why: SafeText,
        /// What or who would satisfy it.
        next: SafeText,
    },
    /// By nobody: the gate itself must change.
    Unsatisfiable {
        /// Why.
        why: SafeText,
        /// What would mend it.
        next: SafeText,
    },
}

/// Who sees to a part of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcer {
    /// The provider: nobody gets round it with another client.
    Provider,
    /// Only this cockpit: advisory, for another client does not ask it.
    Cockpit,
    /// Nobody.
    Nobody,
}

/// Who enforces a part of the rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Who.
    pub enforcer: Enforcer,
    /// What, in one sentence.
    pub text: SafeText,
}

/// Whether two descriptions are of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    Same,
    Different,
    /// They have nothing in common that could be compared.
    Untold,
}

impl Person {
    /// A human's account by its name.
    #[must_use]
    pub fn login(login: &str) -> Self {
        Self { login: Some(login.into()), ..Self::default() }
    }

    /// What to call it.
    #[must_use]
    pub fn label(&self) -> &str {
        self.login.as_ref().or(self.email.as_ref()).map_or("somebody", SafeText::as_str)
    }

    fn like(&self, other: &Self) -> Likeness {
        let same = |a: &Option<SafeText>, b: &Option<SafeText>| {
            let fold = |text: &SafeText| text.as_str().trim().to_lowercase();
            Some(fold(a.as_ref()?) == fold(b.as_ref()?))
        };
        match (same(&self.login, &other.login), same(&self.email, &other.email)) {
            (Some(true), _) | (_, Some(true)) => Likeness::Same,
            // One account may have several addresses, so that they differ proves nothing; a name is unique.
            (Some(false), _) => Likeness::Different,
            (None, _) => Likeness::Untold,
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.like(other) == Likeness::Same
    }
}

impl Part {
    const fn deed(self) -> &'static str {
        match self {
            Self::Started => "started this run",
            Self::RanAgain => "ran this run again",
            Self::Wrote => "wrote the commit that would ship",
            Self::Committed => "committed what would ship",
        }
    }
}

impl People {
    /// Whether somebody took part, and how.
    fn part(&self, person: &Person) -> Option<Part> {
        self.parties.iter().find(|(_, other)| person.is(other)).map(|(part, _)| *part)
    }

    /// Whether it is told who started what would ship, and who wrote it.
    fn told(&self) -> Result<(), &'static str> {
        let has = |wanted: &[Part]| self.parties.iter().any(|(part, _)| wanted.contains(part));
        if !has(&[Part::Started, Part::RanAgain]) {
            return Err("who started this run is not told");
        }
        if has(&[Part::Wrote]) { Ok(()) } else { Err("who wrote the commit that would ship is not told") }
    }

    /// Who could be the second person.
    fn who_could(&self) -> SafeText {
        let Reviewers::Told { persons, teams } = &self.reviewers else { return anybody() };
        let free = persons.iter().filter(|p| self.could(p)).map(|p| p.label().to_owned());
        let teams = teams.iter().map(|team| format!("a member of team {team} who took no part in it"));
        let names: Vec<String> = free.chain(teams).collect();
        if names.is_empty() { anybody() } else { SafeText::new(&format!("ask {}", names.join(" or "))) }
    }

    fn could(&self, person: &Person) -> bool {
        person.kind == AccountKind::Human
            && self.part(person).is_none()
            && !self.me.as_ref().is_some_and(|me| me.is(person))
    }
}

fn anybody() -> SafeText {
    "ask somebody who neither started it nor wrote it".into()
}

/// Why nobody could ever decide this gate under the rule, if that is so. Worth knowing before anybody tries.
#[must_use]
pub fn hopeless(people: &People) -> Option<SafeText> {
    let Reviewers::Told { persons, teams } = &people.reviewers else { return None };
    if persons.is_empty() || !teams.is_empty() {
        return None;
    }
    let why = |person: &Person| match (person.kind, people.part(person)) {
        (AccountKind::Bot, _) => Some(format!("{} is a bot", person.label())),
        (_, Some(part)) => Some(format!("{} {}", person.label(), part.deed())),
        (AccountKind::Human, None) => None,
    };
    let reasons: Vec<String> = persons.iter().map(why).collect::<Option<_>>()?;
    Some(SafeText::new(&format!("no reviewer could approve this: {}", reasons.join(", "))))
}

/// The same by what the board knows of a gate: who asked for it, and its reviewers with `team:` in front of teams.
#[must_use]
pub fn hopeless_gate(asked_by: Option<&SafeText>, reviewers: &[SafeText]) -> Option<SafeText> {
    let team = |name: &SafeText| name.as_str().strip_prefix("team:").map(SafeText::new);
    let login = |name: &SafeText| Person { login: Some(name.clone()), ..Person::default() };
    let reviewers = Reviewers::Told {
        persons: reviewers.iter().filter(|r| team(r).is_none()).map(login).collect(),
        teams: reviewers.iter().filter_map(team).collect(),
    };
    let parties = asked_by.map(|by| (Part::Started, login(by))).into_iter().collect();
    hopeless(&People { parties, reviewers, ..People::default() })
}

/// Whether the rule is satisfied. `people` is none where nothing tells who is behind an action.
#[must_use]
pub fn judge(act: Act, people: Option<&People>) -> Ruling {
    let Some(people) = people else {
        return refused(
            "nothing tells who asked for this and whether anybody else agreed, so two persons cannot be proved",
            "ship it through a gate with reviewers".into(),
        );
    };
    match act {
        Act::Decide => decide(people),
        Act::Ship => ship(people),
    }
}

fn refused(why: &str, next: SafeText) -> Ruling {
    Ruling::Refused { why: why.into(), next }
}

fn unproved(why: &str, people: &People) -> Ruling {
    refused(&format!("two persons cannot be proved: {why}"), people.who_could())
}

fn decide(people: &People) -> Ruling {
    if let Some(why) = hopeless(people) {
        let next = "add a reviewer who takes no part in releases, or a team, to the environment";
        return Ruling::Unsatisfiable { why, next: next.into() };
    }
    let Some(me) = &people.me else {
        return unproved("whose credential this is, is not told", people);
    };
    if me.kind == AccountKind::Bot {
        return refused(
            &format!("{} is a bot, and a bot is no second person", me.label()),
            people.who_could(),
        );
    }
    if let Some(part) = people.part(me) {
        return refused(
            &format!("{} {}: somebody else must agree", me.label(), part.deed()),
            people.who_could(),
        );
    }
    if let Err(why) = people.told() {
        return unproved(why, people);
    }
    if let Some((part, other)) = people.parties.iter().find(|(_, p)| me.like(p) == Likeness::Untold) {
        let why = format!("{} {}, and that may be {}", other.label(), part.deed(), me.label());
        return unproved(&why, people);
    }
    if people.parties.iter().all(|(_, p)| p.kind == AccountKind::Bot) {
        return refused("only bots took part so far: a second person is needed", people.who_could());
    }
    Ruling::Fine
}

fn ship(people: &People) -> Ruling {
    let Some(me) = &people.me else {
        return unproved("whose credential this is, is not told", people);
    };
    if let Err(why) = people.told() {
        return unproved(why, people);
    }
    let mut wanting: Vec<String> = Vec::new();
    for agreement in &people.agreements {
        match lacks(agreement, me, people) {
            None => return Ruling::Fine,
            Some(why) => wanting.push(why),
        }
    }
    let why = match wanting.as_slice() {
        [] => "nobody else agreed to this".to_owned(),
        reasons => format!("nobody else agreed to this: {}", reasons.join(", ")),
    };
    refused(&why, people.who_could())
}

/// Why an agreement does not count, if it does not.
fn lacks(agreement: &Agreement, me: &Person, people: &People) -> Option<String> {
    let by = &agreement.by;
    if by.kind == AccountKind::Bot {
        return Some(format!("{} is a bot", by.label()));
    }
    match me.like(by) {
        Likeness::Same => return Some(format!("{} would ship it", by.label())),
        Likeness::Untold => return Some(format!("{} may be {}", by.label(), me.label())),
        Likeness::Different => {}
    }
    if let Some(part) = people.part(by) {
        return Some(format!("{} {}", by.label(), part.deed()));
    }
    if let Some((_, other)) = people.parties.iter().find(|(_, p)| by.like(p) == Likeness::Untold) {
        return Some(format!("{} may be {}", by.label(), other.label()));
    }
    match (&agreement.to, &people.head) {
        (Some(to), Some(head)) if to == head => None,
        (Some(to), Some(head)) => Some(format!("{} agreed to {to}, and {head} would ship", by.label())),
        _ => Some(format!("to which commit {} agreed is not told", by.label())),
    }
}

/// Who enforces what about a gate, so that nobody takes advice for a lock.
#[must_use]
pub fn notes(people: &People) -> Vec<Note> {
    let note = |enforcer, text: &str| Note { enforcer, text: text.into() };
    let reruns = "who ran it again is kept from approving by this cockpit only: advisory";
    let mut notes = vec![match people.prevents_self_review {
        Some(true) => note(Enforcer::Provider, "the provider refuses a review by who started the run"),
        Some(false) => note(
            Enforcer::Cockpit,
            "advisory: the provider lets who started the run approve it, only this cockpit refuses",
        ),
        None => note(
            Enforcer::Cockpit,
            "advisory: whether the provider refuses self-review is not told, this cockpit does",
        ),
    }];
    if people.parties.iter().any(|(part, _)| *part == Part::RanAgain)
        && people.prevents_self_review != Some(true)
    {
        notes.push(note(Enforcer::Cockpit, reruns));
    }
    notes.push(note(
        Enforcer::Cockpit,
        "advisory: only this cockpit refuses an approval by who wrote the commit",
    ));
    match people.admins_can_bypass {
        Some(true) => {
            notes.push(note(
                Enforcer::Nobody,
                "administrators can bypass this gate: nobody asks a second person then",
            ));
        }
        None => notes.push(note(Enforcer::Nobody, "whether administrators can bypass this gate is not told")),
        Some(false) => notes.push(note(Enforcer::Provider, "administrators cannot bypass this gate")),
    }
    notes
}
