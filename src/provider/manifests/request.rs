//! The one request there is: a commit with this tree on top of that commit, pushed to one branch. As it is shown, so it
//! is sent.

use serde::{Deserialize, Serialize};

use super::look::is_branch;
use super::reading::is_id;
use crate::domain::{Cause, Fault, Intent, Step};

/// The method of such a step.
pub(super) const PUSH: &str = "PUSH";
const HEADS: &str = "refs/heads/";

/// The body of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// The commit that the new one stands on.
    pub(super) onto: String,
    /// Where the branch must stand for the push to count; empty: it must not be there.
    pub(super) expects: String,
    /// The folder that changes, and nothing else does.
    pub(super) folder: String,
    /// The commit at which the folder was as it becomes.
    pub(super) as_at: String,
    /// The whole tree of the new commit.
    pub(super) tree: String,
    /// Its message.
    pub(super) message: String,
    /// Who writes it: `Name <email>`.
    pub(super) author: String,
}

impl Request {
    pub(super) fn step(&self, intent: &Intent, branch: &str, effect: &str) -> Result<Step, Fault> {
        let body = serde_json::to_string(self)
            .map_err(|error| Fault::new(Cause::Local, format!("the request cannot be written: {error}")))?;
        Ok(Step {
            method: PUSH.to_owned(),
            ..Step::post(intent, format!("{HEADS}{branch}"), Some(("application/json", body)), effect)
        })
    }

    /// Reads a step back, and the branch that it is for.
    ///
    /// # Errors
    /// A `Local` fault when it is none of ours: nothing is sent then.
    pub(super) fn read(step: &Step) -> Result<(String, Self), Fault> {
        let local = |what: &str| Fault::new(Cause::Local, format!("this step is not sent: {what}"));
        let branch = step.path.strip_prefix(HEADS).filter(|branch| is_branch(branch));
        let branch = branch.filter(|_| step.method == PUSH).ok_or_else(|| local("it names no branch"))?;
        let body = step.body.as_deref().unwrap_or_default();
        let request: Self = serde_json::from_str(body).map_err(|_| local("its body is none of ours"))?;
        let ids = [&request.onto, &request.tree].into_iter().all(|id| is_id(id));
        if !ids || !(request.expects.is_empty() || is_id(&request.expects)) {
            return Err(local("its ids are none"));
        }
        Ok((branch.to_owned(), request))
    }
}

/// `Name <email>`: the two parts.
///
/// # Errors
/// When it is not of that form.
pub(super) fn author(text: &str) -> Result<(&str, &str), Fault> {
    let wrong = || {
        Fault::new(Cause::Local, "`author` is not of the form Name <email>")
            .with_hint("for example author = \"Ann Example <ann@example.org>\"")
    };
    let (name, rest) = text.split_once('<').ok_or_else(wrong)?;
    let (name, email) = (name.trim(), rest.strip_suffix('>').ok_or_else(wrong)?.trim());
    let odd = |text: &str| text.is_empty() || text.contains(['<', '>']) || text.chars().any(char::is_control);
    if odd(name) || odd(email) || email.contains(' ') {
        return Err(wrong());
    }
    Ok((name, email))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_has_a_name_and_an_address() {
        assert_eq!(author("Ann B. <ann@x.test>").unwrap(), ("Ann B.", "ann@x.test"));
        for wrong in ["Ann", "<a@x>", "Ann <>", "Ann <a@x> and more", "A\nnn <a@x>", "Ann <a b>", ""] {
            assert_eq!(author(wrong).unwrap_err().cause, Cause::Local, "{wrong}");
        }
    }
}
