//! `gonogo doctor`: within ten seconds whatever hangs, with what mends each thing that is wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use gonogo::sandbox::{Clock, Folder, Options, Sandbox, Scenario};
use serde_json::Value;

fn doctor(config: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let home = config.parent().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gonogo"));
    command.arg("doctor").arg("--config").arg(config).args(arguments).env_clear().current_dir("/");
    command.env("HOME", home).env("XDG_STATE_HOME", home.join("state")).env("PATH", "/usr/bin:/bin");
    command.envs(env.iter().copied()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Takes connections and never says a word; the connections stay open as long as the listener.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let held: Vec<TcpStream> = listener.incoming().map_while(Result::ok).collect();
        drop(held);
    });
    address
}

#[test]
fn every_source_hanging_costs_less_than_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let kube = folder.path().join("kube");
    let cluster = silent();
    fs::write(
        &kube,
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: \"http://{cluster}\"}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
        ),
    )
    .unwrap();
    let config = folder.path().join("config.toml");
    let sources = [
        ("github", format!("url = \"http://{}\"", silent())),
        ("docker", format!("host = \"tcp://{}\"", silent())),
        ("prometheus", format!("url = \"http://{}\"", silent())),
        ("alertmanager", format!("url = \"http://{}\"", silent())),
        ("kubernetes", format!("kubeconfig = \"{}\"", kube.display())),
    ];
    let mut toml: String = sources
        .iter()
        .map(|(kind, line)| format!("[[source]]\nname = \"{kind}\"\nkind = \"{kind}\"\n{line}\n"))
        .collect();
    toml.push_str(
        "[[signal]]\nname = \"errors\"\nsource = \"prometheus\"\nquery = \"up\"\nhold = 1\nno_go = 2\n\
         [[service]]\nname = \"shop\"\npipeline = { source = \"github\", project = \"acme/shop\" }\n\
         [[service.environment]]\nname = \"production\"\n\
         deploy = { source = \"kubernetes\", namespace = \"shop\", workload = \"deployment/shop\" }\n\
         health = { signals = [\"errors\"], alerts = { source = \"alertmanager\" } }\n\
         [[service.environment]]\nname = \"swarm\"\ndeploy = { source = \"docker\", service = \"shop\" }\n",
    );
    fs::write(&config, toml).unwrap();
    let begun = Instant::now();
    let output = doctor(&config, &[], &[]);
    let took = begun.elapsed();
    println!("R50: doctor took {:.1} s with 5 of 5 sources hanging", took.as_secs_f32());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    let lines: Vec<&str> = said.lines().collect();
    for kind in ["github", "docker", "prometheus", "alertmanager", "kubernetes"] {
        let ill = format!("✗ {kind} ({kind}) ");
        let at =
            lines.iter().position(|line| line.starts_with(&ill)).unwrap_or_else(|| panic!("{kind}: {said}"));
        assert!(lines[at + 1].trim_start().starts_with("→ "), "{kind} has nothing that mends it: {said}");
    }
}

#[test]
fn on_a_day_where_everything_answers_each_source_tells_way_identity_and_permissions() {
    let options =
        Options { clock: Clock::Running(1.0), seed: 1, services: None, folder: Folder::Remove, start: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let world = Sandbox::start(Scenario::named("release-day").unwrap(), options).unwrap();
    let output =
        doctor(world.config_path(), &["--json"], &[("NO_COLOR", "1"), ("HTTPS_PROXY", "http://127.0.0.1:1")]);
    let said = text(&output);
    let json: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    assert_eq!(json["schema"], 1);
    let checks = json["checks"].as_array().unwrap();
    let says = |what: &str| {
        let found = checks.iter().find(|c| c["check"] == what);
        found.unwrap_or_else(|| panic!("no {what}: {said}"))["says"].as_str().unwrap().to_owned()
    };
    assert!(says("config").contains("(by --config)"));
    assert_eq!(says("theme"), "mono, by $NO_COLOR");
    assert!(says("github (github): proxy").contains("none: it is on this machine"));
    assert!(says("github (github): TLS").contains("plain HTTP"));
    assert!(says("github (github): verbs").contains("approve, reject (needs a reviewer"));
    assert!(says("github (github)").starts_with("answers; as "));
    let kube = checks.iter().find(|c| c["check"].as_str().unwrap().ends_with("(kubernetes): permissions"));
    assert!(kube.unwrap()["says"].as_str().unwrap().contains("promote, roll back"), "{said}");
    for check in checks {
        let mends = check["mend"].is_string();
        assert_eq!(mends, check["health"] != "ok", "{check}");
    }
}

#[test]
fn a_name_that_nobody_knows_is_told_with_the_command_that_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(
        &config,
        "[[source]]\nname = \"metrics\"\nkind = \"prometheus\"\nurl = \"https://nowhere.invalid\"\n",
    )
    .unwrap();
    let said = text(&doctor(&config, &[], &[]));
    assert!(said.contains("✗ metrics (prometheus): DNS"), "{said}");
    assert!(said.contains("→ getent hosts nowhere.invalid"), "{said}");
    assert!(said.contains("! config: sources"), "{said}");
    let proxied = text(&doctor(&config, &[], &[("HTTPS_PROXY", "http://127.0.0.1:9")]));
    assert!(proxied.contains("the one that $HTTPS_PROXY names"), "{proxied}");
    assert!(proxied.contains("asked by the proxy"), "{proxied}");
    let excepted =
        text(&doctor(&config, &[], &[("HTTPS_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", ".invalid")]));
    assert!(excepted.contains("none: NO_PROXY names it"), "{excepted}");
}
