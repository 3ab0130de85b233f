//! Canaries of Flagger: the roll back of what a canary leads, and every door of its load tester.

use gonogo::domain::Outcome;
use gonogo::sandbox::kubernetes::{Cluster, DeploymentSeed, Shape};
use serde_json::json;

use super::desk::Desk;
use super::{LIES, Manner, World, Wrongs};

const IMAGE: &str = "127.0.0.1:1/shop/web";

fn seed(cluster: &Cluster) {
    for tag in ["v1", "v2"] {
        let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
        cluster.register_image(&format!("{IMAGE}:{tag}"), &digest);
    }
    let hook = |kind: &str, door: &str| json!({"type": kind, "name": kind, "url": format!("http://loadtester.flagger/{door}/check")});
    for name in ["web", "other"] {
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: name.into(),
            container: "web".into(),
            image: format!("{IMAGE}:v1"),
            replicas: 2,
            shape: Shape::Flagger(json!({
                "interval": "10s", "threshold": 2, "stepWeight": 30, "maxWeight": 60,
                "webhooks": [hook("confirm-promotion", "gate"), hook("rollback", "rollback")]
            })),
            ..DeploymentSeed::default()
        });
    }
}

/// A verb's key, what must be so before it, and how it is done wrong.
type OfVerb = (char, fn(&World), Wrongs);

fn phase(world: &World) -> String {
    let canary = world.server.cluster.object("canaries", "shop", "web").unwrap();
    canary["status"]["phase"].as_str().unwrap().to_owned()
}

fn until(world: &World, wanted: &str) {
    for _ in 0..200 {
        if phase(world) == wanted {
            // Its pods get there, too.
            return world.seconds(3);
        }
        world.second();
    }
    panic!("{wanted} never came: {}", phase(world));
}

fn image(cluster: &Cluster, name: &str, tag: &str) {
    assert!(cluster.set_image("shop", name, "web", &format!("{IMAGE}:{tag}"), ""));
}

fn verbs() -> [OfVerb; 4] {
    let waiting = |world: &World| {
        image(&world.server.cluster, "web", "v2");
        until(world, "WaitingPromotion");
    };
    let failed = |world: &World| {
        world.server.cluster.set_gate("rollback.web.shop", true);
        image(&world.server.cluster, "web", "v2");
        until(world, "Failed");
        world.server.cluster.set_gate("rollback.web.shop", false);
        world.seconds(15);
    };
    let open = |world: &World| world.server.cluster.set_gate("web.shop", true);
    [
        (
            'R',
            waiting,
            Wrongs { back: |c| c.set_gate("web.shop", false), elsewhere: |c| c.set_gate("other.shop", true) },
        ),
        (
            'X',
            waiting,
            Wrongs {
                back: |c| c.set_gate("rollback.web.shop", false),
                elsewhere: |c| c.set_gate("rollback.other.shop", true),
            },
        ),
        (
            'P',
            open,
            Wrongs { back: |c| c.set_gate("web.shop", true), elsewhere: |c| c.set_gate("other.shop", false) },
        ),
        ('r', failed, Wrongs { back: |c| image(c, "web", "v2"), elsewhere: |c| image(c, "other", "v2") }),
    ]
}

async fn told(manner: Manner, (key, before, wrongs): OfVerb) -> Outcome {
    let world = World::start(seed, "canary/web").await;
    before(&world);
    let mut desk = Desk::open(&world.provider, &[]).await;
    world.lies(manner, wrongs);
    desk.ask(key).await.unwrap_or_else(|refusal| panic!("{key}: {refusal}"));
    desk.confirm().await;
    desk.follow(|| world.pass()).await
}

#[tokio::test]
async fn nothing_that_is_lied_about_a_canary_is_shown_as_verified() {
    let (mut verified, mut all) = (0, 0);
    for manner in LIES {
        for verb in verbs() {
            // Nobody has to act on a gate that is closed, nor on a Deployment that asks for what serves.
            if manner == Manner::Unread && matches!(verb.0, 'P' | 'r') {
                continue;
            }
            let key = verb.0;
            let outcome = told(manner, verb).await;
            println!("{key} {manner:?}: {}: {}", outcome.word(), outcome.text());
            all += 1;
            verified += usize::from(matches!(outcome, Outcome::Verified(_)));
        }
    }
    println!("R4: {verified} of {all} scripts shown as verified");
    assert_eq!((verified, all), (0, verbs().len() * LIES.len() - 2));
}

/// The other side: what is carried out honestly is verified.
#[tokio::test]
async fn what_is_carried_out_on_a_canary_is_verified() {
    for verb in verbs() {
        let key = verb.0;
        let outcome = told(Manner::Honest, verb).await;
        assert!(matches!(outcome, Outcome::Verified(_)), "{key}: {}: {}", outcome.word(), outcome.text());
    }
}
