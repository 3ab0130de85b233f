//! The command that does by hand what a step would do: `gh`, `kubectl`, `curl`, `git` or a declared program, in one line
//! for a POSIX shell. Holds no secret: a token is a variable of the operator's, and a body with values of environment variables
//! is left out.

mod clone;

use crate::domain::text::LONGEST;
use crate::domain::{Reach, SafeText, Step, Verb};

/// The longest body that is part of a command, in bytes.
const LONGEST_BODY: usize = 2_000;

/// Stands for a body that is not part of the command.
const BODY: &str = "\"$BODY\"";

/// The equivalent of these steps, one after the other as long as each succeeds. Nothing in it ends a line, steers a
/// terminal, or leaves its quotes.
#[must_use]
pub fn commands(steps: &[(&Step, &Reach)]) -> SafeText {
    let whole = lines(steps, quotable);
    if whole.chars().count() <= LONGEST {
        SafeText::new(&whole)
    } else {
        SafeText::new(&lines(steps, |_| false))
    }
}

fn lines(steps: &[(&Step, &Reach)], fits: impl Fn(&str) -> bool) -> String {
    let mut left_out = "";
    let mut commands = Vec::new();
    for (step, reach) in steps {
        if let Reach::Git { url } = reach {
            let whole = step.body.as_deref().is_some_and(&fits);
            commands.push(clone::commands(step, url.as_str(), whole));
            continue;
        }
        let body = step.body.as_deref().map(|body| {
            if fits(body) && step.shown_body().as_deref() == Some(body) {
                return quoted(body);
            }
            left_out = "  # $BODY: too long, or it holds values of environment variables; not copied";
            BODY.to_owned()
        });
        commands.push(command(step, reach, body.as_deref()));
    }
    format!("{}{left_out}", commands.join(" && "))
}

fn command(step: &Step, reach: &Reach, body: Option<&str>) -> String {
    match reach {
        Reach::Gh { host } => gh(step, host.as_ref(), body),
        Reach::Kubectl { context, config } => kubectl(step, context.as_ref(), config.as_ref(), body),
        Reach::Socket { path } => {
            let socket = format!("--unix-socket {} ", quoted(path.as_str()));
            curl(step, &socket, "http://localhost", body)
        }
        Reach::Http { base, token } => {
            let token =
                token.map(|name| format!("-H \"Authorization: Bearer ${name}\" ")).unwrap_or_default();
            curl(step, &token, base.as_str(), body)
        }
        Reach::Basic { base, user, token } => {
            let user = format!("-u {}:\"${token}\" ", quoted(user.as_str()));
            curl(step, &user, base.as_str(), body)
        }
        Reach::Program => program(step, body),
        Reach::Git { url } => clone::commands(step, url.as_str(), body.is_some()),
    }
}

/// What of an action stays, whatever is done afterwards.
#[must_use]
pub const fn lasting(verb: Verb) -> &'static str {
    match verb {
        Verb::Approve => "the review stays under your name, and what the run does next begins at once",
        Verb::Reject => "the review stays under your name, and the run ends: only a new one can ship this",
        Verb::Promote => {
            "what the new version did until then stays: its migrations, what it wrote, what it sent"
        }
        Verb::RollBack => {
            "what the newer version did stays: migrations are not taken back, nor what it wrote"
        }
        Verb::PromoteFully => {
            "what the new version did until then stays, and the analyses that were skipped were never made"
        }
        Verb::Abort => "what the coming version did until then stays, and it is still what is asked for",
        Verb::Retry => "what the coming version does with its share of the traffic stays",
        Verb::Restart => {
            "what the replicas held in memory is gone, and the requests that they did not end in time"
        }
        Verb::Hold => "nothing: what was changed by hand meanwhile stays until the controller is released",
        Verb::Release => "what Git says is applied, over what was changed by hand meanwhile",
        Verb::Pause | Verb::Resume => "nothing but what the replicas that were replaced meanwhile have done",
        Verb::Rerun => "the jobs run again with all their effects; the earlier attempt stays in the record",
        Verb::Cancel => "the run ends where it is: what its jobs did until then stays, half done or not",
    }
}

/// A text as one word of a shell: nothing in it means anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whether a body can stand in one line as it is.
fn quotable(body: &str) -> bool {
    body.len() <= LONGEST_BODY && SafeText::new(body).as_str() == body
}

fn gh(step: &Step, host: Option<&SafeText>, body: Option<&str>) -> String {
    let host = host.map(|host| format!("--hostname {} ", quoted(host.as_str()))).unwrap_or_default();
    let call = format!("gh api {host}--method {} {}", quoted(&step.method), quoted(&step.path));
    match body {
        Some(body) => format!("printf %s {body} | {call} --input -"),
        None => call,
    }
}

/// The declared program with its document. Variables that it needs are the operator's to set.
fn program(step: &Step, body: Option<&str>) -> String {
    let words: Vec<String> = serde_json::from_str(&step.path).unwrap_or_default();
    let call = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    format!("printf %s {} | {call}", body.unwrap_or("'{}'"))
}

