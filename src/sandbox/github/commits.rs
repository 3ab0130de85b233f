//! Commits, comparisons, tags and refs: answered from the bare git repository itself.

use super::GitHub;
use super::front::{Answer, Call, repo_at};
use super::shape::{self, html, time, url};
use super::state::{Repo, Run};
use git2::{Commit, Oid, Repository};
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A comparison carries at most this many commits.
const COMPARED: usize = 250;

pub(super) fn route(github: &mut GitHub, index: usize, call: &Call, rest: &[&str]) -> Result<Answer, Answer> {
    let repo = repo_at(github, index)?;
    let base = &github.base;
    match (&call.method, rest) {
        (&Method::GET, ["commits", reference @ .., "status"]) => {
            let sha = named(repo, &reference.join("/")).ok_or_else(|| no_commit(&reference.join("/")))?;
            // Nobody reports by the old interface, so there is nothing, and the combination of nothing is pending.
            Ok(Answer::ok(json!({
                "state": "pending", "statuses": [], "sha": sha, "total_count": 0, "repository": shape::repo(base, repo),
                "commit_url": url(base, repo, &format!("/commits/{sha}")),
                "url": url(base, repo, &format!("/commits/{sha}/status"))
            })))
        }
        (&Method::GET, ["commits", reference @ .., "check-runs"]) => {
            let sha = named(repo, &reference.join("/")).ok_or_else(|| no_commit(&reference.join("/")))?;
            let all = repo
                .runs
                .iter()
                .filter(|run| run.sha == sha)
                .flat_map(|run| check_runs(base, repo, run))
                .collect();
            Ok(Answer::page(call, all, |total, runs| json!({"total_count": total, "check_runs": runs})))
        }
        (&Method::GET, ["commits", reference @ ..]) if !reference.is_empty() => {
            let sha = named(repo, &reference.join("/")).ok_or_else(|| no_commit(&reference.join("/")))?;
            let opened = open(repo)?;
            let found = Oid::from_str(&sha).and_then(|id| opened.find_commit(id));
            found.map(|found| Answer::ok(commit(base, repo, &found))).map_err(|_| no_commit(&sha))
        }
        (&Method::GET, ["compare", basehead @ ..]) => compare(base, repo, &basehead.join("/")),
        (&Method::GET, ["tags"]) => tags(base, repo, call),
        (&Method::GET, ["git", "ref", name @ ..]) => {
            let name = format!("refs/{}", name.join("/"));
            let opened = open(repo)?;
            let found = opened.find_reference(&name).map_err(|_| Answer::not_found())?;
            Ok(Answer::ok(git_ref(base, repo, &name, found.target().unwrap_or(Oid::ZERO_SHA1))))
        }
        (&Method::POST, ["git", "refs"]) => {
            call.must_write("contents=write")?;
            make_ref(base, repo, call)
        }
        (&Method::POST, ["git", "tags"]) => {
            call.must_write("contents=write")?;
            make_tag(base, repo, call)
        }
        _ => Err(Answer::not_found()),
    }
}

fn open(repo: &Repo) -> Result<Repository, Answer> {
    Repository::open(&repo.git).map_err(|_| Answer::error(500, "Server Error"))
}

fn no_commit(reference: &str) -> Answer {
    Answer::error(422, &format!("No commit found for SHA: {reference}"))
}

/// The commit of a sha, a branch or a tag, as the API resolves it.
pub(super) fn named(repo: &Repo, word: &str) -> Option<String> {
    let opened = Repository::open(&repo.git).ok()?;
    let forms = [format!("refs/heads/{word}"), format!("refs/tags/{word}"), format!("refs/{word}")];
    let by_name = forms.iter().find_map(|form| opened.find_reference(form).ok()?.peel_to_commit().ok());
    let commit = by_name.or_else(|| {
        let hex = word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hex { opened.revparse_single(word).ok()?.peel_to_commit().ok() } else { None }
    })?;
    Some(commit.id().to_string())
}

/// The commit of a branch or tag; never of a sha.
pub(super) fn named_only(repo: &Repo, word: &str) -> Option<String> {
    let is_sha = word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_sha {
        None
    } else {
        named(repo, word.trim_start_matches("refs/heads/").trim_start_matches("refs/tags/"))
    }
}

