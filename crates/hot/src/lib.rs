//! Messages in memory, ready to be answered with, and how nodes hand them to each other. Without I/O: who stores, sends
//! and waits is `pix-stream-app`.
//!
//! `message` one message with its deflate segments; `cache` the messages of one participant within byte limits; `chunk`
//! a run of them as bytes; `deflate` a worker that makes segments; `outbox` what waits to be told to other nodes; `index` what other nodes told.

mod cache;
mod chunk;
mod deflate;
mod index;
mod message;
mod outbox;

pub use cache::{Budget, Hot};
pub use chunk::{CHUNK_BYTES_MAX, CHUNK_MESSAGES_MAX, pack_behind, unpack_behind};
pub use deflate::{Deflater, run as run_deflater};
pub use index::Index;
pub use message::{Job, Message};
pub use outbox::{Outbox, Parcel};
