//! Many repositories in one question: whether anything moved in each, and what is live there.
//!
//! Tells where to look; what is acted upon is read by REST. Costs points of a budget of its own, about one for
//! [`ASKED`] repositories, and has no entity tags: the same answer is paid for again. What fails for one repository
//! comes beside the others' answers, with status 200. A server that has no GraphQL for us is asked by REST alone.
//!
//! Source: docs.github.com/graphql, resource limitations and rate limits.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Deserialize;

use super::api::Api;
use super::bindings::Watch;
use super::runs::Links;
use super::{live, wire};
use crate::domain::{Artifact, Budget, Cause, EnvironmentName, Fault, Live, Place, SafeText, Sha};
use crate::provider::http::{Answer, EndpointSpec};

/// Repositories in one question. Two connections of each make 100 requests in GitHub's arithmetic: one point.
pub(super) const ASKED: usize = 50;

/// How long to wait when the limit names no time.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// What is asked of each repository. Runs cannot be listed by workflow here; a push, a check suite of the default
/// branch and a deployment tell that there is something to list.
const OF_EACH: &str = "pushedAt defaultBranchRef{target{... on Commit{oid checkSuites(last:5){nodes{status updatedAt}}}}} \
     deployments(first:10,orderBy:{field:CREATED_AT,direction:DESC}){nodes{databaseId commitOid environment createdAt \
     ref{name prefix} latestStatus{state createdAt environmentUrl logUrl}}}";

/// What was told of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Equal as long as nothing moved that this question can see.
    pub(super) pulse: u64,
    /// What is live, by environment in lower case, where it could be told.
    pub(super) live: BTreeMap<String, Live>,
    /// Whether a deployment waits.
    pub(super) waits: bool,
}

impl Told {
    /// What is live of a service.
    pub(super) fn of(&self, watch: &Watch) -> BTreeMap<Place, Live> {
        let one = |(ours, theirs): &(EnvironmentName, String)| {
            Some((watch.place(ours), self.live.get(&theirs.to_ascii_lowercase())?.clone()))
        };
        watch.environments.iter().filter_map(one).collect()
    }
}

/// One answer.
pub(super) struct Answered {
    /// By the place in the question.
    pub(super) told: Vec<Result<Told, Fault>>,
    /// Points that it cost.
    pub(super) cost: u64,
    /// Points that are left.
    pub(super) budget: Option<Budget>,
}

/// Where GraphQL answers beside a REST API: `https://HOST/api/graphql` of an Enterprise Server's `/api/v3`.
pub(super) fn endpoint(rest: &EndpointSpec) -> EndpointSpec {
    let url = rest.url.trim_end_matches('/');
    let url = url.strip_suffix("/v3").filter(|base| base.ends_with("/api")).unwrap_or(url);
    EndpointSpec { url: url.to_owned(), ..rest.clone() }
}

/// The question about repositories given as owner and name.
pub(super) fn question(repositories: &[(&str, &str)]) -> String {
    let mut text = String::from("{");
    for (place, (owner, name)) in repositories.iter().enumerate() {
        let (owner, name) = (quoted(owner), quoted(name));
        // Writing to a text cannot fail.
        let _ = write!(text, "r{place}:repository(owner:{owner},name:{name}){{{OF_EACH}}} ");
    }
    text.push_str("rateLimit{limit cost remaining resetAt}}");
    text
}

/// A text as a GraphQL literal, which are JSON's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Asks once.
///
/// # Errors
/// What concerns every repository: no way there, a limit, a refused token, an answer that is none.
pub(super) async fn ask(api: &Api, repositories: &[(&str, &str)], links: &Links) -> Result<Answered, Fault> {
    let answer = api.graph(question(repositories)).await?;
    read_answer(&answer.json()?, repositories.len(), &answer, links)
}

/// Makes sense of an answer.
fn read_answer(whole: &Whole, asked: usize, answer: &Answer, links: &Links) -> Result<Answered, Fault> {
    let limited = |error: &&Trouble| error.kind.as_ref().is_some_and(|kind| kind == "RATE_LIMITED");
    if let Some(error) = whole.errors.iter().flatten().find(limited) {
        let reset = answer.headers.get("x-ratelimit-reset").and_then(|text| text.trim().parse().ok());
        let until = reset.and_then(|second| Timestamp::from_second(second).ok());
        let wait = until.zip(answer.date()).map(|(until, now)| until.duration_since(now));
        let wait = wait.and_then(|wait| std::time::Duration::try_from(wait).ok()).unwrap_or(PATIENCE);
        let fault = Fault::new(Cause::RateLimited, format!("{}: {}", answer.asked(), error.words()));
        return Err(fault.retry_after(wait));
    }
    let Some(data) = &whole.data else {
        let said = whole.errors.iter().flatten().next().map_or("no data".to_owned(), Trouble::words);
        return Err(Fault::new(Cause::Malformed, format!("{}: {said}", answer.asked())));
    };
    let rate: Option<Rate> =
        data.get("rateLimit").and_then(|value| serde_json::from_value(value.clone()).ok());
    let told = (0..asked).map(|place| of_one(whole, data, &format!("r{place}"), links)).collect();
    let budget = rate.as_ref().map(|rate| Budget {
        limit: rate.limit,
        remaining: rate.remaining,
        resets: rate.reset_at,
    });
    Ok(Answered { told, cost: rate.map_or(1, |rate| rate.cost), budget })
}

