//! A service's specification as text: cut out of the engine's answer byte for byte, and the image in it replaced.
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
    let old = raw.image.get();
    let start = (old.as_ptr() as usize).checked_sub(spec.as_ptr() as usize);
    let parts = start.and_then(|start| Some((spec.get(..start)?, spec.get(start + old.len()..)?)));
    let (before, after) =
        parts.ok_or_else(|| Fault::new(Cause::Malformed, "the service's image could not be found in it"))?;
    Ok(format!("{before}{}{after}", Value::from(image)))
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
    fn a_specification_without_an_image_is_not_sent() {
        for spec in ["{}", r#"{"TaskTemplate":{"ContainerSpec":{}}}"#, r#"{"TaskTemplate":null}"#, "[]", "x"]
        {
            assert_eq!(with_image(spec, "r/web:v2").unwrap_err().cause, Cause::Malformed);
        }
    }
}
