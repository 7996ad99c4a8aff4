//! One pass over a published message: the reader and its hardening. What a message must say is in `rules`.
//!
//! `xml-rs` alone is not enough for bytes from outside (stack findings, section 3): it takes several roots, its cost
//! is quadratic in depth and in namespaces, and its defaults allow a gigabyte. So the pass first looks at the bytes
//! (size, byte order mark, UTF-8, markup), then sets every limit of the reader, then counts for itself.
//!
//! Full validation against a schema will see the same events, between the reader and the rules.

mod markup;
mod place;

use pix_stream_ports::codec::{Examined, Invalid};
use xml::attribute::OwnedAttribute;
use xml::common::{Position as _, TextPosition, XmlVersion};
use xml::namespace::{NS_XML_PREFIX, NS_XML_URI, NS_XMLNS_PREFIX, NS_XMLNS_URI, Namespace};
use xml::reader::{Error, ErrorKind, XmlEvent};
use xml::{Encoding, EventReader, ParserConfig};

use crate::fault::Fault;
use crate::limits::{ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, Limits, NAME_BYTES_MAX, NAMESPACE_BYTES_MAX};
use crate::rules::Rules;
use place::Place;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Prefixes that the reader counts as in scope from the start: `xml`, `xmlns` and the empty one.
const PREFIXES_BUILT_IN: usize = 3;

/// Examines a message (the port's `examine`).
pub(crate) fn examine(limits: &Limits, bytes: &[u8]) -> Result<Examined, Invalid> {
    let text = text_of(limits, bytes)?;
    Pass::new(limits, text).run()
}

/// The message as text, if nothing in its bytes alone forbids to parse it.
fn text_of<'a>(limits: &Limits, bytes: &'a [u8]) -> Result<&'a str, Invalid> {
    let refuse = |fault: Fault, at: usize| {
        let place = Place::of(bytes, at);
        Invalid { line: place.line, column: place.column, path: "/".to_owned(), reason: fault.to_string() }
    };
    if bytes.len() > limits.message_bytes {
        return Err(refuse(Fault::TooLarge(limits.message_bytes), 0));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        return Err(refuse(Fault::ByteOrderMark, 0));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| refuse(Fault::NotUtf8, e.valid_up_to()))?;
    markup::check(text, limits.prefixes).map_err(|(fault, at)| refuse(fault, at))?;
    Ok(text)
}

struct Pass<'a> {
    limits: &'a Limits,
    reader: EventReader<&'a [u8]>,
    rules: Rules,
    /// Local names of the open elements, root first.
    path: Vec<String>,
    elements: usize,
}

impl<'a> Pass<'a> {
    fn new(limits: &'a Limits, text: &'a str) -> Self {
        let reader = EventReader::new_with_config(text.as_bytes(), reader_config(limits));
        Self { limits, reader, rules: Rules::new(), path: Vec::new(), elements: 0 }
    }

    fn run(mut self) -> Result<Examined, Invalid> {
        loop {
            let event = match self.reader.next() {
                Ok(event) => event,
                Err(error) => return Err(self.malformed(&error)),
            };
            let last = event == XmlEvent::EndDocument;
            if let Err(fault) = self.take(event) {
                return Err(self.invalid(fault, self.reader.position()));
            }
            if last {
                let end = self.reader.position();
                let missing = |fault| invalid(fault, end, &[]);
                return self.rules.finish().map_err(missing);
            }
        }
    }

