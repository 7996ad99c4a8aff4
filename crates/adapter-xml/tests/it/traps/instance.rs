//! Attributes: those of the instance namespace, and those that only look like the declared ones.

use super::{NAMESPACE, XSI, all_invalid, invalid, load, valid};

#[track_caller]
fn told(content: &str, path: &str, reason: &str) {
    assert_eq!(invalid(content), (path.to_owned(), reason.to_owned()), "{content}");
}

#[test]
fn a_type_may_be_named_if_it_is_derived_from_the_declared_one() {
    valid(&format!("<Base {XSI} xsi:type=\"Wider\"><A/><B/></Base>"));
    valid(&format!("<Base {XSI} xsi:type=\" Wider\n\"><A/><B/></Base>"));
    valid(&format!("<Base {XSI} xsi:type=\"Base\"><A/></Base>"));
    valid(&format!("<Base {XSI} xmlns:t=\"{NAMESPACE}\" xsi:type=\"t:Wider\"><A/><B/></Base>"));
    valid(&format!(
        "<i:Base xmlns:i=\"{NAMESPACE}\" xmlns=\"urn:x\" {XSI} xsi:type=\"i:Wider\"><i:A/><i:B/></i:Base>"
    ));
    valid(
        "<Base xmlns:other=\"http://www.w3.org/2001/XMLSchema-instance\" other:type=\"Wider\"><A/><B/></Base>",
    );
    told(
        &format!("<Base {XSI} xsi:type=\"Wider\"><A/></Base>"),
        "Base",
        "the element ends too early; expected is B",
    );
    told("<Base><A/><B/></Base>", "Base/B", "may not stand here; expected is the end of the element");
    valid(&format!("<Text {XSI} xsi:type=\"Text35\">x</Text>"));
    told(&format!("<Text {XSI} xsi:type=\"Text35\"></Text>"), "Text", "has fewer than 1 character");
    valid(&format!(
        "<Whole {XSI} xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xsi:type=\"xs:short\">7</Whole>"
    ));
}

