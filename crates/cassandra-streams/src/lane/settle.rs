//! What became of a batch whose answer never came. Half of the batches in flight when a node dies were carried out,
//! and one that was not may be carried out later. So: ask at SERIAL, and before concluding that it was not carried
//! out, make sure that it never will be, by a conditional write that takes its condition away.

use pix_stream_cql::Error as Failure;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::error::Error;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Lane, Own, PAUSE};
use crate::metrics as names;
use crate::rows::Statics;
use crate::streams::{Level, Outcome, Position};

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settled {
    /// It was carried out.
    Stored,
    /// It was not, and never will be.
    NotStored,
    /// Not found out in time; says why. It may be carried out later.
    Unsettled(String),
}

/// What the statics of its bucket tell of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Stored,
    NotStored,
    /// The head moved on: the rows tell.
    AskRows,
    /// Nothing happened yet: it may still be carried out.
    Fence,
}

/// Judges a batch of this writer, sent for a position, by what its bucket holds now.
fn judge(at: &Position, writer: [u8; 16], now: Option<&Statics>) -> Verdict {
    match (now, at.held) {
        (None, None) => Verdict::Fence,
        // What was open is open: somebody removed it by hand. Its batch needs what is gone.
        (None, Some(_)) => Verdict::NotStored,
        (Some(now), _) if now.writer == writer => Verdict::Stored,
        (Some(now), _) if now.next > at.next => Verdict::AskRows,
        (Some(now), Some((held, _))) if now.next == at.next && now.writer == held => Verdict::Fence,
        // Another fence took the condition away, or opened the bucket empty.
        (Some(_), _) => Verdict::NotStored,
    }
}

impl Lane {
    /// Finds out what became of a batch that was sent for a position.
    pub(super) async fn settle(&self, at: &Position, own: Own, deadline: Instant) -> Settled {
        let mut why = "no time was left".to_owned();
        let settled = match timeout_at(deadline, self.find_out(at, own, &mut why)).await {
            Ok(settled) => settled,
            Err(_) => Settled::Unsettled(why),
        };
        let (ispb, label) = (self.desk.ispb, settled.label());
        metrics::counter!(names::UNKNOWN_OUTCOMES_TOTAL, "settled" => label).increment(1);
        tracing::warn!(%ispb, settled = label, "the outcome of a batch was unknown");
        settled
    }

    async fn find_out(&self, at: &Position, own: Own, why: &mut String) -> Settled {
        let (streams, ispb) = (&self.shop.streams, self.desk.ispb);
        loop {
            let error = match streams.statics(ispb, at.bucket, Level::Serial).await {
                Ok(now) => match judge(at, own.0, now.as_ref()) {
                    Verdict::Stored => return Settled::Stored,
                    Verdict::NotStored => return Settled::NotStored,
                    Verdict::AskRows => match self.is_written_by(at, own.0).await {
                        Ok(true) => return Settled::Stored,
                        Ok(false) => return Settled::NotStored,
                        Err(error) => error.to_string(),
                    },
                    Verdict::Fence if (self.shop.epochs)(ispb) != Some(own.1) => {
                        return Settled::Unsettled("another region sequences it now".to_owned());
                    }
                    Verdict::Fence => match self.fence(at, own.1).await {
                        Ok(Outcome::Applied) => return Settled::NotStored,
                        // Something happened meanwhile: look again.
                        Ok(Outcome::Refused(_)) => continue,
                        Err(failure) => failure.to_string(),
                    },
                },
                Err(error) => error.to_string(),
            };
            *why = error;
            sleep(4 * PAUSE).await;
        }
    }

    async fn fence(&self, at: &Position, epoch: u32) -> Result<Outcome, Failure> {
        let (shop, ispb) = (&self.shop, self.desk.ispb);
        let fenced = shop.streams.fence(ispb, at, (shop.token(), epoch)).await;
        if fenced == Ok(Outcome::Applied) {
            metrics::counter!(names::FENCES_TOTAL).increment(1);
        }
        fenced
    }

    /// Whether the row at a position's head was written by this writer. It was read at SERIAL that there is one.
    async fn is_written_by(&self, at: &Position, writer: [u8; 16]) -> Result<bool, Error> {
        let place = Range::new(Sequence::new(at.next), Sequence::new(at.next + 1));
        let rows = self.shop.streams.keys(self.desk.ispb, place).await?;
        match rows.first() {
            Some(row) => Ok(row.writer_of == writer),
            None => Err(Error::Damaged(format!("message {} is below the head and missing", at.next))),
        }
    }
}

impl Settled {
    const fn label(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::NotStored => "not_stored",
            Self::Unsettled(_) => "unsettled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [u8; 16] = [1; 16];
    const BEFORE: [u8; 16] = [2; 16];
    const OTHER: [u8; 16] = [3; 16];

    fn open(next: u64, writer: [u8; 16]) -> Statics {
        Statics { first: 1, next, writer, epoch: 0 }
    }

    #[test]
    fn a_batch_in_an_open_bucket_is_judged_by_its_statics() {
        let at = Position { bucket: 0, next: 10, held: Some((BEFORE, 0)) };
        for (now, verdict) in [
            (open(15, OURS), Verdict::Stored),
            (open(10, BEFORE), Verdict::Fence),
            (open(10, OTHER), Verdict::NotStored),
            (open(12, OTHER), Verdict::AskRows),
            (open(900, BEFORE), Verdict::AskRows),
        ] {
            assert_eq!(judge(&at, OURS, Some(&now)), verdict, "{now:?}");
        }
    }

    #[test]
    fn a_batch_that_opens_a_bucket_is_judged_by_whether_it_is_open() {
        let at = Position { bucket: 1, next: 10_003, held: None };
        assert_eq!(judge(&at, OURS, None), Verdict::Fence);
        assert_eq!(judge(&at, OURS, Some(&open(10_005, OURS))), Verdict::Stored);
        assert_eq!(judge(&at, OURS, Some(&open(10_005, OTHER))), Verdict::AskRows);
        assert_eq!(judge(&at, OURS, Some(&open(10_003, OTHER))), Verdict::NotStored, "opened by a fence");
    }
}
