//! The OpenAPI 3.1 document of both listeners, made from their tables and from the types that are on the wire.

mod public;

use pix_stream_delivery::edge::Code;
use pix_stream_delivery::table::{ALLOW, Header, REQUEST_ID, RETRY_AFTER};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::hooks::Hooks;
use crate::parameters::{DRY_RUN, OF_PATHS, Parameter};
use crate::routes::{self, Content, Route, schema_of};
use crate::shape;
use crate::views::ErrorView;

/// What the document says of itself.
const ABOUT: &str = "Delivers messages of an instant payment system to its participants. Two listeners, both with \
    mutual TLS: the API, for participants and producers, answers in XML; the admin listener, for administrators, \
    operators and auditors, in JSON. Besides what each operation lists, every path answers 405 `methodNotAllowed` with \
    `Allow` to other methods, and any other path 404 `notFound`.";

/// What a tag is about.
const TAGS: [(&str, &str); 7] = [
    ("streams", "The API: messages are read, published, confirmed."),
    ("node", "Admin: this node."),
    ("participants", "Admin: who there is, what their streams do, what they may."),
    ("catalog", "Admin: which message types are switched on."),
    ("quarantine", "Admin: what was refused from unattended intake."),
    ("keys", "Admin: the signing keys of tokens."),
    ("audit", "Admin: what the audit chain proves."),
];

/// The document of a server with these hooks.
#[must_use]
pub fn document(hooks: &Hooks, version: &str, problem_base: &str) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = SchemaGenerator::new(settings);
    let mut paths = Map::new();
    public::paths(&mut paths);
    for route in routes::all().filter(|route| route.hook.is_there(hooks)) {
        let of_path = paths.entry(route.path).or_insert_with(|| json!({}));
        of_path[route.method.text().to_ascii_lowercase()] = operation(route, &mut generator);
    }
    let _error = generator.subschema_for::<ErrorView<'static>>();
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), public::problem(problem_base));
    let tags: Vec<Value> =
        TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect();
    json!({
        "openapi": "3.1.0",
        "info": { "title": "pix-stream", "version": version, "description": ABOUT, "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" } },
        "servers": [{ "url": "/", "description": "The admin listener, which serves this document." }],
        "tags": tags,
        "security": [{ "mutualTLS": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "mutualTLS": {
                "type": "mutualTLS",
                "description": "The certificate says who asks: a participant by its ISPB, other roles by name or fingerprint.",
            } },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let in_path =
        routes::names(route.path).filter_map(|name| OF_PATHS.iter().find(|known| known.name == name));
    let in_query = route.query.iter().chain(route.method.is_change().then_some(&DRY_RUN));
    let parameters: Vec<Value> = in_path
        .map(|parameter| described(parameter, "path"))
        .chain(in_query.map(|parameter| described(parameter, "query")))
        .collect();
    let mut operation = json!({
        "operationId": format!("{:?}", route.operation),
        "summary": route.summary,
        "description": format!("For the role {}; {}.", route.allowed.text(), reach(route)),
        "tags": [tag(route)],
        "parameters": parameters,
        "responses": responses(route, generator),
    });
    if let Some(schema) = shape::of_request(route) {
        let is_required = schema["required"].as_array().is_some_and(|required| !required.is_empty());
        operation["requestBody"] =
            json!({ "required": is_required, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn tag(route: &Route) -> &'static str {
    match route.command.split_once('.') {
        Some(("participant" | "replay", _)) => "participants",
        Some(("type", _)) => "catalog",
        Some(("quarantine", _)) => "quarantine",
        Some(("keys", _)) => "keys",
        Some(("audit", _)) => "audit",
        Some(_) | None => "node",
    }
}

fn reach(route: &Route) -> &'static str {
    match route.reach {
        routes::Reach::Anybody => "also where it is for some participants only",
        routes::Reach::Participant => "where it is for some participants only, for those",
        routes::Reach::Narrowed => "where it is for some participants only, narrowed to those",
        routes::Reach::Node => "not where it is for some participants only",
    }
}

fn described(parameter: &Parameter, place: &str) -> Value {
    json!({
        "name": parameter.name,
        "in": place,
        "required": place == "path",
        "description": parameter.about,
        "schema": parameter.form.schema(),
    })
}

fn responses(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let content = match route.content {
        Content::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Content::Document => json!({ "application/json": { "schema": { "type": "object" } } }),
        Content::Text(media) => media
            .iter()
            .map(|media| ((*media).to_owned(), json!({ "schema": { "type": "string" } })))
            .collect(),
        Content::Message => json!({ "application/octet-stream": {} }),
        Content::Lines => json!({ "application/x-ndjson": { "schema": { "type": "string" } } }),
    };
    let error = schema_of::<ErrorView<'static>>(generator);
    let mut responses = Map::new();
    for status in route.statuses {
        let about = if *status == 201 {
            "Made."
        } else if *status == 202 {
            "Begun."
        } else if *status < 300 {
            "Done."
        } else {
            "Not ready."
        };
        let answer = json!({ "description": about, "headers": headers(&[REQUEST_ID], &[]), "content": content.clone() });
        responses.insert(status.to_string(), answer);
    }
    for (status, codes) in by_status(&route.codes()) {
        // A probe's own 503 has a body of its own.
        if responses.contains_key(&status) {
            continue;
        }
        // What the HTTP layer refuses has a body in XML, like everything of the API listener.
        let by_http = status == "431" || status == "400";
        let mut content = json!({ "application/json": { "schema": error.clone() } });
        if by_http {
            content["application/problem+xml"] =
                json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
        }
        responses.insert(status, refusal(&codes, content));
    }
    Value::Object(responses)
}

/// The codes of each status.
fn by_status(codes: &[Code]) -> Vec<(String, Vec<Code>)> {
    let mut all: Vec<(String, Vec<Code>)> = Vec::new();
    for code in codes {
        let status = code.status().as_str().to_owned();
        match all.iter_mut().find(|(known, _)| *known == status) {
            Some((_, codes)) => codes.push(*code),
            None => all.push((status, vec![*code])),
        }
    }
    all
}

fn refusal(codes: &[Code], content: Value) -> Value {
    let names: Vec<_> = codes.iter().map(|code| format!("`{}`", code.text())).collect();
    let is_later = codes.iter().any(|code| matches!(code.status().as_u16(), 429 | 503));
    let is_method = codes.contains(&Code::MethodNotAllowed);
    let sure: &[Header] = if is_method { &[REQUEST_ID, ALLOW] } else { &[REQUEST_ID] };
    let may: &[Header] = if is_later { &[RETRY_AFTER] } else { &[] };
    json!({ "description": format!("Refused: {}.", names.join(", ")), "headers": headers(sure, may), "content": content })
}

fn headers(sure: &[Header], may: &[Header]) -> Value {
    let one = |header: &Header, required: bool| {
        let schema = json!({ "type": "string", "pattern": header.pattern });
        (
            header.name.to_owned(),
            json!({ "description": header.about, "required": required, "schema": schema }),
        )
    };
    sure.iter().map(|header| one(header, true)).chain(may.iter().map(|header| one(header, false))).collect()
}

#[cfg(test)]
mod tests;
