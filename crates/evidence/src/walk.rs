//! The way along a chain: whether each entry follows the one before.

use pix_stream_domain::audit::Head;
use pix_stream_domain::digest::Digest;

use crate::line::{self, Place};

/// The way along a chain, entry by entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// Number of the first entry, and the hash that it states before it.
    first: Option<(u64, Digest)>,
    /// Number and hash of the last entry.
    last: Option<(u64, Digest)>,
}

impl Walk {
    /// The number of the first entry, and the hash that it states for the one before it.
    #[must_use]
    pub fn first(&self) -> Option<(u64, Digest)> {
        self.first
    }

    /// Where the way has come to; the start of a chain before the first entry.
    #[must_use]
    pub fn head(&self) -> Head {
        self.last.map_or(Head::default(), |(entry, hash)| Head { entry, hash })
    }

    /// How many entries were passed.
    #[must_use]
    pub fn entries(&self) -> u64 {
        let end = self.last.map_or(0, |(n, _)| n + 1);
        end.saturating_sub(self.first.map_or(end, |(n, _)| n))
    }

    /// The number of the next entry and the hash that it must name; `None` before the first one.
    #[must_use]
    pub fn next(&self) -> Option<(u64, Digest)> {
        self.last.map(|(n, hash)| (n + 1, hash))
    }

    /// Goes on by one line, without its line end; otherwise says what is wrong with it.
    ///
    /// # Errors
    /// What is wrong, to be said of the entry: `was changed: …`.
    pub fn step(&mut self, line: &[u8]) -> Result<Place, String> {
        let place = line::read(line)?;
        self.go(place)?;
        Ok(place)
    }

    /// Goes on by an entry of which only the place is known.
    ///
    /// # Errors
    /// What is wrong, to be said of the entry.
    pub fn go(&mut self, place: Place) -> Result<(), String> {
        match self.next() {
            None if place.n == 0 || (place.n == 1) != (place.prev == Digest::default()) => {
                return Err("cannot be the first entry of a chain".to_owned());
            }
            None => self.first = Some((place.n, place.prev)),
            Some((next, _)) if place.n > next => {
                return Err(format!("comes where entry {next} is expected: entries are missing"));
            }
            Some((next, _)) if place.n < next => {
                return Err(format!("comes where entry {next} is expected: moved or repeated"));
            }
            Some((_, prev)) if place.prev != prev => {
                return Err("does not follow the entry before it: one of the two was replaced".to_owned());
            }
            Some(_) => {}
        }
        self.last = Some((place.n, place.hash));
        Ok(())
    }
}
