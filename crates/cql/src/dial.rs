//! Makes a connection: TCP, TLS when asked for, and the protocol's handshake, all within one limit.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cdrs_tokio::frame::{Envelope, Opcode, Version};
use cdrs_tokio::types::CBytes;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::answer;
use crate::error::Error;
use crate::link::{Failure, Handlers, Limits, Link};
use crate::pulse::Pulse;
use crate::settings::Settings;

/// Protocol v4: v5 adds checksums below TLS and an id that our statements do not need (ADR 0016).
pub(crate) const VERSION: Version = Version::V4;

/// Probes of the kernel on an idle connection before it is given up.
const KEEPALIVE_PROBES: u32 = 3;

/// The shortest time after which a connection is given up on which nothing was confirmed: several repeats of a packet.
const UNHEARD_MIN: Duration = Duration::from_secs(1);

/// A node's socket address and the name that its certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) host: String,
}

/// Connects and says who we are.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    settings: &Settings,
    pulse: Arc<Pulse>,
    handlers: Handlers,
) -> Result<Link, Error> {
    let deadline = Instant::now() + settings.connect_timeout;
    let dialled = timeout_at(deadline, connect(endpoint, settings, pulse, handlers)).await;
    let unavailable = |why: String| Error::Unavailable(format!("{}: {why}", endpoint.address));
    let link = dialled
        .map_err(|_| unavailable("no connection in time".to_owned()))?
        .map_err(|error| unavailable(error.to_string()))?;
    shake_hands(&link, settings, deadline).await?;
    Ok(link)
}

async fn connect(
    endpoint: &Endpoint,
    settings: &Settings,
    pulse: Arc<Pulse>,
    handlers: Handlers,
) -> io::Result<Link> {
    let socket = TcpStream::connect(endpoint.address).await?;
    tune(&socket, settings)?;
    let limits = Limits {
        in_flight_max: settings.in_flight_max,
        orphans_max: settings.orphans_max,
        request_timeout: settings.request_timeout,
    };
    let Some(tls) = &settings.tls else {
        return Ok(Link::start(endpoint.address, socket.into_split(), limits, pulse, handlers));
    };
    let name = ServerName::try_from(endpoint.host.clone()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, socket).await?;
    Ok(Link::start(endpoint.address, tokio::io::split(stream), limits, pulse, handlers))
}

/// Lets the kernel find out about a peer that is gone, and send small requests at once.
fn tune(socket: &TcpStream, settings: &Settings) -> io::Result<()> {
    socket.set_nodelay(true)?;
    // The kernel counts in whole seconds.
    let interval = settings.heartbeat.max(UNHEARD_MIN);
    let keepalive =
        TcpKeepalive::new().with_time(interval).with_interval(interval).with_retries(KEEPALIVE_PROBES);
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&keepalive)?;
    // What was sent within a request's limit reaches its node within another one, or never: a write that lies in the
    // kernel while the line is down would be carried out when nobody expects it any longer (docs/regions.md).
    let unheard_max = settings.request_timeout.clamp(UNHEARD_MIN, interval * (KEEPALIVE_PROBES + 1));
    socket.set_tcp_user_timeout(Some(unheard_max))
}

/// STARTUP, and the name and password when the node asks for them (v4, sections 4.1.1 and 4.2.3).
async fn shake_hands(link: &Link, settings: &Settings, deadline: Instant) -> Result<(), Error> {
    let answer = ask(link, &Envelope::new_req_startup(None, VERSION), deadline).await?;
    if answer.opcode == Opcode::Ready {
        return Ok(());
    }
    if answer.opcode != Opcode::Authenticate {
        return Err(refused(link, &answer));
    }
    let Some(credentials) = &settings.credentials else {
        return Err(Error::Rejected {
            code: answer::BAD_CREDENTIALS,
            message: format!("{} asks for a name and a password, and none are configured", link.address()),
        });
    };
    let token = [b"\0", credentials.username.as_bytes(), b"\0", credentials.password.as_bytes()].concat();
    let answer = ask(link, &Envelope::new_req_auth_response(CBytes::new(token), VERSION), deadline).await?;
    if answer.opcode == Opcode::AuthSuccess { Ok(()) } else { Err(refused(link, &answer)) }
}

async fn ask(link: &Link, request: &Envelope, deadline: Instant) -> Result<Envelope, Error> {
    link.send(request, deadline).await.map_err(|failure| {
        let why = match failure {
            Failure::NotSent(why) | Failure::Lost(why) => why,
            Failure::TimedOut => "no handshake in time".to_owned(),
        };
        Error::Unavailable(format!("{}: {why}", link.address()))
    })
}

fn refused(link: &Link, answer: &Envelope) -> Error {
    match answer::Refusal::read(answer) {
        Some(refusal) => refusal.of_handshake(),
        None => Error::Unavailable(format!("{}: an unexpected answer in the handshake", link.address())),
    }
}
