//! One kept-alive HTTP/1.1 connection over mutual TLS: blocking, small, and the same for every peer.
//!
//! It reads what the measured servers send: answers with a length. It is no general client, and knows no streams.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{OptionExt as _, Result, WrapErr as _, ensure};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// No answer takes longer, the longest wait of a read included.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest head of an answer that is read.
const HEAD_MAX: usize = 16 * 1024;
/// Longest body of an answer that is read: ten messages, with room.
const BODY_MAX: usize = 1024 * 1024;

/// What a connection shows and trusts. TLS 1.3 with one suite, so that all peers encrypt alike.
pub(crate) fn tls(folder: &Path, client: &str) -> Result<Arc<ClientConfig>> {
    let provider = CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..aws_lc_rs::default_provider()
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&folder.join("tls/ca.pem"))? {
        roots.add(certificate)?;
    }
    let chain = certificates(&folder.join(format!("clients/{client}.pem")))?;
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("clients/{client}.key")))
        .wrap_err_with(|| format!("cannot read the key of {client}"))?;
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    Ok(Arc::new(config))
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
    /// Where to read on: `PI-Pull-Next`.
    pub(crate) next: Option<String>,
    /// The value of `Content-Type`.
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Fails unless the status is one of those expected; says what the server said.
    pub(crate) fn expect(self, statuses: &[u16]) -> Result<Self> {
        let (status, body) = (self.status, String::from_utf8_lossy(&self.body));
        ensure!(statuses.contains(&status), "the server answered {status}: {body}");
        Ok(self)
    }
}

/// An open connection.
pub(crate) struct Connection {
    tls: StreamOwned<ClientConnection, TcpStream>,
    /// What was read beyond the last answer.
    unread: Vec<u8>,
    scratch: Box<[u8]>,
}

impl Connection {
    /// Connects. The handshake happens with the first request.
    pub(crate) fn open(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Self> {
        let tcp = TcpStream::connect_timeout(&address, TIMEOUT)
            .wrap_err_with(|| format!("cannot connect to {address}"))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(TIMEOUT))?;
        tcp.set_write_timeout(Some(TIMEOUT))?;
        let client = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?;
        let scratch = vec![0; 32 * 1024].into_boxed_slice();
        Ok(Self { tls: StreamOwned::new(client, tcp), unread: Vec::new(), scratch })
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.send(request)?;
        self.receive()
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        self.tls.write_all(request).wrap_err("the connection broke while sending")
    }

    /// Reads one answer.
    pub(crate) fn receive(&mut self) -> Result<Answer> {
        let mut scanned = 0;
        let end = loop {
            let found = self.unread[scanned..].windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(at) = found {
                break scanned + at;
            }
            scanned = self.unread.len().saturating_sub(3);
            ensure!(scanned < HEAD_MAX, "the head of an answer is too long");
            self.fill()?;
        };
        let head = std::str::from_utf8(&self.unread[..end]).wrap_err("the head of an answer is no text")?;
        let mut answer = parse_head(head)?;
        let length = find_header(head, "content-length").map(str::parse::<usize>).transpose()?;
        let length = match length {
            Some(length) => length,
            None => {
                ensure!(answer.status == 204, "an answer {} has no length", answer.status);
                0
            }
        };
        ensure!(length <= BODY_MAX, "the body of an answer is too long");
        let start = end + 4;
        while self.unread.len() < start + length {
            self.fill()?;
        }
        let rest = self.unread.split_off(start + length);
        answer.body = std::mem::replace(&mut self.unread, rest);
        answer.body.drain(..start);
        Ok(answer)
    }

    fn fill(&mut self) -> Result<()> {
        let read =
            self.tls.read(&mut self.scratch).wrap_err("the connection broke, or nothing came in time")?;
        ensure!(read > 0, "the server closed the connection");
        self.unread.extend_from_slice(&self.scratch[..read]);
        Ok(())
    }
}

fn parse_head(head: &str) -> Result<Answer> {
    let status = head.split(' ').nth(1).ok_or_eyre("an answer has no status")?;
    Ok(Answer {
        status: status.parse().wrap_err("an answer's status is no number")?,
        next: find_header(head, "pi-pull-next").map(str::to_owned),
        content_type: find_header(head, "content-type").map(str::to_owned),
        body: Vec::new(),
    })
}

fn find_header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_whatever_its_case() {
        let head = "HTTP/1.1 200 OK\r\ncontent-Length: 12\r\nPI-Pull-Next: /a/b\r\n";
        let answer = parse_head(head).unwrap();
        assert_eq!((answer.status, answer.next.as_deref()), (200, Some("/a/b")));
        assert_eq!(find_header(head, "content-length"), Some("12"));
    }
}
