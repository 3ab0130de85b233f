//! Gates of other kinds: runs of forks that a maintainer lets start, Apps that decide, several jobs behind one gate,
//! timers beside reviewers.

use std::sync::Arc;

use gonogo::domain::pipeline::{MayDecide, WaitsFor};
use gonogo::domain::{Ask, Cause, Fault, Gate, Guard, Prepared, Promise, RunState, Severity, Target, Verb};
use gonogo::provider::Provider;
use serde_json::{Value, json};

use crate::scripted::{Reply, Scripted};
use crate::world::*;

const FORK: u64 = 777;

/// A fork's run as GitHub has it: over, it says, and without a pull request.
fn fork(conclusion: Value, status: &str) -> Value {
    let mut fork = run(FORK, status, conclusion);
    for (key, value) in [
        ("path", json!(".github/workflows/ci.yml")),
        ("head_branch", json!("patch-1")),
        ("event", json!("pull_request")),
        ("created_at", json!("2026-08-20T08:00:00Z")),
        ("run_started_at", json!("2026-08-20T08:00:00Z")),
        ("updated_at", json!("2026-08-20T08:00:00Z")),
        ("actor", json!({"login": "lovelace", "id": 99})),
        ("triggering_actor", json!({"login": "lovelace", "id": 99})),
        ("head_repository", json!({"id": 5, "full_name": "lovelace/shop", "fork": true})),
    ] {
        fork[key] = value;
    }
    fork
}

/// [`waiting`], and a fork's run that is held. It is in no list but the one of held runs.
async fn held() -> Scripted {
    let server = waiting().await;
    let run = fork(json!("action_required"), "completed");
    let path = format!("{REPO}/actions/runs?status=action_required&exclude_pull_requests=true&per_page=30");
    server.get(&path, &list(std::slice::from_ref(&run))).get(&of_run(FORK, ""), &run);
    server
}

async fn fork_gate(provider: &Arc<dyn Provider>) -> Gate {
    let seen = seen(provider).await;
    seen.gates.into_iter().find(|gate| gate.waits_for == WaitsFor::Start).unwrap()
}

async fn let_start(provider: &Arc<dyn Provider>, gate: &Gate) -> Result<Prepared, Fault> {
    let mut intent = intent(Verb::Approve, Target::Gate(gate.key.clone()));
    intent.place = None;
    prepare(provider, &intent).await
}

#[tokio::test]
async fn a_held_run_of_a_fork_is_a_gate_of_its_own_kind_that_knows_no_rejection() {
    let server = held().await;
    let provider = provider(&server.url, shop());
    let gate = fork_gate(&provider).await;
    assert_eq!(gate.title, "ci.yml of a fork");
    assert_eq!((gate.environment.as_ref(), gate.may_decide.clone()), (None, MayDecide::Unknown));
    assert_eq!(gate.since, Some(at("2026-08-20T08:00:00Z")));
    assert_eq!(gate.asked_by.as_ref().unwrap(), "lovelace");
    assert!(gate.no_reject.as_ref().unwrap().as_str().contains("close its pull request"));
    let seen = seen(&provider).await;
    assert_eq!(run_of(&seen, FORK).state, RunState::WaitingForHuman, "not over, whatever GitHub calls it");
    let human = seen.gates.iter().filter(|g| g.waits_for == WaitsFor::Human).count();
    assert_eq!((seen.gates.len(), human), (2, 1), "the release's own gate is as before");
}

#[tokio::test]
async fn held_runs_are_asked_for_now_and_then() {
    let server = held().await;
    let provider = provider(&server.url, shop());
    for _ in 0..8 {
        fork_gate(&provider).await;
    }
    let asked = server.asked();
    let lists = asked.iter().filter(|a| a.path.contains("status=action_required")).count();
    assert_eq!(lists, 2, "in eight looks");
    let about = asked.iter().filter(|a| a.path.contains(&format!("/runs/{FORK}"))).count();
    assert_eq!(about, 0, "a run without jobs is not asked about");
}

