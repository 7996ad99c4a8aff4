//! Constructs that are supported, and what becomes of them in the tables.

use super::{compiled, compiled_all, file, raw};
use crate::tables::{ANY_TYPE, Content, NO_NAMESPACE, NamespaceSet, Process, Step, ValueConstraint};

const XS: &str = "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"";

#[test]
fn an_element_without_a_type_has_any_type() {
    let schemas = compiled("<xs:element name='A' id='x' nillable='1'/>");
    let (element, _) = schemas.found("A");
    assert_eq!((element.type_id, element.nillable), (ANY_TYPE, true));
}

#[test]
fn types_refer_to_each_other_in_any_order_and_to_themselves_in_content() {
    let schemas = compiled(
        "<xs:element name='A' type='Tree'/>
         <xs:complexType name='Tree'><xs:sequence><xs:element name='Sub' type='Tree' minOccurs='0'/>
           <xs:element name='Leaf' type='Leaf'/></xs:sequence></xs:complexType>
         <xs:simpleType name='Leaf'><xs:restriction base='Word'><xs:maxLength value='3' fixed='true'/></xs:restriction></xs:simpleType>
         <xs:simpleType name='Word'><xs:restriction base='xs:token'/></xs:simpleType>",
    );
    assert!(matches!(schemas.complex("A").content, Content::Elements { mixed: false, .. }));
}

#[test]
fn annotations_hold_anything() {
    compiled(
        "<xs:annotation><xs:documentation xml:lang='pt'>text <b xmlns=''>bold</b></xs:documentation>
           <xs:appinfo><xs:element nonsense='1'/></xs:appinfo></xs:annotation>
         <xs:element name='A' type='xs:string' x:note='1' xmlns:x='urn:x'><xs:annotation/></xs:element>
         <xs:annotation/>",
    );
}

#[test]
fn local_elements_and_attributes_have_the_namespace_of_their_form() {
    let body = "<xs:element name='A'><xs:complexType><xs:sequence><xs:element name='B' form='unqualified'/>
        <xs:element name='C'/></xs:sequence><xs:attribute name='d'/><xs:attribute name='e' form='qualified'/>
        <xs:attribute ref='f' use='required'/></xs:complexType></xs:element><xs:attribute name='f' type='xs:int' default=' 7 '/>";
    let schemas = compiled(body);
    let own = schemas.number_of("urn:t");
    let namespace = |local: &str| schemas.elements.iter().find(|e| &*e.local == local).unwrap().namespace;
    assert_eq!((namespace("B"), namespace("C")), (NO_NAMESPACE, own));
    let attributes = &schemas.complex("A").attributes;
    let told: Vec<_> = attributes.iter().map(|a| (&*a.local, a.namespace, a.required)).collect();
    assert_eq!(told, [("d", NO_NAMESPACE, false), ("e", own, false), ("f", own, true)]);
    assert!(matches!(&attributes[2].value, Some(ValueConstraint::Default(seven)) if &**seven == "7"));
}

#[test]
fn values_are_kept_as_their_type_normalizes_them() {
    let schemas = compiled(
        "<xs:element name='A' fixed='  a   b ' type='xs:token'/><xs:element name='B' default=' 1 ' type='T'/>
         <xs:complexType name='T'><xs:simpleContent><xs:extension base='xs:int'/></xs:simpleContent></xs:complexType>",
    );
    assert!(matches!(&schemas.found("A").0.value, Some(ValueConstraint::Fixed(text)) if &**text == "a b"));
    assert!(matches!(&schemas.found("B").0.value, Some(ValueConstraint::Default(text)) if &**text == "1"));
}

#[test]
fn facets_reach_the_text_of_simple_content() {
    let schemas = compiled(
        "<xs:element name='A' type='Less'/>
         <xs:complexType name='More'><xs:simpleContent><xs:extension base='xs:decimal'>
           <xs:attribute name='Ccy' type='xs:string'/></xs:extension></xs:simpleContent></xs:complexType>
         <xs:complexType name='Less'><xs:simpleContent><xs:restriction base='More'><xs:maxInclusive value='9'/>
           <xs:attribute name='Ccy' type='xs:token' use='required'/></xs:restriction></xs:simpleContent></xs:complexType>",
    );
    assert!(schemas.simple("A").check("9.00").is_ok() && schemas.simple("A").check("9.01").is_err());
    assert!(schemas.complex("A").attributes[0].required);
}

