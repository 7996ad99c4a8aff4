//! The token (`piPullNext`): what a client holds of its stream, signed (protocol, section 5).
//!
//! Layout, before base64url without padding, big-endian:
//! format 1 · key id 1 · ISPB 8 · region 2 · slot 1 · generation 4+4 · pull 8 · empties 4 · batch start 8 ·
//! batch length 1 · issued-at 6 · expires-at 6 (both Unix milliseconds) · HMAC-SHA-256 32. 86 bytes, 115 characters.
//!
//! Checking a token reads no store. Whether its stream still lives is the stream state's business.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::ispb::Ispb;
use crate::limits::BATCH_MAX;
use crate::sequence::{Range, Sequence};
use crate::stream::command::Cursor;
use crate::stream::slot::Generation;
use crate::time::Timestamp;
use crate::version::Incarnation;
use crate::wire::Reader;

/// The format this build writes and reads.
pub const FORMAT: u8 = 1;
/// Length of a signing key, in bytes.
pub const KEY_LEN: usize = 32;
/// Length of a token's text.
pub const TEXT_LEN: usize = 115;
/// Length of a multipart boundary: fixed, so that a boundary line always has [`BOUNDARY_LINE_LEN`] bytes.
pub const BOUNDARY_LEN: usize = 32;
/// Length of the line `--BOUNDARY` with its CRLF.
pub const BOUNDARY_LINE_LEN: usize = 2 + BOUNDARY_LEN + 2;

const CLAIMS_LEN: usize = 54;
const MAC_LEN: usize = 32;
const BYTES_LEN: usize = CLAIMS_LEN + MAC_LEN;
const MILLIS_MAX: u64 = (1 << 48) - 1;

const _: () = assert!(TEXT_LEN == (BYTES_LEN * 4).div_ceil(3) && TEXT_LEN < 200);

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// The key that signs it.
    pub key: KeyId,
    /// The participant whose stream it is.
    pub ispb: Ispb,
    /// The region that issued it; zero on one machine.
    pub region: u16,
    /// The stream and the batch.
    pub cursor: Cursor,
}

/// The number of a signing key, 1 to 255.
pub type KeyId = u8;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not 115 characters of base64url, or with claims that cannot be.
    #[error("this is not a token")]
    Malformed,
    /// A format of a later build.
    #[error("the token has format {0}, this build reads {FORMAT}")]
    Format(u8),
    /// No such key is live.
    #[error("the token is signed with key {0}, which is not live")]
    UnknownKey(KeyId),
    /// The signature does not fit the claims.
    #[error("the token's signature does not fit")]
    Signature,
}

/// A signed token as text, and the multipart boundary that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    text: [u8; TEXT_LEN],
    boundary: [u8; BOUNDARY_LEN],
}

impl Signed {
    /// The token: one URL segment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The boundary of the response that carries this token. It comes from the token's HMAC: the same for a
    /// replay, and known to nobody before the response exists (design, section 5).
    #[must_use]
    pub const fn boundary(&self) -> &[u8; BOUNDARY_LEN] {
        &self.boundary
    }
}

/// The live keys: one signs, and it or one other verifies.
#[derive(Clone)]
pub struct Keyring {
    active: (KeyId, Hmac<Sha256>),
    previous: Option<(KeyId, Hmac<Sha256>)>,
}

impl Keyring {
    /// A ring that signs with `active` and also accepts `previous`.
    #[must_use]
    pub fn new(active: (KeyId, [u8; KEY_LEN]), previous: Option<(KeyId, [u8; KEY_LEN])>) -> Self {
        let keyed = |(id, key): (KeyId, [u8; KEY_LEN])| (id, Hmac::new(&key.into_block()));
        Self { active: keyed(active), previous: previous.map(keyed) }
    }

    /// The number of the key that signs.
    #[must_use]
    pub const fn active(&self) -> KeyId {
        self.active.0
    }

