//! Verdicts on one message, by codecs that must agree, and on two that say the same.

use std::sync::OnceLock;

use pix_stream_adapter_xml::signature::{Fault, Verifier};
use pix_stream_adapter_xml::{Options, SchemaFile, Schemas, Unsigned, XmlCodec};
use pix_stream_ports::codec::{Codec as _, Examined, FINDINGS_MAX, Finding, Invalid, Rule, VALUE_CHARS_MAX};

type Verdict = Result<Examined, Invalid>;

/// The codecs. What each accepts, those behind it in the list accept as well.
struct Codecs {
    strictest: XmlCodec,
    lenient: XmlCodec,
    /// As lenient, compiled once more: hash maps with other seeds.
    twin: XmlCodec,
    /// As lenient, but no message has a schema.
    header_only: XmlCodec,
    /// As lenient, with the digests of signatures checked.
    digests: XmlCodec,
}

fn codecs() -> &'static Codecs {
    static CODECS: OnceLock<Codecs> = OnceLock::new();
    CODECS.get_or_init(|| {
        let strictest = XmlCodec::default();
        let digests = lenient(Schemas::built_in());
        digests.replace_verifier(Some(Verifier::digest()));
        Codecs {
            lenient: lenient(Schemas::built_in()),
            twin: lenient(Schemas::built_in()),
            header_only: lenient(schemas_without_messages(&strictest.catalog())),
            strictest,
            digests,
        }
    })
}

fn lenient(schemas: Schemas) -> XmlCodec {
    let options =
        Options { unsigned: Unsigned::Accept, unvalidated: vec!["*".to_owned()], ..Options::default() };
    XmlCodec::new(options, schemas)
}

/// Schemas in which the namespace of each of the types declares no root of a message.
fn schemas_without_messages(types: &[String]) -> Schemas {
    let empty = |message_type: &String| {
        let (name, version) = message_type.split_once(".spi.").unwrap();
        let namespace = format!("https://www.bcb.gov.br/pi/{name}/{version}");
        let text = format!(
            "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='{namespace}'>\
             <xs:element name='Nothing'/></xs:schema>"
        );
        SchemaFile { name: format!("{message_type}.xsd"), bytes: text.into_bytes() }
    };
    let schemas = Schemas::with_folder(&types.iter().map(empty).collect::<Vec<_>>()).unwrap();
    assert!(schemas.message_types().is_empty(), "no message has a schema");
    schemas
}

/// Asserts what must hold of the verdicts on any bytes.
pub(super) fn agree(xml: &[u8]) {
    let codecs = codecs();
    let strict = codecs.strictest.examine(xml, None);
    let lenient = codecs.lenient.examine(xml, None);
    let header_only = codecs.header_only.examine(xml, None);
    for verdict in [&strict, &lenient, &header_only] {
        has_its_form(verdict, xml);
    }
    assert_eq!(codecs.twin.examine(xml, None), lenient, "the verdict is stable");
    if let Ok(examined) = &strict {
        assert_eq!(lenient.as_ref(), Ok(examined), "what passes strictly passes");
    }
    if let Ok(examined) = &lenient {
        let unvalidated = Examined { is_validated: false, ..examined.clone() };
        assert_eq!(header_only, Ok(unvalidated), "a schema only adds to the rules of the header");
        let published = codecs.lenient.examine(xml, Some(examined.to));
        assert_eq!(published.as_ref(), Ok(examined), "it may be published for whom it names");
        if examined.from != examined.to {
            let misled = codecs.lenient.examine(xml, Some(examined.from)).unwrap_err();
            assert_eq!((misled.first.rule, misled.more), (Rule::Recipient, Vec::new()));
        }
    }
}

/// Asserts that findings are as the port describes them.
fn has_its_form(verdict: &Verdict, xml: &[u8]) {
    let Err(invalid) = verdict else { return };
    let findings: Vec<_> = invalid.findings().collect();
    assert!(findings.len() <= FINDINGS_MAX, "{} findings", findings.len());
    assert!(
        findings.is_sorted_by_key(|one| (one.line, one.column)),
        "in the order of the document: {findings:?}"
    );
    let lines = xml.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
    for one in findings {
        assert!((1..=lines).contains(&one.line), "{one} of {lines} lines");
        assert!((1..=xml.len() as u64 + 1).contains(&one.column), "{one}");
        assert!(!one.path.is_empty() && !one.reason.is_empty(), "{one:?}");
        if let Some(value) = &one.value {
            assert!(value.chars().count() <= VALUE_CHARS_MAX, "{one:?}");
        }
    }
}

