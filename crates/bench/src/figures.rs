//! What was measured, as numbers: one sample a round, medians of rounds, and their two spellings, table and JSON.

mod costs;

use std::time::Duration;

use color_eyre::eyre::Result;
use serde_json::json;

use crate::console;
pub(crate) use costs::{Costs, Samples, Step};

/// One measured task.
#[derive(Debug)]
pub(crate) struct Sample {
    operations: u64,
    elapsed: Duration,
    cpu: Duration,
    /// Of every operation, sorted.
    latencies: Vec<Duration>,
}

impl Sample {
    /// A task of as many operations as latencies.
    pub(crate) fn new(elapsed: Duration, cpu: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { operations: latencies.len() as u64, elapsed, cpu, latencies }
    }

    /// Takes in another part of the same task.
    pub(crate) fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.elapsed += other.elapsed;
        self.cpu += other.cpu;
        self.latencies.extend(other.latencies);
        self.latencies.sort_unstable();
    }

    fn cpu_micros(&self) -> f64 {
        micros(self.cpu) / self.operations.max(1) as f64
    }

    fn per_second(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Share of the core that the task used.
    fn busy(&self) -> f64 {
        self.cpu.as_secs_f64() / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn percentile_micros(&self, percent: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().map_or(0.0, micros)
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// One line of the table: the same task, as often as there were rounds.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) server: &'static str,
    /// Messages of one operation.
    pub(crate) messages: u64,
    pub(crate) samples: Vec<Sample>,
}

impl Row {
    pub(crate) const fn new(what: &'static str, server: &'static str, messages: u64) -> Self {
        Self { what, server, messages, samples: Vec::new() }
    }

    fn median(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.samples.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(0.0)
    }

    pub(crate) fn cpu_micros(&self) -> f64 {
        self.median(Sample::cpu_micros)
    }

    fn figures(&self) -> [f64; 6] {
        [
            self.cpu_micros(),
            self.median(Sample::per_second),
            self.median(Sample::per_second) * self.messages as f64,
            self.median(|s| s.percentile_micros(50)),
            self.median(|s| s.percentile_micros(99)),
            self.median(Sample::busy) * 100.0,
        ]
    }
}

/// A single figure, and what it is held against.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) what: &'static str,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) target: &'static str,
}

/// All that a run found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) machine: String,
    /// Of the codec alone.
    pub(crate) costs: Vec<Costs>,
    pub(crate) rows: Vec<Row>,
    pub(crate) values: Vec<Value>,
}

impl Report {
    /// Adds one sample to the row of its task.
    pub(crate) fn add(&mut self, what: &'static str, server: &'static str, messages: u64, sample: Sample) {
        let found = self.rows.iter().position(|row| row.what == what && row.server == server);
        let at = found.unwrap_or_else(|| {
            self.rows.push(Row::new(what, server, messages));
            self.rows.len() - 1
        });
        self.rows[at].samples.push(sample);
    }

    pub(crate) fn value(&mut self, what: &'static str, value: f64, unit: &'static str, target: &'static str) {
        self.values.push(Value { what, value, unit, target });
    }

    /// Our speed as a share of a peer's, by CPU time, for each task that both did.
    fn shares(&self) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
        let peers = self.rows.iter().filter(|row| row.server != OURS);
        peers.filter_map(|peer| {
            let ours = self.rows.iter().find(|row| row.server == OURS && row.what == peer.what)?;
            Some((peer.what, peer.server, peer.cpu_micros() / ours.cpu_micros()))
        })
    }

    pub(crate) fn print(&self, as_json: bool) -> Result<()> {
        if as_json { self.print_json() } else { self.print_table() }
    }

    fn print_table(&self) -> Result<()> {
        console::result(&self.machine)?;
        self.costs.iter().try_for_each(Costs::print_table)?;
        self.print_rows()?;
        if self.values.is_empty() {
            return Ok(());
        }
        console::result("\n| figure | value | target |\n|---|---:|---|")?;
        for Value { what, value, unit, target } in &self.values {
            console::result(&format!("| {what} | {value:.1} {unit} | {target} |"))?;
        }
        for (what, peer, share) in self.shares() {
            console::result(&format!(
                "| {what}, as a share of {peer}'s speed | {share:.2} | 0.6, later issue |"
            ))?;
        }
        Ok(())
    }

    fn print_rows(&self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        console::result("")?;
        console::result("| task | server | CPU µs | a second | messages/s | p50 µs | p99 µs | core busy |")?;
        console::result("|---|---|---:|---:|---:|---:|---:|---:|")?;
        for row in &self.rows {
            let [cpu, rate, messages, p50, p99, busy] = row.figures();
            console::result(&format!(
                "| {} | {} | {cpu:.1} | {rate:.0} | {messages:.0} | {p50:.0} | {p99:.0} | {busy:.0} % |",
                row.what, row.server
            ))?;
        }
        Ok(())
    }

    fn print_json(&self) -> Result<()> {
        console::result(&json!({ "event": "machine", "machine": self.machine }).to_string())?;
        self.costs.iter().try_for_each(Costs::print_json)?;
        for row in &self.rows {
            let [cpu, rate, messages, p50, p99, busy] = row.figures().map(rounded);
            let line = json!({
                "event": "task", "task": row.what, "server": row.server, "rounds": row.samples.len(),
                "operations": row.samples.first().map(|s| s.operations), "cpu_us": cpu, "per_second": rate,
                "messages_per_second": messages, "p50_us": p50, "p99_us": p99, "busy_percent": busy,
            });
            console::result(&line.to_string())?;
        }
        for Value { what, value, unit, target } in &self.values {
            let line = json!({
                "event": "figure", "figure": what, "value": rounded(*value), "unit": unit, "target": target,
            });
            console::result(&line.to_string())?;
        }
        for (what, peer, share) in self.shares() {
            let line = json!({ "event": "share", "task": what, "peer": peer, "share": rounded(share) });
            console::result(&line.to_string())?;
        }
        Ok(())
    }
}

/// How the measured server is called in reports.
pub(crate) const OURS: &str = "pix-stream";

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu_micros: u64) -> Sample {
        let latencies = (1..=100).rev().map(Duration::from_micros).collect();
        Sample::new(Duration::from_millis(10), Duration::from_micros(cpu_micros * 100), latencies)
    }

    #[test]
    fn a_row_gives_the_median_of_its_rounds() {
        let mut report = Report::default();
        [30, 10, 20].into_iter().for_each(|cpu| report.add("pull", OURS, 10, sample(cpu)));
        report.add("pull", "nginx", 10, sample(10));
        let [cpu, rate, messages, p50, p99, busy] = report.rows[0].figures().map(f64::round);
        assert_eq!((cpu, rate, messages, p50, p99, busy), (20.0, 10_000.0, 100_000.0, 50.0, 99.0, 20.0));
        assert_eq!(report.shares().map(|(_, _, share)| rounded(share)).collect::<Vec<_>>(), [0.5]);
    }
}
