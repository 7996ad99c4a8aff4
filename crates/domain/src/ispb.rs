//! The ISPB: eight characters that name a participant on every path, certificate and message.
//!
//! Text becomes an [`Ispb`] here and nowhere else; whoever holds one asks no further questions.
//! Whether the participant is onboarded is not known here: that is the registry's business.

use std::fmt;
use std::str::FromStr;

/// Length of an ISPB, in bytes.
pub const LEN: usize = 8;

/// A participant's code, `[0-9A-Z]{8}` (protocol, section 1). Letters are real: `99999A04`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ispb([u8; LEN]);

/// Why a text is not an ISPB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not exactly [`LEN`] bytes.
    #[error("an ISPB has {LEN} characters, this has {0}")]
    Length(usize),
    /// A byte outside `0-9A-Z`, and where it stands, counted from 1.
    #[error("an ISPB holds digits and capital letters only; character {position} is neither")]
    Character {
        /// Position of the first bad character, from 1.
        position: usize,
    },
}

impl Ispb {
    /// Reads an ISPB from its eight bytes.
    ///
    /// # Errors
    /// A byte outside `0-9A-Z`.
    pub fn from_bytes(bytes: [u8; LEN]) -> Result<Self, Error> {
        // Lower case is refused, not folded: two spellings of one bank would split its stream in two.
        match bytes.iter().position(|b| !b.is_ascii_digit() && !b.is_ascii_uppercase()) {
            Some(at) => Err(Error::Character { position: at + 1 }),
            None => Ok(Self(bytes)),
        }
    }

    /// The eight bytes, all ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    /// The eight characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII passes the constructor, so the fallback is never seen.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Ispb {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = text.as_bytes().try_into().map_err(|_| Error::Length(text.chars().count()))?;
        Self::from_bytes(bytes)
    }
}

impl fmt::Display for Ispb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ispb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ispb({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_allowed() {
        assert_eq!("99999A04".parse::<Ispb>().map(|i| i.to_string()), Ok("99999A04".to_owned()));
    }

    #[test]
    fn lower_case_is_refused_with_its_position() {
        assert_eq!("99999a04".parse::<Ispb>(), Err(Error::Character { position: 6 }));
    }

    #[test]
    fn other_lengths_are_refused() {
        assert_eq!("9999901".parse::<Ispb>(), Err(Error::Length(7)));
        assert_eq!("".parse::<Ispb>(), Err(Error::Length(0)));
    }
}
