//! What a failed exchange means for whoever sent it: again, start over, or stop.

use crate::channel::{self, Lost};
use crate::error::{Error, Failure};
use crate::refusal::{Course, Refusal};
use crate::retry::Pause;

/// What one exchange came to.
pub(crate) enum Verdict<T> {
    Done(T),
    /// The same request again, after a pause.
    Again(Failure, Pause),
    /// The server does not know the token (any more).
    Forgotten(Failure),
    Fatal(Error),
}

impl<T> Verdict<T> {
    /// No whole answer came. Every request of ours is safe to repeat.
    pub(crate) fn of_lost(Lost { error, reused }: Lost) -> Self {
        if error.is_untrusted() {
            return Self::Fatal(Error::Untrusted(error));
        }
        // An idle connection may have been closed meanwhile: a new one is worth trying at once.
        let stale = reused && matches!(error, channel::Error::Http(_));
        let pause = if stale { Pause::None } else { Pause::Growing };
        Self::Again(Failure::Connection(error), pause)
    }

    /// An answer came that is not a success.
    pub(crate) fn of_refusal(refusal: Refusal) -> Self {
        let course = refusal.course();
        let pause = refusal.retry_after.map_or(Pause::Growing, Pause::Said);
        let refusal = Box::new(refusal);
        match course {
            Course::Retry => Self::Again(Failure::Refused(refusal), pause),
            Course::Restart => Self::Forgotten(Failure::Refused(refusal)),
            Course::Fatal => Self::Fatal(Error::Refused(refusal)),
        }
    }
}
