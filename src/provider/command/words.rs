//! A declared command: a program and its arguments, with places for values. Pure.
//!
//! There is no shell: an argument stays one argument, whatever is put into it. A value that would begin an argument with
//! a dash is refused: the program would take it for an option.

use std::collections::BTreeMap;

use crate::domain::{Cause, Fault};

/// The longest value that is put into an argument, in bytes.
const LONGEST: usize = 1_024;

/// What an argument may hold of any command.
const OF_A_PLACE: &[&str] = &["source", "service", "environment"];

/// What an argument may hold besides, of a command that changes something.
const OF_A_CHANGE: &[&str] = &["version", "image", "digest", "commit", "revision"];

/// The beginning of a name that means one of the binding's own `args`.
const OWN: &str = "args.";

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It tells.
    Tell,
    /// It changes something.
    Change,
}

/// A piece of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(String),
}

/// A declared command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    program: String,
    arguments: Vec<Vec<Piece>>,
}

impl Words {
    /// The command that `key` declares; none if it is not declared.
    ///
    /// # Errors
    /// A `Local` fault that says what is wrong with it.
    pub(super) fn read(key: &str, words: &[String], purpose: Use) -> Result<Option<Self>, Fault> {
        let Some((program, arguments)) = words.split_first() else { return Ok(None) };
        if !program.starts_with('/') {
            return Err(wrong(key, &format!("{program:?} is no whole path")).with_hint(
                "write the program's absolute path; there is no shell, and PATH is not searched",
            ));
        }
        if words.iter().any(|word| word.contains('\0')) {
            return Err(wrong(key, "a word holds a NUL"));
        }
        let arguments = arguments.iter().map(|argument| pieces(key, argument, purpose));
        Ok(Some(Self { program: program.clone(), arguments: arguments.collect::<Result<_, _>>()? }))
    }

    /// Its program.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// Program and arguments with the values put in.
    ///
    /// # Errors
    /// A `Refused` fault when a value is not known, or must not stand where it would.
    pub(super) fn filled(&self, values: &BTreeMap<String, String>) -> Result<Vec<String>, Fault> {
        let mut words = vec![self.program.clone()];
        for argument in &self.arguments {
            words.push(fill(argument, values)?);
        }
        Ok(words)
    }

    /// Whether these words can be this command with some values put in. What a step holds is compared with what is
    /// declared once more before it runs.
    pub(super) fn fits(&self, words: &[String]) -> bool {
        let Some((program, arguments)) = words.split_first() else { return false };
        let same = |(pieces, argument): (&Vec<Piece>, &String)| match pieces.as_slice() {
            [] => argument.is_empty(),
            [Piece::Text(text)] => text == argument,
            [Piece::Text(text), ..] => argument.starts_with(text.as_str()),
            _ => !argument.starts_with('-'),
        };
        program == &self.program
            && arguments.len() == self.arguments.len()
            && self.arguments.iter().zip(arguments).all(same)
    }
}

/// The words as a step shows them: a list in JSON, which keeps them apart whatever is in them.
pub(super) fn shown(words: &[String]) -> String {
    serde_json::Value::from(words.to_vec()).to_string()
}

fn wrong(key: &str, what: &str) -> Fault {
    Fault::new(Cause::Local, format!("`{key}` cannot be run: {what}"))
}

fn pieces(key: &str, argument: &str, purpose: Use) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = argument;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            text.push_str(from.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let name = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = name else {
            return Err(
                wrong(key, &format!("{argument:?} has a brace alone")).with_hint("write {{ for { itself")
            );
        };
        known(key, name, purpose)?;
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Value(name.to_owned()));
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn known(key: &str, name: &str, purpose: Use) -> Result<(), Fault> {
    let own = name.strip_prefix(OWN).is_some_and(|name| !name.is_empty());
    let change = OF_A_CHANGE.contains(&name);
    if own || OF_A_PLACE.contains(&name) || (change && purpose == Use::Change) {
        return Ok(());
    }
    let names: Vec<&str> = match purpose {
        Use::Tell => OF_A_PLACE.to_vec(),
        Use::Change => [OF_A_PLACE, OF_A_CHANGE].concat(),
    };
    Err(wrong(key, &format!("there is no value {{{name}}}"))
        .with_hint(format!("there are {{{}}} and {{args.NAME}}", names.join("}, {"))))
}

