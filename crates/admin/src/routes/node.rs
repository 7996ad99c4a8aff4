//! Routes about this node.

use crate::hooks;
use crate::page::{HTML, METRICS, TEXT};
use crate::requests::Level;
use crate::routes::{Content, Hook, LOOK, Operation, Reach, Route, WORK};
use crate::views::{DrainView, LiveView, LogView, ReadyView, ReloadedView, SlowView};
use pix_stream_delivery::edge::Code;

/// The log's filter.
const LOG: &str = "/admin/v1/log";

pub(super) static ROUTES: &[Route] = &[
    Route::look("/health/live", Operation::Live, "health.live", "Whether the process answers.")
        .reach(Reach::Anybody)
        .gives::<LiveView>(),
    Route::look(
        "/health/ready",
        Operation::Ready,
        "health.ready",
        "Whether the node can do its work, and if not, why: 200 while it serves reads, else 503.",
    )
    .reach(Reach::Anybody)
    .gives::<ReadyView>()
    .statuses(&[200, 503]),
    Route::look("/metrics", Operation::Metrics, "metrics.show", "All metrics, as Prometheus reads them.")
        .content(Content::Text(&[METRICS])),
    Route::look("/", Operation::Page, "page.show", "Participants and their lag, for people.")
        .reach(Reach::Narrowed)
        .content(Content::Text(&[TEXT, HTML])),
    Route::look("/openapi.json", Operation::Document, "openapi.show", "This document.")
        .reach(Reach::Anybody)
        .content(Content::Document),
    Route::look("/admin/v1/node", Operation::ShowNode, "node.show", "What this node is and how it does.")
        .gives::<hooks::NodeFacts>()
        .needs(Hook::Node),
    Route::post(
        "/admin/v1/drain",
        Operation::Drain,
        "node.drain",
        "Begins the end of this node, as SIGTERM does: waiting reads are answered, requests under way finish.",
    )
    .allow(WORK)
    .gives::<DrainView>()
    .statuses(&[202, 200])
    .needs(Hook::Node),
    Route::post(
        "/admin/v1/reload",
        Operation::Reload,
        "server.reload",
        "Reads certificates, trust, revocation lists, token keys and schemas again, as SIGHUP does.",
    )
    .allow(WORK)
    .gives::<ReloadedView>()
    .refuses(&[Code::Conflict])
    .needs(Hook::Reload),
    Route::look(LOG, Operation::ShowLog, "log.show", "What is logged now.")
        .gives::<hooks::LogState>()
        .needs(Hook::Log),
    Route::put(LOG, Operation::SetLog, "log.set", "Logs by another filter for a while; it goes back by itself.")
        .allow(WORK)
        .takes::<Level>()
        .gives::<LogView>()
        .needs(Hook::Log),
    Route::look("/admin/v1/slow", Operation::ListSlow, "slow.list", "Requests that were slow, the latest first.")
        .allow(LOOK)
        .gives::<SlowView>()
        .needs(Hook::Slow),
];
