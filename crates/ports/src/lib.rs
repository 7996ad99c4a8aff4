//! What the core needs from the outside, as traits: capabilities, not tools.
//!
//! Two stores, because there are two needs: the [`journal::Journal`] keeps what must never be lost, the
//! [`coordinator::Coordinator`] what must be agreed on right now. Around them the [`audit_log::AuditLog`] with its
//! [`anchors::Anchors`], the
//! [`quarantine::Quarantine`] for what was refused, the [`regions::Regions`] of a cluster in several data centres, the
//! [`codec::Codec`] that keeps XML out of the core, a [`clock::Clock`] and [`entropy::Entropy`]. Beside the bundle, for
//! clusters only: the [`intake::Intake`], the [`serial_states::SerialStates`] and the [`audit_archive::AuditArchive`].
//!
//! [`Ports`] bundles one choice of each, so that the core has a single type parameter.

pub mod anchors;
pub mod audit_archive;
pub mod audit_log;
pub mod clock;
pub mod codec;
pub mod coordinator;
pub mod entropy;
pub mod error;
pub mod intake;
pub mod journal;
pub mod quarantine;
pub mod regions;
pub mod serial_states;

/// One choice of every port.
pub trait Ports: Send + Sync + 'static {
    /// What must never be lost.
    type Journal: journal::Journal;
    /// What must be agreed on right now.
    type Coordinator: coordinator::Coordinator;
    /// What was refused and waits for a decision.
    type Quarantine: quarantine::Quarantine;
    /// Which region serves whom.
    type Regions: regions::Regions;
    /// XML and the wire format.
    type Codec: codec::Codec;
    /// The audit chain.
    type AuditLog: audit_log::AuditLog;
    /// Where the audit chain is anchored.
    type Anchors: anchors::Anchors;
    /// Time.
    type Clock: clock::Clock;
    /// Randomness.
    type Entropy: entropy::Entropy;

    /// The Journal.
    fn journal(&self) -> &Self::Journal;
    /// The Coordinator.
    fn coordinator(&self) -> &Self::Coordinator;
    /// The Quarantine.
    fn quarantine(&self) -> &Self::Quarantine;
    /// The regions.
    fn regions(&self) -> &Self::Regions;
    /// The codec.
    fn codec(&self) -> &Self::Codec;
    /// The audit log.
    fn audit_log(&self) -> &Self::AuditLog;
    /// The anchors of the audit chain.
    fn anchors(&self) -> &Self::Anchors;
    /// The clock.
    fn clock(&self) -> &Self::Clock;
    /// Entropy.
    fn entropy(&self) -> &Self::Entropy;
}
