//! At the start: the log is held against its anchors before it is written on.
//!
//! A log that does not hold its anchor is no reason to serve nobody: the server starts, says so in its log, in its
//! metrics, in readiness and in the audit log itself, and goes on under a new name, so that the anchor stays as evidence.

use pix_stream_domain::audit::{ChainId, Event, Record};
use pix_stream_evidence::anchored::{Verdict, finding};
use pix_stream_evidence::start::find_breaks;
use pix_stream_ports::Ports as _;
use pix_stream_ports::anchors::{Anchor, Anchors as _};
use pix_stream_ports::audit_log::AuditLog as _;
use pix_stream_ports::clock::Clock as _;
use pix_stream_ports::coordinator::Coordinator as _;

use crate::failure::Failure;
use crate::metrics::ANCHOR_BROKEN;
use crate::node_ports::{NodePorts, Stores};

/// Holds the log against what was anchored of it. What does not fit is told everywhere.
///
/// # Errors
/// The audit log cannot be written.
pub async fn hold_against_anchors<S: Stores>(ports: &mut NodePorts<S>) -> Result<(), Failure> {
    let gauge = metrics::gauge!(ANCHOR_BROKEN);
    gauge.set(0.0);
    let anchors = match ports.anchors().load_anchors().await {
        Ok(anchors) => anchors,
        Err(error) => {
            tracing::error!(%error, "the anchors of the audit log cannot be read: whether its end was cut off is not known");
            return Ok(());
        }
    };
    let is_alone = !ports.coordinator().is_shared();
    let (folder, chain) = (ports.audit_log.folder().to_owned(), ports.audit_log.chain());
    let looking = tokio::task::spawn_blocking(move || find_breaks(&folder, chain, &anchors, is_alone));
    let breaks = match looking.await.map_err(Failure::new)? {
        Ok(breaks) => breaks,
        Err(error) => {
            tracing::error!(%error, "the audit log could not be held against its anchors");
            return Ok(());
        }
    };
    let told: Vec<String> = breaks.iter().filter_map(|(anchor, verdict)| finding(anchor, *verdict)).collect();
    if told.is_empty() {
        return Ok(());
    }
    gauge.set(1.0);
    let now = ports.clock().now();
    for text in &told {
        tracing::error!(
            finding = text,
            "the audit log does not hold its anchor: keep its files and call the auditors"
        );
    }
    if breaks.iter().any(|(anchor, _)| anchor.chain == ports.audit_log.chain()) {
        let fresh = ChainId(ports.entropy.number().to_be_bytes());
        ports.audit_log.rename(fresh, told.join("; ")).map_err(Failure::new)?;
    } else {
        let own = ports.audit_log.chain();
        ports.audit_log.rename(own, told.join("; ")).map_err(Failure::new)?;
    }
    let records = told.iter().map(|text| Record {
        at: now,
        request_id: "".into(),
        ispb: None,
        event: Event::System { command: "audit.anchor_broken".into(), detail: text.as_str().into() },
    });
    ports.audit_log.append(records.collect()).await.map_err(Failure::new)?;
    ports.audit_log.sync().await.map_err(Failure::new)?;
    mark(ports, &breaks).await;
    Ok(())
}

/// Once the log tells of it, it is no news at the next start; `audit verify` tells it for ever.
async fn mark<S: Stores>(ports: &NodePorts<S>, breaks: &[(Anchor, Verdict)]) {
    for (anchor, _) in breaks {
        let marked = Anchor { broken_at: Some(ports.clock().now()), ..*anchor };
        if let Err(error) = ports.anchors().save_anchor(marked).await {
            tracing::warn!(%error, "that an anchor is broken could not be noted; the next start tells it again");
        }
    }
}
