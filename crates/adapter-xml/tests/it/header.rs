//! The rules of the business header, each with its code and place, with a schema and without (C.2; issue 5, item 4).

use pix_stream_adapter_xml::signature::Verifier;
use pix_stream_adapter_xml::{Options, SchemaFile, Schemas, Unsigned, XmlCodec};
use pix_stream_ports::codec::{Codec as _, Finding, Rule};

use crate::message::{
    BUSINESS_ID, SIGNATURES, changed, envelope, fixture, header, lenient, message, party, strictest,
};

const SIGNED: &str = "pacs.008/minimal.xml";
const SIGNED_ID: &str = "M999990026Zmwmf7nGo9DLznyI5yvsUK";
const TO: &str = "Envelope/AppHdr/To/FIId/FinInstnId/Othr/Id";

/// Rule, path and place of everything that a codec finds, for a recipient.
#[track_caller]
fn told(codec: &XmlCodec, xml: &str, recipient: Option<&str>) -> Vec<(Rule, String, (u64, u64))> {
    let recipient = recipient.map(|ispb| ispb.parse().unwrap());
    let invalid = codec.examine(xml.as_bytes(), recipient).expect_err("the message is refused");
    let told = |finding: &Finding| (finding.rule, finding.path.clone(), (finding.line, finding.column));
    invalid.findings().map(told).collect()
}

/// Line and column of the first character of a piece, which stands in the text once.
#[track_caller]
fn place_of(xml: &str, piece: &str) -> (u64, u64) {
    assert_eq!(xml.matches(piece).count(), 1, "{piece} stands once");
    let before = &xml[..xml.find(piece).unwrap()];
    let line = before.rsplit('\n').next().unwrap();
    let number = |count: usize| u64::try_from(count + 1).unwrap();
    (number(before.matches('\n').count()), number(line.chars().count()))
}

/// One finding of a rule, at the tag which `piece` starts with.
#[track_caller]
fn one(rule: Rule, path: &str, xml: &str, piece: &str) -> Vec<(Rule, String, (u64, u64))> {
    vec![(rule, path.to_owned(), place_of(xml, piece))]
}

fn accepting() -> XmlCodec {
    XmlCodec::new(Options { unsigned: Unsigned::Accept, ..Options::default() }, Schemas::built_in())
}

fn unsigned(xml: &str) -> String {
    let (before, rest) = xml.split_once("<Sgntr>").unwrap();
    format!("{before}<Sgntr/>{}", rest.split_once("</Sgntr>").unwrap().1)
}

#[test]
fn a_message_goes_to_the_participant_it_is_published_for() {
    let (signed, plain) = (fixture(SIGNED), message("", ""));
    let to = |codec: &XmlCodec, xml: &str, ispb: &str| {
        codec.examine(xml.as_bytes(), Some(ispb.parse().unwrap())).map(|told| told.to.as_str().to_owned())
    };
    assert_eq!(to(strictest(), &signed, "99999001").as_deref(), Ok("99999001"));
    assert_eq!(to(lenient(), &plain, "99999A04").as_deref(), Ok("99999A04"));
    let signed_place = "<Id>99999001</Id></Othr></FinInstnId></FIId></To>";
    let expected = one(Rule::Recipient, TO, &signed, signed_place);
    assert_eq!(told(strictest(), &signed, Some("99999002")), expected);
    assert_eq!(told(lenient(), &plain, Some("99999A05")), one(Rule::Recipient, TO, &plain, "<Id>99999A04"));
}

#[test]
fn the_definition_agrees_with_the_namespace() {
    const PATH: &str = "Envelope/AppHdr/MsgDefIdr";
    for other in ["pacs.008.spi.1.15", "pacs.002.spi.1.17", "PACS.008.SPI.1.16", "pacs.008.spi.1.1.xsd"] {
        let signed = changed(SIGNED, "pacs.008.spi.1.16", other);
        assert_eq!(told(strictest(), &signed, None), one(Rule::Definition, PATH, &signed, "<MsgDefIdr>"));
        let plain = message("MsgDefIdr", &format!("<MsgDefIdr>{other}</MsgDefIdr>"));
        assert_eq!(told(lenient(), &plain, None), one(Rule::Definition, PATH, &plain, "<MsgDefIdr>"));
    }
}

