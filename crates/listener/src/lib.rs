//! Listeners of mutual TLS: accept, handshake, identify, speak HTTP/1.1 or HTTP/2, end in time.
//!
//! A listener knows nothing of routes: it hands each request with its [`Peer`] to a [`Service`]. Every wait in
//! here has a limit of [`ListenerSettings`]; the waits inside a service are the service's.

mod accept;
pub mod config;
mod connection;
pub mod drain;
pub mod identity;
pub mod metrics;
mod per_participant;
mod plain;
mod progress;
mod refusal;
mod strict;
pub mod tls;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpSocket};

pub use plain::serve_plain;
pub use refusal::Refuse;

use crate::config::ListenerSettings;
use crate::drain::Drain;
use crate::identity::Peer;
use crate::tls::TlsStore;

/// What answers the requests of a listener. Every closure and function of this form is one.
pub trait Service: Clone + Send + Sync + 'static {
    /// The body of its answers; the listener makes one itself for a request that is malformed.
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + From<Bytes>
        + Send
        + 'static;

    /// Answers one request. Dropped when the client goes away.
    ///
    /// An HTTP/1 answer of 4xx has a body: an empty one is taken for the HTTP layer's own refusal and replaced by
    /// what [`ListenerSettings::refuse`] writes.
    fn call(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static;
}

impl<F, A, B> Service for F
where
    F: Fn(Request<Incoming>, Peer) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + From<Bytes> + Send + 'static,
{
    type Body = B;

    fn call(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static {
        self(request, peer)
    }
}

/// Connections that the kernel holds while nobody accepts; it may cap them lower (`net.core.somaxconn`). After a
/// restart all clients come at once.
const BACKLOG: u32 = 4_096;

/// Opens a socket for [`serve`]. Port 0 takes a free one.
///
/// # Errors
/// The address is taken, not of this machine, or not allowed.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted server takes its port back although connections of its predecessor linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves mutual TLS on a socket until `drain` begins; then closes the socket and returns. Connections that are
/// still open belong to the drain: [`Drain::finish`] waits for them.
pub async fn serve<S: Service>(
    listener: TcpListener,
    tls: Arc<TlsStore>,
    service: S,
    drain: Drain,
    settings: ListenerSettings,
) {
    accept::Acceptor::new(tls, service, drain, settings).run(listener).await;
}
