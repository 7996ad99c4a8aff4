//! What a publish request brings: its type and coding, its bytes within the limits, its messages.
//!
//! Reads HTTP and MIME, never XML. Order of refusals: length, size, type and coding, charset (protocol, section 2).

pub(crate) mod budget;
pub(crate) mod inflate;
pub(crate) mod intake;
pub(crate) mod media;
pub(crate) mod multipart;

/// The most messages of one request (protocol, section 8).
pub(crate) const PARTS_MAX: usize = 10;
