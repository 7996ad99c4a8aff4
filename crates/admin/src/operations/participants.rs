//! Participants: who there is, what their streams do, what they may.

use std::time::Duration;

use http::{Response, StatusCode};
use pix_stream_app::{Change, Ports, Properties, Recorded};
use pix_stream_delivery::edge::Problem;
use pix_stream_domain::limits::STREAMS_MAX;
use pix_stream_domain::participant::Limits;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::time::{TimeRange, Timestamp};

use crate::answer::{self, Body};
use crate::operations::{Call, invalid, ispb_of};
use crate::requests::{self, Cap, NewParticipant, Period, Position, Retention};
use crate::routes::Operation;
use crate::views::{ChangedView, DAY_S, ListView, ParticipantView, SavedView, StatusView};

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
    let NewParticipant { ispb, name, limits, retention_days } = call.read()?;
    let ispb = ispb_of("ispb", &ispb)?;
    let (name, limits) = (name.unwrap_or_default(), own(&limits.unwrap_or_default()));
    let properties = Properties { name, limits, retention: retention_days.map(days) };
    let recorded = call.admin.app().onboard(ispb, properties, call.dry_run, call.actor).await?;
    let status = if recorded.changed && !call.dry_run { StatusCode::CREATED } else { StatusCode::OK };
    Ok(saved(call, status, &recorded))
}

fn own(limits: &requests::Limits) -> Limits {
    let requests::Limits { requests_per_second, backlog_high_water } = *limits;
    Limits { requests_per_second, backlog_high_water }
}

pub(super) fn saved<P: Ports>(
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

/// Legal hold, of everything or of a range of time: 200 when it is on record. How far what is stored is kept is told by
/// the participant's status.
pub(super) async fn hold<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let Period { from_unix_ms, to_unix_ms } = call.read()?;
    let range = range_of("from_unix_ms", from_unix_ms, "to_unix_ms", to_unix_ms)?;
    let (app, ispb, held) = (call.admin.app(), call.ispb()?, call.route.operation == Operation::Hold);
    let recorded = app.set_hold(ispb, range, held, call.dry_run, call.actor).await?;
    Ok(saved(call, StatusCode::OK, &recorded))
}

/// Both ends of a range of time, or neither.
pub(super) fn range_of(
    first: &str,
    from: Option<u64>,
    second: &str,
    to: Option<u64>,
) -> Result<Option<TimeRange>, Problem> {
    match (from, to) {
        (None, None) => Ok(None),
        (Some(from), Some(to)) => {
            let at = Timestamp::from_unix_millis;
            let range = TimeRange::new(at(from), at(to));
            range.map(Some).ok_or_else(|| invalid(format!("`{second}` must be later than `{first}`")))
        }
        (Some(_), None) => Err(invalid(format!("`{second}` is missing"))),
        (None, Some(_)) => Err(invalid(format!("`{first}` is missing"))),
    }
}

/// Offboarding, and what takes it back.
pub(super) async fn admit<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let (app, ispb) = (call.admin.app(), call.ispb()?);
    let recorded = if call.route.operation == Operation::Offboard {
        app.offboard(ispb, call.dry_run, call.actor).await?
    } else {
        app.onboard_again(ispb, call.dry_run, call.actor).await?
    };
    Ok(saved(call, StatusCode::OK, &recorded))
}

/// Nothing said is as configured.
pub(super) async fn retention<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let Retention { days: retention } = call.read()?;
    let (app, ispb) = (call.admin.app(), call.ispb()?);
    let recorded = app.set_retention(ispb, retention.map(days), call.dry_run, call.actor).await?;
    Ok(saved(call, StatusCode::OK, &recorded))
}

fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * DAY_S)
}

/// Ends the live stream in a slot; an empty slot changes nothing.
pub(super) async fn release<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let slot: u8 = call.param("slot")?;
    if !(1..=STREAMS_MAX).contains(&slot) {
        return Err(Problem::not_found());
    }
    change(call, Change::Release(slot)).await
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
