//! The house around the servers: files, repositories, scenarios, and that nothing is left in the end.

use super::{client, pass, start};
use gonogo::sandbox::{Clock, Folder, Options, Sandbox, Scenario};
use std::time::{Duration, Instant};

#[test]
fn every_scenario_has_a_title_and_a_lesson() {
    for name in Scenario::names() {
        let scenario = Scenario::named(name).unwrap();
        assert!(!scenario.title.is_empty() && scenario.teach.ends_with('.'), "{name}");
        assert!(!scenario.services.is_empty(), "{name}");
    }
    let unknown = Scenario::named("nonsense").unwrap_err().to_string();
    assert!(unknown.contains("release-day"), "{unknown}");
}

#[tokio::test]
async fn every_scenario_starts_and_a_minute_passes() {
    for name in Scenario::names() {
        let sandbox = start(name);
        pass(&sandbox, 60);
        assert!(sandbox.config_path().exists(), "{name}");
    }
}

#[tokio::test]
async fn nothing_is_left_when_it_ends() {
    let sandbox = start("release-day");
    let (folder, urls) = (sandbox.folder().to_path_buf(), sandbox.urls().clone());
    assert!(client().get(format!("{}/-/ready", urls.prometheus)).send().await.unwrap().status().is_success());
    drop(sandbox);
    assert!(!folder.exists());
    let deadline = Instant::now() + Duration::from_secs(5);
    for url in [urls.github, urls.prometheus, urls.alertmanager, urls.kubernetes] {
        while client().get(&url).send().await.is_ok() {
            assert!(Instant::now() < deadline, "{url} still listens");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_folder_can_be_kept() {
    let options = Options { clock: Clock::Manual, folder: Folder::Keep, ..Options::default() };
    let sandbox = Sandbox::start(Scenario::named("quiet").unwrap(), options).unwrap();
    let folder = sandbox.folder().to_path_buf();
    drop(sandbox);
    assert!(folder.join("config.toml").exists());
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn tokens_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = start("quiet");
    for file in ["github-token", "kubeconfig", "config.toml"] {
        let mode = std::fs::metadata(sandbox.folder().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let config = std::fs::read_to_string(sandbox.config_path()).unwrap();
    assert!(!config.contains("demo-token"));
    let parsed: toml::Value = toml::from_str(&config).unwrap();
    assert_eq!(parsed["source"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn the_same_seed_and_start_give_the_same_commits() {
    let head = || {
        let start = Some("2026-03-02T09:00:00Z".parse().unwrap());
        let options = Options { clock: Clock::Manual, start, ..Options::default() };
        let sandbox = Sandbox::start(Scenario::named("release-day").unwrap(), options).unwrap();
        let repository = git2::Repository::open(sandbox.folder().join("code/checkout")).unwrap();
        repository.revparse_single("v2.15.0^{commit}").unwrap().id().to_string()
    };
    assert_eq!(head(), head());
}

#[tokio::test]
async fn a_clone_has_a_history_worth_reading() {
    let sandbox = start("release-day");
    let repository = git2::Repository::open(sandbox.folder().join("code/checkout")).unwrap();
    let mut walk = repository.revwalk().unwrap();
    walk.push_ref("refs/tags/v2.15.0").unwrap();
    let commits: Vec<_> = walk.map(|id| repository.find_commit(id.unwrap()).unwrap()).collect();
    assert!((30..=50).contains(&commits.len()), "{}", commits.len());
    let messages: Vec<_> = commits.iter().map(|commit| commit.message().unwrap().to_owned()).collect();
    assert!(messages.iter().any(|message| message.starts_with("revert: ")));
    assert!(messages.iter().any(|message| message.contains("SHOP-812")));
    let mut people: Vec<_> =
        commits.iter().map(|commit| commit.author().name().unwrap().to_owned()).collect();
    people.sort();
    people.dedup();
    assert_eq!(people.len(), 6, "{people:?}");
    let times: Vec<_> = commits.iter().map(|commit| commit.time().seconds()).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "newest first");
    let (local, remote) = ("refs/heads/main", "refs/remotes/origin/main");
    let id = |name: &str| repository.refname_to_id(name).unwrap();
    assert_eq!(repository.graph_ahead_behind(id(local), id(remote)).unwrap(), (0, 2));
}

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A token to pull a repository, as anybody gets it.
async fn pull_token(registry: &str, name: &str) -> String {
    let url = format!("http://{registry}/token?service=registry.sandbox&scope=repository:{name}:pull");
    let answer: serde_json::Value = client().get(url).send().await.unwrap().json().await.unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_registry_knows_what_a_tag_means() {
    let sandbox = start("quiet");
    let host = &sandbox.urls().registry;
    let registry = format!("http://{host}/v2/acme/checkout/manifests");
    let token = pull_token(host, "acme/checkout").await;
    let asked = |method: reqwest::Method, word: &str| {
        client().request(method, format!("{registry}/{word}")).bearer_auth(&token).header("accept", OCI)
    };
    let head = asked(reqwest::Method::HEAD, "v2.14.2").send().await.unwrap();
    let digest = head.headers()["docker-content-digest"].to_str().unwrap().to_owned();
    assert!(digest.starts_with("sha256:") && digest.len() == 71);
    let by_digest = asked(reqwest::Method::GET, &digest).send().await.unwrap();
    use sha2::Digest;
    let sum: String =
        sha2::Sha256::digest(by_digest.bytes().await.unwrap()).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(digest, format!("sha256:{sum}"));
    let missing = asked(reqwest::Method::GET, "v0.0.0").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert!(missing.text().await.unwrap().contains("MANIFEST_UNKNOWN"));
    // An index is only for those who say that they know indexes.
    let [index, image, _] = sandbox.world().publish_index("checkout", "v2.14.2");
    assert_eq!(image, digest);
    assert_eq!(asked(reqwest::Method::HEAD, "v2.14.2").send().await.unwrap().status(), 404);
    let head = asked(reqwest::Method::HEAD, "v2.14.2").header("accept", INDEX).send().await.unwrap();
    assert_eq!(head.headers()["docker-content-digest"].to_str().unwrap(), index);
    assert_eq!(asked(reqwest::Method::HEAD, &digest).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_registry_wants_a_token_and_a_private_one_a_login() {
    let sandbox = start("quiet");
    let host = &sandbox.urls().registry;
    let url = format!("http://{host}/v2/acme/checkout/manifests/v2.14.2");
    let bare = client().head(&url).header("accept", OCI).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let wanted = bare.headers()["www-authenticate"].to_str().unwrap();
    for part in [&format!("realm=\"http://{host}/token\""), "scope=\"repository:acme/checkout:pull\""] {
        assert!(wanted.contains(part), "{wanted}");
    }
    let status = async |token: &str| {
        client().head(&url).bearer_auth(token).header("accept", OCI).send().await.unwrap().status().as_u16()
    };
    let token = pull_token(host, "acme/checkout").await;
    assert_eq!(status(&token).await, 200);
    assert_eq!(status(&pull_token(host, "acme/search").await).await, 401, "a token of another repository");
    assert_eq!(status("made-up").await, 401);
    sandbox.world().expire_tokens();
    assert_eq!(status(&token).await, 401, "expired");
    let bad = client().get(format!("http://{host}/token?scope=repository:acme/checkout:push")).send().await;
    assert_eq!(bad.unwrap().status(), 400);
    sandbox.world().lock_registry("ann", "open-sesame");
    assert_eq!(status(&pull_token(host, "acme/checkout").await).await, 401, "good for nothing");
    let asked = format!("http://{host}/token?service=registry.sandbox&scope=repository:acme/checkout:pull");
    let wrong = client().get(&asked).basic_auth("ann", Some("guess")).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
    let right = client().get(&asked).basic_auth("ann", Some("open-sesame")).send().await.unwrap();
    let answer: serde_json::Value = right.json().await.unwrap();
    assert_eq!(status(answer["token"].as_str().unwrap()).await, 200);
}

#[tokio::test]
async fn a_fleet_has_as_many_services_as_asked_for() {
    let options = Options { clock: Clock::Manual, services: Some(12), ..Options::default() };
    let sandbox = Sandbox::start(Scenario::named("fleet").unwrap(), options).unwrap();
    pass(&sandbox, 10);
    assert_eq!(sandbox.world().running("checkout-0009", "production"), [("v2.14.2".to_owned(), 6)]);
}

#[tokio::test]
async fn the_freeze_holds_as_the_day_begins_and_in_no_other_scenario() {
    use gonogo::config::{Surroundings, load};
    for name in Scenario::names() {
        let sandbox = start(name);
        let text = std::fs::read_to_string(sandbox.config_path()).unwrap();
        let config = load(&text, "config.toml", &Surroundings::default(), gonogo::provider::KINDS).unwrap();
        let policies = config.services.iter().flat_map(|s| &s.environments).map(|e| &e.policy);
        let frozen = policies
            .filter(|policy| gonogo::domain::freeze::frozen(&policy.freeze, jiff::Timestamp::now()).is_some())
            .count();
        assert_eq!(frozen > 0, name == "freeze", "{name}");
    }
}
