//! What validators get wrong: a test for each, against a schema of our own (`traps/traps.xsd`) and through whole
//! messages, so that the reader's part in it counts too (issue 5). Clauses are those of XSD 1.0, second edition.
//!
//! Of these contents libxml2 (`xmllint`) judges only a few otherwise, always against the text of the specification:
//! it looks for repeated IDs in attributes only (part 1, section 3.15.4, also asks for those of elements); takes blanks
//! in CDATA between elements for text (the information set knows no CDATA); compares fixed values as texts (section
//! 3.3.4, clause 5.2.2.2.2: as values); does not collapse blanks around dates and around the name in `xsi:type` (part 2,
//! section 4.3.6); does not know `24:00:00` for the midnight that follows (part 2, section 3.2.7); and ends with 24
//! digits (part 2, section 3.2.3, asks for 18 at least).

mod content;
mod instance;
mod values;

use std::sync::OnceLock;

use pix_stream_adapter_xml::{Options, SchemaFile, SchemaProblem, Schemas, Unsigned, XmlCodec};
use pix_stream_ports::codec::{Codec as _, Finding, Rule};

use crate::message::{BUSINESS_ID, party};

const NAMESPACE: &str = "https://www.bcb.gov.br/pi/test.001/1.0";
const XSI: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
const SCHEMA: &str = include_str!("traps/traps.xsd");
const DOCUMENT: &str = "Envelope/Document/";

fn codec() -> &'static XmlCodec {
    static CODEC: OnceLock<XmlCodec> = OnceLock::new();
    CODEC.get_or_init(|| {
        let options = Options { unsigned: Unsigned::Accept, ..Options::default() };
        XmlCodec::new(options, load(SCHEMA).unwrap())
    })
}

/// A folder of one file.
fn load(schema: &str) -> Result<Schemas, Vec<SchemaProblem>> {
    Schemas::with_folder(&[SchemaFile { name: "traps.xsd".to_owned(), bytes: schema.into() }])
}

/// A message whose document holds `content`.
fn message(content: &str) -> String {
    let header = format!(
        "{}{}<BizMsgIdr>{BUSINESS_ID}</BizMsgIdr><MsgDefIdr>test.001.spi.1.0</MsgDefIdr><CreDt>t</CreDt>",
        party("Fr", "00038166"),
        party("To", "99999001"),
    );
    format!(
        "<Envelope xmlns=\"{NAMESPACE}\"><AppHdr>{header}<Sgntr/></AppHdr><Document>{content}</Document></Envelope>"
    )
}

#[track_caller]
fn valid(content: &str) {
    let answer = codec().examine(message(content).as_bytes(), None);
    assert!(answer.as_ref().is_ok_and(|told| told.is_validated), "{content}: {answer:?}");
}

/// Path below `Document` and reason of the one thing that the schema finds wrong. Names that no schema declares are `*`
/// there, and told as the value only.
#[track_caller]
fn invalid(content: &str) -> (String, String) {
    let Err(invalid) = codec().examine(message(content).as_bytes(), None) else {
        panic!("{content} is valid")
    };
    assert_eq!(invalid.more, [], "{content}: one finding; the first is {}", invalid.first);
    let Finding { path, rule, reason, value, .. } = invalid.first;
    assert_eq!(rule, Rule::Schema, "{content}: {reason}");
    assert!(!path.ends_with('*') || value.is_some_and(|name| content.contains(&name)), "{content}: {path}");
    (path.strip_prefix(DOCUMENT).unwrap_or(&path).to_owned(), reason)
}

/// Contents that are refused with a reason, at a path.
#[track_caller]
fn all_invalid(contents: &[&str], path: &str, reason: &str) {
    for content in contents {
        assert_eq!(invalid(content), (path.to_owned(), reason.to_owned()), "{content}");
    }
}
