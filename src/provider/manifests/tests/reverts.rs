//! What is seen, planned and pushed.

use super::*;

#[tokio::test]
async fn what_changed_a_folder_is_told_newest_first_and_others_do_not_count() {
    let stage = Stage::new();
    let tip = stage.commit("ledger v2", &[("apps/ledger/production/d.yaml", "image: r/ledger:v2\n")]);
    let seen = stage.look().await;
    let subjects: Vec<&str> = seen.changes.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(subjects, ["checkout v3", "checkout v2", "checkout v1"]);
    assert_eq!((seen.branch.as_str(), seen.folder.as_str()), ("main", FOLDER));
    assert_eq!(seen.tip, Sha::new(&tip));
    assert_eq!(seen.tree, Some(Sha::new(&stage.at_server(&format!("main:{FOLDER}")))));
    // Whoever applied the commit of another folder, or the one below it, has applied what is there.
    assert_eq!(seen.same, [Sha::new(&tip), seen.changes[0].commit.clone()]);
    assert_eq!(seen.changes[0].author.as_str(), "Omar");
    assert!(seen.prepared.is_empty());
}

#[tokio::test]
async fn a_merge_is_one_change() {
    let stage = Stage::new();
    git(&stage.clone(), &["checkout", "-q", "-b", "side"]);
    for n in ["a", "b"] {
        std::fs::write(stage.clone().join(FOLDER).join(n), n).unwrap();
        git(&stage.clone(), &["add", "-A"]);
        git(&stage.clone(), &["commit", "-q", "-m", n]);
    }
    git(&stage.clone(), &["checkout", "-q", "main"]);
    git(&stage.clone(), &["merge", "-q", "--no-ff", "-m", "Merge side", "side"]);
    git(&stage.clone(), &["push", "-q", "origin", "main"]);
    let seen = stage.look().await;
    assert_eq!(seen.changes[0].subject.as_str(), "Merge side");
    assert_eq!(seen.changes[1].subject.as_str(), "checkout v3");
    let before = stage.at_server(&format!("main^1:{FOLDER}"));
    stage.revert(seen.changes[0].commit.as_str(), RevertTo::Branch).await.unwrap();
    assert_eq!(stage.at_server(&format!("main:{FOLDER}")), before);
}

#[tokio::test]
async fn the_newest_change_is_reverted_by_one_commit_on_top() {
    let stage = Stage::new();
    let seen = stage.look().await;
    let newest = seen.changes[0].commit.clone();
    let plan = stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap();
    assert_eq!(plan, stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap(), "an unmoved world");
    assert!(plan.hazards.is_empty(), "{:?}", plan.hazards);
    assert_eq!((plan.from.clone().unwrap().label(), plan.to.clone().unwrap().label()), ("v3", "v2"));
    let told: Vec<String> =
        plan.differences.iter().map(|d| format!("{}: {} -> {}", d.what, d.old, d.new)).collect();
    assert_eq!(told, ["image in d.yaml: r.test/acme/checkout:v3 -> r.test/acme/checkout:v2"]);
    assert_eq!(plan.permission, Permission::Untold);
    let step = &plan.steps[0];
    assert_eq!((step.method.as_str(), step.path.as_str()), ("PUSH", "refs/heads/main"));
    assert!(!format!("{plan:?}").contains("hunter2"), "a line that is not told is not shown");
    let receipt = stage.provider.perform(step).await.unwrap();
    let after = stage.look().await;
    assert!(receipt.says.as_str().contains(after.tip.as_str()), "{}", receipt.says);
    let Promise::Reverted { tree, onto, .. } = &plan.promise else { panic!("{:?}", plan.promise) };
    assert_eq!((after.tree.as_ref(), onto), (Some(tree), &seen.tip));
    assert_eq!(stage.at_server("main^"), seen.tip.as_str());
    assert_eq!(stage.at_server(&format!("main:{FOLDER}")), stage.at_server(&format!("main~2:{FOLDER}")));
    let message = git(&stage.server(), &["log", "-1", "--format=%an <%ae>|%cn|%B", "main"]);
    assert!(message.starts_with("Ann <ann@x.test>|Ann|Revert \"checkout v3\"\n"), "{message}");
    assert!(message.contains(newest.as_str()) && message.contains("Reason: errors at 4 %"), "{message}");
    // What was reverted is a change like any other.
    assert!(after.changes[0].subject.as_str().starts_with("Revert"));
    assert_eq!(after.same, [after.tip.clone()]);
    let again = stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap();
    assert!(blocking(&again)[0].contains("already holds") && again.steps.is_empty(), "{:?}", again.hazards);
}

