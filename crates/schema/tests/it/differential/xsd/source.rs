//! A schema file as tags, with the namespaces in scope; annotations are left out.

use std::path::Path;
use std::sync::Arc;

use xml::EventReader;
use xml::namespace::Namespace;
use xml::reader::XmlEvent;

use crate::differential::tree::{Name, XSD};

/// A file, and the namespace its declarations are of.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) root: Tag,
    pub(super) target: Arc<str>,
}

/// An element of a schema file.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    scope: Namespace,
    pub(super) children: Vec<Self>,
}

impl Tag {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

impl Source {
    /// What a QName in an attribute of a tag means. Without any namespace it is of this file's target: an included
    /// file may have none of its own.
    pub(super) fn resolve(&self, tag: &Tag, name: &str) -> Name {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = tag.scope.get(prefix).unwrap_or_default();
        assert!(prefix.is_empty() || !namespace.is_empty(), "the prefix {prefix} is not declared");
        let namespace = if namespace.is_empty() { Arc::clone(&self.target) } else { namespace.into() };
        Name { namespace, local: local.into() }
    }
}

/// Reads a file, and those that it includes.
pub(super) fn read(file: &Path) -> Vec<Source> {
    let root = tags(file);
    let target = root.attribute("targetNamespace").expect("a message has a namespace");
    let target: Arc<str> = target.into();
    let mut sources = Vec::new();
    take(file, root, &target, &mut sources);
    sources
}

fn take(file: &Path, mut root: Tag, target: &Arc<str>, sources: &mut Vec<Source>) {
    assert_eq!(root.attribute("elementFormDefault"), Some("qualified"), "{}", file.display());
    for include in root.children.extract_if(.., |tag| tag.name == "include") {
        let included = file.with_file_name(include.attribute("schemaLocation").unwrap());
        take(&included, tags(&included), target, sources);
    }
    sources.push(Source { root, target: Arc::clone(target) });
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other events of the reader are of no interest")]
fn tags(file: &Path) -> Tag {
    let bytes = std::fs::read(file).unwrap();
    let mut open: Vec<Tag> = Vec::new();
    let mut annotations = 0;
    for event in EventReader::new(bytes.as_slice()) {
        match event.unwrap() {
            XmlEvent::StartElement { name, attributes, namespace } => {
                assert_eq!(name.namespace.as_deref(), Some(XSD), "{}", file.display());
                if name.local_name == "annotation" {
                    annotations += 1;
                }
                let attributes = attributes.into_iter().map(|a| (a.name.local_name, a.value)).collect();
                open.push(Tag { name: name.local_name, attributes, scope: namespace, children: Vec::new() });
            }
            XmlEvent::EndElement { .. } if open.len() > 1 => {
                let closed = open.pop().unwrap();
                if closed.name == "annotation" {
                    annotations -= 1;
                } else if annotations == 0 {
                    open.last_mut().unwrap().children.push(closed);
                }
            }
            _ => {}
        }
    }
    open.pop().unwrap()
}
