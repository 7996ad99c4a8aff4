//! The archive of audit chains: blocks of lines, away from the node that wrote them. Not the audit log itself: that
//! is in files, and a shipper brings here what they hold.
//!
//! A block is written once. Whoever would change history has to change it here, too, and a block that is shipped
//! again with other lines is refused. Its end is a second write, which may be lost: the block is found then.

use std::collections::{BTreeMap, BTreeSet};

use pix_stream_cql::{Consistency, Error as Failure, Options, Row, Rows, Serial, Session, Statement, Value};
use pix_stream_domain::audit::ChainId;
use pix_stream_domain::digest::Digest;
use pix_stream_ports::audit_archive::{AuditArchive, BLOCK_BYTES_MAX, Block, End, days_behind};
use pix_stream_ports::error::Error;

use crate::fault::store_error;

/// The archive in one keyspace.
#[derive(Clone)]
pub struct CassandraAuditArchive {
    session: Session,
    ship: Statement,
    advance: Statement,
    find: Statement,
    list: Statement,
    last: Statement,
    days: Statement,
}

impl CassandraAuditArchive {
    /// Of a keyspace that was migrated.
    #[must_use]
    pub fn new(session: &Session, keyspace: &str) -> Self {
        let blocks = format!("{keyspace}.pix_audit");
        let select = format!(
            "SELECT first_index, entry_count, lines, head FROM {blocks} WHERE node = ? AND day = ? AND"
        );
        Self {
            session: session.clone(),
            ship: Statement::new(format!(
                "INSERT INTO {blocks} (node, day, first_index, entry_count, lines, head) VALUES (?, ?, ?, ?, ?, ?) \
                 IF NOT EXISTS"
            )),
            advance: Statement::new(format!(
                "INSERT INTO {keyspace}.pix_audit_heads (node, day, next_index, head) VALUES (?, ?, ?, ?) \
                 USING TIMESTAMP ?"
            ))
            .idempotent(),
            find: Statement::new(format!("{select} first_index = ?")),
            list: Statement::new(format!("{select} first_index >= ? LIMIT ?")),
            last: Statement::new(format!(
                "SELECT day, next_index, head FROM {keyspace}.pix_audit_heads WHERE node = ?"
            )),
            days: Statement::new(format!("SELECT DISTINCT node, day FROM {blocks}")),
        }
    }

    async fn ask(&self, statement: &Statement, values: Vec<Value>, options: &Options) -> Result<Rows, Error> {
        self.session.execute(statement, values, options).await.map_err(store_error)
    }

    /// What stands in a place, once whatever was being written there is settled.
    async fn find_block(&self, day: i32, place: Vec<Value>) -> Result<Option<Block>, Error> {
        let rows = self.ask(&self.find, place, &agreed()).await?;
        rows.first().map(|row| read_block(day, &row)).transpose()
    }
}

impl AuditArchive for CassandraAuditArchive {
    async fn ship(&self, chain: ChainId, block: &Block) -> Result<(), Error> {
        let node = &*chain.to_string();
        let Block { day, first_index, entries, lines, head } = block;
        if lines.len() > BLOCK_BYTES_MAX {
            return Err(Error::Damaged(format!("an audit block has more than {BLOCK_BYTES_MAX} bytes")));
        }
        let (head, first) = (Value::from(head.0.to_vec()), number(*first_index)?);
        let place = vec![node.into(), (*day).into(), Value::from(first)];
        let count = i32::try_from(*entries).unwrap_or(i32::MAX);
        let values = [place.clone(), vec![count.into(), Value::Blob(lines.clone()), head.clone()]].concat();
        let options = agreed();
        let is_new = match self.session.execute(&self.ship, values, &options).await {
            Ok(rows) => rows.applied() == Some(true),
            // It is the same block whoever asks: what stands there tells.
            Err(Failure::Unknown(_)) => false,
            Err(failure) => return Err(store_error(failure)),
        };
        if !is_new {
            match self.find_block(*day, place).await? {
                Some(stored) if stored == *block => {}
                Some(stored) if stored.entries < *entries && lines.starts_with(&stored.lines) => {
                    return Err(Error::Unavailable(format!(
                        "the first part of an audit block of {node} stands at {first_index}"
                    )));
                }
                Some(_) => {
                    return Err(Error::Damaged(format!(
                        "another audit block of {node} starts at {first_index}"
                    )));
                }
                None => {
                    return Err(Error::Unavailable("cassandra: outcome unknown: an audit block".to_owned()));
                }
            }
        }
        let next = first.saturating_add(i64::from(count));
        let values = vec![node.into(), (*day).into(), next.into(), head, next.into()];
        self.ask(&self.advance, values, &Options::new(Consistency::LocalQuorum)).await.map(drop)
    }

