//! What a registry is asked and believed: tokens, a login, what one image is for several platforms, a tag that moved;
//! on the embedded registry, which answers nobody without a token.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gonogo::domain::{
    Artifact, Ask, Bound, Cause, EnvironmentName, Intent, Place, Prepared, Role, Rollout, SafeText,
    ServiceName, Settings, Severity, SourceName, Target, Verb,
};
use gonogo::provider::registry::{Belongs, Manifest, Registry, Tag};
use gonogo::provider::{Provider, SecretPlace, SourceSpec, kind};
use gonogo::sandbox::{Clock, Options, Sandbox, Scenario, Server};

const PASSWORD: &str = "canary-registry-pass";
const TAG: &str = "v2.14.1";

fn start() -> Sandbox {
    let options = Options { clock: Clock::Manual, ..Options::default() };
    Sandbox::start(Scenario::named("quiet").unwrap(), options).unwrap()
}

fn image(sandbox: &Sandbox, tag: &str) -> String {
    format!("{}/acme/checkout:{tag}", sandbox.urls().registry)
}

fn by_digest(sandbox: &Sandbox, digest: &str) -> String {
    format!("{}/acme/checkout@{digest}", sandbox.urls().registry)
}

/// A source of deployments, with a login for the registry at `host` if there is a password.
fn spec(sandbox: &Sandbox, host: &str, password: Option<&str>) -> SourceSpec {
    let kubeconfig = sandbox.folder().join("kubeconfig");
    let mut settings = Settings::default()
        .with_text("kubeconfig", kubeconfig.to_str().unwrap())
        .with_text("context", "sandbox");
    let mut secrets = BTreeMap::new();
    if password.is_some() {
        settings = settings.with_text("registry", host).with_text("registry_user", "ann");
        secrets.insert("registry_password".to_owned(), SecretPlace::Env("PASSWORD".to_owned()));
    }
    let bound = Bound {
        role: Role::Deploy,
        service: ServiceName::new("checkout"),
        environment: Some(EnvironmentName::new("production")),
        settings: Settings::default()
            .with_text("namespace", "production")
            .with_text("workload", "deployment/checkout"),
    };
    SourceSpec {
        name: SourceName::new("prod"),
        settings,
        secrets,
        bounds: vec![bound],
        env: Arc::new([("PASSWORD".to_owned(), password.unwrap_or_default().to_owned())].into()),
    }
}

fn registry(sandbox: &Sandbox, password: Option<&str>) -> Registry {
    Registry::of(&spec(sandbox, &sandbox.urls().registry, password)).unwrap()
}

fn tokens(sandbox: &Sandbox) -> usize {
    let asked = sandbox.faults().take_ledger();
    asked.iter().filter(|e| e.server == Server::Registry && e.path.starts_with("/token")).count()
}

