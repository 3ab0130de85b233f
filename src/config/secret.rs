//! Which parts of a config file may be a secret, and must be neither accepted as a value nor shown.
//!
//! Knows names and shapes of credentials, nothing of sources. Errs on the side of hiding.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::{Mistakes, Spot};

/// What every refusal of a written secret says.
pub(super) const NEVER_WRITTEN: &str = "secret values are never written in the config";

/// How to say where a secret is.
pub(super) const PLACES: &str = "say where it is: { env = \"NAME\" }, { file = \"~/..\" }, \
     { command = [\"program\", \"..\"] } or { keyring = \"service/account\" }";

/// Beginnings of well-known credentials.
const SHAPES: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "glrt-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "eyJhbGciOi",
    "AKIA",
    "sk_live_",
    "hvs.",
    "npm_",
    "dckr_pat_",
    "-----BEGIN",
    "Bearer ",
    "Basic ",
];

/// Words in a key's name that promise a secret.
const WORDS: &[&str] = &[
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "privatekey",
    "authorization",
    "cookie",
    "credential",
];

/// Whether a key of this name would hold a secret.
pub(super) fn is_secret_name(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    WORDS.iter().any(|word| plain.contains(word))
}

/// Whether the text looks like a credential itself.
pub(super) fn looks_secret(text: &str) -> bool {
    SHAPES.iter().any(|shape| text.contains(shape)) || has_userinfo(text)
}

/// Whether a URL carries a user name or a password.
pub(super) fn has_userinfo(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.contains('@')
}

/// Hides every value of the document that may be a secret.
pub(super) fn hide_secrets(table: &DeTable<'_>, mistakes: &mut Mistakes) {
    for (key, value) in table {
        hide_in(value, is_secret_name(key.get_ref()), mistakes);
    }
}

fn hide_in(value: &Spanned<DeValue<'_>>, secret: bool, mistakes: &mut Mistakes) {
    match value.get_ref() {
        DeValue::Table(table) if secret => {
            for (key, value) in table {
                let place = matches!(key.get_ref().as_ref(), "env" | "file" | "command" | "keyring");
                hide_in(value, !place, mistakes);
            }
        }
        DeValue::Table(table) => hide_secrets(table, mistakes),
        DeValue::Array(items) => items.iter().for_each(|item| hide_in(item, secret, mistakes)),
        DeValue::String(text) if secret || looks_secret(text) => mistakes.hide(&value.span()),
        DeValue::String(_) => {}
        _ if secret => mistakes.hide(&value.span()),
        _ => {}
    }
}

/// Refuses every text in the document that is a credential by its looks, whatever its key.
pub(super) fn refuse_secrets(table: &DeTable<'_>, mistakes: &mut Mistakes) {
    for (key, value) in table {
        refuse_in(key.get_ref(), value, mistakes);
    }
}

fn refuse_in(key: &str, value: &Spanned<DeValue<'_>>, mistakes: &mut Mistakes) {
    match value.get_ref() {
        DeValue::Table(table) => refuse_secrets(table, mistakes),
        DeValue::Array(items) => items.iter().for_each(|item| refuse_in(key, item, mistakes)),
        DeValue::String(text) if has_userinfo(text) => mistakes.hinted(
            &value.span(),
            format!("`{key}` carries a user name or password; {NEVER_WRITTEN}"),
            "leave everything before the @ out and use the source's secret keys",
        ),
        DeValue::String(text) if looks_secret(text) => {
            mistakes.hinted(&value.span(), format!("`{key}` holds a secret; {NEVER_WRITTEN}"), PLACES);
        }
        _ => {}
    }
}

/// Hides what may be a secret on the lines around a syntax error, where no values are known yet.
pub(super) fn hide_on_broken_lines(text: &str, at: &Spot, mistakes: &mut Mistakes) {
    let start = text.get(..at.start).and_then(|before| before.rfind('\n')).map_or(0, |n| n + 1);
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    let end = start + line.len();
    if line.trim_start().starts_with(['[', '#']) {
        return;
    }
    match line.split_once('=') {
        None if line.trim().is_empty() => {}
        None => mistakes.hide(&(start..end)),
        Some((key, value)) => {
            let nearly = WORDS.iter().any(|word| strsim::damerau_levenshtein(key.trim(), word) <= 2);
            if nearly || is_secret_name(line) || looks_secret(value) {
                mistakes.hide(&(start + key.len() + 1..end));
            }
        }
    }
}
