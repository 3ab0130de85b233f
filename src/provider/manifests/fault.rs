//! What git's complaints mean. Knows the words of git, of `ssh` and of curl, in the C locale.

use crate::domain::{Cause, Fault, SafeText};

/// How much of a complaint is shown, in characters.
const SHOWN: usize = 600;

/// Words in a complaint, and what they mean. The first that is found counts.
const WORDS: &[(&str, Cause)] = &[
    ("dubious ownership", Cause::Local),
    ("' not allowed", Cause::Local),
    ("not allowed to", Cause::Forbidden),
    ("Could not resolve host", Cause::Unreachable),
    ("Failed to connect", Cause::Unreachable),
    ("Couldn't connect", Cause::Unreachable),
    ("Could not connect", Cause::Unreachable),
    ("Connection refused", Cause::Unreachable),
    ("No route to host", Cause::Unreachable),
    ("Network is unreachable", Cause::Unreachable),
    ("unable to connect", Cause::Unreachable),
    ("unable to look up", Cause::Unreachable),
    ("timed out", Cause::TimedOut),
    ("Host key verification failed", Cause::Tls),
    ("certificate", Cause::Tls),
    ("SSL", Cause::Tls),
    ("TLS", Cause::Tls),
    ("Authentication failed", Cause::Unauthorized),
    ("could not read Username", Cause::Unauthorized),
    ("could not read Password", Cause::Unauthorized),
    ("Permission denied (", Cause::Unauthorized),
    ("HTTP 401", Cause::Unauthorized),
    ("error: 401", Cause::Unauthorized),
    ("error: 407", Cause::Unauthorized),
    ("HTTP 403", Cause::Forbidden),
    ("error: 403", Cause::Forbidden),
    ("service not enabled", Cause::Forbidden),
    ("access denied", Cause::Forbidden),
    ("Permission to ", Cause::Forbidden),
    ("Permission denied", Cause::Forbidden),
    ("error: 429", Cause::RateLimited),
    ("HTTP 429", Cause::RateLimited),
    ("redirect", Cause::Redirected),
    ("error: 30", Cause::Redirected),
    ("error: 404", Cause::NotFound),
    ("not found", Cause::NotFound),
    ("does not exist", Cause::NotFound),
    ("does not appear to be a git repository", Cause::NotFound),
    ("couldn't find remote ref", Cause::NotFound),
    ("error: 410", Cause::NotFound),
    ("error: 408", Cause::TimedOut),
    ("HTTP 413", Cause::TooLarge),
    ("error: 4", Cause::Refused),
    ("error: 9", Cause::Malformed),
    ("is this a git repository?", Cause::Malformed),
    ("content unencoding", Cause::Malformed),
    ("HTTP/0.9", Cause::Malformed),
    ("error: 5", Cause::ServerFailed),
    ("HTTP 5", Cause::ServerFailed),
    ("Connection reset", Cause::Unreachable),
    ("hung up", Cause::Unreachable),
    ("disconnect", Cause::Unreachable),
    ("early EOF", Cause::Unreachable),
    ("Could not read from remote repository", Cause::Unreachable),
    ("Empty reply", Cause::Unreachable),
    ("unable to access", Cause::Unreachable),
];

/// A complaint that only comes before anything was sent to be changed: while the way to the server is sought, or while it
/// says who it is.
const BEFORE: &[&str] = &[
    "Could not read from remote repository",
    "upon initial contact",
    "fatal: repository '",
    "unable to access",
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "unable to look up",
    "unable to connect",
    "dubious ownership",
    "does not appear to be a git repository",
    "' not allowed",
    "RPC failed; HTTP 401",
    "RPC failed; HTTP 403",
    "RPC failed; HTTP 404",
    "RPC failed; HTTP 413",
    "RPC failed; HTTP 429",
];

/// The copy in the cache is damaged: it is made anew.
const DAMAGED: &[&str] = &[
    "not a git repository",
    "bad object",
    "is corrupt",
    "unable to read tree",
    "unable to read sha1",
    "could not parse object",
    "Could not parse object",
    "missing blob",
    "missing tree",
    "missing commit",
    "bad revision",
    "not a valid object",
    "Not a valid object",
    "inflate:",
];

/// What a complaint of git's means.
pub(super) fn of(complaints: &str, place: &str) -> Fault {
    let cause =
        WORDS.iter().find(|(word, _)| complaints.contains(word)).map_or(Cause::Local, |(_, cause)| *cause);
    let fault = Fault::new(cause, format!("{place}: {}", told(complaints)));
    match hint(complaints, cause) {
        Some(hint) => fault.with_hint(hint),
        None => fault,
    }
}

fn hint(complaints: &str, cause: Cause) -> Option<&'static str> {
    if complaints.contains("dubious ownership") {
        return Some("if you trust who owns it: git config --global --add safe.directory <the folder>");
    }
    if complaints.contains("Host key verification failed") {
        return Some("connect once by hand with ssh, compare the key, and accept it");
    }
    match cause {
        Cause::Unauthorized => Some(
            "git is not let ask: configure a credential helper (git help credentials), or load the key into your ssh agent",
        ),
        Cause::Redirected => {
            Some("write the address that it is redirected to: often only .git is missing at its end")
        }
        Cause::NotFound => Some("mend `url`; some servers say so of what one may not see"),
        _ => None,
    }
}

