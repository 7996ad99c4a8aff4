//! What is small and rarely written: checkpoints, incarnations, participants, switches. Not messages: those are the
//! `journal`'s, which hands these questions on.

mod bodies;

use std::sync::Arc;

use futures_util::StreamExt as _;
use pix_stream_cql::{Consistency, Options, Rows, Serial, Session, Statement, Value};
use pix_stream_domain::ispb::{self, Ispb};
use pix_stream_domain::participant::Participant;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::switches::Switches;
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;
use pix_stream_ports::journal::Checkpoint;

use crate::fault::store_error;
use crate::regions::CassandraRegions;
use crate::register::{Register, Seen, Swap};

/// Checkpoints that are written at once, of those that one call brings.
const CHECKPOINTS_AT_ONCE: usize = 32;
/// Partitions over which participants are spread: all of them are read with so many requests.
const SHARDS: u8 = 16;
/// How often a change is decided again because somebody else was faster.
const ATTEMPTS: u32 = 64;
/// Room for the changes of one history in the timestamp of a checkpoint: 10,000 a second for three years.
const COUNTER_BITS: u32 = 40;
/// By how much an incarnation rises when another region raises it than the one before: more than that one can have
/// raised it without its data centre having told of it yet.
const REGION_STRIDE: u32 = 1024;
/// The one row of the switches.
const SWITCHES_ID: i32 = 0;

/// The small tables of one keyspace.
#[derive(Clone)]
pub struct Tables {
    session: Session,
    regions: CassandraRegions,
    load_checkpoint: Statement,
    save_checkpoint: Statement,
    all_participants: Statement,
    load_switches: Statement,
    incarnations: Register,
    participants: Register,
    switches: Register,
}

impl Tables {
    /// Of a keyspace that was migrated.
    #[must_use]
    pub fn new(
        session: &Session,
        keyspace: &str,
        entropy: &Arc<dyn Entropy>,
        regions: &CassandraRegions,
    ) -> Self {
        let register = |serial, table: &str, columns: (&[&str], &[&str])| {
            Register::new(session, entropy, serial, &format!("{keyspace}.{table}"), columns)
        };
        let raised: (&[&str], &[&str]) = (&["ispb"], &["incarnation", "region", "epoch"]);
        let onboarded: (&[&str], &[&str]) = (&["shard", "ispb"], &["revision", "body"]);
        Self {
            session: session.clone(),
            regions: regions.clone(),
            load_checkpoint: Statement::new(format!(
                "SELECT state, is_last FROM {keyspace}.pix_cursors WHERE ispb = ?"
            )),
            save_checkpoint: Statement::new(format!(
                "INSERT INTO {keyspace}.pix_cursors (ispb, state, is_last) VALUES (?, ?, ?) USING TIMESTAMP ?"
            ))
            .idempotent(),
            all_participants: Statement::new(format!(
                "SELECT ispb, revision, body FROM {keyspace}.pix_participants WHERE shard = ?"
            )),
            load_switches: Statement::new(format!(
                "SELECT revision, body FROM {keyspace}.pix_switches WHERE id = ?"
            )),
            incarnations: register(Serial::Local, "pix_incarnations", raised),
            participants: register(Serial::Global, "pix_participants", onboarded),
            switches: register(Serial::Global, "pix_switches", (&["id"], &["revision", "body"])),
        }
    }

