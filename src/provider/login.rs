//! Who the user's own programs (`gh`, `glab`) are logged in as: hosts and account names, as they tell them.
//!
//! Never a token: `auth status` shows none unless it is asked to, and nothing of its output is kept but names that are
//! names. Knows no provider.

use std::collections::BTreeMap;
use std::time::Duration;

use super::child::{self, Call, Complaints, Found};

/// How long a program may take: it asks its server whether the token still holds.
const DEADLINE: Duration = Duration::from_secs(5);

/// The longest answer, in bytes.
const MOST: usize = 64 * 1024;

/// A login that a program told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The host, such as `github.com`.
    pub host: String,
    /// The account's name there.
    pub account: String,
}

/// What a program said about its logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logins {
    /// It is not on `PATH`, or not where only its owner could have put it.
    Absent,
    /// It is there; its logins, perhaps none.
    Told(Vec<Login>),
    /// It is there and did not answer.
    Silent,
}

impl Logins {
    /// The logins, if any were told.
    #[must_use]
    pub fn all(&self) -> &[Login] {
        match self {
            Self::Told(all) => all,
            Self::Absent | Self::Silent => &[],
        }
    }
}

/// Asks `gh auth status` or `glab auth status`. `env` is the environment that the program was started with.
pub async fn logins(program: &str, env: &BTreeMap<String, String>) -> Logins {
    let path = match child::find(program, env.get("PATH").map(String::as_str)) {
        Found::At(path) => path,
        Found::Nowhere | Found::Unsafe(_) | Found::Relative => return Logins::Absent,
    };
    let call = Call {
        program: &path,
        arguments: &["auth", "status"],
        env: child::scrubbed(&path, env),
        deadline: DEADLINE,
        most: MOST,
        complaints: Complaints::Kept,
    };
    match child::run(call).await {
        // Older ones answer on standard error; one that is logged in nowhere ends with a complaint.
        Ok(said) => {
            Logins::Told(read(&format!("{}\n{}", String::from_utf8_lossy(&said.out), said.complaints)))
        }
        Err(_) => Logins::Silent,
    }
}

/// `✓ Logged in to HOST account NAME (..)` or `✓ Logged in to HOST as NAME (..)`.
fn read(text: &str) -> Vec<Login> {
    let mut found: Vec<Login> = Vec::new();
    for line in text.lines() {
        let Some((_, rest)) = line.split_once("Logged in to ") else { continue };
        let mut words = rest.split_whitespace();
        let (host, word, account) = (words.next(), words.next(), words.next());
        let (Some(host), Some("account" | "as"), Some(account)) = (host, word, account) else { continue };
        let login = Login { host: host.to_lowercase(), account: account.to_owned() };
        if is_host(&login.host) && is_account(&login.account) && !found.contains(&login) {
            found.push(login);
        }
    }
    found
}

/// Whether this can be a host, with or without a port.
#[must_use]
pub fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "1"));
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !part.starts_with('-')
    };
    name.len() <= 253 && name.split('.').all(part) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_account(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 100 && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(host: &str, account: &str) -> Login {
        Login { host: host.to_owned(), account: account.to_owned() }
    }

    #[test]
    fn hosts_and_names_are_read_and_tokens_are_not() {
        let text = "github.com\n  ✓ Logged in to github.com account ada (/home/ada/.config/gh/hosts.yml)\n  \
                    - Active account: true\n  - Token: gho_************\n\
                    ghe.example.test\n  ✓ Logged in to ghe.example.test as ada-l (keyring)\n";
        assert_eq!(read(text), [login("github.com", "ada"), login("ghe.example.test", "ada-l")]);
        let older = "  ✓ Logged in to gitlab.com as ada (config)\n  ✓ Token: **************\n";
        assert_eq!(read(older), [login("gitlab.com", "ada")]);
        assert!(read("You are not logged into any GitHub hosts. To log in, run: gh auth login").is_empty());
    }

    #[test]
    fn what_is_no_name_is_passed_over() {
        for text in [
            "Logged in to evil\"host account ada",
            "Logged in to github.com account a\u{1b}[2J",
            "Logged in to github.com account",
            "Logged in to -x account ada",
            "Logged in to github.com via ada",
        ] {
            assert!(read(text).is_empty(), "{text:?}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_program_sees_no_secret_of_others_and_its_answer_is_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("gh");
        let script =
            "#!/bin/sh\necho \"Logged in to github.com account ${GH_TOKEN:-none}-${OTHER_TOKEN:-none}\"\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let env: BTreeMap<String, String> =
            [("PATH", path.as_str()), ("OTHER_TOKEN", "secret"), ("GH_TOKEN", "own")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into();
        assert_eq!(logins("gh", &env).await, Logins::Told(vec![login("github.com", "own-none")]));
        assert_eq!(logins("glab", &[("PATH".to_owned(), path)].into()).await, Logins::Absent);
    }
}
