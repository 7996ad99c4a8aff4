//! Metrics of requests, by route and outcome. Handles are made once: no label is hashed on a request.
//!
//! Counts and gauges of participants are `app`'s.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram};

use crate::error::{CODES, Code};

/// Requests, by `route` and `outcome` (`ok`, `empty` for a 204, or the error code).
pub const REQUESTS_TOTAL: &str = "pix_stream_http_requests_total";
/// Time from a request's head to its response's head, by `route` and `answer` (`ok`, `empty`, `error`). Reads
/// that wait for a message count their wait here.
pub const REQUEST_DURATION_SECONDS: &str = "pix_stream_http_request_duration_seconds";
/// Time during which a request was worked on, its waits left out, by `route`.
pub const REQUEST_WORK_SECONDS: &str = "pix_stream_http_request_work_seconds";

/// Time during which a request was worked on or waited for stores, its waits for messages and bodies left out, by
/// `route`: what the service level is about.
pub const REQUEST_SERVICE_SECONDS: &str = "pix_stream_http_request_service_seconds";
/// Reads that were refused, by `ispb` and `code`: `threadLimit`, `rateLimit`, `invalidCursor`, `streamGone`, `overloaded`.
pub const READ_REFUSED: &str = "pix_stream_read_refused_total";

/// What a request asked for, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteLabel {
    /// Opening a stream.
    Start,
    /// Reading on.
    Pull,
    /// Closing a stream.
    Close,
    /// The catalogue of participants.
    Catalog,
    /// Publishing.
    Publish,
    /// The admin API.
    Admin,
    /// Health.
    Health,
    /// The metrics themselves.
    Metrics,
    /// The status page.
    StatusPage,
    /// No path of ours.
    Unknown,
}

const ROUTES: [&str; 10] =
    ["start", "pull", "close", "catalog", "publish", "admin", "health", "metrics", "status_page", "unknown"];

const _: () = assert!(RouteLabel::Unknown as usize + 1 == ROUTES.len());

impl RouteLabel {
    /// The label.
    #[must_use]
    pub const fn text(self) -> &'static str {
        ROUTES[self as usize]
    }
}

/// How a request ended, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An answer with something in it.
    Ok,
    /// 204.
    Empty,
    /// A refusal or failure.
    Error(Code),
}

impl Outcome {
    const fn place(self) -> usize {
        match self {
            Self::Ok => 0,
            Self::Empty => 1,
            Self::Error(code) => 2 + code as usize,
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "empty",
            Self::Error(code) => code.text(),
        }
    }
}

const OUTCOMES: usize = 2 + CODES.len();
const ANSWERS: [&str; 3] = ["ok", "empty", "error"];

/// Handles of all request metrics. One that was never used is not shown.
#[derive(Default)]
pub(crate) struct Http {
    routes: [Route; ROUTES.len()],
}

#[derive(Default)]
struct Route {
    requests: [OnceLock<Counter>; OUTCOMES],
    duration: [OnceLock<Histogram>; ANSWERS.len()],
    work: OnceLock<Histogram>,
    service: OnceLock<Histogram>,
}

impl Http {
    /// Counts one request that took `duration`, of which `work` was spent on it.
    pub(crate) fn record(&self, route: RouteLabel, outcome: Outcome, duration: Duration, work: Duration) {
        let label = route.text();
        let route = &self.routes[route as usize];
        let count = &route.requests[outcome.place()];
        count
            .get_or_init(|| metrics::counter!(REQUESTS_TOTAL, "route" => label, "outcome" => outcome.text()))
            .increment(1);
        let answer = outcome.place().min(ANSWERS.len() - 1);
        route.duration[answer]
            .get_or_init(
                || metrics::histogram!(REQUEST_DURATION_SECONDS, "route" => label, "answer" => ANSWERS[answer]),
            )
            .record(duration);
        route.work.get_or_init(|| metrics::histogram!(REQUEST_WORK_SECONDS, "route" => label)).record(work);
    }

    /// Counts what one request took of the service level.
    pub(crate) fn record_service(&self, route: RouteLabel, service: Duration) {
        let label = route.text();
        let histogram = &self.routes[route as usize].service;
        histogram
            .get_or_init(|| metrics::histogram!(REQUEST_SERVICE_SECONDS, "route" => label))
            .record(service);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_place() {
        assert_eq!(Outcome::Error(Code::InvalidHeader).place(), 2);
        assert_eq!(Outcome::Error(Code::Changed).place(), OUTCOMES - 1);
    }
}
