//! A TCP relay that loses, delays or swallows what is sent through it, at the request that bears a mark.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

/// What happens to the connection at the request with the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The request arrives, the connection is lost before its answer.
    LoseAnswer,
    /// The connection is lost before the request arrives.
    LoseRequest,
    /// The connection is lost, and the request arrives so much later.
    Delay(Duration),
    /// As [`Fault::LoseAnswer`], and nobody gets through until the relay is opened.
    LoseAnswerAndClose,
}

#[derive(Default)]
struct State {
    armed: Mutex<Option<(Vec<u8>, Fault)>>,
    struck: AtomicBool,
    closed: AtomicBool,
    late: AtomicUsize,
    arrived: Notify,
    cut: Notify,
}

/// The relay. Dropping it stops accepting.
pub(super) struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Relay {
    pub(super) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !shared.closed.load(Ordering::SeqCst) {
                    tokio::spawn(relay(client, server, Arc::clone(&shared)));
                }
            }
        });
        Self { address, state, accepting }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Arms one fault: it strikes at the first request that holds this mark.
    pub(super) fn meet(&self, mark: &str, fault: Fault) {
        *self.state.armed.lock().unwrap() = Some((mark.as_bytes().to_vec(), fault));
    }

    /// Whether a fault waits for its mark.
    pub(super) fn is_armed(&self) -> bool {
        self.state.armed.lock().unwrap().is_some()
    }

    pub(super) fn has_struck(&self) -> bool {
        self.state.struck.load(Ordering::SeqCst)
    }

    /// Lets connections through again.
    pub(super) fn open(&self) {
        self.state.closed.store(false, Ordering::SeqCst);
    }

    /// Waits until every delayed request arrived and was answered.
    pub(super) async fn wait_for_late(&self) {
        loop {
            let arrived = self.state.arrived.notified();
            if self.state.late.load(Ordering::SeqCst) == 0 {
                return;
            }
            arrived.await;
        }
    }
}

impl State {
    /// The fault that strikes at these bytes.
    fn strike(&self, sent: &[u8]) -> Option<Fault> {
        let mut armed = self.armed.lock().unwrap();
        let (mark, fault) = armed.take_if(|(mark, _)| sent.windows(mark.len()).any(|part| part == mark))?;
        drop(mark);
        self.struck.store(true, Ordering::SeqCst);
        Some(fault)
    }
}

async fn relay(client: TcpStream, server: SocketAddr, state: Arc<State>) {
    let server = TcpStream::connect(server).await.unwrap();
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let (lose, lost) = oneshot::channel();
    let answers = tokio::spawn(answers(from_server, to_client, lost));
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = tokio::select! {
            read = from_client.read(&mut buffer) => read,
            () = state.cut.notified() => return answers.abort(),
        };
        let sent = match read {
            Ok(0) | Err(_) => return answers.abort(),
            Ok(read) => &buffer[..read],
        };
        let Some(fault) = state.strike(sent) else {
            if to_server.write_all(sent).await.is_err() {
                return answers.abort();
            }
            continue;
        };
        let _ = lose.send(());
        drop(from_client);
        return strike(fault, sent, to_server, &state).await;
    }
}

/// Passes answers on until they are to be lost; then swallows them, so that the server notices nothing.
async fn answers(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    mut lost: oneshot::Receiver<()>,
) {
    tokio::select! {
        _ = tokio::io::copy(&mut from_server, &mut to_client) => return,
        _ = &mut lost => drop(to_client),
    }
    let _ = tokio::io::copy(&mut from_server, &mut tokio::io::sink()).await;
}

async fn strike(fault: Fault, sent: &[u8], mut to_server: OwnedWriteHalf, state: &State) {
    match fault {
        Fault::LoseRequest => {}
        Fault::LoseAnswer => drop(to_server.write_all(sent).await),
        Fault::LoseAnswerAndClose => {
            state.closed.store(true, Ordering::SeqCst);
            state.cut.notify_waiters();
            drop(to_server.write_all(sent).await);
        }
        Fault::Delay(pause) => {
            state.late.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(pause).await;
            drop(to_server.write_all(sent).await);
            state.late.fetch_sub(1, Ordering::SeqCst);
            state.arrived.notify_waiters();
        }
    }
    // What was sent is read before the end is noticed.
    drop(to_server.shutdown().await);
}
