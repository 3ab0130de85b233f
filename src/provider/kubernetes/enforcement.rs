//! Who enforces what at a Kubernetes API server; for the page of all sources.

use crate::domain::Verb;
use crate::provider::enforcement::{By, Enforced, Enforcement, GuardFact, VerbFacts};

const REQUEST: &str = "PATCH /apis/{group}/{version}/namespaces/{namespace}/{workloads}/{name}";
const ORDER: &str = "PATCH /apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/{name}/status";
const OF_STEPS: GuardFact = GuardFact::InRequest(
    "JSON-Patch `test` of uid, generation, image, the coming revision's hash and the step that it is at",
);
const OF_GATES: GuardFact = GuardFact::LookAgain(
    "nothing: a load tester knows a canary's name and no revision. Looked at again are the Deployment's uid, image and \
     template, the canary's phase and weight, and its gates",
);
const SWITCH: &str = "PATCH /api/v1/namespaces/{namespace}/services/{name}";
const OF_SWITCH: GuardFact =
    GuardFact::InRequest("JSON-Patch `test` of uid and the whole selector of the Service");
const SWITCH_REMAINS: &str = "nothing of the Service: a moved one answers 422. What becomes of the Deployment that it is \
     switched to within the round trip no server checks";
const NEEDS_SWITCH: &str = "`patch` on the Service (asked beforehand)";
const SWITCHED: &str = "every ready endpoint of the Service is a pod of what was switched to and runs the very digest, and \
     they are as many as it asks for";
const GATE_REMAINS: &str = "a change of the Deployment after the last look and before Flagger's next one passes the gate \
     unseen, and so does every later revision until the gate is closed";
const NEEDS_GATE: &str =
    "Flagger; a load tester that the webhooks ask, reached by `gates`; it asks nobody who they are";
const NEEDS_ORDER: &str = "Argo Rollouts; `patch` on `rollouts/status` (asked beforehand)";
const SUSPEND: &str = "PATCH /apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{namespace}/kustomizations/{name} or PATCH /apis/helm.toolkit.fluxcd.io/v2/namespaces/{namespace}/helmreleases/{name}";
const NEEDS_SUSPEND: &str = "Flux; `patch` on the Kustomization or the HelmRelease (asked beforehand)";
const GUARD: GuardFact =
    GuardFact::InRequest("JSON-Patch `test` of uid, generation, and the container's name and image");
const NEEDS: &str = "`patch` on the workload (asked beforehand by a SelfSubjectAccessReview)";

const fn verb(verb: Verb, remains: &'static str, proof: &'static str) -> VerbFacts {
    VerbFacts { verb, request: REQUEST, guard: GUARD, remains, needs: NEEDS, proof }
}

