//! Who enforces what at a repository of manifests; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[VerbFacts {
        verb: Verb::RollBack,
        request: "PUSH refs/heads/{branch/..}",
        guard: GuardFact::InRequest(
            "`--force-with-lease` with the very commit that the plan rests on: git compares it with what the server \
             tells, and the server once more when it takes the push; of a branch for review, that it is not there",
        ),
        remains: "nothing on the branch; what else follows it is not asked",
        needs: "the right to push to the branch, or to make one, by the user's own git",
        proof: "later looks at the server: the branch holds the folder as it was, the GitOps controller tells that it has \
                applied a commit with it and that all is healthy, and the target is at rest; of a branch for review, \
                that it holds the folder as it was",
    }],
    enforced: &[
        Enforced {
            what: "permission",
            by: By::Provider,
            how: "the server refuses the push, in its own words; before it is tried nobody tells",
        },
        Enforced {
            what: "only the folder changes",
            by: By::Cockpit,
            how: "the new tree is the tip's with one entry replaced, and is compared with it once more before it is pushed",
        },
        Enforced {
            what: "nothing of a repository runs",
            by: By::Cockpit,
            how: "a bare mirror of its own: no work tree, no hooks, no filters, no submodules; other transports than \
                  https, ssh and git are refused, and a folder only where the address is one",
        },
        Enforced {
            what: "nobody is asked for a login",
            by: By::Cockpit,
            how: "no terminal, no askpass, ssh in batch mode; the user's credential helpers and agent answer, or nobody",
        },
        Enforced {
            what: "review and protected branches",
            by: By::Provider,
            how: "hooks and rules of the server; where they refuse, the revert can be prepared as a branch for review",
        },
    ],
    always: &[
        "The commit is written by the user's git and is not signed.",
        "Hooks of a repository on this machine run as its owner set them up when it takes the push: that is its server's side.",
        "A push that breaks off is in doubt: it is never sent again.",
    ],
    reads: "to fetch from the repository: `git ls-remote`, and `git fetch` when something moved.",
};
