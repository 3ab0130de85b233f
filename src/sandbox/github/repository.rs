//! The repository itself, its environments, deployments and releases.

use super::GitHub;
use super::commits::named;
use super::front::{Answer, Call, repo_at};
use super::shape::{self, html, time, url};
use super::state::{Deployment, ENVIRONMENTS, Release, Repo};
use hyper::Method;
use serde_json::{Value, json};

pub(super) fn route(github: &mut GitHub, index: usize, call: &Call, rest: &[&str]) -> Result<Answer, Answer> {
    if call.method == Method::POST && rest.first() == Some(&"releases") {
        call.must_write("contents=write")?;
        return match rest {
            ["releases"] => make_release(github, index, call),
            ["releases", "generate-notes"] => notes(repo_at(github, index)?, call),
            _ => Err(Answer::not_found()),
        };
    }
    if call.method != Method::GET {
        return Err(Answer::not_found());
    }
    let repo = repo_at(github, index)?;
    let base = &github.base;
    match rest {
        [] => Ok(Answer::ok(shape::full_repo(base, repo))),
        ["environments"] => {
            let all = ENVIRONMENTS.iter().map(|one| shape::environment(base, repo, one)).collect();
            Ok(Answer::page(call, all, |total, all| json!({"total_count": total, "environments": all})))
        }
        ["environments", name] => {
            let found = ENVIRONMENTS.iter().find(|one| one.name == *name).ok_or_else(Answer::not_found)?;
            Ok(Answer::ok(shape::environment(base, repo, found)))
        }
        ["environments", name, "deployment_protection_rules"] => {
            let app = repo.rules.app.as_ref().filter(|_| *name == "production");
            Ok(Answer::ok(shape::custom_rules(base, app)))
        }
        ["deployments", more @ ..] => deployments(base, repo, call, more),
        ["releases", more @ ..] => releases(base, repo, call, more),
        _ => Err(Answer::not_found()),
    }
}

fn deployments(base: &str, repo: &Repo, call: &Call, rest: &[&str]) -> Result<Answer, Answer> {
    let find =
        |id: &str| repo.deployments.iter().find(|one| one.id.to_string() == id).ok_or_else(Answer::not_found);
    match rest {
        [] => {
            let fits = |one: &&Deployment| {
                let is = |name: &str, value: &str| call.param(name).is_none_or(|wanted| wanted == value);
                is("environment", one.environment) && is("sha", &one.sha) && is("ref", &one.reference)
            };
            let newest_first = repo.deployments.iter().rev().filter(fits);
            let all = newest_first.map(|one| shape::deployment(base, repo, one)).collect();
            Ok(Answer::page(call, all, |_, all| Value::Array(all)))
        }
        [id] => Ok(Answer::ok(shape::deployment(base, repo, find(id)?))),
        [id, "statuses"] => {
            let found = find(id)?;
            let newest_first = found.statuses.iter().rev();
            let all =
                newest_first.map(|status| shape::deployment_status(base, repo, found, status)).collect();
            Ok(Answer::page(call, all, |_, all| Value::Array(all)))
        }
        _ => Err(Answer::not_found()),
    }
}

fn releases(base: &str, repo: &Repo, call: &Call, rest: &[&str]) -> Result<Answer, Answer> {
    let shown = |one: &&Release| !one.draft || call.must_write("contents=write").is_ok();
    let newest_first = repo.releases.iter().rev().filter(shown);
    let found = match rest {
        [] => {
            let all = newest_first.map(|one| release(base, repo, one)).collect();
            return Ok(Answer::page(call, all, |_, all| Value::Array(all)));
        }
        ["latest"] => newest_first.into_iter().find(|one| !one.draft && !one.prerelease),
        ["tags", tag @ ..] => newest_first.into_iter().find(|one| !one.draft && one.tag == tag.join("/")),
        [id] => newest_first.into_iter().find(|one| one.id.to_string() == *id),
        _ => None,
    };
    found.map(|one| Answer::ok(release(base, repo, one))).ok_or_else(Answer::not_found)
}

fn release(base: &str, repo: &Repo, of: &Release) -> Value {
    let here = url(base, repo, &format!("/releases/{}", of.id));
    json!({
        "url": here, "html_url": html(repo, &format!("/releases/tag/{}", of.tag)), "assets_url": format!("{here}/assets"),
        "upload_url": format!("{here}/assets{{?name,label}}"), "id": of.id, "node_id": format!("RE_{}", of.id),
        "tarball_url": url(base, repo, &format!("/tarball/{}", of.tag)),
        "zipball_url": url(base, repo, &format!("/zipball/{}", of.tag)), "tag_name": of.tag,
        "target_commitish": of.target, "name": of.name, "body": of.body, "draft": of.draft,
        "prerelease": of.prerelease, "immutable": false, "created_at": time(of.created),
        "published_at": (!of.draft).then(|| time(of.created)), "author": shape::user(base, &of.author), "assets": []
    })
}

