//! Rendezvous hashing: which region a participant belongs to as long as nobody chose another one. Every node computes
//! the same, of any build: what is here never changes.

use pix_stream_domain::ispb::Ispb;

/// The region with the highest weight for a participant; `None` when there are no regions.
pub(super) fn owner(regions: &[Box<str>], ispb: Ispb) -> Option<&str> {
    let weighed = regions.iter().map(|region| (weight(region, ispb), &**region));
    weighed.max().map(|(_, region)| region)
}

/// FNV-1a over the region's name, a zero, and the participant, then the finisher of splitmix64 so that every bit of
/// the sum counts.
fn weight(region: &str, ispb: Ispb) -> u64 {
    let bytes = region.bytes().chain([0]).chain(*ispb.as_bytes());
    let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut z = sum.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn regions(names: &[&str]) -> Vec<Box<str>> {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    fn ispb(n: u32) -> Ispb {
        format!("{n:08}").parse().unwrap()
    }

    #[test]
    fn participants_are_spread_evenly() {
        let regions = regions(&["sp", "rj", "df"]);
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for n in 0..3_000 {
            *counts.entry(owner(&regions, ispb(n)).unwrap()).or_default() += 1;
        }
        assert!(counts.values().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_region_that_joins_takes_its_share_and_moves_nobody_else() {
        let (before, after) = (regions(&["sp", "rj"]), regions(&["sp", "rj", "df"]));
        for n in 0..1_000 {
            let (was, is) = (owner(&before, ispb(n)), owner(&after, ispb(n)));
            assert!(is == was || is == Some("df"), "{n}: {was:?} to {is:?}");
        }
    }

    #[test]
    fn weights_never_change() {
        let sample: Vec<u64> = (0..2).map(|n| weight("sp", ispb(n))).collect();
        assert_eq!(sample, [8_821_654_519_995_413_107, 8_623_586_801_503_441_892]);
    }
}
