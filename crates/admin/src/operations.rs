//! What each route does: its input is read here and its outcome written; `app` and the hooks carry it out.

mod audit;
mod catalog;
mod keys;
mod node;
mod participants;
mod quarantine;
mod replay;

pub(crate) use quarantine::PAGE_MAX as QUARANTINE_PAGE_MAX;

use http::header::ACCEPT;
use http::{HeaderMap, Response, StatusCode};
use pix_stream_app::{Actor, Change, Ports};
use pix_stream_delivery::edge::{Code, Problem};
use pix_stream_domain::ispb::Ispb;
use pix_stream_listener::identity::Scope;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::answer::{self, Body};
use crate::handle::Admin;
use crate::parameters::Query;
use crate::routes::{Operation, Params, Route};
use crate::{health, page};

/// A request that its sender may make, with what it brings.
pub(crate) struct Call<'a, P: Ports> {
    pub(crate) admin: &'a Admin<P>,
    pub(crate) route: &'static Route,
    pub(crate) params: &'a Params,
    pub(crate) query: Query<'a>,
    /// The body, held against the route's schema.
    pub(crate) fields: Map<String, Value>,
    /// Whether it is only tried.
    pub(crate) dry_run: bool,
    /// For whom the sender may.
    pub(crate) scope: &'a Scope,
    pub(crate) actor: Actor<'a>,
}

impl<P: Ports> Call<'_, P> {
    /// The participant that the path names.
    pub(crate) fn ispb(&self) -> Result<Ispb, Problem> {
        self.param("ispb")
    }

    /// A segment of the path that has the form of what it should be; 404 for another.
    pub(crate) fn param<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        self.params.find(name).and_then(|text| text.parse().ok()).ok_or_else(Problem::not_found)
    }

    /// The body as its type.
    pub(crate) fn read<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let mut fields = std::mem::take(&mut self.fields);
        fields.remove("reason");
        // Its schema was kept to: whatever is still wrong is said in serde's words.
        serde_json::from_value(Value::Object(fields)).map_err(|fault| invalid(format!("the body: {fault}")))
    }

    /// Records a command that was not the core's to record: what came of it.
    pub(crate) async fn audit(&self, outcome: Result<&str, &str>) {
        self.admin.app().audit_command(self.route.command, outcome, self.actor).await;
    }
}

/// A field that has the form of an ISPB.
pub(crate) fn ispb_of(name: &str, text: &str) -> Result<Ispb, Problem> {
    text.parse().map_err(|fault| invalid(format!("`{name}` is not an ISPB: {fault}")))
}

/// 400.
pub(crate) fn invalid(message: String) -> Problem {
    Problem::new(Code::InvalidRequest, message)
}

/// What [`Route::is_probe`] is true of: health, metrics and the status page.
pub(crate) async fn probe<P: Ports>(
    admin: &Admin<P>,
    operation: Operation,
    headers: &HeaderMap,
    scope: &Scope,
) -> Result<Response<Body>, Problem> {
    if operation == Operation::Live {
        Ok(health::live())
    } else if operation == Operation::Ready {
        Ok(health::ready(&admin.shared).await)
    } else if operation == Operation::Metrics {
        Ok(page::metrics(admin.shared.render()))
    } else {
        let takes_html =
            headers.get_all(ACCEPT).iter().any(|v| v.to_str().is_ok_and(|v| v.contains("text/html")));
        Ok(page::status(&admin.shared, takes_html, scope).await)
    }
}

/// Runs what a route is for.
pub(crate) async fn run<P: Ports>(mut call: Call<'_, P>) -> Result<Response<Body>, Problem> {
    match call.route.operation {
        Operation::Live | Operation::Ready | Operation::Metrics | Operation::Page => {
            Err(Problem::not_found())
        }
        Operation::Document => {
            let document = call.admin.document.clone();
            Ok(answer::bytes(StatusCode::OK, "application/json", document))
        }
        Operation::ListParticipants => Ok(participants::list(&call)),
        Operation::CreateParticipant => participants::create(&mut call).await,
        Operation::ShowParticipant => participants::show(&call).await,
        Operation::Pause => participants::change(&call, Change::Pause).await,
        Operation::Resume => participants::change(&call, Change::Resume).await,
        Operation::Cap | Operation::Rewind | Operation::Advance => participants::place(&mut call).await,
        Operation::Limits => participants::limits(&mut call).await,
        Operation::Hold | Operation::Unhold => participants::hold(&mut call).await,
        Operation::Offboard | Operation::Onboard => participants::admit(&call).await,
        Operation::ReleaseSlot => participants::release(&call).await,
        Operation::Retention => participants::retention(&mut call).await,
        Operation::ShowReplay => replay::show(&call).await,
        Operation::OpenReplay => replay::open(&mut call).await,
        Operation::CloseReplay => replay::close(&call).await,
        Operation::ListTypes => Ok(catalog::list(&call)),
        Operation::EnableType => catalog::switch(&mut call, Some(true)).await,
        Operation::DisableType => catalog::switch(&mut call, Some(false)).await,
        Operation::ClearType => catalog::switch(&mut call, None).await,
        Operation::ListEntries => quarantine::list(&call).await,
        Operation::ShowEntry => quarantine::show(&call).await,
        Operation::ExportEntry => quarantine::export(&call).await,
        Operation::ReleaseEntry => quarantine::release(&call).await,
        Operation::DropEntry => quarantine::drop(&call).await,
        Operation::ListKeys => keys::list(&call).await,
        Operation::RotateKeys => keys::rotate(&mut call).await,
        Operation::SignWithKey => keys::sign(&mut call).await,
        Operation::RetireKey => keys::retire(&call).await,
        Operation::ShowMessage => audit::message(&call).await,
        Operation::ShowChain => audit::head(&call).await,
        Operation::VerifyChain => audit::verify(&call).await,
        Operation::ExportMessages => audit::export(&call).await,
        Operation::ListSlow => node::slow(&call),
        Operation::ShowLog => node::log(&call),
        Operation::SetLog => node::set_log(&mut call).await,
        Operation::ShowNode => node::show(&call),
        Operation::Drain => node::drain(&call).await,
        Operation::Reload => node::reload(&call).await,
    }
}
