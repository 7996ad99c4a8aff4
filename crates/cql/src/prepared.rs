//! What has been prepared, by text. An id is the same on every node, so one preparation serves all until a node says that it does not know it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cdrs_tokio::types::CBytesShort;
use cdrs_tokio::types::value::Value as Wire;
use tokio::sync::OnceCell;

use crate::decode::Preparation;

/// Texts that are remembered. Beyond, one is forgotten for each new one.
const TEXTS_MAX: usize = 1_024;

/// A prepared statement.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) id: CBytesShort,
    pub(crate) keyspace: Option<String>,
    /// Which markers are the partition key, in its order; empty when not all of it is bound.
    key: Vec<usize>,
}

impl Prepared {
    pub(crate) fn new(Preparation { id, key, keyspace }: Preparation) -> Self {
        Self { id: CBytesShort::new(id), keyspace, key }
    }

    /// The partition key as the partitioner hashes it; `None` when it is not bound.
    pub(crate) fn routing_key(&self, values: &[Wire]) -> Option<Vec<u8>> {
        let parts = self.key.iter().map(|index| match values.get(*index) {
            Some(Wire::Some(bytes)) => Some(bytes.as_slice()),
            Some(Wire::Null | Wire::NotSet) | None => None,
        });
        let parts: Vec<&[u8]> = parts.collect::<Option<_>>()?;
        match parts.as_slice() {
            [] => None,
            [whole] => Some(whole.to_vec()),
            parts => composite(parts),
        }
    }
}

/// Several columns: each with its length before and a zero after (`CompositeType`).
fn composite(parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    for part in parts {
        key.extend_from_slice(&u16::try_from(part.len()).ok()?.to_be_bytes());
        key.extend_from_slice(part);
        key.push(0);
    }
    Some(key)
}

type Cell = Arc<OnceCell<Arc<Prepared>>>;

/// The prepared statements of one session.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    by_text: Mutex<HashMap<Arc<str>, Cell>>,
}

impl Cache {
    /// Where the preparation of a text is kept: the first who comes prepares, the others wait for it.
    pub(crate) fn cell(&self, text: &Arc<str>) -> Cell {
        let mut by_text = self.by_text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = by_text.get(text) {
            return Arc::clone(cell);
        }
        if by_text.len() >= TEXTS_MAX
            && let Some(any) = by_text.keys().next().cloned()
        {
            by_text.remove(&any);
        }
        let cell = Cell::default();
        by_text.insert(Arc::clone(text), Arc::clone(&cell));
        cell
    }

    /// Keeps a newer preparation: its id or its columns may have changed with the schema.
    pub(crate) fn replace(&self, text: &Arc<str>, prepared: Arc<Prepared>) {
        let cell = Arc::new(OnceCell::new_with(Some(prepared)));
        self.by_text.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(text), cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(key: &[usize]) -> Prepared {
        Prepared { id: CBytesShort::new(vec![1]), keyspace: Some("k".to_owned()), key: key.to_vec() }
    }

    #[test]
    fn one_column_is_the_key_as_it_is() {
        let values = [Wire::Some(vec![9]), Wire::Some(b"abc".to_vec())];
        assert_eq!(prepared(&[1]).routing_key(&values).unwrap(), b"abc");
    }

    #[test]
    fn several_columns_are_framed_in_the_keys_order() {
        let values = [Wire::Some(vec![0, 7]), Wire::Some(b"ab".to_vec())];
        assert_eq!(prepared(&[1, 0]).routing_key(&values).unwrap(), b"\0\x02ab\0\0\x02\0\x07\0");
    }

    #[test]
    fn a_key_that_is_not_bound_routes_nowhere() {
        assert_eq!(prepared(&[]).routing_key(&[Wire::Some(vec![1])]), None);
        assert_eq!(prepared(&[0]).routing_key(&[Wire::Null]), None);
        assert_eq!(prepared(&[3]).routing_key(&[Wire::Some(vec![1])]), None);
    }

    #[test]
    fn no_more_texts_are_kept_than_the_limit() {
        let cache = Cache::default();
        for i in 0..TEXTS_MAX + 50 {
            cache.cell(&Arc::from(format!("SELECT {i}")));
        }
        assert_eq!(cache.by_text.lock().unwrap().len(), TEXTS_MAX);
    }
}
