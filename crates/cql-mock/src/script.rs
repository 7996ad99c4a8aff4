//! What a test's script sees and says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

/// What a client asks a node to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A text to be carried out (QUERY).
    Query,
    /// A text to be prepared (PREPARE). The answer of a script with [`Answer::Void`] lets the mock prepare it.
    Prepare,
    /// A prepared text to be carried out (EXECUTE).
    Execute,
}

/// A request as a script sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which node got it, counted from 0.
    pub node: usize,
    /// What is asked.
    pub step: Step,
    /// The statement.
    pub text: String,
    /// Bound values; `None` is null or not set.
    pub values: Vec<Option<Bytes>>,
    /// The level asked for, as on the wire.
    pub consistency: u16,
    /// The serial level asked for, as on the wire.
    pub serial: Option<u16>,
    /// Rows a page.
    pub page_size: Option<i32>,
    /// Where the page before ended.
    pub paging_state: Option<Bytes>,
}

/// What an answer says.
#[derive(Clone, Debug)]
pub enum Answer {
    /// No rows.
    Void,
    /// Rows of blobs under these names; columns have no types, as clients read bytes.
    Rows {
        /// Names of the columns.
        columns: Vec<String>,
        /// Cells of each row.
        rows: Vec<Vec<Option<Bytes>>>,
        /// Where the page ends, if more follows.
        paging_state: Option<Bytes>,
    },
    /// An error.
    Error {
        /// Its code (v4, section 9).
        code: i32,
        /// Its text.
        message: String,
        /// What follows the text, by code.
        rest: Vec<u8>,
    },
    /// A table was created.
    SchemaChange,
    /// A frame that says it holds rows and ends too early.
    Truncated,
}

impl Answer {
    /// One row of one cell.
    #[must_use]
    pub fn cell(column: &str, cell: impl Into<Bytes>) -> Self {
        let rows = vec![vec![Some(cell.into())]];
        Self::Rows { columns: vec![column.to_owned()], rows, paging_state: None }
    }

    /// An error without more than its text.
    #[must_use]
    pub fn error(code: i32, message: &str) -> Self {
        Self::Error { code, message: message.to_owned(), rest: Vec::new() }
    }
}

/// An answer and when it comes.
#[derive(Clone, Debug)]
pub enum Reply {
    /// At once.
    Now(Answer),
    /// After so long.
    After(Duration, Answer),
    /// When the gate is open.
    When(Gate, Answer),
    /// Not at all; the connection stays.
    Never,
    /// Instead of an answer the connection is reset.
    Reset,
}

/// A gate that answers wait at. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Gate {
    /// Lets through what waits and what comes.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Returns when it is open.
    pub async fn opened(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|is_open| *is_open).await;
    }
}

/// A test's script.
pub(crate) type Script = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;
