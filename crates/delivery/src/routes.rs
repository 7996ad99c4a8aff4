//! The API listener's requests: which path, in which order checks run, what every answer carries.
//!
//! The order is protocol section 2: strict headers, path, method, certificate, onboarded, rate, `Accept`, then
//! what the use case says. Handlers hold the part behind the certificate.

mod head;
mod path;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use pix_stream_app::Ports;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::Decision;
use tokio::time::Instant;

use crate::body::Body;
use crate::error::{Code, Problem};
use crate::handlers::{self, Call};
use crate::identity::Peer;
use crate::metrics::http::{Outcome, RouteLabel};
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::routes::path::Path;
use crate::shared::Shared;
use crate::{negotiate, response};

pub(crate) use head::check_host;

/// Characters of a token that the log may hold (protocol, section 6).
const TOKEN_LOGGED: usize = 8;

/// Answers one request of the API listener. Never fails: what goes wrong is an answer too.
pub async fn handle<P: Ports>(
    shared: Arc<Shared<P>>,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let request_id = shared.ids.of(&head.headers);
    let gzip = negotiate::takes_gzip(&head.headers);
    let mut pace = None;
    let (result, work) = timed(answer(&shared, &peer, &head, body, (&request_id, gzip, &mut pace))).await;
    let path = Path::of(head.uri.path());
    let label = label_of(&path, &head.method);
    let outcome = match &result {
        Ok(answered) if answered.status() == StatusCode::NO_CONTENT => Outcome::Empty,
        Ok(_) => Outcome::Ok,
        Err(problem) => Outcome::Error(problem.code),
    };
    shared.http.record(label, outcome, began.elapsed(), work);
    let seen = Seen { request_id: &request_id, path: &path, label, peer: &peer };
    match &result {
        Ok(_) if work > shared.wire.slow => seen.log_slow(work),
        Ok(_) => {}
        Err(problem) => seen.log_problem(problem),
    }
    let mut answered =
        result.unwrap_or_else(|problem| response::problem(&shared.wire.problem_type_base, &problem, gzip));
    let headers = answered.headers_mut();
    headers.insert(&X_REQUEST_ID, request_id.into_value());
    if let Some(decision) = &pace {
        response::pace(headers, decision);
    }
    if head.version < http::Version::HTTP_2 {
        *answered.extensions_mut() = shared.spelling.extensions();
    }
    answered
}

/// Runs the checks in order and hands over to the handler.
async fn answer<P: Ports>(
    shared: &Arc<Shared<P>>,
    peer: &Peer,
    head: &http::request::Parts,
    body: Incoming,
    (request_id, gzip, pace): (&RequestId, bool, &mut Option<Decision>),
) -> Result<Response<Body>, Problem> {
    head::check(head, shared.wire.strict)?;
    let call = Call { shared, peer, headers: &head.headers, request_id: request_id.as_str(), gzip };
    match Path::of(head.uri.path()) {
        Path::Start(ispb) => {
            let ispb = parse(ispb)?;
            allow(&head.method, &[Method::GET], "GET")?;
            handlers::read::start(&call, ispb, body, pace).await
        }
        Path::Pull(ispb, token) => {
            let ispb = parse(ispb)?;
            allow(&head.method, &[Method::GET, Method::DELETE], "GET, DELETE")?;
            if head.method == Method::GET {
                handlers::read::pull(&call, (ispb, token), body, pace).await
            } else {
                handlers::close::close(&call, (ispb, token), body, pace).await
            }
        }
        Path::Catalog => {
            allow(&head.method, &[Method::GET], "GET")?;
            handlers::catalog::catalog(&call, body, pace).await
        }
        Path::Messages(ispb) => {
            let ispb = parse(ispb)?;
            allow(&head.method, &[Method::POST], "POST")?;
            handlers::publish::publish(&call, ispb, head.version, body).await
        }
        Path::Unknown => Err(Problem::not_found()),
    }
}

fn parse(ispb: &str) -> Result<Ispb, Problem> {
    ispb.parse().map_err(|_| {
        Problem::new(Code::NotFound, "the path has no ISPB of eight characters, digits and capital letters")
    })
}

fn allow(method: &Method, methods: &[Method], text: &'static str) -> Result<(), Problem> {
    if methods.contains(method) { Ok(()) } else { Err(Problem::method(text)) }
}

fn label_of(path: &Path<'_>, method: &Method) -> RouteLabel {
    match path {
        Path::Start(_) => RouteLabel::Start,
        Path::Pull(..) if method == Method::DELETE => RouteLabel::Close,
        Path::Pull(..) => RouteLabel::Pull,
        Path::Catalog => RouteLabel::Catalog,
        Path::Messages(_) => RouteLabel::Publish,
        Path::Unknown => RouteLabel::Unknown,
    }
}

/// Runs a future and adds up the time spent in it, waits left out.
pub(crate) async fn timed<F: Future>(future: F) -> (F::Output, Duration) {
    let mut future = pin!(future);
    let mut work = Duration::ZERO;
    let output = std::future::poll_fn(|context| {
        let began = Instant::now();
        let polled = future.as_mut().poll(context);
        work += began.elapsed();
        match polled {
            Poll::Ready(output) => Poll::Ready(output),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    (output, work)
}

/// What the log says of a request: never a body, never a whole token.
struct Seen<'a> {
    request_id: &'a RequestId,
    path: &'a Path<'a>,
    label: RouteLabel,
    peer: &'a Peer,
}

impl Seen<'_> {
    fn log_slow(&self, work: Duration) {
        tracing::info!(
            request_id = self.request_id.as_str(),
            route = self.label.text(),
            ispb = self.path.ispb(),
            work_ms = u64::try_from(work.as_millis()).unwrap_or(u64::MAX),
            "slow request"
        );
    }

    /// One line for a request that was not answered with success. Refusals in a client's ordinary life are not
    /// worth a line at the usual level.
    fn log_problem(&self, problem: &Problem) {
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
                tracing::warn!(request_id, route, status, code, ispb, peer, token, cause, "a store failed");
            }
            Code::StreamGone | Code::ThreadLimit | Code::RateLimit | Code::Paused => {
                tracing::debug!(request_id, route, status, code, ispb, peer, token, cause, "refused");
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
            | Code::Overloaded
            | Code::Changed => {
                tracing::info!(request_id, route, status, code, ispb, peer, token, cause, "refused");
            }
        }
    }
}
