//! Calls to the stores: each with a deadline, a measured latency and an error that says what to do.

use std::future::Future;
use std::time::Duration;

use pix_stream_ports::error::Error as StoreError;
use pix_stream_ports::journal::AppendError;
use tokio::time::{Instant, timeout};

use crate::error::Error;
use crate::metrics::{STORE_ERRORS, STORE_LATENCY};

/// A read or a swap that takes longer is answered 503: a client hears within a second (design, section 4).
pub(crate) const READ_DEADLINE: Duration = Duration::from_millis(900);
/// A publish or an operator's change that takes longer is answered 503; repeating it is safe.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// When a client should try again after a store failed.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A store and what it is asked to do: the labels of its metrics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation(pub(crate) &'static str, pub(crate) &'static str);

impl Operation {
    /// Runs a call within a deadline and measures it.
    pub(crate) async fn run<T, E: From<StoreError>>(
        self,
        deadline: Duration,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let Self(store, operation) = self;
        let begun = Instant::now();
        let result = timeout(deadline, call).await.unwrap_or_else(|_| {
            Err(E::from(StoreError::Unavailable(format!("no answer to {operation} within {deadline:?}"))))
        });
        metrics::histogram!(STORE_LATENCY, "store" => store, "operation" => operation)
            .record(begun.elapsed().as_secs_f64());
        if result.is_err() {
            metrics::counter!(STORE_ERRORS, "store" => store, "operation" => operation).increment(1);
        }
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

impl From<AppendError> for Error {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { index } => Self::Conflict { part: index + 1 },
            AppendError::Store(error) => error.into(),
        }
    }
}
