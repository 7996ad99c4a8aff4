//! What stands between tags: order, number, text, wildcards, and values that stand once.

use pix_stream_ports::codec::{Codec as _, Rule};

use super::{all_invalid, codec, invalid, load, message, valid};
use crate::message::{changed, examined, fixture, found};

const EMPTY: &str = "text in an element that must be empty";
const STRAY: &str = "text where only elements may stand";

#[track_caller]
fn told(content: &str, path: &str, reason: &str) {
    assert_eq!(invalid(content), (path.to_owned(), reason.to_owned()), "{content}");
}

#[test]
fn a_sequence_has_its_order_and_its_numbers() {
    valid("<Sequence><A/><C/><C/><D/></Sequence>");
    valid("<Sequence><A/><B/><C/><C/><C/><D/></Sequence>");
    let misplaced = |expected: &str| format!("may not stand here; expected is {expected}");
    for (children, path, expected) in [
        ("<B/><A/><C/><C/><D/>", "Sequence/B", "A"),
        ("<C/><C/><D/>", "Sequence/C", "A"),
        ("<A/><C/><B/><C/><D/>", "Sequence/B", "C"),
        ("<A/><C/><D/>", "Sequence/D", "C"),
        ("<A/><C/><C/><C/><C/><D/>", "Sequence/C", "D"),
        ("<A/><B/><B/><C/><C/><D/>", "Sequence/B", "C"),
        ("<A/><C/><C/><D/><D/>", "Sequence/D", "the end of the element"),
        ("<A/><C/><C/><D/><E/>", "Sequence/*", "the end of the element"),
        ("<E/><A/><C/><C/><D/>", "Sequence/*", "A"),
        ("<A/><E/><C/><C/><D/>", "Sequence/*", "B, C"),
    ] {
        told(&format!("<Sequence>{children}</Sequence>"), path, &misplaced(expected));
    }
    for (children, expected) in [("", "A"), ("<A/>", "B, C"), ("<A/><C/>", "C"), ("<A/><C/><C/>", "C, D")] {
        let reason = format!("the element ends too early; expected is {expected}");
        told(&format!("<Sequence>{children}</Sequence>"), "Sequence", &reason);
    }
}

#[test]
fn a_choice_is_one_and_all_has_each_once_in_any_order() {
    valid("<Choice><A/></Choice>");
    valid("<Choice><B/></Choice>");
    told("<Choice><A/><B/></Choice>", "Choice/B", "may not stand here; expected is the end of the element");
    told("<Choice><A/><A/></Choice>", "Choice/A", "may not stand here; expected is the end of the element");
    told("<Choice/>", "Choice", "the element ends too early; expected is A, B");
    valid("<All><A/><C/></All>");
    valid("<All><C/><B/><A/></All>");
    told("<All><A/><B/></All>", "All", "the element ends too early; expected is C");
    assert_eq!(invalid("<All><A/><C/><A/></All>").0, "All/A");
}

#[test]
fn one_mistake_is_one_finding_and_what_is_inside_the_unknown_is_left_alone() {
    told(
        "<Sequence><A/><X><Y>z</Y><A/></X><C/><C/><D/></Sequence>",
        "Sequence/*",
        "may not stand here; expected is B, C",
    );
    told("<Amount>1<A>2</A>3<B/></Amount>", "Amount/A", "an element where only text may stand");
    told("<Empty><A/><B/></Empty>", "Empty/A", "an element in one that must be empty");
    assert_eq!(
        invalid("<Nowhere><A/></Nowhere>"),
        ("*".to_owned(), "no schema declares this element".to_owned())
    );
}

#[test]
fn blanks_between_elements_are_none_however_they_are_written() {
    // Part 1, section 3.4.4, "Element Locally Valid (Complex Type)", clause 2.3.
    for blank in [
        " ",
        "\r\n\t",
        "&#32;",
        "&#10;",
        "&#x9;&#13;",
        "<![CDATA[ \n]]>",
        "<!-- x -->",
        "<?x y?>",
        " <![CDATA[]]> ",
    ] {
        valid(&format!("<Sequence>{blank}<A/>{blank}<C/><C/>{blank}<D/>{blank}</Sequence>"));
        valid(&format!("{blank}<Text/>{blank}"));
    }
    for text in ["x", "&#160;", "\u{2003}", "\u{85}", "&amp;", "<![CDATA[.]]>", "\u{feff}"] {
        told(&format!("<Sequence><A/>{text}<C/><C/><D/></Sequence>"), "Sequence", STRAY);
        told(&format!("<Sequence>{text}<A/>{text}<C/><C/><D/>{text}</Sequence>"), "Sequence", STRAY);
    }
}

