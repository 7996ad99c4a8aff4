//! News between nodes: what this one tells the others behind its requests, and what it does about theirs.
//!
//! All of it may be lost: a head is found by the sweeper within a second, a change by the swap that it makes fail.
//! Nothing here runs when no other node shares the Coordinator.

use std::sync::{Arc, Weak};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Limits;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::version::Version;
use pix_stream_hot::{Message, Parcel};
use pix_stream_ports::Ports;
use pix_stream_ports::coordinator::{Coordinator as _, Listener, News};

use crate::core::Core;
use crate::metrics::CHUNKS_ANNOUNCED;
use crate::seat::Seat;
use pix_stream_calls::store::{COORDINATOR_ANNOUNCE, COORDINATOR_DEADLINE};

/// Room for one chunk of usual size: with less, nothing is fetched ahead.
const PREFETCH_ROOM: u64 = 256 * 1024;
/// Changes of the registry that follow each other are looked at together.
const REGISTRY_PAUSE: Duration = Duration::from_millis(100);

impl<P: Ports> Core<P> {
    /// Leaves fresh messages to be announced.
    pub(crate) fn tell_fresh(self: &Arc<Self>, seat: &Arc<Seat>, fresh: &[Arc<Message>], head: Sequence) {
        if self.is_shared && seat.outbox().put_fresh(fresh, head) {
            self.begin_telling(seat);
        }
    }

    /// Leaves word that other nodes' waiting reads should look at a state.
    pub(crate) fn tell_change(self: &Arc<Self>, seat: &Arc<Seat>, version: Version) {
        if self.is_shared && seat.outbox().put_change(version) {
            self.begin_telling(seat);
        }
    }

    fn begin_telling(self: &Arc<Self>, seat: &Arc<Seat>) {
        tokio::spawn(Arc::clone(self).tell(Arc::clone(seat)));
    }

    /// Tells what waits at a seat until nothing does; one task a seat.
    async fn tell(self: Arc<Self>, seat: Arc<Seat>) {
        // Requests of one commit end together: what they bring goes out together.
        tokio::task::yield_now().await;
        loop {
            let Some(parcel) = seat.outbox().take() else { return };
            let ispb = seat.ispb;
            let news = match parcel {
                Parcel::Change(version) => News::Change { ispb, version },
                Parcel::Head(head) => News::Head { ispb, head, chunk: None },
                Parcel::Fresh(run) => {
                    let head = run.last().map_or(Sequence::FIRST, |last| last.sequence.plus(1));
                    News::Head { ispb, head, chunk: pix_stream_hot::pack_behind(run, &self.ports).await }
                }
            };
            if !self.announce(news).await {
                seat.outbox().clear();
            }
        }
    }

    async fn announce(&self, news: News) -> bool {
        let has_chunk = matches!(news, News::Head { chunk: Some(_), .. });
        let announce = self.ports.coordinator().announce(news);
        match COORDINATOR_ANNOUNCE.run(COORDINATOR_DEADLINE, announce).await {
            Ok(()) => {
                metrics::counter!(CHUNKS_ANNOUNCED).increment(u64::from(has_chunk));
                true
            }
            Err(error) => {
                tracing::debug!(%error, "news were not announced; other nodes find out by themselves");
                false
            }
        }
    }

    fn hear_chunk(self: &Arc<Self>, ispb: Ispb, range: Range) {
        let seat = self.seat(ispb);
        seat.index().add(range);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return seat.raise_head(range.end());
        };
        let is_hot = seat.find_hot(range).is_some();
        if is_hot || !seat.is_read_here() || !seat.hot().has_room(PREFETCH_ROOM) {
            return seat.raise_head(range.end());
        }
        match seat.index().want(range) {
            Some(true) => drop(runtime.spawn(Arc::clone(self).fetch_ahead(Arc::clone(&seat)))),
            Some(false) => {}
            None => seat.raise_head(range.end()),
        }
    }

    /// Fetches what is wanted at a seat until nothing is, and only then wakes readers; one task a seat.
    async fn fetch_ahead(self: Arc<Self>, seat: Arc<Seat>) {
        loop {
            let Some(range) = seat.index().next_wanted() else { return };
            if seat.with_state(|state, _| range.end() <= state.watermark().plus(1)) == Some(true) {
                // Read elsewhere and confirmed already.
                seat.raise_head(range.end());
                continue;
            }
            match self.fetch_chunk(&seat, range).await {
                Ok(messages) => {
                    self.keep_fetched(&seat, messages.unwrap_or_default());
                    seat.raise_head(range.end());
                }
                Err(_) => {
                    // It will not be better for the others; readers shall not wait for it.
                    let forgone = seat.index().forgo();
                    seat.raise_head(forgone.map_or(range.end(), |end| end.max(range.end())));
                }
            }
        }
    }

    fn keep_fetched(&self, seat: &Seat, messages: Vec<Arc<Message>>) {
        for message in messages {
            let is_kept = {
                let mut hot = seat.hot();
                hot.find(message.sequence).is_some() || hot.offer(&message)
            };
            if !is_kept {
                return;
            }
            self.deflate_kept(seat, message);
        }
    }
}

/// Hears news for the seats of this node.
pub(crate) struct Ear<P: Ports>(Weak<Core<P>>);

impl<P: Ports> Ear<P> {
    pub(crate) fn new(core: &Arc<Core<P>>) -> Self {
        Self(Arc::downgrade(core))
    }

    fn core_of(&self, ispb: Ispb) -> Option<Arc<Core<P>>> {
        self.0.upgrade().filter(|core| core.find_participant(ispb).is_some())
    }
}

impl<P: Ports> Listener for Ear<P> {
    fn on_head(&self, ispb: Ispb, head: Sequence) {
        if let Some(core) = self.core_of(ispb) {
            core.seat(ispb).raise_head(head);
        }
    }

    fn on_chunk(&self, ispb: Ispb, range: Range) {
        if let Some(core) = self.core_of(ispb) {
            core.hear_chunk(ispb, range);
        }
    }

    fn on_change(&self, ispb: Ispb, version: Version) {
        if let Some(seat) = self.0.upgrade().and_then(|core| core.find_seat(ispb)) {
            seat.hear(version);
        }
    }

    fn on_limits(&self, ispb: Ispb, limits: Limits, revision: u64) {
        if let Some(core) = self.0.upgrade() {
            core.registry.learn_limits(ispb, limits, revision);
        }
    }

    fn on_registry(&self) {
        if let Some(core) = self.0.upgrade() {
            core.registry_changed.notify_one();
        }
    }
}

/// Follows the registry when another node changed it, until the core is gone.
pub(crate) async fn follow_registry<P: Ports>(core: Weak<Core<P>>) {
    loop {
        let Some(changed) = core.upgrade().map(|core| Arc::clone(&core.registry_changed)) else { return };
        // Now and then to see whether the core is still there.
        let has_changed = tokio::time::timeout(Duration::from_secs(60), changed.notified()).await.is_ok();
        let Some(core) = core.upgrade() else { return };
        if has_changed {
            core.registry.follow().await;
        }
        drop(core);
        tokio::time::sleep(REGISTRY_PAUSE).await;
    }
}
