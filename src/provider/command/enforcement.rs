//! Who enforces what at a declared command; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const REQUEST: &str = "RUN [program, argument, ..]";
const GUARD: GuardFact =
    GuardFact::LookAgain("the program is handed `basis` and `id` and may refuse by exit code 75");
const REMAINS: &str = "what moves between the second look and the program's own check, if it has one";
const NEEDS: &str = "what the program itself needs; the config names it and its variables";

const fn facts(verb: Verb, proof: &'static str) -> VerbFacts {
    VerbFacts { verb, request: REQUEST, guard: GUARD, remains: REMAINS, needs: NEEDS, proof }
}

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        facts(
            Verb::Promote,
            "the `state` command, run later, tells the same object at rest, the version (and digest, if it tells one) \
             running and nothing else, and not fewer replicas asked for than before",
        ),
        facts(Verb::RollBack, "as for promote"),
        facts(
            Verb::Pause,
            "the `state` command, run later, tells the rollout paused, and not fewer replicas asked for",
        ),
        facts(Verb::Resume, "the `state` command, run later, tells the rollout no longer paused"),
    ],
    enforced: &[
        Enforced {
            what: "permission",
            by: By::Provider,
            how: "`allowed` in the answer of `state`, with why not; without it nobody tells before it is tried",
        },
        Enforced {
            what: "only what is declared is run",
            by: By::Cockpit,
            how: "absolute paths that only you and root can write to, no shell; a step is compared with the config once \
                  more before it runs",
        },
        Enforced {
            what: "a version is no option",
            by: By::Cockpit,
            how: "a value that would begin an argument with a dash is refused",
        },
        Enforced {
            what: "one change of a place at a time",
            by: By::Cockpit,
            how: "while a program of this cockpit still runs there, no other is planned; what others start only \
                  `state` can tell",
        },
        Enforced {
            what: "answers about another object",
            by: By::Cockpit,
            how: "an `id` that differs from the one told before is no evidence",
        },
    ],
    always: &[
        "What the answers are worth is for the program behind them to say: the cockpit compares, and believes no exit \
         code.",
        "The program gets `PATH`, `HOME`, `LANG` and the variables of the config, one JSON document on standard input, \
         and no terminal.",
        "At its deadline, and when the cockpit ends, a program is ended with all that it started in its process group.",
    ],
    reads: "the `state` command, and whatever it needs.",
};
