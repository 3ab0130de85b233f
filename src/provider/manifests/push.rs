//! Carries the one request out: commits, and pushes once. Whatever is unclear afterwards stays in doubt.

use std::collections::BTreeMap;

use super::command::{Git, LOCAL, PUSH, unsaid};
use super::fault;
use super::look::Spot;
use super::prepare::compared;
use super::reading::{self, Pushed};
use super::request::{self, Request};
use super::whereabouts::Whereabouts;
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
    let mut env = git.outward().await;
    once(&git.place, &mut env);
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

/// Each request on a connection of its own: on one that was used before, curl sends a request again by itself when it
/// breaks off without an answer.
fn once(place: &Whereabouts, env: &mut BTreeMap<String, String>) {
    if !place.url.starts_with("http") {
        return;
    }
    // The more exact key counts where the user's config has one for an address; the other where it rewrites this one.
    let header = "Connection: close".to_owned();
    let settings = [
        ("http.version".to_owned(), "HTTP/1.1".to_owned()),
        (format!("http.{}.version", place.url), "HTTP/1.1".to_owned()),
        ("http.extraHeader".to_owned(), header.clone()),
        (format!("http.{}.extraHeader", place.url), header),
    ];
    env.insert("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string());
    for (index, (key, value)) in settings.into_iter().enumerate() {
        env.insert(format!("GIT_CONFIG_KEY_{index}"), key);
        env.insert(format!("GIT_CONFIG_VALUE_{index}"), value);
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