#[test]
fn a_business_id_has_its_form_with_a_schema_and_without() {
    const PATH: &str = "Envelope/AppHdr/BizMsgIdr";
    let accepted = |id: &str| {
        let plain = message("BizMsgIdr", &format!("<BizMsgIdr>{id}</BizMsgIdr>"));
        lenient().examine(plain.as_bytes(), None).map(|told| told.business_id)
    };
    for id in [BUSINESS_ID, "MABCDEFGHabcdefghijklmnopqrstuv0"] {
        assert_eq!(accepted(id).as_deref(), Ok(id));
    }
    for id in [
        "M1",
        "m0003816612345678901234567890123",
        "D0003816612345678901234567890123",
        "M0003816a12345678901234567890123",
        "M000381661234567890123456789012",
        "M00038166123456789012345678901234",
        "M0003816612345678901234-67890123",
        "M000381661234567890123456789012é",
    ] {
        let plain = message("BizMsgIdr", &format!("<BizMsgIdr>{id}</BizMsgIdr>"));
        assert_eq!(told(lenient(), &plain, None), one(Rule::BusinessId, PATH, &plain, "<BizMsgIdr>"));
        // The schema says the same of that place, in its own words; MsgId is left as it was, so it no longer agrees.
        let signed = fixture(SIGNED).replacen(SIGNED_ID, id, 1);
        let expected = [
            one(Rule::BusinessId, PATH, &signed, "<BizMsgIdr>"),
            one(Rule::MessageId, "Envelope/Document/FIToFICstmrCdtTrf/GrpHdr/MsgId", &signed, "<MsgId>"),
        ];
        assert_eq!(told(strictest(), &signed, None), expected.concat(), "{id}");
    }
}

#[test]
fn the_business_id_is_the_message_id_where_there_is_one() {
    const PATH: &str = "Envelope/Document/FIToFICstmrCdtTrf/GrpHdr/MsgId";
    let other = format!("<MsgId>{BUSINESS_ID}");
    let signed = changed(SIGNED, &format!("<MsgId>{SIGNED_ID}"), &other);
    assert_eq!(told(strictest(), &signed, None), one(Rule::MessageId, PATH, &signed, "<MsgId>"));

    let document = |id: &str| {
        let group =
            format!("<GrpHdr><MsgId>{id}</MsgId></GrpHdr><Tx><GrpHdr><MsgId>M2</MsgId></GrpHdr></Tx>");
        envelope(&format!("{}<Document><Msg>{group}</Msg></Document>", header("", "")))
    };
    let plain = document("M0003816612345678901234567890124");
    let path = "Envelope/Document/*/GrpHdr/MsgId";
    assert_eq!(told(lenient(), &plain, None), one(Rule::MessageId, path, &plain, "<MsgId>M0"));
    assert!(lenient().examine(document(BUSINESS_ID).as_bytes(), None).is_ok());
    // pibr.002 repeats the id of the message that it answers: another one, elsewhere.
    assert!(strictest().examine(fixture("pibr.002/echo.xml").as_bytes(), None).is_ok());
}

#[test]
fn an_unsigned_message_passes_by_configuration_only() {
    const PATH: &str = "Envelope/AppHdr/Sgntr";
    let validated = unsigned(&fixture(SIGNED));
    for empty in ["<Sgntr/>", "<Sgntr></Sgntr>", "<Sgntr> <!-- none --> &#32;</Sgntr>"] {
        let validated = validated.replace("<Sgntr/>", empty);
        assert_eq!(told(strictest(), &validated, None), one(Rule::Unsigned, PATH, &validated, "<Sgntr"));
        assert!(accepting().examine(validated.as_bytes(), None).is_ok(), "{empty}");
    }
    let strict = Options { unvalidated: vec!["pacs.008.spi.1.13".to_owned()], ..Options::default() };
    let strict = XmlCodec::new(strict, Schemas::built_in());
    let plain = message("", "");
    assert_eq!(told(&strict, &plain, None), one(Rule::Unsigned, PATH, &plain, "<Sgntr"));
    assert!(lenient().examine(plain.as_bytes(), None).is_ok());
    let none = plain.replace("<Sgntr/>", "");
    assert_eq!(told(&strict, &none, None), one(Rule::Unsigned, "Envelope/AppHdr", &none, "<AppHdr"));
    let signed = plain.replace("<Sgntr/>", &format!("<Sgntr><Signature xmlns=\"{SIGNATURES}\"/></Sgntr>"));
    assert!(strict.examine(signed.as_bytes(), None).is_ok());
    // A schema asks for the element, empty or not.
    let none = validated.replace("<Sgntr/>", "");
    let expected = vec![(Rule::Schema, "Envelope/AppHdr".to_owned(), place_of(&none, "</AppHdr>"))];
    assert_eq!(told(&accepting(), &none, None), expected);
}

