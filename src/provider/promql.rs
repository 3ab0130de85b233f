//! `$service` and `$environment` in PromQL and in matchers, escaped for where they stand. Shared by the providers
//! that are configured in this language, as HTTP is.
//!
//! Knows PromQL's strings and comments, nothing else of its grammar. A name never leaves the string it is put
//! into, and within a regular expression it matches itself only.

use crate::domain::Place;

/// What kind of string the text is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Code,
    Comment,
    Text(char, Match),
}

/// How the string is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Whole,
    Regex,
}

/// The template with the place's names put in: `$service`, `${service}`, `$environment`, `${environment}`.
pub(super) fn substitute(template: &str, place: &Place) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut state = In::Code;
    let mut rest = template.chars();
    while let Some(c) = rest.next() {
        if c == '$' && state != In::Comment {
            let (name, after) = variable(rest.as_str(), state)?;
            if let Some(name) = name {
                let value = if name == "service" { &place.service.0 } else { &place.environment.0 };
                out.push_str(&escaped(value.as_str(), state)?);
                rest = after.chars();
                continue;
            }
        }
        out.push(c);
        state = match state {
            In::Code if c == '#' => In::Comment,
            In::Code if matches!(c, '"' | '\'' | '`') => {
                let before = out.trim_end_matches(c).trim_end();
                let regex = before.ends_with("=~") || before.ends_with("!~");
                In::Text(c, if regex { Match::Regex } else { Match::Whole })
            }
            In::Comment if c == '\n' => In::Code,
            In::Text(quote, _) if c == quote => In::Code,
            In::Text(quote, _) if c == '\\' && quote != '`' => {
                out.extend(rest.next());
                state
            }
            state => state,
        };
    }
    if matches!(state, In::Text(..)) { Err("a string does not end".to_owned()) } else { Ok(out) }
}

/// The variable that begins here, if it is one of ours, and what follows it. In a string another `$` is an
/// ordinary character (`^a$`); in code it would be an error of the server's, which says less.
fn variable(rest: &str, state: In) -> Result<(Option<&str>, &str), String> {
    let braced = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let (name, after) = braced.unwrap_or_else(|| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.split_at(end)
    });
    match name {
        "service" | "environment" => Ok((Some(name), after)),
        _ if state == In::Code => {
            Err(format!("${name} is unknown; there are $service and $environment (or ${{service}})"))
        }
        _ => Ok((None, rest)),
    }
}

fn escaped(value: &str, state: In) -> Result<String, String> {
    let In::Text(quote, kind) = state else {
        let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        return if plain && !value.is_empty() {
            Ok(value.to_owned())
        } else {
            Err(format!("{value:?} cannot stand outside a string"))
        };
    };
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if kind == Match::Regex && r"\.+*?()|[]{}^$".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    if quote == '`' {
        return if text.contains('`') {
            Err(format!("{value:?} cannot stand in a raw string"))
        } else {
            Ok(text)
        };
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_escaped_for_where_it_stands() {
        let place = Place::new(r#"a"b\c'd.e"#, "prod");
        for (template, query) in [
            (r#"up{s="$service"}"#, r#"up{s="a\"b\\c'd.e"}"#),
            (r"up{s='$service'}", r#"up{s='a"b\\c\'d.e'}"#),
            (r"up{s=`$service`}", r#"up{s=`a"b\c'd.e`}"#),
            (r#"up{s=~"$service"}"#, r#"up{s=~"a\"b\\\\c'd\\.e"}"#),
            (r#"up{s!~ "$service|x$"}"#, r#"up{s!~ "a\"b\\\\c'd\\.e|x$"}"#),
            (r"up{s=~`$service`}", r#"up{s=~`a"b\\c'd\.e`}"#),
            (r#"up{s="\"$environment"}"#, r#"up{s="\"prod"}"#),
            (r#"${environment}_up{s="a$"}"#, r#"prod_up{s="a$"}"#),
            ("up # $service \"\n + 1", "up # $service \"\n + 1"),
        ] {
            assert_eq!(substitute(template, &place).as_deref(), Ok(query), "{template}");
        }
    }

    #[test]
    fn a_name_that_would_become_code_is_refused() {
        let hostile = Place::new("x} or vector(0) or up{a=`", "prod");
        for template in ["$service", "up{s=`$service`}", "$services", r#"up{s="$service}"#] {
            assert!(substitute(template, &hostile).is_err(), "{template}");
        }
    }
}
