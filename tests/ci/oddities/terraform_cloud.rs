//! Terraform's traps that its documentation names: overrides, runs of other workspaces, plans that are not handed out,
//! limits of lists, runs that nobody was asked about.

use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{Ask, Bound, Cause, Reached, Role, RunState, ServiceName, Settings, Target, Verb};
use serde_json::json;

use crate::recorded::terraform_cloud::*;
use crate::scripted::Reply;
use crate::world::{approve, intent, look, only, provider, remarks, run as key, runs, seen, text};

#[tokio::test]
async fn a_soft_failed_policy_waits_for_an_override_that_is_not_offered() {
    let mut held = run("run-2", "policy_override");
    held["attributes"]["actions"]["is-discardable"] = json!(true);
    held["relationships"]["policy-checks"] = json!({"data": [{"id": "polchk-1", "type": "policy-checks"}]});
    let server = workspace(&[held]).await;
    let shop = shop(&server);
    let seen = seen(&shop).await;
    let gate = only(&seen);
    assert!(
        matches!(&gate.may_decide, MayDecide::No(why) if why.as_str().contains("overridden at Terraform only"))
    );
    assert!(remarks(&seen).contains("overridden at Terraform only"));
    let policy = runs(&seen)[0].jobs.iter().find(|job| job.name == "policy check").unwrap();
    assert_eq!(policy.state, RunState::Failed("soft failed".into()));
    let fault = shop.prepare(&approve(gate)).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No));
    assert!(fault.hint.unwrap().as_str().contains("override it at Terraform"));
    let cancel = intent("terraform-cloud", Verb::Cancel, Target::Run(gate.key.run.clone()));
    assert!(shop.prepare(&cancel).await.unwrap().steps[0].path.ends_with("/discard"));
}

#[tokio::test]
async fn a_run_of_another_workspace_is_not_touched_nor_one_that_does_not_say() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    for workspace in
        [json!({"data": {"id": "ws-7", "type": "workspaces"}}), json!({"data": null}), json!(null)]
    {
        let mut other = run("run-2", "policy_checked");
        other["relationships"]["workspace"] = workspace;
        server.get(&one("run-2"), &document(&other, "pending"));
        for (verb, target) in [
            (Verb::Approve, Target::Gate(gate.key.clone())),
            (Verb::Cancel, Target::Run(gate.key.run.clone())),
        ] {
            let fault = shop.prepare(&intent("terraform-cloud", verb, target)).await.unwrap_err();
            assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
        }
    }
    let mut swapped = document(&run("run-2", "policy_checked"), "pending");
    swapped["data"]["id"] = json!("run-3");
    server.get(&one("run-2"), &swapped);
    assert_eq!(shop.prepare(&approve(&gate)).await.unwrap_err().cause, Cause::Malformed);
}

#[tokio::test]
async fn a_plan_that_is_not_handed_out_is_said_not_to_be_known() {
    let page = "<html><body>Sign in</body></html>";
    for (name, reply) in [
        ("not written yet", Reply::empty(204)),
        ("too old", error(422, "plan does not use a supported version of terraform")),
        ("hidden", error(404, "not found")),
        ("a proxy's page", text(200, page).with("content-type", "text/html")),
        (
            "plain http elsewhere",
            Reply::empty(307).with("location", "http://archivist.example.test/v1/object/x"),
        ),
        ("an odd plan", Reply::json(200, &json!({"format_version": "9.0", "resource_changes": []}))),
    ] {
        let server = workspace(&[run("run-2", "policy_checked")]).await;
        server.reply("GET", &format!("{API}/plans/plan-run-2/json-output"), reply);
        let shop = shop(&server);
        let seen = seen(&shop).await;
        let gate = only(&seen);
        assert!(
            gate.plan.as_ref().unwrap().as_str().contains("replacements not told"),
            "{name}: {:?}",
            gate.plan
        );
        let plan = shop.prepare(&approve(gate)).await.unwrap();
        let told = plan.hazards.iter().any(|hazard| {
            hazard.text.as_str().contains("is replaced")
                || hazard.text.as_str().contains("are replaced is not known")
        });
        assert!(told, "{name}: {:?}", plan.hazards);
    }
}

#[tokio::test]
async fn an_apply_that_nobody_was_asked_about_has_no_review() {
    let mut auto = run("run-2", "applied");
    auto["attributes"]["auto-apply"] = json!(true);
    let server = workspace(&[auto]).await;
    assert!(runs(&seen(&shop(&server)).await)[0].reviews.is_empty());
}

