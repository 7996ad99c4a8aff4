//! `DELETE stream/{piPullNext}`: confirms the token's batch and closes the stream.

use http::{Response, StatusCode};
use hyper::body::Incoming;
use pix_stream_app::Ports;
use pix_stream_domain::ispb::Ispb;

use crate::body::Body;
use crate::error::Problem;
use crate::handlers::{Call, read};
use crate::response::{self, Pacing};

/// 200 without a body. `Accept` is checked as for a read: protocol section 2 makes no difference.
pub(crate) async fn close<P: Ports>(
    call: &Call<'_, P>,
    (ispb, token): (Ispb, &str),
    body: &mut Incoming,
    pace: &mut Pacing,
) -> Result<Response<Body>, Problem> {
    let read = read::ready(call, ispb, body, pace).await?;
    call.shared.app.close(read, token).await?;
    Ok(response::empty(StatusCode::OK))
}
