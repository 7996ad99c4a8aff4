//! From a socket to an identified connection: the accept loop, the handshake, the limits on both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Gauge, counter, gauge};
use rustls::{CertificateError, Error as TlsError, HandshakeKind};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use super::per_participant::{PerParticipant, Place};
use super::{Service, connection};
use crate::config::ListenerSettings;
use crate::drain::{Drain, Tracked};
use crate::identity::{Identity, Peer, Protocol};
use crate::metrics::{
    ACCEPT_ERRORS, CONNECTIONS_OPEN, CONNECTIONS_REFUSED, TLS_CERTIFICATES_REJECTED, TLS_HANDSHAKES,
};
use crate::tls::TlsStore;

/// Pause after a failed accept: without file descriptors the next one fails at once too.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Time to say goodbye to a connection that is refused.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes that are read for it.
const GOODBYE_BYTES: u64 = 32 * 1024;

/// What all connections of a listener share.
pub(super) struct Acceptor<S> {
    pub(super) tls: Arc<TlsStore>,
    pub(super) service: S,
    pub(super) drain: Drain,
    pub(super) settings: ListenerSettings,
    pending: Arc<Semaphore>,
    handshakes: Semaphore,
    connections: Arc<Semaphore>,
    participants: Arc<PerParticipant>,
    open: Gauge,
}

/// A connection's places in all limits; dropping it frees them.
pub(super) struct Admission {
    _connection: OwnedSemaphorePermit,
    _participant: Option<Place>,
    _tracked: Tracked,
    open: Gauge,
    /// The certificates that the peer showed, to be looked at again after a reload.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// The reading of files under which the handshake began.
    pub(super) born_under: u64,
}

/// A connection past its handshake.
struct Greeted {
    stream: TlsStream<TcpStream>,
    identity: Identity,
    /// As in [`Admission`].
    born_under: u64,
}

impl Greeted {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec()
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.open.decrement(1.0);
    }
}

impl<S: Service> Acceptor<S> {
    pub(super) fn new(tls: Arc<TlsStore>, service: S, drain: Drain, settings: ListenerSettings) -> Arc<Self> {
        Arc::new(Self {
            pending: Arc::new(Semaphore::new(settings.pending)),
            handshakes: Semaphore::new(settings.handshakes),
            connections: Arc::new(Semaphore::new(settings.connections)),
            participants: PerParticipant::new(settings.connections_per_participant),
            open: gauge!(CONNECTIONS_OPEN, "listener" => settings.name),
            tls,
            service,
            drain,
            settings,
        })
    }