#[test]
fn an_extension_has_the_attributes_of_both_and_one_content_behind_the_other() {
    let schemas = compiled(
        "<xs:element name='A' type='More'/>
         <xs:complexType name='More'><xs:complexContent><xs:extension base='Less'><xs:choice><xs:element name='C'/>
           <xs:element name='D'/></xs:choice><xs:attribute name='y'/><xs:anyAttribute namespace='urn:u urn:v'/>
           </xs:extension></xs:complexContent></xs:complexType>
         <xs:complexType name='Less' abstract='true'><xs:sequence><xs:element name='B'/></xs:sequence>
           <xs:attribute name='x'/><xs:anyAttribute namespace='##local urn:u' processContents='skip'/></xs:complexType>",
    );
    let complex = schemas.complex("A");
    let names: Vec<_> = complex.attributes.iter().map(|a| &*a.local).collect();
    assert_eq!((names, complex.is_abstract), (vec!["x", "y"], false));
    let any = complex.any_attribute.as_ref().unwrap();
    let all = ["", "urn:u", "urn:v"].map(|name| schemas.number_of(name));
    assert!(matches!(&any.namespaces, NamespaceSet::OneOf(names) if *names == all));
    assert_eq!(any.process, Process::Strict);
}

#[test]
fn a_restriction_that_only_narrows_is_taken() {
    let schemas = compiled(
        "<xs:element name='A' type='Less'/>
         <xs:complexType name='More' mixed='true'><xs:sequence><xs:element name='B' type='xs:string' maxOccurs='9'/>
           <xs:element name='C' minOccurs='0'/><xs:choice maxOccurs='unbounded'><xs:element name='D' type='xs:decimal'/>
           <xs:element name='E'/></xs:choice><xs:any minOccurs='0' namespace='##local'/></xs:sequence>
           <xs:attribute name='x' type='xs:string'/><xs:attribute name='y'/><xs:anyAttribute/></xs:complexType>
         <xs:complexType name='Less'><xs:complexContent><xs:restriction base='More'><xs:sequence>
           <xs:element name='B' type='xs:token' minOccurs='2' maxOccurs='3'/>
           <xs:choice maxOccurs='2'><xs:element name='D' type='xs:int'/></xs:choice><xs:element name='Z' minOccurs='0' form='unqualified'/></xs:sequence>
           <xs:attribute name='x' type='xs:token' use='required'/><xs:attribute name='y' use='prohibited'/>
           <xs:attribute name='z'/></xs:restriction></xs:complexContent></xs:complexType>",
    );
    let complex = schemas.complex("A");
    let names: Vec<_> = complex.attributes.iter().map(|a| (&*a.local, a.required)).collect();
    assert_eq!(names, [("x", true), ("z", false)]);
    assert!(complex.any_attribute.is_none());
}

#[test]
fn identical_content_is_a_restriction() {
    let content =
        "<xs:sequence minOccurs='0'><xs:element ref='A'/><xs:choice><xs:element name='B' type='xs:int'/>
        <xs:any namespace='##other'/></xs:choice></xs:sequence>";
    compiled(&format!(
        "<xs:element name='A'/><xs:complexType name='More'>{content}</xs:complexType>
         <xs:complexType name='Less'><xs:complexContent><xs:restriction base='More'>{content}</xs:restriction></xs:complexContent></xs:complexType>
         <xs:complexType name='Empty'><xs:complexContent><xs:restriction base='More'/></xs:complexContent></xs:complexType>
         <xs:complexType name='Any'><xs:complexContent><xs:restriction base='xs:anyType'>{content}</xs:restriction></xs:complexContent></xs:complexType>"
    ));
}

#[test]
fn empty_and_mixed_content_are_told_apart() {
    let schemas = compiled(
        "<xs:element name='A'><xs:complexType/></xs:element><xs:element name='B'><xs:complexType mixed='true'/></xs:element>
         <xs:element name='C'><xs:complexType><xs:sequence/></xs:complexType></xs:element>
         <xs:element name='D'><xs:complexType><xs:sequence maxOccurs='0' minOccurs='0'><xs:element name='E'/></xs:sequence></xs:complexType></xs:element>",
    );
    for empty in ["A", "C", "D"] {
        assert!(matches!(schemas.complex(empty).content, Content::Empty), "{empty}");
    }
    assert!(matches!(schemas.complex("B").content, Content::Elements { mixed: true, .. }));
}

#[test]
fn an_extension_without_content_has_that_of_its_base() {
    let schemas = compiled(
        "<xs:element name='A' type='More'/><xs:complexType name='Less' mixed='true'/>
         <xs:complexType name='More'><xs:complexContent><xs:extension base='Less'/></xs:complexContent></xs:complexType>",
    );
    assert!(matches!(schemas.complex("A").content, Content::Elements { mixed: true, .. }));
}

