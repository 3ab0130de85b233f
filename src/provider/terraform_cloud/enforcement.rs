//! Who enforces what at Terraform; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const APPLIES: &str = "a user's or a team's token with the right to apply runs of the workspace";

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::Approve,
            request: "POST /runs/{id}/actions/apply",
            guard: GuardFact::LookAgain(
                "Terraform has no precondition but that the run still waits (409 if not)",
            ),
            remains: "none of another plan: the run's id is in the request, and its plan never changes",
            needs: APPLIES,
            proof: "the run is confirmed (its status, and by whom), and no longer waits",
        },
        VerbFacts {
            verb: Verb::Reject,
            request: "POST /runs/{id}/actions/discard",
            guard: GuardFact::LookAgain(
                "Terraform has no precondition but that the run can be discarded (409 if not)",
            ),
            remains: "an apply that came within the round trip is not undone: 409",
            needs: APPLIES,
            proof: "the run is discarded, and no longer waits",
        },
        VerbFacts {
            verb: Verb::Cancel,
            request: "POST /runs/{id}/actions/cancel or POST /runs/{id}/actions/discard",
            guard: GuardFact::LookAgain("Terraform checks only that the run can be stopped so (409 if not)"),
            remains: "a run that began to apply within the round trip is interrupted in the middle of it",
            needs: APPLIES,
            proof: "the run has ended, and not well",
        },
    ],
    enforced: &[
        Enforced {
            what: "who may apply",
            by: By::Provider,
            how: "the workspace's permissions; each run says what the token may do with it",
        },
        Enforced {
            what: "that a second person applies",
            by: By::Nobody,
            how: "Terraform knows no such rule",
        },
        Enforced {
            what: "that a soft-failed policy is overridden first",
            by: By::Provider,
            how: "such a run cannot be confirmed; the override is not offered here",
        },
        Enforced {
            what: "the decision is on what was shown",
            by: By::Cockpit,
            how: "workspace, run, plan, its counts and the commit are compared right before",
        },
    ],
    always: &[
        "Terraform queues a request (202, without a word): only a later look proves anything.",
        "Plans hold sensitive values in plain text: of the plan itself only addresses and actions are read, and nothing is kept.",
    ],
    reads: "a user's or a team's token that may read the workspace; what is replaced is told to its administrators only.",
};
