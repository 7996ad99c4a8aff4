//! Declarations of elements, global and local.

use super::compiler::Compiler;
use super::names::{Part, find_global};
use crate::tables::{ANY_TYPE, Element, ElementId, NamespaceId, TypeId, ValueConstraint};

impl<'s> Compiler<'s> {
    /// Gives a global element its number, so that others can refer to it before it is compiled.
    pub(super) fn declare_element(&mut self, part: Part<'s>) -> Option<(ElementId, Part<'s>)> {
        let name = self.declared_name(part)?;
        if let Some(first) = find_global(&self.global_elements, (part.home.namespace, name)) {
            let place = self.element_places[first.0 as usize];
            self.twice(part, "element", name, place);
            return None;
        }
        let element = Element {
            namespace: part.home.namespace,
            local: name.into(),
            type_id: ANY_TYPE,
            nillable: false,
            value: None,
            unique: Vec::new(),
        };
        let id = self.push_element(element, part.place());
        self.global_elements.entry(part.home.namespace).or_default().insert(name.into(), id);
        Some((id, part))
    }

    /// Compiles a global element into its row.
    pub(super) fn global_element(&mut self, id: ElementId, part: Part<'s>) {
        let (namespace, local) = {
            let row = &self.elements[id.0 as usize];
            (row.namespace, row.local.clone())
        };
        self.elements[id.0 as usize] = self.element_row(part, namespace, local);
        self.keep_value(id, part);
    }

    /// The element of a local declaration, or the global one that it refers to.
    pub(super) fn local_element(&mut self, part: Part<'s>) -> Option<ElementId> {
        let Some(reference) = part.attribute("ref") else {
            let name = self.declared_name(part)?;
            let namespace = self.form(part, part.home.elements_qualified);
            let row = self.element_row(part, namespace, name.into());
            let id = self.push_element(row, part.place());
            self.keep_value(id, part);
            return Some(id);
        };
        const OWN: [&str; 6] = ["name", "type", "nillable", "default", "fixed", "form"];
        if let Some(own) = OWN.iter().find(|name| part.attribute(name).is_some()) {
            self.problems.add(part.place(), format!("ref and {own} exclude each other"));
        }
        if let Some(own) = part.children().next() {
            self.problems.add(own.place(), format!("ref and xs:{} exclude each other", own.node.rule.name));
        }
        let name = self.reference(part, reference)?;
        let found = find_global(&self.global_elements, name).copied();
        if found.is_none() {
            self.problems.add(part.place(), format!("element {reference} is not declared"));
        }
        found
    }

    fn element_row(&mut self, part: Part<'s>, namespace: NamespaceId, local: Box<str>) -> Element {
        let type_id = self.type_of_part(part, &["simpleType", "complexType"]).unwrap_or(ANY_TYPE);
        let nillable = self.flag(part, "nillable");
        let unique = self.identities(part);
        if part.attribute("default").is_some() && part.attribute("fixed").is_some() {
            self.problems.add(part.place(), "default and fixed exclude each other");
        }
        Element { namespace, local, type_id, nillable, value: None, unique }
    }

    /// The type that an element or attribute names or declares in place; `None` if there is none, or a wrong one.
    pub(super) fn type_of_part(&mut self, part: Part<'s>, inline: &[&str]) -> Option<TypeId> {
        match (part.attribute("type"), part.child(inline)) {
            (Some(_), Some(inline)) => {
                self.problems.add(inline.place(), "a type attribute and a type in place exclude each other");
                None
            }
            (Some(name), None) => self.type_named(part, name),
            (None, Some(inline)) => Some(self.add_type(None, inline)),
            (None, None) => None,
        }
    }

    /// Remembers a default or fixed value until all types are known.
    fn keep_value(&mut self, id: ElementId, part: Part<'s>) {
        if part.attribute("default").or(part.attribute("fixed")).is_some() {
            self.element_values.push((id, part));
        }
    }

    /// Checks the value that stands where a part says nothing or must stand, against a simple type.
    pub(super) fn value_of(&mut self, part: Part<'s>, type_id: TypeId) -> Option<ValueConstraint> {
        let (is_fixed, text) = match (part.node.raw("default"), part.node.raw("fixed")) {
            (Some(text), None) => (false, text),
            (None, Some(text)) => (true, text),
            // Both: reported where the declaration is read.
            (None, None) | (Some(_), Some(_)) => return None,
        };
        let simple = self.simple_type_of(part, type_id)?;
        if simple.is_id() {
            self.problems.add(part.place(), "an ID cannot have a default or fixed value");
            return None;
        }
        match simple.check(text) {
            Ok(normal) if is_fixed => Some(ValueConstraint::Fixed(normal.into())),
            Ok(normal) => Some(ValueConstraint::Default(normal.into())),
            Err(refused) => {
                let kind = if is_fixed { "fixed" } else { "default" };
                self.problems.add(part.place(), format!("the {kind} value \"{text}\" {refused}"));
                None
            }
        }
    }
}
