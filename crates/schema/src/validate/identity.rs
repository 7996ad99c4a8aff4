//! `xs:unique` and `xs:key`: values that may stand once below an element.
//! While no element with such a constraint is open this costs nothing.

use std::collections::HashSet;

use crate::model::Child;
use crate::tables::{Element, NamespaceId, Path, Step, Unique};
use crate::validate::{At, Fault};
use pix_stream_datatypes::Simple;

/// The constraints of the open elements.
#[derive(Debug, Default)]
pub(super) struct Identity<'s> {
    /// Names of the open elements, from the first one with a constraint on.
    open: Vec<(Option<NamespaceId>, String)>,
    scopes: Vec<Scope<'s>>,
}

/// One constraint of one open element.
#[derive(Debug)]
struct Scope<'s> {
    unique: &'s Unique,
    /// How many elements were open with the element that has the constraint.
    depth: usize,
    targets: Vec<Target>,
    seen: HashSet<Vec<String>>,
}

/// An element that a selector found and that is still open.
#[derive(Debug)]
struct Target {
    depth: usize,
    fields: Vec<Option<String>>,
}

impl<'s> Identity<'s> {
    /// An element opens.
    pub(super) fn enter(&mut self, name: Child<'_>, declaration: Option<&'s Element>) {
        let constraints = declaration.map_or(&[][..], |element| &element.unique);
        if self.open.is_empty() && constraints.is_empty() {
            return;
        }
        self.open.push((name.namespace, name.local.to_owned()));
        let depth = self.open.len();
        for unique in constraints {
            self.scopes.push(Scope { unique, depth, targets: Vec::new(), seen: HashSet::new() });
        }
        let open = &self.open;
        for scope in &mut self.scopes {
            let below = &open[scope.depth..];
            if scope.unique.selector.iter().any(|path| matches(path, below)) {
                scope.targets.push(Target { depth, fields: vec![None; scope.unique.fields.len()] });
            }
        }
    }

    /// An attribute of the element that has just been opened has a value.
    pub(super) fn attribute(
        &mut self,
        namespace: NamespaceId,
        local: &str,
        value: (&Simple, &str),
        faults: &mut Vec<Fault>,
    ) {
        self.note(Some((namespace, local)), value, faults);
    }

    /// The innermost open element closes, with a value if it has simple content.
    pub(super) fn leave(&mut self, value: Option<(&Simple, &str)>, faults: &mut Vec<Fault>) {
        if self.open.is_empty() {
            return;
        }
        if let Some(value) = value {
            self.note(None, value, faults);
        }
        let depth = self.open.len();
        for scope in &mut self.scopes {
            let Some(target) = scope.targets.pop_if(|target| target.depth == depth) else { continue };
            let fields: Option<Vec<String>> = target.fields.into_iter().collect();
            let name = &scope.unique.name;
            let fault = match fields {
                Some(fields) => {
                    let is_new = scope.seen.insert(fields);
                    (!is_new).then(|| format!("repeats what must be unique ({name})"))
                }
                None => scope.unique.is_key.then(|| format!("lacks a field of the key {name}")),
            };
            faults.extend(fault.map(|reason| Fault::new(At::Open, reason)));
        }
        self.scopes.retain(|scope| scope.depth < depth);
        self.open.pop();
        if self.scopes.is_empty() {
            self.open.clear();
        }
    }

    fn note(
        &mut self,
        attribute: Option<(NamespaceId, &str)>,
        (simple, value): (&Simple, &str),
        faults: &mut Vec<Fault>,
    ) {
        let open = &self.open;
        for scope in &mut self.scopes {
            for target in &mut scope.targets {
                let below = &open[target.depth..];
                for (paths, field) in scope.unique.fields.iter().zip(&mut target.fields) {
                    let is_it = |path: &Path| {
                        let wanted = path.attribute.as_ref().map(|(namespace, local)| (*namespace, &**local));
                        wanted == attribute && matches(path, below)
                    };
                    if paths.iter().any(is_it)
                        && field.replace(simple.canonical(value).into_owned()).is_some()
                    {
                        let name = &scope.unique.name;
                        faults.push(Fault::new(At::Open, format!("a field of {name} has two values")));
                    }
                }
            }
        }
    }
}

/// Whether a path leads to the last of these elements.
fn matches(path: &Path, below: &[(Option<NamespaceId>, String)]) -> bool {
    let Path { anywhere, steps, .. } = path;
    let from = match below.len().checked_sub(steps.len()) {
        Some(0) => 0,
        Some(from) if *anywhere => from,
        Some(_) | None => return false,
    };
    steps.iter().zip(&below[from..]).all(|(step, (namespace, local))| match step {
        Step::Name(wanted, name) => Some(*wanted) == *namespace && **name == **local,
        Step::Any(wanted) => wanted.is_none_or(|wanted| Some(wanted) == *namespace),
    })
}
