//! The compiler: declares every global name, then compiles types, bases first, then checks what needs them all.

use std::rc::Rc;

use super::names::{Part, find_global};
use super::resolve::{Home, Namespaces};
use super::{built_in, checks};
use crate::model::Particle;
use crate::tables::{
    ANY_TYPE, AttributeUse, Element, ElementId, Globals, NamespaceId, Schemas, TypeId, Wildcard,
};
use pix_stream_datatypes::Simple;
use pix_stream_xsd::{Node, XSD};
use pix_stream_xsd::{Place, Problems};

/// Types derived from each other, at most: compiling recurses with it.
const DERIVATIONS_MAX: usize = 64;

/// The work in hand.
pub(super) struct Compiler<'s> {
    pub(super) problems: Problems,
    pub(super) namespaces: Namespaces,
    pub(super) elements: Vec<Element>,
    /// Where each of them is declared.
    pub(super) element_places: Vec<Place>,
    /// Elements with a default or fixed value, which is looked at when all types are known.
    pub(super) element_values: Vec<(ElementId, Part<'s>)>,
    pub(super) types: Vec<Row<'s>>,
    pub(super) global_elements: Globals<ElementId>,
    pub(super) global_types: Globals<TypeId>,
    pub(super) global_attributes: Globals<AttributeUse>,
    identity_names: Globals<Place>,
    /// `xs:anySimpleType`, which only XSD itself may derive from.
    pub(super) any_simple_type: TypeId,
    /// Derivations that are being compiled within each other.
    deriving: usize,
}

/// A type in the making.
pub(super) struct Row<'s> {
    pub(super) name: Option<Box<str>>,
    pub(super) base: Option<TypeId>,
    /// Whether it extends its base; else it restricts it.
    pub(super) by_extension: bool,
    pub(super) is_simple: bool,
    pub(super) place: Place,
    pub(super) state: State<'s>,
}

pub(super) enum State<'s> {
    Waiting(Part<'s>),
    Working,
    Done(Shape),
    /// Problems were found in it or in what it is derived from.
    Broken,
}

#[derive(Clone)]
pub(super) enum Shape {
    Simple(Rc<Simple>),
    Complex(Rc<Complex>),
}

/// A complex type whose content is not an automaton yet.
#[derive(Clone)]
pub(super) struct Complex {
    pub(super) attributes: Vec<AttributeUse>,
    pub(super) any_attribute: Option<Wildcard>,
    pub(super) content: Content,
    pub(super) is_abstract: bool,
}

#[derive(Clone)]
pub(super) enum Content {
    Empty,
    Text(TypeId),
    Elements { particle: Particle, mixed: bool, place: Place },
}

impl<'s> Compiler<'s> {
    pub(super) fn new(problems: Problems, namespaces: Namespaces) -> Self {
        let mut new = Self {
            problems,
            namespaces,
            elements: Vec::new(),
            element_places: Vec::new(),
            element_values: Vec::new(),
            types: Vec::new(),
            global_elements: Globals::new(),
            global_types: Globals::new(),
            global_attributes: Globals::new(),
            identity_names: Globals::new(),
            any_simple_type: ANY_TYPE,
            deriving: 0,
        };
        built_in::declare(&mut new);
        new
    }

