//! One node's part in the rate window of a participant that all nodes share (protocol, section 6, Pace): what it knows
//! of the others, what it has not told them, and when it must. No I/O and no clock; `docs/rate-limiting.md` derives
//! the bounds.
//!
//! Time is cut into cells of a 32nd of the window. Nodes add their counts to shared cells from time to time, and learn
//! the others' counts in the same step: a *report*. In between a node admits by itself, but never more than its
//! *grant* beyond what it reported.

use std::collections::VecDeque;
use std::time::Duration;

use pix_stream_domain::rate::{Decision, Rule, Window};
use pix_stream_domain::time::Timestamp;

/// Cells of a window, and of a span: the unit in which cells are stored and forgotten.
pub(crate) const CELLS: u64 = 32;
/// A grant is this part of the limit.
const GRANT_DIVISOR: u32 = 50;
/// Knowledge of others that is older is renewed, in the background, as long as requests come.
const STALE_AFTER: Duration = Duration::from_millis(100);
/// After a report failed, none is tried and nobody waits for one for this long.
const PAUSE: Duration = Duration::from_millis(250);

/// Requests that passed in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its number: time divided by the cell's length.
    pub(crate) number: u64,
    /// How many.
    pub(crate) count: u32,
}

/// What a report carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Counts to add to the shared cells; may be empty, then it only asks.
    pub(crate) add: Vec<Cell>,
    /// The spans to read, oldest first; no cell of the window is outside.
    pub(crate) spans: [u64; 2],
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It is decided.
    Decided {
        /// How.
        decision: Decision,
        /// Whether a report should be made in the background.
        report: bool,
        /// Whether the others could not be asked, although they should have been.
        alone: bool,
    },
    /// A report must end first: the grant is used up.
    Wait,
}

/// One node's part.
#[derive(Debug)]
pub(crate) struct Share {
    window: Duration,
    /// What this node admitted, exactly.
    own: Window,
    /// What it admitted and no report has told, oldest first.
    pending: VecDeque<Cell>,
    /// What reports have told, oldest first: the shared counts less these are the others'.
    told: VecDeque<Cell>,
    /// What the others admitted, as far as this node knows, oldest first.
    others: Vec<Cell>,
    /// How many of them the window holds, at a cell.
    sum: (u64, u32),
    last: Timestamp,
    known_at: Timestamp,
    failed_at: Option<Timestamp>,
    is_reporting: bool,
}

impl Share {
    pub(crate) fn new(window: Duration) -> Self {
        Self {
            window,
            own: Window::default(),
            pending: VecDeque::new(),
            told: VecDeque::new(),
            others: Vec::new(),
            sum: (0, 0),
            last: Timestamp::default(),
            known_at: Timestamp::default(),
            failed_at: None,
            is_reporting: false,
        }
    }

    /// Decides one request. With `patient`, it may have to wait for a report.
    pub(crate) fn admit(&mut self, rule: Rule, now: Timestamp, patient: bool) -> Ruling {
        if self.window != rule.window {
            *self = Self::new(rule.window);
        }
        let now = self.advance(now);
        let cell = self.cell(now);
        let others = self.count_others(cell);
        let pauses = self.failed_at.is_some_and(|at| now.since(at) < PAUSE);
        let grant = (rule.limit / GRANT_DIVISOR).max(1);
        let pending = self.pending();
        let left = Rule { limit: rule.limit.saturating_sub(others), ..rule };
        let alone = pending >= grant && (pauses || !patient);
        if pending >= grant && !alone {
            return Ruling::Wait;
        }
        let mut decision = self.own.admit(left, now);
        decision.limit = rule.limit;
        if decision.admitted {
            count(&mut self.pending, cell);
        } else if others > 0 {
            decision.reset = self.reset(decision.reset, cell, now);
        }
        let is_due = 2 * self.pending() >= grant || now.since(self.known_at) >= STALE_AFTER;
        Ruling::Decided { decision, report: is_due && !pauses && !self.is_reporting, alone }
    }

    /// What to tell and ask now; `None` while another report is on its way.
    pub(crate) fn begin_report(&mut self, now: Timestamp) -> Option<Report> {
        if std::mem::replace(&mut self.is_reporting, true) {
            return None;
        }
        let now = self.advance(now);
        let span = self.cell(now) / CELLS;
        Some(Report { add: self.pending.iter().copied().collect(), spans: [span.saturating_sub(1), span] })
    }

