//! A schema file as a tree of XSD elements, each with its place and the prefixes that hold there.
//!
//! What can be told without looking at other elements is told here: XML that is not well-formed, elements and
//! attributes that XSD does not know or we do not support, text where none may stand. Annotations are left out.

use std::rc::Rc;

use xml::attribute::OwnedAttribute;
use xml::common::{Position as _, XmlVersion};
use xml::name::OwnedName;
use xml::namespace::Namespace;
use xml::reader::{Error, ErrorKind, XmlEvent};
use xml::{Encoding, EventReader, ParserConfig};

use crate::grammar::{self, Rule, Step};
use crate::problems::{Place, Problems};

/// The namespace of XSD.
pub const XSD: &str = "http://www.w3.org/2001/XMLSchema";
/// Bytes of one file.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Elements within each other. The reader's cost is quadratic in it, and the compiler recurses with it.
const DEPTH_MAX: usize = 128;
/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 64;
/// Bytes of one attribute's value: a long pattern fits well.
const ATTRIBUTE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The characters that XML calls space.
pub const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// One XSD file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, as problems name it: a path with `/`, from which includes are found.
    pub name: String,
    /// Its text.
    pub bytes: Vec<u8>,
}

/// An element of a schema.
#[derive(Debug)]
pub struct Node {
    /// What it is, and what may stand in it.
    pub rule: &'static Rule,
    /// Where its tag starts.
    pub place: Place,
    /// Those without a namespace; others say nothing to us.
    attributes: Vec<(String, String)>,
    /// The prefixes that hold there.
    pub scope: Rc<Namespace>,
    /// Its elements, annotations left out.
    pub children: Vec<Self>,
    /// Whether children were left out because of problems.
    pub is_flawed: bool,
}

impl Node {
    /// An attribute as it is written.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// An attribute without the space around it: names, numbers and words are read so.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.raw(name).map(|value| value.trim_matches(SPACES))
    }
}

/// Reads a file; `None` if there is no tree to go on with, which is then among the problems.
pub fn read(file: usize, source: &Source, problems: &mut Problems) -> Option<Node> {
    let bytes = source.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&source.bytes);
    if bytes.len() > FILE_BYTES_MAX {
        problems.add(Place::start_of(file), format!("larger than {FILE_BYTES_MAX} bytes"));
        return None;
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        problems.add(place_at(file, bytes, error.valid_up_to()), "not UTF-8, the only encoding supported");
        return None;
    }
    let reader = EventReader::new_with_config(bytes, reader_config());
    Tree { file, bytes, reader, problems, open: Vec::new(), skipping: 0 }.read()
}

const NO_SCHEMA: &str = "the root is not an xs:schema";
const NO_DOCTYPE: &str = "a document type declaration is not supported";

fn reader_config() -> ParserConfig {
    ParserConfig::new()
        .allow_multiple_root_elements(false)
        .override_encoding(Some(Encoding::Utf8))
        .ignore_comments(true)
        .cdata_to_characters(true)
        .whitespace_to_characters(true)
        .max_entity_expansion_length(1)
        .max_entity_expansion_depth(1)
        .max_attributes(ATTRIBUTES_MAX)
        .max_attribute_length(ATTRIBUTE_BYTES_MAX)
        .max_name_length(NAME_BYTES_MAX)
        .max_data_length(FILE_BYTES_MAX)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the reader's enum is open: it may grow")]
fn not_well_formed(error: &Error) -> String {
    let message = match error.kind() {
        ErrorKind::Syntax(message) => message.lines().next().unwrap_or_default(),
        ErrorKind::UnexpectedEof => "unexpected end",
        _ => "cannot be read",
    };
    format!("not well-formed XML: {message}")
}

fn is_schema(name: &OwnedName) -> bool {
    name.namespace.as_deref() == Some(XSD) && name.local_name == "schema"
}

/// The place of a byte, with all before it being UTF-8.
fn place_at(file: usize, bytes: &[u8], at: usize) -> Place {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) as u64 + 1;
    Place { file, line, column }
}

/// An element that is not closed yet, and how far its content has come.
struct Open {
    node: Node,
    step: usize,
    /// Whether the step, one that may stand once, has been taken.
    taken: bool,
}

struct Tree<'a> {
    file: usize,
    bytes: &'a [u8],
    reader: EventReader<&'a [u8]>,
    problems: &'a mut Problems,
    open: Vec<Open>,
    /// Open elements that nobody looks at: annotations and what is not understood.
    skipping: usize,
}

