//! The first look at a log, before it is written on: whether it still holds what was anchored of it.

use std::path::Path;

use pix_stream_domain::audit::ChainId;
use pix_stream_ports::anchors::Anchor;

use crate::anchored::{Verdict, judge};
use crate::files::{VerifyError, find_hash};

/// The anchors that the log in a folder does not hold, each of which nobody has told yet. Of a node that is alone every
/// chain that was ever anchored must be this one, under whatever name; in a cluster others are their nodes' business.
///
/// # Errors
/// A file cannot be read, or the chain in it does not hold.
pub fn find_breaks(
    dir: &Path,
    chain: ChainId,
    anchors: &[Anchor],
    is_alone: bool,
) -> Result<Vec<(Anchor, Verdict)>, VerifyError> {
    let is_ours = |anchor: &&Anchor| anchor.broken_at.is_none() && (is_alone || anchor.chain == chain);
    let mut breaks = Vec::new();
    for anchor in anchors.iter().filter(is_ours) {
        let verdict = judge(anchor, find_hash(dir, anchor.head.entry)?);
        if verdict != Verdict::Holds {
            breaks.push((*anchor, verdict));
        }
    }
    Ok(breaks)
}
