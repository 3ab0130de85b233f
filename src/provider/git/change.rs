//! What a change means for a release: kinds of files, conventional types, tickets.
//!
//! Pure: knows messages and paths, no repository.

use std::collections::BTreeMap;

use glob::{MatchOptions, Pattern};
use jiff::Timestamp;

use super::reading::RawCommit;
use crate::domain::code::{Breaking, Commit, FileKind};
use crate::domain::{Cause, Fault, SafeText, Settings, Sha};

const MIGRATIONS: &[&str] = &[
    "**/migrations/**",
    "**/migrate/**",
    "**/alembic/versions/**",
    "**/flyway/**",
    "**/liquibase/**",
    "**/*.sql",
];

const CONFIGS: &[&str] = &[
    "config/**",
    "conf/**",
    "configs/**",
    "**/charts/**",
    "**/helm/**",
    "**/k8s/**",
    "**/kubernetes/**",
    "**/manifests/**",
    "**/kustomization.y*ml",
    "**/values*.y*ml",
    "**/application*.y*ml",
    "**/docker-compose*.y*ml",
    "**/compose*.y*ml",
    "**/*config*.toml",
    "**/*config*.y*ml",
    "**/*config*.json",
    "**/settings*.toml",
    "**/settings*.y*ml",
    "**/settings*.json",
    "**/config/**/*.toml",
    "**/config/**/*.y*ml",
    "**/config/**/*.json",
    "**/*.env",
    "**/.env*",
    "**/*.ini",
    "**/*.properties",
    "**/*.tf",
    "**/*.tfvars",
];

/// Words that look like a project key and are none.
const NO_PROJECTS: &[&str] = &[
    "AES", "CVE", "CWE", "ECMA", "GHSA", "HTTP", "IEEE", "ISO", "MD", "PEP", "RFC", "RSA", "SHA", "TLS",
    "UCS", "UTF", "CP", "ES", "IPV", "RUSTSEC",
];

/// The longest part of a message that is looked through.
const LONGEST_MESSAGE: usize = 65_536;

/// What files and messages of one repository mean.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    migrations: Vec<Pattern>,
    configs: Vec<Pattern>,
    /// Project keys; empty: any.
    projects: Vec<String>,
    numbers: Numbers,
}

/// Whether `#123` is a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    Tickets,
    Plain,
}

impl Meaning {
    /// From the settings of a service's repository.
    pub(super) fn of(settings: &Settings) -> Result<Self, Fault> {
        let tickets = settings.list("tickets");
        let numbers = if tickets.iter().any(|t| t == "#") { Numbers::Tickets } else { Numbers::Plain };
        Ok(Self {
            migrations: patterns(settings, "migrations", MIGRATIONS)?,
            configs: patterns(settings, "configs", CONFIGS)?,
            projects: tickets
                .iter()
                .filter(|t| *t != "#")
                .map(|t| t.trim_end_matches('-').to_owned())
                .collect(),
            numbers,
        })
    }

