//! Labels and annotations as they are kept: pairs in order of their keys, and no room beside them. A map for each of
//! thousands of objects would mostly be empty room.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Pairs of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// The text under a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(its, _)| its.as_ref().cmp(key)).ok()?;
        self.0.get(at).map(|(_, text)| text.as_ref())
    }

    /// All of them, in order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, text)| (key.as_ref(), text.as_ref()))
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `keep` makes of each; what it makes nothing of goes.
    pub(super) fn keep(&mut self, keep: impl Fn(&str, Box<str>) -> Option<Box<str>>) {
        let pairs = std::mem::take(&mut self.0).into_vec();
        self.0 =
            pairs.into_iter().filter_map(|(key, text)| keep(&key, text).map(|text| (key, text))).collect();
    }
}

impl<K: Into<Box<str>>, V: Into<Box<str>>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut pairs: Vec<(Box<str>, Box<str>)> =
            pairs.into_iter().map(|(key, text)| (key.into(), text.into())).collect();
        // Of a key that comes twice the last one counts, as in a map.
        pairs.reverse();
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        pairs.dedup_by(|(a, _), (b, _)| a == b);
        Self(pairs.into_boxed_slice())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs: Vec<(String, String)> = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs.into_iter().collect())
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_by_their_keys_and_the_last_of_two_counts() {
        let labels: Labels = serde_json::from_str(r#"{"b": "2", "a": "1", "c": "", "b": "3"}"#).unwrap();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3"), ("c", "")]);
        assert_eq!((labels.get("b"), labels.get("c"), labels.get("d")), (Some("3"), Some(""), None));
        assert!(serde_json::from_str::<Labels>(r#"{"a": 1}"#).is_err());
        assert!(Labels::default().is_empty());
    }

    #[test]
    fn what_is_not_kept_goes() {
        let mut labels: Labels = [("a", "1"), ("b", "2")].into_iter().collect();
        labels.keep(|key, text| (key == "b").then_some(text));
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("b", "2")]);
    }
}
