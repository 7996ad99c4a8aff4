//! Replay sessions: the operator opens one, the participant reads it with its token. No stream is touched.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::audit::Event;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::replay::ReplaySession;
use pix_stream_domain::sequence::Range;
use pix_stream_domain::stream::Cursor;
use pix_stream_domain::token::Signed;
use pix_stream_ports::Ports;
use pix_stream_ports::clock::Clock as _;
use tokio::time::{Instant, timeout_at};

use crate::api::{Answer, Read, ReplayOpened};
use crate::core::Core;
use pix_stream_calls::store::Deadline;
use pix_stream_calls::{Error, Kind};
use pix_stream_registry::{Actor, ReplayRange};
use pix_stream_replay::Reader;

/// The slot of a session's answers: it takes none (`PI-Thread-Slot: 0/6`).
const NO_SLOT: u8 = 0;

impl<P: Ports> Core<P> {
    /// Opens a session. The token follows from the session, so that the same command again gives the same one.
    #[expect(clippy::too_many_arguments, reason = "of whom, what, for how long, whether for real, by whom")]
    pub(crate) async fn open_replay(
        self: &Arc<Self>,
        ispb: Ispb,
        range: ReplayRange,
        valid: Duration,
        dry_run: bool,
        actor: Actor<'_>,
    ) -> Result<ReplayOpened, Error> {
        self.refuse_elsewhere(ispb)?;
        let (recorded, session) = self.registry.open_session(ispb, range, valid, dry_run, actor).await?;
        let is_there = !dry_run || !recorded.changed;
        let token = is_there.then(|| self.sign_replay(ispb, &session.begin()));
        Ok(ReplayOpened { session, token, changed: recorded.changed })
    }

    /// Answers a pull of a session: the next batch of its range, or nothing once it is at its end. What is left may be
    /// waited for by clients that pull in a loop, so the end is told at the pace of a long poll.
    pub(crate) async fn pull_replay(
        self: &Arc<Self>,
        read: Read<'_>,
        (id, cursor): (u64, &Cursor),
        token: &str,
    ) -> Result<Answer, Error> {
        let deadline = Deadline::of_read(read.spent);
        self.refuse_elsewhere(read.ispb)?;
        self.pressure.admit(Kind::Pull, read.ispb, 1)?;
        self.audit.wait_for_room(deadline.left()).await?;
        let session = self.registry.find_session(read.ispb, id).await?;
        let rest = session.rest(cursor).ok_or(Error::InvalidCursor)?;
        let rules = &self.settings.rules;
        let reader = Reader { ports: &*self.ports, ispb: read.ispb, rules, deadline };
        let render = |stored| self.render(stored);
        let messages = reader.next_batch(rest, read.form, read.gzip, render).await?;
        let batch = match (messages.first(), messages.last()) {
            (Some(first), Some(last)) => Range::new(first.sequence, last.sequence.plus(1)),
            (None, _) | (_, None) => Range::EMPTY,
        };
        if batch.is_empty() {
            self.wait_at_end(&session, read.ispb).await;
        }
        let signed = self.sign_replay(read.ispb, &session.after(batch));
        let digest = |token: &str| Digest::of(token.as_bytes());
        let (redeemed, issued) = (digest(token), digest(signed.as_str()));
        let event = Event::ReplayRead { session: id, redeemed, issued, batch };
        self.audit.record(self.record(Some(read.ispb), read.request_id, event)).await;
        Ok(Answer { token: signed, slot: NO_SLOT, cap: rules.streams_max, form: read.form, messages })
    }

    fn sign_replay(&self, ispb: Ispb, cursor: &Cursor) -> Signed {
        self.keyring().sign(ispb, self.settings.region, cursor)
    }

    /// As long as a read would wait for a message: until then, the end of the session, or a drain.
    async fn wait_at_end(&self, session: &ReplaySession, ispb: Ispb) {
        let seat = self.seat(ispb);
        let Some(_place) = self.find_waiting_place(&seat) else { return };
        let left = session.expires_at.since(self.ports.clock().now());
        let until = Instant::now() + self.settings.long_poll.min(left);
        while !self.is_draining() {
            let woken = seat.wake.notified();
            if self.is_draining() || timeout_at(until, woken).await.is_err() {
                return;
            }
        }
    }
}
