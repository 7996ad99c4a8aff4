//! The attributes of an element, those of the schema instance namespace first: they decide what it is.

use crate::tables::{
    ANY_TYPE, AttributeUse, Complex, ElementId, Kind, NamespaceId, Process, TypeId, ValueConstraint, Wildcard,
};
use crate::validate::identity::Held;
use crate::validate::{At, Fault, Validator, check};
use pix_stream_datatypes::Simple;

/// The namespace of `xsi:type` and its like.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What may stand in that namespace on any element.
const SPECIAL: [&str; 4] = ["type", "nil", "schemaLocation", "noNamespaceSchemaLocation"];

/// An attribute as the reader gives it: references resolved, line ends normalized.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    /// Its namespace, empty for none.
    pub namespace: &'a str,
    /// Its local name.
    pub local: &'a str,
    /// Its value.
    pub value: &'a str,
}

impl Attribute<'_> {
    /// Whether it is `xsi:type`.
    pub(super) fn is_type(&self) -> bool {
        self.local == "type" && self.namespace == INSTANCE
    }
}

/// The prefixes in scope.
pub trait Prefixes {
    /// The namespace of a prefix; of the empty prefix, the default one.
    fn find(&self, prefix: &str) -> Option<&str>;
}

/// What attributes of the schema instance namespace say.
pub(super) struct Special {
    pub(super) type_id: TypeId,
    pub(super) nil: bool,
}

