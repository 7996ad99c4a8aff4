//! Every port in memory: honest to its documentation, and with faults that a test switches on.
//!
//! Handles are cloned freely and share one store. What a crash takes is up to the test: a node is the `app` that
//! holds a [`FakePorts`]; dropping it leaves the stores as they are. In a cluster that is all that happens (but
//! [`FakeCoordinator::disconnect`] its listeners); of an embedded node the Coordinator dies too: [`FakeCoordinator::forget`].

pub mod anchors;
pub mod audit_archive;
pub mod audit_log;
pub mod codec;
pub mod coordinator;
pub mod entropy;
pub mod faults;
pub mod intake;
pub mod journal;
pub mod quarantine;
pub mod regions;
pub mod serial_states;

use std::sync::{Mutex, MutexGuard, PoisonError};

use pix_stream_ports::Ports;

use crate::sim_clock::SimClock;

pub use anchors::FakeAnchors;
pub use audit_archive::FakeAuditArchive;
pub use audit_log::FakeAuditLog;
pub use codec::FakeCodec;
pub use coordinator::FakeCoordinator;
pub use entropy::{FakeEntropy, SplitMix64};
pub use faults::Faults;
pub use intake::FakeIntake;
pub use journal::FakeJournal;
pub use quarantine::FakeQuarantine;
pub use regions::FakeRegions;
pub use serial_states::FakeSerialStates;

/// One of each fake: the ports of one node. A clone is the same node; [`FakePorts::another_node`] is another one
/// on the same stores.
#[derive(Debug, Clone)]
pub struct FakePorts {
    /// The Journal.
    pub journal: FakeJournal,
    /// The Coordinator, as this node reaches it.
    pub coordinator: FakeCoordinator,
    /// The Quarantine.
    pub quarantine: FakeQuarantine,
    /// The regions, as this node knows them.
    pub regions: FakeRegions,
    /// The codec.
    pub codec: FakeCodec,
    /// The audit log.
    pub audit_log: FakeAuditLog,
    /// Where it is anchored.
    pub anchors: FakeAnchors,
    /// The clock.
    pub clock: SimClock,
    /// Entropy.
    pub entropy: FakeEntropy,
}

impl FakePorts {
    /// Empty stores, a clock, and everything random from `seed`.
    #[must_use]
    pub fn new(seed: u64, clock: SimClock) -> Self {
        let mut seeds = SplitMix64::new(seed);
        Self {
            journal: FakeJournal::new(seeds.next()),
            coordinator: FakeCoordinator::new(seeds.next()),
            regions: FakeRegions::default(),
            codec: FakeCodec,
            audit_log: FakeAuditLog::new(seeds.next()),
            clock,
            entropy: FakeEntropy::new(seeds.next()),
            quarantine: FakeQuarantine::new(seeds.next()),
            anchors: FakeAnchors::new(seeds.next()),
        }
    }

    /// The ports of another node on the same stores.
    #[must_use]
    pub fn another_node(&self) -> Self {
        Self { coordinator: self.coordinator.another_node(), ..self.clone() }
    }
}

impl Ports for FakePorts {
    type Journal = FakeJournal;
    type Coordinator = FakeCoordinator;
    type Quarantine = FakeQuarantine;
    type Regions = FakeRegions;
    type Codec = FakeCodec;
    type AuditLog = FakeAuditLog;
    type Anchors = FakeAnchors;
    type Clock = SimClock;
    type Entropy = FakeEntropy;

    fn journal(&self) -> &FakeJournal {
        &self.journal
    }

    fn coordinator(&self) -> &FakeCoordinator {
        &self.coordinator
    }

    fn quarantine(&self) -> &FakeQuarantine {
        &self.quarantine
    }

    fn regions(&self) -> &FakeRegions {
        &self.regions
    }

    fn codec(&self) -> &FakeCodec {
        &self.codec
    }

    fn audit_log(&self) -> &FakeAuditLog {
        &self.audit_log
    }

    fn anchors(&self) -> &FakeAnchors {
        &self.anchors
    }

    fn clock(&self) -> &SimClock {
        &self.clock
    }

    fn entropy(&self) -> &FakeEntropy {
        &self.entropy
    }
}

/// A test that panicked while it held a lock has failed already; the others shall say their own.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