#[test]
fn constraints_are_compiled_with_their_paths() {
    let schemas = compiled(
        "<xs:element name='A'><xs:unique name='u'><xs:selector xpath='t:B/ t:* | .//B'/><xs:field xpath='t:C/@t:d|.'/>
         <xs:field xpath='*/@e'/></xs:unique></xs:element>",
    );
    let own = schemas.number_of("urn:t");
    let unique = &schemas.found("A").0.unique[0];
    assert_eq!(
        (&*unique.name, unique.is_key, unique.selector.len(), unique.fields.len()),
        ("u", false, 2, 2)
    );
    assert!(
        matches!(&unique.selector[0].steps[..], [Step::Name(n, b), Step::Any(Some(m))] if *n == own && *m == own && &**b == "B")
    );
    assert!(unique.selector[1].anywhere);
    assert!(matches!(&unique.selector[1].steps[..], [Step::Name(NO_NAMESPACE, _)]));
    assert_eq!(unique.fields[0][0].attribute, Some((own, "d".into())));
    assert!(unique.fields[0][1].steps.is_empty() && unique.fields[0][1].attribute.is_none());
}

#[test]
fn the_default_namespace_may_be_that_of_xsd() {
    let text = "<schema xmlns='http://www.w3.org/2001/XMLSchema' xmlns:t='urn:t' targetNamespace='urn:t'>
        <element name='A' type='t:T'/><simpleType name='T'><restriction base='string'><length value='2'/></restriction></simpleType></schema>";
    let schemas = compiled_all(&[raw("t.xsd", &format!("\u{feff}{text}"))], &[]);
    assert!(schemas.simple("A").check("ab").is_ok() && schemas.simple("A").check("abc").is_err());
}

#[test]
fn an_included_file_takes_the_namespace_of_each_that_includes_it() {
    let common = raw(
        "x/common.xsd",
        &format!(
            "<xs:schema {XS}><xs:simpleType name='T'><xs:restriction base='W'/></xs:simpleType>
        <xs:simpleType name='W'><xs:restriction base='xs:int'/></xs:simpleType></xs:schema>"
        ),
    );
    let one =
        file("x/m/one.xsd", "<xs:include schemaLocation='../common.xsd'/><xs:element name='A' type='T'/>");
    let two = raw("two.xsd", &format!("<xs:schema {XS} xmlns:u='urn:u' targetNamespace='urn:u'>
        <xs:include schemaLocation='http://elsewhere/common.xsd'/><xs:element name='A' type='u:T'/></xs:schema>"));
    let schemas = compiled_all(&[one, common, two], &[]);
    assert!(schemas.simple("A").check("x").is_err());
    assert_eq!(schemas.namespaces_with("A").collect::<Vec<_>>(), ["urn:t", "urn:u"]);
}

#[test]
fn files_of_one_namespace_may_include_each_other_in_a_circle() {
    let one = file("one.xsd", "<xs:include schemaLocation='two.xsd'/><xs:element name='A' type='T'/>");
    let two = file(
        "two.xsd",
        "<xs:include schemaLocation='./one.xsd'/><xs:simpleType name='T'><xs:restriction base='xs:int'/></xs:simpleType>",
    );
    compiled_all(&[one, two], &[]);
}

#[test]
fn an_import_finds_its_namespace_in_sources_and_then_in_the_fallback() {
    let other = |kind: &str| {
        raw(
            "o.xsd",
            &format!(
                "<xs:schema {XS} targetNamespace='urn:o'>
        <xs:simpleType name='T'><xs:restriction base='xs:{kind}'/></xs:simpleType></xs:schema>"
            ),
        )
    };
    let main = || {
        file(
            "t.xsd",
            "<xs:import namespace='urn:o' schemaLocation='nowhere.xsd'/>
        <xs:element name='A' type='o:T' xmlns:o='urn:o'/>",
        )
    };
    let from_fallback = compiled_all(&[main()], &[other("int")]);
    assert!(from_fallback.simple("A").check("x").is_err());
    let from_sources = compiled_all(&[main(), other("string")], &[other("int")]);
    assert!(from_sources.simple("A").check("x").is_ok());
}

#[test]
fn a_source_replaces_a_namespace_of_the_fallback_and_keeps_to_its_own_common_file() {
    let common = |kind: &str| {
        raw(
            "common.xsd",
            &format!(
                "<xs:schema {XS}>
        <xs:simpleType name='T'><xs:restriction base='xs:{kind}'/></xs:simpleType></xs:schema>"
            ),
        )
    };
    let main = || file("t.xsd", "<xs:include schemaLocation='common.xsd'/><xs:element name='A' type='T'/>");
    let own = compiled_all(&[main(), common("string")], &[main(), common("int")]);
    assert!(own.simple("A").check("x").is_ok());
    let lent = compiled_all(&[main()], &[main(), common("int")]);
    assert!(lent.simple("A").check("x").is_err());
    let unused = compiled_all(&[common("string")], &[main(), common("int")]);
    assert!(unused.simple("A").check("x").is_err());
}
