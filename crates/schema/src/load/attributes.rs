//! Attributes: declarations, uses, and what a derived type has of its base's.

use super::compiler::{Compiler, Complex};
use super::names::{Part, XSI, find_global};
use crate::tables::{AttributeUse, NO_NAMESPACE, NamespaceId, NamespaceSet, ValueConstraint, Wildcard};

/// The attributes that a type itself writes.
#[derive(Default)]
pub(super) struct Own {
    uses: Vec<AttributeUse>,
    prohibited: Vec<(NamespaceId, Box<str>)>,
    any: Option<Wildcard>,
}

impl<'s> Compiler<'s> {
    pub(super) fn global_attribute(&mut self, part: Part<'s>) {
        let Some(name) = self.declared_name(part) else { return };
        let namespace = part.home.namespace;
        if find_global(&self.global_attributes, (namespace, name)).is_some() {
            self.problems.add(part.place(), format!("attribute {name} is declared twice"));
            return;
        }
        let declared = self.attribute(part, namespace, name);
        self.global_attributes.entry(namespace).or_default().insert(name.into(), declared);
    }

    /// A declaration of an attribute, as an optional use of it.
    fn attribute(&mut self, part: Part<'s>, namespace: NamespaceId, local: &str) -> AttributeUse {
        if local == "xmlns" || self.namespaces.name(namespace) == XSI {
            self.problems.add(part.place(), "no attribute can have this name");
        }
        if part.attribute("default").is_some() && part.attribute("fixed").is_some() {
            self.problems.add(part.place(), "default and fixed exclude each other");
        }
        let type_id = self.type_of_part(part, &["simpleType"]).unwrap_or(self.any_simple_type);
        // Checked with or without a value: only simple types may stand.
        self.simple_type_of(part, type_id);
        let value = self.value_of(part, type_id);
        AttributeUse { namespace, local: local.into(), type_id, required: false, value }
    }

    /// What stands at the end of a complex type or of a derivation.
    pub(super) fn own_attributes(&mut self, part: Part<'s>) -> Own {
        let mut own = Own::default();
        for child in part.children() {
            if child.is("anyAttribute") {
                own.any = self.wildcard(child);
            }
            if !child.is("attribute") {
                continue;
            }
            let Some(mut found) = self.attribute_use(child) else { continue };
            let twice = own.uses.iter().any(|known| is_same(known, &found))
                || own.prohibited.iter().any(|(n, l)| *n == found.namespace && *l == found.local);
            if twice {
                self.problems.add(child.place(), format!("attribute {} stands twice", found.local));
                continue;
            }
            match child.attribute("use") {
                None | Some("optional") => {}
                Some("required") => found.required = true,
                Some("prohibited") => {
                    own.prohibited.push((found.namespace, found.local));
                    continue;
                }
                Some(other) => {
                    let reason = format!("use is optional, required or prohibited, not \"{other}\"");
                    self.problems.add(child.place(), reason);
                }
            }
            own.uses.push(found);
        }
        own
    }

    fn attribute_use(&mut self, part: Part<'s>) -> Option<AttributeUse> {
        if part.attribute("default").is_some() && !matches!(part.attribute("use"), None | Some("optional")) {
            self.problems.add(part.place(), "an attribute with a default is optional");
        }
        let Some(reference) = part.attribute("ref") else {
            let name = self.declared_name(part)?;
            let namespace = self.form(part, part.home.attributes_qualified);
            return Some(self.attribute(part, namespace, name));
        };
        if let Some(own) = ["name", "type", "form"].iter().find(|name| part.attribute(name).is_some()) {
            self.problems.add(part.place(), format!("ref and {own} exclude each other"));
        }
        if let Some(own) = part.child(&["simpleType"]) {
            self.problems.add(own.place(), "ref and xs:simpleType exclude each other");
        }
        let name = self.reference(part, reference)?;
        let Some(mut found) = find_global(&self.global_attributes, name).cloned() else {
            self.problems.add(part.place(), format!("attribute {reference} is not declared"));
            return None;
        };
        let own = self.value_of(part, found.type_id);
        match (&found.value, &own) {
            (_, None) => {}
            (Some(ValueConstraint::Fixed(_)), Some(own)) if !self.keeps_fixed(&found, Some(own)) => {
                self.problems.add(part.place(), "the declaration that it refers to has another fixed value");
            }
            (Some(ValueConstraint::Fixed(_) | ValueConstraint::Default(_)) | None, Some(_)) => {
                found.value = own
            }
        }
        Some(found)
    }

