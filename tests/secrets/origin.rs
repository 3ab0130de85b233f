//! R22: a token goes to the origin that the user's own config names, whoever says otherwise.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gonogo::domain::Cause;
use gonogo::provider::SecretPlace;
use gonogo::provider::http::{Auth, Endpoint, EndpointSpec, Read};
use gonogo::provider::secret::Secret;

use crate::canary::{Scanner, canary};
use crate::listener::{Listener, said};
use crate::planted::write;

/// Ways to look like a host, or to hide another one behind it.
const DISGUISES: &[&str] = &[
    "{evil}",
    "{host}.{evil}",
    "{evil}:80",
    "www.{evil}",
    "{host}@{evil}",
    "{host}:80@{evil}",
    "user:pass@{evil}",
    "{host}%40{evil}@{evil}",
    "{evil}#@{host}",
    "{evil}?@{host}",
    "{evil}/@{host}",
    "{evil}\\@{host}",
    "{host}\u{3002}{evil}",
    "{host}-{evil}",
    "x{host}.{evil}",
    "{evil}.",
    "{evil}:443",
    "xn--{evil}",
    "{host}.{evil}:8080",
    "[::ffff:127.0.0.2]",
    "127.0.0.2",
    "2130706434",
    "0x7f.0.0.2",
    "0177.0.0.2",
    "127.1",
];
/// Ways to name a place at a host.
const FORMS: &[&str] = &[
    "http://{}/repos?page=2",
    "https://{}/repos?page=2",
    "//{}/repos",
    "\\\\{}\\repos",
    "/\\{}/repos",
    "HTTP://{}/",
    "http:{}/repos",
    "ftp://{}/x",
];

/// Two hundred places that are not the one that was configured.
fn hostile() -> Vec<String> {
    let mut all = Vec::new();
    for form in FORMS {
        for disguise in DISGUISES {
            let host = disguise.replace("{evil}", "evil.test").replace("{host}", "ci.test");
            all.push(form.replace("{}", &host));
        }
    }
    all
}

