//! Whether a restricted complex type allows nothing that its base does not (XSD, part 1, sections 3.4.6 and 3.9.6).
//!
//! The rules compare what is written, not what it means: a restriction that only a proof would show to be one is
//! refused, as XSD has it.

use super::attributes::is_same;
use super::compiler::{Compiler, Complex, Content};
use crate::model::{Particle, Term};
use crate::tables::{
    AttributeUse, Element, ElementId, NO_NAMESPACE, NamespaceSet, Process, ValueConstraint, Wildcard,
};

impl Compiler<'_> {
    /// Checks attributes and content of a restriction against its base.
    pub(super) fn is_narrower(&mut self, own: &Complex, base: &Complex) -> Result<(), String> {
        self.narrower_attributes(own, base)?;
        match (&own.content, &base.content) {
            (Content::Empty, Content::Empty) => Ok(()),
            (Content::Empty, Content::Elements { particle, .. }) if may_be_nothing(particle) => Ok(()),
            // Their types are compared where they are derived.
            (Content::Text(_), Content::Text(_)) => Ok(()),
            (Content::Elements { mixed: true, .. }, Content::Elements { mixed: false, .. }) => {
                Err("it is mixed, the base is not".to_owned())
            }
            (Content::Elements { particle: own, .. }, Content::Elements { particle: base, .. }) => {
                self.narrower(own, base)
            }
            (Content::Empty | Content::Text(_) | Content::Elements { .. }, _) => {
                Err("its content is of another kind than that of the base".to_owned())
            }
        }
    }

    fn narrower_attributes(&mut self, own: &Complex, base: &Complex) -> Result<(), String> {
        for found in &own.attributes {
            let name = &found.local;
            match base.attributes.iter().find(|known| is_same(known, found)) {
                Some(known) => self.narrower_attribute(found, known)?,
                None => {
                    let any = base.any_attribute.as_ref();
                    if !any.is_some_and(|any| any.namespaces.holds(Some(found.namespace))) {
                        return Err(format!("the base has no attribute {name}"));
                    }
                }
            }
        }
        let required = base.attributes.iter().filter(|known| known.required);
        for known in required {
            if !own.attributes.iter().any(|found| found.required && is_same(known, found)) {
                return Err(format!("attribute {} is required in the base", known.local));
            }
        }
        match (&own.any_attribute, &base.any_attribute) {
            (None, _) => Ok(()),
            (Some(own), Some(base)) if is_narrower_wildcard(own, base) => Ok(()),
            (Some(_), _) => Err("its anyAttribute allows more than that of the base".to_owned()),
        }
    }

    fn narrower_attribute(&mut self, found: &AttributeUse, known: &AttributeUse) -> Result<(), String> {
        let name = &found.local;
        if !self.is_derived(found.type_id, known.type_id, true) {
            return Err(format!("the type of attribute {name} is not derived from that in the base"));
        }
        if self.keeps_fixed(known, found.value.as_ref()) {
            return Ok(());
        }
        Err(format!("attribute {name} is fixed in the base"))
    }

    fn narrower(&self, own: &Particle, base: &Particle) -> Result<(), String> {
        let (own, base) = (core(own), core(base));
        match (&own.term, &base.term) {
            (Term::Element(found), Term::Element(known)) => {
                self.narrower_element(*found, *known)?;
                within(own, base, &self.told(own))
            }
            (Term::Element(found), Term::Any(wildcard)) => {
                let element = &self.elements[found.0 as usize];
                if !wildcard.namespaces.holds(Some(element.namespace)) {
                    return Err(format!("a wildcard of the base does not allow element {}", element.local));
                }
                within(own, base, &self.told(own))
            }
            (Term::Any(found), Term::Any(known)) if is_narrower_wildcard(found, known) => {
                within(own, base, "a wildcard")
            }
            (Term::Any(_), Term::Any(_)) => Err("a wildcard allows more than that of the base".to_owned()),
            (Term::Sequence(_), Term::Sequence(_)) | (Term::All(_), Term::All(_)) => {
                within(own, base, "a group")?;
                self.in_order(&members(own), &members(base), false)
            }
            (Term::Choice(_), Term::Choice(_)) => {
                within(own, base, "a choice")?;
                self.in_order(&members(own), &members(base), true)
            }
            (Term::Element(_), Term::Sequence(_) | Term::All(_)) => {
                within(&once(), base, "a group")?;
                self.in_order(&[own], &members(base), false)
            }
            (Term::Element(_), Term::Choice(_)) => {
                within(&once(), base, "a choice")?;
                self.in_order(&[own], &members(base), true)
            }
            (Term::Sequence(_) | Term::Choice(_) | Term::All(_) | Term::Any(_), _) => {
                Err("its groups are of another kind than those of the base".to_owned())
            }
        }
    }

    /// Checks that each member narrows one of the base's, in order, and that those left out may be left out; in a
    /// choice they always may.
    fn in_order(&self, own: &[&Particle], base: &[&Particle], is_choice: bool) -> Result<(), String> {
        let mut rest = base.iter();
        for member in own {
            loop {
                let Some(known) = rest.next() else {
                    return Err(format!("{} has no counterpart in the base", self.told(member)));
                };
                match self.narrower(member, known) {
                    Ok(()) => break,
                    Err(_) if is_choice || may_be_nothing(known) => {}
                    Err(reason) => return Err(reason),
                }
            }
        }
        match rest.find(|known| !is_choice && !may_be_nothing(known)) {
            Some(missing) => Err(format!("{} is required in the base", self.told(missing))),
            None => Ok(()),
        }
    }

    fn narrower_element(&self, found: ElementId, known: ElementId) -> Result<(), String> {
        if found == known {
            return Ok(());
        }
        let (found, known): (&Element, &Element) =
            (&self.elements[found.0 as usize], &self.elements[known.0 as usize]);
        let name = &found.local;
        if (found.namespace, &found.local) != (known.namespace, &known.local) {
            return Err(format!("element {name} stands where the base has {}", known.local));
        }
        if !self.is_derived(found.type_id, known.type_id, true) {
            return Err(format!("the type of element {name} is not derived from that in the base"));
        }
        if found.nillable && !known.nillable {
            return Err(format!("element {name} cannot be nil in the base"));
        }
        match (&found.value, &known.value) {
            (Some(ValueConstraint::Fixed(own)), Some(ValueConstraint::Fixed(base))) if own == base => {}
            (_, Some(ValueConstraint::Fixed(_))) => {
                return Err(format!("element {name} is fixed in the base"));
            }
            (_, Some(ValueConstraint::Default(_)) | None) => {}
        }
        if found.unique.is_empty() {
            Ok(())
        } else {
            Err(format!("element {name} has constraints of its own"))
        }
    }

    fn told(&self, particle: &Particle) -> String {
        match &particle.term {
            Term::Element(id) => format!("element {}", self.elements[id.0 as usize].local),
            Term::Any(_) => "a wildcard".to_owned(),
            Term::Sequence(_) | Term::Choice(_) | Term::All(_) => "a group".to_owned(),
        }
    }
}

