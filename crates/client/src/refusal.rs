//! An answer that is not a success: what the server says is wrong, and what the contract tells a client to do.
//!
//! The problem document is read by a plain scan, since nothing but its two texts is wanted.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::answer::Answer;

/// Lines of a problem's detail that are kept.
const DETAILS_MAX: usize = 20;
/// Characters of a problem's title, and of a line of its detail, that are kept.
const TITLE_CHARS_MAX: usize = 300;
/// Characters of a problem's code and of a request id that are kept.
const NAME_CHARS_MAX: usize = 64;
const REQUEST_ID: &str = "X-Request-Id";

/// A refusal, with everything an operator needs to find it in the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The problem's code: the end of its `type` (protocol, section 6).
    pub code: Option<String>,
    /// The problem's title.
    pub title: Option<String>,
    /// What else there is to say, a line each: of a message that is not valid, every finding.
    pub details: Vec<String>,
    /// The server's name for the request.
    pub request_id: Option<String>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

/// What the contract tells a client to do (protocol, section 6, last column).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// Wait, then the same request again.
    Retry,
    /// Open a new stream.
    Restart,
    /// Nothing that a client can do by itself.
    Fatal,
}

impl Refusal {
    pub(crate) fn of(answer: &Answer) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        let code = element(&text, "type").and_then(|uri| uri.rsplit(['/', ':']).next().map(str::to_owned));
        let seconds = answer.header(RETRY_AFTER).and_then(|value| value.trim().parse().ok());
        Self {
            status: answer.status,
            code: code.map(|code| shortened(&code, NAME_CHARS_MAX)),
            title: element(&text, "title").map(|title| shortened(&unescaped(title), TITLE_CHARS_MAX)),
            details: element(&text, "detail").map(lines).unwrap_or_default(),
            request_id: answer.header(REQUEST_ID).map(|id| shortened(id, NAME_CHARS_MAX)),
            retry_after: seconds.map(Duration::from_secs),
        }
    }

    /// Whether it is about the one message that was sent, so that another may fare better.
    #[must_use]
    pub fn concerns_message(&self) -> bool {
        match self.status.as_u16() {
            // A proxy in between says 413 without a code.
            409 | 413 => true,
            400 => matches!(self.code.as_deref(), Some("invalidMessage" | "charset")),
            _ => false,
        }
    }

    pub(crate) fn course(&self) -> Course {
        match self.status.as_u16() {
            408 | 429 | 500 | 502 | 503 | 504 => Course::Retry,
            410 => Course::Restart,
            400 if self.code.as_deref() == Some("invalidCursor") => Course::Restart,
            _ => Course::Fatal,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(title) = &self.title {
            write!(f, ": {title}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

/// The text of the first element of this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = after.split_once(&format!("</{name}>"))?;
    Some(inside.trim())
}

fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().take(DETAILS_MAX);
    lines.map(|line| shortened(&unescaped(line), TITLE_CHARS_MAX)).collect()
}

fn unescaped(text: &str) -> String {
    // The ampersand last, or `&amp;lt;` would become `<`.
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&apos;", "'").replace("&#39;", "'").replace("&amp;", "&")
}

/// A text fit for one line of a terminal or a log, whoever wrote it.
fn shortened(text: &str, characters_max: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(characters_max).collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn refusal(status: u16, retry_after: &'static str, body: &'static str) -> Refusal {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after));
        headers.insert(REQUEST_ID, HeaderValue::from_static("req-1"));
        let status = StatusCode::from_u16(status).unwrap();
        Refusal::of(&Answer { status, headers, body: body.into() })
    }

    const PROBLEM: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <problem xmlns="urn:ietf:rfc:7807"><type>https://icom.pi.rsfn.net.br/api/v1/error/invalidCursor</type><title>a &lt;b&gt; &amp;lt; c</title></problem>"#;

    #[test]
    fn a_problem_is_printed_with_status_code_title_and_request() {
        let refusal = refusal(400, "7", PROBLEM);
        assert_eq!(refusal.to_string(), "400 invalidCursor: a <b> &lt; c (request req-1)");
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn each_finding_is_a_line_of_the_details() {
        let refusal = refusal(
            400,
            "",
            "<problem><title>part 1: 1:2 A is x</title><detail>1:2 A [schema] is &lt;x&gt;\n3:4 B [limit] y\u{1b}</detail>\
             </problem>",
        );
        assert_eq!(refusal.details, ["1:2 A [schema] is <x>", "3:4 B [limit] y "]);
        assert_eq!(refusal.to_string(), "400: part 1: 1:2 A is x (request req-1)");
    }

    #[test]
    fn a_body_that_is_no_problem_leaves_the_status() {
        for body in ["", "<type>", "</type><type>", "\u{1F600}"] {
            assert_eq!(refusal(502, "soon", body).to_string(), "502 (request req-1)", "{body}");
        }
        assert_eq!(refusal(502, "-1", "").retry_after, None);
    }

    #[test]
    fn control_characters_and_endless_titles_do_not_reach_the_terminal() {
        let body = Box::leak(format!("<title>\u{1b}[2J{}</title>", "x".repeat(1000)).into_boxed_str());
        let title = refusal(400, "", body).title.unwrap();
        assert!(title.starts_with(" [2Jx") && title.chars().count() == TITLE_CHARS_MAX);
    }

    #[test]
    fn what_is_wrong_with_one_message_is_told_from_what_is_wrong_with_all() {
        let concerns = |status, body| refusal(status, "", body).concerns_message();
        assert!(concerns(413, "") && concerns(409, "") && concerns(400, "<type>e/invalidMessage</type>"));
        assert!(!concerns(400, "<type>e/invalidHeader</type>") && !concerns(403, "") && !concerns(404, ""));
    }

    #[test]
    fn each_status_has_the_course_of_the_error_table() {
        let course = |status, body| refusal(status, "", body).course();
        for status in [429, 500, 502, 503, 504] {
            assert_eq!(course(status, ""), Course::Retry, "{status}");
        }
        assert_eq!(course(410, ""), Course::Restart);
        assert_eq!(course(400, PROBLEM), Course::Restart);
        for status in [301, 400, 401, 403, 404, 405, 406, 409, 413, 418] {
            assert_eq!(course(status, ""), Course::Fatal, "{status}");
        }
    }
}
