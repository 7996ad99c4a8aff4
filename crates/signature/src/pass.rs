//! One pass over a message: its parts into digests, its signature into claims. Compares nothing.
//!
//! Where an element stands decides what it is: the root's first child is the header, the second the document, and the
//! only `Sgntr` of the header holds the only signature. No name and no identifier is searched for, so that moving a
//! signed part elsewhere and putting another in its place (signature wrapping) cannot work.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
use xml::attribute::OwnedAttribute;
use xml::name::OwnedName;
use xml::namespace::Namespace;
use xml::reader::XmlEvent;
use xml::{Encoding, EventReader, ParserConfig};

use crate::canonical::Canonical;
use crate::fault::Fault;
use crate::form::{self, Claims, Element, Form, Sha256};

/// Bytes of canonical form that are kept before they are digested. One element may grow far beyond its text, by the
/// namespaces it uses; the whole is never held.
const BUFFER_BYTES: usize = 8 * 1024;
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What a message holds and what its signature says.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) key_info: Sha256,
    pub(crate) header: Sha256,
    pub(crate) document: Sha256,
    /// The canonical form of `SignedInfo`: what was signed.
    pub(crate) signed_info: Vec<u8>,
    pub(crate) claims: Claims,
}

/// Reads a message that the examination has accepted; without one, depth and prefixes are not bounded here.
pub(crate) fn read(xml: &[u8]) -> Result<Read, Fault> {
    let mut reader = EventReader::new_with_config(xml, reader_config(xml.len()));
    let mut pass = Pass::default();
    loop {
        let event = reader.next().map_err(|_| Fault::Malformed)?;
        pass.take(&event)?;
        if event == XmlEvent::EndDocument {
            return pass.finish();
        }
    }
}

/// A digest of a canonical form.
struct Digested {
    canonical: Canonical,
    context: Context,
}

impl Default for Digested {
    fn default() -> Self {
        Self { canonical: Canonical::default(), context: Context::new(&SHA256) }
    }
}

impl Digested {
    fn tell(&mut self, event: impl FnOnce(&mut Canonical)) {
        event(&mut self.canonical);
        if self.canonical.bytes().len() >= BUFFER_BYTES {
            self.drain();
        }
    }

    fn drain(&mut self) {
        self.context.update(self.canonical.bytes());
        self.canonical.clear();
    }

    fn finish(mut self) -> Result<Sha256, Fault> {
        self.drain();
        // The length is SHA-256's own.
        self.context.finish().as_ref().try_into().map_err(|_| Fault::Malformed)
    }
}

/// Where the pass is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Region {
    /// Outside the header and the document.
    #[default]
    Envelope,
    /// In `AppHdr`.
    Header,
    /// In `AppHdr/Sgntr`, outside the signature.
    Sgntr,
    /// In the signature.
    Signature,
    /// In `Document`.
    Document,
}

/// The pass over one message, event by event.
#[derive(Default)]
pub(crate) struct Pass {
    region: Region,
    /// Open elements.
    depth: usize,
    /// Namespace of the root, which the header, `Sgntr` and the document must share.
    namespace: Option<String>,
    /// Children of the root so far.
    children: usize,
    has_sgntr: bool,
    has_signature: bool,
    ids: BTreeSet<String>,
    form: Form,
    header: Digested,
    document: Digested,
    key_info: Digested,
    signed_info: Canonical,
}

impl Pass {
    /// Takes the next event of a reader that is set as ours.
    pub(crate) fn take(&mut self, event: &XmlEvent) -> Result<(), Fault> {
        match event {
            XmlEvent::StartElement { name, attributes, namespace } => self.start(name, attributes, namespace),
            XmlEvent::EndElement { name } => self.end(name),
            XmlEvent::Characters(text) | XmlEvent::CData(text) | XmlEvent::Whitespace(text) => {
                self.text(text)
            }
            XmlEvent::ProcessingInstruction { name, data } => self.instruction(name, data.as_deref()),
            XmlEvent::Doctype { .. } => Err(Fault::Malformed),
            XmlEvent::Comment(_) | XmlEvent::StartDocument { .. } | XmlEvent::EndDocument => Ok(()),
        }
    }

    fn start(
        &mut self,
        name: &OwnedName,
        attributes: &[OwnedAttribute],
        scope: &Namespace,
    ) -> Result<(), Fault> {
        self.enter(name, attributes)?;
        self.depth += 1;
        self.check_attributes(attributes)?;
        self.tell(|canonical| canonical.start(name, attributes, scope));
        Ok(())
    }

