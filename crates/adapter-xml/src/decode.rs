//! One pass over a published message: the reader and its hardening, the schema, and the rules of the header.
//!
//! `xml-rs` alone is not enough for bytes from outside (stack findings, section 3): it takes several roots, its cost
//! is quadratic in depth and in namespaces, and its defaults allow a gigabyte. So the pass first looks at the bytes
//! (size, byte order mark, UTF-8, markup), then sets every limit of the reader, then counts for itself.
//!
//! Each event goes to the schema's validator and to the `rules` of the header, which add what no schema can say.

mod findings;
mod hardening;
mod instant;
mod markup;
mod place;
mod signature;

use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::codec::{Examined, Invalid, Rule};
use pix_stream_schema::{Attribute, Validator};
use pix_stream_signature::Verifier;
use xml::EventReader;
use xml::attribute::OwnedAttribute;
use xml::common::Position as _;
use xml::name::OwnedName;
use xml::namespace::Namespace;
use xml::reader::XmlEvent;

use crate::catalog;
use crate::fault::Fault;
use crate::options::{Options, Unsigned};
use crate::rules::{Mark, Rules};
use crate::schemas::Schemas;
use findings::{Findings, Path};
pub use hardening::reader_config;
use place::Place;
use signature::Signature;

/// What a message is held against.
#[derive(Clone, Copy)]
pub(crate) struct Against<'a> {
    pub(crate) options: &'a Options,
    pub(crate) schemas: &'a Schemas,
    /// Checks the signature, if it is to be checked.
    pub(crate) verifier: Option<&'a Verifier>,
}

/// Examines a message (the port's `examine`).
pub(crate) fn examine(
    against: Against<'_>,
    bytes: &[u8],
    recipient: Option<Ispb>,
) -> Result<Examined, Invalid> {
    let text = text_of(against.options, bytes)?;
    let declaring = markup::check(text, &against.options.limits)
        .map_err(|(fault, at)| Findings::of(fault, Place::of(bytes, at)))?;
    Pass::new(against, text, declaring).run(recipient)
}

/// The message as text, if nothing in its bytes alone forbids to parse it.
fn text_of<'a>(options: &Options, bytes: &'a [u8]) -> Result<&'a str, Invalid> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let refuse = |fault: Fault, at: usize| Findings::of(fault, Place::of(bytes, at));
    if bytes.len() > options.limits.message_bytes {
        return Err(refuse(Fault::TooLarge(options.limits.message_bytes), 0));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        return Err(refuse(Fault::ByteOrderMark, 0));
    }
    std::str::from_utf8(bytes).map_err(|e| refuse(Fault::NotUtf8, e.valid_up_to()))
}

/// An element that is open.
struct Open {
    local: String,
    at: Place,
    /// Which element of the document it is, from 1.
    number: usize,
}

struct Pass<'a> {
    against: Against<'a>,
    reader: EventReader<&'a [u8]>,
    /// Set once the root has said which schema it is, and whether there is one.
    validator: Option<Validator<'a>>,
    signature: Signature<'a>,
    rules: Rules,
    /// The first fault of the header's rules, while the schema is asked on: where both see the same mistake, the
    /// schema names it better.
    header_fault: Option<(Fault, Place, Path)>,
    /// Open elements, root first.
    open: Vec<Open>,
    findings: Findings,
    /// Where the fields stand that the header's rules compare.
    marks: [Option<(Place, Path)>; Mark::COUNT],
    /// What the namespace of the root names.
    message_type: Option<String>,
    elements: usize,
    /// Elements that declare namespaces, by number, and how many of them have been passed.
    declaring: markup::Declaring,
    declared: usize,
}

impl<'a> Pass<'a> {
    fn new(against: Against<'a>, text: &'a str, declaring: markup::Declaring) -> Self {
        let config = reader_config(&against.options.limits);
        Self {
            against,
            reader: EventReader::new_with_config(text.as_bytes(), config),
            validator: None,
            signature: Signature::new(against.verifier),
            rules: Rules::new(),
            header_fault: None,
            open: Vec::with_capacity(16),
            findings: Findings::default(),
            marks: Default::default(),
            message_type: None,
            elements: 0,
            declaring,
            declared: 0,
        }
    }

    fn run(mut self, recipient: Option<Ispb>) -> Result<Examined, Invalid> {
        loop {
            let event = match self.reader.next() {
                Ok(event) => event,
                Err(error) => {
                    let fault = hardening::fault_of(&error, self.elements > 0 && self.open.is_empty());
                    return Err(self.end(fault, error.position().into()));
                }
            };
            let is_last = event == XmlEvent::EndDocument;
            self.signature.take(&event);
            if let Err(fault) = self.take(event) {
                let at = self.here();
                return Err(self.end(fault, at));
            }
            if is_last {
                return self.finish(recipient);
            }
            if self.findings.are_full() {
                return Err(self.refusal(Fault::Malformed));
            }
        }
    }

