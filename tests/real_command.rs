//! The worked examples of declared commands against the real tools: Ansible (Debian: ansible-core) and Terraform (which no
//! distribution has; run it where it is installed).
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own machinery fails by panicking"
)]

#[path = "examples/released.rs"]
mod released;
#[path = "examples/stage.rs"]
mod stage;

use std::path::PathBuf;

use gonogo::domain::{Cause, Phase, Reached, Severity, Verb};
use released::Terraform;
use stage::{SECRET, Stage, basis, hazards, on_path};

fn terraform() -> Terraform {
    Terraform::open(&on_path("terraform").expect("terraform is not installed"))
}

#[tokio::test]
#[ignore = "needs terraform"]
async fn terraform_releases_by_saved_plans_and_goes_back() {
    terraform().release().await;
}

#[tokio::test]
#[ignore = "needs terraform"]
async fn terraform_applies_nothing_that_moved() {
    terraform().moves().await;
}

/// Two hosts that are this machine, each with a file that says what it runs.
struct Hosts {
    root: tempfile::TempDir,
    stage: Stage,
}

impl Hosts {
    fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        let host = |name: &str| format!("{name} ansible_connection=local version_file={}\n", path(name));
        std::fs::write(path("hosts"), format!("[web]\n{}{}", host("web1"), host("web2"))).unwrap();
        let playbook = format!(
            "- hosts: web\n  gather_facts: false\n  tasks:\n\
             \x20   - name: the configuration\n      ansible.builtin.copy:\n        content: \"{SECRET} {{{{ version }}}}\"\n\
             \x20       dest: \"{{{{ version_file }}}}.conf\"\n        mode: \"0600\"\n\
             \x20   - name: refuse what is bad\n      ansible.builtin.fail:\n        msg: {SECRET}\n\
             \x20     when: version == 'bad' and not ansible_check_mode\n\
             \x20   - name: the version\n      ansible.builtin.copy:\n        content: \"{{{{ version }}}}\\n\"\n\
             \x20       dest: \"{{{{ version_file }}}}\"\n        mode: \"0644\"\n"
        );
        std::fs::write(path("shop.yml"), playbook).unwrap();
        let bin = on_path("ansible-playbook").expect("ansible-core is not installed");
        let args = [
            ("playbook", path("shop.yml")),
            ("inventory", path("hosts")),
            ("hosts", "web".to_owned()),
            ("file", "{{ version_file }}".to_owned()),
            ("history", path("history")),
            ("bin", bin.parent().unwrap().to_str().unwrap().to_owned()),
        ];
        let args: Vec<(&str, &str)> = args.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let stage = Stage::open("ansible.py", &args, &[], root.path());
        Self { root, stage }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    async fn runs(&self, version: &str) {
        let rollout = self.stage.look().await;
        assert_eq!((rollout.phase, rollout.target.label()), (Phase::Done, version));
        assert_eq!((rollout.replicas.desired, rollout.replicas.available), (2, 2));
        assert_eq!(std::fs::read_to_string(self.file("web2")).unwrap(), format!("{version}\n"));
    }
}

#[tokio::test]
#[ignore = "needs ansible-core"]
async fn ansible_checks_runs_proves_and_goes_back() {
    let hosts = Hosts::open();
    let stage = &hosts.stage;
    assert_eq!(stage.look().await.phase, Phase::ScaledToZero);
    let prepared = stage.planned(Verb::Promote, "v1").await;
    assert!(basis(&prepared, "changes").starts_with("4 to change"), "{:?}", prepared.basis);
    assert!(
        prepared.differences.iter().any(|d| d.what == "web1: the configuration"),
        "{:?}",
        prepared.differences
    );
    assert!(!hosts.file("web1").exists(), "a check changes nothing");
    let receipt = stage.carried_out(&prepared).await;
    assert!(receipt.says.as_str().contains("web1 : ok=2 changed=2"), "{receipt:?}");
    hosts.runs("v1").await;
    let prepared = stage.planned(Verb::Promote, "v2").await;
    stage.carried_out(&prepared).await;
    hosts.runs("v2").await;
    let prepared = stage.planned(Verb::RollBack, "v1").await;
    stage.carried_out(&prepared).await;
    hosts.runs("v1").await;
}

#[tokio::test]
#[ignore = "needs ansible-core"]
async fn ansible_runs_nothing_on_hosts_that_moved_and_half_done_is_not_done() {
    let hosts = Hosts::open();
    let stage = &hosts.stage;
    stage.carried_out(&stage.planned(Verb::Promote, "v1").await).await;
    let prepared = stage.planned(Verb::Promote, "v2").await;
    std::fs::write(hosts.file("web2"), "v0\n").unwrap();
    let fault = stage.perform(&prepared).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No), "{fault}");
    let rollout = stage.look().await;
    let half = matches!(&rollout.phase, Phase::Progressing(why) if why.as_str().contains("v0 on 1, v1 on 1"));
    assert!(half, "{rollout:?}");
    std::fs::write(hosts.file("web2"), "v1\n").unwrap();
    // What only fails when it is done: in doubt, and found out by looking.
    let prepared = stage.planned(Verb::Promote, "bad").await;
    assert_eq!(hazards(&prepared, Severity::Blocking), "");
    let fault = stage.perform(&prepared).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::ServerFailed, Reached::Perhaps), "{fault}");
    assert!(fault.detail.as_str().contains("web1 : ok=1 changed=1 unreachable=0 failed=1"), "{fault}");
    hosts.runs("v1").await;
}
