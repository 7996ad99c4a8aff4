//! The anchors of the audit chain: kept in the Journal's file, so that whoever changes the audit log's folder does not
//! change them, too.

use pix_stream_ports::anchors::{Anchor, Anchors};
use pix_stream_ports::error::Error;
use redb::{ReadTransaction, ReadableTable as _};

use super::EmbeddedJournal;
use super::fault::Fault;
use super::layout::anchors as layout;
use super::reads::existing;
use super::request::Request;
use super::store::Tables;

impl Anchors for EmbeddedJournal {
    async fn save_anchor(&self, anchor: Anchor) -> Result<(), Error> {
        self.change(|reply| Request::Anchor { anchor, reply }).await
    }

    async fn load_anchors(&self) -> Result<Vec<Anchor>, Error> {
        self.read_with(load).await
    }
}

fn load(transaction: &ReadTransaction) -> Result<Vec<Anchor>, Fault> {
    let Some(table) = existing(transaction.open_table(layout::ANCHORS))? else { return Ok(Vec::new()) };
    let mut anchors = Vec::new();
    for entry in table.iter()? {
        let (key, record) = entry?;
        anchors.push(layout::decode(key.value(), record.value())?);
    }
    Ok(anchors)
}

/// Keeps an anchor if it says more than the one that is kept.
pub(crate) fn save(tables: &mut Tables<'_>, anchor: &Anchor) -> Result<(), Fault> {
    let mut table = tables.transaction.open_table(layout::ANCHORS)?;
    let key = anchor.chain.0;
    let before = table.get(&key)?.map(|record| layout::decode(&key, record.value())).transpose()?;
    if before.is_none_or(|before| anchor.outranks(&before)) {
        table.insert(&key, layout::encode(anchor).as_slice())?;
    }
    Ok(())
}