    /// What a file means; a migration is never mere configuration.
    pub(super) fn file(&self, path: &str) -> FileKind {
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        let any = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches_with(path, options));
        if any(&self.migrations) {
            FileKind::Migration
        } else if any(&self.configs) {
            FileKind::Config
        } else {
            FileKind::Other
        }
    }

    /// A commit as the domain says it.
    pub(super) fn commit(&self, raw: &RawCommit) -> Commit {
        let message = head_of(raw.message.trim());
        let first = message.lines().next().unwrap_or_default().trim_end();
        // A footer that the grammar dislikes must not cost the type that the first line tells.
        let parsed =
            git_conventional::Commit::parse(message).or_else(|_| git_conventional::Commit::parse(first));
        let announced = message
            .lines()
            .any(|line| line.starts_with("BREAKING CHANGE:") || line.starts_with("BREAKING-CHANGE:"));
        let (subject, kind, scope, breaking) = match &parsed {
            Ok(c) => (c.description(), Some(c.type_()), c.scope(), c.breaking() || announced),
            Err(_) => (first, None, None, announced),
        };
        Commit {
            sha: Sha::new(&raw.sha),
            subject: SafeText::first_line(subject),
            kind: kind.map(|kind| SafeText::new(&kind.as_str().to_lowercase())),
            scope: scope.map(|scope| SafeText::new(scope.as_str())),
            breaking: if breaking { Breaking::Yes } else { Breaking::No },
            author: SafeText::first_line(&raw.author),
            email: SafeText::first_line(&raw.email),
            at: Timestamp::from_second(raw.at).unwrap_or(Timestamp::UNIX_EPOCH),
            tickets: self.tickets(message),
        }
    }

    /// Ticket keys in a text, each once, in order of first appearance.
    pub(super) fn tickets(&self, text: &str) -> Vec<SafeText> {
        let mut found: Vec<SafeText> = Vec::new();
        let mut before = None;
        for (at, c) in text.char_indices() {
            let starts_word = !before.is_some_and(|b: char| b.is_alphanumeric() || b == '_' || b == '-');
            before = Some(c);
            if !starts_word {
                continue;
            }
            let rest = text.get(at..).unwrap_or_default();
            let ticket = self.key(rest).or_else(|| self.number(rest));
            if let Some(ticket) = ticket
                && !found.iter().any(|known| known == ticket)
            {
                found.push(SafeText::new(ticket));
            }
        }
        found
    }

    /// `SHOP-812` at the beginning of `text`.
    fn key<'a>(&self, text: &'a str) -> Option<&'a str> {
        let (project, rest) = text.split_once('-')?;
        let known = if self.projects.is_empty() {
            is_project(project) && !NO_PROJECTS.contains(&project)
        } else {
            self.projects.iter().any(|p| p == project)
        };
        let digits = digits_of(rest)?;
        known.then(|| text.get(..project.len() + 1 + digits)).flatten()
    }

    /// `#123` at the beginning of `text`.
    fn number<'a>(&self, text: &'a str) -> Option<&'a str> {
        let rest = text.strip_prefix('#').filter(|_| self.numbers == Numbers::Tickets)?;
        let digits = digits_of(rest)?;
        text.get(..1 + digits)
    }
}

