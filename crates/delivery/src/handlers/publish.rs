//! `POST msgs`: takes one to ten messages of a producer.

use http::{HeaderMap, Response, StatusCode, Version};
use hyper::body::Incoming;
use pix_stream_app::{Ports, Publish, Published};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id;
use pix_stream_listener::identity::IspbClaim;

use crate::body::Body;
use crate::error::Problem;
use crate::handlers::{Call, two_ispbs};
use crate::publish::intake;
use crate::response::{self, PI_RESOURCE_ID};

/// 201 with the ids, for new messages and for repeats alike. Producers have no rate window.
pub(crate) async fn publish<P: Ports>(
    call: &Call<'_, P>,
    ispb: Ispb,
    version: Version,
    body: &mut Incoming,
) -> Result<Response<Body>, Problem> {
    let identity = &call.peer.identity;
    if identity.ispb == IspbClaim::Conflict {
        return Err(two_ispbs());
    }
    if !identity.roles.publish.covers(ispb) {
        return Err(Problem::forbidden("the certificate may not publish for this participant"));
    }
    if call.shared.app.find_participant(ispb).is_none() {
        return Err(Problem::not_onboarded());
    }
    let intake = intake::receive(call.shared, call.headers, version, body).await?;
    let (messages, _room) = (intake.messages, intake.room);
    let request = Publish { ispb, actor: &identity.name, request_id: call.request_id, messages };
    let published = call.shared.app.publish(request).await?;
    let headers = HeaderMap::from_iter([(PI_RESOURCE_ID.clone(), response::text_value(&ids(&published)))]);
    Ok(response::response(StatusCode::CREATED, headers, Body::empty()))
}

/// The ids in the order of the parts, comma-joined.
fn ids(published: &[Published]) -> Vec<u8> {
    let mut ids = Vec::with_capacity(published.len() * (resource_id::TEXT_LEN + 1));
    for one in published {
        if !ids.is_empty() {
            ids.push(b',');
        }
        ids.extend_from_slice(&one.resource_id.to_text());
    }
    ids
}
