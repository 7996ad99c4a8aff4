//! Reads a configuration: the file, the environment, the flags, and everything that is wrong with them.
//!
//! Reading never stops at a problem: a bad key keeps its default and the next key is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::environment::{self, Environment};
use crate::node::{self, Entry, Node};
use crate::problem::{Origin, Problem, Problems};
use crate::section::{Key, Visitor};
use crate::value::Value;
use crate::{Config, Flags, check};

/// A name is offered as the one that was meant when it is at most this far from what was written.
const MEANT_AT_LEAST: f64 = 0.7;

/// A file's text and its place.
pub(crate) struct Source<'a> {
    /// As the user named it, for messages.
    pub(crate) path: &'a Path,
    /// Where relative paths start; absolute.
    pub(crate) base: &'a Path,
    /// The content.
    pub(crate) text: &'a str,
}

/// Reads and checks; see [`crate::load`].
pub(crate) fn read(source: &Source<'_>, environment: &Environment, flags: Flags) -> Result<Config, Problems> {
    let mut reader = Reader::new(source, environment, flags);
    let mut config = Config::default();
    config.visit(&mut reader);
    reader.report_unknown();
    let mut findings = Findings { problems: reader.problems, origins: reader.origins };
    check::check(&config, &mut findings);
    if findings.problems.is_empty() {
        return Ok(config);
    }
    findings.problems.sort();
    Err(findings.problems)
}

/// Problems found so far, and where each value came from.
pub(crate) struct Findings {
    problems: Problems,
    origins: BTreeMap<String, Origin>,
}

impl Findings {
    /// Reports a rule that `key` breaks, unless one of the keys involved is broken already.
    pub(crate) fn report(&mut self, keys: &[&str], message: String, hint: &str) {
        if keys.iter().any(|key| self.problems.concern(key)) {
            return;
        }
        // A default cannot be the mistake, so the first key that somebody wrote is named.
        let written = keys.iter().find(|key| self.origins.contains_key(**key));
        let Some(key) = written.or(keys.first()) else { return };
        let origin = self.origins.get(*key).cloned().unwrap_or(Origin::Default);
        self.problems.push(Problem { origin, key: (*key).to_owned(), message, hint: hint.to_owned() });
    }
}

