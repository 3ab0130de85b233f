//! Who is who: the names that identify things for as long as the program runs.
//!
//! Identity is always the whole key, never a row index: a [`Place`] is a service *and* an environment.

use serde::{Deserialize, Serialize};

use super::text::SafeText;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub SafeText);

        impl $name {
            /// A name from configured text.
            #[must_use]
            pub fn new(raw: &str) -> Self {
                Self(SafeText::new(raw))
            }
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name! {
    /// One configured outside system: "github", "prod".
    SourceName
}
name! {
    /// What is released.
    ServiceName
}
name! {
    /// Where it runs.
    EnvironmentName
}
name! {
    /// A set of rules that an environment may refer to.
    PolicyName
}

/// A service in an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// What runs there.
    pub service: ServiceName,
    /// Where it runs.
    pub environment: EnvironmentName,
}

impl Place {
    /// The place of `service` in `environment`.
    #[must_use]
    pub fn new(service: &str, environment: &str) -> Self {
        Self { service: ServiceName::new(service), environment: EnvironmentName::new(environment) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.service, self.environment)
    }
}
