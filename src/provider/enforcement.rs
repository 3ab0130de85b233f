//! Who enforces what: of each kind of source and each verb the request, its guard, what remains unguarded and what is
//! needed. Written down by the providers themselves, printed as one page (`docs/enforcement.md`).
//!
//! Knows no provider. That these facts are what the providers do is tested in `tests/enforcement.rs`.

use std::fmt::Write as _;

use super::Kind;
use crate::domain::Verb;

/// Who makes sure of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The source itself.
    Provider,
    /// This program.
    Cockpit,
    /// Nobody.
    Nobody,
}

impl By {
    /// `provider`, `cockpit`, `nobody`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Cockpit => "cockpit",
            Self::Nobody => "nobody",
        }
    }
}

/// What ties a request to the world that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardFact {
    /// The server checks this in the same request.
    InRequest(&'static str),
    /// The cockpit looks again right before; the server checks this much at the most.
    LookAgain(&'static str),
}

/// One verb at one kind of source.
#[derive(Clone, Copy, Debug)]
pub struct VerbFacts {
    /// Which.
    pub verb: Verb,
    /// Method and path; what is in braces is filled in. `or` between those of which one is sent, `, then` before one that
    /// may follow.
    pub request: &'static str,
    /// What ties it to what was shown.
    pub guard: GuardFact,
    /// What may still happen between the look and the server's handling of the request.
    pub remains: &'static str,
    /// What the credential needs.
    pub needs: &'static str,
    /// What proves it afterwards.
    pub proof: &'static str,
}

/// What somebody enforces, or nobody does, at one kind of source.
#[derive(Clone, Copy, Debug)]
pub struct Enforced {
    /// What.
    pub what: &'static str,
    /// Who.
    pub by: By,
    /// How, or why not.
    pub how: &'static str,
}

/// Everything of one kind of source. A kind that only tells has no verbs.
#[derive(Clone, Copy, Debug)]
pub struct Enforcement {
    /// Every verb that it can carry out.
    pub verbs: &'static [VerbFacts],
    /// Who enforces what.
    pub enforced: &'static [Enforced],
    /// What is so on every plan, and therefore said on none.
    pub always: &'static [&'static str],
    /// What the credential needs for looking.
    pub reads: &'static str,
}

impl Enforcement {
    /// Of a kind that only tells: nothing is ever written there.
    #[must_use]
    pub const fn tells_only(reads: &'static str) -> Self {
        Self { verbs: &[], enforced: &[], always: &[], reads }
    }
}

/// A window that was measured, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The kind's name.
    pub kind: String,
    /// [`Verb::word`].
    pub verb: String,
    /// As it is written.
    pub median: String,
    /// As it is written.
    pub maximum: String,
}

/// The page, in Markdown.
#[must_use]
pub fn page(kinds: &[&Kind], measured: &[Measured]) -> String {
    let mut page = String::from(HEAD);
    for kind in kinds.iter().filter(|kind| !kind.enforcement.verbs.is_empty()) {
        section(&mut page, kind, measured);
    }
    page.push_str("\n## Sources that only tell\n\nNothing is ever written there.\n\n");
    for kind in kinds.iter().filter(|kind| kind.enforcement.verbs.is_empty()) {
        line(&mut page, format_args!("- `{}`: {}", kind.name, kind.enforcement.reads));
    }
    page
}

const HEAD: &str = "# Who enforces what

Generated from the providers' own tables (`src/provider`); `tests/enforcement.rs` fails when this page is not what the
code says, and writes it anew with `UPDATE=1 cargo test --test enforcement`.

At every source the cockpit itself enforces: the intent is in the journal, on disk, before the first byte leaves; a
step is sent once and never again; right before it the source is looked at again, and if anything of the plan's basis
differs nothing is sent; redirects of a write are not followed; with `--read-only` nothing is written, at the one place
that every write passes; `verified` is only said after later looks proved the promise for 3 s.

The windows are milliseconds from the end of that look to the server's ledger, measured on loopback
([how](residual-windows.md)).
";

fn section(page: &mut String, kind: &Kind, measured: &[Measured]) {
    let facts = kind.enforcement;
    line(page, format_args!("\n## `{}`\n\n{}\n", kind.name, kind.doc));
    page.push_str(
        "| verb | request | guard | what remains | window, median / maximum ms | needs | proved by |\n",
    );
    page.push_str("|---|---|---|---|---|---|---|\n");
    for verb in facts.verbs {
        let guard = match verb.guard {
            GuardFact::InRequest(how) => format!("**provider**: {how}"),
            GuardFact::LookAgain(how) => format!("**cockpit** looks again; {how}"),
        };
        line(
            page,
            format_args!(
                "| {} | `{}` | {guard} | {} | {} | {} | {} |",
                verb.verb.word(),
                verb.request,
                verb.remains,
                window(kind, verb, measured),
                verb.needs,
                verb.proof
            ),
        );
    }
    page.push_str("\n| what | enforced by | how |\n|---|---|---|\n");
    for rule in facts.enforced {
        line(page, format_args!("| {} | **{}** | {} |", rule.what, rule.by.word(), rule.how));
    }
    line(page, format_args!("\nLooking needs: {}\n", facts.reads));
    if !facts.always.is_empty() {
        page.push_str("So on every plan, and said on none:\n\n");
        for truth in facts.always {
            line(page, format_args!("- {truth}"));
        }
    }
}

fn window(kind: &Kind, facts: &VerbFacts, measured: &[Measured]) -> String {
    // Where a kind carries a verb out in several ways, the first was measured.
    let first = kind.enforcement.verbs.iter().find(|v| v.verb == facts.verb).map(|v| v.request);
    let found = measured.iter().find(|m| m.kind == kind.name && m.verb == facts.verb.word());
    let found = found.filter(|_| first == Some(facts.request));
    found.map_or_else(|| "not measured".to_owned(), |m| format!("{} / {}", m.median, m.maximum))
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = writeln!(page, "{text}");
}
