//! Regions that a test moves participants between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pix_stream_domain::ispb::Ispb;
use pix_stream_ports::regions::{Regions, Sequencing};

use crate::fake::lock;

/// Everything is sequenced here until a test says otherwise.
#[derive(Debug, Clone, Default)]
pub struct FakeRegions(Arc<Mutex<BTreeMap<Ispb, Sequencing>>>);

impl FakeRegions {
    /// Where a participant is sequenced from now on.
    pub fn set(&self, ispb: Ispb, sequencing: Sequencing) {
        lock(&self.0).insert(ispb, sequencing);
    }
}

impl Regions for FakeRegions {
    fn sequencing(&self, ispb: Ispb) -> Sequencing {
        lock(&self.0).get(&ispb).cloned().unwrap_or(Sequencing::Here)
    }
}
