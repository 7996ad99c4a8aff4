//! What is refused, at which line and column, and why. The mark stands in front of what a problem names.

use super::{MARK, assert_refused, assert_refused_all, file, problems_of, raw};
use pix_stream_xsd::PROBLEMS_MAX;

const XS: &str = "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"";

/// A complex type `T` with this inside.
fn in_type(content: &str) -> String {
    format!("<xs:complexType name='T'>\n{content}\n</xs:complexType>")
}

/// A simple type that restricts a string with this inside.
fn in_restriction(facets: &str) -> String {
    format!(
        "<xs:simpleType name='S'>\n<xs:restriction base='xs:string'>\n{facets}</xs:restriction></xs:simpleType>"
    )
}

/// A complex type `T` that restricts another.
fn restricting(base: &str, own: &str) -> String {
    format!(
        "<xs:complexType name='B'>{base}</xs:complexType>
         ⚑<xs:complexType name='T'><xs:complexContent><xs:restriction base='B'>{own}</xs:restriction></xs:complexContent></xs:complexType>"
    )
}

#[test]
fn what_xsd_has_and_we_do_not_is_refused_by_its_name() {
    for (body, reason) in [
        ("⚑<xs:redefine schemaLocation='x.xsd'/>", "xs:redefine is not supported"),
        ("⚑<xs:notation name='n' public='p'/>", "xs:notation is not supported"),
        ("⚑<xs:group name='G'><xs:sequence/></xs:group>", "xs:group is not supported"),
        ("⚑<xs:attributeGroup name='G'/>", "xs:attributeGroup is not supported"),
        ("<xs:simpleType name='S'>⚑<xs:list itemType='xs:int'/></xs:simpleType>", "xs:list is not supported"),
        (
            "<xs:simpleType name='S'>⚑<xs:union memberTypes='xs:int xs:date'/></xs:simpleType>",
            "xs:union is not supported",
        ),
        (
            "<xs:element name='A'>\n  ⚑<xs:keyref name='k' refer='K'/></xs:element>",
            "xs:keyref is not supported",
        ),
        ("<xs:element name='A'/>⚑<xs:element name='B' substitutionGroup='A'/>", "substitution groups"),
        ("⚑<xs:element name='A' abstract='true'/>", "abstract elements"),
        ("⚑<xs:element name='A' block='extension'/>", "block and final"),
        ("⚑<xs:complexType name='T' final='#all'/>", "block and final"),
    ] {
        let (problems, marks) = problems_of(&[file("t.xsd", body)], &[]);
        let first = problems.first().unwrap_or_else(|| panic!("accepted: {body}"));
        assert_eq!(("t.xsd".to_owned(), first.line, first.column), marks[0], "{body}: {first}");
        assert!(first.reason.contains(reason), "{first}");
    }
}

#[test]
fn misspelt_elements_and_attributes_are_found() {
    for (body, reason) in [
        (
            in_type("<xs:sequence>\n  ⚑<xs:element name='A' minOccur='0'/></xs:sequence>"),
            "no attribute minOccur",
        ),
        (in_type("⚑<xs:sequense/>"), "xs:sequense cannot stand in xs:complexType"),
        (in_restriction("⚑<xs:maxLenght value='3'/>"), "xs:maxLenght cannot stand in xs:restriction"),
        ("⚑<xs:element name='A' minOccurs='0'/>".to_owned(), "xs:element has no attribute minOccurs here"),
        ("⚑<xs:element name='A' xs:type='xs:int'/>".to_owned(), "attribute type must have no namespace"),
        ("⚑<element name='A'/>".to_owned(), "element is no element of XSD"),
        ("<xs:element name='A'/>⚑ text".to_owned(), "text outside an annotation"),
        (
            in_type("<xs:attribute name='a'/>⚑<xs:sequence/>"),
            "xs:sequence cannot stand so late in xs:complexType",
        ),
        (in_type("<xs:sequence/>⚑<xs:choice/>"), "xs:choice: one too many in xs:complexType"),
        ("<xs:element name='A'/>⚑<xs:include schemaLocation='x'/>".to_owned(), "so late in xs:schema"),
        (in_type("<xs:sequence>⚑<xs:all/></xs:sequence>"), "xs:all cannot stand in xs:sequence"),
        (
            in_type(
                "<xs:simpleContent><xs:extension base='xs:int'/></xs:simpleContent>⚑<xs:attribute name='a'/>",
            ),
            "write it in there",
        ),
    ] {
        assert_refused(&body, &[reason]);
    }
}

