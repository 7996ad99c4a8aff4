//! Names in schemas: what may be one, and what a name with a prefix means where it stands.

use super::compiler::Compiler;
use super::resolve::Home;
use crate::tables::{Globals, NO_NAMESPACE, NamespaceId};
use pix_stream_xsd::Place;
use pix_stream_xsd::{Node, XSD};

/// The namespace of `xsi:type` and `xsi:nil`.
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An element of a schema and the file and namespace it is read for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'s> {
    pub(super) node: &'s Node,
    pub(super) home: &'s Home,
}

impl<'s> Part<'s> {
    pub(super) fn place(self) -> Place {
        self.node.place
    }

    pub(super) fn is(self, name: &str) -> bool {
        self.node.rule.name == name
    }

    /// An attribute without the space around it.
    pub(super) fn attribute(self, name: &str) -> Option<&'s str> {
        self.node.attribute(name)
    }

    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        self.node.children.iter().map(move |node| Part { node, home: self.home })
    }

    /// The first child of one of these names.
    pub(super) fn child(self, names: &[&str]) -> Option<Self> {
        self.children().find(|child| names.contains(&child.node.rule.name))
    }
}

/// Whether a text is a name without a colon (Namespaces in XML, production 4).
pub(super) fn is_local_name(text: &str) -> bool {
    let starts = |c: char| {
        matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
            | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
            | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
            | '\u{10000}'..='\u{effff}')
    };
    let goes_on = |c: char| {
        starts(c)
            || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
    };
    text.starts_with(starts) && text.chars().all(goes_on)
}

/// A row of globals, if there is one of this name.
pub(super) fn find_global<'g, T>(
    globals: &'g Globals<T>,
    (namespace, local): (NamespaceId, &str),
) -> Option<&'g T> {
    globals.get(&namespace).and_then(|names| names.get(local))
}

impl<'s> Compiler<'s> {
    /// What a part declares: its `name`.
    pub(super) fn declared_name(&mut self, part: Part<'s>) -> Option<&'s str> {
        let kind = part.node.rule.name;
        match part.attribute("name") {
            None => self.missing(part, "a name"),
            Some(name) if is_local_name(name) => return Some(name),
            Some(name) => self.problems.add(part.place(), format!("\"{name}\" is no name of an xs:{kind}")),
        }
        None
    }

    /// What a name means that refers to a component: prefixes as they hold there, and only namespaces that the file
    /// imports (XSD, part 1, section 4.2.3).
    pub(super) fn reference(&mut self, part: Part<'s>, text: &'s str) -> Option<(NamespaceId, &'s str)> {
        let (prefix, local) = text.split_once(':').unwrap_or(("", text));
        if !is_local_name(local) || (text.contains(':') && !is_local_name(prefix)) {
            self.problems.add(part.place(), format!("\"{text}\" is no name that could refer to something"));
            return None;
        }
        let home = part.home;
        let namespace = match part.node.scope.get(prefix).filter(|name| !name.is_empty()) {
            None if !prefix.is_empty() => {
                self.problems.add(part.place(), format!("prefix {prefix} is not declared"));
                return None;
            }
            Some(XSD) => return Some((self.namespaces.number(XSD), local)),
            Some(name) => self.namespaces.number(name),
            None if home.is_chameleon => home.namespace,
            None => NO_NAMESPACE,
        };
        if namespace == home.namespace || home.imports.contains(&namespace) {
            return Some((namespace, local));
        }
        let name = self.namespaces.name(namespace);
        let reason = if name.is_empty() {
            format!("\"{text}\" is in no namespace here; a prefix or a default namespace is missing")
        } else {
            format!("\"{text}\": the namespace {name} is not imported")
        };
        self.problems.add(part.place(), reason);
        None
    }

    /// An attribute that says yes or no.
    pub(super) fn flag(&mut self, part: Part<'s>, name: &str) -> bool {
        match part.attribute(name) {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(other) => {
                self.problems.add(part.place(), format!("{name} is true or false, not \"{other}\""));
                false
            }
        }
    }

    /// The namespace of a local element or attribute.
    pub(super) fn form(&mut self, part: Part<'s>, qualified: bool) -> NamespaceId {
        let qualified = match part.attribute("form") {
            None => qualified,
            Some("qualified") => true,
            Some("unqualified") => false,
            Some(other) => {
                self.problems.add(part.place(), format!("form is qualified or unqualified, not \"{other}\""));
                qualified
            }
        };
        if qualified { part.home.namespace } else { NO_NAMESPACE }
    }
}
