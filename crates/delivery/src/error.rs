//! What a refused request gets: status, code, title (protocol, section 6).
//!
//! Every code is a line of [`CODES`] and a section of `docs/errors.md`. Internal causes stay in
//! [`Problem::cause`], which goes to the log and never into a body.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use pix_stream_app::{Error as AppError, Finding, Invalid};

/// The codes that an error body's `type` may end in, in the order of the variants of `Code`.
pub const CODES: [&str; 22] = [
    "invalidHeader",
    "charset",
    "invalidCursor",
    "invalidMessage",
    "invalidRequest",
    "forbidden",
    "notFound",
    "methodNotAllowed",
    "notAcceptable",
    "conflict",
    "streamGone",
    "lengthRequired",
    "tooLarge",
    "unsupportedMediaType",
    "headTooLarge",
    "threadLimit",
    "rateLimit",
    "internal",
    "unavailable",
    "paused",
    "overloaded",
    "changed",
];

/// What went wrong; its text is in [`CODES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// 400: the request's head or the form of its body.
    InvalidHeader,
    /// 400: another charset than UTF-8.
    Charset,
    /// 400: the token is not one of ours.
    InvalidCursor,
    /// 400: a published message is not valid.
    InvalidMessage,
    /// 400, admin API only: a field, a parameter, a value.
    InvalidRequest,
    /// 403.
    Forbidden,
    /// 404: no such path, participant or thing.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 406.
    NotAcceptable,
    /// 409: it is known with other properties, or cannot be done as things are.
    Conflict,
    /// 410.
    StreamGone,
    /// 411.
    LengthRequired,
    /// 413.
    TooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 431, answered by the HTTP layer, before there is a request.
    HeadTooLarge,
    /// 429: as many streams are open as may be.
    ThreadLimit,
    /// 429: more requests than the window takes.
    RateLimit,
    /// 500: a defect.
    Internal,
    /// 503: a store.
    Unavailable,
    /// 503: the operator paused the participant.
    Paused,
    /// 503: more work than can be taken.
    Overloaded,
    /// 409, admin API only: somebody else changed it at the same time.
    Changed,
}

const _: () = assert!(Code::Changed as usize + 1 == CODES.len());

impl Code {
    /// The code, as bodies, metrics and the log name it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        CODES[self as usize]
    }

    /// The status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidHeader
            | Self::Charset
            | Self::InvalidCursor
            | Self::InvalidMessage
            | Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::Conflict | Self::Changed => StatusCode::CONFLICT,
            Self::StreamGone => StatusCode::GONE,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::ThreadLimit | Self::RateLimit => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable | Self::Paused | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A refusal or failure on its way to becoming a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    /// For the client, one line: never message content, never an internal cause.
    pub title: Cow<'static, str>,
    /// What the response says beyond status, code and title.
    pub extra: Extra,
    /// For the client as well: what else there is to say, one line each, of what the title may hold.
    pub details: Vec<String>,
    /// For the log alone.
    pub cause: Option<String>,
}

/// A header that goes with a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extra {
    /// No header.
    #[default]
    None,
    /// `Allow`.
    Allow(&'static str),
    /// `Retry-After`.
    RetryAfter(Duration),
    /// `Retry-After` and `PI-Thread-Slot: used/cap`.
    Slots {
        /// Streams that are open.
        used: u8,
        /// Streams that may be.
        cap: u8,
        /// When the next one may be free.
        retry_after: Duration,
    },
    /// `Connection: close`: what follows on the connection cannot be trusted to start a request.
    Close,
}

impl Problem {
    /// A problem with nothing but a title.
    #[must_use]
    pub fn new(code: Code, title: impl Into<Cow<'static, str>>) -> Self {
        Self { code, title: title.into(), extra: Extra::None, details: Vec::new(), cause: None }
    }

    /// The same with a header.
    #[must_use]
    pub fn with(self, extra: Extra) -> Self {
        Self { extra, ..self }
    }