#[test]
fn names_must_be_names_and_declared_once() {
    for (body, reason) in [
        ("⚑<xs:element/>", "xs:element without a name"),
        ("⚑<xs:element name='1A'/>", "\"1A\" is no name"),
        ("⚑<xs:complexType name='a:b'/>", "\"a:b\" is no name"),
        ("<xs:element name='A'/>\n⚑<xs:element name='A'/>", "element A is declared twice, first on line 2"),
        (
            "<xs:complexType name='T'/>\n⚑<xs:simpleType name='T'><xs:restriction base='xs:int'/></xs:simpleType>",
            "type T is declared twice",
        ),
        ("<xs:attribute name='a'/>⚑<xs:attribute name='a'/>", "attribute a is declared twice"),
        (
            "<xs:complexType name='T'><xs:attribute name='a'/>\n⚑<xs:attribute name='a'/></xs:complexType>",
            "attribute a stands twice",
        ),
        ("⚑<xs:attribute name='xmlns'/>", "no attribute can have this name"),
    ] {
        assert_refused(body, &[reason]);
    }
}

#[test]
fn references_must_find_something() {
    for (body, reason) in [
        ("⚑<xs:element name='A' type='None'/>", "type None is not declared"),
        ("⚑<xs:element name='A' type='p:T'/>", "prefix p is not declared"),
        ("⚑<xs:element name='A' type='xs:strin'/>", "strin"),
        ("⚑<xs:element name='A' type='xs:IDREFS'/>", "IDREFS"),
        ("⚑<xs:element name='A' type=':T'/>", "no name that could refer"),
        ("⚑<xs:element name='A' type='o:T' xmlns:o='urn:o'/>", "the namespace urn:o is not imported"),
        ("⚑<xs:element name='A' type='T' xmlns=''/>", "is in no namespace here"),
        (
            "⚑<xs:import namespace='urn:o' schemaLocation='o.xsd'/>",
            "no file has the target namespace urn:o (its schemaLocation is o.xsd)",
        ),
        ("⚑<xs:import schemaLocation='o.xsd'/>", "only a namespace can be imported"),
        ("⚑<xs:import namespace='urn:t'/>", "cannot import itself"),
        ("⚑<xs:include schemaLocation='o.xsd'/>", "no file o.xsd"),
        ("⚑<xs:include/>", "needs a schemaLocation"),
        (
            "<xs:complexType name='T'><xs:sequence>\n⚑<xs:element ref='A'/></xs:sequence></xs:complexType>",
            "element A is not declared",
        ),
        ("<xs:complexType name='T'>⚑<xs:attribute ref='a'/></xs:complexType>", "attribute a is not declared"),
        (
            "<xs:complexType name='T'/><xs:attribute name='b' type='xs:int'/>⚑<xs:attribute name='a' type='T'/>",
            "T is not a simple type",
        ),
        (
            "<xs:complexType name='T'><xs:complexContent>⚑<xs:extension base='N'/></xs:complexContent></xs:complexType>",
            "type N is not declared",
        ),
    ] {
        assert_refused(body, &[reason]);
    }
}

#[test]
fn types_cannot_be_derived_from_themselves() {
    assert_refused(
        "⚑<xs:simpleType name='A'><xs:restriction base='B'/></xs:simpleType>
         <xs:simpleType name='B'><xs:restriction base='A'/></xs:simpleType>",
        &["the type is derived from itself"],
    );
    assert_refused(
        "⚑<xs:complexType name='A'><xs:complexContent><xs:extension base='A'/></xs:complexContent></xs:complexType>",
        &["the type is derived from itself"],
    );
}

#[test]
fn chains_of_derivations_have_an_end() {
    let link = |at: usize| {
        format!("<xs:simpleType name='S{at}'><xs:restriction base='S{}'/></xs:simpleType>\n", at + 1)
    };
    let chain: String = (0..5000).map(link).collect();
    let (problems, _) = problems_of(&[file("t.xsd", &chain)], &[]);
    assert!(problems.iter().any(|problem| problem.reason.contains("more than 64 types derived")));
}

