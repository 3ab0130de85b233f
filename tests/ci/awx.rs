//! AWX: approvals that wait in workflow jobs, decisions and their proof, timeouts, templates by name.

use gonogo::domain::pipeline::MayDecide;
use gonogo::domain::{Cause, Decision, Promise, Reached, RunState, Settings, Target, Verb};
use serde_json::json;

use crate::recorded::awx::*;
use crate::scripted::Reply;
use crate::world::{
    NEW, approve, carry_out, credential_only_in, intent, lines, log, look, only, requests, run as key, runs,
    seen,
};

#[tokio::test]
async fn an_approval_that_waits_is_a_gate_with_its_end() {
    let server = workflow(&[run(31, "running"), run(30, "successful")], &[approval(75, 31, "pending")]).await;
    let shop = shop(&server);
    let seen = seen(&shop).await;
    let gate = only(&seen);
    assert_eq!(gate.environment.as_ref().unwrap().as_str(), "production");
    assert_eq!(
        (gate.title.as_str(), gate.revision.as_str(), gate.run_number),
        ("Approve production", NEW, 31)
    );
    assert_eq!((gate.asked_by.as_ref().unwrap().as_str(), gate.may_decide.clone()), ("rhea", MayDecide::Yes));
    assert_eq!(gate.expires, Some("2026-08-20T17:05:00Z".parse().unwrap()));
    assert_eq!(runs(&seen)[0].state, RunState::WaitingForHuman, "AWX calls it running");
    assert_eq!(runs(&seen)[1].state, RunState::Passed);
    let jobs: Vec<_> = runs(&seen)[0].jobs.iter().map(|job| (job.name.as_str(), job.state.clone())).collect();
    assert_eq!(
        jobs,
        [
            ("build", RunState::Passed),
            ("Approve production", RunState::WaitingForHuman),
            ("deploy", RunState::Queued)
        ],
        "what leads to others comes first"
    );
    let plan = shop.prepare(&approve(gate)).await.unwrap();
    assert_eq!(requests(&plan), ["POST /workflow_approvals/75/approve/"]);
    assert!(plan.hazards.iter().any(|hazard| hazard.text.as_str().contains("2026-08-20 17:05:00 UTC")));
    let reject = intent("awx", Verb::Reject, Target::Gate(gate.key.clone()));
    assert_eq!(requests(&shop.prepare(&reject).await.unwrap()), ["POST /workflow_approvals/75/deny/"]);
    let cancel = intent("awx", Verb::Cancel, Target::Run(gate.key.run.clone()));
    assert_eq!(requests(&shop.prepare(&cancel).await.unwrap()), ["POST /workflow_jobs/31/cancel/"]);
    credential_only_in(&server, "authorization");
}

#[tokio::test]
async fn a_decision_is_proved_by_the_approval_and_named_by_who_made_it() {
    for (verb, word, status, decision) in [
        (Verb::Approve, "approve", "successful", Decision::Approved),
        (Verb::Reject, "deny", "failed", Decision::Rejected),
    ] {
        let server = workflow(&[run(31, "running")], &[approval(75, 31, "pending")]).await;
        let shop = shop(&server);
        let gate = only(&seen(&shop).await).clone();
        let plan = shop.prepare(&intent("awx", verb, Target::Gate(gate.key.clone()))).await.unwrap();
        assert!(matches!(plan.promise, Promise::GateDecided { reviews_before: 0, .. }));
        server.reply("POST", &format!("{API}/workflow_approvals/75/{word}/"), Reply::empty(204));
        let receipt = shop.perform(&plan.steps[0]).await.unwrap();
        assert_eq!((receipt.status, receipt.says.as_str()), (204, format!("{word} accepted").as_str()));
        assert_eq!(only(&seen(&shop).await).key, gate.key, "accepted is not done");
        give(&server, &[run(31, "running")], &[approval(75, 31, status)]);
        let seen = seen(&shop).await;
        assert!(seen.gates.is_empty());
        let review = &runs(&seen)[0].reviews[0];
        assert_eq!((review.decision, review.by.as_str()), (decision, "omar"));
        assert_eq!(review.environments, std::slice::from_ref(&gate.title));
        let fault = shop.prepare(&approve(&gate)).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
        let told = if decision == Decision::Approved { "approved by omar" } else { "denied by omar" };
        assert!(fault.to_string().contains(told), "{fault}");
    }
}

