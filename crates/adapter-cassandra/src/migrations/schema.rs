//! What the cluster itself says of its schema, and changes of it that have arrived at every node.

use std::collections::BTreeSet;
use std::time::Duration;

use pix_stream_cql::{Consistency, Error as Failure, Options, Session, Statement, Value};
use tokio::time::Instant;

use super::lock::Lock;
use super::{Error, Migrations};

/// How often a change is sent whose outcome is unknown: each does nothing the second time.
const CHANGE_ATTEMPTS: u32 = 3;
/// How long is waited between two looks at whether all nodes agree.
const AGREEMENT_PAUSE: Duration = Duration::from_millis(50);

/// The tables of a keyspace; none when there is no such keyspace.
pub(super) async fn tables(session: &Session, keyspace: &str) -> Result<BTreeSet<String>, Error> {
    let statement = Statement::new("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?");
    let options = Options::new(Consistency::LocalOne);
    let rows = session.execute(&statement, vec![Value::from(keyspace)], &options).await?;
    let mut tables = BTreeSet::new();
    for row in &rows {
        tables.extend(row.text("table_name")?);
    }
    Ok(tables)
}

/// Whether there is a keyspace.
pub(super) async fn has_keyspace(session: &Session, keyspace: &str) -> Result<bool, Error> {
    let statement =
        Statement::new("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?");
    let options = Options::new(Consistency::LocalOne);
    Ok(!session.execute(&statement, vec![Value::from(keyspace)], &options).await?.is_empty())
}

/// Changes the schema and waits until every node has it. The statement must do nothing the second time. Without the lock
/// only what the lock itself needs may be made.
///
/// [`Failure::Unknown`] when any attempt may still be carried out.
pub(super) async fn change(
    migrations: &Migrations,
    lock: Option<&Lock<'_>>,
    statement: &str,
) -> Result<(), Error> {
    let statement = Statement::new(statement.to_owned()).idempotent();
    let mut attempt = 1;
    let result = loop {
        match attempt_change(migrations, lock, &statement).await {
            Ok(()) => break agree(migrations).await,
            Err(Error::Store(Failure::Unknown(why))) if attempt < CHANGE_ATTEMPTS => {
                tracing::warn!(attempt, why, "a change of the schema is sent again: its outcome is unknown");
                attempt += 1;
            }
            Err(failure) => break Err(failure),
        }
    };
    match result {
        // What a later attempt came to ends none that came before it.
        Err(Error::Store(Failure::Unavailable(why))) if attempt > 1 => Err(Failure::Unknown(why).into()),
        Err(failure @ (Error::NoAgreement { .. } | Error::Store(Failure::Rejected { .. })))
            if attempt > 1 =>
        {
            Err(Failure::Unknown(failure.to_string()).into())
        }
        settled => settled,
    }
}

/// Changes the schema if all nodes have the same one, and while the lock is held for longer than it takes.
async fn attempt_change(
    migrations: &Migrations,
    lock: Option<&Lock<'_>>,
    statement: &Statement,
) -> Result<(), Error> {
    agree(migrations).await?;
    if let Some(lock) = lock {
        lock.renew().await?;
    }
    let options = Options::new(Consistency::Quorum).timeout(migrations.lease.change());
    migrations.session.execute(statement, Vec::new(), &options).await?;
    Ok(())
}

/// Waits until all nodes that the cluster knows have the same schema.
async fn agree(migrations: &Migrations) -> Result<(), Error> {
    let end = Instant::now() + migrations.lease.agreement();
    loop {
        let seen = migrations.session.schema_versions(end.saturating_duration_since(Instant::now())).await;
        if seen == Ok(1) {
            return Ok(());
        }
        if Instant::now() + AGREEMENT_PAUSE >= end {
            return Err(Error::NoAgreement { versions: seen? });
        }
        tokio::time::sleep(AGREEMENT_PAUSE).await;
    }
}
