//! Who enforces what at GitHub; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const DECIDES: &str = "POST /repos/{owner}/{name}/actions/runs/{id}/pending_deployments";
const WAITS: GuardFact = GuardFact::LookAgain("GitHub checks only that the gate still waits");
const DECISION: &str = "somebody else's decision answers 422 and changes nothing; a new attempt of the run would be decided \
                        although it was not shown";
const DEPLOYS: &str = "a reviewer of the environment; fine-grained token: Deployments write";
const ACTS: &str = "fine-grained token: Actions write";

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::Approve,
            request: DECIDES,
            guard: WAITS,
            remains: DECISION,
            needs: DEPLOYS,
            proof: "the run's reviews name one approval more for this environment, and the gate no longer waits",
        },
        VerbFacts {
            verb: Verb::Reject,
            request: DECIDES,
            guard: WAITS,
            remains: DECISION,
            needs: DEPLOYS,
            proof: "the run's reviews name one rejection more for this environment, and the gate no longer waits",
        },
        VerbFacts {
            verb: Verb::Rerun,
            request: "POST /repos/{owner}/{name}/actions/runs/{id}/rerun-failed-jobs",
            guard: GuardFact::LookAgain("GitHub refuses while the run is under way"),
            remains: "the run may be rerun by somebody else: GitHub answers 403 or 409",
            needs: ACTS,
            proof: "the run is in a later attempt",
        },
        VerbFacts {
            verb: Verb::Cancel,
            request: "POST /repos/{owner}/{name}/actions/runs/{id}/cancel",
            guard: GuardFact::InRequest("409 if the run has ended by then"),
            remains: "a new attempt of the run within the round trip would be cancelled; so would a run that waited and \
                      was approved within it; GitHub accepts a second cancel until the run has ended",
            needs: ACTS,
            proof: "the run has ended, and not well",
        },
        VerbFacts {
            verb: Verb::Promote,
            request: "POST /repos/{owner}/{name}/actions/workflows/{workflow}/dispatches",
            guard: GuardFact::LookAgain("GitHub checks only that the ref and the workflow are there"),
            remains: "the ref may move when it is a branch; use `ref = \"tag\"`",
            needs: ACTS,
            proof: "a run of the workflow that was not there before has begun",
        },
    ],
    enforced: &[
        Enforced {
            what: "who may decide a gate",
            by: By::Provider,
            how: "the environment's reviewers, self-review and wait timer; administrators may bypass them unless the \
                  environment says otherwise",
        },
        Enforced {
            what: "the decision is on what was shown",
            by: By::Cockpit,
            how: "run, attempt, commit and environment are compared right before; GitHub's request names the run and \
                  the environment only",
        },
        Enforced {
            what: "one decision decides one job",
            by: By::Nobody,
            how: "one approval lets every job of the run pass that waits for the same environment: the plan names them, and \
                  another one that joins before it is sent is another plan",
        },
        Enforced {
            what: "who lets a fork's run start",
            by: By::Provider,
            how: "write access (POST ../actions/runs/{id}/approve, fine-grained token: Actions write); GitHub refuses when \
                  it is no longer held and keeps no record of who let it start: that the run has begun is the proof",
        },
        Enforced {
            what: "custom protection rules",
            by: By::Provider,
            how: "only the App that owns a rule can answer it: the gate names the App, and no key acts",
        },
        Enforced {
            what: "a lane that somebody forgot is noticed",
            by: By::Cockpit,
            how: "a run that waits holds its concurrency group, and later ones end before they have a job: found by \
                  GitHub's own word where it tells groups, else inferred and said to be; cancelling the holder is offered, \
                  rejecting it refused, because it may leave the group held",
        },
    ],
    always: &[
        "GitHub does not say what a refused approval lacked: one more look names what is different.",
        "What GitHub does not tell about permission may be tried; it refuses then.",
    ],
    reads: "fine-grained token: Actions, Deployments, Contents and Environments read.",
};
