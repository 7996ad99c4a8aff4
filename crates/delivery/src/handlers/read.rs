//! `GET stream/start` and `GET stream/{piPullNext}`.

use http::Response;
use hyper::body::Incoming;
use pix_stream_app::{Ports, Read};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::Decision;
use pix_stream_domain::stream::Form;

use crate::body::Body;
use crate::error::{Code, Problem};
use crate::handlers::Call;
use crate::{negotiate, response};

/// Opens a stream and reads its first batch.
pub(crate) async fn start<P: Ports>(
    call: &Call<'_, P>,
    ispb: Ispb,
    body: &mut Incoming,
    pace: &mut Option<Decision>,
) -> Result<Response<Body>, Problem> {
    let form = ready(call, ispb, body, pace).await?;
    let answer = call.shared.app.open(read(call, ispb, form)).await?;
    Ok(response::read(ispb, &answer, call.gzip))
}

/// Confirms the batch of a token and reads the next.
pub(crate) async fn pull<P: Ports>(
    call: &Call<'_, P>,
    (ispb, token): (Ispb, &str),
    body: &mut Incoming,
    pace: &mut Option<Decision>,
) -> Result<Response<Body>, Problem> {
    let form = ready(call, ispb, body, pace).await?;
    let answer = call.shared.app.pull(read(call, ispb, form), token).await?;
    Ok(response::read(ispb, &answer, call.gzip))
}

/// Everything that is checked before a cursor could move; gives the form that the client asks for.
pub(super) async fn ready<P: Ports>(
    call: &Call<'_, P>,
    ispb: Ispb,
    body: &mut Incoming,
    pace: &mut Option<Decision>,
) -> Result<Form, Problem> {
    call.admit_own(ispb, pace).await?;
    let form = negotiate::find_form(call.headers)
        .ok_or_else(|| Problem::new(Code::NotAcceptable, "answers are application/xml or multipart/mixed"))?;
    call.discard(body).await?;
    Ok(form)
}

const fn read<'a, P: Ports>(call: &Call<'a, P>, ispb: Ispb, form: Form) -> Read<'a> {
    Read { ispb, form, gzip: call.gzip, request_id: call.request_id }
}