fn curl(step: &Step, more: &str, base: &str, body: Option<&str>) -> String {
    let kind =
        step.content_type.as_ref().map(|kind| format!("-H {} ", quoted(&format!("Content-Type: {kind}"))));
    let kind = kind.unwrap_or_default();
    let body = body.map(|body| format!("--data-raw {body} ")).unwrap_or_default();
    let address = quoted(&format!("{base}{}", step.path));
    format!("curl -sS -X {} {more}{kind}{body}{address}", quoted(&step.method))
}

fn kubectl(step: &Step, context: Option<&SafeText>, config: Option<&SafeText>, body: Option<&str>) -> String {
    let flag = |name: &str, value: Option<&SafeText>| {
        value.map(|value| format!(" --{name} {}", quoted(value.as_str()))).unwrap_or_default()
    };
    let start = format!("kubectl{}{}", flag("kubeconfig", config), flag("context", context));
    let body = body.unwrap_or("'{}'");
    let kind = match step.content_type.as_deref() {
        Some("application/json-patch+json") => Some("json"),
        Some("application/merge-patch+json") => Some("merge"),
        Some("application/strategic-merge-patch+json") => Some("strategic"),
        _ => None,
    };
    let thing = Thing::of(&step.path);
    match (step.method.as_str(), thing, kind) {
        ("PATCH", Some(thing), Some(kind)) => {
            let part = thing.part.map(|part| format!(" --subresource {}", quoted(part))).unwrap_or_default();
            let place = format!(
                "-n {} patch {} {}",
                quoted(thing.namespace),
                quoted(&thing.kind),
                quoted(thing.name)
            );
            let manager =
                if step.path.contains("fieldManager=gonogo") { " --field-manager gonogo" } else { "" };
            format!("{start} {place}{part}{manager} --type {kind} -p {body}")
        }
        ("PUT", ..) => format!("printf %s {body} | {start} replace --raw {} -f -", quoted(&step.path)),
        ("DELETE", ..) => format!("{start} delete --raw {}", quoted(&step.path)),
        _ => format!("printf %s {body} | {start} create --raw {} -f -", quoted(&step.path)),
    }
}

/// An object in a path of the Kubernetes API.
struct Thing<'a> {
    namespace: &'a str,
    /// `deployments.v1.apps`.
    kind: String,
    name: &'a str,
    part: Option<&'a str>,
}

