//! Images: their references, their manifests and the manifests' digests. Pure.

use sha2::{Digest, Sha256};

/// The owner of everything in the world, on the hosting service and in the registry.
pub(super) const OWNER: &str = "acme";

/// A service's image in the registry: `127.0.0.1:5000/acme/checkout:v2.15.0`.
pub(super) fn reference(registry: &str, service: &str, tag: &str) -> String {
    format!("{registry}/{OWNER}/{service}:{tag}")
}

/// The tag in a reference, with or without a digest.
pub(super) fn tag(reference: &str) -> &str {
    let named = reference.split('@').next().unwrap_or_default();
    named.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("", |(_, tag)| tag)
}

/// The manifest of a service's image, as the registry serves it.
pub(super) fn manifest(service: &str, tag: &str) -> String {
    let config = sum(format!("config of {service} {tag}").as_bytes());
    let layer = sum(format!("layer of {service} {tag}").as_bytes());
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{{\"mediaType\":\
         \"application/vnd.oci.image.config.v1+json\",\"digest\":\"{config}\",\"size\":1470}},\"layers\":[{{\"mediaType\":\
         \"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"{layer}\",\"size\":3145728}}]}}"
    )
}

/// The digest of that manifest.
pub(super) fn digest(service: &str, tag: &str) -> String {
    sum(manifest(service, tag).as_bytes())
}

fn sum(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
