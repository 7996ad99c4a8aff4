//! Exclusive XML canonicalization without comments of one element, written from the reader's events
//! (<https://www.w3.org/TR/xml-exc-c14n/>).
//!
//! The writer is told the events of one element, from its start to its end. A namespace is declared where an element
//! or its attributes first use its prefix, whoever declared it in the message; that needs the scope of each event and
//! nothing else of what stands around the element. Line ends and attribute values come normalised from the reader, and
//! so do character references and CDATA as text. There is no list of inclusive prefixes: `form` refuses one.

use std::collections::BTreeMap;

use xml::attribute::OwnedAttribute;
use xml::name::OwnedName;
use xml::namespace::{NS_XML_PREFIX, Namespace};

/// The canonical form of one element, as far as it was told.
#[derive(Debug, Default)]
pub(crate) struct Canonical {
    bytes: Vec<u8>,
    /// What the output declares at this point: prefix (empty for the default) and name.
    declared: BTreeMap<String, String>,
    /// What stood in `declared` before the open elements changed it, in the order of the changes.
    replaced: Vec<(String, Option<String>)>,
    /// Length of `replaced` at the start of each open element.
    marks: Vec<usize>,
}

impl Canonical {
    pub(crate) fn start(&mut self, name: &OwnedName, attributes: &[OwnedAttribute], scope: &Namespace) {
        self.bytes.push(b'<');
        self.qualified(name);
        self.marks.push(self.replaced.len());
        self.declare(name, attributes, scope);
        let mut sorted: Vec<&OwnedAttribute> = attributes.iter().collect();
        // By namespace, then by local name; attributes without a prefix have no namespace and come first.
        sorted.sort_by_key(|attribute| {
            (attribute.name.namespace.as_deref().unwrap_or_default(), &*attribute.name.local_name)
        });
        for attribute in sorted {
            self.bytes.push(b' ');
            self.qualified(&attribute.name);
            self.value(&attribute.value);
        }
        self.bytes.push(b'>');
    }

    pub(crate) fn end(&mut self, name: &OwnedName) {
        self.bytes.extend_from_slice(b"</");
        self.qualified(name);
        self.bytes.push(b'>');
        let mark = self.marks.pop().unwrap_or_default();
        for (prefix, before) in self.replaced.drain(mark..).rev() {
            match before {
                Some(uri) => self.declared.insert(prefix, uri),
                None => self.declared.remove(&prefix),
            };
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        escape(&mut self.bytes, text, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
    }

    pub(crate) fn instruction(&mut self, target: &str, data: Option<&str>) {
        self.bytes.extend_from_slice(b"<?");
        self.bytes.extend_from_slice(target.as_bytes());
        // The blanks that part the target from the data are not data.
        let data = data.unwrap_or_default().trim_start_matches([' ', '\t', '\n', '\r']);
        if !data.is_empty() {
            self.bytes.push(b' ');
            self.bytes.extend_from_slice(data.as_bytes());
        }
        self.bytes.extend_from_slice(b"?>");
    }

    /// What was written since the start or the last [`clear`](Self::clear).
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the written bytes, not the state: the next event continues the same element.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Declares the prefixes that the element or its attributes use and that the output does not have yet, in order.
    fn declare(&mut self, name: &OwnedName, attributes: &[OwnedAttribute], scope: &Namespace) {
        let of_attributes = attributes.iter().filter_map(|attribute| attribute.name.prefix.as_deref());
        let mut used: Vec<&str> = of_attributes.chain([name.prefix.as_deref().unwrap_or_default()]).collect();
        used.sort_unstable();
        used.dedup();
        for prefix in used {
            // `xml` needs no declaration; no prefix and no namespace is what a document starts with.
            let uri = scope.get(prefix).unwrap_or_default();
            let before = self.declared.get(prefix);
            if prefix == NS_XML_PREFIX || before.map_or("", String::as_str) == uri {
                continue;
            }
            let before = self.declared.insert(prefix.to_owned(), uri.to_owned());
            self.replaced.push((prefix.to_owned(), before));
            self.bytes.extend_from_slice(b" xmlns");
            if !prefix.is_empty() {
                self.bytes.push(b':');
                self.bytes.extend_from_slice(prefix.as_bytes());
            }
            self.value(uri);
        }
    }

    fn qualified(&mut self, name: &OwnedName) {
        if let Some(prefix) = &name.prefix {
            self.bytes.extend_from_slice(prefix.as_bytes());
            self.bytes.push(b':');
        }
        self.bytes.extend_from_slice(name.local_name.as_bytes());
    }

    fn value(&mut self, value: &str) {
        self.bytes.extend_from_slice(b"=\"");
        escape(&mut self.bytes, value, |byte| match byte {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'"' => Some("&quot;"),
            b'\t' => Some("&#x9;"),
            b'\n' => Some("&#xA;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
        self.bytes.push(b'"');
    }
}

/// Writes `text` with some of its ASCII characters replaced.
fn escape(bytes: &mut Vec<u8>, text: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(replacement) = replacement(byte) {
            bytes.extend_from_slice(&text.as_bytes()[written..at]);
            bytes.extend_from_slice(replacement.as_bytes());
            written = at + 1;
        }
    }
    bytes.extend_from_slice(&text.as_bytes()[written..]);
}

#[cfg(test)]
mod tests;
