//! A service's specification as text: cut out of the engine's answer byte for byte, and the image or the counter in it replaced.
//!
//! An update must send back every field of a specification, known to us or not, so it is never rebuilt from types.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::wire::shape;
use crate::domain::{Cause, Fault};

/// A service's specification as text, cut out of the engine's answer byte for byte.
#[derive(Deserialize)]
struct RawService<'a> {
    #[serde(rename = "Spec", borrow)]
    spec: &'a RawValue,
}

#[derive(Deserialize)]
struct RawSpec<'a> {
    #[serde(rename = "TaskTemplate", borrow)]
    task_template: &'a RawValue,
}

#[derive(Deserialize)]
struct RawTaskTemplate<'a> {
    #[serde(rename = "ContainerSpec", borrow)]
    container_spec: &'a RawValue,
    #[serde(rename = "ForceUpdate", borrow, default)]
    force_update: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawContainerSpec<'a> {
    #[serde(rename = "Image", borrow)]
    image: &'a RawValue,
}

/// The specification in a service's answer, byte for byte.
///
/// # Errors
/// [`Cause::Malformed`] when there is none.
pub(super) fn spec_text(service: &str) -> Result<&str, Fault> {
    let raw: RawService<'_> = borrow(service)?;
    Ok(raw.spec.get())
}

/// The same specification with another image; every other byte stays as it is.
///
/// # Errors
/// [`Cause::Malformed`] when there is no image in it.
pub(super) fn with_image(spec: &str, image: &str) -> Result<String, Fault> {
    let raw: RawSpec<'_> = borrow(spec)?;
    let raw: RawTaskTemplate<'_> = borrow(raw.task_template.get())?;
    let raw: RawContainerSpec<'_> = borrow(raw.container_spec.get())?;
    let (before, after) = around(spec, raw.image.get())?;
    Ok(format!("{before}{}{after}", Value::from(image)))
}

/// The same specification with another counter of forced updates; every other byte stays as it is.
///
/// # Errors
/// [`Cause::Malformed`] when there is no task template in it.
pub(super) fn with_force_update(spec: &str, count: u64) -> Result<String, Fault> {
    let template: RawSpec<'_> = borrow(spec)?;
    let template = template.task_template.get();
    let raw: RawTaskTemplate<'_> = borrow(template)?;
    if let Some(old) = raw.force_update {
        let (before, after) = around(spec, old.get())?;
        return Ok(format!("{before}{count}{after}"));
    }
    // Nobody forced one yet: the counter comes first in the template.
    let (before, after) = around(spec, template)?;
    let rest = template.trim_start().strip_prefix('{').unwrap_or_default();
    Ok(format!("{before}{{\"ForceUpdate\":{count},{rest}{after}"))
}

/// What stands before and after a part of the specification.
fn around<'a>(spec: &'a str, part: &str) -> Result<(&'a str, &'a str), Fault> {
    let start = (part.as_ptr() as usize).checked_sub(spec.as_ptr() as usize);
    let parts = start.and_then(|start| Some((spec.get(..start)?, spec.get(start + part.len()..)?)));
    parts.ok_or_else(|| Fault::new(Cause::Malformed, "a part of the service could not be found in it"))
}

fn borrow<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| {
        Fault::new(Cause::Malformed, format!("the service's specification: {}", shape(&error)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_image_changes_and_every_other_byte_stays() {
        let spec = r#"{ "Name":"web","Future":{"z":1,"a":[0.1,1e3]},"TaskTemplate":{"Image":"no","ContainerSpec":{"Args":["Image"],"Image" : "r/web:v1","Env":["A=\u003c"]},"ForceUpdate":3}}"#;
        let new = with_image(spec, "r/web:v2@sha256:aa").unwrap();
        assert_eq!(new, spec.replace("\"r/web:v1\"", "\"r/web:v2@sha256:aa\""));
    }

    #[test]
    fn only_the_counter_of_forced_updates_changes_and_it_is_added_where_there_is_none() {
        let spec = r#"{"Future":1,"TaskTemplate": {"ContainerSpec":{"Image":"r/web:v1"},"ForceUpdate":3 },"z":[1e3]}"#;
        assert_eq!(with_force_update(spec, 4).unwrap(), spec.replace(":3 ", ":4 "));
        let bare = r#"{"TaskTemplate": {"ContainerSpec":{"Image":"r/web:v1"}},"z":[1e3]}"#;
        let new = with_force_update(bare, 1).unwrap();
        assert_eq!(new, bare.replace(r#": {"C"#, r#": {"ForceUpdate":1,"C"#));
        for broken in ["{}", r#"{"TaskTemplate":null}"#, r#"{"TaskTemplate":{}}"#, "x"] {
            assert_eq!(with_force_update(broken, 1).unwrap_err().cause, Cause::Malformed);
        }
    }

    #[test]
    fn a_specification_without_an_image_is_not_sent() {
        for spec in ["{}", r#"{"TaskTemplate":{"ContainerSpec":{}}}"#, r#"{"TaskTemplate":null}"#, "[]", "x"]
        {
            assert_eq!(with_image(spec, "r/web:v2").unwrap_err().cause, Cause::Malformed);
        }
    }
}
