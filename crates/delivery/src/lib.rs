//! HTTP and TLS: listeners, routes, limits, the error matrix, drain.
//!
//! A [`listener`] accepts, identifies and speaks HTTP; [`handle`] and [`handle_admin`] answer requests. Rules of
//! streams are not here: `pix-stream-app` is asked, and its answers become status, headers and spliced bodies.

mod admin;
mod body;
pub mod config;
pub mod drain;
mod error;
mod handlers;
pub mod identity;
pub mod listener;
pub mod metrics;
mod negotiate;
mod publish;
mod request_id;
mod response;
mod routes;
mod shared;
mod spelling;
mod splice;
pub mod tls;

pub use admin::{handle_admin, handle_plain};
pub use body::{Batch, Body};
pub use error::CODES;
pub use routes::handle;
pub use shared::{Render, Shared, Wire};
