//! Canonical forms against frozen ones that libxml2 wrote (`tests/golden`), and the rules one by one.

use std::path::Path;

use xml::ParserConfig;
use xml::reader::XmlEvent;

use super::*;

/// The canonical form of the element `Apex`, or of the root where there is none of that name.
fn canonical(xml: &str) -> String {
    let config = ParserConfig::new()
        .ignore_comments(true)
        .cdata_to_characters(true)
        .whitespace_to_characters(true)
        .coalesce_characters(true);
    let (mut canonical, mut depth) = (Canonical::default(), 0);
    let is_wanted = |name: &OwnedName| name.local_name == "Apex" || !xml.contains("Apex");
    #[expect(clippy::wildcard_enum_match_arm, reason = "the reader's enum is open: it may grow")]
    for event in config.create_reader(xml.as_bytes()) {
        match event.unwrap() {
            XmlEvent::StartElement { name, attributes, namespace } if depth > 0 || is_wanted(&name) => {
                canonical.start(&name, &attributes, &namespace);
                depth += 1;
            }
            XmlEvent::EndElement { name } if depth > 0 => {
                canonical.end(&name);
                depth -= 1;
            }
            XmlEvent::Characters(text) if depth > 0 => canonical.text(&text),
            XmlEvent::ProcessingInstruction { name, data } if depth > 0 => {
                canonical.instruction(&name, data.as_deref());
            }
            _ => {}
        }
    }
    String::from_utf8(canonical.bytes().to_vec()).unwrap()
}

#[test]
fn frozen_forms_are_written_again() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"));
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            let expected = std::fs::read_to_string(path.with_extension("c14n")).unwrap();
            let xml = std::fs::read_to_string(&path).unwrap();
            assert_eq!(canonical(&xml), expected, "{}", path.display());
            count += 1;
        }
    }
    println!("{count} frozen forms");
    assert!(count >= 12);
}

#[test]
fn a_namespace_is_declared_where_it_is_used_and_not_again_below() {
    assert_eq!(
        canonical(r#"<a xmlns="u" xmlns:p="v" xmlns:q="w"><p:b><p:c/></p:b><p:b/></a>"#),
        r#"<a xmlns="u"><p:b xmlns:p="v"><p:c></p:c></p:b><p:b xmlns:p="v"></p:b></a>"#
    );
}

#[test]
fn an_inherited_namespace_is_declared_at_the_apex() {
    let xml = r#"<a xmlns="u" xmlns:p="v"><Apex><p:b p:c="1" d="2"/></Apex></a>"#;
    assert_eq!(canonical(xml), r#"<Apex xmlns="u"><p:b xmlns:p="v" d="2" p:c="1"></p:b></Apex>"#);
}

#[test]
fn the_default_namespace_is_taken_back_only_where_the_output_has_one() {
    assert_eq!(
        canonical(r#"<a xmlns=""><b xmlns="u"><c xmlns=""/></b></a>"#),
        r#"<a><b xmlns="u"><c xmlns=""></c></b></a>"#
    );
    assert_eq!(canonical(r#"<p:a xmlns="u" xmlns:p="v"><Apex xmlns=""/></p:a>"#), "<Apex></Apex>");
}

#[test]
fn a_prefix_bound_anew_is_declared_anew_and_restored() {
    assert_eq!(
        canonical(r#"<p:a xmlns:p="u"><p:b xmlns:p="v"><p:c/></p:b><p:d/></p:a>"#),
        r#"<p:a xmlns:p="u"><p:b xmlns:p="v"><p:c></p:c></p:b><p:d></p:d></p:a>"#
    );
}

#[test]
fn attributes_are_sorted_by_namespace_then_name_and_xml_is_not_declared() {
    assert_eq!(
        canonical(r#"<a xmlns:z="a" xmlns:y="b" y:a="1" z:b="2" xml:lang="pt" b="3" a="4"/>"#),
        r#"<a xmlns:y="b" xmlns:z="a" a="4" b="3" z:b="2" y:a="1" xml:lang="pt"></a>"#
    );
}

#[test]
fn characters_are_escaped_as_the_form_asks() {
    assert_eq!(
        canonical(
            "<a b='&#9;&#10;&#13;&lt;&gt;&amp;&quot;&apos;'>&#13;&lt;&gt;&amp;&quot;&#x1f600;<![CDATA[<&]]></a>"
        ),
        "<a b=\"&#x9;&#xA;&#xD;&lt;>&amp;&quot;'\">&#xD;&lt;&gt;&amp;\"\u{1f600}&lt;&amp;</a>"
    );
}

#[test]
fn comments_are_dropped_and_instructions_kept() {
    assert_eq!(canonical("<a>x<!-- y -->z<?p   q  r ?><?s?></a>"), "<a>xz<?p q  r ?><?s?></a>");
}

#[test]
fn line_ends_become_line_feeds_and_those_in_values_blanks() {
    assert_eq!(canonical("<a b='1\r\n2\t3'>\r\nx\ry\n</a>"), "<a b=\"1 2 3\">\nx\ny\n</a>");
}

#[test]
fn clearing_forgets_bytes_and_keeps_what_is_declared() {
    let mut form = Canonical::default();
    let (name, mut scope) = (OwnedName::qualified("a", "u", Some("p")), Namespace::empty());
    scope.put("p", "u");
    form.start(&name, &[], &scope);
    form.clear();
    form.start(&name, &[], &scope);
    assert_eq!(form.bytes(), b"<p:a>");
}
