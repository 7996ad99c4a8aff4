//! Whether those who were let in would be let in now: asked of open connections after every reload.
//!
//! A new connection has just had its handshake and is not asked. Who hangs on what is the verifier's knowledge.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pix_stream_domain::digest::Digest;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error as TlsError};
use rustls_pki_types::{CertificateDer, UnixTime};

/// How the holder of an open connection stands after a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As before.
    Good,
    /// A revocation list names the certificate, or an authority between it and a trusted one.
    Revoked,
    /// No trusted authority stands behind it any more.
    Untrusted,
    /// Its validity is over.
    Expired,
    /// It is trusted, and means somebody else than before.
    Changed,
}

/// What one verifier says of chains. Thousands of connections may show the same one, so it is asked once of each; the
/// memory ends with the reading of files that it belongs to.
pub(super) struct Verdicts {
    verifier: Arc<dyn ClientCertVerifier>,
    known: Mutex<HashMap<Digest, Standing>>,
}

impl Verdicts {
    pub(super) fn new(verifier: Arc<dyn ClientCertVerifier>) -> Self {
        Self { verifier, known: Mutex::default() }
    }

    /// What the verifier says of this chain: never [`Standing::Changed`].
    pub(super) fn of(&self, chain: &[CertificateDer<'static>], now: UnixTime) -> Standing {
        let Some((leaf, between)) = chain.split_first() else { return Standing::Untrusted };
        // Each certificate's DER tells its own length, so no two chains have the same bytes.
        let shown: Vec<u8> = chain.iter().flat_map(|certificate| certificate.iter().copied()).collect();
        let key = Digest::of(&shown);
        // Nothing in here panics between two writes.
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(standing) = known().get(&key) {
            return *standing;
        }
        let standing = match self.verifier.verify_client_cert(leaf, between, now) {
            Ok(_) => Standing::Good,
            Err(TlsError::InvalidCertificate(CertificateError::Revoked)) => Standing::Revoked,
            Err(TlsError::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => Standing::Expired,
            // A list out of date lets nobody in, and says nothing about those who are.
            Err(TlsError::InvalidCertificate(
                CertificateError::ExpiredRevocationList
                | CertificateError::ExpiredRevocationListContext { .. },
            )) => Standing::Good,
            Err(_) => Standing::Untrusted,
        };
        known().insert(key, standing);
        standing
    }
}

impl fmt::Debug for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verdicts")
    }
}
