//! Changes of texts.

use super::{Made, Site};
use crate::differential::tree::{Element, Node, Value};
use crate::differential::value;
use crate::differential::xsd::{Attribute, BuiltIn, Type};

pub(super) fn odd(site: &mut Site<'_>) -> Made {
    let Some(simple) = site.simple() else { return Made::Nothing };
    let text = value::odd(&simple, site.random);
    site.element().children = vec![Node::Text(text)];
    Made::Change
}

/// The declared attributes of the element.
fn attributes(site: &Site<'_>) -> Vec<Attribute> {
    match site.type_of() {
        Some(Type::Complex(complex)) => complex.attributes.clone(),
        Some(Type::Simple(_)) | None => Vec::new(),
    }
}

pub(super) fn odd_attribute(site: &mut Site<'_>) -> Made {
    let attributes = attributes(site);
    if attributes.is_empty() {
        return Made::Nothing;
    }
    let attribute = site.random.pick(&attributes).clone();
    let text = value::odd(&attribute.simple, site.random);
    let element = site.element();
    element.attributes.retain(|(name, _)| *name != attribute.name);
    element.attributes.push((attribute.name, Value::Text(text)));
    Made::Change
}

/// A code of some other list, or one that is almost right.
pub(super) fn other_code(site: &mut Site<'_>) -> Made {
    let is_coded = site.simple().is_some_and(|simple| !simple.enumeration.is_empty());
    if !is_coded {
        return Made::Nothing;
    }
    let codes: Vec<&String> = site
        .grammar
        .types
        .iter()
        .filter_map(|one| match one {
            Type::Simple(simple) => Some(&simple.enumeration),
            Type::Complex(_) => None,
        })
        .flatten()
        .collect();
    let own = site.seen().text();
    let text = match site.random.below(4) {
        0 => own.to_lowercase(),
        1 => format!("{own} "),
        _ => (*site.random.pick(&codes)).clone(),
    };
    site.element().children = vec![Node::Text(text)];
    Made::Change
}

/// Puts something into the middle of a text; what it says stays the same.
fn inside(site: &mut Site<'_>, make: impl Fn(&str) -> (Node, usize)) -> Made {
    if site.simple().is_none() {
        return Made::Nothing;
    }
    let text = site.seen().text();
    let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = *site.random.pick(&cuts);
    let (before, after) = text.split_at(at);
    let (node, taken) = make(after);
    let nodes = vec![Node::Text(before.into()), node, Node::Text(after[taken..].into())];
    let is_empty = |node: &Node| matches!(node, Node::Text(text) if text.is_empty());
    site.element().children = nodes.into_iter().filter(|node| !is_empty(node)).collect();
    Made::Change
}

pub(super) fn comment_inside(site: &mut Site<'_>) -> Made {
    let is_comment = site.random.chance(50);
    inside(site, |_| {
        (if is_comment { Node::Comment(" 1 ".into()) } else { Node::Instruction("pi".into()) }, 0)
    })
}

pub(super) fn section_inside(site: &mut Site<'_>) -> Made {
    inside(site, |after| {
        let taken = after.chars().next().filter(|c| *c != '\r').map_or(0, char::len_utf8);
        (Node::Section(after[..taken].into()), taken)
    })
}

pub(super) fn same_id(site: &mut Site<'_>) -> Made {
    let has_id = |one: &Attribute| one.simple.built_in == BuiltIn::Id;
    let Some(attribute) = attributes(site).into_iter().find(has_id) else { return Made::Nothing };
    let Some(id) = find_id(site.root) else { return Made::Nothing };
    let element = site.element();
    element.attributes.retain(|(name, _)| *name != attribute.name);
    element.attributes.push((attribute.name, Value::Text(id)));
    Made::Change
}

/// The first ID of a signature in the document.
fn find_id(element: &Element) -> Option<String> {
    let own = element.attributes.iter().find_map(|(name, value)| match value {
        Value::Text(text) if &*name.local == "Id" => Some(text.clone()),
        Value::Text(_) | Value::Name(_) => None,
    });
    own.or_else(|| element.elements().find_map(find_id))
}