#[tokio::test]
async fn a_run_that_was_let_start_is_not_held_up_by_an_older_list() {
    let server = held().await;
    let provider = provider(&server.url, shop());
    fork_gate(&provider).await;
    let begun = fork(Value::Null, "in_progress");
    let both = [begun.clone(), run(RUN, "waiting", Value::Null)];
    server.get(&format!("{REPO}/actions/runs"), &list(&both)).get(&of_run(FORK, ""), &begun);
    server.get(&of_run(FORK, "/jobs"), &json!({"total_count": 0, "jobs": []}));
    let seen = seen(&provider).await;
    assert_eq!(run_of(&seen, FORK).state, RunState::Running);
    assert!(seen.gates.iter().all(|gate| gate.waits_for != WaitsFor::Start));
}

#[tokio::test]
async fn letting_a_fork_start_is_one_request_without_a_body_that_says_whose_code_runs() {
    let server = held().await;
    let provider = provider(&server.url, shop());
    let gate = fork_gate(&provider).await;
    let plan = let_start(&provider, &gate).await.unwrap();
    let [step] = plan.steps.as_slice() else { panic!("{:?}", plan.steps) };
    assert_eq!((step.method.as_str(), step.path.as_str()), ("POST", of_run(FORK, "/approve").as_str()));
    assert_eq!((step.body.as_ref(), step.content_type.as_ref()), (None, None));
    assert!(step.effect.as_str().contains("lovelace/shop at 4f2c8b6"), "{}", step.effect);
    let warned = plan
        .hazards
        .iter()
        .any(|h| h.severity == Severity::Warning && h.text.as_str().contains("code of lovelace/shop"));
    assert!(warned, "{:?}", plan.hazards);
    assert!(matches!(plan.guard, Guard::LookAgain(_)));
    assert_eq!(plan.promise, Promise::Started { run: gate.key.run.clone() });
    server.reply("POST", &step.path, Reply::json(201, &json!({})));
    let receipt = provider.perform(step).await.unwrap();
    assert_eq!((receipt.status, receipt.says.as_str()), (201, "run 777 may start"));
    let sent: Vec<_> = server.asked().into_iter().filter(|a| a.method == "POST").collect();
    assert_eq!((sent.len(), sent[0].body.as_str()), (1, ""));
}

#[tokio::test]
async fn a_held_run_of_pull_request_target_warns_of_the_secrets_that_it_gets() {
    let server = held().await;
    let provider = provider(&server.url, shop());
    let gate = fork_gate(&provider).await;
    let mut target = fork(json!("action_required"), "completed");
    target["event"] = json!("pull_request_target");
    server.get(&of_run(FORK, ""), &target);
    let plan = let_start(&provider, &gate).await.unwrap();
    assert!(plan.hazards.iter().any(|h| h.text.as_str().contains("secrets")), "{:?}", plan.hazards);
}

#[tokio::test]
async fn whatever_a_fork_s_start_rests_on_changes_its_basis() {
    let server = held().await;
    let provider = provider(&server.url, shop());
    let gate = fork_gate(&provider).await;
    let before = let_start(&provider, &gate).await.unwrap().basis;
    let same = let_start(&provider, &gate).await.unwrap().basis;
    assert_eq!(before, same);
    let moves: [(&str, Value); 4] = [
        ("head_sha", json!(OLD)),
        ("run_attempt", json!(2)),
        ("head_repository", json!({"full_name": "mallory/shop"})),
        ("event", json!("pull_request_target")),
    ];
    for (field, value) in moves {
        let mut moved = fork(json!("action_required"), "completed");
        moved[field] = value;
        server.get(&of_run(FORK, ""), &moved);
        let basis = let_start(&provider, &gate).await.unwrap().basis;
        assert_ne!(basis, before, "{field}");
    }
}

