//! What a node does again and again to stay certain: read what the regions hold, renew what is ours, take over what
//! nobody holds any longer. It asks, `claims` concludes.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use pix_stream_cql::{Consistency, Options, Serial};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::error::Error;
use tokio::time::Instant;

use super::claims::{Owner, Round, Row};
use super::store::Owners;
use super::takeovers::{Record, RecordState};
use super::{OnLostQuorum, Shared};
use crate::metrics;

/// How often one renewal is tried again because another node of this region renewed at the same time.
const RENEWALS: u32 = 8;
/// Parts of a lease after which a node renews, and after which it tries again when that failed.
const RENEWALS_A_LEASE: u32 = 3;
const RETRIES_A_LEASE: u32 = 12;

/// The part of a lease after which agreement is not waited for any longer, where a claim may rest on this side alone. With
/// it, such a claim is renewed in time however slowly the other side answers: 7/12 of a lease and one request are less
/// than lease and margin apart, which the configuration is checked for.
const AGREEMENTS_A_LEASE: u32 = 4;

/// Runs until the last handle is dropped.
pub(super) async fn keep(shared: Weak<Shared>) {
    loop {
        let Some(this) = shared.upgrade() else { return };
        let began = Instant::now();
        let pause = if this.run().await { RENEWALS_A_LEASE } else { RETRIES_A_LEASE };
        let pause = this.terms.lease / pause;
        drop(this);
        tokio::time::sleep_until(began + pause).await;
    }
}

/// The answers that only count together: all that could end a claim.
struct Strong {
    rows: Vec<Row>,
    renewed: Vec<(Box<str>, u32)>,
    records: Vec<Record>,
}

impl Shared {
    /// One round, and the take-overs that are due by then. Whether everything was answered.
    pub(super) async fn run(&self) -> bool {
        let _turn = self.turn.lock().await;
        if !self.round().await {
            return false;
        }
        let due = self.claims().due(self.now());
        let mut has_taken = false;
        for row in due {
            has_taken |= self.take(&row).await;
        }
        !has_taken || self.round().await
    }

    async fn round(&self) -> bool {
        let started = self.now();
        let (round, is_complete) = match self.agree().await {
            Ok((Strong { rows, renewed, records }, owners)) => {
                self.prove(&renewed);
                let (owners, records) = (Some(owners), Some(records));
                (Round { started, rows, renewed, owners, records, is_agreed: true, ended: self.now() }, true)
            }
            Err(error) => {
                tracing::debug!(%error, "the regions were not read");
                (self.ask_here().await, false)
            }
        };
        self.apply(round);
        let held = self.claims().held(self.now()).count();
        ::metrics::gauge!(metrics::REGIONS_HELD).set(f64::from(u32::try_from(held).unwrap_or(u32::MAX)));
        ::metrics::counter!(metrics::REGION_ROUNDS, "outcome" => if is_complete { "ok" } else { "failed" })
            .increment(1);
        is_complete
    }

    /// What all data centres agree on, or their majority. It is not waited for longer than what rests on this side
    /// alone can bear.
    async fn agree(&self) -> Result<(Strong, Arc<BTreeMap<Ispb, Owner>>), Error> {
        let both = async { tokio::join!(self.ask_all(), self.ask_owners()) };
        let (strong, owners) = if self.rests_here() {
            let limit = self.terms.lease / AGREEMENTS_A_LEASE;
            let late = |_| Error::Unavailable("the other data centre did not answer in time".to_owned());
            tokio::time::timeout(limit, both).await.map_err(late)?
        } else {
            both.await
        };
        Ok((strong?, owners?))
    }

    /// Whether claims may go on without a majority.
    fn rests_here(&self) -> bool {
        self.has_two_sides
            && (self.on_lost_quorum == OnLostQuorum::Continue || self.claims().has_taken_alone())
    }

    /// The chosen owners, which are taken in at once: whoever lost a participant is to stop, whatever else fails.
    async fn ask_owners(&self) -> Result<Arc<BTreeMap<Ispb, Owner>>, Error> {
        let owners = self.load_owners(&self.known_owners()).await?;
        let all = Arc::clone(&owners.all);
        self.know_owners(owners);
        let (ended, owners) = (self.now(), Some(Arc::clone(&all)));
        self.apply(Round { ended, owners, is_agreed: true, ..Round::default() });
        Ok(all)
    }