/// `[A-Z][A-Z0-9]+`
fn is_project(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// How many digits a text begins with, if no letter follows them.
fn digits_of(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let next = text.get(digits..).and_then(|rest| rest.chars().next());
    let ends = !next.is_some_and(|c| c.is_alphanumeric() || c == '_');
    (digits > 0 && digits < 12 && ends).then_some(digits)
}

fn head_of(message: &str) -> &str {
    if message.len() <= LONGEST_MESSAGE {
        return message;
    }
    let end = (0..=LONGEST_MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default();
    message.get(..end).unwrap_or_default()
}

/// Patterns of paths. One without a slash holds in every folder; one that ends in a slash means all below.
fn patterns(settings: &Settings, key: &str, usual: &[&str]) -> Result<Vec<Pattern>, Fault> {
    let said = settings.list(key);
    let said: Vec<&str> = match settings.0.contains_key(key) {
        true => said.iter().map(String::as_str).collect(),
        false => usual.to_vec(),
    };
    said.into_iter()
        .map(|text| {
            let anywhere = if text.contains('/') { text.to_owned() } else { format!("**/{text}") };
            let whole = if anywhere.ends_with('/') { format!("{anywhere}**") } else { anywhere };
            Pattern::new(whole.trim_start_matches('/')).map_err(|error| {
                Fault::new(
                    Cause::Local,
                    format!("`{key}` holds a pattern that is none: {text:?}: {}", error.msg),
                )
                .with_hint("* is anything in a name, ** any folders, ? one character")
            })
        })
        .collect()
}

/// Names, those with the most commits first, then by name.
pub(super) fn by_commits<'a>(authors: impl Iterator<Item = &'a SafeText>) -> Vec<SafeText> {
    let mut counts: BTreeMap<&SafeText, usize> = BTreeMap::new();
    for author in authors {
        *counts.entry(author).or_default() += 1;
    }
    let mut names: Vec<(&SafeText, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    names.into_iter().map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::service::Value;

    fn meaning(key: &str, list: &[&str]) -> Meaning {
        let list = list.iter().map(|text| (*text).to_owned()).collect();
        Meaning::of(&Settings::default().with(key, Value::List(list))).unwrap()
    }

    fn usual() -> Meaning {
        Meaning::of(&Settings::default()).unwrap()
    }

    fn commit(message: &str) -> Commit {
        let raw = RawCommit {
            sha: "A".repeat(40),
            message: message.to_owned(),
            author: "Ada".to_owned(),
            email: "ada@x.test".to_owned(),
            at: 1,
        };
        usual().commit(&raw)
    }

    #[test]
    fn files_are_known_by_their_paths() {
        for (path, kind) in [
            ("db/migrations/0001.rb", FileKind::Migration),
            ("migrations/x", FileKind::Migration),
            ("schema.sql", FileKind::Migration),
            ("config/deep/sql/init.sql", FileKind::Migration),
            ("config/app.rb", FileKind::Config),
            ("svc/config/app.yaml", FileKind::Config),
            ("src/config/mod.rs", FileKind::Other),
            ("deploy/helm/templates/x.tpl", FileKind::Config),
            ("values-prod.yml", FileKind::Config),
            (".env.production", FileKind::Config),
            ("Cargo.toml", FileKind::Other),
            ("src/main.rs", FileKind::Other),
        ] {
            assert_eq!(usual().file(path), kind, "{path}");
        }
    }

    #[test]
    fn own_patterns_replace_the_usual_ones() {
        let own = meaning("migrations", &["db/", "*.up"]);
        assert_eq!(own.file("db/a/b"), FileKind::Migration);
        assert_eq!(own.file("x/y.up"), FileKind::Migration);
        assert_eq!(own.file("schema.sql"), FileKind::Other);
        assert_eq!(meaning("configs", &[]).file("config/x"), FileKind::Other);
        let wrong = Settings::default().with("configs", Value::List(vec!["a/**b".to_owned()]));
        assert!(Meaning::of(&wrong).unwrap_err().detail.as_str().contains("a/**b"));
    }

    #[test]
    fn tickets_are_found_as_words() {
        let text =
            "SHOP-812: fix (PAY-7), see SHOP-812 and UTF-8, XSHOP_1 aSHOP-3 SHOP-4x A-1 OPS2-10-fix #12";
        assert_eq!(usual().tickets(text), ["SHOP-812", "PAY-7", "OPS2-10"]);
        assert_eq!(meaning("tickets", &["SHOP"]).tickets(text), ["SHOP-812"]);
        assert_eq!(meaning("tickets", &["PAY", "#"]).tickets(text), ["PAY-7", "#12"]);
        assert!(usual().tickets("CVE-2024-1 é-1 -SHOP-1").is_empty());
    }

    #[test]
    fn conventional_messages_are_taken_apart() {
        let c = commit("feat(cart)!: add gift cards\n\nSHOP-9\n");
        assert_eq!((c.subject.as_str(), c.breaking), ("add gift cards", Breaking::Yes));
        assert_eq!(c.kind.unwrap(), "feat");
        assert_eq!(c.scope.unwrap(), "cart");
        assert_eq!(c.tickets, ["SHOP-9"]);
        assert_eq!(c.sha.as_str(), "a".repeat(40));
        let c = commit("fix: x\n\nBREAKING CHANGE: y\n");
        assert_eq!(c.breaking, Breaking::Yes);
        let c = commit("Merge branch 'a'\n\nBREAKING CHANGE: y");
        assert_eq!((c.kind, c.breaking), (None, Breaking::Yes));
        let c = commit("fix: first line tells\nno blank line after it");
        assert_eq!(c.kind.unwrap(), "fix");
        assert_eq!(commit("").subject, "");
    }

    #[test]
    fn a_message_without_end_is_read_to_a_limit() {
        let long = format!("fix: x\n\n{} SHOP-1", "é".repeat(LONGEST_MESSAGE));
        assert!(commit(&long).tickets.is_empty());
    }
}
