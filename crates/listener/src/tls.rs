//! Mutual TLS: what the server shows, whom it trusts, which certificates are revoked; replaced as a whole.
//!
//! A [`TlsStore`] holds one complete reading of the files. [`TlsStore::reload`] takes a new one or keeps the old;
//! connections that are open learn of it and those of a revoked certificate end. Sockets and time limits are
//! the accept loop's business.

mod load;
mod problem;
mod resolver;
mod revoked;

use std::sync::Arc;

use arc_swap::ArcSwap;
use metrics::{counter, gauge};
use pix_stream_domain::digest::Digest;
use rustls::ServerConfig;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use tracing::info;

pub use problem::{Fault, Problem, Problems};

use crate::config::TlsSettings;
use crate::identity::{Identity, IdentityRules};
use crate::metrics::{TLS_CERTIFICATE_EXPIRY, TLS_RELOADS};
use revoked::Revoked;

/// The TLS state that all connections share.
#[derive(Debug)]
pub struct TlsStore {
    current: ArcSwap<Snapshot>,
    changes: watch::Sender<Change>,
    time: Arc<dyn TimeProvider>,
}

/// One reading of all files.
#[derive(Debug)]
pub(crate) struct Snapshot {
    config: Arc<ServerConfig>,
    revoked: Revoked,
    rules: IdentityRules,
    /// Digest of the trusted authorities: when it changes, open connections are of another trust.
    trust: Digest,
    expiries: Vec<Expiry>,
}

impl Snapshot {
    fn show_expiries(&self) {
        for expiry in &self.expiries {
            let file = expiry.chain.display().to_string();
            // Seconds of Unix time are exact in a float for the next hundred million years.
            gauge!(TLS_CERTIFICATE_EXPIRY, "file" => file).set(expiry.second as f64);
        }
    }
}

/// When one of the server's certificates ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// The file.
    pub chain: std::path::PathBuf,
    /// The last second of its validity, in Unix time.
    pub second: i64,
}

/// What a reload means for open connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Counts reloads that change trust or roles: a connection older than this ends after its request.
    pub(crate) trust: u64,
    /// Counts reloads: each connection looks its certificate up again.
    revocation: u64,
}

/// Why a certificate that passed the handshake is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The handshake left no certificate, or one that can't be read.
    Unreadable,
    /// A revocation list names it. Only a resumed session gets here: a full handshake fails earlier.
    Revoked,
    /// It is outside its validity. Resumed sessions again.
    Expired,
}

impl Rejection {
    /// For logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl TlsStore {
    /// Reads all files.
    ///
    /// # Errors
    /// Every file that can't be used, each with its fault.
    pub fn load(settings: &TlsSettings) -> Result<Arc<Self>, Problems> {
        Self::load_with(settings, Arc::new(DefaultTimeProvider))
    }

    /// The same with a clock of the caller's, for tests.
    ///
    /// # Errors
    /// As [`TlsStore::load`].
    pub fn load_with(settings: &TlsSettings, time: Arc<dyn TimeProvider>) -> Result<Arc<Self>, Problems> {
        let snapshot = load::snapshot(settings, &time)?;
        snapshot.show_expiries();
        let (changes, _) = watch::channel(Change::default());
        Ok(Arc::new(Self { current: ArcSwap::from_pointee(snapshot), changes, time }))
    }

    /// Reads all files again and takes them, or keeps what is there.
    ///
    /// Sessions of before can't be resumed afterwards: the new configuration has its own ticket keys. Open
    /// connections of a certificate that is revoked now are closed; when trust or roles changed, all others end
    /// with their next answer. Reads files, so it blocks for a moment.
    ///
    /// # Errors
    /// Every file that can't be used, each with its fault; nothing has changed.
    pub fn reload(&self, settings: &TlsSettings) -> Result<(), Problems> {
        let snapshot = match load::snapshot(settings, &self.time) {
            Ok(snapshot) => snapshot,
            Err(problems) => {
                counter!(TLS_RELOADS, "outcome" => "refused").increment(1);
                return Err(problems);
            }
        };
        snapshot.show_expiries();
        let revoked = snapshot.revoked.len();
        let old = self.current.swap(Arc::new(snapshot));
        let new = self.current.load();
        let trust_changed = old.trust != new.trust || old.rules != new.rules;
        self.changes.send_modify(|change| {
            change.revocation += 1;
            change.trust += u64::from(trust_changed);
        });
        counter!(TLS_RELOADS, "outcome" => "taken").increment(1);
        info!(revoked, trust_changed, "certificates, trust and revocation lists were read again");
        Ok(())
    }

    /// When the server's certificates end, for readiness and metrics.
    #[must_use]
    pub fn expiries(&self) -> Vec<Expiry> {
        self.current.load().expiries.clone()
    }

    /// The configuration for the next handshake.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Tells of reloads from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Counts changes of trust and roles.
    pub(crate) fn trust(&self) -> u64 {
        self.changes.borrow().trust
    }

    /// Reads the identity of a chain that passed a handshake. Resumption checks neither revocation nor validity
    /// again, so that happens here, on every connection.
    pub(crate) fn identify(&self, chain: Option<&[CertificateDer<'_>]>) -> Result<Identity, Rejection> {
        let snapshot = self.current.load();
        let leaf = chain.and_then(<[_]>::first).ok_or(Rejection::Unreadable)?;
        let identity = Identity::from_der(leaf, &snapshot.rules).map_err(|_| Rejection::Unreadable)?;
        if snapshot.revoked.names(&identity.certificate) {
            return Err(Rejection::Revoked);
        }
        match self.time.current_time().and_then(|now| i64::try_from(now.as_secs()).ok()) {
            Some(now) if identity.is_valid_at(now) => Ok(identity),
            Some(_) | None => Err(Rejection::Expired),
        }
    }

    /// Whether a revocation list names this certificate now.
    pub(crate) fn is_revoked(&self, identity: &Identity) -> bool {
        self.current.load().revoked.names(&identity.certificate)
    }
}

/// The one provider of cryptography in the whole program, with our choice of suites.
///
/// AES-128 first: it is the fastest with hardware support, and `ECDHE-RSA-AES128-GCM-SHA256` is all that some
/// clients offer (protocol, section 7).
#[must_use]
pub fn provider() -> rustls::crypto::CryptoProvider {
    use rustls::crypto::aws_lc_rs::{cipher_suite as suite, default_provider};
    rustls::crypto::CryptoProvider {
        cipher_suites: vec![
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        ..default_provider()
    }
}
