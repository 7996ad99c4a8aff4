//! Mutual TLS: what the server shows, whom it trusts, which certificates are revoked; replaced as a whole.
//!
//! A [`TlsStore`] holds one complete reading of the files. [`TlsStore::reload`] takes a new one or keeps the old;
//! connections that are open learn of it, and those end that would not be let in now. Sockets and time limits are
//! the accept loop's business.

mod load;
mod problem;
mod resolver;
mod revoked;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{counter, gauge};
use pix_stream_domain::digest::Digest;
use rustls::ServerConfig;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::info;

pub use problem::{Fault, Problem, Problems};

use crate::config::TlsSettings;
use crate::identity::{Identity, IdentityRules};
use crate::metrics::{TLS_CERTIFICATE_EXPIRY, TLS_RELOADS, TLS_REVOCATION_LIST_EXPIRY};
use revoked::Revoked;
pub(crate) use standing::Standing;
use standing::Verdicts;

/// How long a connection waits at most until it looks at the clock again: clocks are set.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(3600);

/// The TLS state that all connections share.
#[derive(Debug)]
pub struct TlsStore {
    current: ArcSwap<Snapshot>,
    /// Counts readings: each open connection has itself looked at again.
    readings: watch::Sender<u64>,
    time: Arc<dyn TimeProvider>,
}

/// One reading of all files.
#[derive(Debug)]
pub(crate) struct Snapshot {
    config: Arc<ServerConfig>,
    revoked: Revoked,
    rules: IdentityRules,
    /// Digest of the trusted authorities, for the log.
    trust: Digest,
    verdicts: Verdicts,
    expiries: Vec<Expiry>,
    lists: Vec<ListExpiry>,
}

impl Snapshot {
    fn show_expiries(&self) {
        for expiry in &self.expiries {
            let file = expiry.chain.display().to_string();
            // Seconds of Unix time are exact in a float for the next hundred million years.
            gauge!(TLS_CERTIFICATE_EXPIRY, "file" => file).set(expiry.second as f64);
        }
        for list in &self.lists {
            let file = list.file.display().to_string();
            gauge!(TLS_REVOCATION_LIST_EXPIRY, "file" => file).set(list.next_update as f64);
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

/// Until when a file of revocation lists is the newest there is. Of several lists in a file, the one that ends first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListExpiry {
    /// The file.
    pub file: std::path::PathBuf,
    /// When it was issued (`thisUpdate`), in Unix time.
    pub issued: i64,
    /// When the next one was promised (`nextUpdate`), in Unix time.
    pub next_update: i64,
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
    /// The revocation list of its authority is past its next update, and that counts. Resumed sessions again.
    RevocationList,
}

impl Rejection {
    /// For logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::RevocationList => "revocation_list",
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
        let (readings, _) = watch::channel(0);
        Ok(Arc::new(Self { current: ArcSwap::from_pointee(snapshot), readings, time }))
    }

    /// Reads all files again and takes them, or keeps what is there.
    ///
    /// Sessions of before can't be resumed afterwards: the new configuration has its own ticket keys. Of the open
    /// connections, those are closed whose certificate is revoked now or hangs on no trusted authority any more; those
    /// whose certificate means somebody else now end with their next answer; all others go on. Reads files, so it
    /// blocks for a moment.
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
        self.readings.send_modify(|readings| *readings += 1);
        counter!(TLS_RELOADS, "outcome" => "taken").increment(1);
        info!(revoked, trust_changed, "certificates, trust and revocation lists were read again");
        Ok(())
    }

    /// When the server's certificates end, for readiness and metrics.
    #[must_use]
    pub fn expiries(&self) -> Vec<Expiry> {
        self.current.load().expiries.clone()
    }

    /// When the revocation lists should be followed by newer ones; those that promise none are left out.
    #[must_use]
    pub fn list_expiries(&self) -> Vec<ListExpiry> {
        self.current.load().lists.clone()
    }

    /// The configuration for the next handshake.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Tells of reloads from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.readings.subscribe()
    }

    /// How often the files were read again.
    pub(crate) fn readings(&self) -> u64 {
        *self.readings.borrow()
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
        match self.now() {
            Some(now) if snapshot.revoked.is_stale_for(&identity.certificate, now) => {
                Err(Rejection::RevocationList)
            }
            Some(now) if identity.is_valid_at(now) => Ok(identity),
            Some(_) | None => Err(Rejection::Expired),
        }
    }

    /// Whether the holder of an open connection would be let in now, as the same one.
    pub(crate) fn standing(&self, identity: &Identity, chain: &[CertificateDer<'static>]) -> Standing {
        let snapshot = self.current.load();
        if snapshot.revoked.names(&identity.certificate) {
            return Standing::Revoked;
        }
        let Some(now) = self.time.current_time() else { return Standing::Untrusted };
        match snapshot.verdicts.of(chain, now) {
            Standing::Good => {}
            fallen @ (Standing::Revoked | Standing::Untrusted | Standing::Expired | Standing::Changed) => {
                return fallen;
            }
        }
        match chain.first().map(|leaf| Identity::from_der(leaf, &snapshot.rules)) {
            Some(Ok(now)) if now == *identity => Standing::Good,
            Some(Ok(_)) => Standing::Changed,
            Some(Err(_)) | None => Standing::Untrusted,
        }
    }

    /// Resolves when a certificate's validity is over.
    pub(crate) async fn outlived(&self, identity: &Identity) {
        while let Some(now) = self.now().filter(|now| identity.is_valid_at(*now)) {
            let left = u64::try_from(identity.validity.1.saturating_sub(now)).unwrap_or(0);
            sleep(Duration::from_secs(left.saturating_add(1)).min(LOOK_AT_CLOCK)).await;
        }
    }

    /// Seconds of Unix time.
    fn now(&self) -> Option<i64> {
        self.time.current_time().and_then(|now| i64::try_from(now.as_secs()).ok())
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
