//! Whose turn it is to change the quarantine: one change of a node at a time, and room for other nodes between them.
//!
//! Nodes race by compare-and-swap. One that has many changes to make would start the next before another one, which
//! has just lost, can finish its own: it would lose again each time. So after some changes in a row a node holds back
//! for as long as two of them took; whoever lost meanwhile is through by then.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

/// Changes in a row before others get their chance.
const ROW_MAX: u32 = 8;
/// Changes with more time between them are none in a row.
const GAP: Duration = Duration::from_millis(20);
/// The longest that a node holds back.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// How long one change is tried while others are faster.
const PATIENCE: Duration = Duration::from_secs(4);

/// The order in which one node makes its changes.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Row>);

/// Changes without a gap.
#[derive(Debug, Default)]
struct Row {
    count: u32,
    /// What the last one took, other nodes' interference apart.
    took: Duration,
    ended: Option<Instant>,
}

/// The right to make changes, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    row: MutexGuard<'a, Row>,
    began: Instant,
    tried: Instant,
}

impl Turns {
    /// Waits for this node's changes before, and for as long as other nodes are let in.
    pub(super) async fn wait(&self) -> Turn<'_> {
        let mut turn = Turn { row: self.0.lock().await, began: Instant::now(), tried: Instant::now() };
        turn.next().await;
        turn
    }
}

impl Turn<'_> {
    /// Before another change in the same turn.
    pub(super) async fn next(&mut self) {
        if self.row.ended.is_none_or(|ended| ended.elapsed() > GAP) {
            self.row.count = 0;
        }
        if self.row.count >= ROW_MAX {
            self.row.count = 0;
            sleep((self.row.took * 2).min(PAUSE_MAX)).await;
        }
        self.began = Instant::now();
        self.tried = self.began;
    }

    /// Whether the change may be tried once more. Every try begins with this.
    pub(super) fn try_again(&mut self) -> bool {
        self.tried = Instant::now();
        self.began.elapsed() < PATIENCE
    }

    /// It was made.
    pub(super) fn end(&mut self) {
        self.row.count += 1;
        self.row.took = self.tried.elapsed();
        self.row.ended = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: Duration = Duration::from_millis(10);

    async fn change(turns: &Turns) -> Duration {
        let began = Instant::now();
        let mut turn = turns.wait().await;
        assert!(turn.try_again());
        sleep(CHANGE).await;
        turn.end();
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_row_of_changes_others_get_time_for_two() {
        let turns = Turns::default();
        for _ in 0..2 {
            for _ in 0..ROW_MAX {
                assert_eq!(change(&turns).await, CHANGE);
            }
            sleep(GAP / 2).await;
            assert_eq!(change(&turns).await, 3 * CHANGE);
            sleep(GAP * 2).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_not_tried_for_ever() {
        let turns = Turns::default();
        let mut turn = turns.wait().await;
        assert!(turn.try_again());
        sleep(PATIENCE).await;
        assert!(!turn.try_again());
        turn.next().await;
        assert!(turn.try_again(), "the next one is a change of its own");
    }
}