fn digest_of(manifest: &Manifest) -> String {
    match manifest {
        Manifest::Found(digest) => digest.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_afresh_when_it_is_no_longer_good() {
    let sandbox = start();
    let registry = registry(&sandbox, None);
    let digest = digest_of(&registry.manifest(&image(&sandbox, TAG)).await);
    assert!(digest.starts_with("sha256:"));
    assert_eq!(digest_of(&registry.manifest(&by_digest(&sandbox, &digest)).await), digest);
    assert_eq!(registry.manifest(&image(&sandbox, "v0.0.0")).await, Manifest::Missing);
    assert_eq!(tokens(&sandbox), 1, "one token for all questions about a repository");
    sandbox.world().expire_tokens();
    assert_eq!(digest_of(&registry.manifest(&image(&sandbox, TAG)).await), digest);
    assert_eq!(tokens(&sandbox), 1, "a fresh one");
    let other = format!("{}/acme/ledger:v1.9.0", sandbox.urls().registry);
    assert!(matches!(registry.manifest(&other).await, Manifest::Found(_)));
    assert_eq!(tokens(&sandbox), 1, "a token is for one repository");
}

#[tokio::test]
async fn a_private_registry_says_nothing_without_a_login_and_the_fault_says_what_would_mend_it() {
    let sandbox = start();
    sandbox.world().lock_registry("ann", PASSWORD);
    let host = sandbox.urls().registry.clone();
    let Manifest::Locked(fault) = registry(&sandbox, None).manifest(&image(&sandbox, TAG)).await else {
        panic!("a private registry answered")
    };
    assert_eq!(fault.cause, Cause::Unauthorized);
    assert!(fault.hint.unwrap().as_str().contains(&format!("registry = \"{host}\"")));
    let let_in = registry(&sandbox, Some(PASSWORD));
    assert!(matches!(let_in.manifest(&image(&sandbox, TAG)).await, Manifest::Found(_)));
    let Manifest::Untold(fault) = registry(&sandbox, Some("guess")).manifest(&image(&sandbox, TAG)).await
    else {
        panic!("a wrong password was let in")
    };
    assert_eq!(fault.cause, Cause::Forbidden);
    assert!(fault.hint.as_ref().unwrap().as_str().contains("registry_password"), "{fault:?}");
    assert!(!format!("{fault:?}").contains("guess"));
    // A login of another registry stays at home.
    let other = Registry::of(&spec(&sandbox, "registry.test", Some(PASSWORD))).unwrap();
    assert!(matches!(other.manifest(&image(&sandbox, TAG)).await, Manifest::Locked(_)));
}

#[tokio::test]
async fn what_belongs_to_an_index_is_proved_and_nothing_else() {
    let sandbox = start();
    let registry = registry(&sandbox, None);
    let reference = image(&sandbox, TAG);
    let single: SafeText = digest_of(&registry.manifest(&reference).await).as_str().into();
    let other: SafeText = digest_of(&registry.manifest(&image(&sandbox, "v2.14.2")).await).as_str().into();
    assert_eq!(registry.belongs(&reference, &single, &other).await, Belongs::No, "no index");
    let [index, amd, arm] = sandbox.world().publish_index("checkout", TAG).map(|d| SafeText::new(&d));
    assert_eq!(registry.belongs(&reference, &index, &amd).await, Belongs::As("linux/amd64".into()));
    assert_eq!(registry.belongs(&reference, &index, &arm).await, Belongs::As("linux/arm64".into()));
    assert_eq!(registry.belongs(&reference, &index, &other).await, Belongs::No);
    assert_eq!(registry.belongs(&reference, &amd, &index).await, Belongs::No, "not the other way round");
    // What was proved needs no registry any more; what was not is not believed.
    sandbox.faults().refuse(Server::Registry);
    assert_eq!(registry.belongs(&reference, &index, &amd).await, Belongs::As("linux/amd64".into()));
    assert!(matches!(registry.belongs(&reference, &other, &amd).await, Belongs::Untold(_)));
}

#[tokio::test]
async fn a_tag_is_compared_to_the_digest_that_was_tested() {
    let sandbox = start();
    let registry = registry(&sandbox, None);
    let reference = image(&sandbox, TAG);
    let tested =
        Artifact::from_reference(&format!("{reference}@{}", digest_of(&registry.manifest(&reference).await)));
    assert_eq!(registry.tag(&tested).await, Tag::Same);
    let [index, ..] = sandbox.world().publish_index("checkout", TAG).map(|d| SafeText::new(&d));
    let expected = Tag::IndexOf { index, platform: "linux/amd64".into() };
    assert_eq!(registry.tag(&tested).await, expected);
    sandbox.world().move_tag("checkout", TAG, "v2.14.2");
    assert!(matches!(registry.tag(&tested).await, Tag::Moved(now) if Some(&now) != tested.digest.as_ref()));
    let gone = Artifact { digest: tested.digest.clone(), ..Artifact::from_reference(&image(&sandbox, "v0")) };
    assert_eq!(registry.tag(&gone).await, Tag::Gone);
}

/// The cluster, with the provider that deploys to it.
struct Day {
    sandbox: Sandbox,
    provider: Arc<dyn Provider>,
}

impl Day {
    fn start() -> Self {
        let sandbox = start();
        let provider = (kind("kubernetes").unwrap().build)(spec(&sandbox, "", None)).unwrap();
        Self { sandbox, provider }
    }

    /// Looks until the rollout is as it should be.
    async fn until(&self, what: &str, holds: impl Fn(&Rollout) -> bool) -> Rollout {
        let end = Instant::now() + Duration::from_secs(30);
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        loop {
            self.sandbox.world().advance(Duration::from_secs(2));
            let seen = self.provider.observe(&Ask::default()).await.unwrap();
            let rollout = Rollout::clone(&seen.rollouts[&Place::new("checkout", "production")]);
            if holds(&rollout) {
                return rollout;
            }
            assert!(Instant::now() < end, "never: {what}: {rollout:?}");
            pace.tick().await;
        }
    }

    async fn promote(&self, artifact: Artifact) -> Prepared {
        let intent = Intent {
            verb: Verb::Promote,
            service: ServiceName::new("checkout"),
            place: Some(Place::new("checkout", "production")),
            target: Target::Artifact(artifact),
            source: SourceName::new("prod"),
            reason: None,
            answers: BTreeMap::new(),
        };
        self.provider.prepare(&intent).await.unwrap()
    }

    /// The tag, and the digest that it names now.
    async fn tested(&self, tag: &str) -> Artifact {
        let reference = image(&self.sandbox, tag);
        let digest = digest_of(&registry(&self.sandbox, None).manifest(&reference).await);
        Artifact::from_reference(&format!("{reference}@{digest}"))
    }

    /// `node-3` reports `digest` for the tag, which is deployed by its tag.
    fn deploy(&self, digest: &str) {
        let world = self.sandbox.world();
        world.cluster().register_platform("node-3", &image(&self.sandbox, TAG), digest);
        world.deploy("checkout", "production", TAG);
    }
}

/// The digests that run at the tag.
fn digests(rollout: &Rollout) -> Vec<Option<SafeText>> {
    let named = rollout.running.iter().filter(|r| r.artifact.version.as_deref_is(TAG));
    named.map(|r| r.artifact.digest.clone()).collect()
}

/// Whether a version is this one.
trait Named {
    fn as_deref_is(&self, text: &str) -> bool;
}

impl Named for Option<SafeText> {
    fn as_deref_is(&self, text: &str) -> bool {
        self.as_ref().is_some_and(|version| version.as_str() == text)
    }
}

fn settled(rollout: &Rollout) -> bool {
    rollout.at_rest()
        && rollout.target.version.as_deref_is(TAG)
        && rollout.running.iter().all(|r| r.artifact.version.as_deref_is(TAG))
}

fn told(rollout: &Rollout, part: &str) -> bool {
    rollout.remarks.iter().any(|remark| remark.as_str().contains(part))
}

#[tokio::test]
async fn replicas_on_several_platforms_run_one_image_by_the_registrys_proof() {
    let day = Day::start();
    let [index, _, arm] = day.sandbox.world().publish_index("checkout", TAG);
    day.deploy(&arm);
    let rollout = day.until("one image", settled).await;
    assert_eq!(digests(&rollout), [Some(SafeText::new(&index))]);
    assert_eq!(rollout.target.digest, Some(SafeText::new(&index)));
    assert_eq!(rollout.running[0].ready, 6);
    assert!(told(&rollout, &format!("linux/arm64 {arm}")), "{:?}", rollout.remarks);
    assert!(!told(&rollout, "different digests"), "{:?}", rollout.remarks);
}

#[tokio::test]
async fn a_replica_that_runs_something_else_stays_different() {
    let day = Day::start();
    day.sandbox.world().publish_index("checkout", TAG);
    let stranger = day.tested("v2.14.2").await.digest.unwrap();
    day.deploy(stranger.as_str());
    let rollout = day.until("two images", settled).await;
    assert_eq!(digests(&rollout).len(), 2, "{:?}", rollout.running);
    assert!(digests(&rollout).contains(&Some(stranger)));
    assert_eq!(rollout.target.digest, None, "the tag means two things");
    assert!(told(&rollout, "different images"), "{:?}", rollout.remarks);
}

#[tokio::test]
async fn a_digest_that_the_registry_does_not_know_is_not_proved_to_be_anything() {
    let day = Day::start();
    day.sandbox.world().publish_index("checkout", TAG);
    day.deploy(&format!("sha256:{}", "e".repeat(64)));
    let rollout = day.until("two digests", settled).await;
    assert_eq!(digests(&rollout).len(), 2, "{:?}", rollout.running);
    assert!(told(&rollout, "cannot prove") && told(&rollout, "404"), "{:?}", rollout.remarks);
}

#[tokio::test]
async fn without_the_registrys_word_nothing_is_proved() {
    let day = Day::start();
    let [_, _, arm] = day.sandbox.world().publish_index("checkout", TAG);
    day.sandbox.faults().refuse(Server::Registry);
    day.deploy(&arm);
    let rollout = day.until("two digests", settled).await;
    assert_eq!(digests(&rollout).len(), 2, "{:?}", rollout.running);
    assert!(told(&rollout, "cannot prove"), "{:?}", rollout.remarks);
}

#[tokio::test]
async fn the_way_back_is_there_if_its_tag_names_the_index_of_what_ran() {
    for (moved, expected) in [(false, "There"), (true, "Moved")] {
        let day = Day::start();
        let ran = |rollout: &Rollout| rollout.at_rest() && rollout.target.version.as_deref_is("v2.14.2");
        let before = day.until("the old version", ran).await;
        assert!(before.target.digest.is_some());
        day.sandbox.world().publish_index("checkout", "v2.14.2");
        if moved {
            day.sandbox.world().move_tag("checkout", "v2.14.2", "v2.14.0");
        }
        // One that never ran there before: what ran until now is the way back.
        day.sandbox.world().deploy("checkout", "production", "v2.12.0");
        let came = |rollout: &Rollout| rollout.at_rest() && rollout.target.version.as_deref_is("v2.12.0");
        let after = day.until("the new version", came).await;
        assert_eq!(after.previous().unwrap().artifact, before.target);
        let ask = Ask { focus: Some(ServiceName::new("checkout")), ..Ask::default() };
        let seen = day.provider.observe(&ask).await.unwrap();
        let stock = &seen.stock[&Place::new("checkout", "production")];
        assert!(format!("{stock:?}").starts_with(expected), "{stock:?}");
    }
}

#[tokio::test]
async fn a_tag_that_moved_since_the_test_blocks_and_both_digests_are_told() {
    let day = Day::start();
    let tested = day.tested(TAG).await;
    let now = day.tested("v2.14.2").await.digest.unwrap();
    day.sandbox.world().move_tag("checkout", TAG, "v2.14.2");
    let plan = day.promote(tested.clone()).await;
    let digest = tested.digest.as_ref().unwrap();
    assert!(plan.steps[0].body.as_ref().unwrap().contains(digest.as_str()));
    assert_eq!(plan.to.as_ref().unwrap().digest.as_ref(), Some(digest));
    let moved = plan.hazards.iter().find(|h| h.text.as_str().contains("the tag moved")).unwrap();
    assert_eq!(moved.severity, Severity::Blocking);
    assert!([digest, &now].iter().all(|d| moved.text.as_str().contains(d.as_str())), "{moved:?}");
    // The very digest that was tested is gone: what runs would be something else.
    day.sandbox.world().delete_manifest(digest.as_str());
    let plan = day.promote(tested.clone()).await;
    let mut blocking = plan.hazards.iter().filter(|h| h.severity == Severity::Blocking);
    let gone = |h: &gonogo::domain::Hazard| {
        h.text.as_str().contains("does not have") && h.text.as_str().contains(digest.as_str())
    };
    assert!(blocking.any(gone), "{:?}", plan.hazards);
}

#[tokio::test]
async fn a_platform_that_was_tested_ships_the_index_that_its_tag_names() {
    let day = Day::start();
    let tested = day.tested(TAG).await;
    let [index, ..] = day.sandbox.world().publish_index("checkout", TAG);
    let plan = day.promote(tested).await;
    assert!(plan.steps[0].body.as_ref().unwrap().contains(&format!("{TAG}@{index}")));
    assert_eq!(plan.to.unwrap().digest, Some(SafeText::new(&index)));
    let note = plan.hazards.iter().find(|h| h.text.as_str().contains("linux/amd64")).unwrap();
    assert_eq!(note.severity, Severity::Note, "{note:?}");
    let still = day.promote(day.tested("v2.14.0").await).await;
    assert!(!format!("{:?}", still.hazards).contains("registry"), "{:?}", still.hazards);
}
