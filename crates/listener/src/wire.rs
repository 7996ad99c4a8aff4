//! What hyper reads from and writes to: a TLS stream that reports progress, gives hyper's own refusals a body, and
//! closes so that the last answer arrives.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::time::{Sleep, sleep};

use super::progress::Progress;
use super::refusal::Refuse;

/// How long the rest of a client's bytes is read after the last answer. Closing a socket with unread bytes resets
/// the connection, and the client may lose the answer.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of it.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
/// hyper's own refusals are shorter than this,
const REFUSAL_BYTES: usize = 512;
/// and say this, in the spelling that `connection` sets.
const NO_BODY: &[u8] = b"\r\nContent-Length: 0\r\n";

/// A stream under hyper.
pub(super) struct Wire<I> {
    stream: I,
    progress: Arc<Progress>,
    refuse: Refuse,
    /// What goes out in place of hyper's refusal, and how much of it has gone.
    refusal: Option<(Vec<u8>, usize)>,
    /// Whether the last write took less than it was given: the next one goes on in the middle of an answer.
    is_mid_answer: bool,
    closing: Closing,
}

enum Closing {
    /// Not closed by us.
    Open,
    /// The client has closed its side: there is nothing to wait for.
    Ended,
    /// Our side is closed; what still comes is thrown away.
    Lingering { until: Pin<Box<Sleep>>, bytes: usize },
}

impl<I> Wire<I> {
    pub(super) fn new(stream: I, progress: Arc<Progress>, refuse: Refuse) -> Self {
        Self { stream, progress, refuse, refusal: None, is_mid_answer: false, closing: Closing::Open }
    }
}

impl<I: AsyncBufRead + AsyncWrite + Unpin> Read for Wire<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let bytes = ready!(Pin::new(&mut this.stream).poll_fill_buf(cx))?;
        if bytes.is_empty() {
            this.closing = Closing::Ended;
            return Poll::Ready(Ok(()));
        }
        let length = bytes.len().min(buffer.remaining());
        buffer.put_slice(&bytes[..length]);
        this.progress.read(&bytes[..length]);
        Pin::new(&mut this.stream).consume(length);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncBufRead + AsyncWrite + Unpin> Write for Wire<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.replaces(bytes) {
            ready!(this.poll_refusal(cx))?;
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, bytes))?;
        this.is_mid_answer = written < bytes.len();
        this.progress.wrote();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let [bytes] = slices
            && this.replaces(bytes)
        {
            ready!(this.poll_refusal(cx))?;
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, slices))?;
        this.is_mid_answer = written < slices.iter().map(|slice| slice.len()).sum();
        this.progress.wrote();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.closing, Closing::Open | Closing::Ended) {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if matches!(self.closing, Closing::Open) {
            self.closing = Closing::Lingering { until: Box::pin(sleep(LINGER_TIMEOUT)), bytes: 0 };
        }
        self.poll_linger(cx)
    }
}

impl<I: AsyncBufRead + AsyncWrite + Unpin> Wire<I> {
    /// Whether these bytes are a refusal of hyper's, or the one we are already replacing. hyper refuses heads only,
    /// always in one write and with an empty body; a 4xx of a service has a body.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if self.refusal.is_some() {
            return true;
        }
        let looks_like_one = bytes.starts_with(b"HTTP/1.1 4")
            && bytes.len() <= REFUSAL_BYTES
            && bytes.ends_with(b"\r\n\r\n")
            && bytes.windows(NO_BODY.len()).any(|window| window == NO_BODY);
        if !looks_like_one || self.is_mid_answer || !self.progress.is_between_requests() {
            return false;
        }
        let status = bytes.get(9..12).and_then(|digits| StatusCode::from_bytes(digits).ok());
        self.refusal = status.map(|status| (self.refuse.encode(status), 0));
        self.refusal.is_some()
    }

    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((bytes, done)) = &mut self.refusal else { return Poll::Ready(Ok(())) };
        while *done < bytes.len() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[*done..]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *done += written;
        }
        self.refusal = None;
        Poll::Ready(Ok(()))
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Closing::Lingering { until, bytes } = &mut self.closing else { return Poll::Ready(Ok(())) };
        loop {
            if *bytes > LINGER_BYTES || until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            // What is wrong with a connection that we are done with is of no interest.
            let Ok(more) = ready!(Pin::new(&mut self.stream).poll_fill_buf(cx)) else {
                return Poll::Ready(Ok(()));
            };
            let length = more.len();
            if length == 0 {
                return Poll::Ready(Ok(()));
            }
            Pin::new(&mut self.stream).consume(length);
            *bytes += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http::Response;
    use tokio::io::{AsyncReadExt as _, BufReader, duplex};

    use super::*;

    const BARE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

    async fn write(wire: &mut Wire<impl AsyncBufRead + AsyncWrite + Unpin>, bytes: &[u8]) -> usize {
        poll_fn(|cx| Pin::new(&mut *wire).poll_write(cx, bytes)).await.unwrap()
    }

    fn refuse() -> Refuse {
        Refuse::new(|_| Response::new(bytes::Bytes::from_static(b"<problem/>")))
    }

    #[tokio::test]
    async fn a_refusal_is_replaced_between_requests_and_never_during_one() {
        let (near, mut far) = duplex(1024);
        let progress = Progress::new(true);
        let mut wire = Wire::new(BufReader::new(near), Arc::clone(&progress), refuse());
        let request = progress.request(true);
        assert_eq!(write(&mut wire, BARE).await, BARE.len());
        let mut seen = vec![0; BARE.len()];
        far.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, BARE);
        drop(request);
        assert_eq!(write(&mut wire, BARE).await, BARE.len());
        drop(wire);
        seen.clear();
        far.read_to_end(&mut seen).await.unwrap();
        assert!(seen.ends_with(b"\r\n\r\n<problem/>"), "{}", String::from_utf8_lossy(&seen));
    }

    #[tokio::test]
    async fn the_rest_of_an_answer_is_never_a_refusal() {
        let (near, mut far) = duplex(64);
        let mut wire = Wire::new(BufReader::new(near), Progress::new(true), refuse());
        let answer = [&[b'x'; 64], BARE].concat();
        assert_eq!(write(&mut wire, &answer).await, 64);
        far.read_exact(&mut [0; 64]).await.unwrap();
        assert_eq!(write(&mut wire, &answer[64..]).await, BARE.len());
        let mut seen = vec![0; BARE.len()];
        far.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, BARE);
    }
}