/// The notes between two tags, one line for each commit. Nothing is kept.
fn notes(repo: &Repo, call: &Call) -> Result<Answer, Answer> {
    let tag = call
        .text("tag_name")
        .ok_or_else(|| Answer::error(422, "Invalid request.\n\n\"tag_name\" wasn't supplied."))?;
    let head = named(repo, tag).or_else(|| named(repo, call.text("target_commitish").unwrap_or("main")));
    let head = head.ok_or_else(Answer::not_found)?;
    let previous = call.text("previous_tag_name").map(str::to_owned).or_else(|| {
        let older = repo.releases.iter().rev().find(|one| !one.draft && one.tag != tag);
        older.map(|one| one.tag.clone())
    });
    let body = body_between(repo, previous.as_deref(), &head).map_err(|_| Answer::not_found())?;
    let (owner, name) = (crate::sandbox::images::OWNER, &repo.name);
    let range = previous.map_or_else(|| tag.to_owned(), |previous| format!("{previous}...{tag}"));
    let body = format!(
        "## What's Changed\n{body}\n\n**Full Changelog**: https://github.com/{owner}/{name}/compare/{range}"
    );
    Ok(Answer::ok(json!({"name": tag, "body": body})))
}

fn body_between(repo: &Repo, previous: Option<&str>, head: &str) -> Result<String, git2::Error> {
    let opened = git2::Repository::open(&repo.git)?;
    let mut walk = opened.revwalk()?;
    walk.push(git2::Oid::from_str(head)?)?;
    if let Some(previous) = previous.and_then(|previous| named(repo, previous)) {
        walk.hide(git2::Oid::from_str(&previous)?)?;
    }
    let mut lines = Vec::new();
    for id in walk {
        let commit = opened.find_commit(id?)?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        let email = String::from_utf8_lossy(commit.author().email_bytes()).into_owned();
        let who = email.split('@').next().unwrap_or_default().to_owned();
        lines.push(format!("* {} by @{who}", message.lines().next().unwrap_or_default()));
    }
    Ok(lines.join("\n"))
}

fn make_release(github: &mut GitHub, index: usize, call: &Call) -> Result<Answer, Answer> {
    let missing = || Answer::error(422, "Invalid request.\n\n\"tag_name\" wasn't supplied.");
    let tag = call.text("tag_name").ok_or_else(missing)?.to_owned();
    let repo = repo_at(github, index)?;
    if repo.releases.iter().any(|one| one.tag == tag && !one.draft) {
        let error = json!([{"resource": "Release", "code": "already_exists", "field": "tag_name"}]);
        return Err(Answer::invalid(error));
    }
    let flag = |key: &str| call.body.get(key).and_then(Value::as_bool).unwrap_or(false);
    let target = call.text("target_commitish").unwrap_or("main").to_owned();
    let draft = flag("draft");
    if !draft && named(repo, &format!("tags/{tag}")).is_none() {
        let invalid = || {
            Answer::invalid(json!([{"resource": "Release", "code": "invalid", "field": "target_commitish"}]))
        };
        let sha = named(repo, &target).ok_or_else(invalid)?;
        let made = git2::Repository::open(&repo.git).and_then(|opened| {
            opened
                .reference(&format!("refs/tags/{tag}"), git2::Oid::from_str(&sha)?, false, "release")
                .map(|_| ())
        });
        made.map_err(|_| Answer::error(422, "Tag name is not well-formed"))?;
    }
    let mut body = call.text("body").unwrap_or_default().to_owned();
    if flag("generate_release_notes")
        && let Ok(notes) = notes(repo, call)
        && let Some(text) = notes.body.as_ref().and_then(|notes| notes.get("body")).and_then(Value::as_str)
    {
        body.push_str(text);
    }
    github.next_id += 1;
    let made = Release {
        id: github.next_id,
        name: call.text("name").unwrap_or(&tag).to_owned(),
        tag,
        target,
        body,
        draft,
        prerelease: flag("prerelease"),
        author: call.login().to_owned(),
        created: call.now,
    };
    let answer = release(&github.base, repo_at(github, index)?, &made);
    let at = format!("{}/releases/{}", call.path.trim_end_matches("/releases"), made.id);
    if let Some(repo) = github.repos.get_mut(index) {
        repo.releases.push(made);
    }
    Ok(Answer::json(201, answer).with("location", format!("{}{at}", github.base)))
}
