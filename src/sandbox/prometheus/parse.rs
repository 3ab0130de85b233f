//! The part of PromQL that dashboards use, from text to a tree. Pure.

use jiff::SignedDuration;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Number(f64),
    Selector { name: String, matchers: Vec<Matcher>, range: Option<SignedDuration> },
    Call { function: String, arguments: Vec<Expr> },
    Aggregate { operation: String, by: Vec<String>, argument: Box<Expr> },
    Binary { operation: String, on: Option<Vec<String>>, left: Box<Expr>, right: Box<Expr> },
}

/// A condition on a label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matcher {
    pub(super) label: String,
    pub(super) operation: String,
    pub(super) value: String,
}

const AGGREGATES: [&str; 5] = ["sum", "avg", "min", "max", "count"];
const FUNCTIONS: [&str; 9] =
    ["rate", "irate", "increase", "histogram_quantile", "vector", "scalar", "abs", "clamp_min", "clamp_max"];
/// Binary operators by their binding, weakest first.
const OPERATORS: [&[&str]; 5] =
    [&["or"], &["and", "unless"], &["==", "!=", "<=", "<", ">=", ">"], &["+", "-"], &["*", "/", "%"]];
/// The deepest nesting of an expression.
const DEPTH: usize = 40;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

/// The tree of a query.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    let expression = parser.binary(0)?;
    match parser.tokens.first() {
        None => Ok(expression),
        Some(token) => Err(format!("unexpected {token:?}")),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const SIGNS: [&str; 20] = [
        "=~", "!~", "==", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "{", "}", "[",
        "]",
    ];
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            found.push(Token::Sign(sign));
            rest = rest.get(sign.len()..).unwrap_or_default();
        } else if first == ',' {
            found.push(Token::Sign(","));
            rest = rest.get(1..).unwrap_or_default();
        } else if first == '"' || first == '\'' {
            let (word, tail) = quoted(rest, first)?;
            found.push(Token::Text(word));
            rest = tail;
        } else if first.is_alphanumeric() || "_.:$".contains(first) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && !"_.:$".contains(c)).unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            found.push(Token::Word(word.to_owned()));
            rest = tail;
        } else {
            return Err(format!("unexpected character: {first:?}"));
        }
        rest = rest.trim_start();
    }
    Ok(found)
}

fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => word.extend(chars.next().map(|(_, escaped)| escaped)),
            char if char == quote => return Ok((word, text.get(at + 1..).unwrap_or_default())),
            char => word.push(char),
        }
    }
    Err("unterminated quoted string".into())
}

struct Parser<'t> {
    tokens: &'t [Token],
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn takes(&mut self, sign: &str) -> bool {
        let fits = match self.tokens.first() {
            Some(Token::Sign(found)) => *found == sign,
            Some(Token::Word(found)) => found.eq_ignore_ascii_case(sign),
            _ => false,
        };
        if fits {
            self.next();
        }
        fits
    }

    fn wants(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        match self.tokens.first() {
            Some(token) => Err(format!("unexpected {token:?}, expected {sign:?}")),
            None => Err(format!("unexpected end of input, expected {sign:?}")),
        }
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operation) = operators.iter().find(|operation| self.takes(operation)) {
            self.takes("bool");
            let on = if self.takes("on") { Some(self.names()?) } else { None };
            let right = self.binary(level + 1)?;
            let (left_side, right) = (Box::new(left), Box::new(right));
            left = Expr::Binary { operation: (*operation).to_owned(), on, left: left_side, right };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("the expression is nested too deeply".into());
        }
        let found = if self.takes("-") {
            let right = Box::new(self.unary()?);
            Expr::Binary { operation: "-".into(), on: None, left: Box::new(Expr::Number(0.0)), right }
        } else if self.takes("(") {
            let inner = self.binary(0)?;
            self.wants(")")?;
            inner
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(found)
    }

    fn primary(&mut self) -> Result<Expr, String> {
        if self.tokens.first() == Some(&Token::Sign("{")) {
            return self.selector(String::new());
        }
        let word = match self.next() {
            Some(Token::Word(word)) => word,
            Some(token) => return Err(format!("unexpected {token:?}")),
            None => return Err("unexpected end of input".into()),
        };
        if let Ok(number) = word.parse::<f64>() {
            return Ok(Expr::Number(number));
        }
        if AGGREGATES.contains(&word.as_str()) {
            return self.aggregate(word);
        }
        if self.tokens.first() != Some(&Token::Sign("(")) {
            return self.selector(word);
        }
        if !FUNCTIONS.contains(&word.as_str()) {
            return Err(format!("unknown function with name {word:?}"));
        }
        self.wants("(")?;
        let mut arguments = vec![self.binary(0)?];
        while self.takes(",") {
            arguments.push(self.binary(0)?);
        }
        self.wants(")")?;
        Ok(Expr::Call { function: word, arguments })
    }

    fn aggregate(&mut self, operation: String) -> Result<Expr, String> {
        let mut by = if self.takes("by") { self.names()? } else { Vec::new() };
        self.wants("(")?;
        let argument = Box::new(self.binary(0)?);
        self.wants(")")?;
        if self.takes("by") {
            by = self.names()?;
        }
        Ok(Expr::Aggregate { operation, by, argument })
    }

    fn names(&mut self) -> Result<Vec<String>, String> {
        self.wants("(")?;
        let mut names = Vec::new();
        while !self.takes(")") {
            match self.next() {
                Some(Token::Word(name)) => names.push(name),
                Some(Token::Sign(",")) => {}
                other => return Err(format!("unexpected {other:?} in a list of labels")),
            }
        }
        Ok(names)
    }

    fn selector(&mut self, name: String) -> Result<Expr, String> {
        let mut matchers = Vec::new();
        if self.takes("{") {
            while !self.takes("}") {
                let Some(Token::Word(label)) = self.next() else {
                    return Err("unexpected label matching".into());
                };
                let operation = match self.next() {
                    Some(Token::Sign(sign)) if ["=", "!=", "=~", "!~"].contains(&sign) => sign.to_owned(),
                    other => return Err(format!("unexpected {other:?} in label matching")),
                };
                let Some(Token::Text(value)) = self.next() else {
                    return Err("a label is compared with a quoted string".into());
                };
                matchers.push(Matcher { label, operation, value });
                self.takes(",");
            }
        }
        let mut range = None;
        if self.takes("[") {
            let Some(Token::Word(word)) = self.next() else { return Err("a range needs a duration".into()) };
            range = Some(duration(&word).ok_or_else(|| format!("bad duration: {word:?}"))?);
            self.wants("]")?;
        }
        Ok(Expr::Selector { name, matchers, range })
    }
}

/// A duration as PromQL writes it, such as `5m` or `1h30m`.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let (mut rest, mut sum) = (text, 0_i64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(end);
        let unit = ["ms", "s", "m", "h", "d", "w"].into_iter().find(|unit| tail.starts_with(unit))?;
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => 604_800_000,
        };
        sum = sum.checked_add(number.parse::<i64>().ok()?.checked_mul(scale)?)?;
        rest = tail.get(unit.len()..)?;
    }
    (sum > 0).then(|| SignedDuration::from_millis(sum))
}