#[tokio::test]
async fn a_run_that_found_nothing_to_do_has_passed_and_a_saved_or_failed_one_has_not() {
    for (changes, plan_only, wanted) in
        [(false, false, RunState::Passed), (true, false, RunState::Skipped), (false, true, RunState::Skipped)]
    {
        let mut idle = run("run-2", "planned_and_finished");
        idle["attributes"]["has-changes"] = json!(changes);
        idle["attributes"]["plan-only"] = json!(plan_only);
        let server = workspace(&[idle]).await;
        assert_eq!(runs(&seen(&shop(&server)).await)[0].state, wanted);
    }
    for status in ["errored", "policy_soft_failed"] {
        let server = workspace(&[run("run-2", status)]).await;
        assert!(matches!(runs(&seen(&shop(&server)).await)[0].state, RunState::Failed(_)), "{status}");
    }
}

#[tokio::test]
async fn a_destroy_run_and_newer_runs_behind_it_are_told() {
    let mut doomed = run("run-2", "policy_checked");
    doomed["attributes"]["is-destroy"] = json!(true);
    let server = workspace(&[run("run-3", "pending"), doomed]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    let said: Vec<_> = plan.hazards.iter().map(|hazard| hazard.text.to_string()).collect();
    assert!(said.iter().any(|text| text.contains("destroy everything")), "{said:?}");
    assert!(said.iter().any(|text| text.contains("1 newer run")), "{said:?}");
}

#[tokio::test]
async fn a_run_that_waits_is_found_behind_a_page_of_those_that_stand_behind_it() {
    let server = workspace(&[]).await;
    let queued: Vec<_> = (10..30).rev().map(|number| run(&format!("run-{number}"), "pending")).collect();
    let mut first = list(&queued);
    first["meta"]["pagination"]["next-page"] = json!(2);
    server.get(RUNS, &first);
    let second = "page%5Bnumber%5D=2&page%5Bsize%5D=20&include=plan%2Capply%2Ccreated_by%2Ccost_estimate%2Cconfiguration_version.ingress_attributes";
    server.get(&format!("{RUNS}?{second}"), &list(&[run("run-2", "policy_checked")])).reply(
        "GET",
        &format!("{API}/plans/plan-run-2/json-output"),
        error(404, "not found"),
    );
    assert_eq!(only(&seen(&shop(&server)).await).key.run.id.as_str(), "run-2");
}

#[tokio::test]
async fn many_workspaces_take_turns_and_none_is_listed_more_often_than_the_limit_allows() {
    let server = workspace(&[]).await;
    let names: Vec<String> = (0..20).map(|n| format!("shop{n}")).collect();
    let mut bounds = Vec::new();
    for name in &names {
        server
            .get(
                &format!("{API}/organizations/acme/workspaces/{name}"),
                &json!({"data": {"id": format!("ws-{name}")}}),
            )
            .get(&format!("{API}/workspaces/ws-{name}/runs"), &list(&[]));
        let settings = Settings::default().with_text("project", &format!("acme/{name}"));
        bounds.push(Bound {
            role: Role::Pipeline,
            service: ServiceName::new(name),
            environment: None,
            settings,
        });
    }
    let settings = Settings::default().with_text("url", &format!("{}{API}", server.url));
    let source = provider("terraform-cloud", "token", settings, bounds);
    let lists = |asked: &[crate::scripted::Asked]| {
        asked
            .iter()
            .filter(|asked| asked.path.contains("/runs"))
            .map(|asked| asked.path.clone())
            .collect::<Vec<_>>()
    };
    look(&source).await.unwrap();
    assert_eq!(lists(&server.asked()).len(), 20);
    let mut seen_lists = std::collections::BTreeSet::new();
    for _ in 0..8 {
        look(&source).await.unwrap();
        let asked = lists(&server.asked());
        assert_eq!(asked.len(), 6, "{asked:?}");
        seen_lists.extend(asked);
    }
    assert_eq!(seen_lists.len(), 20, "each had its turn");
    // Whoever is looked at is not made to wait.
    let ask = Ask { focus: Some(ServiceName::new("shop19")), ..Ask::default() };
    source.observe(&ask).await.unwrap();
    assert!(lists(&server.asked()).iter().any(|path| path.contains("ws-shop19")));
}

#[tokio::test]
async fn a_workspace_that_was_made_anew_is_found_again() {
    let server = workspace(&[run("run-2", "policy_checked")]).await;
    let shop = shop(&server);
    seen(&shop).await;
    server.reply("GET", RUNS, error(404, "not found"));
    look(&shop).await.unwrap_err();
    server
        .get(
            &format!("{API}/organizations/acme/workspaces/shop-production"),
            &json!({"data": {"id": "ws-5"}}),
        )
        .get(&format!("{API}/workspaces/ws-5/runs"), &list(&[]));
    assert!(runs(&seen(&shop).await).is_empty());
    let gone = intent("terraform-cloud", Verb::Cancel, Target::Run(key("terraform-cloud", "run-2")));
    assert!(shop.prepare(&gone).await.is_err(), "a run of the old workspace is nobody's");
}
