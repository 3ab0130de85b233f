//! Credential plugins of a kubeconfig: which may run, what they are told, and what they hand over.
//!
//! Knows the `client.authentication.k8s.io` protocol (Kubernetes documentation, "client-go credential plugins").
//! The kubeconfig is the user's own file, so it may name a plugin, with limits: one named by a relative path is
//! never run, one that another user could have put there is not, and when the source lists `exec`, only the
//! programs listed there are. A plugin never sees the terminal, nor the secrets of others.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use secrecy::zeroize::Zeroize as _;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::connect::Asked;
use crate::domain::{Cause, Fault};
use crate::provider::child::{self, Call, Complaints, Failed, Found, Said};

/// How long a plugin may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much a plugin may print: a token and a client's certificate with its key fit many times.
const MOST: usize = 256 * 1024;
/// A credential is renewed this long before it ends.
const EARLY: Duration = Duration::from_secs(60);
/// The shortest part of a plugin's output that is not repeated from its complaints, in bytes.
const SLICE: usize = 8;
/// What mends a credential.
const LOGIN: &str = "run your login command in another terminal, then look again";

/// Makes a credential safe to use from a full-screen program, or refuses it.
pub(super) fn check(auth: &mut AuthInfo, asked: &Asked) -> Result<(), Fault> {
    if auth.auth_provider.as_ref().is_some_and(|p| p.config.contains_key("cmd-path")) {
        return Err(Fault::new(
            Cause::Local,
            "the kubeconfig's auth-provider runs a command; that is not supported",
        )
        .with_hint("use an exec credential plugin"));
    }
    let Some(exec) = auth.exec.as_mut() else { return Ok(()) };
    exec.interactive_mode = Some(ExecInteractiveMode::Never);
    allowed(exec, asked)
}

/// Checks a plugin against the rules, and pins it to its absolute path.
fn allowed(exec: &mut ExecConfig, asked: &Asked) -> Result<(), Fault> {
    let Some(command) = exec.command.clone() else {
        return Err(Fault::new(Cause::Local, "the kubeconfig's credential plugin has no command"));
    };
    let wrong = |why: &str| Fault::new(Cause::Local, format!("the credential plugin {command} {why}"));
    let found = match child::find(&command, asked.env.get("PATH").map(String::as_str)) {
        Found::At(path) => path,
        Found::Relative => {
            return Err(wrong("is named by a relative path; it is not run")
                .with_hint("name it by its absolute path in the kubeconfig"));
        }
        Found::Nowhere => {
            let hint =
                exec.install_hint.clone().unwrap_or_else(|| "install it, or log in another way".to_owned());
            return Err(wrong("is not installed").with_hint(hint));
        }
        Found::Unsafe(why) => {
            return Err(wrong(&format!("is not run: {why}, so it may be another program"))
                .with_hint("mend the permissions"));
        }
    };
    if asked.exec.as_ref().is_some_and(|list| !list.contains(&found)) {
        return Err(Fault::new(
            Cause::Local,
            format!("the credential plugin {} is not in the source's list exec", found.display()),
        )
        .with_hint(format!("allow it: exec = [\"{}\"]", found.display())));
    }
    exec.command = Some(found.to_string_lossy().into_owned());
    Ok(())
}

#[derive(Deserialize)]
struct Printed {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<Timestamp>,
}

/// Runs the plugin that a credential names, if it names one, and puts what it hands over in its place. Answers when
/// that has to be done again.
pub(super) async fn log_in(auth: &mut AuthInfo, asked: &Asked) -> Result<Option<Instant>, Fault> {
    let Some(exec) = auth.exec.take() else { return Ok(None) };
    let said = run(&exec, asked).await?;
    if !said.status.success() {
        let detail = format!("the credential plugin failed ({}): {}", said.status, complaint(&said));
        return Err(Fault::new(Cause::Unauthorized, detail).with_hint(LOGIN));
    }
    let nothing =
        || Fault::new(Cause::Unauthorized, "the credential plugin printed no credential").with_hint(LOGIN);
    let printed: Printed = serde_json::from_slice(&said.out).map_err(|_| nothing())?;
    let status = printed.status.ok_or_else(nothing)?;
    if let Some(token) = status.token.filter(|token| !token.is_empty()) {
        auth.token = Some(token.into());
    } else if status.client_certificate_data.is_none() {
        return Err(nothing());
    }
    if let (Some(certificate), Some(mut key)) = (status.client_certificate_data, status.client_key_data) {
        auth.client_certificate_data = Some(STANDARD.encode(certificate));
        auth.client_key_data = Some(STANDARD.encode(&key).into());
        key.zeroize();
    }
    Ok(status.expiration_timestamp.map(renewal))
}

