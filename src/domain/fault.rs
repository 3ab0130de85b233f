//! What is wrong with a source, in plain words, and when to ask again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::text::SafeText;

/// Why a look failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// No connection: refused, reset, no route, no such host.
    Unreachable,
    /// A deadline passed.
    TimedOut,
    /// The server's identity could not be proved.
    Tls,
    /// The credential is missing, wrong or expired.
    Unauthorized,
    /// The credential may not do this.
    Forbidden,
    /// The thing is not there (some servers hide what one may not see).
    NotFound,
    /// The server asks for patience.
    RateLimited,
    /// The server failed (5xx).
    ServerFailed,
    /// The answer is not what the documentation promises: wrong type, not JSON, missing fields.
    Malformed,
    /// The answer exceeds a limit of ours (bytes, pages, depth).
    TooLarge,
    /// The server sent us elsewhere and we did not follow.
    Redirected,
    /// The server refused what we sent as wrong (4xx that is none of the above).
    Refused,
    /// The world moved: a guard did not hold (409, 412, failed `test`, "out of sequence").
    Moved,
    /// Something on this side: configuration, a missing file, a command that failed.
    Local,
    /// The provider's own code crashed.
    Crashed,
}

impl Cause {
    /// The cause in two or three words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed out",
            Self::Tls => "TLS failed",
            Self::Unauthorized => "not logged in",
            Self::Forbidden => "not permitted",
            Self::NotFound => "not found",
            Self::RateLimited => "rate limited",
            Self::ServerFailed => "server failed",
            Self::Malformed => "unreadable answer",
            Self::TooLarge => "answer too large",
            Self::Redirected => "redirected away",
            Self::Refused => "refused",
            Self::Moved => "the world moved",
            Self::Local => "local problem",
            Self::Crashed => "crashed",
        }
    }
}

/// When asking again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// At the next turn, with back-off.
    BackOff,
    /// Not before this long from the answer.
    After(Duration),
    /// Only after somebody mended something (credential, configuration); the poller still looks, rarely.
    WhenMended,
}

/// Whether a request that failed may have had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// It never left, or the server said that it did nothing.
    No,
    /// It left and no answer came: it may have happened.
    Perhaps,
}

/// What is wrong with a source: cause, details, retry when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {detail}", cause.word())]
pub struct Fault {
    /// Why.
    pub cause: Cause,
    /// One sentence for the operator; never holds a secret.
    pub detail: SafeText,
    /// What would mend it, where that is known: a command or a setting.
    pub hint: Option<SafeText>,
    /// When to ask again.
    pub retry: Retry,
    /// Whether the request may have had its effect (reads: always `No`).
    pub reached: Reached,
}

impl Fault {
    /// A fault with the retry that suits its cause.
    #[must_use]
    pub fn new(cause: Cause, detail: impl AsRef<str>) -> Self {
        let retry = match cause {
            Cause::Unauthorized | Cause::Forbidden | Cause::Local | Cause::Tls => Retry::WhenMended,
            _ => Retry::BackOff,
        };
        Self { cause, detail: SafeText::new(detail.as_ref()), hint: None, retry, reached: Reached::No }
    }

    /// The same fault with what would mend it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(SafeText::new(hint.as_ref()));
        self
    }

    /// The same fault, not to be asked again before `wait`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry = Retry::After(wait);
        self
    }

    /// The same fault of a request that may have had its effect.
    #[must_use]
    pub fn perhaps_applied(mut self) -> Self {
        self.reached = Reached::Perhaps;
        self
    }
}
