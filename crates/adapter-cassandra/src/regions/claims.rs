//! What a node may conclude from what it has read: which region serves whom, and until when that is certain. Pure:
//! no I/O, no clock; `docs/regions.md` has the argument why two regions never both conclude that they serve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::regions::Sequencing;

use super::hash;
use super::takeovers::{Record, RecordState};
use crate::register::Token;

/// What is configured, the same on every node but for the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) name: Box<str>,
    pub(super) all: Vec<Box<str>>,
    pub(super) lease: Duration,
    pub(super) margin: Duration,
    /// Take over from a region that was silent for so long; `None`: by command alone.
    pub(super) takeover_after: Option<Duration>,
}

impl Terms {
    /// For how long a renewal makes certain, from its start.
    pub(super) fn certain_for(&self) -> Duration {
        self.lease.saturating_sub(self.margin)
    }

    /// After how long of silence the holder's certainty is over, by anybody's clock.
    pub(super) fn silent_for(&self) -> Duration {
        self.lease + self.margin
    }
}

/// A moment by this machine's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moment {
    /// Since this process began, by a clock that never steps.
    pub(super) steady: Duration,
    /// The time of day, which also goes on while a machine sleeps.
    pub(super) wall: Duration,
}

impl Moment {
    /// Whether less than `span` has passed until `now`, by both clocks: a machine that slept has lost its certainty.
    fn is_within(self, now: Self, span: Duration) -> bool {
        now.steady.saturating_sub(self.steady) < span && now.wall.saturating_sub(self.wall) < span
    }

    /// Whether at least `span` has passed until `now`. The time of day may step, so it does not count.
    fn is_past(self, now: Self, span: Duration) -> bool {
        now.steady.saturating_sub(self.steady) >= span
    }
}

/// A row of `pix_regions`, read at SERIAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Whose participants.
    pub(super) region: Box<str>,
    pub(super) epoch: u32,
    pub(super) holder: Box<str>,
    pub(super) waits: bool,
    /// Whether any holder ever renewed it.
    pub(super) is_new: bool,
    /// Changes with every renewal.
    pub(super) beat: Token,
}

/// A participant's owner as an operator chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// `None`: the one that hashing gives again.
    pub(super) region: Option<Box<str>>,
    pub(super) epoch: u32,
    /// Whether whoever served it before has surely stopped.
    pub(super) settled: bool,
}

/// What one round of questions brought. Each part is `None` where nothing was answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    /// Before the first question.
    pub(super) started: Moment,
    /// After the last answer.
    pub(super) ended: Moment,
    pub(super) rows: Vec<Row>,
    /// Whose claims this node renewed, and in which epoch; every step of that was answered.
    pub(super) renewed: Vec<(Box<str>, u32)>,
    pub(super) owners: Option<Arc<BTreeMap<Ispb, Owner>>>,
    /// Of all takers; empty where there is a majority to ask.
    pub(super) records: Option<Vec<Record>>,
    /// Whether all data centres, or their majority, have the rows and the owners. What one side alone says may end a
    /// claim, and begins no wait: the other side may not have heard of it.
    pub(super) is_agreed: bool,
}

/// What this node knows, and since when.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    terms: Terms,
    territories: BTreeMap<Box<str>, Territory>,
    owners: Arc<BTreeMap<Ispb, Owner>>,
    /// When all sides were first known to have each owner that is not settled, and its epoch.
    moved: BTreeMap<Ispb, (u32, Option<Moment>)>,
    /// The last one of each taker and region.
    records: Vec<Record>,
}

/// The participants of one region.
#[derive(Debug, Clone)]
struct Territory {
    row: Row,
    /// When all sides were first known to have this epoch.
    epoch_seen: Option<Moment>,
    /// When this beat was first seen.
    beat_seen: Moment,
    /// The epoch in which this region is certain to hold it, and from when that counts.
    certain: Option<(u32, Moment)>,
}

impl Claims {
    pub(super) fn new(terms: Terms) -> Self {
        let (territories, moved) = (BTreeMap::new(), BTreeMap::new());
        Self { terms, territories, owners: Arc::default(), moved, records: Vec::new() }
    }

    /// Takes in what a round brought, or a part of it. Rounds of a node come one after the other, but what they read on
    /// one side alone may be older than what is known: that goes up, never down.
    pub(super) fn apply(&mut self, round: Round) {
        let Round { started, ended, rows, renewed, owners, records, is_agreed } = round;
        let agreed = is_agreed.then_some(ended);
        for row in rows {
            match self.territories.get_mut(&row.region) {
                Some(territory) => territory.see(row, ended, agreed),
                None => {
                    let territory = Territory { epoch_seen: agreed, beat_seen: ended, certain: None, row };
                    self.territories.insert(territory.row.region.clone(), territory);
                }
            }
        }
        // A claim rests on everything that could end it: nothing of that may be older than the claim.
        let is_complete = owners.is_some() && records.is_some();
        if let Some(owners) = owners {
            self.see_owners(&owners, agreed);
        }
        if let Some(records) = records {
            self.see_records(records);
        }
        for (region, epoch) in renewed.into_iter().filter(|_| is_complete) {
            if let Some(territory) = self.territories.get_mut(&region) {
                territory.certain = Some((epoch, started));
            }
        }
    }

