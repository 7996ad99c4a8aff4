//! One answer for everybody who asks at about the same time: a question is put after they asked, once for all of them.
//!
//! When Redis comes back, every participant that is busy begins a history there, and each beginning has to know who
//! needs serial writes *after* its incarnation was raised. A survey reads every row, so one a participant would cost
//! the square of their number.

use std::sync::Mutex;

use pix_stream_ports::error::Error;

use crate::lock;

/// Shares answers. An answer is a bool or an error.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Held while the question is put.
    turn: tokio::sync::Mutex<()>,
    rounds: Mutex<Rounds>,
}

#[derive(Debug, Default)]
struct Rounds {
    /// Rounds that were begun, whatever became of them.
    begun: u64,
    /// The last that ended, by its number, and its answer.
    ended: Option<(u64, Result<bool, Error>)>,
}

impl Shared {
    /// The answer to a question that is put by somebody after this was called. One that is put already does not count.
    pub(crate) async fn ask(&self, put: impl Future<Output = Result<bool, Error>>) -> Result<bool, Error> {
        let enough = lock(&self.rounds).begun + 1;
        let _turn = self.turn.lock().await;
        let round = {
            let mut rounds = lock(&self.rounds);
            if let Some((_, answer)) = rounds.ended.as_ref().filter(|(round, _)| *round >= enough) {
                return answer.clone();
            }
            rounds.begun += 1;
            rounds.begun
        };
        // Whoever goes away here leaves a round that never ends; the next in turn begins another one.
        let answer = put.await;
        lock(&self.rounds).ended = Some((round, answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;

    const QUESTION: Duration = Duration::from_millis(10);

    #[derive(Default)]
    struct World {
        shared: Shared,
        put: AtomicU64,
        is_needed: std::sync::atomic::AtomicBool,
    }

    impl World {
        async fn ask(&self) -> Result<bool, Error> {
            let put = async {
                self.put.fetch_add(1, Ordering::Relaxed);
                let answer = self.is_needed.load(Ordering::Relaxed);
                sleep(QUESTION).await;
                Ok(answer)
            };
            self.shared.ask(put).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_while_one_is_put_shares_the_next_one() {
        let world = World::default();
        let late = async {
            sleep(QUESTION / 2).await;
            world.is_needed.store(true, Ordering::Relaxed);
            join_all((0..100).map(|_| world.ask())).await
        };
        let (early, late) = tokio::join!(world.ask(), late);
        assert_eq!(early, Ok(false));
        assert_eq!(late, vec![Ok(true); 100], "what was put before they asked is no answer to them");
        assert_eq!(world.put.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_takes_nobody_along() {
        let world = World::default();
        let gone = timeout(QUESTION / 2, world.ask());
        let (gone, others) = tokio::join!(gone, join_all((0..3).map(|_| world.ask())));
        assert!(gone.is_err());
        assert_eq!(others, vec![Ok(false); 3]);
        assert_eq!(world.put.load(Ordering::Relaxed), 2, "the one that was given up, and one for the others");
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_shared_as_well() {
        let shared = Shared::default();
        let failed = || Err(Error::Unavailable("away".to_owned()));
        let put = AtomicU64::new(0);
        let ask = || {
            shared.ask(async {
                put.fetch_add(1, Ordering::Relaxed);
                sleep(QUESTION).await;
                failed()
            })
        };
        let answers = join_all((0..50).map(|_| ask())).await;
        assert_eq!(answers, vec![failed(); 50]);
        assert_eq!(put.load(Ordering::Relaxed), 2, "the first one's, and one for all others");
    }
}
