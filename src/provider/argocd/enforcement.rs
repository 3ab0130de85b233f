//! Who enforces what at Argo CD; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const TESTED: GuardFact = GuardFact::InRequest("JSON-Patch tests of uid and of the auto-sync that was shown");
const REWRITES: &str =
    "if Argo CD's own write conflicts, it writes the same specification again without the tests";

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::RollBack,
            request: "PATCH /api/v1/applications/{name}, then POST /api/v1/applications/{name}/rollback",
            guard: GuardFact::InRequest(
                "of the switch JSON-Patch tests of uid and auto-sync; of the roll back that auto-sync is off, the id is in \
                 the history, and nothing else is under way",
            ),
            remains: "refused after the switch it is half done, and said so: auto-sync stays off. Where auto-sync is off \
                      already only the second request is sent",
            needs: "applications update and sync (or rollback, where the server is told to ask for it)",
            proof: "the history grew by that revision, Argo CD calls it healthy, and every replica runs what is asked for",
        },
        VerbFacts {
            verb: Verb::Hold,
            request: "PATCH /api/v1/applications/{name} or PUT /api/v1/applications/{name}/spec",
            guard: TESTED,
            remains: "if Argo CD's own write conflicts, it writes the same specification again without the tests. While Git \
                      cannot be reached patches are refused, and the whole specification is put without any",
            needs: "applications update",
            proof: "auto-sync is off",
        },
        VerbFacts {
            verb: Verb::Release,
            request: "PATCH /api/v1/applications/{name}",
            guard: TESTED,
            remains: REWRITES,
            needs: "applications update",
            proof: "auto-sync is on",
        },
    ],
    enforced: &[
        Enforced {
            what: "who may sync, and change an application",
            by: By::Provider,
            how: "Argo CD's own rights; asked before with can-i",
        },
        Enforced {
            what: "sync windows",
            by: By::Cockpit,
            how: "Argo CD accepts a roll back in a closed window and lets it wait; the plan is refused instead",
        },
        Enforced {
            what: "an ApplicationSet or an app of apps undoes a hold",
            by: By::Cockpit,
            how: "the first blocks the plan; the second is said on it",
        },
    ],
    always: &["A roll back by history leaves Git as it is, and deletes nothing (prune is off)."],
    reads: "applications get.",
};
