//! What the three validators say of documents.

mod library;
mod ours;
mod xmllint;

use std::fmt;
use std::path::Path;

pub(super) use library::Library;
pub(crate) use ours::Ours;

use super::sets::Set;

/// What one validator says: nothing, or why it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Valid,
    Invalid(Vec<String>),
}

impl Verdict {
    fn of(reasons: Vec<String>) -> Self {
        if reasons.is_empty() { Self::Valid } else { Self::Invalid(reasons) }
    }

    pub(super) fn is_valid(&self) -> bool {
        *self == Self::Valid
    }

    pub(super) fn reasons(&self) -> &[String] {
        match self {
            Self::Valid => &[],
            Self::Invalid(reasons) => reasons,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::Invalid(reasons) => write!(f, "invalid: {}", reasons.join(" | ")),
        }
    }
}

/// The validators that ours is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Oracle {
    Xmllint,
    XsdSchema,
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xmllint => "xmllint",
            Self::XsdSchema => "xsd-schema",
        })
    }
}

/// What `xmllint` says of each document; `folder` is for the files it reads.
pub(super) fn of_xmllint(set: &Set, folder: &Path, documents: &[&str]) -> Vec<Verdict> {
    xmllint::verdicts(set, folder, documents)
}
