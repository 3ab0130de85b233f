//! How an operator reaches a source by hand, without this program: which client, and where. Holds no credential.

use super::text::SafeText;

/// A client that speaks to a source, and the source's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `gh api`, which knows its credential itself.
    Gh {
        /// The host of an Enterprise server; none: github.com.
        host: Option<SafeText>,
    },
    /// `kubectl`, which knows its credential itself.
    Kubectl {
        /// The context; none: the current one.
        context: Option<SafeText>,
        /// The kubeconfig file; none: the usual one.
        config: Option<SafeText>,
    },
    /// `curl` over a Unix socket.
    Socket {
        /// Its path.
        path: SafeText,
    },
    /// `curl`, with a token from the operator's environment.
    Http {
        /// The base that a step's path is appended to.
        base: SafeText,
        /// The variable that holds the token, as the command names it; none: no token is needed.
        token: Option<&'static str>,
    },
    /// `curl` with a user's name, and the token from the operator's environment.
    Basic {
        /// The base that a step's path is appended to.
        base: SafeText,
        /// The user.
        user: SafeText,
        /// The variable that holds the token, as the command names it.
        token: &'static str,
    },
    /// The program that a step itself names.
    Program,
    /// `git`, in a clone of this repository.
    Git {
        /// Its address, without a login.
        url: SafeText,
    },
}

impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gh { host } => f.write_str(host.as_ref().map_or("github.com", |host| host.as_str())),
            Self::Kubectl { context, .. } => {
                write!(f, "context {}", context.as_ref().map_or("(the current one)", |c| c.as_str()))
            }
            Self::Socket { path } => write!(f, "{path}"),
            Self::Http { base, .. } | Self::Basic { base, .. } => write!(f, "{base}"),
            Self::Program => f.write_str("the programs of the config"),
            Self::Git { url } => write!(f, "{url}"),
        }
    }
}
