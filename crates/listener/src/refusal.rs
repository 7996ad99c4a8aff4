//! Answers that no handler writes: the HTTP layer's own 400, 414 and 431.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};

/// Writes the answer to a request that never became one. It is called with 400, 414 or 431; status and framing
/// headers are set by the listener.
#[derive(Clone)]
pub struct Refuse(Arc<dyn Fn(StatusCode) -> Response<Bytes> + Send + Sync>);

impl Refuse {
    /// From a function.
    pub fn new(write: impl Fn(StatusCode) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// The answer, which also ends the connection.
    pub(super) fn answer(&self, status: StatusCode) -> Response<Bytes> {
        let mut answer = (self.0)(status);
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.remove(http::header::CONTENT_LENGTH);
        headers.remove(http::header::TRANSFER_ENCODING);
        headers.insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
        answer
    }

    /// The same as it stands on an HTTP/1 connection.
    pub(super) fn encode(&self, status: StatusCode) -> Vec<u8> {
        let answer = self.answer(status);
        let mut text =
            format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
        for (name, value) in answer.headers() {
            // Writing into a text can't fail.
            let _written =
                write!(text, "{}: {}\r\n", title_case(name.as_str()), value.to_str().unwrap_or_default());
        }
        let _written = write!(text, "Content-Length: {}\r\n\r\n", answer.body().len());
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(answer.body());
        bytes
    }
}

impl Default for Refuse {
    /// Answers without a body.
    fn default() -> Self {
        Self::new(|_| Response::new(Bytes::new()))
    }
}

/// `x-request-id` as `X-Request-Id`, which is how hyper spells ours.
fn title_case(name: &str) -> String {
    let mut after_dash = true;
    name.chars()
        .map(|letter| {
            let spelled = if after_dash { letter.to_ascii_uppercase() } else { letter };
            after_dash = letter == '-';
            spelled
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_framed_by_us_whatever_its_author_says() {
        let refuse = Refuse::new(|_| {
            Response::builder()
                .status(200)
                .header("content-length", "3")
                .header("x-request-id", "a1")
                .body(Bytes::from_static(b"<problem/>"))
                .unwrap()
        });
        let text = String::from_utf8(refuse.encode(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 431 Request Header Fields Too Large\r\nX-Request-Id: a1\r\nConnection: close\r\n\
             Content-Length: 10\r\n\r\n<problem/>"
        );
    }
}
