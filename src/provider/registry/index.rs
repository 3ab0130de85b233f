//! An image index: the digests of one image for several platforms. Pure; it believes bytes that sum up to the digest
//! that was asked for, and nothing else.

use sha2::{Digest as _, Sha256};

use super::reference::is_digest;
use crate::domain::{Cause, Fault, SafeText};

/// So many platforms one index may have.
const MOST: usize = 1_000;

/// The types of an index.
const TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// What a manifest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An index, with the platforms that it has images for.
    Index(Vec<Platform>),
    /// The image of one platform.
    Single,
}

/// The image of one platform in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `linux/arm64/v8`.
    pub name: SafeText,
    /// Its manifest's digest.
    pub digest: SafeText,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: Option<String>,
    #[serde(default)]
    manifests: Vec<Entry>,
}

#[derive(serde::Deserialize)]
struct Entry {
    digest: String,
    platform: Option<Of>,
}

#[derive(serde::Deserialize)]
struct Of {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

/// The digest of these very bytes.
pub(super) fn sum(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Reads the manifest that was asked for by `digest`; `kind` is the type that the registry gives it.
///
/// # Errors
/// [`Cause::Malformed`] when the bytes are not those of that digest, or not as documented; [`Cause::TooLarge`].
pub(super) fn read(bytes: &[u8], digest: &str, kind: Option<&str>) -> Result<Shape, Fault> {
    let wrong = |why: &str| Fault::new(Cause::Malformed, format!("the manifest {digest} {why}"));
    if sum(bytes) != digest {
        return Err(wrong("is answered with other bytes"));
    }
    // What a parser would say could repeat a server's text.
    let wire: Wire = serde_json::from_slice(bytes).map_err(|_| wrong("is not as documented"))?;
    let kind = wire.media_type.as_deref().or(kind).unwrap_or_default();
    if !TYPES.contains(&kind.split(';').next().unwrap_or_default().trim()) {
        return Ok(Shape::Single);
    }
    if wire.manifests.len() > MOST {
        return Err(Fault::new(Cause::TooLarge, format!("the index {digest} names more than {MOST} images")));
    }
    // An attestation has a platform of its own, "unknown": nothing can run it.
    let runs = |entry: Entry| {
        let of = entry.platform.filter(|of| !of.os.is_empty() && of.os != "unknown")?;
        let words = [Some(of.os), Some(of.architecture), of.variant];
        let name = words.into_iter().flatten().filter(|w| !w.is_empty()).collect::<Vec<_>>().join("/");
        is_digest(&entry.digest)
            .then(|| Platform { name: SafeText::new(&name), digest: SafeText::new(&entry.digest) })
    };
    Ok(Shape::Index(wire.manifests.into_iter().filter_map(runs).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(kind: &str) -> String {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[
                {{"digest":"sha256:{a}","platform":{{"os":"linux","architecture":"amd64"}}}},
                {{"digest":"sha256:{a}x","platform":{{"os":"linux","architecture":"odd"}}}},
                {{"digest":"sha256:{b}","platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}},
                {{"digest":"sha256:{a}","platform":{{"os":"unknown","architecture":"unknown"}}}},
                {{"digest":"sha256:{b}"}}]}}"#
        )
    }

    #[test]
    fn an_index_names_what_each_platform_runs() {
        for kind in TYPES {
            let text = index(kind);
            let Shape::Index(platforms) = read(text.as_bytes(), &sum(text.as_bytes()), None).unwrap() else {
                panic!("{kind}")
            };
            let names: Vec<_> = platforms.iter().map(|p| p.name.as_str()).collect();
            assert_eq!(names, ["linux/amd64", "linux/arm64/v8"], "nothing runs an attestation");
            assert_eq!(platforms[1].digest.as_str(), format!("sha256:{}", "b".repeat(64)));
        }
    }

    #[test]
    fn other_bytes_prove_nothing() {
        let text = index(TYPES[0]);
        let other = text.replace("amd64", "arm64");
        let fault = read(other.as_bytes(), &sum(text.as_bytes()), Some(TYPES[0])).unwrap_err();
        assert_eq!(fault.cause, Cause::Malformed, "{fault}");
        let page = b"<html>log in</html>";
        assert_eq!(read(page, &sum(page), Some(TYPES[0])).unwrap_err().cause, Cause::Malformed);
    }

    #[test]
    fn the_manifest_of_one_platform_is_no_index() {
        let text =
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#;
        // The bytes outweigh what the registry says of them.
        assert_eq!(read(text.as_bytes(), &sum(text.as_bytes()), Some(TYPES[0])).unwrap(), Shape::Single);
        let bare = r#"{"schemaVersion":2,"manifests":[]}"#;
        let shape = read(bare.as_bytes(), &sum(bare.as_bytes()), Some(TYPES[0])).unwrap();
        assert_eq!(shape, Shape::Index(Vec::new()));
    }
}
