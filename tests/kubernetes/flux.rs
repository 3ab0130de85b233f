//! Flux as the owner of a place, against the sandbox's cluster: what it says, how it is held and let go, and what it
//! does meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use gonogo::domain::gitops::{Condition, Reign};
use gonogo::domain::{
    Application, Ask, Bound, Cause, EnvironmentName, Fault, Observation, Permission, Place, Prepared,
    Promise, Reached, Role, ServiceName, Settings, Severity, Sha, Sync, Target, Verb,
};
use gonogo::provider::Provider;
use gonogo::sandbox::kubernetes::{
    ADMIN_TOKEN, Cluster, DeploymentSeed, KustomizationSeed, Owner, Role as Rights, SourceSeed, Upstream,
    VIEWER_TOKEN,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::cost::count;
use super::{Server, intent, kubeconfig, observe, observe_closely, provider_bound, write};

const IMAGE: &str = "127.0.0.1:1/shop/web";
const NOBODY: &str = "a-user-without-rights-at-flux";
const FIRST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SECOND: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A branch with an image for each commit; none while it cannot be reached.
#[derive(Default)]
struct Git(Mutex<(Vec<(String, String)>, bool)>);

impl Git {
    fn commit(&self, id: &str, tag: &str) {
        self.0.lock().unwrap().0.push((id.to_owned(), format!("{IMAGE}:{tag}")));
    }

    fn goes_away(&self) {
        self.0.lock().unwrap().1 = true;
    }
}

impl Upstream for Git {
    fn tip(&self) -> Result<String, String> {
        match &*self.0.lock().unwrap() {
            (_, true) => Err("connection refused".into()),
            (commits, false) => commits.last().map(|c| c.0.clone()).ok_or_else(|| "empty".into()),
        }
    }

    fn image_at(&self, revision: &str, _: &str) -> Option<String> {
        let commits = &self.0.lock().unwrap().0;
        commits.iter().find(|commit| commit.0 == revision).map(|commit| commit.1.clone())
    }
}

/// A cluster in which Flux keeps `web` at v2, which followed v1.
struct Day {
    cluster: Cluster,
    git: Arc<Git>,
    provider: Arc<dyn Provider>,
    clock: Mutex<Timestamp>,
    asked: Arc<AtomicUsize>,
    folder: tempfile::TempDir,
    server: Server,
}

fn bounds(owner: (&str, &str)) -> Vec<Bound> {
    let bound = |role, settings| Bound {
        role,
        service: ServiceName::new("web"),
        environment: Some(EnvironmentName::new("production")),
        settings,
    };
    let workload = Settings::default().with_text("namespace", "shop").with_text("workload", "deployment/web");
    vec![bound(Role::Deploy, workload), bound(Role::Owner, Settings::default().with_text(owner.0, owner.1))]
}

impl Day {
    async fn start(token: &str) -> Self {
        let now: Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        let (cluster, git) = (Cluster::new(now), Arc::new(Git::default()));
        cluster.grant(NOBODY, "nina", Rights::Apps);
        for tag in ["v1", "v2"] {
            let digest = format!("sha256:{}", tag.trim_start_matches('v').repeat(64));
            cluster.register_image(&format!("{IMAGE}:{tag}"), &digest);
        }
        cluster.add_deployment(&DeploymentSeed {
            namespace: "shop".into(),
            name: "web".into(),
            container: "web".into(),
            image: format!("{IMAGE}:v2"),
            replicas: 2,
            history: vec![(format!("{IMAGE}:v1"), String::new())],
            owner: Owner::Flux { kustomization: "apps".into(), self_heal: None },
            ..DeploymentSeed::default()
        });
        git.commit(FIRST, "v2");
        cluster.add_source(&SourceSeed {
            namespace: "flux-system".into(),
            name: "deploys".into(),
            url: "https://git.test/deploys".into(),
            branch: "main".into(),
            interval: Duration::from_secs(5),
            upstream: Arc::clone(&git) as Arc<dyn Upstream>,
        });
        cluster.add_kustomization(&KustomizationSeed {
            namespace: "flux-system".into(),
            name: "apps".into(),
            source: "deploys".into(),
            path: "./apps".into(),
            interval: Duration::from_secs(20),
            keeps: vec![("shop".into(), "web".into())],
        });
        let asked = Arc::new(AtomicUsize::new(0));
        let server =
            Server::start(cluster.router().layer(from_fn_with_state(Arc::clone(&asked), count))).await;
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &kubeconfig(&server.url(), token));
        let provider = provider_bound(folder.path(), bounds(("kustomization", "flux-system/apps")), 5);
        let day = Self { cluster, git, provider, clock: Mutex::new(now), asked, folder, server };
        day.pass(5);
        day
    }

    fn pass(&self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.step();
        }
    }

    /// A quarter of a second: as much as a controller needs for one stage of its work.
    fn step(&self) {
        let mut clock = self.clock.lock().unwrap();
        *clock = clock.checked_add(SignedDuration::from_millis(250)).unwrap();
        self.cluster.tick(*clock, Duration::from_millis(250));
    }

    async fn app(&self) -> Application {
        app(&observe_closely(&self.provider).await.unwrap())
    }

    /// Looks until the watches have brought what is wanted; the world stands still meanwhile.
    async fn until(&self, what: &str, wanted: impl Fn(&Application) -> bool) -> Application {
        let end = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            let app = self.app().await;
            if wanted(&app) {
                return app;
            }
            assert!(std::time::Instant::now() < end, "never seen: {what}; last {app:?}");
            let wake = self.provider.wake().unwrap();
            drop(tokio::time::timeout(Duration::from_millis(100), wake.notified()).await);
        }
    }

    fn kustomization(&self) -> serde_json::Value {
        self.cluster.object("kustomizations", "flux-system", "apps").unwrap()
    }

    async fn plan(&self, verb: Verb) -> Result<Prepared, Fault> {
        self.provider.prepare(&intent(verb, Target::Application)).await
    }

    async fn act(&self, verb: Verb) -> Prepared {
        let plan = self.plan(verb).await.unwrap();
        assert!(plan.hazards.iter().all(|h| h.severity != Severity::Blocking), "{:?}", plan.hazards);
        assert_eq!(plan.permission, Permission::Granted);
        let before = self.cluster.writes().len();
        assert_eq!(self.provider.perform(&plan.steps[0]).await.unwrap().status, 200);
        let writes = self.cluster.writes().split_off(before);
        let [write] = writes.as_slice() else { panic!("{writes:?}") };
        assert_eq!((&write.path, Some(&write.body)), (&plan.steps[0].path, plan.steps[0].body.as_ref()));
        plan
    }

    /// What somebody changes by hand.
    fn by_hand(&self, tag: &str) {
        self.cluster.set_image("shop", "web", "web", &format!("{IMAGE}:{tag}"), "by hand");
    }

    fn runs(&self) -> Vec<(String, u32)> {
        self.cluster.images("shop", "web")
    }

    fn suspends(&self) -> serde_json::Value {
        self.kustomization().pointer("/spec/suspend").cloned().unwrap_or_default()
    }
}

