//! What schemas are compiled to: flat tables whose rows name each other by number.

use std::collections::HashMap;

use crate::model::Model;
use pix_stream_datatypes::Simple;

/// Compiled schemas: every namespace that a document may be validated against.
#[derive(Debug)]
pub struct Schemas {
    /// Namespace names; the first is the empty one, "no namespace".
    pub(crate) namespaces: Vec<Box<str>>,
    /// Declarations of elements, global ones and local ones.
    pub(crate) elements: Vec<Element>,
    /// Types, built-in ones included. The first is `xs:anyType`.
    pub(crate) types: Vec<Type>,
    /// Elements that may be a root, or stand where a wildcard lets them.
    pub(crate) global_elements: Globals<ElementId>,
    /// Types that `xsi:type` may name.
    pub(crate) global_types: Globals<TypeId>,
    /// Attributes that may stand where a wildcard lets them.
    pub(crate) global_attributes: Globals<AttributeUse>,
}

/// Rows by namespace and local name.
pub(crate) type Globals<T> = HashMap<NamespaceId, HashMap<Box<str>, T>>;

/// A namespace: its place in [`Schemas::namespaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NamespaceId(pub(crate) u16);

/// "No namespace".
pub(crate) const NO_NAMESPACE: NamespaceId = NamespaceId(0);

/// A declaration of an element: its place in [`Schemas::elements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ElementId(pub(crate) u32);

/// A type: its place in [`Schemas::types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TypeId(pub(crate) u32);

/// `xs:anyType`: anything, checked as far as declarations are known.
pub(crate) const ANY_TYPE: TypeId = TypeId(0);

/// A declaration of an element.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) namespace: NamespaceId,
    pub(crate) local: Box<str>,
    pub(crate) type_id: TypeId,
    /// Whether `xsi:nil="true"` may stand.
    pub(crate) nillable: bool,
    pub(crate) value: Option<ValueConstraint>,
    /// `xs:unique` and `xs:key`.
    pub(crate) unique: Vec<Unique>,
}

/// What stands, or must stand, where nothing is said. The text is normalized as its type says.
#[derive(Debug, Clone)]
pub(crate) enum ValueConstraint {
    Default(Box<str>),
    Fixed(Box<str>),
}

/// A type.
#[derive(Debug)]
pub(crate) struct Type {
    /// What it is derived from; none for `xs:anyType`.
    pub(crate) base: Option<TypeId>,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Simple(Simple),
    Complex(Complex),
}

/// A complex type.
#[derive(Debug, Default)]
pub(crate) struct Complex {
    /// Every attribute that may stand, inherited ones included; prohibited ones are left out.
    pub(crate) attributes: Vec<AttributeUse>,
    pub(crate) any_attribute: Option<Wildcard>,
    pub(crate) content: Content,
    /// Whether only types derived from it may be used, by `xsi:type`.
    pub(crate) is_abstract: bool,
}

/// What stands between the tags.
#[derive(Debug, Default)]
pub(crate) enum Content {
    #[default]
    Empty,
    /// Text of a simple type.
    Text(TypeId),
    /// Elements, with text between them if `mixed`.
    Elements { model: Model, mixed: bool },
}

/// An attribute of a type.
#[derive(Debug, Clone)]
pub(crate) struct AttributeUse {
    pub(crate) namespace: NamespaceId,
    pub(crate) local: Box<str>,
    /// A simple type.
    pub(crate) type_id: TypeId,
    pub(crate) required: bool,
    pub(crate) value: Option<ValueConstraint>,
}

/// `xs:any` or `xs:anyAttribute`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wildcard {
    pub(crate) namespaces: NamespaceSet,
    pub(crate) process: Process,
}

/// The namespaces that a wildcard lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamespaceSet {
    Any,
    /// `##other`: neither this one nor none.
    Other(NamespaceId),
    OneOf(Vec<NamespaceId>),
}

/// What is asked of that which a wildcard lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// A declaration must be known, and hold.
    Strict,
    /// Checked if a declaration is known.
    Lax,
    /// Well-formed is enough.
    Skip,
}

/// `xs:unique` or `xs:key` of an element.
#[derive(Debug)]
pub(crate) struct Unique {
    pub(crate) name: Box<str>,
    /// Whether every field must be there (`xs:key`).
    pub(crate) is_key: bool,
    /// Which elements below are compared: the alternatives of the selector.
    pub(crate) selector: Vec<Path>,
    /// What of them: the fields, each with its alternatives.
    pub(crate) fields: Vec<Vec<Path>>,
}

/// One alternative of a selector or field: child steps, from the element or (`.//`) from anywhere below it.
#[derive(Debug)]
pub(crate) struct Path {
    /// Whether it starts with `.//`.
    pub(crate) anywhere: bool,
    /// Child elements, outermost first; none means the element itself.
    pub(crate) steps: Vec<Step>,
    /// An attribute of the last element; only in fields.
    pub(crate) attribute: Option<(NamespaceId, Box<str>)>,
}

/// One child step.
#[derive(Debug)]
pub(crate) enum Step {
    Name(NamespaceId, Box<str>),
    /// `*`, or `p:*` with a namespace.
    Any(Option<NamespaceId>),
}

impl Schemas {
    pub(crate) fn element(&self, id: ElementId) -> &Element {
        &self.elements[id.0 as usize]
    }

    pub(crate) fn type_of(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// The number of a namespace that some schema names; the search is spared the empty one, slow to compare.
    pub(crate) fn find_namespace(&self, name: &str) -> Option<NamespaceId> {
        let at = if name.is_empty() { 0 } else { self.namespaces.iter().position(|one| **one == *name)? };
        u16::try_from(at).ok().map(NamespaceId)
    }

    /// Every local name that a schema declares for an element or an attribute; some come twice.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let attributes = self.types.iter().filter_map(|one| match &one.kind {
            Kind::Complex(complex) => Some(complex.attributes.iter().map(|attribute| &*attribute.local)),
            Kind::Simple(_) => None,
        });
        self.elements.iter().map(|element| &*element.local).chain(attributes.flatten())
    }

    /// The namespaces that have a global element of this name: for `Envelope`, those of messages.
    pub fn namespaces_with<'a>(&'a self, local: &'a str) -> impl Iterator<Item = &'a str> {
        let has = move |at: usize| {
            let id = u16::try_from(at).ok().map(NamespaceId);
            id.and_then(|id| self.global_elements.get(&id)).is_some_and(|names| names.contains_key(local))
        };
        self.namespaces.iter().enumerate().filter(move |(at, _)| has(*at)).map(|(_, name)| &**name)
    }
}

impl NamespaceSet {
    /// Whether it holds a namespace; `None` is one that no schema names.
    pub(crate) fn holds(&self, namespace: Option<NamespaceId>) -> bool {
        match self {
            Self::Any => true,
            Self::Other(own) => namespace != Some(*own) && namespace != Some(NO_NAMESPACE),
            Self::OneOf(names) => namespace.is_some_and(|namespace| names.contains(&namespace)),
        }
    }
}