/// The tables.
pub(super) const FACTS: Enforcement = Enforcement {
    verbs: &[
        verb(
            Verb::Promote,
            "nothing of the workload: a moved one answers 422",
            "the rollout is done by `kubectl rollout status`'s own order, every ready pod with its labels runs the very \
             digest, and not fewer replicas are asked for than before. A rollout in steps promises only that it has begun: \
             what comes is asked for and some of it is ready",
        ),
        verb(
            Verb::RollBack,
            "nothing of the workload: a moved one answers 422. The template is sent whole as it was shown; a revision \
             that is pruned meanwhile changes nothing about it",
            "as for promote",
        ),
        verb(
            Verb::Pause,
            "nothing of the workload: a moved one answers 422",
            "`spec.paused` is observed, as many replicas are asked for as before, and what rolled out has not reached its \
             end",
        ),
        verb(
            Verb::Resume,
            "nothing of the workload: a moved one answers 422. What Argo Rollouts pauses at a step is let go on in its \
             status, at that very step",
            "it is no longer paused; a rollout in steps is beyond the step that held it",
        ),
        verb(
            Verb::Restart,
            "nothing of the workload: a moved one answers 422. The template stays; an image that is not pinned is pulled \
             anew, so a tag that moved since blocks",
            "the workload has the mark of this very restart, every ready pod has it too (at Argo Rollouts: is younger), they \
             run the digest as before, and they are as many as are asked for",
        ),
        VerbFacts {
            verb: Verb::PromoteFully,
            request: ORDER,
            guard: OF_STEPS,
            remains: "nothing of the Rollout: a moved one answers 422",
            needs: NEEDS_ORDER,
            proof: "as for promote: everything runs it, and it is the stable revision",
        },
        VerbFacts {
            verb: Verb::Abort,
            request: ORDER,
            guard: OF_STEPS,
            remains: "nothing of the Rollout: a moved one answers 422",
            needs: NEEDS_ORDER,
            proof: "it says that it is aborted, and the coming revision has no share of the traffic",
        },
        VerbFacts {
            verb: Verb::Retry,
            request: ORDER,
            guard: OF_STEPS,
            remains: "nothing of the Rollout: a moved one answers 422",
            needs: NEEDS_ORDER,
            proof: "it no longer says that it is aborted",
        },
        VerbFacts {
            verb: Verb::Hold,
            request: SUSPEND,
            guard: GuardFact::InRequest("JSON-Patch `test` of uid and generation"),
            remains: "nothing of the object: a moved one answers 422. What its controller had begun goes on to its end",
            needs: NEEDS_SUSPEND,
            proof: "a later look: it is suspended, and nothing that began before is still applied",
        },
        VerbFacts {
            verb: Verb::Release,
            request: SUSPEND,
            guard: GuardFact::InRequest("JSON-Patch `test` of uid and generation"),
            remains: "a commit that its source fetches right then is applied with it",
            needs: NEEDS_SUSPEND,
            proof: "a later look: it is no longer suspended",
        },
        VerbFacts {
            verb: Verb::Promote,
            request: SWITCH,
            guard: OF_SWITCH,
            remains: SWITCH_REMAINS,
            needs: NEEDS_SWITCH,
            proof: SWITCHED,
        },
        VerbFacts {
            verb: Verb::RollBack,
            request: SWITCH,
            guard: OF_SWITCH,
            remains: SWITCH_REMAINS,
            needs: NEEDS_SWITCH,
            proof: SWITCHED,
        },
        VerbFacts {
            verb: Verb::Resume,
            request: "POST {load/tester}/gate/open",
            guard: OF_GATES,
            remains: GATE_REMAINS,
            needs: NEEDS_GATE,
            proof: "Flagger's own status is beyond the step that the gate held",
        },
        VerbFacts {
            verb: Verb::Abort,
            request: "POST {load/tester}/rollback/open",
            guard: OF_GATES,
            remains: "every later rollout is given up as well until the gate is closed",
            needs: NEEDS_GATE,
            proof: "the canary says that it failed, and has no share of the traffic",
        },
        VerbFacts {
            verb: Verb::Pause,
            request: "POST {load/tester}/gate/close, then POST {load/tester}/rollback/close",
            guard: OF_GATES,
            remains: "Flagger may ask within the round trip, and be let through",
            needs: NEEDS_GATE,
            proof: "the load tester says that every gate is closed",
        },
    ],
    enforced: &[
        Enforced {
            what: "permission",
            by: By::Provider,
            how: "RBAC and admission; an answer about permission that cannot be read counts as no",
        },
        Enforced {
            what: "no change of a paused workload",
            by: By::Cockpit,
            how: "refused as kubectl does; the server would accept it",
        },
        Enforced {
            what: "the digest that was shown is what starts",
            by: By::Cockpit,
            how: "a promotion pins the digest that was tested, else the one that the registry names; a tag that moved since \
                  blocks, as a digest that is gone does, and of one platform's image the index is pinned \
                  that the tag names. A roll back sends the old template, and a tag in it that moved is a warning",
        },
        Enforced {
            what: "a Service is switched only to what is whole",
            by: By::Cockpit,
            how: "refused unless the other Deployment is done by `kubectl rollout status`'s own order and all its pods are ready",
        },
        Enforced {
            what: "writes only to a proved server",
            by: By::Cockpit,
            how: "nothing is written over plain HTTP to another machine or with `insecure-skip-tls-verify`",
        },
        Enforced {
            what: "Argo CD, Flux or Helm do not undo it",
            by: By::Nobody,
            how: "the owner is read from its marks and named with what to do instead; a configured owner that would put a \
                  change by hand back bars it until it is held",
        },
        Enforced {
            what: "a held Kustomization stays held",
            by: By::Nobody,
            how: "one that another Kustomization keeps is named; a manifest in Git that says something of `suspend` puts \
                  it back",
        },
        Enforced {
            what: "ConfigMaps and Secrets fit to the revision",
            by: By::Nobody,
            how: "those that changed since the revision was made are named, by their metadata alone",
        },
        Enforced {
            what: "a pause is obeyed by the controller",
            by: By::Nobody,
            how: "a rollout that goes on to its end all the same is told as failed; one that goes on slowly may not be \
                  noticed within the settle time",
        },
    ],
    always: &[
        "A roll back brings the pod template back and nothing else: not replicas, ConfigMaps, Secrets, Services, nor any \
         data or schema.",
        "A StatefulSet or DaemonSet has no pause, no deadline and no failed state: after ten minutes without its end its \
         rollout counts as stuck, by us.",
        "Aborting a Rollout leaves the aborted template in its specification: the next change or retry begins from it.",
        "While a rollout is paused, pods of both revisions run on, no deadline is judged, and no roll back is possible.",
        "A registry that wants a login says nothing about an image, unless `registry`, `registry_user` and \
         `registry_password` give one: it goes to that registry and its own token host only, over TLS or on this machine, \
         and never after a redirect.",
        "Pods that report different digests of one tag run one image only by proof: bytes of the registry that sum up to an \
         index's digest and name them as its platforms. What it denies stays different; what it does not tell is said to be \
         unproved.",
        "Flagger's primary and the status of a Canary are never written: a change is one of the Deployment, and what \
         becomes of it is Flagger's to say.",
        "An autoscaler sets the replicas between its bounds; only a number outside them is told.",
    ],
    reads: "`get`, `list`, `watch` on the workload's kind (`deployments`, `statefulsets`, `daemonsets`, `rollouts`), on what \
             remembers its revisions (`replicasets` or `controllerrevisions`) and on `pods`, in each namespace or, to watch \
             many as one, of the cluster (without `watch` each look asks, without `list` only the workload is seen); for \
             Rollouts also on `analysisruns`, else only their summary is told; for Flagger on `canaries` and \
             `deployments`, for a Service on `services`, `endpointslices` and `deployments`. For warnings before a roll back \
             also `get` on `configmaps` and `secrets` (their metadata; the values are never asked for) and `list` on \
            `horizontalpodautoscalers`: without the former a note says what could not be seen, without the latter the \
            number of replicas asked for counts. As `owner`: `get`, `list`, `watch` on `kustomizations` or `helmreleases`, and on what a \
            Kustomization takes its manifests from (`gitrepositories`, `ocirepositories`, `buckets`): without the latter nobody \
            knows whether it is in sync.",
};
