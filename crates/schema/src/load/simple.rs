//! Simple types: a base and the facets of one restriction.

use std::rc::Rc;

use super::compiler::{Compiler, Shape};
use super::names::Part;
use crate::tables::TypeId;
use pix_stream_datatypes::{Facet, FacetKind, Simple};

impl<'s> Compiler<'s> {
    /// Compiles an `xs:simpleType` into the row of its number.
    pub(super) fn simple_type(&mut self, id: TypeId, part: Part<'s>) -> Option<Simple> {
        let Some(restriction) = part.child(&["restriction"]) else {
            self.missing(part, "xs:restriction");
            return None;
        };
        let base = match (restriction.attribute("base"), restriction.child(&["simpleType"])) {
            (Some(name), None) => self.type_named(restriction, name)?,
            (None, Some(inline)) => self.add_type(None, inline),
            (Some(_), Some(_)) | (None, None) => {
                self.problems.add(restriction.place(), "xs:restriction has either a base or a type in place");
                return None;
            }
        };
        self.types[id.0 as usize].base = Some(base);
        self.restriction(restriction, base)
    }

    /// A simple type narrowed by the facets of an `xs:restriction`.
    pub(super) fn restriction(&mut self, part: Part<'s>, base: TypeId) -> Option<Simple> {
        if base == self.any_simple_type {
            self.problems.add(part.place(), "xs:anySimpleType cannot be restricted");
            return None;
        }
        let simple = self.simple_type_of(part, base);
        let mut facets = Vec::new();
        let mut parts = Vec::new();
        for child in part.children() {
            let Some(kind) = facet_kind(child.node.rule.name) else { continue };
            self.flag(child, "fixed");
            match child.node.raw("value") {
                Some(value) => {
                    facets.push(Facet { kind, value: value.to_owned() });
                    parts.push(child);
                }
                None => self.missing(child, "a value"),
            }
        }
        match simple?.restrict(&facets) {
            Ok(simple) => Some(simple),
            Err(wrong) => {
                for (at, reason) in wrong {
                    let place = parts.get(at).copied().unwrap_or(part).place();
                    self.problems.add(place, reason);
                }
                None
            }
        }
    }

    /// A simple type, where no other can stand; `None` if it has problems or is none.
    pub(super) fn simple_type_of(&mut self, part: Part<'s>, id: TypeId) -> Option<Rc<Simple>> {
        if !self.types[id.0 as usize].is_simple {
            let reason = format!("{} is not a simple type, as it must be here", self.type_name(id));
            self.problems.add(part.place(), reason);
            return None;
        }
        match self.settle(id)? {
            Shape::Simple(simple) => Some(simple),
            Shape::Complex(_) => None,
        }
    }
}

fn facet_kind(name: &str) -> Option<FacetKind> {
    Some(match name {
        "length" => FacetKind::Length,
        "minLength" => FacetKind::MinLength,
        "maxLength" => FacetKind::MaxLength,
        "pattern" => FacetKind::Pattern,
        "enumeration" => FacetKind::Enumeration,
        "whiteSpace" => FacetKind::WhiteSpace,
        "maxInclusive" => FacetKind::MaxInclusive,
        "maxExclusive" => FacetKind::MaxExclusive,
        "minInclusive" => FacetKind::MinInclusive,
        "minExclusive" => FacetKind::MinExclusive,
        "totalDigits" => FacetKind::TotalDigits,
        "fractionDigits" => FacetKind::FractionDigits,
        _ => return None,
    })
}