fn app(seen: &Observation) -> Application {
    seen.applications.get(&Place::new("web", "production")).unwrap_or_else(|| panic!("{seen:?}")).clone()
}

fn texts(plan: &Prepared) -> Vec<(Severity, &str)> {
    plan.hazards.iter().map(|h| (h.severity, h.text.as_str())).collect()
}

#[tokio::test]
async fn a_look_tells_what_flux_has_applied_and_what_it_does_to_a_change_by_hand() {
    let day = Day::start(ADMIN_TOKEN).await;
    let app = day.app().await;
    assert_eq!((app.tool.as_str(), app.name.as_str()), ("Flux", "kustomization flux-system/apps"));
    assert_eq!((&app.sync, &app.condition), (&Sync::Synced, &Condition::Healthy));
    assert_eq!(app.reign, Reign::Heals(Duration::from_secs(20)));
    assert_eq!(app.applied, Some(Sha::new(FIRST)));
    assert!(app.remarks.is_empty(), "{:?}", app.remarks);
    day.by_hand("v1");
    day.pass(60);
    assert_eq!(day.runs(), [(format!("{IMAGE}:v2"), 2)], "it is what it says");
}

#[tokio::test]
async fn a_held_owner_leaves_a_change_by_hand_and_a_release_puts_it_back() {
    let day = Day::start(ADMIN_TOKEN).await;
    let plan = day.act(Verb::Hold).await;
    assert_eq!(plan.promise, Promise::Held);
    assert_eq!(plan.hazards, [], "it keeps nothing else");
    assert_eq!(day.suspends(), json!(true));
    let held = day.until("it is held", Application::leaves).await;
    let Reign::Held(by) = &held.reign else { panic!("{held:?}") };
    assert!(by.as_str().starts_with("suspended by hold by admin with gonogo at"), "{by}");
    assert!(matches!(held.sync, Sync::Unknown(_)), "it compares nothing: {held:?}");
    day.by_hand("v1");
    day.pass(90);
    assert_eq!(day.runs(), [(format!("{IMAGE}:v1"), 2)]);
    // Git goes on meanwhile, to what runs by hand already.
    day.git.commit(SECOND, "v2");
    day.pass(10);
    day.until("Git went on", |app| app.sync == Sync::OutOfSync("Git has bbbbbbb".into())).await;
    let plan = day.act(Verb::Release).await;
    assert_eq!(plan.promise, Promise::Released);
    let told =
        "it applies bbbbbbb at once, over what was changed by hand meanwhile; Git went on from aaaaaaa since";
    assert_eq!(texts(&plan), [(Severity::Warning, told)]);
    assert_eq!(day.suspends(), json!(null), "taken away, as Flux's own tool does");
    day.until("it is let go", Application::undoes).await;
    day.pass(60);
    assert_eq!(day.runs(), [(format!("{IMAGE}:v2"), 2)]);
    let applied = Some(Sha::new(SECOND));
    day.until("it is applied", |app| app.sync == Sync::Synced && app.applied == applied).await;
}

