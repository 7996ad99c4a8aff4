//! The routes of the API listener as a table: who may use them, and what documents them. Tests hold it against the router
//! and against every answer that they provoke.

use crate::error::Code;
use crate::metrics::RouteLabel;

/// One method of one path of the API listener.
#[derive(Debug, Clone, Copy)]
pub struct ApiRoute {
    /// The method.
    pub method: &'static str,
    /// The path, with `{names}` for what differs.
    pub path: &'static str,
    /// What its requests count as.
    pub label: RouteLabel,
    /// Who may use it.
    pub who: Who,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Headers of the request that matter.
    pub takes: &'static [Header],
    /// Media types of the request's body; none for a request without one.
    pub body: &'static [&'static str],
    /// What it answers when all is well.
    pub answers: &'static [ApiAnswer],
    /// What it may refuse, beside [`ALWAYS`].
    pub refuses: &'static [Code],
    /// Whether its answers carry the rate window of the participant that asks.
    pub is_paced: bool,
}

/// Whom a route is for. The admin listener's roles open nothing but the catalogue here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The participant that the path names, by the ISPB of its certificate.
    Participant,
    /// Producers whose scope covers the participant that the path names.
    Producer,
    /// Whoever speaks for a participant, or has a role.
    Anybody,
}

/// An answer of the API listener.
#[derive(Debug, Clone, Copy)]
pub struct ApiAnswer {
    /// The status.
    pub status: u16,
    /// When.
    pub about: &'static str,
    /// Media types of the body; none for an answer without one.
    pub body: &'static [&'static str],
    /// Headers that it always has, beside those of every answer.
    pub headers: &'static [Header],
    /// Headers that it may have.
    pub may: &'static [Header],
}

/// A header of requests or answers.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// Which values it has, as a regular expression.
    pub pattern: &'static str,
}

const fn header(name: &'static str, about: &'static str, pattern: &'static str) -> Header {
    Header { name, about, pattern }
}

/// On every answer.
pub const REQUEST_ID: Header = header(
    "X-Request-Id",
    "The client's where it was well-formed, else one of ours.",
    "^[A-Za-z0-9._-]{1,64}$",
);
/// On refusals that time mends.
pub const RETRY_AFTER: Header = header("Retry-After", "Whole seconds.", "^[0-9]+$");
/// On 405.
pub const ALLOW: Header = header("Allow", "The methods that the path takes.", "^[A-Z, ]+$");
/// On every answer to a participant from the rate check on.
pub const PACE: [Header; 3] = [
    header("X-RateLimit-Limit", "Requests that the participant's window takes.", "^[0-9]+$"),
    header("X-RateLimit-Remaining", "Requests that it takes still.", "^[0-9]+$"),
    header("X-RateLimit-Reset", "Whole seconds until it takes one more.", "^[0-9]+$"),
];
/// While a participant is asked to slow down.
pub const SLOW: Header =
    header("X-Backpressure-Signal", "While the participant is asked to slow down.", "^slow$");

const NEXT: Header = header(
    "PI-Pull-Next",
    "The path of the next read: its last segment is the token.",
    "^/api/v1/out/[0-9A-Z]{8}/stream/[A-Za-z0-9_-]+$",
);
const SLOT: Header =
    header("PI-Thread-Slot", "The stream's slot, and how many there may be.", "^[0-9]/[0-9]$");
const RESOURCE_ID: Header =
    header("PI-ResourceId", "The message's id, the same on every delivery.", "^[A-Za-z0-9+/]{32}$");
const RESOURCE_IDS: Header = header(
    "PI-ResourceId",
    "The messages' ids in the order of the parts, with commas between them.",
    "^[A-Za-z0-9+/]{32}(,[A-Za-z0-9+/]{32})*$",
);
const QUARANTINE_ID: Header =
    header("PI-Quarantine-Id", "The entry of the quarantine.", "^[A-Za-z0-9_-]{32}$");
const GZIP: Header = header("Content-Encoding", "The whole body is one gzip member.", "^gzip$");

const ACCEPT: Header =
    header("Accept", "`multipart/mixed` anywhere in it asks for up to ten messages.", ".*");
const ACCEPT_ENCODING: Header = header("Accept-Encoding", "`gzip` anywhere in it asks for it.", ".*");
const CONTENT_ENCODING: Header = header("Content-Encoding", "`gzip`, or `identity`.", "^(gzip|identity)$");
const ON_INVALID: Header = header(
    "PI-On-Invalid",
    "What becomes of a message that is not valid: with `quarantine` it is kept for an operator.",
    "^quarantine$",
);

/// What any request may be refused with: by its head, its path, its certificate; or for a defect.
pub const ALWAYS: [Code; 6] = [
    Code::InvalidHeader,
    Code::Forbidden,
    Code::NotFound,
    Code::MethodNotAllowed,
    Code::HeadTooLarge,
    Code::Internal,
];