#[test]
fn occurrence_bounds_must_be_bounds() {
    for (body, reason) in [
        (
            "<xs:sequence>\n⚑<xs:element name='A' minOccurs='2'/></xs:sequence>",
            "minOccurs 2 is more than maxOccurs 1",
        ),
        ("<xs:sequence>⚑<xs:any maxOccurs='-1'/></xs:sequence>", "maxOccurs is unbounded or a number"),
        ("⚑<xs:sequence minOccurs='x'/>", "minOccurs is a number"),
        (
            "<xs:sequence>⚑<xs:element name='A' maxOccurs='99999999999'/></xs:sequence>",
            "a number up to 4294967295",
        ),
        ("<xs:all>⚑<xs:element name='A' maxOccurs='2'/></xs:all>", "at most once"),
        ("⚑<xs:all maxOccurs='unbounded'><xs:element name='A'/></xs:all>", "xs:all occurs once"),
        ("⚑<xs:choice/>", "a choice between nothing"),
        ("<xs:sequence>⚑<xs:any processContents='loose'/></xs:sequence>", "strict, lax or skip"),
        ("⚑<xs:anyAttribute namespace='##any urn:x'/>", "cannot have ##any in a list"),
    ] {
        assert_refused(&in_type(body), &[reason]);
    }
}

#[test]
fn facets_are_refused_on_their_own_line() {
    for facets in [
        "<xs:minLength value='1'/>\n⚑<xs:maxLength value='x'/>",
        "⚑<xs:pattern value='[a'/>",
        "⚑<xs:totalDigits value='3'/>",
        "\n\n⚑<xs:maxLength/>",
        "⚑<xs:maxLength value='1' fixed='perhaps'/>",
        "⚑<xs:whiteSpace value='fold'/>",
    ] {
        let (problems, marks) = problems_of(&[file("t.xsd", &in_restriction(facets))], &[]);
        let places: Vec<_> = problems.iter().map(|p| (p.file.clone(), p.line, p.column)).collect();
        assert_eq!(places, marks, "{facets}: {problems:?}");
    }
    assert_refused(
        "<xs:simpleType name='S'>⚑<xs:restriction base='xs:anySimpleType'/></xs:simpleType>",
        &["cannot be restricted"],
    );
    assert_refused(
        "<xs:simpleType name='S'>⚑<xs:restriction/></xs:simpleType>",
        &["either a base or a type in place"],
    );
    assert_refused("⚑<xs:simpleType name='S'/>", &["xs:simpleType without xs:restriction"]);
}

#[test]
fn values_must_be_values_of_their_type() {
    for (body, reason) in [
        ("⚑<xs:element name='A' type='xs:int' default='x'/>", "the default value \"x\""),
        ("⚑<xs:element name='A' type='xs:int' default='1' fixed='1'/>", "exclude each other"),
        ("⚑<xs:element name='A' type='xs:ID' fixed='x'/>", "an ID cannot have"),
        ("⚑<xs:element name='A' fixed='x'/>", "for elements of text only"),
        ("⚑<xs:element name='A' nillable='yes'/>", "nillable is true or false"),
        (
            "⚑<xs:element name='A' type='xs:int'/><xs:attribute name='a' type='xs:int' fixed=''/>",
            "fixed value",
        ),
        (
            "<xs:complexType name='T'>⚑<xs:attribute name='a' use='required' default='x'/></xs:complexType>",
            "with a default is optional",
        ),
        (
            "<xs:complexType name='T'>⚑<xs:attribute name='a' use='must'/></xs:complexType>",
            "optional, required or prohibited",
        ),
        (
            "<xs:attribute name='a' fixed='1'/><xs:complexType name='T'>⚑<xs:attribute ref='a' fixed='2'/></xs:complexType>",
            "another fixed value",
        ),
        (
            "<xs:complexType name='T'>⚑<xs:attribute name='a' form='short'/></xs:complexType>",
            "form is qualified or unqualified",
        ),
        (
            "⚑<xs:complexType name='T'><xs:attribute name='a' type='xs:ID'/><xs:attribute name='b' type='xs:ID'/></xs:complexType>",
            "more than one attribute of type xs:ID",
        ),
        (
            "<xs:element name='A' type='xs:int'>⚑<xs:simpleType><xs:restriction base='xs:int'/></xs:simpleType></xs:element>",
            "exclude each other",
        ),
        (
            "<xs:element name='A'/><xs:complexType name='T'><xs:sequence>⚑<xs:element ref='A' nillable='true'/></xs:sequence></xs:complexType>",
            "ref and nillable exclude",
        ),
    ] {
        let body = body.replace("⚑<xs:element name='A' type='xs:int'/><xs:attribute", "⚑<xs:attribute");
        assert_refused(&body, &[reason]);
    }
}

