//! The Quarantine in one partition of Cassandra: every change is one conditional batch, so that the limits hold and
//! the same bytes are kept once, whoever puts them away at the same time.
//!
//! That order has a price: changes come one after the other, less than a hundred a second. And it has a bound: 100,000
//! entries make a partition of some 80 MB, which is what Cassandra bears well; keep `[quarantine] entries` there.

mod rows;
mod turn;

use std::sync::Arc;

use bytes::Bytes;
use pix_stream_cql::{Consistency, Options, Row, Rows, Serial, Session, Statement, Value};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::entropy::Entropy;
use pix_stream_ports::error::Error;
use pix_stream_ports::quarantine::{Entry, EntryId, Limits, Put, Quarantine, Summary, Usage};

use crate::fault::store_error;
use crate::register::{Register, Swap, Token};
use turn::Turns;

/// Entries that one batch removes.
const REMOVED_AT_ONCE: usize = 32;
/// Entries of one page of a list.
const PAGE: usize = 100;

/// The quarantine of one keyspace. Clones share it.
#[derive(Clone)]
pub struct CassandraQuarantine(Arc<Inner>);

struct Inner {
    session: Session,
    totals: Register,
    texts: Texts,
    /// Changes of this node come one after the other; only other nodes can be faster.
    turns: Turns,
}

struct Texts {
    put: Statement,
    count: Statement,
    remove: Statement,
    remove_many: Statement,
    row: Statement,
    entries: Statement,
    entries_by_key: Statement,
    keys: Statement,
    find_body: Statement,
    put_body: Statement,
    remove_body: Statement,
}

/// How much there is, below what no entry stands, and the token that says that it is so.
#[derive(Debug, Clone, Default)]
struct Totals {
    usage: Usage,
    oldest: Option<String>,
    token: Option<Token>,
}

impl CassandraQuarantine {
    /// Of a keyspace that was migrated.
    #[must_use]
    pub fn new(session: &Session, keyspace: &str, entropy: &Arc<dyn Entropy>) -> Self {
        let table = format!("{keyspace}.pix_quarantine");
        let columns: (&[&str], &[&str]) = (&["id"], &["entry_count", "byte_count", "oldest"]);
        let totals = Register::new(session, entropy, Serial::Global, &table, columns);
        let texts = Texts::new(keyspace, &totals);
        Self(Arc::new(Inner { session: session.clone(), totals, texts, turns: Turns::default() }))
    }
}

impl Texts {
    fn new(keyspace: &str, totals: &Register) -> Self {
        let table = format!("{keyspace}.pix_quarantine");
        let bodies = format!("{keyspace}.pix_quarantine_bodies");
        let insert = format!("INSERT INTO {table} (id, key, body) VALUES (?, ?, ?)");
        let delete = format!("DELETE FROM {table} WHERE id = ? AND key = ?");
        let of_one =
            |what: &str| Statement::new(format!("SELECT {what} FROM {table} WHERE id = ? AND key = ?"));
        let range = "WHERE id = ? AND key > ? AND key < ? LIMIT ?";
        Self {
            put: totals.batch(&vec![insert.clone(); 3]),
            count: totals.batch(&[insert]),
            remove: totals.batch(&vec![delete.clone(); 3]),
            remove_many: totals.batch(&vec![delete; 3 * REMOVED_AT_ONCE]),
            row: of_one("key, body"),
            entries: Statement::new(format!("SELECT key, body FROM {table} {range}")),
            entries_by_key: Statement::new(format!(
                "SELECT key, body FROM {table} WHERE id = ? AND key IN ?"
            )),
            keys: Statement::new(format!("SELECT key FROM {table} {range}")),
            find_body: Statement::new(format!("SELECT xml FROM {bodies} WHERE entry = ?")),
            put_body: Statement::new(format!("INSERT INTO {bodies} (entry, xml) VALUES (?, ?)")).idempotent(),
            remove_body: Statement::new(format!("DELETE FROM {bodies} WHERE entry = ?")).idempotent(),
        }
    }
}

