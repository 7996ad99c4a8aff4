//! The embedded stores: everything that one machine needs, in files of one folder and in memory.
//!
//! [`journal::EmbeddedJournal`] keeps what must never be lost in one redb file, [`coordinator::LocalCoordinator`]
//! what must be agreed on right now in this process, [`audit_log::FileAuditLog`] the audit chain in plain files.
//! No rule of the protocol lives here: the stores keep, order and compare versions.

pub mod audit_log;
pub mod coordinator;
mod fault;
mod folder;
pub mod journal;
pub mod metrics;

pub use audit_log::FileAuditLog;
pub use coordinator::LocalCoordinator;
pub use folder::FolderError;
pub use journal::EmbeddedJournal;
