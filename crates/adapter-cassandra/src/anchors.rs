//! The anchors of audit chains: where each stood, away from the nodes that write them.

use pix_stream_cql::{Consistency, Options, Row, Session, Statement, Value};
use pix_stream_domain::audit::Head;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::time::Timestamp;
use pix_stream_ports::anchors::{Anchor, Anchors};
use pix_stream_ports::error::Error;

use crate::fault::store_error;

/// The anchors in one keyspace. Written plainly with their rank as timestamp, so that they only rise.
#[derive(Clone)]
pub struct CassandraAnchors {
    session: Session,
    save: Statement,
    load: Statement,
}

impl CassandraAnchors {
    /// Of a keyspace that was migrated.
    #[must_use]
    pub fn new(session: &Session, keyspace: &str) -> Self {
        let anchors = format!("{keyspace}.pix_audit_anchors");
        Self {
            session: session.clone(),
            save: Statement::new(format!(
                "INSERT INTO {anchors} (chain, entry, hash, anchored_at, broken_at) VALUES (?, ?, ?, ?, ?) \
                 USING TIMESTAMP ?"
            ))
            .idempotent(),
            load: Statement::new(format!("SELECT chain, entry, hash, anchored_at, broken_at FROM {anchors}")),
        }
    }
}

impl Anchors for CassandraAnchors {
    async fn save_anchor(&self, anchor: Anchor) -> Result<(), Error> {
        let number = |number: u64| {
            i64::try_from(number).map_err(|_| Error::Damaged("an anchor is beyond what is kept".to_owned()))
        };
        // One that was equal would win by the bytes of its columns: what is kept stays.
        let kept = self.load_anchors().await?;
        let is_news =
            kept.iter().find(|kept| kept.chain == anchor.chain).is_none_or(|kept| anchor.outranks(kept));
        if !is_news {
            return Ok(());
        }
        let broken_at = anchor.broken_at.map(|at| number(at.unix_millis())).transpose()?;
        let values = vec![
            Value::Text(anchor.chain.to_string()),
            number(anchor.head.entry)?.into(),
            Value::from(anchor.head.hash.0.to_vec()),
            number(anchor.at.unix_millis())?.into(),
            broken_at.into(),
            number(anchor.rank())?.into(),
        ];
        let options = Options::new(Consistency::LocalQuorum);
        self.session.execute(&self.save, values, &options).await.map(drop).map_err(store_error)
    }

    async fn load_anchors(&self) -> Result<Vec<Anchor>, Error> {
        let options = Options::new(Consistency::LocalQuorum);
        let rows = self.session.execute(&self.load, Vec::new(), &options).await.map_err(store_error)?;
        let mut anchors = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        anchors.sort_unstable_by_key(|anchor: &Anchor| anchor.chain);
        Ok(anchors)
    }
}

fn read(row: &Row) -> Result<Anchor, Error> {
    let damaged = || Error::Damaged("an anchor of an audit chain".to_owned());
    let number = |name: &str| -> Result<Option<u64>, Error> {
        Ok(row.bigint(name).map_err(store_error)?.and_then(|number| u64::try_from(number).ok()))
    };
    let chain = row.text("chain").map_err(store_error)?.and_then(|chain| chain.parse().ok());
    let hash = row.blob("hash").map_err(store_error)?.and_then(|hash| <[u8; 32]>::try_from(&*hash).ok());
    let head = Head { entry: number("entry")?.ok_or_else(damaged)?, hash: Digest(hash.ok_or_else(damaged)?) };
    Ok(Anchor {
        chain: chain.ok_or_else(damaged)?,
        head,
        at: Timestamp::from_unix_millis(number("anchored_at")?.ok_or_else(damaged)?),
        broken_at: number("broken_at")?.map(Timestamp::from_unix_millis),
    })
}
