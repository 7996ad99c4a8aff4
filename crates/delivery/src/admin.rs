//! The admin listener: health, metrics, the status page, and the operator's commands under `/admin/v1`.
//!
//! Everything needs a certificate with the role admin, or auditor for reading. Commands that are refused for
//! want of a role are audited. What a command does is `app`'s; here it is read, and its outcome written as JSON.

mod command;
mod fields;
mod health;
mod json;
mod page;
mod path;
mod quarantine;
mod query;
mod reload;
mod types;

use std::sync::Arc;
use std::time::Duration;

use http::header::ORIGIN;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use pix_stream_app::{Actor, Ports};
use pix_stream_listener::identity::{Identity, IspbClaim, Peer};
use tokio::time::Instant;

use crate::admin::path::Resource;
use crate::body::Body;
use crate::error::{Code, Problem};
use crate::metrics::{Outcome, RouteLabel};
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::routes::timed;
use crate::shared::Shared;

pub use reload::{Reload, Reloaded, Reloading};

/// Answers one request of the admin listener. Never fails: what goes wrong is an answer too.
pub async fn handle_admin<P: Ports>(
    shared: Arc<Shared<P>>,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let request_id = shared.ids.of(&head.headers);
    let resource = Resource::of(head.uri.path());
    let (result, work) = timed(answer(&shared, &peer.identity, &head, body, &request_id)).await;
    let seen = Seen { request_id, route: resource.label(), who: &peer.identity.name };
    seen.finish(&shared, result, (began.elapsed(), work))
}

/// Answers one request of the plain listener on loopback: health and metrics, nothing else.
pub async fn handle_plain<P: Ports>(shared: Arc<Shared<P>>, request: Request<Incoming>) -> Response<Body> {
    let began = Instant::now();
    let (head, _body) = request.into_parts();
    let request_id = shared.ids.of(&head.headers);
    let resource = Resource::of(head.uri.path());
    let (result, work) = timed(answer_plain(&shared, &head, &resource)).await;
    let seen = Seen { request_id, route: resource.label(), who: "loopback" };
    seen.finish(&shared, result, (began.elapsed(), work))
}

async fn answer_plain<P: Ports>(
    shared: &Shared<P>,
    head: &http::request::Parts,
    resource: &Resource<'_>,
) -> Result<Response<Body>, Problem> {
    if !matches!(resource, Resource::Live | Resource::Ready | Resource::Metrics) {
        return Err(Problem::not_found());
    }
    check_method(&head.method, resource)?;
    show(shared, head, resource).await
}

/// Path, method, role, then the thing itself.
async fn answer<P: Ports>(
    shared: &Shared<P>,
    identity: &Identity,
    head: &http::request::Parts,
    body: Incoming,
    request_id: &RequestId,
) -> Result<Response<Body>, Problem> {
    let resource = Resource::of(head.uri.path());
    if resource == Resource::Unknown {
        return Err(Problem::not_found());
    }
    check_method(&head.method, &resource)?;
    let actor = Actor { name: &identity.name, request_id: request_id.as_str(), reason: "" };
    let Some(command) = resource.command(&head.method) else {
        check_role(identity, false)?;
        return show(shared, head, &resource).await;
    };
    let ispb = resource.ispb()?;
    let is_for_admins = resource.is_for_admins(&head.method);
    if let Err(problem) = check_role(identity, is_for_admins).and_then(|()| check_origin(head, is_for_admins))
    {
        shared.app.audit_refusal(ispb, command, resource.entry_id(), actor).await;
        return Err(problem);
    }
    let input = command::Input::receive(shared, head, body).await?;
    command::run(shared, (resource, &head.method), &input, actor).await
}

/// What only shows something and is no command.
async fn show<P: Ports>(
    shared: &Shared<P>,
    head: &http::request::Parts,
    resource: &Resource<'_>,
) -> Result<Response<Body>, Problem> {
    match resource {
        Resource::Live => Ok(health::live()),
        Resource::Ready => Ok(health::ready(shared).await),
        Resource::Metrics => Ok(page::metrics((shared.render)())),
        Resource::Page => Ok(page::status(shared, &head.headers).await),
        Resource::Participants(_)
        | Resource::Participant(..)
        | Resource::Types
        | Resource::Type(..)
        | Resource::Entries
        | Resource::Entry(..)
        | Resource::Reload
        | Resource::Unknown => Err(Problem::not_found()),
    }
}

fn check_method(method: &Method, resource: &Resource<'_>) -> Result<(), Problem> {
    let allowed = resource.methods();
    let is_allowed = allowed.split(", ").any(|one| one == method.as_str());
    if is_allowed { Ok(()) } else { Err(Problem::method(allowed)) }
}

fn check_role(identity: &Identity, is_for_admins: bool) -> Result<(), Problem> {
    if identity.ispb == IspbClaim::Conflict {
        return Err(Problem::forbidden("the certificate names two participants"));
    }
    match (identity.roles.admin, identity.roles.auditor) {
        (true, _) => Ok(()),
        (false, true) if !is_for_admins => Ok(()),
        (false, true) => Err(Problem::forbidden("an auditor may look, and neither change nor take anything")),
        (false, false) => Err(Problem::forbidden("this takes a certificate with the role admin or auditor")),
    }
}

/// A browser that holds an operator's certificate sends it for any page that asks; pages say where they are from.
fn check_origin(head: &http::request::Parts, is_for_admins: bool) -> Result<(), Problem> {
    if is_for_admins && head.headers.contains_key(ORIGIN) {
        return Err(Problem::forbidden("changes are not taken from a page in a browser"));
    }
    Ok(())
}

/// A request on its way out.
struct Seen<'a> {
    request_id: RequestId,
    route: RouteLabel,
    who: &'a str,
}

impl Seen<'_> {
    /// Counts and logs the request, and makes an answer of what went wrong.
    fn finish<P: Ports>(
        self,
        shared: &Shared<P>,
        result: Result<Response<Body>, Problem>,
        (duration, work): (Duration, Duration),
    ) -> Response<Body> {
        let outcome = match &result {
            Ok(answered) if answered.status() == StatusCode::NO_CONTENT => Outcome::Empty,
            Ok(_) => Outcome::Ok,
            Err(problem) => Outcome::Error(problem.code),
        };
        shared.http.record(self.route, outcome, duration, work);
        let mut answered = result.unwrap_or_else(|problem| {
            self.log(&problem);
            json::problem(&problem)
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
