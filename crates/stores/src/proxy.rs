//! A way between one client and one store that can be cut, or fall silent: one node's partition from one store.
//!
//! Stopping a store takes it from everybody; this takes it from whoever connects through here. Bytes are not looked at.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::{Error, ports};

/// How often the listener looks whether it is over.
const LOOK: Duration = Duration::from_millis(10);
/// How long connecting to the store may take.
const CONNECT: Duration = Duration::from_secs(1);
/// Bytes moved at a time.
const CHUNK: usize = 64 * 1024;

/// The way, open at first; closed for good when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    way: Arc<Way>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Connections stay and are taken, nothing passes: what a lost network looks like.
    Silent,
    /// Connections are closed, new ones at once: what a stopped process looks like.
    Cut,
}

#[derive(Debug)]
struct Way {
    target: SocketAddr,
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inside {
    state: State,
    /// Both ends of every connection.
    ends: Vec<TcpStream>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and leads to the target, which may not be there yet.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(target: SocketAddr) -> Result<Self, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_port(Ipv4Addr::LOCALHOST)?));
        let failed = || Error::io(format!("listen on {address}"));
        let listener = TcpListener::bind(address).map_err(failed())?;
        listener.set_nonblocking(true).map_err(failed())?;
        let inside = Inside { state: State::Open, ends: Vec::new() };
        let way = Arc::new(Way { target, inside: Mutex::new(inside), changed: Condvar::new() });
        let weak = Arc::downgrade(&way);
        thread::spawn(move || accept(&listener, &weak));
        Ok(Self { address, way })
    }

    /// Where clients connect instead.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections, and new ones as soon as they are made.
    pub fn cut(&self) {
        self.way.set(State::Cut);
    }

    /// Keeps and takes connections, and lets nothing pass in either direction; what was sent meanwhile arrives when
    /// it is open again.
    pub fn silence(&self) {
        self.way.set(State::Silent);
    }

    /// Lets everything pass again.
    pub fn open(&self) {
        self.way.set(State::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Way {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        let mut inside = self.inside();
        inside.state = state;
        if state == State::Cut {
            for end in inside.ends.drain(..) {
                // Closed already is as good.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
        self.changed.notify_all();
    }

    /// Takes the two ends of a connection in; false when the way is cut.
    fn keep(&self, ends: [TcpStream; 2]) -> bool {
        let mut inside = self.inside();
        inside.ends.retain(|end| end.peer_addr().is_ok());
        let is_open = inside.state != State::Cut;
        if is_open {
            inside.ends.extend(ends);
        }
        is_open
    }

    /// Waits while nothing may pass; false when the way is cut.
    fn wait(&self) -> bool {
        let silent = |inside: &mut Inside| inside.state == State::Silent;
        let inside = self.changed.wait_while(self.inside(), silent).unwrap_or_else(PoisonError::into_inner);
        inside.state == State::Open
    }
}

fn accept(listener: &TcpListener, way: &Weak<Way>) {
    while let Some(way) = way.upgrade() {
        match listener.accept() {
            Ok((client, _)) => _ = thread::spawn(move || carry(client, &way)),
            Err(_) => {
                drop(way);
                thread::sleep(LOOK);
            }
        }
    }
}

/// One connection, until either side closes it or the way is cut.
fn carry(client: TcpStream, way: &Arc<Way>) {
    // While silent, a connection is taken and leads nowhere.
    if !way.wait() {
        return;
    }
    let Ok(store) = TcpStream::connect_timeout(&way.target, CONNECT) else { return };
    let copies = || -> io::Result<[TcpStream; 4]> {
        client.set_nonblocking(false)?;
        client.set_nodelay(true)?;
        store.set_nodelay(true)?;
        Ok([client.try_clone()?, store.try_clone()?, client.try_clone()?, store.try_clone()?])
    };
    let Ok([kept_client, kept_store, answered, asked]) = copies() else { return };
    if !way.keep([kept_client, kept_store]) {
        return;
    }
    let back = Arc::clone(way);
    thread::spawn(move || pump(store, answered, &back));
    pump(client, asked, way);
}

fn pump(mut from: TcpStream, mut to: TcpStream, way: &Way) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        if !way.wait() || to.write_all(&chunk[..length]).is_err() {
            break;
        }
    }
    for end in [from, to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every byte with itself.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || io::copy(&mut client.try_clone().unwrap(), &mut &client));
            }
        });
        address
    }

    fn asks(client: &mut TcpStream, limit: Duration) -> io::Result<u8> {
        client.set_read_timeout(Some(limit))?;
        client.write_all(&[7])?;
        let mut answer = [0];
        client.read_exact(&mut answer)?;
        Ok(answer[0])
    }

    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn bytes_pass_both_ways_while_it_is_open() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(asks(&mut client, LONG).unwrap(), 7);
    }

    #[test]
    fn a_silent_way_keeps_connections_and_delivers_later() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        asks(&mut client, LONG).unwrap();
        proxy.silence();
        let error = asks(&mut client, SHORT).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
        proxy.open();
        client.set_read_timeout(Some(LONG)).unwrap();
        let mut late = [0];
        client.read_exact(&mut late).unwrap();
        assert_eq!(late, [7]);
    }

    #[test]
    fn a_cut_way_closes_connections_until_it_is_open_again() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        asks(&mut client, LONG).unwrap();
        proxy.cut();
        assert!(asks(&mut client, LONG).is_err());
        let mut refused = TcpStream::connect(proxy.address()).unwrap();
        assert!(asks(&mut refused, LONG).is_err());
        proxy.open();
        let mut again = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(asks(&mut again, LONG).unwrap(), 7);
    }

    #[test]
    fn nobody_listens_when_it_is_dropped() {
        let proxy = Proxy::start(echo()).unwrap();
        let address = proxy.address();
        drop(proxy);
        while TcpStream::connect(address).is_ok() {
            thread::yield_now();
        }
    }
}
