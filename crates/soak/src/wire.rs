//! HTTP/1.1 over mutual TLS by hand: so that an answer can be lost, and nothing is put right on the way.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, ensure};
use flate2::bufread::GzDecoder;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// No answer takes longer: above the longest wait of a read.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(8);
const HEAD_MAX: usize = 16 * 1024;
const BODY_MAX: usize = 4 * 1024 * 1024;

/// Who connects: a certificate of a folder that `init` made.
#[derive(Clone)]
pub(crate) struct Identity(TlsConnector);

impl Identity {
    /// Reads `clients/NAME.pem` and what goes with it.
    pub(crate) fn load(folder: &Path, name: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&folder.join("tls/ca.pem"))? {
            roots.add(certificate)?;
        }
        let chain = certificates(&folder.join(format!("clients/{name}.pem")))?;
        let key = PrivateKeyDer::from_pem_file(folder.join(format!("clients/{name}.key")))
            .wrap_err_with(|| format!("cannot read the key of {name}"))?;
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
                .with_root_certificates(roots)
                .with_client_auth_cert(chain, key)?;
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(path)?.collect();
    let certificates: std::result::Result<_, rustls::pki_types::pem::Error> = read();
    certificates.wrap_err_with(|| format!("cannot read {}", path.display()))
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    /// Without gzip.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        find_header(&self.head, name)
    }

    /// When to ask again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.find("retry-after")?.parse().ok().map(Duration::from_secs)
    }
}

/// An open connection.
pub(crate) struct Connection {
    tls: TlsStream<TcpStream>,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects to `https://host:port`.
    pub(crate) async fn open(url: &str, identity: &Identity) -> Result<Self> {
        let address = url.strip_prefix("https://").ok_or_eyre("an address without https://")?;
        let opening = async {
            let tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            identity.0.connect(ServerName::try_from("localhost")?, tcp).await.wrap_err("no handshake")
        };
        let tls = timeout(TIMEOUT, opening).await.wrap_err("no connection in time")??;
        Ok(Self { tls, unread: Vec::new() })
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn exchange(&mut self, request: &str) -> Result<Answer> {
        self.send(request).await?;
        timeout(TIMEOUT, self.receive()).await.wrap_err("no answer in time")?
    }

    /// Sends a request.
    pub(crate) async fn send(&mut self, request: &str) -> Result<()> {
        let sending = async {
            self.tls.write_all(request.as_bytes()).await?;
            self.tls.flush().await
        };
        timeout(TIMEOUT, sending).await.wrap_err("the request was not taken in time")??;
        Ok(())
    }

    async fn receive(&mut self) -> Result<Answer> {
        let mut scanned = 0;
        let end = loop {
            if let Some(at) = self.unread[scanned..].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break scanned + at;
            }
            scanned = self.unread.len().saturating_sub(3);
            ensure!(scanned < HEAD_MAX, "the head of an answer is too long");
            self.fill().await?;
        };
        let head = std::str::from_utf8(&self.unread[..end]).wrap_err("the head of an answer is no text")?;
        let head = head.to_owned();
        let status = head.split(' ').nth(1).ok_or_eyre("an answer has no status")?.parse()?;
        let length = match find_header(&head, "content-length") {
            Some(length) => length.parse()?,
            None => {
                ensure!(status == 204, "an answer {status} has no length");
                0
            }
        };
        ensure!(length <= BODY_MAX, "the body of an answer is too long");
        let start = end + 4;
        while self.unread.len() < start + length {
            self.fill().await?;
        }
        let rest = self.unread.split_off(start + length);
        let mut body = std::mem::replace(&mut self.unread, rest);
        body.drain(..start);
        if find_header(&head, "content-encoding") == Some("gzip") {
            body = gunzip(&body)?;
        }
        Ok(Answer { status, head, body })
    }

    async fn fill(&mut self) -> Result<()> {
        let read = self.tls.read_buf(&mut self.unread).await.wrap_err("the connection broke")?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

/// Exactly one member, as some clients read no more.
fn gunzip(compressed: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = GzDecoder::new(compressed);
    let mut plain = Vec::new();
    (&mut decoder).take(BODY_MAX as u64).read_to_end(&mut plain).wrap_err("the gzip body is damaged")?;
    ensure!(decoder.into_inner().is_empty(), "bytes follow the first member of a gzip body");
    Ok(plain)
}

/// A header's value.
pub(crate) fn find_header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
