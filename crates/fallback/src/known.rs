//! What this node knows of the serial rows and of who needs them, and for how long it may rely on that.
//!
//! A row that is in use shows in every survey, and a history that begins there is preceded by a claim that outlives
//! several. So what was read of a row once holds for as long as surveys follow each other without a gap.

use std::collections::HashMap;
use std::sync::Mutex;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::serial_states::{SerialState, Survey};
use tokio::time::Instant;

use crate::metrics::PARTICIPANTS;
use crate::{ALERT, CLAIM_FRESH, SURVEY_GAP_MAX, lock};

/// Rows that are remembered; beyond, all are forgotten and read again.
const ROWS_MAX: usize = 16_384;

#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rows: HashMap<Ispb, Row>,
    /// How many of them are open.
    open: usize,
    /// When the last survey that was answered began.
    surveyed: Option<Instant>,
    /// The serial states did not answer last time.
    is_failing: bool,
    is_needed: bool,
    /// When this node's last claim was made.
    claimed: Option<Instant>,
    /// The claim that stood when the core was told last what is held, of those that were to begin serially then.
    told: HashMap<Ispb, Option<Instant>>,
    /// When anything was kept, needed or out of reach last.
    alerted: Option<Instant>,
}

/// What is known of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Of the state that is kept, over or not; `None`: nothing was ever kept.
    pub(crate) version: Option<Version>,
    /// Whether its history is going on there.
    pub(crate) is_open: bool,
    /// The history that this node itself began there.
    begun_here: Option<Incarnation>,
    noted: Instant,
}

impl Row {
    /// Whether a primary state of this incarnation is older than what was kept.
    pub(crate) fn outranks(&self, primary: Incarnation) -> bool {
        self.version.is_some_and(|version| version.incarnation > primary)
    }

    /// Whether the history of this version goes on here.
    pub(crate) fn holds(&self, version: Version) -> bool {
        self.is_open && self.version.is_some_and(|kept| kept.incarnation == version.incarnation)
    }
}

impl Inner {
    fn note(&mut self, ispb: Ispb, version: Option<Version>, is_over: bool, noted: Instant) -> Row {
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&ispb) {
            self.rows.clear();
            self.open = 0;
        }
        let begun_here = self.rows.get(&ispb).and_then(|row| row.begun_here);
        // The first state of a history is a seal, unless whoever began it goes on with it here.
        let is_stepped = |v: Version| v.counter > 0 || begun_here == Some(v.incarnation);
        let row = Row { version, is_open: !is_over && version.is_some_and(is_stepped), begun_here, noted };
        self.put(ispb, row);
        row
    }

    fn put(&mut self, ispb: Ispb, row: Row) {
        let before = self.rows.insert(ispb, row).is_some_and(|before| before.is_open);
        self.open = self.open + usize::from(row.is_open) - usize::from(before);
    }

    fn count(&mut self) {
        self.open = self.rows.values().filter(|row| row.is_open).count();
    }

    fn show(&self) {
        metrics::gauge!(PARTICIPANTS).set(self.open as f64);
    }

    fn is_fresh(&self) -> bool {
        self.surveyed.is_some_and(|at| at.elapsed() <= SURVEY_GAP_MAX)
    }
}

impl Known {
    /// What is known of a row, while it can be relied on.
    pub(crate) fn find(&self, ispb: Ispb) -> Option<Row> {
        let inner = lock(&self.0);
        inner.rows.get(&ispb).filter(|_| inner.is_fresh()).copied()
    }

    /// What was known of a row last: all there is while the serial states do not answer.
    pub(crate) fn find_stale(&self, ispb: Ispb) -> Option<Row> {
        lock(&self.0).rows.get(&ispb).copied()
    }

    /// Learns what a row holds.
    pub(crate) fn note(&self, ispb: Ispb, kept: Option<&SerialState>) -> Row {
        let (version, is_over) = (kept.map(|k| k.state.version()), kept.is_some_and(|k| k.is_over));
        let mut inner = lock(&self.0);
        let row = inner.note(ispb, version, is_over, Instant::now());
        inner.show();
        row
    }

    /// This node set a row to a state that is not over; `begins`: to go on with it there.
    pub(crate) fn note_set(&self, ispb: Ispb, version: Version, begins: bool) {
        let mut inner = lock(&self.0);
        inner.note(ispb, Some(version), false, Instant::now());
        if let Some(row) = inner.rows.get(&ispb).copied().filter(|_| begins) {
            inner.put(ispb, Row { begun_here: Some(version.incarnation), is_open: true, ..row });
        }
        inner.show();
    }

    /// Learns from a survey that began at `began`, on the node `node`; whether another node needs serial writes.
    pub(crate) fn note_survey(&self, node: &str, began: Instant, survey: &Survey) -> bool {
        let mut inner = lock(&self.0);
        let is_gapless = inner.surveyed.is_some_and(|last| began.duration_since(last) <= SURVEY_GAP_MAX);
        if !is_gapless {
            inner.rows.retain(|_, row| row.noted > began);
        }
        inner.surveyed = inner.surveyed.max(Some(began));
        inner.is_failing = false;
        // Of its own need a node knows better: what it began by a claim that still stands is behind it.
        let is_needed = survey.needy.iter().any(|other| other != node);
        inner.is_needed = is_needed;
        if is_needed || !survey.states.is_empty() {
            inner.alerted = Some(Instant::now());
        }
        let seen: HashMap<Ispb, Version> = survey.states.iter().copied().collect();
        // What is no longer shown is over, at a version that is not known.
        inner.rows.retain(|ispb, row| !row.is_open || row.noted > began || seen.contains_key(ispb));
        inner.count();
        for (ispb, version) in seen {
            if inner.rows.get(&ispb).is_none_or(|row| row.noted <= began || row.version < Some(version)) {
                inner.note(ispb, Some(version), false, began);
            }
        }
        inner.show();
        is_needed
    }

