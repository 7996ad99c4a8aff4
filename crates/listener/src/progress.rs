//! Where a connection stands between requests, and by when it must move on.
//!
//! hyper has one timer for an incomplete head and for an idle connection. Long-polling clients need the second to
//! be longer than the first, so both are measured here: the wire reports bytes, the service reports requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Between requests.
const IDLE: u64 = 0;
/// Some bytes of a head are there, or the very first are awaited.
const HEAD: u64 = 1;
const PHASES: u64 = 2;
/// The last three bytes of a blank line, which ends a head. Bare line feeds end one too.
const BLANK_LINE: u32 = u32::from_be_bytes([0, b'\n', b'\r', b'\n']);
const BARE_BLANK_LINE: u32 = u32::from_be_bytes([0, 0, b'\n', b'\n']);

/// Which limit a connection ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// A head was not complete in time.
    Head,
    /// Nothing was asked, or nothing of an answer was taken, for too long.
    Idle,
}

/// Progress of one connection, shared by its wire, its service and its watchdog.
#[derive(Debug)]
pub(super) struct Progress {
    born: Instant,
    /// Requests that a service works on.
    in_flight: AtomicUsize,
    /// `milliseconds since birth * PHASES + phase`: since when it is in which phase.
    since: AtomicU64,
    /// The last three bytes read.
    tail: AtomicU32,
    /// Whether read bytes belong to heads: on HTTP/2 they may be anything.
    reads_are_heads: bool,
}

/// A request in a service's hands. Dropped when it is answered or the client is gone.
pub(super) struct InFlight {
    progress: Arc<Progress>,
    ends_in_blank_line: bool,
}

