//! What happened in a run: all of it as a hash, and as lines for people.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The events of one run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: DefaultHasher,
    events: Vec<String>,
}

impl Trace {
    pub(crate) fn note(&mut self, event: String) {
        event.hash(&mut self.hash);
        self.events.push(event);
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(crate) fn events(&self) -> &[String] {
        &self.events
    }
}
