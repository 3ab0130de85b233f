//! Which commit this is built from, for `gonogo --version`. Without git, in a tarball or with uncommitted changes the
//! build goes on all the same, and says less.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=GONOGO_COMMIT");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    if let Some(version) = said(&rustc, &["-V"]).as_deref().and_then(|v| v.split_whitespace().nth(1)) {
        println!("cargo::rustc-env=GONOGO_RUSTC={version}");
    }
    // Who builds from a tarball may say it. Builds for development do not ask: each commit would build them anew.
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if std::env::var_os("GONOGO_COMMIT").is_some() || !release {
        return;
    }
    println!("cargo::rerun-if-changed=src");
    for place in ["HEAD", "index"] {
        if let Some(path) = said("git", &["rev-parse", "--git-path", place]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    // A tarball unpacked inside somebody else's repository is not that repository's commit.
    let own = said("git", &["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let commit = said("git", &["describe", "--always", "--dirty", "--abbrev=7", "--match="]);
    let date = said("git", &["show", "-s", "--format=%cs", "HEAD"]);
    if let (true, Some(commit), Some(date)) = (own, commit, date) {
        println!("cargo::rustc-env=GONOGO_COMMIT={commit} {date}");
    }
}

/// One line of a program's output, if it did what it was asked.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}
