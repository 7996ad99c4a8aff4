//! Heads of responses: which headers go with what, made without formatting where the values repeat.
//!
//! What is answered is decided by the handlers.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use pix_stream_app::{Answer, Kind, Pressure};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::limits::STREAMS_MAX;
use pix_stream_domain::rate::Decision;
use pix_stream_domain::stream::Form;

use crate::body::Body;
use crate::error::{Extra, Problem, problem_xml};
use crate::splice::{self, Boundary, Piece};

static PI_PULL_NEXT: HeaderName = HeaderName::from_static("pi-pull-next");
pub(crate) static PI_RESOURCE_ID: HeaderName = HeaderName::from_static("pi-resourceid");
static PI_THREAD_SLOT: HeaderName = HeaderName::from_static("pi-thread-slot");
static RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
static RATE_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
static BACKPRESSURE: HeaderName = HeaderName::from_static("x-backpressure-signal");

/// Room for every header of a read, so that the map is made once.
const HEADERS: usize = 14;
/// A participant is asked to slow down while less than this share of its window is left.
const SLOW_SHARE: u32 = 10;

/// What an answer says of its participant's pace: nothing before the rate check.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pacing {
    /// What the rate window said.
    pub(crate) window: Option<Decision>,
    /// What was asked for, for which participant.
    pub(crate) asked: Option<(Kind, Ispb)>,
}

/// What a handler answers: a status, its headers, a body. Ids, pace and spelling are added on the way out.
pub(crate) fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A status alone, with a body of no bytes.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    response(status, HeaderMap::with_capacity(HEADERS), Body::empty())
}

/// The answer to a read.
pub(crate) fn read(ispb: Ispb, answer: &Answer, gzip: bool) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(&PI_PULL_NEXT, pull_next(ispb, answer.token.as_str()));
    headers.insert(&PI_THREAD_SLOT, slot_of(answer.slot, answer.cap));
    let Some(first) = answer.messages.first() else {
        return response(StatusCode::NO_CONTENT, headers, Body::empty());
    };
    let body = match answer.form {
        Form::Single => {
            headers.insert(CONTENT_TYPE, XML);
            headers.insert(&PI_RESOURCE_ID, text_value(&first.resource_id.to_text()));
            let piece = Piece::from(&**first);
            if gzip { splice::single_gzip(&piece) } else { splice::single(&piece) }
        }
        Form::Multipart => {
            let boundary = Boundary::new(answer.token.boundary());
            headers.insert(CONTENT_TYPE, shared_value(boundary.content_type()));
            let pieces = answer.messages.iter().map(|message| Piece::from(&**message));
            if gzip {
                splice::multipart_gzip(pieces, &boundary)
            } else {
                splice::multipart(pieces, &boundary)
            }
        }
    };
    if gzip {
        headers.insert(CONTENT_ENCODING, GZIP);
    }
    response(StatusCode::OK, headers, body)
}

const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");
pub(crate) const PROBLEM_XML: HeaderValue = HeaderValue::from_static("application/problem+xml");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// An XML document that is not a message.
pub(crate) fn document(xml: String, gzip: bool) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, XML);
    let body = text(xml, gzip, &mut headers);
    response(StatusCode::OK, headers, body)
}

/// A refusal as `application/problem+xml`.
pub(crate) fn problem(type_base: &str, problem: &Problem, gzip: bool) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, PROBLEM_XML);
    extra(&mut headers, problem.extra);
    let body = text(problem_xml(type_base, problem), gzip, &mut headers);
    response(problem.code.status(), headers, body)
}

fn text(text: String, gzip: bool, headers: &mut HeaderMap) -> Body {
    let text = Bytes::from(text);
    if !gzip {
        return Body::from(text);
    }
    headers.insert(CONTENT_ENCODING, GZIP);
    splice::text_gzip(&text)
}

