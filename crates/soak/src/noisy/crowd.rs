//! The noisy participant: many connections, each of which asks on as fast as it is answered, up to its part of the rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use color_eyre::eyre::Result;
use pix_stream_domain::ispb::Ispb;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::noisy::{CONNECTIONS, LIMIT, TIMES};
use crate::wire::{Connection, Identity};

/// How often a connection looks whether it is to be loud.
const LOOK: Duration = Duration::from_millis(20);

/// Dropping it ends the noise.
pub(super) struct Crowd {
    shared: Arc<Shared>,
    _clients: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    is_loud: AtomicBool,
    served: AtomicU64,
    refused: AtomicU64,
}

impl Crowd {
    /// Opens all connections.
    pub(super) async fn open(address: &str, identity: &Identity, ispb: Ispb) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut clients = JoinSet::new();
        for number in 0..CONNECTIONS {
            let connection = Connection::open(address, identity).await?;
            clients.spawn(ask((connection, number), ispb, Arc::clone(&shared)));
        }
        Ok(Self { shared, _clients: clients })
    }

    pub(super) fn set_loud(&self, is_loud: bool) {
        self.shared.is_loud.store(is_loud, Relaxed);
    }

    /// Served, and refused by the rate limit.
    pub(super) fn answers(&self) -> [u64; 2] {
        [self.shared.served.load(Relaxed), self.shared.refused.load(Relaxed)]
    }
}

/// One connection; what breaks it ends it.
async fn ask((mut connection, number): (Connection, usize), ispb: Ispb, shared: Arc<Shared>) {
    let spacing = Duration::from_secs(1) * u32::try_from(CONNECTIONS).unwrap_or(1) / (LIMIT * TIMES);
    // Spread evenly, or they would come in waves by themselves.
    let first = spacing.mul_f64(number as f64 / CONNECTIONS as f64);
    let start = format!(
        "GET /api/v1/out/{ispb}/stream/start HTTP/1.1\r\nHost: localhost\r\nAccept: application/xml\r\n\r\n"
    );
    let mut due = Instant::now();
    loop {
        if !shared.is_loud.load(Relaxed) {
            sleep(LOOK).await;
            due = Instant::now() + first;
            continue;
        }
        sleep_until(due).await;
        due = Instant::now().max(due + spacing);
        match connection.exchange(&start).await.map(|answer| answer.status) {
            Ok(429) => shared.refused.fetch_add(1, Relaxed),
            Ok(_) => shared.served.fetch_add(1, Relaxed),
            Err(_) => return,
        };
    }
}
