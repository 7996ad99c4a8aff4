//! The two tasks of a connection: one writes what is queued, one reads what comes. Either ending ends the connection.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use cdrs_tokio::compression::Compression;
use cdrs_tokio::frame::{EVENT_STREAM_ID, Envelope};
use thiserror::Error as ThisError;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::{Outgoing, Wire};
use crate::streams::Answered;

/// Bytes of a frame's header; its last four give the body's length (v4, section 2).
const HEADER: usize = 9;
/// An answer larger than this is not read: pages are far smaller.
const ANSWER_MAX: usize = 64 << 20;
/// Requests are written together up to about this many bytes.
const WRITE_BYTES: usize = 256 << 10;
const REQUESTS_AT_ONCE: usize = 64;
/// A buffer that grew past this is given back.
const BUFFER_KEPT: usize = 1 << 20;

/// Why a connection ended.
#[derive(Debug, ThisError)]
enum Fault {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("closed by the node")]
    Closed,
    #[error("an answer of {0} bytes is too long")]
    TooLong(i32),
    #[error("an answer cannot be read: {0}")]
    Unreadable(String),
    #[error("an answer to nothing that was asked")]
    Unexpected,
    #[error("events come faster than they are handled")]
    TooManyEvents,
}

/// Writes requests until the connection ends.
pub(super) async fn write(
    wire: Arc<Wire>,
    mut socket: impl AsyncWrite + Unpin,
    mut requests: mpsc::Receiver<Outgoing>,
) {
    if let Err(fault) = write_all(&wire, &mut socket, &mut requests).await {
        end(&wire, &fault);
    }
}

async fn write_all(
    wire: &Wire,
    socket: &mut (impl AsyncWrite + Unpin),
    requests: &mut mpsc::Receiver<Outgoing>,
) -> Result<(), Fault> {
    let mut batch = Vec::with_capacity(REQUESTS_AT_ONCE);
    let mut bytes = Vec::new();
    while requests.recv_many(&mut batch, REQUESTS_AT_ONCE).await > 0 {
        for request in batch.drain(..) {
            // From here on it counts as sent: what reaches the socket in part may be completed by nobody, but
            // only the kernel knows.
            if wire.streams().begin(request.ticket) {
                bytes.extend_from_slice(&request.frame);
            }
            if bytes.len() >= WRITE_BYTES {
                socket.write_all(&bytes).await?;
                bytes.clear();
            }
        }
        if !bytes.is_empty() {
            socket.write_all(&bytes).await?;
            bytes.clear();
        }
        socket.flush().await?;
        bytes.shrink_to(BUFFER_KEPT);
    }
    Ok(())
}

/// Reads answers until the connection ends.
pub(super) async fn read(wire: Arc<Wire>, mut socket: impl AsyncRead + Unpin) {
    if let Err(fault) = read_all(&wire, &mut socket).await {
        end(&wire, &fault);
    }
}

async fn read_all(wire: &Wire, socket: &mut (impl AsyncRead + Unpin)) -> Result<(), Fault> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(16 << 10);
        if socket.read_buf(&mut buffer).await? == 0 {
            return Err(Fault::Closed);
        }
        wire.pulse.answered();
        while let Some(length) = frame_length(&buffer)? {
            let Some(frame) = buffer.get(..length) else {
                buffer.reserve(length - buffer.len());
                break;
            };
            let parsed = Envelope::from_buffer(frame, Compression::None);
            let parsed = parsed.map_err(|error| Fault::Unreadable(error.to_string()))?;
            buffer.advance(length);
            deliver(wire, parsed.envelope)?;
        }
        if buffer.is_empty() && buffer.capacity() > BUFFER_KEPT {
            buffer = BytesMut::new();
        }
    }
}

/// Length of the frame at the start, header included, once its header is there.
fn frame_length(buffer: &[u8]) -> Result<Option<usize>, Fault> {
    let Some(&[_, _, _, _, _, a, b, c, d]) = buffer.first_chunk::<HEADER>() else { return Ok(None) };
    let length = i32::from_be_bytes([a, b, c, d]);
    match usize::try_from(length) {
        Ok(body) if body <= ANSWER_MAX => Ok(Some(HEADER + body)),
        Ok(_) | Err(_) => Err(Fault::TooLong(length)),
    }
}

fn deliver(wire: &Wire, envelope: Envelope) -> Result<(), Fault> {
    if envelope.stream_id == EVENT_STREAM_ID {
        return match &wire.handlers.events {
            // A lost event would leave old metadata; a new control connection reads all of it again.
            Some(events) => events.try_send(envelope).map_err(|_| Fault::TooManyEvents),
            None => Ok(()),
        };
    }
    let answered = wire.streams().answer(envelope.stream_id);
    match answered {
        Answered::Waiter(waiter) => {
            // Whoever stopped waiting in this instant needs no answer.
            let _ = waiter.send(Ok(envelope));
            Ok(())
        }
        Answered::Late => {
            tracing::debug!(node = %wire.address, "an answer came after its deadline");
            Ok(())
        }
        Answered::Unexpected => Err(Fault::Unexpected),
    }
}

fn end(wire: &Wire, fault: &Fault) {
    let why = fault.to_string();
    wire.retire(&why);
    wire.close(&why);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_known_once_the_header_is_there_and_never_beyond_the_limit() {
        let header = |length: i32| [&[0x84, 0, 0, 1, 8][..], &length.to_be_bytes()].concat();
        assert!(matches!(frame_length(&header(5)[..8]), Ok(None)));
        assert!(matches!(frame_length(&header(5)), Ok(Some(14))));
        assert!(matches!(frame_length(&header(-1)), Err(Fault::TooLong(-1))));
        assert!(matches!(frame_length(&header(i32::MAX)), Err(Fault::TooLong(_))));
    }
}
