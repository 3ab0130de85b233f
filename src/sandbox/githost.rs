//! The hosting service's git server for the repository of manifests: git's own `http-backend` behind a listener. Knows
//! the protocol between a web server and a program (CGI), and nothing of git's.

use super::world::World;
use axum::body::{Body, Bytes};
use axum::extract::State;
use hyper::{Method, Response, StatusCode, Uri, header};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long git may take for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The server: everything is git's.
pub(super) fn router(world: World) -> axum::Router {
    axum::Router::new().fallback(ask).with_state(world)
}

async fn ask(
    State(world): State<World>,
    method: Method,
    uri: Uri,
    headers: hyper::HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let Some(manifests) = world.manifests() else { return plain(StatusCode::NOT_FOUND, "no repository") };
    let Some(root) = manifests.path().parent() else { return plain(StatusCode::NOT_FOUND, "no repository") };
    let text = |name: header::HeaderName| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env_remove("GIT_DIR")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text(header::CONTENT_TYPE))
        .env("HTTP_CONTENT_ENCODING", text(header::CONTENT_ENCODING))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("REMOTE_USER", "omar")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("GIT_PROTOCOL", text(header::HeaderName::from_static("git-protocol")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let answered = tokio::time::timeout(PATIENCE, converse(command, body)).await;
    match answered {
        Ok(Ok(said)) => parsed(&said),
        Ok(Err(error)) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("git http-backend: {error}")),
        Err(_) => plain(StatusCode::GATEWAY_TIMEOUT, "git http-backend took too long"),
    }
}

async fn converse(mut command: Command, body: Bytes) -> std::io::Result<Vec<u8>> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A backend that has heard enough closes its end.
            drop(stdin.write_all(&body).await);
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), write);
    Ok(output?.stdout)
}

/// Head and body as CGI has them: `Status: 404 Not Found`, other headers, an empty line.
fn parsed(said: &[u8]) -> Response<Body> {
    let Some(end) = said.windows(4).position(|four| four == b"\r\n\r\n") else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "git http-backend said nothing");
    };
    let (head, body) = said.split_at(end);
    let head = String::from_utf8_lossy(head);
    let mut answer = Response::builder();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        answer = match name.eq_ignore_ascii_case("status") {
            true => answer.status(value.split(' ').next().unwrap_or("500")),
            false => answer.header(name, value),
        };
    }
    let body = body.get(4..).unwrap_or_default().to_vec();
    answer.body(Body::from(body)).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "unreadable"))
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut answer = Response::new(Body::from(format!("{text}\n")));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use crate::sandbox::scenario::Keeper;
    use crate::sandbox::{Clock, Options, Sandbox, Scenario, Server};
    use std::path::Path;
    use tokio::process::Command;

    async fn git(folder: &Path, args: &[&str]) -> (bool, String) {
        let mut command = Command::new("git");
        let command = command.current_dir(folder).args(args).env("GIT_TERMINAL_PROMPT", "0");
        let said = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().await.unwrap();
        (said.status.success(), String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn manifests_are_fetched_and_pushed_with_git_and_an_unreachable_server_is_one() {
        let mut scenario = Scenario::named("quiet").unwrap();
        scenario.services[0].kept_by = Keeper::ArgoCd;
        let name = scenario.services[0].name.clone();
        let sandbox =
            Sandbox::start(scenario, Options { clock: Clock::Manual, ..Options::default() }).unwrap();
        let manifests = sandbox.world().manifests().unwrap();
        let url = format!("{}/deploys.git", sandbox.urls().git);
        let root = tempfile::tempdir().unwrap();
        let (cloned, _) = git(root.path(), &["clone", "-q", &url, "copy"]).await;
        assert!(cloned);
        let copy = root.path().join("copy");
        let (_, tip) = git(&copy, &["rev-parse", "HEAD"]).await;
        assert_eq!(Some(&tip), manifests.tip().as_ref());
        let revert = ["-c", "user.name=a", "-c", "user.email=a@b", "revert", "--no-edit", "HEAD"];
        assert!(git(&copy, &revert).await.0);
        assert!(git(&copy, &["push", "-q", "origin", "HEAD:main"]).await.0);
        let before = manifests.version_at(&tip, &name).unwrap();
        let after = manifests.version_at(&manifests.tip().unwrap(), &name).unwrap();
        assert_ne!(before, after);
        sandbox.faults().refuse(Server::Git);
        assert!(!git(&copy, &["ls-remote", "origin"]).await.0);
        assert!(!git(&copy, &["ls-remote", &format!("{}/other.git", sandbox.urls().git)]).await.0);
    }
}
