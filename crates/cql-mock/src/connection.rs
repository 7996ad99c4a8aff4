//! One connection to a node: frames in, frames out, each when its reply says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::script::{Reply, Request, Step};
use crate::server::Shared;
use crate::system;
use crate::wire::{self, Frame};

/// Answers that may wait for a client that does not read.
const ANSWERS_MAX: usize = 100_000;

/// An answer's opcode and body.
type Body = (u8, Vec<u8>);

/// What becomes of a frame.
enum Outcome {
    Send(Body),
    Later(Reply),
    Reset,
}

/// Serves a connection until it ends.
pub(crate) async fn serve(shared: &Arc<Shared>, index: usize, socket: TcpStream) {
    // Dropping it then resets instead of closing: what firewalls and killed processes look like.
    if SockRef::from(&socket).set_linger(Some(Duration::ZERO)).is_err() || socket.set_nodelay(true).is_err() {
        return;
    }
    shared.connections.fetch_add(1, Ordering::Relaxed);
    let open = Open(Arc::clone(shared));
    shared.awake(index).await;
    match &shared.cluster.tls {
        None => exchange(shared, index, socket.into_split()).await,
        Some(config) => {
            if let Ok(stream) = TlsAcceptor::from(Arc::clone(config)).accept(socket).await {
                exchange(shared, index, tokio::io::split(stream)).await;
            }
        }
    }
    drop(open);
}

