//! Where a repository of manifests lies: an address that git understands, of the few kinds that are let through, without
//! a password in it. Knows no program and asks nobody.

use crate::domain::{Cause, Fault, SafeText};

/// An address, and what git may speak to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whereabouts {
    /// As git is given it.
    pub(super) url: String,
    /// As it is shown.
    pub(super) shown: SafeText,
    /// The transports that git may use, as `GIT_ALLOW_PROTOCOL` takes them.
    pub(super) protocols: &'static str,
    /// The server; none for a folder on this machine.
    pub(super) host: Option<String>,
}

/// What is let through to a server. `ext::` and whatever else would run a program never is.
const SERVERS: &str = "https:ssh:git";
/// Plain HTTP is for servers on this machine only.
const LOOPBACK: &str = "http:https:ssh:git";
/// For a repository in a folder of this machine.
const FOLDER: &str = "file";

impl Whereabouts {
    /// Reads an address; `home` stands for a leading `~`.
    ///
    /// # Errors
    /// A `Local` fault that quotes nothing of what could be a password.
    pub(super) fn read(raw: &str, home: Option<&str>) -> Result<Self, Fault> {
        let raw = raw.trim();
        if raw.is_empty() || raw.starts_with('-') || raw.chars().any(|c| c.is_control() || c == ' ') {
            return Err(wrong("`url` is no address"));
        }
        if let Some(rest) = raw.strip_prefix("~/") {
            let home = home.ok_or_else(|| wrong("`url` begins with ~, and HOME is not set"))?;
            return Ok(folder(format!("{}/{rest}", home.trim_end_matches('/'))));
        }
        if raw.starts_with('/') {
            return Ok(folder(raw.to_owned()));
        }
        match raw.split_once("://") {
            Some(("file", path)) if path.starts_with('/') => Ok(folder(path.to_owned())),
            Some(("https", rest)) => over_http(raw, rest, SERVERS),
            Some(("http", rest)) => over_http(raw, rest, LOOPBACK),
            Some((scheme @ ("ssh" | "git"), rest)) => over_ssh(raw, scheme, rest),
            Some(_) => Err(wrong("`url` is of a kind that is not used: https, ssh, git or a folder's path")),
            None => scp_like(raw),
        }
    }
}

fn wrong(what: &str) -> Fault {
    Fault::new(Cause::Local, what).with_hint(
        "for example \"https://git.example.org/acme/deploys.git\" or \"git@git.example.org:acme/deploys.git\"",
    )
}

fn secret() -> Fault {
    Fault::new(Cause::Local, "`url` holds a login, and an address is seen by everybody on this machine").with_hint(
        "leave it out: git asks your credential helper, and credential.<url>.username in git's config names who",
    )
}

fn folder(path: String) -> Whereabouts {
    Whereabouts { shown: SafeText::new(&path), url: path, protocols: FOLDER, host: None }
}

fn over_http(raw: &str, rest: &str, protocols: &'static str) -> Result<Whereabouts, Fault> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(secret());
    }
    if raw.contains(['?', '#']) {
        return Err(wrong("`url` has a query, which no repository needs"));
    }
    let host = host_of(authority);
    if host.is_empty() || path.is_empty() {
        return Err(wrong("`url` names no host or no repository"));
    }
    if protocols == LOOPBACK && !["127.0.0.1", "localhost", "[::1]"].contains(&host) {
        return Err(wrong("`url` is plain HTTP, which is only used on this machine"));
    }
    Ok(server(raw, host, protocols))
}

fn over_ssh(raw: &str, scheme: &str, rest: &str) -> Result<Whereabouts, Fault> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, place) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if user.is_some_and(|user| scheme == "git" || user.contains(':')) {
        return Err(secret());
    }
    let host = host_of(place);
    if host.is_empty() || host.starts_with('-') || user.is_some_and(|u| u.starts_with('-')) || path.is_empty()
    {
        return Err(wrong("`url` names no host or no repository"));
    }
    Ok(server(raw, host, SERVERS))
}

/// `git@host:path`.
fn scp_like(raw: &str) -> Result<Whereabouts, Fault> {
    let Some((place, path)) = raw.split_once(':') else {
        return Err(wrong("`url` is no address: a folder is named by its whole path"));
    };
    let (user, host) = place.rsplit_once('@').map_or(("", place), |(user, host)| (user, host));
    let odd = |text: &str| text.starts_with('-') || text.contains(['/', '@']);
    // What has two colons would name a program: `ext::..`.
    if host.is_empty() || odd(host) || odd(user) || path.is_empty() || path.starts_with(':') {
        return Err(wrong("`url` is no address"));
    }
    Ok(server(raw, host, SERVERS))
}

fn host_of(authority: &str) -> &str {
    if authority.starts_with('[') {
        return authority.find(']').and_then(|end| authority.get(..=end)).unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

fn server(raw: &str, host: &str, protocols: &'static str) -> Whereabouts {
    Whereabouts { url: raw.to_owned(), shown: SafeText::new(raw), protocols, host: Some(host.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_known_kinds_are_let_through() {
        for (raw, protocols, host) in [
            ("https://git.example.org/acme/deploys.git", SERVERS, Some("git.example.org")),
            ("https://git.example.org:8443/acme/deploys", SERVERS, Some("git.example.org")),
            ("http://127.0.0.1:4711/acme/deploys.git", LOOPBACK, Some("127.0.0.1")),
            ("http://[::1]:4711/d.git", LOOPBACK, Some("[::1]")),
            ("ssh://git@git.example.org:2222/acme/deploys.git", SERVERS, Some("git.example.org")),
            ("git@git.example.org:acme/deploys.git", SERVERS, Some("git.example.org")),
            ("git://git.example.org/deploys", SERVERS, Some("git.example.org")),
            ("/srv/deploys.git", FOLDER, None),
            ("file:///srv/deploys.git", FOLDER, None),
            ("~/deploys.git", FOLDER, None),
        ] {
            let read = Whereabouts::read(raw, Some("/home/ann")).unwrap();
            assert_eq!((read.protocols, read.host.as_deref()), (protocols, host), "{raw}");
        }
        assert_eq!(Whereabouts::read("~/d", Some("/home/ann")).unwrap().url, "/home/ann/d");
    }

    #[test]
    fn an_address_with_a_login_or_with_a_program_in_it_is_refused_and_not_quoted() {
        for raw in [
            "https://ann:hunter2@git.example.org/d.git",
            "https://hunter2@git.example.org/d.git",
            "https://git.example.org/d.git?private_token=hunter2",
            "http://git.example.org/hunter2.git",
            "ssh://ann:hunter2@git.example.org/d.git",
            "git://hunter2@git.example.org/d.git",
            "ext::hunter2 -c %S",
            "ext::hunter2",
            "fd::17/hunter2",
            "--upload-pack=hunter2",
            "ssh://-oProxyCommand=hunter2/d",
            "-oProxyCommand=hunter2:d",
            "ftp://git.example.org/hunter2",
            "relative/hunter2",
            "",
            "https:///hunter2",
            "host:\u{1b}hunter2",
        ] {
            let fault = Whereabouts::read(raw, Some("/home/ann")).unwrap_err();
            assert_eq!(fault.cause, Cause::Local, "{raw}");
            let said = format!("{fault} {}", fault.hint.clone().unwrap_or_default().as_str());
            assert!(!said.contains("hunter2") && !said.contains('\u{1b}'), "{said}");
        }
    }
}
