//! Randomness: for resource ids, jitter and ids of requests.

/// Gives bytes that nobody can predict.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `buffer` with random bytes. Blocks at most for the length of a system call.
    fn fill(&self, buffer: &mut [u8]);
}
