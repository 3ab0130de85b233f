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

/// The manifest of a service's image for another platform.
pub(super) fn arm_manifest(service: &str, tag: &str) -> String {
    manifest(service, &format!("{tag} for arm64"))
}

/// The digest of that manifest.
pub(super) fn arm_digest(service: &str, tag: &str) -> String {
    sum(arm_manifest(service, tag).as_bytes())
}

/// The index of a service's image for both platforms, with an attestation beside them.
pub(super) fn index(service: &str, tag: &str) -> String {
    let entry = |digest: &str, os: &str, architecture: &str| {
        format!(
            "{{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"{digest}\",\"size\":401,\
             \"platform\":{{\"architecture\":\"{architecture}\",\"os\":\"{os}\"}}}}"
        )
    };
    let attestation = sum(format!("attestation of {service} {tag}").as_bytes());
    let entries = [
        entry(&digest(service, tag), "linux", "amd64"),
        entry(&arm_digest(service, tag), "linux", "arm64"),
        entry(&attestation, "unknown", "unknown"),
    ];
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{}]}}",
        entries.join(",")
    )
}

/// The digest of that index.
pub(super) fn index_digest(service: &str, tag: &str) -> String {
    sum(index(service, tag).as_bytes())
}

fn sum(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
