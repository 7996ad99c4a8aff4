//! Schemas made for the tests: what is accepted, what is refused and where, and whole files.

mod accepted;
mod files;
mod refused;

use super::{Problem, Source};
use crate::tables::{Content, Element, Kind, NamespaceId, Schemas, Type};

/// Stands in front of what a problem must name.
const MARK: char = '⚑';

/// A file with `urn:t` as target and default namespace and the body from line 2 on.
fn file(name: &str, body: &str) -> Source {
    let head = "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns=\"urn:t\" xmlns:t=\"urn:t\" \
                targetNamespace=\"urn:t\" elementFormDefault=\"qualified\">";
    raw(name, &format!("{head}\n{body}\n</xs:schema>"))
}

fn raw(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), bytes: text.as_bytes().to_owned() }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn compiled(body: &str) -> Schemas {
    compiled_all(&[file("t.xsd", body)], &[])
}

fn compiled_all(sources: &[Source], fallback: &[Source]) -> Schemas {
    Schemas::compile(sources, fallback).unwrap_or_else(|problems| panic!("{}", listed(&problems)))
}

/// The problems of files, and the place of the mark in each.
fn problems_of(sources: &[Source], fallback: &[Source]) -> (Vec<Problem>, Vec<(String, u64, u64)>) {
    let mut marks = Vec::new();
    let mut cleaned = |sources: &[Source]| -> Vec<Source> {
        let clean = |source: &Source| {
            let mut text = String::new();
            for (row, line) in std::str::from_utf8(&source.bytes).unwrap().split('\n').enumerate() {
                for (before, piece) in line.split(MARK).enumerate() {
                    if before > 0 {
                        let column = text.rsplit('\n').next().unwrap().chars().count() as u64 + 1;
                        marks.push((source.name.clone(), row as u64 + 1, column));
                    }
                    text.push_str(piece);
                }
                text.push('\n');
            }
            raw(&source.name, &text)
        };
        sources.iter().map(clean).collect()
    };
    let (sources, fallback) = (cleaned(sources), cleaned(fallback));
    match Schemas::compile(&sources, &fallback) {
        Ok(_) => (Vec::new(), marks),
        Err(problems) => (problems, marks),
    }
}

/// Asserts that marks and problems are the same places, and each reason has its text.
fn assert_refused_all(sources: &[Source], fallback: &[Source], reasons: &[&str]) {
    let (problems, marks) = problems_of(sources, fallback);
    let places: Vec<_> = problems.iter().map(|p| (p.file.clone(), p.line, p.column)).collect();
    assert_eq!(places, marks, "{}", listed(&problems));
    assert_eq!(problems.len(), reasons.len(), "{}", listed(&problems));
    for (problem, reason) in problems.iter().zip(reasons) {
        assert!(problem.reason.contains(reason), "{problem}\nwithout: {reason}");
    }
}

fn assert_refused(body: &str, reasons: &[&str]) {
    assert_refused_all(&[file("t.xsd", body)], &[], reasons);
}

impl Schemas {
    fn number_of(&self, namespace: &str) -> NamespaceId {
        self.find_namespace(namespace).unwrap()
    }

    /// A global element of `urn:t` and its type.
    fn found(&self, local: &str) -> (&Element, &Type) {
        let element = self.element(self.global_elements[&self.number_of("urn:t")][local]);
        (element, self.type_of(element.type_id))
    }

    fn complex(&self, local: &str) -> &crate::tables::Complex {
        match &self.found(local).1.kind {
            Kind::Complex(complex) => complex,
            Kind::Simple(_) => panic!("{local} is simple"),
        }
    }

    fn simple(&self, local: &str) -> &pix_stream_datatypes::Simple {
        match &self.found(local).1.kind {
            Kind::Simple(simple) => simple,
            Kind::Complex(complex) => match complex.content {
                Content::Text(text) => match &self.type_of(text).kind {
                    Kind::Simple(simple) => simple,
                    Kind::Complex(_) => panic!("{local} has text that is complex"),
                },
                Content::Empty | Content::Elements { .. } => panic!("{local} has no text"),
            },
        }
    }
}
