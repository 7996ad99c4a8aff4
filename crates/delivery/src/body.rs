//! The body of a response: bytes that are there already, handed to the connection as slices.
//!
//! Nothing is copied here. How the slices come to be is `splice`'s business.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};

/// A response's body; its length is always known.
#[derive(Debug, Default)]
pub struct Body(Option<Batch>);

impl Body {
    /// No body.
    #[must_use]
    pub const fn empty() -> Self {
        Self(None)
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Buf::remaining)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::from(VecDeque::from([bytes]))
    }
}

impl From<VecDeque<Bytes>> for Body {
    fn from(mut chunks: VecDeque<Bytes>) -> Self {
        chunks.retain(|chunk| !chunk.is_empty());
        let remaining = chunks.iter().map(Bytes::len).sum();
        Self((remaining > 0).then_some(Batch { chunks, remaining }))
    }
}

impl http_body::Body for Body {
    type Data = Batch;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Batch>, Infallible>>> {
        Poll::Ready(self.0.take().map(|batch| Ok(Frame::data(batch))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}

/// A run of shared slices that reads as one buffer and is written with vectored I/O.
#[derive(Debug)]
pub struct Batch {
    /// What is left, the first one perhaps begun; never an empty slice.
    chunks: VecDeque<Bytes>,
    remaining: usize,
}

impl Buf for Batch {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| chunk)
    }

    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let slices = out.iter_mut().zip(&self.chunks);
        slices.map(|(slot, chunk)| *slot = IoSlice::new(chunk)).count()
    }

    /// # Panics
    /// More than what is left, as [`Buf`] asks for.
    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "advanced past the end");
        self.remaining -= count;
        while let Some(chunk) = self.chunks.front_mut() {
            if count < chunk.len() {
                chunk.advance(count);
                return;
            }
            count -= chunk.len();
            self.chunks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(chunks: &[&'static str]) -> Batch {
        let chunks: VecDeque<_> = chunks.iter().map(|c| Bytes::from_static(c.as_bytes())).collect();
        Body::from(chunks).0.unwrap()
    }

    #[test]
    fn slices_read_as_one_buffer_at_any_pace() {
        for step in 1..=10 {
            let mut batch = batch(&["abc", "d", "efghij"]);
            let mut read = Vec::new();
            while batch.has_remaining() {
                let take = step.min(batch.chunk().len());
                read.extend_from_slice(&batch.chunk()[..take]);
                batch.advance(take);
            }
            assert_eq!(read, b"abcdefghij", "steps of {step}");
        }
    }

    #[test]
    fn advancing_crosses_slices() {
        let mut batch = batch(&["abc", "d", "ef"]);
        batch.advance(4);
        assert_eq!((batch.chunk(), batch.remaining()), (&b"ef"[..], 2));
    }

    #[test]
    fn all_slices_are_offered_at_once() {
        let batch = batch(&["abc", "d", "ef"]);
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(batch.chunks_vectored(&mut slices), 3);
        assert_eq!(&*slices[2], b"ef");
    }

    #[test]
    fn a_body_of_nothing_has_ended() {
        let body = Body::from(Bytes::new());
        assert!(body.is_empty() && http_body::Body::is_end_stream(&body));
    }
}
