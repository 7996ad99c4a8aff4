//! Which of the waiting requests go into the next batch.

use std::time::Duration;

use pix_stream_ports::error::Error;
use pix_stream_ports::journal::AppendError;
use tokio::time::Instant;

use super::{Append, Lane, Refresh, Work};

/// The most messages of one batch, but for a single request that has more: beyond that, the first of them only wait
/// longer.
const GROUP_MESSAGES: usize = 64;
/// The most XML of one batch, but for a single request that has more. The store takes 2 MiB at least.
const GROUP_BYTES: usize = 1024 * 1024;

/// How much a group holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Load {
    messages: usize,
    bytes: usize,
}

impl Load {
    /// With one request more; `None` when it must wait for the next group.
    fn with(self, messages: usize, bytes: usize) -> Option<Self> {
        let next = Self { messages: self.messages + messages, bytes: self.bytes + bytes };
        let fits = next.messages <= GROUP_MESSAGES && next.bytes <= GROUP_BYTES;
        (fits || self == Self::default()).then_some(next)
    }
}

impl Lane {
    /// Takes with the first work whatever waits behind it, up to the limits of a batch.
    pub(super) fn gather(&mut self, first: Work) -> (Vec<Append>, Vec<Refresh>) {
        let (mut group, mut refreshes, mut load) = (Vec::new(), Vec::new(), Load::default());
        let mut next = Some(first);
        while let Some(work) = next {
            match work {
                Work::Refresh(refresh) => refreshes.push(refresh),
                Work::Append(append) => {
                    if let Some(append) = still_wanted(append, self.shop.reserve) {
                        let Some(more) = load.with(append.messages.len(), append.bytes()) else {
                            self.carried = Some(append);
                            break;
                        };
                        load = more;
                        group.push(append);
                    }
                }
            }
            next = self.queue.try_recv().ok();
        }
        (group, refreshes)
    }
}

/// A request that somebody still waits for and that can still be answered in time.
fn still_wanted(append: Append, reserve: Duration) -> Option<Append> {
    if append.reply.is_closed() {
        return None;
    }
    if Instant::now() + reserve >= append.deadline {
        let late = Error::Unavailable("cassandra: nothing was stored: it waited too long".to_owned());
        append.answer(Err(AppendError::Store(late)));
        return None;
    }
    Some(append)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_ends_at_its_limits() {
        let load = Load { messages: 60, bytes: 1000 };
        assert_eq!(load.with(4, 10), Some(Load { messages: 64, bytes: 1010 }));
        assert_eq!(load.with(5, 10), None);
        assert_eq!(load.with(1, GROUP_BYTES), None);
    }

    #[test]
    fn a_large_request_goes_alone() {
        let large = Load::default().with(300, 10 * 256 * 1024);
        assert_eq!(large, Some(Load { messages: 300, bytes: 10 * 256 * 1024 }));
        assert_eq!(large.unwrap().with(1, 1), None);
    }
}