fn of_one(
    whole: &Whole,
    data: &BTreeMap<String, serde_json::Value>,
    place: &str,
    links: &Links,
) -> Result<Told, Fault> {
    let ours = |error: &&Trouble| error.path.iter().flatten().next().and_then(|p| p.as_str()) == Some(place);
    if let Some(error) = whole.errors.iter().flatten().find(ours) {
        let cause = match error.kind.as_ref().map(SafeText::as_str) {
            Some("NOT_FOUND") => Cause::NotFound,
            Some("FORBIDDEN") => Cause::Forbidden,
            _ => Cause::Malformed,
        };
        return Err(Fault::new(cause, error.words()));
    }
    let value = data.get(place).filter(|value| !value.is_null());
    let value = value.ok_or_else(|| Fault::new(Cause::NotFound, "GraphQL tells nothing of it"))?;
    let one: Repository = serde_json::from_value(value.clone())
        .map_err(|error| Fault::new(Cause::Malformed, format!("GraphQL: {error}")))?;
    let waits = one.nodes().any(|node| node.latest_status.as_ref().is_some_and(|s| s.state == "WAITING"));
    Ok(Told { pulse: hash(&value.to_string()), live: live_of(&one, links), waits })
}

/// What is live by environment: the newest deployment whose latest status is success.
fn live_of(one: &Repository, links: &Links) -> BTreeMap<String, Live> {
    let mut live = BTreeMap::new();
    for node in one.nodes() {
        let Some((status, environment)) = node.latest_status.as_ref().zip(node.environment.as_ref()) else {
            continue;
        };
        if status.state != "SUCCESS" {
            continue;
        }
        let version = node.reference.as_ref().and_then(|r| {
            let prefix = r.prefix.as_ref().map_or("", SafeText::as_str);
            if prefix == "refs/tags/" { Some(r.name.clone()) } else { live::version(r.name.as_str()) }
        });
        live.entry(environment.as_str().to_ascii_lowercase()).or_insert_with(|| Live {
            artifact: Artifact {
                image: SafeText::default(),
                digest: None,
                version,
                revision: Some(node.commit_oid.clone()),
            },
            since: status.created_at.or(node.created_at),
            url: [&status.environment_url, &status.log_url].into_iter().find_map(|u| links.safe(u.as_ref())),
        });
    }
    live
}

/// Equal texts, equal numbers.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    data: Option<BTreeMap<String, serde_json::Value>>,
    #[serde(default)]
    errors: Option<Vec<Trouble>>,
}

/// One entry of `errors`.
#[derive(Deserialize)]
struct Trouble {
    #[serde(rename = "type", default)]
    kind: Option<SafeText>,
    #[serde(default)]
    message: Option<SafeText>,
    #[serde(default)]
    path: Option<Vec<serde_json::Value>>,
}

impl Trouble {
    fn words(&self) -> String {
        self.message.as_ref().map_or("GraphQL names no reason", SafeText::as_str).to_owned()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    limit: u64,
    cost: u64,
    remaining: u64,
    #[serde(default)]
    reset_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    deployments: Option<Nodes>,
}

impl Repository {
    fn nodes(&self) -> impl Iterator<Item = &Deployment> {
        self.deployments.iter().flat_map(|all| &all.nodes).flatten()
    }
}

#[derive(Deserialize)]
struct Nodes {
    #[serde(default)]
    nodes: Vec<Option<Deployment>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    #[serde(deserialize_with = "wire::commit")]
    commit_oid: Sha,
    #[serde(default)]
    environment: Option<SafeText>,
    #[serde(default)]
    created_at: Option<Timestamp>,
    #[serde(rename = "ref", default)]
    reference: Option<Reference>,
    #[serde(default)]
    latest_status: Option<Status>,
}

#[derive(Deserialize)]
struct Reference {
    name: SafeText,
    #[serde(default)]
    prefix: Option<SafeText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: SafeText,
    #[serde(default)]
    created_at: Option<Timestamp>,
    #[serde(default)]
    environment_url: Option<SafeText>,
    #[serde(default)]
    log_url: Option<SafeText>,
}