/// Whether the message is well-formed, and nothing but its schema or its header's rules may have found a fault:
/// only then do two ways of writing it get one verdict.
pub(super) fn is_read_to_its_end(xml: &str) -> bool {
    // With room for what a rewriting adds.
    const BYTES_MAX: usize = 200 * 1024;
    // Of the header's rules those that are asked at the end.
    const RULES: [Rule; 5] =
        [Rule::Schema, Rule::Recipient, Rule::Definition, Rule::BusinessId, Rule::MessageId];
    let schema_only = |invalid: &Invalid| {
        invalid.more.len() + 1 < FINDINGS_MAX && invalid.findings().all(|one| RULES.contains(&one.rule))
    };
    xml.len() <= BYTES_MAX
        && match codecs().lenient.examine(xml.as_bytes(), None) {
            Ok(_) => true,
            Err(invalid) => schema_only(&invalid),
        }
}

/// Asserts that a message gets the same verdict in another writing; only places may differ.
pub(super) fn say_the_same(xml: &str, rewritten: &str) {
    let codecs = codecs();
    for codec in [&codecs.strictest, &codecs.lenient] {
        let [before, after] =
            [xml, rewritten].map(|text| without_places(codec.examine(text.as_bytes(), None)));
        assert_eq!(before, after, "\n{xml}\n{rewritten}");
    }
}

/// A finding without its place.
type Told = (String, Rule, String, Option<String>);

fn without_places(verdict: Verdict) -> Result<Examined, Vec<Told>> {
    verdict.map_err(|Invalid { first, more, .. }| {
        let told = std::iter::once(first).chain(more);
        let mut told: Vec<_> = told.map(|one| (one.path, one.rule, one.reason, one.value)).collect();
        // What stands at one place before may stand at two after, in another order.
        told.sort();
        told
    })
}

/// Asserts that the signature check says the same alone and within the examination.
pub(super) fn agree_on_signature(xml: &[u8]) {
    let codecs = codecs();
    let lenient = codecs.lenient.examine(xml, None);
    let checked = codecs.digests.examine(xml, None);
    has_its_form(&checked, xml);
    let examined = match &lenient {
        Ok(examined) => examined,
        Err(invalid) => return only_unsigned_is_added(invalid, &checked),
    };
    match Verifier::digest().verify(xml, 0) {
        Ok(()) => assert_eq!(lenient, checked),
        Err(Fault::Unsigned) => {
            let invalid = checked.expect_err("a signature that is to be checked has to be there");
            assert!(is_unsigned(&invalid.first) && invalid.more.is_empty(), "{invalid:?}");
        }
        Err(fault) => {
            let invalid = checked.expect_err("the signature does not hold");
            // A time that is none is found first, if the signature could be read.
            let is_no_time = invalid.first.reason.starts_with("CreDt is no time");
            assert!(
                is_no_time || invalid.first.reason == fault.to_string(),
                "{invalid} for {fault} {examined:?}"
            );
            assert_eq!((invalid.first.rule, invalid.more), (Rule::Signature, Vec::new()));
        }
    }
}

/// Asserts that a message which is refused for something else gets the same findings with signatures checked, but for
/// the one that there is none: a signature is judged last.
fn only_unsigned_is_added(lenient: &Invalid, checked: &Verdict) {
    let checked = checked.as_ref().expect_err("a check refuses more");
    assert_eq!(lenient.message_type, checked.message_type);
    let is_told = checked.findings().any(is_unsigned);
    if is_told && checked.findings().count() == FINDINGS_MAX {
        // It has taken another's place, and the reading may have ended earlier.
        return;
    }
    // Faults of the header's form are told where nothing else is: they may give way to it.
    let gives_way = |one: &&Finding| is_told && (is_unsigned(one) || one.rule == Rule::Envelope);
    let [before, after] =
        [lenient, checked].map(|one| one.findings().filter(|one| !gives_way(one)).collect::<Vec<_>>());
    assert_eq!(before, after, "a signature is judged last");
}

fn is_unsigned(finding: &Finding) -> bool {
    finding.rule == Rule::Unsigned && finding.reason == "the message is not signed"
}

/// Asserts that the digests of a message are the same in another writing with the same canonical form.
pub(super) fn say_the_same_of_signature(xml: &str, rewritten: &str) {
    let [before, after] = [xml, rewritten].map(|text| Verifier::digest().verify(text.as_bytes(), 0));
    assert_eq!(before, after, "\n{xml}\n{rewritten}");
}

/// Whether the lenient codec accepts a message.
pub(super) fn is_accepted(xml: &[u8]) -> bool {
    codecs().lenient.examine(xml, None).is_ok()
}

/// Whether a message passes the examination with its digests checked, and is signed.
pub(super) fn has_right_digests(xml: &[u8]) -> bool {
    codecs().digests.examine(xml, None).is_ok() && Verifier::digest().verify(xml, 0).is_ok()
}
