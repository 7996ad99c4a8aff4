//! Clauses of XSD that the schemas of the SPI have no use for, and other validators or an earlier state of this one got
//! wrong: the engine from outside, against small schemas (C.2). Each names its clause of part 1, "Structures".

use crate::differential::Ours;

/// Schema with `urn:t` as target and default namespace; prefix `t` in documents.
fn engine(body: &str) -> Ours {
    Ours::of_file(&format!(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns='urn:t' xmlns:t='urn:t' \
         targetNamespace='urn:t' elementFormDefault='qualified'>{body}</xs:schema>"
    ))
}

/// What is wrong with a document `<R>`: attribute, if it is about one, and reason.
fn told(engine: &Ours, attributes: &str, content: &str) -> Vec<String> {
    let document = format!(
        "<R xmlns='urn:t' xmlns:t='urn:t' xmlns:xs='http://www.w3.org/2001/XMLSchema' \
         xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' {attributes}>{content}</R>"
    );
    let faults = engine.faults(&document).into_iter();
    faults
        .map(|fault| match fault.attribute {
            Some(attribute) => format!("@{attribute} {}", fault.reason),
            None => fault.reason,
        })
        .collect()
}

#[track_caller]
fn valid(engine: &Ours, contents: &[&str]) {
    for content in contents {
        assert_eq!(told(engine, "", content), Vec::<String>::new(), "{content}");
    }
}

#[track_caller]
fn invalid(engine: &Ours, reason: &str, contents: &[&str]) {
    for content in contents {
        assert_eq!(told(engine, "", content), [reason], "{content}");
    }
}

/// Rows below `R`, any children in them, with a constraint of the name `k` over their field.
fn rows(constraint: &str, field: &str, children: &str) -> Ours {
    engine(&format!(
        "<xs:element name='R'><xs:complexType><xs:sequence><xs:element name='Row' maxOccurs='unbounded'>
           <xs:complexType><xs:sequence>{children}</xs:sequence><xs:attribute name='a' type='xs:int'/></xs:complexType>
         </xs:element></xs:sequence></xs:complexType>
         <xs:{constraint} name='k'><xs:selector xpath='t:Row'/><xs:field xpath='{field}'/></xs:{constraint}></xs:element>
         <xs:complexType name='Amount'><xs:simpleContent><xs:extension base='xs:decimal'>
           <xs:attribute name='Ccy'/></xs:extension></xs:simpleContent></xs:complexType>"
    ))
}

/// Section 3.11.4, clause 3.
#[test]
fn a_field_is_of_a_simple_type() {
    let reason = "a field of k is an element whose type is not simple";
    let children = "<xs:element name='B' minOccurs='0'><xs:complexType><xs:sequence>
        <xs:element name='C' minOccurs='0'/></xs:sequence></xs:complexType></xs:element>
        <xs:any namespace='##other' processContents='lax' minOccurs='0'/>";
    for constraint in ["unique", "key"] {
        let of_child = rows(constraint, "t:B", children);
        invalid(&of_child, reason, &["<Row><B/></Row>", "<Row><B><C/></B></Row>"]);
        let of_stranger = rows(constraint, "*", children);
        invalid(&of_stranger, reason, &["<Row><x xmlns='urn:x'>1</x></Row>"]);
        let of_row = rows(constraint, ".", children);
        invalid(&of_row, reason, &["<Row/>"]);
    }
    valid(&rows("unique", "t:B", children), &["<Row/><Row/>"]);
    let amounts = rows("key", "t:A", "<xs:element name='A' type='Amount' nillable='false'/>");
    valid(&amounts, &["<Row><A Ccy='BRL'>1</A></Row><Row><A>2</A></Row>"]);
    invalid(
        &amounts,
        "repeats what must be unique (k)",
        &["<Row><A Ccy='BRL'>1</A></Row><Row><A>1.0</A></Row>"],
    );
}

/// Section 3.11.4, clause 4.2.3: whether it is nil or not; `unique` does not ask.
#[test]
fn a_field_of_a_key_is_not_nillable() {
    let nillable = "<xs:element name='A' type='xs:int' nillable='true' maxOccurs='2'/>";
    let (key, unique) = (rows("key", "t:A", nillable), rows("unique", "t:A", nillable));
    let reason = "a field of k may be nil, but is one of a key";
    let nil = "<Row><A xsi:nil='true'/></Row>";
    invalid(&key, reason, &["<Row><A>1</A></Row>", nil]);
    valid(&unique, &[&format!("<Row><A>1</A></Row><Row><A>2</A></Row>{nil}{nil}")]);
    invalid(&unique, "repeats what must be unique (k)", &["<Row><A>1</A></Row><Row><A>1</A></Row>"]);
    invalid(&unique, "a field of k has two values", &["<Row><A>1</A><A xsi:nil='1'/></Row>"]);
    let missing = rows("key", "t:A", "<xs:element name='A' type='xs:int' minOccurs='0'/>");
    invalid(&missing, "lacks a field of the key k", &["<Row/>"]);
    // A text that is refused is no second mistake.
    invalid(&missing, "is no xs:int", &["<Row><A>x</A></Row><Row><A>1</A></Row>"]);
    assert_eq!(told(&rows("key", "@a", ""), "", "<Row a='x'/>"), ["@a is no xs:int"]);
}

