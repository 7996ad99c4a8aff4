//! The catalogue for operators: which message types are loaded, and which are switched on for whom.

use http::{Response, StatusCode};
use pix_stream_app::{Actor, Ports, TypeStatus};
use pix_stream_domain::ispb::Ispb;
use serde::Serialize;

use crate::admin::fields::Fields;
use crate::admin::json;
use crate::admin::path::Switch;
use crate::body::Body;
use crate::error::Problem;
use crate::shared::Shared;

#[derive(Debug, Serialize)]
struct TypesView<'a> {
    types: Vec<TypeView<'a>>,
}

#[derive(Debug, Serialize)]
struct TypeView<'a> {
    #[serde(rename = "type")]
    message_type: &'a str,
    /// Whether there is a schema for it.
    loaded: bool,
    /// For those without a switch of their own.
    enabled: bool,
    participants: Vec<OwnView<'a>>,
}

#[derive(Debug, Serialize)]
struct OwnView<'a> {
    ispb: &'a str,
    enabled: bool,
}

#[derive(Debug, Serialize)]
struct SwitchedView<'a> {
    dry_run: bool,
    #[serde(flatten)]
    status: TypeView<'a>,
}

impl<'a> From<&'a TypeStatus> for TypeView<'a> {
    fn from(status: &'a TypeStatus) -> Self {
        let own = |(ispb, on): &'a (Ispb, bool)| OwnView { ispb: ispb.as_str(), enabled: *on };
        Self {
            message_type: &status.message_type,
            loaded: status.is_loaded,
            enabled: status.on,
            participants: status.own.iter().map(own).collect(),
        }
    }
}

/// All types that are loaded or have a switch.
pub(super) fn list<P: Ports>(shared: &Shared<P>) -> Response<Body> {
    let types = shared.app.types();
    json::answer(StatusCode::OK, &TypesView { types: types.iter().map(TypeView::from).collect() })
}

/// Sets or clears one switch, of all participants or of the one that the body names.
pub(super) async fn switch<P: Ports>(
    shared: &Shared<P>,
    (message_type, switch): (&str, Switch),
    mut fields: Fields,
    dry_run: bool,
    actor: Actor<'_>,
) -> Result<Response<Body>, Problem> {
    let ispb = fields.take_text("participant", usize::MAX)?;
    let ispb: Option<Ispb> = ispb
        .map(|ispb| ispb.parse())
        .transpose()
        .map_err(|fault| fields.fault("participant", &format!("is not an ISPB: {fault}")))?;
    fields.finish()?;
    let on = match switch {
        Switch::Enable => Some(true),
        Switch::Disable => Some(false),
        Switch::Clear => None,
    };
    let status = shared.app.switch_type(message_type, ispb, on, dry_run, actor).await?;
    Ok(json::answer(StatusCode::OK, &SwitchedView { dry_run, status: TypeView::from(&status) }))
}
