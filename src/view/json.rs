//! A request's body laid out for reading. Works on the text itself and never through a parser: what is shown is the
//! body that is sent, character for character, only broken into lines where JSON allows white space.

use super::text;
use crate::domain::SafeText;

/// How deep objects and lists are broken into lines.
const DEPTH: usize = 8;

/// The body in lines of at most `room` cells where its words allow that. What is not JSON stays one text, wrapped.
pub(super) fn lay_out(body: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok() {
        value(body.trim(), "", "", 0, room.max(16), &mut lines);
    } else {
        lines.extend(text::wrap(SafeText::new(body).as_str(), room.max(16)));
    }
    lines
}

/// One value with what stands before and after it on its line.
fn value(raw: &str, before: &str, after: &str, depth: usize, room: usize, lines: &mut Vec<String>) {
    let indent = " ".repeat(depth * 2);
    let whole = SafeText::new(&format!("{before}{raw}{after}"));
    let left = room.saturating_sub(indent.len()).max(8);
    let bounds = match raw.chars().next() {
        Some('{') => Some(('{', '}')),
        Some('[') => Some(('[', ']')),
        _ => None,
    };
    let Some((open, close)) = bounds.filter(|_| text::width(whole.as_str()) > left && depth < DEPTH) else {
        for (index, part) in pieces(whole.as_str(), left).into_iter().enumerate() {
            let more = if index == 0 { "" } else { "  " };
            lines.push(format!("{indent}{more}{part}"));
        }
        return;
    };
    lines.push(format!("{indent}{}{open}", SafeText::new(before)));
    let inner = raw.strip_prefix(open).and_then(|r| r.strip_suffix(close)).unwrap_or(raw);
    let items = split(inner, ',');
    let count = items.len();
    for (index, item) in items.into_iter().enumerate() {
        let comma = if index + 1 < count { "," } else { "" };
        match (open, split(item, ':').as_slice()) {
            ('{', [key, rest @ ..]) if !rest.is_empty() => {
                let colon = key.len() + 1;
                let rest = item.get(colon..).unwrap_or_default();
                value(rest.trim(), &format!("{}: ", key.trim()), comma, depth + 1, room, lines);
            }
            _ => value(item.trim(), "", comma, depth + 1, room, lines),
        }
    }
    lines.push(format!("{indent}{close}{after}"));
}

/// A text in pieces of at most `room` cells, nothing left out.
fn pieces(what: &str, room: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = what;
    while text::width(rest) > room {
        let part = text::head(rest, room);
        let Some(left) = rest.get(part.len()..).filter(|_| !part.is_empty()) else { break };
        parts.push(part);
        rest = left;
    }
    parts.push(rest.to_owned());
    parts
}

/// Splits at `at` where it stands outside strings, lists and objects.
fn split(raw: &str, at: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth, mut quoted, mut escaped) = (0, 0_usize, false, false);
    for (index, c) in raw.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            c if c == at && depth == 0 => {
                parts.extend(raw.get(from..index));
                from = index + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.extend(raw.get(from..).filter(|rest| !rest.trim().is_empty() || !parts.is_empty()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_body_stays_one_line_and_keeps_the_order_of_its_fields() {
        assert_eq!(lay_out(r#"{"z":1,"a":[2,3]}"#, 40), [r#"{"z":1,"a":[2,3]}"#]);
    }

    #[test]
    fn a_long_body_breaks_at_its_own_commas_only() {
        let body = r#"[{"op":"test","path":"/metadata/uid"},{"op":"replace","value":"a, b: {c}"}]"#;
        assert_eq!(
            lay_out(body, 44),
            [
                "[",
                r#"  {"op":"test","path":"/metadata/uid"},"#,
                r#"  {"op":"replace","value":"a, b: {c}"}"#,
                "]"
            ]
        );
    }

    #[test]
    fn what_is_not_json_is_shown_as_it_is() {
        assert_eq!(lay_out("status=approved&comment=ok", 40), ["status=approved&comment=ok"]);
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i32>().prop_map(Into::into),
            "[a-z,:{}\\[\\]\"\\\\]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[a-z:,\"]{1,6}", inner, 0..4)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn laid_out_it_is_still_the_very_same_body(value in json(), room in 10usize..80) {
            let body = value.to_string();
            let bare = |text: &str| text.replace(' ', "");
            prop_assert_eq!(bare(&lay_out(&body, room).concat()), bare(&body));
        }
    }
}