fn once() -> Particle {
    Particle { term: Term::Sequence(Vec::new()), min: 1, max: Some(1) }
}

/// A particle without groups of one around it.
fn core(mut particle: &Particle) -> &Particle {
    loop {
        match &particle.term {
            Term::Sequence(members) | Term::Choice(members) | Term::All(members)
                if members.len() == 1 && is_once(particle) =>
            {
                particle = &members[0];
            }
            Term::Sequence(_) | Term::Choice(_) | Term::All(_) | Term::Element(_) | Term::Any(_) => {
                return particle;
            }
        }
    }
}

fn is_once(particle: &Particle) -> bool {
    particle.min == 1 && particle.max == Some(1)
}

/// The members of a group, those of groups of its own kind that change nothing among them.
fn members(group: &Particle) -> Vec<&Particle> {
    let own: &[Particle] = match &group.term {
        Term::Sequence(members) | Term::Choice(members) | Term::All(members) => members,
        Term::Element(_) | Term::Any(_) => &[],
    };
    let mut found = Vec::with_capacity(own.len());
    for member in own {
        if std::mem::discriminant(&member.term) == std::mem::discriminant(&group.term) && is_once(member) {
            found.extend(members(member));
        } else {
            found.push(member);
        }
    }
    found
}

fn may_be_nothing(particle: &Particle) -> bool {
    particle.min == 0
        || match &particle.term {
            Term::Element(_) | Term::Any(_) => false,
            Term::Sequence(members) | Term::All(members) => members.iter().all(may_be_nothing),
            Term::Choice(members) => members.iter().any(may_be_nothing),
        }
}

/// Checks that occurrence bounds stay within those of the base.
fn within(own: &Particle, base: &Particle, what: &str) -> Result<(), String> {
    let below = match (own.max, base.max) {
        (_, None) => true,
        (Some(own), Some(base)) => own <= base,
        (None, Some(_)) => false,
    };
    if below && own.min >= base.min {
        Ok(())
    } else {
        Err(format!("{what} may occur more or less often than in the base"))
    }
}

fn is_narrower_wildcard(own: &Wildcard, base: &Wildcard) -> bool {
    let strictness = |process: Process| match process {
        Process::Skip => 0,
        Process::Lax => 1,
        Process::Strict => 2,
    };
    let is_subset = match (&own.namespaces, &base.namespaces) {
        (_, NamespaceSet::Any) => true,
        (own, base) if own == base => true,
        (NamespaceSet::OneOf(names), base) => names.iter().all(|name| base.holds(Some(*name))),
        (NamespaceSet::Other(_), NamespaceSet::Other(not)) => *not == NO_NAMESPACE,
        (NamespaceSet::Any | NamespaceSet::Other(_), _) => false,
    };
    is_subset && strictness(own.process) >= strictness(base.process)
}
