//! Asking every data centre. What another region stored may not have arrived here yet: a node was away, and its hints
//! are outstanding. A plain read at `EACH_QUORUM` brings it: the repair that it waits for writes what is missing to
//! the copies that were asked, a quorum of each data centre, every cell with the time that it has. So what is read or
//! written conditionally here afterwards rests on it. A serial read cannot do that: `LOCAL_SERIAL` knows one data
//! centre alone.
//!
//! A repair brings the columns that were selected, and no others: rows are asked for whole.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_ports::error::Error;
use tokio::time::{Instant, timeout};

use super::{Level, Position, Streams};
use crate::layout::BUCKET;
use crate::metrics as names;

/// How long a look at the end of a stream waits for all data centres: a part of what an append may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a read waits for what is missing: a part of what a reader has patience for.
const GAP_TIMEOUT: Duration = Duration::from_millis(400);
/// How long other data centres are not asked again once they did not answer.
const PAUSE: Duration = Duration::from_secs(10);
/// How long they must not have answered before appending goes on without them: longer than a line stutters.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long they are not asked again while that patience lasts.
const RETRY: Duration = Duration::from_millis(500);
/// Whole rows of messages that are asked for at once.
const GAP_PAGE: u64 = 64;

/// What this node knows of the other data centres.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// All of them, by looks at ends of streams.
    all: Answers,
    /// Most of them, by the same.
    most: Answers,
    /// All of them, by reads of what is missing.
    gaps: Answers,
    complained: Mutex<Option<Instant>>,
}

/// Whether one kind of question is answered.
#[derive(Debug, Default)]
struct Answers(Mutex<Option<Silence>>);

#[derive(Debug, Clone, Copy)]
struct Silence {
    since: Instant,
    last: Instant,
}

impl Answers {
    fn silence(&self) -> Option<Silence> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_silent_for(&self, span: Duration) -> bool {
        self.silence().is_some_and(|silence| silence.last.duration_since(silence.since) >= span)
    }

    fn note(&self, is_answered: bool) {
        let mut silence = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Nobody asked for long: what was before says nothing any more.
        let before = silence.filter(|before| now.duration_since(before.last) <= 2 * PAUSE);
        let since = before.map_or(now, |before| before.since);
        *silence = (!is_answered).then_some(Silence { since, last: now });
    }

    /// Waits for an answer; `None` when there is none in time, or was none lately.
    async fn ask<T>(
        &self,
        (pause, limit): (Duration, Duration),
        question: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, Error> {
        if self.silence().is_some_and(|silence| silence.last.elapsed() < pause) {
            return Ok(None);
        }
        let answer = match timeout(limit, question).await {
            Ok(Err(error @ Error::Damaged(_))) => return Err(error),
            Ok(answer) => answer.ok(),
            Err(_) => None,
        };
        let outcome = if answer.is_some() { "ok" } else { "failed" };
        metrics::counter!(names::REGION_READS_TOTAL, "outcome" => outcome).increment(1);
        self.note(answer.is_some());
        Ok(answer)
    }
}

impl Streams {
    /// Whether others than the copies of this data centre may have what this one has not.
    pub(crate) const fn spans_regions(&self) -> bool {
        self.spans_regions
    }

    /// Whether to log what may concern every participant: now and then.
    pub(crate) fn may_complain(&self) -> bool {
        let mut complained = self.reach.complained.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = complained.is_none_or(|at| at.elapsed() >= PAUSE);
        if is_due {
            *complained = Some(Instant::now());
        }
        is_due
    }

    /// Where the next batch goes, by what all data centres have; this one has it then, too. When they do not answer
    /// for a while - one is lost - by what most have, and then by what is here.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while it is too early to go on without them.
    pub(crate) async fn position_anywhere(&self, ispb: Ispb) -> Result<Position, Error> {
        let (all, most) = (&self.reach.all, &self.reach.most);
        let pause = if all.is_silent_for(PATIENCE) { PAUSE } else { RETRY };
        let look = |level| self.find_position(ispb, None, level);
        if let Some(position) = all.ask((pause, LOOK_TIMEOUT), look(Level::Each)).await? {
            return Ok(position);
        }
        if !all.is_silent_for(PATIENCE) {
            let why = "cassandra: another data centre does not say yet what it stored last";
            return Err(Error::Unavailable(why.to_owned()));
        }
        let found = most.ask((PAUSE, LOOK_TIMEOUT), look(Level::Most)).await?;
        if self.may_complain() {
            tracing::error!(
                %ispb,
                by_most = found.is_some(),
                "publishing goes on without a data centre that does not answer: what it alone has stays out of sight"
            );
        }
        match found {
            Some(position) => Ok(position),
            None => look(Level::Quorum).await,
        }
    }

