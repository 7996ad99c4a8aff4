//! `xs:unique` and `xs:key`: values that may stand once below an element.
//! While no element with such a constraint is open this costs nothing.

use std::collections::HashSet;

use crate::model::Child;
use crate::tables::{Element, NamespaceId, Path, Step, Unique};
use crate::validate::{At, Fault};
use pix_stream_datatypes::{Simple, Value};

/// The constraints of the open elements.
#[derive(Debug, Default)]
pub(super) struct Identity<'s> {
    /// The open elements, from the first one with a constraint on.
    open: Vec<Open>,
    scopes: Vec<Scope<'s>>,
}

/// An open element.
#[derive(Debug)]
struct Open {
    namespace: Option<NamespaceId>,
    local: String,
    is_nillable: bool,
}

/// One constraint of one open element.
#[derive(Debug)]
struct Scope<'s> {
    unique: &'s Unique,
    /// How many elements were open with the element that has the constraint.
    depth: usize,
    targets: Vec<Target>,
    seen: HashSet<Vec<Value<'static>>>,
}

/// An element that a selector found and that is still open.
#[derive(Debug)]
struct Target {
    depth: usize,
    fields: Vec<Field>,
}

/// What is known of a field.
#[derive(Debug, Clone)]
enum Field {
    /// Nothing that it finds has stood so far.
    Absent,
    Value(Value<'static>),
    /// It found something that has no value, or what it may not find, which was told.
    NoValue,
}

/// What an element or attribute holds that a field may find.
#[derive(Clone, Copy)]
pub(super) enum Held<'v> {
    /// A normalized, valid text of its type.
    Value(&'v Simple, &'v str),
    /// No value, though its type is simple: it is nil, or its text was refused.
    Nothing,
    /// Its type is not simple.
    Elements,
}

impl<'s> Identity<'s> {
    /// An element opens.
    pub(super) fn enter(&mut self, name: Child<'_>, declaration: Option<&'s Element>) {
        let constraints = declaration.map_or(&[][..], |element| &element.unique);
        if self.open.is_empty() && constraints.is_empty() {
            return;
        }
        let is_nillable = declaration.is_some_and(|element| element.nillable);
        self.open.push(Open { namespace: name.namespace, local: name.local.to_owned(), is_nillable });
        let depth = self.open.len();
        for unique in constraints {
            self.scopes.push(Scope { unique, depth, targets: Vec::new(), seen: HashSet::new() });
        }
        let open = &self.open;
        for scope in &mut self.scopes {
            let below = &open[scope.depth..];
            if scope.unique.selector.iter().any(|path| matches(path, below)) {
                scope.targets.push(Target { depth, fields: vec![Field::Absent; scope.unique.fields.len()] });
            }
        }
    }

    /// An attribute of the element that has just been opened.
    pub(super) fn attribute(
        &mut self,
        namespace: NamespaceId,
        local: &str,
        held: Held<'_>,
        faults: &mut Vec<Fault>,
    ) {
        self.note(Some((namespace, local)), held, faults);
    }

    /// The innermost open element closes.
    pub(super) fn leave(&mut self, held: Held<'_>, faults: &mut Vec<Fault>) {
        if self.open.is_empty() {
            return;
        }
        self.note(None, held, faults);
        let depth = self.open.len();
        for scope in &mut self.scopes {
            let Some(target) = scope.targets.pop_if(|target| target.depth == depth) else { continue };
            faults.extend(scope.finish(target).map(|reason| Fault::new(At::Open, reason)));
        }
        self.scopes.retain(|scope| scope.depth < depth);
        self.open.pop();
        if self.scopes.is_empty() {
            self.open.clear();
        }
    }

    fn note(&mut self, attribute: Option<(NamespaceId, &str)>, held: Held<'_>, faults: &mut Vec<Fault>) {
        let open = &self.open;
        let is_nillable = attribute.is_none() && open.last().is_some_and(|element| element.is_nillable);
        for scope in &mut self.scopes {
            let unique = scope.unique;
            for target in &mut scope.targets {
                let below = &open[target.depth..];
                for (paths, field) in unique.fields.iter().zip(&mut target.fields) {
                    let is_it = |path: &Path| {
                        let wanted = path.attribute.as_ref().map(|(namespace, local)| (*namespace, &**local));
                        wanted == attribute && matches(path, below)
                    };
                    if paths.iter().any(is_it) {
                        let reason = field.note(held, unique.is_key && is_nillable);
                        let told = reason.map(|reason| format!("a field of {} {reason}", unique.name));
                        faults.extend(told.map(|reason| Fault::new(At::Open, reason)));
                    }
                }
            }
        }
    }
}

impl Scope<'_> {
    /// What is wrong with the fields of an element that closes.
    fn finish(&mut self, target: Target) -> Option<String> {
        let name = &self.unique.name;
        let mut values = Vec::with_capacity(target.fields.len());
        let mut is_absent = false;
        for field in target.fields {
            match field {
                Field::Absent => is_absent = true,
                Field::Value(value) => values.push(value),
                Field::NoValue => return None,
            }
        }
        if is_absent {
            return self.unique.is_key.then(|| format!("lacks a field of the key {name}"));
        }
        (!self.seen.insert(values)).then(|| format!("repeats what must be unique ({name})"))
    }
}

impl Field {
    /// Takes what the field has found; what is wrong with that (XSD, part 1, section 3.11.4, clauses 3 and 4.2.3).
    fn note(&mut self, held: Held<'_>, is_nillable_key: bool) -> Option<&'static str> {
        let (found, reason) = match (&*self, held) {
            (Self::Value(_) | Self::NoValue, _) => (Self::NoValue, Some("has two values")),
            (Self::Absent, Held::Elements) => (Self::NoValue, Some("is an element whose type is not simple")),
            (Self::Absent, _) if is_nillable_key => (Self::NoValue, Some("may be nil, but is one of a key")),
            (Self::Absent, Held::Nothing) => (Self::NoValue, None),
            (Self::Absent, Held::Value(simple, text)) => (Self::Value(simple.value(text).into_owned()), None),
        };
        *self = found;
        reason
    }
}

/// Whether a path leads to the last of these elements.
fn matches(path: &Path, below: &[Open]) -> bool {
    let Path { anywhere, steps, .. } = path;
    let from = match below.len().checked_sub(steps.len()) {
        Some(0) => 0,
        Some(from) if *anywhere => from,
        Some(_) | None => return false,
    };
    steps.iter().zip(&below[from..]).all(|(step, Open { namespace, local, .. })| match step {
        Step::Name(wanted, name) => Some(*wanted) == *namespace && **name == **local,
        Step::Any(wanted) => wanted.is_none_or(|wanted| Some(wanted) == *namespace),
    })
}
