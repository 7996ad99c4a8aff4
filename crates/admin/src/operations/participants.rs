//! Participants: who there is, what their streams do, what they may.

use http::{Response, StatusCode};
use pix_stream_app::{Change, Ports, Properties, Recorded};
use pix_stream_delivery::edge::Problem;
use pix_stream_domain::participant::Limits;
use pix_stream_domain::sequence::Sequence;

use crate::answer::{self, Body};
use crate::operations::{Call, ispb_of};
use crate::requests::{self, Cap, NewParticipant, Position};
use crate::routes::Operation;
use crate::views::{ChangedView, ListView, ParticipantView, SavedView, StatusView};

/// All participants that the role is for.
pub(super) fn list<P: Ports>(call: &Call<'_, P>) -> Response<Body> {
    let participants = call.admin.app().participants();
    let known = participants.iter().filter(|participant| call.scope.covers(participant.ispb));
    answer::ok(&ListView { participants: known.map(|p| ParticipantView::from(&**p)).collect() })
}

pub(super) async fn show<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let status = call.admin.app().status(call.ispb()?).await?;
    Ok(answer::ok(&StatusView::from(&status)))
}

/// 201 for a new participant, 200 for the same again, 409 for other properties.
pub(super) async fn create<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let NewParticipant { ispb, name, limits } = call.read()?;
    let ispb = ispb_of("ispb", &ispb)?;
    let (name, limits) = (name.unwrap_or_default(), own(&limits.unwrap_or_default()));
    let properties = Properties { name, limits, retention: None };
    let recorded = call.admin.app().onboard(ispb, properties, call.dry_run, call.actor).await?;
    let status = if recorded.changed && !call.dry_run { StatusCode::CREATED } else { StatusCode::OK };
    Ok(saved(call, status, &recorded))
}

fn own(limits: &requests::Limits) -> Limits {
    let requests::Limits { requests_per_second, backlog_high_water } = *limits;
    Limits { requests_per_second, backlog_high_water }
}

fn saved<P: Ports>(
    call: &Call<'_, P>,
    status: StatusCode,
    Recorded { participant, changed }: &Recorded,
) -> Response<Body> {
    let (participant, changed) = (ParticipantView::from(&**participant), *changed);
    answer::json(status, &SavedView { dry_run: call.dry_run, changed, participant })
}

/// Replaces all limits: one that is not named goes back to the configuration's.
pub(super) async fn limits<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let limits = own(&call.read()?);
    let (app, ispb) = (call.admin.app(), call.ispb()?);
    let recorded = app.set_limits(ispb, limits, call.dry_run, call.actor).await?;
    Ok(saved(call, StatusCode::OK, &recorded))
}

/// Legal hold: 200 when everything that is stored is kept.
pub(super) async fn hold<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let (app, ispb, held) = (call.admin.app(), call.ispb()?, call.route.operation == Operation::Hold);
    let recorded = app.set_hold(ispb, None, held, call.dry_run, call.actor).await?;
    Ok(saved(call, StatusCode::OK, &recorded))
}

/// What takes a number.
pub(super) async fn place<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let operation = call.route.operation;
    let wanted = if operation == Operation::Cap {
        Change::Cap(call.read::<Cap>()?.cap)
    } else {
        let to = Sequence::new(call.read::<Position>()?.to);
        if operation == Operation::Rewind { Change::Rewind(to) } else { Change::Advance(to) }
    };
    change(call, wanted).await
}

pub(super) async fn change<P: Ports>(call: &Call<'_, P>, change: Change) -> Result<Response<Body>, Problem> {
    let changed = call.admin.app().change(call.ispb()?, change, call.dry_run, call.actor).await?;
    Ok(answer::ok(&ChangedView::from(&changed)))
}
