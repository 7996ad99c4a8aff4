//! The document and the tables say the same.

use pix_stream_delivery::table::ROUTES;

use super::*;
use crate::hooks::Hooks;

#[test]
fn every_reference_has_its_schema() {
    let document = document(&Hooks::default(), "1", "https://example/");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/").skip(1) {
        let pointer = format!("/{}", reference.split('"').next().unwrap());
        assert!(document.pointer(&pointer).is_some(), "{pointer}");
    }
}

#[test]
fn operations_have_ids_of_their_own() {
    let document = document(&Hooks::default(), "1", "https://example/");
    let mut ids: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert_eq!(all, ROUTES.len() + routes::all().filter(|route| route.hook == routes::Hook::None).count());
}