#[tokio::test]
async fn what_has_begun_goes_on_and_is_no_hold_yet() {
    let day = Day::start(ADMIN_TOKEN).await;
    day.by_hand("v1");
    let begun = || day.kustomization()["status"]["conditions"][0]["type"] == "Reconciling";
    for _ in 0..200 {
        if begun() {
            break;
        }
        day.step();
    }
    assert!(begun());
    let plan = day.act(Verb::Hold).await;
    assert!(
        texts(&plan)[0].1.starts_with("what has begun goes on to its end, and applies until then"),
        "{:?}",
        plan.hazards
    );
    assert_eq!(day.suspends(), json!(true));
    let app = day.until("the look is a new one", |app| !app.remarks.is_empty()).await;
    assert!(app.undoes(), "{app:?}");
    day.pass(2);
    day.until("it is held", |app| matches!(app.reign, Reign::Held(_))).await;
    let object = day.cluster.object("deployments", "shop", "web").unwrap();
    assert_eq!(object["spec"]["template"]["spec"]["containers"][0]["image"], format!("{IMAGE}:v2"));
}

#[tokio::test]
async fn a_hold_on_what_somebody_changed_meanwhile_is_refused_by_the_server() {
    let day = Day::start(ADMIN_TOKEN).await;
    let plan = day.plan(Verb::Hold).await.unwrap();
    day.cluster.merge("kustomizations", "flux-system", "apps", &json!({"spec": {"interval": "1m"}}));
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Moved, Reached::No), "{fault}");
    assert_eq!(day.suspends(), json!(null));
}

#[tokio::test]
async fn whoever_may_not_change_it_is_told_so_before() {
    let day = Day::start(VIEWER_TOKEN).await;
    assert_eq!(day.app().await.sync, Sync::Synced);
    let plan = day.plan(Verb::Hold).await.unwrap();
    let Permission::Denied(why) = &plan.permission else { panic!("{:?}", plan.permission) };
    assert!(why.as_str().starts_with("you may not patch kustomization flux-system/apps"), "{why}");
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Forbidden, Reached::No));
}