impl<'s> Validator<'s> {
    /// Reads `xsi:type` and `xsi:nil`.
    pub(super) fn special<'a>(
        &mut self,
        declared: TypeId,
        element: Option<ElementId>,
        attributes: impl Iterator<Item = Attribute<'a>>,
        prefixes: &impl Prefixes,
    ) -> Special {
        let mut special = Special { type_id: declared, nil: false };
        for attribute in attributes.filter(|attribute| attribute.namespace == INSTANCE) {
            let outcome = match attribute.local {
                "type" => self.named_type(declared, attribute.value, prefixes).map(|id| special.type_id = id),
                "nil" => self.nil(element, attribute.value).map(|nil| special.nil = nil),
                _ => Ok(()),
            };
            if let Err(reason) = outcome {
                self.fault(Fault::new(At::Open, reason).of_attribute(attribute.local));
            }
        }
        if let Kind::Complex(Complex { is_abstract: true, .. }) = self.schemas.type_of(special.type_id).kind {
            self.fault(Fault::new(At::Open, "its type is abstract; xsi:type must name one derived from it"));
            special.type_id = ANY_TYPE;
        }
        special
    }

    fn named_type(
        &self,
        declared: TypeId,
        value: &str,
        prefixes: &impl Prefixes,
    ) -> Result<TypeId, &'static str> {
        let name = value.trim_matches([' ', '\t', '\r', '\n']);
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = prefixes.find(prefix);
        if namespace.is_none() && !prefix.is_empty() {
            return Err("the prefix of the type is not declared");
        }
        let id = self.schemas.find_namespace(namespace.unwrap_or_default());
        let found = id.and_then(|id| self.schemas.global_types.get(&id)).and_then(|types| types.get(local));
        let found = *found.ok_or("no schema declares this type")?;
        let mut base = Some(found);
        while let Some(id) = base {
            if id == declared {
                return Ok(found);
            }
            base = self.schemas.type_of(id).base;
        }
        Err("the type is not derived from the one that is declared")
    }

    fn nil(&self, element: Option<ElementId>, value: &str) -> Result<bool, &'static str> {
        let nil = match value.trim_matches([' ', '\t', '\r', '\n']) {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err("is no xs:boolean"),
        };
        // XSD part 1, section 3.3.4 (cvc-elt), clause 3: only where a declaration stands does it mean anything.
        let Some(declared) = element.map(|id| self.schemas.element(id)) else { return Ok(false) };
        if !declared.nillable {
            return Err("the element may not be nil");
        }
        let fixed = matches!(declared.value, Some(ValueConstraint::Fixed(_)));
        if nil && fixed { Err("an element with a fixed value may not be nil") } else { Ok(nil) }
    }

    /// Checks the other attributes of the element that has just been opened.
    pub(super) fn attributes<'a>(
        &mut self,
        type_id: TypeId,
        attributes: impl Iterator<Item = Attribute<'a>> + Clone,
    ) {
        let (uses, wildcard): (&'s [AttributeUse], Option<&'s Wildcard>) =
            match &self.schemas.type_of(type_id).kind {
                Kind::Simple(_) => (&[], None),
                Kind::Complex(complex) => (&complex.attributes, complex.any_attribute.as_ref()),
            };
        let mut has_wild_id = false;
        for attribute in attributes.clone() {
            if attribute.namespace == INSTANCE && SPECIAL.contains(&attribute.local) {
                continue;
            }
            let namespace = self.schemas.find_namespace(attribute.namespace);
            let is_it =
                |one: &&AttributeUse| *one.local == *attribute.local && Some(one.namespace) == namespace;
            match uses.iter().find(is_it) {
                Some(one) => self.attribute(one, attribute),
                None if !self.other_attribute(wildcard, namespace, attribute) => {}
                // XSD part 1, section 3.4.4 (cvc-complex-type), clause 5: the type's own need not stand.
                None if has_wild_id || uses.iter().any(|one| self.is_id(one)) => {
                    let fault = Fault::new(At::Open, "is a second attribute that is an ID");
                    self.fault(fault.of_attribute(attribute.local));
                }
                None => has_wild_id = true,
            }
        }
        for one in uses.iter().filter(|one| one.required || one.value.is_some()) {
            if self.is_there(one, attributes.clone()) {
                continue;
            }
            if one.required {
                self.fault(Fault::new(At::Open, "is missing").of_attribute(&one.local));
            }
            if let (Some(ValueConstraint::Default(value) | ValueConstraint::Fixed(value)), Some(simple)) =
                (&one.value, self.simple(one.type_id))
            {
                let held = Held::Value(simple, value);
                self.identity.attribute(one.namespace, &one.local, held, &mut self.faults);
            }
        }
    }

    fn is_id(&self, one: &AttributeUse) -> bool {
        self.simple(one.type_id).is_some_and(Simple::is_id)
    }

    fn is_there<'a>(&self, one: &AttributeUse, mut attributes: impl Iterator<Item = Attribute<'a>>) -> bool {
        attributes.any(|attribute| {
            *attribute.local == *one.local
                && self.schemas.find_namespace(attribute.namespace) == Some(one.namespace)
        })
    }

    /// Checks an attribute that only a wildcard may let through: whether it is declared as an ID there.
    fn other_attribute(
        &mut self,
        wildcard: Option<&'s Wildcard>,
        namespace: Option<NamespaceId>,
        attribute: Attribute<'_>,
    ) -> bool {
        let Some(wildcard) = wildcard.filter(|wildcard| wildcard.namespaces.holds(namespace)) else {
            self.fault(Fault::new(At::Open, "may not stand here").of_attribute(attribute.local));
            return false;
        };
        let globals = namespace.and_then(|id| self.schemas.global_attributes.get(&id));
        let known: Option<&'s AttributeUse> = globals.and_then(|names| names.get(attribute.local));
        match (wildcard.process, known) {
            (Process::Skip, _) | (Process::Lax, None) => false,
            (Process::Strict, None) => {
                self.fault(Fault::new(At::Open, "no schema declares it").of_attribute(attribute.local));
                false
            }
            (Process::Lax | Process::Strict, Some(known)) => {
                self.attribute(known, attribute);
                self.is_id(known)
            }
        }
    }

    fn attribute(&mut self, one: &'s AttributeUse, attribute: Attribute<'_>) {
        let Some(simple): Option<&'s Simple> = self.simple(one.type_id) else { return };
        let fixed = match &one.value {
            Some(ValueConstraint::Fixed(value)) => Some((simple, &**value)),
            Some(ValueConstraint::Default(_)) | None => None,
        };
        let held = match check(simple, fixed, attribute.value) {
            Ok(value) => {
                if simple.is_id() && !self.ids.insert(value.clone().into_owned()) {
                    let fault = Fault::new(At::Open, "is an ID that stands in the document already");
                    self.faults.push(fault.of_attribute(attribute.local));
                }
                value
            }
            Err(reason) => {
                let fault = Fault::new(At::Open, reason).of_attribute(attribute.local);
                self.fault(fault.with_value(attribute.value));
                return self.identity.attribute(one.namespace, &one.local, Held::Nothing, &mut self.faults);
            }
        };
        let held = Held::Value(simple, &held);
        self.identity.attribute(one.namespace, &one.local, held, &mut self.faults);
    }
}
