//! What is past a participant's retention, and removing of it what nobody holds.

use pix_stream_calls::Error;
use pix_stream_calls::store::{
    JOURNAL_FIND_SINCE, JOURNAL_REMOVE_BELOW, JOURNAL_REMOVE_BETWEEN, READ_DEADLINE,
};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::journal::Journal as _;

use crate::Registry;

/// Messages that one removal takes.
const REMOVE_MAX: u32 = 1_000;
/// Removals of a range in one round; the rest waits for the next.
const REMOVALS_MAX: usize = 100;

impl<P: Ports> Registry<P> {
    /// The first message of a participant that is not past its retention.
    ///
    /// # Errors
    /// The Journal cannot be read.
    pub async fn first_retained(&self, participant: &Participant) -> Result<Sequence, Error> {
        let before = self.ports.clock().now().before(self.retention_of(participant));
        let find = self.ports.journal().find_since(participant.ispb, before);
        Ok(JOURNAL_FIND_SINCE.run(READ_DEADLINE, find).await?)
    }

    /// Removes of an outlived range, which begins with the oldest message, what is not held by time; `between`: also what
    /// lies behind a held message. Returns how many.
    ///
    /// # Errors
    /// The Journal failed; what was removed is removed.
    pub async fn remove_outlived(
        &self,
        participant: &Participant,
        outlived: Range,
        between: bool,
    ) -> Result<u64, Error> {
        let mut removed = 0;
        for range in self.find_free(participant, outlived).await? {
            let is_oldest = range.start() == outlived.start();
            if is_oldest || between {
                removed += self.remove(participant.ispb, range, is_oldest).await?;
            }
        }
        Ok(removed)
    }

    /// The parts of an outlived range that nobody holds.
    async fn find_free(&self, participant: &Participant, outlived: Range) -> Result<Vec<Range>, Error> {
        let (mut free, mut from) = (Vec::new(), outlived.start());
        for held in participant.holds.iter() {
            let held = self.find_held(participant.ispb, held).await?;
            let held = Range::new(held.start().max(from), held.end().min(outlived.end()));
            if !held.is_empty() {
                free.push(Range::new(from, held.start()));
                from = held.end();
            }
        }
        free.push(Range::new(from, outlived.end()));
        free.retain(|range| !range.is_empty());
        Ok(free)
    }

    /// Removes messages of a range, as many as one round may. Returns how many.
    async fn remove(&self, ispb: Ispb, range: Range, is_oldest: bool) -> Result<u64, Error> {
        let journal = self.ports.journal();
        let mut removed = 0;
        for _round in 0..REMOVALS_MAX {
            let count = if is_oldest {
                let remove = journal.remove_below(ispb, range.end(), REMOVE_MAX);
                JOURNAL_REMOVE_BELOW.run(READ_DEADLINE, remove).await?
            } else {
                let remove = journal.remove_between(ispb, range, REMOVE_MAX);
                JOURNAL_REMOVE_BETWEEN.run(READ_DEADLINE, remove).await?
            };
            removed += u64::from(count);
            if count < REMOVE_MAX {
                break;
            }
        }
        Ok(removed)
    }
}
