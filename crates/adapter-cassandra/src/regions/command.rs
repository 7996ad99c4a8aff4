//! What an operator commands: take a region's participants over, hand them to another one, choose a participant's
//! owner. Each waits for as long as it takes until the one before has surely stopped.

use std::time::Duration;

use pix_stream_cql::{Consistency, Options};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::error::Error;
use tokio::time::Instant;

use super::claims::{Owner, Row};
use super::takeovers::{Record, RecordState};
use super::{CassandraRegions, CommandError, OnLostQuorum, Shared, TakenOver};
use crate::register::Token;

/// What is waited between two looks at a region that is to be taken over.
const PAUSE: Duration = Duration::from_millis(250);
/// How often a command is decided again because somebody else was faster.
const ATTEMPTS: u32 = 16;

/// What was seen of a region, by whom everybody agrees or by the copies here.
enum Sight {
    Agreed(Row, i32),
    Copy(Row),
}

impl CassandraRegions {
    /// Takes over the participants of a region that is down, by the word of an operator. Watches it for the lease and
    /// the margin first: while it shows signs of life, this is refused.
    ///
    /// With two data centres of which one is lost there is no majority to ask. Then the take-over is written down
    /// here, and the other side finds it before it serves anything (docs/regions.md).
    ///
    /// # Errors
    /// The region lives, is unknown, or the store failed.
    pub async fn take_over(&self, region: &str) -> Result<TakenOver, CommandError> {
        let shared = self.shared()?;
        shared.known(region)?;
        let mut watched: Option<(Token, Instant)> = None;
        loop {
            let sight = shared.sight(region).await?;
            let row = match &sight {
                Sight::Agreed(row, _) | Sight::Copy(row) => row,
            };
            let is_ours = row.holder == shared.terms.name;
            if let (true, Sight::Agreed(..)) = (is_ours, &sight) {
                let (epoch, waits) = (row.epoch, row.waits);
                return Ok(TakenOver { region: region.to_owned(), epoch, by_majority: true, waits });
            }
            let since = match watched {
                Some((token, since)) if token == row.beat => since,
                Some(_) if !is_ours => return Err(CommandError::Alive(row.holder.to_string())),
                Some(_) | None => Instant::now(),
            };
            watched = Some((row.beat, since));
            if since.elapsed() >= shared.terms.silent_for() {
                // What the others hold now gives the next epoch.
                shared.run().await;
                if let Some(taken) = shared.take_seen(sight).await? {
                    shared.run().await;
                    return Ok(taken);
                }
            }
            tokio::time::sleep(PAUSE.min(shared.terms.lease / 4)).await;
        }
    }

    /// Hands the participants of a region to another one, usually back to the region itself. Their new holder begins
    /// when the lease and the margin have passed; until then nobody serves them.
    ///
    /// # Errors
    /// There is no majority, a region is unknown, or a take-over without a majority has not reached all sides yet.
    pub async fn hand_over(&self, region: &str, to: &str) -> Result<u32, CommandError> {
        let shared = self.shared()?;
        shared.known(region)?;
        shared.known(to)?;
        for _ in 0..ATTEMPTS {
            shared.read_all().await?;
            let Some((row, place)) = shared.store.find_row(region).await? else { continue };
            if *row.holder == *to {
                return Ok(row.epoch);
            }
            if shared.has_two_sides {
                let records = shared.load_records(&Options::new(Consistency::EachQuorum)).await?;
                let open = |record: &Record| {
                    matches!(record.state, RecordState::Intent | RecordState::Done)
                        && *record.region == *region
                };
                if records.iter().any(open) {
                    return Err(CommandError::NotMerged(region.to_owned()));
                }
            }
            let epoch = shared.claims().highest_epoch().max(row.epoch) + 1;
            let next = Row { epoch, holder: to.into(), waits: true, ..row.clone() };
            if shared.store.write_row(&next, (place, Some(shared.now_millis())), row.beat).await?.is_some() {
                shared.run().await;
                return Ok(epoch);
            }
        }
        Err(CommandError::Contended)
    }

    /// Chooses the region that owns a participant; `None`: the one that hashing gives. Returns when whoever served it
    /// before has surely stopped, so after the lease and the margin.
    ///
    /// # Errors
    /// There is no majority, or a region is unknown.
    pub async fn assign(&self, ispb: Ispb, region: Option<&str>) -> Result<u32, CommandError> {
        let shared = self.shared()?;
        if let Some(region) = region {
            shared.known(region)?;
        }
        shared.read_all().await?;
        let epoch = shared.claims().highest_epoch() + 1;
        let moved = Owner { region: region.map(Into::into), epoch, settled: false };
        shared.write_owner(ispb, &moved).await?;
        // The wait begins when all sides have it. If that fails, it stands unsettled: every node waits by itself.
        shared.read_all().await?;
        tokio::time::sleep(shared.terms.silent_for()).await;
        shared.write_owner(ispb, &Owner { settled: true, ..moved }).await?;
        shared.run().await;
        Ok(epoch)
    }
}