#[tokio::test]
async fn who_comes_second_is_told_so_and_nothing_happened() {
    let server = workflow(&[run(31, "running")], &[approval(75, 31, "pending")]).await;
    let shop = shop(&server);
    let gate = only(&seen(&shop).await).clone();
    let plan = shop.prepare(&approve(&gate)).await.unwrap();
    let path = format!("{API}/workflow_approvals/75/approve/");
    let words = "This workflow step has already been approved or denied.";
    for (status, body, cause) in [
        (400, json!({ "error": words }), Cause::Moved),
        (403, json!({"detail": "You do not have permission to perform this action."}), Cause::Forbidden),
        (400, json!({"detail": "Bad request."}), Cause::Refused),
    ] {
        server.reply("POST", &path, Reply::json(status, &body));
        let fault = carry_out(&shop, &plan).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (cause, Reached::No), "{fault}");
        let said = body.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        assert!(fault.to_string().contains(said), "{fault}");
    }
}

#[tokio::test]
async fn a_template_is_found_by_its_name_and_organisation_or_by_its_number() {
    let server = workflow(&[run(31, "running")], &[]).await;
    let template = |key: &str, value: &str| {
        Settings::default().with_text("template", "Release shop").with_text(key, value)
    };
    seen(&shop_with(&server, template("organization", "Acme"))).await;
    let asked = server.asked();
    let path = "/api/v2/workflow_job_templates/?name=Release+shop&organization__name=Acme";
    assert!(asked.iter().any(|asked| asked.path == path), "{asked:?}");
    seen(&shop_with(&server, Settings::default().with_text("template", "12"))).await;
    assert!(!server.asked().iter().any(|asked| asked.path.contains("name=")), "a number needs no search");
    for (found, cause, hint) in [
        (page(&[]), Cause::NotFound, "check the template's name"),
        (page(&[json!({"id": 12}), json!({"id": 13})]), Cause::Local, "organization"),
    ] {
        server.get(&format!("{API}/workflow_job_templates/"), &found);
        let fault = look(&shop(&server)).await.unwrap_err();
        assert_eq!(fault.cause, cause);
        assert!(fault.hint.as_ref().unwrap().as_str().contains(hint), "{fault:?}");
    }
}

#[tokio::test]
async fn an_approval_on_a_later_page_and_of_a_run_that_left_the_list_is_found() {
    let server = workflow(&[run(40, "successful")], &[]).await;
    let other = json!({"id": 70, "status": "pending", "name": "Approve production",
        "summary_fields": {"workflow_job_template": {"id": 99}, "source_workflow_job": {"id": 8}}});
    let first = json!({"count": 2, "next": "/api/v2/workflow_approvals/?page=2&page_size=200&status=pending", "results": [other]});
    let at = |page: u8| format!("{API}/workflow_approvals/?status=pending&page_size=200&page={page}");
    server
        .get(&at(1), &first)
        .get(&at(2), &page(&[approval(75, 31, "pending")]))
        .get(&format!("{API}/workflow_jobs/31/"), &run(31, "running"))
        .get(
            &format!("{API}/workflow_jobs/31/workflow_nodes/"),
            &page(&nodes(&run(31, "running"), "pending")),
        );
    let seen = seen(&shop(&server)).await;
    assert_eq!(only(&seen).key.run.id.as_str(), "31", "another template's approval is not ours");
    assert_eq!(runs(&seen).len(), 2);
}

#[tokio::test]
async fn the_output_of_a_job_is_read_whole() {
    let server = workflow(&[run(31, "running")], &[approval(75, 31, "pending")]).await;
    server.reply(
        "GET",
        &format!("{API}/jobs/30/stdout/?format=txt_download"),
        crate::world::text(200, "PLAY [all]\nok: [web-1]\n"),
    );
    let shop = shop(&server);
    assert!(lines(&log(&shop, key("awx", "31"), "30").await).contains("ok: [web-1]"));
    let nothing = log(&shop, key("awx", "31"), "75").await;
    assert!(format!("{nothing:?}").contains("no output"), "{nothing:?}");
}

#[tokio::test]
async fn what_has_ended_is_not_cancelled() {
    let server = workflow(&[run(31, "running"), run(30, "failed")], &[]).await;
    let shop = shop(&server);
    let cancel = |id: &str| intent("awx", Verb::Cancel, Target::Run(key("awx", id)));
    assert_eq!(shop.prepare(&cancel("30")).await.unwrap_err().cause, Cause::Moved);
    let plan = shop.prepare(&cancel("31")).await.unwrap();
    let gone = Reply::json(405, &json!({"detail": "Method \"POST\" not allowed."}));
    server.reply("POST", &format!("{API}/workflow_jobs/31/cancel/"), gone);
    let fault = carry_out(&shop, &plan).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
}
