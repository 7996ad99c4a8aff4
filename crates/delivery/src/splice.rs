//! Bodies of reads, spliced from bytes that were made at publish (design, section 5).
//!
//! Identity: boundary lines between rendered parts. gzip: one member without a compressor, of segments that are
//! ready, with everything else in stored blocks. Message bytes are shared, never copied.
//!
//! A `chained` segment refers back into the part just before it, over exactly one boundary line. It may stand only
//! where the decompressor has that part in its window; how the part itself was coded does not matter.

use std::collections::VecDeque;

use bytes::{BufMut as _, Bytes, BytesMut};
use pix_stream_app::Message;
use pix_stream_domain::checksum::Checksum;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::token::{BOUNDARY_LEN, BOUNDARY_LINE_LEN};

use crate::body::Body;

/// Most bytes of one stored block (RFC 1951, section 3.2.4).
const STORED_MAX: usize = 0xffff;
/// A member without name or time, by an unknown system (RFC 1952, section 2.3).
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const CRLF: &[u8] = b"\r\n";
/// Room for what is copied of one message: block heads, boundary line, header lines.
const COPIED_PER_MESSAGE: usize = 256;

/// A message as a body needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// Its place: a chained segment counts only behind the place before.
    pub(crate) sequence: Sequence,
    /// The whole part, header lines to closing CRLF.
    pub(crate) part: &'a Bytes,
    /// Length of the header lines with the empty line.
    pub(crate) head: usize,
    /// Its XML deflated without a dictionary.
    pub(crate) alone: Option<Deflated<'a>>,
    /// Its part deflated behind the part before it.
    pub(crate) chained: Option<Deflated<'a>>,
}

/// A byte-aligned run of deflate blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deflated<'a> {
    pub(crate) blocks: &'a Bytes,
    pub(crate) checksum: Checksum,
}

impl<'a> From<&'a Message> for Piece<'a> {
    fn from(message: &'a Message) -> Self {
        let alone = message.alone().map(|s| Deflated { blocks: &s.deflated, checksum: s.checksum });
        let chained = message.chained().map(|s| Deflated { blocks: &s.deflated, checksum: s.checksum });
        let (part, head) = (message.part.bytes(), message.part.head().len());
        Self { sequence: message.sequence, part, head, alone, chained }
    }
}

impl Piece<'_> {
    /// The XML: what stands between the header lines and the CRLF behind it.
    fn xml(&self) -> Bytes {
        self.part.slice(self.head..self.part.len() - CRLF.len())
    }
}

/// The value of `Content-Type` and the two boundary lines of one response, in one buffer.
#[derive(Debug, Clone)]
pub(crate) struct Boundary(Bytes);

const MULTIPART: &[u8] = b"multipart/mixed; boundary=";
const LINE: std::ops::Range<usize> = MULTIPART.len() + BOUNDARY_LEN..CLOSING_START;
const CLOSING_START: usize = MULTIPART.len() + BOUNDARY_LEN + BOUNDARY_LINE_LEN;

impl Boundary {
    pub(crate) fn new(boundary: &[u8; BOUNDARY_LEN]) -> Self {
        let mut text = Vec::with_capacity(CLOSING_START + BOUNDARY_LINE_LEN + 2);
        for piece in [MULTIPART, boundary, b"--", boundary, CRLF, b"--", boundary, b"--\r\n"] {
            text.extend_from_slice(piece);
        }
        Self(Bytes::from(text))
    }

    /// `multipart/mixed; boundary=…`: unquoted, the only parameter.
    pub(crate) fn content_type(&self) -> Bytes {
        self.0.slice(..MULTIPART.len() + BOUNDARY_LEN)
    }

    fn line(&self) -> Bytes {
        self.0.slice(LINE)
    }

    fn closing(&self) -> Bytes {
        self.0.slice(CLOSING_START..)
    }
}

/// Many messages as `multipart/mixed`.
pub(crate) fn multipart<'a>(pieces: impl ExactSizeIterator<Item = Piece<'a>>, boundary: &Boundary) -> Body {
    let line = boundary.line();
    let mut chunks = VecDeque::with_capacity(2 * pieces.len() + 1);
    for piece in pieces {
        chunks.push_back(line.clone());
        chunks.push_back(piece.part.clone());
    }
    chunks.push_back(boundary.closing());
    Body::from(chunks)
}