    fn take(&mut self, event: XmlEvent) -> Result<(), Fault> {
        match event {
            XmlEvent::StartDocument { version, encoding, .. } => hardening::declaration(version, &encoding),
            XmlEvent::StartElement { name, attributes, namespace } => {
                self.start(name, &attributes, &namespace)
            }
            XmlEvent::EndElement { .. } => self.close(),
            XmlEvent::Characters(text) | XmlEvent::CData(text) | XmlEvent::Whitespace(text) => {
                if let Some(validator) = &mut self.validator {
                    validator.text(&text);
                }
                let outcome = self.rules.text(&text);
                self.judge(outcome)?;
                self.collect();
                Ok(())
            }
            XmlEvent::ProcessingInstruction { name, .. } if name.contains(':') => Err(Fault::Malformed),
            // Schemas have no say about instructions, so a valid message may hold them; they tell us nothing.
            XmlEvent::Comment(_) | XmlEvent::ProcessingInstruction { .. } | XmlEvent::EndDocument => Ok(()),
            XmlEvent::Doctype { .. } => Err(Fault::Doctype),
        }
    }

    fn start(
        &mut self,
        name: OwnedName,
        attributes: &[OwnedAttribute],
        scope: &Namespace,
    ) -> Result<(), Fault> {
        let OwnedName { local_name, namespace, prefix } = name;
        let namespace = namespace.as_deref().unwrap_or_default();
        self.open.push(Open { local: local_name, at: self.here(), number: self.elements + 1 });
        self.count()?;
        let declares = self.declaring.get(self.declared) == Some(&(self.elements - 1));
        if declares {
            self.declared += 1;
            hardening::check_scope(scope, self.against.options.limits.prefixes)?;
        }
        let local = self.open.last().map_or("", |open| &*open.local);
        hardening::check_names(prefix.is_some().then_some(local), attributes)?;
        if self.open.len() == 1 {
            self.root(namespace)?;
        }
        let local = self.open.last().map_or("", |open| &*open.local);
        if let Some(validator) = &mut self.validator {
            let attributes = attributes.iter().map(|attribute| Attribute {
                namespace: attribute.name.namespace.as_deref().unwrap_or_default(),
                local: &attribute.name.local_name,
                value: &attribute.value,
            });
            validator.start(namespace, local, attributes, &hardening::Scope(scope));
        }
        if self.header_fault.is_none() {
            let outcome = self.rules.start(local, namespace);
            if let Some(mark) = self.rules.mark() {
                let path = mark.path().map_or_else(|| self.path(), Path::from);
                self.marks[mark as usize] = Some((self.here(), path));
            }
            self.judge(outcome)?;
        }
        self.collect();
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let is_unsigned = self.closes_empty_signature();
        if self.validator.is_some() {
            self.collect();
            self.end_in_schema(is_unsigned);
        }
        if is_unsigned && self.refuses_unsigned() {
            self.finding(Fault::Unsigned);
        }
        if self.header_fault.is_none() {
            let outcome = self.rules.end();
            self.judge(outcome)?;
        }
        self.collect();
        self.mark_header();
        self.open.pop();
        Ok(())
    }

    fn end_in_schema(&mut self, is_unsigned: bool) {
        let Some(validator) = &mut self.validator else { return };
        validator.end();
        if !is_unsigned {
            return;
        }
        // Its own rule says whether it may be empty. Whatever else the schema says of it counts.
        for fault in validator.take_faults() {
            if fault.at != pix_stream_schema::At::Here || fault.value.is_some() {
                let at = self.here();
                self.findings.add_schema(at, self.path(), fault, self.against.schemas);
            }
        }
    }

    /// A signature that is to be checked has to be there.
    fn refuses_unsigned(&self) -> bool {
        self.against.options.unsigned == Unsigned::Refuse || self.against.verifier.is_some()
    }

    /// Whether the element that closes next is `AppHdr/Sgntr` with no element in it. The rules are not asked: they
    /// stop at their first fault.
    fn closes_empty_signature(&self) -> bool {
        let [_, header, signature] = &self.open[..] else { return false };
        header.local == "AppHdr" && signature.local == "Sgntr" && signature.number == self.elements
    }

    /// Where `AppHdr` closes without a signature, the header itself is where one is missed.
    fn mark_header(&mut self) {
        let [_, header] = &self.open[..] else { return };
        if header.local == "AppHdr" && self.marks[Mark::Signature as usize].is_none() {
            self.marks[Mark::Signature as usize] = Some((header.at, "Envelope/AppHdr".into()));
        }
    }

    /// Counts an element that has just been opened against the limits that the reader does not have.
    fn count(&mut self) -> Result<(), Fault> {
        self.elements += 1;
        if self.elements > self.against.options.limits.elements {
            return Err(Fault::Elements(self.against.options.limits.elements));
        }
        if self.open.len() > self.against.options.limits.depth {
            return Err(Fault::Depth(self.against.options.limits.depth));
        }
        Ok(())
    }

