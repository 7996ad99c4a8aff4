//! What the Journal adds to the audit log: messages that no entry names, the digests of stored bytes, times of sequences.

use std::io::{self, Write};

use bytes::Bytes;
use pix_stream_admin::hooks::{ExportRange, HookError, Said};
use pix_stream_domain::audit::Message;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::Timestamp;
use pix_stream_evidence::archive::Wait as _;
use pix_stream_evidence::export::{Exporter, Period, Stored};
use pix_stream_evidence::report::Walked;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::journal::{self, Journal as _};
use tokio::sync::mpsc;

use super::{Blocking, Inner, unavailable};
use crate::node_ports::Stores;
use crate::system::SystemClock;

/// Messages of one participant that are looked at for one that no entry names: as many may be published in the same
/// millisecond, and a few behind.
const LOOK: u64 = 256;
/// Bytes of one look at the Journal.
const LOOK_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of an export that are sent at once, about.
const CHUNK: usize = 64 * 1024;
/// An entry may tell of a publish a little later than the message's id does: by as much as a publish may take.
const RECORDED_LATE_MILLIS: u64 = 60_000;

/// A message that the Journal holds: whose it is, its place, its digest.
pub(super) fn find<S: Stores>(
    stores: &S,
    blocking: &Blocking,
    resource_id: ResourceId,
) -> Said<Option<(Ispb, Sequence, Digest)>> {
    let journal = stores.journal();
    let failed = |error: pix_stream_ports::error::Error| unavailable(&error);
    let look = async {
        for participant in journal.participants().await? {
            let ispb = participant.ispb;
            let start = journal.find_since(ispb, resource_id.published_at()).await?;
            let range = Range::new(start, start.plus(LOOK));
            let messages = journal.read(ispb, range, LOOK_BYTES).await?;
            if let Some(found) = messages.iter().find(|message| message.resource_id == resource_id) {
                return Ok(Some((ispb, found.sequence, Digest::of(&found.xml))));
            }
        }
        Ok(None)
    };
    blocking.wait(look).map_err(failed)
}

/// The digest of what the Journal holds of a message, if it still does.
pub(super) fn stored_digest<S: Stores>(stores: &S, blocking: &Blocking, walked: &Walked) -> Option<String> {
    let journey = walked.journey.as_ref()?;
    let ispb = journey.ispb.parse().ok()?;
    let stored = read_one(stores, blocking, ispb, Sequence::new(journey.sequence))?;
    Some(Digest::of(&stored.xml).to_string())
}

fn read_one<S: Stores>(
    stores: &S,
    blocking: &Blocking,
    ispb: Ispb,
    sequence: Sequence,
) -> Option<journal::Stored> {
    let range = Range::new(sequence, sequence.plus(1));
    // What cannot be read now is left out: the audit log alone tells enough.
    blocking.wait(stores.journal().read(ispb, range, 1)).ok()?.into_iter().next()
}

/// The period of a range. Sequence numbers become the time in which they were published, by the messages themselves.
pub(super) fn period<S: Stores>(
    stores: &S,
    blocking: &Blocking,
    ispb: Ispb,
    range: ExportRange,
) -> Said<Period> {
    match range {
        ExportRange::Times { since_unix_ms, until_unix_ms } => Ok(Period {
            since: Timestamp::from_unix_millis(since_unix_ms),
            until: Timestamp::from_unix_millis(until_unix_ms),
            ispb: Some(ispb),
            sequences: Range::EMPTY,
        }),
        ExportRange::Sequences { from, to } => {
            let published = |sequence: u64| {
                let stored = read_one(stores, blocking, ispb, Sequence::new(sequence));
                let text = format!(
                    "message {sequence} is not stored any more: name the time in which it was published"
                );
                stored.map(|stored| stored.resource_id.published_at()).ok_or(HookError::Missing(text))
            };
            let (first, last) = (published(from)?, published(to)?);
            let until = last.max(first).unix_millis() + RECORDED_LATE_MILLIS;
            Ok(Period {
                since: first.min(last),
                until: Timestamp::from_unix_millis(until),
                ispb: Some(ispb),
                sequences: Range::new(Sequence::new(from), Sequence::new(to).plus(1)),
            })
        }
    }
}

/// Exports a period, chunk by chunk. After a failure its last line is missing, which whoever checks it notices.
pub(super) fn export<S: Stores>(
    inner: &Inner<S>,
    blocking: &Blocking,
    period: Period,
    chunks: &mpsc::Sender<Said<Bytes>>,
) {
    let out = Chunks { buffer: Vec::with_capacity(CHUNK), chunks };
    match write(inner, blocking, period, out) {
        Ok(()) => {}
        // The caller left.
        Err(HookError::Missing(_)) => {}
        Err(error @ (HookError::Invalid(_) | HookError::Conflict(_) | HookError::Unavailable(_))) => {
            let _left = chunks.blocking_send(Err(error));
        }
    }
}

fn write<S: Stores>(inner: &Inner<S>, blocking: &Blocking, period: Period, out: Chunks<'_>) -> Said<()> {
    let gone = |_: io::Error| HookError::Missing("the caller left".to_owned());
    let find_stored = |ispb: Ispb, message: &Message| {
        let stored = read_one(&*inner.stores, blocking, ispb, message.sequence)?;
        (stored.resource_id == message.resource_id).then(|| Stored {
            message_type: stored.message_type.to_string(),
            bytes: stored.xml.len() as u64,
            sha256: Digest::of(&stored.xml).to_string(),
        })
    };
    let mut exporter = Exporter::begin(out, period, SystemClock.now(), find_stored).map_err(gone)?;
    let anchors = blocking.wait(pix_stream_ports::anchors::Anchors::load_anchors(inner.stores.anchors()));
    let anchors = anchors.map_err(|error| unavailable(&error))?;
    let anchor = |chain: &str| anchors.iter().find(|anchor| anchor.chain.to_string() == chain);
    let mut open: Option<String> = None;
    let mut outcome = Ok(());
    let (reports, _) = inner.read(blocking, Some(period.since), |chain, line| {
        let mut step = || {
            if open.as_deref() != Some(chain) {
                if let Some(before) = open.replace(chain.to_owned()) {
                    exporter.end_chain(anchor(&before))?;
                }
                exporter.begin_chain(chain)?;
            }
            exporter.see(line)
        };
        if outcome.is_ok() {
            outcome = step();
        }
    })?;
    outcome.map_err(gone)?;
    if let Some(before) = open {
        exporter.end_chain(anchor(&before)).map_err(gone)?;
    }
    if let Some(finding) = reports.iter().flat_map(|report| &report.findings).next() {
        tracing::error!(finding, "the audit log does not hold: its export was broken off");
        return Err(HookError::Unavailable("the audit log does not hold: verify it".to_owned()));
    }
    exporter.finish().map(drop).map_err(gone)
}

/// Sends what is written in chunks.
struct Chunks<'a> {
    buffer: Vec<u8>,
    chunks: &'a mpsc::Sender<Said<Bytes>>,
}

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let sent = self.chunks.blocking_send(Ok(Bytes::from(chunk)));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
