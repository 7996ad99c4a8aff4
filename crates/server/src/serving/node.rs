//! This node, for the admin API: what it is, how it does, and its end.

use pix_stream_admin::hooks::{Node, NodeFacts};
use pix_stream_app::{App, Ports};
use pix_stream_config::Config;
use tokio::time::Instant;

use crate::shutdown::Shutdown;

/// A running server.
pub(super) struct ThisNode<P: Ports> {
    app: App<P>,
    shutdown: Shutdown,
    began: Instant,
    region: Option<String>,
    /// With secrets masked.
    config: serde_json::Value,
}

impl<P: Ports> ThisNode<P> {
    /// The node that just begins to serve.
    pub(super) fn new(config: &Config, app: &App<P>, shutdown: &Shutdown) -> Self {
        let region = Some(config.region.name.clone()).filter(|name| !name.is_empty());
        Self {
            app: app.clone(),
            shutdown: shutdown.clone(),
            began: Instant::now(),
            region,
            config: config.to_masked_json(),
        }
    }
}

impl<P: Ports> Node for ThisNode<P> {
    fn facts(&self) -> NodeFacts {
        NodeFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_s: self.began.elapsed().as_secs(),
            region: self.region.clone(),
            draining: self.app.is_draining(),
            fallback: self.app.coordinator_degraded().is_some(),
            config: self.config.clone(),
        }
    }

    fn drain(&self) {
        self.shutdown.begin();
    }
}