#[test]
fn content_models_must_be_unambiguous_and_consistent() {
    assert_refused(
        &in_type("⚑<xs:sequence><xs:element name='A' minOccurs='0'/><xs:element name='A'/></xs:sequence>"),
        &["A"],
    );
    assert_refused(
        &in_type(
            "⚑<xs:sequence><xs:element name='A' type='xs:int'/><xs:element name='A' type='xs:long'/></xs:sequence>",
        ),
        &["element A stands twice in this content, with different types"],
    );
}

#[test]
fn extensions_must_fit_their_base() {
    let extending = |base: &str, own: &str| {
        format!(
            "<xs:complexType name='B'>{base}</xs:complexType>
             <xs:complexType name='T'><xs:complexContent>\n⚑<xs:extension base='B'>{own}</xs:extension></xs:complexContent></xs:complexType>"
        )
    };
    let all = "<xs:all><xs:element name='A'/></xs:all>";
    let sequence = "<xs:sequence><xs:element name='C'/></xs:sequence>";
    let text = "<xs:simpleContent><xs:extension base='xs:int'/></xs:simpleContent>";
    for (body, reason) in [
        (extending(all, sequence), "xs:all cannot be extended"),
        (extending(text, sequence), "cannot be extended by elements"),
        (extending("<xs:attribute name='a'/>", "<xs:attribute name='a'/>"), "attribute a stands in the extended type too"),
        (extending(sequence, sequence).replace("complexType name='B'", "complexType name='B' mixed='true'"), "mixed"),
        (
            extending("<xs:anyAttribute namespace='##other'/>", "<xs:anyAttribute namespace='##local'/>"),
            "cannot be put together",
        ),
        ("<xs:complexType name='T'><xs:complexContent>⚑<xs:extension base='xs:int'/></xs:complexContent></xs:complexType>".into(), "simple type"),
        ("<xs:complexType name='T'><xs:complexContent>⚑<xs:extension base='xs:anyType'/></xs:complexContent></xs:complexType>".into(), "cannot be extended"),
        ("<xs:complexType name='T'><xs:simpleContent>⚑<xs:restriction base='xs:int'/></xs:simpleContent></xs:complexType>".into(), "can only be extended"),
        ("<xs:complexType name='T'><xs:simpleContent>⚑<xs:extension base='xs:anyType'/></xs:simpleContent></xs:complexType>".into(), "has no simple content"),
        ("<xs:complexType name='T'>⚑<xs:simpleContent/></xs:complexType>".into(), "xs:simpleContent without xs:extension"),
        ("<xs:complexType name='T'><xs:complexContent>⚑<xs:extension/></xs:complexContent></xs:complexType>".into(), "without a base"),
    ] {
        assert_refused(&body, &[reason]);
    }
}

