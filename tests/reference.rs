//! The pages that are made from the code's tables are what the tables say. `UPDATE=1` writes them anew.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use gonogo::config::{self, reference};
use gonogo::provider::KINDS;

fn page(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// Compares a page with what it should be, or writes it.
fn agree(name: &str, wanted: &str) {
    let path = page(name);
    let mut there = fs::read_to_string(&path).unwrap_or_default();
    if there != wanted && std::env::var_os("UPDATE").is_some() {
        // At once: other tests read the page meanwhile, and what was written by hand is nowhere else.
        let half = path.with_extension("new");
        fs::write(&half, wanted).unwrap();
        fs::rename(&half, &path).unwrap();
        there = fs::read_to_string(&path).unwrap();
    }
    assert!(there == wanted, "docs/{name} is not what the code says: UPDATE=1 cargo test --test reference");
}

/// What was written by hand.
fn prose(name: &str) -> String {
    let text = fs::read_to_string(page(name)).unwrap_or_else(|e| panic!("docs/{name}: {e}"));
    let (_, rest) =
        text.split_once(reference::BEGIN).unwrap_or_else(|| panic!("docs/{name} has lost its marks"));
    rest.split_once(reference::END).unwrap_or_else(|| panic!("docs/{name} has lost its marks")).0.to_owned()
}

#[test]
fn the_page_of_all_keys_is_what_the_check_takes() {
    agree("config.md", &reference::config(KINDS));
}

#[test]
fn every_kind_has_a_page_that_its_tables_agree_with() {
    for kind in KINDS {
        let name = format!("providers/{}.md", kind.name);
        agree(&name, &reference::provider(kind, &prose(&name)));
    }
}

#[test]
fn the_config_on_every_page_is_one() {
    let around = config::Surroundings {
        home: Some("/home/ada".into()),
        env: Arc::default(),
        themes: std::collections::BTreeMap::new(),
    };
    for kind in KINDS {
        let prose = prose(&format!("providers/{}.md", kind.name));
        let snippets: Vec<&str> =
            prose.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(!snippets.is_empty(), "{} shows no config", kind.name);
        for snippet in snippets {
            let read = config::load(snippet, kind.name, &around, KINDS).unwrap_or_else(|e| panic!("{e}"));
            assert!(
                read.sources.iter().any(|s| s.kind.name == kind.name),
                "{} is not in its own example",
                kind.name
            );
            assert!(!read.services.is_empty(), "{} shows no service", kind.name);
        }
    }
}

#[test]
fn every_key_that_a_kind_has_says_what_it_means() {
    for kind in KINDS {
        let roles = kind.roles.iter().flat_map(|(_, keys)| keys.iter());
        for key in kind.keys.iter().chain(roles) {
            assert!(
                key.doc.split_whitespace().count() > 1,
                "{} of {} says {:?}",
                key.name,
                kind.name,
                key.doc
            );
        }
    }
}
