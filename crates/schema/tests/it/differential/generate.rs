//! Valid documents from a grammar: every branch, every bound, every code turns up if there are enough of them.

use super::seed::Random;
use super::tree::{Element, INSTANCE, Name, Node, SIGNATURE, Value, XSD};
use super::value;
use super::xsd::{Complex, Content, Declaration, Grammar, Particle, Term, Type};

/// How much more often than its minimum something unbounded stands at most.
const MORE: usize = 2;
/// Depth from which on only what must stand is generated.
const DEEP: usize = 14;
/// How often an element is made anew because its `xs:unique` does not hold.
const TRIES: usize = 200;
/// A namespace that no schema knows.
pub(super) const FOREIGN: &str = "urn:example:foreign";

/// Generates one document.
pub(super) struct Generator<'g> {
    grammar: &'g Grammar,
    random: &'g mut Random,
    next_id: usize,
    /// Percentage of optional things that are there.
    fullness: usize,
}

/// A valid message: an `Envelope` of a namespace.
pub(super) fn message(grammar: &Grammar, namespace: &str, random: &mut Random) -> Element {
    let root = &grammar.elements[&Name::new(namespace, "Envelope")];
    let fullness = *random.pick(&[0, 20, 50, 80, 100]);
    Generator { grammar, random, next_id: 0, fullness }.element(root, 0)
}

impl Generator<'_> {
    fn element(&mut self, declaration: &Declaration, depth: usize) -> Element {
        for _ in 0..TRIES {
            let made = self.once(declaration, depth);
            if declaration.unique.as_ref().is_none_or(|(item, field)| differ(&made, item, field)) {
                return made;
            }
        }
        panic!("no {} that is unique was found", declaration.name.local);
    }

    fn once(&mut self, declaration: &Declaration, depth: usize) -> Element {
        let mut element = Element::new(declaration.name.clone(), Some(declaration.type_at));
        match &self.grammar.types[declaration.type_at] {
            Type::Simple(simple) => {
                let text = value::valid(simple, self.random, &mut self.next_id);
                element.children.push(Node::Text(text));
            }
            Type::Complex(complex) => self.complex(complex, &mut element, depth),
        }
        element
    }

    fn complex(&mut self, complex: &Complex, element: &mut Element, depth: usize) {
        for attribute in &complex.attributes {
            if attribute.required || self.random.chance(self.fullness / 2) {
                let text = value::valid(&attribute.simple, self.random, &mut self.next_id);
                element.attributes.push((attribute.name.clone(), Value::Text(text)));
            }
        }
        match &complex.content {
            Content::Empty => {}
            Content::Text(simple) => {
                let text = value::valid(simple, self.random, &mut self.next_id);
                element.children.push(Node::Text(text));
            }
            Content::Elements(particle) => self.particle(particle, &mut element.children, depth + 1, true),
        }
        if complex.mixed && self.random.chance(10) {
            let at = self.random.between(0, element.children.len());
            element.children.insert(at, Node::Text(value::text(3, self.random)));
        }
    }

    fn particle(&mut self, particle: &Particle, into: &mut Vec<Node>, depth: usize, is_required: bool) {
        let Particle { term, min, max } = particle;
        let times = if depth > DEEP { *min } else { self.times(*min, *max) };
        for _ in 0..times {
            let is_required = is_required && *min == times && times > 0;
            match term {
                Term::Element(declaration) => {
                    let made = self.element(declaration, depth);
                    into.push(Node::Element(Element { is_required, ..made }));
                }
                Term::Sequence(parts) => {
                    parts.iter().for_each(|part| self.particle(part, into, depth, is_required));
                }
                Term::Choice(branches) => {
                    let branch = match branches.iter().find(|_| depth > DEEP) {
                        Some(first) => first,
                        None => self.random.pick(branches),
                    };
                    self.particle(branch, into, depth, false);
                }
                Term::Any { namespaces, strict, target } => {
                    into.extend(self.any(namespaces, *strict, target, depth).map(Node::Element));
                }
            }
        }
    }

    fn times(&mut self, min: usize, max: Option<usize>) -> usize {
        let max = max.unwrap_or(min + MORE);
        if !self.random.chance(self.fullness) {
            return min;
        }
        match self.random.below(3) {
            0 => max,
            _ => self.random.between((min + 1).min(max), max),
        }
    }

    /// What a wildcard lets through; nothing where everything that it takes would have to be declared elsewhere.
    fn any(&mut self, namespaces: &str, strict: bool, target: &str, depth: usize) -> Option<Element> {
        let grammar = self.grammar;
        let signature = |local: &str| &grammar.elements[&Name::new(SIGNATURE, local)];
        match (namespaces, strict) {
            (SIGNATURE, _) => {
                let others =
                    ["KeyName", "DigestValue", "Object", "KeyInfo", "Manifest", "SignatureProperties"];
                let is_other = self.random.chance(6);
                let local = if is_other { *self.random.pick(&others) } else { "Signature" };
                Some(self.element(signature(local), depth))
            }
            ("##any", _) if target == SIGNATURE && self.random.chance(60) => {
                let leaves = ["KeyName", "MgmtData", "DigestValue", "RSAKeyValue", "DigestMethod"];
                let local = *self.random.pick(&leaves);
                Some(self.element(signature(local), depth))
            }
            (_, true) => None,
            (_, false) => Some(self.foreign()),
        }
    }

    /// An element that no schema knows, with another in it.
    fn foreign(&mut self) -> Element {
        let mut element = Element::new(Name::new(FOREIGN, "Any"), None);
        if self.random.chance(20) {
            let name = Name::new(XSD, "string");
            element.attributes.push((Name::new(INSTANCE, "type"), Value::Name(name)));
            element.children.push(Node::Text(value::text(4, self.random)));
            return element;
        }
        element.attributes.push((Name::new("", "a"), Value::Text(value::text(2, self.random))));
        if self.random.chance(50) {
            let inner = Name::new(if self.random.chance(50) { "" } else { FOREIGN }, "Inner");
            element.children.push(Node::Element(Element::new(inner, None)));
        }
        element
    }
}

/// Whether the named grandchildren are all different.
fn differ(element: &Element, item: &Name, field: &Name) -> bool {
    let items = element.elements().filter(|one| one.name == *item);
    let fields = items.flat_map(|one| one.elements().filter(|one| one.name == *field));
    let mut texts: Vec<String> = fields.map(Element::text).collect();
    let count = texts.len();
    texts.sort();
    texts.dedup();
    texts.len() == count
}
