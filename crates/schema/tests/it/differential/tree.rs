//! A document as a tree, before it is text: what the generator makes and the mutator breaks.

use std::sync::Arc;

/// The namespace of `xsi:type` and its like.
pub(super) const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The namespace of the built-in types.
pub(super) const XSD: &str = "http://www.w3.org/2001/XMLSchema";
/// The namespace of signatures.
pub(super) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// A name with its namespace, empty for none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) namespace: Arc<str>,
    pub(super) local: Arc<str>,
}

impl Name {
    pub(super) fn new(namespace: &str, local: &str) -> Self {
        Self { namespace: namespace.into(), local: local.into() }
    }
}

/// What stands between tags.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Element(Element),
    Text(String),
    /// Text that is written as a CDATA section.
    Section(String),
    Comment(String),
    /// A processing instruction without data, by its target.
    Instruction(String),
}

/// An element.
#[derive(Debug, Clone)]
pub(super) struct Element {
    pub(super) name: Name,
    pub(super) attributes: Vec<(Name, Value)>,
    pub(super) children: Vec<Node>,
    /// Its type in the grammar, if the grammar declares it.
    pub(super) type_at: Option<usize>,
    /// Whether its parent is surely invalid without it.
    pub(super) is_required: bool,
}

/// What an attribute says.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    /// A name that is written with a prefix of its namespace.
    Name(Name),
}

impl Element {
    pub(super) fn new(name: Name, type_at: Option<usize>) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new(), type_at, is_required: false }
    }

    /// Its child elements.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Text(_) | Node::Section(_) | Node::Comment(_) | Node::Instruction(_) => None,
        })
    }

    /// All its text, without that of elements in it.
    pub(super) fn text(&self) -> String {
        let pieces = self.children.iter().map(|child| match child {
            Node::Text(text) | Node::Section(text) => text.as_str(),
            Node::Element(_) | Node::Comment(_) | Node::Instruction(_) => "",
        });
        pieces.collect()
    }

    /// The places of all elements, this one first: indices of children, outermost first.
    pub(super) fn places(&self) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new()];
        for (at, child) in self.children.iter().enumerate() {
            if let Node::Element(element) = child {
                places.extend(element.places().into_iter().map(|rest| [vec![at], rest].concat()));
            }
        }
        places
    }

    /// The element at a place.
    pub(super) fn find(&self, place: &[usize]) -> &Self {
        let Some((first, rest)) = place.split_first() else { return self };
        match &self.children[*first] {
            Node::Element(element) => element.find(rest),
            Node::Text(_) | Node::Section(_) | Node::Comment(_) | Node::Instruction(_) => {
                panic!("a place names an element")
            }
        }
    }

    /// The element at a place, to change it.
    pub(super) fn at(&mut self, place: &[usize]) -> &mut Self {
        let Some((first, rest)) = place.split_first() else { return self };
        match &mut self.children[*first] {
            Node::Element(element) => element.at(rest),
            Node::Text(_) | Node::Section(_) | Node::Comment(_) | Node::Instruction(_) => {
                panic!("a place names an element")
            }
        }
    }
}
