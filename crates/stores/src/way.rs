//! How a store is talked to: plain TCP, or TLS with a certificate of our own. Blocking, with a limit on each wait.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::{Authority, Error};

/// How to come to a store.
#[derive(Clone, Debug, Default)]
pub(crate) enum Way {
    /// As anybody can.
    #[default]
    Plain,
    /// With the client's certificate of an authority.
    Tls(Arc<ClientConfig>),
}

impl Way {
    /// TLS, trusting an authority and shown its client's certificate.
    pub(crate) fn tls(authority: &Authority) -> Result<Self, Error> {
        let failed = |error: &dyn ToString| Error::Options(format!("TLS to a store: {}", error.to_string()));
        let chain = |path| {
            CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| failed(&error))
        };
        let mut roots = RootCertStore::empty();
        for certificate in chain(authority.ca())? {
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
        let (certificate, key) = authority.client();
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(&error))?;
        // Named here: which one is a process's default depends on who else is in it.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain(certificate)?, key)
            .map_err(|error| failed(&error))?;
        Ok(Self::Tls(Arc::new(config)))
    }

    /// Opens a connection on which no read or write takes longer than `limit`.
    pub(crate) fn open(&self, address: SocketAddr, limit: Duration) -> io::Result<Connection> {
        let socket = TcpStream::connect_timeout(&address, limit)?;
        socket.set_read_timeout(Some(limit))?;
        socket.set_write_timeout(Some(limit))?;
        match self {
            Self::Plain => Ok(Connection::Plain(socket)),
            Self::Tls(config) => {
                let name = ServerName::from(address.ip());
                let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                Ok(Connection::Tls(Box::new(StreamOwned::new(session, socket))))
            }
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) enum Connection {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over it.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
