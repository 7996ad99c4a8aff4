//! What an audit chain proves: whether it holds, the way of one message, a period with its proof.
//!
//! The form of lines ([mod@line], [`entry`]), the way along a chain ([`Walk`]) and against its anchors ([`anchored`]), the
//! reading of files ([`files`], [`tail`]) and of the archive ([`archive`]); on top of these the walk of an auditor
//! ([`journey`], [`report`]) and the export of a period ([`export`], [`proof`]). Nothing is written to a log here,
//! and nothing of a message is known but its id and digest.

pub mod anchored;
pub mod archive;
pub mod entry;
pub mod export;
pub mod files;
pub mod journey;
pub mod line;
pub mod names;
pub mod proof;
pub mod report;
pub mod rfc3339;
pub mod start;
pub mod tail;
mod walk;

pub use walk::Walk;