#[tokio::test]
async fn who_comes_too_late_to_a_fork_learns_when_and_that_github_does_not_tell_who() {
    let server = held().await;
    let provider = provider(&server.url, shop());
    let gate = fork_gate(&provider).await;
    let mut begun = fork(Value::Null, "queued");
    begun["updated_at"] = json!("2026-08-20T09:19:30Z");
    server.get(&of_run(FORK, ""), &begun);
    let late = let_start(&provider, &gate).await.unwrap_err();
    assert_eq!(late.cause, Cause::Moved);
    for part in ["no longer held", "2026-08-20 09:19:30 UTC", "does not tell who"] {
        assert!(late.detail.as_str().contains(part), "{late}");
    }
}

#[tokio::test]
async fn a_refused_start_changes_nothing_and_says_what_is_missing() {
    let server = held().await;
    let provider = provider(&server.url, shop());
    let gate = fork_gate(&provider).await;
    let plan = let_start(&provider, &gate).await.unwrap();
    let refusal = Reply::json(403, &json!({"message": "Resource not accessible", "status": "403"}))
        .with("x-accepted-github-permissions", "actions=write");
    server.reply("POST", &plan.steps[0].path, refusal);
    let fault = provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Forbidden);
    assert!(fault.hint.unwrap().as_str().contains("actions=write"));
}

#[tokio::test]
async fn an_app_that_decides_is_named_and_nothing_can_be_pressed() {
    let server = waiting().await;
    let rules = format!("{REPO}/environments/production/deployment_protection_rules");
    let app = |slug: &str, on: bool| json!({"id": 3, "enabled": on, "app": {"id": 1, "slug": slug}});
    server.get(&of_run(RUN, "/pending_deployments"), &pending(0, json!(false), json!([]))).get(
        &rules,
        &json!({"total_count": 2, "custom_deployment_protection_rules": [
                app("canary-guard", true), app("left-over", false)]}),
    );
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    assert_eq!(gate.waits_for, WaitsFor::OtherSystem);
    assert_eq!(gate.reviewers, ["app:canary-guard"]);
    let MayDecide::No(why) = &gate.may_decide else { panic!("{:?}", gate.may_decide) };
    assert_eq!(why, "the App canary-guard decides (a custom protection rule)");
    for verb in [Verb::Approve, Verb::Reject] {
        let fault = prepare(&provider, &intent(verb, Target::Gate(gate.key.clone()))).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Refused);
        assert!(fault.detail.as_str().contains("the App canary-guard decides"), "{fault}");
    }
}

#[tokio::test]
async fn a_gate_that_people_let_pass_waits_for_the_app_then() {
    let server = waiting().await;
    let rules = format!("{REPO}/environments/production/deployment_protection_rules");
    server
        .get(&of_run(RUN, "/pending_deployments"), &pending(0, json!(false), reviewers()))
        .get(&of_run(RUN, "/approvals"), &approval("approved", "omar"));
    let provider = provider(&server.url, shop());
    assert_eq!(gate(&provider).await.waits_for, WaitsFor::Human, "no rule is known: people are asked");
    server.get(
        &rules,
        &json!({"total_count": 1, "custom_deployment_protection_rules": [
        {"id": 3, "enabled": true, "app": {"id": 1, "slug": "canary-guard"}}]}),
    );
    let gate = gate(&provider).await;
    assert_eq!((gate.waits_for, gate.reviewers), (WaitsFor::OtherSystem, vec!["app:canary-guard".into()]));
}

#[tokio::test]
async fn rules_that_may_not_be_read_leave_a_gate_of_some_other_system() {
    let server = waiting().await;
    server.get(&of_run(RUN, "/pending_deployments"), &pending(0, json!(false), json!([])));
    let gate = gate(&provider(&server.url, shop())).await;
    assert_eq!((gate.waits_for, gate.reviewers.len()), (WaitsFor::OtherSystem, 0));
}

/// Two jobs wait for production.
fn two_jobs() -> Value {
    let mut jobs = jobs();
    let mut other = jobs["jobs"][0].clone();
    other["id"] = json!(3);
    other["name"] = json!("migrate (production)");
    jobs["jobs"].as_array_mut().unwrap().push(other);
    jobs
}