    /// The owners at SERIAL. With two sides they are read at most copies of both once more, which repairs what has not
    /// arrived: only from then on may somebody begin to serve in place of a region that goes by its own copies.
    pub(super) async fn load_owners(&self, known: &Owners) -> Result<Owners, Error> {
        let options = if self.has_two_sides {
            Options::new(Consistency::EachQuorum)
        } else {
            Options::new(Consistency::LocalQuorum).serial(Serial::Global)
        };
        self.store.load_owners(known, &options).await
    }

    /// Reads and renews by agreement of all data centres, or of their majority.
    async fn ask_all(&self) -> Result<Strong, Error> {
        let rows = join_all(self.terms.all.iter().map(|region| self.store.find_row(region))).await;
        let mut found = Vec::new();
        for ((row, region), place) in rows.into_iter().zip(&self.terms.all).zip(0..) {
            let Some((row, place)) = row? else {
                self.store.make_row(region, place).await?;
                return Err(Error::Unavailable(format!("region {region} had no row")));
            };
            found.push((row, place));
        }
        // What ends a claim of this region does so even if the rest of the round fails.
        let rows = found.iter().map(|(row, _)| row.clone()).collect();
        self.apply(Round { ended: self.now(), rows, ..Round::default() });
        if self.has_two_sides {
            self.merge(&mut found).await?;
        }
        let (mut rows, mut renewed) = (Vec::new(), Vec::new());
        for (row, place) in found {
            let is_ours = self.claims().is_ours(&row);
            let row = if is_ours { self.renew(row, place).await? } else { row };
            // One that a take-over of others outranks stays ours by name, and was not renewed.
            if is_ours && row.holder == self.terms.name {
                renewed.push((row.region.clone(), row.epoch));
            }
            rows.push(row);
        }
        let records = if self.has_two_sides { self.confirm(&rows).await? } else { Vec::new() };
        Ok(Strong { rows, renewed, records })
    }

    /// Starts the lease anew. Other nodes of this region do the same: whoever loses looks again. The row that comes
    /// back may have another holder.
    async fn renew(&self, mut row: Row, place: i32) -> Result<Row, Error> {
        for _ in 0..RENEWALS {
            let waits = !self.claims().is_waited_for(&row, self.now());
            let next = Row { waits, is_new: false, ..row.clone() };
            if let Some(beat) = self.store.write_row(&next, (place, Some(self.wall())), row.beat).await? {
                return Ok(Row { beat, ..next });
            }
            match self.store.find_row(&row.region).await? {
                Some((now, _)) if now.holder == self.terms.name => row = now,
                Some((now, _)) => return Ok(now),
                None => break,
            }
        }
        Err(Error::Unavailable(format!("the claim to region {} was not renewed", row.region)))
    }

    /// Two data centres: what was renewed has arrived on both sides, and only then is asked whether the other one
    /// took anything over. Whoever takes over without a majority does it the other way round, so one sees the other.
    async fn confirm(&self, rows: &[Row]) -> Result<Vec<Record>, Error> {
        let ours = rows.iter().filter(|row| row.holder == self.terms.name);
        let copies = ours.map(async |row| {
            let copy = self.store.find_copy(&row.region, Consistency::EachQuorum).await?;
            let is_there = copy.is_some_and(|copy| copy.epoch == row.epoch && copy.holder == row.holder);
            if is_there { Ok(()) } else { Err(Error::Unavailable("a renewal has not arrived".to_owned())) }
        });
        for copy in join_all(copies).await {
            copy?;
        }
        self.load_records(&Options::new(Consistency::EachQuorum)).await
    }

    /// The take-overs of all regions, those of others at the level that is asked for.
    pub(super) async fn load_records(&self, options: &Options) -> Result<Vec<Record>, Error> {
        let own = Options::new(Consistency::LocalQuorum).serial(Serial::Local);
        let records = self.terms.all.iter().map(|taker| {
            let options = if *taker == self.terms.name { &own } else { options };
            self.store.load_records(taker, options)
        });
        let mut all = Vec::new();
        for records in join_all(records).await {
            all.extend(records?);
        }
        Ok(all)
    }