/// A server that sends everybody to the place that the query numbers: by redirect, by `Link` and in its body. It is its
/// own proxy, so that whatever is sent to any host by any name is heard.
fn everywhere(places: Vec<String>) -> Listener {
    Listener::start("127.0.0.1", move |request| {
        let path = request.split_whitespace().nth(1).unwrap_or_default();
        let place = path.rsplit('=').next().and_then(|n| places.get(n.parse::<usize>().ok()?)).cloned();
        // A header is bytes; the ones of a name that is not ASCII are sent as they are.
        match place {
            Some(place) if path.contains("/moved") => {
                said("307 Moved", &format!("location: {place}\r\n"), "")
            }
            Some(place) => said(
                "200 OK",
                &format!(
                    "link: <{place}>; rel=\"next\"\r\ncontent-location: {place}\r\nrefresh: 0; url={place}\r\n"
                ),
                &serde_json::json!({"url": place, "next": place, "jobs_url": place}).to_string(),
            ),
            None => said("200 OK", "", "{}"),
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_hostile_hosts_get_nothing() {
    let secret = canary("origin", 22);
    let places = hostile();
    assert_eq!(places.len(), 200);
    let server = everywhere(places.clone());
    let address = format!("http://{}", server.address);
    // Beyond loopback a credential needs TLS, so what travels by the proxy is a tenant's header.
    let env = BTreeMap::from([("HTTP_PROXY", &address), ("HTTPS_PROXY", &address), ("TOKEN", &secret)]);
    let env: Arc<BTreeMap<String, String>> =
        Arc::new(env.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect());
    let mut proxied = EndpointSpec::new("http://ci.test/api").header("x-scope-orgid", &secret);
    proxied.env = Arc::clone(&env);
    let token = Auth::Bearer(Secret::new(SecretPlace::Env("TOKEN".to_owned()), env));
    let mut straight = EndpointSpec::new(&format!("{address}/api")).auth(token);
    straight.env = Arc::clone(&proxied.env);
    let mut elsewhere = 0;
    for spec in [proxied, straight] {
        let endpoint = Endpoint::new(spec).unwrap();
        for (index, place) in places.iter().enumerate() {
            let answer = endpoint.read(&Read::get(format!("/page?n={index}"))).await.unwrap();
            // `http:evil/x` is a path at the same host by the standard for addresses.
            let path = place.starts_with("http:") && !place.contains("//");
            assert!(path || answer.next_page().is_none(), "{place}: {:?}", answer.next_page());
            let moved = endpoint.read(&Read::get(format!("/moved?n={index}"))).await;
            match moved {
                // `http:evil/x` is a path at the same host by the standard for addresses.
                Ok(answer) => {
                    assert!(place.starts_with("http:") && !place.contains("//"), "{place}: {answer:?}")
                }
                Err(fault) => assert_eq!(fault.cause, Cause::Redirected, "{place}: {fault}"),
            }
        }
        for heard in server.take() {
            let target = heard.split_whitespace().nth(1).unwrap();
            let own = target.starts_with("http://ci.test/") || target.starts_with('/');
            elsewhere += usize::from(!own || heard.starts_with("CONNECT"));
            assert!(own, "{heard}");
        }
    }
    println!(
        "R22: {} hostile hosts, asked by redirect and by link, twice; {elsewhere} requests elsewhere",
        places.len()
    );
    assert_eq!(elsewhere, 0);
}

/// What a repository (or the folder one stands in) may hold to lead a token astray; `SINK` is a listener's address.
const REPOSITORIES: &[(&str, &[(&str, &str)])] = &[
    (
        "a dotenv",
        &[(
            ".env",
            "GITHUB_API_URL=http://SINK\nGH_HOST=SINK\nGONOGO_CONFIG=evil.toml\nHTTP_PROXY=http://SINK\n",
        )],
    ),
    (
        "a cockpit's config",
        &[
            ("config.toml", EVIL),
            ("gonogo.toml", EVIL),
            (".gonogo.toml", EVIL),
            (".gonogo/config.toml", EVIL),
        ],
    ),
    ("a config folder", &[(".config/gonogo/config.toml", EVIL), ("gonogo/config.toml", EVIL)]),
    (
        "a netrc",
        &[(".netrc", "machine SINK login a password b\n"), ("_netrc", "default login a password b\n")],
    ),
    (
        "a remote",
        &[(
            ".git/config",
            "[remote \"origin\"]\n\turl = http://SINK/acme/web.git\n\tfetch = +refs/*:refs/*\n",
        )],
    ),
    (
        "rewritten addresses",
        &[
            (
                ".git/config",
                "[url \"http://SINK/\"]\n\tinsteadOf = http://127.0.0.1\n\tinsteadOf = https://\n[include]\n\tpath = ../evil\n",
            ),
            ("evil", "[http]\n\tproxy = http://SINK\n"),
        ],
    ),
    (
        "a proxy",
        &[
            (".git/config", "[http]\n\tproxy = http://SINK\n\tsslVerify = false\n\textraHeader = x: y\n"),
            (".curlrc", "proxy = SINK\n"),
        ],
    ),
    (
        "tools' settings",
        &[
            (".npmrc", "registry=http://SINK\nproxy=http://SINK\n"),
            (".cargo/config.toml", "[http]\nproxy = \"SINK\"\n"),
            ("pip.conf", "[global]\nproxy = SINK\n"),
        ],
    ),
    ("a kubeconfig", &[("kubeconfig", KUBE), (".kube/config", KUBE), ("config", KUBE)]),
    (
        "a docker folder",
        &[
            (
                ".docker/config.json",
                "{\"proxies\":{\"default\":{\"httpProxy\":\"http://SINK\"}},\"currentContext\":\"evil\"}",
            ),
            ("docker-compose.yml", "services: {a: {image: 'SINK/a:1'}}"),
        ],
    ),
];
const EVIL: &str = "[[source]]\nname = \"ci\"\nkind = \"github\"\nurl = \"http://SINK\"\ntoken = { env = \"CI_TOKEN\" }\n\
    [[service]]\nname = \"web\"\npipeline = { source = \"ci\", project = \"acme/web\" }\n";
const KUBE: &str = "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{name: c, cluster: {server: 'http://SINK'}}]\n\
    contexts: [{name: a, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: x}}]\n";

fn git(folder: &Path, arguments: &[&str]) {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@x.test", "-C"])
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn ten_hostile_repositories_lead_no_token_astray() {
    assert_eq!(REPOSITORIES.len(), 10);
    let secret = canary("repository", 22);
    let scanner = Scanner::new(&[("repository", &secret)]);
    let sink = Listener::sink("127.0.0.1");
    let server = Listener::start("127.0.0.1", |_| said("401 Unauthorized", "", "{}"));
    for (name, files) in REPOSITORIES {
        let home = tempfile::tempdir().unwrap();
        let clone = home.path().join("clone");
        std::fs::create_dir(&clone).unwrap();
        git(&clone, &["init", "--quiet", "--object-format=sha256"]);
        git(&clone, &["commit", "--quiet", "--allow-empty", "-m", "feat: begin"]);
        for (path, text) in *files {
            let path = clone.join(path);
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            write(&path, 0o644, &(before + &text.replace("SINK", &sink.address.to_string())));
        }
        let config = home.path().join("config.toml");
        let text = format!(
            "[[source]]\nname = \"ci\"\nkind = \"github\"\nurl = \"http://{}\"\ntoken = {{ env = \"CI_TOKEN\" }}\n\
             [[source]]\nname = \"git\"\nkind = \"git\"\n[[service]]\nname = \"web\"\n\
             pipeline = {{ source = \"ci\", project = \"acme/web\" }}\ncode = {{ source = \"git\", path = \"{}\" }}\n",
            server.address,
            clone.display()
        );
        write(&config, 0o600, &text);
        let proxy = format!("http://{}", sink.address);
        for command in ["status", "doctor"] {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
                .args(["--config", config.to_str().unwrap(), command])
                .env_clear()
                .envs([("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", home.path().to_str().unwrap())])
                .envs([("CI_TOKEN", secret.as_str()), ("HTTP_PROXY", &proxy), ("ALL_PROXY", &proxy)])
                .current_dir(&clone)
                .output()
                .unwrap();
            let says = [output.stdout, output.stderr].concat();
            assert_eq!(scanner.scan(name, &says), [], "{name}");
            let says = String::from_utf8_lossy(&says).into_owned();
            assert!(says.contains("401"), "{name}: the configured server was asked: {says}");
        }
        assert!(server.take().iter().any(|heard| heard.contains(&secret)), "{name}: with the token");
        assert_eq!(sink.take(), Vec::<String>::new(), "{name}");
    }
    println!("R22: {} hostile repositories, 0 requests at the sink", REPOSITORIES.len());
}

#[test]
fn without_a_named_config_none_is_taken_from_the_folder_one_stands_in() {
    let home = tempfile::tempdir().unwrap();
    let sink = Listener::sink("127.0.0.1");
    let evil = EVIL.replace("SINK", &sink.address.to_string());
    let folder = home.path().join("clone");
    for name in
        ["config.toml", "gonogo.toml", ".gonogo.toml", ".config/gonogo/config.toml", "gonogo/config.toml"]
    {
        write(&folder.join(name), 0o644, &evil);
    }
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gonogo"))
        .arg("status")
        .env_clear()
        .envs([("HOME", home.path().to_str().unwrap()), ("CI_TOKEN", "t"), ("PATH", "/usr/bin:/bin")])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "there is no config");
    assert!(sink.take().is_empty());
}
