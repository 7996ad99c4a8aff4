//! The producer's side: one to ten messages a request, sent until the server has them (protocol, section 8).
//!
//! Publishing is idempotent by message id, so a request whose answer was lost is simply sent again.

use std::fmt;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id::ResourceId;
use tokio::time::{Instant, sleep};

use crate::answer::Answer;
use crate::batch;
use crate::channel::{Call, Channel};
use crate::config::{BATCH_MAX, BODY_BYTES_MAX, PATIENCE, Timing};
use crate::endpoint::Endpoint;
use crate::error::{Error, Failure};
use crate::refusal::Refusal;
use crate::retry::{Backoff, Ease, Pause, SplitMix};
use crate::verdict::Verdict;

/// What is to become of a message that is refused (ours; the server's docs/errors.md, `invalidMessage`).
const ON_INVALID: (HeaderName, HeaderValue) =
    (HeaderName::from_static("pi-on-invalid"), HeaderValue::from_static("quarantine"));
/// From which wait on it is told what is waited for.
const TOLD_FROM: Duration = Duration::from_millis(500);
/// The longest id of an entry of the quarantine.
const ENTRY_ID_MAX: usize = 64;
const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");

/// What became of a message that was handed over to be dealt with, whatever is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is durable under this id.
    Published(ResourceId),
    /// It was refused, and is kept in the quarantine as this entry until an operator decides.
    Quarantined(String),
}

/// Publishes to one participant over one keep-alive connection.
#[derive(Debug)]
pub struct Publisher {
    channel: Channel,
    timing: Timing,
    path: String,
    backoff: Backoff,
    /// The pause before the next request while the server asks to slow down.
    ease: Ease,
    random: SplitMix,
    waiting: Waiting,
}

/// What is done when the publisher has to wait.
type Told = dyn Fn(&Failure, Duration) + Send + Sync;

/// Who is told.
struct Waiting(Option<Box<Told>>);

impl Waiting {
    fn tell(&self, why: &Failure, after: Duration) {
        if let Some(told) = &self.0 {
            told(why, after);
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "told" } else { "not told" })
    }
}

impl Publisher {
    /// A publisher with the default timing; `seed` fixes its jitter.
    #[must_use]
    pub fn new(endpoint: Endpoint, ispb: Ispb, seed: u64) -> Self {
        let timing = Timing::default();
        Self {
            channel: Channel::new(endpoint, timing.connect, BODY_BYTES_MAX),
            timing,
            path: format!("/api/v1/out/{ispb}/msgs"),
            backoff: Backoff::new(timing, Some(PATIENCE), seed),
            ease: Ease::new(timing, seed.rotate_left(32)),
            random: SplitMix::new(seed),
            waiting: Waiting(None),
        }
    }

    /// The same, and tells what it waits for: once for each request that has to be sent again, when the wait before
    /// is first one that a person would notice. Called on the publisher's task: do little, block never.
    #[must_use]
    pub fn on_waiting(self, told: impl Fn(&Failure, Duration) + Send + Sync + 'static) -> Self {
        Self { waiting: Waiting(Some(Box::new(told))), ..self }
    }

    /// Publishes one to ten messages, all or none, and returns their ids in order once they are durable.
    ///
    /// A busy or unreachable server is asked again for up to a minute. While it asks to slow down, each request waits a
    /// little first, up to 2 s.
    ///
    /// # Errors
    /// What the server finds wrong (400, 409, 413 …), with its title; or the last failure once patience ran out.
    pub async fn publish(&mut self, messages: &[Bytes]) -> Result<Vec<ResourceId>, Error> {
        let call = self.call(messages)?;
        let wanted = messages.len();
        self.insist(&call, |answer| {
            (answer.status == StatusCode::CREATED).then(|| ids_of(answer, "PI-ResourceId", wanted))
        })
        .await
    }

    /// Hands one message over for good: what the server refuses, it keeps in its quarantine.
    ///
    /// # Errors
    /// As [`Self::publish`]; a message that is not valid is none.
    pub async fn take_in(&mut self, message: Bytes) -> Result<Taken, Error> {
        let mut call = self.call(&[message])?;
        call.headers.push(ON_INVALID);
        self.insist(&call, |answer| match answer.status {
            StatusCode::CREATED => {
                Some(ids_of(answer, "PI-ResourceId", 1).map(|ids| Taken::Published(ids[0])))
            }
            StatusCode::ACCEPTED => {
                let id = answer.header("PI-Quarantine-Id").filter(|id| is_entry_id(id));
                Some(id.map(|id| Taken::Quarantined(id.to_owned())).ok_or(batch::Error::ResourceId(1)))
            }
            _ => None,
        })
        .await
    }