/// The headers that go with a refusal.
pub fn extra(headers: &mut HeaderMap, extra: Extra) {
    match extra {
        Extra::None => {}
        Extra::Allow(methods) => {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        Extra::RetryAfter(wait) => {
            headers.insert(RETRY_AFTER, retry_after(wait));
        }
        Extra::Slots { used, cap, retry_after: wait } => {
            headers.insert(RETRY_AFTER, retry_after(wait));
            headers.insert(&PI_THREAD_SLOT, slot_of(used, cap));
        }
        Extra::Close => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// The headers of the rate window, and whether to slow down: near the end of the window, or because the node has too
/// much work and the participant a large part in it.
pub(crate) fn pace(headers: &mut HeaderMap, pacing: &Pacing, pressure: &Pressure) {
    let mut is_slow = false;
    if let Some(decision) = &pacing.window {
        headers.insert(&RATE_LIMIT, HeaderValue::from(decision.limit));
        headers.insert(&RATE_REMAINING, HeaderValue::from(decision.remaining));
        headers.insert(&RATE_RESET, HeaderValue::from(whole_seconds(decision.reset)));
        is_slow = decision.remaining < decision.limit / SLOW_SHARE;
    }
    if pacing.asked.is_some_and(|(kind, ispb)| pressure.signals(kind, ispb)) || is_slow {
        headers.insert(&BACKPRESSURE, HeaderValue::from_static("slow"));
    }
}

/// `Retry-After`: whole seconds, rounded up, at least one.
fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(whole_seconds(wait).max(1))
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// `PI-Thread-Slot`: `2/6`.
fn slot_of(slot: u8, cap: u8) -> HeaderValue {
    const PAIRS: [[u8; 3]; PAIRS_LEN] = pairs();
    const PAIRS_LEN: usize = SLOTS * SLOTS;
    const SLOTS: usize = STREAMS_MAX as usize + 1;
    const fn pairs() -> [[u8; 3]; PAIRS_LEN] {
        let mut pairs = [*b"0/0"; PAIRS_LEN];
        let mut at: usize = 0;
        while at < PAIRS_LEN {
            pairs[at][0] += (at / SLOTS) as u8;
            pairs[at][2] += (at % SLOTS) as u8;
            at += 1;
        }
        pairs
    }
    const _: () = assert!(STREAMS_MAX < 10, "one digit each");
    static TABLE: [[u8; 3]; PAIRS_LEN] = PAIRS;
    match TABLE.get(usize::from(slot) * SLOTS + usize::from(cap)) {
        Some(pair) if usize::from(cap) < SLOTS => shared_value(Bytes::from_static(pair)),
        Some(_) | None => text_value(format!("{slot}/{cap}").as_bytes()),
    }
}

fn pull_next(ispb: Ispb, token: &str) -> HeaderValue {
    let mut path = Vec::with_capacity(160);
    for piece in [b"/api/v1/out/", &ispb.as_bytes()[..], b"/stream/", token.as_bytes()] {
        path.extend_from_slice(piece);
    }
    shared_value(Bytes::from(path))
}

/// A value of bytes that are known to be visible ASCII.
pub(crate) fn text_value(text: &[u8]) -> HeaderValue {
    shared_value(Bytes::copy_from_slice(text))
}

fn shared_value(text: Bytes) -> HeaderValue {
    // All callers bring base64, digits and punctuation; an empty value would be seen by every test.
    HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    //! Protocol, section 3.

    use super::*;

    #[test]
    fn waits_are_whole_seconds_rounded_up_at_least_one() {
        let spans = [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (59_999, "60")];
        for (millis, text) in spans {
            assert_eq!(retry_after(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn slots_read_as_used_of_cap() {
        for (slot, cap, text) in [(2, 6, "2/6"), (6, 6, "6/6"), (0, 0, "0/0"), (1, 3, "1/3"), (6, 9, "6/9")] {
            assert_eq!(slot_of(slot, cap), text);
        }
    }

    #[test]
    fn the_pull_path_ends_in_the_token() {
        let path = pull_next("99999A04".parse().unwrap(), "abc_-1");
        assert_eq!(path, "/api/v1/out/99999A04/stream/abc_-1");
    }

    #[test]
    fn the_slow_signal_comes_with_the_last_tenth() {
        let decide = |remaining| {
            let mut headers = HeaderMap::new();
            let reset = Duration::from_millis(1);
            let window = Some(Decision { admitted: true, limit: 1000, remaining, reset });
            pace(&mut headers, &Pacing { window, asked: None }, &Pressure::new(None));
            (headers.contains_key(&BACKPRESSURE), headers[&RATE_RESET].clone())
        };
        assert_eq!(decide(100), (false, HeaderValue::from_static("1")));
        assert_eq!(decide(99), (true, HeaderValue::from_static("1")));
    }
}
