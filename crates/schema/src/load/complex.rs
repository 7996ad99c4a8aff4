//! Complex types: plain ones, and those that extend or restrict another.

use std::rc::Rc;

use super::attributes::Own;
use super::compiler::{Compiler, Complex, Content, Row, Shape, State};
use super::names::Part;
use crate::model::{Particle, Term};
use crate::tables::{ANY_TYPE, TypeId};

const PARTICLES: [&str; 3] = ["sequence", "choice", "all"];

impl<'s> Compiler<'s> {
    /// Compiles an `xs:complexType` into the row of its number.
    pub(super) fn complex_type(&mut self, id: TypeId, part: Part<'s>) -> Option<Complex> {
        let is_abstract = self.flag(part, "abstract");
        let mixed = self.flag(part, "mixed");
        let mut complex = match part.child(&["simpleContent", "complexContent"]) {
            Some(content) => {
                if let Some(other) = part.children().find(|child| !std::ptr::eq(child.node, content.node)) {
                    let (name, content) = (other.node.rule.name, content.node.rule.name);
                    self.problems
                        .add(other.place(), format!("xs:{name} beside xs:{content}; write it in there"));
                }
                if content.is("simpleContent") {
                    if mixed {
                        self.problems.add(part.place(), "a type with simpleContent cannot be mixed");
                    }
                    self.simple_content(id, content)?
                } else {
                    let own = content.attribute("mixed").is_some();
                    let mixed = if own { self.flag(content, "mixed") } else { mixed };
                    self.complex_content(id, content, mixed)?
                }
            }
            None => {
                self.types[id.0 as usize].base = Some(ANY_TYPE);
                let content = self.own_content(part, mixed);
                let mut complex =
                    Complex { attributes: Vec::new(), any_attribute: None, content, is_abstract: false };
                let own = self.own_attributes(part);
                self.extend_attributes(part, own, &mut complex);
                complex
            }
        };
        complex.is_abstract = is_abstract;
        Some(complex)
    }

    /// The content that a type or derivation writes itself.
    fn own_content(&mut self, part: Part<'s>, mixed: bool) -> Content {
        let written = part.child(&PARTICLES);
        let particle = written.and_then(|written| self.particle(written));
        let place = written.unwrap_or(part).place();
        let has_members = |particle: &Particle| match &particle.term {
            Term::Sequence(members) | Term::Choice(members) | Term::All(members) => !members.is_empty(),
            Term::Element(_) | Term::Any(_) => true,
        };
        match particle.filter(has_members) {
            Some(particle) => Content::Elements { particle, mixed, place },
            None if mixed => Content::Elements { particle: nothing(), mixed, place },
            None => Content::Empty,
        }
    }

    /// The derivation that a content consists of, and the number and shape of its base.
    fn derivation(&mut self, id: TypeId, content: Part<'s>) -> Option<(Part<'s>, TypeId, Shape)> {
        let Some(derivation) = content.child(&["extension", "restriction"]) else {
            self.missing(content, "xs:extension or xs:restriction");
            return None;
        };
        let Some(base) = derivation.attribute("base") else {
            self.missing(derivation, "a base");
            return None;
        };
        let base = self.type_named(derivation, base)?;
        let row = &mut self.types[id.0 as usize];
        row.base = Some(base);
        row.by_extension = derivation.is("extension");
        let shape = self.settle(base)?;
        Some((derivation, base, shape))
    }

    fn simple_content(&mut self, id: TypeId, content: Part<'s>) -> Option<Complex> {
        let (derivation, base, shape) = self.derivation(id, content)?;
        let own = self.own_attributes(derivation);
        let is_extension = derivation.is("extension");
        let mut complex = match shape {
            Shape::Simple(_) if is_extension => {
                let content = Content::Text(base);
                Complex { attributes: Vec::new(), any_attribute: None, content, is_abstract: false }
            }
            Shape::Complex(complex) if matches!(complex.content, Content::Text(_)) => {
                Rc::unwrap_or_clone(complex)
            }
            Shape::Simple(_) => {
                self.problems.add(derivation.place(), "a simple type can only be extended here");
                return None;
            }
            Shape::Complex(_) => {
                let reason = format!("{} has no simple content", self.type_name(base));
                self.problems.add(derivation.place(), reason);
                return None;
            }
        };
        if is_extension {
            self.extend_attributes(derivation, own, &mut complex);
            return Some(complex);
        }
        if let Content::Text(text) = complex.content {
            complex.content = Content::Text(self.restricted_text(derivation, text)?);
        }
        self.restrict_attributes(derivation, own, &mut complex);
        Some(complex)
    }

