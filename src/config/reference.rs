//! The reference of every key, and a page for each kind of source, in Markdown, from the tables that the check goes by.

use std::fmt::Write as _;

use super::keys::{Entry, REQUIRED, ROOT, Shape};
use crate::domain::Role;
use crate::provider::enforcement::GuardFact;
use crate::provider::{Key, KeyType, Kind, Need};

const HEAD: &str = "# Every key of the config

Generated from the tables that the check goes by (`src/config/keys.rs` and the kinds of sources in `src/provider`);
`tests/reference.rs` fails when this page is not what they say, and writes it anew with
`UPDATE=1 cargo test --test reference`.

The config is read from `--config`, `$GONOGO_CONFIG` or the user's config folder, never from the current folder or a
repository. It is TOML. Unknown keys are mistakes, and every mistake is told at once with its line and column. Paths are
whole; a leading `~/` is the home folder. Durations are written `\"15s\"`, `\"2m 30s\"`, `\"1h\"`. `gonogo schema` prints the
same as a JSON Schema for editors; `config.example.toml` shows every key in its place. While the cockpit runs it looks
at the file every second: a good change is taken as a whole, a mistake leaves the old config in force and is shown.

A secret is never written in it. A key of the type *secret* says where it is, in one of four ways:
`{ env = \"NAME\" }`, `{ file = \"~/file\" }` (only yours to read), `{ command = [\"program\", \"argument\"] }` (no shell; its first
line), `{ keyring = \"service/account\" }`.
";

/// `docs/config.md`.
#[must_use]
pub fn config(kinds: &[&'static Kind]) -> String {
    let mut page = String::from(HEAD);
    for entry in ROOT {
        let title = match entry.shape {
            Shape::Tables(_) => format!("[[{}]]", entry.name),
            Shape::Named(_) => format!("[{}.NAME]", entry.name),
            _ => format!("[{}]", entry.name),
        };
        tables(&mut page, &title, entry.name, entry, kinds);
    }
    page.push_str("\n## Kinds of sources\n\n");
    for kind in kinds {
        line(&mut page, format_args!("- [`{0}`](providers/{0}.md): {1}", kind.name, kind.doc));
    }
    page
}

/// The page of one kind. `prose` is what was written by hand.
#[must_use]
pub fn provider(kind: &Kind, prose: &str) -> String {
    let mut page = String::new();
    line(&mut page, format_args!("# `{}`\n\n{}\n", kind.name, kind.doc));
    page.push_str(
        "Generated from the provider's own tables, except for what stands between the two marks; `tests/reference.rs` \
         fails when\nit is not what they say, and writes it anew with `UPDATE=1 cargo test --test reference`.\n",
    );
    line(&mut page, format_args!("\n{BEGIN}\n{}\n{END}", prose.trim()));
    line(&mut page, format_args!("\n## Permissions\n\nLooking needs: {}\n", kind.enforcement.reads));
    verbs(&mut page, kind);
    page.push_str(
        "\n## Settings of the source\n\nBesides `name`, `kind` and `every` ([all keys](../config.md)).\n",
    );
    keys(&mut page, kind.keys);
    let (active, idle) = (kind.cadence.active.as_secs(), kind.cadence.idle.as_secs());
    line(
        &mut page,
        format_args!(
            "\nLooked at every {idle} s, every {active} s while something moves, unless `every` says otherwise."
        ),
    );
    for (role, keys_of_role) in kind.roles {
        line(&mut page, format_args!("\n## As `{}`\n\n{}", key_of(*role), what(*role)));
        keys(&mut page, keys_of_role);
    }
    page
}

/// The marks around what is written by hand.
pub const BEGIN: &str = "<!-- written by hand: begin -->";
/// The end of it.
pub const END: &str = "<!-- written by hand: end -->";

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(page, "{text}");
}