/// Counts a connection for as long as it is open.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn exchange(
    shared: &Arc<Shared>,
    index: usize,
    (mut reader, mut writer): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
) {
    let (answers, mut outgoing) = mpsc::channel::<Vec<u8>>(ANSWERS_MAX);
    let reading = async {
        let mut later = JoinSet::new();
        let mut buffer = BytesMut::new();
        while matches!(reader.read_buf(&mut buffer).await, Ok(1..)) {
            shared.stuck.fetch_add(1, Ordering::Relaxed);
            shared.awake(index).await;
            shared.stuck.fetch_sub(1, Ordering::Relaxed);
            while let Some(frame) = wire::take_frame(&mut buffer) {
                let stream = frame.stream;
                if frame.opcode == wire::REGISTER {
                    shared.registered.send_replace(Some(index));
                }
                match answer(shared, frame) {
                    Outcome::Send((opcode, body)) => {
                        let _ = answers.send(wire::frame(stream, opcode, &body)).await;
                    }
                    Outcome::Later(reply) => {
                        later.spawn(wait_and_send(reply, stream, answers.clone()));
                    }
                    Outcome::Reset => return,
                }
            }
            while later.try_join_next().is_some() {}
        }
    };
    let writing = async {
        let mut batch = Vec::new();
        while outgoing.recv_many(&mut batch, 256).await > 0 {
            shared.awake(index).await;
            if writer.write_all(&batch.concat()).await.is_err() || writer.flush().await.is_err() {
                return;
            }
            batch.clear();
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

async fn wait_and_send(reply: Reply, stream: i16, answers: mpsc::Sender<Vec<u8>>) {
    let answer = match reply {
        Reply::Now(answer) => answer,
        Reply::After(pause, answer) => {
            tokio::time::sleep(pause).await;
            answer
        }
        Reply::When(gate, answer) => {
            gate.opened().await;
            answer
        }
        Reply::Never | Reply::Reset => return,
    };
    let (opcode, body) = wire::answer(&answer);
    let _ = answers.send(wire::frame(stream, opcode, &body)).await;
}

fn answer(shared: &Shared, frame: Frame) -> Outcome {
    let mut body = frame.body;
    let known = match frame.opcode {
        wire::STARTUP if shared.cluster.credentials.is_none() => Some((wire::READY, Vec::new())),
        wire::STARTUP => {
            let mut body = Vec::new();
            wire::put_string(&mut body, "org.apache.cassandra.auth.PasswordAuthenticator");
            Some((wire::AUTHENTICATE, body))
        }
        wire::AUTH_RESPONSE => Some(authenticate(shared, &mut body)),
        wire::OPTIONS => Some((wire::SUPPORTED, vec![0, 0])),
        wire::REGISTER => Some((wire::READY, Vec::new())),
        wire::QUERY => return query(shared, &mut body).unwrap_or_else(malformed),
        wire::PREPARE => return prepare(shared, &mut body).unwrap_or_else(malformed),
        wire::EXECUTE => return execute(shared, &mut body).unwrap_or_else(malformed),
        _ => None,
    };
    known.map_or_else(malformed, Outcome::Send)
}

fn authenticate(shared: &Shared, body: &mut Bytes) -> Body {
    let token = wire::take_bytes(body).flatten().unwrap_or_default();
    let expected = shared.cluster.credentials.as_ref();
    let expected = expected.map(|(username, password)| format!("\0{username}\0{password}"));
    if expected.is_some_and(|expected| expected.as_bytes() == token) {
        return (wire::AUTH_SUCCESS, (-1_i32).to_be_bytes().to_vec());
    }
    error(0x0100, "Provided username and/or password are incorrect", &[])
}

fn query(shared: &Shared, body: &mut Bytes) -> Option<Outcome> {
    let text = wire::take_long_string(body)?;
    if let Some(body) = system::answer(&text, &shared.cluster.members, shared.index) {
        return Some(Outcome::Send((wire::RESULT, body)));
    }
    Some(ask(shared, Step::Query, text, wire::take_params(body)?))
}

fn prepare(shared: &Shared, body: &mut Bytes) -> Option<Outcome> {
    let text = wire::take_long_string(body)?;
    let reply =
        (shared.cluster.script)(&request(shared, Step::Prepare, text.clone(), wire::Params::default()));
    if !matches!(reply, Reply::Now(crate::Answer::Void)) {
        return Some(outcome(reply));
    }
    let markers = text.matches('?').count();
    // The id is the text itself: the same on every node, as real ones are.
    let body = wire::prepared(text.as_bytes(), markers, &(shared.cluster.key)(&text));
    shared.prepared().insert(text);
    Some(Outcome::Send((wire::RESULT, body)))
}

fn execute(shared: &Shared, body: &mut Bytes) -> Option<Outcome> {
    let id = wire::take_short_bytes(body)?;
    let text = String::from_utf8_lossy(&id).into_owned();
    if !shared.prepared().contains(&text) {
        let length = u16::try_from(id.len()).unwrap_or(u16::MAX).to_be_bytes();
        let rest = [&length[..], &id].concat();
        return Some(Outcome::Send(error(0x2500, "unknown statement", &rest)));
    }
    Some(ask(shared, Step::Execute, text, wire::take_params(body)?))
}

fn ask(shared: &Shared, step: Step, text: String, params: wire::Params) -> Outcome {
    outcome((shared.cluster.script)(&request(shared, step, text, params)))
}

fn request(shared: &Shared, step: Step, text: String, params: wire::Params) -> Request {
    let wire::Params { consistency, values, page_size, paging_state, serial } = params;
    Request { node: shared.index, step, text, values, consistency, serial, page_size, paging_state }
}

fn outcome(reply: Reply) -> Outcome {
    match reply {
        Reply::Now(answer) => Outcome::Send(wire::answer(&answer)),
        Reply::Reset => Outcome::Reset,
        reply @ (Reply::After(..) | Reply::When(..) | Reply::Never) => Outcome::Later(reply),
    }
}

fn malformed() -> Outcome {
    Outcome::Send(error(0x000A, "not understood", &[]))
}

fn error(code: i32, message: &str, rest: &[u8]) -> Body {
    let answer = crate::Answer::Error { code, message: message.to_owned(), rest: rest.to_vec() };
    wire::answer(&answer)
}
