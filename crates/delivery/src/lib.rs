//! The HTTP of the protocol: routes, the order of checks, limits of bodies, the error matrix, spliced bodies.
//!
//! `pix-stream-listener` accepts, identifies and parses; [`handle`] answers its requests. Rules of streams are not here:
//! `pix-stream-app` is asked, and its answers become status, headers and bodies. The admin API is `pix-stream-admin`,
//! which takes from [`edge`] what both have in common.

mod authority;
mod body;
pub mod edge;
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
pub mod table;

pub use body::{Batch, Body};
pub use error::CODES;
pub use routes::handle;
pub use shared::{Render, Shared, Wire};