#[test]
fn an_empty_signature_is_accepted_whatever_else_is_wrong() {
    let xml = unsigned(&fixture(SIGNED)).replacen("<Id>99999002</Id>", "<Id>9999900</Id>", 1);
    let path = "Envelope/AppHdr/Fr/FIId/FinInstnId/Othr/Id";
    assert_eq!(told(&accepting(), &xml, None), one(Rule::Schema, path, &xml, "<Id>9999900<"));
    let strict = told(strictest(), &xml, None);
    assert_eq!(strict.iter().map(|found| found.0).collect::<Vec<_>>(), [Rule::Schema, Rule::Unsigned]);
}

#[test]
fn a_type_without_a_schema_passes_by_configuration_only() {
    let plain = message("", "");
    assert_eq!(told(strictest(), &plain, None), one(Rule::UnknownType, "Envelope", &plain, "<Envelope"));
    let invalid = strictest().examine(plain.as_bytes(), None).unwrap_err();
    assert_eq!(invalid.first.reason, "no schema is loaded for pacs.008.spi.1.13");
    let allowed = |pattern: &str| {
        let options = Options {
            unsigned: Unsigned::Accept,
            unvalidated: vec![pattern.to_owned()],
            ..Options::default()
        };
        XmlCodec::new(options, Schemas::built_in()).examine(plain.as_bytes(), None).is_ok()
    };
    for (pattern, is_allowed) in [
        ("pacs.008.spi.1.13", true),
        ("pacs.008", true),
        ("pacs.*", true),
        ("*", true),
        ("pain.*", false),
        ("pacs.008.spi.1.16", false),
    ] {
        assert_eq!(allowed(pattern), is_allowed, "{pattern}");
    }
    // A namespace that names no message is no matter of configuration.
    let foreign =
        plain.replace("https://www.bcb.gov.br/pi/pacs.008/1.13", "urn:iso:std:iso:20022:tech:xsd:pacs.008");
    assert_eq!(told(lenient(), &foreign, None), one(Rule::UnknownType, "Envelope", &foreign, "<Envelope"));
}

#[test]
fn a_type_with_a_schema_is_validated_even_if_it_may_pass_without() {
    let xml = changed(SIGNED, "<NbOfTxs>1</NbOfTxs>", "");
    assert_eq!(told(lenient(), &xml, None)[0].0, Rule::Schema);
    assert!(lenient().examine(fixture(SIGNED).as_bytes(), None).unwrap().is_validated);
}

/// A schema that asks for less than the rules do: they hold all the same.
const LOOSE: &str = r##"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified"
  targetNamespace="https://www.bcb.gov.br/pi/test.001/1.0"><xs:element name="Envelope" type="xs:anyType"/></xs:schema>"##;

#[test]
fn the_rules_hold_where_a_schema_asks_for_less() {
    let file = SchemaFile { name: "loose.xsd".to_owned(), bytes: LOOSE.into() };
    let schemas = || Schemas::with_folder(std::slice::from_ref(&file)).unwrap();
    let accepting = Options { unsigned: Unsigned::Accept, ..Options::default() };
    let (accepting, strict) =
        (XmlCodec::new(accepting, schemas()), XmlCodec::new(Options::default(), schemas()));
    let of = |xml: String| {
        xml.replace("pacs.008/1.13", "test.001/1.0").replace("pacs.008.spi.1.13", "test.001.spi.1.0")
    };
    let good = of(message("", ""));
    assert!(accepting.examine(good.as_bytes(), None).unwrap().is_validated);
    assert_eq!(told(&strict, &good, None), one(Rule::Unsigned, "Envelope/AppHdr/Sgntr", &good, "<Sgntr"));
    let none = good.replace("<Sgntr/>", "");
    assert_eq!(told(&strict, &none, None), one(Rule::Unsigned, "Envelope/AppHdr", &none, "<AppHdr"));
    let short = of(message("BizMsgIdr", "<BizMsgIdr>M1</BizMsgIdr>"));
    let path = "Envelope/AppHdr/BizMsgIdr";
    assert_eq!(told(&accepting, &short, None), one(Rule::BusinessId, path, &short, "<BizMsgIdr"));
    let unaddressed = of(message("To", &party("To", "nobody")));
    assert_eq!(told(&accepting, &unaddressed, None)[0].0, Rule::Envelope);
}