    fn see_owners(&mut self, seen: &Arc<BTreeMap<Ispb, Owner>>, agreed: Option<Moment>) {
        let is_newer = |(ispb, owner): &(&Ispb, &Owner)| {
            self.owners.get(ispb).is_none_or(|known| known.age() < owner.age())
        };
        let newer: Vec<(Ispb, Owner)> =
            seen.iter().filter(is_newer).map(|(ispb, owner)| (*ispb, owner.clone())).collect();
        if !newer.is_empty() {
            Arc::make_mut(&mut self.owners).extend(newer);
        }
        let moving = self.owners.iter().filter(|(_, owner)| !owner.settled);
        self.moved = moving
            .map(|(ispb, owner)| {
                let known = self.moved.get(ispb).filter(|(epoch, _)| *epoch == owner.epoch);
                let is_there = seen.get(ispb).is_some_and(|seen| seen.epoch == owner.epoch);
                let since = known.and_then(|(_, since)| *since).or(agreed.filter(|_| is_there));
                (*ispb, (owner.epoch, since))
            })
            .collect();
    }

    /// Whether this node should renew the claim to these participants.
    pub(super) fn is_ours(&self, row: &Row) -> bool {
        row.holder == self.terms.name && self.superseding(row).is_none()
    }

    /// Whether a claim that was handed over is free of the holder before, so that its renewal may say so.
    pub(super) fn is_waited_for(&self, row: &Row, now: Moment) -> bool {
        let seen = self.territories.get(&row.region).filter(|territory| territory.row.epoch == row.epoch);
        let since = seen.and_then(|seen| seen.epoch_seen);
        !row.waits || since.is_some_and(|since| since.is_past(now, self.terms.silent_for()))
    }

    /// The rows whose holder has been silent for so long that this node takes them over by itself.
    pub(super) fn due(&self, now: Moment) -> Vec<Row> {
        let Some(after) = self.terms.takeover_after else { return Vec::new() };
        let after = after.max(self.terms.silent_for());
        let silent = self.territories.values().filter(|territory| {
            territory.row.holder != self.terms.name
                && !territory.row.is_new
                && territory.beat_seen.is_past(now, after)
        });
        silent.map(|territory| territory.row.clone()).collect()
    }

    /// Takes in take-overs, also ahead of a round that is on its way.
    pub(super) fn see_records(&mut self, records: Vec<Record>) {
        for record in records {
            let known = self
                .records
                .iter_mut()
                .find(|known| known.taker == record.taker && known.region == record.region);
            match known {
                Some(known) if known.age() < record.age() => *known = record,
                Some(_) => {}
                None => self.records.push(record),
            }
        }
    }

    /// What goes on by the word of this side alone, without renewals: what it took over by command, and of what was
    /// `proven` to be held - where the region is to go on with that - what its own copies do not deny.
    pub(super) fn going_on(
        &self,
        copies: &[Row],
        records: &[Record],
        proven: BTreeMap<Box<str>, u32>,
    ) -> Vec<(Box<str>, u32)> {
        let is_held = |region: &str, epoch: u32| {
            copies
                .iter()
                .any(|copy| *copy.region == *region && copy.epoch == epoch && copy.holder == self.terms.name)
        };
        let mut going: BTreeMap<Box<str>, u32> = proven;
        going.retain(|region, epoch| is_held(region, *epoch));
        let taken = records
            .iter()
            .filter(|record| record.taker == self.terms.name && record.state == RecordState::Done);
        going.extend(taken.map(|record| (record.region.clone(), record.epoch)));
        going.into_iter().collect()
    }

    /// Whether a take-over of this region is not known to a majority yet, so that it rests on this side.
    pub(super) fn has_taken_alone(&self) -> bool {
        self.records.iter().any(|record| record.taker == self.terms.name && record.state == RecordState::Done)
    }

    /// All rows, as they were read last.
    pub(super) fn rows(&self) -> Vec<Row> {
        self.territories.values().map(|territory| territory.row.clone()).collect()
    }

    /// The highest epoch of all: the next one is above it.
    pub(super) fn highest_epoch(&self) -> u32 {
        let rows = self.territories.values().map(|territory| territory.row.epoch);
        let owners = self.owners.values().map(|owner| owner.epoch);
        rows.chain(owners).chain(self.records.iter().map(|record| record.epoch)).max().unwrap_or(0)
    }

    /// The territories that this region holds for certain, and in which epoch.
    pub(super) fn held(&self, now: Moment) -> impl Iterator<Item = (&str, u32)> {
        self.territories.iter().filter_map(move |(region, territory)| {
            self.certain_epoch(territory, now, Duration::ZERO).map(|epoch| (&**region, epoch))
        })
    }

