//! The id of a request: the client's where it is well-formed, else one of ours (protocol, section 2).

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header, both ways.
pub static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken from a client.
const LEN_MAX: usize = 64;

/// An id, ready to be sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII is taken or made, so the fallback is never seen.
        self.0.to_str().unwrap_or_default()
    }

    /// As the value of [`X_REQUEST_ID`].
    #[must_use]
    pub fn into_value(self) -> HeaderValue {
        self.0
    }
}

/// Makes ids that do not repeat: a counter, scattered from a random start.
#[derive(Debug)]
pub(crate) struct RequestIds(AtomicU64);

impl RequestIds {
    /// Ids from a start that is random, so that those of two nodes or two runs do not meet.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The id of a request with these headers.
    pub(crate) fn of(&self, headers: &HeaderMap) -> RequestId {
        match headers.get(&X_REQUEST_ID) {
            Some(value) if is_well_formed(value.as_bytes()) => RequestId(value.clone()),
            Some(_) | None => self.next(),
        }
    }

    /// A new id of ours.
    pub(crate) fn next(&self) -> RequestId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut id = scatter(self.0.fetch_add(1, Ordering::Relaxed));
        let mut text = [0; 16];
        for digit in text.iter_mut().rev() {
            *digit = DIGITS[(id & 15) as usize];
            id >>= 4;
        }
        let value = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text));
        // Hexadecimal digits are always a value.
        RequestId(value.unwrap_or(HeaderValue::from_static("0")))
    }
}

fn is_well_formed(id: &[u8]) -> bool {
    let is_allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=LEN_MAX).contains(&id.len()) && id.iter().all(is_allowed)
}

/// A one-to-one mixing of 64 bits (`splitmix64`): neighbours look nothing alike, and none repeats.
const fn scatter(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    //! Protocol, section 2.

    use super::*;

    fn id_for(value: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(&X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        RequestIds::new(7).of(&headers).as_str().to_owned()
    }

    #[test]
    fn a_well_formed_id_is_kept() {
        let longest = "x".repeat(64);
        for id in ["a", "A-b_c.9", longest.as_str()] {
            assert_eq!(id_for(id.as_bytes()), id);
        }
    }

    #[test]
    fn any_other_id_is_replaced() {
        let too_long = "x".repeat(65);
        for id in [&b""[..], b"a b", b"a/b", b"a\xe9", too_long.as_bytes()] {
            let made = id_for(id);
            assert!(made.len() == 16 && is_well_formed(made.as_bytes()), "{made}");
        }
    }

    #[test]
    fn ids_of_ours_do_not_repeat() {
        let ids = RequestIds::new(42);
        let mut made: Vec<_> = (0..1000).map(|_| ids.next().as_str().to_owned()).collect();
        made.sort_unstable();
        made.dedup();
        assert_eq!(made.len(), 1000);
    }
}