    /// Decides from its place what a new element is.
    fn enter(&mut self, name: &OwnedName, attributes: &[OwnedAttribute]) -> Result<(), Fault> {
        let is_ours = |local: &str| name.local_name == local && name.namespace == self.namespace;
        let is_of_signature = name.namespace.as_deref() == Some(form::NAMESPACE);
        if is_of_signature && !matches!(self.region, Region::Sgntr | Region::Signature) {
            return Err(Fault::Stray);
        }
        self.region = match (self.region, self.depth) {
            (Region::Envelope, 0) => return self.root(name, attributes),
            (Region::Envelope, _) => {
                self.children += 1;
                match self.children {
                    1 if is_ours("AppHdr") => Region::Header,
                    2 if is_ours("Document") => Region::Document,
                    _ => return Err(Fault::Envelope),
                }
            }
            (Region::Header, 2) if is_ours("Sgntr") => {
                if std::mem::replace(&mut self.has_sgntr, true) {
                    return Err(Fault::Sgntr);
                }
                Region::Sgntr
            }
            (Region::Sgntr, _) => {
                if !is_of_signature || std::mem::replace(&mut self.has_signature, true) {
                    return Err(Fault::Sgntr);
                }
                self.form.start(&name.local_name, attributes)?;
                Region::Signature
            }
            (Region::Signature, _) => {
                // A name of another namespace is none that the form knows.
                self.form.start(if is_of_signature { &name.local_name } else { "" }, attributes)?;
                Region::Signature
            }
            (Region::Header | Region::Document, _) => self.region,
        };
        Ok(())
    }

    fn root(&mut self, name: &OwnedName, attributes: &[OwnedAttribute]) -> Result<(), Fault> {
        if name.local_name != "Envelope" {
            return Err(Fault::Envelope);
        }
        // A hint where a schema lies changes no meaning, and signers' tools write it.
        let is_hint = |attribute: &OwnedAttribute| {
            attribute.name.namespace.as_deref() == Some(SCHEMA_INSTANCE)
                && attribute.name.local_name == "schemaLocation"
        };
        if !attributes.iter().all(is_hint) {
            return Err(Fault::EnvelopeAttribute);
        }
        self.namespace.clone_from(&name.namespace);
        Ok(())
    }

    fn check_attributes(&mut self, attributes: &[OwnedAttribute]) -> Result<(), Fault> {
        for OwnedAttribute { name, value } in attributes {
            if name.local_name == "type" && name.namespace.as_deref() == Some(SCHEMA_INSTANCE) {
                return Err(Fault::TypeAttribute);
            }
            // Whatever anybody might take for an identifier.
            if name.local_name.eq_ignore_ascii_case("id") && !self.ids.insert(value.clone()) {
                return Err(Fault::RepeatedId);
            }
        }
        Ok(())
    }

    fn end(&mut self, name: &OwnedName) -> Result<(), Fault> {
        self.tell(|canonical| canonical.end(name));
        self.depth -= 1;
        self.region = match (self.region, self.depth) {
            (Region::Signature, _) if self.form.end()? => Region::Sgntr,
            (Region::Sgntr, _) => Region::Header,
            (Region::Header | Region::Document, 1) => Region::Envelope,
            (Region::Signature | Region::Header | Region::Document | Region::Envelope, _) => self.region,
        };
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        match self.region {
            Region::Envelope if !form::is_blank(text) => return Err(Fault::Envelope),
            Region::Sgntr if !form::is_blank(text) => return Err(Fault::Sgntr),
            Region::Signature => self.form.text(text)?,
            Region::Envelope | Region::Sgntr | Region::Header | Region::Document => {}
        }
        self.tell(|canonical| canonical.text(text));
        Ok(())
    }

    fn instruction(&mut self, target: &str, data: Option<&str>) -> Result<(), Fault> {
        if self.region == Region::Signature {
            return Err(self.form.instruction());
        }
        self.tell(|canonical| canonical.instruction(target, data));
        Ok(())
    }

    /// Tells an event to the part that it belongs to. The signature is no part of the header.
    fn tell(&mut self, event: impl FnOnce(&mut Canonical)) {
        match (self.region, self.form.section()) {
            (Region::Header | Region::Sgntr, _) => self.header.tell(event),
            (Region::Document, _) => self.document.tell(event),
            (Region::Signature, Some(Element::KeyInfo)) => self.key_info.tell(event),
            (Region::Signature, Some(_)) => event(&mut self.signed_info),
            (Region::Signature, None) | (Region::Envelope, _) => {}
        }
    }

    /// What was read, after the last event.
    pub(crate) fn finish(self) -> Result<Read, Fault> {
        if self.children != 2 {
            return Err(Fault::Envelope);
        }
        if !self.has_signature {
            return Err(Fault::Unsigned);
        }
        Ok(Read {
            key_info: self.key_info.finish()?,
            header: self.header.finish()?,
            document: self.document.finish()?,
            signed_info: self.signed_info.bytes().to_vec(),
            claims: self.form.finish()?,
        })
    }
}

/// The reader as the examination sets it: the same bytes must mean the same to both.
fn reader_config(bytes: usize) -> ParserConfig {
    ParserConfig::new()
        .allow_multiple_root_elements(false)
        .override_encoding(Some(Encoding::Utf8))
        .ignore_comments(true)
        .cdata_to_characters(true)
        .whitespace_to_characters(true)
        .coalesce_characters(true)
        .max_entity_expansion_length(1)
        .max_entity_expansion_depth(1)
        .max_attribute_length(bytes)
        .max_data_length(bytes)
}