    /// Compiles everything that the files declare.
    pub(super) fn run(mut self, homes: &'s [Home], roots: &[&'s Node]) -> Result<Schemas, Problems> {
        let parts = || {
            let of_home = |home: &'s Home| Part { node: roots[home.document], home }.children();
            homes.iter().flat_map(of_home)
        };
        let mut elements = Vec::new();
        let mut attributes = Vec::new();
        for part in parts() {
            match part.node.rule.name {
                "element" => elements.extend(self.declare_element(part)),
                "attribute" => attributes.push(part),
                "simpleType" | "complexType" => self.declare_type(part),
                // Includes and imports: resolved before.
                _ => {}
            }
        }
        for part in attributes {
            self.global_attribute(part);
        }
        for (id, part) in elements {
            self.global_element(id, part);
        }
        // Types declared in place join at the end while those before them are compiled.
        let mut next = 0;
        while next < self.types.len() {
            self.settle(TypeId(number(next)));
            next += 1;
        }
        checks::finish(self)
    }

    fn declare_type(&mut self, part: Part<'s>) {
        let Some(name) = self.declared_name(part) else { return };
        let id = self.add_type(Some(name), part);
        let names = self.global_types.entry(part.home.namespace).or_default();
        if let Some(first) = names.insert(name.into(), id) {
            names.insert(name.into(), first);
            self.twice(part, "type", name, self.types[first.0 as usize].place);
        }
    }

    /// Reports a second component of one name.
    pub(super) fn twice(&mut self, part: Part<'s>, kind: &str, name: &str, first: Place) {
        let where_first = if first.file == part.place().file {
            format!("on line {}", first.line)
        } else {
            "in another file".to_owned()
        };
        self.problems.add(part.place(), format!("{kind} {name} is declared twice, first {where_first}"));
    }

    /// Reports what a part needs and does not have, unless that may be among what was left out.
    pub(super) fn missing(&mut self, part: Part<'s>, what: &str) {
        if !part.node.is_flawed {
            self.problems.add(part.place(), format!("xs:{} without {what}", part.node.rule.name));
        }
    }

    /// A row for a type that is compiled later.
    pub(super) fn add_type(&mut self, name: Option<&str>, part: Part<'s>) -> TypeId {
        self.push_type(Row {
            name: name.map(Box::from),
            base: None,
            by_extension: false,
            is_simple: part.is("simpleType"),
            place: part.place(),
            state: State::Waiting(part),
        })
    }

    pub(super) fn push_type(&mut self, row: Row<'s>) -> TypeId {
        self.types.push(row);
        TypeId(number(self.types.len() - 1))
    }

    pub(super) fn push_element(&mut self, element: Element, place: Place) -> ElementId {
        self.element_places.push(place);
        self.elements.push(element);
        ElementId(number(self.elements.len() - 1))
    }

    /// Keeps the name of an `xs:unique` or `xs:key`, which no other of the namespace may have.
    pub(super) fn keep_identity_name(&mut self, part: Part<'s>, name: &str) {
        let names = self.identity_names.entry(part.home.namespace).or_default();
        if let Some(first) = names.insert(name.into(), part.place()) {
            self.twice(part, "constraint", name, first);
        }
    }

    /// The type that an attribute's value names.
    pub(super) fn type_named(&mut self, part: Part<'s>, text: &'s str) -> Option<TypeId> {
        let (namespace, local) = self.reference(part, text)?;
        if let Some(id) = find_global(&self.global_types, (namespace, local)) {
            return Some(*id);
        }
        let built_in = self.namespaces.name(namespace) == XSD;
        let unknown = || format!("type {text} is not declared");
        let reason = if built_in { Simple::built_in(local).err().unwrap_or_else(unknown) } else { unknown() };
        self.problems.add(part.place(), reason);
        None
    }

    /// The type, compiled if it was not yet; `None` if it is broken.
    pub(super) fn settle(&mut self, id: TypeId) -> Option<Shape> {
        let row = &mut self.types[id.0 as usize];
        let is_simple = row.is_simple;
        match &row.state {
            State::Done(shape) => return Some(shape.clone()),
            State::Broken => return None,
            State::Working => {
                let reason = "the type is derived from itself";
                self.problems.add(row.place, reason);
                return None;
            }
            State::Waiting(part) if self.deriving >= DERIVATIONS_MAX => {
                let place = part.place();
                self.problems
                    .add(place, format!("more than {DERIVATIONS_MAX} types derived from each other"));
                return None;
            }
            State::Waiting(_) => {}
        }
        let State::Waiting(part) = std::mem::replace(&mut row.state, State::Working) else { return None };
        let before = self.problems.count();
        self.deriving += 1;
        let shape = if is_simple {
            self.simple_type(id, part).map(|simple| Shape::Simple(Rc::new(simple)))
        } else {
            self.complex_type(id, part).map(|complex| Shape::Complex(Rc::new(complex)))
        };
        self.deriving -= 1;
        let shape = shape.filter(|_| self.problems.count() == before);
        self.types[id.0 as usize].state = shape.clone().map_or(State::Broken, State::Done);
        shape
    }

    /// Whether a type is this one or derived from it; by restriction only, if asked so.
    pub(super) fn is_derived(&self, id: TypeId, from: TypeId, restriction_only: bool) -> bool {
        let mut at = id;
        // A circle of types is a problem of its own; here it must only end.
        for _ in 0..self.types.len() {
            let row = &self.types[at.0 as usize];
            match row.base {
                _ if at == from => return true,
                Some(base) if !(restriction_only && row.by_extension) => at = base,
                Some(_) | None => return false,
            }
        }
        false
    }

    /// How problems call a type.
    pub(super) fn type_name(&self, id: TypeId) -> &str {
        self.types[id.0 as usize].name.as_deref().unwrap_or("the type declared in place")
    }

    pub(super) fn namespace_of_xsd(&mut self) -> NamespaceId {
        self.namespaces.number(XSD)
    }
}

/// A place in a table. Files of 4 MiB each do not hold that many declarations.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
