//! One connection with its peer known: HTTP in, answers out, until something ends it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use metrics::counter;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::accept::{Acceptor, Admission};
use super::progress::{Overdue, Progress};
use super::wire::Wire;
use super::{Service, strict};
use crate::config::HEAD_BYTES_MIN;
use crate::identity::Peer;
use crate::metrics::CONNECTIONS_ENDED;
use crate::tls::Standing;

/// Bytes of an HTTP/1 connection's buffers: one read of a body at most, and answers are written in pieces of this.
/// An idle connection holds a small part of it.
const HTTP1_BUFFER_BYTES: usize = 64 * 1024;
/// Bytes that an HTTP/2 client may send ahead on a stream, and on a connection.
const HTTP2_STREAM_WINDOW: u32 = 256 * 1024;
const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of answers that wait in a stream for the client's window.
const HTTP2_SEND_BYTES: usize = 128 * 1024;
/// A dead HTTP/2 peer is found by a ping.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that we asked to end may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Client,
    Error,
    HeadTimeout,
    Idle,
    Drain,
    Cut,
    Revoked,
    Untrusted,
    Expired,
    RolesChanged,
}

impl Ending {
    fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Error => "error",
            Self::HeadTimeout => "head_timeout",
            Self::Idle => "idle",
            Self::Drain => "drain",
            Self::Cut => "cut",
            Self::Revoked => "revoked",
            Self::Untrusted => "untrusted",
            Self::Expired => "expired",
            Self::RolesChanged => "roles_changed",
        }
    }
}

/// Serves HTTP/1.1 and 1.0.
pub(super) async fn http1<S: Service>(
    acceptor: Arc<Acceptor<S>>,
    stream: TlsStream<TcpStream>,
    peer: Peer,
    admission: Admission,
) {
    let progress = Progress::new(true);
    let wire = Wire::new(stream, Arc::clone(&progress), acceptor.settings.refuse.clone());
    let service = service_fn(answering(&acceptor, &peer, &progress));
    let connection = http1_builder(acceptor.settings.head_bytes).serve_connection(wire, service);
    drive(connection, &acceptor, (&peer, &progress), admission).await;
}

fn http1_builder(head_bytes: usize) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_header_size(head_bytes.max(HEAD_BYTES_MIN))
        .max_buf_size(HTTP1_BUFFER_BYTES)
        .title_case_headers(true)
        // A TLS stream takes all slices of an answer at once and seals them into full records.
        .writev(true);
    builder
}

/// Serves HTTP/2.
pub(super) async fn http2<S: Service>(
    acceptor: Arc<Acceptor<S>>,
    stream: TlsStream<TcpStream>,
    peer: Peer,
    admission: Admission,
) {
    let progress = Progress::new(false);
    let wire = Wire::new(stream, Arc::clone(&progress), acceptor.settings.refuse.clone());
    let service = service_fn(answering(&acceptor, &peer, &progress));
    let head_bytes = u32::try_from(acceptor.settings.head_bytes.max(HEAD_BYTES_MIN)).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(acceptor.settings.http2_streams)
        .max_header_list_size(head_bytes)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW)
        .max_send_buf_size(HTTP2_SEND_BYTES)
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_TIMEOUT)
        .serve_connection(wire, service);
    drive(connection, &acceptor, (&peer, &progress), admission).await;
}

/// Checks each request, hands it to the service and keeps count.
fn answering<S: Service>(
    acceptor: &Arc<Acceptor<S>>,
    peer: &Peer,
    progress: &Arc<Progress>,
) -> impl Fn(Request<Incoming>) -> AnswerFuture<S::Body> + use<S> {
    let service = acceptor.service.clone();
    let refuse = acceptor.settings.refuse.clone();
    let peer = peer.clone();
    let progress = Arc::clone(progress);
    move |request| {
        let ends_in_blank_line = request.body().size_hint().exact().is_none_or(|length| length == 0);
        let in_flight = progress.request(ends_in_blank_line);
        let answer = match strict::check(&request) {
            Ok(()) => Ok(service.call(request, peer.clone())),
            Err(reason) => {
                debug!(remote = %peer.remote, reason, "a request is malformed");
                Err(refuse.answer(StatusCode::BAD_REQUEST).map(S::Body::from))
            }
        };
        Box::pin(async move {
            let _in_flight = in_flight;
            match answer {
                Ok(answer) => Ok(answer.await),
                Err(refusal) => Ok(refusal),
            }
        })
    }
}

