//! What can be said at the prompt: one table of words, and what a line means.

use crate::domain::Verb;

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Help,
    Status,
    Services,
    /// Which, by name or number; in which environment.
    Service(String, Option<String>),
    Why(Option<String>),
    Changes(Option<String>),
    Inbox,
    Act(Deed),
    Follow,
    Journal,
    Sources,
    Look,
    Quit,
}

/// A deed as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    pub verb: Verb,
    /// The number of a gate, or a service.
    pub what: Option<String>,
    pub environment: Option<String>,
    /// The revision, version or run.
    pub which: Option<String>,
    pub reason: Option<String>,
    /// Whether only the plan is wanted.
    pub only_plan: bool,
}

/// Word, what follows it, what it does.
const WORDS: &[(&str, &str, &str)] = &[
    ("status", "", "the verdict, what waits, what is wrong"),
    ("inbox", "", "everything that waits for a human, numbered"),
    ("services", "", "every service with its verdict, numbered"),
    ("service", "NAME [ENVIRONMENT]", "select a service and say how it is"),
    ("why", "[SERVICE]", "the reasons of the verdict"),
    ("changes", "[SERVICE]", "what would ship: commits, tickets, migrations"),
    ("approve", "NUMBER or SERVICE [because REASON]", "let a gate pass"),
    ("reject", "NUMBER or SERVICE [because REASON]", "turn a gate down"),
    ("promote", "[SERVICE [ENVIRONMENT]] [to VERSION] [because REASON]", "ship what is coming"),
    ("rollback", "[SERVICE [ENVIRONMENT]] [to REVISION] [because REASON]", "go back to an earlier revision"),
    ("pause", "[SERVICE [ENVIRONMENT]] [because REASON]", "hold a rollout"),
    ("resume", "[SERVICE [ENVIRONMENT]] [because REASON]", "let a held rollout go on"),
    ("rerun", "[SERVICE] [run NUMBER] [because REASON]", "run the failed jobs of a run again"),
    ("cancel", "[SERVICE] [run NUMBER] [because REASON]", "stop a run"),
    ("plan", "and any of the eight above", "say what would be sent, and send nothing"),
    ("follow", "", "wait for the newest action's outcome, saying each step"),
    ("journal", "", "who did what, and what came of it"),
    ("sources", "", "what is asked, how old it is, what is wrong"),
    ("look", "", "look at all sources now"),
    ("help", "", "these words"),
    ("quit", "", "leave"),
];

/// The words, each in a line.
pub(super) fn help() -> Vec<String> {
    let line = |(word, rest, doc): &(&str, &str, &str)| {
        let gap = if rest.is_empty() { "" } else { " " };
        format!("{word}{gap}{rest}: {doc}")
    };
    let mut lines: Vec<String> = WORDS.iter().map(line).collect();
    lines.push("an empty line: say what happens as it happens, until the next line".to_owned());
    lines
}

/// What a line means, or why it means nothing.
pub(super) fn parse(line: &str) -> Result<Said, String> {
    let (line, reason) = match line.split_once(" because ") {
        Some((line, reason)) => (line, Some(reason.trim().to_owned())),
        None => (line, None),
    };
    let mut words = line.split_whitespace().map(str::to_owned);
    let Some(first) = words.next() else { return Ok(Said::Nothing) };
    let rest: Vec<String> = words.collect();
    let one = |rest: Vec<String>| match rest.len() {
        0 | 1 => Ok(rest.into_iter().next()),
        _ => Err(format!("{first} takes one word at most. Say help.")),
    };
    match first.as_str() {
        "help" | "?" => Ok(Said::Help),
        "status" => Ok(Said::Status),
        "services" => Ok(Said::Services),
        "service" => {
            let mut rest = rest.into_iter();
            let which =
                rest.next().ok_or_else(|| "Which service? Say services for their names.".to_owned())?;
            Ok(Said::Service(which, rest.next()))
        }
        "why" => Ok(Said::Why(one(rest)?)),
        "changes" => Ok(Said::Changes(one(rest)?)),
        "inbox" | "approvals" => Ok(Said::Inbox),
        "follow" => Ok(Said::Follow),
        "journal" => Ok(Said::Journal),
        "sources" => Ok(Said::Sources),
        "look" => Ok(Said::Look),
        "quit" | "exit" => Ok(Said::Quit),
        "plan" => {
            let mut rest = rest.into_iter();
            let verb = rest.next().ok_or_else(|| "Plan what? Say plan approve 1, for example.".to_owned())?;
            deed(&verb, &rest.collect::<Vec<_>>(), reason, true)
        }
        verb => deed(verb, &rest, reason, false),
    }
}

fn deed(word: &str, rest: &[String], reason: Option<String>, only_plan: bool) -> Result<Said, String> {
    let verb = match word {
        "approve" => Verb::Approve,
        "reject" => Verb::Reject,
        "promote" => Verb::Promote,
        "rollback" => Verb::RollBack,
        "pause" => Verb::Pause,
        "resume" => Verb::Resume,
        "promote-fully" => Verb::PromoteFully,
        "abort" => Verb::Abort,
        "retry" => Verb::Retry,
        "restart" => Verb::Restart,
        "hold" => Verb::Hold,
        "release" => Verb::Release,
        "rerun" => Verb::Rerun,
        "cancel" => Verb::Cancel,
        other => return Err(format!("{other} is no command. Say help for the commands.")),
    };
    let mark = if matches!(verb, Verb::Rerun | Verb::Cancel) { "run" } else { "to" };
    let at = rest.iter().position(|word| word == mark);
    let (before, after) = match at {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
        None => (rest, Default::default()),
    };
    let which = match (at, after) {
        (None, _) => None,
        (Some(_), [one]) => Some(one.clone()),
        (Some(_), _) => return Err(format!("Say one word after {mark}.")),
    };
    match before {
        [] | [_] | [_, _] => Ok(Said::Act(Deed {
            verb,
            what: before.first().cloned(),
            environment: before.get(1).cloned(),
            which,
            reason,
            only_plan,
        })),
        _ => Err(format!("{word} does not take so many words. Say help.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_mean_what_the_help_says() {
        assert_eq!(parse("  "), Ok(Said::Nothing));
        assert_eq!(
            parse("service checkout staging"),
            Ok(Said::Service("checkout".into(), Some("staging".into())))
        );
        let Ok(Said::Act(deed)) =
            parse("plan rollback checkout production to v2.14.2 because it burns, badly")
        else {
            panic!("a deed")
        };
        assert_eq!((deed.verb, deed.only_plan), (Verb::RollBack, true));
        assert_eq!(
            (deed.what.as_deref(), deed.environment.as_deref(), deed.which.as_deref()),
            (Some("checkout"), Some("production"), Some("v2.14.2"))
        );
        assert_eq!(deed.reason.as_deref(), Some("it burns, badly"));
        for wrong in ["launch", "plan", "service", "approve 1 2 3", "rollback to", "rerun run 1 2"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_word_of_the_help_is_understood() {
        for (word, _, _) in WORDS {
            let line = match *word {
                "service" => "service checkout".to_owned(),
                "plan" => "plan approve 1".to_owned(),
                word => word.to_owned(),
            };
            assert!(parse(&line).is_ok(), "{word}");
        }
    }
}
