//! Legal holds: first the record, so that what is published from here on is kept; then what is stored already; and once
//! more when every node knows, for what those who did not know yet appended on other terms.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pix_stream_calls::store::{JOURNAL_FIND_SINCE, JOURNAL_KEEP, READ_DEADLINE};
use pix_stream_calls::{AdminRefusal, Error};
use pix_stream_domain::holds::{HOLD_SLACK, Holds};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::TimeRange;
use pix_stream_ports::Ports;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::Journal as _;

use crate::{Actor, Recorded, Registry};

/// A hold rewrites what is stored: that takes as long as there is much. When the time is over, the same again goes on.
const KEEP_DEADLINE: Duration = Duration::from_secs(30);
/// After a hold began, how long other nodes may still append on the old terms: until they look at participants, and an
/// append takes its time.
const KEEP_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// Everything that a participant has.
const EVERYTHING: (Sequence, Sequence) = (Sequence::FIRST, Sequence::new(u64::MAX));

impl<P: Ports> Registry<P> {
    /// Puts a participant's messages under legal hold, or ends that: all of them, or those that were or will be published
    /// in a range of time. Ending all ends every range, too. The same again is carried out again, as far as it was not.
    ///
    /// # Errors
    /// `NotOnboarded`; `Refused` when that would be too many ranges, or when somebody else changed the participant at the
    /// same time; `Unavailable`.
    #[expect(clippy::too_many_arguments, reason = "of whom, what, on or off, whether for real, by whom")]
    pub async fn set_hold(
        self: &Arc<Self>,
        ispb: Ispb,
        range: Option<TimeRange>,
        held: bool,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<Recorded, Error> {
        let command = if held { "participant.hold" } else { "participant.unhold" };
        let change = |participant: &mut Participant| set(participant, range, held);
        let recorded = self.change(ispb, change, (command, dry_run, actor)).await?;
        if held && !dry_run {
            let kept = self.keep_of(ispb, range).await;
            if let Err(error) = kept {
                let told = format!("held, but what is stored is not kept yet: {error}");
                self.note(Some(ispb), command, Err(&told), actor).await;
                return Err(error.into());
            }
            self.keep_again_later(ispb);
        }
        Ok(recorded)
    }

    /// Where messages of a range of time lie, with what clocks that differ may have put beside them.
    ///
    /// # Errors
    /// The Journal cannot be read.
    pub async fn find_held(&self, ispb: Ispb, held: TimeRange) -> Result<Range, StoreError> {
        let held = held.widened(HOLD_SLACK);
        let journal = self.ports.journal();
        let start = JOURNAL_FIND_SINCE.run(READ_DEADLINE, journal.find_since(ispb, held.from())).await?;
        let end = JOURNAL_FIND_SINCE.run(READ_DEADLINE, journal.find_since(ispb, held.to())).await?;
        Ok(Range::new(start, end))
    }

    /// Keeps what is stored of a range of time, or everything.
    async fn keep_of(&self, ispb: Ispb, range: Option<TimeRange>) -> Result<(), StoreError> {
        let stored = match range {
            Some(range) => self.find_held(ispb, range).await?,
            None => Range::new(EVERYTHING.0, EVERYTHING.1),
        };
        self.keep(ispb, stored).await
    }

    pub(crate) async fn keep(&self, ispb: Ispb, range: Range) -> Result<(), StoreError> {
        JOURNAL_KEEP.run(KEEP_DEADLINE, self.ports.journal().keep(ispb, range)).await
    }

    /// Keeps once more what is to be kept, when every node knows of it.
    pub(crate) fn keep_again_later(self: &Arc<Self>, ispb: Ispb) {
        if self.is_shared {
            tokio::spawn(keep_again(Arc::downgrade(self), ispb));
        }
    }

    /// Keeps everything of a participant that must not expire by itself.
    async fn keep_all_of(&self, participant: &Participant) -> Result<(), StoreError> {
        let ispb = participant.ispb;
        if participant.held || participant.retention.is_some_and(|retention| retention > self.retention) {
            return self.keep_of(ispb, None).await;
        }
        for range in participant.holds.iter() {
            self.keep_of(ispb, Some(range)).await?;
        }
        Ok(())
    }
}

fn set(participant: &mut Participant, range: Option<TimeRange>, held: bool) -> Result<(), AdminRefusal> {
    let changed = match (range, held) {
        (Some(range), true) => participant.holds.add(range),
        (Some(range), false) => participant.holds.remove(range),
        (None, true) => Ok(!std::mem::replace(&mut participant.held, true)),
        (None, false) => {
            (participant.held, participant.holds) = (false, Holds::default());
            Ok(true)
        }
    };
    changed.map(|_| ()).map_err(|too_many| AdminRefusal::Value(too_many.to_string()))
}

async fn keep_again<P: Ports>(registry: Weak<Registry<P>>, ispb: Ispb) {
    loop {
        tokio::time::sleep(KEEP_AGAIN_AFTER).await;
        let Some(registry) = registry.upgrade() else { return };
        let Some(participant) = registry.find(ispb) else { return };
        if registry.keep_all_of(&participant).await.is_ok() {
            return;
        }
    }
}
