//! The spelling of our response headers on HTTP/1: `PI-Pull-Next`, not `pi-pull-next` (protocol, section 3).
//!
//! Names are compared without case by every HTTP library, yet clients exist that search the raw head. hyper keeps
//! the spelling of headers in a response extension whose type is private; it makes one for each request that it
//! parses. So one request with our names is parsed at start-up, and its extensions are cloned into responses. The
//! server side's `title_case_headers` spells the rest; only names that it would get wrong are here.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Mutex;

use http::{Extensions, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::body::Body;

/// The names that title case gets wrong, spelled as in the protocol. HTTP/1.0, so that nothing else is in it:
/// each name makes the clone dearer (some 0.3 µs for these six).
const REQUEST: &[u8] = b"GET / HTTP/1.0\r\nPI-Pull-Next: a\r\nPI-ResourceId: a\r\nPI-Thread-Slot: a\r\n\
    X-RateLimit-Limit: a\r\nX-RateLimit-Remaining: a\r\nX-RateLimit-Reset: a\r\n\r\n";
/// The one of an answer that no read gets.
const QUARANTINED: &[u8] = b"GET / HTTP/1.0\r\nPI-Quarantine-Id: a\r\n\r\n";

/// Extensions that make hyper spell our headers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spelling {
    usual: Extensions,
    quarantined: Extensions,
}

impl Spelling {
    /// Lets hyper parse the names. Without an answer, for which there is no reason, names go out in title case.
    pub(crate) async fn learn() -> Self {
        Self { usual: learn(REQUEST).await, quarantined: learn(QUARANTINED).await }
    }

    /// The extensions for one response.
    pub(crate) fn extensions(&self, status: StatusCode) -> Extensions {
        if status == StatusCode::ACCEPTED { self.quarantined.clone() } else { self.usual.clone() }
    }
}

async fn learn(request_bytes: &'static [u8]) -> Extensions {
    let learnt = Arc::new(Mutex::new(Extensions::new()));
    let (mut client, server) = tokio::io::duplex(request_bytes.len() + 1024);
    let keep = Arc::clone(&learnt);
    let service = service_fn(move |request: Request<Incoming>| {
        if let Ok(mut kept) = keep.lock() {
            kept.clone_from(request.extensions());
        }
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let connection =
        http1::Builder::new().preserve_header_case(true).serve_connection(TokioIo::new(server), service);
    let exchange = async {
        client.write_all(request_bytes).await?;
        client.read_to_end(&mut Vec::new()).await
    };
    let (served, exchanged) = tokio::join!(connection, exchange);
    if served.is_err() || exchanged.is_err() {
        tracing::error!("headers go out in title case: hyper did not parse our request");
    }
    learnt.lock().map(|kept| kept.clone()).unwrap_or_default()
}
