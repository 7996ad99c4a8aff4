//! How hard a node is pressed, and the hysteresis that keeps it from changing its mind with every request.

/// Rounds without pressure before a level is left. With ten rounds a second: a second of calm.
const CALM_ROUNDS: u32 = 10;
/// A level is left below this part of what it is entered at.
const LEAVE_AT: f64 = 0.5;
/// Of the pressure, the part that is new in each round: a time constant of a third of a second.
const FRESH: f64 = 0.3;

/// What is done about pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    Calm,
    /// Who is above the fair share is asked to slow down.
    Slow,
    /// What is above the fair share is shed.
    Shed,
}

impl Level {
    /// As the value of a metric: 0, 1, 2.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Calm => 0,
            Self::Slow => 1,
            Self::Shed => 2,
        }
    }
}

/// The level of one kind of requests. Goes up at once, and down one step a second of calm.
#[derive(Debug)]
pub(crate) struct Ladder {
    level: Level,
    /// Smoothed: 1 is where [`Level::Slow`] begins.
    pressure: f64,
    calm_rounds: u32,
}

impl Ladder {
    pub(crate) const fn new() -> Self {
        Self { level: Level::Calm, pressure: 0.0, calm_rounds: 0 }
    }

    pub(crate) const fn pressure(&self) -> f64 {
        self.pressure
    }

    pub(crate) const fn level(&self) -> Level {
        self.level
    }

    /// Takes what one round measured. Shedding begins at `shed_factor`, and is only left when `is_enough`: when all
    /// that is asked for would pass anyway.
    pub(crate) fn step(&mut self, measured: f64, shed_factor: f64, is_enough: bool) -> Level {
        self.pressure += FRESH * (measured - self.pressure);
        let (entered_at, below) = match self.level {
            Level::Calm => (1.0, Level::Calm),
            Level::Slow => (1.0, Level::Calm),
            Level::Shed => (shed_factor, Level::Slow),
        };
        if self.pressure >= shed_factor {
            (self.level, self.calm_rounds) = (Level::Shed, 0);
        } else if self.pressure >= 1.0 && self.level == Level::Calm {
            (self.level, self.calm_rounds) = (Level::Slow, 0);
        } else if self.pressure < LEAVE_AT * entered_at {
            self.calm_rounds += 1;
            if self.calm_rounds >= CALM_ROUNDS && (is_enough || self.level != Level::Shed) {
                (self.level, self.calm_rounds) = (below, 0);
            }
        } else {
            self.calm_rounds = 0;
        }
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ladder: &mut Ladder, measured: f64, rounds: u32) -> Level {
        (0..rounds).for_each(|_| _ = ladder.step(measured, 4.0, true));
        ladder.level()
    }

    #[test]
    fn pressure_that_stays_raises_the_level_within_a_second() {
        let mut ladder = Ladder::new();
        assert_eq!(run(&mut ladder, 2.0, 3), Level::Slow);
        assert_eq!(run(&mut ladder, 8.0, 5), Level::Shed);
    }

    #[test]
    fn one_long_wait_changes_nothing() {
        let mut ladder = Ladder::new();
        assert_eq!(run(&mut ladder, 3.0, 1), Level::Calm);
        assert_eq!(run(&mut ladder, 0.0, 5), Level::Calm);
    }

    #[test]
    fn a_level_is_left_a_second_after_the_pressure_and_one_step_at_a_time() {
        let mut ladder = Ladder::new();
        run(&mut ladder, 8.0, 10);
        let mut seen = vec![ladder.level()];
        for _ in 0..60 {
            let level = ladder.step(0.0, 4.0, true);
            if seen.last() != Some(&level) {
                seen.push(level);
            }
        }
        assert_eq!(seen, [Level::Shed, Level::Slow, Level::Calm]);
    }

    #[test]
    fn a_pressure_just_below_its_threshold_does_not_make_the_level_flap() {
        let mut ladder = Ladder::new();
        run(&mut ladder, 1.2, 20);
        let mut changes = 0;
        for round in 0..200 {
            let before = ladder.level();
            changes += u32::from(ladder.step(if round % 2 == 0 { 0.8 } else { 1.1 }, 4.0, true) != before);
        }
        assert_eq!((changes, ladder.level()), (0, Level::Slow));
    }

    #[test]
    fn shedding_goes_on_while_more_is_asked_for_than_passes() {
        let mut ladder = Ladder::new();
        run(&mut ladder, 8.0, 10);
        (0..100).for_each(|_| _ = ladder.step(0.0, 4.0, false));
        assert_eq!(ladder.level(), Level::Shed);
    }
}
