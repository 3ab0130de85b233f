//! As much of the protobuf wire format as a review needs: typed clients send their reviews in it. Knows field
//! numbers of two messages and nothing else.

use serde_json::{Value, json};

const MAGIC: &[u8] = b"k8s\0";
/// Field 2 of the envelope is the message itself.
const RAW: u64 = 2;
const SPEC: u64 = 2;
const RESOURCE: u64 = 1;
const NON_RESOURCE: u64 = 2;

/// A SelfSubjectAccessReview's `{"spec": ..}` from its protobuf form; `None` when it is no such thing.
pub(super) fn access_review(body: &[u8]) -> Option<Value> {
    let envelope = fields(body.strip_prefix(MAGIC)?)?;
    let review = fields(find(&envelope, RAW)?)?;
    let spec = fields(find(&review, SPEC)?)?;
    let (name, names, message): (_, &[(u64, &str)], _) =
        match (find(&spec, RESOURCE), find(&spec, NON_RESOURCE)) {
            (Some(resource), _) => {
                let names: &[(u64, &str)] = &[
                    (1, "namespace"),
                    (2, "verb"),
                    (3, "group"),
                    (4, "version"),
                    (5, "resource"),
                    (6, "subresource"),
                    (7, "name"),
                ];
                ("resourceAttributes", names, resource)
            }
            (None, Some(other)) => ("nonResourceAttributes", &[(1, "path"), (2, "verb")], other),
            (None, None) => return Some(json!({"spec": {}})),
        };
    let message = fields(message)?;
    let mut attributes = serde_json::Map::new();
    for (number, field) in names {
        let text = find(&message, *number).map(String::from_utf8_lossy).unwrap_or_default();
        if !text.is_empty() {
            attributes.insert((*field).to_owned(), text.into_owned().into());
        }
    }
    Some(json!({"spec": {name: attributes}}))
}

fn find<'a>(fields: &[(u64, &'a [u8])], number: u64) -> Option<&'a [u8]> {
    fields.iter().find(|(found, _)| *found == number).map(|(_, bytes)| *bytes)
}

/// The length-delimited fields of a message; other kinds are passed over.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (tag, rest) = varint(bytes)?;
        bytes = match tag & 7 {
            0 => varint(rest)?.1,
            1 => rest.get(8..)?,
            2 => {
                let (length, rest) = varint(rest)?;
                let length = usize::try_from(length).ok()?;
                found.push((tag >> 3, rest.get(..length)?));
                rest.get(length..)?
            }
            5 => rest.get(4..)?,
            _ => return None,
        };
    }
    Some(found)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}
