//! Changes of elements and attributes.

use super::{Made, Site};
use crate::differential::generate::FOREIGN;
use crate::differential::tree::{Element, INSTANCE, Name, Node, SIGNATURE, Value, XSD};
use crate::differential::value;
use crate::differential::xsd::{Simple, Type};

pub(super) fn leave_out(site: &mut Site<'_>) -> Made {
    let Some((parent, at)) = site.parent() else { return Made::Nothing };
    parent.children.remove(at);
    Made::Change
}

pub(super) fn leave_out_required(site: &mut Site<'_>) -> Made {
    if !site.seen().is_required || !is_in_message(site) {
        return Made::Nothing;
    }
    leave_out(site);
    Made::Break
}

/// Whether the element and its parent are of the message, not of its signature.
fn is_in_message(site: &mut Site<'_>) -> bool {
    let message = site.root.name.namespace.clone();
    let own = site.seen().name.namespace == message;
    own && site.parent().is_some_and(|(parent, _)| parent.name.namespace == message)
}

pub(super) fn double(site: &mut Site<'_>) -> Made {
    let Some((parent, at)) = site.parent() else { return Made::Nothing };
    let again = parent.children[at].clone();
    parent.children.insert(at, again);
    Made::Change
}

pub(super) fn swap(site: &mut Site<'_>) -> Made {
    let Some((parent, at)) = site.parent() else { return Made::Nothing };
    if at + 1 >= parent.children.len() {
        return Made::Nothing;
    }
    parent.children.swap(at, at + 1);
    Made::Change
}

pub(super) fn rename(site: &mut Site<'_>) -> Made {
    let names: Vec<Name> =
        site.root.places().iter().map(|place| site.root.find(place).name.clone()).collect();
    let other = site.random.pick(&names).local.clone();
    let name = site.seen().name.local.clone();
    let local = match site.random.below(4) {
        0 => name.to_lowercase(),
        1 => format!("{name}x"),
        2 => "Id".to_owned(),
        _ => other.to_string(),
    };
    site.element().name.local = local.into();
    Made::Change
}

pub(super) fn change_namespace(site: &mut Site<'_>) -> Made {
    let message = site.root.name.namespace.to_string();
    let longer = format!("{message}/");
    let other = *site.random.pick(&[FOREIGN, "", SIGNATURE, &message, &longer, INSTANCE]);
    site.element().name.namespace = other.into();
    Made::Change
}

pub(super) fn move_away(site: &mut Site<'_>) -> Made {
    let Some((parent, at)) = site.parent() else { return Made::Nothing };
    let moved = parent.children.remove(at);
    let places = site.root.places();
    let to = site.random.pick(&places).clone();
    let target = site.root.at(&to);
    let at = site.random.between(0, target.children.len());
    target.children.insert(at, moved);
    Made::Change
}

pub(super) fn empty(site: &mut Site<'_>) -> Made {
    site.element().children.clear();
    Made::Change
}

pub(super) fn unknown_element(site: &mut Site<'_>) -> Made {
    if !site.holds_only_elements() {
        return Made::Nothing;
    }
    let namespaces = [site.root.name.namespace.to_string(), FOREIGN.to_owned(), String::new()];
    let name = Name::new(site.random.pick(&namespaces).as_str(), "Zzz");
    site.element().children.insert(0, Node::Element(Element::new(name, None)));
    Made::Break
}

pub(super) fn element_in_text(site: &mut Site<'_>) -> Made {
    if site.simple().is_none() {
        return Made::Nothing;
    }
    let namespace = site.seen().name.namespace.clone();
    let inner = Element::new(Name { namespace, local: "Id".into() }, None);
    let at = site.gap();
    site.element().children.insert(at, Node::Element(inner));
    Made::Break
}

/// Puts a copy of some other element in the place of this one.
pub(super) fn other_element(site: &mut Site<'_>) -> Made {
    let places = site.root.places();
    let from = site.random.pick(&places).clone();
    if from.is_empty() {
        return Made::Nothing;
    }
    let copy = site.root.at(&from).clone();
    let Some((parent, at)) = site.parent() else { return Made::Nothing };
    parent.children[at] = Node::Element(copy);
    Made::Change
}

pub(super) fn text_among_elements(site: &mut Site<'_>) -> Made {
    if !site.holds_only_elements() {
        return Made::Nothing;
    }
    let text = *site.random.pick(&["x", "\u{a0}", "0", " .", "\u{2028}", "\u{3000}"]);
    let at = site.gap();
    let node = if site.random.chance(30) { Node::Section(text.into()) } else { Node::Text(text.into()) };
    site.element().children.insert(at, node);
    Made::Break
}

pub(super) fn blank_section(site: &mut Site<'_>) -> Made {
    if site.simple().is_some() {
        return Made::Nothing;
    }
    let text = *site.random.pick(&["", " ", "\n"]);
    let at = site.gap();
    site.element().children.insert(at, Node::Section(text.into()));
    Made::Change
}