/// Boxed: the connection's type would otherwise spell out the whole service.
type AnswerFuture<B> = std::pin::Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

/// Polls a connection to its end, and ends it for our reasons.
async fn drive<S, C>(
    connection: C,
    acceptor: &Acceptor<S>,
    (peer, progress): (&Peer, &Progress),
    admission: Admission,
) where
    S: Service,
    C: GracefulConnection<Error: std::fmt::Display>,
{
    let settings = &acceptor.settings;
    let mut connection = pin!(connection);
    let overdue = async || match progress.overdue(settings.head_timeout, settings.idle_timeout).await {
        Overdue::Head => Ending::HeadTimeout,
        Overdue::Idle => Ending::Idle,
    };
    let mut readings = acceptor.tls.subscribe();
    let mut seen = admission.born_under;
    let mut outlived = pin!(acceptor.tls.outlived(&peer.identity));
    let reason = loop {
        let reading = *readings.borrow_and_update();
        if reading != seen {
            seen = reading;
            if let Some(ending) = fallen(acceptor, peer, &admission) {
                break ending;
            }
        }
        tokio::select! {
            biased;
            result = &mut connection => break match result {
                Ok(()) => Ending::Client,
                Err(fault) => {
                    debug!(listener = settings.name, remote = %peer.remote, %fault, "a connection failed");
                    Ending::Error
                }
            },
            () = acceptor.drain.begun() => break Ending::Drain,
            limit = overdue() => break limit,
            () = &mut outlived => break Ending::Expired,
            Ok(()) = readings.changed() => {}
        }
    };
    let ending = match reason {
        Ending::Drain | Ending::RolesChanged | Ending::Expired => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                _ended = &mut connection => reason,
                () = acceptor.drain.cut() => Ending::Cut,
                ending = cast_out(acceptor, peer, (&admission, &mut readings)) => ending,
                limit = overdue() => limit,
            }
        }
        Ending::Idle => {
            connection.as_mut().graceful_shutdown();
            let _ended = timeout(FAREWELL_TIMEOUT, &mut connection).await;
            reason
        }
        Ending::Client
        | Ending::Error
        | Ending::HeadTimeout
        | Ending::Cut
        | Ending::Revoked
        | Ending::Untrusted => reason,
    };
    counter!(CONNECTIONS_ENDED, "listener" => settings.name, "reason" => ending.as_str()).increment(1);
}

/// Why the peer would not be let in now, or not as the same one.
fn fallen<S>(acceptor: &Acceptor<S>, peer: &Peer, admission: &Admission) -> Option<Ending> {
    match acceptor.tls.standing(&peer.identity, &admission.chain) {
        Standing::Good => None,
        Standing::Revoked => Some(Ending::Revoked),
        Standing::Untrusted => Some(Ending::Untrusted),
        Standing::Expired => Some(Ending::Expired),
        Standing::Changed => Some(Ending::RolesChanged),
    }
}

/// Resolves when a reload leaves the peer no time for its last request.
async fn cast_out<S>(
    acceptor: &Acceptor<S>,
    peer: &Peer,
    (admission, readings): (&Admission, &mut watch::Receiver<u64>),
) -> Ending {
    loop {
        // The store is in the acceptor, so the channel can't close.
        if readings.changed().await.is_err() {
            return std::future::pending().await;
        }
        if let Some(ending @ (Ending::Revoked | Ending::Untrusted)) = fallen(acceptor, peer, admission) {
            return ending;
        }
    }
}

#[cfg(test)]
mod tests;
