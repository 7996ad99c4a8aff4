//! The two tasks of a node: one asks the primary whether it answers, one asks who needs serial writes.

use std::sync::Weak;
use std::time::Duration;

use pix_stream_ports::coordinator::Coordinator;
use pix_stream_ports::error::Error;
use pix_stream_ports::serial_states::SerialStates;
use tokio::time::{Instant, sleep, timeout};

use crate::health::out_of_reach;
use crate::{CLAIM_EVERY, Core, SURVEY_ALERT, SURVEY_CALM};

/// How often the primary is probed while it answers.
const PROBE_CALM: Duration = Duration::from_millis(250);
/// How often while it does not.
const PROBE_ALERT: Duration = Duration::from_millis(50);

/// Probes the primary until the node is gone.
pub(crate) async fn probe<C: Coordinator, S: SerialStates>(core: Weak<Core<C, S>>) {
    loop {
        let pause = {
            let Some(core) = core.upgrade() else { return };
            let began = Instant::now();
            let checked = timeout(core.settings.outage, core.primary.check()).await;
            let result: Result<(), Error> = checked.unwrap_or_else(|_| Err(out_of_reach()));
            core.health.note(began, &result);
            if core.health.is_failing() { PROBE_ALERT } else { PROBE_CALM }
        };
        sleep(pause).await;
    }
}

/// Asks who needs serial writes, and says so when this node does, until it is gone.
pub(crate) async fn survey<C: Coordinator, S: SerialStates>(core: Weak<Core<C, S>>) {
    loop {
        let pause = {
            let Some(core) = core.upgrade() else { return };
            let is_down = core.health.is_down();
            if is_down || core.health.is_failing() {
                core.known.note_alert();
            }
            let is_due = core.known.find_claim().is_none_or(|at| at.elapsed() + SURVEY_ALERT >= CLAIM_EVERY);
            if is_down && is_due {
                note("claim need", timeout(SURVEY_CALM, core.claim()).await.unwrap_or_else(late));
            }
            let surveyed = timeout(SURVEY_CALM, core.survey()).await.unwrap_or_else(|elapsed| {
                core.known.note_failure();
                late(elapsed)
            });
            note("survey", surveyed.map(drop));
            if core.known.is_alert() { SURVEY_ALERT } else { SURVEY_CALM }
        };
        sleep(pause).await;
    }
}

fn late<T>(_: tokio::time::error::Elapsed) -> Result<T, Error> {
    Err(Error::Unavailable("the serial states took too long".to_owned()))
}

fn note(operation: &'static str, result: Result<(), Error>) {
    if let Err(error) = result {
        tracing::debug!(%error, operation, "the serial states of the journal's store did not answer");
    }
}
