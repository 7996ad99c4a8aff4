//! The session against a cluster that misbehaves, and the driver's own transport against the same one, to show
//! that each defect is there (issue 6, item 2; defects C1 to C6).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "support functions of tests fail their test")]

mod agreement;
mod hung_nodes;
mod identity;
mod outcomes;
mod resets;
mod routing;
mod stream_ids;
mod support;
