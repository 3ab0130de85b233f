//! The text of a GraphQL question: fields with aliases and arguments, nested, and inline fragments. Nothing else of the
//! language is understood, and what is not understood is refused.

use serde_json::{Map, Value};

/// How deep a question may nest.
const DEEP: usize = 25;

/// One field that is asked for.
#[derive(Debug)]
pub(super) struct Field {
    /// What it is called in the answer.
    pub(super) alias: String,
    pub(super) name: String,
    /// The type of the inline fragment that it stands in.
    pub(super) on: Option<String>,
    arguments: Map<String, Value>,
    pub(super) fields: Vec<Field>,
}

impl Field {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.arguments.get(name)?.as_str()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.arguments.get(name)?.as_u64()
    }

    pub(super) fn list(&self, name: &str) -> Option<Vec<&str>> {
        Some(self.arguments.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// A key of an argument that is an object.
    pub(super) fn inner(&self, name: &str, key: &str) -> Option<&str> {
        self.arguments.get(name)?.get(key)?.as_str()
    }
}

/// The fields of a question.
pub(super) fn parse(text: &str) -> Result<Vec<Field>, String> {
    let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable() };
    if reader.word_is("query") {
        reader.next();
    }
    let fields = reader.selection(None, 0)?;
    match reader.next() {
        None => Ok(fields),
        Some(token) => Err(format!("Expected one of nothing, actual: {token:?}")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Mark(char),
    Spread,
    Word(String),
    Value(Value),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let length = match first {
            c if c.is_whitespace() || c == ',' => c.len_utf8(),
            '"' => {
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
                let value = values.next().and_then(Result::ok).ok_or("a string is not closed")?;
                found.push(Token::Value(value));
                values.byte_offset()
            }
            '.' if rest.starts_with("...") => {
                found.push(Token::Spread);
                3
            }
            '{' | '}' | '(' | ')' | '[' | ']' | ':' => {
                found.push(Token::Mark(first));
                1
            }
            c if plain(c) => {
                let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or_default();
                found.push(
                    word.parse::<i64>()
                        .map_or_else(|_| Token::Word(word.to_owned()), |number| Token::Value(number.into())),
                );
                end
            }
            c => return Err(format!("Parse error on {c:?}")),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(found)
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

impl Reader {
    fn next(&mut self) -> Option<Token> {
        self.tokens.next()
    }

    fn word_is(&mut self, word: &str) -> bool {
        matches!(self.tokens.peek(), Some(Token::Word(next)) if next == word)
    }

    fn mark_is(&mut self, mark: char) -> bool {
        self.tokens.peek() == Some(&Token::Mark(mark))
    }

    fn mark(&mut self, mark: char) -> Result<(), String> {
        match self.next() {
            Some(Token::Mark(found)) if found == mark => Ok(()),
            other => Err(format!("Expected {mark:?}, actual: {other:?}")),
        }
    }

    fn word(&mut self) -> Result<String, String> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(format!("Expected a name, actual: {other:?}")),
        }
    }

    fn selection(&mut self, on: Option<&str>, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEEP {
            return Err(format!("Query has depth of more than {DEEP}"));
        }
        self.mark('{')?;
        let mut fields = Vec::new();
        while !self.mark_is('}') {
            if self.tokens.peek() == Some(&Token::Spread) {
                self.next();
                if self.word()? != "on" {
                    return Err("named fragments are not understood".to_owned());
                }
                let kind = self.word()?;
                fields.extend(self.selection(Some(&kind), depth + 1)?);
            } else {
                fields.push(self.field(on, depth)?);
            }
        }
        self.mark('}')?;
        Ok(fields)
    }

    fn field(&mut self, on: Option<&str>, depth: usize) -> Result<Field, String> {
        let mut name = self.word()?;
        let alias = name.clone();
        if self.mark_is(':') {
            self.next();
            name = self.word()?;
        }
        let arguments = if self.mark_is('(') { self.pairs('(', ')', 0)? } else { Map::new() };
        let fields = if self.mark_is('{') { self.selection(None, depth + 1)? } else { Vec::new() };
        Ok(Field { alias, name, on: on.map(str::to_owned), arguments, fields })
    }

    fn pairs(&mut self, open: char, close: char, depth: usize) -> Result<Map<String, Value>, String> {
        self.mark(open)?;
        let mut pairs = Map::new();
        while !self.mark_is(close) {
            let name = self.word()?;
            self.mark(':')?;
            let value = self.value(depth + 1)?;
            pairs.insert(name, value);
        }
        self.mark(close)?;
        Ok(pairs)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEP {
            return Err("a value nests too deep".to_owned());
        }
        if self.mark_is('{') {
            return self.pairs('{', '}', depth).map(Value::Object);
        }
        if self.mark_is('[') {
            self.next();
            let mut items = Vec::new();
            while !self.mark_is(']') {
                items.push(self.value(depth + 1)?);
            }
            self.mark(']')?;
            return Ok(items.into());
        }
        match self.next() {
            Some(Token::Value(value)) => Ok(value),
            Some(Token::Word(word)) => Ok(word.into()),
            other => Err(format!("Expected a value, actual: {other:?}")),
        }
    }
}
