//! Which files make up which namespace: includes, imports, and sources that replace the fallback.
//!
//! A namespace is one file and what it includes. A file without a target namespace takes that of the file that
//! includes it, and counts for nothing where none does.

use std::collections::HashMap;

use crate::tables::{NO_NAMESPACE, NamespaceId};
use pix_stream_xsd::Node;
use pix_stream_xsd::{Place, Problems};

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) name: &'a str,
    pub(super) is_fallback: bool,
    pub(super) root: Node,
}

/// What a file's declarations need to know of it: a file for each namespace that it is part of.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) document: usize,
    pub(super) namespace: NamespaceId,
    /// Whether the file has no target namespace of its own, so that unprefixed names mean the includer's.
    pub(super) is_chameleon: bool,
    pub(super) imports: Vec<NamespaceId>,
    pub(super) elements_qualified: bool,
    pub(super) attributes_qualified: bool,
}

/// Names of namespaces, numbered.
#[derive(Debug)]
pub(super) struct Namespaces {
    pub(super) names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, NamespaceId>,
    /// Whether there were more than numbers.
    pub(super) overflown: bool,
}

impl Namespaces {
    pub(super) fn new() -> Self {
        let numbers = HashMap::from([(Box::from(""), NO_NAMESPACE)]);
        Self { names: vec![Box::from("")], numbers, overflown: false }
    }

    pub(super) fn number(&mut self, name: &str) -> NamespaceId {
        if let Some(known) = self.numbers.get(name) {
            return *known;
        }
        let Ok(next) = u16::try_from(self.names.len()) else {
            self.overflown = true;
            return NO_NAMESPACE;
        };
        self.names.push(name.into());
        self.numbers.insert(name.into(), NamespaceId(next));
        NamespaceId(next)
    }

    pub(super) fn name(&self, number: NamespaceId) -> &str {
        &self.names[usize::from(number.0)]
    }
}

impl Document<'_> {
    fn target(&self) -> Option<&str> {
        self.root.attribute("targetNamespace")
    }

    /// Its children of one name.
    fn all<'n>(&'n self, name: &'static str) -> impl Iterator<Item = &'n Node> {
        self.root.children.iter().filter(move |node| node.rule.name == name)
    }
}

