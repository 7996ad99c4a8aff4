//! The table holds together.

use super::*;
use crate::parameters::OF_PATHS;

#[test]
fn no_two_routes_are_the_same() {
    let routes: Vec<_> = all().collect();
    for (at, route) in routes.iter().enumerate() {
        for other in &routes[at + 1..] {
            assert_ne!((route.method, route.path), (other.method, other.path));
            assert_ne!(route.operation, other.operation, "{}", route.path);
            assert_ne!(route.command, other.command, "{}", route.path);
        }
    }
}

#[test]
fn a_route_whose_path_names_a_participant_reaches_that_one_alone() {
    for route in all() {
        assert_eq!(route.path.contains("{ispb}"), route.reach == Reach::Participant, "{}", route.path);
        for name in names(route.path) {
            assert!(OF_PATHS.iter().any(|known| known.name == name), "{}", route.path);
        }
    }
}

#[test]
fn a_change_takes_a_body_and_is_not_for_auditors_but_to_verify() {
    for route in all() {
        assert_eq!(route.method.is_change(), route.request.is_some(), "{}", route.path);
        if route.method.is_change() && route.allowed.auditor {
            assert_eq!(route.operation, Operation::VerifyChain);
        }
        assert!(route.allowed.admin, "{}", route.path);
    }
}
