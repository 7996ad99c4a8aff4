//! What SIGHUP does, over the admin API: files that the configuration names are read again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{Response, StatusCode};
use pix_stream_app::{Actor, App, Ports};
use serde::Serialize;

use crate::admin::json;
use crate::body::Body;
use crate::error::{Code, Problem};
use crate::shared::Shared;

/// What was read again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// What is in force anew: `certificates`, `schemas`.
    pub reloaded: Vec<String>,
    /// Why the rest is not, one line each; of that, what was in force before stays.
    #[serde(skip)]
    pub problems: Vec<String>,
}

/// Reads everything again that can be, each time it is called.
pub type Reload = Arc<dyn Fn() -> Reloading + Send + Sync>;
/// A [`Reload`] under way.
pub type Reloading = Pin<Box<dyn Future<Output = Reloaded> + Send>>;

impl Reloaded {
    /// Writes what came of it into the audit log.
    pub async fn audit<P: Ports>(&self, app: &App<P>, actor: Actor<'_>) {
        let done = format!("read again: {}", self.reloaded.join(", "));
        let outcome = match self.problems.len() {
            0 => Ok(done),
            count => Err(format!("{done}; {count} problems, of which the log tells")),
        };
        app.audit_command("server.reload", outcome.as_deref().map_err(|refused| &**refused), actor).await;
    }
}

/// 200 with what is in force anew; 409 with every problem when something could not be read.
pub(super) async fn run<P: Ports>(shared: &Shared<P>, actor: Actor<'_>) -> Result<Response<Body>, Problem> {
    let Some(reload) = &shared.reload else { return Err(Problem::not_found()) };
    let outcome = reload().await;
    outcome.audit(&shared.app, actor).await;
    if outcome.problems.is_empty() {
        return Ok(json::answer(StatusCode::OK, &outcome));
    }
    let title = match &outcome.reloaded[..] {
        [] => "nothing was read again; what was in force stays".to_owned(),
        some => format!("only {} were read again; of the rest, what was in force stays", some.join(", ")),
    };
    Err(Problem { details: outcome.problems, ..Problem::new(Code::Conflict, title) })
}