fn check_runs(base: &str, repo: &Repo, run: &Run) -> Vec<Value> {
    run.current()
        .map(|job| {
            let (status, conclusion) = shape::job_status(job);
            let here = url(base, repo, &format!("/check-runs/{}", job.id));
            let page = html(repo, &format!("/actions/runs/{}/job/{}", run.id, job.id));
            let mut found = json!({
                "id": job.id, "node_id": format!("CR_{}", job.id), "head_sha": run.sha, "name": job.plan.name,
                "url": here, "html_url": page, "details_url": page, "status": status, "conclusion": conclusion,
                "started_at": time(job.started.unwrap_or(job.created)), "completed_at": job.completed.map(time),
                "external_id": job.id.to_string(), "check_suite": {"id": run.id + 1}, "pull_requests": [],
                "output": {"title": null, "summary": null, "text": null, "annotations_count": 0,
                    "annotations_url": format!("{here}/annotations")},
                "app": null
            });
            let deployment = repo.deployments.iter().find(|one| Some(one.id) == job.deployment);
            if let (Some(deployment), Some(fields)) = (deployment, found.as_object_mut()) {
                let mut body = shape::deployment(base, repo, deployment);
                if let Some(body) = body.as_object_mut() {
                    for key in ["sha", "ref", "payload", "creator"] {
                        body.remove(key);
                    }
                }
                fields.insert("deployment".into(), body);
            }
            found
        })
        .collect()
}

fn compare(base: &str, repo: &Repo, basehead: &str) -> Result<Answer, Answer> {
    let (from, to) = basehead.split_once("...").ok_or_else(Answer::not_found)?;
    let from = named(repo, from).ok_or_else(Answer::not_found)?;
    let to = named(repo, to).ok_or_else(Answer::not_found)?;
    let opened = open(repo)?;
    compared(base, repo, &opened, &from, &to).map(Answer::ok).map_err(|_| Answer::not_found())
}

fn compared(
    base: &str,
    repo: &Repo,
    opened: &Repository,
    from: &str,
    to: &str,
) -> Result<Value, git2::Error> {
    let (from_id, to_id) = (Oid::from_str(from)?, Oid::from_str(to)?);
    let (ahead, behind) = opened.graph_ahead_behind(to_id, from_id)?;
    let merge_base = opened.merge_base(from_id, to_id)?;
    let mut walk = opened.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
    walk.push(to_id)?;
    walk.hide(from_id)?;
    let ids: Vec<Oid> = walk.collect::<Result<_, _>>()?;
    let shape = |id: Oid| -> Result<Value, git2::Error> { Ok(commit(base, repo, &opened.find_commit(id)?)) };
    let commits: Vec<Value> = ids.iter().take(COMPARED).map(|id| shape(*id)).collect::<Result<_, _>>()?;
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let page = html(repo, &format!("/compare/{from}...{to}"));
    Ok(json!({
        "url": url(base, repo, &format!("/compare/{from}...{to}")), "html_url": page, "permalink_url": page,
        "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"), "base_commit": shape(from_id)?,
        "merge_base_commit": shape(merge_base)?, "status": status, "ahead_by": ahead, "behind_by": behind,
        "total_commits": ahead, "commits": commits, "files": files(base, repo, opened, merge_base, to_id)?
    }))
}

fn files(
    base: &str,
    repo: &Repo,
    opened: &Repository,
    from: Oid,
    to: Oid,
) -> Result<Vec<Value>, git2::Error> {
    let (old, new) = (opened.find_commit(from)?.tree()?, opened.find_commit(to)?.tree()?);
    let diff = opened.diff_tree_to_tree(Some(&old), Some(&new), None)?;
    let mut found = Vec::new();
    for (index, delta) in diff.deltas().enumerate() {
        let name =
            delta.new_file().path().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        let stats = git2::Patch::from_diff(&diff, index)?.map(|patch| patch.line_stats()).transpose()?;
        let (_, added, removed) = stats.unwrap_or_default();
        let status = match delta.status() {
            git2::Delta::Added => "added",
            git2::Delta::Deleted => "removed",
            _ => "modified",
        };
        let blob = html(repo, &format!("/blob/{to}/{name}"));
        found.push(json!({
            "sha": delta.new_file().id().to_string(), "filename": name, "status": status, "additions": added,
            "deletions": removed, "changes": added + removed, "blob_url": blob, "raw_url": blob,
            "contents_url": url(base, repo, &format!("/contents/{name}?ref={to}"))
        }));
    }
    Ok(found)
}