    /// Sends until there is an answer that is none to be asked again; `read` takes the good ones.
    async fn insist<T>(
        &mut self,
        call: &Call,
        read: impl Fn(&Answer) -> Option<Result<T, batch::Error>>,
    ) -> Result<T, Error> {
        let mut is_told = false;
        sleep(self.ease.pause()).await;
        loop {
            let (why, pause) = match self.attempt(call, &read).await {
                Verdict::Done(done) => {
                    self.backoff.succeeded();
                    return Ok(done);
                }
                Verdict::Again(why, pause) => (why, pause),
                Verdict::Forgotten(Failure::Refused(refusal)) => return Err(Error::Refused(refusal)),
                Verdict::Forgotten(why) => (why, Pause::Growing),
                Verdict::Fatal(error) => return Err(error),
            };
            let now = Instant::now();
            let Some(after) = self.backoff.failed(now, pause) else {
                let waited = self.backoff.failing_for(now);
                self.backoff.succeeded();
                return Err(Error::GaveUp { waited, last: why });
            };
            tracing::debug!(%why, ?after, "publishing again");
            if !is_told && after >= TOLD_FROM {
                is_told = true;
                self.waiting.tell(&why, after);
            }
            sleep(after).await;
        }
    }

    async fn attempt<T>(
        &mut self,
        call: &Call,
        read: impl Fn(&Answer) -> Option<Result<T, batch::Error>>,
    ) -> Verdict<T> {
        let answer = match self.channel.send(call, self.timing.call).await {
            Ok(answer) => answer,
            Err(lost) => return Verdict::of_lost(lost),
        };
        self.ease.heard(answer.asks_to_slow_down());
        match read(&answer) {
            None => Verdict::of_refusal(Refusal::of(&answer)),
            Some(Ok(done)) => Verdict::Done(done),
            Some(Err(error)) => Verdict::Fatal(error.into()),
        }
    }

    fn call(&mut self, messages: &[Bytes]) -> Result<Call, Error> {
        let (content_type, body) = match messages {
            [one] => (XML, one.clone()),
            many if (1..=BATCH_MAX).contains(&many.len()) => self.multipart(many)?,
            other => {
                return Err(Error::Usage(format!("1 to {BATCH_MAX} messages at once, not {}", other.len())));
            }
        };
        let headers = vec![(CONTENT_TYPE, content_type)];
        Ok(Call { method: Method::POST, path: self.path.clone(), headers, body })
    }

    fn multipart(&mut self, messages: &[Bytes]) -> Result<(HeaderValue, Bytes), Error> {
        let boundary = self.boundary(messages);
        let mut body = BytesMut::with_capacity(messages.iter().map(|m| m.len() + 128).sum());
        for message in messages {
            body.put_slice(format!("--{boundary}\r\nContent-Type: ").as_bytes());
            body.put_slice(XML.as_bytes());
            body.put_slice(b"\r\n\r\n");
            body.put_slice(message);
            body.put_slice(b"\r\n");
        }
        body.put_slice(format!("--{boundary}--\r\n").as_bytes());
        let content_type = HeaderValue::try_from(format!("multipart/mixed; boundary={boundary}"));
        let content_type = content_type.map_err(|e| Error::Usage(e.to_string()))?;
        Ok((content_type, body.freeze()))
    }

    /// A boundary that occurs in none of the messages.
    fn boundary(&mut self, messages: &[Bytes]) -> String {
        loop {
            let boundary = format!("pix-stream-{:016x}", self.random.draw());
            if !messages.iter().any(|message| contains(message, boundary.as_bytes())) {
                return boundary;
            }
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|&b| b == needle[0]) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// What can stand in a path as it is, and on a terminal.
fn is_entry_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=ENTRY_ID_MAX).contains(&id.len()) && id.bytes().all(is_plain)
}

fn ids_of(answer: &Answer, header: &str, wanted: usize) -> Result<Vec<ResourceId>, batch::Error> {
    resource_ids(answer.header(header).unwrap_or_default(), wanted)
}

/// The comma-joined ids of a 201, one for each message.
fn resource_ids(header: &str, wanted: usize) -> Result<Vec<ResourceId>, batch::Error> {
    let ids: Vec<ResourceId> = header
        .split(',')
        .enumerate()
        .map(|(at, id)| id.trim().parse().map_err(|_| batch::Error::ResourceId(at + 1)))
        .collect::<Result<_, _>>()?;
    if ids.len() == wanted { Ok(ids) } else { Err(batch::Error::ResourceId(ids.len().min(wanted) + 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_ids_as_messages_must_come_back() {
        let id = "UEkBbgR78VqKK/uvuq9O0r9bqXyBH9Ur";
        assert_eq!(resource_ids(&format!("{id}, {id}"), 2).unwrap().len(), 2);
        assert_eq!(resource_ids(id, 2), Err(batch::Error::ResourceId(2)));
        assert_eq!(resource_ids(&format!("{id},{id}"), 1), Err(batch::Error::ResourceId(2)));
        assert_eq!(resource_ids(&format!("{id},x"), 2), Err(batch::Error::ResourceId(2)));
        assert_eq!(resource_ids("", 1), Err(batch::Error::ResourceId(1)));
    }

    #[test]
    fn a_needle_is_found_wherever_it_lies() {
        assert!(contains(b"pix-pix-stream", b"pix-stream") && contains(b"pix", b"pix"));
        assert!(!contains(b"pix-strea", b"pix-stream") && !contains(b"", b"p"));
    }
}
