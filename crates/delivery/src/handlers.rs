//! What each route does behind the checks of its head and its certificate: onboarded, rate, `Accept`, then the use case.
//!
//! No rule of streams lives here: `app` decides, these translate.

pub(crate) mod catalog;
pub(crate) mod close;
pub(crate) mod publish;
pub(crate) mod read;

use std::sync::Arc;

use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use pix_stream_app::{Kind, Ports};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::participant::Participant;
use pix_stream_domain::rate::Decision;
use pix_stream_listener::identity::Peer;

use crate::error::{Code, Extra, Problem};
use crate::response::Pacing;
use crate::shared::Shared;

/// The most bytes of a body that a request without use for one may bring.
const IDLE_BODY_MAX: usize = 64 * 1024;

/// The most bytes that are read of a body that is refused: twice the largest that would be taken.
const REFUSED_BODY_MAX: usize = 8 * 1024 * 1024;
/// The longest time for it.
const REFUSED_BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// A request, as the handlers see it.
pub(crate) struct Call<'a, P: Ports> {
    pub(crate) shared: &'a Arc<Shared<P>>,
    pub(crate) peer: &'a Peer,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) request_id: &'a str,
    /// Whether the client takes gzip.
    pub(crate) gzip: bool,
}

impl<P: Ports> Call<'_, P> {
    /// Onboarded (404) and rate (429) of a participant's call. What the window said goes to `pace` also when it refuses:
    /// every answer from here on carries it.
    async fn admit_own(&self, ispb: Ispb, pace: &mut Pacing) -> Result<(), Problem> {
        let participant = self.shared.app.look_up(ispb).await?.ok_or_else(Problem::not_onboarded)?;
        self.admit(&participant, pace).await
    }

    /// Counts the request in the participant's window. An answer to one that goes on asking beyond all measure waits, so
    /// that refusing costs little, and nobody else has to wait for it.
    async fn admit(&self, participant: &Participant, pace: &mut Pacing) -> Result<(), Problem> {
        let decision = self.shared.app.admit(participant).await?;
        *pace = Pacing { window: Some(decision), asked: Some((Kind::Pull, participant.ispb)) };
        if decision.admitted {
            return Ok(());
        }
        let hold = self.shared.app.pressure().hold_refused(participant.ispb, &decision);
        let decision = Decision { reset: decision.reset.saturating_sub(hold), ..decision };
        if !hold.is_zero() {
            pace.window = Some(decision);
            // Boxed: a timer is large, and thousands of reads wait without one.
            Box::pin(tokio::time::sleep(hold)).await;
        }
        let problem = Problem::new(Code::RateLimit, "more requests than the participant's rate allows");
        Err(problem.with(Extra::RetryAfter(decision.reset)))
    }

    /// Reads the body of a request that has no use for one. A body that breaks off or is malformed means that
    /// nobody knows where the next request starts, so it is refused before anything moves.
    async fn discard(&self, body: &mut Incoming) -> Result<(), Problem> {
        if body.is_end_stream() {
            return Ok(());
        }
        let mut left = IDLE_BODY_MAX;
        let drained = async {
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| malformed_body())?;
                let len = frame.data_ref().map_or(0, bytes::Bytes::len);
                left = left.checked_sub(len).ok_or_else(|| {
                    Problem::new(Code::TooLarge, "this request takes no body").with(Extra::Close)
                })?;
            }
            Ok(())
        };
        let limit = self.shared.wire.body_timeout;
        tokio::time::timeout(limit, drained).await.unwrap_or_else(|_| Err(late_body()))
    }
}

/// 400 for a body that is not one by HTTP's rules.
#[must_use]
pub fn malformed_body() -> Problem {
    Problem::new(Code::InvalidHeader, "the body is malformed or breaks off").with(Extra::Close)
}

/// 400 for a body that takes too long.
#[must_use]
pub fn late_body() -> Problem {
    Problem::new(Code::InvalidHeader, "the body did not arrive in time").with(Extra::Close)
}

/// Reads what is left of the body of a request that is refused early, within limits. Clients that write all before
/// they read, and HTTP/2 clients that take a reset for a failure, would else lose the answer.
pub(crate) async fn read_out(headers: &HeaderMap, body: &mut Incoming) {
    // Who waits for `100 Continue` sends nothing, and must not be told to go on.
    if body.is_end_stream() || headers.contains_key(http::header::EXPECT) {
        return;
    }
    let mut left = REFUSED_BODY_MAX;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, bytes::Bytes::len);
            match left.checked_sub(len) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whatever is not read within the limits ends with the connection.
    let _limit = tokio::time::timeout(REFUSED_BODY_TIMEOUT, reading).await;
}
