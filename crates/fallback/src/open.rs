//! Reading both sides, and beginning a history on one of them.

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::version::Version;
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Swap, Swapped};
use pix_stream_ports::error::Error;
use pix_stream_ports::serial_states::SerialStates;
use tokio::time::{Instant, timeout};

use crate::known::Row;
use crate::metrics::{SWAPS_TOTAL, SWITCHES_TOTAL};
use crate::view::{Climate, Kept, Side, View, incarnation};
use crate::{Core, VERIFY_MAX};

impl<C: Coordinator, S: SerialStates> Core<C, S> {
    /// Reads what both sides hold now.
    pub(crate) async fn view(&self, ispb: Ispb) -> Result<View, Error> {
        let (primary, kept) = tokio::join!(self.load_primary(ispb), self.read_row(ispb));
        let primary = primary?;
        let kept = match kept {
            Ok(kept) => kept,
            Err(error) => return self.view_without_row(ispb, primary, error),
        };
        let climate = self.climate();
        self.tidy_up(ispb, primary.as_ref(), kept.as_ref()).await;
        let view = View::weigh(primary, kept, climate);
        let goes_on = matches!(view.held, Held::Current(_));
        let is_serial = matches!(view.begins, Side::Serial { .. });
        if !goes_on && is_serial {
            self.ensure_claim().await?;
        }
        self.known.note_told(ispb, is_serial);
        Ok(view)
    }

    /// Marks a row that the primary went on from, where whoever sealed it could not.
    async fn tidy_up(&self, ispb: Ispb, primary: Option<&Held>, kept: Option<&Kept>) {
        let Some(kept) = kept.filter(|kept| !kept.serial.is_over) else { return };
        let version = kept.serial.state.version();
        if primary.and_then(incarnation) >= Some(version.incarnation) {
            self.mark_over(ispb, version).await;
        }
    }

    /// Tidies surveys up; nobody goes on with what it marks, marked or not. So nobody waits long for it either.
    async fn mark_over(&self, ispb: Ispb, version: Version) {
        let marked = timeout(VERIFY_MAX, self.serial.hand_over(ispb, version)).await;
        if !matches!(marked, Ok(Ok(_))) {
            tracing::debug!(%ispb, ?version, "a history that is over was not marked so");
        }
    }

    /// While the serial states do not answer: the primary's word, as long as nothing known speaks against it. To begin
    /// a history on it needs the row, and will fail.
    fn view_without_row(&self, ispb: Ispb, primary: Option<Held>, error: Error) -> Result<View, Error> {
        let Some(held @ Held::Current(_)) = primary else { return Err(error) };
        let outranked = self.known.find_stale(ispb).is_some_and(|row| {
            row.is_open || incarnation(&held).is_none_or(|incarnation| row.outranks(incarnation))
        });
        if outranked {
            return Err(error);
        }
        let begins = Side::Primary { expected: held.expected(), seal: None };
        Ok(View { held, begins })
    }

