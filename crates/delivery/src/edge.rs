//! What another edge over the same core has in common with this one: codes, problems, request ids, measurement.

pub use crate::error::{Code, Extra, Problem, escape_into};
pub use crate::handlers::{late_body, malformed_body};
pub use crate::metrics::{Outcome, RouteLabel};
pub use crate::request_id::{RequestId, X_REQUEST_ID};
pub use crate::response::extra;
pub use pix_stream_telemetry::{Done, Request, timed, within};