#[test]
fn an_empty_element_holds_not_even_blanks() {
    // Clause 2.1: no character or element at all; comments and instructions are neither.
    for content in [
        "<Empty/>",
        "<Empty></Empty>",
        "<Empty><!-- x --></Empty>",
        "<Empty><?x?></Empty>",
        "<Empty><![CDATA[]]></Empty>",
    ] {
        valid(content);
    }
    all_invalid(
        &["<Empty> </Empty>", "<Empty>&#10;</Empty>", "<Empty>x</Empty>", "<Empty><![CDATA[ ]]></Empty>"],
        "Empty",
        EMPTY,
    );
}

#[test]
fn mixed_content_holds_text_where_it_is_declared_only() {
    for content in ["<Mixed/>", "<Mixed>x</Mixed>", "<Mixed>x<A>y</A>z &amp; <![CDATA[<]]></Mixed>"] {
        valid(content);
    }
    assert_eq!(invalid("<Mixed>x<B/></Mixed>").0, "Mixed/B");
    told("<Base>x<A/></Base>", "Base", STRAY);
}

#[test]
fn substitution_is_refused_when_the_folder_is_loaded() {
    let schema = |members: &str| {
        format!(
            "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"urn:t\" xmlns=\"urn:t\">\n\
             <xs:element name=\"Head\" type=\"xs:string\"/>\n{members}</xs:schema>"
        )
    };
    assert!(load(&schema("")).is_ok());
    for members in [
        "<xs:element name=\"Member\" type=\"xs:string\" substitutionGroup=\"Head\"/>",
        "<xs:element name=\"Member\" type=\"xs:string\" abstract=\"true\"/>",
    ] {
        let problems = load(&schema(members)).unwrap_err();
        assert_eq!((&*problems[0].file, problems[0].line), ("traps.xsd", 3), "{problems:?}");
    }
}

#[test]
fn default_namespaces_are_declared_once_and_redeclared_inside() {
    for twice in [
        "<Text xmlns=\"https://www.bcb.gov.br/pi/test.001/1.0\" xmlns=\"urn:x\"/>",
        "<Text xmlns='' xmlns=''/>",
    ] {
        let invalid = codec().examine(message(twice).as_bytes(), None).unwrap_err();
        assert_eq!(
            (invalid.first.rule, &*invalid.first.reason),
            (Rule::WellFormed, "an attribute is repeated")
        );
    }
    let own = "https://www.bcb.gov.br/pi/test.001/1.0";
    valid(&format!("<Base xmlns=\"{own}\"><A xmlns=\"{own}\"/></Base>"));
    valid(&format!("<t:Base xmlns:t=\"{own}\" xmlns=\"urn:x\"><t:A/></t:Base>"));
    valid(&format!("<x:Sequence xmlns:x=\"{own}\"><A/><x:C/><C/><y:D xmlns:y=\"{own}\"/></x:Sequence>"));
    told("<Base><A xmlns=\"urn:x\"/></Base>", "Base/A", "may not stand here; expected is A");
    told("<Base><A xmlns=\"\"/></Base>", "Base/A", "may not stand here; expected is A");
    assert_eq!(invalid("<Base xmlns=\"urn:x\"><A/></Base>").0, "Base");
    // A prefix may be taken back by another element of the same name.
    told(
        &format!("<Base xmlns:t=\"{own}\"><t:A xmlns:t=\"urn:x\"/></Base>"),
        "Base/A",
        "may not stand here; expected is A",
    );
}

#[test]
fn wildcards_ask_for_what_they_say() {
    valid("<Strict><Text35>x</Text35><Empty/></Strict>");
    told("<Strict><Text35/></Strict>", "Strict/Text35", "has fewer than 1 character");
    told("<Strict><Unknown/></Strict>", "Strict/*", "no schema declares this element");
    told("<Strict><x xmlns=\"urn:x\"/></Strict>", "Strict/*", "no schema declares this element");
    valid("<Lax><x xmlns=\"urn:x\" a=\"1\">text<y/>more</x><Unknown/></Lax>");
    told("<Lax><Text35/></Lax>", "Lax/Text35", "has fewer than 1 character");
    // What is known inside the unknown is checked all the same (part 1, section 3.10.1, lax).
    told(
        "<Lax><x xmlns=\"urn:x\"><Text35 xmlns=\"https://www.bcb.gov.br/pi/test.001/1.0\"/></x></Lax>",
        "Lax/*/Text35",
        "has fewer than 1 character",
    );
    valid("<Skip><Text35/><x xmlns=\"urn:x\"><Empty>x</Empty></x></Skip>");
    valid("<Other xmlns:x=\"urn:x\" x:a=\"1\"><x:y/></Other>");
    assert_eq!(invalid("<Other><Text/></Other>").0, "Other/Text");
    assert_eq!(invalid("<Other><x xmlns=\"\"/></Other>").0, "Other/*", "##other is not: none");
    assert_eq!(invalid("<Other a=\"1\"><x xmlns=\"urn:x\"/></Other>").0, "Other/@*");
    assert_eq!(invalid("<Strict/>").0, "Strict");
}

