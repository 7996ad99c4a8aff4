//! The way to the newest state of a participant: the Coordinator's, or one taken over from the newest that is left,
//! in a new history.
//!
//! Several nodes may take over at once. Each raises an incarnation of its own; the Coordinator's swap lets one of them
//! win, and only the winner's state is ever saved. Histories that lost are never spoken of again.

use std::time::Duration;

use pix_stream_domain::audit::Event;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::coordinator::{Coordinator as _, Held, Swap};
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::{Checkpoint, Extent, Journal as _};
use tokio::time::timeout;

use crate::core::Core;
use crate::metrics::RECOVERIES;
use crate::seat::Seat;
use pix_stream_calls::Error;
use pix_stream_calls::store::{
    COORDINATOR_DEADLINE, COORDINATOR_LOAD, COORDINATOR_SWAP, JOURNAL_EXTENT, JOURNAL_LOAD_CHECKPOINT,
    JOURNAL_RAISE_INCARNATION, JOURNAL_SAVE_CHECKPOINTS, READ_DEADLINE, RETRY_AFTER,
};

/// Attempts to agree on a state while other nodes, or the Coordinator itself, come between.
const ATTEMPTS: usize = 3;
/// How long a first look at a participant waits for a Journal that it can do without.
const GLANCE: Duration = Duration::from_millis(300);

impl<P: Ports> Core<P> {
    /// The newest state of a participant: the Coordinator's; or, when that is lost or older than what this node
    /// has seen (`known`), one taken over from the newest that is left.
    pub(crate) async fn load_state(
        &self,
        seat: &Seat,
        known: Option<StreamState>,
    ) -> Result<StreamState, Error> {
        // Two recoveries at once would raise two incarnations and leave checkpoints of a history that is none.
        let _one_recovers = seat.recovering.lock().await;
        for _attempt in 0..ATTEMPTS {
            self.refuse_elsewhere(seat.ispb)?;
            let told = seat.told();
            if let Some(state) = self.try_load(seat, known.as_ref()).await? {
                seat.settle_told(told);
                return Ok(state);
            }
        }
        let cause =
            "the coordinator, or other nodes, kept coming between while a state was taken over".to_owned();
        Err(Error::Unavailable { retry_after: RETRY_AFTER, cause })
    }

    /// One attempt; `None` when somebody came between.
    async fn try_load(&self, seat: &Seat, known: Option<&StreamState>) -> Result<Option<StreamState>, Error> {
        let load = self.ports.coordinator().load(seat.ispb);
        let held = COORDINATOR_LOAD.run(COORDINATOR_DEADLINE, load).await?;
        let Held::Current(state) = &held else {
            return self.take_over(seat, known, None, held).await;
        };
        // A node that knows nothing yet sees by the checkpoint that the Coordinator went back, and by the extent what
        // was announced before its seat was there. It can do without both: the next announcement or sweep brings it.
        let (checkpoint, extent) = match known {
            Some(_) => (None, None),
            None => self.glance(seat).await?,
        };
        let newest = known.or(checkpoint.as_ref().map(|checkpoint| &checkpoint.state));
        if newest.is_some_and(|newest| newest.version() > state.version()) {
            return self.take_over(seat, known, extent, held).await;
        }
        if let Some(extent) = extent {
            seat.raise_head(extent.next);
        }
        seat.note_compared();
        seat.learn((**state).clone(), None);
        Ok(Some((**state).clone()))
    }

    /// What the Journal has of a participant that this node sees for the first time. It must say, where another region
    /// may have served the participant meanwhile, or else a history that is over might go on.
    async fn glance(&self, seat: &Seat) -> Result<(Option<Checkpoint>, Option<Extent>), Error> {
        let must_say = self.settings.region != 0 || seat.was_away();
        let span = if self.is_shared && !must_say { GLANCE } else { READ_DEADLINE };
        let both = async { tokio::join!(self.checkpoint_of(seat.ispb), self.extent_now(seat.ispb)) };
        let (checkpoint, extent) = timeout(span, both).await.unwrap_or_else(|_| {
            let late = || StoreError::Unavailable(format!("no first look within {span:?}"));
            (Err(late()), Err(late()))
        });
        if must_say {
            return Ok((checkpoint?, extent.ok()));
        }
        Ok((checkpoint.ok().flatten(), extent.ok()))
    }

    async fn checkpoint_of(&self, ispb: Ispb) -> Result<Option<Checkpoint>, StoreError> {
        let load = self.ports.journal().load_checkpoint(ispb);
        JOURNAL_LOAD_CHECKPOINT.run(READ_DEADLINE, load).await
    }

    async fn extent_now(&self, ispb: Ispb) -> Result<Extent, StoreError> {
        JOURNAL_EXTENT.run(READ_DEADLINE, self.ports.journal().extent(ispb)).await
    }

