//! Just enough of Redis' protocol to ask a server how it is and to do it harm. No pipelining.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use crate::Error;
use crate::way::{Connection, Way};

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(1);
/// Longest text and longest list taken from a server.
const LENGTH_MAX: usize = 16 * 1024 * 1024;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A short text, such as `OK`.
    Simple(String),
    /// An error; [`Client::command`] turns it into ours.
    Error(String),
    /// A number.
    Number(i64),
    /// A value.
    Bulk(Vec<u8>),
    /// Nothing there.
    Nil,
    /// Several.
    List(Vec<Self>),
}

impl Reply {
    /// Every text in it, one a line: enough to look for a word.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) | Self::Error(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Nil => String::new(),
            Self::List(list) => list.iter().map(Self::text).collect::<Vec<_>>().join("\n"),
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<Connection>,
    address: SocketAddr,
}

impl Client {
    /// Connects without TLS.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn connect(address: SocketAddr) -> Result<Self, Error> {
        Self::connect_by(&Way::Plain, address)
    }

    /// Connects as the server wants it.
    pub(super) fn connect_by(way: &Way, address: SocketAddr) -> Result<Self, Error> {
        let connection = way.open(address, LIMIT);
        let stream = connection.map_err(Error::io(format!("connect to Redis at {address}")))?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    /// Sends a command and reads its answer.
    ///
    /// # Errors
    /// The connection fails, or the answer is an error.
    pub fn command(&mut self, words: &[&str]) -> Result<Reply, Error> {
        let reply = self.exchange(words)?;
        if let Reply::Error(answer) = reply {
            // The first word alone: the others may be a password.
            let name = format!("Redis at {}, asked {},", self.address, words.first().unwrap_or(&""));
            return Err(Error::Answer { name, answer });
        }
        Ok(reply)
    }

    /// The same, where an error is an answer like others.
    pub(super) fn exchange(&mut self, words: &[&str]) -> Result<Reply, Error> {
        let asked = format!("talk to Redis at {}", self.address);
        let connection = self.stream.get_mut();
        let sent = connection.write_all(&request(words)).and_then(|()| connection.flush());
        sent.map_err(Error::io(asked.clone()))?;
        read(&mut self.stream).map_err(Error::io(asked))
    }
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}

fn read(stream: &mut impl io::BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    stream.by_ref().take(LENGTH_MAX as u64).read_line(&mut line)?;
    let line = line.trim_end();
    let mut characters = line.chars();
    let kind = characters.next().ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let rest = characters.as_str();
    match kind {
        '+' => Ok(Reply::Simple(rest.to_owned())),
        '-' => Ok(Reply::Error(rest.to_owned())),
        ':' => rest.parse().map(Reply::Number).map_err(io::Error::other),
        '$' => {
            let Some(length) = length(rest)? else { return Ok(Reply::Nil) };
            let mut bytes = vec![0; length + 2];
            stream.read_exact(&mut bytes)?;
            bytes.truncate(length);
            Ok(Reply::Bulk(bytes))
        }
        '*' => {
            let Some(length) = length(rest)? else { return Ok(Reply::Nil) };
            (0..length).map(|_| read(stream)).collect::<io::Result<_>>().map(Reply::List)
        }
        other => Err(io::Error::other(format!("not an answer of Redis: {other:?}"))),
    }
}

/// `None` for -1.
fn length(text: &str) -> io::Result<Option<usize>> {
    if text == "-1" {
        return Ok(None);
    }
    let length: usize = text.parse().map_err(io::Error::other)?;
    if length > LENGTH_MAX { Err(io::Error::other("a length beyond reason")) } else { Ok(Some(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> io::Result<Reply> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn answers_of_all_kinds_are_read() {
        assert_eq!(parse("+PONG\r\n").unwrap(), Reply::Simple("PONG".to_owned()));
        assert_eq!(parse("-NOAUTH x\r\n").unwrap(), Reply::Error("NOAUTH x".to_owned()));
        assert_eq!(parse(":-3\r\n").unwrap(), Reply::Number(-3));
        assert_eq!(parse("$-1\r\n").unwrap(), Reply::Nil);
        let list = parse("*2\r\n$3\r\na\nb\r\n:4\r\n").unwrap();
        assert_eq!(list, Reply::List(vec![Reply::Bulk(b"a\nb".to_vec()), Reply::Number(4)]));
        assert_eq!(list.text(), "a\nb\n4");
    }

    #[test]
    fn what_is_cut_off_or_nonsense_is_an_error() {
        for text in ["", "$5\r\nab", "*2\r\n:1\r\n", "hello\r\n", "$99999999999\r\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_command_is_a_list_of_its_words() {
        assert_eq!(request(&["GET", "a b"]), b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
    }
}
