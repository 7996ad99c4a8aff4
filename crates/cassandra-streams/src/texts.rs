//! The statements on the tables of the streams, by keyspace. Their texts are few: sessions keep what they prepare.

use std::fmt::Write as _;
use std::sync::OnceLock;

use pix_stream_cql::Statement;

use super::layout::BATCH_MAX;

/// Inserts of the batches that have a statement: each one costs memory of the cluster's, which keeps what was
/// prepared in as little as 4 MiB. A batch between two of them takes the larger one and fills it up ([`padded`]).
const SIZES: [usize; 14] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, BATCH_MAX];

/// The statements of one keyspace.
#[derive(Debug)]
pub(crate) struct Texts {
    keyspace: String,
    advances: Vec<OnceLock<Statement>>,
    openings: Vec<OnceLock<Statement>>,
    pub(crate) fence: Statement,
    pub(crate) fence_opening: Statement,
    pub(crate) statics: Statement,
    pub(crate) head_at: Statement,
    pub(crate) keys: Statement,
    pub(crate) earlier: Statement,
    pub(crate) stored: Statement,
    pub(crate) published: Statement,
    pub(crate) lives: Statement,
    pub(crate) whole: Statement,
    pub(crate) rewrite: Statement,
    pub(crate) confirmed: Statement,
    pub(crate) confirm: Statement,
    pub(crate) remove: Statement,
    pub(crate) remove_slice: Statement,
    pub(crate) hints: Statement,
    pub(crate) raise_last_bucket: Statement,
    pub(crate) raise_first: Statement,
    pub(crate) raise_swept: Statement,
    pub(crate) blocks: Statement,
    pub(crate) save_block: Statement,
}

/// The columns of a row behind its key.
pub(crate) const CELLS: usize = 7;
/// The columns of a row; the first three are its key.
const COLUMNS: &str =
    "ispb, bucket, seq, resource_id, message_type, business_id, digest, published_at, writer_of, xml";

/// A row with all that is needed to write it again.
const WHOLE: &str = "seq, resource_id, message_type, business_id, digest, published_at, writer_of, xml, \
                     TTL(xml) AS life, WRITETIME(xml) AS written_at";
/// The static columns and when they were written.
const STATICS: &str = "first, head, writer, epoch, WRITETIME(first) AS first_at, WRITETIME(head) AS head_at, \
                       WRITETIME(writer) AS writer_at, WRITETIME(epoch) AS epoch_at";

/// Writes a row and its bucket's static columns as they are, with their times.
fn confirm(k: &str) -> Statement {
    let mut text = "BEGIN UNLOGGED BATCH ".to_owned();
    for column in ["first", "head", "writer", "epoch"] {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "UPDATE {k}.pix_streams USING TIMESTAMP ? SET {column} = ? WHERE ispb = ? AND bucket = ?; "
        );
    }
    let _ = write!(
        text,
        "INSERT INTO {k}.pix_streams ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         USING TIMESTAMP ? AND TTL ?; APPLY BATCH"
    );
    Statement::new(text).idempotent()
}