impl Inner {
    async fn read(&self, statement: &Statement, values: Vec<Value>) -> Result<Rows, Error> {
        let options = Options::new(Consistency::LocalQuorum);
        self.session.execute(statement, values, &options).await.map_err(store_error)
    }

    /// As [`Inner::read`], and sees every change that was ever answered.
    async fn read_serial(&self, statement: &Statement, values: Vec<Value>) -> Result<Rows, Error> {
        let options = Options::new(Consistency::LocalQuorum).serial(Serial::Global);
        self.session.execute(statement, values, &options).await.map_err(store_error)
    }

    async fn load_totals(&self) -> Result<Totals, Error> {
        let Some(seen) = self.totals.find(&[rows::ID.into()]).await? else { return Ok(Totals::default()) };
        let count = |column| {
            let count = seen.row.bigint(column).map_err(store_error)?;
            Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
        };
        let usage = Usage { entries: count("entry_count")?, bytes: count("byte_count")? };
        Ok(Totals { usage, oldest: seen.row.text("oldest").map_err(store_error)?, token: seen.token })
    }

    /// Changes the totals and rows of `others` at once, if nothing changed since the totals were read.
    async fn change(&self, batch: &Statement, (totals, others): (Totals, Vec<Value>)) -> Result<Swap, Error> {
        let Totals { usage, oldest, token } = totals;
        let count = |count: u64| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
        let columns = vec![count(usage.entries), count(usage.bytes), oldest.into()];
        self.totals.swap_batch(batch, &[rows::ID.into()], (columns, others), token).await
    }

    /// A row of the partition.
    async fn find_row(&self, key: &str) -> Result<Option<Bytes>, Error> {
        let rows = self.read_serial(&self.texts.row, vec![rows::ID.into(), key.into()]).await?;
        rows.first().map_or(Ok(None), |row| row.blob("body")).map_err(store_error)
    }

    /// Decides where an entry whose bytes are stored belongs. `None`: something changed since.
    async fn put_once(&self, entry: &Entry, digest: Digest, limits: Limits) -> Result<Option<Put>, Error> {
        let Entry { summary, xml } = entry;
        let mut totals = self.load_totals().await?;
        let content = rows::content_key(summary.ispb, digest);
        if let Some(known) = self.find_row(&content).await? {
            let key = String::from_utf8_lossy(&known).into_owned();
            return self.count_attempt(&key, totals).await;
        }
        let Usage { entries, bytes } = totals.usage;
        let next = Usage { entries: entries + 1, bytes: bytes.saturating_add(xml.len() as u64) };
        if next.entries > limits.entries || next.bytes > limits.bytes {
            return Ok(Some(Put::Full));
        }
        let key = rows::entry_key(summary.id);
        totals.usage = next;
        // Clocks of nodes differ: this may be older than what was removed last.
        totals.oldest = totals.oldest.filter(|oldest| *oldest < key).or_else(|| Some(before(&key)));
        let row = |key: String, body: Value| [rows::ID.into(), key.into(), body];
        let others = [
            row(key.clone(), rows::encode(summary, digest)),
            row(content, Value::from(key.into_bytes())),
            row(rows::participant_key(summary.ispb, summary.id), Value::from(Vec::<u8>::new())),
        ];
        let swap = self.change(&self.texts.put, (totals, others.concat())).await?;
        Ok(matches!(swap, Swap::Done(_)).then_some(Put::New))
    }

    /// Counts one attempt more of an entry.
    async fn count_attempt(&self, key: &str, totals: Totals) -> Result<Option<Put>, Error> {
        let damaged = || Error::Damaged("an entry of the quarantine".to_owned());
        let Some(body) = self.find_row(key).await? else { return Ok(None) };
        let (mut summary, digest) = rows::decode(key, &body).ok_or_else(damaged)?;
        summary.attempts = summary.attempts.saturating_add(1);
        let others = vec![rows::ID.into(), key.into(), rows::encode(&summary, digest)];
        let swap = self.change(&self.texts.count, (totals, others)).await?;
        Ok(matches!(swap, Swap::Done(_)).then_some(Put::Known(summary.id)))
    }

