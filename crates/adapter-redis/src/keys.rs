//! The names of keys and channels. The ISPB stands in braces, so that all keys of a participant share a slot.

use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::Sequence;

/// Makes names that begin with one prefix.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The stream state of a participant.
    pub(crate) fn state(&self, ispb: Ispb) -> String {
        format!("{}:{{{ispb}}}:s", self.prefix)
    }

    /// The newest head of a participant.
    pub(crate) fn head(&self, ispb: Ispb) -> String {
        format!("{}:{{{ispb}}}:h", self.prefix)
    }

    /// The chunk of fresh messages that begins with `first`.
    pub(crate) fn chunk(&self, ispb: Ispb, first: Sequence) -> String {
        format!("{}:{{{ispb}}}:c:{}", self.prefix, first.value())
    }

    /// Counts of requests in one span of the rate window's length, by cell.
    pub(crate) fn requests(&self, ispb: Ispb, window: Duration, span: u64) -> String {
        format!("{}:{{{ispb}}}:r:{}:{span}", self.prefix, window.as_millis())
    }

    /// The channel of all news.
    pub(crate) fn news(&self) -> String {
        format!("{}:news", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_participant_share_its_hash_tag() {
        let (keys, ispb) = (Keys::new("p"), "99999A04".parse().unwrap());
        assert_eq!(keys.state(ispb), "p:{99999A04}:s");
        assert_eq!(keys.head(ispb), "p:{99999A04}:h");
        assert_eq!(keys.chunk(ispb, Sequence::new(41)), "p:{99999A04}:c:41");
        assert_eq!(keys.requests(ispb, Duration::from_secs(1), 7), "p:{99999A04}:r:1000:7");
    }
}
