//! Anchors in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pix_stream_domain::audit::ChainId;
use pix_stream_ports::anchors::{Anchor, Anchors};
use pix_stream_ports::error::Error;

use crate::fake::faults::Faults;
use crate::fake::lock;

/// The newest anchor of each chain; its handles share one store.
#[derive(Debug, Clone)]
pub struct FakeAnchors {
    kept: Arc<Mutex<BTreeMap<ChainId, Anchor>>>,
    faults: Faults,
}

impl FakeAnchors {
    /// None yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { kept: Arc::default(), faults: Faults::new(seed) }
    }

    /// Its faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// All anchors, without faults or waiting.
    #[must_use]
    pub fn peek(&self) -> Vec<Anchor> {
        lock(&self.kept).values().copied().collect()
    }
}

impl Anchors for FakeAnchors {
    async fn save_anchor(&self, anchor: Anchor) -> Result<(), Error> {
        let fate = self.faults.begin().await?;
        {
            let mut kept = lock(&self.kept);
            if kept.get(&anchor.chain).is_none_or(|before| anchor.outranks(before)) {
                kept.insert(anchor.chain, anchor);
            }
        }
        fate.answer(()).await
    }

    async fn load_anchors(&self) -> Result<Vec<Anchor>, Error> {
        let fate = self.faults.begin().await?;
        let anchors = self.peek();
        fate.answer(anchors).await
    }
}
