//! The bytes of publish bodies that a node holds at once. Reaching the limit is an answer, not more memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Code, Extra, Problem};

/// When a producer that found no room may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The node's limit. One permit is one byte.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// Bytes that one request holds; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Budget,
    held: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(crate) const fn new(bytes: Arc<Semaphore>) -> Self {
        Self(bytes)
    }

    /// A reservation that holds nothing yet.
    pub(crate) fn reserve(&self) -> Reservation {
        Reservation { budget: self.clone(), held: None }
    }
}

impl Reservation {
    /// Takes room for more bytes; never waits.
    ///
    /// # Errors
    /// 503 `overloaded`.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let full = || {
            Problem::new(Code::Overloaded, "more is being published than can be taken now")
                .with(Extra::RetryAfter(RETRY_AFTER))
        };
        let bytes = u32::try_from(bytes).map_err(|_| full())?;
        let more = Arc::clone(&self.budget.0).try_acquire_many_owned(bytes).map_err(|_| full())?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(Arc::new(Semaphore::new(100)));
        let mut first = budget.reserve();
        first.grow(60).unwrap();
        first.grow(40).unwrap();
        let mut second = budget.reserve();
        assert_eq!(second.grow(1).unwrap_err().code, Code::Overloaded);
        drop(first);
        second.grow(100).unwrap();
    }
}
