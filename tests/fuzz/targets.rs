//! The fuzz targets: what must hold of every sequence of bytes that comes from outside, one function for each way in.
//!
//! Called by `tests/fuzz.rs` on the stable compiler and by the package in `tests/fuzz/libfuzzer` with coverage.

#[path = "targets/answers.rs"]
mod answers;
#[path = "targets/files.rs"]
mod files;
#[path = "targets/headers.rs"]
mod headers;
#[path = "targets/journal.rs"]
mod journal;
#[path = "../journal/memory.rs"]
#[expect(dead_code, reason = "the journal's own tests make the disk fail, too")]
mod memory;
#[path = "targets/pipelines.rs"]
mod pipelines;
#[path = "targets/reports.rs"]
mod reports;
#[path = "targets/text.rs"]
mod text;

use std::fmt::Debug;

use gonogo::domain::SafeText;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One way in.
pub(crate) struct Target {
    /// Its name: that of the folder of its corpus.
    pub(crate) name: &'static str,
    /// Takes any bytes; panics when something that must hold does not.
    pub(crate) run: fn(&[u8]),
}

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "sanitiser", run: text::sanitiser },
    Target { name: "keys", run: text::keys },
    Target { name: "freeze", run: text::freeze },
    Target { name: "git", run: text::git },
    Target { name: "github", run: answers::github },
    Target { name: "gitlab", run: pipelines::gitlab },
    Target { name: "jenkins", run: pipelines::jenkins },
    Target { name: "circleci", run: pipelines::circleci },
    Target { name: "terraform-cloud", run: pipelines::terraform_cloud },
    Target { name: "awx", run: pipelines::awx },
    Target { name: "prometheus", run: answers::prometheus },
    Target { name: "alertmanager", run: answers::alertmanager },
    Target { name: "docker", run: answers::docker },
    Target { name: "docker-spec", run: answers::docker_spec },
    Target { name: "docker-containers", run: answers::docker_containers },
    Target { name: "command", run: answers::command },
    Target { name: "manifests", run: answers::manifests },
    Target { name: "kubernetes", run: answers::kubernetes },
    Target { name: "kubernetes-template", run: answers::kubernetes_template },
    Target { name: "link", run: headers::link },
    Target { name: "limits", run: headers::limits },
    Target { name: "config", run: files::config },
    Target { name: "theme", run: files::theme },
    Target { name: "journal", run: journal::journal },
    Target { name: "recent", run: journal::recent },
    Target { name: "report", run: reports::report },
    Target { name: "archive", run: reports::archive },
    Target { name: "log", run: reports::log },
];

/// That nothing in a text can steer a terminal.
fn is_safe(text: &str) {
    assert_eq!(SafeText::new(text).as_str(), text, "a text that was not cleaned");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// That every text in a value is safe.
fn all_safe(value: &Value) {
    match value {
        Value::String(text) => is_safe(text),
        Value::Array(items) => items.iter().for_each(all_safe),
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            is_safe(name);
            all_safe(value);
        }),
        _ => {}
    }
}

/// That every text in it is safe, and that it is the same after it was recorded and read back.
fn keeps<T: Serialize + DeserializeOwned + PartialEq + Debug>(thing: &T) {
    let recorded = serde_json::to_value(thing).expect("what is shown can be recorded");
    all_safe(&recorded);
    let text = recorded.to_string();
    let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(&again, thing, "recorded and read back");
}

/// Whether a value holds this very text anywhere.
fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Value::Object(members) => members.values().any(|member| holds(member, wanted)),
        _ => false,
    }
}

/// One member of a document, `null` if it is not there.
fn member(document: &Value, name: &str) -> Value {
    document.get(name).cloned().unwrap_or(Value::Null)
}
