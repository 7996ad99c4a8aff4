//! What happened in each second of a run.

use std::time::Duration;

/// Latencies of one second that are kept; beyond, the second is busy enough to be judged by them.
const LATENCIES_MAX: usize = 4_096;

/// One second.
#[derive(Debug, Clone, Default)]
pub(crate) struct Second {
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) redelivered: u64,
    /// Requests of clients that failed or were refused.
    pub(crate) failed: u64,
    /// From the request to publish to the delivery, in milliseconds.
    latencies: Vec<u32>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(Vec<Second>);

impl Series {
    /// The second that holds a time of the run.
    pub(crate) fn at(&mut self, at: Duration) -> &mut Second {
        let index = usize::try_from(at.as_secs()).unwrap_or(usize::MAX).min(7 * 24 * 3_600);
        if index >= self.0.len() {
            self.0.resize_with(index + 1, Second::default);
        }
        &mut self.0[index]
    }

    pub(crate) fn seconds(&self) -> &[Second] {
        &self.0
    }

    /// A quantile of all latencies, in milliseconds.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<u32> {
        let all = self.0.iter().flat_map(|second| second.latencies.iter().copied()).collect();
        quantile_of(all, quantile)
    }
}

impl Second {
    pub(crate) fn note_latency(&mut self, latency: Duration) {
        if self.latencies.len() < LATENCIES_MAX {
            self.latencies.push(u32::try_from(latency.as_millis()).unwrap_or(u32::MAX));
        }
    }

    /// A quantile of this second's latencies, in milliseconds.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<u32> {
        quantile_of(self.latencies.clone(), quantile)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the values")]
fn quantile_of(mut values: Vec<u32>, quantile: f64) -> Option<u32> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * quantile.clamp(0.0, 1.0)).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_what_was_noted() {
        let mut series = Series::default();
        assert_eq!(series.quantile(0.5), None);
        for millis in 0..=100 {
            series.at(Duration::from_secs(millis % 3)).note_latency(Duration::from_millis(millis));
        }
        assert_eq!(
            (series.quantile(0.5), series.quantile(0.99), series.quantile(1.0)),
            (Some(50), Some(99), Some(100))
        );
        assert_eq!(series.seconds().len(), 3);
    }
}