/// Many messages as one gzip member.
pub(crate) fn multipart_gzip<'a>(
    pieces: impl ExactSizeIterator<Item = Piece<'a>>,
    boundary: &Boundary,
) -> Body {
    let line = &boundary.0[LINE];
    let mut member = Member::new(pieces.len());
    let mut previous: Option<Sequence> = None;
    // The CRLF behind the message before belongs to its part; after an `alone` segment it is still owed.
    let mut owed: &[u8] = b"";
    for piece in pieces {
        let follows = previous.is_some_and(|before| before.plus(1) == piece.sequence);
        previous = Some(piece.sequence);
        match (piece.chained.filter(|_| follows), piece.alone) {
            (Some(chained), _) => {
                member.stored_copy(&[owed, line]);
                member.deflated(chained);
                owed = b"";
            }
            (None, Some(alone)) => {
                member.stored_copy(&[owed, line, &piece.part[..piece.head]]);
                member.deflated(alone);
                owed = CRLF;
            }
            (None, None) => {
                member.stored_copy(&[owed, line]);
                member.stored_shared(piece.part);
                owed = b"";
            }
        }
    }
    member.stored_copy(&[owed, &boundary.0[CLOSING_START..]]);
    member.finish()
}

/// One message as it was published.
pub(crate) fn single(piece: &Piece<'_>) -> Body {
    Body::from(piece.xml())
}

/// One message as one gzip member.
pub(crate) fn single_gzip(piece: &Piece<'_>) -> Body {
    let mut member = Member::new(1);
    match piece.alone {
        Some(alone) => member.deflated(alone),
        None => member.stored_shared(&piece.xml()),
    }
    member.finish()
}

/// A short text as one gzip member of stored blocks: for error bodies and the catalogue.
pub(crate) fn text_gzip(text: &Bytes) -> Body {
    let mut member = Member::new(1);
    member.stored_shared(text);
    member.finish()
}

/// One gzip member in the making.
struct Member {
    /// What is copied and not yet among the chunks.
    copied: BytesMut,
    chunks: VecDeque<Bytes>,
    crc: u32,
    len: u32,
}

impl Member {
    fn new(messages: usize) -> Self {
        let mut copied = BytesMut::with_capacity(COPIED_PER_MESSAGE * (messages + 1));
        copied.put_slice(&GZIP_HEAD);
        Self { copied, chunks: VecDeque::with_capacity(2 * messages + 2), crc: 0, len: 0 }
    }

    /// Pieces that fit one stored block together, copied.
    fn stored_copy(&mut self, pieces: &[&[u8]]) {
        let len = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        debug_assert!(len <= STORED_MAX, "boundary and header lines are short");
        self.block_head(len);
        for piece in pieces {
            self.copied.put_slice(piece);
            self.count(piece);
        }
    }

    /// Bytes of any length in stored blocks, shared.
    fn stored_shared(&mut self, bytes: &Bytes) {
        for start in (0..bytes.len()).step_by(STORED_MAX) {
            let block = bytes.slice(start..bytes.len().min(start + STORED_MAX));
            self.block_head(block.len());
            self.count(&block);
            self.share(block);
        }
    }

    fn deflated(&mut self, deflated: Deflated<'_>) {
        let joined = Checksum::new(self.crc, 0).then(deflated.checksum);
        self.crc = joined.crc();
        self.len = self.len.wrapping_add(deflated.checksum.len());
        self.share(deflated.blocks.clone());
    }

    /// The last block, empty, and the trailer (RFC 1952, section 2.3.1).
    fn finish(mut self) -> Body {
        self.copied.put_slice(&[1, 0, 0, 0xff, 0xff]);
        self.copied.put_u32_le(self.crc);
        self.copied.put_u32_le(self.len);
        self.chunks.push_back(self.copied.freeze());
        Body::from(self.chunks)
    }

    fn block_head(&mut self, len: usize) {
        #[expect(clippy::cast_possible_truncation, reason = "both callers keep within STORED_MAX")]
        let len = len as u16;
        self.copied.put_u8(0);
        self.copied.put_u16_le(len);
        self.copied.put_u16_le(!len);
    }

    fn count(&mut self, plain: &[u8]) {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.crc);
        hasher.update(plain);
        self.crc = hasher.finalize();
        #[expect(clippy::cast_possible_truncation, reason = "a gzip trailer counts modulo 2^32")]
        let len = plain.len() as u32;
        self.len = self.len.wrapping_add(len);
    }

    fn share(&mut self, bytes: Bytes) {
        if !self.copied.is_empty() {
            self.chunks.push_back(self.copied.split().freeze());
        }
        self.chunks.push_back(bytes);
    }
}

#[cfg(test)]
mod tests;
