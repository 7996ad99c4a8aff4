//! CRC-32 of a run of bytes in a form that joins cheaply with the run after it.
//!
//! `crc(a ‖ b) = crc(a)·x^(8·|b|) ⊕ crc(b)` in `GF(2)[x]` modulo the gzip polynomial (RFC 1952, section 8).
//! Keeping `x^(8·|b|)` beside each run makes a join one 32-step multiplication (design, section 5).
//! Computing the CRC of bytes is not done here: whoever has the bytes brings it.

/// The gzip polynomial, bit-reversed.
const POLYNOMIAL: u32 = 0xedb8_8320;
/// The polynomial 1, bit-reversed: `x^0`.
const ONE: u32 = 1 << 31;

/// CRC-32, length and shift factor of a run of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum {
    crc: u32,
    len: u32,
    shift: u32,
}

impl Checksum {
    /// The checksum of no bytes.
    pub const EMPTY: Self = Self { crc: 0, len: 0, shift: ONE };

    /// The checksum of `len` bytes whose CRC-32 is `crc`. Costs some 30 multiplications: do it once, keep it.
    #[must_use]
    pub fn new(crc: u32, len: u32) -> Self {
        Self { crc, len, shift: shift_of(len) }
    }

    /// The checksum of this run followed by `next`.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self {
            crc: multiply(self.crc, next.shift) ^ next.crc,
            len: self.len.wrapping_add(next.len),
            shift: multiply(self.shift, next.shift),
        }
    }

    /// The CRC-32.
    #[must_use]
    pub const fn crc(self) -> u32 {
        self.crc
    }

    /// The number of bytes, modulo 2^32 as in a gzip trailer.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.len
    }

    /// Whether it covers no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// The product of two polynomials modulo [`POLYNOMIAL`], all bit-reversed. Branch-free: the bits are random.
fn multiply(a: u32, b: u32) -> u32 {
    let (mut product, mut b) = (0, b);
    for bit in (0..32).rev() {
        product ^= b & 0u32.wrapping_sub((a >> bit) & 1);
        b = (b >> 1) ^ (POLYNOMIAL & 0u32.wrapping_sub(b & 1));
    }
    product
}

/// `x^(8·len)` by squaring.
fn shift_of(len: u32) -> u32 {
    let (mut result, mut square, mut left) = (ONE, ONE >> 8, len);
    while left > 0 {
        if left & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32 by its definition, bit by bit.
    fn crc_of(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (POLYNOMIAL & 0u32.wrapping_sub(c & 1)))
        })
    }

    fn checksum(bytes: &[u8]) -> Checksum {
        Checksum::new(crc_of(bytes), u32::try_from(bytes.len()).unwrap())
    }

    #[test]
    fn the_check_value_of_the_polynomial_holds() {
        assert_eq!(crc_of(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn joined_runs_have_the_checksum_of_the_whole() {
        let whole = b"--boundary\r\nContent-Type: application/xml\r\n\r\n<Envelope/>\r\n";
        for cut in 0..=whole.len() {
            let (a, b) = whole.split_at(cut);
            assert_eq!(checksum(a).then(checksum(b)), checksum(whole), "cut at {cut}");
        }
    }

    #[test]
    fn no_bytes_change_nothing() {
        let some = checksum(b"abc");
        assert_eq!(Checksum::EMPTY.then(some), some);
        assert_eq!(some.then(Checksum::EMPTY), some);
    }
}
