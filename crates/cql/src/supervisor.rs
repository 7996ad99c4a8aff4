//! Keeps a session alive: follows the cluster's metadata, probes the control connection, and builds the driver's session anew when it is dead (C6).

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::driver::build;
use crate::error::Error;
use crate::node::{Rank, UNANSWERED, probe};
use crate::session::Inner;

/// Between looks at a session that is wholly dead. Connections of nodes come back by themselves, even faster.
const PAUSE_DEAD: Duration = Duration::from_millis(500);

/// Looks after a session until its last user is gone.
pub(crate) async fn supervise(session: Weak<Inner>) {
    let mut trouble = None;
    loop {
        let Some(inner) = session.upgrade() else { return };
        let pause = tend(&inner, &mut trouble).await;
        drop(inner);
        sleep(pause).await;
    }
}

/// One look; tells when to look again.
async fn tend(inner: &Arc<Inner>, trouble: &mut Option<Instant>) -> Duration {
    inner.adopt();
    let heartbeat = inner.settings.heartbeat;
    let is_down = inner.nodes.rank() == Rank::Down;
    let has_control = match inner.connector.control() {
        Some(control) if probe(&control, &inner.settings).await => true,
        Some(control) => {
            control.retire(UNANSWERED);
            false
        }
        None => false,
    };
    if has_control && !is_down {
        *trouble = None;
        return heartbeat;
    }
    // The driver mends its control connection by itself most times; half a trouble may wait for that.
    let is_dead = is_down && !has_control;
    let patience = if is_dead { Duration::ZERO } else { heartbeat * 2 };
    if trouble.get_or_insert_with(Instant::now).elapsed() >= patience {
        *trouble = None;
        match rebuild(inner).await {
            Ok(()) => tracing::info!("the session with Cassandra was built anew"),
            Err(error) => tracing::debug!(%error, "the session with Cassandra cannot be built anew yet"),
        }
    }
    PAUSE_DEAD
}

/// From the contact points as they are named now, and from every node known so far.
async fn rebuild(inner: &Inner) -> Result<(), Error> {
    let mut addresses = inner.nodes.resolve().await.unwrap_or_default();
    let known = inner.nodes.all();
    addresses.extend(known.keys().copied());
    addresses.sort_unstable();
    addresses.dedup();
    let driver = build(&inner.connector, addresses).await?;
    inner.driver.store(Arc::new(driver));
    inner.adopt();
    Ok(())
}
