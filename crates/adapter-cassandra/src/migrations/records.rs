//! What is recorded of each migration: how far it got, and the checksum with which it began.

use std::collections::BTreeMap;

use pix_stream_cql::{Consistency, Options, Row, Session, Statement, Value};
use pix_stream_domain::time::Timestamp;

use super::Error;
use super::files::Migration;
use super::lease::Lease;

/// A row of `pix_migrations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) checksum: Vec<u8>,
    pub(super) statements_done: usize,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) run_by: String,
}

/// All records, by number.
pub(super) type Records = BTreeMap<i32, Record>;

pub(super) async fn load(
    session: &Session,
    keyspace: &str,
    consistency: Consistency,
) -> Result<Records, Error> {
    let statement = Statement::new(format!(
        "SELECT number, name, checksum, statements_done, finished_at, run_by FROM {keyspace}.pix_migrations"
    ));
    let rows = session.execute(&statement, Vec::new(), &Options::new(consistency)).await?;
    let mut records = Records::new();
    for row in &rows {
        if let (Some(number), Some(record)) = (row.int("number")?, read(row)?) {
            records.insert(number, record);
        }
    }
    Ok(records)
}

fn read(row: &Row) -> Result<Option<Record>, Error> {
    let Some(checksum) = row.blob("checksum")? else { return Ok(None) };
    let finished_at = row.bigint("finished_at")?.and_then(|millis| u64::try_from(millis).ok());
    Ok(Some(Record {
        name: row.text("name")?.unwrap_or_default(),
        checksum: checksum.to_vec(),
        statements_done: row.int("statements_done")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        finished_at: finished_at.map(Timestamp::from_unix_millis),
        run_by: row.text("run_by")?.unwrap_or_default(),
    }))
}

/// Writes records, for whoever holds the lock. Times are the cluster's.
pub(super) struct Writer<'a> {
    session: &'a Session,
    lease: Lease,
    begin: Statement,
    step: Statement,
    finish: Statement,
}

impl<'a> Writer<'a> {
    pub(super) fn new(session: &'a Session, keyspace: &str, lease: Lease) -> Self {
        let table = format!("{keyspace}.pix_migrations");
        let write = |text: String| Statement::new(text).idempotent();
        Self {
            session,
            lease,
            begin: write(format!(
                "INSERT INTO {table} (number, name, checksum, run_by, statements_done, started_at) \
                 VALUES (?, ?, ?, ?, 0, toTimestamp(now()))"
            )),
            step: write(format!("UPDATE {table} SET statements_done = ? WHERE number = ?")),
            finish: write(format!("UPDATE {table} SET finished_at = toTimestamp(now()) WHERE number = ?")),
        }
    }

    pub(super) async fn begin(&self, migration: &Migration, run_by: &str) -> Result<(), Error> {
        let checksum = Value::from(migration.checksum().0.to_vec());
        let values = vec![migration.number.into(), migration.name.into(), checksum, run_by.into()];
        self.write(&self.begin, values).await
    }

    pub(super) async fn step(&self, migration: &Migration, done: usize) -> Result<(), Error> {
        let done = i32::try_from(done).unwrap_or(i32::MAX);
        self.write(&self.step, vec![done.into(), migration.number.into()]).await
    }

    pub(super) async fn finish(&self, migration: &Migration) -> Result<(), Error> {
        self.write(&self.finish, vec![migration.number.into()]).await
    }

    /// On most copies of every data centre, so that servers of each find it among their own.
    async fn write(&self, statement: &Statement, values: Vec<Value>) -> Result<(), Error> {
        let options = Options::new(Consistency::EachQuorum).timeout(self.lease.record());
        self.session.execute(statement, values, &options).await?;
        Ok(())
    }
}
