//! Legal holds: the record, by which nodes that know it store what is published from then on without expiry, and remove
//! nothing. What is stored already is `keep`'s.

use std::sync::Arc;

use pix_stream_calls::store::{JOURNAL_FIND_SINCE, READ_DEADLINE};
use pix_stream_calls::{AdminRefusal, Error};
use pix_stream_domain::holds::{HOLD_SLACK, Holds};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::Range;
use pix_stream_domain::time::TimeRange;
use pix_stream_ports::Ports;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::Journal as _;

use crate::{Actor, Recorded, Registry};

impl<P: Ports> Registry<P> {
    /// Puts a participant's messages under legal hold, or ends that: all of them, or those that were or will be published
    /// in a range of time. Ending all ends every range, too. The same again changes nothing. When it returns, the change
    /// survives a crash, and this node goes by it; the others follow within seconds, and what is stored already is kept
    /// from expiring by rounds ([`Registry::keep_round`]).
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
        self.change(ispb, change, (command, dry_run, actor)).await
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
