//! One keep-alive connection: opened when needed, reused while it lives, every step with a deadline.
//!
//! It sends a request once and says how that went. Whether to ask again is its owner's decision.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::answer::{self, Answer};
use crate::endpoint::Endpoint;

/// How long a failed connection's own account of its end is waited for.
const LAST_WORDS: Duration = Duration::from_millis(100);
const AGENT: &str = concat!("pix-stream-client/", env!("CARGO_PKG_VERSION"));

/// Why a request got no whole answer. Whether the server acted on it is unknown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection: TCP or TLS failed.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// No connection within its deadline.
    #[error("no connection within {0:?}")]
    ConnectDeadline(Duration),
    /// The connection broke, or the answer is not HTTP.
    #[error("the connection failed: {0}")]
    Http(#[source] hyper::Error),
    /// No whole answer within its deadline.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    /// The body is larger than allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The body cannot be decoded.
    #[error(transparent)]
    Body(#[from] answer::Error),
    /// The request cannot be written as HTTP.
    #[error("the request cannot be sent: {0}")]
    Request(#[from] http::Error),
    /// Whoever takes the answer as it comes cannot.
    #[error("the answer cannot be put away: {0}")]
    Put(#[source] io::Error),
}

/// Takes an answer piece by piece.
pub type Put<'a> = &'a mut (dyn FnMut(&[u8]) -> io::Result<()> + Send);

impl Error {
    /// Whether one side refused the other's certificate: asking again changes nothing.
    #[must_use]
    pub fn is_untrusted(&self) -> bool {
        let io = match self {
            Self::Connect(io) => Some(io),
            Self::Http(http) => http.source().and_then(|source| source.downcast_ref::<io::Error>()),
            Self::ConnectDeadline(_)
            | Self::Deadline(_)
            | Self::TooLarge(_)
            | Self::Body(_)
            | Self::Put(_)
            | Self::Request(_) => None,
        };
        let tls = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
        tls.is_some_and(is_untrusted)
    }

    /// Whether the server cannot have seen anything of the request.
    pub(crate) fn was_never_sent(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_canceled())
    }
}

fn is_untrusted(error: &rustls::Error) -> bool {
    use rustls::AlertDescription as Alert;
    if let rustls::Error::AlertReceived(alert) = error {
        return matches!(
            alert,
            Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::CertificateRequired
                // What a server says to a certificate of another authority with the same name.
                | Alert::DecryptError
        );
    }
    matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
}

/// A request that failed, and whether it used a connection that had served before: such a one may have been
/// closed while idle, which says nothing about the server.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) error: Error,
    pub(crate) reused: bool,
}

/// What to ask.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

/// The connection, when there is one.
#[derive(Debug)]
pub(crate) struct Channel {
    endpoint: Endpoint,
    connect_deadline: Duration,
    body_bytes_max: usize,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
    reused: bool,
}

impl Drop for Open {
    /// Ends the connection at once: an owner who gives up an answer must not leave a read waiting at the server.
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Open {
    /// The cause of a failure, as far as it can be known: the request often learns only that the connection is
    /// gone, while the connection itself holds the alert that ended it.
    async fn explain(&mut self, error: Error) -> Error {
        if !matches!(error, Error::Http(_)) {
            return error;
        }
        match timeout(LAST_WORDS, &mut self.driver).await {
            Ok(Ok(Err(cause))) => Error::Http(cause),
            Ok(Ok(Ok(())) | Err(_)) | Err(_) => error,
        }
    }
}

impl Channel {
    pub(crate) fn new(endpoint: Endpoint, connect_deadline: Duration, body_bytes_max: usize) -> Self {
        Self { endpoint, connect_deadline, body_bytes_max, open: None }
    }

    /// Sends one request and waits for the whole answer: `deadline` for its head, and again for its body.
    ///
    /// Cancel-safe: dropping the future closes the connection.
    pub(crate) async fn send(&mut self, call: &Call, deadline: Duration) -> Result<Answer, Lost> {
        self.send_with(call, deadline, None).await
    }

    /// The same, but the body of a success goes to `put` as it comes, of any length and with the deadline between its
    /// pieces; the answer has none then.
    pub(crate) async fn stream(
        &mut self,
        call: &Call,
        deadline: Duration,
        put: Put<'_>,
    ) -> Result<Answer, Lost> {
        self.send_with(call, deadline, Some(put)).await
    }

    async fn send_with(
        &mut self,
        call: &Call,
        deadline: Duration,
        put: Option<Put<'_>>,
    ) -> Result<Answer, Lost> {
        // Taken out, so that every way out of here but the good one closes it.
        let mut open = match self.open.take().filter(|open| !open.sender.is_closed()) {
            Some(open) => open,
            None => self.connect().await.map_err(|error| Lost { error, reused: false })?,
        };
        let reused = open.reused;
        let answer = self.exchange(&mut open, call, deadline, put).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(Lost { error: open.explain(error).await, reused }),
        };
        open.reused = true;
        self.open = Some(open);
        answer.decoded(self.body_bytes_max).map_err(|error| Lost { error: error.into(), reused: false })
    }

    async fn connect(&self) -> Result<Open, Error> {
        let limit = self.connect_deadline;
        let late = |_| Error::ConnectDeadline(limit);
        let tls = timeout(limit, self.endpoint.connect()).await.map_err(late)?.map_err(Error::Connect)?;
        let (sender, connection) =
            timeout(limit, http1::handshake(TokioIo::new(tls))).await.map_err(late)?.map_err(Error::Http)?;
        Ok(Open { sender, driver: tokio::spawn(connection), reused: false })
    }

    async fn exchange(
        &self,
        open: &mut Open,
        call: &Call,
        deadline: Duration,
        put: Option<Put<'_>>,
    ) -> Result<Answer, Error> {
        let late = |_| Error::Deadline(deadline);
        let request = self.request(call)?;
        let head = async {
            open.sender.ready().await?;
            open.sender.send_request(request).await
        };
        let (head, body) = timeout(deadline, head).await.map_err(late)?.map_err(Error::Http)?.into_parts();
        let body = match put.filter(|_| head.status.is_success()) {
            Some(put) => pour(body, deadline, put).await?,
            None => timeout(deadline, self.collect(body)).await.map_err(late)??,
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn request(&self, call: &Call) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(call.path.as_str())
            .header(HOST, self.endpoint.host())
            .header(USER_AGENT, AGENT);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        // hyper announces the length of a body that has one; a server may insist on it for none, too.
        if call.method == Method::POST && call.body.is_empty() {
            request = request.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(request.body(Full::new(call.body.clone()))?)
    }

    async fn collect(&self, mut body: Incoming) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Error::Http)?.into_data() else { continue };
            if whole.len() + data.len() > self.body_bytes_max {
                return Err(Error::TooLarge(self.body_bytes_max));
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}

/// Hands a body on, piece by piece; nothing is left of it.
async fn pour(mut body: Incoming, deadline: Duration, put: Put<'_>) -> Result<Bytes, Error> {
    while let Some(frame) = timeout(deadline, body.frame()).await.map_err(|_| Error::Deadline(deadline))? {
        let Ok(data) = frame.map_err(Error::Http)?.into_data() else { continue };
        put(&data).map_err(Error::Put)?;
    }
    Ok(Bytes::new())
}
