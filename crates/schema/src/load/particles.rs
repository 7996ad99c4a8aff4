//! Particles: sequences, choices, `xs:all`, elements and wildcards, with how often they may occur.

use super::compiler::Compiler;
use super::names::Part;
use crate::model::{Particle, Term};
use crate::tables::{NO_NAMESPACE, NamespaceSet, Process, Wildcard};

impl<'s> Compiler<'s> {
    /// A particle; `None` if it may never occur, or has problems.
    pub(super) fn particle(&mut self, part: Part<'s>) -> Option<Particle> {
        let occurs = self.occurs(part);
        let term = match part.node.rule.name {
            "element" => self.local_element(part).map(Term::Element),
            "any" => self.wildcard(part).map(Term::Any),
            "sequence" => Some(Term::Sequence(self.members(part))),
            "choice" => Some(Term::Choice(self.members(part))),
            "all" => Some(Term::All(self.members_of_all(part))),
            other => {
                self.problems.add(part.place(), format!("xs:{other} is no particle"));
                None
            }
        };
        let (min, max) = occurs?;
        let term = term?;
        if part.is("all") && (min > 1 || max != Some(1)) {
            self.problems.add(part.place(), "xs:all occurs once, or with minOccurs=\"0\" at most once");
        }
        if part.is("choice") && part.children().next().is_none() && !part.node.is_flawed && max != Some(0) {
            self.problems.add(part.place(), "a choice between nothing");
        }
        (max != Some(0)).then_some(Particle { term, min, max })
    }

    fn members(&mut self, part: Part<'s>) -> Vec<Particle> {
        part.children().filter_map(|child| self.particle(child)).collect()
    }

    fn members_of_all(&mut self, part: Part<'s>) -> Vec<Particle> {
        let mut members = Vec::new();
        for child in part.children() {
            let Some(member) = self.particle(child) else { continue };
            if member.max != Some(1) {
                self.problems.add(child.place(), "an element of xs:all occurs at most once");
            }
            members.push(member);
        }
        members
    }

    fn occurs(&mut self, part: Part<'s>) -> Option<(u32, Option<u32>)> {
        let min = part.attribute("minOccurs").map_or(Some(1), count);
        let max = match part.attribute("maxOccurs") {
            None => Some(Some(1)),
            Some("unbounded") => Some(None),
            Some(text) => count(text).map(Some),
        };
        let reason = match (min, max) {
            (None, _) => format!("minOccurs is a number up to {}", u32::MAX),
            (_, None) => format!("maxOccurs is unbounded or a number up to {}", u32::MAX),
            (Some(min), Some(Some(max))) if min > max => {
                format!("minOccurs {min} is more than maxOccurs {max}")
            }
            (Some(min), Some(max)) => return Some((min, max)),
        };
        self.problems.add(part.place(), reason);
        None
    }

    /// What an `xs:any` or `xs:anyAttribute` lets through.
    pub(super) fn wildcard(&mut self, part: Part<'s>) -> Option<Wildcard> {
        let own = part.home.namespace;
        let namespaces = match part.attribute("namespace").unwrap_or("##any") {
            "##any" => NamespaceSet::Any,
            "##other" => NamespaceSet::Other(own),
            list => {
                let mut names = Vec::new();
                for name in list.split_ascii_whitespace() {
                    names.push(match name {
                        "##targetNamespace" => own,
                        "##local" => NO_NAMESPACE,
                        _ if name.starts_with("##") => {
                            self.problems
                                .add(part.place(), format!("namespace cannot have {name} in a list"));
                            return None;
                        }
                        _ => self.namespaces.number(name),
                    });
                }
                NamespaceSet::OneOf(names)
            }
        };
        let process = match part.attribute("processContents") {
            None | Some("strict") => Process::Strict,
            Some("lax") => Process::Lax,
            Some("skip") => Process::Skip,
            Some(other) => {
                let reason = format!("processContents is strict, lax or skip, not \"{other}\"");
                self.problems.add(part.place(), reason);
                return None;
            }
        };
        Some(Wildcard { namespaces, process })
    }
}

/// A number as XSD writes those that are not negative.
fn count(text: &str) -> Option<u32> {
    text.parse().ok()
}
