//! Names and identities: the pod-template hash, generated name suffixes and object UIDs. All of them repeatable,
//! so that a recorded day looks the same twice.

use serde_json::Value;

const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The hash of a pod template, spelled with the letters that generated names use.
pub(super) fn template_hash(template: &Value) -> String {
    fnv32(template.to_string().as_bytes()).to_string().bytes().map(|b| letter(usize::from(b))).collect()
}

/// Five letters from a counter.
pub(super) fn suffix(counter: u64) -> String {
    let mut seed = fnv64(&counter.to_le_bytes());
    (0..5)
        .map(|_| {
            let c = letter(usize::try_from(seed % 27).unwrap_or(0));
            seed /= 27;
            c
        })
        .collect()
}

/// A UID from a counter, in the shape of a random one.
pub(super) fn uid(counter: u64) -> String {
    let high = fnv64(&counter.to_le_bytes());
    let low = fnv64(&high.to_le_bytes());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

fn letter(index: usize) -> char {
    char::from(SAFE.get(index % SAFE.len()).copied().unwrap_or(b'x'))
}

fn fnv32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A 64-bit FNV-1a hash.
pub(super) fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
