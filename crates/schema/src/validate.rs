//! One document against the tables: starts, texts and ends in, faults out.
//!
//! The validator knows no positions: whoever drives it asks after each call whether there are faults, and knows
//! where the document is. After a fault it goes on as well as it can, so that one mistake is one fault.

mod attributes;
mod fault;
mod identity;

use std::collections::HashSet;

use crate::model::{Child, Cursor, Matched, Model};
use crate::tables::{
    ANY_TYPE, Complex, Content, ElementId, Kind, NamespaceId, Process, Schemas, TypeId, ValueConstraint,
    Wildcard,
};
pub use attributes::{Attribute, Prefixes};
pub use fault::{At, Fault};
use identity::{Held, Identity};
use pix_stream_datatypes::Simple;

/// How many names that would be right are told.
const EXPECTED_MAX: usize = 8;

/// Validates one document.
#[derive(Debug)]
pub struct Validator<'s> {
    schemas: &'s Schemas,
    frames: Vec<Frame<'s>>,
    /// Depth below an element that is not looked into; zero while everything is.
    skipping: usize,
    /// Text of the open elements that have simple content, innermost last.
    text: String,
    ids: HashSet<String>,
    identity: Identity<'s>,
    faults: Vec<Fault>,
    /// The namespace that was asked for last: in most documents it is the next one, too.
    last_namespace: (String, Option<NamespaceId>),
}

/// An open element.
#[derive(Debug)]
struct Frame<'s> {
    /// Its declaration; none where a wildcard let it through unknown.
    element: Option<ElementId>,
    inside: Inside<'s>,
    /// Where its text begins in [`Validator::text`].
    text_from: usize,
    /// Whether its content is known to be wrong already.
    is_broken: bool,
}

/// What may stand between an element's tags.
#[derive(Debug, Clone, Copy)]
enum Inside<'s> {
    Nothing,
    /// Nothing, because `xsi:nil` says so; else it would be text, or not.
    Nil {
        of_text: bool,
    },
    Text(&'s Simple),
    Elements {
        model: &'s Model,
        mixed: bool,
        cursor: Cursor,
    },
}

impl<'s> Validator<'s> {
    /// A validator for one document.
    #[must_use]
    pub fn new(schemas: &'s Schemas) -> Self {
        Self {
            schemas,
            frames: Vec::with_capacity(16),
            skipping: 0,
            text: String::with_capacity(512),
            ids: HashSet::new(),
            identity: Identity::default(),
            faults: Vec::new(),
            last_namespace: (String::new(), schemas.find_namespace("")),
        }
    }

