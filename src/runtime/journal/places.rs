//! The names of the journal's files, all beside each other.

use std::path::{Path, PathBuf};

/// Where a journal's files are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    base: PathBuf,
}

impl Places {
    pub(super) fn new(base: &Path) -> Self {
        Self { base: base.to_owned() }
    }

    /// The first segment: the path that the user knows.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// `journal.jsonl`, `journal.2.jsonl`, `journal.3.jsonl` ...
    pub(super) fn segment(&self, number: u32) -> PathBuf {
        if number <= 1 {
            return self.base.clone();
        }
        let mut name = self.base.file_stem().unwrap_or_default().to_owned();
        name.push(format!(".{number}"));
        if let Some(extension) = self.base.extension() {
            name.push(".");
            name.push(extension);
        }
        self.base.with_file_name(name)
    }

    /// The head file.
    pub(super) fn head(&self) -> PathBuf {
        self.beside(".head")
    }

    /// The head file while it is being written.
    pub(super) fn next_head(&self) -> PathBuf {
        self.beside(".head.new")
    }

    /// Where bytes are kept that are no part of the chain.
    pub(super) fn aside(&self, mark: &str, attempt: u32) -> PathBuf {
        self.beside(&format!(".torn-{mark}-{attempt}"))
    }

    pub(super) fn folder(&self) -> &Path {
        self.base.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.base.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.base.with_file_name(name)
    }
}

/// A file's own name, for messages and for the journal.
pub(super) fn short(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_named_after_the_first() {
        for (base, second, head) in [
            ("/s/journal.jsonl", "/s/journal.2.jsonl", "/s/journal.jsonl.head"),
            ("/s/j", "/s/j.2", "/s/j.head"),
        ] {
            let places = Places::new(Path::new(base));
            assert_eq!(places.segment(1), Path::new(base));
            assert_eq!(places.segment(2), Path::new(second));
            assert_eq!(places.head(), Path::new(head));
        }
    }
}
