//! GraphQL as far as one question about many repositories needs it. Knows the language's selections, and few types.
//!
//! As strict as the real one: an unknown field spoils the whole question, a connection without bounds too, and what
//! fails for one repository stands in `errors` beside the others' data, with status 200. Points are counted apart.
//! Source: docs.github.com/graphql.

use super::front::{Answer, Call};
use super::graphql_text::{Field, parse};
use super::shape::time;
use super::state::{Access, Deployment, Repo, Run};
use super::{GitHub, POINTS};
use crate::sandbox::images::OWNER;
use serde_json::{Map, Value, json};

/// The most entries of a connection.
const PAGE: u64 = 100;

/// Why a whole question is refused.
type Refused = Value;
type Told = Result<Value, Refused>;

/// Answers `POST /graphql`.
pub(super) fn answer(github: &mut GitHub, call: &Call) -> Answer {
    let Some(user) = call.user.clone() else {
        return Answer::error(401, "This endpoint requires you to be authenticated.");
    };
    if user.points >= POINTS {
        let message = format!("API rate limit exceeded for user ID {}.", user.id);
        return limits(
            github,
            call,
            Answer::ok(json!({"errors": [{"type": "RATE_LIMITED", "message": message}]})),
        );
    }
    let Some(text) = call.text("query") else {
        return Answer::error(400, "A query attribute must be specified and must be a string.");
    };
    let asked = parse(text).map_err(|why| json!({"message": why, "locations": []}));
    let body = match asked.and_then(|fields| whole(github, call, &fields)) {
        Ok(body) => body,
        Err(error) => json!({"errors": [error]}),
    };
    limits(github, call, Answer::ok(body))
}

/// The answer with what the headers say of the points.
fn limits(github: &GitHub, call: &Call, answer: Answer) -> Answer {
    let used = github.users.iter().find(|other| other.login == call.login()).map_or(0, |user| user.points);
    answer
        .with("x-ratelimit-limit", POINTS.to_string())
        .with("x-ratelimit-remaining", POINTS.saturating_sub(used).to_string())
        .with("x-ratelimit-used", used.to_string())
        .with("x-ratelimit-reset", github.reset.as_second().to_string())
        .with("x-ratelimit-resource", "graphql")
}

fn whole(github: &mut GitHub, call: &Call, fields: &[Field]) -> Result<Value, Refused> {
    let mut connections = 0;
    for field in fields {
        count(field, &mut connections)?;
    }
    let cost = u32::try_from((connections + 50) / 100).unwrap_or(u32::MAX).max(1);
    if let Some(user) = github.users.iter_mut().find(|other| other.login == call.login()) {
        user.points = user.points.saturating_add(cost);
    }
    let sees = call.user.as_ref().is_some_and(|user| user.access > Access::Outside);
    let (mut data, mut errors) = (Map::new(), Vec::new());
    for field in fields {
        let value = match field.name.as_str() {
            "rateLimit" => rate(github, call, cost, field)?,
            "viewer" => object("User", field, |f| match f.name.as_str() {
                "login" => Some(Ok(call.login().into())),
                _ => None,
            })?,
            "repository" => {
                let (owner, name) = (field.text("owner"), field.text("name"));
                let found = github
                    .repos
                    .iter()
                    .find(|repo| sees && owner == Some(OWNER) && name == Some(repo.name.as_str()));
                if let Some(repo) = found {
                    repository(&github.base, repo, field)?
                } else {
                    let called = format!("{}/{}", owner.unwrap_or_default(), name.unwrap_or_default());
                    let message = format!("Could not resolve to a Repository with the name '{called}'.");
                    errors.push(json!({"type": "NOT_FOUND", "path": [field.alias], "locations": [], "message": message}));
                    Value::Null
                }
            }
            _ => return Err(unknown("Query", field)),
        };
        data.insert(field.alias.clone(), value);
    }
    let mut body = Map::from_iter([("data".to_owned(), Value::Object(data))]);
    if !errors.is_empty() {
        body.insert("errors".to_owned(), errors.into());
    }
    Ok(Value::Object(body))
}

/// Counts connections, each of which makes a request in the arithmetic of the limit.
fn count(field: &Field, connections: &mut u64) -> Result<(), Refused> {
    if matches!(field.name.as_str(), "deployments" | "checkSuites") {
        *connections += 1;
        let name = &field.name;
        match field.number("first").or(field.number("last")) {
            None => {
                let message = format!(
                    "You must provide a `first` or `last` value to properly paginate the `{name}` connection."
                );
                return Err(json!({"type": "MISSING_PAGINATION_BOUNDARIES", "message": message}));
            }
            Some(more) if more > PAGE => {
                let message = format!(
                    "Requesting {more} records on the `{name}` connection exceeds the `first` limit of 100 records."
                );
                return Err(json!({"type": "EXCESSIVE_PAGINATION", "message": message}));
            }
            Some(_) => {}
        }
    }
    field.fields.iter().try_for_each(|inner| count(inner, connections))
}

fn unknown(of: &str, field: &Field) -> Refused {
    json!({
        "message": format!("Field '{}' doesn't exist on type '{of}'", field.name),
        "extensions": {"code": "undefinedField", "typeName": of, "fieldName": field.name}
    })
}

