//! What SIGHUP does, over the admin API: files that the configuration names are read again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{Response, StatusCode};
use serde::Serialize;

use crate::admin::json;
use crate::body::Body;
use crate::error::{Code, Problem};

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

/// 200 with what is in force anew; 409 with every problem when something could not be read.
pub(super) async fn run(reload: Option<&Reload>) -> Result<Response<Body>, Problem> {
    let Some(reload) = reload else { return Err(Problem::not_found()) };
    let outcome = reload().await;
    if outcome.problems.is_empty() {
        return Ok(json::answer(StatusCode::OK, &outcome));
    }
    let title = match &outcome.reloaded[..] {
        [] => "nothing was read again; what was in force stays".to_owned(),
        some => format!("only {} were read again; of the rest, what was in force stays", some.join(", ")),
    };
    Err(Problem { details: outcome.problems, ..Problem::new(Code::Conflict, title) })
}