impl Tree<'_> {
    fn read(mut self) -> Option<Node> {
        let mut root = None;
        loop {
            let event = self.reader.next();
            let place = self.place(&event);
            match event {
                Err(error) => {
                    self.problems.add(place, not_well_formed(&error));
                    return None;
                }
                Ok(XmlEvent::StartDocument { version, encoding, .. }) => {
                    if version != XmlVersion::Version10 || !encoding.eq_ignore_ascii_case("UTF-8") {
                        self.problems.add(place, "only XML 1.0 in UTF-8 is supported");
                        return None;
                    }
                }
                Ok(XmlEvent::Doctype { .. }) => {
                    self.problems.add(place, NO_DOCTYPE);
                    return None;
                }
                Ok(XmlEvent::StartElement { name, attributes, namespace }) => {
                    if self.open.len() + self.skipping >= DEPTH_MAX {
                        self.problems.add(place, format!("more than {DEPTH_MAX} elements within each other"));
                        return None;
                    }
                    if self.open.is_empty() && !is_schema(&name) {
                        self.problems.add(place, NO_SCHEMA);
                        return None;
                    }
                    self.start(place, &name, attributes, namespace);
                }
                Ok(XmlEvent::EndElement { .. }) => root = self.end().or(root),
                Ok(XmlEvent::Characters(text) | XmlEvent::CData(text) | XmlEvent::Whitespace(text)) => {
                    if self.skipping == 0 && !text.trim_matches(SPACES).is_empty() {
                        self.problems.add(place, "text outside an annotation");
                    }
                }
                Ok(XmlEvent::ProcessingInstruction { .. } | XmlEvent::Comment(_)) => {}
                Ok(XmlEvent::EndDocument) => return root,
            }
        }
    }

    /// Where the event starts. The reader misplaces a root that nothing stands before, not even a declaration.
    fn place(&self, event: &Result<XmlEvent, Error>) -> Place {
        let first = self.bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or_default();
        let is_root = self.open.is_empty() && matches!(event, Ok(XmlEvent::StartElement { .. }));
        if is_root && !matches!(self.bytes.get(first + 1), Some(b'?' | b'!')) {
            return place_at(self.file, self.bytes, first);
        }
        let at = self.reader.position();
        Place { file: self.file, line: at.row() + 1, column: at.column() + 1 }
    }

    fn start(&mut self, place: Place, name: &OwnedName, attributes: Vec<OwnedAttribute>, scope: Namespace) {
        if self.skipping > 0 {
            self.skipping += 1;
            return;
        }
        let rule = match self.open.last_mut() {
            None => Ok(&grammar::SCHEMA),
            Some(parent) => parent.take(name),
        };
        let rule = match rule {
            Ok(rule) => rule,
            Err(reason) => {
                self.problems.add(place, reason);
                self.open.iter_mut().rev().take(1).for_each(|parent| parent.node.is_flawed = true);
                self.skipping = 1;
                return;
            }
        };
        if std::ptr::eq(rule, &raw const grammar::ANNOTATION) {
            self.skipping = 1;
            return;
        }
        let attributes = self.attributes(place, rule, attributes);
        let scope = match self.open.last() {
            Some(parent) if *parent.node.scope == scope => Rc::clone(&parent.node.scope),
            _ => Rc::new(scope),
        };
        let node = Node { rule, place, attributes, scope, children: Vec::new(), is_flawed: false };
        self.open.push(Open { node, step: 0, taken: false });
    }

    fn attributes(
        &mut self,
        place: Place,
        rule: &Rule,
        attributes: Vec<OwnedAttribute>,
    ) -> Vec<(String, String)> {
        let mut own = Vec::with_capacity(attributes.len());
        for OwnedAttribute { name, value } in attributes {
            let local = name.local_name;
            match name.namespace.as_deref() {
                None if !rule.allows_attribute(&local) => {
                    self.problems.add(place, format!("xs:{} has no attribute {local} here", rule.name));
                }
                None => match rule.refuses_attribute(&local, value.trim_matches(SPACES)) {
                    Some(why) => self.problems.add(place, format!("{local}: {why}")),
                    None => own.push((local, value)),
                },
                Some(XSD) => self.problems.add(place, format!("attribute {local} must have no namespace")),
                Some(_) => {}
            }
        }
        own
    }

    /// Closes an element; the root is handed back.
    fn end(&mut self) -> Option<Node> {
        if self.skipping > 0 {
            self.skipping -= 1;
            return None;
        }
        let node = self.open.pop()?.node;
        match self.open.last_mut() {
            Some(parent) => {
                parent.node.children.push(node);
                None
            }
            None => Some(node),
        }
    }
}

impl Open {
    /// Which rule a child goes by, if it may stand here.
    fn take(&mut self, name: &OwnedName) -> Result<&'static Rule, String> {
        let parent = self.node.rule;
        let local = &*name.local_name;
        if name.namespace.as_deref() != Some(XSD) {
            return Err(format!("{local} is no element of XSD; others stand in annotations only"));
        }
        let find = |step: &Step| step.rules().iter().copied().find(|rule| rule.name == local);
        let later = parent.content.iter().enumerate().skip(self.step);
        let Some((at, rule)) = later.filter_map(|(at, step)| find(step).map(|rule| (at, rule))).next() else {
            let earlier = parent.content.iter().take(self.step).any(|step| find(step).is_some());
            let how = if earlier { "so late in" } else { "in" };
            return Err(format!("xs:{local} cannot stand {how} xs:{}", parent.name));
        };
        if let Some(why) = rule.refused {
            return Err(format!("xs:{local} is not supported: {why}"));
        }
        if at > self.step {
            (self.step, self.taken) = (at, false);
        }
        match parent.content[at] {
            Step::One(_) if self.taken => Err(format!("xs:{local}: one too many in xs:{}", parent.name)),
            Step::One(_) | Step::Many(_) => {
                self.taken = true;
                Ok(rule)
            }
        }
    }
}
