//! Replay sessions: what was delivered before, read once more beside the live streams.

use std::time::Duration;

use http::{Response, StatusCode};
use pix_stream_app::{Error, Ports, ReplayOpened, ReplayRange};
use pix_stream_delivery::edge::Problem;
use pix_stream_domain::sequence::Sequence;

use crate::answer::{self, Body};
use crate::operations::participants::{range_of, saved};
use crate::operations::{Call, invalid};
use crate::requests::Replay;
use crate::views::{OpenedView, ReplayView, SessionView};

/// How long a session is open, in minutes, unless the command says so.
const MINUTES: u32 = 60;

pub(super) async fn show<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let participant = call.admin.app().look_up(call.ispb()?).await?.ok_or(Error::NotOnboarded)?;
    let replay = participant.replay.as_ref().map(SessionView::from);
    Ok(answer::ok(&ReplayView { replay }))
}

/// 201 with the token for a new session, 200 for one that is open over the same range, and for a dry run.
pub(super) async fn open<P: Ports>(call: &mut Call<'_, P>) -> Result<Response<Body>, Problem> {
    let wanted: Replay = call.read()?;
    let (ispb, range) = (call.ispb()?, range(&wanted)?);
    let valid = Duration::from_secs(60 * u64::from(wanted.valid_minutes.unwrap_or(MINUTES)));
    let opened = call.admin.app().open_replay(ispb, range, valid, call.dry_run, call.actor).await?;
    let ReplayOpened { session, token, changed } = opened;
    let token = token.map(|token| token.as_str().to_owned());
    let path = token.as_ref().map(|token| format!("/api/v1/out/{ispb}/stream/{token}"));
    let status = if changed && !call.dry_run { StatusCode::CREATED } else { StatusCode::OK };
    let view = OpenedView {
        dry_run: call.dry_run,
        changed,
        session: SessionView::from(&session),
        messages: session.range.len(),
        token,
        path,
    };
    Ok(answer::json(status, &view))
}

fn range(wanted: &Replay) -> Result<ReplayRange, Problem> {
    let Replay { from, to, since_unix_ms, until_unix_ms, valid_minutes: _ } = *wanted;
    let times = range_of("since_unix_ms", since_unix_ms, "until_unix_ms", until_unix_ms)?;
    match (from, to, times) {
        (Some(from), Some(to), None) if from <= to => {
            Ok(ReplayRange::Sequences { from: Sequence::new(from), to: Sequence::new(to) })
        }
        (Some(_), Some(_), None) => Err(invalid("`to` must not be less than `from`".to_owned())),
        (None, None, Some(times)) => Ok(ReplayRange::Times(times)),
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            let told = "takes `from` and `to`, or `since_unix_ms` and `until_unix_ms`";
            Err(invalid(format!("a replay session {told}")))
        }
    }
}

pub(super) async fn close<P: Ports>(call: &Call<'_, P>) -> Result<Response<Body>, Problem> {
    let recorded = call.admin.app().close_replay(call.ispb()?, call.dry_run, call.actor).await?;
    Ok(saved(call, StatusCode::OK, &recorded))
}
