//! The OpenAPI document held against what is answered, and against the tables that the routers are made from.

use pix_stream_admin::routes::{self, Params};
use pix_stream_delivery::table::ROUTES;
use pix_stream_testkit::http::{Ask, Reply};
use serde_json::{Map, Value};

use crate::world::{World, admin, auditor};

/// Asserts that an answer is one that the document knows of: its status, its headers, its media type, its body.
pub(crate) fn check(document: &Value, is_admin: bool, (method, path): (&str, &str), reply: &Reply) {
    let path = path.split('?').next().unwrap();
    if is_admin && path.starts_with("/api/") {
        assert_eq!(reply.status, 404, "{path} is of the other listener");
        return;
    }
    let paths = document["paths"].as_object().unwrap();
    let found = paths.iter().find(|(pattern, _)| Params::of((*pattern).clone().leak(), path).is_some());
    let Some((pattern, of_path)) = found else {
        assert_eq!(reply.status, 404, "{path} is not in the document");
        return;
    };
    let Some(operation) = of_path.get(method.to_ascii_lowercase()) else {
        // A head that is no head of ours is refused before anything else.
        assert!(
            [405, 404, 403, 400].contains(&reply.status),
            "{method} {pattern} is not in the document: {reply:?}"
        );
        return;
    };
    let here = format!("{method} {pattern} {}", reply.status);
    let answer = &operation["responses"][reply.status.to_string()];
    assert!(answer.is_object(), "{here} is not in the document: {reply:?}");
    for (name, header) in answer["headers"].as_object().into_iter().flatten() {
        assert!(header["required"] != true || reply.find(name).is_some(), "{here}: {name} is missing");
    }
    check_body(document, answer, reply, &here);
}

fn check_body(document: &Value, answer: &Value, reply: &Reply, here: &str) {
    let essence = |media: &str| media.split(';').next().unwrap().to_owned();
    let Some(media) = reply.find("Content-Type").map(essence) else {
        assert!(answer["content"].is_null() && reply.body.is_empty(), "{here}: a body without a type");
        return;
    };
    let contents = answer["content"].as_object().unwrap_or_else(|| panic!("{here} has a body: {reply:?}"));
    let content = contents.iter().find(|(known, _)| essence(known) == media);
    let (_, content) = content.unwrap_or_else(|| panic!("{here}: {media} is not in the document"));
    if media == "application/json" {
        let body = reply.json();
        if let Some(faults) = faults(document, &content["schema"], &body) {
            panic!("{here}: {faults} in {body}");
        }
        if let Some(code) = body["error"]["code"].as_str() {
            let about = answer["description"].as_str().unwrap();
            assert!(about.contains(&format!("`{code}`")), "{here}: {code} is not among: {about}");
        }
    }
    if media == "application/problem+xml" {
        let text = reply.text();
        let code = text.split("</type>").next().unwrap().rsplit('/').next().unwrap();
        let about = answer["description"].as_str().unwrap();
        assert!(about.contains(&format!("`{code}`")), "{here}: {code} is not among: {about}");
    }
}

/// What of a value its schema does not allow. Stricter than JSON Schema: what is not described is not allowed.
fn faults(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.strip_prefix('#').unwrap()).expect("references are there");
        return faults(document, target, value);
    }
    if let Some(choices) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let told: Option<Vec<String>> = choices.iter().map(|one| faults(document, one, value)).collect();
        return told.map(|told| told.join(" or "));
    }
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<&str> = match (schema["type"].as_str(), schema["type"].as_array()) {
        (Some(one), _) => vec![one],
        (None, Some(some)) => some.iter().filter_map(Value::as_str).collect(),
        (None, None) => return None,
    };
    if !(types.contains(&is) || is == "integer" && types.contains(&"number")) {
        return Some(format!("{value} is no {types:?}"));
    }
    let of_items = || value.as_array()?.iter().find_map(|item| faults(document, &schema["items"], item));
    let of_fields = || faults_of_fields(document, schema, value.as_object()?);
    of_items().or_else(of_fields)
}

fn faults_of_fields(document: &Value, schema: &Value, fields: &Map<String, Value>) -> Option<String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(name) = required.clone().find(|name| !fields.contains_key(*name)) {
        return Some(format!("{name} is missing"));
    }
    let known = schema["properties"].as_object()?;
    fields.iter().find_map(|(name, value)| match known.get(name) {
        Some(schema) => faults(document, schema, value).map(|told| format!("{name}: {told}")),
        None if schema["additionalProperties"].is_object() => None,
        None => Some(format!("{name} is not described")),
    })
}

#[tokio::test(start_paused = true)]
async fn whoever_has_a_role_reads_the_document_of_this_server() {
    let world = World::new().await;
    for who in [admin(), auditor()] {
        let reply = world.ask_admin(&who, Ask::get("/openapi.json")).await;
        assert_eq!((reply.status, reply.header("Content-Type")), (200, "application/json"));
        let document = reply.json();
        assert_eq!(
            (&document["openapi"], &document["info"]["version"]),
            (&"3.1.0".into(), &"0.0.0-test".into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_document_has_every_route_of_both_tables_and_no_other() {
    let world = World::new().await;
    let of_admin = routes::all().map(|route| (route.path, route.method.text()));
    let of_api = ROUTES.iter().map(|route| (route.path, route.method));
    let mut tables: Vec<(String, String)> =
        of_admin.chain(of_api).map(|(path, method)| (path.to_owned(), method.to_ascii_lowercase())).collect();
    let document = world.document();
    let mut documented: Vec<(String, String)> = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let methods = operations.as_object().unwrap().keys().filter(|name| *name != "servers");
        documented.extend(methods.map(|method| (path.clone(), method.clone())));
    }
    tables.sort();
    documented.sort();
    assert_eq!(documented, tables);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_hook_neither_has_nor_documents_its_routes() {
    let world = World::bare().await;
    for route in routes::all().filter(|route| route.hook != routes::Hook::None) {
        let path =
            route.path.replace("{ispb}", "99999001").replace("{key}", "1").replace("{resource_id}", "x");
        let reply = world.ask_admin(&admin(), Ask::new(route.method.text(), path)).await;
        assert_eq!(reply.status, 404, "{}", route.path);
        assert!(world.document()["paths"].get(route.path).is_none(), "{}", route.path);
    }
}

/// The routes as the page for people shows them.
fn page_table() -> String {
    let mut page =
        String::from("| method and path | for | of some participants | does |\n|---|---|---|---|\n");
    for route in routes::all() {
        let reach = match route.reach {
            routes::Reach::Anybody => "yes",
            routes::Reach::Participant => "theirs",
            routes::Reach::Narrowed => "narrowed",
            routes::Reach::Node => "no",
        };
        let (method, path) = (route.method.text(), route.path);
        page += &format!("| `{method} {path}` | {} | {reach} | {} |\n", route.allowed.text(), route.summary);
    }
    page
}

#[test]
fn the_page_for_people_has_the_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/admin-api.md");
    let text = std::fs::read_to_string(page).unwrap();
    let table = page_table();
    assert!(text.contains(&table), "docs/admin-api.md must hold this:\n{table}");
}
