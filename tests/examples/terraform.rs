//! Terraform's stand-in, with what the real one cannot be brought to do without a cloud.

use gonogo::domain::{Cause, Phase, Reached, Severity, Verb};

use crate::released::Terraform;
use crate::stage::{basis, hazards, in_repository};

fn open() -> Terraform {
    Terraform::open(&in_repository("tests/examples/terraform"))
}

#[tokio::test]
async fn a_release_is_planned_applied_proved_and_taken_back() {
    open().release().await;
}

#[tokio::test]
async fn what_moved_or_was_never_saved_is_not_applied() {
    open().moves().await;
}

#[tokio::test]
async fn drift_is_a_warning_and_nobody_having_looked_is_told() {
    let terraform = open();
    terraform.apply_by_hand(&terraform.save("", "v1"));
    terraform.save("", "v2");
    let prepared = terraform.stage.planned(Verb::Promote, "v2").await;
    assert!(hazards(&prepared, Severity::Note).contains("Nobody looked"), "{:?}", prepared.hazards);
    std::fs::write(terraform.folder().join("drifted"), "").unwrap();
    terraform.stage.look().await;
    let prepared = terraform.stage.planned(Verb::Promote, "v2").await;
    assert!(basis(&prepared, "changes").ends_with("drift: 1"), "{:?}", prepared.basis);
    let warnings = hazards(&prepared, Severity::Warning);
    assert!(
        warnings.contains("outside of the tool since it was last applied: terraform_data.web"),
        "{warnings}"
    );
}

#[tokio::test]
async fn an_apply_that_fails_half_way_is_in_doubt_and_its_version_is_not_believed() {
    let terraform = open();
    terraform.apply_by_hand(&terraform.save("", "v1"));
    terraform.save("", "v2");
    std::fs::write(terraform.folder().join("fails"), "").unwrap();
    let prepared = terraform.stage.planned(Verb::Promote, "v2").await;
    let fault = terraform.stage.perform(&prepared).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::ServerFailed, Reached::Perhaps));
    assert!(fault.detail.as_str().ends_with("terraform apply: Error: creating the job"), "{fault}");
    let rollout = terraform.stage.look().await;
    assert_eq!(rollout.target.label(), "v2", "the state has it already");
    assert!(
        matches!(&rollout.phase, Phase::Failed(why) if why.as_str().contains("creating the job")),
        "{rollout:?}"
    );
}

#[tokio::test]
async fn an_apply_that_was_cut_off_is_never_done() {
    let terraform = open();
    terraform.apply_by_hand(&terraform.save("", "v2"));
    let cut_off = r#"{"version": "v2", "end": null, "serial": null}"#;
    std::fs::write(terraform.root.path().join("plans/.last.json"), cut_off).unwrap();
    let rollout = terraform.stage.look().await;
    assert!(
        matches!(&rollout.phase, Phase::Progressing(why) if why.as_str().contains("cut off")),
        "{rollout:?}"
    );
}

#[tokio::test]
async fn a_version_is_a_name_and_never_a_path() {
    let terraform = open();
    terraform.apply_by_hand(&terraform.save("", "v1"));
    for version in ["../v1", "/etc/passwd", ".v1"] {
        let fault = terraform.stage.plan(Verb::Promote, version).await.unwrap_err();
        assert!(fault.detail.as_str().contains("cannot name a plan"), "{version}: {fault}");
    }
}
