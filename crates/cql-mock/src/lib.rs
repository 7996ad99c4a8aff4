//! An in-process cluster that speaks CQL v4 and misbehaves on demand. For tests alone.
//!
//! A [`Mock`] knows its own topology and answers what a driver asks of it; every other statement goes to the test's
//! script, a function from [`Request`] to [`Reply`]. A reply may come at once, later, when the test opens a [`Gate`], or
//! never; a node may hang, reset its connections, forget its prepared statements, or be gone for a while.
//!
//! It stores nothing and checks no types.

mod connection;
mod script;
mod server;
mod system;
mod wire;

pub use script::{Answer, Gate, Reply, Request, Step};
pub use server::{Builder, Mock, Node};
