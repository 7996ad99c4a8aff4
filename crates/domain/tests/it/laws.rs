//! Random histories: the machine answers as the model does, and no invariant breaks at any step.
//!
//! A history that fails is shrunk, printed with its seed, and kept in `proptest-regressions`.

use pix_stream_domain::stream::Form;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::commands::{Step, step};
use crate::world::World;

fn config(cases: u32) -> ProptestConfig {
    let kept = FileFailurePersistence::Direct("tests/it/proptest-regressions/laws.txt");
    ProptestConfig { cases, failure_persistence: Some(Box::new(kept)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn the_machine_agrees_with_the_model_and_nothing_is_lost(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.take(step));
        world.drain();
    }

    /// A Coordinator may go back to an older state, and a node without memory cannot know.
    #[test]
    fn a_state_that_goes_back_unnoticed_loses_nothing(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            if let Step::Crash { .. } = step { world.roll_back() } else { world.take(step) }
        }
        world.drain();
    }

    #[test]
    fn without_crashes_too(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        steps.into_iter().filter(|step| !matches!(step, Step::Crash { .. })).for_each(|step| world.take(step));
        world.drain();
    }
}

/// Found by the law above: the stream of the lost history and a new one had one name, and the token of the one
/// confirmed what the other held.
#[test]
fn streams_of_two_histories_never_share_a_name() {
    let mut world = World::new();
    world.take(Step::Open { form: Form::Multipart, waits: true, lost: false });
    world.take(Step::Publish(11));
    world.roll_back();
    world.take(Step::Wake { nth: 0, waits: false, lost: true });
    world.take(Step::Resume);
    world.take(Step::Open { form: Form::Single, waits: false, lost: false });
    world.roll_back();
    world.take(Step::Pull { newest: 0, form: Form::Single, waits: false, lost: false });
    world.drain();
}
