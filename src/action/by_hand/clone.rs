//! The commands that commit and push by hand what a step of a repository of manifests would: in a clone of its own, which
//! is left for a look at what was done.

use serde::Deserialize;

use super::quoted;
use crate::domain::Step;

/// What of the step's body the commands need.
#[derive(Deserialize)]
struct Body {
    onto: String,
    expects: String,
    folder: String,
    as_at: String,
    message: String,
    author: String,
}

/// Clone, put the folder back, commit with the same message (if the whole of it can stand in a command), push with the
/// same guard.
pub(super) fn commands(step: &Step, url: &str, whole: bool) -> String {
    let Some(body) = step.body.as_deref().and_then(|body| serde_json::from_str::<Body>(body).ok()) else {
        return "# this step cannot be told as commands of git".to_owned();
    };
    let clone = quoted(&format!("revert-{}", body.onto.get(..7).unwrap_or_default()));
    let (name, email) = body.author.split_once(" <").unwrap_or((&body.author, ""));
    let name = quoted(&format!("user.name={name}"));
    let email = quoted(&format!("user.email={}", email.trim_end_matches('>')));
    let lines: Vec<String> = body.message.lines().map(quoted).collect();
    let message = if whole { lines.join(" ") } else { "\"$MESSAGE\"".to_owned() };
    let commands = [
        format!("git clone -q --no-checkout {} {clone}", quoted(url)),
        format!("git -C {clone} checkout -q --detach {}", quoted(&body.onto)),
        format!(
            "git -C {clone} restore --source={} --staged --worktree -- {}",
            quoted(&body.as_at),
            quoted(&body.folder)
        ),
        format!(
            "printf '%s\\n' {message} | git -C {clone} -c {name} -c {email} commit -q --cleanup=verbatim -F -"
        ),
        format!(
            "git -C {clone} push --force-with-lease={} origin {}",
            quoted(&format!("{}:{}", step.path, body.expects)),
            quoted(&format!("HEAD:{}", step.path))
        ),
    ];
    commands.join(" && ")
}
