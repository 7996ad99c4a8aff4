//! Holds a JSON body against the schema that the document shows of it, and says what is wrong in the caller's words.
//!
//! Knows the parts of JSON Schema that the schemas of [`crate::requests`] use, and no others.

use std::sync::OnceLock;

use pix_stream_delivery::edge::{Code, Problem};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::parameters::NUMBER_MAX;
use crate::requests::REASON_MAX;
use crate::routes::{Route, SchemaOf};

/// What no text may hold.
pub(crate) const PLAIN: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";

/// The schema of a route's body, with nothing by reference; `None` where it takes none.
pub(crate) fn of_request(route: &Route) -> Option<Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let request: SchemaOf = route.request?;
    let mut schema = request(&mut SchemaGenerator::new(settings)).to_value();
    let about = "Why: kept in the audit log.";
    let reason = json!({ "type": ["string", "null"], "maxLength": REASON_MAX, "pattern": PLAIN, "description": about });
    let object = schema.as_object_mut()?;
    object
        .entry("properties")
        .or_insert_with(|| json!({}))
        .as_object_mut()?
        .insert("reason".to_owned(), reason);
    object.insert("additionalProperties".to_owned(), json!(false));
    Some(schema)
}

/// Reads a body; no bytes count as an object without fields.
///
/// # Errors
/// 400: not an object, a field that is missing, not known, of another type or out of bounds.
pub(crate) fn read(route: &Route, body: &[u8]) -> Result<Map<String, Value>, Problem> {
    static SCHEMAS: OnceLock<Vec<(&Route, Value)>> = OnceLock::new();
    let mut fields = if body.trim_ascii().is_empty() {
        Map::new()
    } else {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err(invalid("the body is not a JSON object".to_owned())),
            Err(fault) => return Err(invalid(format!("the body is not JSON: {fault}"))),
        }
    };
    let schemas = SCHEMAS.get_or_init(|| {
        crate::routes::all().filter_map(|route| of_request(route).map(|schema| (route, schema))).collect()
    });
    let schema = schemas.iter().find(|(known, _)| std::ptr::eq(*known, route)).map(|(_, schema)| schema);
    let nothing = json!({ "properties": {} });
    check_object(&mut fields, schema.unwrap_or(&nothing), "").map_err(invalid)?;
    Ok(fields)
}

fn check_object(fields: &mut Map<String, Value>, schema: &Value, within: &str) -> Result<(), String> {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if fields.get(name).is_none_or(Value::is_null) {
            return Err(format!("`{within}{name}` is missing"));
        }
    }
    for (name, value) in fields {
        let shown: String = name.chars().take(64).collect();
        let shown = format!("{within}{shown}");
        let known = schema["properties"].get(name).ok_or_else(|| format!("`{shown}` is not known here"))?;
        check(value, known, &shown)?;
    }
    Ok(())
}

/// One field; a whole number is one however it is written. Null is as good as absent where a field may be absent: of one that may not, it was said already.
fn check(value: &mut Value, schema: &Value, name: &str) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let first = choices.iter().find(|choice| choice["type"] != "null").unwrap_or(&Value::Null);
        return check(value, first, name);
    }
    match type_of(schema) {
        "integer" => {
            let number =
                whole(value).ok_or_else(|| format!("`{name}` must be a whole number, not negative"))?;
            *value = number.into();
            let (from, to) =
                (schema["minimum"].as_u64().unwrap_or(0), schema["maximum"].as_u64().unwrap_or(u64::MAX));
            let is_within = (from..=to).contains(&number);
            is_within
                .then_some(())
                .ok_or_else(|| format!("`{name}` must be a whole number from {from} to {to}"))
        }
        "boolean" => value.as_bool().map(drop).ok_or_else(|| format!("`{name}` must be true or false")),
        "object" => {
            let fields = value.as_object_mut().ok_or_else(|| format!("`{name}` must be an object"))?;
            check_object(fields, schema, &format!("{name}."))
        }
        _ => check_text(value.as_str(), schema, name),
    }
}

/// The number that `1.0` is, too.
fn whole(value: &Value) -> Option<u64> {
    let is_whole = |number: &f64| number.fract() == 0.0 && (0.0..=NUMBER_MAX as f64).contains(number);
    value.as_u64().or_else(|| value.as_f64().filter(is_whole).map(|number| number as u64))
}

