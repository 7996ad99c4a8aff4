//! Stream states kept by serial writes of the Journal's store, for as long as the Coordinator is out of reach
//! (`[coordinator] fallback = "journal"`): slower, still right.

use std::future::Future;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::version::Version;

use crate::error::Error;

/// One durable state a participant, changed by compare-and-swap; and which nodes need it.
///
/// Where several regions share the store, this is what the nodes of one of them see: a state that another region wrote,
/// or this one before others had the participant, is over, and is never gone on with; nodes of other regions need
/// nothing here.
pub trait SerialStates: Send + Sync + 'static {
    /// What is kept of a participant. Sees every change that was ever answered.
    fn load(&self, ispb: Ispb) -> impl Future<Output = Result<Option<SerialState>, Error>> + Send;

    /// Keeps `next`, not over, if what is kept has version `expected` (`None`: nothing is kept) - over or not. Over a
    /// state of another region it keeps the first of a new history only.
    /// Returns what is kept instead, otherwise. An unknown outcome is settled before this returns, or is an error:
    /// then the change is done or not done, also later.
    fn swap(
        &self,
        ispb: Ispb,
        expected: Option<Version>,
        next: &StreamState,
    ) -> impl Future<Output = Result<Result<(), Option<SerialState>>, Error>> + Send;

    /// Marks what is kept as over: a Coordinator goes on from there. `false` when it has another version.
    fn hand_over(&self, ispb: Ispb, expected: Version) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Participants whose state is kept here and is not over, and the nodes that need it.
    fn survey(&self) -> impl Future<Output = Result<Survey, Error>> + Send;

    /// This node cannot reach the Coordinator; holds for a few seconds.
    fn claim_need(&self, node: &str) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A kept state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialState {
    /// It.
    pub state: StreamState,
    /// Whether a Coordinator took it over.
    pub is_over: bool,
}

/// Who goes on without a Coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Participants, with the version that is kept.
    pub states: Vec<(Ispb, Version)>,
    /// Nodes that said within the last seconds that they cannot reach the Coordinator.
    pub needy: Vec<String>,
}
