//! Which of two artifacts is newer, and which two revisions of the repository they mean.

use super::super::code::Span;
use super::super::rollout::Artifact;
use super::super::text::SafeText;

/// Ordering of versions.
pub mod newer {
    use semver::Version;

    /// A semantic version, with or without a leading `v`.
    #[must_use]
    pub fn version(text: &str) -> Option<Version> {
        Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
    }

    /// Whether the text is a semantic version.
    #[must_use]
    pub fn is_version(text: &str) -> bool {
        version(text).is_some()
    }
}

/// What comes from the environment before: what runs there, if it differs and is not plainly older.
#[must_use]
pub fn coming_from(before: &Artifact, live: &Artifact) -> Option<Artifact> {
    if before.same_as(live) || before.label() == live.label() {
        return None;
    }
    let versions = |a: &Artifact| a.version.as_ref().and_then(|v| newer::version(v.as_str()));
    match (versions(before), versions(live)) {
        (Some(b), Some(l)) if b <= l => None,
        _ => Some(before.clone()),
    }
}

/// The two revisions that the repository would compare; `None` if one of them has no name that git could know.
#[must_use]
pub fn span(base: &Artifact, head: &Artifact) -> Option<Span> {
    let (base, head) = (revision(base)?, revision(head)?);
    (base != head).then_some(Span { base, head })
}

/// Tag or commit. Tags such as `latest` name no revision.
fn revision(artifact: &Artifact) -> Option<SafeText> {
    match (&artifact.version, &artifact.revision) {
        (Some(version), _) if newer::is_version(version.as_str()) => Some(version.clone()),
        (_, Some(sha)) => Some(sha.0.clone()),
        (Some(version), None) if looks_like_commit(version.as_str()) => Some(version.clone()),
        _ => None,
    }
}

fn looks_like_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