    fn take(&mut self, event: XmlEvent) -> Result<(), Fault> {
        match event {
            XmlEvent::StartDocument { version, encoding, .. } => self.declaration(version, &encoding),
            XmlEvent::StartElement { name, attributes, namespace } => {
                self.path.push(name.local_name);
                self.count(&namespace)?;
                let local = self.path.last().map_or("", String::as_str);
                check_names(local, &attributes, &namespace)?;
                self.rules.start(local, name.namespace.as_deref().unwrap_or_default())
            }
            XmlEvent::EndElement { .. } => {
                self.rules.end()?;
                self.path.pop();
                Ok(())
            }
            XmlEvent::Characters(text) | XmlEvent::CData(text) | XmlEvent::Whitespace(text) => {
                self.rules.text(&text)
            }
            XmlEvent::ProcessingInstruction { name, .. } if name.contains(':') => Err(Fault::Malformed),
            // Schemas have no say about instructions, so a valid message may hold them; they tell us nothing.
            XmlEvent::Comment(_) | XmlEvent::ProcessingInstruction { .. } | XmlEvent::EndDocument => Ok(()),
            XmlEvent::Doctype { .. } => Err(Fault::Doctype),
        }
    }

    fn declaration(&self, version: XmlVersion, encoding: &str) -> Result<(), Fault> {
        match version {
            XmlVersion::Version10 if encoding.eq_ignore_ascii_case("UTF-8") => Ok(()),
            XmlVersion::Version10 => Err(Fault::Encoding),
            // 1.1 allows control characters that 1.0 readers, our clients, refuse.
            XmlVersion::Version11 => Err(Fault::Version),
        }
    }

    /// Counts an element that has just been opened against the limits that the reader does not have.
    fn count(&mut self, scope: &Namespace) -> Result<(), Fault> {
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(Fault::Elements(self.limits.elements));
        }
        if self.path.len() > self.limits.depth {
            return Err(Fault::Depth(self.limits.depth));
        }
        if scope.0.len() > self.limits.prefixes + PREFIXES_BUILT_IN {
            return Err(Fault::Prefixes(self.limits.prefixes));
        }
        if scope.0.values().any(|name| name.len() > NAMESPACE_BYTES_MAX) {
            return Err(Fault::NamespaceLength);
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the reader's enum is open: it may grow")]
    fn malformed(&self, error: &Error) -> Invalid {
        let fault = match error.kind() {
            // Whatever comes behind the root is one fault to a reader of the answer, however the parser met it.
            ErrorKind::Syntax(_) if self.elements > 0 && self.path.is_empty() => Fault::AfterRoot,
            ErrorKind::Syntax(message) => Fault::from_reader_message(message),
            ErrorKind::UnexpectedEof => Fault::Truncated,
            ErrorKind::Utf8(_) => Fault::NotUtf8,
            _ => Fault::Malformed,
        };
        self.invalid(fault, error.position())
    }

    fn invalid(&self, fault: Fault, at: TextPosition) -> Invalid {
        invalid(fault, at, &self.path)
    }
}

/// Checks of an element's names what the reader does not: that the part behind a colon starts as names may (it asks
/// that of the first character of `a:b` only), and that no prefix stands for a namespace that is reserved.
/// (XML 1.0, productions 4 and 4a: what may go on with a name but not start it; Namespaces in XML, section 3.)
fn check_names(local: &str, attributes: &[OwnedAttribute], scope: &Namespace) -> Result<(), Fault> {
    let starts_no_name = |name: &str| {
        name.starts_with(|c| {
            matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}')
        })
    };
    let reserved = |(prefix, name): (&String, &String)| {
        (prefix != NS_XML_PREFIX && name == NS_XML_URI) || (prefix != NS_XMLNS_PREFIX && name == NS_XMLNS_URI)
    };
    let attributes = attributes.iter().map(|attribute| &*attribute.name.local_name);
    let mut names = attributes.chain(scope.0.keys().map(|prefix| &**prefix)).chain([local]);
    if names.any(starts_no_name) || scope.0.iter().any(reserved) { Err(Fault::Malformed) } else { Ok(()) }
}

fn invalid(fault: Fault, at: TextPosition, path: &[String]) -> Invalid {
    let path = if path.is_empty() { "/".to_owned() } else { path.join("/") };
    Invalid { line: at.row() + 1, column: at.column() + 1, path, reason: fault.to_string() }
}

fn reader_config(limits: &Limits) -> ParserConfig {
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