    /// An element opens. `namespace` is empty for none; `attributes` are without declarations of namespaces.
    pub fn start<'a>(
        &mut self,
        namespace: &str,
        local: &str,
        attributes: impl Iterator<Item = Attribute<'a>> + Clone,
        prefixes: &impl Prefixes,
    ) {
        if self.skipping > 0 {
            self.skipping += 1;
            return;
        }
        let name = Child { namespace: self.namespace(namespace), local };
        let Some(element) = self.place(name, || attributes.clone().any(|one| one.is_type())) else {
            self.skipping = 1;
            return;
        };
        let declared = element.map_or(ANY_TYPE, |id| self.schemas.element(id).type_id);
        let special = self.special(declared, element, attributes.clone(), prefixes);
        let type_id = special.type_id;
        self.identity.enter(name, element.map(|id| self.schemas.element(id)));
        let text_from = self.text.len();
        let inside = self.inside(type_id, special.nil);
        self.frames.push(Frame { element, inside, text_from, is_broken: false });
        self.attributes(type_id, attributes);
    }

    /// Text, or a piece of it, with references resolved.
    pub fn text(&mut self, text: &str) {
        if self.skipping > 0 || text.is_empty() {
            return;
        }
        let Some(frame) = self.frames.last_mut() else { return };
        let reason = match frame.inside {
            Inside::Text(_) => {
                self.text.push_str(text);
                return;
            }
            Inside::Elements { mixed: true, .. } => return,
            Inside::Elements { mixed: false, .. }
                if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() =>
            {
                return;
            }
            Inside::Elements { .. } => "text where only elements may stand",
            Inside::Nil { .. } => "text in an element that is nil",
            Inside::Nothing => "text in an element that must be empty",
        };
        if !std::mem::replace(&mut frame.is_broken, true) {
            self.fault(Fault::new(At::Here, reason));
        }
    }

    /// The innermost open element closes.
    pub fn end(&mut self) {
        if self.skipping > 0 {
            self.skipping -= 1;
            return;
        }
        let Some(frame) = self.frames.pop() else { return };
        match frame.inside {
            Inside::Nil { of_text: true } => self.identity.leave(Held::Nothing, &mut self.faults),
            Inside::Nothing | Inside::Nil { of_text: false } => {
                self.identity.leave(Held::Elements, &mut self.faults);
            }
            Inside::Text(simple) => self.end_text(&frame, simple),
            Inside::Elements { model, cursor, .. } => {
                if !frame.is_broken && !model.accepts(&cursor) {
                    let reason =
                        format!("the element ends too early; expected is {}", expected(model, &cursor));
                    self.fault(Fault::new(At::Here, reason));
                }
                self.identity.leave(Held::Elements, &mut self.faults);
            }
        }
        self.text.truncate(frame.text_from);
    }

    /// What was found since the last call.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Finds the declaration of an element that opens. The outer `None`: it is not to be looked into; the inner
    /// one: nothing is known of it, and that is allowed.
    fn place(&mut self, name: Child<'_>, has_type: impl Fn() -> bool) -> Option<Option<ElementId>> {
        let Some(frame) = self.frames.last_mut() else {
            let global = self.find_global(name);
            if global.is_none() {
                self.fault(Fault::new(At::Open, "no schema declares this element"));
            }
            return global.map(Some);
        };
        let reason = match &mut frame.inside {
            Inside::Elements { model, cursor, .. } => match model.step(cursor, name) {
                Some(Matched::Element(id)) => return Some(Some(id)),
                Some(Matched::Any(wildcard)) => return self.let_through(wildcard, name, has_type),
                None => {
                    let expected = expected(model, cursor);
                    let is_first = !std::mem::replace(&mut frame.is_broken, true);
                    let resumed = model.resume(cursor, name);
                    if is_first || resumed.is_none() {
                        self.fault(Fault::new(
                            At::Open,
                            format!("may not stand here; expected is {expected}"),
                        ));
                    }
                    return match resumed {
                        Some(Matched::Element(id)) => Some(Some(id)),
                        Some(Matched::Any(_)) | None => None,
                    };
                }
            },
            Inside::Text(_) => "an element where only text may stand",
            Inside::Nothing => "an element in one that must be empty",
            Inside::Nil { .. } => "an element in one that is nil",
        };
        if !std::mem::replace(&mut frame.is_broken, true) {
            self.fault(Fault::new(At::Open, reason));
        }
        None
    }

    fn let_through(
        &mut self,
        wildcard: &Wildcard,
        name: Child<'_>,
        has_type: impl Fn() -> bool,
    ) -> Option<Option<ElementId>> {
        let known = if wildcard.process == Process::Skip { None } else { self.find_global(name) };
        match (wildcard.process, known) {
            (Process::Skip, _) => None,
            // XSD part 1, section 3.10.1: what is strict has a declaration or names its type.
            (Process::Strict, None) if !has_type() => {
                self.fault(Fault::new(At::Open, "no schema declares this element"));
                None
            }
            (Process::Lax | Process::Strict, known) => Some(known),
        }
    }

    fn inside(&self, type_id: TypeId, nil: bool) -> Inside<'s> {
        let text = self.text_type(type_id);
        match (&self.schemas.type_of(type_id).kind, text) {
            _ if nil => Inside::Nil { of_text: text.is_some() },
            (_, Some(simple)) => Inside::Text(simple),
            (Kind::Complex(Complex { content: Content::Elements { model, mixed }, .. }), None) => {
                Inside::Elements { model, mixed: *mixed, cursor: Cursor::default() }
            }
            (Kind::Complex(_) | Kind::Simple(_), None) => Inside::Nothing,
        }
    }

    fn end_text(&mut self, frame: &Frame<'s>, simple: &'s Simple) {
        let declared = frame.element.map(|id| self.schemas.element(id));
        let constraint = declared.and_then(|element| element.value.as_ref());
        let written = &self.text[frame.text_from..];
        let (text, fixed) = match constraint {
            Some(ValueConstraint::Default(value) | ValueConstraint::Fixed(value))
                if written.is_empty() && !frame.is_broken =>
            {
                (&**value, None)
            }
            // The value is one of the declared type, which is not always the one that xsi:type names.
            Some(ValueConstraint::Fixed(value)) => {
                let of = declared.and_then(|element| self.text_type(element.type_id));
                (written, of.map(|of| (of, &**value)))
            }
            Some(ValueConstraint::Default(_)) | None => (written, None),
        };
        match check(simple, fixed, text) {
            Ok(value) => {
                if simple.is_id() && !self.ids.insert(value.clone().into_owned()) {
                    self.faults.push(Fault::new(At::Open, "is an ID that stands in the document already"));
                }
                self.identity.leave(Held::Value(simple, &value), &mut self.faults);
            }
            Err(reason) => {
                // An element in it was a fault already, and its text is only half of what was meant.
                if !frame.is_broken {
                    self.faults.push(Fault::new(At::Open, reason).with_value(text));
                }
                self.identity.leave(Held::Nothing, &mut self.faults);
            }
        }
    }

    fn find_global(&self, name: Child<'_>) -> Option<ElementId> {
        self.schemas.global_elements.get(&name.namespace?)?.get(name.local).copied()
    }

    /// The type of the text of a type: its own, or that of its simple content.
    fn text_type(&self, type_id: TypeId) -> Option<&'s Simple> {
        match &self.schemas.type_of(type_id).kind {
            Kind::Simple(simple) => Some(simple),
            Kind::Complex(Complex { content: Content::Text(text), .. }) => self.simple(*text),
            Kind::Complex(_) => None,
        }
    }

    fn simple(&self, type_id: TypeId) -> Option<&'s Simple> {
        match &self.schemas.type_of(type_id).kind {
            Kind::Simple(simple) => Some(simple),
            Kind::Complex(_) => None,
        }
    }

    fn namespace(&mut self, name: &str) -> Option<NamespaceId> {
        if self.last_namespace.0 != name {
            name.clone_into(&mut self.last_namespace.0);
            self.last_namespace.1 = self.schemas.find_namespace(name);
        }
        self.last_namespace.1
    }
}

/// Whether a text is a value of a type, and the fixed one of another if there is one; the value normalized.
fn check<'t>(
    simple: &Simple,
    fixed: Option<(&Simple, &str)>,
    text: &'t str,
) -> Result<std::borrow::Cow<'t, str>, String> {
    let value = simple.check(text).map_err(|refused| refused.0)?;
    match fixed {
        Some((of, fixed)) if simple.value(&value) != of.value(fixed) => {
            Err(format!("is not the fixed value {fixed}"))
        }
        Some(_) | None => Ok(value),
    }
}

fn expected(model: &Model, cursor: &Cursor) -> String {
    let names = model.expected(cursor);
    if names.is_empty() {
        return "the end of the element".to_owned();
    }
    let shown = names.iter().take(EXPECTED_MAX).copied().collect::<Vec<_>>().join(", ");
    if names.len() > EXPECTED_MAX { format!("one of {shown}, …") } else { shown }
}