    /// The text of a restricted `simpleContent`: that of its base, or a type in place, with facets.
    fn restricted_text(&mut self, part: Part<'s>, text: TypeId) -> Option<TypeId> {
        let mut base = text;
        if let Some(inline) = part.child(&["simpleType"]) {
            base = self.add_type(None, inline);
            self.settle(base)?;
            if !self.is_derived(base, text, true) {
                self.problems.add(inline.place(), "this type is not derived from the text of the base");
            }
        }
        let simple = self.restriction(part, base)?;
        let state = State::Done(Shape::Simple(Rc::new(simple)));
        let row = Row {
            name: None,
            base: Some(base),
            by_extension: false,
            place: part.place(),
            is_simple: true,
            state,
        };
        Some(self.push_type(row))
    }

    fn complex_content(&mut self, id: TypeId, content: Part<'s>, mixed: bool) -> Option<Complex> {
        let (derivation, base, shape) = self.derivation(id, content)?;
        let own = self.own_attributes(derivation);
        let own_content = self.own_content(derivation, mixed);
        let Shape::Complex(complex) = shape else {
            let reason = format!("{} is a simple type; xs:simpleContent extends those", self.type_name(base));
            self.problems.add(derivation.place(), reason);
            return None;
        };
        if derivation.is("extension") {
            self.extension(derivation, base, Rc::unwrap_or_clone(complex), (own, own_content))
        } else {
            let mut complex = Rc::unwrap_or_clone(complex);
            complex.content = own_content;
            self.restrict_attributes(derivation, own, &mut complex);
            Some(complex)
        }
    }

    fn extension(
        &mut self,
        part: Part<'s>,
        base: TypeId,
        mut complex: Complex,
        (own, own_content): (Own, Content),
    ) -> Option<Complex> {
        let mut refuse = |reason: &str| {
            self.problems.add(part.place(), reason);
            None
        };
        if base == ANY_TYPE {
            return refuse("xs:anyType cannot be extended: it allows everything already");
        }
        complex.content = match (complex.content, own_content) {
            (base, Content::Empty) => base,
            (Content::Empty, own) => own,
            (Content::Elements { mixed: of_base, .. }, Content::Elements { mixed, .. })
                if of_base != mixed =>
            {
                return refuse("of the type and the one it extends one is mixed, the other is not");
            }
            (
                Content::Elements { particle: first, .. },
                Content::Elements { particle: then, place, mixed },
            ) => match joined(first, then) {
                Some(particle) => Content::Elements { particle, mixed, place },
                None => return refuse("xs:all cannot be extended by elements, nor extend others"),
            },
            (Content::Text(_), _) | (_, Content::Text(_)) => {
                return refuse("a type with simpleContent cannot be extended by elements");
            }
        };
        self.extend_attributes(part, own, &mut complex);
        Some(complex)
    }
}

/// Nothing, as a particle: for content that is text only, in a mixed type.
fn nothing() -> Particle {
    Particle { term: Term::Sequence(Vec::new()), min: 1, max: Some(1) }
}

/// One content behind another (XSD, part 1, section 3.4.2).
fn joined(first: Particle, then: Particle) -> Option<Particle> {
    let is_nothing =
        |particle: &Particle| matches!(&particle.term, Term::Sequence(members) if members.is_empty());
    if is_nothing(&then) {
        return Some(first);
    }
    if is_nothing(&first) {
        return Some(then);
    }
    if matches!(first.term, Term::All(_)) || matches!(then.term, Term::All(_)) {
        return None;
    }
    Some(Particle { term: Term::Sequence(vec![first, then]), min: 1, max: Some(1) })
}
