//! Free ports on loopback. Not reserved: somebody else may take one before it is used.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

use crate::Error;

/// Where ports are looked for. Below the kernel's ephemeral range: a client that keeps connecting to a dead store's
/// port must neither take that port for itself nor be connected to itself.
const RANGE: Range<u16> = 12_000..30_000;
/// How many are tried.
const TRIES: usize = 200;

/// An address on loopback whose port nobody listens on right now.
///
/// # Errors
/// None of many tried ports is free, or the address is not of this machine.
pub fn free_port(host: Ipv4Addr) -> Result<u16, Error> {
    free_port_on(&[host])
}

/// A port that is free on each of these addresses.
///
/// # Errors
/// None of many tried ports is free, or an address is not of this machine.
pub fn free_port_on(hosts: &[Ipv4Addr]) -> Result<u16, Error> {
    let mut refused = None;
    for _ in 0..TRIES {
        let port = RANGE.start + draw(RANGE.end - RANGE.start);
        match hosts.iter().find_map(|&host| TcpListener::bind(SocketAddr::from((host, port))).err()) {
            None => return Ok(port),
            Some(error) => refused = Some(error),
        }
    }
    let source = refused.unwrap_or_else(|| std::io::Error::other("no port was tried"));
    Err(Error::Io { what: format!("find a free port on {hosts:?}"), source })
}

/// A number below `end`. The keys of a hash map are random for each of them, which is random enough here.
fn draw(end: u16) -> u16 {
    let number = RandomState::new().build_hasher().finish() % u64::from(end.max(1));
    u16::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_listened_on() {
        let hosts = [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)];
        let port = free_port_on(&hosts).unwrap();
        assert!(RANGE.contains(&port));
        let listeners: Vec<_> =
            hosts.iter().map(|&host| TcpListener::bind(SocketAddr::from((host, port))).unwrap()).collect();
        assert_eq!(listeners.len(), 2);
    }

    #[test]
    fn an_address_of_another_machine_is_an_error() {
        assert!(matches!(free_port(Ipv4Addr::new(192, 0, 2, 1)), Err(Error::Io { .. })));
    }
}