#[tokio::test]
async fn an_owner_that_may_not_be_seen_is_unknown_and_hides_nothing_else() {
    let day = Day::start(NOBODY).await;
    let seen = observe(&day.provider).await.unwrap();
    assert_eq!(seen.rollouts.len(), 1, "what runs is seen all the same: {:?}", seen.faults);
    let app = app(&seen);
    for told in [format!("{:?}", app.sync), format!("{:?}", app.condition), format!("{:?}", app.reign)] {
        assert!(told.starts_with("Unknown(") && told.contains("nina"), "{told}");
    }
    assert!(!app.undoes() && !app.leaves());
    assert_eq!(day.plan(Verb::Hold).await.unwrap_err().cause, Cause::Forbidden);
}

#[tokio::test]
async fn an_owner_that_is_not_there_is_named() {
    let day = Day::start(ADMIN_TOKEN).await;
    let provider = provider_bound(day.folder.path(), bounds(("kustomization", "flux-system/other")), 5);
    let app = app(&observe(&provider).await.unwrap());
    let Sync::Unknown(why) = &app.sync else { panic!("{app:?}") };
    assert!(why.as_str().contains("there is no kustomization other in namespace flux-system"), "{why}");
    let fault = provider.prepare(&intent(Verb::Hold, Target::Application)).await.unwrap_err();
    assert_eq!(fault.cause, Cause::NotFound);
}

#[tokio::test]
async fn holding_what_is_held_and_letting_go_of_what_is_not_is_barred() {
    let day = Day::start(ADMIN_TOKEN).await;
    let plan = day.plan(Verb::Release).await.unwrap();
    let told = "kustomization flux-system/apps is not suspended: there is nothing to let go";
    assert_eq!(texts(&plan), [(Severity::Blocking, told)]);
    let fault = day.provider.perform(&plan.steps[0]).await.unwrap_err();
    assert_eq!(fault.reached, Reached::No, "nothing to take away: {fault}");
    day.act(Verb::Hold).await;
    let plan = day.plan(Verb::Hold).await.unwrap();
    assert_eq!(texts(&plan), [(Severity::Blocking, "kustomization flux-system/apps is suspended already")]);
}

#[tokio::test]
async fn while_git_is_away_flux_is_not_taken_for_synced() {
    let day = Day::start(ADMIN_TOKEN).await;
    day.git.goes_away();
    day.pass(10);
    let app = day.until("the fetch fails", |app| app.sync != Sync::Synced).await;
    let Sync::Unknown(why) = &app.sync else { panic!("{app:?}") };
    assert!(why.as_str().contains("connection refused"), "{why}");
    assert_eq!(app.condition, Condition::Healthy, "what it has applied fares as before");
    assert!(app.undoes(), "and is still put back to what was fetched last");
}

#[tokio::test]
async fn flux_goes_back_to_nothing_by_itself_and_says_what_to_do_instead() {
    let day = Day::start(ADMIN_TOKEN).await;
    assert_eq!(day.app().await.history, []);
    let past = Target::Deployed { id: 1, revision: Sha::new(FIRST) };
    let fault = day.provider.prepare(&intent(Verb::RollBack, past)).await.unwrap_err();
    assert_eq!(fault.cause, Cause::Refused);
    assert_eq!(fault.hint.unwrap(), "revert the change in Git, or hold it and roll back directly");
}

