//! Who migrates now: a row by serial writes that expires with its holder's lease, by Cassandra's own clock.

use std::time::Duration;

use pix_stream_cql::{Consistency, Error as Failure, Options, Rows, Serial, Session, Statement, Value};
use tokio::time::Instant;

use super::Error;
use super::lease::Lease;

/// The one row.
const ID: i32 = 0;
/// How long is waited between two attempts to take it, or to keep it.
const PAUSE: Duration = Duration::from_millis(250);

/// The lock, held. It is not released when this is dropped: then it expires.
pub(super) struct Lock<'a> {
    session: &'a Session,
    owner: Vec<u8>,
    run_by: &'a str,
    lease: Lease,
    keep: Statement,
    look: Statement,
    release: Statement,
}

/// Whose lock, and for how long each time.
pub(super) struct Terms<'a> {
    pub(super) keyspace: &'a str,
    pub(super) run_by: &'a str,
    pub(super) lease: Lease,
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
            lease: terms.lease,
            keep: Statement::new(format!(
                "UPDATE {table} USING TTL ? SET owner = ?, run_by = ? WHERE id = ? IF owner = ?"
            )),
            look: Statement::new(format!(
                "SELECT owner, TTL(owner) AS seconds_left FROM {table} WHERE id = ?"
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

    /// Starts the lease anew, so that it outlives an attempt of a change that begins now.
    pub(super) async fn renew(&self) -> Result<(), Error> {
        let end = Instant::now() + self.lease.renewal();
        loop {
            let why = match self.try_renew(half_until(end)).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(Error::LockLost),
                Err(failure @ Failure::Rejected { .. }) => return Err(failure.into()),
                Err(Failure::Unavailable(why) | Failure::Unknown(why)) => why,
            };
            // A read at SERIAL brings to its end, or prevents, what was begun. What lands later only makes the lease longer.
            match self.load_left(half_until(end)).await {
                Ok(None) => return Err(Error::LockLost),
                Ok(Some(left)) if left >= self.lease.attempt() => return Ok(()),
                Ok(Some(_)) | Err(Failure::Unavailable(_) | Failure::Unknown(_)) => {}
                Err(failure @ Failure::Rejected { .. }) => return Err(failure.into()),
            }
            if Instant::now() + PAUSE >= end {
                return Err(Failure::Unavailable(format!("the lock was not renewed in time: {why}")).into());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn try_renew(&self, limit: Duration) -> Result<bool, Failure> {
        let owner = Value::from(self.owner.clone());
        let values = vec![self.life(), owner.clone(), self.run_by.into(), ID.into(), owner];
        Ok(self.execute(&self.keep, values, limit).await?.applied() == Some(true))
    }

    /// What is left of our lease; `None` when the lock is not ours any longer.
    async fn load_left(&self, limit: Duration) -> Result<Option<Duration>, Failure> {
        let rows = self.execute(&self.look, vec![ID.into()], limit).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let is_ours = row.blob("owner")?.is_some_and(|owner| *owner == *self.owner);
        let left = row.int("seconds_left")?.and_then(|seconds| u64::try_from(seconds).ok());
        Ok(is_ours.then(|| Duration::from_secs(left.unwrap_or(0))))
    }

    /// Lets the next one in. Should this fail, the lease lets it in.
    pub(super) async fn release(self) {
        let values = vec![ID.into(), Value::from(self.owner.clone())];
        if let Err(failure) = self.execute(&self.release, values, self.lease.renewal()).await {
            tracing::warn!(%failure, "the lock of migrations was not released; it expires");
        }
    }

    /// `None`: it is ours; otherwise, who holds it.
    async fn try_take(&self, take: &Statement) -> Result<Option<String>, Failure> {
        let values = vec![ID.into(), Value::from(self.owner.clone()), self.run_by.into(), self.life()];
        let rows = self.execute(take, values, self.lease.renewal()).await?;
        let Some(row) = rows.first().filter(|_| rows.applied() != Some(true)) else { return Ok(None) };
        if row.blob("owner")?.is_some_and(|owner| *owner == *self.owner) {
            return Ok(None);
        }
        Ok(Some(row.text("run_by")?.unwrap_or_default()))
    }

    /// The time to live of the row.
    fn life(&self) -> Value {
        i32::try_from(self.lease.whole().as_secs()).unwrap_or(i32::MAX).into()
    }

    async fn execute(
        &self,
        statement: &Statement,
        values: Vec<Value>,
        limit: Duration,
    ) -> Result<Rows, Failure> {
        let options = Options::new(Consistency::Quorum).serial(Serial::Global).timeout(limit);
        self.session.execute(statement, values, &options).await
    }
}

/// Half of the time that is left: the other half is for finding out what became of it.
fn half_until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now()) / 2
}

/// A name that nobody else has. The cluster draws it, so that a migration needs no entropy of its own.
async fn new_owner(session: &Session) -> Result<Vec<u8>, Error> {
    let draw = Statement::new("SELECT uuid() AS owner FROM system.local");
    let rows = session.execute(&draw, Vec::new(), &Options::new(Consistency::LocalOne)).await?;
    let owner = rows.first().map(|row| row.uuid("owner")).transpose()?.flatten();
    Ok(owner.ok_or_else(|| Error::Damaged("uuid() gave nothing".to_owned()))?.to_vec())
}
