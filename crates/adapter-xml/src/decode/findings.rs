//! Collects what is wrong with a message: the first findings, in the order of the document.

use pix_stream_ports::codec::{FINDINGS_MAX, Finding, Invalid, Rule};

use crate::decode::place::Place;
use crate::fault::Fault;

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// The refusal for one fault at a place where no element is open.
    pub(super) fn of(fault: Fault, at: Place) -> Invalid {
        Invalid::from(finding(at, "/".to_owned(), fault.rule(), fault.to_string()))
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

    pub(super) fn add(&mut self, at: Place, path: String, rule: Rule, reason: String) {
        self.0.push(finding(at, path, rule, reason));
    }

    /// What a schema has found.
    pub(super) fn add_schema(&mut self, at: Place, path: String, fault: pix_stream_schema::Fault) {
        let path = fault.attribute.map_or(path.clone(), |attribute| format!("{path}/@{attribute}"));
        self.0.push(Finding { value: fault.value, ..finding(at, path, Rule::Schema, fault.reason) });
    }

    /// What the header's rules have found, unless something is known of that place already.
    pub(super) fn add_unless_known(&mut self, at: Place, path: String, fault: Fault) {
        if !self.0.iter().any(|one| one.path == path) {
            self.add(at, path, fault.rule(), fault.to_string());
        }
    }

    /// The refusal; `last` is what it is refused for if nothing was found.
    pub(super) fn into_invalid_or(self, last: Fault) -> Invalid {
        let mut findings = self.0;
        findings.sort_by_key(|one| (one.line, one.column));
        findings.truncate(FINDINGS_MAX);
        if findings.is_empty() {
            return Self::of(last, Place::START);
        }
        let more = findings.split_off(1);
        findings.pop().map_or_else(|| Self::of(last, Place::START), |first| Invalid { first, more })
    }
}

fn finding(at: Place, path: String, rule: Rule, reason: String) -> Finding {
    Finding { line: at.line, column: at.column, path, rule, reason, value: None }
}
