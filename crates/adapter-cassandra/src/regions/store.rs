//! The tables of regions: reading and writing of rows, owners and take-overs. Decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use pix_stream_cql::{Consistency, Options, Row as Columns, Rows, Serial, Session, Statement, Value};
use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;

use super::claims::{Owner, Row};
use super::takeovers::{Record, RecordState};
use crate::fault::store_error;
use crate::register::{Register, Seen, Swap, Token};

/// The one partition of owners.
const OWNERS_ID: i32 = 0;

/// How often a take-over is written again because another node was faster.
const RECORD_ATTEMPTS: u32 = 8;

/// The tables of one keyspace.
pub(super) struct Store {
    session: Session,
    regions: Register,
    owners: Register,
    takeovers: Register,
    assign: Statement,
    region: Statement,
    all_owners: Statement,
    records: Statement,
    replication: Statement,
    keyspace: String,
}

/// The owners at some version of them.
#[derive(Clone, Default)]
pub(super) struct Owners {
    pub(super) all: Arc<BTreeMap<Ispb, Owner>>,
    version: i64,
    token: Option<Token>,
}

impl Store {
    pub(super) fn new(session: &Session, keyspace: &str, entropy: &Arc<dyn Entropy>) -> Self {
        let register = |serial, table: &str, columns: (&[&str], &[&str])| {
            Register::new(session, entropy, serial, &format!("{keyspace}.{table}"), columns)
        };
        let region: (&[&str], &[&str]) = (&["region"], &["place", "epoch", "holder", "waits", "renewed_at"]);
        let owners = register(Serial::Global, "pix_owners", (&["id"], &["version"]));
        let insert = format!(
            "INSERT INTO {keyspace}.pix_owners (id, ispb, region, epoch, settled) VALUES (?, ?, ?, ?, ?)"
        );
        Self {
            session: session.clone(),
            regions: register(Serial::Global, "pix_regions", region),
            assign: owners.batch(&[insert]),
            owners,
            takeovers: register(Serial::Local, "pix_takeovers", (&["taker", "region"], &["epoch", "state"])),
            region: Statement::new(format!(
                "SELECT place, epoch, holder, waits, renewed_at, writer FROM {keyspace}.pix_regions WHERE region = ?"
            )),
            all_owners: Statement::new(format!(
                "SELECT ispb, region, epoch, settled FROM {keyspace}.pix_owners WHERE id = ?"
            )),
            records: Statement::new(format!(
                "SELECT region, epoch, state FROM {keyspace}.pix_takeovers WHERE taker = ?"
            )),
            replication: Statement::new(
                "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?",
            ),
            keyspace: keyspace.to_owned(),
        }
    }

    /// How many data centres hold copies.
    pub(super) async fn count_datacenters(&self) -> Result<usize, Error> {
        let options = Options::new(Consistency::LocalOne);
        let rows = self.ask(&self.replication, vec![self.keyspace.as_str().into()], &options).await?;
        let map = rows.first().map_or(Ok(None), |row| row.blob("replication")).map_err(store_error)?;
        // A map of texts starts with the number of its entries, one of which is the strategy's name.
        let entries = map.and_then(|map| map.first_chunk().map(|count| i32::from_be_bytes(*count)));
        let entries = entries.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        entries.checked_sub(1).ok_or_else(|| Error::Damaged("the replication of the keyspace".to_owned()))
    }

    /// The row of a region, as everybody agreed on it last.
    pub(super) async fn find_row(&self, region: &str) -> Result<Option<(Row, i32)>, Error> {
        let Some(Seen { row, token }) = self.regions.find(&[region.into()]).await? else { return Ok(None) };
        token.and_then(|token| read_row(region, &row, token).transpose()).transpose()
    }