    /// Writes take-overs of ours that were made without a majority where the majority sees them.
    async fn merge(&self, rows: &mut [(Row, i32)]) -> Result<(), Error> {
        let records = self.load_records(&Options::new(Consistency::EachQuorum)).await?;
        self.know_records(&records);
        for record in records.into_iter().filter(|record| record.taker == self.terms.name) {
            match record.state {
                RecordState::Done => {}
                // Both sides see each other: what was intended was never right, or its command has died.
                RecordState::Intent => {
                    self.store.write_record(&Record { state: RecordState::Withdrawn, ..record }).await?;
                    continue;
                }
                RecordState::Merged | RecordState::Withdrawn => continue,
            }
            let Some((row, place)) = rows.iter_mut().find(|(row, _)| row.region == record.region) else {
                continue;
            };
            if row.epoch < record.epoch {
                if self.claims().superseding(row).is_some() {
                    tracing::error!(region = %record.region, "both sides took over: this one gives way");
                    continue;
                }
                let holder = self.terms.name.clone();
                let next = Row { epoch: record.epoch, holder, waits: false, ..row.clone() };
                match self.store.write_row(&next, (*place, Some(self.wall())), row.beat).await? {
                    Some(beat) => *row = Row { beat, ..next },
                    // Another node of this region merges, too.
                    None => return Err(Error::Unavailable("a take-over was not merged yet".to_owned())),
                }
                self.apply(Round { ended: self.now(), rows: vec![row.clone()], ..Round::default() });
                tracing::info!(region = %record.region, epoch = record.epoch, "a take-over is known to all sides");
            }
            self.store.write_record(&Record { state: RecordState::Merged, ..record }).await?;
        }
        Ok(())
    }

    /// What is known in this data centre alone, where the others are out of reach: what it took over by an operator's
    /// word, and - if it is to go on - what it was certain to hold and its copies still give it.
    async fn ask_here(&self) -> Round {
        // What follows rests on this side alone: the wait for the other one does not make it older.
        let started = self.now();
        if !self.has_two_sides {
            return Round { started, ended: started, ..Round::default() };
        }
        let here = Options::new(Consistency::LocalQuorum);
        let copies = self.terms.all.iter();
        let copies = copies.map(|region| self.store.find_copy(region, Consistency::LocalQuorum));
        let (copies, records, owners) =
            tokio::join!(join_all(copies), self.load_records(&here), self.store.load_owner_rows(&here));
        let is_all = copies.iter().all(Result::is_ok);
        let rows: Vec<Row> = copies.into_iter().filter_map(|copy| copy.ok().flatten()).collect();
        let records = records.ok();
        let renewed = match &records {
            Some(records) if is_all => {
                let goes_on = self.on_lost_quorum == OnLostQuorum::Continue;
                let proven = if goes_on { self.proven() } else { BTreeMap::new() };
                self.claims().going_on(&rows, records, proven)
            }
            Some(_) | None => Vec::new(),
        };
        let owners = owners.ok().map(Arc::new);
        Round { started, ended: self.now(), rows, renewed, owners, records, is_agreed: false }
    }

    /// Takes over from a holder that has surely stopped. Whether it did.
    pub(super) async fn take(&self, row: &Row) -> bool {
        let place = self.terms.all.iter().position(|region| *region == row.region);
        let place = place.and_then(|place| i32::try_from(place).ok()).unwrap_or_default();
        let epoch = self.claims().highest_epoch() + 1;
        let next = Row { epoch, holder: self.terms.name.clone(), waits: false, ..row.clone() };
        match self.store.write_row(&next, (place, Some(self.wall())), row.beat).await {
            Ok(Some(_)) => {
                tracing::warn!(region = %row.region, from = %row.holder, epoch, "took over a silent region");
                ::metrics::counter!(metrics::REGION_TAKEOVERS).increment(1);
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(region = %row.region, %error, "a silent region was not taken over");
                false
            }
        }
    }

    fn wall(&self) -> i64 {
        i64::try_from(self.clock.now().unix_millis()).unwrap_or(i64::MAX)
    }
}

/// How long a start waits for its first round.
pub(super) const FIRST_ROUND_MAX: Duration = Duration::from_secs(2);