fn fill(argument: &[Piece], values: &BTreeMap<String, String>) -> Result<String, Fault> {
    let mut filled = String::new();
    for piece in argument {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Value(name) => {
                let value = values.get(name).filter(|value| !value.is_empty());
                let value = value.ok_or_else(|| refused(format!("{{{name}}} is not known here")))?;
                if filled.is_empty() && value.starts_with('-') {
                    return Err(refused(format!(
                        "{{{name}}} begins with a dash: it would be taken for an option"
                    )));
                }
                if value.len() > LONGEST || value.chars().any(char::is_control) {
                    return Err(refused(format!("{{{name}}} is no text for an argument")));
                }
                filled.push_str(value);
            }
        }
    }
    Ok(filled)
}

fn refused(what: String) -> Fault {
    Fault::new(Cause::Refused, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str], purpose: Use) -> Result<Option<Words>, Fault> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Words::read("promote", &words, purpose)
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_argument_stays_one_argument_whatever_is_put_into_it() {
        let declared =
            words(&["/opt/ship", "--to={environment}", "{version}", "{args.zone}", "{{a}}", ""], Use::Change);
        let declared = declared.unwrap().unwrap();
        let evil = values(&[
            ("environment", "prod; rm -rf /"),
            ("version", "v1 $(id) `id` {environment}"),
            ("args.zone", "'\"\\"),
        ]);
        let filled = declared.filled(&evil).unwrap();
        let wanted = ["/opt/ship", "--to=prod; rm -rf /", "v1 $(id) `id` {environment}", "'\"\\", "{a}", ""];
        assert_eq!(filled, wanted);
        assert!(declared.fits(&filled));
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown(&filled)).unwrap(), wanted);
    }

    #[test]
    fn a_value_that_would_be_an_option_is_refused() {
        let declared = words(&["/opt/ship", "{version}"], Use::Change).unwrap().unwrap();
        for (version, part) in
            [("--force", "dash"), ("", "not known"), ("a\nb", "no text"), (&"v".repeat(2_000), "no text")]
        {
            let fault = declared.filled(&values(&[("version", version)])).unwrap_err();
            assert!(fault.detail.as_str().contains(part), "{version:?}: {fault}");
            assert_eq!(fault.cause, Cause::Refused);
        }
        let led = words(&["/opt/ship", "--version={version}"], Use::Change).unwrap().unwrap();
        assert_eq!(led.filled(&values(&[("version", "-1")])).unwrap()[1], "--version=-1");
    }

    #[test]
    fn what_cannot_be_a_command_is_told_at_once() {
        for (wrong, part) in [
            (&["ship"][..], "whole path"),
            (&["./ship"], "whole path"),
            (&["/opt/ship", "{verson}"], "no value {verson}"),
            (&["/opt/ship", "{version"], "brace alone"),
            (&["/opt/ship", "version}"], "brace alone"),
            (&["/opt/ship", "{args.}"], "no value"),
            (&["/opt/ship", "a\0b"], "NUL"),
        ] {
            let fault = words(wrong, Use::Change).unwrap_err();
            assert!(fault.detail.as_str().contains(part), "{wrong:?}: {fault}");
        }
        assert!(words(&["/opt/tell", "{version}"], Use::Tell).is_err(), "a look is for no version");
        assert_eq!(words(&[], Use::Tell).unwrap(), None);
    }

    #[test]
    fn words_that_were_not_declared_are_recognised() {
        let declared =
            words(&["/opt/ship", "go", "--to={environment}", "{version}"], Use::Change).unwrap().unwrap();
        let fits =
            |words: &[&str]| declared.fits(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(fits(&["/opt/ship", "go", "--to=production", "v2"]));
        for other in [
            &["/bin/rm", "go", "--to=production", "v2"][..],
            &["/opt/ship", "stop", "--to=production", "v2"],
            &["/opt/ship", "go", "production", "v2"],
            &["/opt/ship", "go", "--to=production", "--force"],
            &["/opt/ship", "go", "--to=production", "v2", "more"],
            &[],
        ] {
            assert!(!fits(other), "{other:?}");
        }
    }
}
