//! The one of a node that takes entries: keeps the hold of the queue, and hands its entries to their lanes.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use pix_stream_app::Ports;
use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::intake::{Intake, Taken};
use tokio::time::{sleep, timeout};

use crate::Settings;
use crate::bring::{Bringer, DEADLINE};
use crate::hold::Hold;
use crate::metrics::TAKEN;

/// How long is waited for entries before it is looked whether the app drains.
const WAIT: Duration = Duration::from_secs(1);
/// The pause while as much is in hand as there may be.
const PAUSE_FULL: Duration = Duration::from_millis(20);
/// The pause after a failure of the queue.
const PAUSE_DOWN: Duration = Duration::from_millis(500);
/// After this long with nothing but failures of this node's stores nothing more is taken; also the pause until it is
/// looked again.
const PAUSE_AWAY: Duration = Duration::from_millis(200);
/// After this long another node gets its chance with the queue.
const AWAY_MAX: Duration = Duration::from_secs(3);
/// How long that chance is: more than the others wait between two tries.
const STEP_BACK: Duration = Duration::from_millis(500);

/// Takes entries until the app drains.
pub(crate) struct Reader<P: Ports, I> {
    bringer: Bringer<P, I>,
    intake: Arc<I>,
    settings: Settings,
    hold: Option<Hold<P, I>>,
    is_down: bool,
    is_stuck: bool,
}

impl<P: Ports, I: Intake> Reader<P, I> {
    pub(crate) fn new(bringer: Bringer<P, I>, intake: Arc<I>, settings: Settings) -> Self {
        Self { bringer, intake, settings, hold: None, is_down: false, is_stuck: false }
    }

    /// Works until the app drains; then what is under way is finished, and another node may hold the queue.
    pub(crate) async fn run(mut self) {
        while !self.bringer.app().is_draining() {
            self.turn().await;
        }
        self.let_go().await;
    }

    async fn turn(&mut self) {
        let is_away = self.is_store_away().await;
        let is_hopeless = is_away && self.hold.as_ref().is_some_and(|hold| hold.is_away_for(AWAY_MAX));
        if is_hopeless || self.hold.as_mut().is_some_and(Hold::is_broken) {
            self.let_go().await;
            return sleep(STEP_BACK).await;
        }
        self.note_stuck();
        let pause = match self.hold.as_ref().is_some_and(Hold::is_full) {
            _ if is_away => PAUSE_AWAY,
            true => PAUSE_FULL,
            false => Duration::ZERO,
        };
        match self.take(if pause.is_zero() { self.settings.batch.max(1) } else { 0 }).await {
            Ok(Taken { hold, entries }) => {
                if std::mem::take(&mut self.is_down) {
                    tracing::info!("the intake's queue is back");
                }
                self.begin(hold).await;
                counter!(TAKEN).increment(entries.len() as u64);
                if let Some(hold) = &mut self.hold {
                    hold.push(entries);
                }
                if !pause.is_zero() {
                    sleep(pause).await;
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_down, true) {
                    tracing::warn!(%error, "the intake's queue is out of reach; entries wait there");
                }
                sleep(PAUSE_DOWN).await;
            }
        }
    }

    /// What was in hand belongs to a hold that is over; what is under way of it comes to an end.
    async fn begin(&mut self, number: Option<u64>) {
        if self.hold.as_ref().map(|hold| hold.number) == number {
            return;
        }
        if let Some(before) = self.hold.take() {
            before.finish().await;
        }
        self.hold = number.map(|number| Hold::new(number, self.bringer.clone(), self.settings));
        match number {
            Some(_) => tracing::info!("this node takes the intake's entries"),
            None => tracing::info!("another node takes the intake's entries"),
        }
    }

    async fn let_go(&mut self) {
        let Some(hold) = self.hold.take() else { return };
        hold.finish().await;
        // It ends by itself, a little later.
        let _released = timeout(DEADLINE, self.intake.release()).await;
    }

    fn note_stuck(&mut self) {
        let is_stuck = self.hold.as_ref().is_some_and(Hold::is_stuck);
        if !std::mem::replace(&mut self.is_stuck, is_stuck) && is_stuck {
            tracing::warn!(
                "nothing more is taken in: too many entries are of participants that cannot be given more, or that \
                 another region serves"
            );
        }
    }

    /// Whether this node cannot do anything: a store is out of its reach, not one participant.
    async fn is_store_away(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.is_away_for(PAUSE_AWAY))
            && self.bringer.app().health().await.iter().any(|dependency| dependency.fault.is_some())
    }

    async fn take(&self, limit: u32) -> Result<Taken, StoreError> {
        let late = || StoreError::Unavailable(format!("no answer within {:?}", WAIT + DEADLINE));
        timeout(WAIT + DEADLINE, self.intake.take(limit, WAIT)).await.unwrap_or_else(|_| Err(late()))
    }
}
