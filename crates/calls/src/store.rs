//! Calls to the stores: each with a deadline, a measured latency and an error that says what to do.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram};
use pix_stream_ports::error::Error as StoreError;
use pix_stream_telemetry::{Store, note_store};
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
    store: Store,
    name: &'static str,
    handles: OnceLock<(Histogram, Counter)>,
}

macro_rules! operations {
    ($($constant:ident = $store:ident, $name:literal;)*) => {
        $(#[doc = concat!("`", $name, "` of the ", stringify!($store), ".")]
        pub static $constant: Operation = Operation::new(Store::$store, $name);)*
    };
}

operations! {
    ANCHORS_LOAD = Journal, "load_anchors";
    ANCHORS_SAVE = Journal, "save_anchor";
    COORDINATOR_ADMIT = Coordinator, "admit";
    COORDINATOR_ANNOUNCE = Coordinator, "announce";
    COORDINATOR_CHECK = Coordinator, "check";
    COORDINATOR_FETCH = Coordinator, "fetch";
    COORDINATOR_LOAD = Coordinator, "load";
    COORDINATOR_SWAP = Coordinator, "swap";
    JOURNAL_APPEND = Journal, "append";
    JOURNAL_CHECK = Journal, "check";
    JOURNAL_EXTENT = Journal, "extent";
    JOURNAL_FIND_KNOWN = Journal, "find_known";
    JOURNAL_FIND_SINCE = Journal, "find_since";
    JOURNAL_KEEP = Journal, "keep";
    JOURNAL_LOAD_CHECKPOINT = Journal, "load_checkpoint";
    JOURNAL_LOAD_SWITCHES = Journal, "load_switches";
    JOURNAL_PARTICIPANTS = Journal, "participants";
    JOURNAL_RAISE_INCARNATION = Journal, "raise_incarnation";
    JOURNAL_READ = Journal, "read";
    JOURNAL_REMOVE_BELOW = Journal, "remove_below";
    JOURNAL_REMOVE_BETWEEN = Journal, "remove_between";
    JOURNAL_SAVE_CHECKPOINTS = Journal, "save_checkpoints";
    JOURNAL_SAVE_PARTICIPANT = Journal, "save_participant";
    JOURNAL_SAVE_SWITCHES = Journal, "save_switches";
    QUARANTINE_FIND = Quarantine, "find";
    QUARANTINE_LIST = Quarantine, "list";
    QUARANTINE_PUT = Quarantine, "put";
    QUARANTINE_REMOVE = Quarantine, "remove";
    QUARANTINE_REMOVE_BEFORE = Quarantine, "remove_before";
    QUARANTINE_USAGE = Quarantine, "usage";
}

impl Operation {
    const fn new(store: Store, name: &'static str) -> Self {
        Self { store, name, handles: OnceLock::new() }
    }

    /// Runs a call within a deadline and measures it, for the metrics and for the request that waits for it.
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
            let labels = [("store", self.store.text()), ("operation", self.name)];
            (metrics::histogram!(STORE_LATENCY, &labels), metrics::counter!(STORE_ERRORS, &labels))
        });
        let ended = Instant::now();
        latency.record((ended - begun).as_secs_f64());
        errors.increment(u64::from(result.is_err()));
        note_store(self.store, self.name, (begun, ended), result.is_err());
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
