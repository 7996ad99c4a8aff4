//! What a request leaves behind for operators: its trace, its time in each store, and the ring of slow ones.
//!
//! A request is begun by the edge that answers it ([`Observer::begin`]), is *current* while its future is polled
//! ([`timed`]), and whatever works for it meanwhile adds to it without being handed anything ([`enter`],
//! [`note_store`]). A request that is not sampled leaves two ids and three numbers, and allocates once.
//!
//! Nothing here knows HTTP, OpenTelemetry or where spans go: finished traces are put into a bounded queue. No text of a
//! request comes in here but its id and its participant's ISPB (protocol, section 6, "What never leaves").

mod context;
mod current;
pub mod metrics;
mod observer;
mod request;
mod slow;
mod trace;

pub use context::{Parent, SpanId, TraceId};
pub use current::{current, enter, ids_of_current, note_store, on_behalf_of, timed, within};
pub use observer::{Done, Observer, Sampling, Settings};
pub use request::{Entered, Request};
pub use slow::{SLOW_KEPT, SlowRequest, SlowRing};
pub use trace::{Kind, Span, Store, Trace, Value};
