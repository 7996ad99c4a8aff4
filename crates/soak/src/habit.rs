//! Habits of real clients (protocol, section 9), as data.

use std::time::Duration;

/// How one client reads. Chances are of 1000.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habit {
    pub(crate) name: &'static str,
    /// How many streams it reads at once.
    pub(crate) streams: u32,
    pub(crate) accept: Option<&'static str>,
    pub(crate) accept_encoding: Option<&'static str>,
    /// Further header lines.
    pub(crate) further: &'static str,
    /// A new TLS connection for each read.
    pub(crate) closes_connection: bool,
    /// Between two reads.
    pub(crate) pause: Duration,
    /// The answer is lost on its way, and the same request is sent again.
    pub(crate) loses: u16,
    /// The stream is left alone.
    pub(crate) abandons: u16,
    /// The stream is closed by DELETE.
    pub(crate) deletes: u16,
    /// After a failure that is no refusal, the stream is closed by DELETE.
    pub(crate) deletes_after_failure: bool,
}

const LIST: &str = "multipart/mixed, application/xml, application/problem+xml, */*";

/// In turn, one for each participant.
pub(crate) const ALL: [Habit; 5] = [
    Habit {
        name: "java",
        streams: 3,
        accept: Some("multipart/mixed"),
        accept_encoding: Some("gzip"),
        further: "",
        closes_connection: false,
        pause: Duration::from_millis(1),
        loses: 2,
        abandons: 0,
        deletes: 0,
        deletes_after_failure: true,
    },
    Habit {
        name: "go",
        streams: 2,
        accept: None,
        accept_encoding: Some("gzip"),
        further: "Connection: Close\r\n",
        closes_connection: true,
        pause: Duration::ZERO,
        loses: 2,
        abandons: 1,
        deletes: 0,
        deletes_after_failure: false,
    },
    Habit {
        name: "typescript",
        streams: 6,
        accept: Some("multipart/mixed"),
        accept_encoding: Some("gzip"),
        further: "",
        closes_connection: false,
        pause: Duration::from_millis(5),
        loses: 0,
        abandons: 0,
        deletes: 10,
        deletes_after_failure: false,
    },
    Habit {
        name: "state bank",
        streams: 2,
        accept: Some(LIST),
        accept_encoding: Some("gzip, *"),
        further: "Content-Type: application/xml; charset=utf-8\r\n",
        closes_connection: false,
        pause: Duration::from_millis(10),
        loses: 20,
        abandons: 0,
        deletes: 5,
        deletes_after_failure: false,
    },
    Habit {
        name: "careless",
        streams: 4,
        accept: Some("multipart/mixed"),
        accept_encoding: None,
        further: "",
        closes_connection: false,
        pause: Duration::from_millis(20),
        loses: 30,
        abandons: 10,
        deletes: 20,
        deletes_after_failure: true,
    },
];

impl Habit {
    /// The same client on its best behaviour: how a run ends.
    pub(crate) fn tame(self) -> Self {
        Self { loses: 0, abandons: 0, deletes: 0, deletes_after_failure: false, ..self }
    }

    /// A request's head.
    pub(crate) fn request(&self, method: &str, path: &str) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        let accept = self.accept.map(|accept| format!("Accept: {accept}\r\n"));
        let coding = self.accept_encoding.map(|coding| format!("Accept-Encoding: {coding}\r\n"));
        [accept, coding].into_iter().flatten().for_each(|line| head.push_str(&line));
        head.push_str(self.further);
        head.push_str("\r\n");
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_client_wants_more_streams_than_there_are() {
        assert!(ALL.iter().all(|habit| (1..=6).contains(&habit.streams)));
    }

    #[test]
    fn a_request_has_the_lines_of_its_client_only() {
        let go = ALL.iter().find(|habit| habit.name == "go").unwrap().request("GET", "/a");
        assert_eq!(
            go,
            "GET /a HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: Close\r\n\r\n"
        );
    }
}
