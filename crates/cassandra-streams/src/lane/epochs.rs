//! What a lane makes sure of where its stream was another's before: that this data centre has what the region before
//! stored, and that what is written here will win over it.

use std::time::Duration;

use pix_stream_ports::error::Error;
use tokio::time::sleep;

use super::Lane;
use crate::metrics as names;
use crate::streams::Position;

/// By how much this node's clock must be past the time of what another region stored: the clocks of the nodes that
/// store what comes next may be behind it.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);
/// That much is waited for; for more, publishing is refused.
const CLOCK_WAIT_MAX: Duration = Duration::from_millis(1_500);

impl Lane {
    /// Whether a batch may go to a position under this epoch: the head there was moved under it already, or what
    /// others stored before was looked for everywhere.
    pub(super) fn may_follow(&self, at: &Position, epoch: u32) -> bool {
        if epoch == 0 || !self.shop.streams.spans_regions() {
            return true;
        }
        match at.held {
            Some((_, held)) => held >= epoch || self.followed == Some((epoch, *at)),
            // What is opened behind what was looked at.
            None => self.followed.is_some_and(|(of, _)| of == epoch),
        }
    }

    /// Where to go on from a position that was read here, whoever stored before.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while nothing may be appended there.
    pub(super) async fn follow(&mut self, here: Position) -> Result<Position, Error> {
        let ispb = self.desk.ispb;
        let Some(epoch) = (self.shop.epochs)(ispb).filter(|epoch| !self.may_follow(&here, *epoch)) else {
            return Ok(here);
        };
        let looked = self.shop.streams.position_anywhere(ispb).await;
        let found = looked.inspect_err(|_| refused("reach"))?;
        self.wait_for_clock(&found).await.inspect_err(|_| refused("clock"))?;
        self.followed = Some((epoch, found));
        Ok(found)
    }

    /// Cassandra's order of writes is that of their times. What is stored behind a head that was moved at a later time
    /// than now would be acknowledged and out of sight.
    async fn wait_for_clock(&self, at: &Position) -> Result<(), Error> {
        let (streams, ispb) = (&self.shop.streams, self.desk.ispb);
        let open = if at.held.is_some() { Some(at.bucket) } else { at.bucket.checked_sub(1) };
        let Some(bucket) = open else { return Ok(()) };
        let Some(moved) = streams.head_moved_at(ispb, bucket).await? else { return Ok(()) };
        let slack = i64::try_from(CLOCKS_DIFFER.as_micros()).unwrap_or(i64::MAX);
        let ahead = moved.saturating_add(slack).saturating_sub(streams.now_micros());
        let ahead = Duration::from_micros(u64::try_from(ahead).unwrap_or_default());
        if ahead <= CLOCK_WAIT_MAX {
            sleep(ahead).await;
            return Ok(());
        }
        if streams.may_complain() {
            tracing::error!(
                %ispb,
                seconds = ahead.as_secs(),
                "publishing is refused: another region stored at a time that has not come yet; set the clocks of all \
                 Cassandra nodes, or wait"
            );
        }
        let why = format!("cassandra: another region's clock was {} s ahead", ahead.as_secs());
        Err(Error::Unavailable(why))
    }
}

fn refused(reason: &'static str) {
    metrics::counter!(names::REGION_REFUSALS_TOTAL, "reason" => reason).increment(1);
}
