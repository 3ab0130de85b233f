//! Carries the one request out: commits, and pushes once. Whatever is unclear afterwards stays in doubt.

use super::command::{Git, LOCAL, PUSH, unsaid};
use super::fault;
use super::look::Spot;
use super::prepare::compared;
use super::reading::{self, Pushed};
use super::request::{self, Request};
use crate::domain::{Cause, Fault, Receipt, SafeText, Step};
use crate::provider::access;
use crate::provider::child::Failed;

/// The status of a push that the server took.
const TAKEN: u16 = 200;

/// Sends the step, once.
///
/// # Errors
/// A fault whose `reached` tells whether the branch may have changed.
pub(super) async fn push(
    git: &Git,
    spot: &Spot,
    step: &Step,
    branch: &str,
    request: &Request,
) -> Result<Receipt, Fault> {
    access::check_write(step)?;
    compared(git, &request.onto, &request.tree, spot).await?;
    let new = commit(git, request).await?;
    let reference = format!("refs/heads/{branch}");
    let lease = format!("--force-with-lease={reference}:{}", request.expects);
    let what = format!("{new}:{reference}");
    let words = [
        "push",
        "--porcelain",
        "--no-verify",
        "--no-follow-tags",
        "--no-signed",
        "--recurse-submodules=no",
        &lease,
        "--",
        &git.place.url,
        &what,
    ];
    let env = git.outward().await;
    let output = git.run(&words, b"", (PUSH, env)).await?.map_err(|failed| {
        let fault = unsaid(&words, &failed, PUSH);
        if matches!(failed, Failed::NotStarted(_)) { fault } else { fault.perhaps_applied() }
    })?;
    let porcelain = String::from_utf8_lossy(&output.out).into_owned();
    let (pushed, summary) = reading::pushed(&porcelain, &reference);
    let words = fault::remote_words(&output.complaints);
    let said = if words.is_empty() { SafeText::new(&summary) } else { words };
    match pushed {
        Pushed::Taken if output.well() => {
            Ok(Receipt { status: TAKEN, says: SafeText::new(&format!("{branch} is at {new}")) })
        }
        Pushed::Moved => {
            Err(Fault::new(Cause::Moved, format!("{branch} is no longer where the plan rests on: {summary}"))
                .with_hint("plan it anew"))
        }
        Pushed::Refused => Err(Fault::new(Cause::Refused, format!("{branch} was not changed: {said}"))
            .with_hint(
                "a protected branch takes no push: prepare the revert as a branch for review instead",
            )),
        // It says that it took it, and did not end well: what is true is for later looks to say.
        Pushed::Taken | Pushed::Unsaid => Err(unanswered(git, &output.complaints)),
    }
}

/// A push of which nothing was said.
fn unanswered(git: &Git, complaints: &str) -> Fault {
    let fault = fault::of(complaints, &format!("git push to {}", git.place.shown));
    if fault::before_sending(complaints) { fault } else { fault.perhaps_applied() }
}

/// The commit, in the mirror only.
async fn commit(git: &Git, request: &Request) -> Result<String, Fault> {
    let (name, email) = request::author(&request.author)?;
    let mut env = git.plain();
    for (variable, value) in [
        ("GIT_AUTHOR_NAME", name),
        ("GIT_AUTHOR_EMAIL", email),
        ("GIT_COMMITTER_NAME", name),
        ("GIT_COMMITTER_EMAIL", email),
    ] {
        env.insert(variable.to_owned(), value.to_owned());
    }
    let utf8 = "i18n.commitEncoding=UTF-8";
    let words = ["-c", utf8, "commit-tree", "-p", &request.onto, "-F", "-", &request.tree];
    let said = git.run(&words, request.message.as_bytes(), (LOCAL, env)).await?;
    let output = said.map_err(|failed| unsaid(&["commit-tree"], &failed, LOCAL))?;
    let id = output.line();
    match output.well() && reading::is_id(&id) {
        true => Ok(id),
        false => Err(git.failed(&["commit-tree"], &output)),
    }
}
