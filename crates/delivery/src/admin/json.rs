//! JSON on the wire of the admin API: these types and no others, converted by hand from those of the core.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use pix_stream_app::{Changed, Status};
use pix_stream_domain::participant::{Limits, Participant};
use serde::Serialize;

use crate::body::Body;
use crate::error::Problem;
use crate::response;

/// A participant as the operator knows it.
#[derive(Debug, Serialize)]
pub(super) struct ParticipantView<'a> {
    ispb: &'a str,
    name: &'a str,
    created_at_unix_ms: u64,
    limits: LimitsView,
    /// Under legal hold.
    held: bool,
    revision: u64,
}

/// Limits of its own; `null` is the configuration's.
#[derive(Debug, Serialize)]
struct LimitsView {
    requests_per_second: Option<u32>,
    backlog_high_water: Option<u64>,
}

/// All participants.
#[derive(Debug, Serialize)]
pub(super) struct ListView<'a> {
    pub(super) participants: Vec<ParticipantView<'a>>,
}

/// A participant with its streams.
#[derive(Debug, Serialize)]
pub(super) struct StatusView<'a> {
    #[serde(flatten)]
    participant: ParticipantView<'a>,
    paused: bool,
    cap: u8,
    streams: Vec<StreamView>,
    first: u64,
    head: u64,
    frontier: u64,
    watermark: u64,
    unconfirmed: u64,
    redelivery: u64,
}

#[derive(Debug, Serialize)]
struct StreamView {
    slot: u8,
    pull: u64,
    held: u64,
    deadline_unix_ms: u64,
}

/// What became of a participant's own properties.
#[derive(Debug, Serialize)]
pub(super) struct SavedView<'a> {
    pub(super) dry_run: bool,
    pub(super) participant: ParticipantView<'a>,
}

/// What became of a change of its streams.
#[derive(Debug, Serialize)]
pub(super) struct ChangedView<'a> {
    dry_run: bool,
    watermark_before: u64,
    watermark: u64,
    redeliver: u64,
    skipped: u64,
    participant: StatusView<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorView<'a> {
    error: Fault<'a>,
}

#[derive(Debug, Serialize)]
struct Fault<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    details: &'a [String],
}

impl<'a> From<&'a Participant> for ParticipantView<'a> {
    fn from(participant: &'a Participant) -> Self {
        let Limits { requests_per_second, backlog_high_water } = participant.limits;
        Self {
            ispb: participant.ispb.as_str(),
            name: &participant.name,
            created_at_unix_ms: participant.created_at.unix_millis(),
            limits: LimitsView { requests_per_second, backlog_high_water },
            held: participant.held,
            revision: participant.revision,
        }
    }
}

impl<'a> From<&'a Status> for StatusView<'a> {
    fn from(status: &'a Status) -> Self {
        let stream = |s: &pix_stream_app::StreamStatus| StreamView {
            slot: s.slot,
            pull: s.pull,
            held: s.held,
            deadline_unix_ms: s.deadline_unix_ms,
        };
        Self {
            participant: ParticipantView::from(&status.participant),
            paused: status.paused,
            cap: status.cap,
            streams: status.streams.iter().map(stream).collect(),
            first: status.first.value(),
            head: status.head.value(),
            frontier: status.frontier.value(),
            watermark: status.watermark.value(),
            unconfirmed: status.unconfirmed,
            redelivery: status.redelivery,
        }
    }
}

impl<'a> From<&'a Changed> for ChangedView<'a> {
    fn from(changed: &'a Changed) -> Self {
        Self {
            dry_run: changed.dry_run,
            watermark_before: changed.watermark_before.value(),
            watermark: changed.watermark.value(),
            redeliver: changed.redeliver,
            skipped: changed.skipped,
            participant: StatusView::from(&changed.status),
        }
    }
}

/// A response of JSON, not to be kept by anything between.
pub(super) fn answer(status: StatusCode, view: &impl Serialize) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Plain structs with text keys always serialise; an empty body would be seen by every test.
    let body = serde_json::to_vec(view).unwrap_or_default();
    response::response(status, headers, Body::from(Bytes::from(body)))
}

/// A refusal: `{"error":{"code","message"}}`, and `details` where there are any.
pub(super) fn problem(problem: &Problem) -> Response<Body> {
    let fault = Fault { code: problem.code.text(), message: &problem.title, details: &problem.details };
    let mut answered = answer(problem.code.status(), &ErrorView { error: fault });
    response::extra(answered.headers_mut(), problem.extra);
    answered
}
