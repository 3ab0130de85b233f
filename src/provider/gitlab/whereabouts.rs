//! Where a pipeline is: pipelines start others, also in other projects.

use super::bindings::Watch;
use crate::domain::SafeText;

/// A pipeline's place: its project, if it is not the watch's own, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whereabouts {
    pub(super) project: Option<u64>,
    pub(super) pipeline: u64,
}

impl Whereabouts {
    /// `9100`, or `77-9100` in another project.
    pub(super) fn id(self) -> SafeText {
        SafeText::new(&match self.project {
            Some(project) => format!("{project}-{}", self.pipeline),
            None => self.pipeline.to_string(),
        })
    }

    pub(super) fn parse(id: &SafeText) -> Option<Self> {
        let number =
            |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        match id.as_str().split_once('-') {
            Some((project, pipeline)) => {
                Some(Self { project: Some(number(project)?), pipeline: number(pipeline)? })
            }
            None => Some(Self { project: None, pipeline: number(id.as_str())? }),
        }
    }

    /// The path of its project.
    pub(super) fn project_path(self, watch: &Watch) -> String {
        self.project.map_or_else(|| watch.path.clone(), |project| format!("/projects/{project}"))
    }

    pub(super) fn path(self, watch: &Watch, below: &str) -> String {
        format!("{}/pipelines/{}{below}", self.project_path(watch), self.pipeline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_the_place() {
        for (id, project, pipeline) in [("9100", None, 9_100), ("77-9100", Some(77), 9_100)] {
            let at = Whereabouts::parse(&id.into()).unwrap();
            assert_eq!((at.project, at.pipeline, at.id()), (project, pipeline, id.into()));
        }
        for id in ["", "-", "a", "1-", "-1", "1-2-3", "1/2", "1?x", "..", "+1"] {
            assert_eq!(Whereabouts::parse(&id.into()), None, "{id}");
        }
    }
}
