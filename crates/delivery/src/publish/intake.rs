//! Reads a publish request's body into messages: announced length, arrival in time, limits, coding, form.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use pix_stream_app::Ports;

use crate::error::{Code, Problem};
use crate::handlers::{late_body, malformed_body};
use crate::publish::budget::Reservation;
use crate::publish::inflate::{gunzip, too_large};
use crate::publish::media::{self, Media};
use crate::publish::multipart;
use crate::shared::{Shared, Wire};

/// From this many compressed bytes on, inflating leaves the threads that serve connections.
const INLINE_GZIP_MAX: usize = 16 * 1024;

/// The messages of a request, and the room they hold until they are stored.
pub(crate) struct Intake {
    pub(crate) messages: Vec<Bytes>,
    /// Held for as long as the messages are.
    pub(crate) room: Reservation,
}

/// Reads everything that a publish request brings.
///
/// # Errors
/// In this order: 411, 413, 415, 400 `charset`, then what the bytes themselves give rise to.
pub(crate) async fn receive<P: Ports>(
    shared: &Shared<P>,
    headers: &HeaderMap,
    version: Version,
    body: &mut Incoming,
) -> Result<Intake, Problem> {
    let wire = &shared.wire;
    check_length(headers, version, wire.publish_bytes)?;
    let is_gzip = media::is_gzip(headers)?;
    let media = media::of_request(headers)?;
    let mut room = shared.bodies.reserve();
    let read = read(body, wire.publish_bytes, &mut room);
    let bytes = tokio::time::timeout(wire.body_timeout, read).await.unwrap_or_else(|_| Err(late_body()))?;
    let (bytes, room) = if is_gzip { inflate(shared, bytes, room).await? } else { (bytes, room) };
    Ok(Intake { messages: split(&bytes, &media, wire)?, room })
}

/// HTTP/1 announces a body by its length or as chunks; HTTP/2 frames it anyway.
fn check_length(headers: &HeaderMap, version: Version, limit: usize) -> Result<(), Problem> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.is_none() && !headers.contains_key(TRANSFER_ENCODING) && version < Version::HTTP_2 {
        return Err(Problem::new(Code::LengthRequired, "the body has neither a length nor chunks"));
    }
    // The HTTP parser has checked that it is a number; one that is out of all bounds is too large as well.
    match length.map(|length| length.parse().unwrap_or(usize::MAX)) {
        Some(length) if length > limit => Err(too_large()),
        Some(_) | None => Ok(()),
    }
}

async fn read(body: &mut Incoming, limit: usize, room: &mut Reservation) -> Result<Bytes, Problem> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| malformed_body())?.into_data() else { continue };
        room.grow(data.len())?;
        if all.len() + first.len() + data.len() > limit {
            return Err(too_large());
        }
        // A body of one frame, the usual case, is not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

async fn inflate<P: Ports>(
    shared: &Shared<P>,
    bytes: Bytes,
    mut room: Reservation,
) -> Result<(Bytes, Reservation), Problem> {
    let limit = shared.wire.publish_bytes;
    if bytes.len() <= INLINE_GZIP_MAX {
        let plain = gunzip(&bytes, limit, &mut room)?;
        return Ok((plain, room));
    }
    // Each takes up to the limit in memory, whatever came over the wire: few at a time. Never closed.
    let _turn = shared.inflating.acquire().await;
    let inflating = tokio::task::spawn_blocking(move || {
        let plain = gunzip(&bytes, limit, &mut room)?;
        Ok((plain, room))
    });
    inflating.await.unwrap_or_else(|fault| Err(Problem::internal(format!("inflating a body: {fault}"))))
}

fn split(bytes: &Bytes, media: &Media, wire: &Wire) -> Result<Vec<Bytes>, Problem> {
    match media {
        Media::Xml => {
            multipart::check_size(bytes, 1, wire.message_bytes)?;
            Ok(vec![bytes.clone()])
        }
        Media::Multipart { boundary } => multipart::split(bytes, boundary, wire.message_bytes),
    }
}
