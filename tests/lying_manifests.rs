//! R4 for reverts in Git: only said to be done when later looks proved it, whatever the server made of the push, and
//! whatever the controller made of the commit.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's own machinery fails by panicking")]

#[path = "hazards/deploys.rs"]
mod deploys;
#[path = "hazards/desk.rs"]
#[expect(dead_code, reason = "the tests of hazards look at offers as well")]
mod desk;

use std::collections::BTreeMap;
use std::time::Duration;

use gonogo::domain::gitops::{Condition, Reign};
use gonogo::domain::{Application, Observation, Outcome, Place, Sha, SourceName, Sync};

use self::deploys::{Deploys, git};
use self::desk::Desk;

/// What becomes of a push that the server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// It stays.
    Honest,
    /// The branch is put back at once.
    Nothing,
    /// It is put on another branch.
    Elsewhere,
    /// Somebody puts the branch back two seconds later.
    TakenBack,
}

/// What the controller makes of the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Controller {
    /// None is configured.
    Nobody,
    /// It applies what Git says.
    Applies,
    /// It says that it is in sync, at the commit from before.
    Sleeps,
    /// It applies it, and what runs is not well.
    Ill,
}

fn application(applied: &str, condition: Condition) -> Application {
    Application {
        tool: "Argo CD".into(),
        name: "web".into(),
        sync: Sync::Synced,
        condition,
        reign: Reign::Heals(Duration::from_secs(5)),
        applied: Some(Sha::new(applied)),
        operation: None,
        history: Vec::new(),
        url: None,
        remarks: Vec::new(),
    }
}

/// The controller's word; the source called "metrics" is it here.
fn tell(desk: &mut Desk, deploys: &Deploys, controller: Controller, before: &str) {
    let app = match controller {
        Controller::Nobody => return,
        Controller::Applies => application(&deploys.tip(), Condition::Healthy),
        Controller::Sleeps => application(before, Condition::Healthy),
        Controller::Ill => application(&deploys.tip(), Condition::Degraded("probe fails".into())),
    };
    let place = Place::new("web", "production");
    let seen = Observation { applications: BTreeMap::from([(place, app)]), ..Observation::default() };
    desk.report("metrics", Ok(seen));
}

async fn told(manner: Manner, controller: Controller) -> Outcome {
    let deploys = Deploys::start();
    let before = deploys.tip();
    match manner {
        Manner::Honest | Manner::TakenBack => {}
        Manner::Nothing => deploys.afterwards(&format!("git update-ref refs/heads/main {before}")),
        Manner::Elsewhere => deploys.afterwards(&format!(
            "git update-ref refs/heads/other $(git rev-parse main); git update-ref refs/heads/main {before}"
        )),
    }
    let mut desk = Desk::open_as(&deploys.provider, &[], |environment| {
        environment.manifests = environment.deploy.take();
        environment.owner = (controller != Controller::Nobody).then(|| SourceName::new("metrics"));
    })
    .await;
    tell(&mut desk, &deploys, controller, &before);
    desk.look().await;
    desk.ask('r').await.unwrap();
    desk.confirm().await;
    // Close looks at first; then as many as the plan's deadline needs.
    for second in 0..200_u64 {
        if let Some(outcome) = desk.outcome() {
            return outcome;
        }
        desk.wait(Duration::from_secs(if second < 12 { 1 } else { 20 }));
        if manner == Manner::TakenBack && second == 1 {
            git(&deploys.server(), &["update-ref", "refs/heads/main", &before]);
        }
        tell(&mut desk, &deploys, controller, &before);
        desk.look().await;
    }
    panic!("it never ended");
}

#[tokio::test]
async fn nothing_that_a_server_lies_about_a_revert_is_shown_as_verified() {
    for (manner, controller) in [
        (Manner::Nothing, Controller::Nobody),
        (Manner::Nothing, Controller::Applies),
        (Manner::Elsewhere, Controller::Applies),
        (Manner::TakenBack, Controller::Nobody),
        (Manner::TakenBack, Controller::Applies),
        (Manner::Honest, Controller::Sleeps),
        (Manner::Honest, Controller::Ill),
    ] {
        let outcome = told(manner, controller).await;
        println!("{manner:?} {controller:?}: {}: {}", outcome.word(), outcome.text());
        assert!(!matches!(outcome, Outcome::Verified(_)), "{manner:?} {controller:?}: {}", outcome.text());
    }
}

/// The other side: what stays and is applied is verified.
#[tokio::test]
async fn a_revert_that_is_applied_is_verified() {
    for controller in [Controller::Nobody, Controller::Applies] {
        let outcome = told(Manner::Honest, controller).await;
        assert!(matches!(outcome, Outcome::Verified(_)), "{}: {}", outcome.word(), outcome.text());
    }
}