/// Puts files together to namespaces.
pub(super) fn homes(
    documents: &[Document<'_>],
    namespaces: &mut Namespaces,
    problems: &mut Problems,
) -> Vec<Home> {
    let mut groups = by_target(documents, false);
    for group in by_target(documents, true) {
        if groups.iter().all(|known| known.0 != group.0) {
            groups.push(group);
        }
    }
    let mut homes = Vec::new();
    for (name, members) in &groups {
        let namespace = namespaces.number(name);
        for document in namespace_files(documents, members, problems) {
            homes.push(home(&documents[document], document, namespace, problems));
        }
    }
    for home in &mut homes {
        let document = &documents[home.document];
        for import in document.all("import") {
            let known = |name: &str| groups.iter().any(|(known, _)| *known == name);
            match imported(import, known) {
                Ok(name) if namespaces.number(name) == home.namespace => {
                    problems.add(import.place, "a namespace cannot import itself; include the file");
                }
                Ok(name) => home.imports.push(namespaces.number(name)),
                Err(reason) => problems.add(import.place, reason),
            }
        }
    }
    homes
}

/// The namespaces of one layer in order, each with the files that have it as their target.
fn by_target<'d>(documents: &'d [Document<'_>], fallback: bool) -> Vec<(&'d str, Vec<usize>)> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (at, document) in documents.iter().enumerate().filter(|(_, d)| d.is_fallback == fallback) {
        let Some(target) = document.target() else { continue };
        let place = *places.entry(target).or_insert_with(|| {
            groups.push((target, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(at);
    }
    groups
}

/// The file that stands for a namespace, and all that it includes, each once.
fn namespace_files(documents: &[Document<'_>], members: &[usize], problems: &mut Problems) -> Vec<usize> {
    let includes = |at: usize| {
        let nodes = documents[at].all("include");
        nodes.filter_map(move |node| included(documents, at, node).ok()).filter(move |found| *found != at)
    };
    let is_included =
        |at: usize| members.iter().any(|other| *other != at && includes(*other).any(|to| to == at));
    // Files that include each other in a circle have no first one; any will do.
    let root = members.iter().copied().find(|at| !is_included(*at)).unwrap_or(members[0]);
    let target = documents[root].target();
    let (mut files, mut next) = (vec![root], 0);
    while let Some(at) = files.get(next).copied() {
        next += 1;
        for node in documents[at].all("include") {
            match included(documents, at, node) {
                Ok(found) if documents[found].target().is_some_and(|other| Some(other) != target) => problems
                    .add(
                        node.place,
                        format!("{} has another target namespace; import it", documents[found].name),
                    ),
                Ok(found)
                    if documents[found].target() != documents[at].target()
                        && documents[found].target().is_some() =>
                {
                    problems.add(node.place, "a file without a target namespace cannot include one with");
                }
                Ok(found) if !files.contains(&found) => files.push(found),
                Ok(_) => {}
                Err(reason) => problems.add(node.place, reason),
            }
        }
    }
    for at in members.iter().filter(|at| !files.contains(at)) {
        let (place, first) = (documents[*at].root.place, documents[root].name);
        let target = target.unwrap_or_default();
        let name = documents[*at].name;
        problems.add(
            place,
            format!(
                "{target} is the target namespace of {first} and of {name}, and neither includes the other"
            ),
        );
    }
    files
}

fn home(document: &Document<'_>, at: usize, namespace: NamespaceId, problems: &mut Problems) -> Home {
    let root = &document.root;
    let mut qualified = |name: &str| match root.attribute(name) {
        None | Some("unqualified") => false,
        Some("qualified") => true,
        Some(_) => {
            problems.add(root.place, format!("{name} is qualified or unqualified"));
            false
        }
    };
    Home {
        document: at,
        namespace,
        is_chameleon: root.attribute("targetNamespace").is_none(),
        imports: Vec::new(),
        elements_qualified: qualified("elementFormDefault"),
        attributes_qualified: qualified("attributeFormDefault"),
    }
}

fn imported(import: &Node, known: impl Fn(&str) -> bool) -> Result<&str, String> {
    let Some(name) = import.attribute("namespace").filter(|name| !name.is_empty()) else {
        return Err("only a namespace can be imported; a file without one can be included".to_owned());
    };
    if known(name) {
        return Ok(name);
    }
    let hint = import.attribute("schemaLocation").map(|at| format!(" (its schemaLocation is {at})"));
    Err(format!("no file has the target namespace {name}{}", hint.unwrap_or_default()))
}

/// The file that an include names: by its path from the including file, else by its last
/// segment. A source finds
/// sources before the fallback, the fallback finds itself only.
fn included(documents: &[Document<'_>], from: usize, include: &Node) -> Result<usize, String> {
    let Some(location) = include.attribute("schemaLocation").filter(|location| !location.is_empty()) else {
        return Err("xs:include needs a schemaLocation".to_owned());
    };
    let from_folder = documents[from].name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let wanted = normal(&[from_folder, location]);
    let file = |path: &str| path.rsplit('/').next() == location.rsplit('/').next();
    let layers: &[bool] = if documents[from].is_fallback { &[true] } else { &[false, true] };
    for layer in layers {
        let of_layer = || documents.iter().enumerate().filter(|(_, document)| document.is_fallback == *layer);
        if let Some((at, _)) = of_layer().find(|(_, document)| normal(&[document.name]) == wanted) {
            return Ok(at);
        }
        let mut found = of_layer().filter(|(_, document)| file(document.name));
        match (found.next(), found.next()) {
            (Some((at, _)), None) => return Ok(at),
            (Some((_, one)), Some((_, other))) => {
                return Err(format!("{location} may be {} or {}", one.name, other.name));
            }
            (None, _) => {}
        }
    }
    Err(format!("no file {location}"))
}

/// Paths put together, without `.`, and without `..` where that takes something back.
fn normal<'p>(paths: &[&'p str]) -> Vec<&'p str> {
    let mut normal: Vec<&str> = Vec::new();
    for segment in paths.iter().flat_map(|path| path.split('/')) {
        match segment {
            "" | "." => {}
            ".." if normal.last().is_some_and(|last| *last != "..") => {
                normal.pop();
            }
            _ => normal.push(segment),
        }
    }
    normal
}

/// Refuses target namespaces that are empty or reserved.
pub(super) fn check_target(root: &Node, problems: &mut Problems) {
    let place: Place = root.place;
    match root.attribute("targetNamespace") {
        Some("") => problems.add(place, "an empty targetNamespace; leave it out"),
        Some(pix_stream_xsd::XSD | super::names::XSI) => {
            problems.add(place, "this targetNamespace belongs to XML Schema itself");
        }
        Some(_) | None => {}
    }
}
