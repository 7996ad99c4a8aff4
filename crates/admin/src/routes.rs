//! The table: every route of the admin listener, who may use it, what it takes and what it answers.
//!
//! The router, `Allow`, authorisation, the names in the audit log and the OpenAPI document are made from this table and
//! from nothing else. What a route does is in `operations`.

mod audit;
mod catalog;
mod keys;
mod kind;
mod node;
mod participants;
mod path;
mod quarantine;

use http::Method;
use pix_stream_delivery::edge::{Code, RouteLabel};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::hooks::Hooks;
use crate::parameters::Parameter;

pub(crate) use kind::{ADMIN, AUDIT, LOOK, WORK};
pub use kind::{Allowed, Content, Hook, Reach, Verb};
pub use path::Params;
pub(crate) use path::{decoded, names};

/// Makes the schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method.
    pub method: Verb,
    /// The path, with `{names}` for what differs.
    pub path: &'static str,
    /// What it does.
    pub operation: Operation,
    /// Its name in the audit log.
    pub command: &'static str,
    /// What it does, for people, in one line.
    pub summary: &'static str,
    /// Which roles may use it.
    pub allowed: Allowed,
    /// How far a role for some participants goes.
    pub reach: Reach,
    /// What its query may hold, beside `dry_run` for a change.
    pub query: &'static [Parameter],
    /// The fields of its body, beside `reason` for a change.
    pub request: Option<SchemaOf>,
    /// What it answers when all is well.
    pub content: Content,
    /// With which statuses.
    pub statuses: &'static [u16],
    /// What it may refuse, beside what every route of its kind does.
    pub refuses: &'static [Code],
    /// Without this the server has no such route.
    pub hook: Hook,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table says of each what it does")]
pub enum Operation {
    Live,
    Ready,
    Metrics,
    Page,
    Document,
    ListParticipants,
    CreateParticipant,
    ShowParticipant,
    Pause,
    Resume,
    Cap,
    Limits,
    Rewind,
    Advance,
    Hold,
    Unhold,
    Offboard,
    Onboard,
    ReleaseSlot,
    Retention,
    ShowReplay,
    OpenReplay,
    CloseReplay,
    ListTypes,
    EnableType,
    DisableType,
    ClearType,
    ListEntries,
    ShowEntry,
    ExportEntry,
    ReleaseEntry,
    DropEntry,
    ListKeys,
    RotateKeys,
    SignWithKey,
    RetireKey,
    ShowMessage,
    ShowChain,
    VerifyChain,
    ExportMessages,
    ListSlow,
    ShowLog,
    SetLog,
    ShowNode,
    Drain,
    Reload,
}

/// The table, in the order of the document.
const TABLE: [&[Route]; 6] =
    [node::ROUTES, participants::ROUTES, catalog::ROUTES, quarantine::ROUTES, keys::ROUTES, audit::ROUTES];

/// All routes.
pub fn all() -> impl Iterator<Item = &'static Route> {
    TABLE.into_iter().flatten()
}

/// What a path names.
pub(crate) struct Found {
    /// What differs.
    pub(crate) params: Params,
    /// One route for each method.
    pub(crate) routes: Vec<&'static Route>,
}

/// What stands at a path, with these hooks; `None` for nothing.
pub(crate) fn find(path: &str, hooks: &Hooks) -> Option<Found> {
    let mut found: Option<Found> = None;
    for route in all().filter(|route| route.hook.is_there(hooks)) {
        let Some(params) = Params::of(route.path, path) else { continue };
        match &mut found {
            None => found = Some(Found { params, routes: vec![route] }),
            Some(found) => found.routes.push(route),
        }
    }
    found
}

impl Found {
    /// The route of a method.
    pub(crate) fn route(&self, method: &Method) -> Option<&'static Route> {
        self.routes.iter().find(|route| route.method.text() == method.as_str()).copied()
    }

    /// `Allow`: the methods in the order of the table.
    pub(crate) fn allow(&self) -> String {
        self.routes.iter().map(|route| route.method.text()).collect::<Vec<_>>().join(", ")
    }
}

