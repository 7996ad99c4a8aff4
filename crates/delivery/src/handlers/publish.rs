//! `POST msgs`: takes one to ten messages of a producer; or one, whatever is wrong with it, for who cannot mend it.

use http::{HeaderMap, HeaderName, Response, StatusCode, Version};
use hyper::body::Incoming;
use pix_stream_app::{Kind, Ports, Publish, Published, Quarantined, Taken};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::resource_id;

use crate::body::Body;
use crate::error::{Code, Problem};
use crate::handlers::Call;
use crate::publish::intake;
use crate::response::{self, PI_RESOURCE_ID, Pacing};

/// What becomes of a message that is refused, in a producer's words: `quarantine`, else it is answered 400.
pub(crate) const ON_INVALID: &str = "pi-on-invalid";
static PI_QUARANTINE_ID: HeaderName = HeaderName::from_static("pi-quarantine-id");

/// 201 with the ids, for new messages and for repeats alike; unattended intake may get 202 and the id of an entry of
/// the quarantine. Producers have no rate window.
pub(crate) async fn publish<P: Ports>(
    call: &Call<'_, P>,
    ispb: Ispb,
    version: Version,
    (body, pace): (&mut Incoming, &mut Pacing),
) -> Result<Response<Body>, Problem> {
    let identity = &call.peer.identity;
    if call.shared.app.look_up(ispb).await?.is_none() {
        return Err(Problem::not_onboarded());
    }
    pace.asked = Some((Kind::Publish, ispb));
    let is_unattended = is_unattended(call.headers)?;
    let intake = intake::receive(call.shared, call.headers, version, body).await?;
    let (messages, _room) = (intake.messages, intake.room);
    if is_unattended && messages.len() != 1 {
        let title = "one message at a time, with PI-On-Invalid: quarantine";
        return Err(Problem::new(Code::InvalidHeader, title));
    }
    let request = Publish { ispb, actor: &identity.name, request_id: call.request_id, messages };
    if !is_unattended {
        return Ok(created(&call.shared.app.publish(request).await?));
    }
    match call.shared.app.take_in(request).await? {
        Taken::Published(published) => Ok(created(&[published])),
        Taken::Quarantined(quarantined) => Ok(accepted(call, ispb, &quarantined)),
    }
}

/// Whether a refused message is to be kept.
fn is_unattended(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut values = headers.get_all(ON_INVALID).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"quarantine") => Ok(true),
        (Some(_), _) => Err(Problem::new(Code::InvalidHeader, "PI-On-Invalid may be `quarantine`")),
    }
}

fn created(published: &[Published]) -> Response<Body> {
    let headers = HeaderMap::from_iter([(PI_RESOURCE_ID.clone(), response::text_value(&ids(published)))]);
    response::response(StatusCode::CREATED, headers, Body::empty())
}

/// Kept for an operator. What is wrong is for operators: the admin API shows it, and the log's line is here.
fn accepted<P: Ports>(call: &Call<'_, P>, ispb: Ispb, quarantined: &Quarantined) -> Response<Body> {
    let Quarantined { id, rule, findings, is_new } = quarantined;
    tracing::info!(
        request_id = call.request_id,
        ispb = ispb.as_str(),
        peer = call.peer.identity.name.as_str(),
        entry = %id,
        rule = rule.code(),
        findings = findings.len(),
        first = findings.first().map(String::as_str),
        is_new,
        "quarantined"
    );
    let id = response::text_value(id.to_string().as_bytes());
    let headers = HeaderMap::from_iter([(PI_QUARANTINE_ID.clone(), id)]);
    response::response(StatusCode::ACCEPTED, headers, Body::empty())
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
