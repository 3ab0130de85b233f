//! Who is behind a run, from GitHub's answers to the ruling.

use gonogo::domain::people::{AccountKind, Act, Part, Reviewers, Ruling, hopeless, judge};
use gonogo::domain::{People, Target, Verb};
use serde_json::{Value, json};

use crate::scripted::Scripted;
use crate::world::*;

/// `GET ../commits/{sha}`: accounts where GitHub knows them, addresses in any case.
pub(crate) fn commit(author: Value, committer: Value, address: &str) -> Value {
    let signed = json!({"name": "somebody", "email": address, "date": "2026-08-20T08:59:00Z"});
    json!({"sha": NEW, "author": author, "committer": committer,
        "commit": {"message": "fix", "author": signed, "committer": signed}, "parents": []})
}

pub(crate) fn web_flow() -> Value {
    json!({"login": "web-flow", "id": 19_864_447, "type": "User"})
}

/// The waiting run, started by jonas on a commit by mara.
async fn world() -> Scripted {
    let server = waiting().await;
    let mut now = run(RUN, "waiting", Value::Null);
    now["actor"] = json!({"login": "jonas", "id": 4, "type": "User"});
    now["triggering_actor"] = now["actor"].clone();
    server
        .get(&of_run(RUN, ""), &now)
        .get(
            &format!("{REPO}/commits/{NEW}"),
            &commit(json!({"login": "mara", "id": 5, "type": "User"}), web_flow(), "mara@acme.test"),
        )
        .get(&format!("{REPO}/environments/production"), &environment("prevented"));
    server
}

async fn people(server: &Scripted) -> People {
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    let prepared = prepare(&provider, &intent(Verb::Approve, Target::Gate(gate.key))).await.unwrap();
    *prepared.people.unwrap()
}

fn parties(people: &People) -> Vec<(Part, &str)> {
    people.parties.iter().map(|(part, person)| (*part, person.label())).collect()
}

fn why(people: &People) -> String {
    match judge(Act::Decide, Some(people)) {
        Ruling::Fine => "fine".to_owned(),
        Ruling::Refused { why, .. } | Ruling::Unsatisfiable { why, .. } => why.to_string(),
    }
}

#[tokio::test]
async fn a_run_tells_who_started_it_who_wrote_it_and_who_may_review() {
    let people = people(&world().await).await;
    assert_eq!(parties(&people), [(Part::Started, "jonas"), (Part::Wrote, "mara")]);
    assert_eq!(people.me.as_ref().unwrap().label(), "omar");
    let Reviewers::Told { persons, teams } = &people.reviewers else { panic!("{:?}", people.reviewers) };
    assert_eq!((persons[0].label(), teams[0].as_str()), ("omar", "sre"));
    assert_eq!((people.prevents_self_review, people.admins_can_bypass), (Some(true), Some(false)));
    assert_eq!(people.head.as_ref().unwrap().as_str(), NEW);
    assert_eq!(why(&people), "fine");
}

#[tokio::test]
async fn who_ran_it_again_is_one_of_those_who_asked() {
    let server = world().await;
    let mut again = run(RUN, "waiting", Value::Null);
    again["run_attempt"] = json!(2);
    again["actor"] = json!({"login": "jonas", "id": 4});
    again["triggering_actor"] = json!({"login": "Omar", "id": 9});
    server
        .get(&of_run(RUN, ""), &again)
        .get(&format!("{REPO}/actions/runs"), &list(std::slice::from_ref(&again)))
        .get(
            &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
            &list(std::slice::from_ref(&again)),
        );
    let people = people(&server).await;
    assert_eq!(parties(&people), [(Part::Started, "jonas"), (Part::RanAgain, "Omar"), (Part::Wrote, "mara")]);
    assert_eq!(why(&people), "omar ran this run again: somebody else must agree");
}

#[tokio::test]
async fn an_author_is_known_by_account_or_by_the_address_that_hides_one() {
    for (author, address, expected) in [
        (
            json!({"login": "omar", "id": 9}),
            "x@y.test",
            "omar wrote the commit that would ship: somebody else must agree",
        ),
        (
            Value::Null,
            "9+OMAR@users.noreply.github.com",
            "omar wrote the commit that would ship: somebody else must agree",
        ),
        (
            Value::Null,
            "omar@users.noreply.github.com",
            "omar wrote the commit that would ship: somebody else must agree",
        ),
        (Value::Null, "vera@users.noreply.github.com", "fine"),
        (
            Value::Null,
            "me@laptop.local",
            "two persons cannot be proved: me@laptop.local wrote the commit that would ship, and that may be omar",
        ),
        (json!({"login": "renovate[bot]", "id": 1, "type": "Bot"}), "r@bot.test", "fine"),
    ] {
        let server = world().await;
        server.get(&format!("{REPO}/commits/{NEW}"), &commit(author, web_flow(), address));
        assert_eq!(why(&people(&server).await), expected, "{address}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_not_told_and_proves_nothing() {
    let server = waiting().await;
    let found = people(&server).await;
    assert_eq!(parties(&found), [(Part::Started, "ci-bot"), (Part::Started, "rhea")]);
    assert_eq!(why(&found), "two persons cannot be proved: who wrote the commit that would ship is not told");
}

#[tokio::test]
async fn a_bot_is_known_as_one_and_a_sole_reviewer_who_asked_is_called_out() {
    let server = world().await;
    let mut now = run(RUN, "waiting", Value::Null);
    now["actor"] = json!({"login": "cron[bot]", "id": 3, "type": "Bot"});
    now["triggering_actor"] = now["actor"].clone();
    let alone = json!([{"type": "User", "reviewer": {"login": "mara", "id": 5, "type": "User"}}]);
    server
        .get(&of_run(RUN, ""), &now)
        .get(&of_run(RUN, "/pending_deployments"), &pending(0, json!(true), alone));
    let people = people(&server).await;
    assert_eq!(people.parties[0].1.kind, AccountKind::Bot);
    assert_eq!(
        hopeless(&people).unwrap(),
        "no reviewer could approve this: mara wrote the commit that would ship"
    );
    assert!(matches!(judge(Act::Decide, Some(&people)), Ruling::Unsatisfiable { .. }));
}

#[tokio::test]
async fn an_approval_counts_for_the_commit_of_its_run() {
    let server = world().await;
    server.get(&of_run(RUN, "/approvals"), &approval("approved", "vera"));
    let people = people(&server).await;
    let [agreement] = people.agreements.as_slice() else { panic!("{:?}", people.agreements) };
    assert_eq!((agreement.by.label(), agreement.to.as_ref()), ("vera", people.head.as_ref()));
    assert_eq!(judge(Act::Ship, Some(&people)), Ruling::Fine);
}
