//! Plans: what they rest on, what they warn of, what they refuse.

use gonogo::domain::{Artifact, Cause, Permission, Prepared, Promise, Reached, Severity, Target, Verb};
use serde_json::{Value, json};

use crate::house::{House, back, intent, plan, promote, state};

fn hazards(prepared: &Prepared, severity: Severity) -> Vec<&str> {
    prepared.hazards.iter().filter(|h| h.severity == severity).map(|h| h.text.as_str()).collect()
}

fn told(change: impl FnOnce(&mut Value)) -> Value {
    let mut state = state();
    change(&mut state);
    state
}

#[tokio::test]
async fn two_plans_in_an_unmoved_world_are_the_same_and_in_a_moved_one_they_differ() {
    let house = House::new();
    let provider = house.provider();
    let one = plan(&provider, &promote("v3")).await;
    let two = plan(&provider, &promote("v3")).await;
    assert_eq!((&one.basis, &one.steps), (&two.basis, &two.steps));
    for moved in [
        told(|s| s["basis"] = json!("serial 42")),
        told(|s| s["phase"] = json!("progressing")),
        told(|s| s["running"] = json!([{ "version": "v1" }])),
        told(|s| s["replicas"] = json!({ "desired": 3 })),
        told(|s| s["changes"] = json!({ "destroy": 1 })),
    ] {
        house.tell(&moved);
        let fresh = plan(&provider, &promote("v3")).await;
        assert_ne!(fresh.basis, one.basis, "{moved}");
    }
    assert_eq!(house.calls(), 0, "a plan changes nothing");
}

#[tokio::test]
async fn a_terraform_like_plan_is_summed_up_and_what_is_destroyed_is_a_warning() {
    let house = House::new();
    house.tell(&told(|s| {
        s["coming"] = json!({ "version": "v3" });
        s["changes"] = json!({ "add": 1, "change": 1, "destroy": 1, "replace": 1, "drift": 1, "resources": [
            { "address": "aws_lb.front", "action": "add" },
            { "address": "aws_instance.web[0]", "action": "change" },
            { "address": "aws_db_instance.main", "action": "destroy" },
            { "address": "aws_instance.job", "action": "replace" },
            { "address": "aws_security_group.web", "action": "drift" },
        ]});
    }));
    let provider = house.provider();
    let rollout = crate::house::look(&provider).await.unwrap();
    assert_eq!(
        rollout.remarks[0].as_str(),
        "v3 waits to be promoted: 1 to add, 1 to change, 1 to replace, 1 to destroy; drift: 1"
    );
    let prepared = plan(&provider, &promote("v3")).await;
    let warnings = hazards(&prepared, Severity::Warning).join("\n");
    for part in [
        "1 destroyed: aws_db_instance.main",
        "made anew: aws_instance.job",
        "outside of the tool",
        "security_group",
    ] {
        assert!(warnings.contains(part), "{warnings:?} lacks {part:?}");
    }
    let lines: Vec<_> = prepared.differences.iter().map(|d| (d.what.as_str(), d.new.as_str())).collect();
    let wanted = [
        ("version", "v3"),
        ("aws_db_instance.main", ""),
        ("aws_instance.job", "destroyed and made anew"),
        ("aws_instance.web[0]", "changed"),
        ("aws_lb.front", "added"),
    ];
    assert_eq!(lines, wanted);
    assert!(prepared.basis.iter().any(|b| b.name == "changes" && b.value.as_str().contains("1 to destroy")));
    // What is told of one version is no plan for another.
    let other = plan(&provider, &promote("v4")).await;
    assert!(hazards(&other, Severity::Blocking)[0].contains("those of v3, not of v4"));
}

#[tokio::test]
async fn what_runs_already_is_no_plan_since_nothing_would_prove_it() {
    let house = House::new();
    let prepared = plan(&house.provider(), &promote("v2")).await;
    assert!(hazards(&prepared, Severity::Blocking)[0].contains("already runs v2"));
}