/// A signature that is to be checked has to be there, whatever passes without the check.
#[test]
fn with_a_verifier_a_message_without_a_signature_is_refused() {
    const PATH: &str = "Envelope/AppHdr/Sgntr";
    let options =
        Options { unsigned: Unsigned::Accept, unvalidated: vec!["*".to_owned()], ..Options::default() };
    let codec = XmlCodec::new(options, Schemas::built_in());
    let (validated, plain) = (unsigned(&fixture(SIGNED)), message("", ""));
    let none = plain.replace("<Sgntr/>", "");
    for xml in [&validated, &plain, &none] {
        assert!(codec.examine(xml.as_bytes(), None).is_ok(), "it passes while nothing is checked");
    }
    codec.replace_verifier(Some(Verifier::digest()));
    assert_eq!(told(&codec, &validated, None), one(Rule::Unsigned, PATH, &validated, "<Sgntr"));
    assert_eq!(told(&codec, &plain, None), one(Rule::Unsigned, PATH, &plain, "<Sgntr"));
    assert_eq!(told(&codec, &none, None), one(Rule::Unsigned, "Envelope/AppHdr", &none, "<AppHdr"));
    for empty in ["<Sgntr></Sgntr>", "<Sgntr> <!-- none --> &#32;</Sgntr>"] {
        let xml = validated.replace("<Sgntr/>", empty);
        assert_eq!(told(&codec, &xml, None), one(Rule::Unsigned, PATH, &xml, "<Sgntr"));
    }
    let signature = format!("<Sgntr><Signature xmlns=\"{SIGNATURES}\"/></Sgntr>");
    let broken = told(&codec, &plain.replace("<Sgntr/>", &signature), None);
    assert_eq!(broken.iter().map(|found| found.0).collect::<Vec<_>>(), [Rule::Signature]);
    codec.replace_verifier(None);
    assert!(codec.examine(plain.as_bytes(), None).is_ok());
}

/// `Sgntr` is a wildcard by schema: what stands in it must be a signature all the same.
#[test]
fn what_is_no_signature_does_not_sign() {
    const PATH: &str = "Envelope/AppHdr/Sgntr/";
    let ds = format!("xmlns=\"{SIGNATURES}\"");
    let (before, rest) =
        fixture(SIGNED).split_once("<Sgntr>").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let after = rest.split_once("</Sgntr>").unwrap().1;
    for content in [format!("<Object {ds}/>"), format!("<KeyName {ds}>x</KeyName>")] {
        let xml = format!("{before}<Sgntr>{content}</Sgntr>{after}");
        for codec in [strictest(), &accepting()] {
            let found = told(codec, &xml, None);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, Rule::Unsigned);
            assert!(found[0].1.starts_with(PATH), "{found:?}");
        }
    }
    let plain = message("", "").replace("<Sgntr/>", "<Sgntr><Signature/></Sgntr>");
    assert_eq!(told(lenient(), &plain, None)[0].0, Rule::Unsigned, "of the message's own namespace");
}

#[test]
fn the_old_namespace_of_a_type_is_no_way_round_its_schema() {
    let old = "xmlns=\"pacs.008.spi.1.16.xsd\"";
    let xml = message("", "").replace(&format!("xmlns=\"{}\"", crate::message::NAMESPACE), old);
    assert!(xml.contains(old));
    let xml = xml.replace("<MsgDefIdr>pacs.008.spi.1.13", "<MsgDefIdr>pacs.008.spi.1.16");
    let found = told(lenient(), &xml, None);
    assert_eq!(found[0].0, Rule::UnknownType, "{found:?}");
}

#[test]
fn a_business_id_without_its_form_is_told_by_its_own_rule() {
    let xml = fixture(SIGNED).replace(SIGNED_ID, "X999990026Zmwmf7nGo9DLznyI5yvsUK");
    let found = told(strictest(), &xml, None);
    assert_eq!(found[0].0, Rule::BusinessId, "{found:?}");
    assert_eq!(found[0].1, "Envelope/AppHdr/BizMsgIdr");
}

#[test]
fn a_second_message_id_is_refused_without_a_schema_too() {
    let id = format!("<GrpHdr><MsgId>{BUSINESS_ID}</MsgId></GrpHdr>");
    let body = |times: usize| message("", "").replace("<Tx>", &format!("<Tx>{}", id.repeat(times)));
    assert!(lenient().examine(body(1).as_bytes(), None).is_ok());
    assert_eq!(told(lenient(), &body(2), None)[0].0, Rule::Envelope);
}

#[test]
fn a_signature_stands_alone_in_its_place() {
    let ds = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/>";
    let with = |content: String| message("", "").replace("<Sgntr/>", &format!("<Sgntr>{content}</Sgntr>"));
    assert!(lenient().examine(with(format!(" {ds}\n")).as_bytes(), None).is_ok());
    for (content, rule) in [
        (format!("{ds}<X/>"), Rule::Unsigned),
        (format!("{ds}{ds}"), Rule::Unsigned),
        (format!("x{ds}"), Rule::Envelope),
        (format!("{ds}x"), Rule::Envelope),
        ("x".to_owned(), Rule::Envelope),
    ] {
        let found = told(lenient(), &with(content.clone()), None);
        assert_eq!(found[0].0, rule, "{content}: {found:?}");
    }
}
