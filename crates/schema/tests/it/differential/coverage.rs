//! Which elements and codes of a grammar have stood in a valid document.

use std::collections::BTreeSet;

use super::tree::{Element, Name};
use super::xsd::{Complex, Content, Declaration, Grammar, Particle, Term, Type};

/// An element by name and type, with one of its codes if it has codes.
type Item = (Name, usize, String);

/// What can be seen, and what was.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    all: BTreeSet<Item>,
    seen: BTreeSet<Item>,
}

impl Coverage {
    /// Everything that can stand in an element; what wildcards let through is not followed.
    pub(super) fn of(grammar: &Grammar, root: &Name) -> Self {
        let mut coverage = Self::default();
        coverage.expect(grammar, &grammar.elements[root]);
        coverage
    }

    fn expect(&mut self, grammar: &Grammar, declaration: &Declaration) {
        let (name, at) = (declaration.name.clone(), declaration.type_at);
        match &grammar.types[at] {
            Type::Simple(simple) if !simple.enumeration.is_empty() => {
                let codes = simple.enumeration.iter();
                self.all.extend(codes.map(|code| (name.clone(), at, code.clone())));
            }
            Type::Simple(_) => {
                self.all.insert((name, at, String::new()));
            }
            Type::Complex(complex) => {
                if self.all.insert((name, at, String::new())) {
                    self.expect_in(grammar, complex);
                }
            }
        }
    }

    fn expect_in(&mut self, grammar: &Grammar, complex: &Complex) {
        let Content::Elements(particle) = &complex.content else { return };
        let mut particles: Vec<&Particle> = vec![particle];
        while let Some(particle) = particles.pop() {
            match &particle.term {
                Term::Element(declaration) => self.expect(grammar, declaration),
                Term::Sequence(parts) | Term::Choice(parts) => particles.extend(parts),
                Term::Any { .. } => {}
            }
        }
    }

    /// Takes in a valid document.
    pub(super) fn see(&mut self, grammar: &Grammar, element: &Element) {
        if let Some(at) = element.type_at {
            let is_coded =
                matches!(&grammar.types[at], Type::Simple(simple) if !simple.enumeration.is_empty());
            let code = if is_coded { element.text() } else { String::new() };
            self.seen.insert((element.name.clone(), at, code));
        }
        element.elements().for_each(|child| self.see(grammar, child));
    }

    /// How many elements and codes there are.
    pub(super) fn total(&self) -> usize {
        self.all.len()
    }

    /// Those that were never seen.
    pub(super) fn missing(&self) -> Vec<String> {
        let missing = self.all.difference(&self.seen);
        missing.map(|(name, _, code)| format!("{} {code}", name.local)).collect()
    }
}