    /// What the primary holds; `None` when it is out of reach.
    async fn load_primary(&self, ispb: Ispb) -> Result<Option<Held>, Error> {
        match self.health.call(self.primary.load(ispb)).await {
            Ok(held) => Ok(Some(held)),
            Err(error) if error.is_passing() && self.health.turns_out_down().await => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_row(&self, ispb: Ispb) -> Result<Option<Kept>, Error> {
        let kept = if self.health.is_down() {
            self.serial.load(ispb).await
        } else {
            let late = |_| Err(Error::Unavailable("the serial states took too long".to_owned()));
            timeout(VERIFY_MAX, self.serial.load(ispb)).await.unwrap_or_else(late)
        };
        let kept = kept.inspect_err(|_| self.known.note_failure())?;
        let row = self.known.note(ispb, kept.as_ref());
        Ok(kept.map(|serial| Kept { serial, is_open: row.is_open }))
    }

    /// What is known of a row, read now if it must be. While the serial states do not answer, what was known last:
    /// the primary's word is then good enough, as it is without a fallback.
    pub(crate) async fn know_row(&self, ispb: Ispb) -> Option<Row> {
        let known = self.known.find(ispb);
        if known.is_none() && !self.known.is_failing() {
            let _read_or_failing = self.read_row(ispb).await;
        }
        known.or_else(|| self.known.find_stale(ispb))
    }

    fn climate(&self) -> Climate {
        match (self.health.is_down(), self.known.is_needed()) {
            (true, _) | (_, true) => Climate::Needed,
            (false, false) if self.health.is_settled() && self.known.is_free() => Climate::Free,
            (false, false) => Climate::Waiting,
        }
    }

    /// Whether what is kept serially may go back to the primary.
    pub(crate) fn may_go_back(&self) -> bool {
        self.climate() == Climate::Free
    }

    /// Says that this node begins serial histories, unless it has said so just now.
    async fn ensure_claim(&self) -> Result<(), Error> {
        if self.known.find_claim().is_some_and(|at| at.elapsed() < crate::CLAIM_EVERY) {
            return Ok(());
        }
        self.claim().await
    }

    pub(crate) async fn claim(&self) -> Result<(), Error> {
        // Its life may begin any time after this one.
        let began = Instant::now();
        self.serial.claim_need(&self.settings.node).await?;
        self.known.note_claim(began);
        Ok(())
    }

    /// Asks now who needs serial writes; whether another node does.
    pub(crate) async fn survey(&self) -> Result<bool, Error> {
        let began = Instant::now();
        let survey = self.serial.survey().await.inspect_err(|_| self.known.note_failure())?;
        Ok(self.known.note_survey(&self.settings.node, began, &survey))
    }

    /// Begins a history with `next`, if what is held is still what is expected.
    pub(crate) async fn begin(
        &self,
        ispb: Ispb,
        expected: Expected,
        next: &StreamState,
    ) -> Result<Swapped, Error> {
        // The incarnation was raised before this call, so the claim that the next line makes is too late for it.
        let is_late = self.known.is_told_without_claim(ispb);
        let view = self.view(ispb).await?;
        if view.held.expected() != expected {
            return Ok(lost(view.held));
        }
        match view.begins {
            Side::Serial { .. } if is_late || self.known.find_claim().is_none() => {
                // Too late for this incarnation, in time for the next one.
                self.ensure_claim().await?;
                Err(Error::Unavailable("no claim of need stood before the history was begun".to_owned()))
            }
            Side::Serial { expected } => self.begin_serial(ispb, expected, next).await,
            Side::Primary { expected, seal } => {
                // After the incarnation was raised, before it is made public: see the third rule.
                if self.surveys.ask(self.survey()).await? {
                    return Err(Error::Unavailable("another node has just lost the coordinator".to_owned()));
                }
                self.begin_primary(ispb, expected, seal, next).await
            }
        }
    }

    async fn begin_serial(
        &self,
        ispb: Ispb,
        expected: Option<Version>,
        next: &StreamState,
    ) -> Result<Swapped, Error> {
        let swapped = self.swap_row(ispb, expected, next, true).await?;
        if swapped.swap == Swap::Done {
            metrics::counter!(SWITCHES_TOTAL, "to" => "serial").increment(1);
            tracing::debug!(%ispb, version = ?next.version(), "a history begins by serial writes");
        }
        Ok(swapped)
    }

    async fn begin_primary(
        &self,
        ispb: Ispb,
        expected: Expected,
        seal: Option<Version>,
        next: &StreamState,
    ) -> Result<Swapped, Error> {
        if let Some(last) = seal {
            let sealed = self.swap_row(ispb, Some(last), next, false).await?;
            if sealed.swap != Swap::Done {
                return Ok(sealed);
            }
        }
        let behind = self.known.find_stale(ispb).and_then(|row| row.version).filter(|kept| match expected {
            Expected::Nothing => true,
            Expected::Current(version) | Expected::Old(version) => kept.incarnation > version.incarnation,
        });
        let swapped = self.health.call(self.primary.swap(ispb, expected, next)).await?;
        let Swap::Done = swapped.swap else {
            return Ok(Swapped { swap: Swap::Lost(self.view(ispb).await?.held), head: swapped.head });
        };
        if let Some(kept) = behind {
            metrics::counter!(SWITCHES_TOTAL, "to" => "primary").increment(1);
            tracing::debug!(%ispb, version = ?next.version(), "a history goes back to the coordinator");
            self.mark_over(ispb, kept).await;
        }
        Ok(swapped)
    }

    /// One swap by a serial write. `goes_on`: in a history that is at home there.
    pub(crate) async fn swap_row(
        &self,
        ispb: Ispb,
        expected: Option<Version>,
        next: &StreamState,
        goes_on: bool,
    ) -> Result<Swapped, Error> {
        let swapped = self.serial.swap(ispb, expected, next).await;
        let outcome = match &swapped {
            Ok(Ok(())) => "done",
            Ok(Err(_)) => "lost",
            Err(_) => "failed",
        };
        metrics::counter!(SWAPS_TOTAL, "outcome" => outcome).increment(1);
        match swapped? {
            Ok(()) => {
                self.known.note_set(ispb, next.version(), goes_on);
                Ok(Swapped { swap: Swap::Done, head: None })
            }
            Err(kept) => {
                let row = self.known.note(ispb, kept.as_ref());
                let kept = kept.map(|serial| Kept { serial, is_open: row.is_open });
                Ok(lost(kept.map_or(Held::Nothing, Kept::into_held)))
            }
        }
    }
}

pub(crate) fn lost(held: Held) -> Swapped {
    Swapped { swap: Swap::Lost(held), head: None }
}
