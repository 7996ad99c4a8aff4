//! What routes are made of: methods, roles, reach, contents, hooks.

use super::SchemaOf;
use crate::hooks::Hooks;

/// The methods that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Looks.
    Get,
    /// Does.
    Post,
    /// Sets.
    Put,
    /// Ends.
    Delete,
}

/// The roles that a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Administrators.
    pub admin: bool,
    /// Operators.
    pub operator: bool,
    /// Auditors.
    pub auditor: bool,
}

/// How far a role goes that is for some participants only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is about nobody's data: whoever has a role may use it.
    Anybody,
    /// Its path names a participant, which must be one of them.
    Participant,
    /// What it finds is narrowed to them.
    Narrowed,
    /// It is about the whole node: not for such a role.
    Node,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// JSON of this type.
    Json(SchemaOf),
    /// Text of these media types.
    Text(&'static [&'static str]),
    /// A message, byte by byte.
    Message,
    /// Lines of JSON, of which the last one proves that the others are all.
    Lines,
    /// The document itself.
    Document,
}

/// What a route needs of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Nothing.
    None,
    /// Reading files again.
    Reload,
    /// Key files.
    Keys,
    /// The log's filter.
    Log,
    /// Slow requests.
    Slow,
    /// Evidence.
    Evidence,
    /// Facts of the node, and its end.
    Node,
}

/// Everybody with a role.
pub(crate) const LOOK: Allowed = Allowed { admin: true, operator: true, auditor: true };
/// Day-to-day work.
pub(crate) const WORK: Allowed = Allowed { admin: true, operator: true, auditor: false };
/// What admits, keeps, takes away or hands out.
pub(crate) const ADMIN: Allowed = Allowed { admin: true, operator: false, auditor: false };
/// What proves.
pub(crate) const AUDIT: Allowed = Allowed { admin: true, operator: false, auditor: true };

impl Verb {
    /// The method, as requests name it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it changes something: then it takes a reason, and can be tried.
    #[must_use]
    pub const fn is_change(self) -> bool {
        match self {
            Self::Get => false,
            Self::Post | Self::Put | Self::Delete => true,
        }
    }
}

impl Allowed {
    /// The roles in words: `admin or operator`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match (self.admin, self.operator, self.auditor) {
            (_, true, true) => "admin, operator or auditor",
            (_, true, false) => "admin or operator",
            (_, false, true) => "admin or auditor",
            (_, false, false) => "admin",
        }
    }
}

impl Hook {
    /// Whether a server has it.
    #[must_use]
    pub fn is_there(self, hooks: &Hooks) -> bool {
        match self {
            Self::None => true,
            Self::Reload => hooks.reload.is_some(),
            Self::Keys => hooks.keys.is_some(),
            Self::Log => hooks.log.is_some(),
            Self::Slow => hooks.slow.is_some(),
            Self::Evidence => hooks.evidence.is_some(),
            Self::Node => hooks.node.is_some(),
        }
    }
}
