//! What a 200 or 204 to a read says: the messages, and where to go on. All of it, or an error.

use std::fmt;

use http::uri::PathAndQuery;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;

use crate::answer::Answer;
use crate::config::BATCH_MAX;
use crate::message::Message;
use crate::multipart;

/// Characters of a `PI-Pull-Next`: the token is under 200 (protocol, section 5), the rest is room.
const NEXT_BYTES_MAX: usize = 512;
/// Characters of a token that may appear in a log (protocol, section 6).
const TOKEN_SHOWN: usize = 8;
const PULL_NEXT: &str = "PI-Pull-Next";
const RESOURCE_ID: &str = "PI-ResourceId";

/// Why an answer is not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No usable `PI-Pull-Next`.
    #[error("the answer has no usable PI-Pull-Next")]
    Next,
    /// Neither XML nor multipart.
    #[error("the answer is {0:?}, neither application/xml nor multipart/mixed")]
    ContentType(String),
    /// No usable `PI-ResourceId` on a message, counted from 1.
    #[error("message {0} has no usable PI-ResourceId")]
    ResourceId(usize),
    /// The multipart body cannot be read.
    #[error("the multipart body cannot be read: {0}")]
    Multipart(#[from] multipart::Error),
}

/// A `PI-Pull-Next`: the path of the next read, kept whole. Printing it shows the token's first eight characters.
#[derive(Clone, PartialEq, Eq)]
pub struct PullNext(String);

impl PullNext {
    /// Reads an absolute path.
    ///
    /// # Errors
    /// Not an absolute path, too long, or without a token at its end.
    pub fn new(text: &str) -> Result<Self, Error> {
        let token = text.rsplit('/').next().unwrap_or_default();
        let usable = text.starts_with('/') && !token.is_empty() && text.len() <= NEXT_BYTES_MAX;
        match text.parse::<PathAndQuery>() {
            Ok(path) if usable && path.as_str() == text => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err(Error::Next),
        }
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it continues a stream of this participant.
    #[must_use]
    pub fn is_of(&self, ispb: Ispb) -> bool {
        self.0.split('/').any(|segment| segment == ispb.as_str())
    }
}

impl fmt::Debug for PullNext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.0.rsplit('/').next().unwrap_or_default();
        write!(f, "PullNext({}..)", token.get(..TOKEN_SHOWN).unwrap_or_default())
    }
}

/// The answer to a read.
#[derive(Debug)]
pub(crate) struct Batch {
    /// None on a 204.
    pub(crate) messages: Vec<Message>,
    pub(crate) next: PullNext,
}

impl Batch {
    /// Reads a 200 or 204.
    pub(crate) fn of(answer: &Answer) -> Result<Self, Error> {
        let next = PullNext::new(answer.header(PULL_NEXT).unwrap_or_default())?;
        if answer.status == http::StatusCode::NO_CONTENT {
            return Ok(Self { messages: Vec::new(), next });
        }
        let content_type = answer.content_type();
        let messages = if is_type(content_type, "application/xml") {
            let id = resource_id(answer.header(RESOURCE_ID).unwrap_or_default(), 1)?;
            vec![Message::new(id, content_type.to_owned(), answer.body.clone())]
        } else if is_type(content_type, "multipart/mixed") {
            parts(answer)?
        } else {
            return Err(Error::ContentType(content_type.to_owned()));
        };
        Ok(Self { messages, next })
    }
}

fn parts(answer: &Answer) -> Result<Vec<Message>, Error> {
    let boundary = multipart::find_boundary(answer.content_type())?;
    let parts = multipart::split(&answer.body, &boundary, BATCH_MAX)?;
    let message = |(at, part): (usize, multipart::Part)| {
        if !is_type(&part.content_type, "application/xml") {
            return Err(Error::ContentType(part.content_type));
        }
        let id = resource_id(&part.resource_id, at + 1)?;
        Ok(Message::new(id, part.content_type, answer.body.slice(part.body)))
    };
    parts.into_iter().enumerate().map(message).collect()
}

/// Whether a Content-Type names this type, whatever its parameters.
fn is_type(content_type: &str, wanted: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

fn resource_id(text: &str, message: usize) -> Result<ResourceId, Error> {
    text.parse().map_err(|_| Error::ResourceId(message))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

    use super::*;

    const NEXT: &str = "/api/v1/out/99999001/stream/abcdefghijkl";
    const ID: &str = "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur";

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let pairs = headers.iter().map(|&(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(value))
        });
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: pairs.collect::<HeaderMap>(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn one_message_carries_its_id_in_the_headers() {
        let headers = [
            ("PI-Pull-Next", NEXT),
            ("PI-ResourceId", ID),
            ("Content-Type", "Application/XML; charset=utf-8"),
        ];
        let batch = Batch::of(&answer(200, &headers, "<a/>")).unwrap();
        assert_eq!((batch.messages.len(), batch.next.as_str()), (1, NEXT));
        assert_eq!(batch.messages[0].resource_id.to_string(), ID);
        assert_eq!(batch.messages[0].bytes, "<a/>");
    }

    #[test]
    fn an_empty_read_still_says_where_to_go_on() {
        let batch = Batch::of(&answer(204, &[("PI-Pull-Next", NEXT)], "")).unwrap();
        assert!(batch.messages.is_empty());
        assert_eq!(Batch::of(&answer(204, &[], "")).unwrap_err(), Error::Next);
    }

    #[test]
    fn one_bad_part_refuses_the_whole_batch() {
        let headers = [("PI-Pull-Next", NEXT), ("Content-Type", "multipart/mixed; boundary=B")];
        let good = format!("--B\r\nContent-Type: application/xml\r\nPI-ResourceId: {ID}\r\n\r\n<a/>\r\n");
        let bad = "--B\r\nContent-Type: application/xml\r\nPI-ResourceId: short\r\n\r\n<a/>\r\n--B--\r\n";
        let batch = Batch::of(&answer(200, &headers, &format!("{good}{bad}")));
        assert_eq!(batch.unwrap_err(), Error::ResourceId(2));
        let text = bad.replace("application/xml", "text/html");
        let batch = Batch::of(&answer(200, &headers, &text));
        assert_eq!(batch.unwrap_err(), Error::ContentType("text/html".to_owned()));
    }

    #[test]
    fn other_content_types_are_refused() {
        let headers = [("PI-Pull-Next", NEXT), ("PI-ResourceId", ID), ("Content-Type", "text/html")];
        assert!(matches!(Batch::of(&answer(200, &headers, "")), Err(Error::ContentType(_))));
    }

    #[test]
    fn a_pull_next_is_an_absolute_path_with_a_token() {
        let long = format!("/{}", "x".repeat(NEXT_BYTES_MAX));
        for text in ["", "abc", "/a/", "https://evil/x", "/a b", "/a\r\nHost: x", "/a#b", long.as_str()] {
            assert_eq!(PullNext::new(text), Err(Error::Next), "{text:?}");
        }
        let next = PullNext::new(NEXT).unwrap();
        assert!(next.is_of("99999001".parse().unwrap()) && !next.is_of("99999002".parse().unwrap()));
        assert_eq!(format!("{next:?}"), "PullNext(abcdefgh..)");
    }
}
