//! Servers that refuse, die, or are somewhere else; caches that are gone; processes that died.

use super::*;

#[tokio::test]
async fn a_server_that_refuses_is_told_in_its_own_words() {
    let stage = Stage::new();
    stage.hook("pre-receive", "echo 'main is protected: open a merge request' >&2; exit 1");
    let seen = stage.look().await;
    let fault = stage.revert(seen.changes[0].commit.as_str(), RevertTo::Branch).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No), "{fault}");
    assert!(fault.detail.as_str().contains("main is protected: open a merge request"), "{fault}");
    assert!(fault.hint.unwrap().as_str().contains("branch for review"));
    assert_eq!(stage.look().await.tip, seen.tip);
}

#[tokio::test]
async fn a_push_that_breaks_off_is_in_doubt() {
    let stage = Stage::new();
    // The server took it, and dies before it says so.
    stage.hook("post-update", "kill -9 $PPID");
    let seen = stage.look().await;
    let fault = stage.revert(seen.changes[0].commit.as_str(), RevertTo::Branch).await;
    match fault {
        Err(fault) => assert_eq!(fault.reached, Reached::Perhaps, "{fault}"),
        Ok(receipt) => assert!(receipt.says.as_str().contains("is at"), "it said so before it died"),
    }
    stage.hook("pre-receive", "kill -9 $PPID; sleep 1");
    let seen = stage.look().await;
    let fault = stage.revert(seen.changes[0].commit.as_str(), RevertTo::Branch).await.unwrap_err();
    assert_eq!(fault.reached, Reached::Perhaps, "{fault}");
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_and_nothing_was_sent() {
    let stage = Stage::new();
    let newest = stage.look().await.changes[0].commit.clone();
    let plan = stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap();
    std::fs::rename(stage.server(), stage.root.path().join("away.git")).unwrap();
    let fault = stage.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::NotFound, Reached::No), "{fault}");
    assert_eq!(stage.fault().await.cause, Cause::NotFound);
    assert_eq!(stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap_err().cause, Cause::NotFound);
    std::fs::rename(stage.root.path().join("away.git"), stage.server()).unwrap();
    assert_eq!(stage.look().await.changes[0].commit, newest);
}

#[tokio::test]
async fn faults_are_told_by_their_cause() {
    let root = tempfile::tempdir().unwrap();
    for (url, cause) in [
        ("http://127.0.0.1:1/d.git", Cause::Unreachable),
        ("git://127.0.0.1:1/d", Cause::Unreachable),
        ("/there/is/no/such/repository.git", Cause::NotFound),
    ] {
        let provider = provider(root.path(), url, &[]).unwrap();
        let fault = provider.observe(&Ask::default()).await.unwrap_err();
        assert_eq!((fault.cause, fault.reached), (cause, Reached::No), "{url}: {fault}");
    }
    let stage = Stage::with(&[("folder", "apps/other")]);
    let fault = stage.fault().await;
    assert_eq!(fault.cause, Cause::NotFound);
    assert!(fault.detail.as_str().contains("there is no folder apps/other"), "{fault}");
    let stage = Stage::with(&[("folder", "README")]);
    assert!(stage.fault().await.detail.as_str().contains("is a file"));
    for folder in ["/abs", "../x", "a//b", "a/../b", ".git/hooks", ""] {
        assert_eq!(
            provider(root.path(), "/x", &[("folder", folder)]).err().unwrap().cause,
            Cause::Local,
            "{folder}"
        );
    }
    let fault = provider(root.path(), "/x", &[("branch", "--evil")]).err().unwrap();
    assert_eq!(fault.cause, Cause::Local);
}

#[tokio::test]
async fn an_empty_repository_has_no_branch() {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["init", "-q", "--bare", "-b", "main", "server.git"]);
    let url = root.path().join("server.git");
    let provider = provider(root.path(), url.to_str().unwrap(), &[]).unwrap();
    assert_eq!(provider.observe(&Ask::default()).await.unwrap_err().cause, Cause::NotFound);
}

#[tokio::test]
async fn nobody_as_an_author_is_said_before_anything_is_sent() {
    let stage = Stage::new();
    std::fs::write(stage.root.path().join("home/.gitconfig"), "[user]\nuseConfigOnly = true\n").unwrap();
    let newest = stage.look().await.changes[0].commit.clone();
    let fault = stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Local);
    assert!(fault.hint.unwrap().as_str().contains("user.email"));
    let stage = Stage::with(&[("author", "Release Bot <bot@x.test>")]);
    stage.revert(stage.look().await.changes[0].commit.as_str(), RevertTo::Branch).await.unwrap();
    assert_eq!(
        git(&stage.server(), &["log", "-1", "--format=%an <%ae>", "main"]),
        "Release Bot <bot@x.test>"
    );
}

/// The mirror of a stage.
fn mirror(stage: &Stage) -> PathBuf {
    let cache = stage.root.path().join("home/.cache/gonogo/manifests");
    let all: Vec<_> = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(all.len(), 1);
    all[0].clone()
}

