//! A request of the admin listener: path, method, role, what it brings, then what it asks for.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use pix_stream_app::{Actor, App, EntryId, Ports};
use pix_stream_delivery::edge::{
    Code, Done, Extra, Outcome, Problem, RequestId, RouteLabel, X_REQUEST_ID, late_body, malformed_body,
    timed, within,
};
use pix_stream_delivery::{Shared, edge};
use pix_stream_domain::ispb::Ispb;
use pix_stream_listener::identity::{Identity, Peer, Scope};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::answer::{self, Body};
use crate::hooks::{Hooks, Reloaded};
use crate::operations::{self, Call};
use crate::parameters::{DRY_RUN, Parameter, Query, REASON};
use crate::routes::{self, Operation, Route};
use crate::{authority, openapi, shape};

/// The most bytes of a command's body.
const BODY_MAX: usize = 64 * 1024;

/// What all requests of the admin listener share.
pub struct Admin<P: Ports> {
    pub(crate) shared: Arc<Shared<P>>,
    pub(crate) hooks: Hooks,
    /// The OpenAPI document.
    pub(crate) document: Bytes,
}

impl<P: Ports> Admin<P> {
    /// The admin API over the same core as the API listener's, with what the process lets it do.
    #[must_use]
    pub fn new(shared: Arc<Shared<P>>, hooks: Hooks) -> Self {
        let document = openapi::document(&hooks, shared.version(), &shared.wire().problem_type_base);
        let document = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
        Self { shared, hooks, document }
    }

    /// The OpenAPI document, as it is served.
    #[must_use]
    pub const fn document(&self) -> &Bytes {
        &self.document
    }

    /// The use cases.
    pub(crate) fn app(&self) -> &App<P> {
        self.shared.app()
    }
}

/// Answers one request of the admin listener. Never fails: what goes wrong is an answer too.
pub async fn handle_admin<P: Ports>(
    admin: Arc<Admin<P>>,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let observed = admin.shared.begin(&head.headers, began);
    let request_id = admin.shared.request_id(&head.headers);
    let found = routes::find(head.uri.path(), &admin.hooks);
    let route = found.as_ref().and_then(|found| found.route(&head.method));
    let label =
        found.as_ref().and_then(|found| found.routes.first()).map_or(RouteLabel::Unknown, |r| r.label());
    let answering = async {
        let found = found.as_ref().ok_or_else(Problem::not_found)?;
        let route = route.ok_or_else(|| Problem::method(""))?;
        let asked = Asked { admin: &admin, identity: &peer.identity, head: &head, request_id: &request_id };
        asked.answer(route, &found.params, body).await
    };
    let (result, work) = timed(&observed, answering).await;
    let seen = Seen { request_id, method: &head.method, route: label, who: &peer.identity.name };
    let allow = found.as_ref().map(routes::Found::allow);
    seen.finish((&admin.shared, &observed), result, allow.as_deref(), (began.elapsed(), work))
}

/// Answers one request of the plain listener on loopback: health and metrics, nothing else.
pub async fn handle_plain<P: Ports>(admin: Arc<Admin<P>>, request: Request<Incoming>) -> Response<Body> {
    let began = Instant::now();
    let (head, _body) = request.into_parts();
    let observed = admin.shared.begin(&head.headers, began);
    let request_id = admin.shared.request_id(&head.headers);
    let found = routes::find(head.uri.path(), &Hooks::default())
        .filter(|found| found.routes.iter().all(|r| r.is_probe() && r.operation != Operation::Page));
    let label =
        found.as_ref().and_then(|found| found.routes.first()).map_or(RouteLabel::Unknown, |r| r.label());
    let answering = async {
        let found = found.as_ref().ok_or_else(Problem::not_found)?;
        let route = found.route(&head.method).ok_or_else(|| Problem::method(""))?;
        operations::probe(&admin, route.operation, &head.headers, &Scope::All).await
    };
    let (result, work) = timed(&observed, answering).await;
    let seen = Seen { request_id, method: &head.method, route: label, who: "loopback" };
    let allow = found.as_ref().map(routes::Found::allow);
    seen.finish((&admin.shared, &observed), result, allow.as_deref(), (began.elapsed(), work))
}

/// Writes what came of a reload into the audit log; for one that a signal asked for, too.
pub async fn audit_reload<P: Ports>(app: &App<P>, reloaded: &Reloaded, dry_run: bool, actor: Actor<'_>) {
    let tried = if dry_run { "dry run: could be read again: " } else { "read again: " };
    let done = format!("{tried}{}", reloaded.reloaded.join(", "));
    let outcome = match reloaded.problems.len() {
        0 => Ok(done),
        count => Err(format!("{done}; {count} problems, of which the log tells")),
    };
    app.audit_command("server.reload", outcome.as_deref().map_err(|refused| &**refused), actor).await;
}

/// A request with who sent it.
struct Asked<'a, P: Ports> {
    admin: &'a Admin<P>,
    identity: &'a Identity,
    head: &'a Parts,
    request_id: &'a RequestId,
}

