//! Which of the two sides holds the newest history of a participant, and where the next one may begin.

use pix_stream_domain::version::{Incarnation, Version};
use pix_stream_ports::coordinator::{Expected, Held};
use pix_stream_ports::serial_states::SerialState;

/// What the core is told of a participant, and how it may begin a new history on top of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) held: Held,
    pub(crate) begins: Side,
}

/// Where a new history begins, and what it replaces there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// In the primary. `seal`: the serial history ends first, at exactly this version.
    Primary { expected: Expected, seal: Option<Version> },
    /// In the serial states.
    Serial { expected: Option<Version> },
}

/// A serial row as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) serial: SerialState,
    /// Its history goes on there: neither over nor sealed.
    pub(crate) is_open: bool,
}

/// Whether anything keeps new histories away from the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Climate {
    /// A node needs serial writes, or this one cannot tell.
    Needed,
    /// Nobody does, but the primary has only just come back: what is kept serially stays for now.
    Waiting,
    /// The primary has it all.
    Free,
}

impl View {
    /// Weighs what the two sides hold. `primary` is `None` when it is out of reach.
    pub(crate) fn weigh(primary: Option<Held>, kept: Option<Kept>, climate: Climate) -> Self {
        let row = kept.as_ref().map(|kept| kept.serial.state.version());
        let serial = Side::Serial { expected: row };
        let Some(primary) = primary else {
            let held = kept.map_or(Held::Nothing, Kept::into_held);
            return Self { held, begins: serial };
        };
        let expected = primary.expected();
        let begins = match climate {
            Climate::Needed => serial,
            Climate::Waiting | Climate::Free => Side::Primary { expected, seal: None },
        };
        let Some(kept) = kept else { return Self { held: primary, begins } };
        if incarnation(&primary) >= Some(kept.serial.state.version().incarnation) {
            return Self { held: primary, begins };
        }
        match (kept.is_open, climate) {
            (true, Climate::Free) => {
                let begins = Side::Primary { expected, seal: row };
                Self { held: Held::Old(Box::new(kept.serial.state)), begins }
            }
            (true, Climate::Needed | Climate::Waiting) => Self { held: kept.into_held(), begins: serial },
            (false, _) => Self { held: kept.into_held(), begins },
        }
    }
}

impl Kept {
    /// What the row is to a core that goes on with it: current while its history goes on there.
    pub(crate) fn into_held(self) -> Held {
        let state = Box::new(self.serial.state);
        if self.is_open { Held::Current(state) } else { Held::Old(state) }
    }
}

/// The history that is held.
pub(crate) fn incarnation(held: &Held) -> Option<Incarnation> {
    held.state().map(|state| state.version().incarnation)
}

#[cfg(test)]
mod tests {
    use pix_stream_domain::sequence::Sequence;
    use pix_stream_domain::stream::StreamState;

    use super::*;

    fn state(incarnation: u32) -> StreamState {
        StreamState::new(Incarnation::new(incarnation), Sequence::FIRST)
    }

    fn current(incarnation: u32) -> Held {
        Held::Current(Box::new(state(incarnation)))
    }

    fn old(incarnation: u32) -> Held {
        Held::Old(Box::new(state(incarnation)))
    }

    fn kept(incarnation: u32, is_open: bool) -> Option<Kept> {
        let serial = SerialState { state: state(incarnation), is_over: !is_open };
        Some(Kept { serial, is_open })
    }

    fn primary(held: &Held) -> Side {
        Side::Primary { expected: held.expected(), seal: None }
    }

    fn serial(incarnation: u32) -> Side {
        Side::Serial { expected: Some(state(incarnation).version()) }
    }

    #[test]
    fn without_the_primary_the_row_decides() {
        for climate in [Climate::Needed, Climate::Waiting, Climate::Free] {
            let view = |kept| View::weigh(None, kept, climate);
            let begins = Side::Serial { expected: None };
            assert_eq!(view(None), View { held: Held::Nothing, begins });
            assert_eq!(view(kept(3, true)), View { held: current(3), begins: serial(3) });
            assert_eq!(view(kept(3, false)), View { held: old(3), begins: serial(3) });
        }
    }

    #[test]
    fn an_open_row_rules_until_all_is_well() {
        for held in [Held::Nothing, current(2), old(2)] {
            for climate in [Climate::Needed, Climate::Waiting] {
                let view = View::weigh(Some(held.clone()), kept(3, true), climate);
                assert_eq!(view, View { held: current(3), begins: serial(3) });
            }
            let view = View::weigh(Some(held.clone()), kept(3, true), Climate::Free);
            let begins = Side::Primary { expected: held.expected(), seal: Some(state(3).version()) };
            assert_eq!(view, View { held: old(3), begins });
        }
    }

    #[test]
    fn a_row_that_is_over_outranks_older_histories_of_the_primary_only() {
        for held in [Held::Nothing, current(2), old(2)] {
            let view = View::weigh(Some(held.clone()), kept(3, false), Climate::Free);
            assert_eq!(view, View { held: old(3), begins: primary(&held) });
            let view = View::weigh(Some(held), kept(3, false), Climate::Needed);
            assert_eq!(view, View { held: old(3), begins: serial(3) });
        }
        for held in [current(3), old(4), current(4)] {
            let view = View::weigh(Some(held.clone()), kept(3, false), Climate::Free);
            assert_eq!(view, View { held: held.clone(), begins: primary(&held) });
        }
    }

    #[test]
    fn while_somebody_needs_it_new_histories_begin_serially() {
        let view = View::weigh(Some(Held::Nothing), None, Climate::Needed);
        assert_eq!(view, View { held: Held::Nothing, begins: Side::Serial { expected: None } });
        let view = View::weigh(Some(current(2)), None, Climate::Needed);
        assert_eq!(view.held, current(2), "what goes on goes on");
    }
}
