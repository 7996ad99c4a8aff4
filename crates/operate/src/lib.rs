//! What operators type: commands over the admin API of a running server, audit logs and key files offline.
//!
//! What a command does is decided, checked and audited by the server; this reads arguments, asks, and shows the answer.
//! The binary mounts [`args`] in its command line and calls the `run` of each.

pub mod admin;
pub mod args;
pub mod audit;
pub mod keys;
pub mod moment;
pub mod target;

mod out;
mod table;

// Used everywhere here, and of no use without.
use pix_stream_process::{failure, output};