fn changes(plan: &Prepared) -> Vec<String> {
    plan.differences.iter().map(|d| format!("{}: {} → {}", d.what, d.old, d.new)).collect()
}

#[tokio::test]
async fn the_plan_names_every_job_that_one_request_lets_go() {
    let server = waiting().await;
    server.get(&of_run(RUN, "/jobs"), &two_jobs());
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    let approve = prepare(&provider, &intent(Verb::Approve, Target::Gate(gate.key.clone()))).await.unwrap();
    assert_eq!(approve.steps.len(), 1);
    assert_eq!(
        changes(&approve),
        [
            "production in run #200: waiting → approved",
            "job deploy (production): waiting → released",
            "job migrate (production): waiting → released",
        ]
    );
    let reject = prepare(&provider, &intent(Verb::Reject, Target::Gate(gate.key.clone()))).await.unwrap();
    assert!(changes(&reject).contains(&"job migrate (production): waiting → failed".to_owned()));
    // A job that joined them since would be let go as well: it was not shown.
    server.get(&of_run(RUN, "/jobs"), &jobs());
    let fewer = prepare(&provider, &intent(Verb::Approve, Target::Gate(gate.key))).await.unwrap();
    assert_ne!(approve.basis, fewer.basis);
}

#[tokio::test]
async fn of_two_environments_the_plan_does_not_pretend_to_know_which_job_waits_for_which() {
    let server = waiting().await;
    let mut both = pending(0, json!(true), reviewers());
    let mut other = both[0].clone();
    other["environment"] = json!({"id": 9, "name": "europe"});
    both.as_array_mut().unwrap().push(other);
    server.get(&of_run(RUN, "/pending_deployments"), &both).get(&of_run(RUN, "/jobs"), &two_jobs());
    let provider = provider(&server.url, shop());
    let seen = provider.observe(&Ask::default()).await.unwrap();
    assert_eq!(seen.gates.len(), 2);
    let gate = seen.gates.iter().find(|g| g.title == "production").unwrap();
    let plan = prepare(&provider, &intent(Verb::Approve, Target::Gate(gate.key.clone()))).await.unwrap();
    let told = changes(&plan).join("\n");
    assert!(
        told.contains("job migrate (production): waiting → released if it waits for production"),
        "{told}"
    );
}

#[tokio::test]
async fn a_timer_beside_reviewers_is_told_and_not_skipped_by_approving() {
    let server = waiting().await;
    server.get(&of_run(RUN, "/pending_deployments"), &pending(30, json!(true), reviewers()));
    let provider = provider(&server.url, shop());
    let gate = gate(&provider).await;
    assert_eq!((gate.waits_for, gate.timer), (WaitsFor::Human, Some(at("2026-08-20T09:42:40Z"))));
    let plan = prepare(&provider, &intent(Verb::Approve, Target::Gate(gate.key))).await.unwrap();
    let warned = plan.hazards.iter().any(|h| h.text.as_str().contains("approving does not skip it"));
    assert!(warned, "{:?}", plan.hazards);
    assert!(plan.deadline.as_secs() > 22 * 60, "the gate goes when the timer has run out, too");
}

#[tokio::test]
async fn a_held_run_that_is_the_newest_hides_nothing_of_the_release_before_it() {
    let server = waiting().await;
    let mut held = fork(json!("action_required"), "completed");
    held["run_started_at"] = json!("2026-08-20T09:19:00Z");
    let mut done = run(RUN, "completed", json!("success"));
    done["updated_at"] = json!("2026-08-20T09:18:00Z");
    server.get(&format!("{REPO}/actions/runs"), &list(&[held, done]));
    server.get(
        &format!("{REPO}/actions/runs?status=waiting&exclude_pull_requests=true&per_page=100"),
        &list(&[]),
    );
    let seen = seen(&provider(&server.url, shop())).await;
    assert_eq!(runs_of(&seen, "shop")[0].key.id, "777");
    assert!(!run_of(&seen, RUN).jobs.is_empty(), "the newest run of our own is looked into");
}
