//! Who may: the roles of a certificate held against a route of the table.

use pix_stream_delivery::edge::Problem;
use pix_stream_domain::ispb::Ispb;
use pix_stream_listener::identity::{Identity, IspbClaim, Scope};

use crate::routes::{Reach, Route};

/// For whom an identity may use a route. `ispb` is the participant that the path names, if it names one.
///
/// # Errors
/// 403, with what it takes.
pub(crate) fn check(identity: &Identity, route: &Route, ispb: Option<Ispb>) -> Result<Scope, Problem> {
    if identity.ispb == IspbClaim::Conflict {
        return Err(Problem::forbidden("the certificate names two participants"));
    }
    if !identity.roles.any_of_admin() {
        return Err(Problem::forbidden("this takes a certificate with the role admin, operator or auditor"));
    }
    let scope = scope_of(identity, route);
    if scope == Scope::None {
        return Err(Problem::forbidden(match (route.allowed.operator, route.allowed.auditor) {
            (true, _) => "this takes the role admin or operator: an auditor may look, and change nothing",
            (false, true) => "this takes the role admin or auditor",
            (false, false) => "this takes the role admin",
        }));
    }
    let is_within = match (route.reach, ispb) {
        (Reach::Anybody | Reach::Narrowed, _) => true,
        (Reach::Participant, Some(ispb)) => scope.covers(ispb),
        (Reach::Participant, None) | (Reach::Node, _) => scope == Scope::All,
    };
    if is_within {
        Ok(scope)
    } else if route.reach == Reach::Participant {
        Err(Problem::forbidden("the certificate's role is for other participants"))
    } else {
        Err(Problem::forbidden(
            "the certificate's role is for some participants, and this is about the whole node",
        ))
    }
}

/// All participants for whom one of the roles that the route is for was given.
fn scope_of(identity: &Identity, route: &Route) -> Scope {
    let (roles, allowed) = (&identity.roles, route.allowed);
    let given = [
        (allowed.admin, &roles.admin),
        (allowed.operator, &roles.operator),
        (allowed.auditor, &roles.auditor),
    ];
    let mut scope = Scope::None;
    given.into_iter().filter(|(is_allowed, _)| *is_allowed).for_each(|(_, given)| scope.widen(given));
    scope
}
