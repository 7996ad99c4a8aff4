//! What the cluster itself says of its schema, and changes of it that have arrived at every node.

use std::collections::BTreeSet;
use std::time::Duration;

use pix_stream_cql::{Consistency, Error as Failure, Options, Session, Statement, Value};
use tokio::time::Instant;

use super::Error;

/// Limit of one change of the schema: it makes files on every node.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(20);
/// How often a change is sent whose outcome is unknown: each does nothing the second time.
const CHANGE_ATTEMPTS: u32 = 3;
/// How long all nodes may take to agree, and how long is waited between two looks.
const AGREEMENT_TIME_MAX: Duration = Duration::from_secs(15);
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

/// Changes the schema and waits until every node has it. The statement must do nothing the second time.
pub(super) async fn change(session: &Session, statement: &str) -> Result<(), Error> {
    let statement = Statement::new(statement.to_owned()).idempotent();
    let options = Options::new(Consistency::Quorum).timeout(CHANGE_TIME_MAX);
    let mut attempt = 1;
    loop {
        match session.execute(&statement, Vec::new(), &options).await {
            Ok(_) => return agree(session).await,
            Err(Failure::Unknown(why)) if attempt < CHANGE_ATTEMPTS => {
                tracing::warn!(attempt, why, "a change of the schema is sent again: its outcome is unknown");
                agree(session).await?;
                attempt += 1;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}

/// Waits until all nodes that the cluster knows have the same schema.
async fn agree(session: &Session) -> Result<(), Error> {
    let statements = ["SELECT schema_version FROM system.local", "SELECT schema_version FROM system.peers"];
    let statements = statements.map(Statement::new);
    let end = Instant::now() + AGREEMENT_TIME_MAX;
    loop {
        let mut versions = BTreeSet::new();
        for statement in &statements {
            let rows = session.execute(statement, Vec::new(), &Options::new(Consistency::LocalOne)).await?;
            for row in &rows {
                versions.insert(row.uuid("schema_version")?);
            }
        }
        if versions.len() == 1 {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(Error::NoAgreement { versions: versions.len() });
        }
        tokio::time::sleep(AGREEMENT_PAUSE).await;
    }
}
