//! Who enforces what at GitLab; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const ACTS: &str =
    "scope api, and the role that may run the job: Developer, or as the protected environment says";

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::Approve,
            request: "POST /projects/{id}/deployments/{deployment}/approval, then POST /projects/{id}/jobs/{job}/play",
            guard: GuardFact::LookAgain("GitLab checks that it still waits and that nobody decides twice"),
            remains: "an approval alone starts nothing: its job is started where the approval is the last, and of a manual \
                      job nothing is approved, only started",
            needs: ACTS,
            proof: "the deployment lists one approval more, and the gate no longer waits where it was the last; of a \
                    manual job, that it was started",
        },
        VerbFacts {
            verb: Verb::Reject,
            request: "POST /projects/{id}/deployments/{deployment}/approval",
            guard: GuardFact::LookAgain("GitLab checks that it still waits and that nobody decides twice"),
            remains: "manual jobs cannot be rejected",
            needs: ACTS,
            proof: "the deployment lists one rejection more, and the gate no longer waits",
        },
        VerbFacts {
            verb: Verb::Rerun,
            request: "POST /projects/{id}/pipelines/{pipeline}/retry",
            guard: GuardFact::LookAgain("GitLab checks nothing"),
            remains: "what has failed by then is retried, however often it is asked",
            needs: ACTS,
            proof: "the pipeline has another try of its jobs",
        },
        VerbFacts {
            verb: Verb::Cancel,
            request: "POST /projects/{id}/pipelines/{pipeline}/cancel",
            guard: GuardFact::LookAgain("GitLab answers 200 even if nothing could be cancelled"),
            remains: "nothing: what has ended stays so",
            needs: ACTS,
            proof: "the pipeline has ended, and not well",
        },
        VerbFacts {
            verb: Verb::Promote,
            request: "POST /projects/{id}/pipeline",
            guard: GuardFact::LookAgain("GitLab checks only that the reference is there"),
            remains: "a branch may move; leave `ref` out to ship the version's own tag",
            needs: ACTS,
            proof: "a pipeline that was not there before has begun",
        },
    ],
    enforced: &[
        Enforced {
            what: "who may approve, and how many must",
            by: By::Provider,
            how: "the rules of the protected environment (Premium, Ultimate); each user once; not one's own pipeline, \
                  unless the project allows it",
        },
        Enforced {
            what: "who may start a manual job",
            by: By::Provider,
            how: "the role, and the protected branch or environment",
        },
        Enforced {
            what: "deploy freezes",
            by: By::Nobody,
            how: "GitLab only tells jobs that one holds; write them into the policy of the environment",
        },
        Enforced {
            what: "the decision is on what was shown",
            by: By::Cockpit,
            how: "pipeline, attempt, commit, deployment and its approvals are compared right before",
        },
    ],
    always: &["The API does not say whether we may approve where rules ask groups or levels: trying tells."],
    reads: "scope read_api, role Reporter.",
};