    /// The numbers of all live keys, the signing one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        std::iter::once(self.active.0).chain(self.previous.iter().map(|(id, _)| *id))
    }

    /// Signs a cursor of a participant with the active key.
    #[must_use]
    pub fn sign(&self, ispb: Ispb, region: u16, cursor: &Cursor) -> Signed {
        let mut bytes = [0; BYTES_LEN];
        let claims = Claims { key: self.active.0, ispb, region, cursor: *cursor };
        bytes[..CLAIMS_LEN].copy_from_slice(&encode(&claims));
        let mut mac = self.active.1.clone();
        mac.update(&bytes[..CLAIMS_LEN]);
        bytes[CLAIMS_LEN..].copy_from_slice(&mac.finalize().into_bytes());
        let mut text = [0; TEXT_LEN];
        // The lengths are constants that fit each other, so the buffer always does.
        let _written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
        Signed { text, boundary: hex(&bytes[CLAIMS_LEN..CLAIMS_LEN + BOUNDARY_LEN / 2]) }
    }

    /// Reads a token and checks its signature, in constant time. Expiry is the stream state's to judge.
    ///
    /// # Errors
    /// Any [`Error`]: the client gets 400 `invalidCursor`.
    pub fn verify(&self, text: &str) -> Result<Claims, Error> {
        let bytes = decode_text(text)?;
        let claims = decode(&bytes)?;
        let keys = std::iter::once(&self.active).chain(&self.previous);
        let Some((_, key)) = keys.into_iter().find(|(id, _)| *id == claims.key) else {
            return Err(Error::UnknownKey(claims.key));
        };
        let mut mac = key.clone();
        mac.update(&bytes[..CLAIMS_LEN]);
        mac.verify_slice(&bytes[CLAIMS_LEN..]).map_err(|_| Error::Signature)?;
        Ok(claims)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

/// Reads the claims of a token without checking its signature: for inspection only.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Format`].
pub fn inspect(text: &str) -> Result<Claims, Error> {
    decode(&decode_text(text)?)
}

fn decode_text(text: &str) -> Result<[u8; BYTES_LEN], Error> {
    let mut bytes = [0; BYTES_LEN];
    if text.len() != TEXT_LEN {
        return Err(Error::Malformed);
    }
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(BYTES_LEN) => Ok(bytes),
        Ok(_) | Err(_) => Err(Error::Malformed),
    }
}

fn encode(claims: &Claims) -> [u8; CLAIMS_LEN] {
    let cursor = &claims.cursor;
    let millis = |at: Timestamp| at.unix_millis().min(MILLIS_MAX).to_be_bytes();
    let mut out = [0; CLAIMS_LEN];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        out[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(&[FORMAT, claims.key]);
    put(claims.ispb.as_bytes());
    put(&claims.region.to_be_bytes());
    put(&[cursor.slot]);
    put(&cursor.generation.incarnation.value().to_be_bytes());
    put(&cursor.generation.number.to_be_bytes());
    put(&cursor.pull.to_be_bytes());
    put(&cursor.empties.to_be_bytes());
    put(&cursor.batch.start().value().to_be_bytes());
    put(&[u8::try_from(cursor.batch.len()).unwrap_or(u8::MAX)]);
    put(&millis(cursor.issued_at)[2..]);
    put(&millis(cursor.expires_at)[2..]);
    out
}

fn decode(bytes: &[u8; BYTES_LEN]) -> Result<Claims, Error> {
    let mut input = Reader::new(&bytes[..CLAIMS_LEN]);
    match input.u8() {
        Some(FORMAT) => {}
        Some(other) => return Err(Error::Format(other)),
        None => return Err(Error::Malformed),
    }
    read_claims(&mut input).ok_or(Error::Malformed)
}

fn read_claims(input: &mut Reader<'_>) -> Option<Claims> {
    let key = input.u8()?;
    let ispb = Ispb::from_bytes(input.array()?).ok()?;
    let region = u16::from_be_bytes(input.array()?);
    let slot = input.u8()?;
    let generation = Generation { incarnation: Incarnation::new(input.u32()?), number: input.u32()? };
    let (pull, empties) = (input.u64()?, input.u32()?);
    let (start, len) = (Sequence::new(input.u64()?), input.u8()?);
    let (issued_at, expires_at) = (read_millis(input)?, read_millis(input)?);
    let batch = Range::new(start, start.plus(u64::from(len)));
    (len <= BATCH_MAX).then_some(Claims {
        key,
        ispb,
        region,
        cursor: Cursor { slot, generation, pull, empties, batch, issued_at, expires_at },
    })
}

fn read_millis(input: &mut Reader<'_>) -> Option<Timestamp> {
    let low: [u8; 6] = input.array()?;
    let mut all = [0; 8];
    all[2..].copy_from_slice(&low);
    Some(Timestamp::from_unix_millis(u64::from_be_bytes(all)))
}

fn hex(bytes: &[u8]) -> [u8; BOUNDARY_LEN] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; BOUNDARY_LEN];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// A key padded with zeros to the block length of SHA-256, as HMAC does (RFC 2104, section 2).
trait IntoBlock {
    fn into_block(self) -> hmac::digest::Key<Hmac<Sha256>>;
}

impl IntoBlock for [u8; KEY_LEN] {
    fn into_block(self) -> hmac::digest::Key<Hmac<Sha256>> {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        block[..KEY_LEN].copy_from_slice(&self);
        block
    }
}

#[cfg(test)]
mod tests;
