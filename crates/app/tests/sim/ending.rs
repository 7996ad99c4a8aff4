//! The end of a run: faults are over, fresh clients read everything, and the books must balance.

use std::sync::Arc;
use std::time::Duration;

use pix_stream_app::{Actor, Change, Error};
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::stream::Form;
use pix_stream_testkit::fake::SplitMix64;

use crate::client::Sender;
use crate::world::World;
use crate::{chaos, intake};

/// Streams that nobody reads any more are over by then, and everything is read.
const READ_MAX: Duration = Duration::from_secs(60);

/// Heals everything, reads everything, and settles the accounts.
pub(crate) async fn run(world: &Arc<World>) {
    heal(world).await;
    for &ispb in &world.plan.participants {
        read_all(world, ispb).await;
    }
    intake::settle(world).await;
    for &ispb in &world.plan.participants {
        read_all(world, ispb).await;
    }
    // After a clean end nothing comes again.
    chaos::drain(world).await;
    for &ispb in &world.plan.participants {
        sender(world, ispb, Form::Multipart, 1).read(None, None, true).await;
        world.oracle.settle_accounts(ispb);
    }
}

async fn heal(world: &Arc<World>) {
    let stores = &world.stores;
    stores.journal.faults().clear();
    stores.journal.set_full(false);
    stores.coordinator.faults().clear();
    stores.coordinator.set_mute(false);
    chaos::start_all(world).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.oracle.note("healed");
    let operator = Actor { name: "sim", request_id: "sim", reason: "" };
    for &ispb in &world.plan.participants {
        for change in [Change::Resume, Change::Cap(6)] {
            let Some(node) = world.find_node(0) else { continue };
            if let Err(error) = node.app.change(ispb, change, false, operator).await {
                world.oracle.accuse(format!("{change:?} of a healed {ispb}: {error}"));
            }
        }
    }
}

/// Reads until everything that was published is confirmed.
async fn read_all(world: &Arc<World>, ispb: Ispb) {
    let deadline = tokio::time::Instant::now() + READ_MAX;
    let form = if world.plan.seed.is_multiple_of(3) { Form::Single } else { Form::Multipart };
    let mut token: Option<String> = None;
    let mut number = 0;
    while !world.oracle.is_broken() {
        let state = world.stores.coordinator.peek(ispb);
        let head = world.stores.journal.peek_head(ispb);
        if state.as_ref().map_or(head.value() == 1, |state| state.unconfirmed(head) == 0) {
            break;
        }
        if tokio::time::Instant::now() > deadline {
            world.oracle.accuse(format!("{ispb} cannot read everything: head {head}, {state:?}"));
            break;
        }
        number += 1;
        match sender(world, ispb, form, number).read(token.as_deref(), None, true).await {
            Some(Ok(answer)) => token = Some(answer.token.as_str().to_owned()),
            Some(Err(Error::ThreadLimit { .. })) => tokio::time::sleep(Duration::from_millis(500)).await,
            other => {
                world.oracle.accuse(format!("{ispb} is not served after everything is healed: {other:?}"))
            }
        }
        // With answers that come at once, time must pass all the same.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if let Some(token) = token {
        sender(world, ispb, form, 0).close(&token).await;
    }
}

fn sender(world: &Arc<World>, ispb: Ispb, form: Form, number: u64) -> Sender {
    Sender {
        world: Arc::clone(world),
        name: "last".to_owned(),
        ispb,
        form,
        gzip: false,
        is_newest: true,
        random: SplitMix64::new(world.plan.seed ^ number),
    }
}
