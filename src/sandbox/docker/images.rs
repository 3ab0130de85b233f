//! The images of the world: which references exist, under which digest, and how their containers behave.

use super::identity;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How the containers of an image behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Starts and is running (and healthy) after about a second.
    #[default]
    Healthy,
    /// Exits with code 1 a second after every start.
    Crash,
    /// Starts, but its health check never succeeds.
    Unhealthy,
    /// Needs this long from its start until its health check succeeds.
    SlowStart(Duration),
}

/// The registry and what the node has of it.
#[derive(Debug, Default)]
pub(super) struct Images {
    digests: BTreeMap<String, String>,
    behaviours: BTreeMap<String, Behaviour>,
}

impl Images {
    /// Says how containers of an image behave from now on.
    pub(super) fn set_behaviour(&mut self, image: &str, behaviour: Behaviour) {
        self.behaviours.insert(image.to_owned(), behaviour);
    }

    /// Puts an image into the registry.
    pub(super) fn register(&mut self, reference: &str, digest: &str) {
        self.digests.insert(reference.to_owned(), digest.to_owned());
    }

    /// Takes an image out of the registry and off the node.
    pub(super) fn remove(&mut self, reference: &str) {
        self.digests.remove(reference);
    }

    /// How containers of an image behave: by the whole reference, by its tag, or by any tag of the same digest.
    pub(super) fn behaviour(&self, image: &str) -> Behaviour {
        let (tagged, digest) = image.split_once('@').unwrap_or((image, ""));
        let same = self.digests.iter().find(|(r, d)| *d == digest && repository(r) == repository(tagged));
        let known = self.behaviours.get(image).or_else(|| self.behaviours.get(tagged));
        known.or_else(|| self.behaviours.get(same?.0)).copied().unwrap_or_default()
    }

    /// A reference by which the image of this id is known.
    fn of_id(&self, id: &str) -> Option<&str> {
        let same = |digest: &String| format!("sha256:{}", identity::long(digest)) == id;
        self.digests.iter().find(|(_, digest)| same(digest)).map(|(reference, _)| reference.as_str())
    }

    /// The digest of a reference; `None` when the registry has no such image.
    pub(super) fn digest(&self, image: &str) -> Option<String> {
        if let Some(digest) = self.digests.get(image) {
            return Some(digest.clone());
        }
        let (tagged, digest) = image.split_once('@')?;
        let known = |(r, d): (&String, &String)| d == digest && repository(r) == repository(tagged);
        self.digests.iter().any(known).then(|| digest.to_owned())
    }

    /// The reference with its digest, as the command-line client pins it.
    pub(super) fn pinned(&self, image: &str) -> String {
        match self.digests.get(image) {
            Some(digest) if !image.contains('@') => format!("{image}@{digest}"),
            _ => image.to_owned(),
        }
    }

    /// The answer of `GET /images/{name}/json`.
    pub(super) fn inspect(&self, image: &str) -> Option<Value> {
        let image = self.of_id(image).unwrap_or(image);
        let digest = self.digest(image)?;
        let tags: Vec<&String> = self
            .digests
            .iter()
            .filter(|(r, d)| **d == digest && repository(r) == repository(image))
            .map(|(reference, _)| reference)
            .collect();
        Some(json!({
            "Id": format!("sha256:{}", identity::long(&digest)), "RepoTags": tags,
            "RepoDigests": [format!("{}@{digest}", repository(image))],
            "Created": "2026-01-01T00:00:00Z", "Architecture": "amd64", "Os": "linux",
            "Size": 12_345_678, "Config": {"Env": [], "Labels": {}}
        }))
    }

    /// The image ID that a container of this image names.
    pub(super) fn id(&self, image: &str) -> String {
        format!("sha256:{}", identity::long(&self.digest(image).unwrap_or_else(|| image.to_owned())))
    }

    /// The answer of `GET /distribution/{name}/json`.
    pub(super) fn distribution(&self, image: &str) -> Option<Value> {
        let digest = self.digest(image)?;
        Some(json!({
            "Descriptor": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 1609},
            "Platforms": [{"architecture": "amd64", "os": "linux"}]
        }))
    }
}

/// A reference without tag and digest.
fn repository(image: &str) -> &str {
    let bare = image.split_once('@').map_or(image, |(repository, _)| repository);
    let name = bare.rfind('/').map_or(0, |slash| slash + 1);
    match bare.get(name..).and_then(|last| last.find(':')) {
        Some(colon) => bare.get(..name + colon).unwrap_or(bare),
        None => bare,
    }
}
