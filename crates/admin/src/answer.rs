//! Answers on the wire: JSON, pages, lines.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use pix_stream_delivery::edge::{Code, Extra, Problem, extra};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::hooks::{HookError, Said};
use crate::views::{ErrorView, FaultView};

/// The body of an answer: bytes that are there, or lines that are still being made.
#[derive(Debug)]
pub struct Body(Source);

#[derive(Debug)]
enum Source {
    /// Nothing, or no more.
    Empty,
    Bytes(Bytes),
    Lines {
        first: Option<Bytes>,
        rest: mpsc::Receiver<Said<Bytes>>,
    },
}

/// An answer that could not be finished: its connection ends, so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer could not be finished: {0}")]
pub struct Unfinished(Cow<'static, str>);

impl From<Infallible> for Unfinished {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() { Source::Empty } else { Source::Bytes(bytes) })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Unfinished;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unfinished>>> {
        if let Source::Lines { first, rest } = &mut self.0 {
            if let Some(first) = first.take() {
                return Poll::Ready(Some(Ok(Frame::data(first))));
            }
            return rest.poll_recv(context).map(|line| {
                let line = line?;
                Some(line.map(Frame::data).map_err(|fault| Unfinished(fault.to_string().into())))
            });
        }
        match std::mem::replace(&mut self.0, Source::Empty) {
            Source::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Source::Empty | Source::Lines { .. } => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Source::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Empty => SizeHint::with_exact(0),
            Source::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Lines { .. } => SizeHint::default(),
        }
    }
}

/// Bytes of a media type, not to be kept by anything between.
pub(crate) fn bytes(status: StatusCode, media: &'static str, bytes: Bytes) -> Response<Body> {
    let mut answered = Response::new(Body::from(bytes));
    *answered.status_mut() = status;
    fresh(answered.headers_mut(), media);
    answered
}

/// Lines of JSON. An error before the first of them is an answer of its own; after that, the connection ends.
pub(crate) async fn lines(mut rest: mpsc::Receiver<Said<Bytes>>) -> Result<Response<Body>, Problem> {
    let first = rest.recv().await.transpose().map_err(hook_problem)?;
    let mut answered = Response::new(Body(Source::Lines { first, rest }));
    fresh(answered.headers_mut(), "application/x-ndjson");
    Ok(answered)
}

fn fresh(headers: &mut HeaderMap, media: &'static str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// JSON with a status.
pub(crate) fn json(status: StatusCode, view: &impl Serialize) -> Response<Body> {
    // Plain structs with text keys always serialise; an empty body would be seen by every test.
    bytes(status, "application/json", Bytes::from(serde_json::to_vec(view).unwrap_or_default()))
}

/// 200 with JSON.
pub(crate) fn ok(view: &impl Serialize) -> Response<Body> {
    json(StatusCode::OK, view)
}

/// A refusal: `{"error":{"code","message"}}`, and `details` where there are any.
pub(crate) fn problem(problem: &Problem, allow: Option<&str>) -> Response<Body> {
    let fault = FaultView { code: problem.code.text(), message: &problem.title, details: &problem.details };
    let mut answered = json(problem.code.status(), &ErrorView { error: fault });
    extra(answered.headers_mut(), problem.extra);
    if let Some(allow) = allow.and_then(|methods| HeaderValue::from_str(methods).ok()) {
        answered.headers_mut().insert(ALLOW, allow);
    }
    answered
}

/// What a hook said is wrong, as a refusal.
pub(crate) fn hook_problem(fault: HookError) -> Problem {
    match fault {
        HookError::Missing(told) => Problem::new(Code::NotFound, told),
        HookError::Invalid(told) => Problem::new(Code::InvalidRequest, told),
        HookError::Conflict(told) => Problem::new(Code::Conflict, told),
        HookError::Unavailable(told) => {
            Problem::new(Code::Unavailable, told).with(Extra::RetryAfter(RETRY_AFTER))
        }
    }
}

/// When it is worth asking again what a hook could not do.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(5);