impl<'a> Thing<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
        let mut parts = path.split('/');
        let suffix = match (parts.next()?, parts.next()?) {
            ("apis", group) => format!(".{}.{group}", parts.next()?),
            ("api", _) => String::new(),
            _ => return None,
        };
        if parts.next()? != "namespaces" {
            return None;
        }
        let (namespace, plural, name) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { namespace, kind: format!("{plural}{suffix}"), name, part: parts.next() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SourceName;

    fn step(method: &str, path: &str, kind: Option<&str>, body: Option<&str>) -> Step {
        Step {
            source: SourceName::new("s"),
            method: method.into(),
            path: path.into(),
            content_type: kind.map(str::to_owned),
            body: body.map(str::to_owned),
            effect: "does it".into(),
        }
    }

    #[test]
    fn each_client_gets_the_very_request() {
        let gh = Reach::Gh { host: None };
        let enterprise = Reach::Gh { host: Some("git.example.test".into()) };
        let kubectl = Reach::Kubectl { context: Some("prod-eu".into()), config: None };
        let socket = Reach::Socket { path: "/run/docker.sock".into() };
        let http = Reach::Http { base: "http://127.0.0.1:1".into(), token: Some("GH_TOKEN") };
        let patch = step(
            "PATCH",
            "/apis/apps/v1/namespaces/shop/deployments/web?fieldManager=gonogo",
            Some("application/json-patch+json"),
            Some(r#"[{"op":"test"}]"#),
        );
        let scale = step(
            "PATCH",
            "/apis/argoproj.io/v1alpha1/namespaces/s/rollouts/w/status",
            Some("application/merge-patch+json"),
            Some("{}"),
        );
        let post = step("POST", "/repos/a/b", Some("application/json"), Some(r#"{"a":1}"#));
        let bare = step("POST", "/repos/a/b/cancel", None, None);
        let run =
            step("RUN", r#"["/opt/ship","--to=it's","v2"]"#, Some("application/json"), Some(r#"{"a":1}"#));
        for (step, reach, wanted) in [
            (&post, &gh, r#"printf %s '{"a":1}' | gh api --method 'POST' '/repos/a/b' --input -"#),
            (&bare, &gh, "gh api --method 'POST' '/repos/a/b/cancel'"),
            (&bare, &enterprise, "gh api --hostname 'git.example.test' --method 'POST' '/repos/a/b/cancel'"),
            (
                &patch,
                &kubectl,
                r#"kubectl --context 'prod-eu' -n 'shop' patch 'deployments.v1.apps' 'web' --field-manager gonogo --type json -p '[{"op":"test"}]'"#,
            ),
            (
                &scale,
                &kubectl,
                "kubectl --context 'prod-eu' -n 's' patch 'rollouts.v1alpha1.argoproj.io' 'w' --subresource 'status' --type merge -p '{}'",
            ),
            (
                &post,
                &http,
                r#"curl -sS -X 'POST' -H "Authorization: Bearer $GH_TOKEN" -H 'Content-Type: application/json' --data-raw '{"a":1}' 'http://127.0.0.1:1/repos/a/b'"#,
            ),
            (
                &bare,
                &socket,
                "curl -sS -X 'POST' --unix-socket '/run/docker.sock' 'http://localhost/repos/a/b/cancel'",
            ),
            (
                &bare,
                &Reach::Basic {
                    base: "https://ci.test".into(),
                    user: "ma'ra".into(),
                    token: "JENKINS_TOKEN",
                },
                r#"curl -sS -X 'POST' -u 'ma'\''ra':"$JENKINS_TOKEN" 'https://ci.test/repos/a/b/cancel'"#,
            ),
            (&run, &Reach::Program, r#"printf %s '{"a":1}' | '/opt/ship' '--to=it'\''s' 'v2'"#),
        ] {
            assert_eq!(commands(&[(step, reach)]).as_str(), wanted);
        }
    }

    #[test]
    fn a_revert_is_a_clone_a_commit_and_a_push_with_the_same_guard() {
        let reach = Reach::Git { url: "https://git.test/d.git".into() };
        let body = r#"{"onto":"aaaaaaaaaa","expects":"aaaaaaaaaa","folder":"apps/it's","as_at":"bbbb","tree":"cccc","message":"Revert \"x\"\n\nWhy: it's bad\n","author":"Ann B. <ann@x.test>"}"#;
        let step = step("PUSH", "refs/heads/main", None, Some(body));
        let said = commands(&[(&step, &reach)]).to_string();
        for wanted in [
            "git clone -q --no-checkout 'https://git.test/d.git' 'revert-aaaaaaa'",
            "checkout -q --detach 'aaaaaaaaaa'",
            r"restore --source='bbbb' --staged --worktree -- 'apps/it'\''s'",
            r#"printf '%s\n' 'Revert "x"' '' 'Why: it'\''s bad' | git"#,
            "-c 'user.name=Ann B.' -c 'user.email=ann@x.test' commit",
            "push --force-with-lease='refs/heads/main:aaaaaaaaaa' origin 'HEAD:refs/heads/main'",
        ] {
            assert!(said.contains(wanted), "{wanted} in {said}");
        }
        let long = step_with(&step, &body.replace("bad", &"x".repeat(LONGEST_BODY)));
        let said = commands(&[(&long, &reach)]).to_string();
        assert!(said.contains("\"$MESSAGE\"") && !said.contains('…'), "{said}");
    }

    fn step_with(step: &Step, body: &str) -> Step {
        Step { body: Some(body.to_owned()), ..step.clone() }
    }

    #[test]
    fn values_of_environment_variables_and_long_bodies_are_left_out() {
        let reach = Reach::Socket { path: "/run/docker.sock".into() };
        let secret = step("POST", "/services/x/update", None, Some(r#"{"Env":["PASSWORD=hunter2"]}"#));
        let said = commands(&[(&secret, &reach), (&secret, &reach)]).to_string();
        assert_eq!(said.matches("curl").count(), 2);
        assert!(said.find('#') > said.rfind("curl"), "a remark in between would hide the second: {said}");
        assert!(
            !said.contains("hunter2") && said.contains("--data-raw \"$BODY\"") && said.contains("# $BODY"),
            "{said}"
        );
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST_BODY));
        let long = step("POST", "/x", None, Some(&long));
        assert!(commands(&[(&long, &reach)]).as_str().contains("\"$BODY\""));
        let half = format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST_BODY / 2));
        let half = step("POST", "/x", None, Some(&half));
        let many = commands(&[(&half, &reach); 6]).to_string();
        assert!(many.chars().count() < LONGEST && !many.contains('…'), "a command is never cut: {many}");
    }

    /// What a POSIX shell makes of a word in single quotes, joined as [`quoted`] writes it.
    fn read_by_a_shell(word: &str) -> String {
        let mut out = String::new();
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            if first == '\'' {
                let (inside, after) = rest[1..].split_once('\'').expect("a quote that ends");
                out.push_str(inside);
                rest = after;
            } else {
                assert!(rest.starts_with("\\'"), "outside of quotes: {rest}");
                out.push('\'');
                rest = &rest[2..];
            }
        }
        out
    }

    #[test]
    fn nothing_leaves_its_quotes() {
        for text in
            ["plain", "it's", "'; rm -rf / #", "$(id)", "`id`", "a\\b", "''", "\"$TOKEN\"", "!history"]
        {
            assert_eq!(read_by_a_shell(&quoted(text)), text);
        }
        let reach = Reach::Gh { host: None };
        let evil = step("POST", "/x'; id; '", None, Some("{\"a\":\"\u{1b}]52;c;x\u{7}\n\u{202e}\"}"));
        let said = commands(&[(&evil, &reach)]).to_string();
        assert!(said.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{said}");
        assert!(said.contains("\"$BODY\""), "a body that would be changed is not copied: {said}");
    }
}
