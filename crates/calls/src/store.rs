//! Calls to the stores: each with a deadline, a measured latency and an error that says what to do.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram};
use pix_stream_ports::error::Error as StoreError;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::Error;
use crate::metrics::{STORE_ERRORS, STORE_LATENCY};

/// A read that takes longer, whatever it waits for, is answered 503: a client hears within a second (design, section 4).
pub const READ_DEADLINE: Duration = Duration::from_millis(900);
/// A call of the Coordinator that takes longer counts as failed: whoever waits behind it shall still be answered in time.
pub const COORDINATOR_DEADLINE: Duration = Duration::from_millis(600);
/// A publish or an operator's change that takes longer is answered 503; repeating it is safe.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// When a client should try again after a store failed.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

const _: () = assert!(COORDINATOR_DEADLINE.as_millis() < READ_DEADLINE.as_millis());

/// Until when a request must be answered, with all that it waits for one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline of a read that has spent some of its time.
    #[must_use]
    pub fn of_read(spent: Duration) -> Self {
        Self(Instant::now() + READ_DEADLINE.saturating_sub(spent))
    }

    /// What is left.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Waits for something, but no longer.
    ///
    /// # Errors
    /// `Unavailable`: the time is over.
    pub async fn bound<T>(self, what: &str, wait: impl Future<Output = T>) -> Result<T, Error> {
        timeout_at(self.0, wait).await.map_err(|_| Error::Unavailable {
            retry_after: RETRY_AFTER,
            cause: format!("no {what} within {READ_DEADLINE:?}"),
        })
    }
}

/// A store and what it is asked to do: the labels of its metrics, whose handles are made once.
#[derive(Debug)]
pub struct Operation {
    store: &'static str,
    name: &'static str,
    handles: OnceLock<(Histogram, Counter)>,
}

macro_rules! operations {
    ($($constant:ident = $store:literal, $name:literal;)*) => {
        $(#[doc = concat!("`", $name, "` of the ", $store, ".")]
        pub static $constant: Operation = Operation::new($store, $name);)*
    };
}

operations! {
    COORDINATOR_ADMIT = "coordinator", "admit";
    COORDINATOR_ANNOUNCE = "coordinator", "announce";
    COORDINATOR_CHECK = "coordinator", "check";
    COORDINATOR_FETCH = "coordinator", "fetch";
    COORDINATOR_LOAD = "coordinator", "load";
    COORDINATOR_SWAP = "coordinator", "swap";
    JOURNAL_APPEND = "journal", "append";
    JOURNAL_CHECK = "journal", "check";
    JOURNAL_EXTENT = "journal", "extent";
    JOURNAL_FIND_KNOWN = "journal", "find_known";
    JOURNAL_FIND_SINCE = "journal", "find_since";
    JOURNAL_KEEP = "journal", "keep";
    JOURNAL_LOAD_CHECKPOINT = "journal", "load_checkpoint";
    JOURNAL_LOAD_SWITCHES = "journal", "load_switches";
    JOURNAL_PARTICIPANTS = "journal", "participants";
    JOURNAL_RAISE_INCARNATION = "journal", "raise_incarnation";
    JOURNAL_READ = "journal", "read";
    JOURNAL_REMOVE_BELOW = "journal", "remove_below";
    JOURNAL_SAVE_CHECKPOINTS = "journal", "save_checkpoints";
    JOURNAL_SAVE_PARTICIPANT = "journal", "save_participant";
    JOURNAL_SAVE_SWITCHES = "journal", "save_switches";
    QUARANTINE_FIND = "quarantine", "find";
    QUARANTINE_LIST = "quarantine", "list";
    QUARANTINE_PUT = "quarantine", "put";
    QUARANTINE_REMOVE = "quarantine", "remove";
    QUARANTINE_REMOVE_BEFORE = "quarantine", "remove_before";
    QUARANTINE_USAGE = "quarantine", "usage";
}

impl Operation {
    const fn new(store: &'static str, name: &'static str) -> Self {
        Self { store, name, handles: OnceLock::new() }
    }

    /// Runs a call within a deadline and measures it.
    ///
    /// # Errors
    /// The call's own, or that it took too long.
    pub async fn run<T>(
        &self,
        deadline: Duration,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let result = timeout(deadline, call).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!("no answer to {} within {deadline:?}", self.name)))
        });
        let (latency, errors) = self.handles.get_or_init(|| {
            let labels = [("store", self.store), ("operation", self.name)];
            (metrics::histogram!(STORE_LATENCY, &labels), metrics::counter!(STORE_ERRORS, &labels))
        });
        latency.record(begun.elapsed().as_secs_f64());
        errors.increment(u64::from(result.is_err()));
        result
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Full(_) => {
                Self::Unavailable { retry_after: RETRY_AFTER, cause: error.to_string() }
            }
            StoreError::Damaged(cause) => Self::Internal(cause),
        }
    }
}