/// An object: its fields as they were asked for.
fn object(of: &str, field: &Field, tell: impl Fn(&Field) -> Option<Told>) -> Told {
    let mut fields = Map::new();
    for inner in &field.fields {
        let told = match tell(inner) {
            Some(told) => told?,
            None if inner.name == "__typename" => of.into(),
            None => return Err(unknown(of, inner)),
        };
        fields.insert(inner.alias.clone(), told);
    }
    Ok(Value::Object(fields))
}

fn rate(github: &GitHub, call: &Call, cost: u32, field: &Field) -> Told {
    let used = github.users.iter().find(|other| other.login == call.login()).map_or(0, |user| user.points);
    object("RateLimit", field, |f| {
        Some(Ok(match f.name.as_str() {
            "limit" => POINTS.into(),
            "cost" => cost.into(),
            "used" => used.into(),
            "remaining" => POINTS.saturating_sub(used).into(),
            "resetAt" => time(github.reset).into(),
            _ => return None,
        }))
    })
}

fn repository(base: &str, repo: &Repo, field: &Field) -> Told {
    let pushed = repo.runs.iter().filter(|run| run.event == "push").map(|run| run.created).max();
    let head = repo.runs.iter().filter(|run| run.branch == "main").max_by_key(|run| run.id);
    object("Repository", field, |f| {
        Some(match f.name.as_str() {
            "nameWithOwner" => Ok(format!("{OWNER}/{}", repo.name).into()),
            "pushedAt" => Ok(time(pushed.unwrap_or(repo.created)).into()),
            "defaultBranchRef" => object("Ref", f, |f| match f.name.as_str() {
                "name" => Some(Ok("main".into())),
                "target" => Some(head.map_or(Ok(Value::Null), |head| commit(repo, head, f))),
                _ => None,
            }),
            "deployments" => deployments(base, repo, f),
            _ => return None,
        })
    })
}

fn commit(repo: &Repo, head: &Run, field: &Field) -> Told {
    // The fields of a commit come in `... on Commit{}`; those of the interface stand beside it.
    object("GitObject", field, |f| {
        Some(match (f.on.as_deref(), f.name.as_str()) {
            (_, "oid") => Ok(head.sha.clone().into()),
            (Some("Commit"), "checkSuites") => {
                let mut of_head: Vec<&Run> = repo.runs.iter().filter(|run| run.sha == head.sha).collect();
                of_head.sort_by_key(|run| run.id);
                nodes("CheckSuiteConnection", f, &of_head, |run, f| {
                    let (status, conclusion) = run.status();
                    object("CheckSuite", f, |f| {
                        Some(Ok(match f.name.as_str() {
                            "databaseId" => (run.id + 1).into(),
                            "status" => status.to_uppercase().into(),
                            "conclusion" => conclusion.map(str::to_uppercase).into(),
                            "updatedAt" => time(run.updated).into(),
                            _ => return None,
                        }))
                    })
                })
            }
            _ => return None,
        })
    })
}

/// A connection, its entries in their order: `first` of them, or the `last`.
fn nodes<T>(of: &str, field: &Field, all: &[T], tell: impl Fn(&T, &Field) -> Told) -> Told {
    let bound = |name| field.number(name).and_then(|n| usize::try_from(n).ok());
    let shown = match (bound("first"), bound("last")) {
        (Some(first), _) => all.get(..first.min(all.len())),
        (None, Some(last)) => all.get(all.len().saturating_sub(last)..),
        (None, None) => None,
    };
    object(of, field, |f| match f.name.as_str() {
        "totalCount" => Some(Ok(all.len().into())),
        "nodes" => Some(shown.unwrap_or_default().iter().map(|one| tell(one, f)).collect()),
        _ => None,
    })
}

fn deployments(base: &str, repo: &Repo, field: &Field) -> Told {
    let wanted = field.list("environments");
    let fits = |one: &&Deployment| wanted.as_ref().is_none_or(|names| names.contains(&one.environment));
    let mut all: Vec<&Deployment> = repo.deployments.iter().filter(fits).collect();
    if field.inner("orderBy", "direction") == Some("DESC") {
        all.reverse();
    }
    nodes("DeploymentConnection", field, &all, |one, f| deployment(base, repo, one, f))
}

fn deployment(base: &str, repo: &Repo, one: &Deployment, field: &Field) -> Told {
    let tag = one.reference != "main";
    object("Deployment", field, |f| {
        Some(Ok(match f.name.as_str() {
            "databaseId" => one.id.into(),
            "commitOid" => one.sha.clone().into(),
            "environment" => one.environment.into(),
            "createdAt" => time(one.created).into(),
            "ref" => {
                return Some(object("Ref", f, |f| {
                    Some(Ok(match f.name.as_str() {
                        "name" => one.reference.clone().into(),
                        "prefix" => (if tag { "refs/tags/" } else { "refs/heads/" }).into(),
                        _ => return None,
                    }))
                }));
            }
            "latestStatus" => {
                let Some(status) = one.statuses.last() else { return Some(Ok(Value::Null)) };
                let rest = super::shape::deployment_status(base, repo, one, status);
                let part = |name: &str| rest.get(name).cloned().unwrap_or_default();
                return Some(object("DeploymentStatus", f, |f| {
                    Some(Ok(match f.name.as_str() {
                        "state" => status.1.to_uppercase().into(),
                        "createdAt" => part("created_at"),
                        "environmentUrl" => part("environment_url"),
                        "logUrl" => part("log_url"),
                        _ => return None,
                    }))
                }));
            }
            _ => return None,
        }))
    })
}
