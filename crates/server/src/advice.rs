//! What to do next when the client library gave up: its errors as failures of a command.

use pix_stream_client::{Error, Refusal};

use crate::failure::Failure;

/// The failure that an error of the client comes to.
#[must_use]
pub fn failure(error: &Error) -> Failure {
    let failure = Failure::new(error);
    match error {
        Error::Refused(refusal) => failure.next(refused(refusal)),
        Error::Untrusted(_) => failure.next(
            "use a certificate of the server's [tls] ca, and name the authority of the server's certificate; `--dir` of \
             a folder of init has both",
        ),
        Error::GaveUp { .. } => failure.next("see the server's log; what was acknowledged is safe, run the same again"),
        Error::Sink(_) => failure.next("nothing unstored was confirmed: put it right and run the same again"),
        Error::Malformed(_) => failure.next("is this a pix-stream server? See its log"),
        Error::Usage(_) | Error::Task(_) => failure,
    }
}

/// What an operator does about an answer (protocol, section 6, last column).
fn refused(refusal: &Refusal) -> &'static str {
    match refusal.code.as_deref().unwrap_or_default() {
        "forbidden" => {
            "the certificate does not allow this: a participant reads its own messages, [roles] says who publishes and \
             administers"
        }
        "notFound" => "onboard the participant: pix-stream admin --dir DIR participants create ISPB",
        "conflict" => "give the message a BizMsgIdr of its own",
        "invalidMessage" | "charset" => "put the message right",
        "tooLarge" => "a message has a limit, see [limits] message_bytes",
        "threadLimit" => "other consumers hold all streams: end one, or use fewer --streams",
        "paused" => {
            "the operator paused this participant: pix-stream admin --dir DIR participants resume ISPB"
        }
        _ => "the server's log has more under the request's id",
    }
}