#[tokio::test]
async fn several_changes_are_reverted_at_once_and_those_of_others_are_named() {
    let stage = Stage::new();
    let before = stage.at_server(&format!("main~2:{FOLDER}"));
    let oldest = stage.look().await.changes[1].commit.clone();
    let plan = stage.plan(oldest.as_str(), RevertTo::Branch).await.unwrap();
    let warned = hazards(&plan, Severity::Warning);
    assert!(warned[0].contains("checkout v3 (Omar)") && !warned[0].contains("checkout v2"), "{warned:?}");
    let commits: Vec<&str> =
        plan.differences.iter().map(|d| d.what.as_str()).filter(|w| w.starts_with("commit")).collect();
    assert_eq!(commits.len(), 1);
    stage.provider.perform(&plan.steps[0]).await.unwrap();
    assert_eq!(stage.at_server(&format!("main:{FOLDER}")), before);
    let message = git(&stage.server(), &["log", "-1", "--format=%B", "main"]);
    assert!(message.starts_with("Revert \"checkout v2\" and 1 later change\n"), "{message}");
}

#[tokio::test]
async fn what_the_commit_changed_elsewhere_stays_and_is_said() {
    let stage = Stage::new();
    let text = "image: r.test/acme/checkout:v4\nreplicas: 5\n";
    let both = stage.commit(
        "everything v4",
        &[
            (&format!("{FOLDER}/d.yaml"), text),
            ("apps/ledger/production/d.yaml", "image: r/ledger:v9\n"),
            ("z", "z"),
        ],
    );
    let plan = stage.plan(&both, RevertTo::Branch).await.unwrap();
    let warned = hazards(&plan, Severity::Warning);
    assert!(warned[0].contains("also changed 2 files elsewhere"), "{warned:?}");
    assert!(
        plan.differences.iter().any(|d| d.what.as_str() == "replicas in d.yaml" && d.new.as_str() == "3")
    );
    stage.provider.perform(&plan.steps[0]).await.unwrap();
    assert_eq!(git(&stage.server(), &["show", "main:apps/ledger/production/d.yaml"]), "image: r/ledger:v9");
}

#[tokio::test]
async fn what_was_not_there_before_is_not_deleted_and_what_was_deleted_comes_back() {
    let stage = Stage::new();
    let first = stage.look().await.changes[2].commit.clone();
    let plan = stage.plan(first.as_str(), RevertTo::Branch).await.unwrap();
    assert!(blocking(&plan)[0].contains("would delete it") && plan.steps.is_empty(), "{:?}", plan.hazards);
    let before = stage.at_server(&format!("main:{FOLDER}"));
    std::fs::remove_dir_all(stage.clone().join("apps/checkout")).unwrap();
    let gone = stage.commit("away with checkout", &[]);
    let seen = stage.look().await;
    assert_eq!((seen.tree.clone(), seen.changes[0].commit.as_str()), (None, gone.as_str()));
    let plan = stage.plan(&gone, RevertTo::Branch).await.unwrap();
    assert_eq!(plan.differences[0].new.as_str(), "comes back");
    stage.provider.perform(&plan.steps[0]).await.unwrap();
    assert_eq!(stage.at_server(&format!("main:{FOLDER}")), before);
}

