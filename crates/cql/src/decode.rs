//! Bodies of RESULT answers, read by hand (v4, section 4.2.5): the driver's codec panics on one that ends too early.
//! Nothing here trusts a count before the bytes are there.

use bytes::Bytes;

/// Types within types that are followed; tables of ours nest once.
const NESTED_MAX: usize = 8;

const VOID: i32 = 1;
const ROWS: i32 = 2;
const SET_KEYSPACE: i32 = 3;
const PREPARED: i32 = 4;
const SCHEMA_CHANGE: i32 = 5;

const GLOBAL_TABLE: i32 = 0x01;
const HAS_MORE_PAGES: i32 = 0x02;
const NO_METADATA: i32 = 0x04;

/// What a RESULT says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Carried out, and nothing to show.
    Done,
    SchemaChanged,
    Rows(Table),
    Prepared(Preparation),
}

/// Rows as they came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<Bytes>>>,
    pub(crate) paging_state: Option<Bytes>,
}

/// A prepared statement as a node describes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Preparation {
    pub(crate) id: Vec<u8>,
    /// Which markers are the partition key, in its order.
    pub(crate) key: Vec<usize>,
    pub(crate) keyspace: Option<String>,
}

/// Reads the body of a RESULT; `None` when it is none.
pub(crate) fn result(body: &[u8]) -> Option<Outcome> {
    let mut reader = Reader(body);
    match reader.int()? {
        VOID | SET_KEYSPACE => Some(Outcome::Done),
        SCHEMA_CHANGE => Some(Outcome::SchemaChanged),
        ROWS => table(&mut reader).map(Outcome::Rows),
        PREPARED => preparation(&mut reader).map(Outcome::Prepared),
        _ => None,
    }
}

fn table(reader: &mut Reader<'_>) -> Option<Table> {
    let flags = reader.int()?;
    let count = reader.int()?;
    let more = if flags & HAS_MORE_PAGES == 0 { None } else { reader.bytes()? };
    let mut table = Table { paging_state: more.map(Bytes::copy_from_slice), ..Table::default() };
    if flags & NO_METADATA == 0 {
        let is_global = flags & GLOBAL_TABLE != 0;
        if is_global {
            reader.table_name()?;
        }
        for _ in 0..count {
            if !is_global {
                reader.table_name()?;
            }
            table.columns.push(reader.string()?);
            reader.skip_type(NESTED_MAX)?;
        }
    }
    for _ in 0..reader.int()? {
        // A row of no columns would take no bytes, so that any count of them could be claimed.
        let mut cells = Vec::with_capacity(table.columns.len());
        for _ in 0..count.max(1) {
            // A copy of its own: a cell that is kept must not keep the whole page.
            cells.push(reader.bytes()?.map(Bytes::copy_from_slice));
        }
        table.rows.push(cells);
    }
    Some(table)
}

fn preparation(reader: &mut Reader<'_>) -> Option<Preparation> {
    let length = reader.short()?;
    let id = reader.take(usize::from(length))?.to_vec();
    let flags = reader.int()?;
    let markers = reader.int()?;
    let mut key = Vec::new();
    for _ in 0..reader.int()? {
        key.push(usize::from(reader.short()?));
    }
    let keyspace = if flags & GLOBAL_TABLE != 0 || markers > 0 { Some(reader.table_name()?) } else { None };
    Some(Preparation { id, key, keyspace })
}

/// The rest of a body.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn int(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_be_bytes)
    }

    fn string(&mut self) -> Option<String> {
        let length = self.short()?;
        std::str::from_utf8(self.take(usize::from(length))?).ok().map(str::to_owned)
    }

    /// Bytes with their length before; below zero there are none.
    #[expect(clippy::option_option, reason = "the outer one is the end of the body, the inner one a null")]
    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match usize::try_from(self.int()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Some(None),
        }
    }

    /// Keyspace and table; gives the keyspace.
    fn table_name(&mut self) -> Option<String> {
        let keyspace = self.string()?;
        self.string()?;
        Some(keyspace)
    }

    fn skip_type(&mut self, nested_max: usize) -> Option<()> {
        let inner = nested_max.checked_sub(1)?;
        match self.short()? {
            // A class name.
            0x00 => self.string().map(drop),
            // A list, a set.
            0x20 | 0x22 => self.skip_type(inner),
            // A map.
            0x21 => self.skip_type(inner).and_then(|()| self.skip_type(inner)),
            // A type of the user's.
            0x30 => {
                self.table_name()?;
                for _ in 0..self.short()? {
                    self.string()?;
                    self.skip_type(inner)?;
                }
                Some(())
            }
            // A tuple.
            0x31 => (0..self.short()?).try_for_each(|_| self.skip_type(inner)),
            _ => Some(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    /// Two rows of a text and a list of texts, with a page's end.
    fn two_rows() -> Vec<u8> {
        body(&[
            &[0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4],
            b"page\0\x01k\0\x01t\0\x01a\0\x0D\0\x01b\0\x20\0\x0D",
            &[0, 0, 0, 2],
            b"\0\0\0\x02xy\xFF\xFF\xFF\xFF",
            b"\0\0\0\0\0\0\0\x01z",
        ])
    }

    fn preparation_of_two_markers() -> Vec<u8> {
        body(&[
            &[0, 0, 0, 4, 0, 2, 9, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1],
            b"\0\x01k\0\x01t\0\x01a\0\x0D\0\x01b\0\x02",
            &[0, 0, 0, 4, 0, 0, 0, 0],
        ])
    }

    #[test]
    fn rows_are_read_with_nulls_and_the_pages_end() {
        let Some(Outcome::Rows(table)) = result(&two_rows()) else { panic!("rows") };
        assert_eq!(table.columns, ["a", "b"]);
        assert_eq!(table.paging_state.as_deref(), Some(&b"page"[..]));
        let cell = |cell: &'static [u8]| Some(Bytes::from_static(cell));
        assert_eq!(table.rows, [[cell(b"xy"), None], [cell(b""), cell(b"z")]]);
    }

    #[test]
    fn a_preparation_tells_its_id_its_key_and_its_keyspace() {
        let expected = Preparation { id: vec![9, 9], key: vec![1], keyspace: Some("k".to_owned()) };
        assert_eq!(result(&preparation_of_two_markers()), Some(Outcome::Prepared(expected)));
    }

    #[test]
    fn answers_without_rows_are_done() {
        for kind in [1, 3] {
            assert_eq!(result(&[0, 0, 0, kind]), Some(Outcome::Done));
        }
        assert_eq!(result(&[0, 0, 0, 5]), Some(Outcome::SchemaChanged));
        assert_eq!(result(&[0, 0, 0, 9]), None);
    }

    #[test]
    fn rows_that_end_too_early_are_no_rows() {
        let whole = two_rows();
        for length in 0..whole.len() {
            assert_eq!(result(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_type_that_nests_without_end_is_not_followed() {
        let endless =
            body(&[&[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1], b"\0\x01k\0\x01t\0\x01a", &[0, 0x20].repeat(100)]);
        assert_eq!(result(&endless), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in 0_u8..6, rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = result(&body(&[&[0, 0, 0, kind], &rest]));
        }

        #[test]
        fn no_change_of_a_byte_makes_it_panic(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            for mut bytes in [two_rows(), preparation_of_two_markers()] {
                let index = at.index(bytes.len());
                bytes[index] = to;
                let _ = result(&bytes);
            }
        }
    }
}
