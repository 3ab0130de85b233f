//! `docs/keys.md` is the table of commands, written down: `UPDATE=1 cargo test --test keys` writes it.

use std::path::Path;

use gonogo::app::COMMANDS;
use gonogo::app::command::{Command, Entry};
use gonogo::app::deed::verb_of;
use gonogo::app::key::Key;

const HEAD: &str = "# Keys

This page is generated from the table of commands (`src/app/command.rs`); a test compares it.

Every key can be changed in the config, under the command's name:

```toml
[keys]
approve = \"o\"
roll-back = [\"f5\", \"Z\"]
```

A key is one character, `f1` to `f12`, `ctrl-a` to `ctrl-z`, or a word: ";

const RULES: &str = "

- A key that would mean two commands is a mistake, told at both places. `[]` takes every key from a command; the palette
  still runs it.
- No action is on a control key. `enter`, `esc`, `tab` and `ctrl-c` stay where they are: dialogs need them.
- An action's key opens its plan. Only the plan confirms: with enter on its button, or with enter after the service's
  name where the policy wants it typed.

";

fn section(page: &mut String, title: &str, fits: impl Fn(&Entry) -> bool) {
    page.push_str(&format!("## {title}\n\n| command | keys | what it does |\n|---|---|---|\n"));
    for entry in COMMANDS.iter().filter(|entry| fits(entry)) {
        let keys: Vec<String> = entry.keys.iter().map(|key| format!("`{}`", key.name())).collect();
        page.push_str(&format!("| `{}` | {} | {} |\n", entry.id(), keys.join(" "), entry.doc));
    }
    page.push('\n');
}

fn page() -> String {
    let words: Vec<String> = Key::words().map(|word| format!("`{word}`")).collect();
    let mut page = format!("{HEAD}{}.{RULES}", words.join(", "));
    let view = |entry: &Entry| matches!(entry.command, Command::View(_));
    section(&mut page, "Actions", |entry| verb_of(entry.command).is_some());
    section(&mut page, "Views", view);
    section(&mut page, "Everything else", |entry| verb_of(entry.command).is_none() && !view(entry));
    page.push_str(INSIDE);
    page
}

const INSIDE: &str = "## Within lists and dialogs

| where | keys |
|---|---|
| keys `?` and palette `:` | type to find, arrows choose, enter does it, esc closes; in the palette tab completes and `↑` on an empty line recalls what was run |
| filter `/` | type; `!text` shows what does not hold it, `~text` what is like it; enter keeps it, esc clears it |
| what would happen `w` | an action's key shows what it would do; nothing can be confirmed there |
| copy `y` | arrows choose, enter copies |
| a plan | tab, arrows and enter; the keys of `what-if` and `copy` show a preview and copy the equivalent command, outside of text fields |
| mouse, where it is on | a click selects, the wheel scrolls; it never acts and never confirms |
";

#[test]
fn the_page_of_keys_is_the_table_of_commands() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(&file, page()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written == page(), "docs/keys.md is not the table: UPDATE=1 cargo test --test keys");
}

#[test]
fn every_key_can_be_written_and_read_again() {
    for key in COMMANDS.iter().flat_map(|entry| entry.keys) {
        assert_eq!(Key::named(&key.name()), Some(*key));
    }
}
