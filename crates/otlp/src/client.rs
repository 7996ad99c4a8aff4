//! The way to the collector: one connection a message, over the HTTP and TLS that are in the program anyway.
//!
//! No pool and no redirects: a batch goes out every half second at most.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Most bytes of an answer that are read: it says which spans were refused, in a few words.
const ANSWER_MAX: usize = 64 * 1024;

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("the URL has no host")]
    NoHost,
    #[error("cannot be reached: {0}")]
    Connect(#[from] std::io::Error),
    #[error("its name cannot be in a certificate: {0}")]
    Name(#[from] rustls_pki_types::InvalidDnsNameError),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("its answer: {0}")]
    Answer(HttpError),
    #[error("it answered {0}")]
    Status(http::StatusCode),
}

/// A client of one collector.
pub(crate) struct Client {
    tls: Option<TlsConnector>,
    limit: Duration,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(tls: Option<Arc<ClientConfig>>, limit: Duration) -> Self {
        Self { tls: tls.map(TlsConnector::from), limit }
    }

    async fn deliver(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Fault> {
        let (host, port) = place(request.uri(), self.tls.is_some())?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some(tls) => {
                let stream = tls.connect(ServerName::try_from(host)?, stream).await?;
                exchange(stream, request).await
            }
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer =
            timeout(self.limit, self.deliver(request)).await.map_err(|_| Fault::Slow(self.limit))??;
        if answer.status().is_success() { Ok(answer) } else { Err(Fault::Status(answer.status()).into()) }
    }
}

/// Host, without the brackets of an IPv6 address, and port.
fn place(uri: &Uri, is_tls: bool) -> Result<(String, u16), Fault> {
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(Fault::NoHost)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((host.to_owned(), uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 })))
}

/// Sends one request and reads its answer.
async fn exchange<S>(stream: S, request: Request<Bytes>) -> Result<Response<Bytes>, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the sender; what is wrong with it shows in the answer.
    let connection = tokio::spawn(connection);
    let answered = async {
        let (head, body) = sender.send_request(on_the_wire(request)).await?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(Fault::Answer)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    let answered = answered.await;
    connection.abort();
    answered
}

/// The request with its path alone, and what HTTP/1.1 needs beside.
fn on_the_wire(request: Request<Bytes>) -> Request<Full<Bytes>> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(authority) = authority {
        head.headers.insert(HOST, authority);
    }
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    head.uri = path.parse().unwrap_or_default();
    Request::from_parts(head, Full::new(body))
}
