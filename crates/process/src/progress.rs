//! The line that moves while a long command works: on a terminal that nothing else is written to, and not at once.

use std::fmt::Display;
use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::time::Instant;

use crate::output;

/// From when on progress is shown, and how often.
const AFTER: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_millis(200);
/// Far enough to never come.
const NEVER: Duration = Duration::from_secs(30 * 86_400);

/// When to show how far it is.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    /// When it is shown next.
    pub next: Instant,
    is_shown: bool,
}

impl Progress {
    /// Work that begins now.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it reads the clock")]
    pub fn new() -> Self {
        let began = Instant::now();
        let is_wanted = output::stderr_is_terminal() && !std::io::stdout().is_terminal();
        Self { began, next: began + if is_wanted { AFTER } else { NEVER }, is_shown: false }
    }

    /// How many a second `count` are, since it began.
    #[must_use]
    pub fn rate(&self, count: u64) -> u64 {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        count.saturating_mul(1_000) / millis
    }

    /// Whether it is time to show it.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.next <= Instant::now()
    }

    /// Shows how far it is.
    pub fn show(&mut self, text: impl Display) {
        self.next = Instant::now() + EVERY;
        self.is_shown = true;
        output::live(text);
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            output::live("");
        }
    }
}
