//! What an answer costs on its way out: writes to the socket, and TLS records.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::Refuse;
use crate::tls::provider;

/// Ten messages with the heads of their parts: 37 kB in 20 pieces.
const PIECES: [usize; 2] = [100, 3_600];
const PARTS: usize = 10;

/// What went to a socket, write by write.
type Writes = Arc<Mutex<Vec<Vec<u8>>>>;

/// An answer's body of many slices that is sent as one frame.
struct Pieces(Option<Batch>);

impl Body for Pieces {
    type Data = Batch;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Batch>, Infallible>>> {
        Poll::Ready(self.0.take().map(|batch| Ok(Frame::data(batch))))
    }
}

/// Slices that are written with vectored I/O, each of the same byte.
struct Batch(VecDeque<Bytes>);

impl Buf for Batch {
    fn remaining(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.0.front().map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        out.iter_mut().zip(&self.0).map(|(slot, piece)| *slot = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(piece) = self.0.front_mut() {
            if count < piece.len() {
                return piece.advance(count);
            }
            count -= piece.len();
            self.0.pop_front();
        }
    }
}

/// A socket that takes all slices in one write, as a TCP socket does, and remembers them.
struct Counted(DuplexStream, Writes);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.0).poll_write(cx, buf))?;
        self.1.lock().unwrap().push(buf[..written].to_vec());
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn tls() -> (TlsAcceptor, TlsConnector) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["a".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

/// Lengths of the TLS records in some bytes.
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        bytes = &rest[length..];
    }
    lengths
}

#[tokio::test]
async fn a_batch_of_ten_goes_out_in_one_write_and_three_records() {
    let (acceptor, connector) = tls();
    let (near, far) = duplex(1024 * 1024);
    let writes = Writes::default();
    let name = ServerName::try_from("a").unwrap();
    let (server, client) =
        tokio::join!(acceptor.accept(Counted(near, Arc::clone(&writes))), connector.connect(name, far));
    let (server, mut client) = (server.unwrap(), client.unwrap());
    writes.lock().unwrap().clear();

    let service = service_fn(|_request: Request<Incoming>| async {
        let pieces = PIECES.iter().cycle().take(PARTS * 2).map(|&length| Bytes::from(vec![b'x'; length]));
        let body: usize = PIECES.iter().sum::<usize>() * PARTS;
        let answer = Response::builder().header("content-length", body);
        answer.body(Pieces(Some(Batch(pieces.collect()))))
    });
    let wire = Wire::new(server, Progress::new(true), Refuse::default());
    tokio::spawn(http1_builder(16 * 1024).serve_connection(wire, service));
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let body: usize = PIECES.iter().sum::<usize>() * PARTS;
    let mut answer = Vec::new();
    while answer.len() < body || !answer.ends_with(&vec![b'x'; body]) {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
    }
    let writes = writes.lock().unwrap();
    let lengths: Vec<_> = writes.iter().map(|bytes| records(bytes)).collect();
    println!("writes, and the records in each: {lengths:?}");
    assert_eq!(lengths.len(), 1, "{lengths:?}");
    assert_eq!(lengths[0].len(), 3, "{lengths:?}");
}
