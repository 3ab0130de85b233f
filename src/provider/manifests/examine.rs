//! What `gonogo doctor` is told: which git, which server, whether it can be read, and whether it would take a push.

use super::command::{ASK, Git};
use super::look::{Spot, at};
use super::prepare::author;
use super::reading::{self, Tips};
use crate::domain::Fault;
use crate::provider::examine::Finding;

/// A name that nothing is pushed to: the push is a dry run.
const PROBE: &str = "refs/heads/gonogo/probe";

/// Everything that can be found out by reads.
pub(super) async fn findings(
    git: &Git,
    configured: Option<&str>,
    tips: Result<Tips, Fault>,
    spots: &[Spot],
) -> Vec<Finding> {
    let mut findings = vec![version(git).await];
    let host = git.place.host.clone().unwrap_or_else(|| "this machine".to_owned());
    match tips {
        Ok(tips) => {
            findings.push(Finding::well("repository", format!("{} at {host} answers", git.place.shown)));
            findings.extend(spots.iter().filter_map(|spot| {
                at(git, &tips, spot).err().map(|fault| ill("branch", &fault, "mend `branch`"))
            }));
            findings.push(may_push(git, &tips).await);
        }
        Err(fault) => findings.push(ill("repository", &fault, "try git ls-remote with that address by hand")),
    }
    findings.push(match author(git, configured).await {
        Ok(author) => Finding::well("author", author),
        Err(fault) => ill("author", &fault, "name one"),
    });
    if git.place.url.starts_with("git://") {
        findings.push(Finding::worth(
            "transport",
            "git:// proves neither who answers nor what is sent",
            "use https or ssh",
        ));
    }
    findings
}

fn ill(what: &'static str, fault: &Fault, mend: &str) -> Finding {
    let mend = fault.hint.as_ref().map_or_else(|| mend.to_owned(), ToString::to_string);
    Finding::ill(what, fault.to_string(), mend)
}

async fn version(git: &Git) -> Finding {
    let path = match git.found() {
        Ok(path) => path,
        Err(fault) => return ill("git", &fault, "install git"),
    };
    match git.local(&["version"], b"").await {
        Ok(output) if output.well() => Finding::well("git", format!("{}: {}", path.display(), output.line())),
        Ok(output) => ill("git", &git.failed(&["version"], &output), "install git"),
        Err(fault) => ill("git", &fault, "install git"),
    }
}

/// A dry run: the server is asked whether it would speak of pushes with us, and is sent nothing to be changed.
async fn may_push(git: &Git, tips: &Tips) -> Finding {
    let known = tips.branches.values().next().filter(|id| reading::is_id(id));
    let Some(id) = known else {
        return Finding::worth("push", "there is nothing to try it with", "push a first commit");
    };
    let what = format!("{id}:{PROBE}");
    let words = ["push", "--dry-run", "--porcelain", "--no-verify", "--", &git.place.url, &what];
    match git.asked(&words, ASK).await {
        Ok(_) => Finding::well(
            "push",
            "the server speaks of pushes with us; what its rules refuse is only told when it is tried",
        ),
        Err(fault) => Finding::worth(
            "push",
            fault.to_string(),
            "a revert cannot be pushed with this login; looks can go on",
        ),
    }
}