    /// Where a participant is served.
    pub(super) fn sequencing(&self, ispb: Ispb, now: Moment) -> Sequencing {
        let Some(territory) = self.territory_of(ispb) else {
            return nobody("what the regions hold was not read yet");
        };
        if self.epoch(ispb, now).is_some() {
            return Sequencing::Here;
        }
        let row = &territory.row;
        if let Some(record) = self.superseding(row) {
            return Sequencing::Elsewhere { region: record.taker.clone() };
        }
        if row.holder != self.terms.name {
            if territory.beat_seen.is_past(now, self.terms.silent_for()) {
                return nobody(&format!("region {} holds it and is silent", row.holder));
            }
            return Sequencing::Elsewhere { region: row.holder.clone() };
        }
        if !self.is_waited_for(row, now) || self.is_moving(ispb, now) {
            return nobody("it was handed over to this region just now");
        }
        nobody("this region's claim to it is not renewed")
    }

    /// In which epoch this region serves a participant, if it surely does.
    pub(super) fn epoch(&self, ispb: Ispb, now: Moment) -> Option<u32> {
        self.epoch_for(ispb, now, Duration::ZERO)
    }

    /// As [`Claims::epoch`], if it surely does for `span` from now on, too.
    pub(super) fn epoch_for(&self, ispb: Ispb, now: Moment, span: Duration) -> Option<u32> {
        let held = self.certain_epoch(self.territory_of(ispb)?, now, span)?;
        if self.is_moving(ispb, now) {
            return None;
        }
        Some(self.owners.get(&ispb).map_or(held, |owner| owner.epoch.max(held)))
    }

    fn certain_epoch(&self, territory: &Territory, now: Moment, span: Duration) -> Option<u32> {
        let Territory { row, certain, .. } = territory;
        let (epoch, from) = (*certain)?;
        let certain_for = self.terms.certain_for().saturating_sub(span);
        if !from.is_within(now, certain_for) || !self.is_waited_for(row, now) {
            return None;
        }
        let own = self.own_record(&row.region).filter(|record| record.epoch > row.epoch);
        let is_held = match own {
            Some(record) => record.epoch == epoch,
            None => row.holder == self.terms.name && row.epoch == epoch,
        };
        (is_held && self.superseding(row).is_none()).then_some(epoch)
    }

    fn territory_of(&self, ispb: Ispb) -> Option<&Territory> {
        let chosen = self.owners.get(&ispb).and_then(|owner| owner.region.as_deref());
        self.territories.get(chosen.or_else(|| hash::owner(&self.terms.all, ispb))?)
    }

    /// Whether whoever served a participant before it was given another owner may not have stopped yet.
    fn is_moving(&self, ispb: Ispb, now: Moment) -> bool {
        let is_past = |since: Moment| since.is_past(now, self.terms.silent_for());
        self.moved.get(&ispb).is_some_and(|(_, since)| !since.is_some_and(is_past))
    }

    /// A take-over without a majority by this region. One that is merged is not renewed any longer, and what was
    /// certain of it runs out.
    fn own_record(&self, region: &str) -> Option<&Record> {
        let own = |record: &&Record| record.taker == self.terms.name && *record.region == *region;
        let counts = |record: &&Record| matches!(record.state, RecordState::Done | RecordState::Merged);
        self.records.iter().filter(own).find(counts)
    }

    /// A take-over by another region without a majority, of which the row does not know yet. Of two, which should
    /// never be, both sides go by the same one.
    pub(super) fn superseding(&self, row: &Row) -> Option<&Record> {
        let counts = |record: &&Record| {
            record.region == row.region
                && record.epoch > row.epoch
                && record.state != RecordState::Withdrawn
                && record.taker != self.terms.name
        };
        let other = self.records.iter().filter(counts).max_by_key(|record| (record.epoch, &record.taker))?;
        let own = self.own_record(&row.region).filter(|own| own.epoch > row.epoch);
        let wins = own.is_none_or(|own| (other.epoch, &other.taker) > (own.epoch, &own.taker));
        wins.then_some(other)
    }
}

impl Territory {
    fn see(&mut self, row: Row, now: Moment, agreed: Option<Moment>) {
        if row.epoch < self.row.epoch {
            return;
        }
        if row.epoch != self.row.epoch || row.holder != self.row.holder {
            self.epoch_seen = None;
        }
        self.epoch_seen = self.epoch_seen.or(agreed);
        if row.beat != self.row.beat || row.epoch != self.row.epoch {
            self.beat_seen = now;
        }
        self.row = row;
    }
}

impl Owner {
    /// The later one is the one that was chosen later.
    fn age(&self) -> (u32, bool) {
        (self.epoch, self.settled)
    }
}

fn nobody(why: &str) -> Sequencing {
    Sequencing::Nobody { why: why.into() }
}

#[cfg(test)]
mod tests;
