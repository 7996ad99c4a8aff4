//! XSD files to tables.
//!
//! The crate `xsd` reads each file and knows what may stand where; [`resolve`] puts files together to
//! namespaces; [`compiler`] gives every declaration a row, with one module for each kind of component; [`checks`]
//! looks at what needs all of them. Nothing stops at the first problem: an operator wants the whole list.

mod attributes;
mod built_in;
mod checks;
mod compiler;
mod complex;
mod elements;
mod identity;
mod names;
mod narrowing;
mod particles;
mod resolve;
mod simple;

use pix_stream_xsd::{Place, Problem, Problems, Source};

use crate::tables::Schemas;
use compiler::Compiler;
use resolve::{Document, Namespaces};

impl Schemas {
    /// Compiles schemas. Namespaces of `sources` replace those of `fallback` whole; an import is resolved by its
    /// namespace in `sources`, then in `fallback`. An include of a source is looked for among the sources, then in
    /// the fallback; one of the fallback only there. Files without a target namespace count where they are included.
    ///
    /// # Errors
    /// Every problem found, in the order of files and lines; after the first hundred, how many more there are.
    pub fn compile(sources: &[Source], fallback: &[Source]) -> Result<Self, Vec<Problem>> {
        let files: Vec<&str> = sources.iter().chain(fallback).map(|source| &*source.name).collect();
        compile(sources, fallback).map_err(|problems| problems.finish(&files))
    }
}

fn compile(sources: &[Source], fallback: &[Source]) -> Result<Schemas, Problems> {
    let mut problems = Problems::default();
    let mut documents = Vec::new();
    for (file, source) in sources.iter().chain(fallback).enumerate() {
        if let Some(root) = pix_stream_xsd::read(file, source, &mut problems) {
            resolve::check_target(&root, &mut problems);
            documents.push(Document { name: &source.name, is_fallback: file >= sources.len(), root });
        }
    }
    if documents.is_empty() && problems.count() == 0 {
        problems.add(Place::start_of(0), "there are no schemas");
    }
    let mut namespaces = Namespaces::new();
    let homes = resolve::homes(&documents, &mut namespaces, &mut problems);
    let roots: Vec<_> = documents.iter().map(|document| &document.root).collect();
    Compiler::new(problems, namespaces).run(&homes, &roots)
}

/// The target namespace of a file, for callers that must know which files have one; what the file declares is not
/// looked at.
///
/// # Errors
/// The file is no schema, or not well-formed: the first problem.
pub fn target_namespace(source: &Source) -> Result<Option<String>, Problem> {
    let mut problems = Problems::default();
    match pix_stream_xsd::read(0, source, &mut problems) {
        Some(root) => Ok(root.attribute("targetNamespace").map(str::to_owned)),
        None => {
            let unread =
                || Problem { file: source.name.clone(), line: 1, column: 1, reason: "no schema".to_owned() };
            Err(problems.finish(&[&source.name]).into_iter().next().unwrap_or_else(unread))
        }
    }
}

#[cfg(test)]
mod tests;
