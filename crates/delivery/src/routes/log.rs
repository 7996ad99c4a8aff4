//! What the log says of a request: one line for one that was refused or slow, never a body, never a whole token.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pix_stream_telemetry::{Done, Request};
use tokio::time::Instant;

use crate::error::{Code, Problem};
use crate::routes::seen::Seen;

/// Characters of a token that the log may hold (protocol, section 6).
const TOKEN_LOGGED: usize = 8;
/// While a store is down every request fails: one line for so long, with how many there were.
const FAILURES_EVERY: Duration = Duration::from_secs(1);
/// While a limit is reached many requests are refused: one line for so long and limit, with how many there were.
const LIMITS_EVERY: Duration = Duration::from_secs(5);
/// What refuses requests while the node ends: no limit that anybody could raise.
const DRAINING: &str = "draining";

impl Seen<'_> {
    /// A request that was slow, with where its time went.
    pub(super) fn log_slow(&self, request: &Request, work: Duration) {
        let [coordinator_ms, journal_ms, _quarantine] = request.waited().map(milliseconds);
        tracing::info!(
            request_id = self.request_id.as_str(),
            route = self.label.text(),
            ispb = self.path.ispb(),
            work_ms = milliseconds(work),
            coordinator_ms,
            journal_ms,
            "slow request"
        );
    }

    /// One of many that went well.
    pub(super) fn log_sample(&self, done: &Done<'_>) {
        let Done { route, ispb, request_id, status, work, .. } = *done;
        tracing::info!(request_id, route, ispb, status, work_ms = milliseconds(work), "answered");
    }

    /// Refusals in a client's ordinary life, and those of which an overload makes many, are not worth a line each at
    /// the usual level: the metrics count them, and a sample of them is logged.
    pub(super) fn log_problem(&self, problem: &Problem, failures: &Failures, is_sample: bool) {
        let (request_id, route) = (self.request_id.as_str(), self.label.text());
        let (ispb, peer) = (self.path.ispb(), self.peer.identity.name.as_str());
        let token = self.path.token().and_then(|token| token.get(..TOKEN_LOGGED));
        let (status, code) = (problem.code.status().as_u16(), problem.code.text());
        let cause = problem.cause.as_deref();
        match problem.code {
            Code::Internal => {
                tracing::error!(request_id, route, status, code, ispb, peer, token, cause, "a defect");
            }
            Code::Unavailable => {
                if let Some(silent) = failures.count("stores", FAILURES_EVERY) {
                    tracing::warn!(request_id, route, code, ispb, cause, silent, "a store failed");
                }
            }
            Code::Overloaded if cause != Some(DRAINING) => {
                let limit = cause.unwrap_or("bodies of publish requests");
                if let Some(silent) = failures.count(limit, LIMITS_EVERY) {
                    tracing::warn!(request_id, route, code, ispb, peer, limit, silent, "a limit is reached");
                }
            }
            Code::StreamGone | Code::ThreadLimit | Code::RateLimit | Code::Paused | Code::Overloaded => {
                if is_sample {
                    tracing::info!(request_id, route, status, code, ispb, peer, token, cause, "refused");
                } else {
                    tracing::debug!(request_id, route, status, code, ispb, peer, token, cause, "refused");
                }
            }
            Code::InvalidHeader
            | Code::Charset
            | Code::InvalidCursor
            | Code::InvalidMessage
            | Code::InvalidRequest
            | Code::Forbidden
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::NotAcceptable
            | Code::Conflict
            | Code::LengthRequired
            | Code::TooLarge
            | Code::UnsupportedMediaType
            | Code::HeadTooLarge
            | Code::Changed => {
                tracing::info!(request_id, route, status, code, ispb, peer, token, cause, "refused");
            }
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What happens so often that only some of it is logged: by its name, when the last line was and how often since.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<BTreeMap<String, (Option<Instant>, u64)>>);

impl Failures {
    /// Counts one; gives how many were not logged since the last line, when another line is due. Names are a handful.
    fn count(&self, name: &str, every: Duration) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, silent) = all.entry(name.to_owned()).or_default();
        let now = Instant::now();
        if last.is_some_and(|last| now - last < every) {
            *silent += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_many_failures_one_a_second_is_logged() {
        let failures = Failures::default();
        let count = || failures.count("stores", FAILURES_EVERY);
        assert_eq!([count(), count(), count()], [Some(0), None, None]);
        tokio::time::advance(FAILURES_EVERY).await;
        assert_eq!([count(), count()], [Some(2), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_limit_that_is_reached_is_named_once_every_few_seconds() {
        let failures = Failures::default();
        let count = |limit| failures.count(limit, LIMITS_EVERY);
        assert_eq!([count("quarantine"), count("quarantine"), count("backlog")], [Some(0), None, Some(0)]);
        tokio::time::advance(LIMITS_EVERY).await;
        assert_eq!([count("quarantine"), count("backlog")], [Some(1), Some(0)]);
    }
}
