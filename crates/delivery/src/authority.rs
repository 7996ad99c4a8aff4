//! Who may: an identity held against the row of a route in the table.
//!
//! The admin listener has the same with roles and scopes in its own crate. Whether a participant is onboarded, and how
//! often it may ask, is looked at afterwards: a refusal here tells a stranger nothing.

use pix_stream_domain::ispb::Ispb;
use pix_stream_listener::identity::{Identity, IspbClaim};

use crate::error::Problem;
use crate::metrics::RouteLabel;
use crate::table::{ROUTES, Who};

/// Whether an identity may use the route that counts under `label`. `ispb` is the participant that the path names, if it
/// names one.
///
/// # Errors
/// 403, with what is wrong.
pub(crate) fn check(identity: &Identity, label: RouteLabel, ispb: Option<Ispb>) -> Result<(), Problem> {
    if identity.ispb == IspbClaim::Conflict {
        return Err(Problem::forbidden("the certificate names two participants"));
    }
    // A path that is in no row is nobody's.
    let who = ROUTES.iter().find(|route| route.label == label).map(|route| route.who);
    match who {
        Some(Who::Participant) => match identity.ispb() {
            Some(own) if Some(own) == ispb => Ok(()),
            Some(_) => Err(Problem::forbidden("the certificate is of another participant")),
            None => Err(Problem::forbidden("the certificate names no participant")),
        },
        Some(Who::Producer) if ispb.is_some_and(|ispb| identity.roles.publish.covers(ispb)) => Ok(()),
        Some(Who::Producer) => {
            Err(Problem::forbidden("the certificate may not publish for this participant"))
        }
        Some(Who::Anybody) if identity.ispb().is_some() || identity.roles.any() => Ok(()),
        Some(Who::Anybody) | None => Err(Problem::forbidden("the certificate has no role")),
    }
}