#[test]
fn an_id_stands_once_in_a_document() {
    valid("<Ids id=\"a\"><Id>b</Id><Id> c </Id></Ids>");
    const TWICE: &str = "is an ID that stands in the document already";
    told("<Ids id=\"a\"><Id>a</Id></Ids>", "Ids/Id", TWICE);
    told("<Ids><Id>a</Id><Id>&#32;a\n</Id></Ids>", "Ids/Id", TWICE);
    told("<Lax><Ids id=\"a\"/><Ids id=\"a\"/></Lax>", "Lax/Ids/@id", TWICE);
    valid("<Skip><Ids id=\"a\"/><Ids id=\"a\"/></Skip>");
    told("<Ids id=\"1a\"/>", "Ids/@id", "is no xs:ID");
    told("<Ids><Id>a:b</Id></Ids>", "Ids/Id", "is no xs:ID");
}

#[test]
fn a_unique_value_is_compared_by_its_type() {
    let rows = |keys: &[&str]| keys.iter().map(|key| format!("<Row>{key}</Row>")).collect::<String>();
    let unique = |keys: &[&str]| format!("<Unique>{}</Unique>", rows(keys));
    valid(&unique(&["<Key>1</Key>", "<Key>2</Key>"]));
    valid(&unique(&["", "", "<Key>1</Key>"]));
    for twice in [["<Key>1</Key>", "<Key>1</Key>"], ["<Key>1.0</Key>", "<Key> +01 </Key>"]] {
        told(&unique(&twice), "Unique/Row", "repeats what must be unique (oneRow)");
    }
    valid(&format!("<Lax>{0}{0}</Lax>", unique(&["<Key>1</Key>"])));
}

#[test]
fn one_reason_stands_for_one_amount_in_a_payment() {
    let xml = changed("pacs.008/change.xml", "<Rsn>VLCP</Rsn>", "<Rsn>VLDN</Rsn>");
    let finding = found(&xml);
    assert!(finding.path.ends_with("/RfrdDocAmt/AdjstmntAmtAndRsn"), "{finding}");
    assert!(finding.reason.starts_with("repeats what must be unique"), "{finding}");
}

#[test]
fn a_signature_is_strict_outside_and_lax_inside() {
    let signed = |from: &str, to: &str| changed("pacs.008/minimal.xml", from, to);
    let end = "</ds:KeyInfo></ds:Signature>";
    let object =
        |content: &str| signed(end, &format!("</ds:KeyInfo><ds:Object>{content}</ds:Object></ds:Signature>"));
    assert!(examined(object("<x xmlns=\"urn:x\" b=\"1\"><y/>z</x>")).is_ok());
    assert!(examined(object("<FIToFICstmrCdtTrf/>")).is_ok(), "no global element: nothing is known of it");
    let known = found(object("<x xmlns=\"urn:x\"><ds:DigestValue>?</ds:DigestValue></x>"));
    assert_eq!(
        (&*known.reason, known.path.ends_with("Object/*/DigestValue")),
        ("is no xs:base64Binary", true)
    );
    let method = "Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/>";
    let strict = signed(
        method,
        &format!("{}><x xmlns=\"urn:x\"/></ds:SignatureMethod>", method.trim_end_matches("/>")),
    );
    assert_eq!(found(strict).reason, "no schema declares this element");
    let slot = |content: &str| {
        let xml = fixture("pacs.008/minimal.xml");
        let (before, rest) = xml.split_once("<Sgntr>").unwrap();
        let (signature, after) = rest.split_once("</Sgntr>").unwrap();
        format!("{before}<Sgntr>{}</Sgntr>{after}", content.replace('@', signature))
    };
    assert!(examined(slot(" <!-- --> @\n")).is_ok());
    for (content, last) in [
        ("@@", "Sgntr/Signature"),
        ("x@", "Sgntr"),
        ("<Signature/>", "Sgntr/Signature"),
        ("<x xmlns=\"urn:x\"/>@", "Sgntr/*"),
    ] {
        let invalid = examined(slot(content)).unwrap_err();
        assert!(invalid.first.path.ends_with(last), "{content}: {}", invalid.first);
    }
}
