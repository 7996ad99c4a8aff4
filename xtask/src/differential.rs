//! `cargo xtask differential`: builds and runs the comparison of our schema engine with `xmllint` and `xsd-schema`,
//! which lives in `crates/schema/tests/it`.
//!
//! Only seeds, counts and the presence of `xmllint` are decided here. A document is a function of its seed, so
//! replaying means asking for the seed again.

use color_eyre::eyre::Result;
use pix_stream_stores::install;

use crate::flags::DifferentialFlags;
use crate::process::{self, Stopwatch};
use crate::{console, test};

/// Variable that tells the comparison its first seed.
const SEED: &str = "PIX_DIFFERENTIAL_SEED";
/// Variable that tells the comparison how many documents of each message to make.
pub(crate) const COUNT: &str = "PIX_DIFFERENTIAL_COUNT";

/// Of these a third is valid and the rest is broken: 2,000 and 4,000 of each message and origin of schemas.
const DEFAULT_COUNT: u64 = 6_000;

/// Runs the comparison; true when no disagreement is open.
pub(crate) fn run(flags: &DifferentialFlags) -> Result<bool> {
    let (seed, count) = plan(flags);
    bring_xmllint();
    console::progress(&format!("[differential] {count} documents of each message from seed {seed}"));
    let mut command = process::cargo();
    // The simulation's profile: optimised, with the checks of a debug build.
    command.args(["test", "--profile", "sim", "--package", "pix-stream-schema", "--test", "it", "--"]);
    command.args(["differential", "--nocapture"]);
    command.env(SEED, seed.to_string()).env(COUNT, count.to_string());
    let watch = Stopwatch::start();
    let passed = test::each_line(&mut command, |_| {})?;
    let verdict = if passed { "passed" } else { "FAILED" };
    console::progress(&format!("[differential] {verdict} after {}", watch.shown()));
    Ok(passed)
}

/// Installs `xmllint` where that can be done without asking; elsewhere the test that needs it says what to do.
pub(crate) fn bring_xmllint() {
    if let Err(error) = install::bring(install::XMLLINT) {
        console::progress(&format!("[differential] {error}"));
    }
}

/// First seed and number of documents: a seed alone is a replay.
fn plan(flags: &DifferentialFlags) -> (u64, u64) {
    let count = flags.count.unwrap_or(if flags.seed.is_some() { 1 } else { DEFAULT_COUNT });
    (flags.seed.unwrap_or(0), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_alone_replays_one_document_of_each_message() {
        assert_eq!(plan(&DifferentialFlags { seed: Some(77), count: None }), (77, 1));
        assert_eq!(plan(&DifferentialFlags { seed: Some(77), count: Some(5) }), (77, 5));
        assert_eq!(plan(&DifferentialFlags { seed: None, count: None }), (0, DEFAULT_COUNT));
    }
}
