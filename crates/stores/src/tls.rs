//! Which PEM files a store presents and trusts. Nothing is made or read here.

use std::path::PathBuf;

/// Certificate and key of a store, and the authority it trusts; PEM files, keys in PKCS#8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that signed the certificates.
    pub ca: PathBuf,
    /// The store's certificate, with its chain.
    pub certificate: PathBuf,
    /// The certificate's key, without a password.
    pub key: PathBuf,
    /// Whether clients must show a certificate of that authority.
    pub ask_clients: bool,
}
