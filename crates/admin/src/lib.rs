//! The admin API: what operators and auditors ask of a running server, JSON over mutual TLS.
//!
//! One table ([`routes`]) says which routes there are, what each does and who may use it; the router, authorisation, the
//! audit log's names and the OpenAPI document ([`openapi`]) are made from it. What a command does to participants is
//! `app`'s; what it does to this process and its files is behind the traits of [`hooks`].

mod answer;
mod authority;
mod handle;
mod health;
pub mod hooks;
pub mod openapi;
mod operations;
mod page;
pub mod parameters;
mod requests;
pub mod routes;
mod shape;
mod views;

pub use answer::{Body, Unfinished};
pub use handle::{Admin, audit_reload, handle_admin, handle_plain};
pub use hooks::Hooks;
