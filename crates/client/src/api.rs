//! Plain calls over the same connection and credentials, for the admin listener: bytes in, bytes out.
//!
//! No retries beyond a connection that had gone stale, since an admin command may not be safe to repeat.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use crate::answer::Answer;
use crate::channel::{self, Call, Channel, Put};
use crate::config::{BODY_BYTES_MAX, Timing};
use crate::endpoint::Endpoint;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ANY: HeaderValue = HeaderValue::from_static("application/json, */*");

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The Content-Type, or nothing.
    pub content_type: String,
    /// The server's name for the request, to be found in its log.
    pub request_id: Option<String>,
    /// The whole body, any gzip taken off.
    pub body: Bytes,
}

/// Calls one server over one keep-alive connection.
#[derive(Debug)]
pub struct Api {
    channel: Channel,
    timing: Timing,
}

impl Api {
    /// Connects at the first call.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        let timing = Timing::default();
        Self { channel: Channel::new(endpoint, timing.connect, BODY_BYTES_MAX), timing }
    }

    /// Sends one request, with a JSON body or none, and returns the answer whatever its status.
    ///
    /// # Errors
    /// No whole answer within the deadline; whether the server acted is then unknown.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        json: Option<Bytes>,
    ) -> Result<Reply, channel::Error> {
        let mut headers = vec![(ACCEPT, ANY)];
        if json.is_some() {
            headers.push((CONTENT_TYPE, JSON));
        }
        let safe = method.is_safe();
        let call = Call { method, path: path.to_owned(), headers, body: json.unwrap_or_default() };
        let answer = match self.channel.send(&call, self.timing.call).await {
            // Other methods may be sent again only when nothing of them left.
            Err(lost) if lost.reused && (safe || lost.error.was_never_sent()) => {
                self.channel.send(&call, self.timing.call).await
            }
            answer => answer,
        };
        Ok(Reply::of(answer.map_err(|lost| lost.error)?))
    }

    /// Sends one GET and hands the body of a success to `put` as it comes, of any length; the reply has no body then.
    /// What was put before a failure is not taken back.
    ///
    /// # Errors
    /// No answer within the deadline, a pause longer than that in it, or `put` fails.
    pub async fn stream(&mut self, path: &str, put: Put<'_>) -> Result<Reply, channel::Error> {
        let headers = vec![(ACCEPT, ANY)];
        let call = Call { method: Method::GET, path: path.to_owned(), headers, body: Bytes::new() };
        let answer = self.channel.stream(&call, self.timing.call, put).await;
        Ok(Reply::of(answer.map_err(|lost| lost.error)?))
    }
}

impl Reply {
    fn of(answer: Answer) -> Self {
        Self {
            status: answer.status,
            content_type: answer.content_type().to_owned(),
            request_id: answer.header("X-Request-Id").map(str::to_owned),
            body: answer.body,
        }
    }
}