    /// Removes entries whose rows were read after `totals`. `None`: something changed since.
    async fn remove_all(&self, mut totals: Totals, found: &[(Summary, Digest)]) -> Result<Option<()>, Error> {
        let freed: u64 = found.iter().map(|(summary, _)| u64::from(summary.bytes)).sum();
        totals.usage.entries = totals.usage.entries.saturating_sub(found.len() as u64);
        totals.usage.bytes = totals.usage.bytes.saturating_sub(freed);
        let mut keys: Vec<String> = Vec::with_capacity(3 * REMOVED_AT_ONCE);
        for (summary, digest) in found {
            let Summary { id, ispb, .. } = *summary;
            keys.extend([
                rows::entry_key(id),
                rows::content_key(ispb, *digest),
                rows::participant_key(ispb, id),
            ]);
        }
        let batch = if found.len() == 1 { &self.texts.remove } else { &self.texts.remove_many };
        // A batch has a fixed number of statements; one too many deletes what is deleted already.
        let missing = if found.len() == 1 { 0 } else { 3 * REMOVED_AT_ONCE - keys.len() };
        keys.extend(std::iter::repeat_n(keys.last().cloned().unwrap_or_default(), missing));
        let others = keys.into_iter().flat_map(|key| [rows::ID.into(), Value::from(key)]).collect();
        match self.change(batch, (totals, others)).await? {
            Swap::Lost => return Ok(None),
            Swap::Done(_) => {}
        }
        self.remove_bodies(found.iter().map(|(summary, _)| rows::entry_key(summary.id))).await;
        Ok(Some(()))
    }

    /// Removes bytes that belong to no entry.
    async fn remove_bodies(&self, keys: impl IntoIterator<Item = String>) {
        let bodies = keys.into_iter().map(|key| self.read(&self.texts.remove_body, vec![key.into()]));
        // What is left behind is never read.
        for left in futures_util::future::join_all(bodies).await.into_iter().filter_map(Result::err) {
            tracing::warn!(error = %left, "the bytes of a removed quarantine entry were not removed");
        }
    }

    /// Entries between two keys, neither included.
    async fn range(&self, start: &str, end: &str, limit: usize) -> Result<Vec<(Summary, Digest)>, Error> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let values = vec![rows::ID.into(), start.into(), end.into(), limit.into()];
        let rows = self.read_serial(&self.texts.entries, values).await?;
        rows.iter().map(entry).collect()
    }

    /// One page of a participant's entries.
    async fn page_of(
        &self,
        (start, end): (&str, &str),
        limit: usize,
    ) -> Result<Vec<(Summary, Digest)>, Error> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let values = vec![rows::ID.into(), start.into(), end.into(), limit.into()];
        let keys = self.read(&self.texts.keys, values).await?;
        let mut entries = Vec::with_capacity(keys.len());
        for row in &keys {
            let key = row.text("key").map_err(store_error)?.unwrap_or_default();
            entries.extend(rows::entry_of_participant(&key));
        }
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.read(&self.texts.entries_by_key, vec![rows::ID.into(), entries.into()]).await?;
        rows.iter().map(entry).collect()
    }
}

impl Quarantine for CassandraQuarantine {
    async fn put(&self, entry: Entry, limits: Limits) -> Result<Put, Error> {
        let digest = Digest::of(&entry.xml);
        let mut turn = self.0.turns.wait().await;
        // Not between reading the totals and changing them: the shorter that takes, the fewer come between.
        let key = rows::entry_key(entry.summary.id);
        let body = vec![key.as_str().into(), Value::Blob(entry.xml.clone())];
        self.0.read(&self.0.texts.put_body, body).await?;
        while turn.try_again() {
            let Some(put) = self.0.put_once(&entry, digest, limits).await? else { continue };
            turn.end();
            drop(turn);
            if put != Put::New && put != Put::Known(entry.summary.id) {
                self.0.remove_bodies([key]).await;
            }
            return Ok(put);
        }
        Err(contended())
    }