    /// Whether a value is the fixed one of a declaration, if that has one.
    pub(super) fn keeps_fixed(&mut self, of: &AttributeUse, value: Option<&ValueConstraint>) -> bool {
        let Some(ValueConstraint::Fixed(must)) = &of.value else { return true };
        let Some(ValueConstraint::Fixed(own)) = value else { return false };
        match self.settle(of.type_id) {
            Some(super::compiler::Shape::Simple(simple)) => simple.canonical(must) == simple.canonical(own),
            Some(super::compiler::Shape::Complex(_)) | None => must == own,
        }
    }

    /// Adds a type's own attributes to those of the type that it extends; plain types extend nothing.
    pub(super) fn extend_attributes(&mut self, part: Part<'s>, own: Own, complex: &mut Complex) {
        for found in own.uses {
            if complex.attributes.iter().any(|known| is_same(known, &found)) {
                let reason = format!("attribute {} stands in the extended type too", found.local);
                self.problems.add(part.place(), reason);
            }
            complex.attributes.push(found);
        }
        complex.any_attribute = match (complex.any_attribute.take(), own.any) {
            (Some(base), Some(own)) => match union(&base.namespaces, &own.namespaces) {
                Some(namespaces) => Some(Wildcard { namespaces, process: own.process }),
                None => {
                    let reason =
                        "both anyAttribute, this one and that of the extended type, cannot be put together";
                    self.problems.add(part.place(), reason);
                    None
                }
            },
            (base, own) => own.or(base),
        };
        self.check_one_id(part, complex);
    }

    /// Replaces attributes of the restricted type by a type's own. Whether that is narrower is checked later.
    pub(super) fn restrict_attributes(&mut self, part: Part<'s>, own: Own, complex: &mut Complex) {
        complex.attributes.retain(|known| {
            !own.uses.iter().any(|found| is_same(known, found))
                && !own.prohibited.iter().any(|(n, l)| *n == known.namespace && *l == known.local)
        });
        complex.attributes.extend(own.uses);
        complex.any_attribute = own.any;
        self.check_one_id(part, complex);
    }

    fn check_one_id(&mut self, part: Part<'s>, complex: &Complex) {
        let mut ids = 0;
        for found in &complex.attributes {
            let shape = self.settle(found.type_id);
            ids +=
                usize::from(matches!(shape, Some(super::compiler::Shape::Simple(simple)) if simple.is_id()));
        }
        if ids > 1 {
            self.problems.add(part.place(), "more than one attribute of type xs:ID");
        }
    }
}

pub(super) fn is_same(one: &AttributeUse, other: &AttributeUse) -> bool {
    one.namespace == other.namespace && one.local == other.local
}

/// The namespaces of two wildcards together, where one wildcard can say that (XSD, part 1, section 3.10.6).
fn union(one: &NamespaceSet, other: &NamespaceSet) -> Option<NamespaceSet> {
    match (one, other) {
        (one, other) if one == other => Some(one.clone()),
        (NamespaceSet::Any, _) | (_, NamespaceSet::Any) => Some(NamespaceSet::Any),
        (NamespaceSet::OneOf(one), NamespaceSet::OneOf(other)) => {
            let more = other.iter().filter(|name| !one.contains(name));
            Some(NamespaceSet::OneOf(one.iter().chain(more).copied().collect()))
        }
        (NamespaceSet::Other(own), NamespaceSet::OneOf(names))
        | (NamespaceSet::OneOf(names), NamespaceSet::Other(own)) => {
            match (names.contains(own), names.contains(&NO_NAMESPACE)) {
                (true, true) => Some(NamespaceSet::Any),
                (true, false) => Some(NamespaceSet::Other(NO_NAMESPACE)),
                (false, true) => None,
                (false, false) => Some(NamespaceSet::Other(*own)),
            }
        }
        (NamespaceSet::Other(_), NamespaceSet::Other(_)) => Some(NamespaceSet::Other(NO_NAMESPACE)),
    }
}
