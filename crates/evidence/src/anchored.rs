//! Whether a chain holds what was anchored of it.

use pix_stream_domain::digest::Digest;
use pix_stream_ports::anchors::Anchor;

use crate::line::Place;

/// What a chain says to an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The entry is there, with the hash that was anchored.
    Holds,
    /// The chain ends before it: its end was cut off.
    Cut,
    /// Another entry has its number: the chain was made anew, or changed and chained again.
    Differs,
    /// The chain was read from a later entry on only.
    NotRead,
}

/// Anchors of one chain, compared while it is read.
#[derive(Debug, Clone, Default)]
pub struct Anchored {
    anchors: Vec<(Anchor, Verdict)>,
}

impl Anchored {
    /// These anchors, none of which was seen yet.
    #[must_use]
    pub fn new(anchors: Vec<Anchor>) -> Self {
        Self { anchors: anchors.into_iter().map(|anchor| (anchor, Verdict::Cut)).collect() }
    }

    /// The next entry of the chain.
    pub fn see(&mut self, place: Place) {
        for (anchor, verdict) in &mut self.anchors {
            let entry = anchor.head.entry;
            if place.n == entry {
                *verdict = judge(anchor, Some(place.hash));
            } else if place.n > entry && *verdict == Verdict::Cut {
                *verdict = Verdict::NotRead;
            }
        }
    }

    /// The anchors, each with what the chain says to it.
    #[must_use]
    pub fn verdicts(&self) -> &[(Anchor, Verdict)] {
        &self.anchors
    }
}

/// What is said to an anchor by the hash that its entry has, if it is there.
#[must_use]
pub fn judge(anchor: &Anchor, hash: Option<Digest>) -> Verdict {
    match hash {
        None => Verdict::Cut,
        Some(hash) if hash == anchor.head.hash => Verdict::Holds,
        Some(_) => Verdict::Differs,
    }
}

/// What is wrong, for people; nothing where the chain holds the anchor or was not read there.
#[must_use]
pub fn finding(anchor: &Anchor, verdict: Verdict) -> Option<String> {
    let Anchor { chain, head, .. } = anchor;
    let entry = head.entry;
    match verdict {
        Verdict::Holds | Verdict::NotRead => None,
        Verdict::Cut => Some(format!(
            "chain {chain} was anchored at entry {entry}, and ends before it: its end was cut off"
        )),
        Verdict::Differs => Some(format!(
            "entry {entry} of chain {chain} is not the one that was anchored: the chain was made anew or replaced"
        )),
    }
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::audit::{ChainId, Head};
    use pix_stream_domain::time::Timestamp;

    use super::*;

    fn anchor(entry: u64) -> Anchor {
        let head = Head { entry, hash: hash(entry) };
        Anchor { chain: ChainId([1; 8]), head, at: Timestamp::default(), broken_at: None }
    }

    fn hash(entry: u64) -> Digest {
        Digest::of(&entry.to_be_bytes())
    }

    #[test]
    fn an_anchor_holds_is_cut_off_is_another_entry_or_lies_before_what_was_read() {
        let forged = Anchor { head: Head { entry: 5, hash: Digest::of(b"x") }, ..anchor(5) };
        let mut anchored = Anchored::new(vec![anchor(4), anchor(7), forged, anchor(2)]);
        for n in 3..=6 {
            anchored.see(Place { n, prev: hash(n - 1), hash: hash(n) });
        }
        let verdicts: Vec<_> = anchored.verdicts().iter().map(|(_, verdict)| *verdict).collect();
        assert_eq!(verdicts, [Verdict::Holds, Verdict::Cut, Verdict::Differs, Verdict::NotRead]);
        let findings = anchored.verdicts().iter().filter_map(|(anchor, verdict)| finding(anchor, *verdict));
        assert_eq!(findings.count(), 2);
    }
}
