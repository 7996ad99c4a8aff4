//! What the audit log of this server proves, for the admin API: the logic is in `pix-stream-evidence`, here it gets its
//! files, its archive and its Journal.
//!
//! Reading a log takes as long as the log is, so one question is answered at a time, on a thread for blocking work.

mod lookup;
mod start;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_adapter_cassandra::audit::CassandraAuditArchive;
use pix_stream_admin::hooks::{
    ChainHead, ChainVerified, Evidence, ExportRange, HookError, MessageEvidence, Said, Waiting,
};
use pix_stream_config::Config;
use pix_stream_domain::audit::ChainId;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::Timestamp;
use pix_stream_evidence::archive::{Archived, Wait};
use pix_stream_evidence::files::{self, ChainFiles, VerifyError};
use pix_stream_evidence::journey::Inquiry;
use pix_stream_evidence::report::{ChainReport, Walked, read_files};
use pix_stream_ports::Ports as _;
use pix_stream_ports::anchors::{Anchor, Anchors as _};
use pix_stream_ports::audit_log::AuditLog as _;
use pix_stream_ports::clock::Clock as _;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::node_ports::{NodePorts, Stores};
use crate::system::SystemClock;

pub use start::hold_against_anchors;

/// How long a question waits for the one before it.
const TURN_WAIT: Duration = Duration::from_secs(5);
/// Chunks of an export on their way to a slow client.
const CHUNKS: usize = 8;

/// What the audit log of a node proves.
pub struct NodeEvidence<S> {
    inner: Arc<Inner<S>>,
    turn: Semaphore,
}

struct Inner<S> {
    stores: Arc<S>,
    folder: PathBuf,
    chain: ChainId,
    archive: Option<CassandraAuditArchive>,
}

impl<S: Stores> NodeEvidence<S> {
    /// Of a node's ports, before they are handed to its core.
    #[must_use]
    pub fn new(config: &Config, ports: &NodePorts<S>) -> Self {
        let inner = Inner {
            stores: Arc::clone(&ports.stores),
            folder: config.audit.directory.clone(),
            chain: ports.audit_log().chain(),
            archive: ports.stores.audit_archive(),
        };
        Self { inner: Arc::new(inner), turn: Semaphore::new(1) }
    }

    /// Answers one question where blocking is no harm.
    async fn answer<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&Inner<S>, &Blocking) -> Said<T> + Send + 'static,
    ) -> Said<T> {
        let busy = "the audit log is being read for somebody else: ask again when that is done";
        let turn = timeout(TURN_WAIT, self.turn.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(HookError::Conflict(busy.to_owned())) };
        let inner = Arc::clone(&self.inner);
        let handle = Handle::current();
        let answering = tokio::task::spawn_blocking(move || answer(&inner, &Blocking(handle)));
        answering.await.unwrap_or_else(|error| Err(unavailable(&error)))
    }
}

/// A thread for blocking work, which may wait.
struct Blocking(Handle);

impl Wait for &Blocking {
    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.0.block_on(answer)
    }
}

impl<S: Stores> Inner<S> {
    /// Reads all chains from a time on.
    fn read(
        &self,
        blocking: &Blocking,
        from: Option<Timestamp>,
        see: impl FnMut(&str, &[u8]),
    ) -> Said<(Vec<ChainReport>, Vec<Anchor>)> {
        let anchors = blocking.wait(self.stores.anchors().load_anchors());
        let anchors = anchors.map_err(|error| unavailable(&error))?;
        let own = (self.chain, self.folder.clone());
        let reports = match &self.archive {
            Some(archive) => {
                let archived =
                    Archived { archive: archive.clone(), waiting: blocking, own, now: SystemClock.now() };
                archived.read(&anchors, from, see).map_err(|error| unavailable(&error))?
            }
            None => {
                let chain = ChainFiles { chain: Some(self.chain), paths: vec![self.folder.clone()] };
                match read_files(&[(chain, anchors.clone())], from, see) {
                    // Who has recorded nothing yet has no file, and no anchor says otherwise.
                    Err(VerifyError::Nothing) if !anchors.iter().any(|anchor| anchor.chain == self.chain) => {
                        Vec::new()
                    }
                    read => read.map_err(|error| unavailable(&error))?,
                }
            }
        };
        Ok((reports, anchors))
    }

