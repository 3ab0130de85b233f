//! The two-person rule, row by row: 40 situations on provider identities, and what the rule says of each. Then who
//! enforces what.
#![expect(clippy::too_many_lines, reason = "a table reads best in one piece")]

use gonogo::domain::people::{
    AccountKind, Act, Agreement, Enforcer, Part, People, Person, Reviewers, Ruling, hopeless, hopeless_gate,
    judge, notes,
};
use gonogo::domain::{Sha, Verb};

fn head() -> Sha {
    Sha::new("4f2c8b6d00000000000000000000000000000001")
}

fn older() -> Sha {
    Sha::new("9be1aa0000000000000000000000000000000002")
}

fn user(login: &str) -> Person {
    Person::login(login)
}

fn bot(login: &str) -> Person {
    Person { kind: AccountKind::Bot, ..user(login) }
}

fn mail(address: &str) -> Person {
    Person { email: Some(address.into()), ..Person::default() }
}

fn both(login: &str, address: &str) -> Person {
    Person { email: Some(address.into()), ..user(login) }
}

fn reviewers(persons: &[&str], teams: &[&str]) -> Reviewers {
    Reviewers::Told {
        persons: persons.iter().map(|p| user(p)).collect(),
        teams: teams.iter().map(|t| (*t).into()).collect(),
    }
}

fn agreed(by: Person, to: Option<Sha>) -> Agreement {
    Agreement { by, to }
}

/// jonas started the run on a commit by mara; omar is at the keyboard, and he and vera may review.
fn sound() -> People {
    People {
        me: Some(user("omar")),
        parties: vec![(Part::Started, user("jonas")), (Part::Wrote, user("mara"))],
        head: Some(head()),
        agreements: Vec::new(),
        reviewers: reviewers(&["omar", "vera"], &[]),
        prevents_self_review: Some(true),
        admins_can_bypass: Some(false),
    }
}

fn by(me: Person) -> People {
    People { me: Some(me), ..sound() }
}

fn of(parties: Vec<(Part, Person)>) -> People {
    People { parties, ..sound() }
}

fn with(agreements: Vec<Agreement>) -> People {
    People { agreements, ..sound() }
}

