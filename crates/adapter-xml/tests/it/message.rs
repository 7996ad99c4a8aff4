//! Messages made for tests: a whole one, and the pieces to make a broken one from.

use pix_stream_adapter_xml::XmlCodec;
use pix_stream_ports::codec::{Codec as _, Examined, Invalid};

pub(crate) const NAMESPACE: &str = "https://www.bcb.gov.br/pi/pacs.008/1.16";
pub(crate) const DOCUMENT: &str =
    "<Document><Tx><EndToEndId>E9999901012341234123412345678900</EndToEndId></Tx></Document>";

/// A party of the header.
pub(crate) fn party(element: &str, ispb: &str) -> String {
    format!("<{element}><FIId><FinInstnId><Othr><Id>{ispb}</Id></Othr></FinInstnId></FIId></{element}>")
}

/// A header with `changed` in place of the field `of`; `of` not in the header changes nothing.
pub(crate) fn header(of: &str, changed: &str) -> String {
    let fields = [
        ("Fr", party("Fr", "00038166")),
        ("To", party("To", "99999A04")),
        ("BizMsgIdr", "<BizMsgIdr>M0003816612345678901234567890123</BizMsgIdr>".to_owned()),
        ("MsgDefIdr", "<MsgDefIdr>pacs.008.spi.1.16</MsgDefIdr>".to_owned()),
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

/// What the codec says of `xml`.
pub(crate) fn examined(xml: impl AsRef<[u8]>) -> Result<Examined, Invalid> {
    XmlCodec::default().examine(xml.as_ref())
}

/// Path and reason of a refusal.
#[track_caller]
pub(crate) fn refused(xml: impl AsRef<[u8]>) -> (String, String) {
    let invalid = examined(xml).expect_err("the message is refused");
    (invalid.path, invalid.reason)
}
