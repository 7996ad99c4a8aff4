//! Plain HTTP/1 for probes and scrapers on the same machine. Never for participants.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::Refuse;
use crate::drain::Drain;
use crate::strict;

/// Connections at a time; more wait in the kernel.
const CONNECTIONS: usize = 64;
/// Time for a head, and for a connection without a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of buffers, and so of a head.
const BUFFER_BYTES: usize = 16 * 1024;
/// Pause after a failed accept.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Serves plain HTTP/1 until `drain` begins. The caller binds to loopback; its service shows nothing that needs a
/// role. A request that is malformed is answered 400 without a body.
pub async fn serve_plain<F, A, B>(listener: TcpListener, service: F, drain: Drain)
where
    F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + From<Bytes> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let begun = drain.begun();
    tokio::pin!(begun);
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            () = &mut begun => return,
            next = next => next,
        };
        let Ok((socket, remote)) = accepted else {
            sleep(ACCEPT_BACKOFF).await;
            continue;
        };
        let (service, drain) = (service.clone(), drain.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let _tracked = drain.track();
            let answer = service_fn(move |request| {
                let answer = strict::check(&request).map(|()| service(request, remote));
                async move {
                    Ok::<_, Infallible>(match answer {
                        Ok(answer) => answer.await,
                        Err(_) => Refuse::default().answer(StatusCode::BAD_REQUEST).map(B::from),
                    })
                }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(BUFFER_BYTES)
                .serve_connection(TokioIo::new(socket), answer);
            tokio::pin!(connection);
            let ended = tokio::select! {
                _ended = &mut connection => true,
                () = drain.begun() => false,
            };
            if !ended {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    _ended = &mut connection => {}
                    () = drain.cut() => {}
                }
            }
        });
    }
}
