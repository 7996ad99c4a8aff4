//! Documents with one thing changed, sometimes a few. Most are invalid then, some for sure, some still valid.

mod structure;
mod text;

use super::seed::Random;
use super::tree::Element;
use super::xsd::{Complex, Content, Grammar, Simple, Type};

/// What was changed.
#[derive(Debug, Clone)]
pub(super) struct Mutant {
    pub(super) root: Element,
    /// Names of the changes, in their order.
    pub(super) changes: Vec<&'static str>,
    /// Whether no schema of a message can take it.
    pub(super) is_surely_invalid: bool,
}

/// What a change made of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// It could not be done at the place that was chosen.
    Nothing,
    Change,
    /// Whatever else stands there, the document is invalid now.
    Break,
}

/// Changes something of an element; the root and the place are given, so that it can also move things.
type Change = fn(&mut Site<'_>) -> Made;

/// Where a change happens.
struct Site<'a> {
    grammar: &'a Grammar,
    root: &'a mut Element,
    place: Vec<usize>,
    random: &'a mut Random,
}

impl Site<'_> {
    /// The element that is to be changed.
    fn element(&mut self) -> &mut Element {
        self.root.at(&self.place)
    }

    /// The same, to be looked at.
    fn seen(&self) -> &Element {
        self.root.find(&self.place)
    }

    /// A place among its children.
    fn gap(&mut self) -> usize {
        let children = self.seen().children.len();
        self.random.between(0, children)
    }

    /// Its parent, and its place there; none for the root.
    fn parent(&mut self) -> Option<(&mut Element, usize)> {
        let (last, rest) = self.place.split_last()?;
        Some((self.root.at(rest), *last))
    }

    fn type_of(&self) -> Option<&Type> {
        let at = self.seen().type_at?;
        Some(&self.grammar.types[at])
    }

    /// The type of its text, if it has one.
    fn simple(&self) -> Option<Simple> {
        match self.type_of()? {
            Type::Simple(simple) | Type::Complex(Complex { content: Content::Text(simple), .. }) => {
                Some(simple.clone())
            }
            Type::Complex(_) => None,
        }
    }

    /// Whether only elements may stand in it, and no wildcard lets others through.
    fn holds_only_elements(&self) -> bool {
        let is_message = self.seen().name.namespace == self.root.name.namespace;
        let is_elements = matches!(
            self.type_of(),
            Some(Type::Complex(Complex { content: Content::Elements(_), mixed: false, .. }))
        );
        is_message && is_elements && &*self.seen().name.local != "Sgntr"
    }
}

const CHANGES: [(&str, usize, Change); 26] = [
    ("an element is left out", 6, structure::leave_out),
    ("a required element is left out", 4, structure::leave_out_required),
    ("an element stands twice", 6, structure::double),
    ("two elements are swapped", 5, structure::swap),
    ("an element is renamed", 4, structure::rename),
    ("an element is of another namespace", 4, structure::change_namespace),
    ("an element is moved", 4, structure::move_away),
    ("an element is emptied", 4, structure::empty),
    ("an unknown element stands first", 3, structure::unknown_element),
    ("an element stands in a text", 3, structure::element_in_text),
    ("another element of the grammar stands there", 3, structure::other_element),
    ("text among elements", 3, structure::text_among_elements),
    ("a blank section among elements", 2, structure::blank_section),
    ("an unknown attribute", 3, structure::unknown_attribute),
    ("an attribute of the wrong namespace", 3, structure::attribute_namespace),
    ("an attribute is missing", 4, structure::attribute_missing),
    ("xsi:type", 5, structure::instance_type),
    ("xsi:nil", 4, structure::nil),
    ("another xsi attribute", 3, structure::instance_other),
    ("another root", 1, structure::other_root),
    ("an odd text", 30, text::odd),
    ("an odd attribute", 8, text::odd_attribute),
    ("another code", 3, text::other_code),
    ("a comment in a text", 3, text::comment_inside),
    ("a section in a text", 3, text::section_inside),
    ("an ID stands twice", 2, text::same_id),
];

/// Breaks a valid document.
pub(super) fn mutant(valid: &Element, grammar: &Grammar, random: &mut Random) -> Mutant {
    let mut mutant = Mutant { root: valid.clone(), changes: Vec::new(), is_surely_invalid: false };
    let wanted = if random.chance(80) { 1 } else { random.between(2, 3) };
    let total: usize = CHANGES.iter().map(|(_, weight, _)| weight).sum();
    while mutant.changes.len() < wanted {
        let mut left = random.below(total);
        let chosen = CHANGES.iter().find(|(_, weight, _)| {
            let is_it = left < *weight;
            left = left.saturating_sub(*weight);
            is_it
        });
        let (name, _, change) = chosen.unwrap();
        let places = mutant.root.places();
        let place = random.pick(&places).clone();
        let made = change(&mut Site { grammar, root: &mut mutant.root, place, random });
        match made {
            Made::Nothing => {}
            Made::Change | Made::Break => mutant.changes.push(name),
        }
        // Of several changes, a later one may mend what an earlier one broke.
        mutant.is_surely_invalid = made == Made::Break && wanted == 1;
    }
    mutant
}