    async fn list(
        &self,
        ispb: Option<Ispb>,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<Vec<Summary>, Error> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found: Vec<Summary> = Vec::new();
        let mut last = after;
        // Where there is nobody's entry in front, deleted ones are not gone through.
        let oldest = self.0.load_totals().await?.oldest.unwrap_or_else(|| rows::ENTRIES.0.to_owned());
        while found.len() < limit {
            let wanted = PAGE.min(limit - found.len());
            let page = match ispb {
                None => {
                    let start = last.map_or_else(|| oldest.clone(), rows::entry_key).max(oldest.clone());
                    self.0.range(&start, rows::ENTRIES.1, wanted).await?
                }
                Some(ispb) => {
                    let (start, end) = rows::participant_range(ispb, last);
                    self.0.page_of((&start, &end), wanted).await?
                }
            };
            let is_last = page.len() < wanted;
            found.extend(page.into_iter().map(|(summary, _)| summary));
            last = found.last().map(|summary| summary.id);
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    async fn find(&self, id: EntryId) -> Result<Option<Entry>, Error> {
        let key = rows::entry_key(id);
        let rows = self.0.read(&self.0.texts.row, vec![rows::ID.into(), key.as_str().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (summary, digest) = entry(&row)?;
        let bodies = self.0.read(&self.0.texts.find_body, vec![key.into()]).await?;
        let xml = bodies.first().map_or(Ok(None), |row| row.blob("xml")).map_err(store_error)?;
        match xml.filter(|xml| Digest::of(xml) == digest) {
            Some(xml) => Ok(Some(Entry { summary, xml })),
            // It may have been removed since its row was read.
            None if self.0.find_row(&rows::entry_key(id)).await?.is_none() => Ok(None),
            None => Err(Error::Damaged(format!("the bytes of quarantine entry {id} are missing, or others"))),
        }
    }

    async fn remove(&self, id: EntryId) -> Result<bool, Error> {
        let mut turn = self.0.turns.wait().await;
        let key = rows::entry_key(id);
        while turn.try_again() {
            let totals = self.0.load_totals().await?;
            let Some(body) = self.0.find_row(&key).await? else { return Ok(false) };
            let found = rows::decode(&key, &body)
                .ok_or_else(|| Error::Damaged(format!("entry {id} of the quarantine")))?;
            if self.0.remove_all(totals, &[found]).await?.is_some() {
                turn.end();
                return Ok(true);
            }
        }
        Err(contended())
    }

    async fn remove_before(&self, at: Timestamp, limit: u32) -> Result<u32, Error> {
        let mut turn = self.0.turns.wait().await;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut removed = 0;
        while removed < limit && turn.try_again() {
            let mut totals = self.0.load_totals().await?;
            let start = totals.oldest.clone().unwrap_or_else(|| rows::ENTRIES.0.to_owned());
            let found =
                self.0.range(&start, &rows::start_of(at), REMOVED_AT_ONCE.min(limit - removed)).await?;
            let Some((last, _)) = found.last() else { break };
            totals.oldest = Some(rows::entry_key(last.id));
            if self.0.remove_all(totals, &found).await?.is_some() {
                removed += found.len();
                turn.end();
                turn.next().await;
            }
        }
        Ok(u32::try_from(removed).unwrap_or(u32::MAX))
    }

    async fn usage(&self) -> Result<Usage, Error> {
        Ok(self.0.load_totals().await?.usage)
    }
}

/// A key that is below this one, and above all that were removed for being older than it.
fn before(key: &str) -> String {
    let mut before = key.to_owned();
    before.pop();
    before
}

fn entry(row: &Row) -> Result<(Summary, Digest), Error> {
    let key = row.text("key").map_err(store_error)?.unwrap_or_default();
    let body = row.blob("body").map_err(store_error)?.unwrap_or_default();
    rows::decode(&key, &body).ok_or_else(|| Error::Damaged(format!("entry {key} of the quarantine")))
}

fn contended() -> Error {
    Error::Unavailable("too many others change the quarantine at the same time".to_owned())
}