#[test]
fn a_type_that_is_unknown_or_not_derived_is_refused() {
    let unrelated = "the type is not derived from the one that is declared";
    let unknown = "no schema declares this type";
    for (attributes, reason) in [
        ("xsi:type=\"Text35\"", unrelated),
        ("xsi:type=\"Abstract\"", unrelated),
        ("xsi:type=\"xs:anyType\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"", unrelated),
        ("xsi:type=\"Nowhere\"", unknown),
        ("xsi:type=\"\"", unknown),
        ("xsi:type=\"t:Wider\" xmlns:t=\"urn:x\"", unknown),
        ("xsi:type=\"wider\"", unknown),
        ("xsi:type=\"nobody:Wider\"", "the prefix of the type is not declared"),
    ] {
        told(&format!("<Base {XSI} {attributes}><A/></Base>"), "Base/@type", reason);
    }
    // The default namespace is the one in scope where the attribute stands.
    told(
        &format!("<t:Base xmlns:t=\"{NAMESPACE}\" xmlns=\"urn:x\" {XSI} xsi:type=\"Wider\"><t:A/></t:Base>"),
        "Base/@type",
        unknown,
    );
    // A wider type than the declared one is no way out of its facets.
    told(
        &format!(
            "<Text35 {XSI} xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xsi:type=\"xs:string\">x</Text35>"
        ),
        "Text35/@type",
        unrelated,
    );
}

#[test]
fn an_abstract_type_needs_another_one_named() {
    assert_eq!(invalid("<Abstract/>").0, "Abstract");
    assert_eq!(invalid(&format!("<Abstract {XSI} xsi:type=\"Abstract\"/>")).0, "Abstract");
    valid(&format!("<Abstract {XSI} xsi:type=\"Concrete\"/>"));
}

#[test]
fn nil_is_for_elements_that_may_be_nil_and_are_empty() {
    valid(&format!("<Nil {XSI} xsi:nil=\"true\"/>"));
    valid(&format!("<Nil {XSI} xsi:nil=\" 1 \"></Nil>"));
    valid(&format!("<Nil {XSI} xsi:nil=\"true\"><!-- nothing --></Nil>"));
    valid(&format!("<Nil {XSI} xsi:nil=\"false\">x</Nil>"));
    valid(&format!("<NilParent {XSI} xsi:nil=\"true\"/>"));
    told(&format!("<Nil {XSI} xsi:nil=\"false\"/>"), "Nil", "has fewer than 1 character");
    told(&format!("<Nil {XSI} xsi:nil=\"true\">x</Nil>"), "Nil", "text in an element that is nil");
    told(&format!("<Nil {XSI} xsi:nil=\"true\"> </Nil>"), "Nil", "text in an element that is nil");
    told(
        &format!("<NilParent {XSI} xsi:nil=\"true\"><A/></NilParent>"),
        "NilParent/A",
        "an element in one that is nil",
    );
    told(&format!("<Nil {XSI} xsi:nil=\"yes\">x</Nil>"), "Nil/@nil", "is no xs:boolean");
    // Part 1, section 3.3.4, "Element Locally Valid", clause 3.1: not even to say that it is not.
    for nil in ["true", "false", "0"] {
        let content = format!("<Text {XSI} xsi:nil=\"{nil}\"/>");
        let reasons = invalid(&content);
        assert_eq!(reasons, ("Text/@nil".to_owned(), "the element may not be nil".to_owned()), "{content}");
    }
    told("<Nil nil=\"true\">x</Nil>", "Nil/@nil", "may not stand here");
}

#[test]
fn places_of_schemas_may_be_told_and_are_not_followed() {
    for attribute in [
        "xsi:schemaLocation=\"urn:x file:///etc/passwd\"",
        "xsi:noNamespaceSchemaLocation=\"http://127.0.0.1/\"",
    ] {
        valid(&format!("<Base {XSI} {attribute}><A {XSI} {attribute}/></Base>"));
        valid(&format!("<Empty {XSI} {attribute}/>"));
    }
    told(&format!("<Empty {XSI} xsi:other=\"\"/>"), "Empty/@*", "may not stand here");
}

#[test]
fn an_attribute_in_another_namespace_is_another_attribute() {
    valid("<Attributes code=\"A B\"/>");
    valid(&format!(
        "<Attributes code=\"A B\" xmlns:t=\"{NAMESPACE}\" t:own=\"x\" fixed=\"1\" count=\"+7\"/>"
    ));
    told("<Attributes code=\"A B\" own=\"x\"/>", "Attributes/@own", "may not stand here");
    told(
        &format!("<Attributes code=\"A B\" xmlns:t=\"{NAMESPACE}\" t:count=\"1\"/>"),
        "Attributes/@count",
        "may not stand here",
    );
    told("<Attributes code=\"A B\" xml:lang=\"pt\"/>", "Attributes/@lang", "may not stand here");
    told("<Text xml:space=\"preserve\"/>", "Text/@space", "may not stand here");
    told("<Text xmlns:x=\"urn:x\" x:y=\"\"/>", "Text/@*", "may not stand here");
    told("<Attributes/>", "Attributes/@code", "is missing");
}

#[test]
fn values_of_attributes_are_normalized_as_xml_and_their_types_say() {
    // XML 1.0, section 3.3.3: a line end is a blank, the reference to one is not.
    for good in ["A B", "A\nB", "A\tB", "A\r\nB", "A&#32;B"] {
        valid(&format!("<Attributes code=\"{good}\"/>"));
    }
    for bad in ["A&#10;B", "A&#9;B", " A B", "A  B", "A\n\nB", ""] {
        told(&format!("<Attributes code=\"{bad}\"/>"), "Attributes/@code", "is not one of A B");
    }
    valid("<Attributes code='A B' fixed=' +1.00&#10;' count='&#10; 07 '/>");
    told("<Attributes code='A B' fixed=''/>", "Attributes/@fixed", "is no xs:decimal");
    told("<Attributes code='A B' fixed='1.1'/>", "Attributes/@fixed", "is not the fixed value 1.0");
    told("<Attributes code='A B' count='1.0'/>", "Attributes/@count", "is no xs:integer");
}

#[test]
fn an_element_of_a_simple_type_has_no_attributes() {
    all_invalid(&["<Text a=\"\"/>", "<Text a=\"&#10;\">x</Text>"], "Text/@*", "may not stand here");
}

#[test]
fn what_is_not_understood_is_refused_when_the_folder_is_loaded_with_its_line() {
    let schema = |part: &str| {
        format!(
            "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"urn:t\" xmlns=\"urn:t\">\n\n{part}</xs:schema>"
        )
    };
    for part in [
        "<xs:redefine schemaLocation=\"x.xsd\"/>",
        "<xs:notation name=\"n\" public=\"p\"/>",
        "<xs:simpleType name=\"U\"><xs:union memberTypes=\"xs:string xs:decimal\"/></xs:simpleType>",
        "<xs:simpleType name=\"L\"><xs:list itemType=\"xs:string\"/></xs:simpleType>",
        "<xs:element name=\"E\" type=\"Nowhere\"/>",
        "<xs:simpleType name=\"P\"><xs:restriction base=\"xs:string\"><xs:pattern value=\"(\"/></xs:restriction></xs:simpleType>",
    ] {
        let problems = load(&schema(part)).map(|_| ()).unwrap_err();
        assert_eq!((&*problems[0].file, problems[0].line), ("traps.xsd", 3), "{part}: {problems:?}");
    }
}
