//! A request that was answered, as operators see it: its trace, its line in the log, its place among the slow ones and
//! in the metrics of refusals. Never a body, never more of a token than the log may hold.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response};
use pix_stream_app::Ports;
use pix_stream_domain::ispb::Ispb;
use pix_stream_listener::identity::Peer;
use pix_stream_telemetry::{Done, Request, within};

use crate::body::Body;
use crate::error::{Code, Problem};
use crate::metrics::{READ_REFUSED, RouteLabel};
use crate::request_id::RequestId;
use crate::routes::path::Path;
use crate::shared::Shared;

/// A request and who made it.
pub(super) struct Seen<'a> {
    pub(super) request_id: &'a RequestId,
    pub(super) method: &'a Method,
    pub(super) path: &'a Path<'a>,
    pub(super) label: RouteLabel,
    pub(super) peer: &'a Peer,
}

impl Seen<'_> {
    /// Ends a request that was answered with `result`.
    pub(super) fn end<P: Ports>(
        &self,
        shared: &Shared<P>,
        request: &Arc<Request>,
        result: &Result<Response<Body>, Problem>,
        work: Duration,
    ) {
        let (status, code) = match result {
            Ok(answered) => (answered.status().as_u16(), None),
            Err(problem) => (problem.code.status().as_u16(), Some(problem.code.text())),
        };
        let done = Done {
            method: self.method.as_str(),
            route: self.label.text(),
            ispb: self.path.ispb().filter(|ispb| ispb.parse::<Ispb>().is_ok()),
            request_id: self.request_id.as_str(),
            status,
            code,
            work,
        };
        let observer = &shared.observer;
        shared.http.record_service(self.label, work + request.waited().iter().sum::<Duration>());
        observer.end(request, &done);
        if let Err(problem) = result {
            self.count_refusal(problem.code);
        }
        let is_slow = observer.is_slow(request, work);
        let is_sample = observer.is_log_sample(request);
        if is_slow || is_sample || result.is_err() {
            within(request, || match result {
                Ok(_) if is_slow => self.log_slow(request, work),
                Ok(_) => self.log_sample(&done),
                Err(problem) => self.log_problem(problem, &shared.failures, is_sample),
            });
        }
    }

    /// Counts a refused read for its participant. These codes come after the certificate and the list of participants were
    /// looked at, so that the label has as many values as there are participants.
    fn count_refusal(&self, code: Code) {
        let is_read = matches!(self.label, RouteLabel::Start | RouteLabel::Pull | RouteLabel::Close);
        let is_counted = matches!(
            code,
            Code::InvalidCursor | Code::StreamGone | Code::ThreadLimit | Code::RateLimit | Code::Overloaded
        );
        if let Some(ispb) = self.path.ispb().filter(|_| is_read && is_counted) {
            metrics::counter!(READ_REFUSED, "ispb" => ispb.to_owned(), "code" => code.text()).increment(1);
        }
    }
}