    async fn last(&self, chain: ChainId) -> Result<Option<End>, Error> {
        let node = &*chain.to_string();
        let options = Options::new(Consistency::LocalQuorum);
        let rows = self.ask(&self.last, vec![node.into()], &options).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let day = row.int("day").map_err(store_error)?;
        let next = row.bigint("next_index").map_err(store_error)?.and_then(|next| u64::try_from(next).ok());
        let end = day.zip(next).zip(digest(&row)?);
        let end = end.map(|((day, next_index), head)| End { day, next_index, head });
        end.map(Some).ok_or_else(|| Error::Damaged(format!("the end of the audit chain of {node}")))
    }

    async fn find_next(&self, chain: ChainId, end: Option<End>, today: i32) -> Result<Option<Block>, Error> {
        let node = &*chain.to_string();
        let first = number(end.map_or(1, |end| end.next_index))?;
        for day in days_behind(end, today) {
            let block = self.find_block(day, vec![node.into(), day.into(), first.into()]).await?;
            if block.is_some() {
                return Ok(block);
            }
        }
        Ok(None)
    }

    async fn read(&self, chain: ChainId, (day, from): (i32, u64), limit: u32) -> Result<Vec<Block>, Error> {
        let node = &*chain.to_string();
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let values = vec![node.into(), day.into(), number(from)?.into(), limit.into()];
        let rows = self.ask(&self.list, values, &Options::new(Consistency::LocalQuorum)).await?;
        rows.iter().map(|row| read_block(day, row)).collect()
    }

    async fn chains(&self) -> Result<Vec<(ChainId, Vec<i32>)>, Error> {
        let mut chains: BTreeMap<ChainId, BTreeSet<i32>> = BTreeMap::new();
        let options = Options::new(Consistency::LocalQuorum);
        for row in &self.ask(&self.days, Vec::new(), &options).await? {
            let name = row.text("node").map_err(store_error)?;
            let day = row.int("day").map_err(store_error)?;
            // What other tools put there is no chain of ours.
            let Some((Ok(chain), day)) = name.map(|name| name.parse()).zip(day) else { continue };
            chains.entry(chain).or_default().insert(day);
        }
        Ok(chains.into_iter().map(|(chain, days)| (chain, days.into_iter().collect())).collect())
    }
}

fn agreed() -> Options {
    Options::new(Consistency::LocalQuorum).serial(Serial::Local)
}

fn read_block(day: i32, row: &Row) -> Result<Block, Error> {
    let damaged = || Error::Damaged("an audit block".to_owned());
    let first = row.bigint("first_index").map_err(store_error)?.and_then(|first| u64::try_from(first).ok());
    let entries =
        row.int("entry_count").map_err(store_error)?.and_then(|entries| u32::try_from(entries).ok());
    Ok(Block {
        day,
        first_index: first.ok_or_else(damaged)?,
        entries: entries.ok_or_else(damaged)?,
        lines: row.blob("lines").map_err(store_error)?.unwrap_or_default(),
        head: digest(row)?.ok_or_else(damaged)?,
    })
}

fn digest(row: &Row) -> Result<Option<Digest>, Error> {
    let head = row.blob("head").map_err(store_error)?;
    Ok(head.and_then(|head| <[u8; 32]>::try_from(&*head).ok()).map(Digest))
}

fn number(index: u64) -> Result<i64, Error> {
    i64::try_from(index).map_err(|_| Error::Damaged("an audit index is beyond what is kept".to_owned()))
}
