//! What the reader does not check, or not the way that every other reader does.

use pix_stream_schema::Prefixes;
use xml::attribute::OwnedAttribute;
use xml::common::XmlVersion;
use xml::namespace::{NS_XML_PREFIX, NS_XML_URI, NS_XMLNS_PREFIX, NS_XMLNS_URI, Namespace};
use xml::reader::{Error, ErrorKind};
use xml::{Encoding, ParserConfig};

use crate::fault::Fault;
use crate::limits::{ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, Limits, NAME_BYTES_MAX, NAMESPACE_BYTES_MAX};

/// Prefixes that the reader counts as in scope from the start: `xml`, `xmlns` and the empty one.
const PREFIXES_BUILT_IN: usize = 3;

pub(super) fn declaration(version: XmlVersion, encoding: &str) -> Result<(), Fault> {
    match version {
        XmlVersion::Version10 if encoding.eq_ignore_ascii_case("UTF-8") => Ok(()),
        XmlVersion::Version10 => Err(Fault::Encoding),
        // 1.1 allows control characters that 1.0 readers, our clients, refuse.
        XmlVersion::Version11 => Err(Fault::Version),
    }
}

/// Checks the namespaces in scope where an element has declared some: their number, their names, and that no
/// prefix stands for a namespace that is reserved (Namespaces in XML, section 3).
pub(super) fn check_scope(scope: &Namespace, prefixes_max: usize) -> Result<(), Fault> {
    if scope.0.len() > prefixes_max + PREFIXES_BUILT_IN {
        return Err(Fault::Prefixes(prefixes_max));
    }
    if scope.0.values().any(|name| name.len() > NAMESPACE_BYTES_MAX) {
        return Err(Fault::NamespaceLength);
    }
    let reserved = |(prefix, name): (&String, &String)| {
        (prefix != NS_XML_PREFIX && name == NS_XML_URI) || (prefix != NS_XMLNS_PREFIX && name == NS_XMLNS_URI)
    };
    let is_wrong = scope.0.keys().any(|prefix| starts_no_name(prefix)) || scope.0.iter().any(reserved);
    if is_wrong { Err(Fault::Malformed) } else { Ok(()) }
}

/// Checks of names with a prefix that the part behind the colon starts as names may: the reader asks that of the
/// first character of `a:b` only.
pub(super) fn check_names(prefixed: Option<&str>, attributes: &[OwnedAttribute]) -> Result<(), Fault> {
    let prefixed_attributes = attributes.iter().filter(|attribute| attribute.name.prefix.is_some());
    let mut names = prefixed_attributes.map(|attribute| &*attribute.name.local_name).chain(prefixed);
    if names.any(starts_no_name) { Err(Fault::Malformed) } else { Ok(()) }
}

/// XML 1.0, productions 4 and 4a: what may go on with a name but not start it.
fn starts_no_name(name: &str) -> bool {
    name.starts_with(
        |c| matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}'),
    )
}

/// The fault that an error of the reader stands for.
#[expect(clippy::wildcard_enum_match_arm, reason = "the reader's enum is open: it may grow")]
pub(super) fn fault_of(error: &Error, is_after_root: bool) -> Fault {
    match error.kind() {
        // Whatever comes behind the root is one fault to a reader of the answer, however the parser met it.
        ErrorKind::Syntax(_) if is_after_root => Fault::AfterRoot,
        ErrorKind::Syntax(message) => Fault::from_reader_message(message),
        ErrorKind::UnexpectedEof => Fault::Truncated,
        ErrorKind::Utf8(_) => Fault::NotUtf8,
        _ => Fault::Malformed,
    }
}

/// The settings of the reader of messages: nothing is expanded, nothing is longer than its limit.
#[must_use]
pub fn reader_config(limits: &Limits) -> ParserConfig {
    ParserConfig::new()
        .allow_multiple_root_elements(false)
        .override_encoding(Some(Encoding::Utf8))
        .ignore_comments(true)
        .cdata_to_characters(true)
        .whitespace_to_characters(true)
        .coalesce_characters(true)
        .max_entity_expansion_length(1)
        .max_entity_expansion_depth(1)
        .max_attributes(ATTRIBUTES_MAX)
        .max_attribute_length(ATTRIBUTE_BYTES_MAX)
        .max_name_length(NAME_BYTES_MAX)
        .max_data_length(limits.message_bytes)
}

/// The prefixes that the reader has in scope.
pub(super) struct Scope<'n>(pub(super) &'n Namespace);

impl Prefixes for Scope<'_> {
    fn find(&self, prefix: &str) -> Option<&str> {
        self.0.get(prefix).filter(|namespace| !namespace.is_empty())
    }
}
