//! Collects what is wrong with a message: the first findings, in the order of the document.

use pix_stream_ports::codec::{FINDINGS_MAX, Finding, Invalid, Rule, UNKNOWN_NAME};

use crate::decode::place::Place;
use crate::fault::Fault;
use crate::schemas::Schemas;

/// Where in the document something is, in the words of the schemas. A name that none of them declares is content,
/// perhaps somebody's whose text was taken for markup (protocol, section 6).
#[derive(Debug)]
pub(super) struct Path {
    text: String,
    /// The last name, if it is not one of the schemas'.
    hidden: Option<String>,
}

impl Path {
    /// The path of open elements, the root first; `/` when there is none.
    pub(super) fn of<'n>(names: impl Iterator<Item = &'n str>, schemas: &Schemas) -> Self {
        let (mut text, mut hidden) = (String::new(), None);
        for name in names {
            if !text.is_empty() {
                text.push('/');
            }
            let is_known = schemas.knows_name(name);
            text.push_str(if is_known { name } else { UNKNOWN_NAME });
            hidden = (!is_known).then(|| name.to_owned());
        }
        if text.is_empty() {
            text.push('/');
        }
        Self { text, hidden }
    }

    fn attribute(self, local: &str, schemas: &Schemas) -> Self {
        let is_known = schemas.knows_name(local);
        let name = if is_known { local } else { UNKNOWN_NAME };
        Self { text: format!("{}/@{name}", self.text), hidden: (!is_known).then(|| local.to_owned()) }
    }
}

impl From<&str> for Path {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), hidden: None }
    }
}

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// The refusal for one fault at a place where no element is open.
    pub(super) fn of(fault: Fault, at: Place) -> Invalid {
        Invalid::from(finding(at, "/".into(), fault.rule(), fault.to_string()))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether as many are known as are told.
    pub(super) const fn are_full(&self) -> bool {
        self.0.len() >= FINDINGS_MAX
    }

    pub(super) fn has(&self, rule: Rule) -> bool {
        self.0.iter().any(|one| one.rule == rule)
    }

    pub(super) fn add(&mut self, at: Place, path: Path, rule: Rule, reason: String) {
        self.0.push(finding(at, path, rule, reason));
    }

    /// What a schema has found.
    pub(super) fn add_schema(
        &mut self,
        at: Place,
        path: Path,
        fault: pix_stream_schema::Fault,
        schemas: &Schemas,
    ) {
        let path = match &fault.attribute {
            Some(attribute) => path.attribute(attribute, schemas),
            None => path,
        };
        let found = finding(at, path, Rule::Schema, fault.reason);
        self.0.push(Finding { value: fault.value.or(found.value), ..found });
    }

    /// What the header's rules have found. Where the schema has found something at that place it is told in the
    /// schema's words, under the header's rule.
    pub(super) fn add_header(&mut self, at: Place, path: Path, fault: Fault) {
        match self.0.iter_mut().find(|one| one.path == path.text) {
            Some(known) => known.rule = fault.rule(),
            None => self.add(at, path, fault.rule(), fault.to_string()),
        }
    }

    /// The refusal; `last` is what it is refused for if nothing was found.
    pub(super) fn into_invalid_or(self, last: Fault, message_type: Option<String>) -> Invalid {
        Invalid { message_type, ..self.told(last) }
    }

    fn told(self, last: Fault) -> Invalid {
        let mut findings = self.0;
        findings.sort_by_key(|one| (one.line, one.column));
        findings.truncate(FINDINGS_MAX);
        if findings.is_empty() {
            return Self::of(last, Place::START);
        }
        let more = findings.split_off(1);
        findings
            .pop()
            .map_or_else(|| Self::of(last, Place::START), |first| Invalid { message_type: None, first, more })
    }
}

fn finding(at: Place, path: Path, rule: Rule, reason: String) -> Finding {
    Finding { line: at.line, column: at.column, path: path.text, rule, reason, value: path.hidden }
}
