//! Take-overs without a majority, as they are written down in the data centre of whoever took over (docs/regions.md).

/// A take-over without a majority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) taker: Box<str>,
    pub(super) region: Box<str>,
    pub(super) epoch: u32,
    pub(super) state: RecordState,
}

/// How far a take-over without a majority got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordState {
    /// It will be one, unless the other side turns out to live.
    Intent,
    /// It is one.
    Done,
    /// It is known to the majority, too.
    Merged,
    /// It was none: the other side lives.
    Withdrawn,
}

impl Record {
    /// The later one counts.
    pub(super) fn age(&self) -> (u32, u8) {
        (self.epoch, self.state.age())
    }
}

impl RecordState {
    const ALL: [Self; 4] = [Self::Intent, Self::Done, Self::Merged, Self::Withdrawn];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Done => "done",
            Self::Merged => "merged",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// How far it is on its way from an intent: to a take-over that everybody knows of, or to none.
    fn age(self) -> u8 {
        match self {
            Self::Intent => 0,
            Self::Done | Self::Withdrawn => 1,
            Self::Merged => 2,
        }
    }

    /// Whether it may be written over one of the same epoch that stands there.
    pub(super) fn may_follow(self, stored: Self) -> bool {
        match stored {
            Self::Intent => true,
            Self::Done => matches!(self, Self::Done | Self::Merged),
            Self::Merged | Self::Withdrawn => false,
        }
    }
}
