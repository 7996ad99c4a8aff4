//! Messages made for tests: a whole one, the pieces to make a broken one from, and the codecs that look at them.

use std::sync::OnceLock;

use pix_stream_adapter_xml::{Options, Schemas, Unsigned, XmlCodec};
use pix_stream_ports::codec::{Codec as _, Examined, Finding, Invalid};

/// A version that no built-in schema is for: only the rules of the header apply.
pub(crate) const NAMESPACE: &str = "https://www.bcb.gov.br/pi/pacs.008/1.13";
/// The namespace of the one element that signs a message (XML-Signature).
pub(crate) const SIGNATURES: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(crate) const BUSINESS_ID: &str = "M0003816612345678901234567890123";
pub(crate) const DOCUMENT: &str =
    "<Document><Tx><EndToEndId>E9999901012341234123412345678900</EndToEndId></Tx></Document>";
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/xml");

/// A party of the header.
pub(crate) fn party(element: &str, ispb: &str) -> String {
    format!("<{element}><FIId><FinInstnId><Othr><Id>{ispb}</Id></Othr></FinInstnId></FIId></{element}>")
}

/// A header with `changed` in place of the field `of`; `of` not in the header changes nothing.
pub(crate) fn header(of: &str, changed: &str) -> String {
    let fields = [
        ("Fr", party("Fr", "00038166")),
        ("To", party("To", "99999A04")),
        ("BizMsgIdr", format!("<BizMsgIdr>{BUSINESS_ID}</BizMsgIdr>")),
        ("MsgDefIdr", "<MsgDefIdr>pacs.008.spi.1.13</MsgDefIdr>".to_owned()),
        ("CreDt", "<CreDt>2026-01-01T08:30:12.000Z</CreDt>".to_owned()),
    ];
    let pick = |(name, field): (&str, String)| if name == of { changed.to_owned() } else { field };
    format!("<AppHdr>{}<Sgntr/></AppHdr>", fields.map(pick).concat())
}

/// A root with `content`.
pub(crate) fn envelope(content: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Envelope xmlns=\"{NAMESPACE}\">{content}</Envelope>")
}

/// A whole message with `changed` in place of the header field `of`.
pub(crate) fn message(of: &str, changed: &str) -> String {
    envelope(&format!("{}{DOCUMENT}", header(of, changed)))
}

/// A whole message.
pub(crate) fn whole() -> String {
    message("", "")
}

/// A file of `fixtures/xml`.
#[track_caller]
pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{FIXTURES}/{name}")).unwrap()
}

/// A fixture with one piece of it exchanged, which must stand there once.
#[track_caller]
pub(crate) fn changed(name: &str, from: &str, to: &str) -> String {
    let xml = fixture(name);
    assert_eq!(xml.matches(from).count(), 1, "{from} stands once in {name}");
    xml.replace(from, to)
}

/// The codec as it is built when nobody decides anything.
pub(crate) fn strictest() -> &'static XmlCodec {
    static CODEC: OnceLock<XmlCodec> = OnceLock::new();
    CODEC.get_or_init(XmlCodec::default)
}

/// As the strictest, but a signature may be missing, and types without a schema pass.
pub(crate) fn lenient() -> &'static XmlCodec {
    static CODEC: OnceLock<XmlCodec> = OnceLock::new();
    let options =
        || Options { unsigned: Unsigned::Accept, unvalidated: vec!["*".to_owned()], ..Options::default() };
    CODEC.get_or_init(|| XmlCodec::new(options(), Schemas::built_in()))
}

/// What the lenient codec says of `xml`.
pub(crate) fn examined(xml: impl AsRef<[u8]>) -> Result<Examined, Invalid> {
    lenient().examine(xml.as_ref(), None)
}

/// The one finding that the lenient codec has of `xml`.
#[track_caller]
pub(crate) fn found(xml: impl AsRef<[u8]>) -> Finding {
    let invalid = examined(xml).expect_err("the message is refused");
    assert_eq!(invalid.more, [], "one finding; the first is {}", invalid.first);
    invalid.first
}

/// Path and reason of a refusal.
#[track_caller]
pub(crate) fn refused(xml: impl AsRef<[u8]>) -> (String, String) {
    let Finding { path, reason, .. } = found(xml);
    (path, reason)
}