fn commit(base: &str, repo: &Repo, commit: &Commit<'_>) -> Value {
    let sha = commit.id().to_string();
    let who = |signature: &git2::Signature<'_>| {
        json!({
            "name": String::from_utf8_lossy(signature.name_bytes()),
            "email": String::from_utf8_lossy(signature.email_bytes()),
            "date": time(Timestamp::from_second(signature.when().seconds()).unwrap_or_default())
        })
    };
    let author = commit.author();
    let email = String::from_utf8_lossy(author.email_bytes()).into_owned();
    let account = shape::user(base, email.split('@').next().unwrap_or_default());
    let (here, page) = (url(base, repo, &format!("/commits/{sha}")), html(repo, &format!("/commit/{sha}")));
    let parents: Vec<Value> = commit
        .parent_ids()
        .map(|id| {
            json!({"sha": id.to_string(), "url": url(base, repo, &format!("/commits/{id}")),
                "html_url": html(repo, &format!("/commit/{id}"))})
        })
        .collect();
    let tree = commit.tree_id();
    json!({
        "url": here, "sha": sha, "node_id": format!("C_{sha}"), "html_url": page,
        "comments_url": format!("{here}/comments"), "author": account, "committer": account, "parents": parents,
        "commit": {
            "url": url(base, repo, &format!("/git/commits/{sha}")), "author": who(&author),
            "committer": who(&commit.committer()), "message": String::from_utf8_lossy(commit.message_bytes()),
            "comment_count": 0,
            "tree": {"sha": tree.to_string(), "url": url(base, repo, &format!("/git/trees/{tree}"))}
        }
    })
}

fn tags(base: &str, repo: &Repo, call: &Call) -> Result<Answer, Answer> {
    let opened = open(repo)?;
    let names = opened.tag_names(None).map_err(|_| Answer::not_found())?;
    let mut all = Vec::new();
    // Newest last, on purpose: the order of this list is not by date.
    for name in names.iter().flatten().flatten() {
        let sha = named(repo, &format!("tags/{name}")).unwrap_or_default();
        all.push(json!({
            "name": name, "node_id": format!("REF_{name}"),
            "commit": {"sha": sha, "url": url(base, repo, &format!("/commits/{sha}"))},
            "zipball_url": url(base, repo, &format!("/zipball/refs/tags/{name}")),
            "tarball_url": url(base, repo, &format!("/tarball/refs/tags/{name}"))
        }));
    }
    Ok(Answer::page(call, all, |_, tags| Value::Array(tags)))
}

fn git_ref(base: &str, repo: &Repo, name: &str, target: Oid) -> Value {
    json!({
        "ref": name, "node_id": format!("REF_{name}"), "url": url(base, repo, &format!("/git/{name}")),
        "object": {"type": "commit", "sha": target.to_string(),
            "url": url(base, repo, &format!("/git/commits/{target}"))}
    })
}

fn make_ref(base: &str, repo: &Repo, call: &Call) -> Result<Answer, Answer> {
    let name = call.text("ref").filter(|name| name.starts_with("refs/") && name.matches('/').count() >= 2);
    let name = name.ok_or_else(|| {
        Answer::error(422, "Reference name must start with 'refs/' and have at least two slashes")
    })?;
    let opened = open(repo)?;
    let target = call.text("sha").and_then(|sha| Oid::from_str(sha).ok());
    let target = target.filter(|id| opened.find_object(*id, None).is_ok());
    let target = target.ok_or_else(|| Answer::error(422, "Object does not exist"))?;
    match opened.reference(name, target, false, "api") {
        Ok(_) => Ok(Answer::json(201, git_ref(base, repo, name, target))),
        Err(error) if error.code() == git2::ErrorCode::Exists => {
            Err(Answer::error(422, "Reference already exists"))
        }
        Err(_) => Err(Answer::error(422, "Reference name is not valid")),
    }
}

/// An annotated tag's object. It is not reachable before somebody makes the ref.
fn make_tag(base: &str, repo: &Repo, call: &Call) -> Result<Answer, Answer> {
    let (Some(tag), Some(message), Some(object)) =
        (call.text("tag"), call.text("message"), call.text("object"))
    else {
        return Err(Answer::error(
            422,
            "Invalid request.\n\n\"tag\", \"message\" and \"object\" must be supplied.",
        ));
    };
    let opened = open(repo)?;
    let found = Oid::from_str(object).and_then(|id| opened.find_object(id, None));
    let found = found.map_err(|_| Answer::error(422, "Object does not exist"))?;
    let email = format!("{}@acme.test", call.login());
    let made = git2::Signature::new(call.login(), &email, &git2::Time::new(call.now.as_second(), 0))
        .and_then(|tagger| opened.tag_annotation_create(tag, &found, &tagger, message))
        .map_err(|_| Answer::error(422, "Tag name is not valid"))?;
    let sha = made.to_string();
    Ok(Answer::json(
        201,
        json!({
            "node_id": format!("TAG_{sha}"), "tag": tag, "sha": sha, "message": message,
            "url": url(base, repo, &format!("/git/tags/{sha}")),
            "tagger": {"name": call.login(), "email": email, "date": time(call.now)},
            "object": {"type": "commit", "sha": object, "url": url(base, repo, &format!("/git/commits/{object}"))}
        }),
    ))
}
