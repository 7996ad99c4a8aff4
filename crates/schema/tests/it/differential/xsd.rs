//! A reader of XSD of its own: it understands what the schemas of the SPI use, panics at anything else, and shares
//! nothing with the compiler that is tested.

mod simple;
mod source;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::tree::{Name, XSD};
pub(super) use simple::{BuiltIn, Simple};
use source::{Source, Tag};

/// Everything that some schema files declare.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) types: Vec<Type>,
    /// Global elements.
    pub(super) elements: BTreeMap<Name, Declaration>,
    /// Named types of the schemas.
    pub(super) named_types: BTreeMap<Name, usize>,
}

/// An element that is declared.
#[derive(Debug, Clone)]
pub(super) struct Declaration {
    pub(super) name: Name,
    pub(super) type_at: usize,
    /// Children that must differ in a grandchild: `xs:unique` as these schemas use it.
    pub(super) unique: Option<(Name, Name)>,
}

#[derive(Debug)]
pub(super) enum Type {
    Simple(Simple),
    Complex(Complex),
}

#[derive(Debug)]
pub(super) struct Complex {
    pub(super) attributes: Vec<Attribute>,
    pub(super) content: Content,
    pub(super) mixed: bool,
}

#[derive(Debug)]
pub(super) enum Content {
    Empty,
    Text(Simple),
    Elements(Particle),
}

#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) name: Name,
    pub(super) simple: Simple,
    pub(super) required: bool,
}

/// A term and how often it stands.
#[derive(Debug)]
pub(super) struct Particle {
    pub(super) term: Term,
    pub(super) min: usize,
    /// `None`: unbounded.
    pub(super) max: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Term {
    Element(Declaration),
    Sequence(Vec<Particle>),
    Choice(Vec<Particle>),
    /// What a wildcard says of namespaces, and whether a declaration must be known.
    Any {
        namespaces: String,
        target: Arc<str>,
        strict: bool,
    },
}

/// Reads schema files and what they include.
pub(super) fn read(files: &[&Path]) -> Grammar {
    let sources: Vec<Source> = files.iter().flat_map(|file| source::read(file)).collect();
    let mut reader = Reader::default();
    for source in &sources {
        for tag in &source.root.children {
            let Some(local) = tag.attribute("name") else { continue };
            let name = Name { namespace: Arc::clone(&source.target), local: local.into() };
            let known = match tag.name.as_str() {
                "element" => &mut reader.elements,
                "simpleType" | "complexType" => &mut reader.types,
                other => panic!("this reader does not know a global xs:{other}"),
            };
            let before = known.insert(name, (source, tag));
            assert!(before.is_none(), "{local} is declared twice");
        }
    }
    reader.run()
}

/// A tag, and the file it is in.
type Found<'a> = (&'a Source, &'a Tag);

#[derive(Default)]
struct Reader<'a> {
    elements: HashMap<Name, Found<'a>>,
    types: HashMap<Name, Found<'a>>,
    rows: Vec<Option<Type>>,
    named: BTreeMap<Name, usize>,
    built_in: HashMap<String, usize>,
}

