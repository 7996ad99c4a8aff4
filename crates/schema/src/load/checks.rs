//! What can be checked only when every declaration is known, and the tables made of it.

use std::collections::HashMap;
use std::rc::Rc;

use super::compiler::{Compiler, Complex, Content, Shape, State};
use super::names::Part;
use crate::model::{Model, Particle, Term};
use crate::tables::{self, ANY_TYPE, Element, ElementId, Kind, NamespaceId, Schemas, Type, TypeId};
use pix_stream_xsd::{Place, Problems};

/// Checks what is left and hands over the tables, or every problem.
pub(super) fn finish(mut compiler: Compiler<'_>) -> Result<Schemas, Problems> {
    for (id, part) in std::mem::take(&mut compiler.element_values) {
        check_value(&mut compiler, id, part);
    }
    for at in 0..compiler.types.len() {
        check_derivation(&mut compiler, at);
    }
    let mut types = Vec::with_capacity(compiler.types.len());
    let mut problems = std::mem::take(&mut compiler.problems);
    for row in compiler.types {
        let kind = match row.state {
            State::Done(Shape::Simple(simple)) => Kind::Simple(Rc::unwrap_or_clone(simple)),
            State::Done(Shape::Complex(complex)) => {
                Kind::Complex(compiled(Rc::unwrap_or_clone(complex), &compiler.elements, &mut problems))
            }
            // Its problems are on the list; the tables are not used.
            State::Waiting(_) | State::Working | State::Broken => continue,
        };
        types.push(Type { base: row.base, kind });
    }
    if compiler.namespaces.overflown {
        problems.add(Place::start_of(0), format!("more than {} namespaces in all files", u16::MAX));
    }
    if problems.count() > 0 {
        return Err(problems);
    }
    Ok(Schemas {
        namespaces: compiler.namespaces.names,
        elements: compiler.elements,
        types,
        global_elements: compiler.global_elements,
        global_types: compiler.global_types,
        global_attributes: compiler.global_attributes,
    })
}

/// Checks an element's default or fixed value against the text of its type.
fn check_value<'s>(compiler: &mut Compiler<'s>, id: ElementId, part: Part<'s>) {
    let mut type_id = compiler.elements[id.0 as usize].type_id;
    match &compiler.types[type_id.0 as usize].state {
        State::Done(Shape::Complex(complex)) => match complex.content {
            Content::Text(text) => type_id = text,
            Content::Empty | Content::Elements { .. } => {
                let reason = "default and fixed are supported for elements of text only";
                compiler.problems.add(part.place(), reason);
                return;
            }
        },
        State::Done(Shape::Simple(_)) => {}
        State::Waiting(_) | State::Working | State::Broken => return,
    }
    compiler.elements[id.0 as usize].value = compiler.value_of(part, type_id);
}

/// Checks that a restricted complex type is narrower than its base.
fn check_derivation(compiler: &mut Compiler<'_>, at: usize) {
    let row = &compiler.types[at];
    let (State::Done(Shape::Complex(own)), Some(base), false) = (&row.state, row.base, row.by_extension)
    else {
        return;
    };
    if base == ANY_TYPE {
        return;
    }
    let State::Done(Shape::Complex(of_base)) = &compiler.types[base.0 as usize].state else { return };
    let (own, of_base, place) = (own.clone(), of_base.clone(), row.place);
    if let Err(reason) = compiler.is_narrower(&own, &of_base) {
        let base = compiler.type_name(base);
        compiler.problems.add(place, format!("no restriction of {base} that could be verified: {reason}"));
    }
}

/// A complex type with its automaton.
fn compiled(complex: Complex, elements: &[Element], problems: &mut Problems) -> tables::Complex {
    let content = match complex.content {
        Content::Empty => tables::Content::Empty,
        Content::Text(text) => tables::Content::Text(text),
        Content::Elements { particle, mixed, place } => {
            let mut known = HashMap::new();
            if let Err(reason) = check_consistent(&particle, elements, &mut known) {
                problems.add(place, reason);
            }
            match Model::compile(&particle, elements) {
                Ok(model) => tables::Content::Elements { model, mixed },
                Err(reason) => {
                    problems.add(place, reason);
                    tables::Content::Empty
                }
            }
        }
    };
    let Complex { attributes, any_attribute, is_abstract, .. } = complex;
    tables::Complex { attributes, any_attribute, content, is_abstract }
}

/// Checks that elements of one name in one content have one type (XSD, part 1, section 3.8.6, "Element Declarations
/// Consistent").
fn check_consistent<'e>(
    particle: &Particle,
    elements: &'e [Element],
    known: &mut HashMap<(NamespaceId, &'e str), TypeId>,
) -> Result<(), String> {
    match &particle.term {
        Term::Any(_) => Ok(()),
        Term::Element(id) => {
            let element = &elements[id.0 as usize];
            let first = *known.entry((element.namespace, &element.local)).or_insert(element.type_id);
            if first == element.type_id {
                return Ok(());
            }
            Err(format!("element {} stands twice in this content, with different types", element.local))
        }
        Term::Sequence(members) | Term::Choice(members) | Term::All(members) => {
            members.iter().try_for_each(|member| check_consistent(member, elements, known))
        }
    }
}