/// Part 2, section 4.2.1: only values of one primitive type are equal.
#[test]
fn fields_are_values_of_their_types() {
    let any = rows("unique", "t:A", "<xs:element name='A' type='xs:anySimpleType'/>");
    let row = |of: &str, text: &str| format!("<Row><A xsi:type='xs:{of}'>{text}</A></Row>");
    let plain = "<Row><A>1</A></Row>";
    for (a, b) in [("decimal", "string"), ("decimal", "double"), ("float", "double")] {
        valid(&any, &[&(row(a, "1") + &row(b, "1"))]);
    }
    valid(&any, &[&(row("decimal", "1") + plain)]);
    let repeated = "repeats what must be unique (k)";
    invalid(&any, repeated, &[&(row("decimal", "1.0") + &row("byte", "1")), &(row("token", "1") + plain)]);
}

/// Section 3.3.4, *Element Locally Valid (Element)*, clause 5.2.2.2.2.
#[test]
fn a_fixed_value_is_one_of_the_declared_type() {
    let engine = engine(
        "<xs:element name='R'><xs:complexType><xs:choice><xs:element name='Any' type='xs:anySimpleType' fixed='1'/>
           <xs:element name='Number' type='xs:decimal' fixed='1.0'/></xs:choice></xs:complexType></xs:element>",
    );
    valid(
        &engine,
        &[
            "<Any>1</Any>",
            "<Any xsi:type='xs:string'>1</Any>",
            "<Any xsi:type='xs:token'> 1 </Any>",
            "<Any xsi:type='xs:decimal'/>",
            "<Number xsi:type='xs:int'>01</Number>",
            "<Number>1.00</Number>",
        ],
    );
    invalid(
        &engine,
        "is not the fixed value 1",
        &["<Any xsi:type='xs:decimal'>1.0</Any>", "<Any xsi:type='xs:decimal'>1</Any>", "<Any> 1</Any>"],
    );
}

/// Section 3.4.4, *Element Locally Valid (Complex Type)*, clause 5.
#[test]
fn one_attribute_of_an_element_is_an_id() {
    let head =
        "<xs:attribute name='a' type='xs:ID'/><xs:attribute name='b' type='xs:ID'/><xs:attribute name='c'/>";
    let root = |attributes: &str| {
        engine(&format!(
            "{head}<xs:element name='R'><xs:complexType>{attributes}</xs:complexType></xs:element>"
        ))
    };
    for process in ["lax", "strict"] {
        let wild = format!("<xs:anyAttribute processContents='{process}'/>");
        let open = root(&wild);
        for attributes in ["t:a='x'", "t:b='y' t:c='x'", ""] {
            assert_eq!(told(&open, attributes, ""), Vec::<String>::new(), "{attributes}");
        }
        assert_eq!(told(&open, "t:a='x' t:b='y'", ""), ["@b is a second attribute that is an ID"]);
        let beside = root(&format!("<xs:attribute name='id' type='xs:ID'/>{wild}"));
        assert_eq!(told(&beside, "id='x'", ""), Vec::<String>::new());
        // Clause 5.2 asks whether the type has one, not whether it stands.
        for attributes in ["id='x' t:a='y'", "t:a='y'"] {
            assert_eq!(
                told(&beside, attributes, ""),
                ["@a is a second attribute that is an ID"],
                "{attributes}"
            );
        }
    }
    let skipped = root("<xs:anyAttribute processContents='skip'/>");
    assert_eq!(told(&skipped, "t:a='x' t:b='x'", ""), Vec::<String>::new());
}

/// Section 3.10.1: what a strict wildcard lets through has a declaration or names its type.
#[test]
fn a_strict_wildcard_is_content_with_a_named_type() {
    let engine = engine(
        "<xs:element name='R'><xs:complexType><xs:sequence><xs:any processContents='strict'/></xs:sequence>
         </xs:complexType></xs:element><xs:element name='Known' type='xs:int'/>
         <xs:complexType name='T'><xs:sequence><xs:element name='A' type='xs:int'/></xs:sequence></xs:complexType>
         <xs:complexType name='Abstract' abstract='true'/>",
    );
    valid(
        &engine,
        &[
            "<Known>1</Known>",
            "<New xsi:type='xs:int'>1</New>",
            "<n xmlns='urn:x' xsi:type='t:T'><t:A>1</t:A></n>",
            "<New xsi:type='xs:anyType'><Other/></New>",
        ],
    );
    for (content, reason) in [
        ("<New>1</New>", "no schema declares this element"),
        ("<New xsi:nil='true'/>", "no schema declares this element"),
        ("<New type='xs:int'>1</New>", "no schema declares this element"),
        ("<New xsi:type='xs:int'>x</New>", "is no xs:int"),
        ("<New xsi:type='T'/>", "the element ends too early; expected is A"),
        ("<New xsi:type='U'/>", "@type no schema declares this type"),
        ("<New xsi:type='Abstract'/>", "its type is abstract; xsi:type must name one derived from it"),
        (
            "<Known xsi:type='xs:string'>x</Known>",
            "@type the type is not derived from the one that is declared",
        ),
    ] {
        let told = told(&engine, "", content);
        assert_eq!(told.first().map(String::as_str), Some(reason), "{content}: {told:?}");
    }
}

/// Part 2, section 3.2.8: times of day are ordered as instants of one date.
#[test]
fn a_time_zone_does_not_wrap_the_time_of_day() {
    let engine = engine(
        "<xs:element name='R'><xs:simpleType><xs:restriction base='xs:time'>
           <xs:maxInclusive value='22:00:00Z'/></xs:restriction></xs:simpleType></xs:element>",
    );
    valid(&engine, &["22:00:00Z", "18:59:00-03:00", "00:30:00+01:00", "07:59:59"]);
    invalid(&engine, "is more than 22:00:00Z", &["23:00:00-03:00", "19:00:01-03:00"]);
    invalid(&engine, "cannot be compared with 22:00:00Z", &["21:00:00"]);
}
