//! Who enforces what at AWX; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const APPROVES: &str = "a token with the scope `write`, of a user with the role `approve` of the workflow";
const WAITS: GuardFact = GuardFact::LookAgain("AWX checks only that the approval still waits (400 if not)");

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::Approve,
            request: "POST /workflow_approvals/{id}/approve/",
            guard: WAITS,
            remains: "none of another approval: its number is in the request; somebody else's decision answers 400",
            needs: APPROVES,
            proof: "the approval is successful, with who gave it, and no longer waits",
        },
        VerbFacts {
            verb: Verb::Reject,
            request: "POST /workflow_approvals/{id}/deny/",
            guard: WAITS,
            remains: "none of another approval: its number is in the request; somebody else's decision answers 400",
            needs: APPROVES,
            proof: "the approval is failed and not out of time, with who denied it, and no longer waits",
        },
        VerbFacts {
            verb: Verb::Cancel,
            request: "POST /workflow_jobs/{id}/cancel/",
            guard: GuardFact::LookAgain("AWX cancels only what has not ended (405 if it has)"),
            remains: "nothing: what has ended stays so",
            needs: "a token with the scope `write`, of who launched it or an administrator of the workflow",
            proof: "the workflow job has ended, and not well",
        },
    ],
    enforced: &[
        Enforced {
            what: "who may approve",
            by: By::Provider,
            how: "the role `approve` of the workflow or its organisation; each approval says whether we may",
        },
        Enforced { what: "that a second person approves", by: By::Nobody, how: "AWX knows no such rule" },
        Enforced {
            what: "that nobody decides too late",
            by: By::Provider,
            how: "an approval with a timeout counts as denied from then on; the card and the plan say when",
        },
        Enforced {
            what: "the decision is on what was shown",
            by: By::Cockpit,
            how: "workflow job, approval, version and commit are compared right before",
        },
    ],
    always: &["AWX keeps no comment: a reason stays in the journal of this program."],
    reads: "a token with the scope `read`, of a user who sees the workflow.",
};
