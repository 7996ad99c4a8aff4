//! Raw deflate segments that delivery splices into one gzip member (design, section 5).
//!
//! Each segment ends byte-aligned by a sync flush and holds no final block, so stored blocks may stand between any
//! two. `alone` covers a message's XML; `chained` covers a whole part and may refer back into the part before it.
//!
//! Measured with ten signed pacs.008 of 3.6 kB (identity body 37.2 kB; times are of parts of the same make, release
//! build, a shared machine; the tests named `figures` print them anew):
//!
//! | level | body chained | body of `alone` | `alone` | `chained` |
//! |---|---|---|---|---|
//! | 1 | 9.5 kB | 20.6 kB | 9 µs | 11 µs |
//! | 2 | 7.8 kB | 17.3 kB | 21 µs | 22 µs |
//! | 4 | 7.5 kB | 17.0 kB | 25 µs | 27 µs |
//! | 6 | 7.4 kB | 16.8 kB | 28 µs | 30 µs |
//! | 8 | 7.3 kB | 16.8 kB | 29 µs | 30 µs |

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use pix_stream_domain::checksum::Checksum;
use pix_stream_domain::token::BOUNDARY_LINE_LEN;
use pix_stream_ports::codec::Segment;

/// The CRLF that ends a part: it belongs to the boundary behind it.
pub(crate) const PART_END: &[u8] = b"\r\n";
/// How far back deflate can refer (RFC 1951, section 2).
const WINDOW: usize = 32 * 1024;
/// Most bytes of one stored block (RFC 1951, section 3.2.4).
const STORED_MAX: usize = 0xffff;
/// The level of deflate. Level 6 costs 8 µs more a message and makes it some 45 bytes smaller; putting 45 bytes on
/// the wire costs far less than that. Level 1 is twice as fast and a fifth larger.
const LEVEL: u32 = 2;

/// Deflates `plain` with nothing before it.
pub(crate) fn alone(plain: &[u8]) -> Segment {
    segment(plain, &[])
}

/// Deflates `part` as it stands behind `previous` and a boundary line.
///
/// The boundary is not known yet, so NUL bytes stand in for it. A match copies bytes that are equal to those it
/// stands for; `part` holds no NUL, so no match can start in, end in or cross the stand-in, and what the boundary
/// line really says does not matter. Only its length does, as a distance.
pub(crate) fn chained(part: &[u8], previous: &[u8]) -> Segment {
    if part.contains(&0) {
        // XML holds no NUL. Should one come all the same, the argument above fails and the segment does without.
        return segment(part, &[]);
    }
    segment(part, &dictionary(previous))
}

/// What a chained segment may refer back into: the end of the part before it, and the stand-in for the boundary line.
pub(crate) fn dictionary(previous: &[u8]) -> Vec<u8> {
    // The window reaches no further back than this, boundary included.
    let reach = previous.len().min(WINDOW - BOUNDARY_LINE_LEN);
    let mut dictionary = Vec::with_capacity(reach + BOUNDARY_LINE_LEN);
    dictionary.extend_from_slice(&previous[previous.len() - reach..]);
    dictionary.resize(reach + BOUNDARY_LINE_LEN, 0);
    dictionary
}

fn segment(plain: &[u8], dictionary: &[u8]) -> Segment {
    // A gzip trailer counts bytes modulo 2^32, and so does the checksum.
    #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is what is meant")]
    let checksum = Checksum::new(crc32fast::hash(plain), plain.len() as u32);
    let deflated = DEFLATER.with_borrow_mut(|deflater| deflater.deflate(plain, dictionary));
    Segment { deflated, checksum }
}

thread_local! {
    /// A compressor's tables are some 300 KB: one a thread, cleared for each segment, not made anew.
    static DEFLATER: RefCell<Deflater> = RefCell::new(Deflater::new(LEVEL));
}

struct Deflater {
    compress: Compress,
    scratch: Vec<u8>,
}

impl Deflater {
    fn new(level: u32) -> Self {
        Self { compress: Compress::new(Compression::new(level), false), scratch: Vec::new() }
    }

    fn deflate(&mut self, plain: &[u8], dictionary: &[u8]) -> Bytes {
        self.compress.reset();
        self.scratch.clear();
        match self.run(plain, dictionary) {
            // Copied, so that what is kept has no spare room behind it.
            Ok(()) => Bytes::copy_from_slice(&self.scratch),
            Err(_) => {
                // A compressor that refuses its input is a defect, and stored blocks say the same in more bytes.
                *self = Self::new(LEVEL);
                stored(plain)
            }
        }
    }

    fn run(&mut self, plain: &[u8], dictionary: &[u8]) -> Result<(), flate2::CompressError> {
        if !dictionary.is_empty() {
            self.compress.set_dictionary(dictionary)?;
        }
        let mut left = plain;
        loop {
            self.scratch.reserve(left.len() / 2 + 64);
            let before = self.compress.total_in();
            self.compress.compress_vec(left, &mut self.scratch, FlushCompress::Sync)?;
            let taken = usize::try_from(self.compress.total_in() - before).unwrap_or(left.len());
            left = &left[taken..];
            // Room left over is how deflate says that the flush is complete.
            if left.is_empty() && self.scratch.len() < self.scratch.capacity() {
                return Ok(());
            }
        }
    }
}

/// `plain` as stored blocks, none of them final.
fn stored(plain: &[u8]) -> Bytes {
    let mut blocks = Vec::with_capacity(plain.len() + 5 * plain.len().div_ceil(STORED_MAX));
    for chunk in plain.chunks(STORED_MAX) {
        #[expect(clippy::cast_possible_truncation, reason = "a chunk has at most 65,535 bytes")]
        let len = chunk.len() as u16;
        blocks.push(0);
        blocks.extend_from_slice(&len.to_le_bytes());
        blocks.extend_from_slice(&(!len).to_le_bytes());
        blocks.extend_from_slice(chunk);
    }
    Bytes::from(blocks)
}

#[cfg(test)]
mod tests;