#[tokio::test]
async fn a_cache_that_is_emptied_or_damaged_is_made_anew() {
    let stage = Stage::new();
    let seen = stage.look().await;
    std::fs::remove_dir_all(mirror(&stage)).unwrap();
    assert_eq!(stage.look().await, seen);
    std::fs::remove_dir_all(mirror(&stage).join("mirror.git/objects")).unwrap();
    stage.ship("v4");
    assert_eq!(stage.look().await.changes[0].subject.as_str(), "checkout v4");
    // Between a plan and its step: nothing is sent, and the next plan works.
    let newest = stage.look().await.changes[0].commit.clone();
    let plan = stage.plan(newest.as_str(), RevertTo::Branch).await.unwrap();
    std::fs::remove_dir_all(mirror(&stage)).unwrap();
    let fault = stage.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No, "{fault}");
    stage.revert(newest.as_str(), RevertTo::Branch).await.unwrap();
    git(&stage.clone(), &["pull", "-q", "--ff-only", "origin", "main"]);
    // Packs that cannot be read.
    for entry in std::fs::read_dir(mirror(&stage).join("mirror.git/objects")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
    stage.ship("v5");
    let mut looks = 0;
    while stage.provider.observe(&Ask::default()).await.is_err() {
        looks += 1;
        assert!(looks < 3, "it is made anew at once, or at the next look");
    }
    assert_eq!(stage.look().await.changes[0].subject.as_str(), "checkout v5");
}

#[tokio::test]
async fn nobody_else_can_read_the_mirror_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new();
    stage.look().await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&mirror(&stage)), 0o700);
    std::fs::set_permissions(mirror(&stage), std::fs::Permissions::from_mode(0o777)).unwrap();
    stage.look().await;
    assert_eq!(mode(&mirror(&stage)), 0o700);
    // A link in its place leads nowhere.
    let real = stage.root.path().join("elsewhere");
    std::fs::rename(mirror(&stage), &real).unwrap();
    let link = stage.root.path().join("home/.cache/gonogo/manifests").join("deploys");
    let name = {
        let cache = link.parent().unwrap().to_owned();
        stage.look().await;
        let path = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
        std::fs::remove_dir_all(&path).unwrap();
        path
    };
    std::os::unix::fs::symlink(&real, &name).unwrap();
    assert_eq!(stage.fault().await.cause, Cause::Local);
}

#[tokio::test]
async fn locks_of_a_process_that_died_do_not_last() {
    let stage = Stage::new();
    stage.look().await;
    let repository = mirror(&stage).join("mirror.git");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    let heads = std::fs::read_dir(repository.join("refs/gonogo/heads")).unwrap();
    let head = heads.map(|entry| entry.unwrap().path()).next().unwrap();
    let mut locks = vec![
        repository.join("packed-refs.lock"),
        PathBuf::from(format!("{}.lock", head.display())),
        repository.join("objects/pack/tmp_pack_x"),
    ];
    for lock in &locks {
        std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
        let file = std::fs::File::create(lock).unwrap();
        file.set_modified(old).unwrap();
    }
    stage.ship("v4");
    assert_eq!(stage.look().await.changes[0].subject.as_str(), "checkout v4");
    locks.retain(|lock| lock.exists());
    assert!(locks.is_empty(), "{locks:?}");
}

#[tokio::test]
async fn two_processes_share_one_mirror() {
    let stage = Stage::new();
    let url = stage.server();
    let others: Vec<_> =
        (0..6).map(|_| provider(stage.root.path(), url.to_str().unwrap(), &[]).unwrap()).collect();
    let looks = others.iter().map(|other| async { other.observe(&Ask::default()).await });
    for seen in futures_util::future::join_all(looks).await {
        assert_eq!(seen.unwrap().manifests[&place()].changes.len(), 3);
    }
    // One of the two reverts, and the other does too: only one counts.
    let newest = stage.look().await.changes[0].commit.clone();
    let wish = intent(newest.as_str(), RevertTo::Branch);
    let wish = &wish;
    let plans = others.iter().take(2).map(|other| async move {
        let plan = other.prepare(wish).await.unwrap();
        (other, plan)
    });
    let plans = futures_util::future::join_all(plans).await;
    let sent = plans.iter().map(|(other, plan)| other.perform(&plan.steps[0]));
    let answers = futures_util::future::join_all(sent).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let refused = answers.into_iter().find_map(Result::err).unwrap();
    assert_eq!((refused.cause, refused.reached), (Cause::Moved, Reached::No));
}

#[tokio::test]
async fn a_repository_with_longer_ids_is_looked_at_too() {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["init", "-q", "--bare", "-b", "main", "--object-format=sha256", "server.git"]);
    git(root.path(), &["init", "-q", "-b", "main", "--object-format=sha256", "clone"]);
    let url = root.path().join("server.git");
    git(&root.path().join("clone"), &["remote", "add", "origin", url.to_str().unwrap()]);
    let provider = provider(root.path(), url.to_str().unwrap(), &[]).unwrap();
    let stage = Stage { root, provider };
    for version in ["v1", "v2"] {
        stage.ship(version);
    }
    let seen = stage.look().await;
    assert_eq!(seen.tip.as_str().len(), 64);
    stage.revert(seen.changes[0].commit.as_str(), RevertTo::Branch).await.unwrap();
    assert_eq!(stage.at_server(&format!("main:{FOLDER}")), stage.at_server(&format!("main~2:{FOLDER}")));
}

#[tokio::test]
async fn doctor_is_told_what_can_be_found_out() {
    let stage = Stage::new();
    let findings = stage.provider.examine("2026-11-26T12:00:00Z".parse().unwrap()).await;
    let told: Vec<(&str, String)> = findings.iter().map(|f| (f.what, f.says.to_string())).collect();
    assert!(findings.iter().all(|f| f.standing == crate::provider::examine::Standing::Well), "{told:?}");
    assert!(told.iter().any(|(what, says)| *what == "author" && says == "Ann <ann@x.test>"), "{told:?}");
    assert_eq!(stage.at_server("main"), stage.look().await.tip.as_str(), "a dry run");
    assert_eq!(git(&stage.server(), &["branch", "--list", "gonogo/*"]), "");
}