    /// Takes over what a report learned: the shared counts, in any order, with `report` in them.
    pub(crate) fn end_report(&mut self, report: &Report, shared: Vec<Cell>, now: Timestamp) {
        for cell in &report.add {
            if let Some(kept) = self.pending.iter_mut().find(|kept| kept.number == cell.number) {
                kept.count = kept.count.saturating_sub(cell.count);
            }
            add(&mut self.told, *cell);
        }
        self.pending.retain(|cell| cell.count > 0);
        let now = self.advance(now);
        self.others = shared;
        self.others.sort_unstable_by_key(|cell| cell.number);
        for told in &self.told {
            if let Ok(at) = self.others.binary_search_by_key(&told.number, |cell| cell.number) {
                self.others[at].count = self.others[at].count.saturating_sub(told.count);
            }
        }
        self.sum = sum_at(&self.others, self.cell(now));
        self.known_at = now;
        self.failed_at = None;
        self.is_reporting = false;
    }

    /// Nobody knows what became of a report. What it told stays untold: if it had arrived after all, this node counts
    /// twice for a window, which refuses too much and never too little.
    pub(crate) fn fail_report(&mut self, now: Timestamp) {
        self.failed_at = Some(self.advance(now));
        self.is_reporting = false;
    }

    /// Whether nothing passed within the window, so that the share may be dropped.
    pub(crate) fn is_idle(&self, rule: Rule, now: Timestamp) -> bool {
        !self.is_reporting && self.own.is_idle(rule, now)
    }

    /// The length of a cell.
    fn cell_millis(&self) -> u64 {
        u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX).div_ceil(CELLS).max(1)
    }

    fn cell(&self, now: Timestamp) -> u64 {
        now.unix_millis() / self.cell_millis()
    }

    /// Time that never goes back, unless by more than a window: then everything begins anew.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        if self.last.since(now) > self.window {
            self.pending.clear();
            self.told.clear();
            self.others.clear();
            self.sum = (0, 0);
            (self.last, self.known_at, self.failed_at) = (now, Timestamp::default(), None);
        }
        self.last = self.last.max(now);
        let first = self.cell(self.last).saturating_sub(CELLS);
        for cells in [&mut self.pending, &mut self.told] {
            while cells.front().is_some_and(|cell| cell.number < first) {
                cells.pop_front();
            }
        }
        self.last
    }

    fn pending(&self) -> u32 {
        self.pending.iter().map(|cell| cell.count).fold(0, u32::saturating_add)
    }

    fn count_others(&mut self, cell: u64) -> u32 {
        if self.sum.0 != cell {
            self.sum = sum_at(&self.others, cell);
        }
        self.sum.1
    }

    /// When one more is free: when the oldest leaves the window, be it this node's or another's.
    fn reset(&self, own: Duration, cell: u64, now: Timestamp) -> Duration {
        let oldest = self.others.iter().find(|other| other.count > 0 && other.number + CELLS >= cell);
        let leaves = oldest.map(|oldest| {
            let until = (oldest.number + CELLS + 1).saturating_mul(self.cell_millis());
            Duration::from_millis(until.saturating_sub(now.unix_millis())).min(self.window)
        });
        let own = Some(own).filter(|own| !own.is_zero());
        own.into_iter().chain(leaves).min().unwrap_or_default()
    }
}

/// The counts of all cells that reach into the window that ends in `cell`: the oldest is in it with its end at least.
fn sum_at(cells: &[Cell], cell: u64) -> (u64, u32) {
    let within = cells.iter().filter(|other| other.number + CELLS >= cell);
    (cell, within.map(|other| other.count).fold(0, u32::saturating_add))
}

fn count(cells: &mut VecDeque<Cell>, number: u64) {
    add(cells, Cell { number, count: 1 });
}

/// Adds to a cell; cells come almost in order.
fn add(cells: &mut VecDeque<Cell>, more: Cell) {
    let at = cells.iter().rposition(|cell| cell.number <= more.number);
    match at {
        Some(at) if cells[at].number == more.number => {
            cells[at].count = cells[at].count.saturating_add(more.count)
        }
        Some(at) => cells.insert(at + 1, more),
        None => cells.push_front(more),
    }
}

#[cfg(test)]
mod tests;
