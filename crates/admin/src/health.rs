//! `/health/live`: the process answers. `/health/ready`: it can do its work, and if not, why.

use http::{Response, StatusCode};
use pix_stream_app::{Dependency, Ports};
use pix_stream_delivery::Shared;

use crate::answer::{self, Body};
use crate::views::{DependencyView, LiveView, ReadyView};

/// 200, always: whoever can answer lives.
pub(crate) fn live() -> Response<Body> {
    answer::json(StatusCode::OK, &LiveView { status: "live" })
}

/// 200 when reads are served and no drain has begun, else 503. A load balancer that took a node out because its disk
/// is full would take its reads away, too.
pub(crate) async fn ready<P: Ports>(shared: &Shared<P>) -> Response<Body> {
    let dependencies = shared.app().health().await;
    let draining = shared.app().is_draining();
    let reasons = reasons(&dependencies, draining);
    let (status, text) = if draining || !dependencies.iter().all(|dependency| dependency.serves_reads) {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    } else if reasons.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::OK, "degraded")
    };
    let view = |dependency: &Dependency| DependencyView {
        name: dependency.name,
        status: match (&dependency.fault, dependency.serves_reads) {
            (None, _) => "ok",
            (Some(_), true) => "degraded",
            (Some(_), false) => "failed",
        },
    };
    let dependencies = dependencies.iter().map(view).collect();
    let view = ReadyView { status: text, version: shared.version(), draining, reasons, dependencies };
    answer::json(status, &view)
}

fn reasons(dependencies: &[Dependency], draining: bool) -> Vec<String> {
    let faulty = dependencies.iter().filter_map(|dependency| {
        dependency.fault.as_ref().map(|fault| format!("{}: {fault}", dependency.name))
    });
    draining.then(|| "draining".to_owned()).into_iter().chain(faulty).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_and_a_drain_are_reasons() {
        let working = Dependency { name: "journal", fault: None, serves_reads: true };
        let failed = Dependency { name: "audit", fault: Some("disk full".to_owned()), serves_reads: false };
        assert!(reasons(std::slice::from_ref(&working), false).is_empty());
        assert_eq!(reasons(&[working, failed], true), ["draining", "audit: disk full"]);
    }
}
