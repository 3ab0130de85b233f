//! Canaries: secrets made for one test, and the search for any trace of them.
//!
//! A canary is planted where a real secret would lie. Everything that the program lets out is then searched for it:
//! as it is, in base64 (standard and for URLs, at each of the three alignments), in hex of either case, percent-encoded,
//! as a list of byte values, and for every slice of eight bytes, so that a cut, a wrap or a mask that leaves a bit too
//! much is found, too.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// The shortest part of a secret that counts, in bytes.
const SLICE: usize = 8;
/// So many characters of base64 hold at least eight bytes whatever the alignment.
const SLICE_BASE64: usize = 12;

/// A secret of letters and digits that occurs nowhere else: 32 characters from its name and a seed.
pub(crate) fn canary(name: &str, seed: u64) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let mut state = name
        .bytes()
        .fold(seed ^ 0x9e37_79b9_7f4a_7c15, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (0..32)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(LETTERS[usize::try_from(state % LETTERS.len() as u64).unwrap()])
        })
        .collect()
}

/// A trace of a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Which canary.
    pub(crate) canary: String,
    /// In which form.
    pub(crate) form: &'static str,
    /// Where.
    pub(crate) place: String,
    /// What stands around it.
    pub(crate) context: String,
}

/// The search for a number of canaries at once.
#[derive(Default)]
pub(crate) struct Scanner {
    /// By length: what to look for, whose it is and in which form.
    needles: HashMap<usize, HashMap<Vec<u8>, (String, &'static str)>>,
    /// How many bytes were searched.
    pub(crate) searched: std::cell::Cell<u64>,
}

impl Scanner {
    /// Looks for these (name, value) pairs.
    pub(crate) fn new(canaries: &[(&str, &str)]) -> Self {
        let mut scanner = Self::default();
        for (name, value) in canaries {
            scanner.add(name, value.as_bytes());
        }
        scanner
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        assert!(value.len() >= 2 * SLICE, "{name} is too short to be told from chance");
        self.slices(name, "as it is", value, SLICE);
        let backwards: Vec<u8> = value.iter().rev().copied().collect();
        self.slices(name, "backwards", &backwards, SLICE);
        let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
        self.slices(name, "hex", hex.as_bytes(), 2 * SLICE);
        self.slices(name, "hex", hex.to_uppercase().as_bytes(), 2 * SLICE);
        for (form, engine) in [("base64", STANDARD), ("base64 for URLs", URL_SAFE)] {
            for before in 0..3 {
                let padded = [&b"xx"[..before], value].concat();
                let encoded = engine.encode(padded);
                // The characters at the edges depend on what stands beside the secret.
                let from = if before == 0 { 0 } else { before + 1 };
                let inner = &encoded.trim_end_matches('=')[from..];
                self.slices(name, form, &inner.as_bytes()[..inner.len() - 1], SLICE_BASE64);
            }
        }
        let percent: String = value.iter().map(|b| format!("%{b:02X}")).collect();
        self.slices(name, "percent-encoded", percent.as_bytes(), 3 * SLICE);
        for between in [", ", ","] {
            let numbers: Vec<String> = value.iter().map(u8::to_string).collect();
            for window in numbers.windows(SLICE) {
                self.needle(name, "as numbers", window.join(between).into_bytes());
            }
        }
    }

    fn slices(&mut self, name: &str, form: &'static str, whole: &[u8], length: usize) {
        whole.windows(length).for_each(|part| self.needle(name, form, part.to_vec()));
    }

    fn needle(&mut self, name: &str, form: &'static str, needle: Vec<u8>) {
        self.needles.entry(needle.len()).or_default().insert(needle, (name.to_owned(), form));
    }

    /// Every trace in `bytes`, the first of each canary and form.
    pub(crate) fn scan(&self, place: &str, bytes: &[u8]) -> Vec<Hit> {
        self.searched.set(self.searched.get() + bytes.len() as u64);
        let mut hits: Vec<Hit> = Vec::new();
        for (length, needles) in &self.needles {
            for (at, window) in bytes.windows(*length).enumerate() {
                let Some((canary, form)) = needles.get(window) else { continue };
                if hits.iter().any(|hit| hit.canary == *canary && hit.form == *form) {
                    continue;
                }
                let around = &bytes[at.saturating_sub(80)..bytes.len().min(at + length + 40)];
                let context = String::from_utf8_lossy(around).into_owned();
                hits.push(Hit { canary: canary.clone(), form, place: place.to_owned(), context });
            }
        }
        hits
    }

    /// Every trace in the files below a folder, and in their names.
    pub(crate) fn scan_folder(&self, folder: &Path) -> Vec<Hit> {
        let mut hits = Vec::new();
        for file in files(folder) {
            let name = file.display().to_string();
            hits.extend(self.scan(&name, name.as_bytes()));
            hits.extend(self.scan(&name, &std::fs::read(&file).unwrap_or_default()));
        }
        hits
    }
}

/// All regular files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// The search finds what it is for, in every form, and nothing where there is nothing.
pub(crate) fn finds_every_form() {
    use std::fmt::Write as _;
    let secret = canary("control", 7);
    let scanner = Scanner::new(&[("control", &secret)]);
    let mut text = String::new();
    for byte in secret.bytes() {
        write!(text, "{byte:02X}").unwrap();
    }
    let mut planted = vec![
        ("as it is", format!("token={secret};")),
        ("as it is", format!("…{}", &secret[11..19])),
        ("as it is", format!("{}****", &secret[..8])),
        ("backwards", secret.chars().rev().collect()),
        ("hex", text.to_lowercase()),
        ("hex", text),
        ("percent-encoded", secret.bytes().map(|b| format!("%{b:02X}")).collect()),
        ("as numbers", format!("{:?}", secret.as_bytes())),
    ];
    for around in ["", "a", "ab", "ann:"] {
        planted.push(("base64", STANDARD.encode(format!("{around}{secret}"))));
        planted.push(("base64", STANDARD.encode(format!("{around}{secret}\n"))));
    }
    for (form, text) in planted {
        let hits = scanner.scan("control", text.as_bytes());
        assert!(hits.iter().any(|hit| hit.form.starts_with(form)), "{form} is not found in {text}: {hits:?}");
    }
    let innocent = format!("{}…{} {}", &secret[..7], &secret[25..], canary("control", 8));
    assert_eq!(scanner.scan("control", innocent.as_bytes()), []);
}
