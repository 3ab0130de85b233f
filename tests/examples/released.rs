//! A release by saved plans, its way back, and plans that are stale: the same for Terraform and for its stand-in.

use std::path::{Path, PathBuf};
use std::process::Command;

use gonogo::domain::{Cause, Permission, Phase, Reached, Severity, Verb};

use super::stage::{Stage, basis, hazards, path};

/// The configuration; nothing in it needs a provider that would have to be fetched.
const CONFIGURATION: &str = r#"
variable "release" {
  type    = string
  default = "none"
}
variable "password" {
  type      = string
  sensitive = true
  default   = "hunter2"
}
resource "terraform_data" "web" { input = var.release }
resource "terraform_data" "job" { triggers_replace = [var.release] }
resource "terraform_data" "secret" { input = var.password }
output "version" { value = terraform_data.web.output }
"#;

/// A folder with a configuration and saved plans.
pub(crate) struct Terraform {
    pub(crate) root: tempfile::TempDir,
    program: PathBuf,
    pub(crate) stage: Stage,
}

impl Terraform {
    pub(crate) fn open(program: &Path) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("shop");
        std::fs::create_dir(&folder).unwrap();
        std::fs::create_dir_all(root.path().join("plans/back")).unwrap();
        std::fs::write(folder.join("main.tf"), CONFIGURATION).unwrap();
        let plans = root.path().join("plans");
        let args = [
            ("dir", folder.to_str().unwrap()),
            ("plans", plans.to_str().unwrap()),
            ("terraform", program.to_str().unwrap()),
            ("drift_every", "0"),
        ];
        let stage = Stage::open("terraform.py", &args, &[("TF_CLI_CONFIG_FILE", "/dev/null")], root.path());
        let opened = Self { root, program: program.to_owned(), stage };
        opened.run(&["init", "-input=false"]);
        opened
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("shop")
    }

    fn run(&self, arguments: &[&str]) {
        let output = Command::new(&self.program)
            .arg(format!("-chdir={}", self.folder().display()))
            .args(arguments)
            .env("PATH", path())
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Saves a plan as a CI job would; returns where.
    pub(crate) fn save(&self, below: &str, version: &str) -> PathBuf {
        let path = self.root.path().join("plans").join(below).join(format!("{version}.tfplan"));
        let (variable, out) = (format!("release={version}"), format!("-out={}", path.display()));
        self.run(&["plan", "-input=false", "-var", &variable, &out]);
        path
    }

    /// Somebody else applies a saved plan.
    pub(crate) fn apply_by_hand(&self, plan: &Path) {
        self.run(&["apply", "-input=false", plan.to_str().unwrap()]);
    }

    /// From nothing to v1, to v2, and back.
    pub(crate) async fn release(&self) {
        let stage = &self.stage;
        assert_eq!(stage.look().await.phase, Phase::ScaledToZero);
        self.save("", "v1");
        let prepared = stage.planned(Verb::Promote, "v1").await;
        assert!(basis(&prepared, "changes").starts_with("3 to add"), "{:?}", prepared.basis);
        assert_eq!(prepared.permission, Permission::Granted);
        let receipt = stage.carried_out(&prepared).await;
        assert_eq!((receipt.status, receipt.says.as_str()), (0, "applied v1.tfplan"));
        self.runs("v1").await;

        self.save("", "v2");
        let remarks = stage.look().await.remarks;
        assert!(
            remarks
                .iter()
                .any(|r| r.as_str().starts_with("v2 waits to be promoted: 1 to change, 1 to replace"))
        );
        let prepared = stage.planned(Verb::Promote, "v2").await;
        assert!(hazards(&prepared, Severity::Warning).contains("made anew: terraform_data.job"));
        assert!(prepared.way_back.as_ref().unwrap().as_str().starts_with("save a plan for v1 in"));
        let lines: Vec<_> = prepared.differences.iter().map(|d| (d.what.as_str(), d.new.as_str())).collect();
        let wanted = [
            ("version", "v2"),
            ("terraform_data.job", "destroyed and made anew"),
            ("terraform_data.web", "changed"),
        ];
        assert_eq!(lines, wanted);
        stage.carried_out(&prepared).await;
        self.runs("v2").await;

        self.save("back", "v1");
        let prepared = stage.planned(Verb::RollBack, "v1").await;
        stage.carried_out(&prepared).await;
        self.runs("v1").await;
        let again = stage.planned(Verb::Promote, "v1").await;
        assert!(hazards(&again, Severity::Blocking).contains("already runs v1"), "{:?}", again.hazards);
    }

    /// What moved, or was never saved, is not applied.
    pub(crate) async fn moves(&self) {
        let stage = &self.stage;
        self.apply_by_hand(&self.save("", "v1"));
        let missing = stage.planned(Verb::Promote, "v9").await;
        let Permission::Denied(why) = missing.permission else { panic!("{:?}", missing.permission) };
        assert!(why.as_str().contains("no saved plan"), "{why}");

        // The saved plan becomes another one between the plan and the step.
        self.save("", "v2");
        let prepared = stage.planned(Verb::Promote, "v2").await;
        let other = self.save("", "v3");
        std::fs::copy(&other, self.root.path().join("plans/v2.tfplan")).unwrap();
        let fault = stage.perform(&prepared).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No), "{fault}");
        assert!(fault.detail.as_str().contains("not the one that the plan was made from"), "{fault}");

        // Somebody else applies: the state is another one.
        let prepared = stage.planned(Verb::Promote, "v3").await;
        self.apply_by_hand(&self.save("", "v4"));
        let fault = stage.perform(&prepared).await.unwrap_err();
        assert_eq!(fault.reached, Reached::No, "{fault}");

        // The plan that lies there was made for an older state: Terraform itself refuses it.
        let prepared = stage.planned(Verb::Promote, "v3").await;
        let fault = stage.perform(&prepared).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No), "{fault}");
        assert!(fault.detail.as_str().contains("Saved plan is stale"), "{fault}");
        self.runs("v4").await;
    }

    async fn runs(&self, version: &str) {
        let rollout = self.stage.look().await;
        assert_eq!((rollout.phase, rollout.target.label()), (Phase::Done, version));
    }
}
