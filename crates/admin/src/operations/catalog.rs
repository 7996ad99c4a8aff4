//! The catalogue for operators: which message types are loaded, and which are switched on for whom.

use http::Response;
use pix_stream_app::Ports;
use pix_stream_delivery::edge::Problem;

use crate::answer::{self, Body};
use crate::operations::{Call, ispb_of};
use crate::requests::Switch;
use crate::views::{SwitchedView, TypeView, TypesView};

/// All types that are loaded or have a switch.
pub(super) fn list<P: Ports>(call: &Call<'_, P>) -> Response<Body> {
    let types = call.admin.app().types();
    let view = |status| TypeView::of(status, |ispb| call.scope.covers(ispb));
    answer::ok(&TypesView { types: types.iter().map(view).collect() })
}

/// Sets or clears one switch, of all participants or of the one that the body names.
pub(super) async fn switch<P: Ports>(
    call: &mut Call<'_, P>,
    on: Option<bool>,
) -> Result<Response<Body>, Problem> {
    let Switch { participant } = call.read()?;
    let ispb = participant.map(|ispb| ispb_of("participant", &ispb)).transpose()?;
    let message_type: String = call.param("type")?;
    let app = call.admin.app();
    let before = app.types().into_iter().find(|known| known.message_type == message_type);
    let after = app.switch_type(&message_type, ispb, on, call.dry_run, call.actor).await?;
    let (changed, status) = (before.as_ref() != Some(&after), TypeView::of(&after, |_| true));
    Ok(answer::ok(&SwitchedView { dry_run: call.dry_run, changed, status }))
}