    /// Reads the rows of some places in a bucket, each with its place, in order. A gap may be a batch that is agreed
    /// on and not everywhere yet, so it is read again at SERIAL; or one that has not come from its region, so it is
    /// asked for there. What is missing then is past its life.
    pub(crate) async fn read_all<T, F>(
        &self,
        (ispb, bucket): (Ispb, u64),
        wanted: &[u64],
        first: Level,
        read: impl Fn(Level) -> F,
    ) -> Result<Vec<T>, Error>
    where
        F: Future<Output = Result<Vec<(u64, T)>, Error>>,
    {
        let mut found = read(first).await?;
        if found.len() < wanted.len() {
            metrics::counter!(names::SERIAL_REREADS_TOTAL).increment(1);
            found = read(Level::Serial).await?;
        }
        if found.len() < wanted.len() && self.spans_regions {
            let gap = gap(wanted, &found);
            if self.bring(ispb, bucket, gap).await? {
                found = read(Level::Quorum).await?;
            }
        }
        Ok(found.into_iter().map(|(_, row)| row).collect())
    }

    /// Brings here what other data centres have of a part of a bucket. Whether there is any of it.
    async fn bring(&self, ispb: Ispb, bucket: u64, part: Range) -> Result<bool, Error> {
        let question = async {
            if part.end().value() > (bucket + 1) * BUCKET {
                // They may be in the next bucket, of which nothing is here yet. The next read looks there.
                self.statics(ispb, bucket + 1, Level::Each).await?;
            }
            let (mut left, mut has_any) = (part, false);
            while !left.is_empty() {
                let page = Range::new(left.start(), left.end().min(left.start().plus(GAP_PAGE)));
                has_any |= self.has_rows(ispb, (bucket, page), Level::Each).await?;
                left = left.from_floor(page.end());
            }
            Ok(has_any)
        };
        let has_any = self.reach.gaps.ask((PAUSE, GAP_TIMEOUT), question).await?;
        Ok(has_any.unwrap_or_default())
    }
}

/// From the first to the last of what is missing.
fn gap<T>(wanted: &[u64], found: &[(u64, T)]) -> Range {
    let is_missing = |place: &&u64| found.binary_search_by_key(*place, |(place, _)| *place).is_err();
    let mut missing = wanted.iter().filter(is_missing);
    let Some(first) = missing.next() else { return Range::EMPTY };
    let last = missing.next_back().unwrap_or(first);
    Range::new(Sequence::new(*first), Sequence::new(last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable() -> Error {
        Error::Unavailable("away".to_owned())
    }

    #[test]
    fn a_gap_goes_from_the_first_to_the_last_that_is_missing() {
        let of = |found: &[u64]| {
            let found: Vec<(u64, ())> = found.iter().map(|place| (*place, ())).collect();
            let gap = gap(&[3, 4, 7, 8, 9], &found);
            (gap.start().value(), gap.end().value())
        };
        assert_eq!(of(&[]), (3, 10));
        assert_eq!(of(&[3, 9]), (4, 9));
        assert_eq!(of(&[3, 4, 8, 9]), (7, 8));
        assert!(gap(&[3], &[(3, ())]).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_not_asked_again_for_a_while() {
        let answers = Answers::default();
        let late = (PAUSE, LOOK_TIMEOUT);
        let began = Instant::now();
        assert_eq!(answers.ask(late, std::future::pending::<Result<(), Error>>()).await, Ok(None));
        assert_eq!(began.elapsed(), LOOK_TIMEOUT, "it is not waited for any longer");
        assert_eq!(answers.ask(late, async { Ok(()) }).await, Ok(None), "nobody is asked");
        tokio::time::advance(PAUSE).await;
        assert_eq!(answers.ask(late, async { Ok(()) }).await, Ok(Some(())));
        assert_eq!(answers.ask(late, async { Ok(()) }).await, Ok(Some(())), "all is well again");
        let damaged = Error::Damaged("a row".to_owned());
        let answer: Result<Option<()>, Error> = answers.ask(late, async { Err(damaged.clone()) }).await;
        assert_eq!(answer, Err(damaged), "that is an answer");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_first_question_without_an_answer_of_a_row_of_them() {
        let answers = Answers::default();
        let often = (RETRY, LOOK_TIMEOUT);
        let began = Instant::now();
        while !answers.is_silent_for(PATIENCE) {
            let answer: Result<Option<()>, Error> = answers.ask(often, async { Err(unavailable()) }).await;
            assert_eq!(answer, Ok(None));
            tokio::time::advance(RETRY).await;
        }
        assert!(began.elapsed() >= PATIENCE);
        tokio::time::advance(3 * PAUSE).await;
        answers.note(false);
        assert!(!answers.is_silent_for(PATIENCE), "one that failed long ago says nothing");
        answers.note(true);
        assert!(answers.silence().is_none());
    }
}
