//! Who enforces what at Jenkins; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const BUILDS: &str = "Job/Build, or to be a submitter of the input";
const WAITS: GuardFact = GuardFact::LookAgain("Jenkins checks only that the input still waits");

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::Approve,
            request: "POST /job/{folder/name}/{number}/input/{id}/proceed or POST /job/{folder/name}/{number}/input/{id}/proceedEmpty",
            guard: WAITS,
            remains: "somebody else's decision answers 404 or 400 and changes nothing",
            needs: BUILDS,
            proof: "the console names one approval more of this message, and the input no longer waits",
        },
        VerbFacts {
            verb: Verb::Reject,
            request: "POST /job/{folder/name}/{number}/input/{id}/abort",
            guard: WAITS,
            remains: "somebody else's decision answers 404 or 400 and changes nothing",
            needs: "Job/Cancel, or to be a submitter of the input",
            proof: "the console names one rejection more of this message, and the input no longer waits",
        },
        VerbFacts {
            verb: Verb::Rerun,
            request: "POST /job/{folder/name}/{number}/replay/rebuild",
            guard: GuardFact::LookAgain("Jenkins checks nothing"),
            remains: "somebody else's rebuild is a second build",
            needs: "Job/Build",
            proof: "a build that was not there before has begun",
        },
        VerbFacts {
            verb: Verb::Cancel,
            request: "POST /job/{folder/name}/{number}/stop",
            guard: GuardFact::LookAgain("Jenkins takes it also when the build has ended, and does nothing"),
            remains: "nothing: what has ended stays so",
            needs: "Job/Cancel",
            proof: "the build has ended, and not well",
        },
        VerbFacts {
            verb: Verb::Promote,
            request: "POST /job/{folder/name}/buildWithParameters or POST /job/{folder/name}/build",
            guard: GuardFact::LookAgain("Jenkins checks only that the job can be built"),
            remains: "a build of the same parameters that is in the queue takes this one in",
            needs: "Job/Build",
            proof: "a build that was not there before has begun",
        },
    ],
    enforced: &[
        Enforced {
            what: "who may give an input",
            by: By::Provider,
            how: "the submitters that it names, administrators, and without submitters whoever may build",
        },
        Enforced { what: "that a second person decides", by: By::Nobody, how: "Jenkins knows no such rule" },
        Enforced {
            what: "that every value is sent",
            by: By::Cockpit,
            how: "what is left out would become null: the plan fills in every default and shows it",
        },
        Enforced {
            what: "the decision is on what was shown",
            by: By::Cockpit,
            how: "build, commit, input and its parameters are compared right before",
        },
    ],
    always: &["The id of an input is often the same in every build: the request names the build as well."],
    reads: "Overall/Read and Job/Read.",
};
