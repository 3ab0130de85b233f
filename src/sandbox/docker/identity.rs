//! The engine's identifiers: swarm objects, containers and images. Repeatable from a counter.

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// The 25 base-36 digits of a swarm object's ID.
pub(super) fn swarm(counter: u64) -> String {
    let (mut high, mut low) = (fnv64(&counter.to_le_bytes()), fnv64(&counter.to_be_bytes()));
    (0..25)
        .map(|index| {
            let from = if index % 2 == 0 { &mut high } else { &mut low };
            let digit = usize::try_from(*from % 36).unwrap_or(0);
            *from /= 36;
            char::from(DIGITS.get(digit).copied().unwrap_or(b'0'))
        })
        .collect()
}

/// The 64 hexadecimal digits of a container's or image's ID.
pub(super) fn long(of: &str) -> String {
    let first = fnv64(of.as_bytes());
    let second = fnv64(&first.to_le_bytes());
    let third = fnv64(&second.to_le_bytes());
    let fourth = fnv64(&third.to_le_bytes());
    format!("{first:016x}{second:016x}{third:016x}{fourth:016x}")
}

fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
