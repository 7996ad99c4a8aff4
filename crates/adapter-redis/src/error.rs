//! What the driver's and the server's errors mean to a caller of the ports.

use fred::error::{Error as Driver, ErrorKind};
use pix_stream_ports::error::Error;

/// How many characters of a server's message are kept.
const MESSAGE_MAX: usize = 200;

/// In the terms of the ports. Server errors carry no data of ours, only the command's name and the reason.
pub(crate) fn of(error: &Driver) -> Error {
    let message: String = error.details().chars().take(MESSAGE_MAX).collect();
    match error.kind() {
        // WRONGTYPE: somebody else uses our keys. The others: the answer is not what the command answers.
        ErrorKind::InvalidArgument | ErrorKind::Parse | ErrorKind::Protocol => Error::Damaged(message),
        // OOM (`maxmemory` is reached), NOREPLICAS, READONLY and MISCONF among them: such a server refuses the script, by
        // which states are also read. `Full` would say that reading goes on.
        ErrorKind::Unknown
        | ErrorKind::Config
        | ErrorKind::Auth
        | ErrorKind::Routing
        | ErrorKind::IO
        | ErrorKind::InvalidCommand
        | ErrorKind::Url
        | ErrorKind::Tls
        | ErrorKind::Canceled
        | ErrorKind::Timeout
        | ErrorKind::Cluster
        | ErrorKind::Sentinel
        | ErrorKind::NotFound
        | ErrorKind::Backpressure => Error::Unavailable(message),
    }
}

/// Whether the server does not know the script.
pub(crate) fn is_unknown_script(error: &Driver) -> bool {
    error.details().starts_with("NOSCRIPT")
}

/// Whether the stream or its consumer group is not there, or went while somebody waited for it.
pub(crate) fn is_no_group(error: &Driver) -> bool {
    ["NOGROUP", "UNBLOCKED", "ERR no such key"].iter().any(|begin| error.details().starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_refuses_writes_is_unavailable_and_a_wrong_answer_is_damaged() {
        let of = |kind, text: &'static str| of(&Driver::new(kind, text));
        assert_eq!(of(ErrorKind::Unknown, "OOM x"), Error::Unavailable("OOM x".to_owned()));
        assert_eq!(of(ErrorKind::Unknown, "NOREPLICAS x"), Error::Unavailable("NOREPLICAS x".to_owned()));
        assert_eq!(of(ErrorKind::Timeout, "late"), Error::Unavailable("late".to_owned()));
        assert_eq!(of(ErrorKind::Unknown, "READONLY x"), Error::Unavailable("READONLY x".to_owned()));
        assert_eq!(of(ErrorKind::Parse, "x"), Error::Damaged("x".to_owned()));
    }
}