/// What is expected.
enum Wanted {
    Fine,
    /// Refused, with this in the reason and this in the next step.
    Refused(&'static str, &'static str),
    Unsatisfiable(&'static str),
}

type Row = (&'static str, Act, Option<People>, Wanted);

fn gates() -> Vec<Row> {
    use Part::{Committed, RanAgain, Started, Wrote};
    use Wanted::{Fine, Refused, Unsatisfiable};
    let decide = |name, people, wanted| (name, Act::Decide, Some(people), wanted);
    vec![
        decide("a second person", sound(), Fine),
        decide("self: who started it", by(user("jonas")), Refused("jonas started this run", "omar or vera")),
        decide("self: who wrote it", by(user("mara")), Refused("mara wrote the commit", "omar or vera")),
        decide("self: another letter case", by(user("Jonas")), Refused("Jonas started this run", "omar")),
        decide(
            "alias: the commit's address is ours",
            People {
                me: Some(both("omar", "omar@acme.test")),
                parties: vec![(Started, user("jonas")), (Wrote, mail("Omar@ACME.test"))],
                ..sound()
            },
            Refused("omar wrote the commit", "vera"),
        ),
        decide(
            "alias: another name with our address",
            People {
                me: Some(both("omar", "omar@acme.test")),
                parties: vec![(Started, user("jonas")), (Wrote, both("omar-old", "omar@acme.test"))],
                ..sound()
            },
            Refused("omar wrote the commit", "vera"),
        ),
        decide(
            "two addresses of different accounts",
            People {
                me: Some(both("omar", "omar@acme.test")),
                parties: vec![(Started, user("jonas")), (Wrote, both("mara", "mara@acme.test"))],
                ..sound()
            },
            Fine,
        ),
        decide(
            "the same person with two tokens",
            by(user("jonas")),
            Refused("somebody else must agree", "omar"),
        ),
        decide("a bot at the keyboard", by(bot("release[bot]")), Refused("is a bot", "omar or vera")),
        decide(
            "a bot started it, a human wrote it",
            of(vec![(Started, bot("cron[bot]")), (Wrote, user("mara"))]),
            Fine,
        ),
        decide(
            "a bot wrote it, a human started it",
            of(vec![(Started, user("jonas")), (Wrote, bot("renovate[bot]"))]),
            Fine,
        ),
        decide(
            "only bots before",
            of(vec![(Started, bot("cron[bot]")), (Wrote, bot("renovate[bot]"))]),
            Refused("only bots took part", "vera"),
        ),
        decide(
            "rerun: who ran it again",
            of(vec![(Started, user("jonas")), (RanAgain, user("omar")), (Wrote, user("mara"))]),
            Refused("omar ran this run again", "vera"),
        ),
        decide(
            "rerun: who started the first attempt",
            People {
                me: Some(user("jonas")),
                parties: vec![(Started, user("jonas")), (RanAgain, user("vera")), (Wrote, user("mara"))],
                ..sound()
            },
            Refused("jonas started this run", "omar"),
        ),
        decide(
            "rerun by somebody, decided by another",
            of(vec![(Started, user("jonas")), (RanAgain, user("vera")), (Wrote, user("mara"))]),
            Fine,
        ),
        decide(
            "who committed what another wrote",
            of(vec![(Started, user("jonas")), (Wrote, user("mara")), (Committed, user("omar"))]),
            Refused("omar committed what would ship", "vera"),
        ),
        decide(
            "we are unknown",
            People { me: None, ..sound() },
            Refused("whose credential this is", "omar or vera"),
        ),
        decide(
            "who started it is unknown",
            of(vec![(Wrote, user("mara"))]),
            Refused("who started this run is not told", "vera"),
        ),
        decide(
            "who wrote it is unknown",
            of(vec![(Started, user("jonas"))]),
            Refused("who wrote the commit that would ship is not told", "vera"),
        ),
        decide(
            "the author is an address of no account",
            of(vec![(Started, user("jonas")), (Wrote, mail("x@laptop.local"))]),
            Refused("x@laptop.local wrote the commit that would ship, and that may be omar", "vera"),
        ),
        decide(
            "the sole reviewer started it",
            People { me: Some(user("jonas")), reviewers: reviewers(&["jonas"], &[]), ..sound() },
            Unsatisfiable("jonas started this run"),
        ),
        decide(
            "the sole reviewer wrote it, seen by somebody else",
            People { reviewers: reviewers(&["mara"], &[]), ..sound() },
            Unsatisfiable("mara wrote the commit"),
        ),
        decide(
            "every reviewer took part",
            People { reviewers: reviewers(&["jonas", "mara"], &[]), ..sound() },
            Unsatisfiable("jonas started this run, mara wrote the commit"),
        ),
        decide(
            "the sole reviewer is a bot",
            People {
                reviewers: Reviewers::Told { persons: vec![bot("gate[bot]")], teams: Vec::new() },
                ..sound()
            },
            Unsatisfiable("gate[bot] is a bot"),
        ),
        decide(
            "every reviewer took part, but there is a team",
            People { reviewers: reviewers(&["jonas"], &["sre"]), ..sound() },
            Fine,
        ),
        decide(
            "a team, and we started it",
            People { me: Some(user("jonas")), reviewers: reviewers(&[], &["sre"]), ..sound() },
            Refused("jonas started this run", "a member of team sre who took no part"),
        ),
        decide("the reviewers are not told", People { reviewers: Reviewers::Untold, ..sound() }, Fine),
        decide(
            "the provider would let us review ourselves",
            People { me: Some(user("jonas")), prevents_self_review: Some(false), ..sound() },
            Refused("jonas started this run", "omar or vera"),
        ),
        decide("administrators could bypass it", People { admins_can_bypass: Some(true), ..sound() }, Fine),
        ("nothing is told at all", Act::Decide, None, Refused("nothing tells who", "gate with reviewers")),
    ]
}

fn ships() -> Vec<Row> {
    use Part::{RanAgain, Started, Wrote};
    use Wanted::{Fine, Refused};
    let ship = |name, people, wanted| (name, Act::Ship, Some(people), wanted);
    vec![
        ship("somebody agreed to this commit", with(vec![agreed(user("vera"), Some(head()))]), Fine),
        ship("nobody agreed", sound(), Refused("nobody else agreed", "ask vera")),
        ship(
            "only we agreed",
            with(vec![agreed(user("OMAR"), Some(head()))]),
            Refused("OMAR would ship it", "vera"),
        ),
        ship(
            "pushed after the approval",
            with(vec![agreed(user("vera"), Some(older()))]),
            Refused("vera agreed to 9be1aa0", "vera"),
        ),
        ship(
            "an approval of an untold commit",
            with(vec![agreed(user("vera"), None)]),
            Refused("to which commit vera agreed is not told", "vera"),
        ),
        ship(
            "the author agreed to their own commit",
            with(vec![agreed(user("mara"), Some(head()))]),
            Refused("mara wrote the commit", "vera"),
        ),
        ship(
            "who ran it again agreed",
            People {
                parties: vec![(Started, user("jonas")), (RanAgain, user("vera")), (Wrote, user("mara"))],
                ..with(vec![agreed(user("vera"), Some(head()))])
            },
            Refused("vera ran this run again", "somebody who neither"),
        ),
        ship(
            "a bot agreed",
            with(vec![agreed(bot("ok[bot]"), Some(head()))]),
            Refused("ok[bot] is a bot", "vera"),
        ),
        ship(
            "one approval that does not count, one that does",
            with(vec![agreed(user("mara"), Some(head())), agreed(user("vera"), Some(head()))]),
            Fine,
        ),
        (
            "a target that knows no persons",
            Act::Ship,
            None,
            Refused("cannot be proved", "gate with reviewers"),
        ),
    ]
}

#[test]
fn the_two_person_rule_row_by_row() {
    let rows: Vec<Row> = gates().into_iter().chain(ships()).collect();
    let total = rows.len();
    let mut right = 0;
    for (name, act, people, wanted) in rows {
        let found = judge(act, people.as_ref());
        let fine = match (&found, &wanted) {
            (Ruling::Fine, Wanted::Fine) => true,
            (Ruling::Refused { why, next }, Wanted::Refused(part, who)) => {
                why.as_str().contains(part) && next.as_str().contains(who)
            }
            (Ruling::Unsatisfiable { why, next }, Wanted::Unsatisfiable(part)) => {
                let before = hopeless(people.as_ref().unwrap());
                why.as_str().contains(part) && !next.is_empty() && before.as_ref() == Some(why)
            }
            _ => false,
        };
        assert!(fine, "{name}: {found:?}");
        right += 1;
    }
    println!("R15: {right}/{total} rows of the two-person table");
    assert_eq!(total, 40, "the table has 40 rows");
}

#[test]
fn only_what_ships_asks_for_a_second_person() {
    for (verb, act) in [
        (Verb::Approve, Some(Act::Decide)),
        (Verb::Promote, Some(Act::Ship)),
        (Verb::RollBack, None),
        (Verb::Reject, None),
        (Verb::Cancel, None),
        (Verb::Pause, None),
    ] {
        assert_eq!(Act::of(verb), act, "{verb:?}");
    }
}

#[test]
fn a_gate_that_nobody_could_pass_is_called_out_before_anybody_tries() {
    let gate = People { reviewers: reviewers(&["jonas", "mara"], &[]), ..sound() };
    let why = hopeless(&gate).unwrap();
    assert_eq!(
        why,
        "no reviewer could approve this: jonas started this run, mara wrote the commit that would ship"
    );
    for fine in [sound(), People { reviewers: Reviewers::Untold, ..sound() }] {
        assert_eq!(hopeless(&fine), None);
    }
    assert_eq!(
        hopeless(&People { reviewers: reviewers(&[], &[]), ..sound() }),
        None,
        "nobody is asked there"
    );
    let jonas = "jonas".into();
    for (reviewers, called) in
        [(&["Jonas"][..], true), (&["jonas", "vera"], false), (&["jonas", "team:sre"], false), (&[], false)]
    {
        let reviewers: Vec<_> = reviewers.iter().map(|r| (*r).into()).collect();
        assert_eq!(hopeless_gate(Some(&jonas), &reviewers).is_some(), called, "{reviewers:?}");
    }
}

#[test]
fn what_only_the_cockpit_checks_is_called_advisory() {
    let says = |people: &People, enforcer, part: &str| {
        notes(people).iter().any(|n| n.enforcer == enforcer && n.text.as_str().contains(part))
    };
    let gate = sound();
    assert!(says(&gate, Enforcer::Provider, "refuses a review by who started"));
    assert!(says(&gate, Enforcer::Provider, "administrators cannot bypass"));
    assert!(says(&gate, Enforcer::Cockpit, "advisory: only this cockpit refuses an approval by who wrote"));
    let open = People { prevents_self_review: Some(false), admins_can_bypass: Some(true), ..sound() };
    assert!(says(&open, Enforcer::Cockpit, "advisory: the provider lets who started the run approve it"));
    assert!(says(&open, Enforcer::Nobody, "administrators can bypass this gate"));
    let silent = People { prevents_self_review: None, admins_can_bypass: None, ..sound() };
    assert!(says(
        &silent,
        Enforcer::Cockpit,
        "advisory: whether the provider refuses self-review is not told"
    ));
    assert!(says(&silent, Enforcer::Nobody, "not told"));
    for people in [gate, open, silent] {
        for note in notes(&people).iter().filter(|n| n.enforcer == Enforcer::Cockpit) {
            assert!(note.text.as_str().contains("advisory"), "{}", note.text);
        }
    }
}
