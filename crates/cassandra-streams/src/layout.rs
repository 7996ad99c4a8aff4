//! Where things stand: which bucket holds a sequence number, which block its fingerprint. Arithmetic alone, no I/O.

use pix_stream_domain::digest::Digest;

/// Sequence numbers after which a bucket is full. The border is soft: the batch that reaches it may pass it, and the
/// next bucket starts where this one ended (ADR 0017).
pub(crate) const BUCKET: u64 = 10_000;
/// The most messages of one batch, so the most sequence numbers by which a bucket passes its border. A statement of
/// many more inserts does not fit into the memory in which small clusters keep what was prepared.
pub(crate) const BATCH_MAX: usize = 320;
/// Sequence numbers of one block of fingerprints.
pub(crate) const BLOCK: u64 = 500;
/// Bytes of one fingerprint.
pub(crate) const PRINT_BYTES: usize = 8;
/// The first sequence number of a participant.
pub(crate) const FIRST: u64 = 1;

const _: () =
    assert!((BATCH_MAX as u64) < BUCKET, "a sequence number is in its own bucket or the one before");
const _: () = assert!(BUCKET.is_multiple_of(BLOCK), "a partition holds whole blocks");

/// The token of the batch that wrote a row or moved a head: random, never used twice.
pub(crate) type Token = [u8; 16];

/// The bucket that holds a sequence number, as far as arithmetic alone can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// This one.
    Certain(u64),
    /// This one, if it starts at or before the sequence number; otherwise the one before.
    AtMost(u64),
}

/// Where to look for a sequence number.
pub(crate) const fn place(sequence: u64) -> Place {
    let bucket = sequence / BUCKET;
    if bucket == 0 || sequence % BUCKET >= BATCH_MAX as u64 {
        Place::Certain(bucket)
    } else {
        Place::AtMost(bucket)
    }
}

/// Whether a bucket takes no more batches once its head is at `next`.
pub(crate) const fn is_full(bucket: u64, next: u64) -> bool {
    next >= (bucket + 1) * BUCKET
}

/// The eight bytes that stand for a business id. Never zero, which stands for none.
pub(crate) fn fingerprint(business_id: &str) -> u64 {
    let Digest(digest) = Digest::of(business_id.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).max(1)
}

/// The block of a sequence number.
pub(crate) const fn block_of(sequence: u64) -> u64 {
    sequence / BLOCK
}

/// The first sequence number of a block. Block 0 is one shorter than the others, as there is no message 0.
pub(crate) const fn block_start(block: u64) -> u64 {
    if block == 0 { FIRST } else { block * BLOCK }
}

/// The sequence number after a block.
pub(crate) const fn block_end(block: u64) -> u64 {
    (block + 1) * BLOCK
}

/// The partition of a block: the bucket that its first sequence number would be in, were borders hard.
pub(crate) const fn block_partition(block: u64) -> u64 {
    block * BLOCK / BUCKET
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fills buckets with batches as a lane does, and gives the first sequence number of each bucket.
    fn fill(batches: &[usize]) -> (Vec<u64>, u64) {
        let (mut firsts, mut next) = (vec![FIRST], FIRST);
        for batch in batches {
            if is_full(firsts.len() as u64 - 1, next) {
                firsts.push(next);
            }
            next += *batch as u64;
        }
        (firsts, next)
    }

    proptest! {
        #[test]
        fn every_sequence_number_is_found_whatever_the_batches(
            batches in proptest::collection::vec(1..=BATCH_MAX, 1..200),
        ) {
            let (firsts, next) = fill(&batches);
            for sequence in FIRST..next {
                let holds = firsts.partition_point(|first| *first <= sequence) as u64 - 1;
                match place(sequence) {
                    Place::Certain(bucket) => prop_assert_eq!(bucket, holds, "of {}", sequence),
                    Place::AtMost(bucket) => {
                        let opened = firsts.get(usize::try_from(bucket).unwrap());
                        let found = if opened.is_some_and(|first| *first <= sequence) { bucket } else { bucket - 1 };
                        prop_assert_eq!(found, holds, "of {}", sequence);
                    }
                }
            }
        }

        #[test]
        fn blocks_follow_each_other_without_gaps(sequence in FIRST..1_000_000) {
            let block = block_of(sequence);
            prop_assert!((block_start(block)..block_end(block)).contains(&sequence));
            prop_assert_eq!(block_end(block), block_start(block + 1));
            prop_assert_eq!(block_partition(block), block_start(block) / BUCKET);
        }
    }

    #[test]
    fn a_fingerprint_is_the_start_of_the_sha_256() {
        // SHA-256 of "abc" starts with ba7816bf8f01cfea (FIPS 180-2, appendix B.1).
        assert_eq!(fingerprint("abc"), 0xba78_16bf_8f01_cfea);
    }
}