/// Whether a failed push is known to have changed nothing, because it came to its end before it began.
pub(super) fn before_sending(complaints: &str) -> bool {
    BEFORE.iter().any(|word| complaints.contains(word))
}

/// Whether a complaint is about the copy in the cache.
pub(super) fn damaged(complaints: &str) -> bool {
    DAMAGED.iter().any(|word| complaints.contains(word))
}

/// A complaint in one line: what git and the server say, without what is only advice.
pub(super) fn told(complaints: &str) -> SafeText {
    let lines =
        complaints.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    let all: Vec<&str> = lines.collect();
    let mut said: Vec<&str> =
        all.iter().filter_map(|line| said_by(line)).filter(|line| !line.is_empty()).collect();
    if said.is_empty() {
        said = all;
    }
    said.dedup();
    let text = anonymous(&said.join("; "));
    match text.is_empty() {
        true => "it gave no reason".into(),
        false => SafeText::new(&text.chars().take(SHOWN).collect::<String>()),
    }
}

/// What git, the server or ssh says in a line.
fn said_by(line: &str) -> Option<&str> {
    ["fatal:", "error:", "remote:", "ssh:"].iter().find_map(|word| line.strip_prefix(word)).map(str::trim)
}

/// The server's own words.
pub(super) fn remote_words(complaints: &str) -> SafeText {
    let words = complaints.lines().filter_map(|line| line.trim().strip_prefix("remote:")).map(str::trim);
    let said: Vec<&str> = words.filter(|line| !line.is_empty()).collect();
    SafeText::new(&anonymous(&said.join("; ")).chars().take(SHOWN).collect::<String>())
}

/// A text without the logins in addresses: a rewritten address of the user's own config can hold one.
pub(super) fn anonymous(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(['/', ' ', '\'', '"', ')', ';']).unwrap_or(part.len());
        let (authority, rest) = part.split_at_checked(end).unwrap_or((part, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        clean.push_str("://");
        clean.push_str(host);
        clean.push_str(rest);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_complains_about_is_told_by_its_cause() {
        for (complaint, cause, before) in [
            (
                "fatal: unable to access 'https://h/d.git/': Could not resolve host: h",
                Cause::Unreachable,
                true,
            ),
            (
                "fatal: unable to access 'http://127.0.0.1:1/': Failed to connect to 127.0.0.1 port 1",
                Cause::Unreachable,
                true,
            ),
            (
                "fatal: could not read Username for 'https://h': terminal prompts disabled",
                Cause::Unauthorized,
                true,
            ),
            (
                "remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://h/d.git/'",
                Cause::Unauthorized,
                true,
            ),
            (
                "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                Cause::Unauthorized,
                true,
            ),
            ("fatal: repository 'https://h/d.git/' not found", Cause::NotFound, true),
            (
                "fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
                Cause::NotFound,
                true,
            ),
            ("fatal: detected dubious ownership in repository at '/x'", Cause::Local, true),
            ("fatal: transport 'ext' not allowed", Cause::Local, true),
            (
                "Host key verification failed.\nfatal: Could not read from remote repository.",
                Cause::Tls,
                true,
            ),
            (
                "error: RPC failed; HTTP 500 curl 22\nfatal: the remote end hung up unexpectedly",
                Cause::ServerFailed,
                false,
            ),
            ("error: RPC failed; curl 56 Recv failure: Connection reset by peer", Cause::Unreachable, false),
            ("send-pack: unexpected disconnect while reading sideband packet", Cause::Unreachable, false),
            ("fatal: the remote end hung up unexpectedly", Cause::Unreachable, false),
        ] {
            let fault = of(complaint, "d");
            assert_eq!((fault.cause, before_sending(complaint)), (cause, before), "{complaint}");
        }
    }

    #[test]
    fn what_is_no_git_server_is_told_by_its_answer_before_anything_was_sent() {
        for (answer, cause) in [
            ("The requested URL returned error: 403", Cause::Forbidden),
            ("The requested URL returned error: 407", Cause::Unauthorized),
            ("The requested URL returned error: 409", Cause::Refused),
            ("The requested URL returned error: 410", Cause::NotFound),
            ("The requested URL returned error: 503", Cause::ServerFailed),
            ("Received HTTP/0.9 when not allowed", Cause::Malformed),
        ] {
            let complaint = format!("fatal: unable to access 'https://h/d.git/': {answer}");
            assert_eq!((of(&complaint, "d").cause, before_sending(&complaint)), (cause, true), "{complaint}");
        }
        let page = "fatal: https://h/d.git/info/refs not valid: could not determine hash algorithm; is this a git repository?";
        assert_eq!(of(page, "d").cause, Cause::Malformed);
    }

    #[test]
    fn no_login_of_an_address_is_shown() {
        let said =
            of("fatal: unable to access 'https://ann:hunter2@h/d': x; see https://b:c@h2", "d").to_string();
        assert!(!said.contains("hunter2") && !said.contains("b:c") && said.contains("https://h/d"), "{said}");
        assert_eq!(told("hint: do this\nremote: \u{1b}[31mNo\n").as_str(), "\\u{1b}[31mNo");
        assert_eq!(told("").as_str(), "it gave no reason");
    }
}
