//! What lies in a repository never runs, and never steers.

use super::*;

/// A program that would leave a trace if it ran.
fn trap(root: &Path) -> (PathBuf, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let (trap, trace) = (root.join("trap"), root.join("trace"));
    std::fs::write(&trap, format!("#!/bin/sh\necho \"$0 $* in $PWD\" >> {}\ncat\n", trace.display()))
        .unwrap();
    std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o755)).unwrap();
    (trap, trace)
}

#[tokio::test]
async fn nothing_of_a_repository_runs() {
    let stage = Stage::new();
    let (trap, trace) = trap(stage.root.path());
    let trap = trap.display();
    // Even the user's own config names programs that a repository could call for.
    let config = format!(
        "[user]\nname = Ann\nemail = ann@x.test\n[filter \"evil\"]\nclean = {trap}\nsmudge = {trap}\nrequired = true\n\
         [diff \"evil\"]\ncommand = {trap}\ntextconv = {trap}\n[diff]\nexternal = {trap}\n[core]\nfsmonitor = {trap}\n\
         hooksPath = {}\nsshCommand = {trap}\n[gpg]\nprogram = {trap}\n[commit]\ngpgSign = true\n[push]\nfollowTags = true\n\
         gpgSign = if-asked\n[fetch]\nrecurseSubmodules = true\n[log]\nshowSignature = true\n",
        stage.root.path().join("hooks").display()
    );
    std::fs::write(stage.root.path().join("home/.gitconfig"), config).unwrap();
    for hook in ["pre-push", "reference-transaction", "pre-auto-gc", "post-index-change"] {
        let path = stage.root.path().join("hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(stage.root.path().join("trap"), path).unwrap();
    }
    let before = stage.at_server(&format!("main:{FOLDER}"));
    let bad = stage.commit(
        "hostile",
        &[
            (".gitattributes", "* filter=evil diff=evil merge=evil\n"),
            (".gitmodules", "[submodule \"x\"]\npath = sub\nurl = ext::evil\nupdate = !evil\n"),
            (&format!("{FOLDER}/.gitattributes"), "* filter=evil diff=evil\n"),
            (&format!("{FOLDER}/d.yaml"), "image: r.test/acme/checkout:v9\n"),
        ],
    );
    git(&stage.clone(), &["tag", "-a", "-m", "x", "v9"]);
    let seen = stage.look().await;
    stage.revert(&bad, RevertTo::Branch).await.unwrap();
    assert_eq!(stage.at_server(&format!("main:{FOLDER}")), before);
    assert_eq!(stage.at_server("main~1"), seen.tip.as_str());
    assert_eq!(git(&stage.server(), &["tag"]), "", "no tag goes along");
    // Where the server is a folder of this machine, its side runs by the user's config, too: these are its own hooks.
    let ran = std::fs::read_to_string(&trace).unwrap_or_default();
    assert!(ran.lines().all(|line| line.ends_with("/server.git") && line.contains("/hooks/")), "{ran}");
}

#[tokio::test]
async fn odd_entries_stay_byte_for_byte_and_odd_names_are_made_safe() {
    use std::os::unix::ffi::OsStrExt as _;
    let stage = Stage::new();
    let folder = stage.clone().join(FOLDER);
    let name = std::ffi::OsStr::from_bytes(b"\xff\x1b[31m\nname");
    std::fs::write(folder.join(name), "x").unwrap();
    std::fs::write(stage.clone().join(std::ffi::OsStr::from_bytes(b"top\xfe")), "x").unwrap();
    std::fs::write(stage.clone().join("apps/tab\tand \"quotes\""), "x").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
    std::fs::write(folder.join("big.bin"), vec![b'\n'; 3 << 20]).unwrap();
    let id = stage.at_server("main");
    std::fs::create_dir(stage.clone().join("apps/sub")).unwrap();
    git(&stage.clone(), &["update-index", "--add", "--cacheinfo", &format!("160000,{id},apps/sub")]);
    let bad = stage.commit(
        "evil \u{1b}]52;c;x\u{7} \u{202e}subject",
        &[("apps/checkout/production/d.yaml", "image: a\n")],
    );
    let seen = stage.look().await;
    let said = format!("{seen:?}");
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'), "{said}");
    let plan = stage.plan(&bad, RevertTo::Branch).await.unwrap();
    let texts = plan.differences.iter().flat_map(|d| [&d.what, &d.old, &d.new]).map(ToString::to_string);
    assert!(texts.clone().all(|text| !text.chars().any(char::is_control)), "{:?}", texts.collect::<Vec<_>>());
    stage.provider.perform(&plan.steps[0]).await.unwrap();
    let rest = |what: &str| git(&stage.server(), &["ls-tree", "-r", what]);
    let others = |listing: String| {
        listing.lines().filter(|line| !line.contains(FOLDER)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(others(rest("main")), others(rest("main~1")), "nothing else changed");
    assert!(rest("main").contains("160000 commit"));
    assert_eq!(stage.at_server(&format!("main:{FOLDER}")), stage.at_server(&format!("main~2:{FOLDER}")));
    let message = git(&stage.server(), &["log", "-1", "--format=%B", "main"]);
    assert!(!message.contains('\u{1b}'), "{message:?}");
}

#[tokio::test]
async fn branches_with_odd_names_do_no_harm() {
    let stage = Stage::new();
    let refs = stage.server().join("refs/heads/gonogo");
    std::fs::create_dir_all(&refs).unwrap();
    let tip = stage.at_server("main");
    for name in ["revert-x", "revert-aaaaaaa-bbbbbbb", "revert-;touch evil"] {
        std::fs::write(refs.join(name), format!("{tip}\n")).unwrap();
    }
    // A branch of that name whose folder says something else is no proposal of this folder.
    assert_eq!(stage.look().await.prepared, []);
}

#[tokio::test]
async fn an_address_that_the_config_rewrites_to_a_program_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (trap, trace) = trap(root.path());
    let env = env(root.path());
    let config = format!(
        "[url \"ext::{} \"]\ninsteadOf = https://git.test/\n[protocol]\nallow = always\n",
        trap.display()
    );
    std::fs::write(root.path().join("home/.gitconfig"), config).unwrap();
    let provider = provider_with("https://git.test/d.git", &[], env).unwrap();
    let fault = provider.observe(&Ask::default()).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Local, "{fault}");
    assert!(!trace.exists());
}

#[tokio::test]
async fn the_user_s_own_ssh_is_called_in_batch_mode_and_sees_no_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let ssh = root.path().join("ssh");
    let note = root.path().join("note");
    std::fs::write(&ssh, format!("#!/bin/sh\n{{ echo \"$@\"; env; }} > {}\nexit 255\n", note.display()))
        .unwrap();
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut env = env(root.path());
    for (name, value) in [
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("GH_TOKEN", "hunter2"),
        ("SSH_ASKPASS", "/evil"),
        ("GIT_DIR", "/evil"),
        ("GIT_EXTERNAL_DIFF", "/evil"),
        ("GIT_CONFIG_COUNT", "1"),
    ] {
        env.insert(name.to_owned(), value.to_owned());
    }
    std::fs::write(root.path().join("home/.gitconfig"), format!("[core]\nsshCommand = {}\n", ssh.display()))
        .unwrap();
    let provider = provider_with("git@127.0.0.1:acme/d.git", &[], env).unwrap();
    let fault = provider.observe(&Ask::default()).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Unreachable, "{fault}");
    let said = std::fs::read_to_string(&note).unwrap();
    assert!(said.contains("BatchMode=yes") && said.contains("SSH_AUTH_SOCK=/run/agent"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("/evil") && !said.contains("CONFIG_COUNT"), "{said}");
}
