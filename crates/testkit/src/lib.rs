//! Contracts, fakes, simulated time and faults, the oracle: for tests only, never part of what is shipped.
//!
//! - [`fake`]: an honest in-memory implementation of every port, with faults to switch on.
//! - [`sim_clock`]: a clock that a test sets, or that follows tokio's paused time.
//! - [`oracle`]: knows what was published, delivered and confirmed, and says which invariant broke.
//! - [`contract`]: what every implementation of a port must do, as one suite per port.
//! - [`fixture`]: the XML of the `fixtures` folder.
//! - [`http`]: requests and answers, byte by byte.

pub mod contract;
pub mod fake;
pub mod fixture;
pub mod http;
pub mod sim_clock;

pub use fake::{
    FakeAuditLog, FakeCodec, FakeCoordinator, FakeEntropy, FakeIntake, FakeJournal, FakePorts,
    FakeQuarantine, Faults,
};
pub use pix_stream_oracle as oracle;
pub use pix_stream_oracle::{Oracle, Report, Violation};
pub use sim_clock::SimClock;