    fn walk(&self, blocking: &Blocking, resource_id: ResourceId) -> Said<Walked> {
        let from = Some(resource_id.published_at());
        let mut inquiry = Inquiry::new(resource_id);
        let (reports, _) = self.read(blocking, from, |chain, line| inquiry.see(chain, line))?;
        let journey = match inquiry.clone().found() {
            Some(journey) => Some(journey),
            // Of builds that named no messages, or of a node that was killed before it had written the entry.
            None => lookup::find(&*self.stores, blocking, resource_id)?
                .map(|(ispb, sequence, digest)| inquiry.placed(ispb, sequence, Some(digest))),
        };
        let Some(mut journey) = journey else {
            let text = "no entry of the audit log names this message, and the Journal does not hold it";
            return Err(HookError::Missing(text.to_owned()));
        };
        self.read(blocking, from, |chain, line| journey.see(chain, line))?;
        journey.sort();
        let verified = reports.iter().all(|report| report.holds);
        Ok(Walked { verified, journey: Some(journey), chains: reports })
    }

    fn message(&self, blocking: &Blocking, resource_id: ResourceId) -> Said<MessageEvidence> {
        let walked = self.walk(blocking, resource_id)?;
        let stored = lookup::stored_digest(&*self.stores, blocking, &walked);
        Ok(view::message(walked, stored))
    }

    fn head(&self, blocking: &Blocking) -> Said<ChainHead> {
        let anchors = blocking.wait(self.stores.anchors().load_anchors());
        let anchors = anchors.map_err(|error| unavailable(&error))?;
        let anchor = anchors.iter().find(|anchor| anchor.chain == self.chain);
        let head = files::last(&self.folder).map_err(|error| unavailable(&error))?;
        Ok(view::head(head, anchor))
    }
}

impl<S: Stores> Evidence for NodeEvidence<S> {
    fn message<'a>(&'a self, resource_id: &'a str) -> Waiting<'a, Said<MessageEvidence>> {
        let resource_id = resource_id.parse::<ResourceId>();
        Box::pin(async move {
            let resource_id = resource_id.map_err(|error| HookError::Invalid(error.to_string()))?;
            self.answer(move |inner, blocking| inner.message(blocking, resource_id)).await
        })
    }

    fn head(&self) -> Waiting<'_, Said<ChainHead>> {
        Box::pin(self.answer(|inner, blocking| inner.head(blocking)))
    }

    fn verify(&self) -> Waiting<'_, Said<ChainVerified>> {
        Box::pin(self.answer(|inner, blocking| {
            inner.read(blocking, None, |_, _| ()).map(|(reports, _)| view::verified(&reports))
        }))
    }

    fn export(&self, ispb: Ispb, range: ExportRange) -> Waiting<'_, Said<mpsc::Receiver<Said<Bytes>>>> {
        Box::pin(async move {
            let (chunks, receiver) = mpsc::channel(CHUNKS);
            let inner = Arc::clone(&self.inner);
            let period =
                self.answer(move |inner, blocking| lookup::period(&*inner.stores, blocking, ispb, range));
            let period = period.await?;
            let handle = Handle::current();
            // It goes on while its caller reads; a caller that leaves ends it.
            tokio::task::spawn_blocking(move || lookup::export(&inner, &Blocking(handle), period, &chunks));
            Ok(receiver)
        })
    }
}

/// What is told of a failure: that there was one. Its cause names files, and is for the log.
fn unavailable(error: &dyn std::error::Error) -> HookError {
    tracing::warn!(%error, "the audit log could not be read for an auditor");
    HookError::Unavailable("the audit log cannot be read now; the server's log says why".to_owned())
}
