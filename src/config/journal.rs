//! `[journal]`: where the record is kept, and where its head is anchored.

use std::path::PathBuf;
use std::time::Duration;

use super::check::Check;
use super::read::Item;

/// The ref for anchors, unless configured otherwise.
const REFERENCE: &str = "refs/gonogo/anchor";

/// How long a line may stay without an anchor: least, usual, most.
const EVERY: (Duration, Duration, Duration) =
    (Duration::from_secs(60), Duration::from_secs(3_600), Duration::from_secs(7 * 86_400));

/// Where the journal's head is anchored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The repository's folder.
    pub repo: PathBuf,
    /// The ref that holds the anchors; for one journal only.
    pub reference: String,
    /// How long a line may stay without an anchor.
    pub every: Duration,
    /// The git program, if not the one found in $PATH.
    pub git: Option<PathBuf>,
}

impl Check<'_> {
    /// The path and the anchor.
    pub(super) fn read_journal(&mut self, item: Option<Item<'_>>) -> (Option<PathBuf>, Option<Anchor>) {
        let section = item.and_then(|item| item.section(&mut self.mistakes, "[journal]", "[journal]"));
        let Some(mut section) = section else { return (None, None) };
        let path = section.get("path").and_then(|item| item.path(&mut self.mistakes, self.home.as_deref()));
        let anchor = section.get("anchor").and_then(|item| self.read_anchor(item));
        section.finish(&mut self.mistakes, &[]);
        (path, anchor)
    }

    fn read_anchor(&mut self, item: Item<'_>) -> Option<Anchor> {
        let example = "anchor = { repo = \"~/releases\" }";
        let mut section = item.section(&mut self.mistakes, "`anchor`", example)?;
        let home = self.home.clone();
        let mistakes = &mut self.mistakes;
        let repo = section.need(mistakes, "repo").and_then(|item| item.path(mistakes, home.as_deref()));
        let reference = match section.get("ref") {
            None => Some(REFERENCE.to_owned()),
            Some(item) => item.text(mistakes).and_then(|said| {
                let fine = is_reference(said);
                if !fine {
                    let cause = format!("`ref` is no name of a ref: {said:?}");
                    mistakes.hinted(&item.at(), cause, format!("for example {REFERENCE:?}"));
                }
                fine.then(|| said.to_owned())
            }),
        };
        let every = section.get("every").and_then(|item| item.duration(mistakes, EVERY.0, EVERY.2));
        let git = section.get("git").and_then(|item| item.path(mistakes, home.as_deref()));
        section.finish(mistakes, &[]);
        Some(Anchor { repo: repo?, reference: reference?, every: every.unwrap_or(EVERY.1), git })
    }
}

/// Whether a name is a whole ref with nothing in it that git reads otherwise. Branches and tags are not for this.
fn is_reference(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let part = |part: &str| {
        part.chars().all(plain)
            && !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && !part.contains("..")
            && !part.ends_with(".lock")
    };
    let ours = !["refs/heads/", "refs/tags/", "refs/remotes/"].iter().any(|taken| name.starts_with(taken));
    ours && name.strip_prefix("refs/").is_some_and(|rest| rest.contains('/') && rest.split('/').all(part))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::config::{Config, ConfigErrors, Surroundings, load};

    fn read(text: &str) -> Result<Config, ConfigErrors> {
        let around = Surroundings { home: Some(PathBuf::from("/home/ada")), ..Surroundings::default() };
        load(text, "config.toml", &around, &[])
    }

    fn sound_anchor(text: &str) -> Option<Anchor> {
        read(text).unwrap_or_else(|errors| panic!("{errors}")).anchor
    }

    #[track_caller]
    fn tells(text: &str, wanted: &[&str]) {
        let errors = read(text).expect_err("broken on purpose");
        let told = errors.mistakes().iter().map(|m| {
            let hint = m.hint.as_ref().map(|hint| format!(" = {hint}")).unwrap_or_default();
            format!("{}:{} {}{hint}", m.line, m.column, m.cause)
        });
        assert_eq!(told.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn an_anchor_is_read_and_its_mistakes_are_told() {
        let config = sound_anchor("[journal]\nanchor = { repo = '~/releases' }\n");
        let usual = Anchor {
            repo: PathBuf::from("/home/ada/releases"),
            reference: "refs/gonogo/anchor".to_owned(),
            every: Duration::from_secs(3_600),
            git: None,
        };
        assert_eq!(config, Some(usual));
        let config = sound_anchor(
            "[journal]\nanchor = { repo = '/r', ref = 'refs/x/y', every = '10m', git = '/usr/bin/git' }\n",
        );
        let own = Anchor {
            repo: PathBuf::from("/r"),
            reference: "refs/x/y".to_owned(),
            every: Duration::from_secs(600),
            git: Some(PathBuf::from("/usr/bin/git")),
        };
        assert_eq!(config, Some(own));
        tells(
            "[journal]\nanchor = { ref = 'main', every = '1s', rev = 1 }\n",
            &[
                "2:10 `anchor` needs `repo`",
                "2:18 `ref` is no name of a ref: \"main\" = for example \"refs/gonogo/anchor\"",
                "2:34 `every` must be between 1 min and 7 d",
                "2:40 unknown key `rev` in `anchor` = did you mean `ref`?",
            ],
        );
        tells(
            "[journal]\nanchor = '~/r'\n",
            &["2:10 `anchor` must be a table, not a text = for example anchor = { repo = \"~/releases\" }"],
        );
    }

    #[test]
    fn only_whole_refs_that_nothing_else_uses_are_taken() {
        for fine in ["refs/gonogo/anchor", "refs/gonogo/a.b-c/d_e", REFERENCE] {
            assert!(is_reference(fine), "{fine}");
        }
        for wrong in [
            "anchor",
            "HEAD",
            "refs/anchor",
            "refs/heads/main",
            "refs/tags/v1",
            "refs/gonogo/",
            "refs/gonogo/-x",
            "refs/gonogo/a..b",
            "refs/gonogo/a.lock",
            "refs/gonogo/a b",
            "refs/gonogo/a^{}",
            "refs//a",
            "",
        ] {
            assert!(!is_reference(wrong), "{wrong}");
        }
    }
}