    /// Begins a new history with the newest that is left. `None` when somebody else did so at the same time and what
    /// they made is not what this node may go on with.
    async fn take_over(
        &self,
        seat: &Seat,
        known: Option<&StreamState>,
        extent: Option<Extent>,
        held: Held,
    ) -> Result<Option<StreamState>, Error> {
        let extent = match extent {
            Some(extent) => extent,
            None => self.extent_now(seat.ispb).await?,
        };
        let newest = [known, held.state()].into_iter().flatten().max_by_key(|state| state.version());
        let (state, from) = self.recover_state(seat.ispb, extent.first, newest.cloned()).await?;
        let swap = self.ports.coordinator().swap(seat.ispb, held.expected(), &state);
        seat.raise_head(extent.next);
        match COORDINATOR_SWAP.run(COORDINATOR_DEADLINE, swap).await?.swap {
            Swap::Done => {}
            // Who won may itself have known less than this node: then it went back, too.
            Swap::Lost(Held::Current(other))
                if known.is_none_or(|known| known.version() <= other.version()) =>
            {
                seat.learn((*other).clone(), None);
                return Ok(Some(*other));
            }
            Swap::Lost(Held::Current(_) | Held::Nothing | Held::Old(_)) => return Ok(None),
        }
        self.save_first(seat.ispb, &state).await;
        seat.note_compared();
        seat.learn(state.clone(), Some(state.version()));
        if let Some(checkpoint) = from {
            self.note_recovery(seat.ispb, &checkpoint, &state).await;
        }
        Ok(Some(state))
    }

    /// A state in a new incarnation, and what it comes from: the newest checkpoint, or what this node knows.
    async fn recover_state(
        &self,
        ispb: Ispb,
        first: Sequence,
        known: Option<StreamState>,
    ) -> Result<(StreamState, Option<Checkpoint>), Error> {
        let checkpoint = self.checkpoint_of(ispb).await?;
        let known = known.map(|state| Checkpoint { state, is_last: false });
        let newest = [checkpoint, known].into_iter().flatten().max_by_key(|c| (c.state.version(), c.is_last));
        let incarnation = self.raise_incarnation(ispb, newest.as_ref()).await?;
        let now = self.ports.clock().now();
        let state = match &newest {
            None => StreamState::new(incarnation, first),
            Some(Checkpoint { state, is_last }) => {
                let settle = if *is_last { Duration::ZERO } else { self.settings.settle };
                state.clone().recover(incarnation, &self.settings.rules, now, settle)
            }
        };
        Ok((state, newest))
    }

    /// A history above every one before it, also where the Journal's own count was lost with a data centre.
    async fn raise_incarnation(&self, ispb: Ispb, newest: Option<&Checkpoint>) -> Result<Incarnation, Error> {
        let above = newest.map(|checkpoint| checkpoint.state.version().incarnation);
        for _attempt in 0..ATTEMPTS {
            let raise = self.ports.journal().raise_incarnation(ispb);
            let raised = JOURNAL_RAISE_INCARNATION.run(READ_DEADLINE, raise).await?;
            if above.is_none_or(|above| raised > above) {
                return Ok(raised);
            }
        }
        let cause = "the journal counts histories below the newest one that is known".to_owned();
        Err(Error::Unavailable { retry_after: RETRY_AFTER, cause })
    }

    /// Puts a new history on record before anything happens in it. Only once it is agreed on: a checkpoint of an
    /// incarnation that lost the race would outrank those of the one that won.
    async fn save_first(&self, ispb: Ispb, state: &StreamState) {
        let checkpoint = Checkpoint { state: state.clone(), is_last: false };
        let save = self.ports.journal().save_checkpoints(vec![(ispb, checkpoint)]);
        if let Err(error) = JOURNAL_SAVE_CHECKPOINTS.run(READ_DEADLINE, save).await {
            // Without it a next crash recovers from where this one did; a full disk must not stop reads.
            tracing::warn!(%error, %ispb, "the first checkpoint of a new history could not be saved");
        }
    }

    async fn note_recovery(&self, ispb: Ispb, from: &Checkpoint, to: &StreamState) {
        metrics::counter!(RECOVERIES).increment(1);
        let detail = format!(
            "version {:?} to {:?}, watermark {}, frontier {}, {}",
            from.state.version(),
            to.version(),
            to.watermark(),
            to.frontier(),
            if from.is_last { "after a clean end" } else { "after a crash" },
        );
        tracing::info!(%ispb, detail, "took a stream state over from its checkpoint");
        let event = Event::System { command: "stream.recover".into(), detail: detail.into() };
        self.audit.record(self.record(Some(ispb), "", event)).await;
    }
}
