//! The fallback as a node sees it: the contract on both sides, and random outages (issue 6, item 5).

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails the test")]

mod contract;
mod histories;
mod outages;
mod surveys;
mod world;
