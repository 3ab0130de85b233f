//! What `gonogo doctor` is told by a provider beyond what a look tells: the way there, who we are, what we may.
//!
//! Knows no provider. Everything in here was found out by reads.

use crate::domain::SafeText;

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Well,
    /// It works, and is worth knowing.
    Worth,
    /// It does not work.
    Ill,
}

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Of what: `DNS`, `TLS`, `permissions`.
    pub what: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// What was seen.
    pub says: SafeText,
    /// What mends it: a command, if there is one.
    pub mend: Option<SafeText>,
}

impl Finding {
    /// Something that is as it should be.
    #[must_use]
    pub fn well(what: &'static str, says: impl AsRef<str>) -> Self {
        Self { what, standing: Standing::Well, says: SafeText::new(says.as_ref()), mend: None }
    }

    /// Something that works and is worth knowing.
    #[must_use]
    pub fn worth(what: &'static str, says: impl AsRef<str>, mend: impl AsRef<str>) -> Self {
        Self { standing: Standing::Worth, mend: Some(SafeText::new(mend.as_ref())), ..Self::well(what, says) }
    }

    /// Something that does not work.
    #[must_use]
    pub fn ill(what: &'static str, says: impl AsRef<str>, mend: impl AsRef<str>) -> Self {
        Self { standing: Standing::Ill, ..Self::worth(what, says, mend) }
    }
}
