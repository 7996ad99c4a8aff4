//! `PI-ResourceId`: the name of one delivered message, the client's key for de-duplication.
//!
//! Made once, at publish, from a time and randomness that the caller supplies; the same on every redelivery.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::time::Timestamp;

/// Length of the id in bytes, before base64.
pub const LEN: usize = 24;
/// Length of the id as text.
pub const TEXT_LEN: usize = 32;

const TAG: &[u8; 2] = b"PI";
const TIME: std::ops::Range<usize> = 2..8;

/// The id: `PI`, 6-byte big-endian Unix milliseconds, 16-byte UUID v4 (protocol, section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId([u8; LEN]);

/// Why a text or byte string is not a `PI-ResourceId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not 32 characters of standard base64.
    #[error("a PI-ResourceId is {TEXT_LEN} characters of standard base64")]
    Form,
    /// The decoded bytes do not start with `PI`.
    #[error("a PI-ResourceId starts with the bytes PI")]
    Tag,
}

impl ResourceId {
    /// Makes an id from the time of publishing and sixteen random bytes, of which six bits become the
    /// version and variant of UUID v4 (RFC 9562, section 5.4).
    #[must_use]
    pub fn new(at: Timestamp, random: [u8; 16]) -> Self {
        let mut id = [0; LEN];
        id[..2].copy_from_slice(TAG);
        id[TIME].copy_from_slice(&at.unix_millis().to_be_bytes()[2..]);
        id[8..].copy_from_slice(&random);
        id[14] = (id[14] & 0x0f) | 0x40;
        id[16] = (id[16] & 0x3f) | 0x80;
        Self(id)
    }

    /// Reads an id from its 24 bytes.
    ///
    /// # Errors
    /// The bytes do not start with `PI`.
    pub fn from_bytes(bytes: [u8; LEN]) -> Result<Self, Error> {
        if bytes.starts_with(TAG) { Ok(Self(bytes)) } else { Err(Error::Tag) }
    }

    /// The 24 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    /// When the message was published.
    #[must_use]
    pub fn published_at(&self) -> Timestamp {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&self.0[TIME]);
        Timestamp::from_unix_millis(u64::from_be_bytes(millis))
    }

    /// The id as its 32 characters of base64.
    #[must_use]
    pub fn to_text(&self) -> [u8; TEXT_LEN] {
        let mut text = [0; TEXT_LEN];
        // 24 bytes are exactly 32 characters, so the buffer always fits.
        let _written = STANDARD.encode_slice(self.0, &mut text);
        text
    }
}

impl FromStr for ResourceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; LEN];
        match STANDARD.decode_slice(text, &mut bytes) {
            Ok(LEN) => Self::from_bytes(bytes),
            Ok(_) | Err(_) => Err(Error::Form),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_text()).unwrap_or_default())
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_real_id_is_read_and_written_back() {
        let text = "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur";
        let id: ResourceId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.published_at(), Timestamp::from_unix_millis(1_572_033_261_914));
    }

    #[test]
    fn a_new_id_carries_its_time_and_is_uuid_v4() {
        let id = ResourceId::new(Timestamp::from_unix_millis(1_800_000_000_123), [0xff; 16]);
        assert_eq!(id.published_at().unix_millis(), 1_800_000_000_123);
        assert_eq!(id.as_bytes()[14] >> 4, 4);
        assert_eq!(id.as_bytes()[16] >> 6, 0b10);
        assert_eq!(id.to_string().len(), TEXT_LEN);
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!("UEkBbgR78VqKK/uvuq9O0r9bqXyBH9U".parse::<ResourceId>(), Err(Error::Form));
        assert_eq!("AAAAbgR78VqKK/uvuq9O0r9bqXyBH9Ur".parse::<ResourceId>(), Err(Error::Tag));
    }
}
