//! Who enforces what at a Docker Engine; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const REQUEST: &str = "POST /{version}/services/{id}/update";
const GUARD: GuardFact = GuardFact::InRequest("the service's `version` index");
const AGAIN: GuardFact =
    GuardFact::LookAgain("the engine has no precondition; container, image, state and start are compared");
const REMAINS: &str = "another's start or stop within the round trip is overruled; a name or port that was taken meanwhile is \
                       refused, and what was done until then is told as half done";
const NEEDS: &str = "the engine's socket, or TCP; it knows no users";

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        VerbFacts {
            verb: Verb::Promote,
            request: REQUEST,
            guard: GUARD,
            remains: "nothing: a moved service answers \"update out of sequence\"",
            needs: NEEDS,
            proof: "the update is over, every task that runs or should run is of the present specification and the very \
                    digest, and not fewer replicas are asked for than before",
        },
        VerbFacts {
            verb: Verb::RollBack,
            request: REQUEST,
            guard: GUARD,
            remains: "nothing: a moved service answers \"update out of sequence\"; the engine's own rolling update moves \
                      it too",
            needs: NEEDS,
            proof: "as for promote",
        },
        VerbFacts {
            verb: Verb::Restart,
            request: REQUEST,
            guard: GUARD,
            remains: "nothing: a moved service answers \"update out of sequence\"",
            needs: NEEDS,
            proof: "as for promote, and every task has the counter of this very restart",
        },
        VerbFacts {
            verb: Verb::Promote,
            request: "POST /{version}/containers/create, then POST /{version}/containers/{id}/stop, then POST \
                      /{version}/containers/{name}/start",
            guard: AGAIN,
            remains: REMAINS,
            needs: NEEDS,
            proof: "the one container that runs is of the very digest, and its health check, if it has one, succeeds",
        },
        VerbFacts {
            verb: Verb::RollBack,
            request: "POST /{version}/containers/{id}/stop, then POST /{version}/containers/{kept}/start",
            guard: AGAIN,
            remains: REMAINS,
            needs: NEEDS,
            proof: "as for promote of a container",
        },
        VerbFacts {
            verb: Verb::Restart,
            request: "POST /{version}/containers/{id}/restart",
            guard: AGAIN,
            remains: "for each container that runs, one after the other: as for a roll back",
            needs: NEEDS,
            proof: "each container that runs was started later than any did before, and not by the engine itself; it runs the \
                    digest as before, and its health check, if it has one, succeeds",
        },
    ],
    enforced: &[
        Enforced { what: "permission", by: By::Nobody, how: "the engine tells only when it is tried" },
        Enforced {
            what: "not going back twice",
            by: By::Cockpit,
            how: "after a rollback what Swarm calls previous is the one that was left: refused, as it is when the engine's \
                  word for the last change is unknown",
        },
        Enforced {
            what: "the digest that was shown is what starts",
            by: By::Cockpit,
            how: "a promotion pins the digest that was tested, else the one that the registry names; a tag that moved since \
                  blocks, unless the registry proves that the digest is one platform's image of the index that the tag \
                  names: then that index is pinned",
        },
        Enforced {
            what: "answers of a manager that lags behind",
            by: By::Cockpit,
            how: "a lower version index than was seen before is no evidence",
        },
        Enforced {
            what: "nothing fails for good",
            by: By::Provider,
            how: "the service's own failure action: Swarm stops there, goes back by itself, or (told as a warning) goes on",
        },
    ],
    always: &[
        "Whoever may open the engine's socket is root on its host.",
        "Swarm takes the whole specification back: the request holds the values of the service's environment variables. \
         They are masked wherever the request is shown or recorded.",
        "Swarm remembers one step. With failure action `pause` it stops with both versions running and waits for somebody; \
         with `rollback` it goes back by itself and then remembers no previous.",
        "With order stop-first some replicas are down while each batch changes; with start-first old and new serve side \
         by side.",
        "Plain containers and Compose projects: an engine knows no rollout of them. What runs is what is asked for, and those \
         that were stopped and kept are the way back.",
        "The old container is stopped before the new one is started: nothing serves in between.",
        "If the start is refused, nothing runs: the action ends half done, and a roll back starts the kept one again.",
        "A registry that wants a login of the engine says nothing about an image, unless `registry`, `registry_user` and \
         `registry_password` give one: then it is asked from here. The login goes to that registry and its own token host \
         only, over TLS or on this machine, never after a redirect, and never to the engine.",
    ],
    reads: "the engine's socket (`GET /info`, `/services`, `/tasks`, `/distribution`; `/containers`, `/images`), for services \
            of a Swarm that of a manager.",
};