    /// Finds out what the message is: a type with a schema, one that may pass without, or neither.
    fn root(&mut self, namespace: &str) -> Result<(), Fault> {
        if self.open.first().is_some_and(|open| open.local != "Envelope") {
            return Err(Fault::Root);
        }
        if let Some(message_type) = self.against.schemas.find_type(namespace) {
            self.validator = Some(Validator::new(&self.against.schemas.compiled));
            self.rules.set_type(message_type, namespace);
            self.message_type = Some(message_type.to_owned());
            return Ok(());
        }
        let message_type = catalog::find_message_type(namespace).ok_or(Fault::Namespace)?;
        self.message_type = Some(message_type.clone());
        if self.against.schemas.has_type(&message_type) {
            // The type has a schema, under another namespace: this one must not be a way round it.
            return Err(Fault::Namespace);
        }
        if !catalog::is_meant(&self.against.options.unvalidated, &message_type) {
            self.findings.add(
                self.here(),
                self.path(),
                Rule::UnknownType,
                format!("no schema is loaded for {message_type}"),
            );
            return Err(Fault::NoSchema);
        }
        self.rules.set_type(&message_type, namespace);
        Ok(())
    }

    /// A fault of the header's rules: keeps it while a schema is asked, else it is the end.
    fn judge(&mut self, outcome: Result<(), Fault>) -> Result<(), Fault> {
        let Err(fault) = outcome else { return Ok(()) };
        if self.validator.is_none() {
            return Err(fault);
        }
        if self.header_fault.is_none() {
            self.header_fault = Some((fault, self.here(), self.path()));
        }
        Ok(())
    }

    /// Gives what the schema has found its places.
    fn collect(&mut self) {
        let Some(validator) = &mut self.validator else { return };
        for fault in validator.take_faults() {
            let at = match (fault.at, self.open.last()) {
                (pix_stream_schema::At::Open, Some(open)) => open.at,
                (pix_stream_schema::At::Open | pix_stream_schema::At::Here, _) => self.here(),
            };
            let path = Path::of(self.open.iter().map(|open| &*open.local), self.against.schemas);
            self.findings.add_schema(at, path, fault, self.against.schemas);
        }
    }

    fn finding(&mut self, fault: Fault) {
        let at = self.open.last().map_or_else(|| self.here(), |open| open.at);
        self.findings.add(at, self.path(), fault.rule(), fault.to_string());
    }

    fn here(&self) -> Place {
        self.reader.position().into()
    }

    fn path(&self) -> Path {
        Path::of(self.open.iter().map(|open| &*open.local), self.against.schemas)
    }

    fn refusal(self, last: Fault) -> Invalid {
        self.findings.into_invalid_or(last, self.message_type)
    }

    /// Ends with a fault behind which nothing can be read.
    fn end(mut self, fault: Fault, at: Place) -> Invalid {
        if fault != Fault::NoSchema {
            self.findings.add(at, self.path(), fault.rule(), fault.to_string());
        }
        self.refusal(fault)
    }

    /// The document is over, well-formed to its last byte.
    fn finish(mut self, recipient: Option<Ispb>) -> Result<Examined, Invalid> {
        self.add_header_findings(recipient);
        if !self.findings.is_empty() {
            return Err(self.refusal(Fault::Malformed));
        }
        let (is_unsigned, is_validated) = (self.rules.is_unsigned(), self.validator.is_some());
        let end = self.here();
        let examined = self.rules.finish(is_validated).map_err(|fault| Findings::of(fault, end))?;
        if is_unsigned {
            return Ok(examined);
        }
        let Err(reason) = self.signature.finish(&examined.created) else { return Ok(examined) };
        let mark = self.marks[Mark::Signature as usize].take();
        let (at, path) = mark.unwrap_or((end, "Envelope/AppHdr/Sgntr".into()));
        self.findings.add(at, path, Rule::Signature, reason);
        Err(self.findings.into_invalid_or(Fault::Malformed, self.message_type))
    }

    /// What the header's rules have found that no schema said.
    fn add_header_findings(&mut self, recipient: Option<Ispb>) {
        let counts = |fault: &Fault| self.findings.is_empty() || *fault == Fault::NoSignature;
        if let Some((fault, at, path)) = self.header_fault.take_if(|(fault, ..)| counts(fault)) {
            self.findings.add_header(at, path, fault);
        }
        for (mark, fault) in self.rules.disagreements(recipient) {
            if let Some((at, path)) = self.marks[mark as usize].take() {
                self.findings.add_header(at, path, fault);
            }
        }
        if self.rules.is_unsigned() && self.refuses_unsigned() {
            self.refuse_unsigned();
        }
    }

    /// The message is not signed, which is told unless it is known: an empty element was noted when it closed, and
    /// a schema says itself that there must be one.
    fn refuse_unsigned(&mut self) {
        let is_told =
            self.findings.has(Rule::Unsigned) || (self.validator.is_some() && !self.findings.is_empty());
        if let (false, Some((at, path))) = (is_told, self.marks[Mark::Signature as usize].take()) {
            self.findings.add(at, path, Rule::Unsigned, Fault::Unsigned.to_string());
        }
    }
}
