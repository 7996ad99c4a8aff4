//! What may happen in a random history, and how often.

use pix_stream_domain::stream::Form;
use proptest::prelude::*;

/// One step. Numbers are reduced to what is possible when the step is taken, so that every history makes sense.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// So many messages are published.
    Publish(u8),
    /// A client opens a stream; its answer may get lost.
    Open {
        form: Form,
        waits: bool,
        lost: bool,
    },
    /// A client presents the n-th newest token that any client has.
    Pull {
        newest: u8,
        form: Form,
        waits: bool,
        lost: bool,
    },
    /// A client closes with the n-th newest token.
    Close {
        newest: u8,
    },
    /// The n-th waiting read is asked again: to wait on, or for an answer.
    Wake {
        nth: u8,
        waits: bool,
        lost: bool,
    },
    /// Time passes.
    Pass {
        millis: u16,
    },
    /// Bodies from the n-th undelivered message on are out of memory, or all are back.
    Unload(Option<u8>),
    /// The sweeper runs.
    Expire,
    Pause,
    Resume,
    SetCap(u8),
    /// Ends the stream in a slot, from 0.
    Release(u8),
    /// To a share of 255 of what was handed out.
    Rewind(u8),
    /// To a share of 255 of what lies ahead.
    Advance(u8),
    /// Retention removes a share of 255 of what is confirmed.
    Retain(u8),
    /// The state is saved.
    Checkpoint,
    /// The state is lost; the last saved one goes on in a new incarnation, and settles or not.
    Crash {
        settles: bool,
    },
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![1 => Just(Form::Single), 3 => Just(Form::Multipart)]
}

/// The newest tokens are presented most, and each older one now and then.
fn newest() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0_u8), 5 => 1_u8..4, 2 => 4_u8..12, 1 => any::<u8>()]
}

fn lost() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.25)
}

fn waits() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.3)
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let pull = (newest(), form(), waits(), lost());
    prop_oneof![
        8 => (1_u8..25).prop_map(Step::Publish),
        6 => (form(), waits(), lost()).prop_map(|(form, waits, lost)| Step::Open { form, waits, lost }),
        24 => pull.prop_map(|(newest, form, waits, lost)| Step::Pull { newest, form, waits, lost }),
        4 => newest().prop_map(|newest| Step::Close { newest }),
        8 => (any::<u8>(), waits(), lost()).prop_map(|(nth, waits, lost)| Step::Wake { nth, waits, lost }),
        6 => (1_u16..1500).prop_map(|millis| Step::Pass { millis }),
        4 => (5000_u16..16_000).prop_map(|millis| Step::Pass { millis }),
        2 => prop::option::of(0_u8..20).prop_map(Step::Unload),
        2 => Just(Step::Expire),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        1 => (1_u8..=6).prop_map(Step::SetCap),
        2 => (0_u8..6).prop_map(Step::Release),
        1 => any::<u8>().prop_map(Step::Rewind),
        1 => any::<u8>().prop_map(Step::Advance),
        1 => any::<u8>().prop_map(Step::Retain),
        4 => Just(Step::Checkpoint),
        2 => any::<bool>().prop_map(|settles| Step::Crash { settles }),
    ]
}
