//! The Coordinator: what must be agreed on right now, and may be forgotten (design, section 4).

use std::future::Future;
use std::sync::Arc;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_domain::version::Version;

use crate::error::Error;

/// Holds the newest stream state of each participant, spreads news of messages, counts requests.
pub trait Coordinator: Send + Sync + 'static {
    /// The newest state of a participant; `None` when it was never set or was forgotten.
    fn load(&self, ispb: Ispb) -> impl Future<Output = Result<Option<StreamState>, Error>> + Send;

    /// Sets the state if the stored one still has version `expected` (`None`: there is none). Otherwise
    /// nothing changes and the answer holds what is stored.
    fn swap(
        &self,
        ispb: Ispb,
        expected: Option<Version>,
        next: &StreamState,
    ) -> impl Future<Output = Result<Swap, Error>> + Send;

    /// Tells every node that messages below `head` exist. May be lost: nodes also ask the Journal.
    fn announce(&self, ispb: Ispb, head: Sequence) -> impl Future<Output = Result<(), Error>> + Send;

    /// From now on, tells `listener` what other nodes announce and change. Announcements of this node may be
    /// told, too.
    fn subscribe(&self, listener: Arc<dyn Listener>);

    /// Counts one request of a participant in a window that all nodes share.
    fn admit(
        &self,
        ispb: Ispb,
        rule: Rule,
        now: Timestamp,
    ) -> impl Future<Output = Result<Decision, Error>> + Send;

    /// Whether the Coordinator can do its work right now.
    fn check(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What became of a swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The state is set.
    Done,
    /// Another state is there, or none.
    Lost(Option<Box<StreamState>>),
}

/// Hears what happens to participants on other nodes. Must return at once.
pub trait Listener: Send + Sync {
    /// Messages below `head` exist.
    fn on_head(&self, ispb: Ispb, head: Sequence);

    /// The participant's state changed elsewhere; waiting reads should look again.
    fn on_change(&self, ispb: Ispb);
}