impl Shared {
    fn known(&self, region: &str) -> Result<(), CommandError> {
        let is_known = self.terms.all.iter().any(|known| **known == *region);
        if is_known { Ok(()) } else { Err(CommandError::Unknown(region.to_owned())) }
    }

    /// Reads what the regions hold, all of it.
    async fn read_all(&self) -> Result<(), CommandError> {
        let is_read = self.run().await;
        if is_read { Ok(()) } else { Err(CommandError::NoMajority("what they hold was not read".to_owned())) }
    }

    fn now_millis(&self) -> i64 {
        i64::try_from(self.clock.now().unix_millis()).unwrap_or(i64::MAX)
    }

    async fn sight(&self, region: &str) -> Result<Sight, CommandError> {
        let agreed = match self.store.find_row(region).await {
            Ok(found) => {
                return found
                    .map_or(Err(CommandError::Contended), |(row, place)| Ok(Sight::Agreed(row, place)));
            }
            Err(error) => error,
        };
        if !self.has_two_sides {
            return Err(CommandError::NoMajority(agreed.to_string()));
        }
        let copy = self.store.find_copy(region, Consistency::LocalQuorum).await?;
        copy.map(Sight::Copy).ok_or_else(|| CommandError::NoMajority(agreed.to_string()))
    }

    /// Takes over a row that has not changed for long enough. `None`: it just did, look again.
    async fn take_seen(&self, sight: Sight) -> Result<Option<TakenOver>, CommandError> {
        let epoch = self.claims().highest_epoch() + 1;
        match sight {
            Sight::Agreed(row, place) => {
                let epoch = epoch.max(row.epoch + 1);
                // One that goes on without renewing is silent, too. It stops when it sees this.
                let waits = self.has_two_sides && self.on_lost_quorum == OnLostQuorum::Continue;
                let next = Row { epoch, holder: self.terms.name.clone(), waits, ..row.clone() };
                let beat = self.store.write_row(&next, (place, Some(self.now_millis())), row.beat).await?;
                let region = row.region.to_string();
                Ok(beat.map(|_| TakenOver { region, epoch, by_majority: true, waits }))
            }
            Sight::Copy(row) => self.take_without_majority(row, epoch).await.map(Some),
        }
    }

    /// First the intent, then a last look. The other side renews first and looks for intents then: so if it lives,
    /// one of the two sees the other, and if both do, neither serves.
    async fn take_without_majority(&self, row: Row, epoch: u32) -> Result<TakenOver, CommandError> {
        let here = Options::new(Consistency::LocalQuorum);
        let records = self.load_records(&here).await?;
        let region = row.region.to_string();
        let is_ours = |record: &&Record| record.taker == self.terms.name && record.region == row.region;
        if let Some(done) = records.iter().filter(is_ours).find(|record| record.state == RecordState::Done) {
            return Ok(TakenOver { region, epoch: done.epoch, by_majority: false, waits: false });
        }
        let mut copies = Vec::new();
        for region in &self.terms.all {
            copies.extend(self.store.find_copy(region, Consistency::LocalQuorum).await?);
        }
        let known = copies.iter().map(|copy| copy.epoch).chain(records.iter().map(|record| record.epoch));
        let epoch = epoch.max(known.max().unwrap_or(0) + 1);
        let record = |region: &str, state| Record {
            taker: self.terms.name.clone(),
            region: region.into(),
            epoch,
            state,
        };
        let intent = self.store.write_record(&record(&region, RecordState::Intent)).await?;
        let last = self.store.find_copy(&region, Consistency::LocalQuorum).await?;
        if last.is_none_or(|last| last != row) {
            self.store.write_record(&record(&region, RecordState::Withdrawn)).await?;
            return Err(CommandError::Alive(row.holder.to_string()));
        }
        // What this region holds already goes on without a majority, too.
        let own = copies.iter().filter(|copy| copy.holder == self.terms.name && copy.region != row.region);
        for own in own {
            self.store.write_record(&record(&own.region, RecordState::Done)).await?;
        }
        // Unless both sides met meanwhile, and a node of this one withdrew the intent.
        let done = record(&region, RecordState::Done);
        if self.store.replace_record(&done, intent).await?.is_none() {
            return Err(CommandError::Alive(row.holder.to_string()));
        }
        tracing::warn!(region, epoch, "took over a region by command, without a majority");
        Ok(TakenOver { region, epoch, by_majority: false, waits: false })
    }

    async fn write_owner(&self, ispb: Ispb, owner: &Owner) -> Result<(), CommandError> {
        for _ in 0..ATTEMPTS {
            let known = self.load_owners(&self.known_owners()).await?;
            if self.store.write_owner(&known, ispb, owner).await? {
                self.run().await;
                return Ok(());
            }
        }
        Err(CommandError::Contended)
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}
