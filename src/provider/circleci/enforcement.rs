//! Who enforces what at CircleCI; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const PUSHES: &str = "a personal token of somebody who may push";

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::Approve,
            request: "POST /workflow/{id}/approve/{approval_request_id}",
            guard: GuardFact::LookAgain("CircleCI checks only that the approval still waits"),
            remains: "none of another approval: its id is in the request",
            needs: PUSHES,
            proof: "the approval job has passed, and no longer waits",
        },
        VerbFacts {
            verb: Verb::Reject,
            request: "POST /jobs/{id}/cancel",
            guard: GuardFact::LookAgain("CircleCI checks only that the job is not over"),
            remains: "an approval that came within the round trip is not undone",
            needs: PUSHES,
            proof: "the approval job is cancelled, and no longer waits",
        },
        VerbFacts {
            verb: Verb::Rerun,
            request: "POST /workflow/{id}/rerun",
            guard: GuardFact::LookAgain("CircleCI checks nothing"),
            remains: "somebody else's rerun is a second workflow",
            needs: PUSHES,
            proof: "a workflow of that name that was not there before has begun",
        },
        VerbFacts {
            verb: Verb::Cancel,
            request: "POST /workflow/{id}/cancel",
            guard: GuardFact::LookAgain(
                "CircleCI takes it also when the workflow has ended, and does nothing",
            ),
            remains: "nothing: what has ended stays so",
            needs: PUSHES,
            proof: "the workflow has ended, and not well",
        },
        VerbFacts {
            verb: Verb::Promote,
            request: "POST /project/{vcs/org/repo}/pipeline or POST /project/{vcs/org/repo}/pipeline/run",
            guard: GuardFact::LookAgain("CircleCI checks only that the reference is there"),
            remains: "the branch may move; leave `branch` out to ship the version's own tag",
            needs: PUSHES,
            proof: "a workflow of that name that was not there before has begun",
        },
    ],
    enforced: &[
        Enforced {
            what: "who may approve",
            by: By::Provider,
            how: "anybody who may push to the project; a restricted context refuses the jobs that follow",
        },
        Enforced {
            what: "that a second person approves",
            by: By::Nobody,
            how: "CircleCI knows no such rule",
        },
        Enforced {
            what: "the decision is on what was shown",
            by: By::Cockpit,
            how: "workflow, pipeline, commit and approval are compared right before",
        },
    ],
    always: &["CircleCI takes a request in and carries it out later: only a later look proves anything."],
    reads: "a personal token; project tokens do not work with API v2.",
};