/// When a credential that ends at `end` by the clock on the wall has to be renewed.
fn renewal(end: Timestamp) -> Instant {
    let left = Duration::try_from(end.duration_since(Timestamp::now())).unwrap_or_default();
    let now = Instant::now();
    // A time that no clock reaches is never.
    now.checked_add(left.saturating_sub(EARLY).min(Duration::from_secs(86_400))).unwrap_or(now)
}

async fn run(exec: &ExecConfig, asked: &Asked) -> Result<Said, Fault> {
    let program = Path::new(exec.command.as_deref().unwrap_or_default());
    let arguments: Vec<&str> = exec.args.iter().flatten().map(String::as_str).collect();
    let mut env = child::scrubbed(program, &asked.env);
    for pair in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
            env.insert(name.clone(), value.clone());
        }
    }
    let mut spec = json!({ "interactive": false });
    if let (true, Some(cluster), Some(spec)) =
        (exec.provide_cluster_info, &exec.cluster, spec.as_object_mut())
    {
        spec.insert("cluster".to_owned(), json!(cluster));
    }
    let info = json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec });
    env.insert("KUBERNETES_EXEC_INFO".to_owned(), info.to_string());
    for name in exec.drop_env.iter().flatten() {
        env.remove(name);
    }
    let call = Call {
        program,
        arguments: &arguments,
        env,
        deadline: PATIENCE,
        most: MOST,
        complaints: Complaints::Kept,
    };
    child::run(call).await.map_err(|failed| {
        let (cause, why) = match failed {
            Failed::NotStarted(error) => (Cause::Local, format!("could not be started: {}", error.kind())),
            Failed::Lost(error) => (Cause::Local, format!("was lost: {}", error.kind())),
            Failed::TooMuch => (Cause::TooLarge, "printed more than a credential can be long".to_owned()),
            Failed::TooLong => (Cause::TimedOut, format!("did not answer within {} s", PATIENCE.as_secs())),
        };
        Fault::new(cause, format!("the credential plugin {why}")).with_hint(LOGIN)
    })
}

