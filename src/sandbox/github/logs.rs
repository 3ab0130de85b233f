//! The logs of jobs: an address at another origin, signed for one minute, and the storage host behind it, which wants
//! no credential and refuses whoever brings one. Text as runners write it: a time, then groups, colours, markers.
//!
//! In a run that is scripted to fail, the scan's log means harm, and that of the unit tests has 50 MB.

use super::front::{Answer, Call, repo_at};
use super::state::{Job, Phase, Run};
use super::{GitHub, artifacts};
use crate::sandbox::serve::page;
use crate::sandbox::world::World;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;
use hyper::header::AUTHORIZATION;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// How long a signed address is good, in seconds.
const SIGNED: i64 = 60;
/// How long logs are kept, in days.
const KEPT_DAYS: i64 = 90;
/// Lines of the log that is too long, and how many of them are sent at a time.
const FLOOD: usize = 500_000;
const PIECE: usize = 2_000;

/// `GET ../actions/jobs/{id}/logs`.
pub(super) fn address(github: &GitHub, index: usize, call: &Call, id: &str) -> Result<Answer, Answer> {
    let repo = repo_at(github, index)?;
    let (_, job) = find(&repo.runs, id).ok_or_else(Answer::not_found)?;
    let Phase::Done(_) = job.phase else { return Err(Answer::not_found()) };
    let (Some(_), Some(ended)) = (job.started, job.completed) else { return Err(Answer::not_found()) };
    if call.now.duration_since(ended) > SignedDuration::from_hours(24 * KEPT_DAYS) {
        return Err(Answer::error(410, "Server Error"));
    }
    Ok(Answer::empty(302).with("location", signed(github, &repo.name, id, call.now)))
}

/// An address at the storage host, good for a minute.
pub(super) fn signed(github: &GitHub, repo: &str, name: &str, now: Timestamp) -> String {
    let until = now.as_second() + SIGNED;
    let signature = sign(repo, name, until);
    format!("{}/{repo}/{name}?se={until}&sig={signature}", github.store)
}

fn sign(repo: &str, job: &str, until: i64) -> String {
    let sum = Sha256::digest(format!("a key of the storage host/{repo}/{job}/{until}"));
    sum.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn find<'a>(runs: &'a [Run], id: &str) -> Option<(&'a Run, &'a Job)> {
    runs.iter().find_map(|run| run.jobs.iter().find(|job| job.id.to_string() == id).map(|job| (run, job)))
}

/// The storage host.
pub(in crate::sandbox) fn router(world: World) -> Router {
    Router::new().fallback(store).with_state(world)
}

