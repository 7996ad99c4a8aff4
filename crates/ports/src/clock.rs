//! The clock: what time it is, and nothing else. Waiting is `app`'s business.

use pix_stream_domain::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time of day. May step back when the operator's time service does; the domain bears that.
    fn now(&self) -> Timestamp;
}
