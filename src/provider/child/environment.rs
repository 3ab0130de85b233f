//! What a program that we start sees of our environment: what it needs to work, and no secret but its own.

use std::collections::BTreeMap;
use std::path::Path;

/// Words in a variable's name that promise a secret.
const SECRET: &[&str] = &[
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
    "COOKIE",
    "AUTHORIZATION",
    "BEARER",
    "SESSION_KEY",
    "_PAT",
    "_PASS",
    "_PWD",
    "_AUTH",
    "_KEY",
    "WEBHOOK",
    "_DSN",
];

/// Variables whose names sound secret, or that are not needed to be, and that point to a place or a helper.
const HARMLESS: &[&str] = &["SSH_AUTH_SOCK", "SSH_ASKPASS", "OLDPWD", "DBUS_SESSION_BUS_ADDRESS"];

/// Endings of names that say where something lies rather than what it is.
const PLACES: &[&str] = &["_FILE", "_PATH", "_DIR", "_HOME", "_SOCK"];

/// Beginnings of well-known credentials.
const SHAPES: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "eyJ",
    "AKIA",
    "sk_live_",
    "hvs.",
    "npm_",
    "dckr_pat_",
    "-----BEGIN",
    "Bearer ",
    "Basic ",
];

/// Whose variables do not begin with the program's own name in capitals.
const OWN: &[(&str, &[&str])] = &[
    ("gh", &["GITHUB_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]),
    ("glab", &["GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN", "OAUTH_TOKEN"]),
    ("gcloud", &["CLOUDSDK_", "GOOGLE_"]),
    ("gke-gcloud-auth-plugin", &["CLOUDSDK_", "GOOGLE_"]),
    ("aws-iam-authenticator", &["AWS_"]),
    ("kubelogin", &["AAD_", "AZURE_"]),
    ("az", &["AZURE_"]),
    ("pass", &["PASSWORD_STORE_"]),
    ("doctl", &["DIGITALOCEAN_"]),
    ("sops", &["AWS_", "AZURE_", "GOOGLE_", "VAULT_"]),
];

/// The environment of `program`: ours without secrets, except those that are the program's own: `vault` gets
/// `VAULT_TOKEN`, `gh` gets `GH_TOKEN` and `GITHUB_TOKEN`, and none gets another's.
pub(in super::super) fn scrubbed(program: &Path, env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let mut left: BTreeMap<String, String> = env
        .iter()
        .filter(|(variable, value)| belongs(&name, variable) || !is_secret(variable, value))
        .map(|(variable, value)| (variable.clone(), value.clone()))
        .collect();
    if let Some(folders) = left.get_mut("PATH") {
        *folders = path(folders);
    }
    left
}

/// The absolute folders of a `PATH`: a program that we start must not find another in the folder one stands in.
pub(in super::super) fn path(folders: &str) -> String {
    let absolute = std::env::split_paths(folders).filter(|folder| folder.is_absolute());
    // What was split at separators can be joined with them.
    std::env::join_paths(absolute).ok().and_then(|joined| joined.into_string().ok()).unwrap_or_default()
}

/// Whether a variable is this program's own.
fn belongs(program: &str, variable: &str) -> bool {
    let own = program.to_ascii_uppercase().replace(['-', '.'], "_");
    let others = OWN.iter().filter(|(name, _)| *name == program).flat_map(|(_, prefixes)| prefixes.iter());
    let named = variable.strip_prefix(&own).is_some_and(|rest| rest.starts_with('_'));
    (named && !own.is_empty()) || others.into_iter().any(|prefix| variable.starts_with(prefix))
}

/// Whether a variable's name promises a secret.
pub(in super::super) fn promises_a_secret(variable: &str) -> bool {
    is_secret(variable, "")
}

/// Whether a text looks like a secret: a well-known credential, or an address with a login in it.
pub(in super::super) fn looks_secret(text: &str) -> bool {
    is_secret("", text)
}

/// Whether a variable is likely to hold a secret, by its name or by its looks.
fn is_secret(variable: &str, value: &str) -> bool {
    let name = variable.to_ascii_uppercase();
    if HARMLESS.contains(&name.as_str()) {
        return false;
    }
    let place = PLACES.iter().any(|ending| name.ends_with(ending)) && value.starts_with('/');
    let named = SECRET.iter().any(|word| name.contains(word)) && !place;
    named || SHAPES.iter().any(|shape| value.contains(shape)) || has_userinfo(value)
}

/// Whether a text holds an address with a user name or a password in it.
fn has_userinfo(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        rest.split(['/', '?', '#', ' ', ',']).next().is_some_and(|authority| authority.contains('@'))
    })
}