fn tables(page: &mut String, title: &str, place: &str, entry: &Entry, kinds: &[&'static Kind]) {
    let (Shape::Section(entries) | Shape::Tables(entries) | Shape::Named(entries)) = entry.shape else {
        return;
    };
    line(
        page,
        format_args!(
            "\n## `{title}`\n\n{}\n\n| key | type | default | meaning |\n|---|---|---|---|",
            entry.doc
        ),
    );
    for entry in entries {
        let default = match entry.default {
            "" => "–".to_owned(),
            REQUIRED => "**required**".to_owned(),
            said => said.to_owned(),
        };
        line(
            page,
            format_args!("| `{}` | {} | {default} | {} |", entry.name, shape(entry, kinds), entry.doc),
        );
    }
    for entry in entries {
        let place = format!("{place}.{}", entry.name);
        let title = match entry.shape {
            Shape::Tables(_) if entry.name == "environment" => format!("[[{place}]]"),
            _ => place.clone(),
        };
        tables(page, &title, &place, entry, kinds);
    }
}

fn shape(entry: &Entry, kinds: &[&'static Kind]) -> String {
    let words = |words: &[&str]| words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(", ");
    match entry.shape {
        Shape::Text => "text".to_owned(),
        Shape::Duration => "duration".to_owned(),
        Shape::Path => "path".to_owned(),
        Shape::Switch => "true or false".to_owned(),
        Shape::List => "list of texts".to_owned(),
        Shape::Choice(all) => words(all),
        Shape::ChoiceOrPath(all) => format!("{} or a path", words(all)),
        Shape::Section(_) | Shape::Named(_) => "table, below".to_owned(),
        Shape::Tables(_) => "list of tables, below".to_owned(),
        Shape::Keys => "table of commands, each with a key or a list of keys".to_owned(),
        Shape::Kind => words(&kinds.iter().map(|kind| kind.name).collect::<Vec<_>>()),
        Shape::Binding(role) => {
            let able = kinds.iter().filter(|kind| kind.role(role).is_some());
            let able: Vec<String> = able.map(|kind| format!("[{0}](providers/{0}.md)", kind.name)).collect();
            format!("`{{ source = \"..\", .. }}` of {}", able.join(", "))
        }
    }
}

fn keys(page: &mut String, keys: &[Key]) {
    if keys.is_empty() {
        page.push_str("\nNone of its own.\n");
        return;
    }
    page.push_str("\n| key | type | | meaning |\n|---|---|---|---|\n");
    for key in keys {
        let need = if key.need == Need::Required { "**required**" } else { "optional" };
        line(
            page,
            format_args!(
                "| `{}` | {} | {need} | {} |",
                key.name,
                word(key.kind),
                key.doc.replace('|', "\\|")
            ),
        );
    }
}

const fn word(kind: KeyType) -> &'static str {
    match kind {
        KeyType::Text => "text",
        KeyType::Url => "URL",
        KeyType::Path => "path",
        KeyType::Number => "number",
        KeyType::Switch => "true or false",
        KeyType::List => "list of texts",
        KeyType::Table => "table of texts",
        KeyType::Variables => "table of texts and secrets",
        KeyType::Secret => "secret",
    }
}

/// The key that a role is configured by.
const fn key_of(role: Role) -> &'static str {
    match role {
        Role::Code => "code",
        Role::Pipeline => "pipeline",
        Role::Live => "live",
        Role::Deploy => "deploy",
        Role::Owner => "owner",
        Role::Manifests => "manifests",
        Role::Dispatch => "dispatch",
        Role::Signal => "[[signal]]",
        Role::Alerts => "health.alerts",
    }
}

/// What a source does in a role.
const fn what(role: Role) -> &'static str {
    match role {
        Role::Code => "Reads a service's repository.",
        Role::Pipeline => "Shows a service's pipeline.",
        Role::Live => "Tells what is live in an environment, and carries its gates.",
        Role::Deploy => "Runs a service in an environment.",
        Role::Owner => "Tells of the GitOps controller that owns an environment.",
        Role::Manifests => "Holds the manifests of an environment in Git.",
        Role::Dispatch => "Ships a version by starting a pipeline.",
        Role::Signal => "Evaluates a signal.",
        Role::Alerts => "Tells the alerts of an environment.",
    }
}

fn verbs(page: &mut String, kind: &Kind) {
    let facts = kind.enforcement;
    if facts.verbs.is_empty() {
        page.push_str("It only tells; nothing is ever written there.\n");
        return;
    }
    page.push_str("| verb | needs | tied to what was shown by | proved by |\n|---|---|---|---|\n");
    for verb in facts.verbs {
        let guard = match verb.guard {
            GuardFact::InRequest(how) => format!("**{}**: {how}", kind.name),
            GuardFact::LookAgain(how) => format!("**the cockpit** looks again; {how}"),
        };
        line(page, format_args!("| {} | {} | {guard} | {} |", verb.verb.word(), verb.needs, verb.proof));
    }
    page.push_str("\n| what | enforced by | how |\n|---|---|---|\n");
    for rule in facts.enforced {
        line(page, format_args!("| {} | **{}** | {} |", rule.what, rule.by.word(), rule.how));
    }
    if !facts.always.is_empty() {
        page.push_str("\nSo on every plan, and said on none:\n\n");
        for truth in facts.always {
            line(page, format_args!("- {truth}"));
        }
    }
    page.push_str("\nRequests, and what may happen between the look and the request: [who enforces what](../enforcement.md).\n");
}