struct Reader<'a> {
    source: &'a Source<'a>,
    file: BTreeMap<String, Entry>,
    environment: &'a Environment,
    flags: Vec<(&'static str, &'static str, String)>,
    /// The section being read, and all keys seen so far, by section.
    section: &'static str,
    known: BTreeMap<&'static str, Vec<&'static str>>,
    problems: Problems,
    origins: BTreeMap<String, Origin>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source<'a>, environment: &'a Environment, flags: Flags) -> Self {
        let (entries, syntax) = node::parse(source.text);
        let mut problems = Problems::default();
        for error in syntax {
            problems.push(Problem {
                origin: Origin::file(source.path, error.at),
                key: String::new(),
                message: format!("not TOML: {}", error.message),
                hint: String::new(),
            });
        }
        let flags = [
            ("listen.api", "--listen", flags.listen),
            ("listen.admin", "--admin-listen", flags.admin_listen),
        ]
        .into_iter()
        .filter_map(|(key, flag, value)| Some((key, flag, value?.to_string())))
        .collect();
        Self {
            source,
            file: entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect(),
            environment,
            flags,
            section: "",
            known: BTreeMap::new(),
            problems,
            origins: BTreeMap::new(),
        }
    }

    /// The value that is in force for a key, from the strongest source that has one.
    fn find_node<T: Value>(&self, path: &str, name: &str) -> Option<(Origin, Node)> {
        if let Some((_, flag, text)) = self.flags.iter().find(|(key, _, _)| *key == path) {
            return Some((Origin::Flag((*flag).to_owned()), T::node_of_text(text)));
        }
        let variable = environment::variable(self.section, name);
        if let Some(text) = self.environment.overrides().get(&variable) {
            return Some((Origin::Variable(variable), T::node_of_text(text)));
        }
        let entries = self.file.get(self.section)?.children.as_ref()?;
        let entry = entries.iter().find(|entry| entry.name == name)?;
        Some((Origin::file(self.source.path, Some(entry.value_at)), entry.node.clone()))
    }

    fn report_unknown(&mut self) {
        let sections: Vec<&str> = self.known.keys().copied().collect();
        let mut found = Vec::new();
        for (name, entry) in &self.file {
            match (self.known.get(name.as_str()), &entry.children) {
                (None, _) => {
                    found.push((
                        Origin::file(self.source.path, Some(entry.name_at)),
                        name.clone(),
                        self.hint_for_section(name, &sections),
                    ));
                }
                (Some(_), None) => self.problems.push(Problem {
                    origin: Origin::file(self.source.path, Some(entry.value_at)),
                    key: name.clone(),
                    message: format!("is a section, this is {}", entry.node.kind()),
                    hint: format!("write its keys below a line `[{name}]`"),
                }),
                (Some(keys), Some(children)) => {
                    for child in children.iter().filter(|child| !keys.contains(&child.name.as_str())) {
                        let origin = Origin::file(self.source.path, Some(child.name_at));
                        found.push((
                            origin,
                            format!("{name}.{}", child.name),
                            nearest(&child.name, keys, "key"),
                        ));
                    }
                }
            }
        }
        found.extend(self.unknown_variables());
        for (origin, key, hint) in found {
            let message = match origin {
                Origin::Variable(_) => "no such key".to_owned(),
                Origin::File(..) | Origin::Flag(_) | Origin::Default if key.contains('.') => {
                    "unknown key".to_owned()
                }
                Origin::File(..) | Origin::Flag(_) | Origin::Default => "unknown section or key".to_owned(),
            };
            self.problems.push(Problem { origin, key, message, hint });
        }
    }

    /// A key that stands outside every section is often right but for that.
    fn hint_for_section(&self, name: &str, sections: &[&str]) -> String {
        match self.known.iter().find(|(_, keys)| keys.contains(&name)) {
            Some((section, _)) => format!("`{name}` belongs below `[{section}]`"),
            None => nearest(name, sections, "section"),
        }
    }

    /// Variables with our prefix and one of our sections, but no key of it. Other names with our prefix are left
    /// alone: container platforms set `PIX_STREAM_SERVICE_HOST` and the like for a service of our name, and
    /// `PIX_STREAM_REDIS_PORT_6379_TCP` for one that is called `pix-stream-redis`.
    fn unknown_variables(&self) -> Vec<(Origin, String, String)> {
        let mut variables = BTreeSet::new();
        let mut unknown = Vec::new();
        for (section, keys) in &self.known {
            variables.extend(keys.iter().map(|key| environment::variable(section, key)));
        }
        for name in self.environment.overrides().keys().filter(|name| !variables.contains(*name)) {
            let rest = name.strip_prefix(environment::PREFIX).unwrap_or(name).to_ascii_lowercase();
            let Some((section, key)) = rest.split_once('_') else { continue };
            let Some(keys) = self.known.get(section) else { continue };
            if is_of_a_container_platform(key) {
                continue;
            }
            let names: Vec<_> = keys.iter().map(|key| environment::variable(section, key)).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            unknown.push((
                Origin::Variable(name.clone()),
                format!("{section}.{key}"),
                nearest(name, &names, "variable"),
            ));
        }
        unknown
    }
}

impl Visitor for Reader<'_> {
    fn section(&mut self, name: &'static str, _about: &'static str) {
        self.section = name;
        self.known.insert(name, Vec::new());
    }

    fn key<T: Value>(&mut self, key: Key<T>, value: &mut T) {
        if let Some(keys) = self.known.get_mut(self.section) {
            keys.push(key.name);
        }
        let path = format!("{}.{}", self.section, key.name);
        if let Some((origin, node)) = self.find_node::<T>(&path, key.name) {
            match read_in_range(&key, &node) {
                Ok(read) => *value = read,
                // What the parser made of a syntax error is no second mistake.
                Err(_) if self.problems.stand_at(&origin) => {}
                Err((message, hint)) => {
                    self.problems.push(Problem { origin: origin.clone(), key: path.clone(), message, hint });
                }
            }
            self.origins.insert(path, origin);
        }
        value.rebase(self.source.base);
    }
}

/// Whether a container platform makes such a variable for a service that is named like one of our sections.
fn is_of_a_container_platform(key: &str) -> bool {
    key == "port"
        || key.starts_with("port_")
        || ["service_host", "service_port"].iter().any(|name| key.starts_with(name))
}

fn read_in_range<T: Value>(key: &Key<T>, node: &Node) -> Result<T, (String, String)> {
    let value = T::read(node).map_err(|message| (message, first_sentence(key.about)))?;
    match &key.range {
        Some(range) if !range.contains(&value) => {
            let [low, high, this] =
                [range.start(), range.end(), &value].map(|bound| bound.write().unwrap_or_default());
            Err((format!("takes {low} to {high}, this is {this}"), first_sentence(key.about)))
        }
        Some(_) | None => Ok(value),
    }
}

fn first_sentence(about: &str) -> String {
    match about.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => about.to_owned(),
    }
}

/// Names the known name that is nearest to what was written; all of them when none is near.
fn nearest(written: &str, known: &[&str], kind: &str) -> String {
    let best = known
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(written, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, name)) if likeness >= MEANT_AT_LEAST => format!("did you mean `{name}`?"),
        Some((_, name)) => format!("the nearest known {kind} is `{name}`; all: {}", known.join(", ")),
        None => String::new(),
    }
}
