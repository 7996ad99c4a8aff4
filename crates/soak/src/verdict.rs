//! Whether memory and file descriptors of the servers stay flat.

use std::time::Duration;

use crate::sample::Sample;

/// A process younger than this still fills its caches.
const SETTLED: Duration = Duration::from_secs(20);
/// The first part of a run that does not count.
const WARM_UP: f64 = 0.3;
/// A shorter run says nothing about a trend.
const SPAN_MIN: Duration = Duration::from_secs(120);
/// Growth that counts as flat, a minute.
pub(crate) const RSS_GROWTH_MAX: f64 = 4.0 * 1024.0 * 1024.0;
/// The same of file descriptors.
pub(crate) const FDS_GROWTH_MAX: f64 = 4.0;

/// The trend of one process.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trend {
    pub(crate) name: String,
    /// Bytes a minute.
    pub(crate) rss: f64,
    /// A minute.
    pub(crate) fds: f64,
}

impl Trend {
    pub(crate) fn violation(&self) -> Option<String> {
        let Self { name, rss, fds } = self;
        if *rss > RSS_GROWTH_MAX {
            return Some(format!(
                "the memory of {name} grows by {:.1} MiB a minute",
                rss / (1024.0 * 1024.0)
            ));
        }
        (*fds > FDS_GROWTH_MAX).then(|| format!("the file descriptors of {name} grow by {fds:.1} a minute"))
    }
}

/// The trend of each server of which enough was seen.
pub(crate) fn trends(samples: &[Sample], servers: &[String], ran: Duration) -> Vec<Trend> {
    let from = ran.mul_f64(WARM_UP);
    let trend = |name: &String| {
        let seen: Vec<&Sample> =
            samples.iter().filter(|s| s.name == *name && s.at >= from && s.age >= SETTLED).collect();
        let span = seen.last()?.at.saturating_sub(seen.first()?.at);
        let slope = |value: fn(&Sample) -> u64| {
            slope(&seen.iter().map(|s| (s.at.as_secs_f64() / 60.0, value(s) as f64)).collect::<Vec<_>>())
        };
        (span >= SPAN_MIN).then(|| Trend {
            name: name.clone(),
            rss: slope(|s| s.rss_bytes),
            fds: slope(|s| s.fds),
        })
    };
    servers.iter().filter_map(trend).collect()
}

/// The slope of the line that fits best.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let over: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let under: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    if under > 0.0 { over / under } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(grows: u64) -> Vec<Sample> {
        let sample = |second: u64| Sample {
            name: "server".to_owned(),
            at: Duration::from_secs(second),
            age: Duration::from_secs(second),
            rss_bytes: 50_000_000 + second % 7 * 100_000 + second * grows,
            fds: 100 + second % 5,
            cpu: Duration::ZERO,
        };
        (0..600).map(sample).collect()
    }

    #[test]
    fn growth_is_found_and_noise_is_not() {
        let ran = Duration::from_secs(600);
        let servers = ["server".to_owned()];
        let flat = trends(&samples(0), &servers, ran);
        assert_eq!(flat[0].violation(), None, "{flat:?}");
        let grown = trends(&samples(200_000), &servers, ran);
        assert!(grown[0].violation().is_some_and(|what| what.contains("memory")), "{grown:?}");
    }

    #[test]
    fn a_short_run_is_not_judged() {
        let few = samples(1_000_000).into_iter().take(60).collect::<Vec<_>>();
        assert!(trends(&few, &["server".to_owned()], Duration::from_secs(60)).is_empty());
    }
}
