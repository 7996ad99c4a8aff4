//! Stream states for suites that store them and do not care what is in them.

use pix_stream_domain::limits::Rules;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::{Command, Context, StreamState, Supply};
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Incarnation;

struct NoMessages;

impl Supply for NoMessages {
    fn head(&self) -> Sequence {
        Sequence::FIRST
    }

    fn size(&self, _: Sequence) -> Option<u32> {
        None
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000)
}

/// The first state of a history.
pub(super) fn first(incarnation: u32) -> StreamState {
    StreamState::new(Incarnation::new(incarnation), Sequence::FIRST)
}

/// The state after one more change.
pub(super) fn next(state: &StreamState) -> StreamState {
    let mut next = state.clone();
    let rules = Rules::default();
    let context = Context { now: now(), rules: &rules, supply: &NoMessages };
    next.apply(if state.is_paused() { &Command::Resume } else { &Command::Pause }, &context);
    assert!(next.version() > state.version(), "the suite changes states");
    next
}
