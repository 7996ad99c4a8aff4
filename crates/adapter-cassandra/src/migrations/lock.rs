//! Who migrates now: a row by serial writes that expires with its holder's lease, by Cassandra's own clock.

use std::time::Duration;

use pix_stream_cql::{Consistency, Error as Failure, Options, Rows, Serial, Session, Statement, Value};
use tokio::time::Instant;

use super::Error;

/// The one row.
const ID: i32 = 0;
/// How long is waited between two attempts to take it.
const PAUSE: Duration = Duration::from_millis(250);

/// The lock, held. It is not released when this is dropped: then it expires.
pub(super) struct Lock<'a> {
    session: &'a Session,
    owner: Vec<u8>,
    run_by: &'a str,
    life: i32,
    keep: Statement,
    release: Statement,
}

/// Whose lock, and for how long each time.
pub(super) struct Terms<'a> {
    pub(super) keyspace: &'a str,
    pub(super) run_by: &'a str,
    pub(super) lease: Duration,
    pub(super) wait_max: Duration,
}

impl<'a> Lock<'a> {
    /// Takes the lock, or waits until whoever holds it is done or its lease is over. `on_wait` hears who holds it.
    pub(super) async fn take(
        session: &'a Session,
        terms: &Terms<'a>,
        mut on_wait: impl FnMut(&str),
    ) -> Result<Self, Error> {
        let table = format!("{}.pix_migration_lock", terms.keyspace);
        let take = Statement::new(format!(
            "INSERT INTO {table} (id, owner, run_by) VALUES (?, ?, ?) IF NOT EXISTS USING TTL ?"
        ));
        let lock = Self {
            session,
            owner: new_owner(session).await?,
            run_by: terms.run_by,
            life: i32::try_from(terms.lease.as_secs().max(1)).unwrap_or(i32::MAX),
            keep: Statement::new(format!(
                "UPDATE {table} USING TTL ? SET owner = ?, run_by = ? WHERE id = ? IF owner = ?"
            )),
            release: Statement::new(format!("DELETE FROM {table} WHERE id = ? IF owner = ?")),
        };
        let end = Instant::now() + terms.wait_max;
        let mut last_holder = None;
        loop {
            let holder = match lock.try_take(&take).await {
                Ok(None) => return Ok(lock),
                Ok(Some(holder)) => holder,
                // Should it land later, the next attempt finds our own owner there.
                Err(Failure::Unknown(why)) => format!("nobody knows: {why}"),
                Err(failure) => return Err(failure.into()),
            };
            if Instant::now() >= end {
                return Err(Error::Locked { by: holder });
            }
            if last_holder.as_ref() != Some(&holder) {
                on_wait(&holder);
                last_holder = Some(holder);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Starts the lease anew.
    pub(super) async fn renew(&self) -> Result<(), Error> {
        let owner = Value::from(self.owner.clone());
        let values = vec![self.life.into(), owner.clone(), self.run_by.into(), ID.into(), owner];
        let rows = match self.execute(&self.keep, values).await {
            // Only we could have changed what is ours; the next renewal, or the end of the lease, decides.
            Err(Failure::Unknown(_)) => return Ok(()),
            other => other?,
        };
        if rows.applied() == Some(true) { Ok(()) } else { Err(Error::LockLost) }
    }

    /// Lets the next one in. Should this fail, the lease lets it in.
    pub(super) async fn release(self) {
        let values = vec![ID.into(), Value::from(self.owner.clone())];
        if let Err(failure) = self.execute(&self.release, values).await {
            tracing::warn!(%failure, "the lock of migrations was not released; it expires");
        }
    }

    /// `None`: it is ours; otherwise, who holds it.
    async fn try_take(&self, take: &Statement) -> Result<Option<String>, Failure> {
        let values = vec![ID.into(), Value::from(self.owner.clone()), self.run_by.into(), self.life.into()];
        let rows = self.execute(take, values).await?;
        let Some(row) = rows.first().filter(|_| rows.applied() != Some(true)) else { return Ok(None) };
        if row.blob("owner")?.is_some_and(|owner| *owner == *self.owner) {
            return Ok(None);
        }
        Ok(Some(row.text("run_by")?.unwrap_or_default()))
    }

    async fn execute(&self, statement: &Statement, values: Vec<Value>) -> Result<Rows, Failure> {
        let options = Options::new(Consistency::Quorum).serial(Serial::Global);
        self.session.execute(statement, values, &options).await
    }
}

/// A name that nobody else has. The cluster draws it, so that a migration needs no entropy of its own.
async fn new_owner(session: &Session) -> Result<Vec<u8>, Error> {
    let draw = Statement::new("SELECT uuid() AS owner FROM system.local");
    let rows = session.execute(&draw, Vec::new(), &Options::new(Consistency::LocalOne)).await?;
    let owner = rows.first().map(|row| row.uuid("owner")).transpose()?.flatten();
    Ok(owner.ok_or_else(|| Error::Damaged("uuid() gave nothing".to_owned()))?.to_vec())
}