#[tokio::test]
async fn a_revert_for_review_is_a_branch_of_its_own_that_is_never_overwritten() {
    let stage = Stage::new();
    let seen = stage.look().await;
    let newest = seen.changes[0].commit.clone();
    let plan = stage.plan(newest.as_str(), RevertTo::Proposal).await.unwrap();
    let Promise::Proposed { branch, tree } = plan.promise.clone() else { panic!("{:?}", plan.promise) };
    assert!(branch.as_str().starts_with(&format!("gonogo/revert-{}-", newest.short())), "{branch}");
    stage.provider.perform(&plan.steps[0]).await.unwrap();
    let after = stage.look().await;
    assert_eq!(after.tip, seen.tip, "the branch that is followed stays");
    assert_eq!(after.prepared, [(branch.clone(), tree)]);
    let again = stage.plan(newest.as_str(), RevertTo::Proposal).await.unwrap();
    assert!(blocking(&again)[0].contains("already") && again.steps.is_empty());
    let fault = stage.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No));
    // It is gone at the server, and then it can be made again.
    git(&stage.server(), &["branch", "-D", branch.as_str()]);
    assert!(stage.look().await.prepared.is_empty());
    stage.revert(newest.as_str(), RevertTo::Proposal).await.unwrap();
}

#[tokio::test]
async fn a_branch_that_moved_takes_nothing_and_the_plan_is_made_anew() {
    let stage = Stage::new();
    let newest = stage.look().await.changes[0].commit.clone();
    let plan = stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap();
    // Another folder of the same repository moves meanwhile.
    let tip = stage.commit("ledger v2", &[("apps/ledger/production/d.yaml", "image: r/ledger:v2\n")]);
    let fault = stage.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    assert_eq!(stage.at_server("main"), tip);
    let anew = stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap();
    assert_ne!(plan.basis, anew.basis);
    stage.provider.perform(&anew.steps[0]).await.unwrap();
    assert_eq!(git(&stage.server(), &["show", "main:apps/ledger/production/d.yaml"]), "image: r/ledger:v2");
}

#[tokio::test]
async fn other_branches_and_the_whole_repository_can_be_followed() {
    let stage = Stage::with(&[("branch", "live/eu"), ("folder", ".")]);
    assert_eq!(stage.fault().await.cause, Cause::NotFound);
    git(&stage.clone(), &["push", "-q", "origin", "main~1:refs/heads/live/eu"]);
    let seen = stage.look().await;
    assert_eq!((seen.branch.as_str(), seen.folder.as_str()), ("live/eu", "."));
    stage.revert(seen.changes[0].commit.as_str(), RevertTo::Branch).await.unwrap();
    assert_eq!(stage.at_server("live/eu^{tree}"), stage.at_server("main~2^{tree}"));
}

#[tokio::test]
async fn only_what_is_ours_is_planned_or_sent() {
    let stage = Stage::new();
    let newest = stage.look().await.changes[0].commit.clone();
    let plan = stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap();
    let step = &plan.steps[0];
    let body = step.body.clone().unwrap();
    let tree = stage.at_server("main:apps");
    let mut other: serde_json::Value = serde_json::from_str(&body).unwrap();
    other["tree"] = tree.into();
    for (path, body) in [
        ("refs/heads/main", other.to_string()),
        ("refs/heads/main", body.replace(FOLDER, "apps/ledger/production")),
        ("refs/heads/--force", body.clone()),
        ("refs/tags/v1", body.clone()),
        ("refs/heads/main", "{}".to_owned()),
        ("refs/heads/main", body.replace("Ann <ann@x.test>", "Ann")),
    ] {
        let step = crate::domain::Step { path: path.into(), body: Some(body), ..step.clone() };
        let fault = stage.provider.perform(&step).await.unwrap_err();
        assert_eq!(fault.reached, Reached::No, "{fault}");
    }
    assert_eq!(stage.at_server("main"), stage.look().await.tip.as_str());
    let unknown = stage.plan(&"a".repeat(40), RevertTo::Branch).await.unwrap_err();
    assert_eq!(unknown.cause, Cause::NotFound);
    let promote = Intent { verb: Verb::Promote, ..intent(newest.as_str(), RevertTo::Branch) };
    assert_eq!(stage.provider.prepare(&promote).await.unwrap_err().cause, Cause::Refused);
}
