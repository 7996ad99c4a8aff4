//! What is logged, changed while the process runs: for a while, then it is the configuration's again by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use pix_stream_config::level_fault;
use tracing_subscriber::{EnvFilter, reload};

use crate::system;

/// Why a filter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// It cannot be read.
    #[error("{0}")]
    Invalid(String),
    /// The log is gone.
    #[error("the log ended")]
    Ended,
}

/// The filter in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterState {
    /// What is logged now.
    pub level: String,
    /// What the configuration says.
    pub configured: String,
    /// Until when it is something else; `None` when it is not.
    pub until: Option<SystemTime>,
}

/// Changes what is logged. Cheap to clone.
#[derive(Clone)]
pub struct Filter(Arc<Inner>);

struct Inner {
    replace: Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>,
    configured: String,
    passing: Mutex<Passing>,
}

/// What is in force for a while.
#[derive(Debug, Default)]
struct Passing {
    filter: Option<(String, SystemTime)>,
    /// Counts changes, so that the end of one that was replaced ends nothing.
    changes: u64,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Filter").field(&self.current()).finish()
    }
}

impl Filter {
    pub(super) fn new(
        configured: &str,
        replace: impl Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync + 'static,
    ) -> Self {
        let (replace, configured) = (Box::new(replace), configured.to_owned());
        Self(Arc::new(Inner { replace, configured, passing: Mutex::default() }))
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> FilterState {
        let filter = self.passing().filter.clone();
        self.state(filter)
    }

    /// What would be in force with another filter for so long.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn try_out(&self, level: &str, span: Duration) -> Result<FilterState, SetError> {
        parse(level)?;
        Ok(self.state(Some((level.to_owned(), system::time_of_day() + span))))
    }

    /// Logs by another filter for so long, then by the configuration's again. Must be called on a runtime.
    ///
    /// # Errors
    /// `Invalid`: nothing changed.
    pub fn set(&self, level: &str, span: Duration) -> Result<FilterState, SetError> {
        let filter = parse(level)?;
        let mut passing = self.passing();
        (self.0.replace)(filter).map_err(|_| SetError::Ended)?;
        passing.filter = Some((level.to_owned(), system::time_of_day() + span));
        passing.changes += 1;
        let (change, state) = (passing.changes, self.state(passing.filter.clone()));
        drop(passing);
        tracing::warn!(level, seconds = span.as_secs(), "logging by another filter for a while");
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(span).await;
            this.end(change);
        });
        Ok(state)
    }

    /// Goes back to the configuration's filter, unless there was another change since.
    fn end(&self, change: u64) {
        let mut passing = self.passing();
        if passing.changes != change {
            return;
        }
        // The configuration's was read at the start; a log that ended needs no filter.
        if let Ok(filter) = EnvFilter::try_new(&self.0.configured) {
            let _ended = (self.0.replace)(filter);
        }
        passing.filter = None;
        drop(passing);
        tracing::warn!(level = self.0.configured, "logging by the configuration's filter again");
    }

    fn state(&self, filter: Option<(String, SystemTime)>) -> FilterState {
        let configured = self.0.configured.clone();
        match filter {
            Some((level, until)) => FilterState { level, configured, until: Some(until) },
            None => FilterState { level: configured.clone(), configured, until: None },
        }
    }

    fn passing(&self) -> MutexGuard<'_, Passing> {
        self.0.passing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(level: &str) -> Result<EnvFilter, SetError> {
    match level_fault(level) {
        Some(why) => Err(SetError::Invalid(why)),
        None => EnvFilter::try_new(level).map_err(|error| SetError::Invalid(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    //! Issue 7, item 2: the log level changes while the server runs, and goes back by itself.

    use std::sync::Mutex;

    use super::*;

    fn recording() -> (Filter, Arc<Mutex<Vec<String>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let filter = Filter::new("info", move |filter| {
            noted.lock().unwrap().push(filter.to_string());
            Ok(())
        });
        (filter, seen)
    }

    #[tokio::test(start_paused = true)]
    async fn a_filter_holds_for_its_time_and_goes_back_by_itself() {
        let (filter, seen) = recording();
        let state = filter.set("debug", Duration::from_secs(60)).unwrap();
        assert_eq!((&*state.level, &*state.configured, state.until.is_some()), ("debug", "info", true));
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(filter.current(), filter.state(None));
        assert_eq!(*seen.lock().unwrap(), ["debug", "info"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_change_is_not_ended_by_an_earlier_one() {
        let (filter, _seen) = recording();
        filter.set("debug", Duration::from_secs(10)).unwrap();
        filter.set("info,pix_stream_app=trace", Duration::from_secs(60)).unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(filter.current().level, "info,pix_stream_app=trace");
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_or_is_only_tried_out_changes_nothing() {
        let (filter, seen) = recording();
        for level in ["verbose", "info,pix_stream_app=loud", "[", ""] {
            assert!(
                matches!(filter.set(level, Duration::from_secs(1)), Err(SetError::Invalid(_))),
                "{level}"
            );
        }
        assert_eq!(filter.try_out("debug", Duration::from_secs(60)).unwrap().level, "debug");
        assert!(seen.lock().unwrap().is_empty() && filter.current().until.is_none());
    }
}
