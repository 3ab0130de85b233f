//! A Service whose selector is switched, and switched back.

use std::collections::BTreeMap;

use gonogo::domain::Outcome;
use gonogo::sandbox::kubernetes::{Cluster, DeploymentSeed};
use serde_json::json;

use super::desk::Desk;
use super::{LIES, Manner, World, Wrongs};

const IMAGE: &str = "127.0.0.1:1/shop/web";

fn seed(cluster: &Cluster) {
    for tag in ["v1", "v2"] {
        let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
        cluster.register_image(&format!("{IMAGE}:{tag}"), &digest);
    }
    for (color, tag) in [("blue", "v1"), ("green", "v2")] {
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: format!("web-{color}"),
            container: "web".into(),
            image: format!("{IMAGE}:{tag}"),
            replicas: 2,
            labels: BTreeMap::from([("part".into(), "web".into()), ("color".into(), color.into())]),
            ..DeploymentSeed::default()
        });
    }
    for name in ["web", "other"] {
        cluster.add_service("shop", name, &json!({"part": "web", "color": "blue"}));
    }
}

fn choose(cluster: &Cluster, service: &str, color: &str) {
    cluster.merge("services", "shop", service, &json!({"spec": {"selector": {"color": color}}}));
}

/// A verb's key, what must be so before it, and how it is done wrong.
type OfVerb = (char, fn(&World), Wrongs);

fn verbs() -> [OfVerb; 2] {
    let switched = |world: &World| {
        // What serves is the newer one, so the other is the way back.
        let image = format!("{IMAGE}:v2");
        world.server.cluster.merge(
            "deployments",
            "shop",
            "web-green",
            &json!({"spec": {"template": {"metadata": {"annotations": {"built": "again"}},
                "spec": {"containers": [{"name": "web", "image": image}]}}}}),
        );
        choose(&world.server.cluster, "web", "green");
        world.seconds(40);
    };
    [
        (
            'p',
            |world| world.seconds(5),
            Wrongs { back: |c| choose(c, "web", "blue"), elsewhere: |c| choose(c, "other", "green") },
        ),
        (
            'r',
            switched,
            Wrongs { back: |c| choose(c, "web", "green"), elsewhere: |c| choose(c, "other", "blue") },
        ),
    ]
}

async fn told(manner: Manner, (key, before, wrongs): OfVerb) -> Outcome {
    let world = World::start(seed, "service/web").await;
    before(&world);
    let mut desk = Desk::open(&world.provider, &[]).await;
    world.lies(manner, wrongs);
    desk.ask(key).await.unwrap_or_else(|refusal| panic!("{key}: {refusal}"));
    desk.confirm().await;
    desk.follow(|| world.pass()).await
}

#[tokio::test]
async fn nothing_that_is_lied_about_a_switch_is_shown_as_verified() {
    let (mut verified, mut all) = (0, 0);
    for manner in LIES {
        for verb in verbs() {
            let key = verb.0;
            let outcome = told(manner, verb).await;
            println!("{key} {manner:?}: {}: {}", outcome.word(), outcome.text());
            all += 1;
            verified += usize::from(matches!(outcome, Outcome::Verified(_)));
        }
    }
    println!("R4: {verified} of {all} scripts shown as verified");
    assert_eq!((verified, all), (0, verbs().len() * LIES.len()));
}

/// The other side: what is carried out honestly is verified.
#[tokio::test]
async fn what_is_switched_is_verified() {
    for verb in verbs() {
        let key = verb.0;
        let outcome = told(Manner::Honest, verb).await;
        assert!(matches!(outcome, Outcome::Verified(_)), "{key}: {}: {}", outcome.word(), outcome.text());
    }
}
