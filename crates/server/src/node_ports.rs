//! The ports of a node: its stores, which differ, and what is the same for every server.

use std::sync::Arc;

use pix_stream_adapter_cassandra::audit::CassandraAuditArchive;
use pix_stream_adapter_embedded::audit_log::FileAuditLog;
use pix_stream_adapter_xml::XmlCodec;
use pix_stream_ports::Ports;
use pix_stream_ports::anchors::Anchors;
use pix_stream_ports::coordinator::Coordinator;
use pix_stream_ports::journal::Journal;
use pix_stream_ports::quarantine::Quarantine;
use pix_stream_ports::regions::Regions;

use crate::system::{SystemClock, SystemEntropy};

/// A choice of stores: one machine's, or a cluster's.
pub trait Stores: Send + Sync + 'static {
    /// What must never be lost.
    type Journal: Journal;
    /// What must be agreed on right now.
    type Coordinator: Coordinator;
    /// What was refused.
    type Quarantine: Quarantine;
    /// Which region serves whom.
    type Regions: Regions;
    /// Where the audit chain is anchored.
    type Anchors: Anchors;

    /// The Journal.
    fn journal(&self) -> &Self::Journal;
    /// The Coordinator.
    fn coordinator(&self) -> &Self::Coordinator;
    /// The Quarantine.
    fn quarantine(&self) -> &Self::Quarantine;
    /// The regions.
    fn regions(&self) -> &Self::Regions;
    /// The anchors of the audit chain.
    fn anchors(&self) -> &Self::Anchors;
    /// The archive of the chains of all nodes, where there are several.
    fn audit_archive(&self) -> Option<CassandraAuditArchive>;
}

/// Stores, and around them codec, audit log, clock and entropy.
pub struct NodePorts<S: Stores> {
    /// Shared with who looks for evidence.
    pub(crate) stores: Arc<S>,
    pub(crate) codec: XmlCodec,
    pub(crate) audit_log: FileAuditLog,
    pub(crate) clock: SystemClock,
    pub(crate) entropy: SystemEntropy,
}

impl<S: Stores> Ports for NodePorts<S> {
    type Journal = S::Journal;
    type Coordinator = S::Coordinator;
    type Quarantine = S::Quarantine;
    type Regions = S::Regions;
    type Codec = XmlCodec;
    type AuditLog = FileAuditLog;
    type Anchors = S::Anchors;
    type Clock = SystemClock;
    type Entropy = SystemEntropy;

    fn journal(&self) -> &S::Journal {
        self.stores.journal()
    }

    fn coordinator(&self) -> &S::Coordinator {
        self.stores.coordinator()
    }

    fn quarantine(&self) -> &S::Quarantine {
        self.stores.quarantine()
    }

    fn regions(&self) -> &S::Regions {
        self.stores.regions()
    }

    fn codec(&self) -> &XmlCodec {
        &self.codec
    }

    fn audit_log(&self) -> &FileAuditLog {
        &self.audit_log
    }

    fn anchors(&self) -> &S::Anchors {
        self.stores.anchors()
    }

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn entropy(&self) -> &SystemEntropy {
        &self.entropy
    }
}