impl Progress {
    pub(super) fn new(reads_are_heads: bool) -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            in_flight: AtomicUsize::new(0),
            since: AtomicU64::new(HEAD),
            tail: AtomicU32::new(BLANK_LINE),
            reads_are_heads,
        })
    }

    /// Bytes came.
    pub(super) fn read(&self, bytes: &[u8]) {
        let last = bytes[bytes.len().saturating_sub(3)..].iter();
        let tail = last.fold(self.tail.load(Ordering::Relaxed), |tail, byte| tail << 8 | u32::from(*byte));
        self.tail.store(tail, Ordering::Relaxed);
        if self.is_between_requests() && self.phase() == IDLE {
            self.enter(HEAD);
        }
    }

    /// Bytes went.
    pub(super) fn wrote(&self) {
        if self.reads_are_heads && self.phase() == IDLE {
            self.enter(IDLE);
        }
    }

    /// Whether this is HTTP/1 and no service works on a request: what is read or refused now is a head.
    pub(super) fn is_between_requests(&self) -> bool {
        self.reads_are_heads && self.in_flight.load(Ordering::Relaxed) == 0
    }

    /// A head is complete and a service has it. `ends_in_blank_line` is whether the whole request does: one
    /// without a body or in chunks, but not one of a given length.
    pub(super) fn request(self: &Arc<Self>, ends_in_blank_line: bool) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { progress: Arc::clone(self), ends_in_blank_line }
    }

    /// Resolves when a limit is passed.
    pub(super) async fn overdue(&self, head: Duration, idle: Duration) -> Overdue {
        // Whatever begins from now on has at least this long, so nobody has to wake the watchdog.
        let round = head.min(idle);
        loop {
            let now = Instant::now();
            let deadline = self.deadline(head, idle);
            if let Some((overdue, deadline)) = deadline
                && deadline <= now
            {
                return overdue;
            }
            let soonest = now + round;
            sleep_until(deadline.map_or(soonest, |(_, deadline)| deadline.min(soonest))).await;
        }
    }

    fn deadline(&self, head: Duration, idle: Duration) -> Option<(Overdue, Instant)> {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let since = self.since.load(Ordering::Relaxed);
        let begun = self.born + Duration::from_millis(since / PHASES);
        Some(if since % PHASES == HEAD {
            (Overdue::Head, begun + head)
        } else {
            (Overdue::Idle, begun + idle)
        })
    }

    /// Whether the last bytes read end a head, or a body in chunks.
    fn is_at_blank_line(&self) -> bool {
        let tail = self.tail.load(Ordering::Relaxed);
        tail & 0xff_ffff == BLANK_LINE || tail & 0xffff == BARE_BLANK_LINE
    }

    fn phase(&self) -> u64 {
        self.since.load(Ordering::Relaxed) % PHASES
    }

    fn enter(&self, phase: u64) {
        let age = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX / PHASES);
        self.since.store(age * PHASES + phase, Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let progress = &self.progress;
        // hyper reads what there is: a piece of the next head may have come with this request, and no read will
        // tell.
        let is_in_head = progress.reads_are_heads && self.ends_in_blank_line && !progress.is_at_blank_line();
        progress.enter(if is_in_head { HEAD } else { IDLE });
        progress.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, timeout};

    const HEAD_LIMIT: Duration = Duration::from_secs(30);
    const IDLE_LIMIT: Duration = Duration::from_secs(75);

    async fn ends_after(progress: &Progress) -> (Overdue, Duration) {
        let before = Instant::now();
        let overdue = progress.overdue(HEAD_LIMIT, IDLE_LIMIT).await;
        (overdue, before.elapsed())
    }

    fn seconds((overdue, elapsed): (Overdue, Duration)) -> (Overdue, u64) {
        (overdue, elapsed.as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_the_time_of_a_head() {
        let progress = Progress::new(true);
        assert_eq!(seconds(ends_after(&progress).await), (Overdue::Head, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_more_time() {
        let progress = Progress::new(true);
        drop(progress.request(true));
        assert_eq!(seconds(ends_after(&progress).await), (Overdue::Idle, 75));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_has_no_more_time_than_another() {
        let progress = Progress::new(true);
        drop(progress.request(true));
        advance(Duration::from_secs(10)).await;
        progress.read(b"G");
        let watched = ends_after(&progress);
        tokio::pin!(watched);
        for _ in 0..20 {
            assert!(timeout(Duration::from_secs(1), &mut watched).await.is_err());
            progress.read(b"G");
        }
        assert_eq!(seconds(watched.await), (Overdue::Head, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_service_has_no_limit_here() {
        let progress = Progress::new(true);
        let request = progress.request(true);
        let watched = ends_after(&progress);
        tokio::pin!(watched);
        assert!(timeout(Duration::from_secs(1_000), &mut watched).await.is_err());
        drop(request);
        assert_eq!(seconds(watched.await), (Overdue::Idle, 1_075));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_taken_slowly_keeps_the_connection() {
        let progress = Progress::new(true);
        drop(progress.request(true));
        let watched = ends_after(&progress);
        tokio::pin!(watched);
        assert!(timeout(Duration::from_secs(70), &mut watched).await.is_err());
        progress.wrote();
        assert_eq!(seconds(watched.await), (Overdue::Idle, 145));
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_keep_an_http2_connection() {
        let progress = Progress::new(false);
        drop(progress.request(true));
        let watched = ends_after(&progress);
        tokio::pin!(watched);
        assert!(timeout(Duration::from_secs(70), &mut watched).await.is_err());
        progress.read(b"G");
        progress.wrote();
        assert_eq!(seconds(watched.await), (Overdue::Idle, 75));
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_of_the_next_head_that_came_with_a_request_has_the_time_of_a_head() {
        let progress = Progress::new(true);
        progress.read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT");
        drop(progress.request(true));
        assert_eq!(seconds(ends_after(&progress).await), (Overdue::Head, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn after_whole_requests_a_connection_is_idle() {
        for reads in [["GET / HTTP/1.1\r\nHost: a\r\n\r", "\n"], ["GET / HTTP/1.1\nHost: a\n", "\n"]] {
            let progress = Progress::new(true);
            reads.iter().for_each(|bytes| progress.read(bytes.as_bytes()));
            drop(progress.request(true));
            assert_eq!(seconds(ends_after(&progress).await), (Overdue::Idle, 75), "{reads:?}");
        }
        let progress = Progress::new(true);
        progress.read(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        drop(progress.request(false));
        assert_eq!(seconds(ends_after(&progress).await), (Overdue::Idle, 75));
    }
}