    pub(crate) fn note_failure(&self) {
        lock(&self.0).is_failing = true;
    }

    pub(crate) fn is_failing(&self) -> bool {
        lock(&self.0).is_failing
    }

    pub(crate) fn note_alert(&self) {
        lock(&self.0).alerted = Some(Instant::now());
    }

    pub(crate) fn is_alert(&self) -> bool {
        lock(&self.0).alerted.is_some_and(|at| at.elapsed() < ALERT)
    }

    pub(crate) fn note_claim(&self, at: Instant) {
        lock(&self.0).claimed = Some(at);
    }

    /// When this node's claim was made, if a history may still be begun by it.
    pub(crate) fn find_claim(&self) -> Option<Instant> {
        lock(&self.0).claimed.filter(|at| at.elapsed() <= CLAIM_FRESH)
    }

    /// What is told of the participant now is told under the claim that stands, or, in the primary, under none.
    pub(crate) fn note_told(&self, ispb: Ispb, is_serial: bool) {
        let mut inner = lock(&self.0);
        if inner.told.len() >= ROWS_MAX && !inner.told.contains_key(&ispb) {
            inner.told.clear();
        }
        let claimed = inner.claimed.filter(|_| is_serial);
        inner.told.insert(ispb, claimed);
    }

    /// Whether what was told of the participant last was told under no claim, or one that counts no longer.
    pub(crate) fn is_told_without_claim(&self, ispb: Ispb) -> bool {
        let told = lock(&self.0).told.get(&ispb).copied();
        told.is_some_and(|claimed| claimed.is_none_or(|at| at.elapsed() > CLAIM_FRESH))
    }

    /// Whether another node needs serial writes, as far as the last survey says.
    pub(crate) fn is_needed(&self) -> bool {
        lock(&self.0).is_needed
    }

    /// Whether no other node needs serial writes, for certain.
    pub(crate) fn is_free(&self) -> bool {
        let inner = lock(&self.0);
        inner.is_fresh() && !inner.is_needed && !inner.is_failing
    }

    pub(crate) fn open_count(&self) -> usize {
        lock(&self.0).open
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ispb(n: u32) -> Ispb {
        format!("{:08}", 99_999_000 + n).parse().unwrap()
    }

    fn version(incarnation: u32, counter: u64) -> Version {
        Version { incarnation: Incarnation::new(incarnation), counter }
    }

    fn survey(states: &[(Ispb, Version)]) -> Survey {
        Survey { states: states.to_vec(), needy: Vec::new() }
    }

    async fn pass(millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_is_relied_on_while_surveys_follow_each_other() {
        let known = Known::default();
        known.note_survey("here", Instant::now(), &survey(&[]));
        pass(1).await;
        known.note(ispb(1), None);
        for _ in 0..5 {
            pass(1_000).await;
            known.note_survey("here", Instant::now(), &survey(&[]));
        }
        assert!(known.find(ispb(1)).is_some_and(|row| row.version.is_none()));
        pass(2_001).await;
        assert_eq!(known.find(ispb(1)), None, "too long ago, even before the next survey");
        known.note_survey("here", Instant::now(), &survey(&[]));
        assert_eq!(known.find(ispb(1)), None, "it may have been used and given back in between");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_survey_shows_is_open_once_somebody_went_on_with_it() {
        let known = Known::default();
        known.note_survey(
            "here",
            Instant::now(),
            &survey(&[(ispb(1), version(3, 0)), (ispb(2), version(3, 1))]),
        );
        assert!(!known.find(ispb(1)).unwrap().is_open, "a seal");
        assert!(known.find(ispb(1)).unwrap().outranks(Incarnation::new(2)));
        assert!(!known.find(ispb(1)).unwrap().outranks(Incarnation::new(3)));
        assert!(known.find(ispb(2)).unwrap().holds(version(3, 7)));
        known.note_set(ispb(3), version(5, 0), true);
        known.note_set(ispb(4), version(5, 0), false);
        assert!(known.find(ispb(3)).unwrap().is_open, "begun here");
        assert!(!known.find(ispb(4)).unwrap().is_open, "sealed here");
        assert_eq!(known.open_count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_survey_that_began_earlier_takes_nothing_back() {
        let known = Known::default();
        let began = Instant::now();
        pass(5).await;
        known.note_set(ispb(1), version(5, 0), true);
        known.note_survey("here", began, &survey(&[(ispb(1), version(4, 9))]));
        assert!(known.find(ispb(1)).unwrap().holds(version(5, 0)));
        pass(5).await;
        known.note_survey("here", Instant::now(), &survey(&[]));
        assert_eq!(known.find(ispb(1)), None, "given back by another node");
    }

    #[tokio::test(start_paused = true)]
    async fn rows_are_bounded() {
        let known = Known::default();
        known.note_survey("here", Instant::now(), &survey(&[]));
        for n in 0..=u32::try_from(ROWS_MAX).unwrap() {
            known.note(format!("{n:08}").parse().unwrap(), None);
        }
        assert!(lock(&known.0).rows.len() <= ROWS_MAX);
    }
}
