//! Who enforces what at Argo CD; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::RollBack,
            request: "PATCH /api/v1/applications/{name}, then POST /api/v1/applications/{name}/rollback",
            guard: GuardFact::LookAgain(
                "Argo CD checks that auto-sync is off, nothing else is under way and the number is in its history",
            ),
            remains: "what somebody syncs within the round trip; the history then tells another revision",
            needs: "applications: sync; and update where auto-sync is on",
            proof: "its history has grown by that revision, it says healthy, and every replica runs what is asked for",
        },
        VerbFacts {
            verb: Verb::Hold,
            request: "PATCH /api/v1/applications/{name}",
            guard: GuardFact::InRequest("JSON-Patch test of uid and of the auto-sync block"),
            remains: "nothing; where Argo CD cannot read Git, the whole Application is written without a test",
            needs: "applications: update",
            proof: "it no longer syncs by itself",
        },
        VerbFacts {
            verb: Verb::Release,
            request: "PATCH /api/v1/applications/{name}",
            guard: GuardFact::InRequest("JSON-Patch test of uid and of what was kept"),
            remains: "nothing; where Argo CD cannot read Git, the whole Application is written without a test",
            needs: "applications: update",
            proof: "it syncs by itself",
        },
    ],
    enforced: &[
        Enforced {
            what: "who may sync and change an Application",
            by: By::Provider,
            how: "its RBAC, asked before",
        },
        Enforced {
            what: "sync windows",
            by: By::Provider,
            how: "a sync outside them is refused; asked before",
        },
        Enforced {
            what: "an ApplicationSet does not switch auto-sync on again",
            by: By::Cockpit,
            how: "holding an Application that one writes is refused",
        },
        Enforced { what: "Git is reverted too", by: By::Nobody, how: "the plan says that it has to be" },
    ],
    always: &[
        "A roll back here changes what runs, not what Git says: the Application is out of sync until Git is reverted.",
    ],
    reads: "applications: get on the Applications that are bound.",
};
