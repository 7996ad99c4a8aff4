//! The changes, each decided and applied inside the transaction of its group.

use std::collections::HashMap;
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::switches::Switches;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::journal::{Appended, Checkpoint, NewMessage};
use redb::ReadableTable;

use super::fault::Fault;
use super::layout::{self, ByAge, Ends, KnownEntry, switches};
use super::reads;
use super::store::Tables;

/// How many outlived idempotency entries an append removes beyond twice the number that it adds: more than it adds,
/// so that they get fewer, and bounded, so that one commit never pays for a long silence.
const PRUNED_EXTRA: usize = 8;

/// A request's message at this index conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conflict(pub(crate) usize);

/// What a removal removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) messages: u32,
    /// Length of their records.
    pub(crate) bytes: u64,
}

impl Tables<'_> {
    /// Decides first and stores then, so that a refused request leaves nothing in the transaction.
    pub(crate) fn append(
        &mut self,
        ispb: Ispb,
        messages: &[NewMessage],
        window: Duration,
    ) -> Result<Result<Vec<Appended>, Conflict>, Fault> {
        let mut ends = reads::ends(&self.extents, ispb)?;
        let answers = match self.decide(ispb, ends.extent.next, messages, window)? {
            Ok(answers) => answers,
            Err(conflict) => return Ok(Err(conflict)),
        };
        let mut stored = 0;
        for (message, answer) in messages.iter().zip(&answers).filter(|(_, answer)| !answer.is_repeat) {
            self.put(ispb, message, *answer)?;
            stored += 1;
        }
        if stored > 0 {
            ends.extent.next = ends.extent.next.plus(stored as u64);
            self.save_ends(ispb, &ends)?;
            self.prune(ispb, messages, window, stored)?;
        }
        Ok(Ok(answers))
    }

    fn decide(
        &self,
        ispb: Ispb,
        mut next: Sequence,
        messages: &[NewMessage],
        window: Duration,
    ) -> Result<Result<Vec<Appended>, Conflict>, Fault> {
        let mut answers: Vec<Appended> = Vec::with_capacity(messages.len());
        let mut fresh: HashMap<&str, usize> = HashMap::new();
        for (index, message) in messages.iter().enumerate() {
            let key = &message.key;
            let earlier = match fresh.get(&*key.business_id) {
                Some(&earlier) => Some((messages[earlier].key.digest, answers[earlier])),
                None => reads::find_known(&self.known, ispb, key, window)?.map(|entry| {
                    let KnownEntry { sequence, resource_id, digest, .. } = entry;
                    (digest, Appended { sequence, resource_id, is_repeat: true })
                }),
            };
            match earlier {
                Some((digest, _)) if digest != key.digest => return Ok(Err(Conflict(index))),
                Some((_, answer)) => answers.push(Appended { is_repeat: true, ..answer }),
                None => {
                    fresh.insert(&key.business_id, index);
                    answers.push(Appended {
                        sequence: next,
                        resource_id: message.resource_id,
                        is_repeat: false,
                    });
                    next = next.plus(1);
                }
            }
        }
        Ok(Ok(answers))
    }

    fn put(&mut self, ispb: Ispb, message: &NewMessage, answer: Appended) -> Result<(), Fault> {
        let sequence = answer.sequence;
        let key = layout::by_sequence(ispb, sequence);
        let mut record = self.messages.insert_reserve(&key, layout::message_len(message))?;
        layout::write_message(&key, message, record.as_mut());
        drop(record);
        let entry = KnownEntry {
            sequence,
            resource_id: answer.resource_id,
            digest: message.key.digest,
            published_at: message.key.published_at,
        };
        let place = layout::by_business_id(ispb, &message.key.business_id);
        self.known.insert(place.as_slice(), entry.encode(&place).as_slice())?;
        let age = layout::by_age(ispb, message.key.published_at, sequence);
        self.ages.insert(&age, message.key.business_id.as_bytes())?;
        Ok(())
    }

    /// Removes idempotency entries of this participant that no message of this request could be a repeat of.
    fn prune(
        &mut self,
        ispb: Ispb,
        messages: &[NewMessage],
        window: Duration,
        stored: usize,
    ) -> Result<(), Fault> {
        let Some(oldest) = messages.iter().map(|message| message.key.published_at).min() else {
            return Ok(());
        };
        let start = layout::by_age(ispb, Default::default(), Sequence::default());
        let end = layout::by_age(ispb, oldest.before(window), Sequence::default());
        let mut outlived: Vec<(ByAge, Vec<u8>)> = Vec::new();
        if start < end {
            for entry in self.ages.range::<&ByAge>(&start..&end)?.take(2 * stored + PRUNED_EXTRA) {
                let (age, business_id) = entry?;
                if !(start..end).contains(age.value()) {
                    return Err(Fault::Record(format!(
                        "the ages of the business ids of {ispb} are out of order"
                    )));
                }
                outlived.push((*age.value(), [ispb.as_bytes(), business_id.value()].concat()));
            }
        }
        for (age, place) in outlived {
            self.ages.remove(&age)?;
            let entry = match self.known.get(place.as_slice())? {
                Some(record) => KnownEntry::decode(&place, record.value())?,
                None => continue,
            };
            // The same business id may have been stored anew since.
            if entry.sequence == layout::sequence_of(&age) {
                self.known.remove(place.as_slice())?;
            }
        }
        Ok(())
    }

    pub(crate) fn remove_below(&mut self, ispb: Ispb, below: Sequence, limit: u32) -> Result<Removed, Fault> {
        let mut ends = reads::ends(&self.extents, ispb)?;
        let first = ends.extent.first;
        let (end, removed) =
            self.remove(&ends, ispb, Range::new(first, below.min(ends.extent.next)), limit)?;
        if end > first {
            ends.start_at(end);
            self.save_ends(ispb, &ends)?;
        }
        Ok(removed)
    }

    /// Removes what is left of a range, and notes the gap.
    pub(crate) fn remove_between(&mut self, ispb: Ispb, range: Range, limit: u32) -> Result<Removed, Fault> {
        let mut ends = reads::ends(&self.extents, ispb)?;
        let range = Range::new(range.start().max(ends.extent.first), range.end().min(ends.extent.next));
        let (end, removed) = self.remove(&ends, ispb, range, limit)?;
        if removed.messages > 0 {
            ends.open_gap(Range::new(range.start(), end));
            self.save_ends(ispb, &ends)?;
        }
        Ok(removed)
    }

    /// Removes messages of a range from its start on. Returns up to where nothing is left of it.
    fn remove(
        &mut self,
        ends: &Ends,
        ispb: Ispb,
        range: Range,
        limit: u32,
    ) -> Result<(Sequence, Removed), Fault> {
        let (mut left, mut removed) = (range, Removed { messages: 0, bytes: 0 });
        while !left.is_empty() && removed.messages < limit {
            let sequence = left.start();
            let after = match ends.gap_at(sequence) {
                Some(gap) => gap.end(),
                None => {
                    let place = layout::by_sequence(ispb, sequence);
                    let record = self.messages.remove(&place)?;
                    removed.bytes += record.map_or(0, |record| record.value().len() as u64);
                    removed.messages += 1;
                    sequence.plus(1)
                }
            };
            left = left.from_floor(after);
        }
        let end = if left.is_empty() { range.end() } else { left.start() };
        Ok((end, removed))
    }

    fn save_ends(&mut self, ispb: Ispb, ends: &Ends) -> Result<(), Fault> {
        self.extents.insert(ispb.as_bytes(), ends.encode(ispb.as_bytes()).as_slice())?;
        Ok(())
    }

    pub(crate) fn save_checkpoint(&mut self, ispb: Ispb, new: &Checkpoint) -> Result<(), Fault> {
        let key = ispb.as_bytes();
        let stored = match self.checkpoints.get(key)? {
            Some(record) => Some(layout::decode_checkpoint(key, record.value())?),
            None => None,
        };
        let next = match stored {
            Some(stored) if new.state.version() < stored.state.version() => return Ok(()),
            Some(stored) if new.state.version() == stored.state.version() => {
                if stored.is_last || !new.is_last {
                    return Ok(());
                }
                Checkpoint { is_last: true, ..stored }
            }
            Some(_) | None => new.clone(),
        };
        self.checkpoints.insert(key, layout::encode_checkpoint(key, &next).as_slice())?;
        Ok(())
    }

    pub(crate) fn raise_incarnation(&mut self, ispb: Ispb) -> Result<Incarnation, Fault> {
        let key = ispb.as_bytes();
        let stored = match self.incarnations.get(key)? {
            Some(record) => layout::decode_incarnation(key, record.value())?,
            None => Incarnation::default(),
        };
        let next = stored.next();
        self.incarnations.insert(key, layout::encode_incarnation(key, next).as_slice())?;
        Ok(next)
    }

    pub(crate) fn save_participant(&mut self, participant: &Participant) -> Result<bool, Fault> {
        let key = participant.ispb.as_bytes();
        let stored = match self.participants.get(key)? {
            Some(record) => layout::decode_participant(key, record.value())?.revision,
            None => 0,
        };
        if participant.revision.checked_sub(1) != Some(stored) {
            return Ok(false);
        }
        self.participants.insert(key, layout::encode_participant(participant).as_slice())?;
        Ok(true)
    }

    pub(crate) fn save_switches(&mut self, switches: &Switches) -> Result<bool, Fault> {
        let mut table = self.transaction.open_table(switches::SWITCHES)?;
        let stored = match table.get(switches::KEY)? {
            Some(record) => switches::decode(record.value())?.revision,
            None => 0,
        };
        if switches.revision.checked_sub(1) != Some(stored) {
            return Ok(false);
        }
        table.insert(switches::KEY, switches::encode(switches).as_slice())?;
        Ok(true)
    }
}
