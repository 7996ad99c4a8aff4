//! Carrying out what is missing, under the lock, statement by statement.

use std::fmt::Write as _;

use pix_stream_cql::{Consistency, Error as Failure};

use super::files::{self, Migration};
use super::lock::{Lock, Terms};
use super::records::Writer;
use super::{Error, Migrations, State, Step, schema};

pub(super) async fn up(migrations: &Migrations, mut progress: impl FnMut(Step)) -> Result<(), Error> {
    let wait = migrations.lease.whole();
    match run(migrations, &mut progress).await {
        Err(Error::Store(Failure::Unknown(why))) => Err(Error::Unsettled { why, wait }),
        settled => settled,
    }
}

async fn run(migrations: &Migrations, progress: &mut impl FnMut(Step)) -> Result<(), Error> {
    prepare(migrations, progress).await?;
    let Migrations { session, keyspace, run_by, lease, wait_max, .. } = migrations;
    let terms = Terms { keyspace, run_by, lease: *lease, wait_max: *wait_max };
    let lock = Lock::take(session, &terms, |by| progress(Step::Waiting { by: by.to_owned() })).await?;
    let result = apply_all(migrations, &lock, progress).await;
    // What may still be carried out is over before the lock expires, and nobody shall begin anything before that.
    if !matches!(result, Err(Error::Store(Failure::Unknown(_)))) {
        lock.release().await;
    }
    result
}

/// Makes the keyspace and the tables of the first file, which the lock itself needs. Whoever does this at the same
/// time does the same.
async fn prepare(migrations: &Migrations, progress: &mut impl FnMut(Step)) -> Result<(), Error> {
    let Migrations { session, keyspace, .. } = migrations;
    if !schema::has_keyspace(session, keyspace).await? {
        schema::change(migrations, None, &create_keyspace(keyspace, &migrations.replication)?).await?;
        progress(Step::Keyspace);
    }
    let present = schema::tables(session, keyspace).await?;
    let Some(first) = files::ALL.first() else { return Ok(()) };
    for (table, statement) in first.tables().iter().zip(first.statements(keyspace)) {
        if !present.contains(table) {
            schema::change(migrations, None, &statement).await?;
        }
    }
    Ok(())
}

fn create_keyspace(keyspace: &str, replication: &[(String, u32)]) -> Result<String, Error> {
    let mut copies = String::new();
    for (datacenter, number) in replication {
        // A name in a statement that takes no markers.
        let datacenter = datacenter.replace('\'', "''");
        let _ = write!(copies, ", '{datacenter}': {number}");
    }
    if copies.is_empty() {
        return Err(Error::NoReplication);
    }
    Ok(format!(
        "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy'{copies}}}"
    ))
}

async fn apply_all(
    migrations: &Migrations,
    lock: &Lock<'_>,
    progress: &mut impl FnMut(Step),
) -> Result<(), Error> {
    // Read under the lock: whoever held it before may have done it all.
    let statuses = migrations.status_at(Consistency::Quorum).await?;
    for status in &statuses {
        match status.state {
            State::Changed | State::Newer => {
                return Err(status.problem().map_or(Error::LockLost, |problem| Box::new(problem).into()));
            }
            State::Applied { .. } | State::Half { .. } | State::Pending => {}
        }
    }
    for (migration, status) in files::ALL.iter().zip(&statuses) {
        let done = match status.state {
            State::Half { done, .. } => Some(done),
            State::Pending => None,
            State::Applied { .. } | State::Changed | State::Newer => continue,
        };
        apply(migrations, migration, (lock, done), progress).await?;
    }
    Ok(())
}

/// `done`: statements that an earlier run has carried out, if one began.
async fn apply(
    migrations: &Migrations,
    migration: &Migration,
    (lock, done): (&Lock<'_>, Option<usize>),
    progress: &mut impl FnMut(Step),
) -> Result<(), Error> {
    let Migrations { session, keyspace, run_by, lease, .. } = migrations;
    let records = Writer::new(session, keyspace, *lease);
    if done.is_none() {
        lock.renew().await?;
        records.begin(migration, run_by).await?;
    }
    let statements = migration.statements(keyspace);
    let of = statements.len();
    for (index, statement) in statements.iter().enumerate().skip(done.unwrap_or(0)) {
        schema::change(migrations, Some(lock), statement).await?;
        records.step(migration, index + 1).await?;
        progress(Step::Statement { name: migration.name, number: index + 1, of });
    }
    lock.renew().await?;
    records.finish(migration).await?;
    progress(Step::Done { name: migration.name });
    Ok(())
}
