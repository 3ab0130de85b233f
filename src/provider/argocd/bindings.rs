//! What the configuration asks of this source: which application owns which place.

use crate::domain::{Cause, Fault, Place, Role};
use crate::provider::SourceSpec;
use crate::provider::http::{query, segment};

/// One application, and the place that it owns.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) project: Option<String>,
    pub(super) namespace: Option<String>,
}

impl Watch {
    /// The application's path, without a query.
    pub(super) fn bare(&self) -> String {
        format!("/api/v1/applications/{}", segment(&self.name))
    }

    pub(super) fn path(&self) -> String {
        query(&self.bare(), &self.pairs())
    }

    /// With the wish that Git is read again before the answer.
    pub(super) fn refreshed(&self) -> String {
        let mut pairs = vec![("refresh", "normal")];
        pairs.extend(self.pairs());
        query(&self.bare(), &pairs)
    }

    pub(super) fn windows(&self) -> String {
        query(&format!("{}/syncwindows", self.bare()), &self.pairs())
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let project = self.project.as_deref().map(|project| ("project", project));
        let namespace = self.namespace.as_deref().map(|namespace| ("appNamespace", namespace));
        project.into_iter().chain(namespace).collect()
    }
}

/// Reads the bindings of a source. A name may be written as Argo CD's own client does, `namespace/name`.
pub(super) fn read(spec: &SourceSpec) -> Result<Vec<Watch>, Fault> {
    let owned = spec.bounds.iter().filter(|bound| bound.role == Role::Owner);
    owned
        .map(|bound| {
            let wrong = |why: &str| {
                Fault::new(Cause::Local, format!("owner of {} on source {}: {why}", bound.service, spec.name))
            };
            let place = bound.place().ok_or_else(|| wrong("it names no environment"))?;
            let text = |key: &str| bound.settings.text(key).map(str::to_owned);
            let written = text("application").unwrap_or_default();
            let (namespace, name) = match written.split_once('/') {
                Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
                None => (text("namespace"), written),
            };
            let fine = |word: &String| {
                let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
                !word.is_empty() && !word.starts_with('.') && word.bytes().all(plain)
            };
            if !fine(&name) || !namespace.as_ref().is_none_or(fine) {
                return Err(wrong("application is not a name")
                    .with_hint("write it as application = \"name\", or \"namespace/name\""));
            }
            Ok(Watch { place, name, project: text("project"), namespace })
        })
        .collect()
}
