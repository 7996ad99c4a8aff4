//! TLS to an `https` collector: whom it is believed from. The provider is the process's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Why no authority is known.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file cannot be read, or is no PEM.
    #[error("traces.ca: {} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// There is no certificate of an authority to be had.
    #[error("no certificate of an authority is known: name a PEM file in traces.ca")]
    Empty,
    /// TLS cannot be set up with the process's provider.
    #[error("TLS for traces: {0}")]
    Setup(#[from] rustls::Error),
}

/// What a client believes: the authorities of a file, or the system's.
pub(crate) fn client(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Fault> {
    let mut roots = RootCertStore::empty();
    let certificates = match ca {
        Some(path) => read(path).map_err(|source| Fault::File { path: path.to_owned(), source })?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (added, _unreadable) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(Fault::Empty);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    CertificateDer::pem_file_iter(path)?.collect()
}