impl Texts {
    pub(crate) fn new(keyspace: &str) -> Self {
        let k = keyspace;
        let streams = |what: &str, rest: &str| {
            Statement::new(format!("SELECT {what} FROM {k}.pix_streams WHERE ispb = ? AND bucket = ?{rest}"))
        };
        let slice = " AND seq >= ? AND seq < ? LIMIT ?";
        let raise = |column: &str| {
            let text = format!("UPDATE {k}.pix_extents USING TIMESTAMP ? SET {column} = ? WHERE ispb = ?");
            Statement::new(text).idempotent()
        };
        let none = || std::iter::repeat_with(OnceLock::new).take(SIZES.len()).collect();
        Self {
            keyspace: k.to_owned(),
            advances: none(),
            openings: none(),
            fence: Statement::new(format!(
                "UPDATE {k}.pix_streams SET writer = ? WHERE ispb = ? AND bucket = ? \
                 IF head = ? AND writer = ? AND epoch = ?"
            )),
            fence_opening: Statement::new(format!(
                "UPDATE {k}.pix_streams SET first = ?, head = ?, writer = ?, epoch = ? \
                 WHERE ispb = ? AND bucket = ? IF head = null"
            )),
            // DISTINCT reads the statics alone, however many rows and tombstones follow.
            statics: Statement::new(format!(
                "SELECT DISTINCT ispb, bucket, first, head, writer, epoch FROM {k}.pix_streams \
                 WHERE ispb = ? AND bucket = ?"
            )),
            head_at: Statement::new(format!(
                "SELECT DISTINCT WRITETIME(head) AS head_at FROM {k}.pix_streams WHERE ispb = ? AND bucket = ?"
            )),
            keys: streams("seq, business_id, published_at, writer_of", slice),
            earlier: streams("seq, business_id, digest, published_at, resource_id", " AND seq IN ?"),
            stored: streams("seq, resource_id, message_type, xml", slice),
            published: streams("seq, published_at", slice),
            // Without the XML: of a column that is not asked for no value is sent. All columns of a row live as long.
            lives: streams("seq, published_at, TTL(published_at) AS life", slice),
            whole: streams(WHOLE, slice),
            rewrite: Statement::new(format!(
                "INSERT INTO {k}.pix_streams ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
            ))
            .idempotent(),
            confirmed: streams(&format!("{WHOLE}, {STATICS}"), " AND seq = ?"),
            confirm: confirm(k),
            remove: Statement::new(format!(
                "DELETE FROM {k}.pix_streams WHERE ispb = ? AND bucket = ? AND seq < ?"
            ))
            .idempotent(),
            remove_slice: Statement::new(format!(
                "DELETE FROM {k}.pix_streams WHERE ispb = ? AND bucket = ? AND seq >= ? AND seq < ?"
            ))
            .idempotent(),
            hints: Statement::new(format!(
                "SELECT last_bucket, first_seq, swept_seq FROM {k}.pix_extents WHERE ispb = ?"
            )),
            raise_last_bucket: raise("last_bucket"),
            raise_first: raise("first_seq"),
            raise_swept: raise("swept_seq"),
            blocks: Statement::new(format!(
                "SELECT block, newest, hashes FROM {k}.pix_idempotency WHERE ispb = ? AND bucket = ?"
            )),
            save_block: Statement::new(format!(
                "INSERT INTO {k}.pix_idempotency (ispb, bucket, block, newest, hashes) \
                 VALUES (?, ?, ?, ?, ?) USING TTL ?"
            ))
            .idempotent(),
        }
    }

    /// The conditional batch that moves a bucket's head and inserts [`padded`] this many rows.
    pub(crate) fn advance(&self, inserts: usize) -> Statement {
        let update = "SET head = ?, writer = ?, epoch = ? WHERE ispb = ? AND bucket = ? \
                      IF head = ? AND writer = ? AND epoch = ?";
        self.batch(&self.advances, update, inserts)
    }

    /// The conditional batch that opens a bucket and inserts [`padded`] this many rows.
    pub(crate) fn open(&self, inserts: usize) -> Statement {
        let update =
            "SET first = ?, head = ?, writer = ?, epoch = ? WHERE ispb = ? AND bucket = ? IF head = null";
        self.batch(&self.openings, update, inserts)
    }

    fn batch(&self, kept: &[OnceLock<Statement>], update: &str, inserts: usize) -> Statement {
        let make = || {
            let k = &self.keyspace;
            let mut text = format!("BEGIN UNLOGGED BATCH UPDATE {k}.pix_streams {update}; ");
            for _ in 0..padded(inserts) {
                // Writing to a String cannot fail.
                let _ = write!(
                    text,
                    "INSERT INTO {k}.pix_streams ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?; "
                );
            }
            text.push_str("APPLY BATCH");
            Statement::new(text)
        };
        match kept.get(SIZES.partition_point(|size| *size < inserts)) {
            Some(cell) => cell.get_or_init(make).clone(),
            None => make(),
        }
    }
}

/// How many inserts the statement has that this many rows are stored with.
pub(crate) fn padded(inserts: usize) -> usize {
    SIZES.into_iter().find(|size| *size >= inserts).unwrap_or(inserts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_a_statement_of_its_size_or_the_next() {
        let texts = Texts::new("k");
        for (rows, inserts) in [(1, 1), (5, 6), (64, 64), (65, 128), (300, 320), (BATCH_MAX, 320)] {
            assert_eq!(padded(rows), inserts);
            for statement in [texts.advance(rows), texts.open(rows)] {
                assert_eq!(statement.text().matches("INSERT").count(), inserts);
            }
        }
    }
}
