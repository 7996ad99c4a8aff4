//! Randomness that a seed repeats. Nobody should trust it with a secret.

use std::sync::{Arc, Mutex};

use pix_stream_ports::entropy::Entropy;

use crate::fake::lock;

/// The generator splitmix64: small, and good enough to draw faults and ids.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator whose numbers follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "a generator never ends, so it is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; zero when that is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// Yes, in `per_mille` of 1000 cases.
    pub fn chance(&mut self, per_mille: u16) -> bool {
        self.below(1000) < u64::from(per_mille)
    }
}

/// Entropy from a seed.
#[derive(Debug, Clone)]
pub struct FakeEntropy(Arc<Mutex<SplitMix64>>);

impl FakeEntropy {
    /// Entropy that follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(SplitMix64::new(seed))))
    }
}

impl Entropy for FakeEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut generator = lock(&self.0);
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&generator.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_first_numbers_of_seed_1234567_come_out() {
        let mut generator = SplitMix64::new(1_234_567);
        assert_eq!(generator.next(), 6_457_827_717_110_365_317);
        assert_eq!(generator.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_seed_repeats_its_bytes() {
        let (mut a, mut b) = ([0; 13], [0; 13]);
        FakeEntropy::new(7).fill(&mut a);
        FakeEntropy::new(7).fill(&mut b);
        assert_eq!(a, b);
        assert_ne!(a, [0; 13]);
    }
}