impl Route {
    /// A route that looks, for everybody with a role.
    const fn look(
        path: &'static str,
        operation: Operation,
        command: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method: Verb::Get,
            path,
            operation,
            command,
            summary,
            allowed: LOOK,
            reach: Reach::Node,
            query: &[],
            request: None,
            content: Content::Text(&[]),
            statuses: &[200],
            refuses: &[],
            hook: Hook::None,
        }
    }

    /// A change, for administrators unless it says otherwise.
    const fn change(
        method: Verb,
        path: &'static str,
        operation: Operation,
        command: &'static str,
        summary: &'static str,
    ) -> Self {
        let request: Option<SchemaOf> = Some(schema_of::<crate::requests::NoFields>);
        Self { method, allowed: ADMIN, request, ..Self::look(path, operation, command, summary) }
    }

    const fn post(
        path: &'static str,
        operation: Operation,
        command: &'static str,
        summary: &'static str,
    ) -> Self {
        Self::change(Verb::Post, path, operation, command, summary)
    }

    const fn delete(
        path: &'static str,
        operation: Operation,
        command: &'static str,
        summary: &'static str,
    ) -> Self {
        Self::change(Verb::Delete, path, operation, command, summary)
    }

    const fn put(
        path: &'static str,
        operation: Operation,
        command: &'static str,
        summary: &'static str,
    ) -> Self {
        Self::change(Verb::Put, path, operation, command, summary)
    }

    const fn allow(self, allowed: Allowed) -> Self {
        Self { allowed, ..self }
    }

    const fn reach(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    const fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    const fn takes<T: JsonSchema>(self) -> Self {
        Self { request: Some(schema_of::<T>), ..self }
    }

    const fn gives<T: JsonSchema>(self) -> Self {
        Self { content: Content::Json(schema_of::<T>), ..self }
    }

    const fn content(self, content: Content) -> Self {
        Self { content, ..self }
    }

    const fn statuses(self, statuses: &'static [u16]) -> Self {
        Self { statuses, ..self }
    }

    const fn refuses(self, refuses: &'static [Code]) -> Self {
        Self { refuses, ..self }
    }

    const fn needs(self, hook: Hook) -> Self {
        Self { hook, ..self }
    }

    /// What its requests count as.
    pub(crate) const fn label(&self) -> RouteLabel {
        if matches!(self.operation, Operation::Live | Operation::Ready) {
            RouteLabel::Health
        } else if matches!(self.operation, Operation::Metrics) {
            RouteLabel::Metrics
        } else if matches!(self.operation, Operation::Page) {
            RouteLabel::StatusPage
        } else {
            RouteLabel::Admin
        }
    }

    /// Whether it is for machines that look at the process, with whatever query they send: nothing is recorded of it.
    pub(crate) const fn is_probe(&self) -> bool {
        matches!(self.operation, Operation::Live | Operation::Ready | Operation::Metrics | Operation::Page)
    }

    /// Whether a page in a browser may not have caused it: it changes something, or hands out data.
    pub(crate) const fn is_guarded(&self) -> bool {
        self.method.is_change() || matches!(self.content, Content::Message | Content::Lines)
    }

    /// Everything that it may refuse, by code: what every route of its kind does, and its own.
    #[must_use]
    pub fn codes(&self) -> Vec<Code> {
        let mut codes = vec![Code::Forbidden, Code::HeadTooLarge, Code::InvalidHeader];
        if !self.is_probe() {
            codes.extend([Code::InvalidRequest, Code::Internal]);
        }
        if self.method.is_change() {
            codes.extend([Code::TooLarge, Code::UnsupportedMediaType, Code::Unavailable, Code::Overloaded]);
        }
        if self.path.contains('{') {
            codes.push(Code::NotFound);
        }
        codes.extend(self.refuses);
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}

/// The schema of a type, by reference where it has a name.
pub(crate) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

#[cfg(test)]
mod tests;