/// The first line of a plugin's complaints, without words that may be a credential: part of what it printed, or long
/// with letters and digits mixed.
fn complaint(said: &Said) -> String {
    let line =
        said.complaints.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gave no reason");
    let printed: Vec<&[u8]> = said.out.windows(SLICE).collect();
    let shown: Vec<&str> = line
        .split_whitespace()
        .map(|word| {
            let mixed =
                word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
            let opaque = word.len() >= 16 && mixed;
            let repeated = word.as_bytes().windows(SLICE).any(|part| printed.contains(&part));
            if opaque || repeated { "(hidden)" } else { word }
        })
        .collect();
    shown.join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;

    fn asked(pairs: &[(&str, &str)], exec: Option<&[&str]>) -> Asked {
        Asked {
            kubeconfig: None,
            context: None,
            exec: exec.map(|list| list.iter().map(PathBuf::from).collect()),
            patience: Duration::from_secs(5),
            env: Arc::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
        }
    }

    fn plugin(command: &str) -> ExecConfig {
        let text = format!(r#"{{"command":"{command}","interactiveMode":"Always"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn shell(script: &str) -> AuthInfo {
        let exec = ExecConfig { args: Some(vec!["-c".to_owned(), script.to_owned()]), ..plugin("/bin/sh") };
        AuthInfo { exec: Some(exec), ..AuthInfo::default() }
    }

    #[test]
    fn a_plugin_never_gets_the_terminal() {
        let mut auth = AuthInfo { exec: Some(plugin("/bin/sh")), ..AuthInfo::default() };
        check(&mut auth, &asked(&[], None)).unwrap();
        assert_eq!(auth.exec.unwrap().interactive_mode, Some(ExecInteractiveMode::Never));
    }

    #[test]
    fn only_plugins_that_the_user_allows_are_run() {
        let path: &[(&str, &str)] = &[("PATH", "relative:/bin:/usr/bin")];
        for (command, exec, fine) in [
            ("/bin/sh", None, true),
            ("sh", None, true),
            ("./sh", None, false),
            ("bin/sh", None, false),
            ("no-such-plugin-anywhere", None, false),
            ("/bin/sh", Some(&["/bin/sh"][..]), true),
            ("sh", Some(&["/bin/sh"][..]), true),
            ("/bin/sh", Some(&["/opt/login"][..]), false),
            ("/bin/sh", Some(&[][..]), false),
        ] {
            let mut exec_config = plugin(command);
            let answer = allowed(&mut exec_config, &asked(path, exec));
            assert_eq!(answer.is_ok(), fine, "{command} {exec:?}: {answer:?}");
            if fine {
                assert!(Path::new(exec_config.command.as_deref().unwrap()).is_absolute());
            }
        }
    }

    #[tokio::test]
    async fn what_a_plugin_hands_over_takes_its_place() {
        use secrecy::ExposeSecret as _;
        let print = r#"{"kind":"ExecCredential","status":{"token":"t0ken","expirationTimestamp":"2000-01-01T00:00:00Z",
            "clientCertificateData":"-----BEGIN-----","clientKeyData":"key"}}"#;
        let mut auth = shell(&format!("echo '{print}'"));
        let renew = log_in(&mut auth, &asked(&[], None)).await.unwrap().unwrap();
        assert!(renew <= Instant::now(), "it has ended already");
        assert!(auth.exec.is_none());
        assert_eq!(auth.token.unwrap().expose_secret(), "t0ken");
        assert_eq!(auth.client_certificate_data.unwrap(), STANDARD.encode("-----BEGIN-----"));
        assert_eq!(auth.client_key_data.unwrap().expose_secret(), STANDARD.encode("key"));
        for nothing in ["echo '{}'", "echo nonsense", "true", r#"echo '{"status":{"token":""}}'"#] {
            let fault = log_in(&mut shell(nothing), &asked(&[], None)).await.unwrap_err();
            assert_eq!(fault.cause, Cause::Unauthorized, "{nothing}");
        }
    }

    #[tokio::test]
    async fn a_plugin_is_told_what_the_protocol_says_and_sees_no_secret_of_ours() {
        let vars: BTreeMap<&str, &str> =
            [("GITHUB_TOKEN", "ghp_x"), ("HOME", "/home/x"), ("DROPPED", "y")].into();
        let vars: Vec<_> = vars.into_iter().collect();
        let mut auth = shell(
            "echo \"$KUBERNETES_EXEC_INFO ${GITHUB_TOKEN-none} $HOME $GIVEN ${DROPPED-none}\" >&2; exit 1",
        );
        if let Some(exec) = auth.exec.as_mut() {
            exec.env = Some(vec![
                [("name".to_owned(), "GIVEN".to_owned()), ("value".to_owned(), "given".to_owned())].into(),
            ]);
            exec.drop_env = Some(vec!["DROPPED".to_owned()]);
        }
        let fault = log_in(&mut auth, &asked(&vars, None)).await.unwrap_err();
        let told = r#"{"apiVersion":null,"kind":"ExecCredential","spec":{"interactive":false}} none /home/x given none"#;
        assert!(fault.detail.as_str().ends_with(told), "{fault}");
    }

    #[tokio::test]
    async fn complaints_are_shown_without_what_may_be_a_credential() {
        let script = "echo CANARY-VALUE; echo \"session of k8s-aws-v1.aHR0cHM6Ly9zdHM and xCANARY-V has expired\" >&2; exit 1";
        let fault = log_in(&mut shell(script), &asked(&[], None)).await.unwrap_err();
        assert!(fault.detail.as_str().ends_with(": session of (hidden) and (hidden) has expired"), "{fault}");
    }
}
