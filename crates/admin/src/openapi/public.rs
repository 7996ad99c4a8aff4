//! The part of the document about the API listener, from delivery's table.

use pix_stream_delivery::table::{ApiRoute, PACE, REQUEST_ID, ROUTES, SLOW};
use serde_json::{Map, Value, json};

use super::{by_status, headers, refusal};
use crate::parameters::Form;
use crate::routes::names;

/// The paths of the API listener.
pub(super) fn paths(paths: &mut Map<String, Value>) {
    for route in &ROUTES {
        let of_path = paths.entry(route.path).or_insert_with(|| {
            json!({ "servers": [{ "url": "https://localhost:8443", "description": "The API listener." }] })
        });
        of_path[route.method.to_ascii_lowercase()] = operation(route);
    }
}

/// What a refusal of the API listener says.
pub(super) fn problem(base: &str) -> Value {
    json!({
        "type": "object",
        "description": "A refusal.",
        "xml": { "name": "problem", "namespace": "urn:ietf:rfc:7807" },
        "properties": {
            "type": { "type": "string", "description": format!("`{base}` and the code.") },
            "title": { "type": "string", "description": "For people." },
            "detail": { "type": "string", "description": "What else there is to say, a line each." },
        },
        "required": ["type", "title"],
    })
}

fn operation(route: &ApiRoute) -> Value {
    let in_path = names(route.path).map(|name| {
        let (about, schema) = if name == "ispb" {
            ("The participant.", Form::Ispb.schema())
        } else {
            (
                "The last segment of `PI-Pull-Next`.",
                json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{115}$" }),
            )
        };
        json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
    });
    let in_head = route.takes.iter().map(|header| {
        let schema = json!({ "type": "string", "pattern": header.pattern });
        json!({ "name": header.name, "in": "header", "required": false, "description": header.about, "schema": schema })
    });
    let parameters: Vec<Value> = in_path.chain(in_head).collect();
    let mut operation = json!({
        "operationId": route.label.text(),
        "summary": route.summary,
        "tags": ["streams"],
        "parameters": parameters,
        "responses": responses(route),
    });
    if !route.body.is_empty() {
        operation["requestBody"] = json!({ "required": true, "content": media(route.body) });
    }
    operation
}

fn responses(route: &ApiRoute) -> Value {
    let mut responses = Map::new();
    for answer in route.answers {
        let (mut sure, mut may) = (answer.headers.to_vec(), answer.may.to_vec());
        sure.push(REQUEST_ID);
        if route.is_paced {
            may.extend(PACE);
            may.push(SLOW);
        }
        let mut described = json!({ "description": answer.about, "headers": headers(&sure, &may) });
        if !answer.body.is_empty() {
            described["content"] = media(answer.body);
        }
        responses.insert(answer.status.to_string(), described);
    }
    for (status, codes) in by_status(&route.codes()) {
        let content =
            json!({ "application/problem+xml": { "schema": { "$ref": "#/components/schemas/Problem" } } });
        responses.insert(status, refusal(&codes, content));
    }
    Value::Object(responses)
}

fn media(types: &[&str]) -> Value {
    let one = |media: &&str| ((*media).to_owned(), json!({ "schema": { "type": "string" } }));
    types.iter().map(one).collect()
}
