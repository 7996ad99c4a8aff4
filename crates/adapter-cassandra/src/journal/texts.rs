//! The statements on the tables of the streams, by keyspace. Their texts are few: sessions keep what they prepare.

use std::fmt::Write as _;
use std::sync::OnceLock;

use pix_stream_cql::Statement;

/// Batches of up to so many inserts keep their statement; larger ones, each a single large request, build it anew.
const KEPT: usize = 64;

/// The statements of one keyspace.
#[derive(Debug)]
pub(crate) struct Texts {
    keyspace: String,
    advances: Vec<OnceLock<Statement>>,
    openings: Vec<OnceLock<Statement>>,
    pub(crate) fence: Statement,
    pub(crate) fence_opening: Statement,
    pub(crate) statics: Statement,
    pub(crate) keys: Statement,
    pub(crate) earlier: Statement,
    pub(crate) stored: Statement,
    pub(crate) published: Statement,
    pub(crate) expiring: Statement,
    pub(crate) rewrite: Statement,
    pub(crate) remove: Statement,
    pub(crate) hints: Statement,
    pub(crate) raise_last_bucket: Statement,
    pub(crate) raise_first: Statement,
    pub(crate) raise_swept: Statement,
    pub(crate) blocks: Statement,
    pub(crate) save_block: Statement,
}

/// The columns of a row, as [`insert`] binds them; the TTL follows.
const COLUMNS: &str =
    "ispb, bucket, seq, resource_id, message_type, business_id, digest, published_at, writer_of, xml";

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
        let none = || std::iter::repeat_with(OnceLock::new).take(KEPT + 1).collect();
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
            keys: streams("seq, business_id, published_at, writer_of", slice),
            earlier: streams("seq, business_id, digest, published_at, resource_id", " AND seq IN ?"),
            stored: streams("seq, resource_id, message_type, xml", slice),
            published: streams("seq, published_at", slice),
            expiring: streams(
                "seq, resource_id, message_type, business_id, digest, published_at, writer_of, xml, \
                 TTL(xml) AS life, WRITETIME(xml) AS written_at",
                slice,
            ),
            rewrite: Statement::new(format!(
                "INSERT INTO {k}.pix_streams ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
            ))
            .idempotent(),
            remove: Statement::new(format!(
                "DELETE FROM {k}.pix_streams WHERE ispb = ? AND bucket = ? AND seq < ?"
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

    /// The conditional batch that moves a bucket's head and inserts this many rows.
    pub(crate) fn advance(&self, inserts: usize) -> Statement {
        let update = "SET head = ?, writer = ?, epoch = ? WHERE ispb = ? AND bucket = ? \
                      IF head = ? AND writer = ? AND epoch = ?";
        self.batch(&self.advances, update, inserts)
    }

    /// The conditional batch that opens a bucket and inserts this many rows.
    pub(crate) fn open(&self, inserts: usize) -> Statement {
        let update =
            "SET first = ?, head = ?, writer = ?, epoch = ? WHERE ispb = ? AND bucket = ? IF head = null";
        self.batch(&self.openings, update, inserts)
    }

    fn batch(&self, kept: &[OnceLock<Statement>], update: &str, inserts: usize) -> Statement {
        let make = || {
            let k = &self.keyspace;
            let mut text = format!("BEGIN UNLOGGED BATCH UPDATE {k}.pix_streams {update}; ");
            for _ in 0..inserts {
                // Writing to a String cannot fail.
                let _ = write!(
                    text,
                    "INSERT INTO {k}.pix_streams ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ?; "
                );
            }
            text.push_str("APPLY BATCH");
            Statement::new(text)
        };
        match kept.get(inserts) {
            Some(cell) => cell.get_or_init(make).clone(),
            None => make(),
        }
    }
}