pub(super) fn unknown_attribute(site: &mut Site<'_>) -> Made {
    let is_message = site.seen().name.namespace == site.root.name.namespace;
    set(site.element(), Name::new("", "zzz"), Value::Text("1".into()));
    if is_message && site.seen().type_at.is_some() { Made::Break } else { Made::Change }
}

/// An attribute that is declared without a namespace gets one, or the element gets one of `xml:`'s.
pub(super) fn attribute_namespace(site: &mut Site<'_>) -> Made {
    let own = site.seen().name.namespace.to_string();
    if site.seen().attributes.is_empty() {
        let name = Name::new(if site.random.chance(50) { FOREIGN } else { &own }, "Ccy");
        site.element().attributes.push((name, Value::Text("BRL".into())));
        return Made::Change;
    }
    let attributes = site.seen().attributes.len();
    let at = site.random.below(attributes);
    let namespace = *site.random.pick(&[FOREIGN, own.as_str()]);
    if namespace.is_empty() {
        return Made::Nothing;
    }
    let attributes = &mut site.element().attributes;
    let (Name { local, .. }, value) = attributes.remove(at);
    set(site.element(), Name { namespace: namespace.into(), local }, value);
    Made::Change
}

pub(super) fn attribute_missing(site: &mut Site<'_>) -> Made {
    if site.seen().attributes.is_empty() {
        return Made::Nothing;
    }
    site.element().attributes.remove(0);
    Made::Change
}

/// Names the declared type, one derived from a declared one, another, one that is not there.
pub(super) fn instance_type(site: &mut Site<'_>) -> Made {
    let own = site.seen().type_at;
    let named = &site.grammar.named_types;
    let declared = named.iter().find(|(_, at)| Some(**at) == own).map(|(name, _)| name.clone());
    let all: Vec<&Name> = named.keys().collect();
    let any = (*site.random.pick(&all)).clone();
    let built_in =
        *site.random.pick(&["string", "anyType", "integer", "token", "decimal", "dateTime", "anySimpleType"]);
    let message = site.root.name.namespace.clone();
    let name = match (site.random.below(8), declared) {
        (0..=2, Some(declared)) => declared,
        (3, _) => Name::new(XSD, built_in),
        (4, _) => Name { namespace: message, local: "Nothing".into() },
        (5.., _) if site.simple().is_some() => return other_simple_type(site),
        _ => any,
    };
    set(site.element(), Name::new(INSTANCE, "type"), Value::Name(name));
    Made::Change
}

/// A named type that restricts the same built-in one: derived from the declared type, or beside it. The text may
/// become one of its values.
fn other_simple_type(site: &mut Site<'_>) -> Made {
    let Some(own) = site.simple() else { return Made::Nothing };
    let grammar = site.grammar;
    let alike = |at: usize| match &grammar.types[at] {
        Type::Simple(simple) if simple.built_in == own.built_in => Some(simple),
        Type::Simple(_) | Type::Complex(_) => None,
    };
    let all: Vec<(&Name, &Simple)> =
        grammar.named_types.iter().filter_map(|(name, at)| Some((name, alike(*at)?))).collect();
    if all.is_empty() {
        return Made::Nothing;
    }
    let (name, simple) = *site.random.pick(&all);
    if site.random.chance(60) {
        let text = value::valid(simple, site.random, &mut 8_000);
        site.element().children = vec![Node::Text(text)];
    }
    set(site.element(), Name::new(INSTANCE, "type"), Value::Name(name.clone()));
    Made::Change
}

pub(super) fn nil(site: &mut Site<'_>) -> Made {
    let text = *site.random.pick(&["true", "false", "1", "0", " true ", "TRUE", ""]);
    set(site.element(), Name::new(INSTANCE, "nil"), Value::Text(text.into()));
    if site.random.chance(50) {
        site.element().children.clear();
    }
    Made::Change
}

pub(super) fn instance_other(site: &mut Site<'_>) -> Made {
    let local = *site.random.pick(&["unknown", "Type", "noNamespaceSchemaLocation", "schemaLocation"]);
    let text = if local == "schemaLocation" { "urn:example:nowhere nowhere.xsd" } else { "nowhere.xsd" };
    set(site.element(), Name::new(INSTANCE, local), Value::Text(text.into()));
    Made::Change
}

fn set(element: &mut Element, name: Name, value: Value) {
    element.attributes.retain(|(known, _)| *known != name);
    element.attributes.push((name, value));
}

pub(super) fn other_root(site: &mut Site<'_>) -> Made {
    let namespace = site.root.name.namespace.to_string();
    let names = [(FOREIGN, "Envelope"), ("", "Envelope"), (namespace.as_str(), "Document")];
    let (namespace, local) = *site.random.pick(&names);
    let root = Name::new(namespace, local);
    site.root.name = root;
    Made::Break
}