    /// A problem of one part of a publish request, counted from 1.
    pub(crate) fn of_part(code: Code, part: usize, title: &str) -> Self {
        Self::new(code, format!("part {part}: {title}"))
    }

    /// A part that is not fit to be delivered: its first finding is the title, all of them are details.
    fn invalid(part: usize, fault: &Invalid) -> Self {
        let of_part = Self::of_part(Code::InvalidMessage, part, &fault.first.to_string());
        let details: Vec<String> = fault.findings().map(detail).collect();
        let cause = details.first().map(|first| format!("part {part}: {first}"));
        Self { details, cause, ..of_part }
    }

    /// The certificate may not do this.
    #[must_use]
    pub fn forbidden(title: &'static str) -> Self {
        Self::new(Code::Forbidden, title)
    }

    /// No such path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is nothing at this path")
    }

    /// The participant is not onboarded here.
    pub(crate) fn not_onboarded() -> Self {
        Self::new(Code::NotFound, "the participant is not onboarded")
    }

    /// The path does not take this method.
    #[must_use]
    pub fn method(allow: &'static str) -> Self {
        Self::new(Code::MethodNotAllowed, "the path does not take this method").with(Extra::Allow(allow))
    }

    /// A defect; the cause goes to the log.
    #[must_use]
    pub fn internal(cause: String) -> Self {
        let title = "a defect on our side; the log has it under this X-Request-Id";
        Self { cause: Some(cause), ..Self::new(Code::Internal, title) }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let later = |code, title: &'static str, retry_after| {
            Self::new(code, title).with(Extra::RetryAfter(retry_after))
        };
        match error {
            AppError::InvalidCursor => {
                Self::new(Code::InvalidCursor, "the token is not one of ours for this participant")
            }
            AppError::Gone => {
                Self::new(Code::StreamGone, "the stream is closed, expired, or past this token")
            }
            AppError::ThreadLimit { used, cap, retry_after } => {
                let extra = Extra::Slots { used, cap, retry_after };
                Self::new(Code::ThreadLimit, "as many streams are open as may be").with(extra)
            }
            AppError::Paused { retry_after } => {
                later(Code::Paused, "the operator paused the participant's streams", retry_after)
            }
            AppError::Unavailable { retry_after, cause } => Self {
                cause: Some(cause),
                ..later(Code::Unavailable, "the service is temporarily unavailable", retry_after)
            },
            AppError::Overloaded { retry_after, limit } => Self {
                cause: Some(limit.to_owned()),
                ..later(Code::Overloaded, "more work than can be taken now", retry_after)
            },
            AppError::NotOnboarded => Self::not_onboarded(),
            AppError::InvalidMessage { part, fault } => Self::invalid(part, &fault),
            AppError::NoEntry => Self::new(Code::NotFound, "the quarantine has no such entry"),
            AppError::Conflict { part } => {
                Self::of_part(Code::Conflict, part, "its BizMsgIdr is known with other bytes")
            }
            AppError::Refused(refusal) => Self::from_refusal(&refusal),
            AppError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl Problem {
    fn from_refusal(refusal: &pix_stream_app::AdminRefusal) -> Self {
        use pix_stream_app::AdminRefusal;
        let code = match refusal {
            AdminRefusal::Exists | AdminRefusal::SessionOpen { .. } => Code::Conflict,
            AdminRefusal::Raced => Code::Changed,
            AdminRefusal::Value(_) | AdminRefusal::Position { .. } => Code::InvalidRequest,
        };
        Self::new(code, refusal.to_string())
    }
}

/// A finding with its rule's code: what `docs/errors.md` explains.
fn detail(finding: &Finding) -> String {
    let Finding { line, column, path, rule, reason, value: _ } = finding;
    format!("{line}:{column} {path} [{}] {reason}", rule.code())
}

/// The body of a refusal, exactly in ICOM's shape; of ours is a `detail` behind the title where there is more to say.
pub(crate) fn problem_xml(type_base: &str, problem: &Problem) -> String {
    const HEAD: &str = concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<problem xmlns=\"urn:ietf:rfc:7807\"><type>"
    );
    let code = problem.code.text();
    let mut body = String::with_capacity(HEAD.len() + type_base.len() + problem.title.len() + 96);
    body.push_str(HEAD);
    escape_into(&mut body, type_base);
    body.push_str(code);
    body.push_str("</type><title>");
    escape_into(&mut body, &problem.title);
    body.push_str("</title>");
    for (number, line) in problem.details.iter().enumerate() {
        body.push_str(if number == 0 { "<detail>" } else { "\n" });
        escape_into(&mut body, line);
    }
    body.push_str(if problem.details.is_empty() { "</problem>" } else { "</detail></problem>" });
    body
}

