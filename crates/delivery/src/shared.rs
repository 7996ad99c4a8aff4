//! What all requests share: the use cases, the wire's settings, ids, metrics.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use pix_stream_app::{App, Ports};
use pix_stream_listener::Refuse;
use pix_stream_telemetry::{Observer, Request};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::{Code, Problem, problem_xml};
use crate::metrics::{Http, Outcome, RouteLabel};
use crate::publish::budget::Budget;
use crate::request_id::{RequestId, RequestIds, X_REQUEST_ID};
use crate::response::PROBLEM_XML;
use crate::routes::Failures;
use crate::spelling::Spelling;

/// Large bodies that are inflated at a time.
const INFLATING_MAX: usize = 2;

/// Renders all metrics as Prometheus text.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Settings of the wire, from `[wire]` and `[limits]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// Refuse a port in `Host`, and headers outside ICOM's list (protocol, section 2).
    pub strict: bool,
    /// What the `type` of an error body starts with, up to and including the last `/`.
    pub problem_type_base: String,
    /// The largest published message, in bytes after decompression.
    pub message_bytes: usize,
    /// The largest publish body, in bytes before and after decompression.
    pub publish_bytes: usize,
    /// Bytes of publish bodies held at once on this node; over it, 503 `overloaded`. Several times
    /// `publish_bytes`: a gzipped body is held in both forms while it is inflated.
    pub publish_bytes_in_flight: usize,
    /// A request's body must have arrived within this.
    pub body_timeout: Duration,
}

/// Publish bodies of the largest size that fit at once, at least.
const LARGEST_BODIES_AT_ONCE: usize = 4;
/// Bytes of publish bodies that fit at once, at least.
const PUBLISH_BYTES_IN_FLIGHT: usize = 64 * 1024 * 1024;

impl Wire {
    /// What [`Self::publish_bytes_in_flight`] should be for a [`Self::publish_bytes`].
    #[must_use]
    pub fn in_flight_for(publish_bytes: usize) -> usize {
        PUBLISH_BYTES_IN_FLIGHT.max(publish_bytes.saturating_mul(LARGEST_BODIES_AT_ONCE))
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            strict: false,
            problem_type_base: "https://icom.pi.rsfn.net.br/api/v1/error/".to_owned(),
            message_bytes: 256 * 1024,
            publish_bytes: 4 * 1024 * 1024,
            publish_bytes_in_flight: PUBLISH_BYTES_IN_FLIGHT,
            body_timeout: Duration::from_secs(30),
        }
    }
}

/// Everything that a request needs beside itself.
pub struct Shared<P: Ports> {
    pub(crate) app: App<P>,
    pub(crate) wire: Wire,
    pub(crate) ids: RequestIds,
    pub(crate) http: Http,
    pub(crate) observer: Arc<Observer>,
    pub(crate) spelling: Spelling,
    pub(crate) failures: Failures,
    pub(crate) bodies: Budget,
    /// Turns at inflating large bodies.
    pub(crate) inflating: Semaphore,
    pub(crate) render: Render,
    pub(crate) version: &'static str,
}

impl<P: Ports> Shared<P> {
    /// Prepares for requests. `seed` is random: ids of requests start there. `version` is for the status page.
    pub async fn new(app: App<P>, wire: Wire, render: Render, seed: u64, version: &'static str) -> Self {
        let bodies = Budget::new(Arc::new(Semaphore::new(wire.publish_bytes_in_flight)));
        Self {
            app,
            wire,
            ids: RequestIds::new(seed),
            http: Http::default(),
            observer: Arc::new(Observer::quiet()),
            failures: Failures::default(),
            spelling: Spelling::learn().await,
            bodies,
            inflating: Semaphore::new(INFLATING_MAX),
            render,
            version,
        }
    }

    /// The same, whose requests an observer begins and ends.
    #[must_use]
    pub fn with_observer(self, observer: Arc<Observer>) -> Self {
        Self { observer, ..self }
    }

    /// Writes the bodies of what the HTTP layer refuses by itself: 400, 414 and 431.
    #[must_use]
    pub fn refuse(self: &Arc<Self>) -> Refuse {
        let shared = Arc::clone(self);
        Refuse::new(move |status| {
            let problem = match status {
                StatusCode::BAD_REQUEST => {
                    Problem::new(Code::InvalidHeader, "the request is not well-formed HTTP")
                }
                _ => Problem::new(Code::HeadTooLarge, "the request head is too large"),
            };
            let request_id = shared.ids.next();
            tracing::info!(
                request_id = request_id.as_str(),
                code = problem.code.text(),
                "refused by the HTTP layer"
            );
            let xml = problem_xml(&shared.wire.problem_type_base, &problem);
            let mut answer = Response::new(Bytes::from(xml));
            let headers = answer.headers_mut();
            headers.insert(CONTENT_TYPE, PROBLEM_XML);
            headers.insert(&X_REQUEST_ID, request_id.into_value());
            answer
        })
    }

    /// The use cases.
    #[must_use]
    pub const fn app(&self) -> &App<P> {
        &self.app
    }

    /// The settings of the wire.
    #[must_use]
    pub const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The version of this build.
    #[must_use]
    pub const fn version(&self) -> &'static str {
        self.version
    }

    /// What begins and ends requests.
    #[must_use]
    pub const fn observer(&self) -> &Arc<Observer> {
        &self.observer
    }

    /// All metrics as Prometheus text.
    #[must_use]
    pub fn render(&self) -> String {
        (self.render)()
    }

    /// The id of a request with these headers: the client's where it is well-formed, else one of ours.
    #[must_use]
    pub fn request_id(&self, headers: &HeaderMap) -> RequestId {
        self.ids.of(headers)
    }

    /// Begins a request that came at `began`, for an edge that observes it.
    #[must_use]
    pub fn begin(&self, headers: &HeaderMap, began: Instant) -> Arc<Request> {
        self.observer.begin(traceparent(headers), began)
    }

    /// Counts a request that took `duration`, of which `work` was spent on it.
    pub fn record(&self, route: RouteLabel, outcome: Outcome, duration: Duration, work: Duration) {
        self.http.record(route, outcome, duration, work);
    }
}

/// The trace that the client says its request belongs to; a header that comes twice says nothing.
fn traceparent(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}