    /// Accepts until the drain begins.
    ///
    /// Whoever has not shown a certificate takes a place among the pending only, so strangers can delay newcomers
    /// by a handshake's time but can't take the places of those who are served.
    pub(super) async fn run(self: Arc<Self>, listener: TcpListener) {
        let begun = self.drain.begun();
        tokio::pin!(begun);
        loop {
            let next = async {
                // The semaphore is never closed.
                let permit = Arc::clone(&self.pending).acquire_owned().await.ok();
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                () = &mut begun => return,
                next = next => next,
            };
            match accepted {
                Ok((socket, remote)) => {
                    tokio::spawn(Arc::clone(&self).meet(socket, remote, permit));
                }
                Err(fault) => {
                    counter!(ACCEPT_ERRORS, "listener" => self.settings.name).increment(1);
                    warn!(listener = self.settings.name, %fault, "a connection could not be accepted");
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    /// The life of one connection.
    async fn meet(
        self: Arc<Self>,
        socket: TcpStream,
        remote: SocketAddr,
        pending: Option<OwnedSemaphorePermit>,
    ) {
        let tracked = self.drain.track();
        let greeted = tokio::select! {
            greeted = self.welcome(socket, remote) => greeted,
            () = self.drain.begun() => None,
        };
        drop(pending);
        let Some(greeted) = greeted else { return };
        let admission = self.admit(&greeted, tracked);
        let Greeted { mut stream, identity, .. } = greeted;
        let Some(admission) = admission else {
            let _closed = timeout(GOODBYE_TIMEOUT, stream.shutdown()).await;
            return;
        };
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            Some(_) | None => Protocol::Http1,
        };
        let peer = Peer { identity: Arc::new(identity), remote, protocol };
        match protocol {
            Protocol::Http1 => Box::pin(connection::http1(self, stream, peer, admission)).await,
            Protocol::Http2 => Box::pin(connection::http2(self, stream, peer, admission)).await,
        }
    }

    /// First bytes, a turn, handshake and identity, all within the time of a handshake.
    ///
    /// A client that says nothing costs a socket, never a turn.
    async fn welcome(&self, socket: TcpStream, remote: SocketAddr) -> Option<Greeted> {
        let deadline = Instant::now() + self.settings.handshake_timeout;
        let turn = async {
            if !matches!(socket.peek(&mut [0]).await, Ok(1..)) {
                return Err("failed");
            }
            // The semaphore is never closed.
            Ok(self.handshakes.acquire().await.ok())
        };
        let turn = timeout_at(deadline, turn).await.unwrap_or(Err("timeout"));
        let _turn = match turn {
            Ok(turn) => turn,
            Err(outcome) => {
                self.count_handshake(outcome);
                return None;
            }
        };
        // The future of a handshake is large and short-lived; boxed, it is not part of every open connection.
        Box::pin(self.greet(socket, remote, deadline)).await
    }

    /// Handshake and identity, until the deadline.
    async fn greet(&self, socket: TcpStream, remote: SocketAddr, deadline: Instant) -> Option<Greeted> {
        let listener = self.settings.name;
        let born_under = self.tls.readings();
        // Answers are written in one piece; waiting for more only delays them. A socket that refuses is closing.
        let _refused = socket.set_nodelay(true);
        let handshake = TlsAcceptor::from(self.tls.config()).accept(socket).into_fallible();
        match timeout_at(deadline, handshake).await {
            Err(_) => self.count_handshake("timeout"),
            Ok(Err((fault, socket))) => {
                debug!(listener, %remote, %fault, "a handshake failed");
                let fault = fault.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
                match fault.and_then(rejection) {
                    Some(reason) => self.count_rejected(reason),
                    None => self.count_handshake("failed"),
                }
                if fault.is_some() {
                    part_from(socket).await;
                }
            }
            Ok(Ok(stream)) => match self.tls.identify(stream.get_ref().1.peer_certificates()) {
                Ok(identity) => {
                    let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
                    self.count_handshake(if resumed { "resumed" } else { "full" });
                    return Some(Greeted { stream, identity, born_under });
                }
                Err(rejection) => self.count_rejected(rejection.as_str()),
            },
        }
        None
    }

    fn count_handshake(&self, outcome: &'static str) {
        counter!(TLS_HANDSHAKES, "listener" => self.settings.name, "outcome" => outcome).increment(1);
    }

    fn count_rejected(&self, reason: &'static str) {
        self.count_handshake("rejected_certificate");
        counter!(TLS_CERTIFICATES_REJECTED, "listener" => self.settings.name, "reason" => reason)
            .increment(1);
    }

    /// Places in all limits, or none.
    fn admit(&self, greeted: &Greeted, tracked: Tracked) -> Option<Admission> {
        let identity = &greeted.identity;
        let refused = |reason: &'static str| {
            counter!(CONNECTIONS_REFUSED, "listener" => self.settings.name, "reason" => reason).increment(1);
            debug!(
                listener = self.settings.name,
                name = identity.name,
                reason,
                "a connection is one too many"
            );
        };
        let Ok(connection) = Arc::clone(&self.connections).try_acquire_owned() else {
            refused("node_limit");
            return None;
        };
        let participant = match identity.ispb() {
            None => None,
            Some(ispb) => match self.participants.enter(ispb) {
                Some(place) => Some(place),
                None => {
                    refused("participant_limit");
                    return None;
                }
            },
        };
        self.open.increment(1.0);
        Some(Admission {
            _connection: connection,
            _participant: participant,
            _tracked: tracked,
            open: self.open.clone(),
            chain: greeted.chain(),
            born_under: greeted.born_under,
        })
    }
}

/// Closes a socket so that the alert on it arrives: with TLS 1.3 the client's first request may be there already,
/// and closing over unread bytes resets the connection.
async fn part_from(mut socket: TcpStream) {
    let goodbye = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(GOODBYE_BYTES), &mut tokio::io::sink()).await
    };
    let _parted = timeout(GOODBYE_TIMEOUT, goodbye).await;
}

/// Why a handshake refused the client's certificate, if that is why it failed.
fn rejection(fault: &TlsError) -> Option<&'static str> {
    use CertificateError as Fault;
    if matches!(fault, TlsError::NoCertificatesPresented) {
        return Some("missing");
    }
    let TlsError::InvalidCertificate(fault) = fault else { return None };
    let reasons: [(&str, bool); 7] = [
        ("expired", matches!(fault, Fault::Expired | Fault::ExpiredContext { .. })),
        ("not_yet_valid", matches!(fault, Fault::NotValidYet | Fault::NotValidYetContext { .. })),
        ("revoked", matches!(fault, Fault::Revoked)),
        ("unknown_issuer", matches!(fault, Fault::UnknownIssuer)),
        ("purpose", matches!(fault, Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. })),
        ("signature", matches!(fault, Fault::BadSignature)),
        (
            "revocation_list",
            matches!(fault, Fault::ExpiredRevocationList | Fault::ExpiredRevocationListContext { .. }),
        ),
    ];
    Some(reasons.iter().find(|(_, is_it)| *is_it).map_or("other", |(reason, _)| reason))
}