/// What a participant's requests may be refused with.
const PACED: &[Code] =
    &[Code::NotAcceptable, Code::TooLarge, Code::RateLimit, Code::Unavailable, Code::Overloaded];

const XML: &str = "application/xml";
const MULTIPART: &str = "multipart/mixed";

const BATCH: ApiAnswer = ApiAnswer {
    status: 200,
    about: "One message, or several in their order. Read with the next token, they are confirmed.",
    body: &[XML, MULTIPART],
    headers: &[NEXT, SLOT],
    may: &[RESOURCE_ID, GZIP],
};
const EMPTY: ApiAnswer = ApiAnswer {
    status: 204,
    about: "No message came in time. The batch that the token confirms is confirmed.",
    body: &[],
    headers: &[NEXT, SLOT],
    may: &[],
};

/// All of them.
pub const ROUTES: [ApiRoute; 5] = [
    ApiRoute {
        method: "GET",
        path: "/api/v1/out/{ispb}/stream/start",
        label: RouteLabel::Start,
        who: Who::Participant,
        summary: "Opens a stream and reads its first batch; waits for a message as long as is configured.",
        takes: &[ACCEPT, ACCEPT_ENCODING],
        body: &[],
        answers: &[BATCH, EMPTY],
        refuses: &[
            Code::NotAcceptable,
            Code::TooLarge,
            Code::ThreadLimit,
            Code::RateLimit,
            Code::Unavailable,
            Code::Paused,
            Code::Overloaded,
        ],
        is_paced: true,
    },
    ApiRoute {
        method: "GET",
        path: "/api/v1/out/{ispb}/stream/{token}",
        label: RouteLabel::Pull,
        who: Who::Participant,
        summary: "Confirms the batch of the token and reads the next. The same token again gives the same batch.",
        takes: &[ACCEPT, ACCEPT_ENCODING],
        body: &[],
        answers: &[BATCH, EMPTY],
        refuses: &[
            Code::InvalidCursor,
            Code::NotAcceptable,
            Code::StreamGone,
            Code::TooLarge,
            Code::RateLimit,
            Code::Unavailable,
            Code::Paused,
            Code::Overloaded,
        ],
        is_paced: true,
    },
    ApiRoute {
        method: "DELETE",
        path: "/api/v1/out/{ispb}/stream/{token}",
        label: RouteLabel::Close,
        who: Who::Participant,
        summary: "Confirms the batch of the token and closes the stream.",
        takes: &[ACCEPT],
        body: &[],
        answers: &[ApiAnswer { status: 200, about: "Closed.", body: &[], headers: &[], may: &[] }],
        refuses: &[
            Code::InvalidCursor,
            Code::NotAcceptable,
            Code::StreamGone,
            Code::TooLarge,
            Code::RateLimit,
            Code::Unavailable,
            Code::Paused,
            Code::Overloaded,
        ],
        is_paced: true,
    },
    ApiRoute {
        method: "GET",
        path: "/api/v1/out/catalog",
        label: RouteLabel::Catalog,
        who: Who::Anybody,
        summary: "The message types that are switched on for who asks.",
        takes: &[ACCEPT, ACCEPT_ENCODING],
        body: &[],
        answers: &[ApiAnswer {
            status: 200,
            about: "The catalogue.",
            body: &[XML],
            headers: &[],
            may: &[GZIP],
        }],
        refuses: PACED,
        is_paced: true,
    },
    ApiRoute {
        method: "POST",
        path: "/api/v1/out/{ispb}/msgs",
        label: RouteLabel::Publish,
        who: Who::Producer,
        summary: "Publishes one to ten messages for a participant: all or none. The same again changes nothing.",
        takes: &[CONTENT_ENCODING, ON_INVALID],
        body: &[XML, MULTIPART],
        answers: &[
            ApiAnswer {
                status: 201,
                about: "The messages are durable, or were before.",
                body: &[],
                headers: &[RESOURCE_IDS],
                may: &[SLOW],
            },
            ApiAnswer {
                status: 202,
                about: "The message is not valid, and is kept for an operator.",
                body: &[],
                headers: &[QUARANTINE_ID],
                may: &[SLOW],
            },
        ],
        refuses: &[
            Code::Charset,
            Code::InvalidMessage,
            Code::Conflict,
            Code::LengthRequired,
            Code::TooLarge,
            Code::UnsupportedMediaType,
            Code::Unavailable,
            Code::Overloaded,
        ],
        is_paced: false,
    },
];

impl ApiRoute {
    /// Every code that it may be refused with.
    #[must_use]
    pub fn codes(&self) -> Vec<Code> {
        let mut codes: Vec<Code> = ALWAYS.iter().chain(self.refuses).copied().collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}