#[tokio::test]
async fn what_the_command_does_not_allow_is_denied_with_its_reason() {
    let house = House::new();
    let provider = house.provider();
    for (allowed, permission) in [
        (json!({}), Permission::Untold),
        (json!({ "promote": true }), Permission::Granted),
        (json!({ "promote": "the window is closed" }), Permission::Denied("the window is closed".into())),
        (
            json!({ "promote": false }),
            Permission::Denied("the state command says so, without a reason".into()),
        ),
    ] {
        house.tell(&told(|s| s["allowed"] = allowed));
        assert_eq!(plan(&provider, &promote("v3")).await.permission, permission);
    }
    let blocks = json!([{ "severity": "blocking", "text": "the lock is held by ann" }]);
    house.tell(&told(|s| s["hazards"] = blocks));
    let prepared = plan(&provider, &promote("v3")).await;
    assert_eq!(hazards(&prepared, Severity::Blocking), ["the lock is held by ann"]);
}

#[tokio::test]
async fn a_way_back_goes_to_what_is_remembered_now() {
    let house = House::new();
    let provider = house.provider();
    let prepared = plan(&provider, &back("r1", "v1")).await;
    let Promise::Runs { artifact } = &prepared.promise else { panic!("{:?}", prepared.promise) };
    assert_eq!(artifact.label(), "v1");
    assert!(prepared.steps[0].body.as_ref().unwrap().contains(r#""revision":"r1""#));
    let fault = provider.prepare(&back("r2", "v2")).await.unwrap_err();
    assert_eq!(fault.cause, Cause::NotFound, "the current one is no way back: {fault}");
    house.tell(&told(|s| s["revisions"][1]["version"] = json!("v0")));
    let fault = provider.prepare(&back("r1", "v1")).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Moved, "{fault}");
    house.tell(&told(|s| s["revisions"] = json!([])));
    let fault = provider.prepare(&back("r1", "v1")).await.unwrap_err();
    assert_eq!(fault.cause, Cause::NotFound, "{fault}");
}

#[tokio::test]
async fn what_is_not_declared_and_what_would_be_an_option_is_refused() {
    let house = House::new().without("pause");
    let provider = house.provider();
    let fault = provider.prepare(&intent(Verb::Pause, Target::Rollout)).await.unwrap_err();
    assert!(fault.detail.as_str().contains("declares no `pause`"), "{fault}");
    let nameless = Artifact { image: "registry.test/shop".into(), ..Artifact::default() };
    let fault = provider.prepare(&intent(Verb::Promote, Target::Artifact(nameless))).await.unwrap_err();
    assert!(fault.detail.as_str().contains("has none"), "{fault}");
    let words = crate::house::shell("true", &house.path(""), &["{version}"]);
    let house = house.with("promote", words);
    let provider = house.provider();
    let fault = provider.prepare(&promote("--destroy")).await.unwrap_err();
    assert!(fault.detail.as_str().contains("taken for an option"), "{fault}");
    let mut elsewhere = promote("v3");
    elsewhere.place = Some(gonogo::domain::Place::new("other", "production"));
    assert!(provider.prepare(&elsewhere).await.is_err());
}

#[tokio::test]
async fn a_step_that_nobody_declared_is_not_run() {
    let house = House::new();
    let provider = house.provider();
    let good = plan(&provider, &promote("v3")).await.steps.remove(0);
    let body: Value = serde_json::from_str(good.body.as_ref().unwrap()).unwrap();
    let with = |key: &str, value: &str| {
        let mut body = body.clone();
        body[key] = json!(value);
        Some(body.to_string())
    };
    let mut words: Vec<String> = serde_json::from_str(&good.path).unwrap();
    words[2] = "rm -rf /".to_owned();
    let steps = [
        gonogo::domain::Step { path: json!(words).to_string(), ..good.clone() },
        gonogo::domain::Step { path: json!(["/bin/rm", "-rf", "/"]).to_string(), ..good.clone() },
        gonogo::domain::Step { path: "[]".to_owned(), ..good.clone() },
        gonogo::domain::Step { path: "/bin/sh".to_owned(), ..good.clone() },
        gonogo::domain::Step { method: "POST".to_owned(), ..good.clone() },
        gonogo::domain::Step { source: gonogo::domain::SourceName::new("other"), ..good.clone() },
        gonogo::domain::Step { body: None, ..good.clone() },
        gonogo::domain::Step { body: with("ask", "destroy"), ..good.clone() },
        gonogo::domain::Step { body: with("service", "other"), ..good.clone() },
    ];
    for step in steps {
        let fault = provider.perform(&step).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (Cause::Local, Reached::No), "{step:?}");
    }
    assert_eq!(house.calls(), 0);
    provider.perform(&good).await.unwrap();
    assert_eq!(house.calls(), 1);
}
