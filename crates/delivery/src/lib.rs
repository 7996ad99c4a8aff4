//! The HTTP of the protocol: routes, the order of checks, limits of bodies, the error matrix, spliced bodies.
//!
//! `pix-stream-listener` accepts, identifies and parses; [`handle`] and [`handle_admin`] answer its requests. Rules
//! of streams are not here: `pix-stream-app` is asked, and its answers become status, headers and bodies.

mod admin;
mod body;
mod error;
mod handlers;
pub mod metrics;
mod negotiate;
mod publish;
mod request_id;
mod response;
mod routes;
mod shared;
mod spelling;
mod splice;

pub use admin::{Reload, Reloaded, Reloading, handle_admin, handle_plain};
pub use body::{Batch, Body};
pub use error::CODES;
pub use routes::handle;
pub use shared::{Render, Shared, Wire};