#[test]
fn restrictions_that_widen_are_refused() {
    let base = "<xs:sequence><xs:element name='A' type='xs:int' maxOccurs='2'/><xs:element name='B' minOccurs='0'/></xs:sequence>
        <xs:attribute name='x' type='xs:int' use='required'/><xs:attribute name='y' fixed='1'/>";
    let x = "<xs:attribute name='x' type='xs:int' use='required'/>";
    let sequence = |own: &str| format!("<xs:sequence>{own}</xs:sequence>");
    let with_x = |own: &str| format!("{}{x}", sequence(own));
    let same = sequence("<xs:element name='A' type='xs:int'/>");
    for (own, reason) in [
        (
            with_x("<xs:element name='A' type='xs:int' maxOccurs='3'/>"),
            "element A may occur more or less often",
        ),
        (with_x("<xs:element name='A' type='xs:int' minOccurs='0'/>"), "element A may occur"),
        (with_x("<xs:element name='A' type='xs:decimal'/>"), "the type of element A is not derived"),
        (with_x("<xs:element name='A' type='xs:int' nillable='true'/>"), "cannot be nil in the base"),
        (with_x("<xs:element name='C'/>"), "element C stands where the base has A"),
        (
            with_x("<xs:element name='A' type='xs:int'/><xs:element name='C'/>"),
            "element C has no counterpart",
        ),
        (with_x("<xs:element name='B'/>"), "element B stands where the base has A"),
        (
            format!("<xs:choice><xs:element name='A' type='xs:int'/><xs:element name='B'/></xs:choice>{x}"),
            "of another kind",
        ),
        (x.to_owned(), "its content is of another kind"),
        (format!("{same}<xs:attribute name='x' type='xs:int'/>"), "attribute x is required in the base"),
        (
            format!("{same}<xs:attribute name='x' type='xs:int' use='prohibited'/>"),
            "attribute x is required in the base",
        ),
        (
            format!("{same}<xs:attribute name='x' type='xs:long' use='required'/>"),
            "the type of attribute x is not derived",
        ),
        (format!("{same}{x}<xs:attribute name='z'/>"), "the base has no attribute z"),
        (format!("{same}{x}<xs:attribute name='y' fixed='2'/>"), "attribute y is fixed in the base"),
        (format!("{same}{x}<xs:anyAttribute/>"), "anyAttribute allows more"),
    ] {
        assert_refused(&restricting(base, &own), &[reason]);
    }
    let lax = "<xs:sequence><xs:any namespace='##other'/></xs:sequence>";
    let any = "<xs:sequence><xs:any namespace='urn:o' processContents='lax'/></xs:sequence>";
    assert_refused(&restricting(lax, any), &["a wildcard allows more"]);
    assert_refused(&restricting(lax, &sequence("<xs:element name='A'/>")), &["does not allow element A"]);
}

#[test]
fn constraints_take_the_xpath_of_xsd_only() {
    let with = |selector: &str, field: &str| {
        format!("<xs:element name='A'><xs:key name='k'>\n{selector}\n{field}</xs:key></xs:element>")
    };
    let field = "<xs:field xpath='@a'/>";
    for (selector, reason) in [
        ("⚑<xs:selector xpath='@a'/>", "finds elements"),
        ("⚑<xs:selector xpath='/A'/>", "only child steps"),
        ("⚑<xs:selector xpath='A//B'/>", "only child steps"),
        ("⚑<xs:selector xpath='A[1]'/>", "only child steps"),
        ("⚑<xs:selector xpath='p:A'/>", "prefix p is not declared"),
        ("⚑<xs:selector xpath=''/>", "only child steps"),
        ("⚑<xs:selector/>", "without an xpath"),
    ] {
        assert_refused(&with(selector, field), &[reason]);
    }
    assert_refused(&with("<xs:selector xpath='.'/>", "⚑<xs:field xpath='@a/b'/>"), &["no children"]);
    assert_refused(&with("<xs:selector xpath='.'/>", "⚑<xs:field xpath='@*'/>"), &["not supported"]);
    assert_refused(
        "<xs:element name='A'>⚑<xs:key name='k'><xs:selector xpath='.'/></xs:key></xs:element>",
        &["without a field"],
    );
    assert_refused(
        "<xs:element name='A'>⚑<xs:unique name='k'><xs:field xpath='.'/></xs:unique></xs:element>",
        &["without a selector"],
    );
    let once = "<xs:unique name='k'><xs:selector xpath='.'/><xs:field xpath='.'/></xs:unique>";
    assert_refused(
        &format!("<xs:element name='A'>{once}\n{MARK}{once}</xs:element>"),
        &["constraint k is declared twice"],
    );
}

#[test]
fn two_files_of_one_namespace_are_refused_by_both_names() {
    let other = format!("{MARK}<xs:schema {XS} targetNamespace='urn:t'/>");
    let sources = [file("a.xsd", "<xs:element name='A'/>"), raw("b.xsd", &other)];
    assert_refused_all(&sources, &[], &["urn:t is the target namespace of a.xsd and of b.xsd"]);
}

