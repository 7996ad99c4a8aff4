//! Undoes the gzip of a publish body, within its limit: a bomb is stopped where it crosses it.

use std::io::Read as _;

use bytes::Bytes;
use flate2::bufread::GzDecoder;

use crate::error::{Code, Problem};
use crate::publish::budget::Reservation;

/// How much is inflated at a time, and reserved before.
const STEP: usize = 64 * 1024;

/// Inflates one member of at most `limit` bytes.
///
/// # Errors
/// 413 over the limit; 400 `invalidMessage` for a damaged member, or anything behind it; 503 without room.
pub(crate) fn gunzip(compressed: &[u8], limit: usize, room: &mut Reservation) -> Result<Bytes, Problem> {
    let invalid = |title| Problem::new(Code::InvalidMessage, title);
    let mut decoder = GzDecoder::new(compressed);
    let mut plain = Vec::new();
    loop {
        // Doubling would take twice the limit for a body just over half of it.
        if plain.capacity() - plain.len() < STEP {
            plain.reserve_exact((plain.len() / 2).max(STEP).min(limit.saturating_sub(plain.len()) + STEP));
        }
        room.grow(STEP)?;
        let read = (&mut decoder)
            .take(STEP as u64)
            .read_to_end(&mut plain)
            .map_err(|_| invalid("the gzip body is damaged or breaks off"))?;
        if plain.len() > limit {
            return Err(too_large());
        }
        if read < STEP {
            break;
        }
    }
    if decoder.into_inner().is_empty() {
        Ok(Bytes::from(plain))
    } else {
        // A reader that knows of one member only would see another request than we do.
        Err(invalid("the gzip body has more behind its first member"))
    }
}

/// 413 for a whole body.
pub(crate) fn too_large() -> Problem {
    Problem::new(Code::TooLarge, "the body is larger than a publish request may be")
}

#[cfg(test)]
mod tests {
    //! Protocol, section 8: limits count after decompression.

    use std::io::Write as _;
    use std::sync::Arc;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::publish::budget::Budget;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(compressed: &[u8], limit: usize) -> Result<Bytes, Code> {
        let mut room = Budget::new(Arc::new(Semaphore::new(1 << 23))).reserve();
        gunzip(compressed, limit, &mut room).map_err(|problem| problem.code)
    }

    #[test]
    fn exactly_the_limit_passes_and_one_more_does_not() {
        for limit in [10, STEP - 1, STEP, STEP + 1, 3 * STEP] {
            assert_eq!(inflate(&gzip(&vec![b'x'; limit]), limit).map(|b| b.len()), Ok(limit));
            assert_eq!(inflate(&gzip(&vec![b'x'; limit + 1]), limit), Err(Code::TooLarge));
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(inflate(&bomb, 1 << 20), Err(Code::TooLarge));
    }

    #[test]
    fn damage_and_second_members_are_refused() {
        let whole = gzip(b"<Envelope/>");
        let mut damaged = whole.clone();
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        let doubled = [whole.clone(), whole.clone()].concat();
        for body in [&whole[..whole.len() - 1], &whole[..4], b"", b"plain", &damaged, &doubled] {
            assert_eq!(inflate(body, 1000), Err(Code::InvalidMessage));
        }
    }
}
