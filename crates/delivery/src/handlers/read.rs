//! `GET stream/start` and `GET stream/{piPullNext}`.

use http::Response;
use hyper::body::Incoming;
use pix_stream_app::{Ports, Read};
use pix_stream_domain::ispb::Ispb;
use tokio::time::Instant;

use crate::body::Body;
use crate::error::{Code, Problem};
use crate::handlers::Call;
use crate::response::Pacing;
use crate::{negotiate, response};

/// Opens a stream and reads its first batch.
pub(crate) async fn start<P: Ports>(
    call: &Call<'_, P>,
    ispb: Ispb,
    body: &mut Incoming,
    pace: &mut Pacing,
) -> Result<Response<Body>, Problem> {
    let read = ready(call, ispb, body, pace).await?;
    let answer = call.shared.app.open(read).await?;
    Ok(response::read(ispb, &answer, call.gzip))
}

/// Confirms the batch of a token and reads the next.
pub(crate) async fn pull<P: Ports>(
    call: &Call<'_, P>,
    (ispb, token): (Ispb, &str),
    body: &mut Incoming,
    pace: &mut Pacing,
) -> Result<Response<Body>, Problem> {
    let read = ready(call, ispb, body, pace).await?;
    let answer = call.shared.app.pull(read, token).await?;
    Ok(response::read(ispb, &answer, call.gzip))
}

/// Everything that is checked before a cursor could move; gives what the client asks for.
pub(super) async fn ready<'a, P: Ports>(
    call: &Call<'a, P>,
    ispb: Ispb,
    body: &mut Incoming,
    pace: &mut Pacing,
) -> Result<Read<'a>, Problem> {
    let begun = Instant::now();
    call.admit_own(ispb, pace).await?;
    let spent = begun.elapsed();
    let form = negotiate::find_form(call.headers)
        .ok_or_else(|| Problem::new(Code::NotAcceptable, "answers are application/xml or multipart/mixed"))?;
    call.discard(body).await?;
    Ok(Read { ispb, form, gzip: call.gzip, request_id: call.request_id, spent })
}
