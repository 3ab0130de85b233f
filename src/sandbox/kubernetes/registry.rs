//! The images of the world: which references exist, under which digest, and how their containers behave.
//! Also what each node has already pulled.

use super::{Behaviour, Conclusion};
use std::collections::BTreeMap;

/// The registry and the nodes' caches.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    digests: BTreeMap<String, String>,
    /// By node and reference: the digest of the image for that node's platform.
    platforms: BTreeMap<(String, String), String>,
    behaviours: BTreeMap<String, Behaviour>,
    conclusions: BTreeMap<String, Conclusion>,
    pulled: BTreeMap<(String, String), String>,
}

impl Registry {
    /// Says how containers of an image behave from now on.
    pub(super) fn set_behaviour(&mut self, image: &str, behaviour: Behaviour) {
        self.behaviours.insert(image.to_owned(), behaviour);
    }

    /// Says what analyses of an image conclude from now on.
    pub(super) fn set_conclusion(&mut self, image: &str, conclusion: Conclusion) {
        self.conclusions.insert(image.to_owned(), conclusion);
    }

    /// What analyses of an image conclude.
    pub(super) fn conclusion(&self, image: &str) -> Conclusion {
        self.of_image(&self.conclusions, image)
    }

    /// How containers of an image behave.
    pub(super) fn behaviour(&self, image: &str) -> Behaviour {
        self.of_image(&self.behaviours, image)
    }

    /// What is known of an image; one named by digest is the same as any tag of that digest.
    fn of_image<T: Copy + Default>(&self, known: &BTreeMap<String, T>, image: &str) -> T {
        if let Some(found) = known.get(image) {
            return *found;
        }
        let (repository, digest) = image.split_once('@').unwrap_or((image, ""));
        let same = |(reference, known): &(&String, &String)| {
            digest == known.as_str() && repository_of(reference) == repository_of(repository)
        };
        let tag = self.digests.iter().find(|entry| same(entry)).map(|(reference, _)| reference);
        tag.and_then(|tag| known.get(tag)).copied().unwrap_or_default()
    }

    /// Puts an image into the registry.
    pub(super) fn register(&mut self, reference: &str, digest: &str) {
        self.digests.insert(reference.to_owned(), digest.to_owned());
    }

    /// Says which digest the runtime of a node reports for an image.
    pub(super) fn register_on(&mut self, node: &str, reference: &str, digest: &str) {
        let key = (node.to_owned(), reference.to_owned());
        self.pulled.remove(&key);
        self.platforms.insert(key, digest.to_owned());
    }

    /// Takes an image out of the registry and out of every node's cache.
    pub(super) fn remove(&mut self, reference: &str) {
        self.digests.remove(reference);
        self.pulled.retain(|(_, pulled), _| pulled != reference);
    }

    /// Pulls an image onto a node and answers its image ID, `None` when the registry has no such image.
    /// With `cached`, an image that the node already has is not asked for again (`IfNotPresent`).
    pub(super) fn pull(&mut self, node: &str, image: &str, cached: bool) -> Option<String> {
        let key = (node.to_owned(), image.to_owned());
        if let (true, Some(id)) = (cached, self.pulled.get(&key)) {
            return Some(id.clone());
        }
        let digest = self.platforms.get(&key).cloned().map_or_else(|| self.digest(image), Some)?;
        let id = format!("{}@{digest}", canonical(repository_of(image)));
        self.pulled.insert(key, id.clone());
        Some(id)
    }

    fn digest(&self, image: &str) -> Option<String> {
        if let Some(found) = self.digests.get(image) {
            return Some(found.clone());
        }
        let (repository, digest) = image.split_once('@')?;
        let known = |(reference, value): (&String, &String)| {
            value == digest && repository_of(reference) == repository_of(repository)
        };
        self.digests.iter().any(known).then(|| digest.to_owned())
    }
}

/// `registry.example/shop/web` of `registry.example/shop/web:1.2@sha256:..`.
fn repository_of(image: &str) -> &str {
    let bare = image.split_once('@').map_or(image, |(repository, _)| repository);
    let name = bare.rfind('/').map_or(0, |slash| slash + 1);
    match bare.get(name..).and_then(|last| last.find(':')) {
        Some(colon) => bare.get(..name + colon).unwrap_or(bare),
        None => bare,
    }
}

/// The repository as the container runtime spells it: with the registry that a short name means.
fn canonical(repository: &str) -> String {
    match repository.split_once('/') {
        None => format!("docker.io/library/{repository}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => repository.to_owned(),
        Some(_) => format!("docker.io/{repository}"),
    }
}
