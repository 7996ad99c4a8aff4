//! Just enough of CQL (native protocol v4) to log in and carry out statements without values: roles and grants.
//!
//! One statement at a time on a connection of its own; no results are read. What is stored is not known here.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::Error;
use crate::way::{Connection, Way};

/// How long one answer may take: making a role waits for the disk, and hashing a password takes a while.
const LIMIT: Duration = Duration::from_secs(20);
/// Longest answer that is read.
const BODY_MAX: usize = 1024 * 1024;

/// Version 4, from a client.
const VERSION: u8 = 4;
const ERROR: u8 = 0x00;
const STARTUP: u8 = 0x01;
const READY: u8 = 0x02;
const AUTHENTICATE: u8 = 0x03;
const QUERY: u8 = 0x07;
const AUTH_RESPONSE: u8 = 0x0F;
const AUTH_SUCCESS: u8 = 0x10;
/// Consistency QUORUM: at which `system_auth` is written, too.
const QUORUM: u16 = 4;

/// A connection of somebody who has logged in.
#[derive(Debug)]
pub(crate) struct Login {
    connection: Connection,
    name: String,
}

impl Login {
    /// Connects and logs in.
    pub(crate) fn open(way: &Way, address: SocketAddr, user: &str, password: &str) -> Result<Self, Error> {
        let name = format!("Cassandra at {address}");
        let connection = way.open(address, LIMIT).map_err(Error::io(format!("connect to {name}")))?;
        let mut login = Self { connection, name };
        let mut options = 1_u16.to_be_bytes().to_vec();
        for text in ["CQL_VERSION", "3.0.0"] {
            put_short(&mut options, text);
        }
        if login.ask(STARTUP, &options)? == AUTHENTICATE {
            let token = [&b"\0"[..], user.as_bytes(), b"\0", password.as_bytes()].concat();
            let mut body = length(token.len()).to_vec();
            body.extend(token);
            login.ask(AUTH_RESPONSE, &body)?;
        }
        Ok(login)
    }

    /// Carries one statement out.
    pub(crate) fn execute(&mut self, statement: &str) -> Result<(), Error> {
        let mut body = length(statement.len()).to_vec();
        body.extend(statement.as_bytes());
        body.extend(QUORUM.to_be_bytes());
        body.push(0); // No values, no pages.
        self.ask(QUERY, &body).map(drop)
    }

    /// Sends a request; the kind of its answer. An error of Cassandra's is one of ours.
    fn ask(&mut self, opcode: u8, body: &[u8]) -> Result<u8, Error> {
        let said = self.exchange(opcode, body).map_err(Error::io(format!("talk to {}", self.name)))?;
        match said {
            (ERROR, body) => {
                let text = body.get(6..).unwrap_or_default();
                let answer = String::from_utf8_lossy(text).into_owned();
                Err(Error::Answer { name: self.name.clone(), answer })
            }
            (READY | AUTHENTICATE | AUTH_SUCCESS, _) => Ok(said.0),
            // The result of a statement.
            (other, _) => Ok(other),
        }
    }

    fn exchange(&mut self, opcode: u8, body: &[u8]) -> io::Result<(u8, Vec<u8>)> {
        let mut frame = vec![VERSION, 0, 0, 0, opcode];
        frame.extend(length(body.len()));
        frame.extend(body);
        self.connection.write_all(&frame)?;
        self.connection.flush()?;
        let mut head = [0; 9];
        self.connection.read_exact(&mut head)?;
        let [_, _, _, _, answered, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > BODY_MAX {
            return Err(io::Error::other("an answer beyond reason"));
        }
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body)?;
        Ok((answered, body))
    }
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

fn put_short(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(text.as_bytes());
}