#[test]
fn an_include_must_lead_to_one_file_of_the_same_namespace() {
    let including = || file("t.xsd", "⚑<xs:include schemaLocation='c.xsd'/>");
    let other = raw("c.xsd", &format!("<xs:schema {XS} targetNamespace='urn:o'/>"));
    assert_refused_all(&[including(), other], &[], &["c.xsd has another target namespace; import it"]);
    let common = |name: &str| raw(name, &format!("<xs:schema {XS}/>"));
    assert_refused_all(
        &[including(), common("x/c.xsd"), common("y/c.xsd")],
        &[],
        &["c.xsd may be x/c.xsd or y/c.xsd"],
    );
    assert_refused_all(&[common("c.xsd")], &[including()], &["no file c.xsd"]);
}

#[test]
fn a_problem_in_an_included_file_is_told_once() {
    let common =
        raw("c.xsd", &format!("<xs:schema {XS}>\n{MARK}<xs:element name='A' type='N'/></xs:schema>"));
    let one = file("a.xsd", "<xs:include schemaLocation='c.xsd'/>");
    let two = raw(
        "b.xsd",
        &format!("<xs:schema {XS} targetNamespace='urn:u'><xs:include schemaLocation='c.xsd'/></xs:schema>"),
    );
    assert_refused_all(&[one, two, common], &[], &["type N is not declared"]);
}

#[test]
fn every_problem_of_every_file_is_listed_in_order() {
    let two = raw(
        "b.xsd",
        &format!("<xs:schema {XS} targetNamespace='urn:u'>\n⚑<xs:element name='A' type='xs:x'/></xs:schema>"),
    );
    let one = "⚑<xs:element name='A' type='N'/>\n⚑<xs:element name='A'/>\n<xs:complexType name='T'>⚑<xs:group ref='G'/></xs:complexType>";
    assert_refused_all(&[file("a.xsd", one), two], &[], &["type N", "twice", "xs:group", "x"]);
}

#[test]
fn a_list_of_problems_ends_with_how_many_more_there_are() {
    let body: String = (0..150).map(|at| format!("<xs:element name='A{at}' type='N'/>\n")).collect();
    let (problems, _) = problems_of(&[file("t.xsd", &body)], &[]);
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    let last = problems.last().unwrap();
    assert_eq!((last.line, &*last.reason), (102, "and 50 more problems from here on"));
}

#[test]
fn files_that_are_no_schemas_are_refused() {
    let deep = format!("<xs:schema {XS}>{}", "<xs:annotation><a>".to_owned() + &"<a>".repeat(200));
    let large = " ".repeat(4 * 1024 * 1024 + 1);
    for (text, place, reason) in [
        ("", (2, 1), "not well-formed"),
        ("<a/>", (1, 1), "the root is not an xs:schema"),
        ("<schema/>", (1, 1), "the root is not an xs:schema"),
        ("<!DOCTYPE x []>\n<x/>", (1, 1), "document type declaration"),
        ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><x/>", (1, 1), "UTF-8"),
        ("<?xml version=\"1.1\"?><x/>", (1, 1), "only XML 1.0"),
        (&*deep, (1, 0), "more than 128 elements within each other"),
        (&*large, (1, 1), "larger than 4194304 bytes"),
        (&*format!("<xs:schema {XS} targetNamespace=''/>"), (1, 1), "an empty targetNamespace"),
        (
            &*format!("<xs:schema {XS} targetNamespace='urn:x' elementFormDefault='yes'/>"),
            (1, 1),
            "qualified or unqualified",
        ),
        (
            &*format!("<xs:schema {XS} targetNamespace='http://www.w3.org/2001/XMLSchema'/>"),
            (1, 1),
            "XML Schema itself",
        ),
    ] {
        let (problems, _) = problems_of(&[raw("t.xsd", text)], &[]);
        let first = problems.first().unwrap_or_else(|| panic!("accepted: {text}"));
        assert!(first.reason.contains(reason), "{first}");
        assert!((first.line, first.column) == place || place.1 == 0, "{first}");
    }
    let mut latin = raw("t.xsd", "<xs:schema>\n  \u{e9}");
    latin.bytes.truncate(15);
    let problem = crate::Schemas::compile(&[latin], &[]).unwrap_err().remove(0);
    assert_eq!((problem.line, problem.column), (2, 3), "{problem}");
    assert_eq!(crate::Schemas::compile(&[], &[]).unwrap_err()[0].reason, "there are no schemas");
}
