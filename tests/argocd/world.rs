//! Against the embedded world's Argo CD, whose controller really acts.

use std::time::Duration;

use gonogo::domain::{Application, Ask, Reached, Target, Verb};
use gonogo::provider::Provider;
use gonogo::sandbox::{Clock, Options, Sandbox, Scenario, Server};

use super::{at, intent, place};

fn day() -> Sandbox {
    let options = Options { clock: Clock::Manual, ..Options::default() };
    let sandbox = Sandbox::start(Scenario::named("gitops").unwrap(), options).unwrap();
    sandbox.world().advance(Duration::from_secs(10));
    sandbox
}

async fn look(provider: &dyn Provider) -> Application {
    let ask = Ask { acting: vec![place().service], ..Ask::default() };
    provider.observe(&ask).await.unwrap().applications.remove(&place()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_by_history_is_applied_and_stays() {
    let day = day();
    let provider = at(&day.urls().argocd, "argocd-demo-token", "search");
    let before = look(provider.as_ref()).await;
    assert!(before.undoes(), "{}", before.words());
    let old = before.past().next().unwrap().clone();
    let back = intent(Verb::RollBack, Target::Deployed { id: old.id, revision: old.revision.clone() });
    let prepared = provider.prepare(&back).await.unwrap();
    assert_eq!(prepared.steps.len(), 2);
    for step in &prepared.steps {
        provider.perform(step).await.unwrap();
    }
    day.world().advance(Duration::from_secs(60));
    let after = look(provider.as_ref()).await;
    assert_eq!(after.history[0].revision, old.revision);
    assert!(after.history[0].id > before.history[0].id && !after.undoes(), "{}", after.words());
    assert_eq!(day.world().running("search", "production"), [("v4.1.1".to_owned(), 8)]);
    let release = provider.prepare(&intent(Verb::Release, Target::Application)).await.unwrap();
    // What a release brings back is what Git says, not what was applied last.
    let side = |artifact: &Option<gonogo::domain::Artifact>| artifact.as_ref().unwrap().revision.clone();
    assert_eq!(side(&release.from), Some(old.revision));
    assert_eq!(side(&release.to), Some(before.history[0].revision.clone()));
    provider.perform(&release.steps[0]).await.unwrap();
    assert!(look(provider.as_ref()).await.undoes(), "released");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_request_alone_is_refused_and_changes_nothing() {
    let day = day();
    let provider = at(&day.urls().argocd, "argocd-demo-token", "search");
    let before = look(provider.as_ref()).await;
    let old = before.past().next().unwrap().clone();
    let back = intent(Verb::RollBack, Target::Deployed { id: old.id, revision: old.revision });
    let prepared = provider.prepare(&back).await.unwrap();
    let fault = provider.perform(&prepared.steps[1]).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No, "{fault}");
    assert_eq!(look(provider.as_ref()).await.history, before.history);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_works_while_git_is_away_and_is_released_when_it_is_back() {
    let day = day();
    let provider = at(&day.urls().argocd, "argocd-demo-token", "search");
    day.faults().refuse(Server::Git);
    day.world().advance(Duration::from_secs(130));
    let away = look(provider.as_ref()).await;
    let hold = provider.prepare(&intent(Verb::Hold, Target::Application)).await.unwrap();
    assert_eq!(hold.steps[0].method, "PUT", "{}", away.words());
    provider.perform(&hold.steps[0]).await.unwrap();
    let held = look(provider.as_ref()).await;
    assert!(!held.undoes() && held.words().contains("held"), "{}", held.words());
    day.faults().restore(Server::Git);
    day.world().advance(Duration::from_secs(130));
    let release = provider.prepare(&intent(Verb::Release, Target::Application)).await.unwrap();
    provider.perform(&release.steps[0]).await.unwrap();
    assert!(look(provider.as_ref()).await.undoes());
}