    /// The row of a region as plain copies have it.
    pub(super) async fn find_copy(
        &self,
        region: &str,
        consistency: Consistency,
    ) -> Result<Option<Row>, Error> {
        let rows = self.ask(&self.region, vec![region.into()], &Options::new(consistency)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let token = row.blob("writer").map_err(store_error)?;
        let Some(token) = token.and_then(|token| Token::try_from(&*token).ok()) else { return Ok(None) };
        Ok(read_row(region, &row, token)?.map(|(row, _)| row))
    }

    /// Makes the row of a region that has none, or a fence alone. The region holds its own participants at first.
    pub(super) async fn make_row(&self, region: &str, place: i32) -> Result<(), Error> {
        let token = self.regions.find(&[region.into()]).await?.and_then(|seen| seen.token);
        if self.find_row(region).await?.is_some() {
            return Ok(());
        }
        let columns = vec![place.into(), 1.into(), region.into(), false.into(), Value::Null];
        self.regions.swap(&[region.into()], columns, token).await.map(drop)
    }

    /// Writes a row over the one with the beat `seen`. The new one has a beat of its own.
    pub(super) async fn write_row(
        &self,
        next: &Row,
        (place, renewed_at): (i32, Option<i64>),
        seen: Token,
    ) -> Result<Option<Token>, Error> {
        let columns = vec![
            place.into(),
            number(next.epoch)?,
            Value::from(&*next.holder),
            next.waits.into(),
            renewed_at.into(),
        ];
        match self.regions.swap(&[Value::from(&*next.region)], columns, Some(seen)).await? {
            Swap::Done(token) => Ok(Some(token)),
            Swap::Lost => Ok(None),
        }
    }

    /// The owners, if they are not `known`, at the level that is asked for where all have to have them.
    pub(super) async fn load_owners(&self, known: &Owners, options: &Options) -> Result<Owners, Error> {
        let Some(Seen { row, token }) = self.owners.find(&[OWNERS_ID.into()]).await? else {
            return Ok(Owners::default());
        };
        let version = row.bigint("version").map_err(store_error)?.unwrap_or(0);
        if version == known.version && token.is_some() && token == known.token {
            return Ok(known.clone());
        }
        let all = self.load_owner_rows(options).await?;
        Ok(Owners { all: Arc::new(all), version, token })
    }

    /// The owners as the copies of a level have them.
    pub(super) async fn load_owner_rows(&self, options: &Options) -> Result<BTreeMap<Ispb, Owner>, Error> {
        let rows = self.ask(&self.all_owners, vec![OWNERS_ID.into()], options).await?;
        let mut all = BTreeMap::new();
        for row in &rows {
            all.extend(read_owner(row)?);
        }
        Ok(all)
    }

    /// Sets the owner of a participant, if nobody changed any since `known` was read.
    pub(super) async fn write_owner(&self, known: &Owners, ispb: Ispb, owner: &Owner) -> Result<bool, Error> {
        let others = vec![
            OWNERS_ID.into(),
            Value::from(ispb.to_string()),
            owner.region.as_deref().into(),
            number(owner.epoch)?,
            owner.settled.into(),
        ];
        let columns = vec![Value::from(known.version + 1)];
        let key = [OWNERS_ID.into()];
        let swap = self.owners.swap_batch(&self.assign, &key, (columns, others), known.token).await?;
        Ok(matches!(swap, Swap::Done(_)))
    }

    /// The take-overs that a region made.
    pub(super) async fn load_records(&self, taker: &str, options: &Options) -> Result<Vec<Record>, Error> {
        let rows = self.ask(&self.records, vec![taker.into()], options).await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            let region = row.text("region").map_err(store_error)?;
            let epoch = row.int("epoch").map_err(store_error)?.and_then(|epoch| u32::try_from(epoch).ok());
            let state = row.text("state").map_err(store_error)?;
            // Where only a fence was written there is none.
            let Some(((region, epoch), state)) = region.zip(epoch).zip(state) else { continue };
            let state = RecordState::find(&state)
                .ok_or_else(|| Error::Damaged(format!("the take-over of region {region} by {taker}")))?;
            records.push(Record { taker: taker.into(), region: region.into(), epoch, state });
        }
        Ok(records)
    }

