//! Where the server is and who the client is: address, trust, certificate and key. Opens connections, sends nothing.
//!
//! HTTP/1.1 only, as ICOM clients speak it, over TLS 1.2 or 1.3 with a client certificate, always.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The port of an address that names none.
const PORT_DEFAULT: u16 = 443;

/// Why an endpoint cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A PEM file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The address is not `https://host[:port]`.
    #[error("{0:?} is not an address of the form https://host:port")]
    Url(String),
    /// PEM text without what it should hold.
    #[error("the {what} cannot be used: {reason}")]
    Pem {
        /// Which of the three.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The certificate and key do not fit together, or TLS cannot use them.
    #[error("TLS cannot use these credentials: {0}")]
    Tls(#[from] rustls::Error),
}

/// The three PEM texts of mutual TLS.
#[derive(Clone)]
pub struct Credentials {
    /// The authorities that the server's certificate may come from.
    pub ca: Vec<u8>,
    /// The client's certificate, its chain after it.
    pub certificate: Vec<u8>,
    /// The client's private key.
    pub key: Vec<u8>,
}

impl Credentials {
    /// Reads the three PEM files. Blocks: meant for the start of a program.
    ///
    /// # Errors
    /// The first file that cannot be read.
    pub fn from_files(ca: &Path, certificate: &Path, key: &Path) -> Result<Self, Error> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source });
        Ok(Self { ca: read(ca)?, certificate: read(certificate)?, key: read(key)? })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// A byte pipe to the server, before TLS.
pub trait Pipe: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Pipe for T {}

/// A boxed [`Pipe`] on its way.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Pipe>>> + Send>>;

/// Opens byte pipes: TCP by default, something else for proxies, tunnels and simulation.
pub trait Dial: Send + Sync {
    /// Opens one pipe; the caller bounds how long that may take.
    fn dial(&self) -> Dialing;
}

/// TCP to one host and port, without Nagle's delay.
struct Tcp {
    host: String,
    port: u16,
}

impl Dial for Tcp {
    fn dial(&self) -> Dialing {
        let (host, port) = (self.host.clone(), self.port);
        Box::pin(async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Pipe>)
        })
    }
}

/// A server's address with the credentials to use there. Cheap to clone; clones resume each other's TLS sessions.
#[derive(Clone)]
pub struct Endpoint {
    host: Arc<str>,
    server_name: ServerName<'static>,
    tls: TlsConnector,
    dialer: Arc<dyn Dial>,
}

impl Endpoint {
    /// An endpoint at `https://host[:port]`; the host is also the name the server's certificate must carry.
    ///
    /// # Errors
    /// An address of another form, or credentials that cannot be used.
    pub fn new(url: &str, credentials: &Credentials) -> Result<Self, Error> {
        let wrong = || Error::Url(url.to_owned());
        let uri: http::Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        if uri.scheme_str() != Some("https") || uri.path() != "/" || uri.query().is_some() {
            return Err(wrong());
        }
        // Brackets belong to the address, not to the name.
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let server_name = ServerName::try_from(name.clone()).map_err(|_| wrong())?;
        let port = uri.port_u16().unwrap_or(PORT_DEFAULT);
        Ok(Self {
            host: host.into(),
            server_name,
            tls: TlsConnector::from(Arc::new(tls_config(credentials)?)),
            dialer: Arc::new(Tcp { host: name, port }),
        })
    }

    /// Expects another name in the server's certificate than the address's host.
    ///
    /// # Errors
    /// The name is neither a DNS name nor an IP address.
    pub fn with_server_name(self, name: &str) -> Result<Self, Error> {
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| Error::Url(name.to_owned()))?;
        Ok(Self { server_name, ..self })
    }

    /// Reaches the server through `dialer` instead of TCP.
    #[must_use]
    pub fn with_dialer(self, dialer: Arc<dyn Dial>) -> Self {
        Self { dialer, ..self }
    }

    /// The value of the `Host` header. Without a port: the contract's strict mode refuses one.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Opens a connection and shakes hands; the caller bounds how long that may take.
    pub(crate) async fn connect(&self) -> io::Result<TlsStream<Box<dyn Pipe>>> {
        let pipe = self.dialer.dial().await?;
        self.tls.connect(self.server_name.clone(), pipe).await
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("host", &self.host).finish_non_exhaustive()
    }
}

fn tls_config(credentials: &Credentials) -> Result<rustls::ClientConfig, Error> {
    let mut roots = rustls::RootCertStore::empty();
    for authority in certificates("CA", &credentials.ca)? {
        roots.add(authority)?;
    }
    let chain = certificates("client certificate", &credentials.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&credentials.key)
        .map_err(|e| Error::Pem { what: "client key", reason: e.to_string() })?;
    // The provider is named here so that the client needs no process-wide default.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unusable = |reason: String| Error::Pem { what, reason };
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|e| unusable(e.to_string()))?;
    if found.is_empty() { Err(unusable("it holds no certificate".to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_another_form_are_refused_before_the_credentials() {
        let none = Credentials { ca: vec![], certificate: vec![], key: vec![] };
        for url in
            ["", "http://localhost:1", "https://", "localhost:8443", "https://a:1/path", "https://a/?q"]
        {
            assert!(matches!(Endpoint::new(url, &none), Err(Error::Url(_))), "{url}");
        }
    }

    #[test]
    fn credentials_without_a_certificate_name_what_is_missing() {
        let none = Credentials { ca: b"not PEM".to_vec(), certificate: vec![], key: vec![] };
        let error = Endpoint::new("https://localhost:8443", &none).unwrap_err();
        assert_eq!(error.to_string(), "the CA cannot be used: it holds no certificate");
    }

    #[test]
    fn credentials_are_never_printed() {
        let secret = Credentials { ca: vec![], certificate: vec![], key: b"secret".to_vec() };
        assert_eq!(format!("{secret:?}"), "Credentials(..)");
    }
}
