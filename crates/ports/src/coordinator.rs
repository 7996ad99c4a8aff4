//! The Coordinator: what must be agreed on right now, and may be forgotten (design, section 4).

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Limits;
use pix_stream_domain::rate::{Decision, Rule};
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Version;

use crate::error::Error;

/// Holds the newest stream state of each participant, spreads news and fresh messages, counts requests.
pub trait Coordinator: Send + Sync + 'static {
    /// The newest state of a participant.
    fn load(&self, ispb: Ispb) -> impl Future<Output = Result<Held, Error>> + Send;

    /// Sets the state if what is held is still what is expected. Otherwise nothing changes and the answer says
    /// what is held.
    fn swap(
        &self,
        ispb: Ispb,
        expected: Expected,
        next: &StreamState,
    ) -> impl Future<Output = Result<Swapped, Error>> + Send;

    /// Tells every node, this one perhaps included. May be lost: nodes also ask the Journal.
    fn announce(&self, news: News) -> impl Future<Output = Result<(), Error>> + Send;

    /// The chunk that was announced with `range` starting at `first`; `None` when it is gone.
    fn fetch(&self, ispb: Ispb, first: Sequence)
    -> impl Future<Output = Result<Option<Bytes>, Error>> + Send;

    /// From now on, tells `listener` what is announced.
    fn subscribe(&self, listener: Arc<dyn Listener>);

    /// Whether other nodes share it, so that chunks and changes are worth announcing.
    fn is_shared(&self) -> bool;

    /// Counts one request of a participant in a window that all nodes share. Several nodes together may let more
    /// pass than the rule's limit, by a bound that the implementation documents; one node alone never does.
    fn admit(
        &self,
        ispb: Ispb,
        rule: Rule,
        now: Timestamp,
    ) -> impl Future<Output = Result<Decision, Error>> + Send;

    /// How it serves in another way than it should, for readiness: slower, or by other means. `None`: as it should.
    fn degraded(&self) -> Option<&'static str> {
        None
    }

    /// Whether the Coordinator can do its work right now.
    fn check(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What the Coordinator has of a participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Never set, or forgotten.
    Nothing,
    /// What was agreed on last.
    Current(Box<StreamState>),
    /// From before the Coordinator itself went away - a restart, a fail-over - so it may be older than what was
    /// agreed on: a history may start from it, never go on with it.
    Old(Box<StreamState>),
}

impl Held {
    /// The state, whichever it is.
    #[must_use]
    pub fn state(&self) -> Option<&StreamState> {
        match self {
            Self::Nothing => None,
            Self::Current(state) | Self::Old(state) => Some(state),
        }
    }

    /// What a swap must expect to replace this.
    #[must_use]
    pub fn expected(&self) -> Expected {
        match self {
            Self::Nothing => Expected::Nothing,
            Self::Current(state) => Expected::Current(state.version()),
            Self::Old(state) => Expected::Old(state.version()),
        }
    }
}

/// What a swap replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing is held.
    Nothing,
    /// The current state has this version.
    Current(Version),
    /// The state is old and has this version.
    Old(Version),
}

/// The answer to a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// What became of it.
    pub swap: Swap,
    /// The newest head that was announced, as far as it is still known.
    pub head: Option<Sequence>,
}

/// What became of a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The state is set.
    Done,
    /// Something else is there.
    Lost(Held),
}

/// What nodes tell each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Messages below `head` exist, and perhaps the last of them are at hand.
    Head {
        /// The participant.
        ispb: Ispb,
        /// The next sequence number.
        head: Sequence,
        /// Messages that other nodes need not read from the Journal.
        chunk: Option<Chunk>,
    },
    /// Waiting reads of the participant should look at its state again.
    Change {
        /// The participant.
        ispb: Ispb,
        /// The version of the state that concerns them.
        version: Version,
    },
    /// A participant has other limits, which apply from the next request on. What else changed says [`Self::Registry`].
    Limits {
        /// The participant.
        ispb: Ispb,
        /// Its limits now.
        limits: Limits,
        /// The revision that has them.
        revision: u64,
    },
    /// The participants, or the switches of message types, are not what they were.
    Registry,
}

/// Fresh messages, packed by the codec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Which.
    pub range: Range,
    /// Them.
    pub bytes: Bytes,
}

/// Hears what is announced, on other nodes or this one. Must return at once.
pub trait Listener: Send + Sync {
    /// Messages below `head` exist.
    fn on_head(&self, ispb: Ispb, head: Sequence);

    /// Messages of a range can be had by [`Coordinator::fetch`] with its start; they exist.
    fn on_chunk(&self, ispb: Ispb, range: Range);

    /// The participant's state has this version, or a later one.
    fn on_change(&self, ispb: Ispb, version: Version);

    /// A participant has these limits since that revision. Who does not listen finds out with the registry.
    fn on_limits(&self, _ispb: Ispb, _limits: Limits, _revision: u64) {}

    /// The participants, or the switches of message types, are not what they were.
    fn on_registry(&self);
}