#[tokio::test]
async fn a_kustomization_that_is_kept_itself_may_be_put_back() {
    let day = Day::start(ADMIN_TOKEN).await;
    let labels = json!({"kustomize.toolkit.fluxcd.io/name": "root", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"});
    day.cluster.merge("kustomizations", "flux-system", "apps", &json!({"metadata": {"labels": labels}}));
    let plan = day.plan(Verb::Hold).await.unwrap();
    let [(Severity::Note, told)] = texts(&plan)[..] else { panic!("{:?}", plan.hazards) };
    assert!(
        told.starts_with("kustomization flux-system/root keeps kustomization flux-system/apps itself"),
        "{told}"
    );
    // Its manifest says so itself: the root's controller holds the field.
    let held = json!([{"manager": "kustomize-controller", "operation": "Apply", "time": "2026-11-20T13:00:00Z",
        "fieldsV1": {"f:spec": {"f:suspend": {}}}}]);
    let mut object = day.cluster.object("kustomizations", "flux-system", "apps").unwrap();
    object["metadata"]["managedFields"] = held;
    object["spec"]["suspend"] = json!(false);
    let server = Server::start(only(object)).await;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &kubeconfig(&server.url(), "t"));
    let provider = provider_bound(folder.path(), bounds(("kustomization", "flux-system/apps")), 5);
    let plan = provider.prepare(&intent(Verb::Hold, Target::Application)).await.unwrap();
    let [(Severity::Warning, told)] = texts(&plan)[..] else { panic!("{:?}", plan.hazards) };
    assert!(told.contains("it puts that back at its next interval"), "{told}");
}

/// A server that has this one object and allows everything.
fn only(object: serde_json::Value) -> axum::Router {
    axum::Router::new().fallback(move |uri: axum::http::Uri| {
        let body = match uri.path() {
            path if path.ends_with("/kustomizations/apps") => object.clone(),
            path if path.ends_with("reviews") => {
                json!({"status": {"allowed": true, "userInfo": {"username": "ann"}}})
            }
            _ => json!({"metadata": {"resourceVersion": "1"}, "items": []}),
        };
        async move { axum::Json(body) }
    })
}

#[tokio::test]
async fn a_helm_release_is_held_like_a_kustomization() {
    let day = Day::start(ADMIN_TOKEN).await;
    day.cluster.add_custom("helmreleases", ("shop", "web"), json!({"interval": "5m"}));
    let status = json!({
        "observedGeneration": 1, "history": [{"version": 7, "chartVersion": "6.5.4"}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "UpgradeSucceeded", "message": "Helm upgrade succeeded",
            "lastTransitionTime": "2026-11-20T13:00:00Z"}]
    });
    day.cluster.set_status("helmreleases", "shop", "web", &status);
    let provider = provider_bound(day.folder.path(), bounds(("helmrelease", "shop/web")), 5);
    let seen = app(&observe(&provider).await.unwrap());
    assert_eq!((&seen.sync, &seen.reign), (&Sync::Synced, &Reign::Follows));
    assert_eq!(seen.remarks, ["the workload does not carry the mark of helmrelease shop/web"]);
    let plan = provider.prepare(&intent(Verb::Hold, Target::Application)).await.unwrap();
    assert_eq!(
        plan.steps[0].path,
        "/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases/web?fieldManager=gonogo"
    );
    provider.perform(&plan.steps[0]).await.unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while !app(&observe_closely(&provider).await.unwrap()).leaves() {
        assert!(std::time::Instant::now() < end);
        drop(tokio::time::timeout(Duration::from_millis(50), provider.wake().unwrap().notified()).await);
    }
    let plan = provider.prepare(&intent(Verb::Release, Target::Application)).await.unwrap();
    assert!(
        texts(&plan)[0].1.starts_with("it upgrades to what its chart and values say"),
        "{:?}",
        plan.hazards
    );
}

#[tokio::test]
async fn a_quiet_owner_costs_nothing_but_its_watches() {
    let day = Day::start(ADMIN_TOKEN).await;
    let end = std::time::Instant::now() + Duration::from_secs(10);
    // One watch for each kind: workloads, what remembers them, pods, Kustomizations, GitRepositories. The last begins
    // once its Kustomization was seen, and is asked for by name until then.
    loop {
        let before = day.asked.load(Ordering::SeqCst);
        for _ in 0..10 {
            day.provider.observe(&Ask::default()).await.unwrap();
        }
        if day.asked.load(Ordering::SeqCst) == before {
            break;
        }
        assert!(std::time::Instant::now() < end, "it never became quiet");
        tokio::task::yield_now().await;
    }
    let all = day.asked.load(Ordering::SeqCst);
    println!("{all} requests until everything is watched, then none; at {}", day.server.url());
    assert!(all <= 1 + 5 * 2 + 10, "{all}");
}
