//! The rows of an answer, read column by column. Types are checked by their length alone: a statement knows what it asked for.

use std::sync::Arc;

use bytes::Bytes;

use crate::decode::Table;
use crate::error::Error;
use crate::statement::PagingState;

/// The column that tells whether a conditional write was carried out.
const APPLIED: &str = "[applied]";

/// The rows of one answer; empty when the statement gives none.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    rows: Vec<Row>,
    paging_state: Option<PagingState>,
}

impl Rows {
    pub(crate) fn new(table: Table) -> Self {
        let columns: Arc<[String]> = table.columns.into();
        let rows = table.rows.into_iter();
        let rows = rows.map(|cells| Row { columns: Arc::clone(&columns), cells: cells.into() });
        Self { rows: rows.collect(), paging_state: table.paging_state.map(PagingState) }
    }

    /// How many rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.rows.iter()
    }

    /// The first row.
    #[must_use]
    pub fn first(&self) -> Option<Row> {
        self.rows.first().cloned()
    }

    /// Where this page ended; `None` when nothing follows.
    #[must_use]
    pub fn paging_state(&self) -> Option<PagingState> {
        self.paging_state.clone()
    }

    /// Whether a conditional write was carried out; `None` for other statements.
    #[must_use]
    pub fn applied(&self) -> Option<bool> {
        self.rows.first()?.bool(APPLIED).ok()?
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = std::vec::IntoIter<Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a> IntoIterator for &'a Rows {
    type Item = &'a Row;
    type IntoIter = std::slice::Iter<'a, Row>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One row. `None` is a null; a column that the answer does not have, or of another size, is an error.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Arc<[String]>,
    cells: Arc<[Option<Bytes>]>,
}

impl Row {
    /// Whether the answer has this column. A refused conditional write on a missing partition has `[applied]` alone.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    /// A `bigint` or `timestamp`.
    ///
    /// # Errors
    /// When the answer has no such column, or it is no eight bytes long.
    pub fn bigint(&self, column: &str) -> Result<Option<i64>, Error> {
        Ok(self.fixed(column)?.map(i64::from_be_bytes))
    }

    /// An `int`.
    ///
    /// # Errors
    /// When the answer has no such column, or it is no four bytes long.
    pub fn int(&self, column: &str) -> Result<Option<i32>, Error> {
        Ok(self.fixed(column)?.map(i32::from_be_bytes))
    }

    /// A `boolean`.
    ///
    /// # Errors
    /// When the answer has no such column, or it is no single byte.
    pub fn bool(&self, column: &str) -> Result<Option<bool>, Error> {
        Ok(self.fixed(column)?.map(|[byte]: [u8; 1]| byte != 0))
    }

    /// A `uuid` or `timeuuid`.
    ///
    /// # Errors
    /// When the answer has no such column, or it is no 16 bytes long.
    pub fn uuid(&self, column: &str) -> Result<Option<[u8; 16]>, Error> {
        self.fixed(column)
    }

    /// A `text`.
    ///
    /// # Errors
    /// When the answer has no such column, or it is no UTF-8.
    pub fn text(&self, column: &str) -> Result<Option<String>, Error> {
        let Some(bytes) = self.cell(column)? else { return Ok(None) };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Error::column(column, "is no UTF-8")),
        }
    }

    /// A `blob`.
    ///
    /// # Errors
    /// When the answer has no such column.
    pub fn blob(&self, column: &str) -> Result<Option<Bytes>, Error> {
        Ok(self.cell(column)?.cloned())
    }

    fn fixed<const N: usize>(&self, column: &str) -> Result<Option<[u8; N]>, Error> {
        let Some(bytes) = self.cell(column)? else { return Ok(None) };
        bytes
            .as_ref()
            .try_into()
            .map(Some)
            .map_err(|_| Error::column(column, "has another size than asked for"))
    }

    fn cell(&self, column: &str) -> Result<Option<&Bytes>, Error> {
        let index = self.columns.iter().position(|name| name == column);
        let cell = index.and_then(|index| self.cells.get(index));
        cell.map(Option::as_ref).ok_or_else(|| Error::column(column, "is not in the answer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[(&str, Option<&'static [u8]>)]) -> Row {
        Row {
            columns: cells.iter().map(|(name, _)| (*name).to_owned()).collect(),
            cells: cells.iter().map(|(_, cell)| cell.map(Bytes::from_static)).collect(),
        }
    }

    #[test]
    fn cells_are_read_by_name() {
        let row = row(&[("a", Some(&[0, 0, 0, 0, 0, 0, 0, 9])), ("b", None), ("c", Some(b"text"))]);
        assert_eq!(row.bigint("a").unwrap(), Some(9));
        assert_eq!(row.bigint("b").unwrap(), None);
        assert_eq!(row.text("c").unwrap().as_deref(), Some("text"));
        assert!(row.has("c") && !row.has("d"));
    }

    #[test]
    fn a_missing_column_and_a_wrong_size_are_errors() {
        let row = row(&[("a", Some(&[1, 2, 3]))]);
        assert!(matches!(row.bigint("a"), Err(Error::Rejected { .. })));
        assert!(matches!(row.blob("b"), Err(Error::Rejected { .. })));
    }

    #[test]
    fn applied_is_known_for_conditional_writes_alone() {
        let rows = |rows| Rows { rows, paging_state: None };
        assert_eq!(rows(vec![row(&[("[applied]", Some(&[1]))])]).applied(), Some(true));
        assert_eq!(rows(vec![row(&[("[applied]", Some(&[0]))])]).applied(), Some(false));
        assert_eq!(rows(vec![row(&[("a", Some(&[1]))])]).applied(), None);
        assert_eq!(Rows::default().applied(), None);
    }
}
