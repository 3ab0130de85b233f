//! What changes between two versions of a manifest, as far as it may be told: the values of a few keys that never hold a
//! secret. Pure: works on what `git diff` printed.

use crate::domain::{Artifact, Difference, SafeText};
use crate::provider::child;

/// Keys whose values are told.
const KEYS: &[&str] = &["image", "tag", "newTag", "targetRevision", "version", "replicas"];
/// The longest value that is told, in characters.
const LONGEST: usize = 200;

/// A value that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) key: &'static str,
    /// Empty if it was not there.
    pub(super) old: String,
    /// Empty if it goes away.
    pub(super) new: String,
}

/// The values that differ in a diff without context: within a hunk the first old one of a key belongs to its first new
/// one.
pub(super) fn values(diff: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let mut inside = false;
    for line in diff.lines() {
        if line.starts_with("@@") {
            pair(&mut old, &mut new, &mut all);
            inside = true;
        } else if let Some(line) = line.strip_prefix('-').filter(|_| inside) {
            old.extend(known(line));
        } else if let Some(line) = line.strip_prefix('+').filter(|_| inside) {
            new.extend(known(line));
        }
    }
    pair(&mut old, &mut new, &mut all);
    all
}

type Known = (&'static str, String);

fn pair(old: &mut Vec<Known>, new: &mut Vec<Known>, all: &mut Vec<Value>) {
    for (key, before) in old.drain(..) {
        let after = new.iter().position(|(other, _)| *other == key).map(|at| new.remove(at).1);
        let new = after.unwrap_or_default();
        if before != new {
            all.push(Value { key, old: before, new });
        }
    }
    all.extend(new.drain(..).map(|(key, after)| Value { key, old: String::new(), new: after }));
}

/// `  - image: registry/web:v1  # remark`, `"replicas": 3,`: the key and its value, if the key is one that is told.
fn known(line: &str) -> Option<Known> {
    let line = line.trim().trim_start_matches("- ").trim_start();
    let (key, value) = line.split_once(':')?;
    let key = key.trim().trim_matches(['"', '\'']);
    let key = KEYS.iter().find(|known| **known == key)?;
    let value = value.split(" #").next().unwrap_or_default().trim().trim_end_matches(',');
    let value = value.trim_matches(['"', '\'']).trim();
    if value.is_empty() || value.starts_with('#') {
        return None;
    }
    let shown = match child::looks_secret(value) {
        true => "•••".to_owned(),
        false => value.chars().take(LONGEST).collect(),
    };
    Some((key, shown))
}

/// The values as differences of a file.
pub(super) fn told<'a>(path: &'a str, values: &'a [Value]) -> impl Iterator<Item = Difference> + 'a {
    values.iter().map(move |value| Difference {
        what: SafeText::new(&format!("{} in {path}", value.key)),
        old: SafeText::new(&value.old),
        new: SafeText::new(&value.new),
    })
}

/// What runs now and what would run, if the values name one image, or one tag, on each side.
pub(super) fn artifacts(values: &[Value]) -> Option<(Artifact, Artifact)> {
    if let Some((old, new)) = only(values, &["image"]) {
        return Some((Artifact::from_reference(old), Artifact::from_reference(new)));
    }
    if values.iter().any(|value| value.key == "image") {
        return None;
    }
    let (old, new) = only(values, &["newTag", "tag"])?;
    let named = |version: &str| Artifact { version: Some(SafeText::new(version)), ..Artifact::default() };
    Some((named(old), named(new)))
}

fn only<'a>(values: &'a [Value], keys: &[&str]) -> Option<(&'a str, &'a str)> {
    let mut pairs: Vec<(&str, &str)> = values
        .iter()
        .filter(|value| keys.contains(&value.key))
        .map(|value| (value.old.as_str(), value.new.as_str()))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let plain = |text: &str| !text.is_empty() && !text.contains([' ', '{', '$', '•']);
    match pairs.as_slice() {
        [(old, new)] if plain(old) && plain(new) => Some((old, new)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(diff: &str) -> Vec<(&'static str, String, String)> {
        values(diff).into_iter().map(|v| (v.key, v.old, v.new)).collect()
    }

    #[test]
    fn values_of_known_keys_are_paired_and_others_are_not_told() {
        let diff = "diff --git a/x b/x\n--- a/image: no\n+++ b/image: no\n@@ -1 +1 @@\n-  - image: r/web:v2 # now\n+  - image: r/web:v1\n\
                    -    password: hunter2\n+    password: hunter3\n@@ -9,2 +9,3 @@\n-\"replicas\": 3,\n+\"replicas\": 2,\n+newTag: 'v1'\n";
        assert_eq!(
            of(diff),
            [
                ("image", "r/web:v2".into(), "r/web:v1".into()),
                ("replicas", "3".into(), "2".into()),
                ("newTag", String::new(), "v1".into()),
            ]
        );
        assert!(of("@@ -1 +1 @@\n-tag:\n+tag: # nothing\n").is_empty());
    }

    #[test]
    fn a_value_that_looks_like_a_secret_is_not_shown() {
        let said = of("@@ -1 +1 @@\n-version: ghp_hunter2\n+image: https://a:hunter2@r/web\n");
        assert!(
            said.iter().all(|(_, old, new)| !old.contains("hunter2") && !new.contains("hunter2")),
            "{said:?}"
        );
    }

    #[test]
    fn an_artifact_is_only_named_where_there_is_one() {
        let one = values(
            "@@ -1 +1 @@\n-image: r/web:v2\n+image: r/web:v1\n@@ -5 +5 @@\n-image: r/web:v2\n+image: r/web:v1\n",
        );
        let (from, to) = artifacts(&one).unwrap();
        assert_eq!((from.label(), to.label()), ("v2", "v1"));
        let two = values(
            "@@ -1 +1 @@\n-image: r/web:v2\n+image: r/web:v1\n@@ -5 +5 @@\n-image: r/db:v2\n+image: r/db:v1\n",
        );
        assert_eq!(artifacts(&two), None);
        let tag = values("@@ -1 +1 @@\n-  newTag: v2\n+  newTag: v1\n");
        assert_eq!(artifacts(&tag).unwrap().1.label(), "v1");
        assert_eq!(artifacts(&values("@@ -1 +1 @@\n-image: {{ x }}\n+image: r/web:v1\n")), None);
    }
}
