//! Which of the server's certificates a client gets.

use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Chooses by the signatures that the client can check.
///
/// rustls has already struck those that fit none of the client's TLS 1.2 suites, so a client that offers one RSA
/// suite only gets the RSA certificate although it may list ECDSA signatures.
#[derive(Debug)]
pub(super) struct BySignature(Vec<Arc<CertifiedKey>>);

impl BySignature {
    /// RSA goes last: signing with it costs the server three times as much.
    pub(super) fn new(mut keys: Vec<Arc<CertifiedKey>>) -> Self {
        keys.sort_by_key(|certified| certified.key.algorithm() == SignatureAlgorithm::RSA);
        Self(keys)
    }
}

impl ResolvesServerCert for BySignature {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let usable =
            |certified: &&Arc<CertifiedKey>| certified.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(usable).cloned()
    }
}
