//! What the listeners are told by the configuration. Plain values; reading files is `server`'s business.

use std::path::PathBuf;
use std::time::Duration;

use crate::Refuse;
use crate::identity::IdentityRules;

/// The least that may be set as [`ListenerSettings::head_bytes`].
pub const HEAD_BYTES_MIN: usize = 1024;

/// Sockets of a listener that are not through their handshake, unless told otherwise: what a restart brings at once,
/// and those of strangers.
pub const PENDING: usize = 4_096;

/// The files of mutual TLS, and how client certificates are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates of the authorities whose client certificates are trusted; PEM or DER.
    pub ca: Vec<PathBuf>,
    /// The server's own certificates; a client gets the first that it can use, P-256 before RSA.
    pub certificates: Vec<CertificateFiles>,
    /// Revocation lists; PEM or DER. An authority without one has revoked nothing.
    pub crl: Vec<PathBuf>,
    /// Whether a revocation list past its `nextUpdate` refuses every certificate of its authority. Without it,
    /// the old list goes on counting. Open connections stay.
    pub fresh_crl: bool,
    /// Where the ISPB is looked for, and who has which role.
    pub identity: IdentityRules,
}

/// One certificate of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and those between it and its authority, in this order; PEM.
    pub chain: PathBuf,
    /// Its private key; PEM, unencrypted (PKCS #8, PKCS #1 or SEC1).
    pub key: PathBuf,
}

/// Limits of one listener (design, section 7).
#[derive(Clone)]
pub struct ListenerSettings {
    /// What the listener is called in logs and metrics: `api`, `admin`.
    pub name: &'static str,
    /// Connections that are served at a time. One more is closed right after its handshake.
    pub connections: usize,
    /// Connections of one participant. One more is closed right after its handshake (protocol, section 7).
    pub connections_per_participant: usize,
    /// Sockets at a time that have not finished their handshake, silent ones among them. While all are taken
    /// nothing more is accepted; the kernel queues.
    pub pending: usize,
    /// Handshakes at a time. A client takes a turn with its first bytes; while all are taken, more wait for one.
    pub handshakes: usize,
    /// Time from an accepted socket to the end of its handshake, the wait for a turn included.
    pub handshake_timeout: Duration,
    /// Time for a complete request head, from its first byte; for the first one, from the handshake.
    pub head_timeout: Duration,
    /// How long a connection may stay without a request; also how long a client may take no byte of an answer.
    pub idle_timeout: Duration,
    /// Bytes of a request head, at least [`HEAD_BYTES_MIN`]. More is answered 431.
    pub head_bytes: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub http2_streams: u32,
    /// Writes the bodies of answers that no handler sees: 400 and 431 of the HTTP layer itself.
    pub refuse: Refuse,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            name: "api",
            connections: 10_000,
            connections_per_participant: 5_000,
            pending: PENDING,
            handshakes: 1_024,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            head_bytes: 16 * 1024,
            http2_streams: 100,
            refuse: Refuse::default(),
        }
    }
}

impl std::fmt::Debug for ListenerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListenerSettings").field("name", &self.name).finish_non_exhaustive()
    }
}