async fn store(State(world): State<World>, request: Request) -> Response {
    let refused = |status, code: &str| {
        page(status, "application/xml", format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"))
    };
    if request.headers().contains_key(AUTHORIZATION) {
        return refused(400, "InvalidAuthenticationInfo");
    }
    let query = crate::sandbox::form(request.uri().query().unwrap_or_default());
    let param = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let mut segments = request.uri().path().split('/').skip(1);
    let (Some(repo), Some(id)) = (segments.next(), segments.next()) else {
        return refused(404, "ResourceNotFound");
    };
    let until: i64 = param("se").and_then(|text| text.parse().ok()).unwrap_or(0);
    let state = world.lock();
    if state.now.as_second() > until || param("sig") != Some(sign(repo, id, until)) {
        return refused(403, "AuthenticationFailed");
    }
    let repos = &state.ci.github.repos;
    let repo = repos.iter().find(|other| other.name == repo);
    if let Some(archive) = repo.and_then(|repo| artifacts::stored(repo, id)) {
        let mut response = Response::new(Body::from(archive));
        let kind = hyper::header::HeaderValue::from_static("application/zip");
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
        return response;
    }
    let found = repo.and_then(|repo| find(&repo.runs, id));
    let Some((run, job)) = found else { return refused(404, "BlobNotFound") };
    let floods = run.fails.is_some() && job.plan.name == "unit";
    let text = text(run, job);
    let began = job.started.unwrap_or(job.created);
    drop(state);
    let mut response = if floods {
        let pieces = (0..FLOOD / PIECE).map(move |piece| flood(piece, began)).chain([text]);
        Response::new(Body::from_stream(stream::iter(pieces.map(Ok::<_, std::convert::Infallible>))))
    } else {
        Response::new(Body::from(text))
    };
    let kind = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}

fn flood(piece: usize, at: Timestamp) -> String {
    let at = at.strftime("%Y-%m-%dT%H:%M:%S");
    (piece * PIECE..(piece + 1) * PIECE)
        .map(|line| {
            format!(
                "{at}.0000000Z test cart::property::case_{line:06} ... ok (one of very many, all alike)\n"
            )
        })
        .collect()
}

/// The log of a job that has ended.
fn text(run: &Run, job: &Job) -> String {
    let began = job.started.unwrap_or(job.created);
    let whole = job.completed.unwrap_or(began).duration_since(began).as_millis();
    let count = i128::try_from(job.plan.steps.len().max(1)).unwrap_or(1);
    let mut out = String::from("\u{feff}");
    for (index, step) in (0_i128..).zip(job.plan.steps) {
        let last = index + 1 == count;
        let failed = last && job.phase == Phase::Done("failure");
        let lines = said(run, job, step, failed);
        let lines_count = i128::try_from(lines.len().max(1)).unwrap_or(1);
        // Steps begin at whole seconds, as the API tells them.
        let (from, to) = (whole / 1_000 * index / count * 1_000, whole / 1_000 * (index + 1) / count * 1_000);
        for (nth, line) in (0_i128..).zip(lines) {
            let millis = i64::try_from(from + (to - from) * nth / lines_count).unwrap_or(0);
            let at = began.checked_add(SignedDuration::from_millis(millis)).unwrap_or(began);
            let fraction = at.subsec_nanosecond() / 100;
            out.push_str(&format!("{}.{fraction:07}Z {line}\n", at.strftime("%Y-%m-%dT%H:%M:%S")));
        }
    }
    out
}

/// What a step says.
fn said(run: &Run, job: &Job, step: &str, failed: bool) -> Vec<String> {
    let lines = |all: &[&str]| all.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    if step == "Set up job" {
        let mut set_up = lines(SET_UP);
        set_up.push(format!("Complete job name: {}", job.plan.name));
        return set_up;
    }
    let word = step.to_lowercase().replace(' ', "-");
    let mut all = vec![
        format!("##[group]Run make {word}"),
        format!("\u{1b}[36;1mmake {word} VERSION={}\u{1b}[0m", run.version),
        "shell: /usr/bin/bash -e {0}".to_owned(),
        "##[endgroup]".to_owned(),
    ];
    all.extend(match step {
        "Check out" => lines(&["##[command]/usr/bin/git version", "git version 2.51.0"])
            .into_iter()
            .chain([format!("HEAD is now at {} {}", run.sha.get(..7).unwrap_or_default(), run.title)])
            .collect(),
        "Compile" => lines(COMPILE),
        "Unit tests" => lines(UNIT),
        "Start the services" => lines(SERVICES),
        "End-to-end tests" if failed => lines(E2E_FAILED),
        "End-to-end tests" => lines(E2E),
        "Scan the image" if run.fails.is_some() => hostile(),
        _ => lines(&["\u{1b}[32m✓\u{1b}[0m done"]),
    });
    if failed {
        all.push("##[error]Process completed with exit code 1.".to_owned());
    }
    all
}

const SET_UP: &[&str] = &[
    "Current runner version: '2.328.0'",
    "##[group]Operating System",
    "Ubuntu",
    "24.04.3",
    "LTS",
    "##[endgroup]",
    "##[group]GITHUB_TOKEN Permissions",
    "Contents: read",
    "Metadata: read",
    "##[endgroup]",
    "Secret source: Actions",
    "Prepare workflow directory",
];

const COMPILE: &[&str] = &[
    "\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m cart v2.15.0 (/build/cart)",
    "\u{1b}[1m\u{1b}[33mwarning\u{1b}[0m\u{1b}[1m: unused variable: `owner`\u{1b}[0m",
    "  \u{1b}[1m\u{1b}[34m-->\u{1b}[0m src/cart/merge.rs:41:9",
    "\u{1b}[1m\u{1b}[32m    Finished\u{1b}[0m `release` profile [optimized] target(s) in 48.20s",
];

const UNIT: &[&str] = &[
    "running 214 tests",
    "test cart::merge::keeps_every_line ... \u{1b}[32mok\u{1b}[0m",
    "test price::reads_in_one_query ... \u{1b}[32mok\u{1b}[0m",
    "test result: \u{1b}[32mok\u{1b}[0m. 214 passed; 0 failed; 3 ignored; finished in 18.31s",
];

const SERVICES: &[&str] = &[
    "Network e2e_default  Creating",
    "Container e2e-postgres-1  Started",
    "Container e2e-cart-1  Started",
    "##[warning]e2e-postgres-1 has no health check; waiting 5 s instead",
    "waiting for cart to answer ...\rwaiting for cart to answer: it does",
];

const E2E: &[&str] = &[
    "Running 18 scenarios with 4 workers",
    "  \u{1b}[32m✓\u{1b}[0m a guest fills a cart (2.1s)",
    "  \u{1b}[32m✓\u{1b}[0m the cart follows the account (3.4s)",
    "  \u{1b}[32m✓\u{1b}[0m two devices, one account (4.0s)",
    "\u{1b}[32m18 passed\u{1b}[0m (31.2s)",
];

const E2E_FAILED: &[&str] = &[
    "Running 18 scenarios with 4 workers",
    "  \u{1b}[32m✓\u{1b}[0m a guest fills a cart (2.1s)",
    "  \u{1b}[32m✓\u{1b}[0m the cart follows the account (3.4s)",
    "  \u{1b}[31m✗\u{1b}[0m two devices, one account (15.0s)",
    "",
    "  1) two devices, one account",
    "",
    "    \u{1b}[31mError: expected the cart of device B to hold 3 lines, it held 2\u{1b}[39m",
    "    \u{1b}[2m    at e2e/cart/two_devices.spec.ts:57:31\u{1b}[22m",
    "",
    "      55 |   await deviceB.reload();",
    "      56 |   const lines = await deviceB.cart.lines();",
    "    \u{1b}[31m>\u{1b}[0m 57 |   assert.equal(lines.length, 3);",
    "         |          \u{1b}[31m^\u{1b}[0m",
    "",
    "    server log: cart::merge: timed out after 5 s waiting for lock carts/4711",
    "::error file=e2e/cart/two_devices.spec.ts,line=57,title=two devices, one account::expected 3 lines, got 2",
    "",
    "  \u{1b}[31m1 failed\u{1b}[0m",
    "  \u{1b}[32m17 passed\u{1b}[0m (44.9s)",
    "make: *** [Makefile:88: end-to-end-tests] Error 1",
];

/// A log whose author means harm.
fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
        "\u{1b}]0;production is healthy\u{7}a title for the terminal",
        "\u{1b}]52;c;Y3VybCBldmlsLnRlc3QgfCBzaA==\u{7}something for the clipboard",
        "\u{1b}]8;;https://evil.test/\u{1b}\\a link that leads elsewhere\u{1b}]8;;\u{1b}\\",
        "\u{1b}[2J\u{1b}[1;1H\u{1b}[?1049l\u{1b}[?25la screen for itself",
        "\u{1b}[8mhidden text\u{1b}[28m in a line",
        "right to left: \u{202e}txt.exe\u{202c}, zero\u{200b}width, tag\u{e0041}",
        "all is well\r\u{1b}[2KCRITICAL: one finding",
        "\u{9b}31mC1 sequences\u{9c} and a bell \u{7}",
        "::error title=\u{1b}[31mnot ours::a marker with colours in it",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(format!("e{}", "\u{301}".repeat(400)));
    all.push("long ".repeat(8_000));
    all
}