/// Appends text as XML character data; what XML 1.0 cannot hold becomes U+FFFD.
pub fn escape_into(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Protocol, section 6.

    use pix_stream_app::Rule;

    use super::*;

    #[test]
    fn the_body_has_exactly_the_shape_of_icom() {
        let problem = Problem::new(Code::InvalidHeader, "a < b & \"c\"\u{1}");
        let base = "https://icom.pi.rsfn.net.br/api/v1/error/";
        assert_eq!(
            problem_xml(base, &problem),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<problem xmlns=\"urn:ietf:rfc:7807\">\
             <type>https://icom.pi.rsfn.net.br/api/v1/error/invalidHeader</type>\
             <title>a &lt; b &amp; &quot;c&quot;\u{fffd}</title></problem>"
        );
    }

    #[test]
    fn all_findings_of_a_message_are_lines_of_the_detail_and_none_brings_its_value() {
        let finding = |line, reason: &str| Finding {
            line,
            column: 2,
            path: "Envelope/AppHdr/To".to_owned(),
            rule: Rule::Schema,
            reason: reason.to_owned(),
            value: Some("secret".to_owned()),
        };
        let fault = Invalid { more: vec![finding(4, "is too long")], ..finding(3, "is not <x>").into() };
        let fault = Box::new(fault);
        let problem = Problem::from(AppError::InvalidMessage { part: 2, fault });
        let told = "part 2: 3:2 Envelope/AppHdr/To [schema] is not <x>";
        assert_eq!(problem.cause.as_deref(), Some(told), "the log has the first, without its value");
        let body = problem_xml("e/", &problem);
        assert!(
            body.ends_with(
                "<title>part 2: 3:2 Envelope/AppHdr/To is not &lt;x&gt;</title><detail>3:2 Envelope/AppHdr/To [schema] \
                 is not &lt;x&gt;\n4:2 Envelope/AppHdr/To [schema] is too long</detail></problem>"
            ),
            "{body}"
        );
        assert!(!body.contains("secret"));
    }

    #[test]
    fn codes_stand_in_the_order_of_the_catalogue() {
        let known = [
            (Code::InvalidHeader, "invalidHeader", 400),
            (Code::StreamGone, "streamGone", 410),
            (Code::HeadTooLarge, "headTooLarge", 431),
            (Code::ThreadLimit, "threadLimit", 429),
            (Code::Internal, "internal", 500),
            (Code::Overloaded, "overloaded", 503),
            (Code::Changed, "changed", 409),
        ];
        for (code, text, status) in known {
            assert_eq!((code.text(), code.status().as_u16()), (text, status));
        }
    }

    #[test]
    fn a_cause_never_reaches_the_title() {
        let retry_after = Duration::from_secs(1);
        let cause = "connection to 10.0.0.1 refused".to_owned();
        let problem = Problem::from(AppError::Unavailable { retry_after, cause: cause.clone() });
        assert!(!problem.title.contains("10.0.0.1"));
        assert_eq!(problem.cause, Some(cause));
        assert!(!Problem::from(AppError::Internal("index 3".to_owned())).title.contains("index"));
    }
}
