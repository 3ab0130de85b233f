//! Links on a drawn frame: the number of a run and the id of a commit lead to the page that shows them.
//!
//! What is linked is found on the finished frame, so no panel needs to know of it. A link leads only to an `https`
//! page of a host that the operator configured, and only where one page is meant: a number that two services share
//! leads nowhere. The sequences have no width: every linked cell carries its own, and stays one cell.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use ratatui::buffer::{Buffer, CellDiffOption};

use crate::app::Model;
use crate::domain::{SafeText, Sha};

/// The longest address.
const LONGEST: usize = 1_000;

/// Where links may lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// These hosts, in small letters.
    #[must_use]
    pub const fn new(hosts: Vec<String>) -> Self {
        Self(hosts)
    }

    /// Whether an address may be followed: `https`, one of these hosts exactly, the usual port, no user's name, and
    /// nothing in it that would have to be escaped.
    #[must_use]
    pub fn allow(&self, url: &str) -> bool {
        let Some(rest) = url.strip_prefix("https://") else { return false };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let fine = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '`');
        url.len() <= LONGEST && url.chars().all(fine) && self.0.contains(&host)
    }
}

/// A word on the frame that may be linked.
struct Word {
    text: String,
    x: u16,
    y: u16,
}

/// Links what can be linked on a drawn frame.
pub fn mark(model: &Model, hosts: &Hosts, buf: &mut Buffer) {
    let words = words(buf);
    if words.is_empty() {
        return;
    }
    // A word with two addresses has none.
    let mut known: BTreeMap<&str, Option<String>> = BTreeMap::new();
    pages(model, |name, url| {
        let Some(word) = words.iter().find(|w| means(&w.text, name)) else { return };
        if hosts.allow(&url) {
            let entry = known.entry(&word.text).or_insert_with(|| Some(url.clone()));
            if entry.as_ref() != Some(&url) {
                *entry = None;
            }
        }
    });
    for word in &words {
        if let Some(Some(url)) = known.get(word.text.as_str()) {
            link(buf, word, url);
        }
    }
}

/// Whether a word on the frame is a name, or the beginning of a commit's id.
fn means(word: &str, name: &str) -> bool {
    word == name || (!word.starts_with('#') && name.starts_with(word))
}

/// Every run and commit that may be on the screen, with its page.
fn pages(model: &Model, mut page: impl FnMut(&str, String)) {
    let mut run = |number: u64, revision: &Sha, url: Option<&SafeText>| -> Option<String> {
        let url = url?.as_str();
        page(&format!("#{number}"), url.to_owned());
        let repository = repository(url)?;
        page(revision.as_str(), format!("{repository}{}", revision.as_str()));
        Some(repository)
    };
    let mut home = None;
    if let Some((service, _)) = model.selected()
        && let Some(pipeline) = model.world.pipeline(service)
    {
        for known in &pipeline.value.runs {
            home = run(known.number, &known.revision, known.url.as_ref()).or(home);
        }
    }
    for gate in &model.inbox {
        run(gate.value.run_number, &gate.value.revision, gate.value.url.as_ref());
    }
    let changes = model.selected_place().and_then(|place| model.changes.get(&place));
    if let (Some(home), Some(changes)) = (home, changes) {
        for commit in &changes.commits {
            page(commit.sha.as_str(), format!("{home}{}", commit.sha.as_str()));
        }
    }
}

/// Where the commits of a run's repository are shown, by the address of the run (GitHub, GitLab).
fn repository(run: &str) -> Option<String> {
    let (home, part) = run
        .split_once("/actions/runs/")
        .map(|(home, _)| (home, "/commit/"))
        .or_else(|| run.split_once("/-/").map(|(home, _)| (home, "/-/commit/")))?;
    Some(format!("{home}{part}"))
}

/// Words that stand alone on a row and look like a run's number or a commit's id.
fn words(buf: &Buffer) -> Vec<Word> {
    let mut all = Vec::new();
    for y in buf.area.top()..buf.area.bottom() {
        let mut word = String::new();
        for x in buf.area.left()..=buf.area.right() {
            let next = buf.cell((x, y)).and_then(|cell| {
                let mut chars = cell.symbol().chars();
                chars.next().filter(|c| chars.next().is_none() && (c.is_ascii_alphanumeric() || *c == '#'))
            });
            if let Some(c) = next {
                word.push(c);
                continue;
            }
            let text = std::mem::take(&mut word);
            if is_name(&text) {
                let x = x - u16::try_from(text.len()).unwrap_or(x);
                all.push(Word { text, x, y });
            }
        }
    }
    all
}

fn is_name(word: &str) -> bool {
    let commit = (7..=40).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    let number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    commit || word.strip_prefix('#').is_some_and(number)
}

fn link(buf: &mut Buffer, word: &Word, url: &str) {
    for x in (word.x..).take(word.text.len()) {
        if let Some(cell) = buf.cell_mut((x, word.y)) {
            let linked = format!("\x1b]8;;{url}\x1b\\{}\x1b]8;;\x1b\\", cell.symbol());
            cell.set_symbol(&linked).set_diff_option(CellDiffOption::ForcedWidth(NonZeroU16::MIN));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_https_pages_of_configured_hosts_only() {
        let hosts = Hosts::new(vec!["github.com".into(), "git.example".into()]);
        for url in
            ["https://github.com/a/b/actions/runs/7", "https://git.example", "https://GitHub.com/x?y#z"]
        {
            assert!(hosts.allow(url), "{url}");
        }
        let long = format!("https://github.com/{}", "x".repeat(2_000));
        for url in [
            "http://github.com/a",
            "https://github.com.evil.example/a",
            "https://evil.example/github.com",
            "https://github.com@evil.example/a",
            "https://ann@github.com/a",
            "https://github.com:8443/a",
            "https://github.com\\@evil.example/",
            "https://github.com/a\u{1b}]8;;x",
            "https://github.com/a b",
            "https://gіthub.com/a",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "//github.com/a",
            "",
            &long,
        ] {
            assert!(!hosts.allow(url), "{url}");
        }
    }

    #[test]
    fn a_commit_has_its_page_where_its_run_has_one() {
        let of = |run| repository(run).unwrap_or_default();
        assert_eq!(of("https://github.com/a/b/actions/runs/7"), "https://github.com/a/b/commit/");
        assert_eq!(of("https://git.example/a/b/-/pipelines/7"), "https://git.example/a/b/-/commit/");
        assert_eq!(of("https://ci.example/job/7"), "");
    }

    #[test]
    fn only_words_that_stand_alone_are_names() {
        let mut buf = Buffer::empty(ratatui::layout::Rect::new(0, 0, 60, 1));
        buf.set_string(
            0,
            0,
            "#66 on 4f2c8b6, #x ab 4f2c8b6z 1234567 deadbeef x#7",
            ratatui::style::Style::new(),
        );
        let found: Vec<(String, u16)> = words(&buf).into_iter().map(|w| (w.text, w.x)).collect();
        let wanted = [("#66", 0), ("4f2c8b6", 7), ("1234567", 31), ("deadbeef", 39)];
        assert_eq!(found, wanted.map(|(w, x)| (w.to_owned(), x)));
    }
}