impl<P: Ports> Asked<'_, P> {
    /// Role, then what it brings, then the thing itself.
    async fn answer(
        &self,
        route: &'static Route,
        params: &routes::Params,
        body: Incoming,
    ) -> Result<Response<Body>, Problem> {
        let ispb = find_ispb(params)?;
        let entry: Option<EntryId> =
            params.find("entry").map(str::parse).transpose().map_err(|_| Problem::not_found())?;
        let actor = Actor { name: &self.identity.name, request_id: self.request_id.as_str(), reason: "" };
        let scope = match authority::check(self.identity, route, ispb).and_then(|scope| {
            self.check_origin(route)?;
            Ok(scope)
        }) {
            Ok(scope) => scope,
            Err(problem) => {
                if !route.is_probe() {
                    self.admin.app().audit_refusal(ispb, route.command, entry, actor).await;
                }
                return Err(problem);
            }
        };
        if route.is_probe() {
            return operations::probe(self.admin, route.operation, &self.head.headers, &scope).await;
        }
        let fields = self.receive(route, body).await?;
        let known: Vec<Parameter> =
            route.query.iter().copied().chain(route.method.is_change().then_some(DRY_RUN)).collect();
        let query = Query::parse(self.head.uri.query(), &known)?;
        let dry_run = query.find(DRY_RUN.name).unwrap_or(false);
        let reason = fields.get(REASON.name).and_then(Value::as_str).map(str::to_owned);
        let reason = reason.or_else(|| query.find_text(REASON.name)).unwrap_or_default();
        let actor = Actor { reason: &reason, ..actor };
        let call = Call { admin: self.admin, route, params, query, fields, dry_run, scope: &scope, actor };
        operations::run(call).await
    }

    /// A browser that holds an operator's certificate sends it for any page that asks; pages say where they are from.
    fn check_origin(&self, route: &Route) -> Result<(), Problem> {
        if route.is_guarded() && self.head.headers.contains_key(ORIGIN) {
            return Err(Problem::forbidden("changes are not taken from a page in a browser"));
        }
        Ok(())
    }

    /// The fields of the body. A body says that it is JSON: what a form in a browser sends never does.
    async fn receive(&self, route: &'static Route, body: Incoming) -> Result<Map<String, Value>, Problem> {
        let unsupported = || Problem::new(Code::UnsupportedMediaType, "a command's body is application/json");
        let is_json = is_json(&self.head.headers);
        if is_json == Some(false) {
            return Err(unsupported());
        }
        let limit = self.admin.shared.wire().body_timeout;
        let body = tokio::time::timeout(limit, read(body)).await.unwrap_or_else(|_| Err(late_body()))?;
        if is_json.is_none() && !body.is_empty() {
            return Err(unsupported());
        }
        shape::read(route, &body)
    }
}

fn is_json(headers: &HeaderMap) -> Option<bool> {
    let is_json = |value: &HeaderValue| {
        let name = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("application/json")
    };
    headers.get(CONTENT_TYPE).map(is_json)
}

async fn read(mut body: Incoming) -> Result<Bytes, Problem> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| malformed_body())?.into_data() else { continue };
        if all.len() + data.len() > BODY_MAX {
            let title = "a command's body has at most 64 KiB";
            return Err(Problem::new(Code::TooLarge, title).with(Extra::Close));
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

/// The participant that a path names, if it names one.
fn find_ispb(params: &routes::Params) -> Result<Option<Ispb>, Problem> {
    let wrong = |_| {
        Problem::new(Code::NotFound, "the path has no ISPB of eight characters, digits and capital letters")
    };
    params.find("ispb").map(str::parse).transpose().map_err(wrong)
}

/// A request on its way out.
struct Seen<'a> {
    request_id: RequestId,
    method: &'a Method,
    route: RouteLabel,
    who: &'a str,
}

impl Seen<'_> {
    /// Counts and logs the request, and makes an answer of what went wrong.
    fn finish<P: Ports>(
        self,
        (shared, observed): (&Shared<P>, &Arc<edge::Request>),
        result: Result<Response<Body>, Problem>,
        allow: Option<&str>,
        (duration, work): (Duration, Duration),
    ) -> Response<Body> {
        let outcome = match &result {
            Ok(answered) if answered.status() == StatusCode::NO_CONTENT => Outcome::Empty,
            Ok(_) => Outcome::Ok,
            Err(problem) => Outcome::Error(problem.code),
        };
        shared.record(self.route, outcome, duration, work);
        let (status, code) = match &result {
            Ok(answered) => (answered.status().as_u16(), None),
            Err(problem) => (problem.code.status().as_u16(), Some(problem.code.text())),
        };
        let (method, route, request_id) = (self.method.as_str(), self.route.text(), self.request_id.as_str());
        shared.observer().end(observed, &Done { method, route, ispb: None, request_id, status, code, work });
        let mut answered = result.unwrap_or_else(|problem| {
            within(observed, || self.log(&problem));
            let allow = allow.filter(|_| problem.code == Code::MethodNotAllowed);
            answer::problem(&problem, allow)
        });
        answered.headers_mut().insert(&X_REQUEST_ID, self.request_id.into_value());
        answered
    }

    fn log(&self, problem: &Problem) {
        let (request_id, route, who) = (self.request_id.as_str(), self.route.text(), self.who);
        let (status, code) = (problem.code.status().as_u16(), problem.code.text());
        let cause = problem.cause.as_deref();
        if problem.code == Code::Internal {
            tracing::error!(request_id, route, who, status, code, cause, "a defect");
        } else {
            tracing::info!(request_id, route, who, status, code, cause, "refused");
        }
    }
}