fn type_of(schema: &Value) -> &str {
    let types = &schema["type"];
    let of_many = || types.as_array()?.iter().filter_map(Value::as_str).find(|name| *name != "null");
    types.as_str().or_else(of_many).unwrap_or("string")
}

fn check_text(text: Option<&str>, schema: &Value, name: &str) -> Result<(), String> {
    let text = text.ok_or_else(|| format!("`{name}` must be a text"))?;
    if text.chars().any(char::is_control) {
        return Err(format!("`{name}` holds a control character"));
    }
    let len = text.chars().count() as u64;
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| len > *most) {
        return Err(format!("`{name}` has more than {most} characters"));
    }
    match schema["minLength"].as_u64() {
        Some(least) if len < least => Err(format!("`{name}` has fewer than {least} characters")),
        Some(_) | None => Ok(()),
    }
}

fn invalid(message: String) -> Problem {
    Problem::new(Code::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{Operation, all};

    fn title(operation: Operation, body: &str) -> String {
        let route = all().find(|route| route.operation == operation).unwrap();
        read(route, body.as_bytes()).map_or_else(|fault| fault.title.into_owned(), |_| "fine".to_owned())
    }

    #[test]
    fn a_fault_names_its_field_and_what_it_may_be() {
        let create = |fields: &str| {
            title(Operation::CreateParticipant, &format!("{{\"ispb\": \"99999001\"{fields}}}"))
        };
        for (fields, told) in [
            ("", "fine"),
            (r#", "name": null, "limits": {"requests_per_second": null}, "reason": "new""#, "fine"),
            (r#", "name": 7"#, "`name` must be a text"),
            (r#", "name": "a\nb""#, "`name` holds a control character"),
            (r#", "limits": 7"#, "`limits` must be an object"),
            (r#", "limits": {"colour": 1}"#, "`limits.colour` is not known here"),
            (
                r#", "limits": {"requests_per_second": -1}"#,
                "`limits.requests_per_second` must be a whole number, not negative",
            ),
            (
                r#", "limits": {"requests_per_second": 0}"#,
                "`limits.requests_per_second` must be a whole number from 1 to 100000",
            ),
            (
                r#", "limits": {"backlog_high_water": "1"}"#,
                "`limits.backlog_high_water` must be a whole number, not negative",
            ),
            (r#", "colour": 1"#, "`colour` is not known here"),
        ] {
            assert_eq!(create(fields), told, "{fields}");
        }
        assert_eq!(title(Operation::CreateParticipant, "{}"), "`ispb` is missing");
        assert_eq!(title(Operation::Cap, r#"{"cap": 6.0}"#), "fine");
        assert_eq!(title(Operation::Cap, r#"{"cap": 1.5}"#), "`cap` must be a whole number, not negative");
        assert_eq!(title(Operation::Cap, r#"{"cap": null}"#), "`cap` is missing");
        assert_eq!(title(Operation::Cap, r#"{"cap": 7}"#), "`cap` must be a whole number from 1 to 6");
        assert_eq!(title(Operation::Pause, "[]"), "the body is not a JSON object");
        assert!(title(Operation::Pause, "{").starts_with("the body is not JSON: "));
        assert_eq!(title(Operation::Pause, " "), "fine");
        let long = json!({ "reason": "x".repeat(1025) }).to_string();
        assert_eq!(title(Operation::Pause, &long), "`reason` has more than 1024 characters");
    }

    #[test]
    fn every_schema_of_a_body_uses_only_what_is_checked() {
        const KNOWN: [&str; 13] = [
            "type",
            "properties",
            "required",
            "additionalProperties",
            "description",
            "minimum",
            "maximum",
            "format",
            "maxLength",
            "minLength",
            "pattern",
            "anyOf",
            "title",
        ];
        fn walk(schema: &Value) {
            let schema = schema.as_object().unwrap();
            for name in schema.keys() {
                assert!(KNOWN.contains(&name.as_str()), "{name} in {schema:?}");
            }
            schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .for_each(|(_, one)| walk(one));
            schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().for_each(walk);
        }
        all().filter_map(of_request).for_each(|schema| walk(&schema));
    }
}