impl<'a> Reader<'a> {
    fn run(mut self) -> Grammar {
        let mut types: Vec<(Name, Found<'a>)> =
            self.types.iter().map(|(name, found)| (name.clone(), *found)).collect();
        types.sort_by(|a, b| a.0.cmp(&b.0));
        for (at, (name, _)) in types.iter().enumerate() {
            self.named.insert(name.clone(), at);
            self.rows.push(None);
        }
        for (at, (_, found)) in types.iter().enumerate() {
            let read = self.type_of(*found);
            self.rows[at] = Some(read);
        }
        let globals: BTreeMap<Name, Found<'a>> =
            self.elements.iter().map(|(name, found)| (name.clone(), *found)).collect();
        let elements = globals.into_iter().map(|(name, found)| (name, self.declaration(found))).collect();
        let types = self.rows.into_iter().map(Option::unwrap).collect();
        Grammar { types, elements, named_types: self.named }
    }

    fn declaration(&mut self, (source, tag): Found<'a>) -> Declaration {
        if let Some(name) = tag.attribute("ref") {
            let found = self.elements[&source.resolve(tag, name)];
            return self.declaration(found);
        }
        for unknown in ["nillable", "default", "fixed", "substitutionGroup", "form", "abstract"] {
            assert!(tag.attribute(unknown).is_none(), "this reader does not know {unknown}");
        }
        let local = tag.attribute("name").unwrap();
        let type_at = match tag.attribute("type") {
            Some(name) => self.row(&source.resolve(tag, name)),
            None => {
                let inline = tag.child("complexType").or_else(|| tag.child("simpleType")).unwrap();
                let read = self.type_of((source, inline));
                self.rows.push(Some(read));
                self.rows.len() - 1
            }
        };
        let unique = tag.child("unique").map(|unique| {
            let path = |name| {
                let step = unique.child(name).unwrap().attribute("xpath").unwrap();
                source.resolve(unique, step)
            };
            (path("selector"), path("field"))
        });
        Declaration {
            name: Name { namespace: Arc::clone(&source.target), local: local.into() },
            type_at,
            unique,
        }
    }

    /// The row of a named type.
    fn row(&mut self, name: &Name) -> usize {
        if *name.namespace != *XSD {
            return self.named[name];
        }
        if let Some(at) = self.built_in.get(&*name.local) {
            return *at;
        }
        self.rows.push(Some(Type::Simple(Simple::built_in(&name.local))));
        self.built_in.insert(name.local.to_string(), self.rows.len() - 1);
        self.rows.len() - 1
    }

    fn type_of(&mut self, (source, tag): Found<'a>) -> Type {
        if tag.name == "simpleType" {
            return Type::Simple(self.simple_of((source, tag)));
        }
        let mixed = tag.attribute("mixed") == Some("true");
        let mut complex = Complex { attributes: Vec::new(), content: Content::Empty, mixed };
        for child in &tag.children {
            match child.name.as_str() {
                "sequence" | "choice" => complex.content = Content::Elements(self.particle((source, child))),
                "attribute" => complex.attributes.push(self.attribute((source, child))),
                "simpleContent" => {
                    let extension = child.child("extension").unwrap();
                    let base = source.resolve(extension, extension.attribute("base").unwrap());
                    complex.content = Content::Text(self.simple(&base));
                    let attributes = extension.children.iter();
                    complex.attributes.extend(attributes.map(|tag| self.attribute((source, tag))));
                }
                other => panic!("this reader does not know xs:{other} in a complex type"),
            }
        }
        Type::Complex(complex)
    }

    fn particle(&mut self, (source, tag): Found<'a>) -> Particle {
        let min = tag.attribute("minOccurs").map_or(1, |text| text.parse().unwrap());
        let max = match tag.attribute("maxOccurs") {
            Some("unbounded") => None,
            Some(text) => Some(text.parse().unwrap()),
            None => Some(1),
        };
        let mut children = || tag.children.iter().map(|child| self.particle((source, child))).collect();
        let term = match tag.name.as_str() {
            "sequence" => Term::Sequence(children()),
            "choice" => Term::Choice(children()),
            "element" => Term::Element(self.declaration((source, tag))),
            "any" => Term::Any {
                namespaces: tag.attribute("namespace").unwrap_or("##any").to_owned(),
                target: Arc::clone(&source.target),
                strict: tag.attribute("processContents").is_none_or(|process| process == "strict"),
            },
            other => panic!("this reader does not know xs:{other} in a content model"),
        };
        Particle { term, min, max }
    }

    fn attribute(&mut self, (source, tag): Found<'a>) -> Attribute {
        let name = Name::new("", tag.attribute("name").unwrap());
        let simple = match tag.attribute("type") {
            Some(named) => self.simple(&source.resolve(tag, named)),
            None => self.simple_of((source, tag.child("simpleType").unwrap())),
        };
        Attribute { name, simple, required: tag.attribute("use") == Some("required") }
    }

    fn simple(&mut self, name: &Name) -> Simple {
        if *name.namespace == *XSD { Simple::built_in(&name.local) } else { self.simple_of(self.types[name]) }
    }

    fn simple_of(&mut self, (source, tag): Found<'a>) -> Simple {
        let restriction = tag.child("restriction").expect("simple types here are restrictions");
        let base = self.simple(&source.resolve(restriction, restriction.attribute("base").unwrap()));
        base.restricted(restriction)
    }
}
