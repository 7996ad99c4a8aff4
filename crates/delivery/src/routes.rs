//! The API listener's requests: which path, in which order checks run, what every answer carries.
//!
//! The order is protocol section 2: strict headers, path, method, certificate, onboarded, rate, `Accept`, then
//! what the use case says. Handlers hold the part behind the certificate.

mod head;
mod log;
mod path;
mod seen;

use std::sync::Arc;

use http::header::CONNECTION;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use pix_stream_app::Ports;
use pix_stream_domain::ispb::Ispb;
use pix_stream_listener::identity::{Peer, Scope};
use pix_stream_telemetry as telemetry;
use tokio::time::Instant;

use crate::body::Body;
use crate::error::{Code, Extra, Problem};
use crate::handlers::{self, Call};
use crate::metrics::{Outcome, RouteLabel};
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::response::Pacing;
use crate::routes::path::Path;
use crate::routes::seen::Seen;
use crate::shared::Shared;
use crate::{authority, negotiate, response};

pub(crate) use log::Failures;

/// Answers one request of the API listener. Never fails: what goes wrong is an answer too.
pub async fn handle<P: Ports>(
    shared: Arc<Shared<P>>,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    let began = Instant::now();
    let (head, mut body) = request.into_parts();
    let observed = shared.begin(&head.headers, began);
    let request_id = shared.ids.of(&head.headers);
    let gzip = negotiate::takes_gzip(&head.headers);
    let mut pace = Pacing::default();
    let (result, work) =
        telemetry::timed(&observed, answer(&shared, &peer, &head, &mut body, (&request_id, gzip, &mut pace)))
            .await;
    let path = Path::of(head.uri.path());
    let label = label_of(&path, &head.method);
    let outcome = match &result {
        Ok(answered) if answered.status() == StatusCode::NO_CONTENT => Outcome::Empty,
        Ok(_) => Outcome::Ok,
        Err(problem) => Outcome::Error(problem.code),
    };
    shared.http.record(label, outcome, began.elapsed(), work);
    let seen = Seen { request_id: &request_id, method: &head.method, path: &path, label, peer: &peer };
    seen.end(&shared, &observed, &result, work);
    if result.as_ref().is_err_and(|problem| problem.extra != Extra::Close) {
        Box::pin(handlers::read_out(&head.headers, &mut body)).await;
    }
    let mut answered = result.unwrap_or_else(|problem| {
        response::problem(&shared.wire.problem_type_base, &spread(&shared, problem), gzip)
    });
    let headers = answered.headers_mut();
    headers.insert(&X_REQUEST_ID, request_id.into_value());
    response::pace(headers, &pace, shared.app.pressure());
    if head.version < Version::HTTP_2 {
        *answered.extensions_mut() = shared.spelling.extensions(answered.status());
    } else {
        // A stream of HTTP/2 ends by itself; the header would be malformed.
        answered.headers_mut().remove(CONNECTION);
    }
    answered
}

/// Whoever is turned away for want of capacity comes back at different times.
fn spread<P: Ports>(shared: &Shared<P>, problem: Problem) -> Problem {
    if let (Code::Overloaded, Extra::RetryAfter(wait)) = (problem.code, problem.extra) {
        return problem.with(Extra::RetryAfter(shared.app.pressure().spread(wait)));
    }
    problem
}

/// Runs the checks in order and hands over to the handler.
async fn answer<P: Ports>(
    shared: &Arc<Shared<P>>,
    peer: &Peer,
    head: &http::request::Parts,
    body: &mut Incoming,
    (request_id, gzip, pace): (&RequestId, bool, &mut Pacing),
) -> Result<Response<Body>, Problem> {
    if shared.wire.strict {
        head::check_strict(head, peer.identity.roles.publish != Scope::None)?;
    }
    let call = Call { shared, peer, headers: &head.headers, request_id: request_id.as_str(), gzip };
    let path = Path::of(head.uri.path());
    let label = label_of(&path, &head.method);
    let authorise = |ispb| authority::check(&peer.identity, label, ispb);
    match path {
        Path::Start(ispb) => {
            let ispb = parse(ispb)?;
            allow(&head.method, &[Method::GET], "GET")?;
            authorise(Some(ispb))?;
            handlers::read::start(&call, ispb, body, pace).await
        }
        Path::Pull(ispb, token) => {
            let ispb = parse(ispb)?;
            allow(&head.method, &[Method::GET, Method::DELETE], "GET, DELETE")?;
            authorise(Some(ispb))?;
            if head.method == Method::GET {
                handlers::read::pull(&call, (ispb, token), body, pace).await
            } else {
                handlers::close::close(&call, (ispb, token), body, pace).await
            }
        }
        Path::Catalog => {
            allow(&head.method, &[Method::GET], "GET")?;
            authorise(None)?;
            handlers::catalog::catalog(&call, body, pace).await
        }
        Path::Messages(ispb) => {
            let ispb = parse(ispb)?;
            allow(&head.method, &[Method::POST], "POST")?;
            authorise(Some(ispb))?;
            // Boxed: its future is far larger than a read's, of which thousands wait.
            Box::pin(handlers::publish::publish(&call, ispb, head.version, (body, pace))).await
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