    /// As [`Journal::load_checkpoint`](pix_stream_ports::journal::Journal::load_checkpoint).
    ///
    /// # Errors
    /// The store failed, or the checkpoint is damaged.
    pub async fn load_checkpoint(&self, ispb: Ispb) -> Result<Option<Checkpoint>, Error> {
        let rows = self.ask(&self.load_checkpoint, vec![key(ispb)]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let Some(bytes) = row.blob("state").map_err(store_error)? else { return Ok(None) };
        let state = StreamState::decode(&bytes)
            .map_err(|error| Error::Damaged(format!("the checkpoint of {ispb}: {error}")))?;
        let is_last = row.bool("is_last").map_err(store_error)?.unwrap_or(false);
        Ok(Some(Checkpoint { state, is_last }))
    }

    /// As [`Journal::save_checkpoints`](pix_stream_ports::journal::Journal::save_checkpoints). Plain writes whose
    /// timestamp is the version: the newest wins in whichever order they arrive. On a tie the larger value wins, and
    /// true is larger than false.
    ///
    /// # Errors
    /// The store failed; some may have been saved.
    pub async fn save_checkpoints(&self, checkpoints: Vec<(Ispb, Checkpoint)>) -> Result<(), Error> {
        let saves = checkpoints.into_iter().map(async |(ispb, Checkpoint { state, is_last })| {
            let at = timestamp(state.version())?;
            let values = vec![key(ispb), Value::from(state.encode()), is_last.into(), at.into()];
            self.ask(&self.save_checkpoint, values).await
        });
        let mut saved = futures_util::stream::iter(saves).buffer_unordered(CHECKPOINTS_AT_ONCE);
        let mut result = Ok(());
        while let Some(one) = saved.next().await {
            result = result.and(one.map(drop));
        }
        result
    }

    /// As [`Journal::raise_incarnation`](pix_stream_ports::journal::Journal::raise_incarnation). One that was raised
    /// without its caller hearing of it is passed over.
    ///
    /// Serial writes of two data centres do not see each other, and what one of them wrote last may not have arrived
    /// here: so it rises by 1,024 where the region or the epoch is another one than before, and above the
    /// incarnation of the newest checkpoint in any case.
    ///
    /// # Errors
    /// The store failed, or another region sequences the participant.
    pub async fn raise_incarnation(&self, ispb: Ispb) -> Result<Incarnation, Error> {
        let epoch = self.regions.epoch(ispb).ok_or_else(|| {
            Error::Unavailable(format!("{ispb} is not sequenced in region {}", self.regions.name()))
        })?;
        let epoch = i32::try_from(epoch).unwrap_or(i32::MAX);
        let checkpoint = self.load_checkpoint(ispb).await?;
        let least = checkpoint.map_or(0, |checkpoint| checkpoint.state.version().incarnation.value());
        for _ in 0..ATTEMPTS {
            let seen = self.incarnations.find(&[key(ispb)]).await?;
            let raised = raise(seen.as_ref(), self.regions.name(), epoch)?.max(least.saturating_add(1));
            let number = i32::try_from(raised)
                .map_err(|_| Error::Damaged(format!("the incarnations of {ispb} are used up")))?;
            let columns = vec![number.into(), self.regions.name().into(), epoch.into()];
            let token = seen.and_then(|seen| seen.token);
            match self.incarnations.swap(&[key(ispb)], columns, token).await? {
                Swap::Done(_) => return Ok(Incarnation::new(raised)),
                Swap::Lost => {}
            }
        }
        Err(contended("incarnation", &ispb.to_string()))
    }

    /// As [`Journal::participants`](pix_stream_ports::journal::Journal::participants).
    ///
    /// # Errors
    /// The store failed, or a record is damaged.
    pub async fn participants(&self) -> Result<Vec<Participant>, Error> {
        let shards = (0..SHARDS).map(|shard| self.shard(shard));
        let shards = futures_util::future::try_join_all(shards).await?;
        let mut all: Vec<Participant> = shards.into_iter().flatten().collect();
        all.sort_unstable_by_key(|participant| participant.ispb);
        Ok(all)
    }

    async fn shard(&self, shard: u8) -> Result<Vec<Participant>, Error> {
        let rows = self.ask(&self.all_participants, vec![i32::from(shard).into()]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let ispb = row.text("ispb").map_err(store_error)?.unwrap_or_default();
            let damaged = || Error::Damaged(format!("the record of participant {ispb}"));
            let ispb: Ispb = ispb.parse().map_err(|_| damaged())?;
            let revision = row.bigint("revision").map_err(store_error)?;
            // Where only a fence was written there is nobody yet.
            let Some(body) = row.blob("body").map_err(store_error)? else { continue };
            let revision = revision.and_then(|n| u64::try_from(n).ok()).ok_or_else(damaged)?;
            found.push(bodies::decode_participant(ispb, revision, &body).ok_or_else(damaged)?);
        }
        Ok(found)
    }

    /// As [`Journal::save_participant`](pix_stream_ports::journal::Journal::save_participant).
    ///
    /// # Errors
    /// The store failed; or it is not known whether it was saved, since somebody else changed it after.
    pub async fn save_participant(&self, participant: Participant) -> Result<bool, Error> {
        let Participant { ispb, revision, .. } = participant;
        let shard = i32::from(shard_of(ispb));
        let body = bodies::encode_participant(&participant);
        save(&self.participants, &[shard.into(), key(ispb)], (revision, body)).await
    }

    /// As [`Journal::load_switches`](pix_stream_ports::journal::Journal::load_switches).
    ///
    /// # Errors
    /// The store failed, or the record is damaged.
    pub async fn load_switches(&self) -> Result<Switches, Error> {
        let rows = self.ask(&self.load_switches, vec![SWITCHES_ID.into()]).await?;
        let Some(row) = rows.first() else { return Ok(Switches::default()) };
        let revision = row.bigint("revision").map_err(store_error)?;
        let Some(body) = row.blob("body").map_err(store_error)? else { return Ok(Switches::default()) };
        let revision = revision.and_then(|n| u64::try_from(n).ok());
        let switches = revision.and_then(|revision| bodies::decode_switches(revision, &body));
        switches.ok_or_else(|| Error::Damaged("the record of switches".to_owned()))
    }

    /// As [`Journal::save_switches`](pix_stream_ports::journal::Journal::save_switches).
    ///
    /// # Errors
    /// The store failed; or it is not known whether they were saved, since somebody else changed them after.
    pub async fn save_switches(&self, switches: Switches) -> Result<bool, Error> {
        let body = bodies::encode_switches(&switches);
        save(&self.switches, &[SWITCHES_ID.into()], (switches.revision, body)).await
    }

    async fn ask(&self, statement: &Statement, values: Vec<Value>) -> Result<Rows, Error> {
        let options = Options::new(Consistency::LocalQuorum);
        self.session.execute(statement, values, &options).await.map_err(store_error)
    }
}

/// Saves a body whose stored revision is the one before. `false`: it is another.
async fn save(register: &Register, key: &[Value], (revision, body): (u64, Vec<u8>)) -> Result<bool, Error> {
    let Ok(column) = i64::try_from(revision) else { return Ok(false) };
    for _ in 0..ATTEMPTS {
        let seen = register.find(key).await?;
        let stored = match &seen {
            Some(Seen { row, .. }) => row.bigint("revision").map_err(store_error)?.unwrap_or(0),
            None => 0,
        };
        if stored.checked_add(1) != Some(column) {
            return Ok(false);
        }
        let columns = vec![column.into(), Value::from(body.clone())];
        match register.swap(key, columns, seen.and_then(|seen| seen.token)).await? {
            Swap::Done(_) => return Ok(true),
            // A fence may have come between, which changes no revision: look again.
            Swap::Lost => {}
        }
    }
    Err(contended("record", "of a participant or of switches"))
}

/// The incarnation after the one that is stored.
fn raise(seen: Option<&Seen>, region: &str, epoch: i32) -> Result<u32, Error> {
    let Some(Seen { row, .. }) = seen else { return Ok(1) };
    let stored = row.int("incarnation").map_err(store_error)?.and_then(|n| u32::try_from(n).ok());
    let Some(stored) = stored else { return Ok(1) };
    let raised_here = row.text("region").map_err(store_error)?.as_deref() == Some(region)
        && row.int("epoch").map_err(store_error)? == Some(epoch);
    Ok(stored.saturating_add(if raised_here { 1 } else { REGION_STRIDE }))
}

/// The timestamp with which a checkpoint of this version is written.
fn timestamp(version: Version) -> Result<i64, Error> {
    let Version { incarnation, counter } = version;
    let high = i64::from(incarnation.value());
    let low = i64::try_from(counter).ok().filter(|low| *low < 1 << COUNTER_BITS);
    let fits = high < 1 << (i64::BITS - 1 - COUNTER_BITS);
    low.filter(|_| fits).map(|low| high << COUNTER_BITS | low).ok_or_else(|| {
        Error::Damaged(format!("version {version:?} does not fit the timestamp of a checkpoint"))
    })
}

fn shard_of(ispb: Ispb) -> u8 {
    let bytes: &[u8; ispb::LEN] = ispb.as_bytes();
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte)) % SHARDS
}

fn contended(what: &str, of: &str) -> Error {
    Error::Unavailable(format!("too many others change the {what} {of} at the same time"))
}

fn key(ispb: Ispb) -> Value {
    Value::from(ispb.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(incarnation: u32, counter: u64) -> Version {
        Version { incarnation: Incarnation::new(incarnation), counter }
    }

    #[test]
    fn timestamps_are_ordered_as_versions_are() {
        let versions = [
            version(0, 0),
            version(0, 1),
            version(1, 0),
            version(1, (1 << 40) - 1),
            version(2, 0),
            version((1 << 23) - 1, 5),
        ];
        let stamps: Vec<i64> = versions.iter().map(|version| timestamp(*version).unwrap()).collect();
        assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
    }

    #[test]
    fn a_version_that_would_wrap_is_refused() {
        assert!(timestamp(version(1, 1 << 40)).is_err());
        assert!(timestamp(version(1 << 23, 0)).is_err());
    }

    #[test]
    fn participants_are_spread_over_all_shards() {
        let shards: std::collections::BTreeSet<u8> =
            (0..1000).map(|n| shard_of(format!("{n:08}").parse().unwrap())).collect();
        assert_eq!(shards.len(), usize::from(SHARDS));
    }
}