    /// Writes a take-over, in the data centre of its taker, over an earlier one, or over one of the same epoch that it
    /// may follow. Several nodes may do so at once, of the same. Returns the token with which it stands; `None`: what
    /// is there is not to be changed.
    pub(super) async fn write_record(&self, record: &Record) -> Result<Option<Token>, Error> {
        for _ in 0..RECORD_ATTEMPTS {
            let seen = self.takeovers.find(&record_key(record)).await?;
            if let Some(Seen { row, .. }) = &seen {
                let stored = i64::from(row.int("epoch").map_err(store_error)?.unwrap_or(0));
                let state = row.text("state").map_err(store_error)?;
                let state = state.and_then(|state| RecordState::find(&state));
                let epoch = i64::from(record.epoch);
                let may_follow = state.is_none_or(|state| record.state.may_follow(state));
                if stored > epoch || (stored == epoch && !may_follow) {
                    return Ok(None);
                }
            }
            let token = seen.and_then(|seen| seen.token);
            if let Some(token) = self.replace_record(record, token).await? {
                return Ok(Some(token));
            }
        }
        Err(Error::Unavailable("too many others write the same take-over".to_owned()))
    }

    /// Writes a take-over over the one that stands with a token. `None`: another one stands there.
    pub(super) async fn replace_record(
        &self,
        record: &Record,
        seen: Option<Token>,
    ) -> Result<Option<Token>, Error> {
        let columns = vec![number(record.epoch)?, record.state.name().into()];
        match self.takeovers.swap(&record_key(record), columns, seen).await? {
            Swap::Done(token) => Ok(Some(token)),
            Swap::Lost => Ok(None),
        }
    }

    async fn ask(&self, statement: &Statement, values: Vec<Value>, options: &Options) -> Result<Rows, Error> {
        self.session.execute(statement, values, options).await.map_err(store_error)
    }
}

fn record_key(record: &Record) -> [Value; 2] {
    [Value::from(&*record.taker), Value::from(&*record.region)]
}

/// A row and its region's place in the configured list. `None` where only a fence was written.
fn read_row(region: &str, row: &Columns, beat: Token) -> Result<Option<(Row, i32)>, Error> {
    let epoch = row.int("epoch").map_err(store_error)?.and_then(|epoch| u32::try_from(epoch).ok());
    let holder = row.text("holder").map_err(store_error)?;
    let place = row.int("place").map_err(store_error)?;
    let Some(((epoch, holder), place)) = epoch.zip(holder).zip(place) else { return Ok(None) };
    let waits = row.bool("waits").map_err(store_error)?.unwrap_or(true);
    let is_new = row.bigint("renewed_at").map_err(store_error)?.is_none();
    let row = Row { region: region.into(), epoch, holder: holder.into(), waits, is_new, beat };
    Ok(Some((row, place)))
}

fn read_owner(row: &Columns) -> Result<Option<(Ispb, Owner)>, Error> {
    let Some(ispb) = row.text("ispb").map_err(store_error)? else { return Ok(None) };
    let damaged = || Error::Damaged(format!("the owner of {ispb}"));
    let epoch = row.int("epoch").map_err(store_error)?.and_then(|epoch| u32::try_from(epoch).ok());
    let owner = Owner {
        region: row.text("region").map_err(store_error)?.map(Into::into),
        epoch: epoch.ok_or_else(damaged)?,
        settled: row.bool("settled").map_err(store_error)?.unwrap_or(false),
    };
    Ok(Some((ispb.parse().map_err(|_| damaged())?, owner)))
}

fn number(epoch: u32) -> Result<Value, Error> {
    let number = i32::try_from(epoch).map_err(|_| Error::Damaged("epochs are used up".to_owned()))?;
    Ok(number.into())
}
