//! What the steps of one operation cost, each by itself and up to there, and their two spellings.

use color_eyre::eyre::Result;
use serde_json::json;

use crate::console;
use crate::figures::rounded;

/// Microseconds of CPU of one run, once a round.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, micros: f64) {
        self.0.push(micros);
    }

    /// The one in the middle.
    pub(crate) fn median(&self) -> f64 {
        self.figures().median
    }

    fn figures(&self) -> Figures {
        let mut samples = self.0.clone();
        samples.sort_by(f64::total_cmp);
        let at = |place: usize| samples.get(place).copied().unwrap_or(0.0);
        Figures { median: at(samples.len() / 2), least: at(0) }
    }
}

/// What a step costs: in the middle, and when nobody else uses the machine, give or take.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Figures {
    median: f64,
    least: f64,
}

/// A step.
#[derive(Debug)]
pub(crate) struct Step {
    what: &'static str,
    figures: Figures,
    /// Messages a second of all steps up to this one; empty for none.
    target: &'static str,
    /// Not in every operation, and so in no sum.
    is_aside: bool,
}

impl Step {
    pub(crate) fn new(what: &'static str, samples: &Samples) -> Self {
        Self { what, figures: samples.figures(), target: "", is_aside: false }
    }

    /// What one run costs more than another: how a step is measured that cannot run by itself.
    pub(crate) fn between(what: &'static str, with: &Samples, without: &Samples) -> Self {
        let (with, without) = (with.figures(), without.figures());
        let figures = Figures { median: with.median - without.median, least: with.least - without.least };
        Self { what, figures, target: "", is_aside: false }
    }

    pub(crate) const fn target(self, target: &'static str) -> Self {
        Self { target, ..self }
    }

    pub(crate) const fn aside(self) -> Self {
        Self { is_aside: true, ..self }
    }
}

/// The steps of one operation, in their order.
#[derive(Debug)]
pub(crate) struct Costs {
    pub(crate) subject: String,
    pub(crate) steps: Vec<Step>,
}

impl Costs {
    /// Each step with its percent of the whole, and operations a second of the steps up to there, on one core.
    fn standings(&self) -> Vec<(&Step, Option<(f64, f64)>)> {
        let counted = |step: &Step| if step.is_aside { 0.0 } else { step.figures.median };
        let whole: f64 = self.steps.iter().map(counted).sum();
        let mut sum = 0.0;
        let standing = |step| {
            let micros = counted(step);
            sum += micros;
            (step, (!step.is_aside).then_some((micros / whole * 100.0, 1e6 / sum)))
        };
        self.steps.iter().map(standing).collect()
    }

    pub(crate) fn print_table(&self) -> Result<()> {
        console::result(&format!(
            "\n| {} | CPU µs | share | messages/s up to here | target |",
            self.subject
        ))?;
        console::result("|---|---:|---:|---:|---:|")?;
        for (Step { what, figures, target, .. }, standing) in self.standings() {
            let micros = figures.median;
            let (share, rate) = standing.map_or_else(Default::default, |(share, rate)| {
                (format!("{share:.0} %"), format!("{rate:.0}"))
            });
            console::result(&format!("| {what} | {micros:.1} | {share} | {rate} | {target} |"))?;
        }
        Ok(())
    }

    pub(crate) fn print_json(&self) -> Result<()> {
        for (Step { what, figures: Figures { median, least }, target, .. }, standing) in self.standings() {
            let line = json!({
                "event": "step", "subject": self.subject, "step": what, "cpu_us": rounded(*median),
                "least_cpu_us": rounded(*least),
                "share_percent": standing.map(|(share, _)| rounded(share)),
                "messages_per_second": standing.map(|(_, rate)| rounded(rate)), "target": target,
            });
            console::result(&line.to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(median: f64) -> Samples {
        Samples(vec![median + 1.0, median - 2.0, median])
    }

    #[test]
    fn steps_add_up_but_for_those_aside() {
        let steps = vec![
            Step::new("a", &samples(75.0)),
            Step::between("b", &samples(100.0), &samples(75.0)).target("10"),
            Step::new("c", &samples(50.0)).aside(),
        ];
        assert_eq!(steps[0].figures, Figures { median: 75.0, least: 73.0 });
        let costs = Costs { subject: String::new(), steps };
        let standings: Vec<_> = costs.standings().into_iter().map(|(_, standing)| standing).collect();
        assert_eq!(standings, [Some((75.0, 1e6 / 75.0)), Some((25.0, 10_000.0)), None]);
    }
}
