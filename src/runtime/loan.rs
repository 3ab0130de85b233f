//! What another program has the terminal for: the operator's editor for a text, the operator's pager for lines.
//!
//! Knows files and what the environment calls editor and pager; knows no terminal. The file is the operator's alone
//! and goes away with the loan.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::Arc;

use crate::domain::SafeText;
use crate::provider::child::foreground;

/// How much of an edited text is taken, in characters.
const LONGEST: usize = 500;

/// What the terminal is lent for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loan {
    /// A text to be edited.
    Edit(SafeText),
    /// Lines to be read.
    Page(Vec<SafeText>),
}

/// What comes back: the text, if one was to be edited.
pub type Back = Option<SafeText>;

impl Loan {
    /// Runs the program; the terminal must be free.
    ///
    /// # Errors
    /// Why it was in vain, with the text as it was before.
    pub async fn carry_out(self, env: Arc<BTreeMap<String, String>>) -> Result<Back, (Back, String)> {
        let var = |name: &str| env.get(name).filter(|value| !value.trim().is_empty()).cloned();
        let (program, content) = match &self {
            Self::Edit(text) => (var("VISUAL").or_else(|| var("EDITOR")), format!("{text}\n")),
            Self::Page(lines) => {
                let lines: Vec<&str> = lines.iter().map(SafeText::as_str).collect();
                (var("PAGER").or_else(|| Some("less".to_owned())), lines.join("\n") + "\n")
            }
        };
        let before = match &self {
            Self::Edit(text) => Some(text.clone()),
            Self::Page(_) => None,
        };
        let Some(program) = program else {
            return Err((before, "no editor is named by $VISUAL or $EDITOR".to_owned()));
        };
        match with_file(&program, &content, &env).await {
            Ok(text) => Ok(before.map(|_| one_line(&text))),
            Err(why) => Err((before, why)),
        }
    }
}

/// Lets the program have a file of its own with this content; returns what it left in it.
async fn with_file(program: &str, content: &str, env: &BTreeMap<String, String>) -> Result<String, String> {
    let said = |error: io::Error| format!("a file for {program}: {error}");
    let mut file = tempfile::Builder::new().prefix("gonogo-").suffix(".txt").tempfile().map_err(said)?;
    file.write_all(content.as_bytes()).and_then(|()| file.flush()).map_err(said)?;
    foreground::run(program, file.path(), env).await?;
    // Editors replace files: it is read by its name.
    tokio::fs::read_to_string(file.path()).await.map_err(said)
}

/// A text of several lines as one.
fn one_line(text: &str) -> SafeText {
    let words: Vec<&str> = text.split_whitespace().collect();
    SafeText::new(&words.join(" ").chars().take(LONGEST).collect::<String>())
}
